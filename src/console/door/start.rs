//! The start page: who one is here, and what that allows. With pages of the record, on to the first.

use askama::Template;
use axum::response::Response;

use super::super::page::{self, Page};
use super::super::refusal::Refusal;
use super::super::rights::Right;
use super::super::visitor::Visitor;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    page: Page,
    roles: Vec<&'static str>,
    rights: Vec<&'static str>,
}

/// `GET /`
pub(super) async fn show(visitor: Visitor) -> Result<Response, Refusal> {
    let page = visitor.page(visitor.view().words().home);
    let words = page.words;
    let rights = Right::ALL.into_iter().filter(|right| visitor.may(*right));
    let rights = rights.map(|right| words.right(right)).collect();
    let roles = visitor.roles.iter().map(|role| words.role(role)).collect();
    page::html(&Home {
        page,
        roles,
        rights,
    })
}
