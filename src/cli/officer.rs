//! `poortwacht officer share | open`: for officers, on machines of their own.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use crate::daemon::{Exit, Fault};
use crate::sealing::{self, Sealed, Share};

/// Longest file read, in bytes.
const FILE_LEN_MAX: u64 = 1 << 20;

/// Open sealed identities, on an officer's own machine and never on the gateway.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht officer share person-1f.json --name privacy --identity officer.key
  poortwacht officer open person-1f.json --share one.json --share two.json

docs/sealing.md has the same with the stock `age` program.")]
pub struct OfficerArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Decrypt the shares of one officer, one line for each version of the record
    Share {
        /// The sealed record: `subjects/SUBJECT.json` of the folder of cases
        record: PathBuf,
        /// The officer's name, as the record has it
        #[arg(long)]
        name: String,
        /// The officer's age identity file
        #[arg(long, value_name = "FILE")]
        identity: PathBuf,
    },
    /// Open a record with the shares of enough officers
    Open {
        /// The sealed record
        record: PathBuf,
        /// A decrypted share, as `officer share` or `age -d` shows it; may be given several times
        #[arg(long, value_name = "FILE", required = true)]
        share: Vec<PathBuf>,
    },
}

pub(super) fn run(args: &OfficerArgs) -> Result<(), Fault> {
    match &args.what {
        What::Share {
            record,
            name,
            identity,
        } => share(record, name, identity),
        What::Open { record, share } => open(record, share),
    }
}

fn read(path: &Path) -> Result<String, Fault> {
    let refuse = |why: &dyn std::fmt::Display| {
        let what = format!("cannot read {}: {why}; is the path right?", path.display());
        Fault::new(Exit::Input, what)
    };
    let meta = fs::metadata(path).map_err(|e| refuse(&e))?;
    if meta.len() > FILE_LEN_MAX {
        return Err(refuse(&"it is longer than any record, share or key"));
    }
    fs::read_to_string(path).map_err(|e| refuse(&e))
}

/// The versions of a record: one for each run of the daemon that sealed.
fn versions(path: &Path) -> Result<Vec<Sealed>, Fault> {
    #[derive(serde::Deserialize)]
    struct Record {
        versions: Vec<Sealed>,
    }
    let record: Record = serde_json::from_str(&read(path)?).map_err(|e| {
        let what = format!(
            "{} is no sealed record: {e}; it is `subjects/SUBJECT.json` in the folder of cases",
            path.display()
        );
        Fault::new(Exit::Input, what)
    })?;
    Ok(record.versions)
}

fn share(record: &Path, name: &str, identity: &Path) -> Result<(), Fault> {
    let versions = versions(record)?;
    let identity = Zeroizing::new(read(identity)?);
    let mut text = Zeroizing::new(String::new());
    let mut found = false;
    for sealed in &versions {
        // A version that the officer has no share of leaves its line empty.
        if let Some((_, armoured)) = sealed.shares.iter().find(|(officer, _)| officer == name) {
            let share = sealing::open_share(armoured, &identity)
                .map_err(|why| Fault::new(Exit::Input, why))?;
            text.push_str(&serde_json::to_string(&share).unwrap_or_default());
            found = true;
        }
        text.push('\n');
    }
    if !found {
        let what = format!(
            "no share of `{}` in {}; it names: {}",
            name.escape_debug(),
            record.display(),
            officers(&versions)
        );
        return Err(Fault::new(Exit::No, what));
    }
    super::print(&text)
}

fn officers(versions: &[Sealed]) -> String {
    let shares = versions.iter().flat_map(|sealed| &sealed.shares);
    let mut names: Vec<&str> = shares.map(|(officer, _)| officer.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

/// Every version that these shares open; why none does, else.
fn open(record: &Path, files: &[PathBuf]) -> Result<(), Fault> {
    let texts = files
        .iter()
        .map(|path| Ok(Zeroizing::new(read(path)?)))
        .collect::<Result<Vec<_>, Fault>>()?;
    let mut opened = Zeroizing::new(String::new());
    let mut why_not = "the record is empty".to_owned();
    for (number, sealed) in versions(record)?.iter().enumerate() {
        let mut shares = Vec::new();
        for (path, text) in files.iter().zip(&texts) {
            // `officer share` writes a line for each version, `age -d` the one line of one.
            let lines: Vec<&str> = text.lines().collect();
            let line = if lines.len() == 1 {
                lines.first()
            } else {
                lines.get(number)
            };
            let Some(line) = line.filter(|line| !line.trim().is_empty()) else {
                continue;
            };
            let share = Share::parse(line)
                .map_err(|why| Fault::new(Exit::Input, format!("{}: {why}", path.display())))?;
            shares.push(share);
        }
        match sealing::open(sealed, &shares) {
            Ok(clear) => {
                opened.push_str(&serde_json::to_string_pretty(&clear).unwrap_or_default());
                opened.push('\n');
            }
            Err(why) => why_not = why,
        }
    }
    if opened.is_empty() {
        return Err(Fault::new(Exit::No, why_not));
    }
    super::print(&opened)
}
