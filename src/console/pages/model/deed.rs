//! What somebody did, as somebody else may see it.
//!
//! Enters: an act of the record, a [`Veil`]. Leaves: plain values. Never: a text that somebody wrote
//! about a case, to somebody who may not see persons.

use serde::Serialize;

use super::super::veil::Veil;
use crate::base::Timestamp;
use crate::record::act::{Act, Means, Verdict};
use crate::store::shown::{rfc3339, rfc3339_maybe};

/// An act.
#[derive(Clone, Serialize)]
pub struct Deed {
    /// Number of its entry.
    pub number: u64,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub time: Timestamp,
    /// By whom.
    pub by: String,
    /// By which way.
    pub means: Means,
    /// What: the `act` of the record.
    pub act: &'static str,
    /// The case that it is about.
    pub case: Option<String>,
    /// To whom a case was given, whose account it is about, what was exported.
    pub object: Option<String>,
    /// As what a case was closed.
    pub verdict: Option<Verdict>,
    /// Until when it holds.
    #[serde(serialize_with = "rfc3339_maybe")]
    pub until: Option<Timestamp>,
    /// What somebody wrote; `None`: nothing, or it is withheld.
    pub text: Option<String>,
    /// Is a text withheld?
    pub withheld: bool,
}

impl Deed {
    /// As the veil lets it through.
    pub fn of(number: u64, time: Timestamp, acted: crate::record::Acted, veil: &Veil) -> Self {
        let kind = acted.act.kind();
        let case = acted.act.case().map(str::to_owned);
        let parts = Parts::of(acted.act);
        // What is said of accounts is about those who work here.
        let about_accounts = kind == crate::record::Kind::Account;
        let said = parts.text.filter(|text| !text.is_empty());
        let said = said.map(|text| if about_accounts { plainly(&text) } else { text });
        let withheld = said.is_some() && !veil.is_lifted() && !about_accounts;
        Self {
            number,
            time,
            by: acted.by.name,
            means: acted.by.means,
            act: parts.act,
            case,
            object: parts.object,
            verdict: parts.verdict,
            until: parts.until.map(|s| Timestamp::from_secs_nanos(s, 0)),
            text: said.filter(|_| !withheld),
            withheld,
        }
    }
}

/// `{"roles":["analyst"],"way":"link"}` as `roles: analyst; way: link`.
fn plainly(text: &str) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(text) else {
        return text.to_owned();
    };
    let word = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let said = fields.iter().map(|(key, value)| match value {
        serde_json::Value::Array(all) => {
            let all: Vec<String> = all.iter().map(word).collect();
            format!("{key}: {}", all.join(", "))
        }
        other => format!("{key}: {}", word(other)),
    });
    said.collect::<Vec<_>>().join("; ")
}

#[derive(Default)]
struct Parts {
    act: &'static str,
    object: Option<String>,
    verdict: Option<Verdict>,
    until: Option<i64>,
    text: Option<String>,
}

impl Parts {
    fn said(act: &'static str, text: String) -> Self {
        Self {
            act,
            text: Some(text),
            ..Self::default()
        }
    }

    fn of(act: Act) -> Self {
        match act {
            Act::Acknowledge { .. } => Self::said("acknowledge", String::new()),
            Act::Assign { to, .. } => Self {
                object: to,
                ..Self::said("assign", String::new())
            },
            Act::Comment { text, .. } => Self::said("comment", text),
            Act::Close {
                verdict, reason, ..
            } => Self {
                verdict: Some(verdict),
                ..Self::said("close", reason)
            },
            Act::Reopen { reason, .. } => Self::said("reopen", reason),
            Act::Suppress {
                reason,
                until,
                filter,
                ..
            } => Self {
                until: Some(until),
                ..Self::said("suppress", format!("{filter}\n{reason}"))
            },
            Act::Unsuppress { reason, .. } => Self::said("unsuppress", reason),
            Act::RequestUnsealing { reason, .. } => Self::said("request-unsealing", reason),
            Act::ApproveUnsealing { note, .. } => Self::said("approve-unsealing", note),
            Act::RefuseUnsealing { reason, .. } => Self::said("refuse-unsealing", reason),
            Act::ReleaseUnsealing { digest, .. } => Self {
                object: Some(digest),
                ..Self::said("release-unsealing", String::new())
            },
            Act::Hold { reason, until, .. } => Self {
                until: Some(until),
                ..Self::said("hold", reason)
            },
            Act::LiftHold { reason, .. } => Self::said("lift-hold", reason),
            Act::Export { what, reason, .. } => Self {
                object: Some(what),
                ..Self::said("export", reason)
            },
            Act::Erase {
                reference, reason, ..
            } => Self::said("erase", format!("{reference}\n{reason}")),
            Act::Correct { text, .. } => Self::said("correct", text),
            Act::Expire { .. } => Self::said("expire", String::new()),
            Act::Account {
                account,
                what,
                detail,
            } => Self {
                object: Some(format!("{account} {what}").trim().to_owned()),
                ..Self::said("account", detail)
            },
        }
    }
}
