//! `poortwacht hits [FILTER...]`: searches the record. `hits list | show ID`: reads the hit log back
//! for a person.

mod search;

use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Common;
use super::report::{Printer, Style};
use super::unwritable;
use crate::base::Seen;
use crate::daemon::{Exit, Fault};
use crate::hits::log::read::Entry;
use crate::hits::{log, show};

/// Search the hits of the record, or look into the hit log.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Examples:
  poortwacht hits vendor:clearview-ai age<7d         search the record, newest first
  poortwacht hits --json -- -unit:IT host:pimeyes.com   terms that must not hold stand behind --
  poortwacht hits --follow severity:high             and go on with new ones as they come
  poortwacht hits list --log hits.jsonl              all hits: a table, or JSON in a pipe
  poortwacht hits show 5f2c9a0e41d7b3c8 --log hits.jsonl   one hit, its DNS message or ClientHello decoded")]
pub struct HitsArgs {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    search: search::SearchArgs,
}

#[derive(Subcommand)]
enum What {
    /// Print every hit of the hit log
    List {
        #[command(flatten)]
        log: LogArgs,
        /// JSON lines, also on a terminal
        #[arg(long)]
        json: bool,
    },
    /// Print one hit of the hit log and decode what carried the name
    Show {
        /// The hit's `event.id`
        id: String,
        #[command(flatten)]
        log: LogArgs,
    },
}

#[derive(Args)]
struct LogArgs {
    #[command(flatten)]
    common: Common,
    /// The hit log; without it, the one in the configuration
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

impl LogArgs {
    fn path(&self) -> Result<PathBuf, Fault> {
        match &self.log {
            Some(path) => Ok(path.clone()),
            None => Ok(self.common.load()?.hits.path),
        }
    }
}

pub(super) fn run(args: &HitsArgs) -> Result<(), Fault> {
    match &args.what {
        Some(What::List { log, json }) => list(&log.path()?, *json),
        Some(What::Show { id, log }) => show_one(&log.path()?, id),
        None => search::run(&args.search),
    }
}

fn unreadable(path: &std::path::Path) -> impl Fn(io::Error) -> Fault {
    move |e| {
        Fault::new(
            Exit::Input,
            format!(
                "cannot read the hit log {}: {e}; name it with --log FILE",
                path.display()
            ),
        )
    }
}

fn list(path: &std::path::Path, json: bool) -> Result<(), Fault> {
    let table = io::stdout().is_terminal() && !json;
    let style = if table { Style::Table } else { Style::Json };
    let out = io::BufWriter::new(io::stdout().lock());
    let mut printer = Printer::new(style, out).with_ids();
    let mut fault = None;
    let tally = log::read::list(path, |record| match printer.record(&record) {
        Ok(()) => ControlFlow::Continue(()),
        Err(e) => {
            fault = Some(e);
            ControlFlow::Break(())
        }
    })
    .map_err(unreadable(path))?;
    match fault.map_or_else(|| printer.end(), Err) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            return Err(unwritable(&e));
        }
        _ => {}
    }
    if tally.unreadable > 0 {
        let next = "is it the hit log? If so, a crash or another program left them there";
        return Err(Fault::new(
            Exit::Input,
            format!(
                "{} lines of {} are no hits, the others were read; {next}",
                tally.unreadable,
                path.display()
            ),
        ));
    }
    Ok(())
}

fn show_one(path: &std::path::Path, id: &str) -> Result<(), Fault> {
    let Some(entry) = log::read::find(path, id).map_err(unreadable(path))? else {
        return Err(Fault::new(
            Exit::No,
            format!(
                "no hit {} in {}; `poortwacht hits list` shows the id of each",
                id.escape_debug(),
                path.display()
            ),
        ));
    };
    let text = serde_json::to_string_pretty(&entry).unwrap_or_default();
    let mut lines = vec![text];
    if let Entry::Hit(record) = &entry {
        let seen = Seen::ALL
            .iter()
            .find(|s| s.label() == record.poortwacht.seen);
        if let (Some(seen), Some(evidence)) = (seen, record.evidence_bytes()) {
            lines.push(String::new());
            lines.push(format!("Evidence ({} bytes):", evidence.len()));
            lines.extend(show::describe(&evidence, *seen));
        }
    }
    lines.push(String::new());
    super::print(&lines.join("\n"))
}
