//! `poortwacht evidence export | open`: a case in one file that anybody can check.
//!
//! Enters: a case and a reason; or a bundle and the officers' shares. Leaves: the file. Never: a
//! bundle that the record does not tell of; writes over a file.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use super::{Common, desk, officer, print};
use crate::daemon::evidence::{self as desk_evidence, Places, Wish};
use crate::daemon::{Exit, Fault};
use crate::evidence::{self, BUNDLE_LEN_MAX, Report, Request};
use crate::record::Kind;

/// Export a case as an evidence bundle, or open the sealed part of one.
///
/// `poortwacht verify BUNDLE` checks either kind, without a network.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht evidence export case-5f2c9a0e41d7b3c8 --reason inquiry-2026-14 --out case.tar
  poortwacht evidence export case-5f2c9a0e41d7b3c8 --reason inquiry-2026-14 --out case.tar --no-sealed --withhold triage
  poortwacht evidence export case-5f2c9a0e41d7b3c8 --reason inquiry-2026-14 --out case.tar --since last-year.txt
  poortwacht verify case.tar --key log.pub
  poortwacht officer share case.tar --key officer-one.key
  poortwacht evidence open case.tar --key officer-two.key --share one.json --out opened.tar

docs/evidence.md tells what a bundle proves, and what it does not.")]
pub struct EvidenceArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Write a case's entries with their proofs, what they say, and a report, to one file; it goes on
    /// the record. Asks the running daemon; without one it writes the record itself
    Export(Box<Export>),
    /// On an officer's machine: write a bundle that also holds who it is, and the frames
    Open(Open),
}

#[derive(Args)]
struct Export {
    /// The case's id
    case: String,
    /// Why; stands in the record and in the bundle
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// File to write; it must not exist
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Leave out what officers could open
    #[arg(long)]
    no_sealed: bool,
    /// Leave out the text of entries of this kind, like `triage` with its notes; may be given several times
    #[arg(long, value_name = "KIND", value_parser = kind)]
    withhold: Vec<Kind>,
    /// A checkpoint that the receiver has put aside: the bundle then proves that the log grew out of it
    #[arg(long, value_name = "FILE")]
    since: Vec<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Control socket of the daemon; without it, the one in the configuration
    #[arg(long, value_name = "FILE")]
    control: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct Open {
    /// The bundle
    bundle: PathBuf,
    /// A decrypted share, as `officer share` shows it; may be given several times
    #[arg(long, value_name = "FILE", alias = "with")]
    share: Vec<PathBuf>,
    /// The age identity file of the officer at this machine: counts as their share
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Public key of the log, or a file that holds it; without it, the one in the bundle
    #[arg(long, value_name = "KEY|FILE")]
    log: Option<String>,
    /// File to write; it must not exist
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::of(text)
        .filter(|kind| *kind != Kind::Case)
        .ok_or_else(|| {
            let all = Kind::ALL.iter().filter(|kind| **kind != Kind::Case);
            let all: Vec<&str> = all.map(|kind| kind.label()).collect();
            format!("there are {}", all.join(", "))
        })
}

pub(super) fn run(args: &EvidenceArgs) -> Result<(), Fault> {
    match &args.what {
        What::Export(args) => args.run(),
        What::Open(args) => args.run(),
    }
}

impl Export {
    fn run(&self) -> Result<(), Fault> {
        let config = self.common.load()?;
        if !config.ledger.is_kept() {
            let what = "no record is kept ([ledger] folder is empty), so nothing can be exported";
            return Err(Fault::new(Exit::Config, what));
        }
        absent(&self.out)?;
        let since = self.since.iter().map(|path| super::ledger::read(path));
        let wish = Wish {
            case: self.case.clone(),
            reason: self.reason.trim().to_owned(),
            withhold: self.withhold.iter().copied().collect::<BTreeSet<_>>(),
            without_sealed: self.no_sealed,
            since: since.collect::<Result<_, Fault>>()?,
        };
        if wish.reason.is_empty() {
            let what = "--reason is empty: say it in a few words, it stands in the record";
            return Err(Fault::new(Exit::Usage, what));
        }
        let places = Places::of(&config);
        let no = |why: String| Fault::new(Exit::No, why);
        let prepared = desk_evidence::prepare(&places, &wish).map_err(no)?;
        let digest = prepared.digest();
        let socket = self
            .control
            .clone()
            .unwrap_or(config.control.socket.clone());
        let runs = UnixStream::connect(&socket).is_ok();
        let number = if runs {
            desk::act(&self.common, Some(&socket), &prepared.act(), None)?.number
        } else {
            desk_evidence::record(&config, &prepared).map_err(no)?
        };
        let bundle = desk_evidence::finish(&places, &wish, prepared, number).map_err(no)?;
        write_new(&self.out, &bundle)?;
        let told = evidence::verify(&bundle, &Request::default());
        let entries: u64 = told.kinds.values().map(|it| it.entries).sum();
        let out = self.out.display();
        print(&match self.json {
            true => {
                let told = serde_json::json!({
                    "case": self.case, "file": self.out, "bytes": bundle.len(), "entries": entries,
                    "export": number, "digest": digest, "size": told.size, "root": told.root,
                });
                format!("{told}\n")
            }
            false => format!(
                "exported: {} to {out}, {}, entry {number} of the record\nmanifest sha256 {digest}\n",
                self.case,
                super::counted(entries, "entry"),
            ),
        })
    }
}

impl Open {
    fn run(&self) -> Result<(), Fault> {
        absent(&self.out)?;
        let bytes = Zeroizing::new(read(&self.bundle)?);
        let name = self.bundle.display();
        let broken = |why: String| Fault::new(Exit::Input, format!("{name}: {why}"));
        let key = self.log.as_deref().map(super::ledger::key).transpose()?;
        let request = Request {
            key,
            ..Request::default()
        };
        // A forged bundle would have officers open what was never recorded.
        let report = evidence::verify(&bytes, &request);
        if !report.verifies {
            print(&told(&report))?;
            return Err(Fault::new(
                Exit::No,
                format!("{name} does not verify: nothing was opened"),
            ));
        }
        let release = evidence::releases(&bytes).map_err(broken)?;
        let release = release.ok_or_else(|| {
            Fault::new(
                Exit::No,
                format!("nothing is sealed in {name}: it was exported without"),
            )
        })?;
        let shares = officer::release::shares(&release, &self.share, self.key.as_deref())?;
        let opened = evidence::open(&bytes, &shares).map_err(|why| Fault::new(Exit::No, why))?;
        let (bundle, opened) = opened;
        write_new(&self.out, &bundle)?;
        let (identities, frames) = (opened.identities.len(), opened.frames.len());
        print(&match self.json {
            true => {
                let told = serde_json::json!({
                    "case": release.case, "subject": release.subject, "file": self.out,
                    "identities": identities, "frames": frames, "not_opened": opened.closed,
                });
                format!("{told}\n")
            }
            false => format!(
                "opened: {} to {}: who {} is ({}), {}\n\
                 It holds a person's identity: keep it as such, and delete it afterwards (shred -u).\n",
                release.case,
                self.out.display(),
                release.subject,
                super::counted(identities as u64, "record"),
                super::counted(frames as u64, "frame"),
            ),
        })?;
        match opened.closed.is_empty() {
            true => Ok(()),
            false => Err(Fault::new(
                Exit::Input,
                format!(
                    "a part of {name} did not open: {}",
                    opened.closed.join("; ")
                ),
            )),
        }
    }
}

/// A whole file, if it is no longer than a bundle.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    let refuse = |why: &dyn std::fmt::Display| {
        let what = format!("cannot read {}: {why}; is the path right?", path.display());
        Fault::new(Exit::Input, what)
    };
    let meta = std::fs::metadata(path).map_err(|e| refuse(&e))?;
    if meta.len() > BUNDLE_LEN_MAX as u64 {
        return Err(refuse(&"it is longer than any bundle"));
    }
    std::fs::read(path).map_err(|e| refuse(&e))
}

