//! What a sample of frames says about the place of the watch.
//!
//! Enters: [`Frame`]s and what is known of the surroundings. Leaves: [`TrafficFacts`]: counts. Never:
//! keeps an address beyond the sample, or gives one out; reads a name (the sensor's own worker does
//! that beside it, and its counters are taken over at the end).
//!
//! Addresses and conversations stand in bounded sets as hashes under a random key that is dropped
//! with them.

mod layers;
mod talk;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use ahash::RandomState;
use ipnet::IpNet;

use self::talk::{Talk, Way};
use crate::base::{Endpoints, Outcome, Seen, Timestamp, Transport};
use crate::capture::Frame;
use crate::decode::{Decoded, Decoder, Packet};
use crate::event::Stats;
use crate::organisation::{Organisation, PlaceKind};

pub use self::layers::Layer;

/// Most conversations followed; later ones are not looked at.
const TALKS_MAX: usize = 65_536;
/// Most client addresses told apart.
const CLIENTS_MAX: usize = 4096;
/// Payloads remembered to see the same one again.
const RECENT: usize = 4096;
/// The same payload within so many nanoseconds is the same packet seen twice: no sender repeats
/// itself so fast.
const TWICE_NS: u64 = 1_000_000;
/// Link header and tags beside the MTU.
const LINK_LEN_MAX: u32 = 14 + 4 * 4;
/// Bytes of payload that are compared.
const COMPARED: usize = 64;

/// What is known before the first frame.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// Addresses of this machine; empty for a file from elsewhere.
    pub own: Vec<IpAddr>,
    /// MTU by observation point; a missing one is not judged.
    pub mtu: Vec<Option<u32>>,
    /// Prefixes that may not be looked at.
    pub excluded: Vec<IpNet>,
    /// Networks of monitored clients.
    pub monitored: Vec<IpNet>,
}

/// Counts of one sample.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrafficFacts {
    /// It came from files, not from an interface of this machine.
    pub from_file: bool,
    /// A capture filter narrowed it.
    pub filtered: bool,
    /// Frames.
    pub frames: u64,
    /// Packets of TCP and UDP between two machines of which neither is this one.
    pub between_others: u64,
    /// Frames of which the capture kept only the beginning.
    pub cut_short: u64,
    /// Frames longer than the MTU allows: TCP.
    pub joined_tcp: u64,
    /// The same: UDP.
    pub joined_udp: u64,
    /// Frames of excluded prefixes.
    pub excluded: u64,
    /// Frames that gave nothing, by what they hold.
    pub undecoded: BTreeMap<Layer, u64>,
    /// TCP conversations of at least [`talk::FRAMES_MIN`] frames in which somebody acknowledges.
    pub talks: u64,
    /// Those of them with frames of one side only.
    pub talks_one_way: u64,
    /// Those of the one-sided in which it is the client's side.
    pub talks_from_client: u64,
    /// DNS queries over UDP port 53.
    pub dns_queries: u64,
    /// Their answers.
    pub dns_answers: u64,
    /// Addresses that asked.
    pub dns_clients: u64,
    /// They asked from one address alone, and the map says that it is a resolver.
    pub dns_from_resolver: bool,
    /// Conversations that go elsewhere than to this machine and whose client is known.
    pub connections: u64,
    /// Those from an address of this machine.
    pub connections_own: u64,
    /// Those from a monitored network to another.
    pub connections_monitored: u64,
    /// Addresses that they come from.
    pub clients: u64,
    /// They come from one address alone, which the map calls a proxy, a translator or a shared
    /// machine.
    pub client_shared: bool,
    /// Packets with payload that were compared.
    pub compared: u64,
    /// Those seen within a millisecond before, at the same point.
    pub twice: u64,
    /// The same, at another point.
    pub twice_elsewhere: u64,
    /// Whole hellos (TLS and QUIC) read by the worker.
    pub hellos: u64,
    /// Connections by [`Outcome`] along its index, TCP and QUIC together.
    pub outcomes: Vec<u64>,
    /// Frames dropped because the ring was full.
    pub kernel_drops: u64,
    /// Largest distance of packet time from the clock, in nanoseconds; live only.
    pub packet_time_off_ns: u64,
}

impl TrafficFacts {
    /// Connections of this fate.
    pub fn outcome(&self, which: Outcome) -> u64 {
        self.outcomes.get(which.index()).copied().unwrap_or(0)
    }
}

