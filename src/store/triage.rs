//! Where the work of people on a case stands.
//!
//! Enters: acts in the order of the ledger. Leaves: [`Triage`], and the row of the case. Never:
//! judges whether somebody may.
//!
//! | act | state | else |
//! | --- | --- | --- |
//! | acknowledge | new, reopened -> acknowledged | |
//! | assign to somebody | any open one -> assigned | assignee |
//! | assign to nobody | assigned -> acknowledged | no assignee |
//! | close | closed | verdict |
//! | reopen | closed -> reopened | no verdict |
//! | hold, lift | | held until the latest end of the holds since the last lift |
//!
//! A case that ended by itself (merged, retracted) is closed as long as nobody reopens it.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use serde::Serialize;

use super::written::{json, label};
use crate::base::Timestamp;
use crate::base::seen::closed_set;
use crate::record::Acted;
use crate::record::act::{Act, Verdict};

closed_set! {
    /// Where the work on a case stands.
    State {
        /// Nobody has looked at it.
        New = "new",
        /// Somebody has.
        Acknowledged = "acknowledged",
        /// Somebody has it.
        Assigned = "assigned",
        /// It is closed, by somebody or because it ended.
        Closed = "closed",
        /// It was closed and is looked at again.
        Reopened = "reopened",
    }
}

/// Where the work on a case stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Triage {
    /// State.
    pub state: State,
    /// Of the last act that changed the state: its number in the ledger plus 1; 0 before any. Who
    /// acts says which one they saw, so that the second of two is told.
    pub revision: u64,
    /// Who has it; an account.
    pub assignee: Option<String>,
    /// As what somebody closed it.
    pub verdict: Option<Verdict>,
    /// Retention stands still until then.
    #[serde(serialize_with = "super::shown::rfc3339_maybe")]
    pub held_until: Option<Timestamp>,
}

/// What the acts on a case come to.
struct Folded {
    state: State,
    reopened: bool,
    revision: u64,
    assignee: String,
    verdict: Option<Verdict>,
    held_until: i64,
}

impl Folded {
    const fn new() -> Self {
        Self {
            state: State::New,
            reopened: false,
            revision: 0,
            assignee: String::new(),
            verdict: None,
            held_until: 0,
        }
    }

    fn take(&mut self, number: u64, act: &Act) {
        match act {
            Act::Acknowledge { .. } => {
                if matches!(self.state, State::New | State::Reopened) {
                    self.state = State::Acknowledged;
                }
            }
            Act::Assign { to, .. } => {
                self.assignee = to.clone().unwrap_or_default();
                self.state = match (self.state, to) {
                    (State::Closed, _) => State::Closed,
                    (_, Some(_)) => State::Assigned,
                    (State::Assigned, None) => State::Acknowledged,
                    (other, None) => other,
                };
            }
            Act::Close { verdict, .. } => {
                self.state = State::Closed;
                self.verdict = Some(*verdict);
                self.reopened = false;
            }
            Act::Reopen { .. } => {
                self.state = State::Reopened;
                self.verdict = None;
                self.reopened = true;
            }
            Act::Hold { until, .. } => {
                self.held_until = self.held_until.max(until.saturating_mul(1_000_000_000));
                return;
            }
            Act::LiftHold { .. } => {
                self.held_until = 0;
                return;
            }
            _ => return,
        }
        self.revision = number + 1;
    }
}

/// Makes the row of a case anew from its heads and acts; without any it goes.
pub(super) fn settle(db: &Connection, case: &str) -> Result<()> {
    let mut folded = Folded::new();
    let mut any = false;
    let mut acts =
        db.prepare_cached("SELECT number, acted FROM acts WHERE case_id = ?1 ORDER BY number")?;
    let mut rows = acts.query([case])?;
    while let Some(row) = rows.next()? {
        any = true;
        let acted: Acted = json(row, 1)?;
        folded.take(row.get::<_, i64>(0)?.unsigned_abs(), &acted.act);
    }
    let head = newest_head(db, case)?;
    if head.is_none() && !any {
        db.prepare_cached("DELETE FROM cases WHERE case_id = ?1")?
            .execute([case])?;
        return Ok(());
    }
    db.prepare_cached(
        "INSERT OR REPLACE INTO cases
            (case_id, head, state, reopened, revision, assignee, verdict, held_until, subject)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, (SELECT subject FROM heads WHERE number = ?2))",
    )?
    .execute(params![
        case,
        head,
        folded.state.label(),
        folded.reopened,
        folded.revision.cast_signed(),
        folded.assignee,
        folded.verdict.map_or("", Verdict::label),
        folded.held_until,
    ])?;
    Ok(())
}

