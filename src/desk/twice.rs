//! One flow that passes two points counts once: before and after address translation, on both
//! sides of a router, twice on a loopback or a mirror of two ports.
//!
//! Enters: events of the sensor, in whatever order the points' queues bring them. Leaves: the same
//! without repeats. Never: grows beyond its bounds; lets a sighting near the client go because of
//! one further out; takes two clients of one network for each other.
//!
//! # What is the same
//! A ClientHello by a keyed hash of the message: its random makes it one of its kind (RFC 8446
//! section 4.1.2), over TCP, QUIC and DTLS alike. A DNS message by all of its bytes, its id among
//! them, and its resolver, within two seconds. Anything else has nothing of its own, so that server,
//! name and way must agree, within three seconds, at another point, and each sighting takes one
//! other for itself at each point: two who ask at one time behind one translator stay two.
//!
//! # Whose it is
//! With the same ends it is one packet on its way. With another client address it is a translation
//! only if one of the two is further out: a translator or proxy of the map, an address of this
//! machine, or outside the monitored networks (without such: a public address and a private one).
//! **Two clients inside stay two, whatever they send**: somebody may replay another's hello.
//!
//! # Which one is told
//! The one nearest to the client, for only there it is known who that was. A sighting further out
//! waits for it, up to a bound that leaves an alert its time. When the near one comes later still,
//! both are told and that is counted: to count twice is better than to name a gateway, or to let
//! somebody hide behind what he sent first under another address.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::base::{Counters, Endpoints, Repeat, Seen, Timestamp, Transport};
use crate::event::{Event, Hit, Mail, MailSource, Support};
use crate::hits::{Key, Tag};
use crate::organisation::{Organisation, PlaceKind};

/// How long a sighting further out waits, live: an alert has 100 ms.
pub const HOLD_LIVE: Duration = Duration::from_millis(50);
/// The same in packet time, in a replay: clocks of two captures may differ.
pub const HOLD_REPLAY: Duration = Duration::from_secs(2);

/// Sightings remembered.
const KNOWN_MAX: usize = 16_384;
/// Those of one message: somebody replays it.
const KNOWN_MAX_OF_ONE: usize = 16;
/// Sightings that wait.
const HELD_MAX: usize = 4096;
/// Flows whose exchanges are told at another point.
const FLOWS_MAX: usize = 16_384;
/// How long they are.
const KEEP_NS: u64 = 60_000_000_000;
const HELLO_NS: u64 = 10_000_000_000;
const DNS_NS: u64 = 2_000_000_000;
const OTHER_NS: u64 = 3_000_000_000;
/// A resolver is asked again after a second or so; a copy of a frame comes at once.
const COPY_NS: u64 = 100_000_000;

/// How near an address is to the client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Near {
    /// It stands for others.
    Outer,
    Unknown,
    Inside,
}

/// What is known about where addresses stand.
pub struct Whereabouts {
    organisation: Arc<Organisation>,
    monitored: Vec<IpNet>,
    own: BTreeSet<IpAddr>,
}

impl Whereabouts {
    /// By the map, the monitored networks (empty: not told) and this machine's own addresses.
    pub fn new(
        organisation: Arc<Organisation>,
        monitored: Vec<IpNet>,
        own: impl IntoIterator<Item = IpAddr>,
    ) -> Self {
        Self {
            organisation,
            monitored,
            own: own.into_iter().collect(),
        }
    }

    fn near(&self, address: IpAddr) -> Near {
        let address = address.to_canonical();
        let kind = self.organisation.place(address).kind;
        if matches!(kind, PlaceKind::Translator | PlaceKind::Proxy) || self.own.contains(&address) {
            return Near::Outer;
        }
        match (self.monitored.is_empty(), is_private(address)) {
            (true, true) => Near::Inside,
            (true, false) => Near::Unknown,
            _ if self.monitored.iter().any(|net| net.contains(&address)) => Near::Inside,
            _ => Near::Outer,
        }
    }
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// RFC 1918, RFC 6598 (between a provider's translator and its customers), RFC 4193.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [one, two, ..] = v4.octets();
            v4.is_private() || one == 100 && two & 0xc0 == 64
        }
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// A sighting, as far as it is compared.
struct Sighting {
    kind: Repeat,
    key: Tag,
    point: String,
    ends: Endpoints,
    near: Near,
    time: Timestamp,
}

