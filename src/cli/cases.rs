//! `poortwacht cases list | show | ack | assign | note | close | reopen | explain | what-if`, and what
//! `read --cases` prints.
//!
//! Enters: a filter or a case's id. Leaves: cases of the record, or of the journal where there is no
//! record; the daemon's answer to an act. Never: changes a case without the daemon.

mod search;
mod work;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};

use super::{Common, record, unwritable};
use crate::casefile::Casefile;
use crate::cases::{self, Case};
use crate::config::Config;
use crate::daemon::fault::say;
use crate::daemon::replay::{self, Outcome};
use crate::daemon::{Exit, Fault, sources};

/// Look into the cases of a daemon, or try other rules on a capture.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht cases list -- -state:closed stage>=signed-up age<7d   docs/filters.md has all fields
  poortwacht cases show case-5f2c9a0e41d7b3c8        one case with all that belongs to it
  poortwacht cases ack case-5f2c9a0e41d7b3c8         somebody looks at it
  poortwacht cases note case-5f2c9a0e41d7b3c8 spoke with the unit
  poortwacht cases close case-5f2c9a0e41d7b3c8 --as research --why ticket-7
  poortwacht cases explain case-5f2c9a0e41d7b3c8     why: rule, weight, time, line by line
  poortwacht cases what-if --rules rules.toml day.pcapng   what other rules would change")]
pub struct CasesArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Print the cases
    List {
        /// Which: `vendor:pimeyes stage>=signed-up`; behind `--` a term may begin with `-`: it must
        /// not hold
        #[arg(value_name = "FILTER")]
        terms: Vec<String>,
        #[command(flatten)]
        at: At,
        /// Only those of this stage
        #[arg(long)]
        stage: Option<String>,
        /// Only those of this vendor
        #[arg(long)]
        vendor: Option<String>,
        /// Only those that are not closed
        #[arg(long)]
        open: bool,
        /// Most cases, the newest ones; of the record only
        #[arg(long, value_name = "N", default_value_t = 200)]
        limit: u32,
        /// JSON lines, also on a terminal
        #[arg(long)]
        json: bool,
    },
    /// Print one case with all its evidence
    Show {
        /// The case's id
        id: String,
        /// JSON; of the journal it always is
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        at: At,
    },
    /// Say that you look at a case
    Ack(work::Ack),
    /// Give a case to somebody
    Assign(work::Assign),
    /// Add a note to a case
    Note(work::Note),
    /// Look at a closed case again
    Reopen(work::Reopen),
    /// Print the reasoning of one case, line by line
    Explain {
        /// The case's id
        id: String,
        #[command(flatten)]
        at: At,
    },
    /// Close a case of a running daemon; its alerts are resolved
    Close(work::Close),
    /// Judge captures by the rules in force and by other ones, and print what would change
    #[command(name = "what-if")]
    Compare {
        /// The other rules (TOML)
        #[arg(long, value_name = "FILE")]
        rules: PathBuf,
        /// Captures
        #[arg(value_name = "CAPTURE", required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        common: Common,
    },
}

/// Where the cases are.
#[derive(Args)]
struct At {
    #[command(flatten)]
    common: Common,
    /// Folder of the journal of cases, to be read instead of the record
    #[arg(long, value_name = "DIR", conflicts_with = "store")]
    folder: Option<PathBuf>,
    /// The store of the record; without it, the one in the configuration
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
}

impl At {
    /// The store, where it is meant: named, or there.
    fn store(&self) -> Result<Option<PathBuf>, Fault> {
        if self.folder.is_some() {
            return Ok(None);
        }
        let path = record::store(self.store.as_deref(), &self.common)?;
        Ok((self.store.is_some() || path.exists()).then_some(path))
    }

    fn read(&self) -> Result<Vec<Case>, Fault> {
        let folder = match &self.folder {
            Some(folder) => folder.clone(),
            None => self.common.load()?.cases.folder,
        };
        let reading = Casefile::read(&folder).map_err(|why| Fault::new(Exit::Input, why))?;
        if let Some(first) = reading.broken.first() {
            let many = reading.broken.len();
            say(&format!(
                "{many} lines of the journal are no cases, the first is line {first}; the others \
                 were read"
            ));
        }
        Ok(reading.cases)
    }

    fn find(&self, id: &str) -> Result<Case, Fault> {
        let found = self.read()?.into_iter().find(|case| case.id == id);
        found.ok_or_else(|| {
            let what = format!(
                "no case {}; `poortwacht cases list` shows the id of each",
                id.escape_debug()
            );
            Fault::new(Exit::No, what)
        })
    }
}

