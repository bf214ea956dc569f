//! Who held an address at a moment.
//!
//! Enters: [`Fact`]s and [`Translation`]s from wire and feeds. Leaves: an [`Attribution`]: a person, a
//! device, an address, or `ambiguous`. Never: guesses; keeps an address or a name in clear (the
//! table is keyed by pseudonyms, what officers may one day open is enciphered under a key that
//! lives in memory alone); grows beyond its bound; touches the clock or a file.
//!
//! The table is bitemporal: each fact has a time from which it holds and a time at which it was
//! learned. An answer is a function of the facts known and of the moment asked for, so the order in
//! which facts arrive does not matter, and asking again after a late fact gives the better answer.
//!
//! The head of `identity/lane.rs` has the rules of one address, that of `identity/answer.rs` those
//! of the whole.

mod answer;
mod erase;
mod intake;
mod lag;
mod lane;
pub mod sought;
mod table;
#[cfg(test)]
mod tests;
mod translations;
mod vault;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::base::seen::closed_set;
use crate::base::{Counters, Endpoints, Timestamp};
use crate::event::{Fact, FactSource, Translation};
use crate::hits::{Key, SubjectId, Tag};
use crate::organisation::{Organisation, Place, Principal};

use lag::Lags;
use lane::Bounds;
pub use sought::{Brought, Had, Sought};
use table::Table;
use translations::Translations;
use vault::Vault;

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

/// The reason of an answer about a moment that is no longer remembered: no news about it.
pub const FORGOTTEN: &str = "too long ago: what was known of it is no longer kept";

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

impl Attribution {
    /// Does it say anything? `false`: no source told who held the address, or what it told is no
    /// longer kept. That is no ground to take an earlier answer back: only an answer that is known
    /// and differs is. (A later contradiction comes as [`SubjectKind::Ambiguous`], which is known.)
    pub const fn is_known(&self) -> bool {
        !matches!(self.kind, SubjectKind::Address)
    }
}

/// What a case keeps of a client, so that "who was that" can be asked again when more is known:
/// pseudonyms, a place, a moment. Private: no address in clear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    pub(crate) time: Timestamp,
    /// Pseudonym of the address.
    pub(crate) address: String,
    /// Pseudonyms of the IPv6 prefixes around it, at the lengths of [`PREFIX_LENGTHS`].
    pub(crate) networks: Vec<String>,
    /// Pseudonym of the frame's sender. A router's, where the sensor does not share the client's
    /// link: never an identity by itself.
    pub(crate) mac: Option<String>,
    /// Keyed id of the flow.
    pub(crate) flow: Option<String>,
    pub(crate) place: Place,
    /// References of the register entries whose networks hold the address.
    #[serde(default)]
    pub(crate) entries: Vec<String>,
}

impl Trace {
    /// The moment it is of.
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// Pseudonym of the address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where the client belongs.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// References of the register entries whose networks hold the address: for
    /// [`Use::entries`](crate::organisation::Use).
    pub fn entries(&self) -> &[String] {
        &self.entries
    }
}

/// Lengths at which an IPv6 prefix can be held (RADIUS Framed-IPv6-Prefix, RFC 3162). A binding of
/// any other length but a whole address is refused and counted: a trace knows its prefixes at these.
pub const PREFIX_LENGTHS: [u8; 5] = [48, 52, 56, 60, 64];

/// What an officer would read after unsealing a subject. Overwritten when it goes.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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

impl Clear {
    fn lists(&mut self) -> [&mut Vec<String>; 4] {
        [
            &mut self.users,
            &mut self.addresses,
            &mut self.hosts,
            &mut self.macs,
        ]
    }

    /// Takes over what `other` holds, each text once, sorted.
    fn add(&mut self, other: &mut Self) {
        for (to, from) in self.lists().into_iter().zip(other.lists()) {
            to.append(from);
            to.sort_unstable();
            to.dedup();
        }
    }

    fn is_empty(&mut self) -> bool {
        self.lists().iter().all(|list| list.is_empty())
    }
}

impl Drop for Clear {
    fn drop(&mut self) {
        for list in self.lists() {
            list.zeroize();
        }
    }
}

