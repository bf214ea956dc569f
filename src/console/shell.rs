//! The shell: settings and tables that all pages share, and the router around theirs.
//!
//! Enters: settings, a router of pages. Leaves: a router that can be served. Never: reads the record.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use jiff::tz::TimeZone;

use super::page::{self, NavEntry, Page};
use super::refusal::Refusal;
use super::rights::{Right, Role};
use super::settings::Settings;
use super::statics;
use super::view::View;
use super::visitor::{Guest, Visitor};

/// What all pages share. Cheap to clone.
#[derive(Clone)]
pub struct Shell(Arc<Inner>);

struct Inner {
    settings: Settings,
    nav: Vec<NavEntry>,
    zone: TimeZone,
}

impl Shell {
    /// A shell with the given main menu.
    ///
    /// # Errors
    /// A sentence about the setting that cannot be used.
    pub fn new(settings: Settings, nav: Vec<NavEntry>) -> Result<Self, String> {
        let zone = if settings.zone.is_empty() {
            TimeZone::system()
        } else {
            TimeZone::get(&settings.zone).map_err(|why| {
                format!(
                    "zone = \"{}\": {why}; write Europe/Amsterdam",
                    settings.zone
                )
            })?
        };
        Ok(Self(Arc::new(Inner {
            settings,
            nav,
            zone,
        })))
    }

    /// Prefix of every address: empty, or `/poortwacht`.
    pub fn base(&self) -> &str {
        &self.0.settings.base_path
    }

    /// The main menu, all of it.
    pub fn nav(&self) -> &[NavEntry] {
        &self.0.nav
    }

    /// The zone of "local time".
    pub fn zone(&self) -> &TimeZone {
        &self.0.zone
    }

    /// The pages with everything around them. A route of `pages` is met by signed-in visitors
    /// only; what they may there is for the handler to ask ([`Visitor::require`]).
    pub fn router(&self, pages: Router) -> Router {
        let inside = Router::new().route("/", get(home)).merge(pages);
        let all = inside
            .route("/static/{name}", get(statics::get))
            .fallback(async || Refusal::NotFound);
        let all = all.layer(middleware::from_fn_with_state(self.clone(), frame));
        if self.base().is_empty() {
            all
        } else {
            Router::new().nest(self.base(), all)
        }
    }
}

/// Skeleton: everybody is let in as one visitor. Not served by the daemon yet.
async fn frame(State(shell): State<Shell>, mut request: Request, next: Next) -> Response {
    let guest = Guest {
        shell,
        view: View::default(),
        csrf: String::new(),
        path: request.uri().path().to_owned(),
    };
    let visitor = Visitor {
        guest: guest.clone(),
        account: "nobody".into(),
        display: "Nobody".into(),
        roles: Role::ALL.into_iter().collect(),
        scope: None,
    };
    request.extensions_mut().insert(guest);
    request.extensions_mut().insert(visitor);
    next.run(request).await
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    page: Page,
    roles: String,
    rights: Vec<String>,
}

async fn home(visitor: Visitor) -> Result<Response, Refusal> {
    let rights = Right::ALL.into_iter().filter(|right| visitor.may(*right));
    page::html(&Home {
        page: visitor.page(visitor.view().words().home),
        roles: visitor.roles.to_string(),
        rights: rights.map(|right| format!("{right:?}")).collect(),
    })
}
