//! The shell of the console: who may come in, and what every page shares.
//!
//! Enters: requests over TCP, TLS or a Unix socket. Leaves: pages, and an [`Audit`] for every act on
//! accounts. Never: shows a page to a stranger that is not in [`door`]; lets a form through without
//! the visitor's own mark on it; puts a secret into a page, a message or a log (the one-time link of
//! the first start is the exception, and is meant to be read there).
//!
//! Pages of the record itself (inbox, cases, hits) are a router of their own, handed to
//! [`Shell::router`]. They get a [`Visitor`], ask it with [`Visitor::require`], and answer with
//! [`page::html`] or a [`Refusal`].

pub mod accounts;
pub mod api;
pub mod audit;
mod brake;
mod door;
mod gate;
mod oidc;
#[doc(hidden)]
pub mod oracle;
pub mod page;
pub mod pages;
pub mod password;
mod patient;
mod recognise;
pub mod refusal;
pub mod rights;
pub mod secret;
pub mod serve;
pub mod sessions;
pub mod settings;
pub mod shell;
mod statics;
mod tls;
pub mod totp;
pub mod view;
pub mod visitor;
pub mod words;

pub use accounts::{Accounts, Refused};
pub use audit::{Act, Audit, Scope, Way};
pub use page::{NavEntry, Page};
pub use refusal::Refusal;
pub use rights::{Right, Role, Roles};
pub use serve::{Doors, Limits, Shut, serve};
pub use settings::Settings;
pub use shell::Shell;
pub use tls::Tls;
pub use view::{Language, View};
pub use visitor::Visitor;
