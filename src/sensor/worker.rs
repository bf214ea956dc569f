//! One worker: its own tables, counters and buffers, nothing shared.

use super::carrier::Wire;
use super::context::{Around, Context};
use super::dtls;
use super::join::Joins;
use super::mail::Envelopes;
use super::quic::Connections;
use super::quiet::is_quiet;
use super::tcp::{DNS_PORT, StreamReader};
use super::watch::Trail;
use super::ways::Counted;
use super::web::Web;
use super::{Settings, Sink};
use crate::base::{Counters, Endpoints, Outcome, Seen, Timestamp, Transport, WayRound};
use crate::blocklist::Catalogue;
use crate::capture::Frame;
use crate::decode::{self, Decoded, Decoder, FragmentFate, Packet};
use crate::event::{Event, LocalNames, Stats};
use crate::flow::{Desync, Streams, tcp::say_again};
use crate::names::{self, dns::Asked, ech::Memory};
use crate::presence::{self, At, Watch};
use ipnet::IpNet;

/// Bytes for a joined ClientHello or a decrypted QUIC Initial.
const SCRATCH_LEN: usize = 64 * 1024;
/// Questions remembered so that their answer does not count them again.
const ASKED_SLOTS: usize = 1 << 16;
/// What clients were told of ECH by the DNS: an answer takes one or two.
const ECH_SLOTS: usize = 1 << 14;
/// Parts in which the flow tables are looked at, one after the other.
const SWEEP_PARTS: usize = 1024;
/// Packet time from one part to the next: a whole round each 30 seconds, however little passes.
const SWEEP_NS: u64 = 30_000_000_000 / SWEEP_PARTS as u64;
/// Most parts at once: a time that leaps costs no more than this.
const SWEEP_PARTS_MAX: u64 = 64;

/// One worker of the sensor: from frames to hits.
pub struct Worker {
    decoder: Decoder,
    streams: Streams,
    quic: Connections,
    dtls: dtls::Connections,
    asked: Asked,
    ech: Memory,
    joins: Joins,
    presence: Watch,
    envelopes: Envelopes,
    web: Web,
    scratch: Vec<u8>,
    monitored: Vec<IpNet>,
    trail: Trail,
    ways: Counted,
    stats: Stats,
    /// Up to when the tables were looked at.
    swept: Timestamp,
    /// Are frames that cannot say anything new told by a glance?
    quickly: bool,
}

impl Worker {
    /// Allocates everything that it will ever need. `number` and `point` name it in its counters.
    pub fn new(settings: &Settings, number: u16, point: &str) -> Self {
        let stats = Stats {
            worker: number,
            point: point.to_owned(),
            decode_malformed: Counters::new(decode::Malformed::ALL.len()),
            decode_not_for_us: Counters::new(decode::NotForUs::ALL.len()),
            fragments: Counters::new(FragmentFate::ALL.len()),
            tunnels: Counters::new(decode::Tunnel::ALL.len()),
            names_malformed: Counters::new(names::Malformed::ALL.len()),
            names: Counters::new(Seen::ALL.len()),
            local_names: Counters::new(LocalNames::ALL.len()),
            connections: Counters::new(Outcome::ALL.len().saturating_mul(2)),
            hits: Counters::new(Seen::ALL.len()),
            ways_round: Counters::new(WayRound::ALL.len()),
            desync: Counters::new(Desync::ALL.len()),
            context: Counters::new(Seen::ALL.len()),
            presence: Counters::new(presence::Protocol::ALL.len()),
            presence_malformed: Counters::new(presence::Malformed::ALL.len()),
            presence_withheld: Counters::new(presence::Withheld::ALL.len()),
            support: Counters::new(Seen::ALL.len()),
            bursts: Counters::new(2),
            ..Stats::default()
        };
        Self {
            decoder: Decoder::new(&settings.excluded)
                .believing(&settings.monitored, &settings.tunnel_ends),
            streams: Streams::new(settings.flows, settings.buffers, settings.seed),
            quic: Connections::new(settings.flows, settings.buffers, settings.seed),
            dtls: dtls::Connections::new(settings.flows, settings.buffers, settings.seed),
            asked: Asked::new(ASKED_SLOTS),
            ech: Memory::new(ECH_SLOTS),
            joins: Joins::new(settings.flows, settings.seed),
            presence: Watch::new(settings.seed),
            envelopes: Envelopes::default(),
            web: Web::new(settings.seed),
            scratch: vec![0; SCRATCH_LEN],
            monitored: settings.monitored.clone(),
            trail: Trail::new(settings.seed),
            ways: Counted::new(settings.seed),
            stats,
            swept: Timestamp(0),
            quickly: true,
        }
    }

