//! The inbox: cases in a list, and what is done with several at once.
//!
//! Enters: a filter, an order, selected cases. Leaves: the list. Never: moves rows under somebody's
//! eyes (what is new is told by a badge); an act on a case whose revision was not the one shown.

use std::fmt::Write as _;

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::Shared;
use super::filterbox::FilterBox;
use super::lens::Lens;
use super::model::CaseLine;
use super::veil::Veil;
use super::wish::{self, Outcome, Target, Wish};
use super::words::{CaseTexts, ListTexts};
use crate::console::page::{self, Page};
use crate::console::words::fill;
use crate::console::{Refusal, Right, Visitor};
use crate::record::act::{Means, Verdict};
use crate::store::shown::{CasePage, InboxCounts, Order, Total};

/// Rows of a page.
const ROWS: u32 = 50;
/// Most cases of one bulk act.
const BULK_MAX: usize = 200;
/// What is shown when nothing is asked for: what there is to do.
pub const TO_DO: &str = "-state:closed suppressed:no";

/// What is asked of the list.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: Option<String>,
    sort: String,
    skip: u32,
}

/// A filter that is one click away.
struct Quick {
    label: &'static str,
    query: String,
    count: Option<u64>,
    current: bool,
}

#[derive(Template)]
#[template(path = "pages/cases.html")]
struct Cases {
    page: Page,
    c: Lens,
    t: &'static ListTexts,
    k: &'static CaseTexts,
    veiled: bool,
    filter: FilterBox,
    quick: Vec<Quick>,
    saved: Vec<crate::store::Saved>,
    sorts: [(&'static str, &'static str); 4],
    sort: &'static str,
    rows: Vec<CaseLine>,
    total: Option<String>,
    previous: Option<u32>,
    next: Option<u32>,
    may_triage: bool,
    verdicts: &'static [Verdict],
    people: Vec<String>,
}

/// `GET /cases`
pub async fn list(
    State(desk): State<Shared>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    show(&desk, &visitor, asked, None).await
}

/// `POST /cases`: one act on several cases.
pub async fn bulk(
    State(desk): State<Shared>,
    visitor: Visitor,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Refusal> {
    let t = ListTexts::of(visitor.view().language);
    let lens = Lens::of(&visitor, desk.now());
    let chosen: Vec<&str> = fields
        .iter()
        .filter(|(key, _)| key == "case")
        .map(|(_, value)| value.as_str())
        .collect();
    if chosen.len() > BULK_MAX {
        return Err(Refusal::TooLarge);
    }
    // What is wrong with the act itself is wrong for every case.
    let wish = Wish::of(&fields);
    visitor.require(wish::right(&wish.act).ok_or(Refusal::Malformed)?)?;
    let field = |name: &str| {
        let found = fields.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone())
    };
    let asked = Asked {
        q: field("q"),
        sort: field("sort").unwrap_or_default(),
        skip: 0,
    };
    if chosen.is_empty() {
        let told = Told::bad(t.bulk_nothing.to_owned());
        return show(&desk, &visitor, asked, Some(told)).await;
    }
    let (mut done, mut not) = (Vec::new(), String::new());
    for one in chosen {
        let (case, answer) = one_of(&desk, &visitor, one, &fields).await;
        let why = match answer {
            Ok(Outcome::Done(_)) => {
                done.push(case);
                continue;
            }
            Ok(Outcome::Changed(Some(deed))) => lens.who_was_first(&deed),
            Ok(Outcome::Changed(None)) => lens.w.case_changed.to_owned(),
            Ok(Outcome::Unfit(why)) => why,
            Err(refusal) => refusal.sentence(lens.language()),
        };
        let _ = write!(not, " {}", fill(&fill(t.bulk_failed, case), why));
    }
    let mut text = fill(t.bulk_done, done.len());
    if !not.is_empty() && !done.is_empty() {
        // Some and some not: each of them is told.
        text = format!("{text} {}.", done.join(", "));
    }
    let told = Told {
        bad: !not.is_empty(),
        text: format!("{text}{not}"),
    };
    show(&desk, &visitor, asked, Some(told)).await
}

/// The act on one of several cases, given as `case:revision`: its own answer, whatever that of the
/// others is.
async fn one_of<'v>(
    desk: &Shared,
    visitor: &Visitor,
    one: &'v str,
    fields: &[(String, String)],
) -> (&'v str, Result<Outcome, Refusal>) {
    let read = one.rsplit_once(':');
    let read = read.and_then(|(case, revision)| Some((case, revision.parse().ok()?)));
    let Some((case, revision)) = read else {
        return (one, Err(Refusal::Malformed));
    };
    let wish = Wish {
        revision: Some(revision),
        ..Wish::of(fields)
    };
    let target = Target::Case(case.to_owned());
    let means = Means::Console;
    let answer = wish::carry_out(&**desk, visitor, means, target, &wish).await;
    (case, answer)
}

/// What was done, for the head of the page.
pub struct Told {
    /// Was something refused?
    pub bad: bool,
    /// The sentence.
    pub text: String,
}

impl Told {
    /// Something that was refused.
    pub const fn bad(text: String) -> Self {
        Self { bad: true, text }
    }

