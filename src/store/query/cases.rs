//! The inbox, a case, suppressions.
//!
//! Enters: a filter, a page, a case's id. Leaves: rows, the whole case. Never: hides a case because
//! a suppression cannot be read.

use rusqlite::types::Value as Bound;
use rusqlite::{Connection, Result};

use super::search::Bounds;
use super::{audit, hits};
use crate::base::Timestamp;
use crate::blocklist::Stage;
use crate::organisation::Standing;
use crate::record::Acted;
use crate::record::act::Act;
use crate::store::filter::sql::{self, Condition};
use crate::store::filter::{CaseFilter, HitFilter};
use crate::store::shown::{
    Approval, CasePage, CaseRow, CaseView, Done, InboxCounts, Listing, Order, Page, ROWS_MAX,
    Suppression, Total,
};
use crate::store::triage::{self, STATE};
use crate::store::written::{self, HEAD, json, label};

/// Suppressions that are applied at a time, the newest ones: a bound on what a statement can hold.
const IN_FORCE_MAX: usize = 200;

/// Suppressions in force, as conditions.
struct InForce {
    rules: Vec<(String, Condition)>,
}

impl InForce {
    fn at(db: &Connection, now: Timestamp) -> Result<Self> {
        let never = Condition {
            sql: "0".into(),
            bound: Vec::new(),
        };
        let rules = suppressions(db, now)?
            .into_iter()
            .filter(|it| it.in_force)
            .filter_map(|it| Some((it.rule, CaseFilter::parse(&it.filter).ok()?)))
            .take(IN_FORCE_MAX)
            .map(|(rule, filter)| (rule, sql::cases(&filter, now, &never)))
            .collect();
        Ok(Self { rules })
    }

    /// Is a case under one of them?
    fn any(&self) -> Condition {
        let each = self.rules.iter().map(|(_, condition)| condition.clone());
        Condition::several(" OR ", each, "0")
    }
}

pub fn list(
    db: &Connection,
    filter: &CaseFilter,
    page: CasePage,
    now: Timestamp,
) -> Result<Listing<CaseRow>> {
    let in_force = InForce::at(db, now)?;
    let condition = sql::cases(filter, now, &in_force.any());
    let total: i64 = db
        .prepare_cached(&format!(
            "SELECT count(*) FROM cases c JOIN heads h ON h.number = c.head WHERE {}",
            condition.sql
        ))?
        .query_row(rusqlite::params_from_iter(&condition.bound), |row| {
            row.get(0)
        })?;
    let rows = select(db, &in_force, &condition, page)?;
    let shown = u64::from(page.skip) + rows.len() as u64;
    let total = total.unsigned_abs();
    let next = rows
        .last()
        .filter(|_| shown < total)
        .map(|last| crate::store::shown::Cursor {
            time: last.head.updated.nanos(),
            number: shown,
        });
    Ok(Listing {
        rows,
        total: Total::Exactly(total),
        next,
    })
}

/// Rows of cases that fit, with the suppressions that each falls under.
fn select(
    db: &Connection,
    in_force: &InForce,
    condition: &Condition,
    page: CasePage,
) -> Result<Vec<CaseRow>> {
    let mut columns = format!("{HEAD}, {}", triage::columns());
    let mut bound: Vec<Bound> = Vec::new();
    for (_, rule) in &in_force.rules {
        columns.push_str(", ");
        columns.push_str(&rule.sql);
        bound.extend(rule.bound.iter().cloned());
    }
    let way = if page.ascending { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT {columns} FROM cases c JOIN heads h ON h.number = c.head WHERE {}
         ORDER BY {}, c.case_id LIMIT ? OFFSET ?",
        condition.sql,
        order(page.order, way)
    );
    bound.extend(condition.bound.iter().cloned());
    bound.push(Bound::from(page.rows.min(ROWS_MAX)));
    bound.push(Bound::from(page.skip));
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(rusqlite::params_from_iter(bound), |row| {
        let mut suppressed = Vec::new();
        for (at, (rule, _)) in in_force.rules.iter().enumerate() {
            if row.get(FIRST_RULE + at)? {
                suppressed.push(rule.clone());
            }
        }
        Ok(CaseRow {
            head: written::read_head(row)?,
            triage: triage::read(row, FIRST_RULE - TRIAGE_COLUMNS)?,
            suppressed,
        })
    })?;
    rows.collect()
}

/// Columns of [`triage::columns`].
const TRIAGE_COLUMNS: usize = 5;
/// Where the columns of the suppressions begin.
const FIRST_RULE: usize = written::HEAD_COLUMNS + TRIAGE_COLUMNS;

fn order(order: Order, way: &str) -> String {
    match order {
        Order::Updated => format!("h.updated {way}"),
        Order::Opened => format!("h.opened {way}"),
        Order::Confidence => format!("h.confidence {way}, h.updated {way}"),
        Order::Stage => {
            let ranks: Vec<String> = Stage::ALL
                .iter()
                .map(|stage| format!("WHEN '{}' THEN {}", stage.label(), stage.index()))
                .collect();
            format!(
                "CASE h.stage {} END {way}, h.confidence {way}, h.updated {way}",
                ranks.join(" ")
            )
        }
    }
}

