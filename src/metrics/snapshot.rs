//! A worker's counters, turned into increments of the series.
//!
//! Enters: two snapshots of one worker. Leaves: what the newer adds, on its series. Never: takes a
//! total down.

use super::{Metrics, NONE};
use crate::base::{Counters, Outcome, Seen, Transport, WayRound};
use crate::capture::live::XDP_PLACES;
use crate::capture::prefilter::{Fate, Kind, Shedding};
use crate::decode;
use crate::event::{LocalNames, Stats};
use crate::flow::Desync;
use crate::names;
use crate::presence;

impl Metrics {
    /// Adds what `new` has more than `old`, and sets the gauges.
    pub(super) fn add_snapshot(&self, new: &Stats, old: &Stats, interface: &str) {
        let f = &self.families;
        let added = |of: fn(&Stats) -> u64| of(new).saturating_sub(of(old));
        let here = &[interface];
        f.frames.with_label_values(here).inc_by(added(|s| s.frames));
        f.wire_bytes
            .with_label_values(here)
            .inc_by(added(|s| s.wire_bytes));
        f.excluded_frames
            .with_label_values(here)
            .inc_by(added(|s| s.excluded));
        f.cut_short_frames
            .with_label_values(here)
            .inc_by(added(|s| s.cut_short));
        f.kernel_dropped_frames
            .with_label_values(here)
            .inc_by(added(|s| s.kernel_drops));
        f.ring_freezes
            .with_label_values(here)
            .inc_by(added(|s| s.ring_freezes));
        f.interface_errors
            .with_label_values(here)
            .inc_by(added(|s| s.interface_errors));
        f.interface_downs
            .with_label_values(here)
            .inc_by(added(|s| s.interface_downs));
        f.interface_up
            .with_label_values(here)
            .set(if new.blind { 0.0 } else { 1.0 });
        f.broken_blocks
            .with_label_values(here)
            .inc_by(added(|s| s.broken_blocks));
        f.joins_unsure
            .with_label_values(NONE)
            .inc_by(added(|s| s.joins_unsure));
        f.allowed_names
            .with_label_values(NONE)
            .inc_by(added(|s| s.allowed));
        f.events_dropped
            .with_label_values(NONE)
            .inc_by(added(|s| s.events_dropped));
        f.watched_given_up
            .with_label_values(NONE)
            .inc_by(added(|s| s.watched_given_up));
        f.pool_copied_bytes
            .with_label_values(NONE)
            .inc_by(added(|s| s.pool_copied_bytes));
        f.pool_empty
            .with_label_values(NONE)
            .inc_by(added(|s| s.pool_empty));
        f.smtp_senders
            .with_label_values(NONE)
            .inc_by(added(|s| s.smtp_senders));
        f.smtp_mails
            .with_label_values(NONE)
            .inc_by(added(|s| s.smtp_mails));
        self.add_sets(new, old);
        self.add_prefilter(new, old, interface);
        let worker = new.worker.to_string();
        let worker = &[worker.as_str(), interface];
        f.flows.with_label_values(worker).set(new.flows as f64);
        f.watched_flows
            .with_label_values(worker)
            .set(new.watched as f64);
        f.worker_heartbeat
            .with_label_values(worker)
            .set(new.heartbeat as f64);
        f.worker_packet
            .with_label_values(worker)
            .set(seconds(new.packet_time));
    }

    /// What the kernel's filter is, kept back and was told.
    fn add_prefilter(&self, new: &Stats, old: &Stats, interface: &str) {
        let f = &self.families;
        // A worker that reads files has none, and no say in what another one has.
        for kind in Kind::ALL {
            let series = f.prefilter.with_label_values(&[interface, kind.as_str()]);
            if let Some(now) = new.prefilter {
                series.set(f64::from(u8::from(now == *kind)));
            }
        }
        for (at, reason) in Shedding::ALL.iter().enumerate() {
            let labels = &[interface, reason.as_str()];
            for (family, new, old) in [
                (&f.shed_frames, &new.shed_frames, &old.shed_frames),
                (&f.shed_bytes, &new.shed_bytes, &old.shed_bytes),
            ] {
                let more = new.at(at).saturating_sub(old.at(at));
                family.with_label_values(labels).inc_by(more);
            }
        }
        for (at, place) in XDP_PLACES.iter().enumerate() {
            let more = new.xdp_lost.at(at).saturating_sub(old.xdp_lost.at(at));
            f.xdp_lost
                .with_label_values(&[interface, place])
                .inc_by(more);
        }
        for (at, fate) in Fate::ALL.iter().enumerate() {
            let more = new.verdicts.at(at).saturating_sub(old.verdicts.at(at));
            let labels = &[interface, fate.as_str()];
            f.verdicts.with_label_values(labels).inc_by(more);
        }
    }

