//! `poortwacht unseal request | list | challenge | approve | refuse | release`.
//!
//! Enters: requests and decisions. Leaves: them in the record; a file for the officers. Never: takes
//! the word of whoever types for being an officer: an officer reads a code that only their key opens.

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use ring::rand::{SecureRandom, SystemRandom};

use super::{Common, desk, print};
use crate::daemon::control::Answer;
use crate::daemon::erasure::plan::each;
use crate::daemon::person::UnsealLine;
use crate::daemon::unsealing::{self, Wish};
use crate::daemon::{Exit, Fault, office};
use crate::folder;
use crate::hits::SubjectId;
use crate::record::unsealing::{Request, State};
use crate::record::{Act, Body, Kind};

/// Ask for the identity behind a case, decide on it, hand it to the officers.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht unseal request case-5f2c9a0e41d7b3c8 --reason report-7,-misuse-likely
  poortwacht unseal list                             requests that wait, and how they stand
  poortwacht unseal challenge request-0a1b --officer privacy   a text for one officer's key
  poortwacht unseal approve request-0a1b --officer privacy     the code from it on standard input
  poortwacht unseal release request-0a1b --out release.json    once enough officers agreed

docs/sealing.md has the officers' side.")]
pub struct UnsealArgs {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    at: At,
}

/// Where the daemon is.
#[derive(Args)]
struct At {
    #[command(flatten)]
    common: Common,
    /// Control socket of the daemon; without it, the one in the configuration
    #[arg(long, value_name = "FILE", global = true)]
    control: Option<PathBuf>,
}

