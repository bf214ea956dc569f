//! `poortwacht init`: the first configuration, from the few questions that matter.
//!
//! Enters: flags, or answers of a person at a terminal. Leaves: a commented configuration that
//! `config check` accepts, and what to type next. Never: writes over a file, starts anything, asks
//! for a secret.

mod ask;
mod fill;
mod units;

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::Args;
use ipnet::IpNet;

use crate::config::Config;
use crate::daemon::{Exit, Fault};
use crate::sealing::Officer;

/// Write a first configuration: asks for what is not given, or takes the flags alone with --yes.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht init                                    asks, writes /etc/poortwacht/poortwacht.toml
  poortwacht init --yes --interface eth0 --own 10.0.0.0/8 --own 2001:db8::/32
  poortwacht init --yes --interface eth0 --output try.toml --state run")]
pub struct InitArgs {
    /// Interface to watch; may be given several times
    #[arg(short, long, value_name = "IF")]
    interface: Vec<String>,
    /// Take frames for other machines too (mirror port, TAP)
    #[arg(long)]
    promiscuous: bool,
    /// Network of your own clients; may be given several times
    #[arg(long, value_name = "PREFIX")]
    own: Vec<IpNet>,
    /// Network that must not be watched; may be given several times
    #[arg(long, value_name = "PREFIX")]
    exclude: Vec<IpNet>,
    /// Officer who may open identities with others: name and age recipient; at least two
    #[arg(long, value_name = "NAME=age1...")]
    officer: Vec<String>,
    /// Where alerts go: address of an Alertmanager
    #[arg(long, value_name = "URL")]
    alertmanager: Option<String>,
    /// Address of the console for analysts, e.g. 127.0.0.1:9468
    #[arg(long, value_name = "ADDR:PORT")]
    console: Option<std::net::SocketAddr>,
    /// Reference of the data protection impact assessment
    #[arg(long, value_name = "TEXT")]
    assessment: Option<String>,
    /// The configuration to write; never written over
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/poortwacht/poortwacht.toml"
    )]
    output: PathBuf,
    /// Keep everything below this folder instead of /var/lib, /var/log and /run
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Write the units of systemd too, where no package brought them
    #[arg(long)]
    unit: bool,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
}

/// What has to be known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answers {
    interfaces: Vec<String>,
    promiscuous: bool,
    own: Vec<IpNet>,
    excluded: Vec<IpNet>,
    officers: Vec<Officer>,
    alertmanager: String,
    console: String,
    assessment: String,
}

pub(super) fn run(args: &InitArgs) -> Result<(), Fault> {
    let exists = |path: &Path| {
        Fault::new(
            Exit::Output,
            format!(
                "{0} is there already and is never written over: edit it and type `poortwacht \
                 config check --config {0}`, or name another file with --output",
                path.display()
            ),
        )
    };
    if args.output.exists() {
        return Err(exists(&args.output));
    }
    let given = given(args)?;
    let (answers, unit) = if args.yes {
        (given, args.unit)
    } else if io::stdin().is_terminal() {
        let packaged = units::are_there();
        ask::all(given, args.unit, packaged, &mut ask::Terminal)?
    } else {
        let next = "standard input is no terminal, so nothing can be asked: say --yes and give \
                    --interface IF, --own PREFIX and whatever else is meant";
        return Err(Fault::new(Exit::Usage, next));
    };
    let text = fill::configuration(&answers, args.state.as_deref());
    let name = args.output.display().to_string();
    // Before anything is written. What is wrong here was typed wrongly.
    let config = Config::parse(&text, &name).map_err(|e| Fault::new(Exit::Config, e))?;
    config
        .check_sources()
        .map_err(|why| Fault::new(Exit::Usage, why))?;
    write(&args.output, &text, exists)?;
    if let Some(state) = &args.state {
        make(state)?;
    }
    let mut said = format!("wrote {name}\n");
    for warning in config.warnings() {
        said.push_str(&format!("note: {warning}\n"));
    }
    if unit {
        for path in units::install(&args.output)? {
            said.push_str(&format!("wrote {}\n", path.display()));
        }
    }
    said.push_str(&next(args, unit || units::are_there()));
    super::print(&said)
}

/// What the flags say.
fn given(args: &InitArgs) -> Result<Answers, Fault> {
    let officer = |text: &String| {
        ask::officer(text)
            .map_err(|why| Fault::new(Exit::Usage, format!("--officer {text}: {why}")))
    };
    Ok(Answers {
        interfaces: args.interface.clone(),
        promiscuous: args.promiscuous,
        own: args.own.clone(),
        excluded: args.exclude.clone(),
        officers: args.officer.iter().map(officer).collect::<Result<_, _>>()?,
        alertmanager: args.alertmanager.clone().unwrap_or_default(),
        console: args.console.map_or_else(String::new, |it| it.to_string()),
        assessment: args.assessment.clone().unwrap_or_default(),
    })
}

fn write(path: &Path, text: &str, exists: impl Fn(&Path) -> Fault) -> Result<(), Fault> {
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        io::ErrorKind::PermissionDenied => Fault::new(
            Exit::Permission,
            format!("cannot write {}: {e}; type it with sudo", path.display()),
        ),
        _ => Fault::new(
            Exit::Output,
            format!("cannot write {}: {e}", path.display()),
        ),
    };
    if let Some(folder) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        // It names files with secrets, and holds none.
        .mode(0o644)
        .open(path)
        .map_err(failed)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)
}

/// The folder of everything that is kept, for this user alone.
fn make(folder: &Path) -> Result<(), Fault> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|e| {
        Fault::new(
            Exit::Output,
            format!("cannot make {}: {e}", folder.display()),
        )
    })
}

/// What to type next.
fn next(args: &InitArgs, unit: bool) -> String {
    let path = args.output.display();
    let start = if unit && args.state.is_none() {
        "systemctl enable --now poortwacht".to_owned()
    } else {
        format!("poortwacht run --config {path}")
    };
    format!(
        "next:\n  {start}\n  poortwacht status --config {path}\nthen, from a client: look up \
         pimeyes.com, and here:\n  poortwacht hits --config {path}\n"
    )
}