    /// The counters that go along a closed set.
    pub(super) fn add_sets(&self, new: &Stats, old: &Stats) {
        let f = &self.families;
        let sets = [
            (
                &f.malformed_frames,
                labels(decode::Malformed::ALL, decode::Malformed::label),
                &new.decode_malformed,
                &old.decode_malformed,
            ),
            (
                &f.ignored_frames,
                labels(decode::NotForUs::ALL, decode::NotForUs::label),
                &new.decode_not_for_us,
                &old.decode_not_for_us,
            ),
            (
                &f.fragments,
                labels(decode::FragmentFate::ALL, decode::FragmentFate::label),
                &new.fragments,
                &old.fragments,
            ),
            (
                &f.tunnels,
                labels(decode::Tunnel::ALL, decode::Tunnel::label),
                &new.tunnels,
                &old.tunnels,
            ),
            (
                &f.malformed_messages,
                labels(names::Malformed::ALL, names::Malformed::label),
                &new.names_malformed,
                &old.names_malformed,
            ),
            (
                &f.names,
                labels(Seen::ALL, Seen::label),
                &new.names,
                &old.names,
            ),
            (
                &f.local_names,
                labels(LocalNames::ALL, LocalNames::label),
                &new.local_names,
                &old.local_names,
            ),
            (
                &f.ways_round,
                labels(WayRound::ALL, WayRound::label),
                &new.ways_round,
                &old.ways_round,
            ),
            (
                &f.desync,
                labels(Desync::ALL, Desync::label),
                &new.desync,
                &old.desync,
            ),
            (
                &f.presence_messages,
                labels(presence::Protocol::ALL, presence::Protocol::label),
                &new.presence,
                &old.presence,
            ),
            (
                &f.presence_malformed,
                labels(presence::Malformed::ALL, presence::Malformed::label),
                &new.presence_malformed,
                &old.presence_malformed,
            ),
            (
                &f.presence_withheld,
                labels(presence::Withheld::ALL, presence::Withheld::label),
                &new.presence_withheld,
                &old.presence_withheld,
            ),
            (
                &f.hits,
                labels(Seen::ALL, Seen::label),
                &new.hits,
                &old.hits,
            ),
            (
                &f.context_names,
                labels(Seen::ALL, Seen::label),
                &new.context,
                &old.context,
            ),
            (
                &f.support,
                labels(Seen::ALL, Seen::label),
                &new.support,
                &old.support,
            ),
            (
                &f.bursts,
                labels(&[Transport::Tcp, Transport::Udp], transport_label),
                &new.bursts,
                &old.bursts,
            ),
        ];
        for (family, labels, new, old) in sets {
            for (at, label) in labels.into_iter().enumerate() {
                let added = new.at(at).saturating_sub(old.at(at));
                family.with_label_values(&[label]).inc_by(added);
            }
        }
        for (at, (transport, outcome)) in connection_labels().enumerate() {
            let added = new
                .connections
                .at(at)
                .saturating_sub(old.connections.at(at));
            f.connections
                .with_label_values(&[transport, outcome])
                .inc_by(added);
        }
    }
}

/// Labels of a closed set, in order.
fn labels<T: Copy>(all: &[T], label: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|member| label(*member)).collect()
}

/// Labels of [`Stats::connections`], in its order.
fn connection_labels() -> impl Iterator<Item = (&'static str, &'static str)> {
    [Transport::Tcp, Transport::Udp]
        .into_iter()
        .flat_map(|transport| {
            Outcome::ALL
                .iter()
                .map(move |outcome| (transport_label(transport), outcome.label()))
        })
}

/// A connection over UDP is a QUIC one.
const fn transport_label(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "quic",
    }
}

pub(super) fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

/// Did any counter fall? Then the worker began anew. (Heartbeat, packet time and the numbers
/// of flows are no counters.)
pub(crate) fn went_back(old: &Stats, new: &Stats) -> bool {
    let plain: [fn(&Stats) -> u64; 17] = [
        |s| s.frames,
        |s| s.wire_bytes,
        |s| s.excluded,
        |s| s.cut_short,
        |s| s.allowed,
        |s| s.joins_unsure,
        |s| s.events_dropped,
        |s| s.pool_copied_bytes,
        |s| s.pool_empty,
        |s| s.kernel_drops,
        |s| s.ring_freezes,
        |s| s.interface_errors,
        |s| s.interface_downs,
        |s| s.broken_blocks,
        |s| s.smtp_senders,
        |s| s.smtp_mails,
        |s| s.watched_given_up,
    ];
    let sets: [fn(&Stats) -> &Counters; 21] = [
        |s| &s.xdp_lost,
        |s| &s.shed_frames,
        |s| &s.shed_bytes,
        |s| &s.verdicts,
        |s| &s.decode_malformed,
        |s| &s.decode_not_for_us,
        |s| &s.fragments,
        |s| &s.tunnels,
        |s| &s.names_malformed,
        |s| &s.names,
        |s| &s.local_names,
        |s| &s.ways_round,
        |s| &s.desync,
        |s| &s.connections,
        |s| &s.hits,
        |s| &s.context,
        |s| &s.presence,
        |s| &s.presence_malformed,
        |s| &s.presence_withheld,
        |s| &s.support,
        |s| &s.bursts,
    ];
    plain.iter().any(|of| of(new) < of(old))
        || sets.iter().any(|of| of(new).total() < of(old).total())
}
