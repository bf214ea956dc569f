//! `poortwacht subject find | export | correct | erase`: for whoever answers a person's request
//! (GDPR art. 15-17).
//!
//! Enters: what the person brings, on standard input and never on the command line. Leaves: what the
//! record has about them, and nobody else. Never: stores or logs what was brought; the daemon turns
//! it into pseudonyms with its key and forgets it.

mod brought;
mod dossier;
mod page;

use std::fs;
use std::io::{self, IsTerminal};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use super::{Common, desk, print};
use crate::daemon::control::{Answer, UnderWay};
use crate::daemon::erasure::{self, Receipt, plan};
use crate::daemon::fault::say;
use crate::daemon::person::{Line, Wish};
use crate::daemon::unsealing::digest;
use crate::daemon::{Exit, Fault};
use crate::folder;
use crate::identity::Sought;
use crate::record::Act;
use crate::record::dossier::{Dossier, Whose};

/// Pace of saying that an erasure is under way, in seconds.
const SAY_EVERY_S: u64 = 10;

/// Answer a person's request: what is known about them, correct it, erase it.
#[derive(Args)]
#[command(after_help = "\
What the person brings is read from standard input, one thing a line:
  user jansen
  mailbox jansen@example.org
  mac 00:00:5e:00:53:01
  address 192.0.2.7 2026-03-01 2026-03-02
  host laptop-jansen
It is stored nowhere. By an address or a device's name alone nothing is theirs for sure.

Examples:
  poortwacht subject find                            which cases are about them
  poortwacht subject export --out answer --reason request-2026-7
  poortwacht subject correct case-5f2c9a0e41d7b3c8 --text it-was-a-shared-screen
  poortwacht subject erase --reference request-2026-7 --reason art.-17-granted

