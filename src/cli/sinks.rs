//! `poortwacht sinks list | test | dead | replay`: where alerts go, and what did not get there.
//!
//! Enters: the configuration, the outbox's folder. Leaves: tables, test messages, letters moved to be
//! sent again. Never: takes the outbox's lock: the daemon goes on beside it.

use std::fmt::Write;
use std::io::{self, IsTerminal};

use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::Common;
use crate::alerts::sinks::{SinkSettings, Tested, test, test_alertmanager};
use crate::alerts::{self, Letter};
use crate::config::Config;
use crate::daemon::{Exit, Fault};

const ALERTMANAGER: &str = "alertmanager";

/// Show where alerts go, test it, and send again what was refused.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht sinks list --config /etc/poortwacht/poortwacht.toml
  poortwacht sinks test                              a marked test to each sink
  poortwacht sinks test soc-syslog --json
  poortwacht sinks dead                              what was refused, with the answer
  poortwacht sinks replay soc-hook                   all letters of one sink
  poortwacht sinks replay soc-hook alert-0123456789abcdef

A sink takes a letter that is replayed within seconds, Alertmanager within its repost_seconds, when
the daemon runs; else at its next start. docs/sinks.md tells more.")]
pub struct SinksArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Each sink with what waits for it
    List {
        #[command(flatten)]
        shown: Shown,
    },
    /// Send a marked test message and say what happened
    Test {
        /// Sinks to test; without any, all
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        shown: Shown,
    },
    /// Alerts that a sink will never take, with its answer
    Dead {
        /// Sinks; without any, all
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        shown: Shown,
    },
    /// Send dead letters again
    Replay {
        /// The sink
        #[arg(value_name = "NAME")]
        name: String,
        /// Ids of alerts; without any, all letters of the sink
        #[arg(value_name = "ID")]
        ids: Vec<String>,
        #[command(flatten)]
        shown: Shown,
    },
}

