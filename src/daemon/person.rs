//! What is asked on the control socket about people: pseudonyms, erasure, requests for an identity.
//!
//! Enters: one line of JSON. Leaves: one line of JSON. Never: keeps, logs or repeats what was asked.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::acts::{Handle, Refused};
use super::erasure::{self, Receipt};
use super::unsealing;
use crate::identity::{Brought, Sought};
use crate::record::Actor;

/// `{"person": {...}}`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What.
    pub person: Wish,
}

/// What somebody asks.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Wish {
    /// The pseudonyms of what a person brings.
    Seek(Brought),
    /// Everything about a person goes.
    Erase(erasure::Wish),
}

/// `{"unseal": {...}}`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnsealLine {
    /// What.
    pub unseal: unsealing::Wish,
}

/// The answer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Pseudonyms.
    Sought(Sought),
    /// It is gone.
    Erased(Receipt),
    /// Why not.
    Refused(String),
}

/// Answers about a person.
pub async fn answer(office: Handle, cases: PathBuf, by: Actor, line: &str) -> String {
    let answer = match serde_json::from_str::<Line>(line) {
        // Without the parser's words: they may repeat a name.
        Err(e) => Answer::Refused(format!("no question about a person: column {}", e.column())),
        Ok(Line {
            person: Wish::Seek(brought),
        }) => {
            let sought = tokio::task::spawn_blocking(move || {
                erasure::ask(&office, move |desk, _| {
                    desk.casework().identity().sought(&brought)
                })
            });
            match sought.await {
                Ok(Ok(sought)) => Answer::Sought(sought),
                Ok(Err(why)) => Answer::Refused(why),
                Err(_) => Answer::Refused("the daemon is ending".into()),
            }
        }
        Ok(Line {
            person: Wish::Erase(wish),
        }) => {
            let (told, answered) = oneshot::channel();
            erasure::start(office, cases, by, wish, told);
            match answered.await {
                Ok(Ok(receipt)) => Answer::Erased(receipt),
                Ok(Err(Refused(why))) => Answer::Refused(why),
                Err(_) => Answer::Refused("the daemon is ending".into()),
            }
        }
    };
    serde_json::to_string(&answer).unwrap_or_default()
}

/// Answers about a request for an identity.
pub async fn unseal(officers: &unsealing::Desk, office: &Handle, line: &str) -> String {
    let answer = match serde_json::from_str::<UnsealLine>(line) {
        Ok(UnsealLine { unseal }) => officers.answer(office, unseal).await,
        Err(e) => {
            let why = format!("no question about a request: column {}", e.column());
            unsealing::Answer::Refused(why)
        }
    };
    serde_json::to_string(&answer).unwrap_or_default()
}