/// Bounds and choices. How long a ticket or a session may speak for a person stands in the map
/// (`ticket_hours`, `session_hours`).
#[derive(Clone, Debug)]
pub struct Settings {
    /// Are there officers? Without them no user name is kept: devices only.
    pub people: bool,
    /// Nanoseconds that an interval stays after its end.
    pub keep_ns: i64,
    /// Most facts in memory, and most translations.
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

closed_set! {
    /// Why a fact was not taken in, or not its user name.
    Refusal {
        /// Its time lies more than a day after it was learned: a clock jumped.
        Future = "future",
        /// It ends before it begins.
        Backwards = "backwards",
        /// It had ended so long ago that it would be forgotten at once.
        Past = "past",
        /// A prefix of a length that cannot be looked up, or one without a person.
        Prefix = "prefix",
        /// It binds nothing to the address, or names no address and no session.
        Empty = "empty",
        /// Its user is a machine account.
        Machine = "machine-account",
        /// Its user is a service account.
        Service = "service-account",
        /// Its user is nobody, or two people.
        Nobody = "no-person",
        /// A user name came, but there are no officers, or it is a visitor's.
        Unkept = "not-kept",
    }
}

/// Figures for metrics. Cumulative but for the first two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Facts in memory.
    pub intervals: u64,
    /// Translations in memory.
    pub translations: u64,
    /// Facts, or their user names, that were not taken in, along [`Refusal`].
    pub refused: Counters,
    /// Facts that went before their time because of the bound.
    pub evicted: u64,
    /// Log lines whose time ran backwards by more than ten minutes.
    pub disputed: u64,
    /// Answers that were `ambiguous`.
    pub ambiguous: u64,
}

/// A text under the vault's key, and what it is of.
struct Noted<T> {
    of: T,
    closed: Box<[u8]>,
    /// Of a trace: who that was when it was last asked, and what was known then.
    subject: RefCell<Option<(Known, SubjectId)>>,
}

/// Changes when an answer may: facts that were news, facts lost at the bound, the begin.
type Known = (u64, u64, i64);

/// Most clients whose addresses are kept (enciphered) for sealing.
const NOTED_MAX: usize = 4096;
/// Traces of one client within this time are one note.
const NOTED_NS: u64 = 60_000_000_000;

/// The table of who held what.
pub struct Identity {
    key: Key,
    organisation: Arc<Organisation>,
    people: bool,
    keep_ns: i64,
    table: Table,
    lags: Lags,
    translations: Translations,
    /// There only when there are people to be sealed.
    vault: Option<Vault>,
    clients: VecDeque<Noted<Trace>>,
    mailboxes: VecDeque<Noted<SubjectId>>,
    routers: BTreeSet<Tag>,
    units: HashMap<Tag, String>,
    refused: Counters,
    disputed: u64,
    ambiguous: AtomicU64,
    /// Nothing before this is answered: see [`Self::begin`].
    began: i64,
    /// Facts and translations that may have changed an answer.
    news: u64,
}

impl Identity {
    /// An empty table.
    pub fn new(settings: Settings, key: Key, organisation: Arc<Organisation>) -> Self {
        let bounds = Bounds {
            ticket_ns: organisation.ticket_ns(),
            session_ns: organisation.session_ns(),
        };
        let units = organisation
            .people()
            .filter_map(|(user, unit)| Some((key.person_tag(user), unit?.to_owned())));
        Self {
            units: units.collect(),
            routers: organisation.routers().map(|mac| key.mac_tag(mac)).collect(),
            people: settings.people,
            keep_ns: settings.keep_ns,
            table: Table::new(bounds, settings.keep_ns, settings.intervals_max),
            lags: Lags::default(),
            translations: Translations::new(settings.intervals_max),
            vault: settings.people.then(Vault::new).flatten(),
            clients: VecDeque::new(),
            mailboxes: VecDeque::new(),
            refused: Counters::new(Refusal::ALL.len()),
            disputed: 0,
            ambiguous: AtomicU64::new(0),
            began: i64::MIN,
            news: 0,
            key,
            organisation,
        }
    }

