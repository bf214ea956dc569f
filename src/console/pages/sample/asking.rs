//! Somebody who asks the pages over a sample record, past the shell.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body as Bytes, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::middleware::{self, Next};
use tower::ServiceExt;

use super::{NOW, SampleDesk};
use crate::console::visitor::Guest;
use crate::console::{Right, Role, Scope, Settings, Shell, View, Visitor};

/// Who asks, and how.
#[derive(Clone)]
pub struct Asking {
    router: Router,
    _folder: Arc<tempfile::TempDir>,
}

impl Asking {
    /// Somebody with these roles, in this language.
    pub fn of(desk: &Arc<SampleDesk>, account: &str, roles: &[Role], language: &str) -> Self {
        Self::within(desk, account, (roles, None), language)
    }

    /// A program of somebody who has every role, with a token of these scopes.
    pub fn by_token(desk: &Arc<SampleDesk>, scopes: &[Scope]) -> Self {
        let rights = scopes.iter().flat_map(|scope| scope.rights());
        let rights = rights.copied().collect();
        Self::within(desk, "ann", (&Role::ALL, Some(rights)), "en")
    }

    fn within(
        desk: &Arc<SampleDesk>,
        account: &str,
        (roles, scope): (&[Role], Option<Vec<Right>>),
        language: &str,
    ) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let settings = Settings {
            folder: folder.path().join("console"),
            ..Settings::default()
        };
        let (audit, _) = std::sync::mpsc::sync_channel(16);
        let shell = Shell::open_at(settings, super::super::nav(), audit, Box::new(|| NOW))
            .expect("a shell");
        let guest = Guest {
            shell,
            view: View::read(Some(language), ""),
            csrf: "mark".into(),
            path: "/cases".into(),
            from: None,
        };
        let visitor = Visitor {
            guest: guest.clone(),
            account: account.into(),
            display: account.into(),
            roles: roles.iter().copied().collect(),
            scope,
            mark: crate::console::secret::Secret::new()
                .expect("randomness")
                .mark(),
        };
        let desk: super::super::Shared = Arc::<SampleDesk>::clone(desk);
        let inside =
            super::super::router(Arc::clone(&desk)).merge(crate::console::api::router(desk));
        let router = inside.layer(middleware::from_fn(
            move |mut request: axum::extract::Request, next: Next| {
                let (guest, visitor) = (guest.clone(), visitor.clone());
                async move {
                    request.extensions_mut().insert(guest);
                    request.extensions_mut().insert(visitor);
                    next.run(request).await
                }
            },
        ));
        Self {
            router,
            _folder: folder,
        }
    }

    /// `GET`
    pub async fn get(&self, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Bytes::empty()).expect("a request");
        self.send(request).await
    }

    /// `POST` of a form.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
        let mut body = form_urlencoded::Serializer::new(String::new());
        let body = body.extend_pairs(fields).finish();
        let kind = "application/x-www-form-urlencoded";
        let request = Request::post(path).header(header::CONTENT_TYPE, kind);
        self.send(request.body(Bytes::from(body)).expect("a request"))
            .await
    }

    /// `POST` of JSON.
    pub async fn json(&self, path: &str, body: &serde_json::Value) -> (StatusCode, String) {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(
            request
                .body(Bytes::from(body.to_string()))
                .expect("a request"),
        )
        .await
    }

    /// `GET` of something that does not end.
    pub async fn stream(&self, path: &str) -> axum::response::Response {
        let request = Request::get(path).body(Bytes::empty()).expect("a request");
        let answer = self.router.clone().oneshot(request).await;
        answer.expect("an answer")
    }

    async fn send(&self, request: Request<Bytes>) -> (StatusCode, String) {
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("an answer");
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 1 << 22)
            .await
            .expect("a body");
        (status, String::from_utf8(bytes.to_vec()).expect("text"))
    }
}