/// One that was told or waits.
struct Known {
    it: Sighting,
    /// Where it waits; `None` once it is told.
    held: Option<Place>,
    /// Points at which it was recognised, where each may take one alone.
    elsewhere: Vec<String>,
}

/// When it is told at the latest, and a running number.
type Place = (Timestamp, u64);

/// What one sighting is to another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// The same again, no nearer to the client.
    Repeat,
    /// The same, nearer to the client.
    Nearer,
}

/// Recognises repeats. One for all points.
pub struct Twice {
    key: Key,
    whereabouts: Whereabouts,
    hold_ns: i64,
    known: HashMap<Tag, Vec<Known>>,
    /// In the order of arrival, with the time of arrival.
    order: VecDeque<(Timestamp, Tag)>,
    held: BTreeMap<Place, Event>,
    /// Tags of points and ends: connections may last for hours.
    flows: HashSet<Tag>,
    flows_order: VecDeque<Tag>,
    number: u64,
    counts: Counters,
}

impl Twice {
    /// Sightings further out wait for `hold`; zero where there is one point, which sees things in
    /// their order.
    pub fn new(key: Key, whereabouts: Whereabouts, hold: Duration) -> Self {
        Self {
            key,
            whereabouts,
            hold_ns: i64::try_from(hold.as_nanos()).unwrap_or(i64::MAX),
            known: HashMap::new(),
            order: VecDeque::new(),
            held: BTreeMap::new(),
            flows: HashSet::new(),
            flows_order: VecDeque::new(),
            number: 0,
            counts: Counters::new(Repeat::ALL.len()),
        }
    }

    /// Takes an event at `now` (the wall clock live, packet time in a replay); appends to `ready`
    /// what is to be told now.
    pub fn take(&mut self, event: Event, now: Timestamp, ready: &mut Vec<Event>) {
        self.release(now, ready);
        let it = match &event {
            Event::Hit(hit) => self.of_hit(hit),
            Event::Support(support) => Some(self.of_support(support)),
            Event::Mail(mail) if mail.source == MailSource::Wire => Some(self.of_mail(mail)),
            Event::Burst(burst) if self.flows.contains(&self.flow(&burst.point, &burst.ends)) => {
                self.counts.bump(Repeat::Burst.index());
                return;
            }
            _ => None,
        };
        match it {
            Some(it) => self.sighting(it, event, now, ready),
            None => ready.push(event),
        }
    }

    /// What has waited long enough by `now`. Forgets what is long past.
    pub fn release(&mut self, now: Timestamp, ready: &mut Vec<Event>) {
        while let Some(((due, _), _)) = self.held.first_key_value() {
            // A clock that was set back keeps nothing waiting.
            let waits_ns = due.0.saturating_sub(now.0);
            let soon = (1..=self.hold_ns.saturating_mul(2)).contains(&waits_ns);
            if soon && self.held.len() <= HELD_MAX {
                break;
            }
            self.tell_first(ready);
        }
        while let Some((arrived, _)) = self.order.front()
            && now.since_ns(*arrived) > KEEP_NS
        {
            self.forget();
        }
    }

    /// All that waits: at the end.
    pub fn flush(&mut self, ready: &mut Vec<Event>) {
        while !self.held.is_empty() {
            self.tell_first(ready);
        }
    }

    fn tell_first(&mut self, ready: &mut Vec<Event>) {
        if let Some((place, event)) = self.held.pop_first() {
            self.told(place, &event);
            ready.push(event);
        }
    }

    /// When the next one has waited long enough.
    pub fn due(&self) -> Option<Timestamp> {
        self.held.keys().next().map(|place| place.0)
    }

    /// The addresses that this machine has by now.
    pub fn own(&mut self, addresses: impl IntoIterator<Item = IpAddr>) {
        self.whereabouts.own = addresses.into_iter().collect();
    }

    /// Along [`Repeat`], cumulative.
    pub const fn counts(&self) -> &Counters {
        &self.counts
    }