/// A packet seen a moment ago.
#[derive(Clone, Copy, Default)]
struct Recent {
    hash: u64,
    time: Timestamp,
    point: u16,
}

/// Counts a sample.
pub struct Traffic<'a> {
    around: &'a Surroundings,
    map: &'a Organisation,
    decoder: Decoder,
    hash: RandomState,
    talks: HashMap<u64, Talk>,
    clients: HashSet<u64>,
    askers: HashSet<u64>,
    recent: Vec<Recent>,
    facts: TrafficFacts,
}

impl<'a> Traffic<'a> {
    /// Nothing seen yet.
    pub fn new(around: &'a Surroundings, map: &'a Organisation) -> Self {
        Self {
            around,
            map,
            decoder: Decoder::new(&around.excluded),
            hash: RandomState::new(),
            talks: HashMap::new(),
            clients: HashSet::new(),
            askers: HashSet::new(),
            recent: vec![Recent::default(); RECENT],
            facts: TrafficFacts::default(),
        }
    }

    /// One frame; `now` is the clock where it was just captured.
    pub fn frame(&mut self, frame: &Frame<'_>, now: Option<Timestamp>) {
        let facts = &mut self.facts;
        facts.frames += 1;
        facts.cut_short += u64::from(frame.bytes.len() < frame.wire_len as usize);
        if let Some(now) = now {
            let off = frame.time.nanos().abs_diff(now.nanos());
            facts.packet_time_off_ns = facts.packet_time_off_ns.max(off);
        }
        // A packet put together from fragments borrows the decoder; what is noted of it is small.
        let note = match self.decoder.decode(frame) {
            Decoded::Packet(packet) => Note::of(&packet),
            Decoded::Excluded => {
                facts.excluded += 1;
                return;
            }
            Decoded::Neighbour(_) | Decoded::Fragment => return,
            Decoded::NotForUs(_) | Decoded::Malformed(_) => {
                if let Some(layer) = layers::of_frame(frame) {
                    *facts.undecoded.entry(layer).or_default() += 1;
                }
                return;
            }
        };
        if let Some(layer) = layers::of_ports(&note.ends) {
            *facts.undecoded.entry(layer).or_default() += 1;
        }
        let mtu = self.around.mtu.get(usize::from(frame.point));
        if let Some(mtu) = mtu.copied().flatten()
            && frame.wire_len > mtu.saturating_add(LINK_LEN_MAX)
        {
            match note.ends.transport {
                Transport::Tcp => facts.joined_tcp += 1,
                Transport::Udp => facts.joined_udp += 1,
            }
        }
        self.twice(&note, frame);
        if !is_unicast(note.ends.dst) || !is_unicast(note.ends.src) {
            return;
        }
        if !self.is_own(note.ends.src) && !self.is_own(note.ends.dst) {
            self.facts.between_others += 1;
        }
        self.talk(&note);
    }

    fn is_own(&self, address: IpAddr) -> bool {
        self.around.own.contains(&address.to_canonical())
    }

    /// Is it a packet that passed a moment ago?
    fn twice(&mut self, note: &Note, frame: &Frame<'_>) {
        let Some(payload) = note.payload else {
            return;
        };
        self.facts.compared += 1;
        let hash = self.hash.hash_one((note.ends, note.seq, payload));
        let slot = (hash as usize) % RECENT;
        let Some(before) = self.recent.get_mut(slot) else {
            return;
        };
        if before.hash == hash && frame.time.nanos().abs_diff(before.time.nanos()) < TWICE_NS {
            if before.point == frame.point {
                self.facts.twice += 1;
            } else {
                self.facts.twice_elsewhere += 1;
            }
        }
        *before = Recent {
            hash,
            time: frame.time,
            point: frame.point,
        };
    }

