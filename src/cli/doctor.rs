//! `poortwacht doctor`: why the monitor is, or would be, blind.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Common, print, unwritable};
use crate::base::Timestamp;
use crate::config::Config;
use crate::daemon::{Exit, Fault, office};
use crate::doctor::gather::{self, Progress, Wishes};
use crate::doctor::judge::{self, Limits};
use crate::doctor::{Finding, Id, Level, Report};

/// Seconds of live traffic when nobody says how many.
const LISTEN_SECONDS: u32 = 5;

/// Find out why the monitor is, or would be, blind: rights, files, kernel, interface, offloads,
/// memory, clock, lists, feeds, and a sample of the traffic.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht doctor --config /etc/poortwacht/poortwacht.toml
  poortwacht doctor --interface eth0 --listen 60     watch a minute of traffic
  poortwacht doctor --read day.pcapng                what a capture says of the place it was made
  poortwacht doctor --listen 0 --json                for a script; exit code 1 on a failure

Of traffic only counts are kept and shown. docs/doctor.md has every finding.")]
pub struct DoctorArgs {
    #[command(flatten)]
    common: Common,
    /// Interface to look at instead of those of the configuration; may be given several times
    #[arg(short, long, value_name = "IF", conflicts_with = "read")]
    interface: Vec<String>,
    /// Look at a capture file instead of this machine; may be given several times
    #[arg(long, value_name = "FILE", conflicts_with = "listen")]
    read: Vec<PathBuf>,
    /// Watch live traffic for so many seconds; 0: do not [default: 5 if it is permitted]
    #[arg(long, value_name = "SECONDS")]
    listen: Option<u32>,
    /// Ask Alertmanager too
    #[arg(long)]
    network: bool,
    /// Warnings count as failures for the exit code
    #[arg(long)]
    strict: bool,
    /// Days after which a list is stale
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    list_days: u32,
    /// Hours after which a feed that says nothing is stale
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    feed_hours: u32,
    /// Show what is well too
    #[arg(short, long)]
    all: bool,
    /// One JSON object with every finding (docs/doctor.schema.json)
    #[arg(long)]
    json: bool,
    /// No progress
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(args: &DoctorArgs) -> Result<(), Fault> {
    let report = if args.read.is_empty() {
        of_machine(args)?
    } else {
        of_files(args)?
    };
    show(args, &report)?;
    if report.is_well(args.strict) {
        Ok(())
    } else {
        Err(Fault::told(Exit::No))
    }
}

/// The sample alone: what the machine is that the file came from is not known.
fn of_files(args: &DoctorArgs) -> Result<Report, Fault> {
    let config = args.common.load()?;
    let mut bar = Bar::new(args, "{bar:30} {percent} % of the files");
    let traffic = gather::read(&config, &args.read, &mut bar);
    bar.0.finish_and_clear();
    let facts = crate::doctor::facts::Facts {
        traffic: Some(traffic?),
        ..Default::default()
    };
    let names = args.read.iter().map(|path| path.display().to_string());
    let findings = judge::judge_sample(&facts, &config);
    Ok(Report::new(time(), names.collect(), 0, findings))
}

fn of_machine(args: &DoctorArgs) -> Result<Report, Fault> {
    let loaded = args.common.load();
    // A configuration that is refused is the first finding; the rest is looked at without it.
    let (mut config, refused) = match loaded {
        Ok(config) => match config.check() {
            Ok(()) => (config, None),
            Err(why) => (config, Some(why)),
        },
        Err(fault) => (Config::default(), Some(fault.message)),
    };
    if !args.interface.is_empty() {
        config.sensor.interfaces.clone_from(&args.interface);
        config.sensor.read.clear();
    }
    let wishes = Wishes {
        listen: Duration::from_secs(args.listen.unwrap_or(LISTEN_SECONDS).into()),
        network: args.network,
    };
    let mut facts = gather::system(&config, wishes);
    facts.config = match (&args.common.config, refused) {
        (Some(path), None) => Some((path.clone(), Ok(()))),
        (Some(path), Some(why)) => Some((path.clone(), Err(why))),
        (None, Some(why)) => Some((PathBuf::new(), Err(why))),
        (None, None) => None,
    };
    let mut extra = Vec::new();
    let mut listened = 0;
    let opens = matches!(facts.process.capture, Some(Ok(())));
    if opens && !wishes.listen.is_zero() {
        let mut bar = Bar::new(args, "{bar:30} watching traffic, {msg} frames");
        let heard = gather::listen(&config, wishes.listen, &mut bar, &mut facts);
        bar.0.finish_and_clear();
        match heard {
            Ok(()) => listened = u32::try_from(wishes.listen.as_secs()).unwrap_or(u32::MAX),
            Err(fault) => extra.push(Finding::new(
                Id::CaptureOpens,
                Level::Failure,
                format!("traffic could not be watched: {fault}"),
                "mend what the message names, and ask again",
            )),
        }
    }
    let limits = Limits {
        list_days: args.list_days,
        feed_hours: args.feed_hours,
    };
    let mut findings = judge::judge(&facts, &config, limits);
    findings.append(&mut extra);
    Ok(Report::new(
        time(),
        config.sensor.interfaces,
        listened,
        findings,
    ))
}

fn time() -> String {
    let now = office::now().nanos().div_euclid(1_000_000_000);
    // Whole seconds: nine zeros say nothing.
    let text = Timestamp::from_secs_nanos(now, 0).to_string();
    text.replace(".000000000", "")
}

/// Progress on standard error, where that is a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new(args: &DoctorArgs, template: &str) -> Self {
        if args.quiet || !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template(template);
        Self(ProgressBar::new(1).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }
}