    fn of_hit(&self, hit: &Hit) -> Option<Sighting> {
        let evidence = hit.evidence.as_slice();
        let (kind, key) = match hit.seen {
            Seen::ResolverLog | Seen::ProxyLog => return None,
            seen if seen.is_hello() && !evidence.is_empty() => {
                let seen = seen.label().as_bytes();
                let parts = [&b"hello"[..], seen, evidence];
                (Repeat::Hello, self.key.word_tag(&parts))
            }
            Seen::DnsQuery | Seen::DnsCname | Seen::DnsSvcb if !evidence.is_empty() => {
                let words = [hit.name.as_bytes(), &hit.qtype.to_be_bytes(), evidence];
                (
                    Repeat::Dns,
                    self.tag(Repeat::Dns, hit.seen, &hit.ends, words),
                )
            }
            seen => {
                let words = [hit.name.as_bytes(), &hit.qtype.to_be_bytes(), evidence];
                (
                    Repeat::Other,
                    self.tag(Repeat::Other, seen, &hit.ends, words),
                )
            }
        };
        Some(Sighting {
            kind,
            key,
            point: hit.point.clone(),
            ends: hit.ends,
            near: self.whereabouts.near(hit.ends.src),
            time: hit.time,
        })
    }

    fn of_support(&self, support: &Support) -> Sighting {
        let words = [support.name.as_bytes(), &[], &[]];
        let key = self.tag(Repeat::Support, support.seen, &support.ends, words);
        Sighting {
            kind: Repeat::Support,
            key,
            point: support.point.clone(),
            ends: support.ends,
            near: self.whereabouts.near(support.ends.src),
            time: support.time,
        }
    }

    /// A mail tells no addresses: one recipient, one moment, another point.
    fn of_mail(&self, mail: &Mail) -> Sighting {
        let words = [&mail.name, &mail.recipient, &mail.id].map(String::as_bytes);
        let [name, recipient, id] = words;
        let nobody = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        Sighting {
            kind: Repeat::Mail,
            key: self.key.word_tag(&[b"mail", name, recipient, id]),
            point: mail.point.clone(),
            ends: Endpoints {
                src: nobody,
                dst: nobody,
                sport: 0,
                dport: 0,
                transport: Transport::Tcp,
            },
            near: Near::Unknown,
            time: mail.time,
        }
    }

    /// Of what was seen and how, with the server; not with the client.
    fn tag(&self, kind: Repeat, seen: Seen, ends: &Endpoints, words: [&[u8]; 3]) -> Tag {
        let [name, qtype, evidence] = words;
        self.key.word_tag(&[
            kind.label().as_bytes(),
            seen.label().as_bytes(),
            ends.transport.label().as_bytes(),
            &octets(ends.dst),
            &ends.dport.to_be_bytes(),
            name,
            qtype,
            evidence,
        ])
    }

    fn sighting(&mut self, it: Sighting, event: Event, now: Timestamp, ready: &mut Vec<Event>) {
        let all = self.known.get(&it.key).map_or(&[][..], Vec::as_slice);
        let found = |wanted| {
            all.iter()
                .position(|known| known.is_to(&it) == Some(wanted))
        };
        let (repeated, outer) = (found(Relation::Repeat), found(Relation::Nearer));
        let all = self.known.get_mut(&it.key);
        let known = all.and_then(|all| all.get_mut(repeated.or(outer)?));
        match known {
            Some(known) if repeated.is_some() => {
                self.counts.bump(it.kind.index());
                known.take(&it.point);
                if (&known.it.point, known.it.ends) != (&it.point, it.ends) {
                    self.told_elsewhere(&it.point, &it.ends);
                }
            }
            Some(known) => {
                let (kind, point, ends) = (it.kind, it.point.clone(), it.ends);
                let outer = std::mem::replace(&mut known.it, it);
                known.take(&outer.point);
                let waited = known.held.take();
                let waited = waited.and_then(|place| self.held.remove(&place));
                let what = waited.map_or(Repeat::Late, |_| kind);
                self.counts.bump(what.index());
                self.told_elsewhere(&outer.point, &outer.ends);
                self.told_here(&point, &ends);
                ready.push(event);
            }
            None => self.fresh(it, event, now, ready),
        }
    }

