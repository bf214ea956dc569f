//! The command line: what a person types, and what they get back.
//!
//! Enters: arguments. Leaves: the wiring called with a checked configuration, an exit code. Never:
//! logic of a stage.

mod cases;
mod configure;
mod console;
mod desk;
mod doctor;
mod evaluate;
mod evidence;
mod hits;
mod init;
mod ledger;
pub mod list;
mod manual;
mod officer;
mod read;
mod rebuild;
mod record;
mod report;
mod simulate;
mod sinks;
mod status;
mod subject;
mod unseal;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;

use crate::config::{Config, Prefilter, Require, Via};
use crate::daemon::{Exit, Fault};

const EXIT_CODES: &str = "\
Exit codes:
  0   done
  1   the answer is no (lint found errors, no such hit, a ledger does not verify, reload refused)
  2   wrong command line
  3   configuration or key file refused
  4   an input file is missing, broken, cut short or of a link type that is not decoded
      (what could be read is out)
  5   a permission is missing
  6   a list is refused
  7   an address or socket cannot be had
  8   an output cannot be written
  9   an interface is missing or failed
  70  one of our own processes ended unexpectedly";

/// Detects use of facial-recognition services in network traffic, by name.
#[derive(Parser)]
#[command(name = "poortwacht", version, about, after_long_help = EXIT_CODES)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(RunArgs),
    Read(read::ReadArgs),
    List(list::ListArgs),
    Hits(hits::HitsArgs),
    Cases(cases::CasesArgs),
    Officer(officer::OfficerArgs),
    Subject(subject::SubjectArgs),
    Unseal(unseal::UnsealArgs),
    Evidence(evidence::EvidenceArgs),
    Verify(ledger::VerifyArgs),
    Prove(ledger::ProveArgs),
    Witness(ledger::WitnessArgs),
    Console(console::ConsoleArgs),
    Config(configure::ConfigArgs),
    Reload(desk::ReloadArgs),
    Status(status::StatusArgs),
    Top(status::TopArgs),
    Init(init::InitArgs),
    Rebuild(rebuild::RebuildArgs),
    Sinks(sinks::SinksArgs),
    Doctor(doctor::DoctorArgs),
    Manual(manual::ManualArgs),
    Simulate(simulate::SimulateArgs),
    #[command(hide = true)]
    Evaluate(evaluate::EvaluateArgs),
    #[command(hide = true)]
    Sensor(SensorArgs),
}

/// Watch interfaces (or replay files) as a daemon: hit log, metrics, health pages.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht run --interface eth0                    watch one interface
  poortwacht run --config /etc/poortwacht/poortwacht.toml
  poortwacht run --read day.pcapng                   replay a file through the whole chain

Signals: SIGHUP reloads the lists and reopens the hit log, SIGTERM and SIGINT end the run after
everything that was captured is written.")]
pub struct RunArgs {
    #[command(flatten)]
    common: Common,
    /// Interface to watch; may be given several times
    #[arg(short, long, value_name = "IF", conflicts_with = "read")]
    interface: Vec<String>,
    /// Capture file to replay instead; may be given several times
    #[arg(long, value_name = "FILE")]
    read: Vec<PathBuf>,
    /// How frames are taken from an interface
    #[arg(long, value_enum)]
    via: Option<Via>,
    /// The most that the kernel may keep back before the ring
    #[arg(long, value_enum)]
    prefilter: Option<Prefilter>,
    /// Refuse to start where this is not in force, rather than take the next best
    #[arg(long, value_enum)]
    require: Option<Require>,
    /// Workers per interface
    #[arg(long, value_name = "N")]
    workers: Option<u16>,
    /// Take frames for other machines too (mirror port)
    #[arg(long)]
    promiscuous: bool,
    /// Address of /metrics and the health pages
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Address of the console; without it, the one in the configuration, which by default is none
    #[arg(long, value_name = "ADDR:PORT")]
    console: Option<SocketAddr>,
    /// The hit log
    #[arg(long, value_name = "FILE")]
    hits: Option<PathBuf>,
    /// Key of the pseudonyms; made if missing
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Control socket for `poortwacht reload`
    #[arg(long, value_name = "FILE")]
    control: Option<PathBuf>,
    /// Folder of the cases, and in it of alerts, ledger, store and the console's accounts
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
}

/// The sensor process: started by `run`, or as a unit of its own that comes to the desk's socket.
#[derive(Args)]
pub struct SensorArgs {
    /// Socket where the desk waits; without it, standard input
    #[arg(long, value_name = "FILE")]
    socket: Option<PathBuf>,
}

/// What several commands share.
#[derive(Args, Default)]
pub struct Common {
    /// Configuration file; without it, the defaults
    #[arg(short, long, value_name = "FILE", env = "POORTWACHT_CONFIG")]
    config: Option<PathBuf>,
    /// Folder of vendor lists; without it, the catalogue inside the program
    #[arg(long, value_name = "DIR")]
    lists: Option<PathBuf>,
    /// Plain list of your own, one name a line; may be given several times
    #[arg(long, value_name = "FILE")]
    user_list: Vec<PathBuf>,
    /// Allow-list
    #[arg(long, value_name = "FILE")]
    allow: Option<PathBuf>,
    /// Prefix to drop before any name is read; may be given several times
    #[arg(long, value_name = "PREFIX")]
    exclude: Vec<IpNet>,
    /// pcap filter expression that narrows what is looked at
    #[arg(id = "capture_filter", long = "filter", value_name = "EXPR")]
    filter: Option<String>,
    /// Map of the organisation and register of authorised systems
    #[arg(long, value_name = "FILE")]
    organisation: Option<PathBuf>,
    /// TOML file with [[feed]] tables, beside those of the configuration
    #[arg(long, value_name = "FILE")]
    feeds: Option<PathBuf>,
}

