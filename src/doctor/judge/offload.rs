//! What the card and the driver do to frames before anybody sees them.

use super::Say;
use crate::config::Config;
use crate::doctor::facts::{CardRing, Hash, Interface};
use crate::doctor::finding::{Finding, Id};

pub(super) fn queues(it: &Interface, config: &Config, out: &mut Vec<Finding>) {
    if let Some(CardRing { now, most }) = it.rx_ring {
        let what = format!("the card's receive ring has {now} of {most} descriptors");
        let missed = ["rx_missed_errors", "rx_fifo_errors", "rx_over_errors"];
        let missed = missed.iter().any(|name| it.rx_losses.contains_key(*name));
        let next = format!("`ethtool -G {} rx {most}`", it.name);
        match (now < most, missed) {
            (true, true) => out.warn(Id::RxRing, format!("{what}, and it has been full"), next),
            (true, false) => out.info(Id::RxRing, what, format!("if frames are missed: {next}")),
            (false, _) => out.ok(Id::RxRing, what),
        }
    }
    let workers = usize::from(config.sensor.workers);
    let queues = it.rx_queues;
    match it.hash {
        Some(Hash::Asymmetric) if queues > 1 => out.info(
            Id::RxQueues,
            format!(
                "{queues} receive queues, and the two directions of a connection may come by \
                 different ones"
            ),
            "on a mirror port ask the driver for a symmetric hash (`ethtool -X IF xfrm \
             symmetric-xor`): frames of both directions then keep their order; nothing is lost \
             either way, for workers are chosen by addresses",
        ),
        _ if queues > 0 && workers > queues && workers > 1 => out.info(
            Id::RxQueues,
            format!("workers: {workers}, receive queues: {queues}"),
            "more workers than queues help only when the workers themselves are the bottleneck",
        ),
        _ if queues > 0 => out.ok(Id::RxQueues, format!("receive queues: {queues}")),
        _ => {}
    }
}

pub(super) fn offloads(it: &Interface, out: &mut Vec<Finding>) {
    if it.features.is_empty() {
        out.info(
            Id::OffloadGro,
            "the kernel does not say which offloads are on",
            "",
        );
        return;
    }
    let on = |name: &str| it.features.get(name).copied().unwrap_or(false);
    let gro = on("rx-gro") || on("rx-gro-hw");
    if gro {
        out.info(
            Id::OffloadGro,
            if on("rx-gro-hw") {
                "segments of a connection are joined by the hardware before they are seen (GRO)"
            } else {
                "segments of a connection are joined before they are seen (GRO)"
            },
            "names are read all the same; counts of frames are lower than on the wire",
        );
    } else {
        out.ok(
            Id::OffloadGro,
            "segments are seen as they came (GRO is off)",
        );
    }
    if on("rx-lro") {
        out.warn(
            Id::OffloadLro,
            "large receive offload is on: the card joins segments and throws their headers away",
            format!(
                "`ethtool -K {} lro off`: on a machine that forwards it also breaks connections",
                it.name
            ),
        );
    } else {
        out.ok(Id::OffloadLro, "large receive offload is off");
    }
    udp(it, gro, &on, out);
    if on("tx-tcp-segmentation") || on("tx-generic-segmentation") {
        out.info(
            Id::OffloadSegmentation,
            "packets that this machine sends are seen before they are cut (TSO, GSO), up to 64 KiB \
             long and without checksums",
            "",
        );
    } else {
        out.ok(
            Id::OffloadSegmentation,
            "packets that this machine sends are seen as they leave",
        );
    }
    if on("rx-vlan-hw-parse") {
        out.info(
            Id::OffloadVlan,
            "the hardware takes VLAN tags out; they are read from the ring's metadata",
            "",
        );
    } else {
        out.ok(Id::OffloadVlan, "VLAN tags stay in the frame");
    }
}

fn udp(it: &Interface, gro: bool, on: &impl Fn(&str) -> bool, out: &mut Vec<Finding>) {
    let joined: Vec<&str> = ["rx-udp-gro-forwarding", "rx-gro-list"]
        .into_iter()
        .filter(|name| on(name))
        .collect();
    if joined.is_empty() || !gro {
        out.ok(Id::OffloadUdpGro, "UDP datagrams are seen one by one");
        return;
    }
    let off: Vec<String> = joined.iter().map(|name| format!("{name} off")).collect();
    out.warn(
        Id::OffloadUdpGro,
        format!(
            "UDP datagrams of one flow are joined and their borders lost ({}): a QUIC hello of two \
             datagrams cannot be read",
            joined.join(", ")
        ),
        format!("`ethtool -K {} {}`", it.name, off.join(" ")),
    );
}
