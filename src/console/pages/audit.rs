//! The audit trail: what people did, and what the program did to its own record.
//!
//! Enters: a kind, a name, a case. Leaves: the page. Never: a text that somebody wrote about a case,
//! to somebody who may not see persons.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::Shared;
use super::hits::{cursor, cursor_text};
use super::lens::Lens;
use super::model::Deed;
use super::veil::Veil;
use super::words::ListTexts;
use crate::base::Timestamp;
use crate::console::page::{self, Page};
use crate::console::{Refusal, Right, Visitor};
use crate::record::Kind;
use crate::store::shown::rfc3339_maybe;
use crate::store::shown::{self, AuditFilter, AuditRow, Told};

const ROWS: u32 = 100;
/// Kinds that the trail can be narrowed to.
const KINDS: &[Kind] = &[
    Kind::Triage,
    Kind::Unsealing,
    Kind::Hold,
    Kind::Export,
    Kind::Deletion,
    Kind::Account,
    Kind::List,
    Kind::Life,
    Kind::Loss,
];

/// What is asked of the trail.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// A kind.
    pub kind: String,
    /// Who.
    pub by: String,
    /// Which case.
    pub case: String,
    /// A place in the list.
    pub after: String,
}

impl Asked {
    /// For the store.
    pub fn filter(&self) -> AuditFilter {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        AuditFilter {
            kinds: Kind::of(&self.kind).into_iter().collect(),
            by: some(self.by.trim()),
            case: some(self.case.trim()),
            from: None,
            until: None,
        }
    }
}

/// A line as it may be seen.
#[derive(Serialize)]
pub struct Line {
    /// Number of the entry.
    pub number: u64,
    /// Its kind.
    pub kind: String,
    /// When; `None`: its payload was deleted.
    #[serde(serialize_with = "rfc3339_maybe")]
    pub time: Option<Timestamp>,
    /// The case that it is about.
    pub case: Option<String>,
    /// What somebody did.
    pub deed: Option<Deed>,
    /// What the program says, in the visitor's language.
    #[serde(skip)]
    pub said: &'static str,
    /// In figures and names of its own.
    pub detail: String,
}

impl Line {
    /// As the veil lets it through.
    pub fn of(row: AuditRow, veil: &Veil, lens: &Lens) -> Self {
        let say = lens.say;
        let (said, detail, deed) = match row.what {
            Told::Act(acted) => {
                let time = row.time.unwrap_or(row.hour);
                (
                    "",
                    String::new(),
                    Some(Deed::of(row.number, time, acted, veil)),
                )
            }
            Told::List(list) => match list.refused {
                Some(why) => (say.act_list_refused, why, None),
                None => (
                    say.act_list,
                    format!("{}, {} rules", list.version, list.rules),
                    None,
                ),
            },
            Told::Life(life) if life.what == "start" => (
                say.act_start,
                format!("{} {}", life.version, life.reason),
                None,
            ),
            Told::Life(life) => (say.act_stop, life.reason, None),
            Told::Loss(loss) => (
                say.act_loss,
                format!("{}: {} ({})", loss.place, loss.reason, loss.count),
                None,
            ),
            Told::Deleted => (say.act_deleted, String::new(), None),
            Told::Other => (say.act_other, String::new(), None),
        };
        Self {
            number: row.number,
            kind: row.kind,
            time: row.time,
            case: row.case,
            deed,
            said,
            detail,
        }
    }
}

#[derive(Template)]
#[template(path = "pages/audit.html")]
struct Trail {
    page: Page,
    c: Lens,
    t: &'static ListTexts,
    veiled: bool,
    kinds: &'static [Kind],
    asked: Asked,
    rows: Vec<Line>,
    total: Option<String>,
    next: Option<String>,
}

/// `GET /audit`
pub async fn list(
    State(desk): State<Shared>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    visitor.require(Right::ReadAudit)?;
    let lens = Lens::of(&visitor, desk.now());
    let t = ListTexts::of(visitor.view().language);
    let veil = Veil::of(&visitor, &lens);
    let part = shown::Page {
        rows: ROWS,
        after: cursor(&asked.after),
    };
    let filter = asked.filter();
    let listing = desk
        .readers()
        .ask(move |it| it.audit(&filter, part))
        .await?;
    page::html(&Trail {
        page: visitor.page(t.audit_title),
        veiled: !veil.is_lifted(),
        kinds: KINDS,
        total: Some(super::cases::said(listing.total, &lens)),
        next: listing.next.map(cursor_text),
        rows: listing
            .rows
            .into_iter()
            .map(|row| Line::of(row, &veil, &lens))
            .collect(),
        asked,
        t,
        c: lens,
    })
}