    /// Says that facts are seen from `at` on. Traces of before (out of a journal, after a restart)
    /// are then answered with "nothing is known": half of what was known then would name people
    /// wrongly. Without this call everything is answered.
    pub const fn begin(&mut self, at: Timestamp) {
        self.began = at.0;
    }

    /// Takes a fact in, learned at `learned` (packet time in a replay, the wall clock live). Says
    /// whether attributions already made may change by it.
    pub fn learn(&mut self, fact: &Fact, learned: Timestamp) -> bool {
        let news = self.take_fact(fact, learned);
        self.news += u64::from(news);
        news
    }

    /// Up to when all sources have spoken, as far as they are known to be late; `None` when none is.
    /// What is said of a later moment may still be contradicted.
    pub fn settled(&self, now: Timestamp) -> Option<Timestamp> {
        self.lags.settled(now.0).map(Timestamp)
    }

    /// Takes a translation in; as [`Self::learn`].
    pub fn translate(&mut self, what: &Translation, learned: Timestamp) -> bool {
        let news = self.take_translation(what, learned);
        self.news += u64::from(news);
        news
    }

    /// What a case may keep of the client `ends.src`. The address itself is noted enciphered, for
    /// [`Self::clear`].
    pub fn trace(&mut self, ends: &Endpoints, mac: Option<[u8; 6]>, time: Timestamp) -> Trace {
        let trace = self.traced(ends, mac, time);
        self.note(&trace, ends.src);
        trace
    }

    fn traced(&self, ends: &Endpoints, mac: Option<[u8; 6]>, time: Timestamp) -> Trace {
        Trace {
            time,
            address: self.key.ip(ends.src),
            networks: self.prefixes(ends.src),
            mac: mac.map(|mac| self.key.mac(mac)),
            flow: Some(self.key.community(ends)),
            place: self.organisation.place(ends.src),
            entries: self.organisation.entries_at(ends.src),
        }
    }

    fn prefixes(&self, address: IpAddr) -> Vec<String> {
        let IpAddr::V6(address) = address.to_canonical() else {
            return Vec::new();
        };
        let of = |len: u8| {
            let net = IpNet::new(address.into(), len).ok()?.trunc();
            let tag = self.key.net_tag(net.addr(), len);
            Some(SubjectId::of("net", &tag).to_string())
        };
        PREFIX_LENGTHS.into_iter().filter_map(of).collect()
    }

    /// Who that was, as far as is known now. [`Attribution::is_known`] tells an answer from "nothing
    /// is known (any more)", which is no ground to take an earlier answer back.
    pub fn who(&self, trace: &Trace) -> Attribution {
        let attribution = self.resolve(trace).attribution;
        if attribution.kind == SubjectKind::Ambiguous {
            self.ambiguous.fetch_add(1, Ordering::Relaxed);
        }
        attribution
    }

    /// Who a client was, as far as is known now, without a trace of the question: for the record of
    /// a hit, beside which [`Self::trace`] was asked for its case.
    pub fn holder(&self, ends: &Endpoints, mac: Option<[u8; 6]>, time: Timestamp) -> Attribution {
        self.resolve(&self.traced(ends, mac, time)).attribution
    }

    /// The subject alone, for what belongs to the same one: not another answer in the figures.
    pub fn whose(&self, trace: &Trace) -> SubjectId {
        self.resolve(trace).attribution.subject
    }

    /// Whose mailbox that is, when the directory knows (grade B), or by the rule that the local
    /// part is the user name (grade C). `None` without officers.
    pub fn mailbox(&mut self, recipient: &str, _time: Timestamp) -> Option<Attribution> {
        if !self.people {
            return None;
        }
        let found = self.organisation.mailbox(recipient)?;
        let Principal::Person(user) = self.organisation.principal(&found.user) else {
            return None;
        };
        let tag = self.key.person_tag(&user);
        let subject = SubjectId::of("person", &tag);
        if !self.mailboxes.iter().any(|it| it.of == subject) {
            let mut clear = Clear::default();
            clear.users.push(user);
            if let Some(closed) = self.close(&clear) {
                push(&mut self.mailboxes, subject.clone(), closed);
            }
        }
        let (grade, reason) = if found.listed {
            (Grade::B, "the directory says whose mailbox it is")
        } else {
            (Grade::C, "by rule, the mailbox bears the user name")
        };
        Some(Attribution {
            subject,
            kind: SubjectKind::Person,
            grade,
            sources: Vec::new(),
            from: None,
            until: None,
            learned: None,
            place: Place {
                kind: crate::organisation::PlaceKind::Staff,
                site: None,
                unit: self.units.get(&tag).cloned(),
            },
            reason: reason.into(),
        })
    }

