//! One's own account: password, second factor, sessions, tokens for programs.

use askama::Template;
use axum::Extension;
use axum::extract::Form;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::super::accounts::{ApiToken, Refused};
use super::super::audit::{Act, Scope};
use super::super::page::{self, Page};
use super::super::password::judge;
use super::super::recognise::Carried;
use super::super::refusal::Refusal;
use super::super::secret::Secret;
use super::super::totp::Seed;
use super::super::visitor::Visitor;
use super::super::words::fill;
use super::sign_in::{ShowSeed, keep_seed, try_once};
use crate::base::Timestamp;

const DAY_NS: i64 = 24 * 3_600_000_000_000;
/// Longest life of a token, in days.
const DAYS_MAX: u16 = 366;

#[derive(Template)]
#[template(path = "account.html")]
struct Own {
    page: Page,
    name: String,
    display: String,
    roles: Vec<&'static str>,
    last: String,
    has_password: bool,
    has_second: bool,
    must_second: bool,
    sessions: String,
    tokens: Vec<Shown>,
    scopes: [Scope; 4],
    /// A token that was just made.
    made: Option<String>,
}

struct Shown {
    label: String,
    scopes: String,
    expires: String,
}

/// `GET /account`
pub(super) async fn show(visitor: Visitor) -> Result<Response, Refusal> {
    let page = visitor.page(visitor.view().words().own_account);
    own(&visitor, page, None)
}

fn own(visitor: &Visitor, page: Page, made: Option<String>) -> Result<Response, Refusal> {
    let (shell, words) = (&visitor.guest.shell, page.words);
    let (book, now) = (shell.book(), shell.now());
    let account = book.open_account(&visitor.account).ok_or(Refusal::SignIn)?;
    let tokens = book.tokens_of(&visitor.account, now).map(|token| Shown {
        label: token.label.clone(),
        scopes: token
            .scopes
            .iter()
            .map(|scope| scope.name())
            .collect::<Vec<_>>()
            .join(", "),
        expires: visitor.time(token.expires),
    });
    let open = shell.sessions().count_of(&visitor.account, now);
    page::html(&Own {
        name: visitor.account.clone(),
        display: visitor.display.clone(),
        roles: visitor.roles.iter().map(|role| words.role(role)).collect(),
        last: account
            .last_sign_in
            .map(|at| visitor.time(at))
            .unwrap_or_default(),
        has_password: account.password.is_some(),
        has_second: account.totp.is_some(),
        must_second: shell.needs_second_factor(account.roles),
        sessions: fill(words.sessions_open, open),
        tokens: tokens.collect(),
        scopes: Scope::ALL,
        made,
        page,
    })
}

fn refused(visitor: &Visitor, why: &str) -> Result<Response, Refusal> {
    let page = visitor
        .page(visitor.view().words().own_account)
        .refused(why);
    own(visitor, page, None).map(|page| (StatusCode::FORBIDDEN, page).into_response())
}

fn done(visitor: &Visitor, what: &str) -> Result<Response, Refusal> {
    own(
        visitor,
        visitor.page(visitor.view().words().own_account).done(what),
        None,
    )
}

/// Is it really them at the keyboard? Accounts without a password are vouched for by others.
async fn confirmed(visitor: &Visitor, password: String) -> Result<bool, Refusal> {
    let shell = &visitor.guest.shell;
    let account = shell
        .book()
        .open_account(&visitor.account)
        .cloned()
        .ok_or(Refusal::SignIn)?;
    let Some(hash) = account.password.clone() else {
        return Ok(true);
    };
    try_once(&visitor.guest, &visitor.account)?;
    let right = shell.passwords().verify(Some(hash), password).await?;
    if right {
        shell
            .brake()
            .succeeded(visitor.guest.from, &visitor.account);
    }
    Ok(right)
}

#[derive(Deserialize)]
pub(super) struct NewPassword {
    current: String,
    new: String,
    again: String,
    /// Ticked: programs go on with the tokens they have.
    keep_tokens: Option<String>,
}

