//! `poortwacht rebuild`: makes the store again from the ledger.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Common, record};
use crate::daemon::Fault;
use crate::store;

/// Make the store again from the ledger. The daemon must not run.
///
/// The new store is made beside the old one and takes its place when it is whole.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht rebuild                                 ledger and store of the configuration
  poortwacht rebuild --ledger cases/ledger --store cases/store.sqlite")]
pub struct RebuildArgs {
    /// Folder of the ledger; without it, the one in the configuration
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
    /// The store; without it, the one in the configuration
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: &RebuildArgs) -> Result<(), Fault> {
    let path = record::store(args.store.as_deref(), &args.common)?;
    let ledger = record::ledger(args.ledger.as_deref(), &args.common)?;
    let style = "{spinner} {human_pos} entries, {per_sec}";
    let bar = ProgressBar::new_spinner();
    // A template that is fixed here: it is sound.
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    let made = store::rebuild(&ledger, &path, record::now(), &mut |count| {
        bar.set_position(count);
    });
    bar.finish_and_clear();
    let count = made.map_err(record::unreadable)?;
    let text = if args.json {
        let store = path.display().to_string();
        serde_json::json!({"entries": count, "store": store}).to_string()
    } else {
        format!(
            "{} was made from {} of the ledger",
            path.display(),
            super::counted(count, "entry")
        )
    };
    super::print(&format!("{text}\n"))
}
