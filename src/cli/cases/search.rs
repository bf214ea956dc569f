//! `cases list` and `show` over the record.
//!
//! Enters: a filter or an id, the store. Leaves: a table, text or JSON. Never: asks the daemon.

use std::fmt::Write as _;
use std::path::Path;

use comfy_table::{ContentArrangement, Table, presets};

use crate::cli::{print, record};
use crate::daemon::fault::say;
use crate::daemon::{Exit, Fault};
use crate::record::{Act, Acted};
use crate::store::CaseFilter;
use crate::store::shown::{CasePage, CaseRow, CaseView, ROWS_MAX, Total};

/// Words of the command line, with what the options stand for.
pub(super) fn filter(
    words: &[String],
    stage: Option<&str>,
    vendor: Option<&str>,
    open: bool,
) -> String {
    let mut words = words.to_vec();
    words.extend(stage.map(|stage| format!("stage:{stage}")));
    words.extend(vendor.map(|vendor| format!("vendor:{vendor}")));
    words.extend(open.then(|| "-state:closed".to_owned()));
    words.join(" ")
}

pub(super) fn list(store: &Path, filter: &str, limit: u32, json: bool) -> Result<(), Fault> {
    let filter = CaseFilter::parse(filter).map_err(|e| record::filter_fault(&e))?;
    let reader = record::open(store)?;
    let now = record::now();
    let mut rows: Vec<CaseRow> = Vec::new();
    let total = loop {
        let skip = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let page = CasePage {
            rows: limit.saturating_sub(skip).min(ROWS_MAX),
            skip,
            ..CasePage::default()
        };
        let found = reader.cases(&filter, page, now);
        let found = found.map_err(record::unreadable)?;
        rows.extend(found.rows);
        if found.next.is_none() || rows.len() >= limit as usize {
            break found.total;
        }
    };
    if let Total::Exactly(total) = total
        && total > rows.len() as u64
    {
        say(&format!(
            "{} of {total} cases; --limit shows more",
            rows.len()
        ));
    }
    if json {
        let lines: String = rows
            .iter()
            // Plain data: it serialises.
            .map(|row| serde_json::to_string(row).unwrap_or_default() + "\n")
            .collect();
        return print(&lines);
    }
    if rows.is_empty() {
        return print("no cases\n");
    }
    print(&format!("{}\n", table(&rows)))
}

fn table(rows: &[CaseRow]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header([
            "case", "vendor", "stage", "standing", "points", "subject", "grade", "unit", "updated",
            "state", "who",
        ]);
    for row in rows {
        let head = &row.head;
        table.add_row([
            head.id.as_str(),
            &head.vendor,
            head.stage.label(),
            head.ruling.standing.label(),
            &head.confidence.to_string(),
            &record::shortened(head.subject.as_str()),
            head.grade.label(),
            head.unit.as_deref().unwrap_or("-"),
            &record::seconds(&head.updated.to_string()),
            &state(row),
            row.triage.assignee.as_deref().unwrap_or("-"),
        ]);
    }
    table
}

fn state(row: &CaseRow) -> String {
    let mut state = row.triage.state.label().to_owned();
    if let Some(verdict) = row.triage.verdict {
        let _ = write!(state, " ({verdict})");
    }
    if !row.suppressed.is_empty() {
        state.push_str(", suppressed");
    }
    if row.triage.held_until.is_some_and(|it| it > record::now()) {
        state.push_str(", held");
    }
    state
}

pub(super) fn show(store: &Path, id: &str, json: bool) -> Result<(), Fault> {
    let reader = record::open(store)?;
    let found = reader.case(id, record::now()).map_err(record::unreadable)?;
    let Some(view) = found else {
        let what = format!(
            "no case {}; `poortwacht cases list` shows the id of each",
            id.escape_debug()
        );
        return Err(Fault::new(Exit::No, what));
    };
    let text = if json {
        serde_json::to_string_pretty(&view).unwrap_or_default()
    } else {
        lines(&view).join("\n")
    };
    print(&format!("{text}\n"))
}

/// A case in lines for people.
fn lines(view: &CaseView) -> Vec<String> {
    let head = &view.row.head;
    let some = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let mut lines = vec![
        format!("{} {} ({})", head.id, head.vendor_name, head.vendor),
        format!(
            "subject {}: {}, grade {}, unit {}, site {}",
            head.subject,
            head.subject_kind,
            head.grade,
            some(&head.unit),
            some(&head.site)
        ),
        format!(
            "stage {}, {} of 100 points, {}: {}",
            head.stage, head.confidence, head.ruling.standing, head.ruling.reason
        ),
        format!("evidence from {} to {}", head.opened, head.updated),
        format!(
            "{}, revision {}, assigned to {}",
            state(&view.row),
            view.row.triage.revision,
            some(&view.row.triage.assignee)
        ),
    ];
    lines.extend(head.closed.iter().map(|why| format!("ended: {why}")));
    lines.extend(view.evidence.iter().map(|it| {
        format!(
            "  {} {} {} {:+} for {}: {}",
            it.number, it.time, it.rule, it.weight, it.stage, it.text
        )
    }));
    lines.extend(view.steps.iter().map(|step| {
        format!(
            "  {} {} with {} of 100 points, by {:?}",
            step.time, step.stage, step.confidence, step.items
        )
    }));
    lines.extend(view.attribution.iter().map(|it| {
        let claim = &it.attribution;
        format!(
            "  {} {}: {}, {}",
            it.time, it.act, claim.subject, claim.reason
        )
    }));
    let many = match view.hits_total {
        Total::Exactly(many) => many.to_string(),
        Total::MoreThan(many) => format!("more than {many}"),
    };
    lines.push(format!(
        "{many} hits; `poortwacht hits case:{}` lists them",
        head.id
    ));
    let history = view.history.iter();
    lines.extend(history.map(|it| format!("  {} {}", it.time, told(&it.acted))));
    lines
}

/// An act in words.
fn told(acted: &Acted) -> String {
    let what = match &acted.act {
        Act::Acknowledge { .. } => "looks at it".to_owned(),
        Act::Assign { to: Some(to), .. } => format!("gave it to {to}"),
        Act::Assign { to: None, .. } => "took it from whoever had it".to_owned(),
        Act::Comment { text, .. } => format!("noted: {text}"),
        Act::Close {
            verdict, reason, ..
        } => format!("closed it as {verdict}: {reason}"),
        Act::Reopen { reason, .. } => format!("reopened it: {reason}"),
        Act::Hold { reason, .. } => format!("put it under a hold: {reason}"),
        Act::LiftHold { reason, .. } => format!("lifted the hold: {reason}"),
        Act::Correct { text, .. } => format!("corrected: {text}"),
        Act::Export { what, reason, .. } => format!("exported {what}: {reason}"),
        Act::RequestUnsealing { reason, .. } => format!("asked for the identity: {reason}"),
        Act::ApproveUnsealing { note, .. } => format!("agreed to the request: {note}"),
        Act::RefuseUnsealing { reason, .. } => format!("refused the request: {reason}"),
        Act::ReleaseUnsealing { .. } => "handed out the sealed records".to_owned(),
        Act::Suppress { .. }
        | Act::Unsuppress { .. }
        | Act::Erase { .. }
        | Act::Expire { .. }
        | Act::Account { .. } => "did something else".to_owned(),
    };
    // Whoever wrote it, it must not steer the terminal.
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let line = format!("{} ({}) {what}", acted.by.name, acted.by.means);
    line.chars().map(plain).collect()
}
