//! Who did what, and what the program did; requests for an identity.
//!
//! Enters: which entries. Leaves: lines, newest first; requests with their approvals. Never: a
//! request as approved because one person agreed twice.

use rusqlite::types::Value as Bound;
use rusqlite::{Connection, Result, Row};

use crate::base::Timestamp;
use crate::record::act::Act;
use crate::record::unsealing::{self, Unsealings, Word};
use crate::record::{Acted, Kind};
use crate::store::apply::HOUR_NS;
use crate::store::shown::{
    Approval, AuditFilter, AuditRow, COUNT_MAX, Cursor, Listing, Page, ROWS_MAX, Request, Told,
    Total,
};
use crate::store::written::json;

/// What the trail shows when no kind is asked for.
const KINDS: [Kind; 9] = [
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

pub fn list(db: &Connection, filter: &AuditFilter, page: Page) -> Result<Listing<AuditRow>> {
    let (condition, bound) = condition(filter);
    let limit = page.rows.min(ROWS_MAX);
    let after = page.after.map_or(i64::MAX, |at| at.number.cast_signed());
    let count = format!("SELECT count(*) FROM (SELECT 1 {condition} LIMIT ?)");
    let most = Bound::Integer((COUNT_MAX + 1).cast_signed());
    let total: i64 = db.prepare_cached(&count)?.query_row(
        rusqlite::params_from_iter(bound.iter().cloned().chain([most])),
        |row| row.get(0),
    )?;
    let sql = format!(
        "SELECT e.number, e.kind, e.hour, e.time, e.case_id, e.deleted, a.acted, h.what
         {condition} AND e.number < ? ORDER BY e.number DESC LIMIT ?"
    );
    let bound = bound
        .into_iter()
        .chain([Bound::Integer(after), Bound::Integer(i64::from(limit) + 1)]);
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows: Vec<AuditRow> = statement
        .query_map(rusqlite::params_from_iter(bound), read)?
        .collect::<Result<_>>()?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|row| Cursor {
        time: row.hour.nanos(),
        number: row.number,
    });
    let total = total.unsigned_abs();
    let total = if total > COUNT_MAX {
        Total::MoreThan(COUNT_MAX)
    } else {
        Total::Exactly(total)
    };
    Ok(Listing { rows, total, next })
}

fn condition(filter: &AuditFilter) -> (String, Vec<Bound>) {
    let kinds: &[Kind] = if filter.kinds.is_empty() {
        &KINDS
    } else {
        &filter.kinds
    };
    let marks = vec!["?"; kinds.len()].join(", ");
    let mut bound: Vec<Bound> = kinds
        .iter()
        .map(|kind| Bound::Text(kind.label().to_owned()))
        .collect();
    let mut sql = format!(
        "FROM entries e LEFT JOIN acts a ON a.number = e.number
         LEFT JOIN happenings h ON h.number = e.number WHERE e.kind IN ({marks})"
    );
    // The index of the others is there for all but hits.
    if !kinds.contains(&Kind::Hit) {
        sql.push_str(" AND e.kind <> 'hit'");
    }
    let mut and = |condition: &str, value: Bound| {
        sql.push_str(condition);
        bound.push(value);
    };
    if let Some(by) = &filter.by {
        and(" AND a.actor = ?", Bound::Text(by.clone()));
    }
    if let Some(case) = &filter.case {
        and(" AND e.case_id = ?", Bound::Text(case.clone()));
    }
    // Of what was deleted the hour is left.
    let time = "ifnull(e.time, e.hour * 3600000000000)";
    if let Some(from) = filter.from {
        and(&format!(" AND {time} >= ?"), Bound::Integer(from.nanos()));
    }
    if let Some(until) = filter.until {
        and(&format!(" AND {time} < ?"), Bound::Integer(until.nanos()));
    }
    (sql, bound)
}

fn read(row: &Row<'_>) -> Result<AuditRow> {
    let kind: String = row.get(1)?;
    let has = |at: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<String>>(at)?.is_some());
    let what = if row.get(5)? {
        Told::Deleted
    } else if has(6)? {
        Told::Act(json(row, 6)?)
    } else if has(7)? {
        match Kind::of(&kind) {
            Some(Kind::List) => Told::List(json(row, 7)?),
            Some(Kind::Life) => Told::Life(json(row, 7)?),
            Some(Kind::Loss) => Told::Loss(json(row, 7)?),
            _ => Told::Other,
        }
    } else {
        Told::Other
    };
    Ok(AuditRow {
        number: row.get::<_, i64>(0)?.cast_unsigned(),
        kind,
        hour: Timestamp(row.get::<_, i64>(2)?.saturating_mul(HOUR_NS)),
        time: row.get::<_, Option<i64>>(3)?.map(Timestamp),
        case: row.get(4)?,
        what,
    })
}

/// Requests, newest first; of one case, or of all; all, or those that wait for a decision or for
/// the release.
pub fn requests(db: &Connection, case: Option<&str>, open: bool) -> Result<Vec<Request>> {
    let mut found = db.prepare_cached(
        "SELECT time, acted FROM acts WHERE act IN ('request-unsealing', 'approve-unsealing',
            'refuse-unsealing', 'release-unsealing') AND (?1 IS NULL OR case_id = ?1)
         ORDER BY number",
    )?;
    let mut rows = found.query([case])?;
    // Taken in as everywhere else that judges requests.
    let (mut all, mut asked) = (Unsealings::default(), Vec::new());
    while let Some(row) = rows.next()? {
        let acted: Acted = json(row, 1)?;
        if let Act::RequestUnsealing { request, .. } = &acted.act
            && all.get(request).is_none()
        {
            asked.push(request.clone());
        }
        all.take(Timestamp(row.get(0)?), &acted);
    }
    let requests = asked.iter().rev().filter_map(|id| all.get(id)).map(shown);
    let waits = |it: &Request| it.refused.is_none() && it.releases.is_empty();
    Ok(requests.filter(|it| !open || waits(it)).collect())
}

fn shown(request: &unsealing::Request) -> Request {
    let word = |it: &Word| Approval {
        by: it.by.clone(),
        time: it.at,
        note: it.text.clone(),
    };
    Request {
        id: request.id.clone(),
        case: request.case.clone(),
        subject: request.subject.clone(),
        by: request.asked.by.clone(),
        time: request.asked.at,
        reason: request.asked.text.clone(),
        approvals: request.approvals.iter().map(word).collect(),
        refused: request.refused.as_ref().map(word),
        releases: request.releases.iter().map(word).collect(),
    }
}
