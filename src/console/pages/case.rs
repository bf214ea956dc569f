//! One case: what is known and why, what is not, and the work on it.
//!
//! Enters: an id; an act. Leaves: the page. Never: an act on a revision that was not the one shown:
//! the second of two sees what the first did, with their own words still in the form.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Shared;
use super::cases::Told;
use super::lens::Lens;
use super::model::CaseWhole;
use super::timeline::{Lane, Timeline};
use super::veil::Veil;
use super::wish::{self, Outcome, Target, Wish};
use super::words::CaseTexts;
use crate::base::Timestamp;
use crate::blocklist::Stage;
use crate::console::page::{self, Page};
use crate::console::{Refusal, Right, Visitor};
use crate::record::Coverage;
use crate::record::act::{Means, Verdict};
use crate::store::State as Work;
use crate::store::shown::CaseView;

/// What is asked of the page.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    done: String,
}

#[derive(Template)]
#[template(path = "pages/case.html")]
struct CasePage {
    page: Page,
    c: Lens,
    t: &'static CaseTexts,
    veiled: bool,
    case: CaseWhole,
    timeline: Option<Timeline>,
    proof: Option<(Stage, String)>,
    hits_total: String,
    may_triage: bool,
    may_suppress: bool,
    may_hold: bool,
    may_ask: bool,
    may_export: bool,
    /// With what is sealed.
    may_open: bool,
    verdicts: &'static [Verdict],
    people: Vec<String>,
    me: String,
    alike: String,
    draft: Wish,
}

/// `GET /cases/{id}`
pub async fn get(
    State(desk): State<Shared>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let lens = Lens::of(&visitor, desk.now());
    let told = done(&asked.done, &lens);
    show(&desk, &visitor, &id, told, Wish::default()).await
}

/// `POST /cases/{id}`
pub async fn post(
    State(desk): State<Shared>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Refusal> {
    let wish = Wish::of(&fields);
    let target = Target::Case(id.clone());
    let outcome = wish::carry_out(&*desk, &visitor, Means::Console, target, &wish).await?;
    let lens = Lens::of(&visitor, desk.now());
    let (status, text) = match outcome {
        Outcome::Done(_) => {
            let base = visitor.guest.shell.base();
            return page::see(base, &format!("/cases/{id}?done={}", wish.act));
        }
        Outcome::Changed(deed) => {
            let first = deed.map_or_else(String::new, |deed| lens.who_was_first(&deed));
            (StatusCode::CONFLICT, lens.fill(lens.w.changed_first, first))
        }
        Outcome::Unfit(why) => {
            let text = lens.fill(lens.w.refused, why);
            (StatusCode::UNPROCESSABLE_ENTITY, text)
        }
    };
    let told = Some(Told::bad(text));
    let shown = show(&desk, &visitor, &id, told, wish).await?;
    Ok((status, shown).into_response())
}

/// What was done, from the address: closed words only.
fn done(act: &str, lens: &Lens) -> Option<Told> {
    let t = CaseTexts::of(lens.language());
    let what = match act {
        "acknowledge" => t.acknowledge,
        "assign" => t.assign,
        "comment" => t.comment,
        "close" => t.close,
        "reopen" => t.reopen,
        "hold" => t.hold,
        "lift-hold" => t.lift,
        "request-unsealing" => t.unseal,
        _ => return None,
    };
    let text = lens.fill(lens.w.done, what);
    Some(Told { bad: false, text })
}

/// A case with the coverage of its hours.
pub async fn read(desk: &Shared, id: &str) -> Result<(CaseView, Vec<Coverage>), Refusal> {
    let (id, now) = (id.to_owned(), desk.now());
    let found = desk
        .readers()
        .ask(move |it| {
            let Some(view) = it.case(&id, now)? else {
                return Ok(None);
            };
            let hours = hours(&view, it)?;
            Ok(Some((view, hours)))
        })
        .await?;
    found.ok_or(Refusal::NotFound)
}

/// Coverage of the hours in which its evidence lies; of each day once, however long it lasted.
fn hours(view: &CaseView, reader: &crate::store::Reader) -> Result<Vec<Coverage>, String> {
    let day_ns = 86_400_000_000_000;
    let mut days: Vec<i64> = view
        .evidence
        .iter()
        .map(|it| it.time.nanos().div_euclid(day_ns))
        .collect();
    days.sort_unstable();
    days.dedup();
    let mut hours = Vec::new();
    for day in days.into_iter().rev().take(60) {
        let from = Timestamp(day.saturating_mul(day_ns));
        let until = Timestamp(from.0.saturating_add(day_ns));
        hours.extend(
            reader
                .coverage(from, until)?
                .into_iter()
                .map(|(_, hour)| hour),
        );
    }
    Ok(hours)
}

pub(super) async fn show(
    desk: &Shared,
    visitor: &Visitor,
    id: &str,
    told: Option<Told>,
    draft: Wish,
) -> Result<Response, Refusal> {
    visitor.require(Right::SeeCases)?;
    let (view, hours) = read(desk, id).await?;
    let lens = Lens::of(visitor, desk.now());
    let t = CaseTexts::of(visitor.view().language);
    let veil = Veil::of(visitor, &lens);
    let hits_total = super::cases::said(view.hits_total, &lens);
    let case = CaseWhole::of(view, &hours, &desk.terms(), desk.now(), &veil);
    let catalogue = desk.catalogue();
    let vendor = catalogue.vendor(&case.line.vendor);
    let proof = vendor.map(|vendor| vendor.proof());
    let undecided = case
        .requests
        .iter()
        .any(super::model::RequestLine::is_undecided);
    let mut people: Vec<String> = vec![visitor.account.clone()];
    people.extend(case.line.assignee.clone());
    people.dedup();
    page::html(&CasePage {
        page: Told::onto(
            told,
            visitor.page(lens.fill(t.title, &case.line.vendor_name)),
        ),
        veiled: !veil.is_lifted(),
        timeline: Timeline::of(&case.evidence, &case.steps, &hours, &lens, t),
        // Where the case stands as high as it can, there is nothing more to prove.
        proof: proof
            .map(|it| (it.highest(), it.reason))
            .filter(|(highest, _)| *highest < Stage::Integrated || case.line.stage < *highest),
        hits_total,
        may_triage: visitor.may(Right::Triage),
        may_suppress: visitor.may(Right::Suppress),
        may_hold: visitor.may(Right::Hold),
        may_ask: visitor.may(Right::RequestUnsealing) && !undecided,
        may_export: visitor.may(Right::Export),
        may_open: visitor.may(Right::ApproveUnsealing),
        verdicts: Verdict::ALL,
        people,
        me: visitor.account.clone(),
        alike: format!("vendor:{} stage:{}", case.line.vendor, case.line.stage),
        draft,
        case,
        t,
        c: lens,
    })
}
