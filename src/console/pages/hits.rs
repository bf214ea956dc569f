//! The hit log, and one hit with what carried its name.
//!
//! Enters: a filter, a place in the list, an id. Leaves: pages; of new hits their rows alone. Never:
//! a message to somebody who may not see persons: a ClientHello's fingerprint tells devices apart.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::Shared;
use super::filterbox::FilterBox;
use super::lens::Lens;
use super::model::HitLine;
use super::veil::Veil;
use super::words::ListTexts;
use crate::base::Seen;
use crate::console::page::{self, Page};
use crate::console::{Refusal, Right, Visitor};
use crate::hits::{Record, show};
use crate::record::Body;
use crate::store::shown::{self, Cursor, HitRow};

const ROWS: u32 = 100;
/// Most rows that the live tail gives at one time.
const TAIL_MAX: u32 = 50;

/// What is asked of the list.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
    after: String,
}

#[derive(Template)]
#[template(path = "pages/hits.html")]
struct Hits {
    page: Page,
    c: Lens,
    t: &'static ListTexts,
    veiled: bool,
    filter: FilterBox,
    saved: Vec<crate::store::Saved>,
    rows: Vec<HitLine>,
    total: Option<String>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/hitrows.html")]
struct Rows {
    page: Page,
    c: Lens,
    t: &'static ListTexts,
    veiled: bool,
    rows: Vec<HitLine>,
}

#[derive(Template)]
#[template(path = "pages/hit.html")]
struct One {
    page: Page,
    c: Lens,
    t: &'static ListTexts,
    veiled: bool,
    it: HitLine,
    facts: Vec<(&'static str, String)>,
    note: Option<&'static str>,
    lines: Vec<String>,
}

/// `GET /hits`
pub async fn list(
    State(desk): State<Shared>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    visitor.require(Right::SeeCases)?;
    let now = desk.now();
    let lens = Lens::of(&visitor, now);
    let t = ListTexts::of(visitor.view().language);
    let veil = Veil::of(&visitor, &lens);
    let (filter, read) = FilterBox::of_hits(&asked.q, &veil, &lens);
    let part = shown::Page {
        rows: ROWS,
        after: cursor(&asked.after),
    };
    let readers = desk.readers();
    let listing = readers
        .ask(move |it| read.map(|read| it.hits(&read, part, now)).transpose())
        .await?;
    let total = listing
        .as_ref()
        .map(|it| super::cases::said(it.total, &lens));
    let next = listing.as_ref().and_then(|it| it.next).map(cursor_text);
    let rows = listing.into_iter().flat_map(|it| it.rows);
    page::html(&Hits {
        page: visitor.page(t.hits_title),
        veiled: !veil.is_lifted(),
        saved: super::views::of(&desk, &visitor, "hits").await,
        rows: rows.map(|row| HitLine::of(row, &veil)).collect(),
        filter,
        total,
        next,
        t,
        c: lens,
    })
}

/// What is asked of the live tail.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct TailAsked {
    q: String,
    from: u64,
}

/// `GET /hits/rows`: rows of hits from an entry on, newest first, for the live tail.
pub async fn rows(
    State(desk): State<Shared>,
    visitor: Visitor,
    Query(asked): Query<TailAsked>,
) -> Result<Response, Refusal> {
    visitor.require(Right::SeeCases)?;
    let now = desk.now();
    let lens = Lens::of(&visitor, now);
    let veil = Veil::of(&visitor, &lens);
    let (_, read) = FilterBox::of_hits(&asked.q, &veil, &lens);
    let read = read.ok_or(Refusal::Malformed)?;
    let readers = desk.readers();
    let (found, _) = readers
        .ask(move |it| it.hits_from(&read, asked.from, TAIL_MAX, now))
        .await?;
    let t = ListTexts::of(visitor.view().language);
    page::html(&Rows {
        page: visitor.page(t.hits_title),
        veiled: !veil.is_lifted(),
        rows: found
            .into_iter()
            .rev()
            .map(|row| HitLine::of(row, &veil))
            .collect(),
        t,
        c: lens,
    })
}

/// `GET /hits/{id}`
pub async fn one(
    State(desk): State<Shared>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    visitor.require(Right::SeeCases)?;
    let row = read(&desk, id).await?;
    let lens = Lens::of(&visitor, desk.now());
    let t = ListTexts::of(visitor.view().language);
    let veil = Veil::of(&visitor, &lens);
    let record = record(&desk, row.number).await;
    let (note, lines) = match &record {
        None => (Some(t.hit_deleted), Vec::new()),
        Some(_) if !veil.is_lifted() => (Some(t.hit_withheld), Vec::new()),
        Some(record) => decoded(record, t),
    };
    let facts = match &record {
        Some(record) => facts(record, &veil, t),
        None => Vec::new(),
    };
    page::html(&One {
        page: visitor.page(row.name.clone()),
        veiled: !veil.is_lifted(),
        it: HitLine::of(row, &veil),
        facts,
        note,
        lines,
        t,
        c: lens,
    })
}

/// The row of a hit.
pub async fn read(desk: &Shared, id: String) -> Result<HitRow, Refusal> {
    let found = desk.readers().ask(move |it| it.hit(&id)).await?;
    found.ok_or(Refusal::NotFound)
}

/// Its line of the hit log, as the ledger has it.
async fn record(desk: &Shared, number: u64) -> Option<Record> {
    let desk = Shared::clone(desk);
    let read = tokio::task::spawn_blocking(move || desk.entry(number))
        .await
        .ok()?;
    match read {
        Ok(entry) => match entry?.body {
            Body::Hit(hit) => Some(hit.record),
            _ => None,
        },
        Err(why) => {
            tracing::warn!(%why, "a hit's entry could not be read for the console");
            None
        }
    }
}

fn decoded(record: &Record, t: &ListTexts) -> (Option<&'static str>, Vec<String>) {
    let seen = Seen::ALL
        .iter()
        .find(|it| it.label() == record.poortwacht.seen);
    let bytes = record.evidence_bytes();
    let (Some(seen), Some(bytes)) = (seen, bytes) else {
        return (Some(t.hit_no_message), Vec::new());
    };
    let evidence = record.poortwacht.evidence.as_ref();
    let redacted = evidence.is_some_and(|it| it.redacted);
    (
        redacted.then_some(t.hit_redacted),
        show::describe(&bytes, *seen),
    )
}

fn facts(record: &Record, veil: &Veil, t: &ListTexts) -> Vec<(&'static str, String)> {
    let mut facts = vec![(t.list_version, record.rule.version.clone())];
    let other = &record.destination;
    if let Some(ip) = other.ip {
        facts.push((
            t.other_end,
            format!("{ip} {}/{}", other.port, record.network.transport),
        ));
    }
    if veil.is_lifted() {
        facts.push((t.client, record.source.address.clone()));
        facts.push(("Community ID", record.network.community_id.clone()));
        if let Some(tls) = &record.poortwacht.tls {
            if let Some(ja4) = &tls.ja4 {
                facts.push(("JA4", ja4.clone()));
            }
            facts.push(("ECH", tls.ech.clone()));
        }
    }
    facts
}

/// `time.number`, as it stands in addresses.
pub fn cursor(text: &str) -> Option<Cursor> {
    let (time, number) = text.split_once('.')?;
    Some(Cursor {
        time: time.parse().ok()?,
        number: number.parse().ok()?,
    })
}

/// The other way.
pub fn cursor_text(cursor: Cursor) -> String {
    format!("{}.{}", cursor.time, cursor.number)
}