    fn fresh(&mut self, it: Sighting, event: Event, now: Timestamp, ready: &mut Vec<Event>) {
        self.told_here(&it.point, &it.ends);
        let held = (it.near == Near::Outer && self.hold_ns > 0).then(|| {
            self.number += 1;
            (Timestamp(now.0.saturating_add(self.hold_ns)), self.number)
        });
        let known = Known {
            it,
            held,
            elsewhere: Vec::new(),
        };
        self.remember(known, now);
        match held {
            Some(place) => {
                self.held.insert(place, event);
            }
            None => ready.push(event),
        }
    }

    fn remember(&mut self, known: Known, now: Timestamp) {
        let key = known.it.key;
        let all = self.known.entry(key).or_default();
        if all.len() >= KNOWN_MAX_OF_ONE {
            return;
        }
        all.push(known);
        self.order.push_back((now, key));
        if self.order.len() > KNOWN_MAX {
            self.forget();
        }
    }

    /// Forgets the eldest.
    fn forget(&mut self) {
        let Some((_, eldest)) = self.order.pop_front() else {
            return;
        };
        if let Some(all) = self.known.get_mut(&eldest) {
            all.remove(0);
            if all.is_empty() {
                self.known.remove(&eldest);
            }
        }
    }

    /// Exchanges on this flow are told at another point.
    fn told_elsewhere(&mut self, point: &str, ends: &Endpoints) {
        let flow = self.flow(point, ends);
        if self.flows.insert(flow) {
            self.flows_order.push_back(flow);
        }
        if self.flows_order.len() > FLOWS_MAX
            && let Some(eldest) = self.flows_order.pop_front()
        {
            self.flows.remove(&eldest);
        }
    }

    /// Exchanges on this flow are told at this point, whatever its ports were before.
    fn told_here(&mut self, point: &str, ends: &Endpoints) {
        if !self.flows.is_empty() {
            let flow = self.flow(point, ends);
            self.flows.remove(&flow);
        }
    }

    fn flow(&self, point: &str, ends: &Endpoints) -> Tag {
        let [src, dst] = [ends.src, ends.dst].map(octets);
        let ports = [ends.sport.to_be_bytes(), ends.dport.to_be_bytes()];
        let transport = ends.transport.label().as_bytes();
        let parts = [
            b"flow",
            point.as_bytes(),
            transport,
            &src,
            &dst,
            ports.as_flattened(),
        ];
        self.key.word_tag(&parts)
    }

    /// It waits no more.
    fn told(&mut self, place: Place, event: &Event) {
        let key = match event {
            Event::Hit(hit) => self.of_hit(hit).map(|it| it.key),
            Event::Support(support) => Some(self.of_support(support).key),
            _ => None,
        };
        let all = key.and_then(|key| self.known.get_mut(&key));
        for known in all
            .into_iter()
            .flatten()
            .filter(|it| it.held == Some(place))
        {
            known.held = None;
        }
    }
}

impl Known {
    /// It was recognised at `point`.
    fn take(&mut self, point: &str) {
        if !self.is_unique() {
            self.elsewhere.push(point.to_owned());
        }
    }

    /// Does what was seen tell it from all others?
    const fn is_unique(&self) -> bool {
        matches!(self.it.kind, Repeat::Hello | Repeat::Dns)
    }

    /// What `other` is to this one; `None`: something else.
    fn is_to(&self, other: &Sighting) -> Option<Relation> {
        let it = &self.it;
        let apart_ns = it.time.0.abs_diff(other.time.0);
        let unique = self.is_unique();
        let window_ns = match it.kind {
            Repeat::Hello => HELLO_NS,
            Repeat::Dns => DNS_NS,
            _ => OTHER_NS,
        };
        let here = it.point == other.point;
        let taken = here || self.elsewhere.contains(&other.point);
        if apart_ns > window_ns || !unique && taken {
            return None;
        }
        if it.ends == other.ends {
            let copy = !here || it.kind == Repeat::Hello || apart_ns <= COPY_NS;
            return copy.then_some(Relation::Repeat);
        }
        // Another connection of the same client is another one.
        if it.ends.src == other.ends.src {
            return None;
        }
        match it.near.cmp(&other.near) {
            std::cmp::Ordering::Greater => Some(Relation::Repeat),
            std::cmp::Ordering::Less => Some(Relation::Nearer),
            // Through two translators.
            std::cmp::Ordering::Equal => {
                (it.near == Near::Outer && unique).then_some(Relation::Repeat)
            }
        }
    }
}

#[cfg(test)]
mod tests;
