//! Sign-in: name and password, then the second factor where there is one or must be one.

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::super::accounts::{Refused, Totp};
use super::super::audit::{Act, Way};
use super::super::page::{self, Page};
use super::super::recognise::Carried;
use super::super::refusal::Refusal;
use super::super::secret::Mark;
use super::super::sessions::{Session, Step};
use super::super::totp::{Picture, Seed};
use super::super::visitor::{Guest, Visitor};
use super::{on_with, safe};
use crate::metrics::console::NotIn;

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignIn {
    page: Page,
    name: String,
    next: String,
    other: bool,
}

#[derive(Template)]
#[template(path = "code.html")]
struct AskCode {
    page: Page,
    next: String,
}

/// Also shown within, from one's own account: then it posts elsewhere.
#[derive(Template)]
#[template(path = "seed.html")]
pub(super) struct ShowSeed {
    pub page: Page,
    pub next: String,
    pub action: &'static str,
    pub needed: bool,
    pub picture: Picture,
    pub typed: String,
}

#[derive(Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
    #[serde(default)]
    failed: bool,
}

#[derive(Deserialize)]
pub(super) struct Entry {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(super) struct Code {
    code: String,
    #[serde(default)]
    next: String,
}

/// `GET /sign-in`
pub(super) async fn show(
    guest: Guest,
    visitor: Option<Extension<Visitor>>,
    Query(Next { next, failed }): Query<Next>,
) -> Result<Response, Refusal> {
    if visitor.is_some() {
        return page::see(guest.shell.base(), safe(&next));
    }
    let words = guest.view.words();
    let page = guest.page(words.sign_in);
    let page = if failed {
        page.refused(words.sign_in_other_failed)
    } else {
        page
    };
    form(&guest, page, String::new(), &next)
}

fn form(guest: &Guest, page: Page, name: String, next: &str) -> Result<Response, Refusal> {
    let other = !guest.shell.settings().oidc.issuer.is_empty();
    page::html(&SignIn {
        page,
        name,
        next: safe(next).to_owned(),
        other,
    })
}

/// `POST /sign-in`
pub(super) async fn enter(
    guest: Guest,
    Extension(carried): Extension<Carried>,
    Form(entry): Form<Entry>,
) -> Result<Response, Refusal> {
    let shell = &guest.shell;
    let name = entry.name.trim().to_lowercase();
    try_once(&guest, &name)?;
    let account = shell.book().open_account(&name).cloned();
    let hash = account
        .as_ref()
        .and_then(|account| account.password.clone());
    let right = shell.passwords().verify(hash, entry.password).await?;
    let Some(account) = account.filter(|_| right) else {
        failed(&guest, &name, NotIn::Password);
        let words = guest.view.words();
        let page = guest.page(words.sign_in).refused(words.sign_in_failed);
        let mut response = form(&guest, page, entry.name, &entry.next)?;
        *response.status_mut() = StatusCode::FORBIDDEN;
        return Ok(response);
    };
    let (step, path) = if account.totp.is_some() {
        (Step::Code, "/sign-in/code")
    } else if shell.needs_second_factor(account.roles) {
        (Step::Enrol(Seed::new()?), "/sign-in/second-factor")
    } else {
        let secret = shell.let_in(&name, Way::Password, carried.mark).await?;
        shell.brake().succeeded(guest.from, &name);
        return on_with(&guest, safe(&entry.next), &secret.text());
    };
    let secret = shell.step(&name, (Way::Password, step), carried.mark)?;
    on_with(&guest, &with_next(path, &entry.next), &secret.text())
}

/// Counts an attempt before it is judged.
pub(super) fn try_once(guest: &Guest, name: &str) -> Result<(), Refusal> {
    let (mut brake, now) = (guest.shell.brake(), guest.shell.now());
    if let Err(wait_s) = brake.check(guest.from, name, now) {
        guest.shell.not_in(NotIn::TooOften);
        return Err(Refusal::TooOften(wait_s));
    }
    brake.failed(guest.from, name, now);
    Ok(())
}

fn failed(guest: &Guest, name: &str, why: NotIn) {
    guest.shell.not_in(why);
    let account = guest.shell.book().account(name).map(|_| name.to_owned());
    // It lets nobody in: it may be missing from a record that is behind.
    let _ = guest.shell.tell(
        None,
        Act::SignInFailed {
            account,
            way: Way::Password,
        },
    );
}

fn with_next(path: &str, next: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", safe(next));
    format!("{path}?{}", query.finish())
}

/// The session of a sign-in that is half way.
fn half_way(carried: &Carried) -> Option<(Mark, Session)> {
    carried.mark.zip(carried.session.clone())
}

/// `GET /sign-in/code`
pub(super) async fn ask_code(
    guest: Guest,
    Extension(carried): Extension<Carried>,
    Query(Next { next, .. }): Query<Next>,
) -> Result<Response, Refusal> {
    match half_way(&carried) {
        Some((
            _,
            Session {
                step: Step::Code, ..
            },
        )) => {
            let page = guest.page(guest.view.words().code_title);
            page::html(&AskCode {
                page,
                next: safe(&next).to_owned(),
            })
        }
        _ => page::see(guest.shell.base(), "/sign-in"),
    }
}

/// `POST /sign-in/code`
pub(super) async fn take_code(
    guest: Guest,
    Extension(carried): Extension<Carried>,
    Form(entry): Form<Code>,
) -> Result<Response, Refusal> {
    let shell = &guest.shell;
    let Some((
        mark,
        session @ Session {
            step: Step::Code, ..
        },
    )) = half_way(&carried)
    else {
        return page::see(shell.base(), "/sign-in");
    };
    let name = session.account;
    try_once(&guest, &name)?;
    let (account, code, now) = (name.clone(), digits(&entry.code), shell.now());
    let way = session.way;
    // Checked where it is marked as used: of two requests with one code, one gets in.
    let taken = shell.change(Some(&name), move |book| {
        book.open_account(&account).ok_or(Refused::Unknown)?;
        let taken = book.edit(&account, |account| {
            let totp = account.totp.as_mut()?;
            totp.used = totp.seed.step_of(&code, seconds(now.nanos()), totp.used)?;
            account.last_sign_in = Some(now);
            Some(())
        })?;
        taken
            .map(|()| ((), Act::SignedIn { way }))
            .ok_or(Refused::Used)
    });
    if taken.await?.is_err() {
        failed(&guest, &name, NotIn::Code);
        let words = guest.view.words();
        let page = guest.page(words.code_title).refused(words.code_failed);
        let again = AskCode {
            page,
            next: safe(&entry.next).to_owned(),
        };
        return page::html(&again).map(|page| (StatusCode::FORBIDDEN, page).into_response());
    }
    shell.brake().succeeded(guest.from, &name);
    let secret = shell.step(&name, (session.way, Step::In), Some(mark))?;
    on_with(&guest, safe(&entry.next), &secret.text())
}

/// `GET /sign-in/second-factor`
pub(super) async fn show_seed(
    guest: Guest,
    Extension(carried): Extension<Carried>,
    Query(Next { next, .. }): Query<Next>,
) -> Result<Response, Refusal> {
    match half_way(&carried) {
        Some((
            _,
            Session {
                step: Step::Enrol(seed),
                account,
                ..
            },
        )) => {
            let page = guest.page(guest.view.words().seed_title);
            page::html(&seed_page(page, &next, &account, &seed)?)
        }
        _ => page::see(guest.shell.base(), "/sign-in"),
    }
}

fn seed_page(page: Page, next: &str, account: &str, seed: &Seed) -> Result<ShowSeed, Refusal> {
    Ok(ShowSeed {
        page,
        next: safe(next).to_owned(),
        action: "/sign-in/second-factor",
        needed: true,
        picture: seed.picture(account)?,
        typed: seed.typed(),
    })
}

/// `POST /sign-in/second-factor`
pub(super) async fn take_seed(
    guest: Guest,
    Extension(carried): Extension<Carried>,
    Form(entry): Form<Code>,
) -> Result<Response, Refusal> {
    let shell = &guest.shell;
    let Some((mark, session)) = half_way(&carried) else {
        return page::see(shell.base(), "/sign-in");
    };
    let Step::Enrol(seed) = session.step else {
        return page::see(shell.base(), "/sign-in");
    };
    let name = session.account;
    if !keep_seed(&guest, &name, &seed, &entry.code).await? {
        let words = guest.view.words();
        let page = guest.page(words.seed_title).refused(words.code_failed);
        let again = seed_page(page, &entry.next, &name, &seed)?;
        return page::html(&again).map(|page| (StatusCode::FORBIDDEN, page).into_response());
    }
    let secret = shell.let_in(&name, session.way, Some(mark)).await?;
    shell.brake().succeeded(guest.from, &name);
    on_with(&guest, safe(&entry.next), &secret.text())
}

/// Keeps a seed as the account's second factor when the code shows that the app has it.
pub(super) async fn keep_seed(
    guest: &Guest,
    name: &str,
    seed: &Seed,
    code: &str,
) -> Result<bool, Refusal> {
    let shell = &guest.shell;
    let Some(used) = seed.step_of(&digits(code), seconds(shell.now().nanos()), 0) else {
        return Ok(false);
    };
    let (account, seed) = (name.to_owned(), seed.clone());
    let kept = shell.change(Some(name), move |book| {
        book.open_account(&account).ok_or(Refused::Unknown)?;
        book.edit(&account, |account| account.totp = Some(Totp { seed, used }))?;
        Ok(((), Act::SecondFactorSet { account }))
    });
    kept.await?.map_err(|_| Refusal::Forbidden)?;
    Ok(true)
}

/// Apps show a gap between the halves.
fn digits(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace()).collect()
}

fn seconds(nanos: i64) -> u64 {
    u64::try_from(nanos / 1_000_000_000).unwrap_or_default()
}

/// `POST /sign-out`
pub(super) async fn leave(
    guest: Guest,
    Extension(carried): Extension<Carried>,
) -> Result<Response, Refusal> {
    if let Some((mark, session)) = half_way(&carried) {
        guest.shell.sessions().end(&mark);
        // They leave whether or not that can be recorded.
        let _ = guest.shell.tell(Some(&session.account), Act::SignedOut);
    }
    on_with(&guest, "/sign-in", "")
}