    /// Decodes every frame, also where a glance would do. What comes out is the same: for tests that
    /// compare the two.
    #[doc(hidden)]
    #[must_use]
    pub fn slowly(mut self) -> Self {
        self.quickly = false;
        self
    }

    /// Takes one frame through all stages. `point` names the place where it was seen.
    pub fn frame<S: Sink>(
        &mut self,
        frame: &Frame<'_>,
        point: &str,
        list: &Catalogue,
        sink: &mut S,
    ) {
        let stats = &mut self.stats;
        stats.frames = stats.frames.wrapping_add(1);
        stats.wire_bytes = stats.wire_bytes.wrapping_add(u64::from(frame.wire_len));
        stats.packet_time = frame.time.nanos();
        if frame.bytes.len() < frame.wire_len as usize {
            stats.cut_short = stats.cut_short.wrapping_add(1);
        }
        // A kernel that forgot a verdict is told again by frames that say nothing else.
        let tells = sink.wants_verdicts() && say_again(stats.frames);
        let glance = self.decoder.glance(frame);
        let quiet = glance.is_some_and(|glance| {
            let quickly = self.quickly && !tells;
            quickly && is_quiet(&glance, frame.time, &mut self.streams, &self.trail)
        });
        if !quiet {
            self.look(frame, point, list, sink);
        }
        self.sweep(frame.time, point, list, sink);
    }

    /// Takes a frame that may say something new through all stages.
    #[inline(never)]
    fn look<S: Sink>(&mut self, frame: &Frame<'_>, point: &str, list: &Catalogue, sink: &mut S) {
        let stats = &mut self.stats;
        match self.decoder.decode(frame) {
            Decoded::Packet(packet) => {
                let mut context = Context {
                    around: around(&packet, stats.frames),
                    wire: Some(Wire::new(frame, packet.payload)),
                    point,
                    list,
                    stats,
                    asked: &mut self.asked,
                    ech: &mut self.ech,
                    joins: &mut self.joins,
                    monitored: &self.monitored,
                    trail: &mut self.trail,
                    contested: false,
                    ways: &mut self.ways,
                    sink,
                };
                let scratch = &mut self.scratch;
                let presence = &mut self.presence;
                match packet.ends.transport {
                    Transport::Tcp => {
                        let number = context.around.frame;
                        let mut reader = StreamReader {
                            context: &mut context,
                            scratch,
                            presence,
                            envelopes: &mut self.envelopes,
                            web: &mut self.web,
                        };
                        self.streams.push(&packet, number, &mut reader);
                    }
                    Transport::Udp => {
                        let hellos = (&mut self.quic, &mut self.dtls);
                        udp(&packet, hellos, scratch, presence, &mut context);
                    }
                }
            }
            Decoded::Neighbour(neighbour) => {
                self.presence.neighbour(&neighbour, point, &mut |fact| {
                    sink.tell(Event::Fact(Box::new(fact)));
                });
            }
            Decoded::Excluded => stats.excluded = stats.excluded.wrapping_add(1),
            Decoded::Fragment => {}
            Decoded::NotForUs(why) => stats.decode_not_for_us.bump(why.index()),
            Decoded::Malformed(why) => stats.decode_malformed.bump(why.index()),
        }
    }

    /// Lets go of what has been idle, looking at as much of the tables as is due at `now`: part of
    /// each [`Self::frame`], and for the caller when no frames come.
    #[inline]
    pub fn sweep<S: Sink>(&mut self, now: Timestamp, point: &str, list: &Catalogue, sink: &mut S) {
        // A time that went back is a new start too, else nothing would leave until it is reached.
        if now.nanos().abs_diff(self.swept.nanos()) >= SWEEP_NS {
            self.sweep_parts(now, point, list, sink);
        }
    }