#[derive(Subcommand)]
enum What {
    /// Ask for the identity behind a case
    Request {
        /// The case's id
        case: String,
        /// Why; stands in the record
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Requests and how they stand
    List {
        /// Those that are over too
        #[arg(long)]
        all: bool,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// A text that only this officer's key opens, with the code for their decision
    Challenge {
        /// The request's id
        request: String,
        /// The officer, as the configuration names them
        #[arg(long, value_name = "NAME")]
        officer: String,
    },
    /// An officer agrees; the code from the challenge is read from standard input
    Approve {
        /// The request's id
        request: String,
        /// The officer
        #[arg(long, value_name = "NAME")]
        officer: String,
        /// Remark; stands in the record
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
    },
    /// An officer does not agree (code on standard input), or whoever asked takes it back
    Refuse {
        /// The request's id
        request: String,
        /// The officer; without it, the request is taken back
        #[arg(long, value_name = "NAME")]
        officer: Option<String>,
        /// Why; stands in the record
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Write what the officers open together; it goes on the record
    Release {
        /// The request's id
        request: String,
        /// File to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

pub(super) fn run(args: &UnsealArgs) -> Result<(), Fault> {
    let at = &args.at;
    match &args.what {
        What::Request { case, reason } => at.request(case, reason),
        What::List { all, json } => at.list(*all, *json),
        What::Challenge { request, officer } => {
            let wish = Wish::Challenge {
                request: request.clone(),
                officer: officer.clone(),
            };
            match at.unseal(wish)? {
                Answer::Challenge(text) => print(&text),
                _ => Err(desk::unknown()),
            }
        }
        What::Approve {
            request,
            officer,
            note,
        } => at.decide(request, officer, note, true),
        What::Refuse {
            request,
            officer: Some(officer),
            reason,
        } => at.decide(request, officer, reason, false),
        What::Refuse {
            request,
            officer: None,
            reason,
        } => {
            let answer = at.unseal(Wish::Withdraw {
                request: request.clone(),
                reason: reason.clone(),
            })?;
            desk::done(answer)?;
            print(&format!("taken back: {request}\n"))
        }
        What::Release { request, out } => at.release(request, out),
    }
}

fn unreadable(why: String) -> Fault {
    Fault::new(Exit::Input, why)
}

impl At {
    fn ledger(&self) -> Result<PathBuf, Fault> {
        Ok(self.common.load()?.ledger.folder)
    }

    fn find(&self, id: &str) -> Result<Request, Fault> {
        let all = unsealing::in_ledger(&self.ledger()?).map_err(unreadable)?;
        all.get(id).cloned().ok_or_else(|| {
            let what = "there is no such request; `poortwacht unseal list --all` shows them";
            Fault::new(Exit::No, what)
        })
    }

    fn unseal(&self, wish: Wish) -> Result<Answer, Fault> {
        let line = serde_json::to_string(&UnsealLine { unseal: wish }).unwrap_or_default();
        desk::asked(&self.common, self.control.as_deref(), &line)
    }

    fn request(&self, case: &str, reason: &str) -> Result<(), Fault> {
        let mut subject: Option<(u64, SubjectId)> = None;
        each(&self.ledger()?, 0, Some(&[Kind::Case]), |_, entry| {
            if let Body::Case(head) = &entry.body
                && head.id == case
                && subject
                    .as_ref()
                    .is_none_or(|(revision, _)| *revision <= head.revision)
            {
                subject = Some((head.revision, head.subject.clone()));
            }
        })
        .map_err(unreadable)?;
        let Some((_, subject)) = subject else {
            let what = "there is no such case in the record; `poortwacht cases list` shows them";
            return Err(Fault::new(Exit::No, what));
        };
        let mut random = [0; 8];
        let filled = SystemRandom::new().fill(&mut random);
        filled.map_err(|_| Fault::new(Exit::Internal, "the system gives no random bytes"))?;
        let request = format!("request-{:016x}", u64::from_be_bytes(random));
        let act = Act::RequestUnsealing {
            request: request.clone(),
            case: case.to_owned(),
            subject,
            reason: reason.to_owned(),
        };
        desk::act(&self.common, self.control.as_deref(), &act, None)?;
        print(&format!("asked: {request}\n"))
    }

    fn list(&self, over: bool, json: bool) -> Result<(), Fault> {
        let config = self.common.load()?;
        let terms = unsealing::terms(&config.identity);
        let all = unsealing::in_ledger(&config.ledger.folder).map_err(unreadable)?;
        let now = office::now();
        let mut text = String::new();
        for it in all.all() {
            let state = it.state(&terms, now);
            if !over && !matches!(state, State::Waiting | State::Approved) {
                continue;
            }
            let approved: Vec<&str> = it.approvals.iter().map(|word| word.by.as_str()).collect();
            text += &match json {
                true => format!(
                    "{}\n",
                    serde_json::json!({
                        "request": it.id, "case": it.case, "state": state, "asked_by": it.asked.by,
                        "asked": it.asked.at.to_string(), "reason": it.asked.text,
                        "approved_by": approved, "needed": terms.threshold,
                        "ends": it.ends(&terms).to_string(),
                    })
                ),
                false => format!(
                    "{}\t{}\t{state}\t{} of {} approved\tby {} at {}\tends {}\t{}\n",
                    it.id,
                    it.case,
                    approved.len(),
                    terms.threshold,
                    it.asked.by,
                    it.asked.at,
                    it.ends(&terms),
                    it.asked.text.escape_debug()
                ),
            };
        }
        print(&text)
    }

    fn decide(&self, request: &str, officer: &str, note: &str, agrees: bool) -> Result<(), Fault> {
        let mut code = String::new();
        io::stdin()
            .take(4096)
            .read_to_string(&mut code)
            .map_err(|e| Fault::new(Exit::Input, format!("cannot read standard input: {e}")))?;
        // The whole decrypted text may be given: the code is its last line.
        let code = code.trim().lines().last().unwrap_or_default().to_owned();
        let answer = self.unseal(Wish::Decide {
            request: request.to_owned(),
            officer: officer.to_owned(),
            code,
            note: note.to_owned(),
            agrees,
        })?;
        desk::done(answer)?;
        let word = if agrees { "approved" } else { "refused" };
        print(&format!("{word}: {request} by {officer}\n"))
    }

    fn release(&self, request: &str, out: &PathBuf) -> Result<(), Fault> {
        let found = self.find(request)?;
        let released = office::now();
        let (text, digest) =
            unsealing::release(&self.ledger()?, &found, released).map_err(unreadable)?;
        let failed = |e: io::Error| {
            let what = format!("cannot write {}: {e}", out.display());
            Fault::new(Exit::Output, what)
        };
        if out.exists() {
            return Err(failed(io::ErrorKind::AlreadyExists.into()));
        }
        // On the record before it is in anybody's hands. What it holds is sealed, so that the daemon
        // says no here keeps nothing from whoever may read its files: the officers' keys do.
        let answer = self.unseal(Wish::Release {
            request: found.id,
            released,
            digest: digest.clone(),
        })?;
        desk::done(answer)?;
        folder::write_whole(out, text.as_bytes()).map_err(|e| {
            let _ = fs::remove_file(out);
            failed(e)
        })?;
        print(&format!(
            "released: {request} to {}\nsha256 {digest}\n",
            out.display()
        ))
    }
}
