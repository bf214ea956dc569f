//! What a stage's finding needs to become a hit: the packet around it, the list, the sink.

use super::carrier::Wire;
use super::join::{ADDRESSES_MAX, Answer, Answered, Joins, SURE_MEDIUM};
use super::watch::Trail;
use super::ways::{self, Counted};
use super::{NameLine, Sink};
use crate::base::{EchVerdict, Endpoints, NameBuf, Outcome, Seen, Timestamp, Transport};
use crate::blocklist::{Catalogue, Match, Verdict};
use crate::event::{EVIDENCE_LEN_MAX, Event, Hit, HitRule, Stats, Support};
use crate::names::dns::{self, Asked, DnsEnd, DnsName};
use crate::names::tls::Hello;
use crate::names::{Malformed, Sighting, ech, ja4};
use ipnet::IpNet;

/// Type of the question for HTTPS records.
const HTTPS: u16 = dns::message::rtype::HTTPS;

/// The packet that is being looked at.
#[derive(Clone, Copy)]
pub(super) struct Around {
    pub frame: u64,
    pub time: Timestamp,
    pub ends: Endpoints,
    pub src_mac: Option<[u8; 6]>,
    pub dst_mac: Option<[u8; 6]>,
    pub vlan: Option<u16>,
}

/// What the question of a DNS message is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asking {
    /// A query's; or a response's, the first sign of a query that was not seen.
    New,
    /// A response's whose query was seen.
    Answered,
    /// A response's that came before, without its query.
    Again,
}

/// Everything that a finding touches. Lives for one packet.
pub(super) struct Context<'w, S> {
    pub around: Around,
    /// The frame that is looked at; none when something is told of another connection.
    pub wire: Option<Wire<'w>>,
    pub point: &'w str,
    pub list: &'w Catalogue,
    pub stats: &'w mut Stats,
    pub asked: &'w mut Asked,
    pub ech: &'w mut ech::Memory,
    pub joins: &'w mut Joins,
    pub monitored: &'w [IpNet],
    pub trail: &'w mut Trail,
    /// There is more than one reading of the bytes that are looked at.
    pub contested: bool,
    pub ways: &'w mut Counted,
    pub sink: &'w mut S,
}