/// A head of the case is new: the one of the highest revision holds.
pub(super) fn point_to_head(db: &Connection, case: &str) -> Result<()> {
    let head = newest_head(db, case)?;
    let changed = db
        .prepare_cached(
            "UPDATE cases SET head = ?2, subject = (SELECT subject FROM heads WHERE number = ?2)
             WHERE case_id = ?1",
        )?
        .execute(params![case, head])?;
    if changed == 0 {
        settle(db, case)
    } else {
        Ok(())
    }
}

fn newest_head(db: &Connection, case: &str) -> Result<Option<i64>> {
    db.prepare_cached(
        "SELECT number FROM heads WHERE case_id = ?1 ORDER BY revision DESC, number DESC LIMIT 1",
    )?
    .query_row([case], |row| row.get(0))
    .optional()
}

/// State of a case `c` with its head `h`: an expression, to select, filter and sort by.
pub(super) const STATE: &str =
    "CASE WHEN h.closed IS NOT NULL AND NOT c.reopened THEN 'closed' ELSE c.state END";

/// Columns that [`read`] takes, of a case `c` with its head `h`.
pub(super) fn columns() -> String {
    format!("{STATE}, c.revision, c.assignee, c.verdict, c.held_until")
}

/// Reads [`columns`] from `at` on.
pub(super) fn read(row: &Row<'_>, at: usize) -> Result<Triage> {
    let assignee: String = row.get(at + 2)?;
    let verdict: String = row.get(at + 3)?;
    let held: i64 = row.get(at + 4)?;
    Ok(Triage {
        state: label(row, at, State::ALL, State::label)?,
        revision: row.get::<_, i64>(at + 1)?.cast_unsigned(),
        assignee: (!assignee.is_empty()).then_some(assignee),
        verdict: Verdict::ALL
            .iter()
            .copied()
            .find(|it| it.label() == verdict),
        held_until: (held != 0).then_some(Timestamp(held)),
    })
}

/// Where the work on a case stands.
pub(super) fn of(db: &Connection, case: &str) -> Result<Option<Triage>> {
    let columns = columns();
    db.prepare_cached(&format!(
        "SELECT {columns} FROM cases c JOIN heads h ON h.number = c.head WHERE c.case_id = ?1"
    ))?
    .query_row([case], |row| read(row, 0))
    .optional()
}

/// Name of an act, as it stands in its JSON.
pub(super) const fn name(act: &Act) -> &'static str {
    match act {
        Act::Acknowledge { .. } => "acknowledge",
        Act::Assign { .. } => "assign",
        Act::Comment { .. } => "comment",
        Act::Close { .. } => "close",
        Act::Reopen { .. } => "reopen",
        Act::Suppress { .. } => "suppress",
        Act::Unsuppress { .. } => "unsuppress",
        Act::RequestUnsealing { .. } => "request-unsealing",
        Act::ApproveUnsealing { .. } => "approve-unsealing",
        Act::RefuseUnsealing { .. } => "refuse-unsealing",
        Act::ReleaseUnsealing { .. } => "release-unsealing",
        Act::Hold { .. } => "hold",
        Act::LiftHold { .. } => "lift-hold",
        Act::Export { .. } => "export",
        Act::Erase { .. } => "erase",
        Act::Correct { .. } => "correct",
        Act::Expire { .. } => "expire",
        Act::Account { .. } => "account",
    }
}
