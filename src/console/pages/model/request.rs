//! Requests for the identity behind a case, as somebody may see them.
//!
//! Enters: rows of the store, the terms of unsealing, a [`Veil`]. Leaves: plain values. Never: a
//! state of its own making; `record::unsealing` says how a request stands.

use serde::Serialize;

use super::super::veil::Veil;
use crate::base::Timestamp;
use crate::record::unsealing::{Course, State, Terms};
use crate::store::shown::{self, rfc3339};

/// Somebody's word on a request.
#[derive(Clone, Serialize)]
pub struct Word {
    /// Who.
    pub by: String,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub time: Timestamp,
    /// What they wrote; `None`: withheld.
    pub text: Option<String>,
}

/// A request for the identity behind a case.
#[derive(Clone, Serialize)]
pub struct RequestLine {
    /// Its id.
    pub id: String,
    /// The case.
    pub case: String,
    /// Whose identity.
    pub subject: String,
    /// How it stands.
    pub state: State,
    /// Who asked, when, why.
    pub asked: Word,
    /// Officers that agreed.
    pub approvals: Vec<Word>,
    /// How many must.
    pub needed: u8,
    /// Who refused.
    pub refused: Option<Word>,
    /// Each time that it was handed out, in order.
    pub releases: Vec<Word>,
    /// When it runs out.
    #[serde(serialize_with = "rfc3339")]
    pub ends: Timestamp,
}

impl RequestLine {
    /// As the veil lets it through, at `now`.
    pub fn of(row: shown::Request, terms: &Terms, now: Timestamp, veil: &Veil) -> Self {
        let word = |it: shown::Approval| Word {
            by: it.by,
            time: it.time,
            text: veil.text(it.note),
        };
        let approvals: Vec<Word> = row.approvals.into_iter().map(word).collect();
        let refused = row.refused.map(word);
        let releases: Vec<Word> = row.releases.into_iter().map(word).collect();
        let course = Course {
            asked: row.time,
            approved: approvals.iter().map(|it| it.time).collect(),
            refused: refused.is_some(),
            released: releases.first().map(|it| it.time),
        };
        Self {
            id: row.id,
            case: row.case,
            subject: veil.subject(&row.subject),
            state: course.state(terms, now),
            asked: Word {
                by: row.by,
                time: row.time,
                text: veil.text(row.reason),
            },
            approvals,
            needed: terms.threshold,
            refused,
            releases,
            ends: course.ends(terms),
        }
    }

    /// Has this one agreed?
    pub fn approved_by(&self, account: &str) -> bool {
        self.approvals.iter().any(|it| it.by == account)
    }

    /// Are officers still to agree?
    pub const fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting)
    }

    /// May it be handed out?
    pub const fn may_be_fetched(&self) -> bool {
        matches!(self.state, State::Approved | State::Released)
    }

    /// Still to be decided or handed out?
    pub fn is_undecided(&self) -> bool {
        matches!(self.state, State::Waiting | State::Approved)
    }
}