    #[cold]
    fn sweep_parts<S: Sink>(
        &mut self,
        now: Timestamp,
        point: &str,
        list: &Catalogue,
        sink: &mut S,
    ) {
        let due = (now.since_ns(self.swept) / SWEEP_NS).clamp(1, SWEEP_PARTS_MAX) as usize;
        self.swept = now;
        self.presence.expire(now);
        self.joins.sweep(now);
        let mut context = Context {
            around: nowhere(now, self.stats.frames),
            wire: None,
            point,
            list,
            stats: &mut self.stats,
            asked: &mut self.asked,
            ech: &mut self.ech,
            joins: &mut self.joins,
            monitored: &self.monitored,
            trail: &mut self.trail,
            contested: false,
            ways: &mut self.ways,
            sink,
        };
        context.rest(now, due);
        let sets = self.quic.sets().div_ceil(SWEEP_PARTS).saturating_mul(due);
        self.quic.sweep(now, sets, &mut context);
        let sets = self.dtls.sets().div_ceil(SWEEP_PARTS).saturating_mul(due);
        self.dtls.sweep(now, sets, &mut self.scratch, &mut context);
        let sets = self
            .streams
            .sets()
            .div_ceil(SWEEP_PARTS)
            .saturating_mul(due);
        let mut reader = StreamReader {
            context: &mut context,
            scratch: &mut self.scratch,
            presence: &mut self.presence,
            envelopes: &mut self.envelopes,
            web: &mut self.web,
        };
        self.streams.sweep(now, sets, &mut reader);
    }

    /// The end: every connection gets its fate.
    pub fn flush<S: Sink>(&mut self, point: &str, list: &Catalogue, sink: &mut S) {
        let now = Timestamp(self.stats.packet_time);
        self.presence.flush();
        let mut context = Context {
            around: nowhere(now, self.stats.frames),
            wire: None,
            point,
            list,
            stats: &mut self.stats,
            asked: &mut self.asked,
            ech: &mut self.ech,
            joins: &mut self.joins,
            monitored: &self.monitored,
            trail: &mut self.trail,
            contested: false,
            ways: &mut self.ways,
            sink,
        };
        self.quic.flush(&mut context);
        self.dtls.flush(&mut self.scratch, &mut context);
        let mut reader = StreamReader {
            context: &mut context,
            scratch: &mut self.scratch,
            presence: &mut self.presence,
            envelopes: &mut self.envelopes,
            web: &mut self.web,
        };
        self.streams.flush(&mut reader);
        context.flush();
    }

    /// Its counters, up to date.
    pub fn stats(&mut self) -> &mut Stats {
        let datagrams = self.quic.len().saturating_add(self.dtls.len());
        self.stats.flows = self.streams.len().saturating_add(datagrams) as u64;
        self.stats
            .fragments
            .copy_from(self.decoder.fragment_fates());
        self.stats.tunnels.copy_from(self.decoder.tunnels());
        let (stats, presence) = (&mut self.stats, &self.presence);
        stats.presence.copy_from(presence.read());
        stats.presence_malformed.copy_from(presence.malformed());
        stats.presence_withheld.copy_from(presence.withheld());
        self.trail.count(&mut self.stats);
        &mut self.stats
    }
}

fn udp<S: Sink>(
    packet: &Packet<'_>,
    (quic, dtls): (&mut Connections, &mut dtls::Connections),
    scratch: &mut [u8],
    presence: &mut Watch,
    context: &mut Context<'_, S>,
) {
    // QUIC on any port, those of DNS included: its version is nothing that DNS can hold there.
    let hello = quic.push(packet, scratch, context) || dtls.push(packet, scratch, context);
    if context.datagram(packet) || hello {
        return;
    }
    let ends = &packet.ends;
    if presence::spoken(ends).is_some() {
        let at = At {
            time: packet.time,
            ends,
            point: context.point,
        };
        let sink = &mut *context.sink;
        let mut tell = |fact| sink.tell(Event::Fact(Box::new(fact)));
        if presence.datagram(at, packet.payload, &mut tell) {
            return;
        }
    }
    let on = |port| ends.sport == port || ends.dport == port;
    let local = match () {
        () if on(DNS_PORT) => return context.dns(packet.payload),
        () if on(5353) => LocalNames::Mdns,
        () if on(5355) => LocalNames::Llmnr,
        () if on(137) => LocalNames::Netbios,
        () if names::dns::is_lookup(packet.payload) => return context.dns(packet.payload),
        () => return context.way_of_datagram(packet),
    };
    context.stats.local_names.bump(local.index());
}

fn around(packet: &Packet<'_>, frame: u64) -> Around {
    Around {
        frame,
        time: packet.time,
        ends: packet.ends,
        src_mac: packet.src_mac,
        dst_mac: packet.dst_mac,
        vlan: packet.vlan,
    }
}

/// For what is found out when no packet is there; the stream brings its own ends.
fn nowhere(time: Timestamp, frame: u64) -> Around {
    let any = std::net::IpAddr::from([0, 0, 0, 0]);
    let ends = Endpoints {
        src: any,
        dst: any,
        sport: 0,
        dport: 0,
        transport: Transport::Tcp,
    };
    Around {
        frame,
        time,
        ends,
        src_mac: None,
        dst_mac: None,
        vlan: None,
    }
}
