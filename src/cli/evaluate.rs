//! `poortwacht evaluate`: how well cases are told, on made offices with known truth.

use std::sync::Arc;

use clap::Args;

use super::{Common, print};
use crate::daemon::{Exit, Fault, sources};
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
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &EvaluateArgs) -> Result<(), Fault> {
    let config = args.common.load()?;
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
    };
    let refuse = |why: String| Fault::new(Exit::Config, why);
    let report = evaluate(&plan, &list).map_err(refuse)?;
    if args.json {
        let text = serde_json::to_string_pretty(&report).map_err(|e| refuse(e.to_string()))?;
        return print(&(text + "\n"));
    }
    print(&report.markdown())
}