impl Common {
    /// The file's configuration with the command line on top.
    fn load(&self) -> Result<Config, Fault> {
        let mut config = match &self.config {
            Some(path) => {
                let mut config = Config::load(path).map_err(|e| Fault::new(Exit::Config, e))?;
                if let Some(folder) = path.parent() {
                    config.rebase(folder);
                }
                config
            }
            None => Config::default(),
        };
        if let Some(dir) = &self.lists {
            config.lists.dir.clone_from(dir);
        }
        config.lists.user.extend(self.user_list.iter().cloned());
        if let Some(allow) = &self.allow {
            config.lists.allow.clone_from(allow);
        }
        config.sensor.excluded.extend(&self.exclude);
        if let Some(filter) = &self.filter {
            config.sensor.filter.clone_from(filter);
        }
        if let Some(map) = &self.organisation {
            config.organisation.map.clone_from(map);
        }
        if let Some(path) = &self.feeds {
            let mut more = Config::load(path).map_err(|e| Fault::new(Exit::Config, e))?;
            if let Some(folder) = path.parent() {
                more.rebase(folder);
            }
            config.feeds.append(&mut more.feeds);
        }
        Ok(config)
    }
}

impl RunArgs {
    fn load(&self) -> Result<Config, Fault> {
        let mut config = self.common.load()?;
        let sensor = &mut config.sensor;
        if !self.interface.is_empty() || !self.read.is_empty() {
            sensor.interfaces.clone_from(&self.interface);
            sensor.read.clone_from(&self.read);
        }
        if let Some(via) = self.via {
            sensor.via = via;
        }
        if let Some(prefilter) = self.prefilter {
            sensor.prefilter = prefilter;
        }
        if let Some(require) = self.require {
            sensor.require = require;
        }
        if let Some(workers) = self.workers {
            sensor.workers = workers;
        }
        sensor.promiscuous |= self.promiscuous;
        if let Some(listen) = self.listen {
            config.http.listen = listen;
        }
        if let Some(console) = self.console {
            config.console.listen = console.to_string();
        }
        for (given, key) in [
            (&self.hits, &mut config.hits.path),
            (&self.key, &mut config.privacy.key_file),
            (&self.control, &mut config.control.socket),
            (&self.cases, &mut config.cases.folder),
        ] {
            if let Some(path) = given {
                key.clone_from(path);
            }
        }
        if let Some(folder) = &self.cases {
            config.alerts.folder = folder.join("alerts");
            config.ledger.folder = folder.join("ledger");
            config.ledger.store = folder.join("store.sqlite");
            config.console.folder = folder.join("console");
        }
        config
            .check()
            .and_then(|()| config.check_sources())
            .map_err(|why| Fault::new(Exit::Config, why))?;
        Ok(config)
    }
}

/// `1 rule`, `2 rules`, `2 entries`.
fn counted(count: u64, what: &str) -> String {
    match what.strip_suffix('y') {
        _ if count == 1 => format!("1 {what}"),
        Some(stem) => format!("{count} {stem}ies"),
        None => format!("{count} {what}s"),
    }
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no fault.
fn print(text: &str) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(unwritable(&e)),
        _ => Ok(()),
    }
}

fn unwritable(e: &io::Error) -> Fault {
    let next = "where does it lead: a full disk, a closed terminal?";
    Fault::new(
        Exit::Output,
        format!("cannot write to standard output: {e}; {next}"),
    )
}

/// Parses the arguments and does what they say.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Sensor(args) => return crate::daemon::sensor::main(args.socket.as_deref()),
        Command::List(args) => return list::run(&args),
        Command::Run(args) => args.load().and_then(crate::daemon::run),
        Command::Read(args) => read::run(&args),
        Command::Hits(args) => hits::run(&args),
        Command::Cases(args) => cases::run(&args),
        Command::Officer(args) => officer::run(&args),
        Command::Subject(args) => subject::run(&args),
        Command::Unseal(args) => unseal::run(&args),
        Command::Evidence(args) => evidence::run(&args),
        Command::Verify(args) => ledger::verify(&args),
        Command::Prove(args) => ledger::prove(&args),
        Command::Witness(args) => ledger::witness(&args),
        Command::Config(args) => configure::run(&args),
        Command::Console(args) => console::run(&args),
        Command::Reload(args) => desk::reload(&args),
        Command::Status(args) => status::status(args),
        Command::Top(args) => status::top(args),
        Command::Init(args) => init::run(&args),
        Command::Rebuild(args) => rebuild::run(&args),
        Command::Sinks(args) => sinks::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Manual(args) => manual::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => fault.report(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_example_of_the_help_texts_is_a_command() {
        let mut seen = 0;
        for command in Cli::command().get_subcommands() {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            for line in help.lines().filter(|line| line.contains("  poortwacht ")) {
                seen += 1;
                // What an example does stands off by three spaces.
                let example = line.trim_start().split("   ").next().unwrap_or_default();
                let parsed = Cli::try_parse_from(example.split_whitespace());
                assert!(parsed.is_ok(), "{example}: {}", parsed.err().unwrap());
            }
        }
        assert!(seen >= 12, "{seen}");
    }
}
