//! `poortwacht simulate`: a case file becomes a capture, the files beside it, and what must come of
//! them.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::print;
use crate::daemon::{Exit, Fault};
use crate::simulate::{CaseFile, frames, logs, pcapng};

/// Make the traffic of a case file: a capture, the logs beside it, the expected outcome.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht simulate seeds/trial-account.toml --out day.pcapng
  poortwacht simulate seeds/trial-account.toml --seed 7 --out day.pcapng --feeds feeds --expect day.json

The same file and seed give the same bytes. Addresses and names are made up.")]
pub struct SimulateArgs {
    /// The case file (TOML); seeds/README.md explains the format
    #[arg(value_name = "CASE")]
    case: PathBuf,
    /// Which of the many ways it may have gone
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// The capture (pcapng)
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Folder for organisation.toml, feeds.toml and the logs that it names; made if missing
    #[arg(long, value_name = "DIR")]
    feeds: Option<PathBuf>,
    /// The expected outcome (JSON)
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
}

pub(super) fn run(args: &SimulateArgs) -> Result<(), Fault> {
    let name = args.case.display();
    let refuse = |why: String| Fault::new(Exit::Input, format!("{name}: {why}"));
    let text = fs::read_to_string(&args.case).map_err(|e| refuse(format!("{e}; is it there?")))?;
    let case = CaseFile::parse(&text).map_err(refuse)?;
    let plan = case.plan(args.seed).map_err(refuse)?;
    let made = frames::frames(&plan);
    write(&args.out, &pcapng::file(plan.start, &made))?;
    if let Some(folder) = &args.feeds {
        fs::create_dir_all(folder).map_err(|e| unwritten(folder, &e))?;
        for (name, text) in logs::files(&case, &plan) {
            write(&folder.join(name), text.as_bytes())?;
        }
    }
    if let Some(path) = &args.expect {
        let text = serde_json::to_string_pretty(&case.outcome(&plan))
            .map_err(|e| refuse(e.to_string()))?;
        write(path, (text + "\n").as_bytes())?;
    }
    print(&format!("{}: {} frames\n", args.out.display(), made.len()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    fs::write(path, bytes).map_err(|e| unwritten(path, &e))
}

fn unwritten(path: &Path, e: &std::io::Error) -> Fault {
    let path = path.display();
    Fault::new(
        Exit::Output,
        format!("cannot write {path}: {e}; does the folder exist, is there room?"),
    )
}
