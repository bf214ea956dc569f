//! `poortwacht evaluate`: how well cases are told, on made offices with known truth.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::{Common, print};
use crate::daemon::{Exit, Fault, people, sources};
use crate::evaluate::{EVALUATION_FROM, Plan, evaluate};

/// Play offices with known truth and score what is told about them.
#[derive(Args)]
pub struct EvaluateArgs {
    #[command(flatten)]
    common: Common,
    /// Which seeds: `development` for those who work on rules, `evaluation` for the published table
    #[arg(long, value_parser = ["development", "evaluation"], default_value = "development")]
    seeds: String,
    /// Skip this many offices of the range
    #[arg(long, default_value_t = 0, value_name = "N")]
    skip: u64,
    /// Confounder person-days, at least
    #[arg(long, default_value_t = 900, value_name = "N")]
    person_days: u64,
    /// Play every Nth office again with each kind of evidence removed
    #[arg(long, default_value_t = 8, value_name = "N")]
    every: u64,
    /// Play one day of so many offices as frames through the sensor, too
    #[arg(long, default_value_t = 5, value_name = "N")]
    sampled: u64,
    /// Judge by another rules file (development seeds alone: nothing is fitted on the others)
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &EvaluateArgs) -> Result<(), Fault> {
    let mut config = args.common.load()?;
    if let Some(rules) = &args.rules {
        rules.clone_into(&mut config.cases.rules);
    }
    if args.seeds == "evaluation" && !config.cases.rules.as_os_str().is_empty() {
        let why = "evaluation seeds are judged by the built-in rules alone: what they would say of \
                   others would be used to choose; try rules on `--seeds development`";
        return Err(Fault::new(Exit::Usage, why));
    }
    let list = Arc::new(sources::catalogue(&config.lists)?);
    let from = if args.seeds == "evaluation" {
        EVALUATION_FROM
    } else {
        1
    };
    let plan = Plan {
        seed: from + args.skip,
        person_days: args.person_days,
        every: args.every.max(1),
        sampled: args.sampled,
        rules: people::rules(&config)?,
    };
    let refuse = |why: String| Fault::new(Exit::Config, why);
    let report = evaluate(&plan, &list).map_err(refuse)?;
    if args.json {
        let text = serde_json::to_string_pretty(&report).map_err(|e| refuse(e.to_string()))?;
        return print(&(text + "\n"));
    }
    print(&report.markdown())
}