    /// Notes the packet in its conversation.
    fn talk(&mut self, note: &Note) {
        let ends = &note.ends;
        let way = if (ends.src, ends.sport) <= (ends.dst, ends.dport) {
            Way::Up
        } else {
            Way::Down
        };
        let sorted = match way {
            Way::Up => *ends,
            Way::Down => ends.reversed(),
        };
        let key = self.hash.hash_one(sorted);
        let room = self.talks.len() < TALKS_MAX;
        let (talk, new) = match self.talks.get_mut(&key) {
            Some(talk) => (talk, false),
            None if room => (self.talks.entry(key).or_default(), true),
            None => return,
        };
        talk.note(way, note.flags);
        let is_query = talk::is_query(ends);
        if is_query {
            self.facts.dns_queries += 1;
        } else if talk::is_query(&ends.reversed()) {
            self.facts.dns_answers += 1;
        }
        if !new {
            return;
        }
        let Some(from_src) = talk::client_is_src(ends, note.flags) else {
            return;
        };
        talk.client_is_up = Some(from_src == (way == Way::Up));
        let (client, server) = if from_src {
            (ends.src, ends.dst)
        } else {
            (ends.dst, ends.src)
        };
        self.connection(client, server, is_query || talk::is_query(&ends.reversed()));
    }

    /// A conversation begins, or is met.
    fn connection(&mut self, client: IpAddr, server: IpAddr, is_lookup: bool) {
        let is_resolver = |kind| matches!(kind, PlaceKind::Resolver);
        let is_shared = |kind| {
            matches!(
                kind,
                PlaceKind::Proxy | PlaceKind::Translator | PlaceKind::Shared
            )
        };
        let hash = self.hash.hash_one(client);
        if is_lookup {
            note_in(&mut self.askers, hash);
            let kind = self.map.place(client).kind;
            self.facts.dns_from_resolver = self.askers.len() == 1 && is_resolver(kind);
            return;
        }
        if self.is_own(server) {
            return;
        }
        note_in(&mut self.clients, hash);
        self.facts.client_shared =
            self.clients.len() == 1 && is_shared(self.map.place(client).kind);
        self.facts.connections += 1;
        self.facts.connections_own += u64::from(self.is_own(client));
        let inside = |ip| self.around.monitored.iter().any(|net| net.contains(&ip));
        self.facts.connections_monitored += u64::from(inside(client) && !inside(server));
    }

    /// The counts, with those of the worker that read the same frames.
    pub fn end(mut self, stats: &Stats) -> TrafficFacts {
        let facts = &mut self.facts;
        for talk in self.talks.values().filter(|talk| talk.counts()) {
            facts.talks += 1;
            if let Some(way) = talk.one_way() {
                facts.talks_one_way += 1;
                let from_client = talk.client_is_up == Some(way == Way::Up);
                facts.talks_from_client += u64::from(from_client);
            }
        }
        facts.dns_clients = self.askers.len() as u64;
        facts.clients = self.clients.len() as u64;
        facts.hellos = stats.names.at(Seen::TlsSni.index())
            + stats.names.at(Seen::QuicSni.index())
            + sum_of(stats, Outcome::NoSni);
        facts.outcomes = Outcome::ALL.iter().map(|it| sum_of(stats, *it)).collect();
        facts.kernel_drops = stats.kernel_drops;
        self.facts
    }
}

/// TCP and QUIC together.
fn sum_of(stats: &Stats, outcome: Outcome) -> u64 {
    let quic = Outcome::ALL.len() + outcome.index();
    stats.connections.at(outcome.index()) + stats.connections.at(quic)
}

fn note_in(set: &mut HashSet<u64>, hash: u64) {
    if set.len() < CLIENTS_MAX {
        set.insert(hash);
    }
}

/// What is looked at of one packet.
struct Note {
    ends: Endpoints,
    flags: u8,
    seq: u32,
    /// Length and beginning; `None` without payload: acknowledgements repeat themselves.
    payload: Option<(u32, [u8; COMPARED])>,
}

impl Note {
    fn of(packet: &Packet<'_>) -> Self {
        let mut head = [0; COMPARED];
        for (to, from) in head.iter_mut().zip(packet.payload) {
            *to = *from;
        }
        Self {
            ends: packet.ends,
            flags: packet.tcp.map_or(0, |tcp| tcp.flags),
            seq: packet.tcp.map_or(0, |tcp| tcp.seq),
            payload: (!packet.payload.is_empty()).then_some((packet.payload_wire_len, head)),
        }
    }
}

fn is_unicast(address: IpAddr) -> bool {
    !address.is_multicast()
        && !address.is_unspecified()
        && match address {
            // The broadcast address of a subnet is not known here: its last byte is all ones in
            // most.
            IpAddr::V4(v4) => !v4.is_broadcast() && v4.octets()[3] != 255,
            IpAddr::V6(_) => true,
        }
}