/// `POST /account/password`
pub(super) async fn password(
    visitor: Visitor,
    Extension(carried): Extension<Carried>,
    Form(form): Form<NewPassword>,
) -> Result<Response, Refusal> {
    let (shell, words) = (&visitor.guest.shell, visitor.view().words());
    if shell
        .book()
        .open_account(&visitor.account)
        .is_none_or(|own| own.password.is_none())
    {
        return refused(&visitor, words.vouched);
    }
    if let Err(weak) = judge(&form.new, &form.again, &visitor.account) {
        return refused(&visitor, words.weak(weak));
    }
    if !confirmed(&visitor, form.current).await? {
        return refused(&visitor, words.wrong_password);
    }
    let hash = shell.passwords().hash(form.new).await?;
    let (name, keep) = (visitor.account.clone(), form.keep_tokens.is_some());
    let changed = shell.change(Some(&visitor.account), move |book| {
        book.edit(&name, |own| own.password = Some(hash))?;
        let tokens_revoked = match keep {
            true => Vec::new(),
            false => book.revoke_all(&name),
        };
        let act = Act::PasswordSet {
            account: name,
            tokens_revoked,
        };
        Ok(((), act))
    });
    if let Err(why) = changed.await? {
        return refused(&visitor, words.refused_because(why));
    }
    shell
        .sessions()
        .end_of(&visitor.account, carried.mark.as_ref());
    done(&visitor, words.password_set)
}

#[derive(Deserialize)]
pub(super) struct Confirmed {
    #[serde(default)]
    password: String,
}

/// `POST /account/second-factor`: a new seed, kept in the session until its code is shown.
pub(super) async fn new_seed(
    visitor: Visitor,
    Extension(carried): Extension<Carried>,
    Form(form): Form<Confirmed>,
) -> Result<Response, Refusal> {
    if !confirmed(&visitor, form.password).await? {
        return refused(&visitor, visitor.view().words().wrong_password);
    }
    let mark = carried.mark.ok_or(Refusal::SignIn)?;
    visitor
        .guest
        .shell
        .sessions()
        .setting_up(&mark, Some(Seed::new()?));
    page::see(visitor.guest.shell.base(), "/account/second-factor")
}

/// `GET /account/second-factor`
pub(super) async fn show_seed(
    visitor: Visitor,
    Extension(carried): Extension<Carried>,
) -> Result<Response, Refusal> {
    let page = visitor.page(visitor.view().words().seed_title);
    match carried.session.and_then(|session| session.seed) {
        Some(seed) => page::html(&seed_page(page, &visitor.account, &seed)?),
        None => page::see(visitor.guest.shell.base(), "/account"),
    }
}

fn seed_page(page: Page, account: &str, seed: &Seed) -> Result<ShowSeed, Refusal> {
    Ok(ShowSeed {
        page,
        next: "/account".into(),
        action: "/account/second-factor/confirm",
        needed: false,
        picture: seed.picture(account)?,
        typed: seed.typed(),
    })
}

#[derive(Deserialize)]
pub(super) struct Code {
    code: String,
}

/// `POST /account/second-factor/confirm`
pub(super) async fn take_seed(
    visitor: Visitor,
    Extension(carried): Extension<Carried>,
    Form(form): Form<Code>,
) -> Result<Response, Refusal> {
    let (shell, words) = (&visitor.guest.shell, visitor.view().words());
    let Some(seed) = carried.session.and_then(|session| session.seed) else {
        return page::see(shell.base(), "/account");
    };
    if !keep_seed(&visitor.guest, &visitor.account, &seed, &form.code).await? {
        let page = visitor.page(words.seed_title).refused(words.code_failed);
        let again = seed_page(page, &visitor.account, &seed)?;
        return page::html(&again).map(|page| (StatusCode::FORBIDDEN, page).into_response());
    }
    if let Some(mark) = &carried.mark {
        shell.sessions().setting_up(mark, None);
    }
    shell
        .sessions()
        .end_of(&visitor.account, carried.mark.as_ref());
    done(&visitor, words.second_set)
}