    /// What is known of a subject in clear, to be sealed at once: of each client noted by
    /// [`Self::trace`] that is this subject by what is known now, the address, and the names that
    /// its facts bore. `None` when there is nothing, or no officer to read it.
    pub fn clear(&self, subject: &SubjectId) -> Option<Clear> {
        let vault = self.vault.as_ref()?;
        let read = |closed: &[u8]| serde_json::from_slice::<Clear>(&vault.open(closed)?).ok();
        let mut clear = Clear::default();
        for it in self.mailboxes.iter().filter(|it| it.of == *subject) {
            if let Some(mut more) = read(&it.closed) {
                clear.add(&mut more);
            }
        }
        for it in self.clients.iter().filter(|it| self.is_of(it, subject)) {
            let resolved = self.resolve(&it.of);
            if resolved.attribution.subject != *subject {
                continue;
            }
            let facts = resolved.whats.iter().filter_map(|it| it.closed.as_deref());
            for closed in facts.chain([it.closed.as_ref()]) {
                if let Some(mut more) = read(closed) {
                    clear.add(&mut more);
                }
            }
        }
        (!clear.is_empty()).then_some(clear)
    }

    /// Is the client of this note that subject, by what is known now? Of thousands of notes few are,
    /// and each is asked again only when something became known.
    fn is_of(&self, note: &Noted<Trace>, subject: &SubjectId) -> bool {
        let known = (self.news, self.table.evicted, self.began);
        let mut last = note.subject.borrow_mut();
        match last.as_ref() {
            Some((then, whose)) if *then == known => whose == subject,
            _ => {
                let whose = self.resolve(&note.of).attribution.subject;
                let is = whose == *subject;
                *last = Some((known, whose));
                is
            }
        }
    }

    fn close(&mut self, clear: &Clear) -> Option<Box<[u8]>> {
        let vault = self.vault.as_mut()?;
        let text = zeroize::Zeroizing::new(serde_json::to_vec(clear).ok()?);
        vault.close(&text)
    }

    fn note(&mut self, trace: &Trace, address: IpAddr) {
        let close = |it: &&Noted<Trace>| {
            it.of.address == trace.address
                && it.of.mac == trace.mac
                && it.of.flow == trace.flow
                && it.of.time.0.abs_diff(trace.time.0) < NOTED_NS
        };
        if self.vault.is_none() || self.clients.iter().rev().find(close).is_some() {
            return;
        }
        // The frame's sender is the client only where a fact says so too: its link-layer address
        // comes from the facts.
        let mut clear = Clear::default();
        clear.addresses.push(address.to_canonical().to_string());
        if let Some(closed) = self.close(&clear) {
            push(&mut self.clients, trace.clone(), closed);
        }
    }

    /// Forgets what has been over for long enough.
    pub fn tick(&mut self, now: Timestamp) {
        self.table.tick(now.0);
        let over = now.0.saturating_sub(self.keep_ns);
        self.translations.tick(over);
        while self
            .clients
            .front()
            .is_some_and(|it| it.of.time.0 < self.table.horizon)
        {
            self.clients.pop_front();
        }
    }

    /// Figures for metrics.
    pub fn state(&self) -> State {
        State {
            intervals: self.table.len() as u64,
            translations: self.translations.len() as u64,
            refused: self.refused.clone(),
            evicted: self.table.evicted,
            disputed: self.disputed,
            ambiguous: self.ambiguous.load(Ordering::Relaxed),
        }
    }
}

fn push<T>(notes: &mut VecDeque<Noted<T>>, of: T, closed: Box<[u8]>) {
    if notes.len() >= NOTED_MAX {
        notes.pop_front();
    }
    notes.push_back(Noted {
        of,
        closed,
        subject: RefCell::new(None),
    });
}
