//! Who held an address at a moment.
//!
//! Enters: [`Fact`]s and [`Translation`]s from wire and feeds. Leaves: an [`Attribution`]: a person, a
//! device, an address, or `ambiguous`. Never: guesses; keeps an address or a name in clear (the
//! table is keyed by pseudonyms, what officers may one day open is enciphered under a key that
//! lives in memory alone); grows beyond its bound; touches the clock or a file.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::seen::closed_set;
use crate::base::{Endpoints, Timestamp};
use crate::event::{Fact, FactSource, Translation};
use crate::hits::{Key, SubjectId};
use crate::organisation::{Organisation, Place};

closed_set! {
    /// How good an attribution is, best first.
    Grade {
        /// An authenticated session with a start and an end (RADIUS accounting, AAA log).
        A = "A",
        /// A reply of the KDC, or a portal: authenticated, without a sure end.
        B = "B",
        /// A lease with a host name.
        C = "C",
        /// A link-layer address only.
        D = "D",
        /// Nothing but the address.
        None = "none",
    }
}

closed_set! {
    /// What a subject is.
    SubjectKind {
        /// A person.
        Person = "person",
        /// A device whose user is not known.
        Device = "device",
        /// An address of which nothing more is known.
        Address = "address",
        /// A server or camera.
        Machine = "machine",
        /// Somebody behind a resolver, proxy, translator: the organisation, not a person.
        Organisation = "organisation",
        /// Several may be meant: never a person's case.
        Ambiguous = "ambiguous",
    }
}

/// Who held an address, how surely, and why. A claim: it can be replaced by a better one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribution {
    /// Whom it names.
    pub subject: SubjectId,
    /// What that is.
    pub kind: SubjectKind,
    /// How good it is.
    pub grade: Grade,
    /// Sources that agree.
    pub sources: Vec<FactSource>,
    /// The interval it rests on.
    pub from: Option<Timestamp>,
    /// Its end, if there is one.
    pub until: Option<Timestamp>,
    /// When the newest of its facts was learned.
    pub learned: Option<Timestamp>,
    /// Where the client belongs.
    pub place: Place,
    /// Why, in a sentence for people; in case of ambiguity what speaks against what. No names.
    pub reason: String,
}

/// What a case keeps of a client, so that "who was that" can be asked again when more is known:
/// pseudonyms, a place, a moment. Private: no address in clear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    pub(crate) time: Timestamp,
    pub(crate) address: String,
    pub(crate) networks: Vec<String>,
    pub(crate) mac: Option<String>,
    pub(crate) flow: Option<String>,
    pub(crate) place: Place,
}

/// What an officer would read after unsealing a subject.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clear {
    /// User names, as the sources wrote them.
    pub users: Vec<String>,
    /// Addresses held when hits were made.
    pub addresses: Vec<String>,
    /// Device names.
    pub hosts: Vec<String>,
    /// Link-layer addresses.
    pub macs: Vec<String>,
}

/// Bounds and choices.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Are there officers? Without them no user name is kept: devices only.
    pub people: bool,
    /// Nanoseconds that an interval stays after its end.
    pub keep_ns: i64,
    /// Most intervals at a time.
    pub intervals_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            people: false,
            keep_ns: 4 * 3600 * 1_000_000_000,
            intervals_max: 262_144,
        }
    }
}

/// The table of who held what.
pub struct Identity {
    key: Key,
    organisation: Arc<Organisation>,
}

impl Identity {
    /// An empty table.
    pub fn new(_settings: Settings, key: Key, organisation: Arc<Organisation>) -> Self {
        Self { key, organisation }
    }

    /// Takes a fact in, learned at `learned` (packet time in a replay, the wall clock live). Says
    /// whether attributions already made may change by it.
    pub fn learn(&mut self, _fact: &Fact, _learned: Timestamp) -> bool {
        false
    }

    /// Takes a translation in; as [`Self::learn`].
    pub fn translate(&mut self, _what: &Translation, _learned: Timestamp) -> bool {
        false
    }

    /// What a case may keep of the client `ends.src`.
    pub fn trace(&self, ends: &Endpoints, mac: Option<[u8; 6]>, time: Timestamp) -> Trace {
        Trace {
            time,
            address: self.key.ip(ends.src),
            networks: Vec::new(),
            mac: mac.map(|mac| self.key.mac(mac)),
            flow: None,
            place: self.organisation.place(ends.src),
        }
    }

    /// Who that was, as far as is known now.
    pub fn who(&self, trace: &Trace) -> Attribution {
        Attribution {
            subject: SubjectId::new(format!(
                "address-{}",
                trace.address.trim_start_matches("ip-")
            )),
            kind: SubjectKind::Address,
            grade: Grade::None,
            sources: Vec::new(),
            from: None,
            until: None,
            learned: None,
            place: trace.place.clone(),
            reason: "no source told who held the address".into(),
        }
    }

    /// Whose mailbox that is, when the directory knows.
    pub fn mailbox(&self, _recipient: &str, _time: Timestamp) -> Option<Attribution> {
        None
    }

    /// What is known of a subject in clear, to be sealed at once.
    pub fn clear(&self, _subject: &SubjectId) -> Option<Clear> {
        None
    }

    /// Forgets what has been over for long enough.
    pub fn tick(&mut self, _now: Timestamp) {}
}