pub(super) fn run(args: &CasesArgs) -> Result<(), Fault> {
    match &args.what {
        What::List {
            terms,
            at,
            stage,
            vendor,
            open,
            limit,
            json,
        } => {
            let json = *json || !io::stdout().is_terminal();
            if let Some(store) = at.store()? {
                let filter = search::filter(terms, stage.as_deref(), vendor.as_deref(), *open);
                return search::list(&store, &filter, *limit, json);
            }
            if !terms.is_empty() {
                return Err(Fault::new(
                    Exit::Usage,
                    "there is no record to search, only the journal: name its store with --store \
                     FILE, or use --stage, --vendor and --open",
                ));
            }
            let cases = at.read()?.into_iter().filter(|case| {
                stage.as_ref().is_none_or(|s| case.stage.label() == s)
                    && vendor.as_ref().is_none_or(|v| case.vendor == *v)
                    && (!open || case.closed.is_none())
            });
            print(cases, json)
        }
        What::Show { id, json, at } => {
            if let Some(store) = at.store()? {
                return search::show(&store, id, *json);
            }
            let text = serde_json::to_string_pretty(&at.find(id)?).unwrap_or_default();
            super::print(&format!("{text}\n"))
        }
        What::Ack(args) => args.run(),
        What::Assign(args) => args.run(),
        What::Note(args) => args.run(),
        What::Reopen(args) => args.run(),
        What::Close(args) => args.run(),
        What::Explain { id, at } => explain(&at.find(id)?, &at.common.load()?),
        What::Compare {
            rules,
            files,
            common,
        } => what_if(common, rules, files),
    }
}

fn explain(case: &Case, config: &Config) -> Result<(), Fault> {
    let list = sources::catalogue(&config.lists)?;
    let mut text = cases::explain(case, &list).join("\n");
    text.push('\n');
    super::print(&text)
}

/// Prints cases as JSON lines or as a table, eldest first.
pub(super) fn print(cases: impl Iterator<Item = Case>, json: bool) -> Result<(), Fault> {
    let mut cases: Vec<Case> = cases.collect();
    cases.sort_by(|a, b| (a.opened, &a.id).cmp(&(b.opened, &b.id)));
    if json {
        let mut text = Vec::new();
        for case in &cases {
            // Plain data: it serialises.
            let _ = serde_json::to_writer(&mut text, case);
            text.push(b'\n');
        }
        let mut out = io::stdout().lock();
        return match out.write_all(&text).and_then(|()| out.flush()) {
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(unwritable(&e)),
            _ => Ok(()),
        };
    }
    if cases.is_empty() {
        return super::print("no cases\n");
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        // A line that is too long for the terminal wraps there; cells cut letter by letter cannot be
        // read at all.
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header([
            "case", "vendor", "stage", "standing", "points", "subject", "grade", "opened", "state",
        ]);
    for case in &cases {
        let grade = case
            .attribution
            .last()
            .map_or("none", |entry| entry.attribution.grade.label());
        table.add_row([
            case.id.as_str(),
            &case.vendor,
            case.stage.label(),
            case.ruling.standing.label(),
            &case.confidence.to_string(),
            &record::shortened(case.subject.as_str()),
            grade,
            &minutes(&case.opened.to_string()),
            case.closed.as_deref().unwrap_or("open"),
        ]);
    }
    super::print(&format!("{table}\n"))
}

/// `2026-11-22 06:55`, in UTC.
fn minutes(time: &str) -> String {
    time.get(..16).unwrap_or(time).replace('T', " ")
}

fn what_if(common: &Common, rules: &Path, files: &[PathBuf]) -> Result<(), Fault> {
    let mut config = common.load()?;
    let key = super::read::key(&config, common)?;
    let now = replay::cases(&config, files, &key)?;
    rules.clone_into(&mut config.cases.rules);
    let then = replay::cases(&config, files, &key)?;
    let (a, b) = (in_order(&now), in_order(&then));
    let changes = cases::compare(&a, &b);
    let text = if changes.is_empty() {
        "nothing would change\n".to_owned()
    } else {
        format!("{}\n", changes.join("\n"))
    };
    super::print(&text)?;
    replay::judge(&now)
}

fn in_order(outcome: &Outcome) -> Vec<Case> {
    let mut cases: Vec<Case> = outcome.cases.values().cloned().collect();
    cases.sort_by(|a, b| (a.opened, &a.vendor).cmp(&(b.opened, &b.vendor)));
    cases
}
