//! What the pages stand on: the store to read, the desk to act.
//!
//! Enters: questions, acts. Leaves: answers of the record. Never: an act that did not go through
//! the desk's own line; a question that keeps the pages of others waiting.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, broadcast};

use crate::base::Timestamp;
use crate::blocklist::Catalogue;
use crate::console::Refusal;
use crate::organisation::Organisation;
use crate::record::unsealing::Terms;
use crate::record::{Act, Actor, Entry, Kind};
use crate::store::{Reader, SavedViews};

/// Most questions at one time; further ones wait.
const READERS_MAX: usize = 4;

/// An act under way: the number of its entry, or a sentence why nothing was done.
pub type Acting = Pin<Box<dyn Future<Output = Result<u64, String>> + Send>>;

/// The sealed records of a request, as they are handed out.
pub type Releasing = Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send>>;

/// An evidence bundle under way, or a sentence why there is none.
pub type Exporting = Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send>>;

/// What somebody wants in a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The case.
    pub case: String,
    /// Why; stands in the record and in the bundle.
    pub reason: String,
    /// With the sealed records that officers can open.
    pub sealed: bool,
}

/// An entry was written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Changed {
    /// Its number.
    pub number: u64,
    /// Its kind.
    pub kind: Kind,
    /// The case that it belongs to.
    pub case: Option<String>,
}

/// How one part of the program stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Part {
    /// Which, in English: `store`, `outbox`, `sensor eth0`.
    pub name: String,
    /// In order?
    pub good: bool,
    /// In words and figures.
    pub detail: String,
}

/// How the program stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Health {
    /// What stands against it: the reasons of `/readyz`. Empty: nothing.
    pub reasons: Vec<String>,
    /// Its parts.
    pub parts: Vec<Part>,
}

/// What the pages stand on. The daemon has one; tests have another that needs no daemon.
pub trait Desk: Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// Where questions go.
    fn readers(&self) -> &Arc<Readers>;
    /// Views that people keep.
    fn views(&self) -> &SavedViews;
    /// Does it; `revision` is that of the case's triage which whoever acts saw.
    fn act(&self, by: Actor, act: Act, revision: Option<u64>) -> Acting;
    /// Entries as they are written.
    fn changes(&self) -> broadcast::Receiver<Changed>;
    /// An entry of the ledger by its number; `None`: its payload was deleted.
    ///
    /// # Errors
    /// A sentence for the log.
    fn entry(&self, number: u64) -> Result<Option<Entry>, String>;
    /// The list in force.
    fn catalogue(&self) -> Arc<Catalogue>;
    /// Map and register in force.
    fn organisation(&self) -> Arc<Organisation>;
    /// How the program stands.
    fn health(&self) -> Health;
    /// What unsealing asks for.
    fn terms(&self) -> Terms;
    /// Makes an evidence bundle of a case, on the record.
    fn export(&self, by: Actor, what: Bundle) -> Exporting;
    /// Hands out the sealed records of a request, on the record.
    fn release(&self, by: Actor, request: String) -> Releasing;
}

/// A few connections to the store, for all pages.
pub struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Reader>>,
    room: Semaphore,
}

impl Readers {
    /// Of the store at `path`; nothing is opened yet.
    pub fn at(path: &Path) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_owned(),
            idle: Mutex::default(),
            room: Semaphore::new(READERS_MAX),
        })
    }

    /// Asks away from the threads that serve.
    ///
    /// # Errors
    /// [`Refusal::Failed`]; the log says why.
    pub async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&Reader) -> Result<T, String> + Send + 'static,
    ) -> Result<T, Refusal> {
        let me = Arc::clone(self);
        let _room = self.room.acquire().await.map_err(|_| Refusal::Failed)?;
        let asked = tokio::task::spawn_blocking(move || {
            let idle = me.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let reader = idle.map_or_else(|| Reader::open(&me.path), Ok)?;
            let answer = question(&reader);
            if answer.is_ok() {
                me.idle
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(reader);
            }
            answer
        });
        match asked.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(why)) => {
                tracing::warn!(%why, "the store did not answer the console");
                Err(Refusal::Failed)
            }
            Err(_) => Err(Refusal::Failed),
        }
    }
}
