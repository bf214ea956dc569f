//! What people do: triage, unsealing, holds, deletions, exports, accounts.
//!
//! Enters: the wish of somebody who may. Leaves: [`Acted`], the entry that says who did what, when,
//! by which way. Never: judges whether they may; that is asked before.

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::base::seen::closed_set;
use crate::hits::SubjectId;

closed_set! {
    /// By which way somebody acted.
    Means {
        /// A page of the console.
        Console = "console",
        /// The JSON API.
        Api = "api",
        /// The command line, over the control socket.
        Command = "command",
        /// The program itself: retention, rules.
        Program = "program",
    }
}

/// Who acted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Account of the console, or user of the machine: `root`, `uid 1000`; `poortwacht` of the
    /// program itself.
    pub name: String,
    /// By which way.
    pub means: Means,
}

/// What was done, by whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Acted {
    /// By whom.
    pub by: Actor,
    /// What.
    pub act: Act,
}

closed_set! {
    /// As what a case is closed.
    Verdict {
        /// Use against the rules.
        Misuse = "misuse",
        /// Use that the register allows, or now does.
        Authorised = "authorised",
        /// Research, of the security team or others.
        Research = "research",
        /// It was not what it looked like.
        FalseAlarm = "false-alarm",
        /// Somebody used their rights with the vendor.
        OptOut = "opt-out",
    }
}

/// An act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Act {
    /// Somebody looks at a case.
    Acknowledge {
        /// The case's id.
        case: String,
    },
    /// Somebody gives a case to somebody, or to nobody.
    Assign {
        /// The case's id.
        case: String,
        /// An account; `None`: nobody.
        to: Option<String>,
    },
    /// A note.
    Comment {
        /// The case's id.
        case: String,
        /// Plain text.
        text: String,
    },
    /// A case is closed.
    Close {
        /// The case's id.
        case: String,
        /// As what.
        verdict: Verdict,
        /// Why.
        reason: String,
    },
    /// A closed case is looked at again.
    Reopen {
        /// The case's id.
        case: String,
        /// Why.
        reason: String,
    },
    /// Cases that match a filter need no attention until then: they are shown as suppressed, and
    /// their alerts still go out.
    Suppress {
        /// Random id of the rule.
        rule: String,
        /// In the language of filters.
        filter: String,
        /// Why.
        reason: String,
        /// Until when, seconds since the epoch.
        until: i64,
    },
    /// Such a rule ends before its time.
    Unsuppress {
        /// The rule.
        rule: String,
        /// Why.
        reason: String,
    },
    /// The identity behind a case is asked for.
    RequestUnsealing {
        /// Random id of the request.
        request: String,
        /// The case's id.
        case: String,
        /// Its subject then.
        subject: SubjectId,
        /// Why.
        reason: String,
    },
    /// Somebody who may agrees.
    ApproveUnsealing {
        /// The request.
        request: String,
        /// Its case.
        case: String,
        /// Remark.
        note: String,
    },
    /// Somebody who may does not.
    RefuseUnsealing {
        /// The request.
        request: String,
        /// Its case.
        case: String,
        /// Why.
        reason: String,
    },
    /// The sealed records were handed out.
    ReleaseUnsealing {
        /// The request.
        request: String,
        /// Its case.
        case: String,
        /// SHA-256 of what was handed out, hex.
        digest: String,
    },
    /// Retention stands still for a case.
    Hold {
        /// The case's id.
        case: String,
        /// Why.
        reason: String,
        /// Until when, seconds since the epoch.
        until: i64,
    },
    /// It goes on.
    LiftHold {
        /// The case's id.
        case: String,
        /// Why.
        reason: String,
    },
    /// Something left the house.
    Export {
        /// The case's id, where it is one case.
        case: Option<String>,
        /// The subject, where it is one subject (access, GDPR art. 15).
        subject: Option<SubjectId>,
        /// What: `evidence`, `subject`, `hits`.
        what: String,
        /// Why.
        reason: String,
        /// SHA-256 of it, hex.
        digest: String,
    },
    /// A person's data are deleted (GDPR art. 17). The subject's pseudonym goes with them; what is
    /// left is how much.
    Erase {
        /// Reference of the request, as whoever asked wrote it. Not a name.
        reference: String,
        /// Why.
        reason: String,
        /// Payloads deleted, by kind.
        deleted: Vec<(Kind, u64)>,
        /// Copies that were exported before, by digest: they are not ours to delete.
        exported: Vec<String>,
    },
    /// Something about a person is corrected (GDPR art. 16).
    Correct {
        /// The case's id.
        case: String,
        /// What was wrong, what is right.
        text: String,
    },
    /// Retention deleted payloads.
    Expire {
        /// How many, by kind.
        deleted: Vec<(Kind, u64)>,
    },
    /// Something about an account of the console.
    Account {
        /// Whose; empty when nobody of that name exists.
        account: String,
        /// `signed-in`, `sign-in-failed`, `invited`, `roles-changed`, `token-made` ...
        what: String,
        /// More: roles, scopes. Never a secret.
        detail: String,
    },
}

impl Act {
    /// The kind of entry that tells of it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Acknowledge { .. }
            | Self::Assign { .. }
            | Self::Comment { .. }
            | Self::Close { .. }
            | Self::Reopen { .. }
            | Self::Suppress { .. }
            | Self::Unsuppress { .. }
            | Self::Correct { .. } => Kind::Triage,
            Self::RequestUnsealing { .. }
            | Self::ApproveUnsealing { .. }
            | Self::RefuseUnsealing { .. }
            | Self::ReleaseUnsealing { .. } => Kind::Unsealing,
            Self::Hold { .. } | Self::LiftHold { .. } => Kind::Hold,
            Self::Export { .. } => Kind::Export,
            Self::Erase { .. } | Self::Expire { .. } => Kind::Deletion,
            Self::Account { .. } => Kind::Account,
        }
    }

    /// The case that it is about.
    pub fn case(&self) -> Option<&str> {
        match self {
            Self::Acknowledge { case }
            | Self::Assign { case, .. }
            | Self::Comment { case, .. }
            | Self::Close { case, .. }
            | Self::Reopen { case, .. }
            | Self::RequestUnsealing { case, .. }
            | Self::ApproveUnsealing { case, .. }
            | Self::RefuseUnsealing { case, .. }
            | Self::ReleaseUnsealing { case, .. }
            | Self::Hold { case, .. }
            | Self::LiftHold { case, .. }
            | Self::Correct { case, .. } => Some(case),
            Self::Export { case, .. } => case.as_deref(),
            Self::Suppress { .. }
            | Self::Unsuppress { .. }
            | Self::Erase { .. }
            | Self::Expire { .. }
            | Self::Account { .. } => None,
        }
    }

    /// The subject that it names.
    pub const fn subject(&self) -> Option<&SubjectId> {
        match self {
            Self::RequestUnsealing { subject, .. } => Some(subject),
            Self::Export { subject, .. } => subject.as_ref(),
            _ => None,
        }
    }
}
