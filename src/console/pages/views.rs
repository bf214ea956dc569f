//! Filters that people keep under a name.
//!
//! Enters: a name, a filter. Leaves: the same, to nobody else. Never: a record (they are
//! preferences).

use axum::extract::{Form, State};
use axum::response::Response;
use serde::Deserialize;

use super::Shared;
use crate::console::page;
use crate::console::{Refusal, Right, Visitor};
use crate::store::Saved;

/// What somebody wants with a view.
#[derive(Deserialize)]
pub struct Wanted {
    page: String,
    name: String,
    #[serde(default)]
    filter: String,
    r#do: String,
}

/// Those of a visitor. None, when they cannot be read: the page goes on without.
pub async fn of(desk: &Shared, visitor: &Visitor, page: &'static str) -> Vec<Saved> {
    let (desk, account) = (Shared::clone(desk), visitor.account.clone());
    let read = tokio::task::spawn_blocking(move || desk.views().of(&account)).await;
    let all = match read {
        Ok(Ok(all)) => all,
        Ok(Err(why)) => {
            tracing::warn!(%why, "saved views could not be read");
            Vec::new()
        }
        Err(_) => Vec::new(),
    };
    all.into_iter().filter(|view| view.page == page).collect()
}

/// `POST /views`
pub async fn change(
    State(desk): State<Shared>,
    visitor: Visitor,
    Form(wanted): Form<Wanted>,
) -> Result<Response, Refusal> {
    visitor.require(Right::SeeCases)?;
    let back = match wanted.page.as_str() {
        "cases" => "/cases",
        "hits" => "/hits",
        _ => return Err(Refusal::Malformed),
    };
    let name = wanted.name.trim().to_owned();
    if name.is_empty() {
        return Err(Refusal::Malformed);
    }
    let (base, account) = (
        visitor.guest.shell.base().to_owned(),
        visitor.account.clone(),
    );
    let to = match wanted.r#do.as_str() {
        "keep" => {
            let mut query = form_urlencoded::Serializer::new(String::new());
            format!("{back}?{}", query.append_pair("q", &wanted.filter).finish())
        }
        _ => back.to_owned(),
    };
    let done = tokio::task::spawn_blocking(move || match wanted.r#do.as_str() {
        "keep" => desk.views().keep(
            &account,
            &Saved {
                page: wanted.page,
                name,
                filter: wanted.filter,
            },
        ),
        _ => desk
            .views()
            .delete(&account, &wanted.page, &name)
            .map(|_| ()),
    });
    match done.await {
        Ok(Ok(())) => page::see(&base, &to),
        Ok(Err(why)) => {
            tracing::info!(%why, "a view was not kept");
            Err(Refusal::Malformed)
        }
        Err(_) => Err(Refusal::Failed),
    }
}
