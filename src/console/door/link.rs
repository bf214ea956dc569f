//! One-time links: the first administrator, an invitation, a new password.

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::super::accounts::{Account, Book, Link, LinkKind, Refused};
use super::super::audit::{Act, Way};
use super::super::page::{self, Page};
use super::super::password::{Hash, judge};
use super::super::recognise::Carried;
use super::super::refusal::Refusal;
use super::super::rights::Role;
use super::super::secret::{Mark, Secret};
use super::super::sessions::Step;
use super::super::totp::Seed;
use super::super::visitor::Guest;
use super::super::words::fill;
use super::on_with;
use crate::base::Timestamp;

#[derive(Template)]
#[template(path = "link.html")]
struct Follow {
    page: Page,
    /// Where the form goes, the link itself.
    action: String,
    /// Whom it is for; empty when the visitor chooses the name.
    of: String,
    ask_name: bool,
    ask_display: bool,
    name: String,
    display: String,
}

#[derive(Deserialize)]
pub(super) struct Filled {
    #[serde(default)]
    name: String,
    #[serde(default)]
    display: String,
    password: String,
    again: String,
}

/// `GET /link/{token}`
pub(super) async fn show(guest: Guest, Path(token): Path<String>) -> Result<Response, Refusal> {
    let Some(link) = find(&guest, &token) else {
        return gone(&guest);
    };
    let empty = [String::new(), String::new()];
    form(&guest, &link, &token, empty, None)
}

fn find(guest: &Guest, token: &str) -> Option<Link> {
    let mark = Secret::read(token)?.mark();
    guest.shell.book().link(&mark, guest.shell.now()).cloned()
}

fn gone(guest: &Guest) -> Result<Response, Refusal> {
    #[derive(Template)]
    #[template(path = "error.html")]
    struct Gone {
        page: Page,
        status: u16,
        sentence: String,
    }
    let words = guest.view.words();
    let page = guest.page(words.refused);
    let told = page::html(&Gone {
        page,
        status: 404,
        sentence: words.link_gone.into(),
    })?;
    Ok((StatusCode::NOT_FOUND, told).into_response())
}

fn form(
    guest: &Guest,
    link: &Link,
    token: &str,
    [name, display]: [String; 2],
    refused: Option<&str>,
) -> Result<Response, Refusal> {
    let words = guest.view.words();
    let title = match link.kind {
        LinkKind::First => words.first_title,
        LinkKind::Invite { .. } => words.welcome_title,
        LinkKind::Reset { .. } => words.reset_title,
    };
    let page = guest.page(title);
    let page = match refused {
        Some(why) => page.refused(why),
        None => page,
    };
    let told = page::html(&Follow {
        page,
        action: format!("/link/{token}"),
        of: link
            .kind
            .account()
            .map(|of| fill(words.link_for, of))
            .unwrap_or_default(),
        ask_name: link.kind == LinkKind::First,
        ask_display: !matches!(link.kind, LinkKind::Reset { .. }),
        name,
        display,
    })?;
    let status = if refused.is_some() {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::OK
    };
    Ok((status, told).into_response())
}

/// `POST /link/{token}`
pub(super) async fn follow(
    guest: Guest,
    Extension(carried): Extension<Carried>,
    Path(token): Path<String>,
    Form(filled): Form<Filled>,
) -> Result<Response, Refusal> {
    let shell = &guest.shell;
    let words = guest.view.words();
    let Some(link) = find(&guest, &token) else {
        return gone(&guest);
    };
    let Filled {
        name,
        display,
        password,
        again,
    } = filled;
    let typed = [name.clone(), display.clone()];
    let name = match link.kind.account() {
        Some(name) => name.to_owned(),
        None => name.trim().to_lowercase(),
    };
    if let Err(weak) = judge(&password, &again, &name) {
        return form(&guest, &link, &token, typed, Some(words.weak(weak)));
    }
    let hash = shell.passwords().hash(password).await?;
    let (mark, account, now) = (link.mark, name.clone(), shell.now());
    let used = move |book: &mut Book| use_it(book, &mark, (&account, &display, hash), now);
    if let Err(why) = shell.change(Some(&name), used).await? {
        if why == Refused::Unknown {
            return gone(&guest);
        }
        return form(
            &guest,
            &link,
            &token,
            typed,
            Some(words.refused_because(why)),
        );
    }
    shell.sessions().end_of(&name, None);
    let roles = shell
        .book()
        .open_account(&name)
        .ok_or(Refusal::Forbidden)?
        .roles;
    if shell.needs_second_factor(roles) {
        let step = (Way::Link, Step::Enrol(Seed::new()?));
        let secret = shell.step(&name, step, carried.mark)?;
        return on_with(&guest, "/sign-in/second-factor", &secret.text());
    }
    let secret = shell.let_in(&name, Way::Link, carried.mark).await?;
    on_with(&guest, "/", &secret.text())
}

/// Uses the link up and does what it is for, both or neither.
fn use_it(
    book: &mut Book,
    mark: &Mark,
    (name, display, hash): (&str, &str, Hash),
    now: Timestamp,
) -> Result<((), Act), Refused> {
    let roles = match book.use_link(mark, now)? {
        LinkKind::First => [Role::Admin].into_iter().collect(),
        LinkKind::Invite { roles, .. } => roles,
        LinkKind::Reset { account } => {
            book.open_account(&account).ok_or(Refused::Unknown)?;
            book.edit(&account, |account| {
                account.password = Some(hash);
                account.totp = None;
            })?;
            let tokens_revoked = book.revoke_all(&account);
            let act = Act::PasswordSet {
                account,
                tokens_revoked,
            };
            return Ok(((), act));
        }
    };
    let display = match display.trim() {
        "" => name,
        display => display,
    };
    let account = Account {
        display: display.to_owned(),
        roles,
        password: Some(hash),
        totp: None,
        created: now,
        disabled: None,
        last_sign_in: None,
    };
    book.add(name, account)?;
    Ok((
        (),
        Act::AccountMade {
            account: name.to_owned(),
            roles,
        },
    ))
}
