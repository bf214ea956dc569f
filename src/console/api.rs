//! The JSON API: what the pages show and do, for programs.
//!
//! Enters: requests with a token (or a session), JSON. Leaves: JSON; errors as problem details
//! (RFC 9457). Never: more than the token's scopes and its account's roles give; what the veil hides
//! from somebody who may not see persons; an act by GET.
//!
//! `static/openapi.json` describes it; a test holds it against [`ROUTES`].

mod acts;
mod lists;
pub mod problem;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::pages::{self, Shared};
use super::{Refusal, Visitor};

/// What every path begins with.
pub const PREFIX: &str = "/api/v1";
const DESCRIPTION: &str = include_str!("static/openapi.json");

/// One path below [`PREFIX`] and one method.
pub type Route = (&'static str, &'static str);

macro_rules! routes {
    ($($path:literal: $($method:ident $handler:path),+;)*) => {
        /// Every path with its methods.
        pub const ROUTES: &[Route] = &[$($((stringify!($method), $path)),+),*];

        /// The API.
        pub fn router(desk: Shared) -> Router {
            let inside = Router::new()$(.route($path, routes!(@ $($method $handler),+)))*;
            Router::new().nest(PREFIX, inside.with_state(desk))
        }
    };
    (@ $method:ident $handler:path $(, $next:ident $other:path)*) => {
        $method($handler)$(.$next($other))*
    };
}

routes! {
    "/cases": get lists::cases;
    "/cases/{id}": get lists::case;
    "/cases/{id}/acts": post acts::on_case;
    "/cases/{id}/export": post acts::export;
    "/counts": get lists::counts;
    "/hits": get lists::hits;
    "/hits/{id}": get lists::hit;
    "/coverage": get lists::coverage;
    "/vendors": get lists::vendors;
    "/vendors/{id}": get lists::vendor;
    "/register": get lists::register;
    "/suppressions": get lists::suppressions, post acts::suppress;
    "/suppressions/{rule}/acts": post acts::on_rule;
    "/requests": get lists::requests;
    "/requests/{id}/acts": post acts::on_request;
    "/audit": get lists::audit;
    "/health": get lists::health;
    "/events": get pages::live::events;
    "/openapi.json": get description;
}

/// The description of all this, for whoever is signed in.
async fn description(_: Visitor) -> Result<Response, Refusal> {
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind)], DESCRIPTION).into_response())
}
