//! What `read` prints: hits as table or JSON, names as TSV or JSON, and the summary at the end.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::{self, Write};

use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::base::{Outcome, Seen, WayRound};
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
    /// The table has a column with the `event.id`.
    ids: bool,
    out: W,
    rows: Vec<Row>,
    /// Place in `rows` of the hit with this `event.id`.
    by_id: HashMap<String, usize>,
    more: u64,
}

/// A hit as the table shows it.
struct Row {
    id: String,
    time: String,
    client: String,
    name: String,
    seen: String,
    vendor: String,
    role: String,
    severity: String,
    times: u64,
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
        Self {
            style,
            ids: false,
            out,
            rows: Vec::new(),
            by_id: HashMap::new(),
            more: 0,
        }
    }

    /// The same, with the `event.id` of each hit as the last column of the table.
    #[must_use]
    pub fn with_ids(mut self) -> Self {
        self.ids = true;
        self
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
                self.gather(record);
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

    /// A summary of repeats adds to the row of its first hit.
    fn gather(&mut self, record: &Record) {
        let own = &record.poortwacht;
        if let Some(fold) = &own.fold
            && let Some(row) = self
                .by_id
                .get(&fold.first_id)
                .and_then(|i| self.rows.get_mut(*i))
        {
            row.times = row.times.saturating_add(fold.repeats);
            return;
        }
        if self.rows.len() >= ROWS_MAX {
            self.more = self.more.saturating_add(1);
            return;
        }
        self.by_id.insert(record.event.id.clone(), self.rows.len());
        self.rows.push(Row {
            id: record.event.id.clone(),
            time: record
                .timestamp
                .get(..19)
                .unwrap_or(&record.timestamp)
                .replace('T', " "),
            client: short(&record.source.address),
            name: own.name.clone(),
            seen: own.seen.clone(),
            vendor: own.vendor.name.clone(),
            role: own.role.clone(),
            severity: own.severity.clone(),
            times: own.fold.as_ref().map_or(1, |fold| fold.repeats),
        });
    }

    /// The end: the table, if there is one.
    pub fn end(&mut self) -> io::Result<()> {
        if self.style == Style::Table {
            if self.rows.is_empty() {
                writeln!(self.out, "no hits")?;
            } else {
                writeln!(self.out, "{}", table(&self.rows, self.ids))?;
            }
            if self.more > 0 {
                writeln!(self.out, "and {} more; --json prints them all", self.more)?;
            }
        }
        self.out.flush()
    }
}

fn table(rows: &[Row], ids: bool) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // A narrow terminal folds long lines by itself; names broken into columns cannot be copied.
    table.set_content_arrangement(ContentArrangement::Disabled);
    let mut head = vec![
        "time (UTC)",
        "client",
        "name",
        "seen",
        "vendor",
        "role",
        "severity",
        "times",
    ];
    if ids {
        head.push("id");
    }
    let bold = |head| Cell::new(head).add_attribute(Attribute::Bold);
    table.set_header(head.into_iter().map(bold));
    for row in rows {
        let severity = Cell::new(&row.severity).fg(match row.severity.as_str() {
            "high" => comfy_table::Color::Red,
            "medium" => comfy_table::Color::Yellow,
            _ => comfy_table::Color::Reset,
        });
        let mut cells = vec![
            Cell::new(&row.time),
            Cell::new(&row.client),
            Cell::new(&row.name),
            Cell::new(&row.seen),
            Cell::new(&row.vendor),
            Cell::new(&row.role),
            severity,
            Cell::new(row.times),
        ];
        if ids {
            cells.push(Cell::new(&row.id));
        }
        table.add_row(cells);
    }
    table
}

/// A pseudonym cut to what a person can compare; an address stays whole.
fn short(client: &str) -> String {
    match client.get(..15) {
        Some(head) if client.starts_with("ip-") => format!("{head}…"),
        _ => client.to_owned(),
    }
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
    line(&mut out, "tunnels", decode::Tunnel::ALL, |t| {
        s.tunnels.at(t.index())
    });
    line(&mut out, "names", Seen::ALL, |n| s.names.at(n.index()));
    line(&mut out, "local names", LocalNames::ALL, |n| {
        s.local_names.at(n.index())
    });
    line(&mut out, "ways round", WayRound::ALL, |w| {
        s.ways_round.at(w.index())
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
