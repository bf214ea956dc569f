//! Rules under which cases need no attention for a while.
//!
//! Enters: a filter, a reason, a number of days. Leaves: the page. Never: a rule without an end, or
//! one that silences an alert.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::Shared;
use super::cases::Told;
use super::lens::Lens;
use super::veil::Veil;
use super::wish::{self, Outcome, Target, Wish};
use super::words::{CaseTexts, ListTexts};
use crate::base::Timestamp;
use crate::console::page::{self, Page};
use crate::console::{Refusal, Right, Visitor};
use crate::record::act::Means;
use crate::store::shown::Suppression;
use crate::store::shown::rfc3339;

/// What is asked of the page.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    filter: String,
}

/// A rule as it may be seen.
#[derive(Serialize)]
pub struct RuleLine {
    /// Its id.
    pub rule: String,
    /// Which cases.
    pub filter: String,
    /// Why; `None`: withheld.
    pub reason: Option<String>,
    /// Who made it.
    pub by: String,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub time: Timestamp,
    /// Until when.
    #[serde(serialize_with = "rfc3339")]
    pub until: Timestamp,
    /// Who ended it before its time.
    pub lifted_by: Option<String>,
    /// Is it in force?
    pub in_force: bool,
    /// Why its filter cannot be used.
    pub broken: Option<String>,
}

impl RuleLine {
    /// As the veil lets it through.
    pub fn of(row: Suppression, veil: &Veil) -> Self {
        Self {
            rule: row.rule,
            filter: veil.filter(row.filter),
            reason: veil.text(row.reason),
            by: row.by,
            time: row.time,
            until: row.until,
            lifted_by: row.lifted.map(|it| it.by),
            in_force: row.in_force,
            broken: veil.hide(row.broken),
        }
    }
}

#[derive(Template)]
#[template(path = "pages/suppressions.html")]
struct Rules {
    page: Page,
    c: Lens,
    t: &'static ListTexts,
    k: &'static CaseTexts,
    veiled: bool,
    rows: Vec<RuleLine>,
    may_suppress: bool,
    draft: Wish,
    days: u32,
}

/// `GET /suppressions`
pub async fn list(
    State(desk): State<Shared>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let draft = Wish {
        filter: asked.filter,
        ..Wish::default()
    };
    show(&desk, &visitor, None, draft).await
}

async fn show(
    desk: &Shared,
    visitor: &Visitor,
    told: Option<Told>,
    draft: Wish,
) -> Result<Response, Refusal> {
    visitor.require(Right::SeeCases)?;
    let now = desk.now();
    let lens = Lens::of(visitor, now);
    let t = ListTexts::of(visitor.view().language);
    let veil = Veil::of(visitor, &lens);
    let found = desk.readers().ask(move |it| it.suppressions(now)).await?;
    page::html(&Rules {
        page: Told::onto(told, visitor.page(t.suppressions_title)),
        veiled: !veil.is_lifted(),
        rows: found
            .into_iter()
            .map(|it| RuleLine::of(it, &veil))
            .collect(),
        may_suppress: visitor.may(Right::Suppress),
        days: draft.days.unwrap_or(30),
        draft,
        t,
        k: CaseTexts::of(visitor.view().language),
        c: lens,
    })
}

/// `POST /suppressions`: a new rule.
pub async fn make(
    State(desk): State<Shared>,
    visitor: Visitor,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Refusal> {
    carry_out(&desk, &visitor, String::new(), &fields).await
}

/// `POST /suppressions/{rule}`: ends one.
pub async fn end(
    State(desk): State<Shared>,
    visitor: Visitor,
    Path(rule): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Refusal> {
    carry_out(&desk, &visitor, rule, &fields).await
}

async fn carry_out(
    desk: &Shared,
    visitor: &Visitor,
    rule: String,
    fields: &[(String, String)],
) -> Result<Response, Refusal> {
    let wish = Wish::of(fields);
    let target = Target::Rule(rule);
    let lens = Lens::of(visitor, desk.now());
    match wish::carry_out(&**desk, visitor, Means::Console, target, &wish).await? {
        Outcome::Done(_) => page::see(visitor.guest.shell.base(), "/suppressions"),
        Outcome::Changed(_) => Err(Refusal::Changed),
        Outcome::Unfit(why) => {
            let told = Some(Told::bad(lens.fill(lens.w.refused, why)));
            let shown = show(desk, visitor, told, wish).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
        }
    }
}