    /// Onto a page.
    pub fn onto(told: Option<Self>, page: Page) -> Page {
        match told {
            Some(Self { bad: true, text }) => page.refused(text),
            Some(Self { bad: false, text }) => page.done(text),
            None => page,
        }
    }
}

async fn show(
    desk: &Shared,
    visitor: &Visitor,
    asked: Asked,
    told: Option<Told>,
) -> Result<Response, Refusal> {
    visitor.require(Right::SeeCases)?;
    let now = desk.now();
    let lens = Lens::of(visitor, now);
    let t = ListTexts::of(visitor.view().language);
    let veil = Veil::of(visitor, &lens);
    let text = asked.q.unwrap_or_else(|| TO_DO.to_owned());
    let (filter, read) = FilterBox::of_cases(&text, &veil, &lens);
    let (sort, order) = order(&asked.sort);
    let part = CasePage {
        order,
        ascending: false,
        rows: ROWS,
        skip: asked.skip,
    };
    let (listing, counts) = desk
        .readers()
        .ask(move |it| {
            let listing = read.map(|read| it.cases(&read, part, now)).transpose()?;
            Ok((listing, it.counts(now)?))
        })
        .await?;
    let total = listing.as_ref().map(|it| it.total);
    let rows: Vec<CaseLine> = listing
        .into_iter()
        .flat_map(|it| it.rows)
        .map(|row| CaseLine::of(row, &veil))
        .collect();
    let more = total.is_some_and(|total| goes_on(total, asked.skip, rows.len()));
    let people = counts.assignees.iter().map(|(who, _)| who.clone());
    let mut people: Vec<String> = people.filter(|who| !who.is_empty()).collect();
    if !people.contains(&visitor.account) {
        people.push(visitor.account.clone());
    }
    page::html(&Cases {
        page: Told::onto(told, visitor.page(t.cases_title)),
        veiled: !veil.is_lifted(),
        quick: quick(&counts, &filter.text, visitor, t),
        saved: super::views::of(desk, visitor, "cases").await,
        sorts: [
            ("updated", t.sort_updated),
            ("stage", t.sort_stage),
            ("confidence", t.sort_confidence),
            ("opened", t.sort_opened),
        ],
        sort,
        total: total.map(|total| said(total, &lens)),
        previous: (asked.skip > 0).then(|| asked.skip.saturating_sub(ROWS)),
        next: more.then(|| asked.skip.saturating_add(ROWS)),
        may_triage: visitor.may(Right::Triage),
        verdicts: Verdict::ALL,
        people,
        filter,
        rows,
        t,
        k: CaseTexts::of(visitor.view().language),
        c: lens,
    })
}

/// Are there more behind these rows?
pub fn goes_on(total: Total, skip: u32, rows: usize) -> bool {
    let shown = u64::from(skip).saturating_add(rows as u64);
    match total {
        Total::Exactly(total) => rows > 0 && shown < total,
        Total::MoreThan(_) => rows > 0,
    }
}

/// How many there are, in words.
pub fn said(total: Total, lens: &Lens) -> String {
    match total {
        Total::Exactly(count) => lens.fill(lens.w.of_total, lens.number(count)),
        Total::MoreThan(count) => lens.fill(lens.w.more_than, lens.number(count)),
    }
}

fn order(text: &str) -> (&'static str, Order) {
    match text {
        "opened" => ("opened", Order::Opened),
        "stage" => ("stage", Order::Stage),
        "confidence" => ("confidence", Order::Confidence),
        _ => ("updated", Order::Updated),
    }
}

fn quick(counts: &InboxCounts, text: &str, visitor: &Visitor, t: &ListTexts) -> Vec<Quick> {
    let me = &visitor.account;
    let mine = counts.assignees.iter().find(|(who, _)| who == me);
    let at_least = |least: crate::blocklist::Stage| {
        let stages = counts.stages.iter().filter(|(stage, _)| *stage >= least);
        stages.map(|(_, count)| count).sum()
    };
    let outside = counts.standings.iter();
    let outside = outside.filter(|(it, _)| *it == crate::organisation::Standing::Unauthorised);
    let all = [
        (t.to_do, TO_DO.to_owned(), Some(counts.to_do)),
        (t.new, format!("state:new {TO_DO}"), Some(counts.new)),
        (
            t.mine,
            format!("assignee:{me} {TO_DO}"),
            Some(mine.map_or(0, |(_, count)| *count)),
        ),
        (
            t.trial,
            format!("stage>=signed-up {TO_DO}"),
            Some(at_least(crate::blocklist::Stage::SignedUp)),
        ),
        (
            t.not_in_register,
            format!("standing:unauthorised {TO_DO}"),
            Some(outside.map(|(_, count)| count).sum()),
        ),
        (
            t.suppressed,
            "suppressed:yes -state:closed".to_owned(),
            Some(counts.suppressed),
        ),
        (t.held, "held:yes".to_owned(), Some(counts.held)),
        (t.closed, "state:closed".to_owned(), Some(counts.closed)),
        (t.all, String::new(), Some(counts.cases)),
    ];
    all.into_iter()
        .map(|(label, query, count)| Quick {
            label,
            current: query == text,
            query,
            count,
        })
        .collect()
}
