//! What is asked on the control socket about people: pseudonyms, erasure, requests for an identity.
//!
//! Enters: one line of JSON. Leaves: one [`Answer`]. Never: keeps, logs or repeats what was asked;
//! lets an erasure depend on whether whoever asked for it waits.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::acts::{Handle, Refused};
use super::control::{Answer, UnderWay};
use super::erasure::{self, Receipt};
use super::unsealing;
use crate::identity::Brought;
use crate::record::Actor;

/// How long a visitor waits for an erasure before hearing that it is under way.
const PATIENCE: Duration = Duration::from_secs(2);
/// Erasures that are remembered. When there are more, the first that ended is forgotten.
const ERASURES_MAX: usize = 32;

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
    /// How an erasure stands that was under way, by its number.
    Erasure(u64),
}

/// `{"unseal": {...}}`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnsealLine {
    /// What.
    pub unseal: unsealing::Wish,
}

type Ended = Option<Result<Receipt, Refused>>;

/// The erasures of this run, by number.
#[derive(Clone, Default)]
pub struct Erasures(Arc<Mutex<VecDeque<Begun>>>);

#[derive(Clone)]
struct Begun {
    number: u64,
    at: Instant,
    end: watch::Receiver<Ended>,
}

impl Erasures {
    fn all(&self) -> MutexGuard<'_, VecDeque<Begun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins one. `None`: as many as may be are under way.
    fn begin(&self, told: oneshot::Receiver<Result<Receipt, Refused>>) -> Option<Begun> {
        let mut all = self.all();
        if all.len() >= ERASURES_MAX {
            let over = all.iter().position(|it| it.end.borrow().is_some())?;
            all.remove(over);
        }
        let (end, ended) = watch::channel(None);
        let begun = Begun {
            number: all.back().map_or(1, |it| it.number + 1),
            at: Instant::now(),
            end: ended,
        };
        all.push_back(begun.clone());
        tokio::spawn(async move {
            let done = told.await.unwrap_or_else(|_| Err(ending()));
            // Also when nobody asks any more.
            let _ = end.send_replace(Some(done));
        });
        Some(begun)
    }

    fn find(&self, number: u64) -> Option<Begun> {
        self.all().iter().find(|it| it.number == number).cloned()
    }
}

impl Begun {
    /// Its end, or after a while that it is under way.
    async fn wait(mut self) -> Answer {
        match timeout(PATIENCE, self.end.wait_for(Option::is_some)).await {
            Ok(Ok(end)) => match &*end {
                Some(Ok(receipt)) => Answer::Erased(receipt.clone()),
                Some(Err(Refused(why))) => Answer::Refused(why.clone()),
                None => Answer::Refused(ending().0),
            },
            Ok(Err(_)) => Answer::Refused(ending().0),
            Err(_) => Answer::UnderWay(UnderWay {
                erasure: Some(self.number),
                seconds: self.at.elapsed().as_secs(),
            }),
        }
    }
}

fn ending() -> Refused {
    Refused(
        "the daemon is ending; an erasure that has begun is finished when it runs again, and an \
         entry of the record with its reference says what went"
            .into(),
    )
}

/// Answers about a person.
pub async fn answer(
    office: Handle,
    erasures: &Erasures,
    cases: PathBuf,
    by: Actor,
    line: &str,
) -> Answer {
    let wish = match serde_json::from_str::<Line>(line) {
        // Without the parser's words: they may repeat a name.
        Err(e) => {
            let why = format!("no question about a person: column {}", e.column());
            return Answer::Refused(why);
        }
        Ok(Line { person }) => person,
    };
    match wish {
        Wish::Seek(brought) => {
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
        Wish::Erase(wish) => {
            let (told, answered) = oneshot::channel();
            let Some(begun) = erasures.begin(answered) else {
                return Answer::Refused(format!(
                    "{ERASURES_MAX} erasures are under way already: wait for one to end"
                ));
            };
            erasure::start(office, cases, by, wish, told);
            begun.wait().await
        }
        Wish::Erasure(number) => match erasures.find(number) {
            Some(begun) => begun.wait().await,
            None => Answer::Refused(format!(
                "no erasure {number} since the daemon was started; one that was cut short is \
                 finished by itself, and an entry of the record with its reference says what went"
            )),
        },
    }
}

/// Answers about a request for an identity.
pub async fn unseal(officers: &unsealing::Desk, office: &Handle, by: Actor, line: &str) -> Answer {
    match serde_json::from_str::<UnsealLine>(line) {
        Ok(UnsealLine { unseal }) => officers.answer(office, by, unseal).await,
        Err(e) => {
            let why = format!("no question about a request: column {}", e.column());
            Answer::Refused(why)
        }
    }
}

#[cfg(test)]
mod tests;
