//! Ways round: counted by kind, once per connection, and gone.
//!
//! Enters: names of the list of ways, hellos of encrypted DNS, first bytes of tunnels. Leaves: a
//! count by kind; of a name also an event of support when the same client has just made a hit.
//! Never: keeps an address: what was counted is remembered by a keyed hash and a time. Says who
//! uses a tunnel.

use std::net::IpAddr;

use ahash::RandomState;

use super::Sink;
use super::context::Context;
use crate::base::{Endpoints, NameBuf, Seen, Timestamp, WayRound};
use crate::blocklist::Way;
use crate::decode::Packet;
use crate::event::HitRule;
use crate::flow::Key;
use crate::names::tls::Hello;
use crate::names::{Sighting, bypass};

/// Connections remembered: sets of [`WAYS`], the longest silent goes.
const PLACES: usize = 4096;
const WAYS: usize = 4;
/// A connection that shows no handshake for so long counts as a new one. WireGuard makes one each
/// two minutes while data flows (section 6.1 of its white paper).
const SILENT_NS: u64 = 3_600_000_000_000;

/// Port of DNS over TLS (RFC 7858 section 3.1) and of DNS over QUIC (RFC 9250 section 4.1.1).
const ENCRYPTED_DNS_PORT: u16 = 853;
/// Port of SSH: ordinary work of administrators, no way round.
const SSH_PORT: u16 = 22;
/// Type of the question by which DNSCrypt fetches a resolver's certificate.
const TXT: u16 = 16;

/// Connections whose way round was counted.
pub(super) struct Counted {
    places: Vec<(u64, Timestamp)>,
    hash: RandomState,
}

impl Counted {
    /// None yet. `seed` makes the hashing repeatable.
    pub fn new(seed: Option<u64>) -> Self {
        let hash = match seed {
            Some(seed) => RandomState::with_seeds(seed, seed ^ 5, seed ^ 6, seed ^ 7),
            None => RandomState::new(),
        };
        Self {
            places: vec![(0, Timestamp(i64::MIN)); PLACES],
            hash,
        }
    }

    /// Is this the first of its kind on a connection? Notes it.
    fn is_first(&mut self, kind: WayRound, ends: &Endpoints, now: Timestamp) -> bool {
        let mut ends = *ends;
        if kind == WayRound::Ipsec {
            // Behind NAT it begins on port 500 and goes on on 4500.
            (ends.sport, ends.dport) = (0, 0);
        }
        let hash = self.hash.hash_one((Key::of(&ends).0, kind)) | 1;
        let first = (hash >> 1) as usize % (PLACES / WAYS) * WAYS;
        let set = first..first.saturating_add(WAYS);
        let set = self.places.get_mut(set).unwrap_or_default();
        let known = set.iter_mut().find(|(other, _)| *other == hash);
        let is_new = known
            .as_ref()
            .is_none_or(|(_, time)| time.nanos().abs_diff(now.nanos()) > SILENT_NS);
        let place = match known {
            Some(place) => Some(place),
            None => set.iter_mut().min_by_key(|(_, time)| *time),
        };
        if let Some(place) = place {
            *place = (hash, now);
        }
        is_new
    }
}

