//! The shell's own pages: in, out, one's own account, and the accounts of others.
//!
//! Enters: forms, checked by the gate. Leaves: pages and cookies. Never: a page for strangers beyond
//! those in [`outside`].

mod link;
mod other;
mod own;
mod people;
mod sign_in;
mod start;

use axum::Router;
use axum::extract::Form;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::oidc::BACK;
use super::page;
use super::refusal::Refusal;
use super::shell::{SESSION, Shell, VIEW};
use super::visitor::Guest;

/// What a stranger may ask for.
pub(super) fn outside(_: &Shell) -> Router {
    Router::new()
        .route("/sign-in", get(sign_in::show).post(sign_in::enter))
        .route(
            "/sign-in/code",
            get(sign_in::ask_code).post(sign_in::take_code),
        )
        .route(
            "/sign-in/second-factor",
            get(sign_in::show_seed).post(sign_in::take_seed),
        )
        .route("/sign-in/other", get(other::begin))
        .route(BACK, get(other::back))
        .route("/sign-out", post(sign_in::leave))
        .route("/link/{token}", get(link::show).post(link::follow))
        .route("/view", post(view))
}

/// What every visitor may ask for.
pub(super) fn inside(_: &Shell) -> Router {
    Router::new()
        .route("/", get(start::show))
        .route("/account", get(own::show))
        .route("/account/password", post(own::password))
        .route(
            "/account/second-factor",
            get(own::show_seed).post(own::new_seed),
        )
        .route("/account/second-factor/confirm", post(own::take_seed))
        .route("/account/second-factor/remove", post(own::remove_seed))
        .route("/account/tokens", post(own::new_token))
        .route("/account/tokens/revoke", post(own::revoke))
        .route("/account/sessions/end", post(own::end_others))
        .route("/accounts", get(people::show))
        .route("/accounts/invite", post(people::invite))
        .route("/accounts/act", post(people::act))
}

/// A path of ours to go on to; anything else is the start page. Never another host.
pub(super) fn safe(next: &str) -> &str {
    let mut chars = next.chars();
    let ours = chars.next() == Some('/') && !matches!(chars.next(), Some('/' | '\\'));
    let plain = next.len() <= 1024 && next.chars().all(|c| c.is_ascii_graphic() && c != '\\');
    if ours && plain { next } else { "/" }
}

/// On to another page, with the cookie of a session.
fn on_with(guest: &Guest, path: &str, session: &str) -> Result<Response, Refusal> {
    let mut response = page::see(guest.shell.base(), path)?;
    let cookie = guest.shell.cookie(SESSION, session)?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

#[derive(Deserialize)]
struct Viewed {
    set: String,
    #[serde(default)]
    back: String,
}

/// Language, time or colours.
async fn view(guest: Guest, Form(asked): Form<Viewed>) -> Result<Response, Refusal> {
    let mut view = guest.view;
    view.set(&asked.set);
    let mut response = page::see(guest.shell.base(), safe(&asked.back))?;
    let cookie: HeaderValue = guest.shell.cookie(VIEW, &view.cookie())?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response.into_response())
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for good in ["/", "/inbox?q=a%20b&x=1", "/case/7#top"] {
            assert_eq!(safe(good), good);
        }
        for bad in [
            "",
            "inbox",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nX: y",
            "/a b",
            "/\u{e9}",
            "/a\\b",
        ] {
            assert_eq!(safe(bad), "/", "{bad:?}");
        }
    }
}
