//! How the program stands.
//!
//! Enters: nothing. Leaves: the page. Never: a green page without having asked.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::Shared;
use super::desk::Health;
use super::lens::Lens;
use super::words::ListTexts;
use crate::console::page::{self, Page};
use crate::console::{Refusal, Right, Visitor};

#[derive(Template)]
#[template(path = "pages/health.html")]
struct Shown {
    page: Page,
    c: Lens,
    t: &'static ListTexts,
    veiled: bool,
    health: Health,
}

/// `GET /health`
pub async fn get(State(desk): State<Shared>, visitor: Visitor) -> Result<Response, Refusal> {
    visitor.require(Right::SeeHealth)?;
    let t = ListTexts::of(visitor.view().language);
    page::html(&Shown {
        page: visitor.page(t.health_title),
        c: Lens::of(&visitor, desk.now()),
        veiled: false,
        health: desk.health(),
        t,
    })
}