docs/privacy/requests.en.md has the whole way of a request.")]
pub struct SubjectArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Which cases are about them, which may be
    Find {
        #[command(flatten)]
        at: At,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Write everything about them into a folder, as JSON and as a page; it goes on the record
    Export {
        #[command(flatten)]
        at: At,
        /// Folder to make
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Reference of the request, or why else; stands in the record
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Put a correction beside what it corrects
    Correct {
        /// The case's id
        case: String,
        /// What was wrong, what is right; stands in the record
        #[arg(long, value_name = "TEXT")]
        text: String,
        #[command(flatten)]
        at: At,
    },
    /// Delete everything about them from every place that is ours
    Erase {
        #[command(flatten)]
        at: At,
        /// Reference of the request, not a name; stands in the record
        #[arg(long, value_name = "TEXT")]
        reference: String,
        /// Why; stands in the record
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// The receipt as one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Where the daemon is.
#[derive(Args)]
struct At {
    #[command(flatten)]
    common: Common,
    /// Control socket of the daemon; without it, the one in the configuration
    #[arg(long, value_name = "FILE")]
    control: Option<PathBuf>,
}

impl At {
    fn ask(&self, wish: Wish) -> Result<Answer, Fault> {
        let line = serde_json::to_string(&Line { person: wish }).unwrap_or_default();
        let line = Zeroizing::new(line);
        desk::asked(&self.common, self.control.as_deref(), &line)
    }

    fn act(&self, act: &Act) -> Result<(), Fault> {
        desk::act(&self.common, self.control.as_deref(), act, None).map(drop)
    }

    /// From what stands on standard input to pseudonyms.
    fn sought(&self) -> Result<Sought, Fault> {
        match self.ask(Wish::Seek(brought::read()?))? {
            Answer::Sought(sought) => {
                for why in &sought.unusable {
                    say(why);
                }
                Ok(sought)
            }
            _ => Err(desk::unknown()),
        }
    }

    fn ledger(&self) -> Result<PathBuf, Fault> {
        Ok(self.common.load()?.ledger.folder)
    }

    /// Has everything erased, and waits for its end.
    fn erase(&self, wish: erasure::Wish) -> Result<Receipt, Fault> {
        let mut answer = self.ask(Wish::Erase(wish))?;
        let mut said = 0;
        loop {
            match answer {
                Answer::Erased(receipt) => return Ok(receipt),
                Answer::UnderWay(UnderWay {
                    erasure: Some(number),
                    seconds,
                }) => {
                    if seconds >= said {
                        say(&format!(
                            "erasing, for {seconds} s; it goes on also without you"
                        ));
                        said = seconds + SAY_EVERY_S;
                    }
                    answer = self.ask(Wish::Erasure(number)).map_err(|fault| {
                        let next = "an erasure that has begun is finished when the daemon runs \
                                    again; an entry of the record with its reference says what went";
                        match fault.exit {
                            Exit::Listen => Fault::new(fault.exit, format!("{fault}; {next}")),
                            _ => fault,
                        }
                    })?;
                }
                _ => return Err(desk::unknown()),
            }
        }
    }
}

pub(super) fn run(args: &SubjectArgs) -> Result<(), Fault> {
    match &args.what {
        What::Find { at, json } => find(at, *json),
        What::Export { at, out, reason } => export(at, out, reason),
        What::Correct { case, text, at } => {
            at.act(&Act::Correct {
                case: case.clone(),
                text: text.clone(),
            })?;
            print(&format!(
                "corrected: {case}; the correction is in the record\n"
            ))
        }
        What::Erase {
            at,
            reference,
            reason,
            json,
        } => erase(at, reference, reason, *json),
    }
}

fn unreadable(why: String) -> Fault {
    Fault::new(Exit::Input, why)
}

fn find(at: &At, json: bool) -> Result<(), Fault> {
    let sought = at.sought()?;
    let found = plan::dossier(&at.ledger()?, &sought).map_err(unreadable)?;
    if json {
        let text = serde_json::to_string_pretty(&found.cases).unwrap_or_default();
        return print(&(text + "\n"));
    }
    print(&listed(&found))?;
    if found.cases.is_empty() {
        return Err(Fault::new(Exit::No, "nothing is known of this person"));
    }
    Ok(())
}

fn listed(found: &Dossier) -> String {
    let mut text = String::new();
    let mut left_out = 0;
    for (id, it) in &found.cases {
        let whose = match it.whose {
            Whose::Theirs => "theirs",
            Whose::Ambiguous => "AMBIGUOUS: may be theirs, nobody could tell",
            Whose::Formerly | Whose::Others => {
                left_out += 1;
                continue;
            }
        };
        let state = if it.closed { "closed" } else { "open" };
        text += &format!(
            "{id}\t{}\t{}\t{state}\t{} to {}\t{whose}\n",
            it.vendor, it.kind, it.times.0, it.times.1
        );
    }
    if left_out > 0 {
        text += &format!(
            "{left_out} more rest on an address or device of theirs and are about somebody else: \
             left out\n"
        );
    }
    text
}

fn export(at: &At, out: &PathBuf, reason: &str) -> Result<(), Fault> {
    let sought = at.sought()?;
    let subject = dossier::main_subject(&sought);
    let found = dossier::collect(&at.ledger()?, &sought).map_err(unreadable)?;
    if found.cases.is_empty() && found.entries.is_empty() {
        return Err(Fault::new(Exit::No, "nothing is known of this person"));
    }
    let json = serde_json::to_string_pretty(&found).unwrap_or_default() + "\n";
    let digest = digest(json.as_bytes());
    let failed = |e: io::Error| {
        let what = format!("cannot write to {}: {e}; name a new folder", out.display());
        Fault::new(Exit::Output, what)
    };
    fs::DirBuilder::new()
        .mode(0o700)
        .create(out)
        .map_err(failed)?;
    let html = page::html(&found, &digest);
    // On the record before it is in anybody's hands.
    at.act(&Act::Export {
        case: None,
        subject,
        what: "subject".into(),
        reason: reason.to_owned(),
        digest: digest.clone(),
    })?;
    for (name, text) in [("subject.json", &json), ("subject.html", &html)] {
        folder::write_whole(&out.join(name), text.as_bytes()).map_err(failed)?;
    }
    print(&format!(
        "exported to {}: {} cases, {} entries\nsha256 of subject.json: {digest}\nRead it before you \
         hand it over: notes are free text and may name others.\n",
        out.display(),
        found.cases.len(),
        found.entries.len()
    ))
}

fn erase(at: &At, reference: &str, reason: &str, json: bool) -> Result<(), Fault> {
    let receipt = at.erase(erasure::Wish {
        sought: at.sought()?,
        reference: reference.to_owned(),
        reason: reason.to_owned(),
    })?;
    if json || !io::stdout().is_terminal() {
        return print(&(serde_json::to_string_pretty(&receipt).unwrap_or_default() + "\n"));
    }
    print(&told(&receipt))
}

fn told(receipt: &Receipt) -> String {
    let payloads: u64 = receipt.payloads.iter().map(|(_, count)| count).sum();
    let mut text = format!(
        "erased under {}: {payloads} entries, {} cases, {} sealed records, {} lines of the hit log, \
         {} alerts, {} saved views\n",
        receipt.reference,
        receipt.cases,
        receipt.sealed_records,
        receipt.hit_log_lines,
        receipt.alerts,
        receipt.saved_views
    );
    for digest in &receipt.exported {
        text += &format!("exported before, not ours to delete: sha256 {digest}\n");
    }
    if receipt.ambiguous > 0 {
        text += &format!(
            "{} cases may be theirs or others', and stay: `subject find` shows them\n",
            receipt.ambiguous
        );
    }
    text + "What was shipped elsewhere (log collector, Alertmanager, backups of the machine) is not \
            reached from here.\n"
}
