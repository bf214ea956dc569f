//! Questions by JSON: the rows of the pages, page by page with a cursor.
//!
//! Enters: filters, cursors, spans. Leaves: JSON. Never: more rows than [`ROWS_MAX`].

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::problem::Problem;
use crate::base::Timestamp;
use crate::console::pages::audit::{Asked as AuditAsked, Line};
use crate::console::pages::cases::goes_on;
use crate::console::pages::desk::Health;
use crate::console::pages::filterbox::FilterBox;
use crate::console::pages::hits::{cursor, cursor_text};
use crate::console::pages::lens::Lens;
use crate::console::pages::model::{CaseLine, CaseWhole, HitLine, RequestLine};
use crate::console::pages::suppressions::RuleLine;
use crate::console::pages::veil::Veil;
use crate::console::pages::{
    Shared, case as case_page, coverage as coverage_page, hits as hit_pages,
};
use crate::console::{Refusal, Right, Visitor};
use crate::record::{Coverage, Kind};
use crate::store::shown::{CasePage, InboxCounts, Order, Page, Total, VendorSummary};

/// Most rows of one answer.
pub const ROWS_MAX: u32 = 500;
/// Longest span of coverage in one answer, in seconds.
const SPAN_MAX_S: i64 = 400 * 86_400;

/// What is asked of a list.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Asked {
    /// In the language of filters.
    q: String,
    /// Where the last answer ended.
    cursor: String,
    /// How many.
    rows: Option<u32>,
    /// Cases only: `updated`, `opened`, `stage`, `confidence`.
    sort: String,
}

impl Asked {
    fn rows(&self) -> Result<u32, Refusal> {
        let rows = Some(self.rows.unwrap_or(100));
        let rows = rows.filter(|rows| (1..=ROWS_MAX).contains(rows));
        rows.ok_or(Refusal::Malformed)
    }
}

/// A page of a list.
#[derive(Serialize)]
pub struct Listing<T> {
    rows: Vec<T>,
    /// How many there are; of more than can be counted at once the least.
    total: u64,
    /// Is that the whole number?
    total_is_exact: bool,
    /// For the next page; none: this was the last.
    cursor: Option<String>,
}

impl<T> Listing<T> {
    fn of(rows: Vec<T>, total: Total, cursor: Option<String>) -> Json<Self> {
        let (total, total_is_exact) = match total {
            Total::Exactly(total) => (total, true),
            Total::MoreThan(total) => (total, false),
        };
        Json(Self {
            rows,
            total,
            total_is_exact,
            cursor,
        })
    }
}

/// One who asks, with what they may see.
fn eyes(desk: &Shared, visitor: &Visitor, right: Right) -> Result<(Lens, Veil), Refusal> {
    visitor.require(right)?;
    let lens = Lens::of(visitor, desk.now());
    let veil = Veil::of(visitor, &lens);
    Ok((lens, veil))
}