/// `POST /account/second-factor/remove`
pub(super) async fn remove_seed(
    visitor: Visitor,
    Form(form): Form<Confirmed>,
) -> Result<Response, Refusal> {
    let (shell, words) = (&visitor.guest.shell, visitor.view().words());
    if shell.needs_second_factor(visitor.roles) {
        return refused(&visitor, words.seed_needed);
    }
    if !confirmed(&visitor, form.password).await? {
        return refused(&visitor, words.wrong_password);
    }
    let name = visitor.account.clone();
    let removed = shell.change(Some(&visitor.account), move |book| {
        book.edit(&name, |own| own.totp = None)?;
        Ok(((), Act::SecondFactorRemoved { account: name }))
    });
    match removed.await? {
        Ok(()) => done(&visitor, words.second_gone),
        Err(why) => refused(&visitor, words.refused_because(why)),
    }
}

#[derive(Deserialize)]
pub(super) struct NewToken {
    label: String,
    // A number beside flattened fields does not read itself from text.
    days: String,
    #[serde(default)]
    password: String,
    #[serde(flatten)]
    rest: std::collections::HashMap<String, String>,
}

/// `POST /account/tokens`
pub(super) async fn new_token(
    visitor: Visitor,
    Form(form): Form<NewToken>,
) -> Result<Response, Refusal> {
    let (shell, words) = (&visitor.guest.shell, visitor.view().words());
    let days = form
        .days
        .parse()
        .ok()
        .filter(|days| (1..=DAYS_MAX).contains(days));
    let days = days.ok_or(Refusal::Malformed)?;
    if !confirmed(&visitor, form.password).await? {
        return refused(&visitor, words.wrong_password);
    }
    let wanted = |scope: &Scope| form.rest.contains_key(&format!("scope_{}", scope.name()));
    let scopes: Vec<Scope> = Scope::ALL.into_iter().filter(wanted).collect();
    let (secret, now) = (Secret::new()?, shell.now());
    let token = ApiToken {
        mark: secret.mark(),
        account: visitor.account.clone(),
        label: form.label.trim().to_owned(),
        scopes: scopes.clone(),
        created: now,
        expires: Timestamp(now.nanos().saturating_add(i64::from(days) * DAY_NS)),
    };
    let made = shell.change(Some(&visitor.account), move |book| {
        let act = Act::TokenMade {
            label: token.label.clone(),
            scopes,
            expires: token.expires,
        };
        book.add_token(token, now).map(|()| ((), act))
    });
    match made.await? {
        Ok(()) => {
            let page = visitor.page(words.own_account).done(words.token_made);
            own(&visitor, page, Some(secret.text()))
        }
        Err(why) => refused(&visitor, words.refused_because(why)),
    }
}

#[derive(Deserialize)]
pub(super) struct Labelled {
    label: String,
}

/// `POST /account/tokens/revoke`
pub(super) async fn revoke(
    visitor: Visitor,
    Form(form): Form<Labelled>,
) -> Result<Response, Refusal> {
    let words = visitor.view().words();
    let (account, label) = (visitor.account.clone(), form.label);
    let revoked = visitor
        .guest
        .shell
        .change(Some(&visitor.account), move |book| {
            book.revoke(&account, &label)?;
            Ok::<_, Refused>(((), Act::TokenRevoked { account, label }))
        });
    match revoked.await? {
        Ok(()) => done(&visitor, words.revoked),
        Err(why) => refused(&visitor, words.refused_because(why)),
    }
}

/// `POST /account/sessions/end`
pub(super) async fn end_others(
    visitor: Visitor,
    Extension(carried): Extension<Carried>,
) -> Result<Response, Refusal> {
    visitor
        .guest
        .shell
        .sessions()
        .end_of(&visitor.account, carried.mark.as_ref());
    done(&visitor, visitor.view().words().sessions_ended)
}
