//! What every page shares, and how a page becomes an answer.
//!
//! Enters: a visitor or a guest, a template. Leaves: HTML. Never: text that is not escaped (askama
//! escapes in `.html` templates; none of ours turns that off, which a test checks).

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::refusal::Refusal;
use super::rights::Right;
use super::statics::{SCRIPT, SIGN, STYLE};
use super::view::{Language, View};
use super::visitor::{Guest, Visitor};
use super::words::Words;

/// Of the program, for the footer.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Languages to choose from, each in its own words.
pub(crate) const LANGUAGES: &[(&str, &str)] = &[("en", "English"), ("nl", "Nederlands")];

/// One entry of the main menu.
#[derive(Clone, Copy)]
pub struct NavEntry {
    /// Path below the base, `/inbox`.
    pub path: &'static str,
    /// Its text.
    pub label: fn(Language) -> &'static str,
    /// Who sees it.
    pub right: Right,
    /// Key that leads there after `g`, for people who work from the keyboard.
    pub key: Option<char>,
}

/// An entry as the template shows it.
pub struct NavItem {
    /// Address.
    pub href: String,
    /// Text.
    pub label: &'static str,
    /// Is it the page itself, or one below it?
    pub current: bool,
    /// Key after `g`; empty: none.
    pub key: String,
}

/// What `layout.html` needs. A template holds it as the field `page`.
pub struct Page {
    /// Title of the page.
    pub title: String,
    /// The shell's texts in the visitor's language.
    pub words: &'static Words,
    /// How the visitor wants to see it.
    pub view: View,
    /// Put before each address: empty, or the prefix behind a proxy.
    pub base: String,
    /// Path of this page below the base.
    pub path: String,
    /// Stands in each form as `csrf`.
    pub csrf: String,
    /// Main menu; empty for guests.
    pub nav: Vec<NavItem>,
    /// Who is signed in.
    pub who: Option<String>,
    /// Sentences at the head of the page, for what was done or could not be done.
    pub notices: Vec<Notice>,
    /// Addresses of the static files.
    pub style: String,
    /// As `style`.
    pub script: String,
    /// As `style`.
    pub icon: String,
}

/// A sentence at the head of a page.
pub struct Notice {
    /// Something was refused, rather than done.
    pub bad: bool,
    /// The sentence.
    pub text: String,
}

impl Page {
    /// For somebody who need not be signed in.
    pub(super) fn of_guest(guest: &Guest, title: impl Into<String>) -> Self {
        let base = guest.shell.base().to_owned();
        Self {
            title: title.into(),
            words: guest.view.words(),
            view: guest.view,
            path: guest.path.clone(),
            csrf: guest.csrf.clone(),
            nav: Vec::new(),
            who: None,
            notices: Vec::new(),
            style: format!("{base}{}", STYLE.path()),
            script: format!("{base}{}", SCRIPT.path()),
            icon: format!("{base}{}", SIGN.path()),
            base,
        }
    }

    /// For a visitor, with the menu that the roles give.
    pub(super) fn of_visitor(visitor: &Visitor, title: impl Into<String>) -> Self {
        let mut page = Self::of_guest(&visitor.guest, title);
        let entries = visitor.guest.shell.nav().iter();
        let seen = entries.filter(|entry| visitor.may(entry.right));
        page.nav = seen
            .map(|entry| NavItem {
                href: format!("{}{}", page.base, entry.path),
                label: (entry.label)(page.view.language),
                current: under(&page.path, entry.path),
                key: entry.key.map(String::from).unwrap_or_default(),
            })
            .collect();
        page.who = Some(visitor.display.clone());
        page
    }

    /// Something that was done.
    #[must_use]
    pub fn done(mut self, text: impl Into<String>) -> Self {
        self.notices.push(Notice {
            bad: false,
            text: text.into(),
        });
        self
    }

    /// Something that could not be done.
    #[must_use]
    pub fn refused(mut self, text: impl Into<String>) -> Self {
        self.notices.push(Notice {
            bad: true,
            text: text.into(),
        });
        self
    }
}

impl Page {
    /// Is UTC shown?
    pub(crate) fn utc(&self) -> bool {
        self.view.zone == super::view::Zone::Utc
    }

    /// Colours to choose from, with their texts.
    pub(crate) const fn themes(&self) -> [(&'static str, &'static str); 3] {
        let words = self.words;
        [
            ("auto", words.theme_auto),
            ("light", words.theme_light),
            ("dark", words.theme_dark),
        ]
    }
}

/// `/inbox` is under `/inbox`, and so is `/inbox/7`; `/` only itself.
fn under(path: &str, entry: &str) -> bool {
    match path.strip_prefix(entry) {
        Some(rest) => rest.is_empty() || (entry != "/" && rest.starts_with('/')),
        None => false,
    }
}

/// The template as an answer.
///
/// # Errors
/// [`Refusal::Failed`] when the template fails; the log says why.
pub fn html(template: &impl Template) -> Result<Response, Refusal> {
    let text = template.render().map_err(|why| {
        tracing::error!(%why, "a page could not be made");
        Refusal::Failed
    })?;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// After a form: to another page of ours. `path` is below the base.
///
/// # Errors
/// [`Refusal::Failed`] for a path that no header can hold.
pub fn see(base: &str, path: &str) -> Result<Response, Refusal> {
    let to = HeaderValue::try_from(format!("{base}{path}")).map_err(|_| Refusal::Failed)?;
    Ok((axum::http::StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response())
}
