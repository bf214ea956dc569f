//! What a sample says of the capture: frames, losses, what cannot be read.

use super::{Say, percent};
use crate::base::Outcome;
use crate::config::Config;
use crate::doctor::finding::{Finding, Id};
use crate::doctor::traffic::TrafficFacts;

/// Below this a share says little.
const FEW: u64 = 20;

pub(super) fn traffic(it: &TrafficFacts, config: &Config, out: &mut Vec<Finding>) {
    if it.frames == 0 {
        none(it, config, out);
        return;
    }
    out.ok(
        Id::TrafficFrames,
        format!("{} frames were looked at", it.frames),
    );
    loss(it, out);
    cut(it, out);
    joined(it, out);
    undecoded(it, out);
    if it.excluded > 0 {
        out.info(
            Id::TrafficExcluded,
            format!(
                "{} frames ({} %) are of excluded prefixes and were not looked at",
                it.excluded,
                percent(it.excluded, it.frames)
            ),
            "",
        );
    }
    twice(it, out);
    named(it, out);
}

fn none(it: &TrafficFacts, config: &Config, out: &mut Vec<Finding>) {
    let filter = !config.sensor.filter.trim().is_empty();
    out.fail(
        Id::TrafficFrames,
        if it.from_file {
            "the files hold no frame"
        } else {
            "not one frame passed while traffic was watched"
        },
        match (it.from_file, filter) {
            (_, true) => {
                "try without the capture filter first; then see whether this is the \
                          interface, and whether its mirror session is on"
            }
            (true, false) => "make the capture again",
            (false, false) => {
                "is this the interface that carries the clients' traffic? On a mirror \
                               port, is the session on? Else listen longer (--listen)"
            }
        },
    );
}

fn loss(it: &TrafficFacts, out: &mut Vec<Finding>) {
    if it.from_file {
        return;
    }
    if it.kernel_drops == 0 {
        out.ok(
            Id::TrafficLoss,
            "no frame was lost while traffic was watched",
        );
        return;
    }
    let share = percent(it.kernel_drops, it.frames + it.kernel_drops);
    let what = format!(
        "{} frames ({share} %) were lost while traffic was watched, for lack of room in the ring",
        it.kernel_drops
    );
    let next = "more `workers`, then a larger `ring_mib`, then a `filter` that drops bulk traffic \
                without names";
    if share >= 1 {
        out.fail(Id::TrafficLoss, what, next);
    } else {
        out.warn(Id::TrafficLoss, what, next);
    }
}

fn cut(it: &TrafficFacts, out: &mut Vec<Finding>) {
    if it.cut_short == 0 {
        out.ok(Id::TrafficCut, "every frame is whole");
        return;
    }
    out.warn(
        Id::TrafficCut,
        format!(
            "{} frames ({} %) are cut short: names behind the cut are lost",
            it.cut_short,
            percent(it.cut_short, it.frames)
        ),
        if it.from_file {
            "capture with a larger snap length (`tcpdump -s 0`)"
        } else {
            "report it: this program asks for whole frames"
        },
    );
}

fn joined(it: &TrafficFacts, out: &mut Vec<Finding>) {
    if it.joined_udp > 0 {
        out.warn(
            Id::TrafficJoined,
            format!(
                "{} UDP frames are longer than the MTU: datagrams were joined, and QUIC hellos in \
                 them may be lost",
                it.joined_udp
            ),
            "switch off rx-udp-gro-forwarding and rx-gro-list (`ethtool -K`); what this machine \
             itself sends is no fault",
        );
    } else if it.joined_tcp > 0 {
        out.info(
            Id::TrafficJoined,
            format!(
                "{} TCP frames are longer than the MTU: offload joins segments, which are read all \
                 the same",
                it.joined_tcp
            ),
            "",
        );
    } else if !it.from_file {
        out.ok(Id::TrafficJoined, "no frame is longer than the MTU");
    }
}

fn undecoded(it: &TrafficFacts, out: &mut Vec<Finding>) {
    let total: u64 = it.undecoded.values().sum();
    if total == 0 {
        out.ok(
            Id::TrafficUndecoded,
            "no tunnel or link was met that is not decoded",
        );
        return;
    }
    let parts: Vec<String> = it
        .undecoded
        .iter()
        .map(|(layer, count)| format!("{count} {layer}"))
        .collect();
    let share = percent(total, it.frames);
    let what = format!(
        "{total} frames ({share} %) hold what is not decoded: {}",
        parts.join(", ")
    );
    let next = "names in there are not seen: watch where the tunnel has been taken off; ESP and \
                MACsec are encrypted";
    if share >= 50 {
        out.fail(Id::TrafficUndecoded, what, next);
    } else if share >= 5 {
        out.warn(Id::TrafficUndecoded, what, next);
    } else {
        out.info(Id::TrafficUndecoded, what, next);
    }
}

fn twice(it: &TrafficFacts, out: &mut Vec<Finding>) {
    let many = |count| count >= 10 && percent(count, it.compared) >= 10;
    if many(it.twice) {
        out.warn(
            Id::TrafficTwice,
            format!(
                "{} of {} packets passed twice within a millisecond",
                it.twice, it.compared
            ),
            "a mirror session of both directions of two ports, a bridge watched with its ports, or \
             a packet that is routed back out of the same interface: mirror one place only",
        );
    } else if many(it.twice_elsewhere) {
        out.warn(
            Id::TrafficTwice,
            format!(
                "{} of {} packets were seen at two of the places that are watched",
                it.twice_elsewhere, it.compared
            ),
            "watch the side of the clients alone",
        );
    } else if it.compared > 0 {
        out.ok(Id::TrafficTwice, "packets pass once");
    }
}

/// Of the connections whose beginning was seen and that carry a hello, how many could be named?
fn named(it: &TrafficFacts, out: &mut Vec<Finding>) {
    // What began before the sample, spoke something else or nothing says nothing of the capture.
    let beside = [
        Outcome::Midstream,
        Outcome::OtherProtocol,
        Outcome::NoPayload,
    ];
    let judged = |which: &&Outcome| !beside.contains(which);
    let total: u64 = Outcome::ALL
        .iter()
        .filter(judged)
        .map(|which| it.outcome(*which))
        .sum();
    let named = it.outcome(Outcome::Named);
    if total == 0 {
        out.info(
            Id::TrafficNamed,
            "no connection with a hello began while traffic was watched",
            "listen longer, or open a web page on a client meanwhile",
        );
        return;
    }
    let mut causes: Vec<(u64, &str)> = Outcome::ALL
        .iter()
        .filter(judged)
        .filter(|which| **which != Outcome::Named)
        .map(|which| (it.outcome(*which), which.label()))
        .filter(|(count, _)| *count > 0)
        .collect();
    causes.sort_unstable_by(|a, b| b.cmp(a));
    let share = percent(named, total);
    let mut what = format!("{named} of {total} connections ({share} %) could be named");
    if !causes.is_empty() {
        let words: Vec<String> = causes
            .iter()
            .map(|(count, label)| format!("{count} {label}"))
            .collect();
        what = format!("{what}; the others: {}", words.join(", "));
    }
    if share < 50 && total >= FEW {
        out.warn(
            Id::TrafficNamed,
            what,
            "docs/metrics.md says what each cause means: gap, evicted and truncated are the \
             capture's, ech and no_sni the senders'",
        );
    } else {
        out.ok(Id::TrafficNamed, what);
    }
}