fn absent(path: &Path) -> Result<(), Fault> {
    match path.exists() {
        false => Ok(()),
        true => Err(Fault::new(
            Exit::Output,
            format!("{} exists: name a new file", path.display()),
        )),
    }
}

/// To a new file that nobody else on the machine can read.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let refuse = |e: io::Error| {
        let what = format!(
            "cannot write {}: {e}; does its folder exist, and is there room?",
            path.display()
        );
        Fault::new(Exit::Output, what)
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(refuse)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|e| {
            // Half a bundle is none.
            let _ = std::fs::remove_file(path);
            refuse(e)
        })
}

/// `poortwacht verify BUNDLE`.
pub(super) fn verify(path: &Path, request: &Request, json: bool) -> Result<(), Fault> {
    let report = evidence::verify(&read(path)?, request);
    if json {
        let text = serde_json::to_string_pretty(&report).unwrap_or_default();
        print(&format!("{text}\n"))?;
    } else {
        print(&told(&report))?;
    }
    match report.verifies {
        true => Ok(()),
        false => Err(Fault::told(Exit::No)),
    }
}

/// The verdict for people.
fn told(report: &Report) -> String {
    let kind = if report.opened {
        "opened by officers"
    } else {
        "pseudonymous"
    };
    let mut text = String::new();
    let mut line = |what: &str, said: &str| {
        let said: String = said.chars().flat_map(super::ledger::shown).collect();
        text.push_str(&format!("{what:<11} {said}\n"));
    };
    if !report.case.is_empty() {
        line("bundle", &format!("{}, {kind}", report.case));
    }
    if !report.key.is_empty() {
        line("key", &report.key);
    }
    if !report.root.is_empty() {
        let size = super::counted(report.size, "entry");
        line("checkpoint", &format!("{size}, root {}", report.root));
    }
    if let Some(it) = &report.exported {
        let who = format!(
            "entry {}, by {} ({}) at {}",
            it.entry, it.by, it.means, it.time
        );
        line("exported", &format!("{who}: {}", it.reason));
    }
    for (kind, counts) in &report.kinds {
        let mut said = super::counted(counts.entries, "entry");
        if counts.without_text > 0 {
            said += &format!(
                ", {} without text (deleted or withheld)",
                counts.without_text
            );
        }
        line(kind, &said);
    }
    for (what, all) in [("earlier", &report.earlier), ("witness", &report.witnesses)] {
        for it in all {
            let size = super::counted(it.size, "entry");
            line(
                what,
                &format!("{}: {size}, the log grew out of them", it.source),
            );
        }
    }
    for it in &report.faults {
        let file = it.file.map(|file| format!("{file}: ")).unwrap_or_default();
        let entry = it.entry.map(|number| format!("entry {number}: "));
        line(
            "WRONG",
            &format!("{file}{}{}", entry.unwrap_or_default(), it.what),
        );
    }
    let more = report
        .fault_count
        .saturating_sub(report.faults.len() as u64);
    if more > 0 {
        line("WRONG", &format!("{more} more"));
    }
    text.push_str(match report.verifies {
        true => "\nVerifies.\n",
        false => "\nDOES NOT VERIFY.\n",
    });
    for limit in &report.limits {
        text.push_str(&format!("{limit}\n"));
    }
    text
}
