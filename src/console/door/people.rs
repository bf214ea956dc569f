//! The accounts of others: for administrators.

use std::collections::HashMap;

use askama::Template;
use axum::extract::Form;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::super::accounts::{Account, Book, LinkKind, Refused};
use super::super::audit::Act;
use super::super::page::{self, Page};
use super::super::refusal::Refusal;
use super::super::rights::{Right, Role, Roles};
use super::super::visitor::Visitor;
use super::super::words::fill;
use crate::base::Timestamp;

#[derive(Template)]
#[template(path = "accounts.html")]
struct People {
    page: Page,
    people: Vec<Person>,
    roles: Vec<(&'static str, &'static str)>,
    /// A link that was just made.
    made: Option<String>,
}

struct Person {
    name: String,
    display: String,
    roles: String,
    has: Roles,
    second: bool,
    last: String,
    open: bool,
    /// Only a link yet.
    invited: bool,
    /// A link for a new password is under way.
    reset: bool,
    change: String,
}

impl Person {
    fn has(&self, role: &str) -> bool {
        Role::named(role).is_some_and(|role| self.has.has(role))
    }
}

/// `GET /accounts`
pub(super) async fn show(visitor: Visitor) -> Result<Response, Refusal> {
    visitor.require(Right::ManageAccounts)?;
    let page = visitor.page(visitor.view().words().accounts);
    people(&visitor, page, None)
}

