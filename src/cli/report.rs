//! What `read` prints: hits as table or JSON, names as TSV or JSON, and the summary at the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::base::{Outcome, Seen};
use crate::decode;
use crate::event::{HitRule, ListInfo, LocalNames, Stats};
use crate::hits::Record;
use crate::names;
use crate::sensor::NameLine;

/// Rows of the table that are kept; beyond, only counted.
const ROWS_MAX: usize = 5_000;

/// The shape of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Hits as a table.
    Table,
    /// Hits as JSON lines.
    Json,
    /// Names as TSV under a header line.
    Names,
    /// Names as JSON lines.
    NamesJson,
}

/// Prints in one [`Style`].
pub struct Printer<W: Write> {
    style: Style,
    out: W,
    table: Table,
    rows: usize,
}

#[derive(Serialize)]
struct NameJson<'a> {
    frame: u64,
    time: String,
    source: String,
    source_port: u16,
    destination: String,
    destination_port: u16,
    transport: &'static str,
    seen: Seen,
    name: &'a str,
}

impl<W: Write> Printer<W> {
    /// A printer to `out`.
    pub fn new(style: Style, out: W) -> Self {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        let head = [
            "time", "client", "name", "seen", "vendor", "role", "severity", "repeats",
        ];
        table.set_header(head.map(|h| Cell::new(h).add_attribute(Attribute::Bold)));
        Self {
            style,
            out,
            table,
            rows: 0,
        }
    }

    /// What stands above everything.
    pub fn head(&mut self) -> io::Result<()> {
        match self.style {
            Style::Names => writeln!(self.out, "frame\ttime\tsource\tdestination\tseen\tname"),
            Style::Table | Style::Json | Style::NamesJson => Ok(()),
        }
    }

    /// One record of the hit log.
    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        match self.style {
            Style::Table => {
                self.rows = self.rows.saturating_add(1);
                if self.rows <= ROWS_MAX {
                    self.table.add_row(row(record));
                }
                Ok(())
            }
            Style::Json => self.out.write_all(&record.to_line()),
            Style::Names | Style::NamesJson => Ok(()),
        }
    }

    /// One name.
    pub fn name(&mut self, line: &NameLine<'_>) -> io::Result<()> {
        let ends = &line.ends;
        if self.style == Style::NamesJson {
            let json = NameJson {
                frame: line.frame,
                time: line.time.to_string(),
                source: ends.src.to_string(),
                source_port: ends.sport,
                destination: ends.dst.to_string(),
                destination_port: ends.dport,
                transport: ends.transport.label(),
                seen: line.seen,
                name: line.name,
            };
            serde_json::to_writer(&mut self.out, &json)?;
            return self.out.write_all(b"\n");
        }
        writeln!(
            self.out,
            "{}\t{}\t{}\t{}\t{}\t{}",
            line.frame, line.time, ends.src, ends.dst, line.seen, line.name
        )
    }

    /// The end: the table, if there is one.
    pub fn end(&mut self) -> io::Result<()> {
        if self.style == Style::Table {
            if self.rows == 0 {
                writeln!(self.out, "no hits")?;
            } else {
                writeln!(self.out, "{}", self.table)?;
            }
            if self.rows > ROWS_MAX {
                let more = self.rows.saturating_sub(ROWS_MAX);
                writeln!(self.out, "and {more} more; --json prints them all")?;
            }
        }
        self.out.flush()
    }
}

/// The cells of one record, in the order of the table's head.
pub fn row(record: &Record) -> Vec<Cell> {
    let own = &record.poortwacht;
    let severity = Cell::new(&own.severity).fg(match own.severity.as_str() {
        "high" => comfy_table::Color::Red,
        "medium" => comfy_table::Color::Yellow,
        _ => comfy_table::Color::Reset,
    });
    let repeats = own
        .fold
        .as_ref()
        .map_or(String::new(), |f| f.repeats.to_string());
    vec![
        Cell::new(record.timestamp.get(..19).unwrap_or(&record.timestamp)),
        Cell::new(&record.source.address),
        Cell::new(&own.name),
        Cell::new(&own.seen),
        Cell::new(&own.vendor.name),
        Cell::new(&own.role),
        severity,
        Cell::new(repeats),
    ]
}

/// Hits by vendor, for the summary.
#[derive(Default)]
pub struct Tally {
    by_vendor: BTreeMap<String, u64>,
    total: u64,
}

impl Tally {
    /// Counts one hit.
    pub fn count(&mut self, rule: &HitRule) {
        let n = self.by_vendor.entry(rule.vendor_name.clone()).or_default();
        *n = n.saturating_add(1);
        self.total = self.total.saturating_add(1);
    }
}

/// The summary of a run, a few lines.
pub fn summary(stats: &Stats, tally: &Tally, list: &ListInfo) -> String {
    let mut out = String::new();
    let s = stats;
    // Writing to a String does not fail.
    let _ = writeln!(
        out,
        "frames       {} ({} bytes), excluded {}, cut short {}, not decoded {}",
        s.frames,
        s.wire_bytes,
        s.excluded,
        s.cut_short,
        s.decode_malformed.total()
    );
    line(&mut out, "not decoded", decode::Malformed::ALL, |m| {
        s.decode_malformed.at(m.index())
    });
    line(&mut out, "names", Seen::ALL, |n| s.names.at(n.index()));
    line(&mut out, "local names", LocalNames::ALL, |n| {
        s.local_names.at(n.index())
    });
    line(&mut out, "broken", names::Malformed::ALL, |m| {
        s.names_malformed.at(m.index())
    });
    for (label, base) in [("tcp", 0), ("quic", Outcome::ALL.len())] {
        let of = |o: &Outcome| s.connections.at(base + o.index());
        let total: u64 = Outcome::ALL.iter().map(of).sum();
        if total > 0 {
            let named = of(&Outcome::Named);
            let share = 100.0 * named as f64 / total as f64;
            let _ = write!(out, "{label:<13}{total} connections, {share:.1} % named");
            for outcome in Outcome::ALL
                .iter()
                .filter(|o| **o != Outcome::Named && of(o) > 0)
            {
                let _ = write!(out, ", {outcome} {}", of(outcome));
            }
            out.push('\n');
        }
    }
    let _ = writeln!(
        out,
        "hits         {} (context names {}, allowed {}), list {} with {} rules",
        tally.total,
        s.context.total(),
        s.allowed,
        list.version,
        list.rules
    );
    for (vendor, n) in &tally.by_vendor {
        let _ = writeln!(out, "  {n:>8}  {vendor}");
    }
    out
}

fn line<T: Copy + std::fmt::Display>(
    out: &mut String,
    label: &str,
    all: &[T],
    count: impl Fn(T) -> u64,
) {
    let parts: Vec<String> = all
        .iter()
        .filter(|x| count(**x) > 0)
        .map(|x| format!("{x} {}", count(*x)))
        .collect();
    if !parts.is_empty() {
        let _ = writeln!(out, "{label:<13}{}", parts.join(", "));
    }
}