impl Progress for Bar {
    fn step(&mut self, done: u64, whole: Option<u64>, frames: u64) {
        if let Some(whole) = whole {
            self.0.set_length(whole);
        }
        self.0.set_message(frames.to_string());
        self.0.set_position(done);
    }
}

fn show(args: &DoctorArgs, report: &Report) -> Result<(), Fault> {
    if args.json {
        let text = serde_json::to_string_pretty(report).map_err(|e| unwritable(&e.into()))?;
        return print(&format!("{text}\n"));
    }
    // The worst first; among equals by area.
    let mut shown: Vec<&Finding> = report.findings.iter().collect();
    shown.retain(|it| args.all || it.level > Level::Ok);
    shown.sort_by_key(|it| std::cmp::Reverse(it.level));
    let mut text = if io::stdout().is_terminal() {
        table(&shown)
    } else {
        lines(&shown)
    };
    text.push_str(&summary(report, args.all));
    print(&text)
}

fn summary(report: &Report, all: bool) -> String {
    let count = &report.summary;
    let hint = if all || count.ok == 0 {
        ""
    } else {
        " (--all shows them)"
    };
    format!(
        "failures: {}, warnings: {}, notes: {}, well: {}{hint}\n",
        count.failure, count.warning, count.info, count.ok
    )
}

/// One line each: level, id, subject, what is; what to do.
fn lines(findings: &[&Finding]) -> String {
    let mut text = String::new();
    for it in findings {
        let _ = write!(text, "{} {}", it.level, it.id);
        if !it.subject.is_empty() {
            let _ = write!(text, " [{}]", it.subject);
        }
        let _ = write!(text, ": {}", flat(&it.what));
        if !it.next.is_empty() {
            let _ = write!(text, "; do: {}", flat(&it.next));
        }
        text.push('\n');
    }
    text
}

/// A message of several lines in one.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn table(findings: &[&Finding]) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(
            ["level", "check", "of", "what is, and what to do"]
                .map(|head| Cell::new(head).add_attribute(Attribute::Bold)),
        );
    for it in findings {
        let colour = match it.level {
            Level::Ok => Color::Green,
            Level::Info => Color::Cyan,
            Level::Warning => Color::Yellow,
            Level::Failure => Color::Red,
        };
        let text = if it.next.is_empty() {
            it.what.clone()
        } else {
            format!("{}\n→ {}", it.what, it.next)
        };
        table.add_row([
            Cell::new(it.level.label()).fg(colour),
            Cell::new(it.id.label()),
            Cell::new(&it.subject),
            Cell::new(text),
        ]);
    }
    format!("{table}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let all = vec![
            Finding::ok(Id::Mtu, "its MTU is 1500").about("eth0"),
            Finding::new(Id::InterfaceUp, Level::Failure, "it is\ndown", "raise it").about("eth0"),
            Finding::new(Id::Ebpf, Level::Info, "the kernel has it", ""),
        ];
        Report::new(time(), vec!["eth0".into()], 0, all)
    }

    #[test]
    fn a_line_says_level_check_subject_what_and_what_to_do() {
        let report = report();
        let all: Vec<&Finding> = report.findings.iter().collect();
        assert_eq!(
            lines(&all),
            "info ebpf: the kernel has it\nok mtu [eth0]: its MTU is 1500\n\
             failure interface-up [eth0]: it is down; do: raise it\n"
        );
        assert_eq!(
            summary(&report, false),
            "failures: 1, warnings: 0, notes: 1, well: 1 (--all shows them)\n"
        );
        let table = table(&all);
        assert!(
            table.contains("interface-up") && table.contains("→ raise it"),
            "{table}"
        );
    }

    #[test]
    fn the_time_is_whole_seconds_in_utc() {
        let time = time();
        assert_eq!((time.len(), time.ends_with('Z')), (20, true), "{time}");
    }
}