pub fn whole(db: &Connection, id: &str, now: Timestamp) -> Result<Option<CaseView>> {
    let in_force = InForce::at(db, now)?;
    let this = Condition {
        sql: "c.case_id = ?".into(),
        bound: vec![Bound::Text(id.to_owned())],
    };
    let rows = select(db, &in_force, &this, CasePage::default())?;
    let Some(row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let page = Page {
        rows: ROWS_MAX,
        after: None,
    };
    let its_hits = hits::list(db, &HitFilter::of_case(id), page, now, Bounds::USUAL)?;
    Ok(Some(CaseView {
        row,
        evidence: written::items(db, id)?,
        steps: written::steps(db, id)?,
        attribution: written::attributions(db, id)?,
        hits: its_hits.rows,
        hits_total: its_hits.total,
        alerts: alerts(db, id)?,
        history: history(db, id)?,
        requests: audit::requests(db, Some(id), false)?,
    }))
}

fn alerts(db: &Connection, id: &str) -> Result<Vec<crate::cases::Alert>> {
    let mut found =
        db.prepare_cached("SELECT alert FROM alerts WHERE case_id = ?1 ORDER BY number")?;
    let alerts = found.query_map([id], |row| json(row, 0))?;
    alerts.collect()
}

fn history(db: &Connection, id: &str) -> Result<Vec<Done>> {
    let mut found = db.prepare_cached(
        "SELECT number, time, acted FROM acts WHERE case_id = ?1 ORDER BY number",
    )?;
    let acts = found.query_map([id], |row| {
        Ok(Done {
            number: row.get::<_, i64>(0)?.cast_unsigned(),
            time: Timestamp(row.get(1)?),
            acted: json(row, 2)?,
        })
    })?;
    acts.collect()
}

pub fn suppressions(db: &Connection, now: Timestamp) -> Result<Vec<Suppression>> {
    let mut found = db.prepare_cached(
        "SELECT time, acted FROM acts WHERE act IN ('suppress', 'unsuppress') ORDER BY number",
    )?;
    let mut rows = found.query([])?;
    let mut all: Vec<Suppression> = Vec::new();
    while let Some(row) = rows.next()? {
        let time = Timestamp(row.get(0)?);
        let acted: Acted = json(row, 1)?;
        let by = acted.by.name;
        match acted.act {
            Act::Suppress {
                rule,
                filter,
                reason,
                until,
            } => {
                let until = Timestamp(until.saturating_mul(1_000_000_000));
                let broken = CaseFilter::parse(&filter)
                    .map_err(|e| e.to_string())
                    .and_then(|filter| filter.may_suppress())
                    .err();
                all.push(Suppression {
                    rule,
                    filter,
                    reason,
                    by,
                    time,
                    until,
                    lifted: None,
                    in_force: until > now && broken.is_none(),
                    broken,
                });
            }
            Act::Unsuppress { rule, reason } => {
                let meant = all.iter_mut().filter(|it| it.rule == rule);
                for it in meant.filter(|it| it.lifted.is_none()) {
                    it.in_force = false;
                    it.lifted = Some(Approval {
                        by: by.clone(),
                        time,
                        note: reason.clone(),
                    });
                }
            }
            _ => {}
        }
    }
    all.reverse();
    Ok(all)
}

pub fn counts(db: &Connection, now: Timestamp) -> Result<InboxCounts> {
    let suppressed = InForce::at(db, now)?.any();
    let sql = format!(
        "SELECT {STATE}, {}, c.held_until > ?, h.stage, h.standing, c.assignee, count(*)
         FROM cases c JOIN heads h ON h.number = c.head GROUP BY 1, 2, 3, 4, 5, 6",
        suppressed.sql
    );
    let mut bound = suppressed.bound;
    bound.push(Bound::Integer(now.nanos()));
    let mut counts = InboxCounts {
        stages: Stage::ALL.iter().map(|stage| (*stage, 0)).collect(),
        standings: Standing::ALL.iter().map(|it| (*it, 0)).collect(),
        ..InboxCounts::default()
    };
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(bound))?;
    while let Some(row) = rows.next()? {
        let state = label(row, 0, triage::State::ALL, triage::State::label)?;
        let (suppressed, held): (bool, bool) = (row.get(1)?, row.get(2)?);
        let count = row.get::<_, i64>(6)?.unsigned_abs();
        counts.cases += count;
        counts.held += if held { count } else { 0 };
        if state == triage::State::Closed {
            counts.closed += count;
        } else if suppressed {
            counts.suppressed += count;
        } else {
            let stage = label(row, 3, Stage::ALL, Stage::label)?;
            let standing = label(row, 4, Standing::ALL, Standing::label)?;
            counts.to_do += count;
            counts.new += if state == triage::State::New {
                count
            } else {
                0
            };
            add(&mut counts.stages, stage, count);
            add(&mut counts.standings, standing, count);
            add(&mut counts.assignees, row.get(5)?, count);
        }
    }
    counts.assignees.sort();
    counts.requests = audit::requests(db, None, true)?.len() as u64;
    Ok(counts)
}

fn add<K: PartialEq>(all: &mut Vec<(K, u64)>, key: K, count: u64) {
    match all.iter_mut().find(|(it, _)| *it == key) {
        Some((_, sum)) => *sum += count,
        None => all.push((key, count)),
    }
}