impl<S: Sink> Context<'_, S> {
    /// One whole DNS message.
    pub fn dns(&mut self, message: &[u8]) {
        let (mut https_answer, mut answered) = (false, false);
        let end = dns::walk(message, &mut |found: DnsName<'_>| {
            https_answer |= found.qtype == HTTPS && !found.client_is_src;
            let asking = if found.question {
                self.asking(&found)
            } else {
                Asking::New
            };
            answered |= asking == Asking::Answered;
            if asking != Asking::New {
                return;
            }
            self.sighting(&Sighting {
                name: found.name,
                seen: found.seen,
                ech: EchVerdict::None,
                qtype: found.qtype,
                client_is_src: found.client_is_src,
                evidence: message,
            });
        });
        match end {
            DnsEnd::Broken(why) => self.stats.names_malformed.bump(why.index()),
            DnsEnd::Limit => self.stats.names_malformed.bump(Malformed::DnsLimit.index()),
            DnsEnd::Whole | DnsEnd::NotDns => {}
        }
        // Anybody can send an answer; who was not asked, tells no client where to go, and whether
        // its next hello hides a name.
        if answered {
            if https_answer {
                self.note_ech(message);
            }
            self.note_addresses(message);
        }
    }

    /// An answer tells the client an address: a connection to it that tells no name may be told by
    /// this. Names that do not match are hashed and gone.
    fn note_addresses(&mut self, message: &[u8]) {
        let mut found = [None; ADDRESSES_MAX];
        let mut places = found.iter_mut();
        dns::addresses(message, &mut |address| {
            if let Some(place) = places.next() {
                *place = Some(address);
            }
        });
        if found.first().is_none_or(Option::is_none) {
            return;
        }
        let time = self.around.time;
        let mut asked = NameBuf::new();
        let mut matched = None;
        dns::walk(message, &mut |name: DnsName<'_>| {
            if name.question && name.name.normalise(&mut asked).is_err() {
                return;
            }
            if matched.is_none() && matches!(self.list.find_at(&name.name, time), Verdict::Hit(_)) {
                let mut text = NameBuf::new();
                let _ = name.name.normalise(&mut text);
                matched = Some((text, name.qtype));
            }
        });
        let answer = Answered {
            client: self.around.ends.dst,
            time,
            name: asked.as_bytes(),
            message,
        };
        for address in found.iter().flatten() {
            let told = (address.ip, address.ttl);
            let matched = matched.as_ref();
            let found = matched.map(|(name, qtype)| (name.as_bytes(), *qtype));
            self.joins.learn(&answer, told, found);
        }
    }

    /// An answer to a question for HTTPS records tells the client whether to use ECH.
    #[cold]
    fn note_ech(&mut self, message: &[u8]) {
        let (client, now) = (self.around.ends.dst, self.around.time);
        ech::read_answer(message, &mut |answer| self.ech.note(client, &answer, now));
    }

    /// What a question says that was not known. Notes it.
    fn asking(&mut self, found: &DnsName<'_>) -> Asking {
        let mut name = NameBuf::new();
        if found.name.normalise(&mut name).is_err() {
            return Asking::New;
        }
        let ends = self.around.ends;
        let client = if found.client_is_src {
            ends
        } else {
            ends.reversed()
        };
        let key = self.asked.key(&client, found.id, &name, found.qtype);
        if found.client_is_src {
            // A query that is sent again is a question asked again; an answer never is.
            self.asked.note_query(key);
            return Asking::New;
        }
        if self.asked.was_asked(key) {
            return Asking::Answered;
        }
        if self.asked.was_told(key) {
            return Asking::Again;
        }
        self.asked.note_answer(key);
        Asking::New
    }

    /// Something of ours could not be read, or not wholly.
    pub fn malformed(&mut self, why: Malformed) {
        self.stats.names_malformed.bump(why.index());
    }

    /// A whole ClientHello.
    pub fn hello(&mut self, hello: &Hello<'_>, seen: Seen) -> Outcome {
        let is_way = self.way_of_hello(hello, seen);
        let Some(sni) = hello.sni else {
            return Outcome::NoSni;
        };
        let around = self.around;
        let verdict = ech::verdict(sni, hello.offer, self.ech, around.ends.src, around.time);
        let sighting = Sighting {
            name: crate::base::RawName::Text(sni),
            seen,
            ech: verdict,
            qtype: 0,
            client_is_src: true,
            evidence: hello.message,
        };
        self.seen(&sighting);
        match self.list.find_at(&sighting.name, around.time) {
            // One connection is one way.
            Verdict::Way(_) if is_way => {}
            found => self.matched(&sighting, found),
        }
        if verdict.is_real() {
            Outcome::Ech
        } else {
            Outcome::Named
        }
    }

    /// Does something about another connection than that of the packet being looked at: with its
    /// `ends` and the frame that is to be named, and without the packet's link addresses, which
    /// are somebody else's.
    pub fn elsewhere<T>(
        &mut self,
        ends: &Endpoints,
        (frame, time): (u64, Timestamp),
        act: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let here = self.around;
        self.around = Around {
            frame,
            time,
            ends: *ends,
            src_mac: None,
            dst_mac: None,
            vlan: None,
        };
        let wire = self.wire.take();
        let result = act(self);
        (self.around, self.wire) = (here, wire);
        result
    }

    /// Did the datagram that is looked at bring all of a hello that is handed on in another form?
    pub const fn came_in_one(&mut self, alone: bool) {
        if alone && let Some(wire) = &mut self.wire {
            wire.note_whole();
        }
    }

    /// A name was read: count it, match it, and let it go.
    pub fn sighting(&mut self, sighting: &Sighting<'_>) {
        self.seen(sighting);
        self.matched(
            sighting,
            self.list.find_at(&sighting.name, self.around.time),
        );
    }

    /// A name was read: count it.
    pub fn seen(&mut self, sighting: &Sighting<'_>) {
        self.stats.names.bump(sighting.seen.index());
        if matches!(sighting.seen, Seen::HttpConnect | Seen::SocksConnect) {
            self.way_of_proxy();
        }
        if self.sink.wants_names() {
            self.show(sighting);
        }
    }

    /// What the list said of a name: only a match goes further.
    pub fn matched(&mut self, sighting: &Sighting<'_>, verdict: Verdict<'_>) {
        match verdict {
            Verdict::None if ways::is_certificate_type(sighting.qtype) => {
                self.way_of_question(sighting);
            }
            Verdict::None => {}
            Verdict::Way(way) => self.way(sighting, way),
            Verdict::Allowed(_) => self.stats.allowed = self.stats.allowed.wrapping_add(1),
            Verdict::Context(found) => {
                self.stats.context.bump(sighting.seen.index());
                self.support(sighting, || HitRule::of(&found));
            }
            Verdict::Hit(found) => {
                self.stats.hits.bump(sighting.seen.index());
                let hit = self.hit(sighting, &found);
                self.note(&hit);
                self.sink.hit(Box::new(hit));
            }
        }
    }

    #[cold]
    fn show(&mut self, sighting: &Sighting<'_>) {
        let mut name = NameBuf::new();
        if sighting.name.normalise(&mut name).is_ok() {
            self.sink.name(&NameLine {
                frame: self.around.frame,
                time: self.around.time,
                ends: self.around.ends,
                seen: sighting.seen,
                name: name.as_str(),
            });
        }
    }

    /// The packet's ends turned so that `src` is the client, and the client's link address.
    const fn client_first(&self, sighting: &Sighting<'_>) -> (Endpoints, Option<[u8; 6]>) {
        let around = &self.around;
        if sighting.client_is_src {
            (around.ends, around.src_mac)
        } else {
            (around.ends.reversed(), around.dst_mac)
        }
    }

    /// A dual-use, supplier or way's name: it leaves only as support of a hit of the same client.
    pub(super) fn support(&mut self, sighting: &Sighting<'_>, rule: impl FnOnce() -> HitRule) {
        let around = self.around;
        let (ends, client_mac) = self.client_first(sighting);
        if !self.trail.recent.holds(ends.src, around.time) {
            return;
        }
        let mut name = NameBuf::new();
        // It matched, so it has a normal form.
        let _ = sighting.name.normalise(&mut name);
        self.stats.support.bump(sighting.seen.index());
        self.sink.tell(Event::Support(Box::new(Support {
            time: around.time,
            frame: around.frame,
            point: self.point.to_owned(),
            ends,
            client_mac,
            seen: sighting.seen,
            name: name.as_str().to_owned(),
            rule: rule(),
        })));
    }

    #[cold]
    fn hit(&self, sighting: &Sighting<'_>, found: &Match<'_>) -> Hit {
        let around = &self.around;
        let (ends, mac) = self.client_first(sighting);
        let mut name = NameBuf::new();
        // It matched, so it has a normal form.
        let _ = sighting.name.normalise(&mut name);
        let ja4 = ja4::of(sighting.evidence, sighting.seen).map(|j| j.as_str().to_owned());
        let kept = sighting.evidence.len().min(EVIDENCE_LEN_MAX);
        let mut rule = HitRule::of(found);
        // Nobody checked the certificate: a server may show any that it likes.
        if sighting.seen == Seen::TlsCert && rule.confidence == "high" {
            rule.confidence = "medium".to_owned();
        }
        Hit {
            time: around.time,
            frame: around.frame,
            point: self.point.to_owned(),
            ends,
            client_mac: mac,
            vlan: around.vlan,
            seen: sighting.seen,
            name: name.as_str().to_owned(),
            qtype: sighting.qtype,
            ech: sighting.ech,
            rule,
            ja4,
            join: None,
            contested: self.contested,
            evidence: sighting.evidence.get(..kept).unwrap_or_default().to_vec(),
            carrier: self.wire.and_then(|wire| wire.carrier(sighting)),
            list_version: self.list.info().version,
        }
    }

    /// A connection told no name. What had its client resolved to that address?
    #[cold]
    fn unnamed(&mut self, ends: &Endpoints, begun: Timestamp, at: (u64, Timestamp)) {
        let (percent, matched) = match self.joins.find(ends.src, ends.dst, begun) {
            Answer::Nothing => return,
            Answer::Unsure => {
                self.stats.joins_unsure = self.stats.joins_unsure.wrapping_add(1);
                return;
            }
            Answer::Joined(joined) => (joined.percent, joined.matched.clone()),
        };
        let here = self.around.ends == *ends;
        let tell = |context: &mut Self| {
            let sighting = Sighting {
                name: crate::base::RawName::Text(matched.name()),
                seen: Seen::DnsJoin,
                ech: EchVerdict::None,
                qtype: matched.qtype,
                client_is_src: true,
                evidence: matched.evidence(),
            };
            context.seen(&sighting);
            let list = context.list;
            let Verdict::Hit(found) = list.find_at(&sighting.name, at.1) else {
                return;
            };
            context.stats.hits.bump(sighting.seen.index());
            let mut hit = context.hit(&sighting, &found);
            hit.join = Some(percent);
            if u32::from(percent) < SURE_MEDIUM {
                hit.rule.confidence = "low".to_owned();
            } else if hit.rule.confidence == "high" {
                hit.rule.confidence = "medium".to_owned();
            }
            context.note(&hit);
            context.sink.hit(Box::new(hit));
        };
        if here {
            tell(self);
        } else {
            self.elsewhere(ends, at, tell);
        }
    }

    /// A connection's fate, against the coverage denominator: `ends.src` is its client, `begun` the
    /// time of its first packet, `at` the frame and time of what was looked at last.
    pub fn connection(
        &mut self,
        ends: &Endpoints,
        begun: Timestamp,
        at: (u64, Timestamp),
        outcome: Outcome,
    ) {
        // One that is met in the middle may be older than what its client has just resolved.
        let named = matches!(
            outcome,
            Outcome::Named | Outcome::NoPayload | Outcome::Midstream
        );
        let inside = |ip| self.monitored.iter().any(|net| net.contains(&ip));
        // A vendor's name that leads to one of ours is a blocker's doing.
        if !named && !self.joins.is_empty() && !inside(ends.dst) {
            self.unnamed(ends, begun, at);
        }
        if !self.monitored.is_empty() && (!inside(ends.src) || inside(ends.dst)) {
            return;
        }
        let transport = match ends.transport {
            Transport::Tcp => 0,
            Transport::Udp => Outcome::ALL.len(),
        };
        self.stats
            .connections
            .bump(transport.wrapping_add(outcome.index()));
    }
}
