//! `poortwacht config check | show`.

use std::fmt::Write;

use clap::{Args, Subcommand};

use super::Common;
use crate::config::Origin;
use crate::daemon::{Exit, Fault, office, people, sources};

/// Check or show the configuration.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht config check --config /etc/poortwacht/poortwacht.toml
  poortwacht config show                             every key with its default")]
pub struct ConfigArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Read the file and the lists it names, say what is wrong, change nothing
    Check {
        #[command(flatten)]
        common: Common,
    },
    /// Print the effective values and where each came from
    Show {
        #[command(flatten)]
        common: Common,
    },
}

pub(super) fn run(args: &ConfigArgs) -> Result<(), Fault> {
    match &args.what {
        What::Check { common } => check(common),
        What::Show { common } => show(common),
    }
}

fn check(common: &Common) -> Result<(), Fault> {
    let config = common.load()?;
    config
        .check()
        .map_err(|why| Fault::new(Exit::Config, why))?;
    sources::check_filter(&config.sensor.filter)?;
    let vendors = sources::catalogue(&config.lists)?;
    let list = vendors.info();
    let mut text = format!(
        "configuration is sound; list {} with {} rules of {} vendors\n",
        list.version, list.rules, list.vendors
    );
    let is_vendor = |id: &str| vendors.vendor(id).is_some();
    let organisation = people::organisation(&config)?;
    for warning in config
        .warnings()
        .into_iter()
        .chain(organisation.warnings(&is_vendor, office::now()))
        .chain(config.check_sources().err())
    {
        let _ = writeln!(text, "note: {warning}");
    }
    super::print(&text)
}

fn show(common: &Common) -> Result<(), Fault> {
    let config = common.load()?;
    let text = match &common.config {
        Some(path) => Some(std::fs::read_to_string(path).map_err(|e| {
            Fault::new(Exit::Config, format!("cannot read {}: {e}", path.display()))
        })?),
        None => None,
    };
    let folder = common.config.as_ref().and_then(|p| p.parent());
    let lines = config
        .lines(text.as_deref(), folder)
        .map_err(|e| Fault::new(Exit::Config, e))?;
    let mut out = String::new();
    let mut table = String::new();
    for line in lines {
        let (head, key) = line.key.split_once('.').unwrap_or(("", &line.key));
        if head != table {
            if !table.is_empty() {
                out.push('\n');
            }
            let _ = writeln!(out, "[{head}]");
            head.clone_into(&mut table);
        }
        let origin = match line.origin {
            Origin::Default => "default".to_owned(),
            Origin::CommandLine => "command line".to_owned(),
            Origin::File(n) => match &common.config {
                Some(path) => format!("{}:{n}", path.display()),
                None => format!("line {n}"),
            },
        };
        let _ = writeln!(out, "{:<48} # {origin}", format!("{key} = {}", line.value));
    }
    super::print(&out)
}
