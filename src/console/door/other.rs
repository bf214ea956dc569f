//! Sign-in by the organisation's identity provider: there and back.

use askama::Template;
use axum::extract::Query;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::super::audit::{Act, Way};
use super::super::oidc::Oidc;
use super::super::page::{self, Page};
use super::super::recognise::cookie;
use super::super::refusal::Refusal;
use super::super::secret::Secret;
use super::super::shell::{OTHER, SESSION, Shell};
use super::super::visitor::Guest;
use super::safe;
use crate::metrics::console::NotIn;

#[derive(Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

/// What the provider sends back; on its refusal there is no code.
#[derive(Deserialize)]
pub(super) struct Back {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
}

/// On, by a page of ours: the session's cookie does not come along with a step from another site.
#[derive(Template)]
#[template(path = "again.html")]
struct On {
    page: Page,
    to: String,
}

/// Talks with the provider, off the threads that serve pages.
async fn talk<T: Send + 'static>(
    shell: &Shell,
    work: impl FnOnce(&Oidc) -> Result<T, String> + Send + 'static,
) -> Result<Result<T, String>, Refusal> {
    let _turn = shell.oidc().ok_or(Refusal::NotFound)?.turn()?;
    let inner = shell.clone();
    let done = tokio::task::spawn_blocking(move || inner.oidc().map(work)).await;
    done.map_err(|_| Refusal::Failed)?.ok_or(Refusal::NotFound)
}

/// `GET /sign-in/other`
pub(super) async fn begin(
    guest: Guest,
    Query(Next { next }): Query<Next>,
) -> Result<Response, Refusal> {
    let shell = &guest.shell;
    let (browser, next, now) = (Secret::new()?, safe(&next).to_owned(), shell.now());
    let mark = browser.mark();
    match talk(shell, move |oidc| oidc.begin(next, mark, now)).await? {
        Ok(to) => {
            let to = HeaderValue::try_from(to).map_err(|_| Refusal::Failed)?;
            let cookie = shell.cookie(OTHER, &browser.text())?;
            let headers = [(header::LOCATION, to), (header::SET_COOKIE, cookie)];
            Ok((StatusCode::SEE_OTHER, headers).into_response())
        }
        Err(why) => {
            tracing::warn!("sign-in by the identity provider: {why}");
            shell.not_in(NotIn::Provider);
            page::see(shell.base(), "/sign-in?failed=true")
        }
    }
}

/// `GET /sign-in/other/back`
pub(super) async fn back(
    guest: Guest,
    headers: HeaderMap,
    Query(Back { code, state }): Query<Back>,
) -> Result<Response, Refusal> {
    let shell = &guest.shell;
    let browser = cookie(&headers, &shell.cookie_name(OTHER)).and_then(Secret::read);
    let (mark, now) = (browser.map(|secret| secret.mark()), shell.now());
    let told = talk(shell, move |oidc| oidc.finish(code, &state, mark, now)).await?;
    let (name, next) = match told {
        Ok(told) => told,
        Err(why) => {
            tracing::warn!("sign-in by the identity provider: {why}");
            shell.not_in(NotIn::Provider);
            return page::see(shell.base(), "/sign-in?failed=true");
        }
    };
    if shell.book().open_account(&name).is_none() {
        shell.not_in(NotIn::NoAccount);
        let account = shell.book().account(&name).map(|_| name);
        // It lets nobody in: it may be missing from a record that is behind.
        let _ = shell.tell(
            None,
            Act::SignInFailed {
                account,
                way: Way::Oidc,
            },
        );
        return page::see(shell.base(), "/sign-in?failed=true");
    }
    let secret = shell.let_in(&name, Way::Oidc, None).await?;
    let to = format!("{}{next}", shell.base());
    let mut response = page::html(&On {
        page: guest.page("Poortwacht"),
        to,
    })?;
    for (name, value) in [(SESSION, secret.text()), (OTHER, String::new())] {
        response
            .headers_mut()
            .append(header::SET_COOKIE, shell.cookie(name, &value)?);
    }
    Ok(response)
}