#[derive(Args)]
struct Shown {
    #[command(flatten)]
    common: Common,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// A line of the list.
#[derive(Serialize)]
struct Listed {
    name: String,
    kind: &'static str,
    form: &'static str,
    address: String,
    severity: &'static str,
    waiting: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest: Option<String>,
    dead: u64,
}

pub(super) fn run(args: &SinksArgs) -> Result<(), Fault> {
    match &args.what {
        What::List { shown } => list(&shown.common.load()?, shown.json),
        What::Test { names, shown } => try_out(&shown.common.load()?, names, shown.json),
        What::Dead { names, shown } => dead(&shown.common.load()?, names, shown.json),
        What::Replay { name, ids, shown } => replay(&shown.common.load()?, name, ids, shown.json),
    }
}

fn list(config: &Config, json: bool) -> Result<(), Fault> {
    let looked = alerts::look(&config.alerts.folder, &config.sinks);
    let looked = looked.map_err(|why| Fault::new(Exit::Input, why))?;
    let mut rows = Vec::new();
    for standing in looked {
        let sink = config.sinks.iter().find(|it| it.name == standing.name);
        if sink.is_none() && !config.alerts.alertmanager.is_on() && standing.dead == 0 {
            continue;
        }
        let url = &config.alerts.alertmanager.url;
        rows.push(Listed {
            kind: sink.map_or(ALERTMANAGER, |it| it.kind.label()),
            form: sink.map_or("api-v2", |it| it.form().label()),
            address: sink.map_or(url, |it| &it.address).clone(),
            severity: sink.map_or("info", |it| it.severity.label()),
            name: standing.name,
            waiting: standing.waiting,
            oldest: standing.oldest,
            dead: standing.dead,
        });
    }
    if rows.is_empty() && !json {
        return super::print(
            "no sinks: alerts go to the hit log alone; [[sink]] tables and [alerts.alertmanager] \
             name others\n",
        );
    }
    let head = [
        "sink", "kind", "form", "address", "waiting", "oldest", "dead",
    ];
    show(&rows, json, &head, |row| {
        vec![
            row.name.clone(),
            row.kind.into(),
            row.form.into(),
            row.address.clone(),
            row.waiting.to_string(),
            row.oldest.clone().unwrap_or_else(|| "-".into()),
            row.dead.to_string(),
        ]
    })
}

fn try_out(config: &Config, names: &[String], json: bool) -> Result<(), Fault> {
    known(config, names)?;
    let meant = |name: &str| names.is_empty() || names.iter().any(|it| it == name);
    let observer = crate::daemon::desk::observer().name;
    let mut all: Vec<Tested> = Vec::new();
    if config.alerts.alertmanager.is_on() && meant(ALERTMANAGER) {
        all.push(test_alertmanager(&config.alerts.alertmanager, &observer));
    }
    let sinks = config.sinks.iter().filter(|it| meant(&it.name));
    all.extend(sinks.map(|it: &SinkSettings| test(it, &observer)));
    if all.is_empty() {
        let what = "there is no sink to test: [[sink]] tables and [alerts.alertmanager] name them";
        return Err(Fault::new(Exit::No, what));
    }
    show(&all, json, &["sink", "result", "took", "id", "why"], |it| {
        vec![
            it.name.clone(),
            if it.taken { "taken" } else { "failed" }.into(),
            format!("{} ms", it.milliseconds),
            it.id.clone(),
            it.why.clone().unwrap_or_else(|| "-".into()),
        ]
    })?;
    match all.iter().filter(|it| !it.taken).count() {
        0 => Ok(()),
        _ => Err(Fault::told(Exit::No)),
    }
}

fn dead(config: &Config, names: &[String], json: bool) -> Result<(), Fault> {
    let mut letters = read(config)?;
    letters.retain(|it| names.is_empty() || names.contains(&it.sink));
    if letters.is_empty() && !json {
        return super::print("no dead letters\n");
    }
    let head = [
        "sink", "refused", "id", "case", "vendor", "stage", "kind", "answer",
    ];
    show(&letters, json, &head, |it| {
        vec![
            it.sink.clone(),
            it.refused.clone(),
            it.id.clone(),
            it.case.clone(),
            it.vendor.clone(),
            it.stage.label().into(),
            it.kind.to_string(),
            format!("{} {}", it.status, it.answer),
        ]
    })
}

fn replay(config: &Config, name: &str, ids: &[String], json: bool) -> Result<(), Fault> {
    let folder = &config.alerts.folder;
    let letters = read(config)?;
    let of_sink: Vec<&Letter> = letters.iter().filter(|it| it.sink == name).collect();
    if let Some(id) = ids.iter().find(|id| of_sink.iter().all(|it| it.id != **id)) {
        let what = format!("no dead letter {id:?} of {name:?}; `poortwacht sinks dead` lists them");
        return Err(Fault::new(Exit::No, what));
    }
    known(config, &[name.to_owned()])?;
    let mut moved = 0;
    for letter in of_sink {
        let meant = ids.is_empty() || ids.contains(&letter.id);
        if meant && alerts::replay(folder, letter).map_err(|why| Fault::new(Exit::Output, why))? {
            moved += 1;
        }
    }
    if json {
        let text = serde_json::json!({"sink": name, "replayed": moved});
        return super::print(&format!("{text}\n"));
    }
    let said = super::counted(moved, "letter");
    super::print(&format!("{said} of {name} will be sent again\n"))
}

fn read(config: &Config) -> Result<Vec<Letter>, Fault> {
    alerts::letters(&config.alerts.folder).map_err(|why| Fault::new(Exit::Input, why))
}

/// Refuses names of sinks that there are not.
fn known(config: &Config, names: &[String]) -> Result<(), Fault> {
    let on = config.alerts.alertmanager.is_on();
    let mut there: Vec<&str> = config.sinks.iter().map(|it| it.name.as_str()).collect();
    there.extend(on.then_some(ALERTMANAGER));
    match names.iter().find(|name| !there.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Fault::new(
            Exit::No,
            format!(
                "no sink {name:?} in the configuration; there are: {}",
                there.join(", ")
            ),
        )),
    }
}

/// JSON lines, a table on a terminal, or lines with tabs in a pipe.
fn show<T: Serialize>(
    rows: &[T],
    json: bool,
    head: &[&str],
    cells: impl Fn(&T) -> Vec<String>,
) -> Result<(), Fault> {
    let mut out = String::new();
    if json {
        for row in rows {
            let _ = writeln!(out, "{}", serde_json::to_string(row).unwrap_or_default());
        }
    } else if io::stdout().is_terminal() {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(head);
        for row in rows {
            table.add_row(cells(row));
        }
        let _ = writeln!(out, "{table}");
    } else {
        for row in rows {
            let _ = writeln!(out, "{}", cells(row).join("\t"));
        }
    }
    super::print(&out)
}