impl<S: Sink> Context<'_, S> {
    /// A name of the list of ways.
    #[cold]
    pub(super) fn way(&mut self, sighting: &Sighting<'_>, way: &Way) {
        // A name that an answer or a certificate tells was not asked for.
        let asked = match sighting.seen {
            Seen::DnsQuery | Seen::TlsSni | Seen::QuicSni | Seen::DtlsSni | Seen::DnsJoin => true,
            Seen::HttpHost | Seen::HttpConnect | Seen::Http2Authority => true,
            Seen::SocksConnect => true,
            Seen::DnsCname | Seen::DnsSvcb | Seen::TlsCert | Seen::SmtpDomain => false,
            Seen::ResolverLog | Seen::ProxyLog => false,
        };
        if !asked {
            return;
        }
        self.stats.ways_round.bump(way.kind.index());
        self.support(sighting, || HitRule::of_way(way));
    }

    /// A hello of encrypted DNS, whatever its name. `true`: it is counted as that.
    pub(super) fn way_of_hello(&mut self, hello: &Hello<'_>, seen: Seen) -> bool {
        let ends = self.around.ends;
        let own_port = ends.dport == ENCRYPTED_DNS_PORT;
        let kind = match (seen, hello.alpn) {
            (Seen::TlsSni, Some(b"dot")) => WayRound::Dot,
            // Drafts called themselves `doq-i11` and the like.
            (Seen::QuicSni, Some(alpn)) if alpn.starts_with(b"doq") => WayRound::Doq,
            (Seen::TlsSni, _) if own_port => WayRound::Dot,
            (Seen::QuicSni, _) if own_port => WayRound::Doq,
            _ => return false,
        };
        self.way_of_flow(kind, &ends);
        true
    }

    /// The question for the certificate of a DNSCrypt resolver, if it is one. The name of the
    /// provider behind it may be any.
    #[cold]
    pub(super) fn way_of_question(&mut self, sighting: &Sighting<'_>) {
        let mut name = NameBuf::new();
        if sighting.seen != Seen::DnsQuery || sighting.name.normalise(&mut name).is_err() {
            return;
        }
        let provider = name.as_str().strip_prefix("2.dnscrypt");
        let provider = provider.map(|rest| rest.strip_prefix("-cert").unwrap_or(rest));
        if provider.is_some_and(|rest| rest.starts_with('.')) {
            self.stats.ways_round.bump(WayRound::DnsCrypt.index());
        }
    }

    /// A request to a proxy. A proxy inside is the organisation's own.
    #[cold]
    pub(super) fn way_of_proxy(&mut self) {
        let ends = self.around.ends;
        if self.monitored.is_empty() && !is_public(ends.dst) {
            return;
        }
        self.way_of_flow(WayRound::Proxy, &ends);
    }

    /// A datagram that is nothing else.
    #[inline]
    pub(super) fn way_of_datagram(&mut self, packet: &Packet<'_>) {
        let whole = packet.payload.len() == packet.payload_wire_len as usize;
        let to = packet.ends.dport;
        if whole && let Some(kind) = bypass::datagram(packet.payload, to, packet.time) {
            self.way_of_flow(kind, &packet.ends);
        }
    }

    /// Bytes where a message of a stream may begin, of which [`bypass::may_begin`] is true.
    #[cold]
    pub(super) fn way_of_stream(&mut self, bytes: &[u8]) {
        let Some(kind) = bypass::stream(bytes, self.around.time) else {
            return;
        };
        let mut ends = self.around.ends;
        if kind == WayRound::Tunnel && bytes.starts_with(b"SSH-") {
            if ends.sport == SSH_PORT || ends.dport == SSH_PORT {
                return;
            }
            // Both sides begin alike.
            let (key, _) = Key::of(&ends);
            ends = key.endpoints(key.likely_client());
        }
        self.way_of_flow(kind, &ends);
    }

    /// Counts a way that `ends.src` opened, once per connection, and only when it leads out of the
    /// monitored networks.
    #[cold]
    fn way_of_flow(&mut self, kind: WayRound, ends: &Endpoints) {
        let inside = |ip| self.monitored.iter().any(|net| net.contains(&ip));
        if !self.monitored.is_empty() && (!inside(ends.src) || inside(ends.dst)) {
            return;
        }
        if self.ways.is_first(kind, ends, self.around.time) {
            self.stats.ways_round.bump(kind.index());
        }
    }
}

/// Could the question be [`Context::way_of_question`]'s?
pub(super) const fn is_certificate_type(qtype: u16) -> bool {
    qtype == TXT
}

/// An address of the Internet, as far as a proxy is concerned.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let shared = matches!(v4.octets(), [100, 64..=127, ..]);
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || shared)
        }
        IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()),
    }
}
