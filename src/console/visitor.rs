//! Who asks: a guest, or a visitor with an account.
//!
//! Enters: what the shell's layers found out about a request. Leaves: [`Guest`], [`Visitor`], both
//! to be taken as arguments by handlers. Never: decides who somebody is (that is done once, before).

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::page::Page;
use super::refusal::Refusal;
use super::rights::{Right, Roles};
use super::secret::Mark;
use super::shell::Shell;
use super::view::View;
use crate::base::Timestamp;

/// Anybody who asks for a page.
#[derive(Clone)]
pub struct Guest {
    /// The shell that serves it.
    pub shell: Shell,
    /// How they want to see it.
    pub view: View,
    /// Their mark, for the field `csrf` of each form.
    pub csrf: String,
    /// Path that was asked, below the base.
    pub path: String,
    /// Address they come from; none behind a proxy that does not say.
    pub(super) from: Option<IpAddr>,
}

impl Guest {
    /// The frame of a page.
    pub fn page(&self, title: impl Into<String>) -> Page {
        Page::of_guest(self, title)
    }

    /// A moment as they want to see it.
    pub fn time(&self, at: Timestamp) -> String {
        self.view.time(at, self.shell.zone())
    }
}

/// Somebody signed in, or a program with a token.
#[derive(Clone)]
pub struct Visitor {
    /// What every guest has.
    pub guest: Guest,
    /// Name of the account: what goes on the record as "who".
    pub account: String,
    /// Name as shown.
    pub display: String,
    /// Roles.
    pub roles: Roles,
    /// For a program: what its token is good for, at most.
    pub scope: Option<Vec<Right>>,
    /// Of the session or token.
    pub(in crate::console) mark: Mark,
}

impl Visitor {
    /// May they?
    pub fn may(&self, right: Right) -> bool {
        self.roles.may(right)
            && self
                .scope
                .as_ref()
                .is_none_or(|scope| scope.contains(&right))
    }

    /// Goes on only when they may.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub fn require(&self, right: Right) -> Result<(), Refusal> {
        if self.may(right) {
            Ok(())
        } else {
            Err(Refusal::Forbidden)
        }
    }

    /// Do session or token still hold, with the same roles? A live page asks this before
    /// each thing it sends: a stream must not outlive its visitor's leave.
    pub fn is_still_in(&self) -> bool {
        let (shell, now) = (&self.guest.shell, self.guest.shell.now());
        let book = shell.book();
        let same = book
            .open_account(&self.account)
            .is_some_and(|own| own.roles == self.roles);
        same && match self.scope {
            Some(_) => book.token(&self.mark, now).is_some(),
            None => shell.sessions().lasts(&self.mark, now),
        }
    }

    /// Under what the labels of subjects are made that this visitor may not know: another one for
    /// each session and token, and after a restart.
    pub(in crate::console) fn veil_key(&self) -> [u8; 32] {
        self.guest.shell.veil_key(&self.mark)
    }

    /// How they want to see pages.
    pub const fn view(&self) -> View {
        self.guest.view
    }

    /// A moment as they want to see it.
    pub fn time(&self, at: Timestamp) -> String {
        self.guest.time(at)
    }

    /// The frame of a page, with the menu their roles give.
    pub fn page(&self, title: impl Into<String>) -> Page {
        Page::of_visitor(self, title)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Guest {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        // Absent only when a router is served without the shell around it.
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or(Refusal::Failed)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or(Refusal::SignIn)
    }
}
