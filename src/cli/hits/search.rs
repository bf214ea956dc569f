//! `poortwacht hits [FILTER...]`: searches the hits of the record, and follows new ones.
//!
//! Enters: a filter, the store. Leaves: a table, lines or JSON. Never: asks the daemon; it need not
//! run.

use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};

use crate::cli::{Common, record, unwritable};
use crate::daemon::Fault;
use crate::daemon::fault::say;
use crate::store::shown::{HitRow, Page, ROWS_MAX, Total};
use crate::store::{HitFilter, Reader};

/// Time between two looks for new hits.
const LOOK: Duration = Duration::from_millis(300);

/// A search of the record.
#[derive(Args)]
pub struct SearchArgs {
    /// Which hits: `vendor:pimeyes host:app.pimeyes.com age<7d`; docs/filters.md has all fields.
    /// Behind `--` a term may begin with `-`: it must not hold
    #[arg(value_name = "FILTER")]
    terms: Vec<String>,
    /// Go on with new hits as they come, until interrupted
    #[arg(long)]
    follow: bool,
    /// JSON lines, also on a terminal
    #[arg(long)]
    json: bool,
    /// Most hits, the newest ones
    #[arg(long, value_name = "N", default_value_t = 50,
        value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    limit: u32,
    /// The store; without it, the one in the configuration
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// How hits are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Table,
    Lines,
    Json,
}

pub(super) fn run(args: &SearchArgs) -> Result<(), Fault> {
    let filter = HitFilter::parse(&args.terms.join(" ")).map_err(|e| record::filter_fault(&e))?;
    let path = record::store(args.store.as_deref(), &args.common)?;
    let reader = record::open(&path)?;
    let style = match (args.json, io::stdout().is_terminal(), args.follow) {
        (true, ..) => Style::Json,
        (false, true, false) => Style::Table,
        _ => Style::Lines,
    };
    let from = reader.through().map_err(record::unreadable)?;
    let (mut rows, total) = newest(&reader, &filter, args.limit)?;
    if args.follow {
        rows.reverse();
    } else if let Some(more) = beyond(rows.len() as u64, total) {
        say(&more);
    }
    if !write(&rows, style)? || !args.follow {
        return Ok(());
    }
    drop(reader);
    follow(&path, &filter, from, style)
}

/// The newest hits that fit, newest first.
fn newest(reader: &Reader, filter: &HitFilter, limit: u32) -> Result<(Vec<HitRow>, Total), Fault> {
    let now = record::now();
    let mut page = Page {
        rows: limit.min(ROWS_MAX),
        after: None,
    };
    let mut found = reader.hits(filter, page, now).map_err(record::unreadable)?;
    let mut rows = std::mem::take(&mut found.rows);
    while let Some(next) = found.next {
        let left = limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        if left == 0 {
            break;
        }
        page = Page {
            rows: left.min(ROWS_MAX),
            after: Some(next),
        };
        found = reader.hits(filter, page, now).map_err(record::unreadable)?;
        rows.append(&mut found.rows);
    }
    Ok((rows, found.total))
}

/// What is not shown, in words.
fn beyond(shown: u64, total: Total) -> Option<String> {
    let many = match total {
        Total::Exactly(many) if many > shown => many.to_string(),
        Total::MoreThan(many) => format!("more than {many}"),
        Total::Exactly(_) => return None,
    };
    Some(format!("{shown} of {many} hits; --limit shows more"))
}

/// Writes new hits until somebody ends it, or nobody reads any more. A store that was made again
/// is opened again.
fn follow(path: &Path, filter: &HitFilter, mut from: u64, style: Style) -> Result<(), Fault> {
    let file = || path.metadata().map(|meta| meta.ino()).unwrap_or_default();
    let mut open: Option<(u64, Reader)> = None;
    loop {
        let now = file();
        if open.as_ref().is_none_or(|(then, _)| *then != now) {
            open = Some((now, record::open(path)?));
        }
        if let Some((_, reader)) = &open {
            let found = reader.hits_from(filter, from, ROWS_MAX, record::now());
            let (rows, next) = found.map_err(record::unreadable)?;
            from = next;
            if !write(&rows, style)? {
                return Ok(());
            }
        }
        std::thread::sleep(LOOK);
    }
}

/// Writes rows; `false`: nobody reads any more.
fn write(rows: &[HitRow], style: Style) -> Result<bool, Fault> {
    let mut text = String::new();
    match style {
        Style::Table if rows.is_empty() => text.push_str("no hits\n"),
        Style::Table => text = format!("{}\n", table(rows)),
        Style::Lines => {
            for row in rows {
                text.push_str(&columns(row).join("\t"));
                text.push('\n');
            }
        }
        Style::Json => {
            for row in rows {
                // Plain data: it serialises.
                text.push_str(&serde_json::to_string(row).unwrap_or_default());
                text.push('\n');
            }
        }
    }
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(unwritable(&e)),
    }
}

const HEAD: [&str; 12] = [
    "time (UTC)",
    "vendor",
    "name",
    "seen",
    "role",
    "severity",
    "subject",
    "unit",
    "site",
    "point",
    "case",
    "id",
];

fn columns(row: &HitRow) -> [String; 12] {
    let some = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    [
        row.time.to_string(),
        row.vendor.clone(),
        row.name.clone(),
        row.seen.clone(),
        row.role.clone(),
        row.severity.clone(),
        row.subject.to_string(),
        some(&row.unit),
        some(&row.site),
        row.point.clone(),
        some(&row.case),
        row.id.clone(),
    ]
}

fn table(rows: &[HitRow]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(HEAD.map(|head| Cell::new(head).add_attribute(Attribute::Bold)));
    for row in rows {
        let mut cells = columns(row);
        let [time, _, _, _, _, _, subject, ..] = &mut cells;
        *time = record::seconds(time);
        *subject = record::shortened(subject);
        table.add_row(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shown_is_told() {
        assert_eq!(beyond(50, Total::Exactly(50)), None);
        assert_eq!(
            beyond(50, Total::Exactly(51)).as_deref(),
            Some("50 of 51 hits; --limit shows more")
        );
        assert!(beyond(50, Total::MoreThan(10_000)).is_some_and(|it| it.contains("more than")));
    }
}
