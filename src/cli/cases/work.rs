//! `cases ack | assign | note | close | reopen`: acts, done by the running daemon.
//!
//! Enters: a case, what is to be done. Leaves: the number of the entry that tells of it. Never: an
//! act that the daemon refused; says who acts, the socket tells the daemon.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{Common, desk, print};
use crate::daemon::Fault;
use crate::record::Act;
use crate::record::act::Verdict;

/// Which case, and which daemon.
#[derive(Args)]
struct To {
    /// The case's id
    id: String,
    /// Refuse when somebody changed the case since this revision of it (`cases show` has it)
    #[arg(long, value_name = "N")]
    revision: Option<u64>,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Control socket of the daemon; without it, the one in the configuration
    #[arg(long, value_name = "FILE")]
    control: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

impl To {
    fn act(&self, act: &Act, done: &str) -> Result<(), Fault> {
        let it = desk::act(&self.common, self.control.as_deref(), act, self.revision)?;
        let text = if self.json {
            serde_json::json!({"number": it.number, "revision": it.revision}).to_string()
        } else {
            format!("{} {done}: entry {} of the record", self.id, it.number)
        };
        print(&format!("{text}\n"))
    }
}

#[derive(Args)]
pub(super) struct Ack {
    #[command(flatten)]
    to: To,
}

impl Ack {
    pub(super) fn run(&self) -> Result<(), Fault> {
        let case = self.to.id.clone();
        self.to.act(&Act::Acknowledge { case }, "acknowledged")
    }
}

#[derive(Args)]
pub(super) struct Assign {
    #[command(flatten)]
    to: To,
    /// Account that gets it; without one nobody has it
    #[arg(value_name = "ACCOUNT")]
    account: Option<String>,
}

impl Assign {
    pub(super) fn run(&self) -> Result<(), Fault> {
        let (case, to) = (self.to.id.clone(), self.account.clone());
        self.to.act(&Act::Assign { case, to }, "assigned")
    }
}

#[derive(Args)]
pub(super) struct Note {
    #[command(flatten)]
    to: To,
    /// The note
    #[arg(value_name = "TEXT", required = true)]
    text: Vec<String>,
}

impl Note {
    pub(super) fn run(&self) -> Result<(), Fault> {
        let (case, text) = (self.to.id.clone(), self.text.join(" "));
        self.to.act(&Act::Comment { case, text }, "noted")
    }
}

#[derive(Args)]
pub(super) struct Reopen {
    #[command(flatten)]
    to: To,
    /// Why
    #[arg(long, value_name = "TEXT")]
    why: String,
}

impl Reopen {
    pub(super) fn run(&self) -> Result<(), Fault> {
        let (case, reason) = (self.to.id.clone(), self.why.clone());
        self.to.act(&Act::Reopen { case, reason }, "reopened")
    }
}

#[derive(Args)]
pub(super) struct Close {
    #[command(flatten)]
    to: To,
    /// As what: misuse, authorised, research, false-alarm, opt-out
    #[arg(long = "as", value_name = "VERDICT", value_parser = verdict)]
    verdict: Verdict,
    /// Why; it stands in the case from then on
    #[arg(long, value_name = "TEXT")]
    why: String,
}

impl Close {
    pub(super) fn run(&self) -> Result<(), Fault> {
        let (to, verdict) = (&self.to, self.verdict);
        let (case, reason) = (to.id.clone(), self.why.clone());
        let act = Act::Close {
            case,
            verdict,
            reason,
        };
        to.act(&act, &format!("closed as {verdict}"))
    }
}

fn verdict(text: &str) -> Result<Verdict, String> {
    let found = Verdict::ALL.iter().copied().find(|it| it.label() == text);
    found.ok_or_else(|| {
        let known: Vec<&str> = Verdict::ALL.iter().map(|it| it.label()).collect();
        format!("there are {}", known.join(", "))
    })
}