/// `GET /cases`
pub async fn cases(
    State(desk): State<Shared>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Json<Listing<CaseLine>>, Problem> {
    let (lens, veil) = eyes(&desk, &visitor, Right::SeeCases)?;
    let filter = match FilterBox::of_cases(&asked.q, &veil, &lens) {
        (_, Some(filter)) => filter,
        (shown, None) => {
            return Err(shown
                .wrong
                .map_or(Refusal::Malformed.into(), Problem::Filter));
        }
    };
    let skip = match asked.cursor.as_str() {
        "" => 0,
        text => text.parse().map_err(|_| Refusal::Malformed)?,
    };
    let part = CasePage {
        order: match asked.sort.as_str() {
            "" | "updated" => Order::Updated,
            "opened" => Order::Opened,
            "stage" => Order::Stage,
            "confidence" => Order::Confidence,
            _ => return Err(Refusal::Malformed.into()),
        },
        ascending: false,
        rows: asked.rows()?,
        skip,
    };
    let now = desk.now();
    let found = desk
        .readers()
        .ask(move |it| it.cases(&filter, part, now))
        .await?;
    let rows: Vec<CaseLine> = found
        .rows
        .into_iter()
        .map(|row| CaseLine::of(row, &veil))
        .collect();
    let more = goes_on(found.total, skip, rows.len());
    let next = more.then(|| (u64::from(skip) + rows.len() as u64).to_string());
    Ok(Listing::of(rows, found.total, next))
}

/// `GET /cases/{id}`
pub async fn case(
    State(desk): State<Shared>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Json<CaseWhole>, Problem> {
    let (_, veil) = eyes(&desk, &visitor, Right::SeeCases)?;
    let (view, hours) = case_page::read(&desk, &id).await?;
    let case = CaseWhole::of(view, &hours, &desk.terms(), desk.now(), &veil);
    Ok(Json(case))
}

/// `GET /counts`
pub async fn counts(
    State(desk): State<Shared>,
    visitor: Visitor,
) -> Result<Json<InboxCounts>, Problem> {
    eyes(&desk, &visitor, Right::SeeCases)?;
    let now = desk.now();
    Ok(Json(desk.readers().ask(move |it| it.counts(now)).await?))
}

/// `GET /hits`
pub async fn hits(
    State(desk): State<Shared>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Json<Listing<HitLine>>, Problem> {
    let (lens, veil) = eyes(&desk, &visitor, Right::SeeCases)?;
    let filter = match FilterBox::of_hits(&asked.q, &veil, &lens) {
        (_, Some(filter)) => filter,
        (shown, None) => {
            return Err(shown
                .wrong
                .map_or(Refusal::Malformed.into(), Problem::Filter));
        }
    };
    let now = desk.now();
    let part = page(&asked)?;
    let found = desk
        .readers()
        .ask(move |it| it.hits(&filter, part, now))
        .await?;
    let rows = found
        .rows
        .into_iter()
        .map(|row| HitLine::of(row, &veil))
        .collect();
    Ok(Listing::of(rows, found.total, found.next.map(cursor_text)))
}

fn page(asked: &Asked) -> Result<Page, Refusal> {
    let after = match asked.cursor.as_str() {
        "" => None,
        text => Some(cursor(text).ok_or(Refusal::Malformed)?),
    };
    Ok(Page {
        rows: asked.rows()?,
        after,
    })
}

/// `GET /hits/{id}`
pub async fn hit(
    State(desk): State<Shared>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Json<HitLine>, Problem> {
    let (_, veil) = eyes(&desk, &visitor, Right::SeeCases)?;
    let row = hit_pages::read(&desk, id).await?;
    Ok(Json(HitLine::of(row, &veil)))
}

/// A span of time, RFC 3339.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Span {
    from: Option<String>,
    until: Option<String>,
}

/// `GET /coverage`: hours of coverage, on monitored networks; the last week unless asked otherwise.
pub async fn coverage(
    State(desk): State<Shared>,
    visitor: Visitor,
    Query(span): Query<Span>,
) -> Result<Json<Vec<Coverage>>, Problem> {
    eyes(&desk, &visitor, Right::SeeCases)?;
    let seconds = |text: Option<&str>, other: i64| match text {
        None => Ok(other),
        Some(text) => {
            let read = text.parse::<jiff::Timestamp>();
            read.map(|it| it.as_second())
                .map_err(|_| Refusal::Malformed)
        }
    };
    let Timestamp(now) = desk.now();
    let until = seconds(span.until.as_deref(), now / 1_000_000_000)?;
    let from = seconds(span.from.as_deref(), until - 7 * 86_400)?;
    if !(0..=SPAN_MAX_S).contains(&until.saturating_sub(from)) {
        return Err(Problem::Unfit(
            "from lies before until, by 400 days at most".into(),
        ));
    }
    Ok(Json(coverage_page::read(&desk, from, until).await?))
}

/// `GET /vendors`
pub async fn vendors(
    State(desk): State<Shared>,
    visitor: Visitor,
) -> Result<Json<Vec<Value>>, Problem> {
    eyes(&desk, &visitor, Right::SeeCases)?;
    let seen = desk.readers().ask(crate::store::Reader::vendors).await?;
    let catalogue = desk.catalogue();
    let rows = catalogue
        .vendors()
        .iter()
        .map(|it| vendor_json(it, &seen, false));
    Ok(Json(rows.collect()))
}

/// `GET /vendors/{id}`
pub async fn vendor(
    State(desk): State<Shared>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    eyes(&desk, &visitor, Right::SeeCases)?;
    let seen = desk.readers().ask(crate::store::Reader::vendors).await?;
    let catalogue = desk.catalogue();
    let vendor = catalogue.vendor(&id).ok_or(Refusal::NotFound)?;
    Ok(Json(vendor_json(vendor, &seen, true)))
}

fn vendor_json(vendor: &crate::blocklist::Vendor, seen: &[VendorSummary], whole: bool) -> Value {
    let seen = seen.iter().find(|it| it.vendor == vendor.id);
    let proof = vendor.proof();
    let mut row = json!({
        "id": vendor.id,
        "name": vendor.name,
        "category": vendor.category.label(),
        "highest_provable_stage": proof.highest().label(),
        "cases": seen.map_or(0, |it| it.cases),
        "open": seen.map_or(0, |it| it.open),
        "hits": seen.map_or(0, |it| it.hits),
    });
    if whole {
        row["aliases"] = json!(vendor.aliases);
        row["legal_entity"] = json!(vendor.legal_entity);
        row["country"] = json!(vendor.country);
        row["sources"] = json!(vendor.sources);
        row["proof"] = json!(proof);
        row["hosts"] = json!(vendor.hosts);
        let relations = vendor.relations.iter();
        let relations = relations.map(|it| json!({ "serves": it.serves, "what": it.what }));
        row["relations"] = relations.collect();
    }
    row
}

/// `GET /register`
pub async fn register(
    State(desk): State<Shared>,
    visitor: Visitor,
) -> Result<Json<Vec<Value>>, Problem> {
    let (_, veil) = eyes(&desk, &visitor, Right::SeeCases)?;
    let organisation = desk.organisation();
    let rows = organisation.register().iter().map(|entry| {
        json!({
            "reference": entry.reference,
            "vendor": entry.vendor,
            "owner": veil.hide(Some(&entry.owner)),
            "purpose": entry.purpose,
            "legal_basis": entry.legal_basis,
            "review": entry.review,
            "impact_assessment": entry.impact_assessment,
            "hosts": entry.hosts,
            "units": entry.units,
            "networks": entry.networks.len(),
            "subjects": entry.subjects.len(),
            "valid_from": entry.valid_from.to_string(),
            "valid_to": entry.valid_to.to_string(),
        })
    });
    Ok(Json(rows.collect()))
}

/// `GET /suppressions`
pub async fn suppressions(
    State(desk): State<Shared>,
    visitor: Visitor,
) -> Result<Json<Vec<RuleLine>>, Problem> {
    let (_, veil) = eyes(&desk, &visitor, Right::SeeCases)?;
    let now = desk.now();
    let found = desk.readers().ask(move |it| it.suppressions(now)).await?;
    Ok(Json(
        found
            .into_iter()
            .map(|it| RuleLine::of(it, &veil))
            .collect(),
    ))
}

/// `GET /requests`
pub async fn requests(
    State(desk): State<Shared>,
    visitor: Visitor,
) -> Result<Json<Vec<RequestLine>>, Problem> {
    let (lens, veil) = eyes(&desk, &visitor, Right::SeeCases)?;
    let found = desk.readers().ask(|it| it.requests(false)).await?;
    let terms = desk.terms();
    let rows = found
        .into_iter()
        .map(|it| RequestLine::of(it, &terms, lens.now(), &veil));
    Ok(Json(rows.collect()))
}

/// What is asked of the trail.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrailAsked {
    kind: String,
    by: String,
    case: String,
    cursor: String,
    rows: Option<u32>,
}

/// `GET /audit`
pub async fn audit(
    State(desk): State<Shared>,
    visitor: Visitor,
    Query(asked): Query<TrailAsked>,
) -> Result<Json<Listing<Line>>, Problem> {
    let (lens, veil) = eyes(&desk, &visitor, Right::ReadAudit)?;
    let part = page(&Asked {
        cursor: asked.cursor,
        rows: asked.rows,
        ..Asked::default()
    })?;
    // All entries instead of those of a kind that is none would be a wrong answer.
    if !asked.kind.is_empty() && Kind::of(&asked.kind).is_none() {
        return Err(Refusal::Malformed.into());
    }
    let filter = AuditAsked {
        kind: asked.kind,
        by: asked.by,
        case: asked.case,
        after: String::new(),
    };
    let filter = filter.filter();
    let found = desk
        .readers()
        .ask(move |it| it.audit(&filter, part))
        .await?;
    let rows = found
        .rows
        .into_iter()
        .map(|row| Line::of(row, &veil, &lens))
        .collect();
    Ok(Listing::of(rows, found.total, found.next.map(cursor_text)))
}

/// `GET /health`
pub async fn health(State(desk): State<Shared>, visitor: Visitor) -> Result<Json<Health>, Problem> {
    eyes(&desk, &visitor, Right::SeeHealth)?;
    Ok(Json(desk.health()))
}