fn people(visitor: &Visitor, page: Page, made: Option<String>) -> Result<Response, Refusal> {
    let words = page.words;
    let (book, now) = (visitor.guest.shell.book(), visitor.guest.shell.now());
    let named = |roles: Roles| {
        roles
            .iter()
            .map(|role| words.role(role))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let reset = |name: &str| {
        book.links(now)
            .any(|link| link.kind.account() == Some(name))
    };
    let there = book.accounts().map(|(name, account)| Person {
        name: name.clone(),
        display: account.display.clone(),
        roles: named(account.roles),
        has: account.roles,
        second: account.totp.is_some(),
        last: account
            .last_sign_in
            .map_or(words.never.into(), |at| visitor.time(at)),
        open: account.disabled.is_none(),
        invited: false,
        reset: reset(name),
        change: fill(words.change_of, name),
    });
    let invited = book.links(now).filter_map(|link| match &link.kind {
        LinkKind::Invite { account, roles } => Some(Person {
            name: account.clone(),
            display: String::new(),
            roles: named(*roles),
            has: *roles,
            second: false,
            last: words.never.into(),
            open: true,
            invited: true,
            reset: false,
            change: fill(words.change_of, account),
        }),
        _ => None,
    });
    let people = there.chain(invited).collect();
    let roles = Role::ALL
        .iter()
        .map(|role| (role.name(), words.role(*role)))
        .collect();
    page::html(&People {
        page,
        people,
        roles,
        made,
    })
}

#[derive(Deserialize)]
pub(super) struct Asked {
    name: String,
    #[serde(default)]
    act: String,
    #[serde(flatten)]
    rest: HashMap<String, String>,
}

impl Asked {
    /// Roles that were ticked.
    fn roles(&self) -> Roles {
        let ticked = |role: &Role| self.rest.contains_key(&format!("role_{}", role.name()));
        Role::ALL.into_iter().filter(ticked).collect()
    }
}

/// `POST /accounts/invite`
pub(super) async fn invite(
    visitor: Visitor,
    Form(asked): Form<Asked>,
) -> Result<Response, Refusal> {
    visitor.require(Right::ManageAccounts)?;
    let shell = &visitor.guest.shell;
    let (name, roles, now) = (asked.name.trim().to_lowercase(), asked.roles(), shell.now());
    if asked.rest.contains_key("outside") {
        let add = move |book: &mut Book| add(book, name, roles, now);
        return told(
            &visitor,
            shell
                .change(Some(&visitor.account), add)
                .await?
                .map(|()| None),
        );
    }
    let made = linked(&visitor, move |visitor| {
        visitor
            .guest
            .shell
            .invite(Some(&visitor.account), &name, roles)
            .map(|link| (name, link))
    });
    told(&visitor, made.await?)
}

/// An account that others vouch for.
fn add(book: &mut Book, name: String, roles: Roles, now: Timestamp) -> Result<((), Act), Refused> {
    let account = Account {
        display: name.clone(),
        roles,
        password: None,
        totp: None,
        created: now,
        disabled: None,
        last_sign_in: None,
    };
    book.add(&name, account)?;
    Ok((
        (),
        Act::AccountMade {
            account: name,
            roles,
        },
    ))
}

/// A link: made off the threads that serve pages.
async fn linked(
    visitor: &Visitor,
    make: impl FnOnce(&Visitor) -> Result<(String, String), Refused> + Send + 'static,
) -> Result<Result<Option<(String, String)>, Refused>, Refusal> {
    let visitor = visitor.clone();
    let made = tokio::task::spawn_blocking(move || make(&visitor).map(Some)).await;
    match made.map_err(|_| Refusal::Failed)? {
        Err(Refused::Unwritten) => Err(Refusal::Failed),
        Err(Refused::Unrecorded) => Err(Refusal::Busy),
        made => Ok(made),
    }
}

fn told(
    visitor: &Visitor,
    outcome: Result<Option<(String, String)>, Refused>,
) -> Result<Response, Refusal> {
    let words = visitor.view().words();
    let page = visitor.page(words.accounts);
    match outcome {
        Ok(Some((name, link))) => {
            people(visitor, page.done(fill(words.link_made, name)), Some(link))
        }
        Ok(None) => people(visitor, page.done(words.done), None),
        Err(why) => {
            let page = page.refused(words.refused_because(why));
            let told = people(visitor, page, None)?;
            Ok((StatusCode::FORBIDDEN, told).into_response())
        }
    }
}

/// What is done to the book, and what is told of it.
type Change = Box<dyn FnOnce(&mut Book) -> Result<((), Act), Refused> + Send>;

/// `POST /accounts/act`
pub(super) async fn act(visitor: Visitor, Form(asked): Form<Asked>) -> Result<Response, Refusal> {
    visitor.require(Right::ManageAccounts)?;
    let shell = &visitor.guest.shell;
    let (name, now) = (asked.name.clone(), shell.now());
    if asked.act == "reset" {
        let made = linked(&visitor, move |visitor| {
            visitor
                .guest
                .shell
                .reset(Some(&visitor.account), &name)
                .map(|link| (name, link))
        });
        return told(&visitor, made.await?);
    }
    let change: Change = match asked.act.as_str() {
        "roles" => {
            let to = asked.roles();
            Box::new(move |book| {
                let from = book.edit(&name, |account| std::mem::replace(&mut account.roles, to))?;
                Ok((
                    (),
                    Act::RolesChanged {
                        account: name,
                        from,
                        to,
                    },
                ))
            })
        }
        "close" => Box::new(move |book| {
            book.edit(&name, |account| account.disabled = Some(now))?;
            book.withdraw_links(&name);
            // Opened again, it must not bring back what a program could do.
            let tokens_revoked = book.revoke_all(&name);
            let act = Act::Disabled {
                account: name,
                tokens_revoked,
            };
            Ok(((), act))
        }),
        "open" => Box::new(move |book| {
            book.edit(&name, |account| account.disabled = None)?;
            Ok(((), Act::Enabled { account: name }))
        }),
        "withdraw" => Box::new(move |book| {
            if !book.withdraw_links(&name) {
                return Err(Refused::Unknown);
            }
            Ok(((), Act::LinksWithdrawn { account: name }))
        }),
        _ => return Err(Refusal::Malformed),
    };
    let outcome = shell.change(Some(&visitor.account), change).await?;
    if outcome.is_ok() && asked.act != "withdraw" {
        shell.sessions().end_of(&asked.name, None);
    }
    if asked.name == visitor.account && outcome.is_ok() && asked.act != "withdraw" {
        // One's own session ended with the others: with the new roles one comes in anew.
        return page::see(shell.base(), "/sign-in");
    }
    told(&visitor, outcome.map(|()| None))
}
