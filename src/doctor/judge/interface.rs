//! One interface: is it there, does it carry, is it the right one, does it lose.

use super::{Say, offload, percent};
use crate::config::{Config, Via};
use crate::doctor::facts::{Facts, Interface, MasterKind};
use crate::doctor::finding::{Finding, Id, Level};

/// A ring that is full sooner than this after its worker stops leaves no room for a hiccup.
const RING_MS_MIN: u64 = 50;
/// Losses above one frame in so many are worth a warning.
const LOSS_SHARE: u64 = 100_000;

/// ARPHRD numbers of links that are Ethernet for us.
const ETHERNET: [u32; 2] = [libc::ARPHRD_ETHER as u32, libc::ARPHRD_LOOPBACK as u32];

pub(super) fn sources(facts: &Facts, config: &Config, out: &mut Vec<Finding>) {
    let sensor = &config.sensor;
    if !facts.interfaces.is_empty() {
        let names: Vec<&str> = facts.interfaces.iter().map(|it| it.name.as_str()).collect();
        out.ok(
            Id::Sources,
            format!(
                "{} would be watched by {}",
                names.join(", "),
                way(sensor.via)
            ),
        );
    } else if sensor.read.is_empty() {
        out.fail(
            Id::Sources,
            format!(
                "there is nothing to watch; interfaces here: {}",
                facts.existing.join(", ")
            ),
            "give --interface, or set `interfaces` under [sensor]: the one on the clients' side",
        );
    } else {
        out.info(
            Id::Sources,
            "the configuration replays capture files and watches no interface",
            "look at the files with `poortwacht doctor --read FILE`",
        );
    }
}

const fn way(via: Via) -> &'static str {
    match via {
        Via::Ring => "an AF_PACKET ring",
        Via::Pcap => "libpcap",
        Via::Xdp => "AF_XDP",
    }
}

pub(super) fn interface(
    it: &Interface,
    existing: &[String],
    config: &Config,
    all: &mut Vec<Finding>,
) {
    let mut out = Vec::new();
    if it.exists {
        out.ok(Id::InterfaceExists, "it exists");
        link(it, &mut out);
        kind(it, config, &mut out);
        member(it, &mut out);
        frames(it, config, &mut out);
        losses(it, &mut out);
        offload::queues(it, config, &mut out);
        offload::offloads(it, &mut out);
    } else {
        out.fail(
            Id::InterfaceExists,
            format!("it does not exist; there are: {}", existing.join(", ")),
            "name one of these; a name may change when a card or its slot does",
        );
    }
    all.extend(out.into_iter().map(|finding| finding.about(&it.name)));
}

fn link(it: &Interface, out: &mut Vec<Finding>) {
    if !it.up {
        out.fail(
            Id::InterfaceUp,
            "it is down: nothing is captured until it is up",
            format!("`ip link set {} up`", it.name),
        );
        return;
    }
    out.ok(Id::InterfaceUp, "it is up");
    match it.carrier {
        Some(false) => out.fail(
            Id::InterfaceCarrier,
            "it has no link: the cable, the other end or the mirror session is missing",
            "look at the cable, the switch port and (for a mirror) its session",
        ),
        Some(true) => out.ok(Id::InterfaceCarrier, "it has a link"),
        None => {}
    }
}

fn kind(it: &Interface, config: &Config, out: &mut Vec<Finding>) {
    let driver = it.driver.as_deref().unwrap_or("unknown");
    match it.hardware {
        _ if it.loopback => out.warn(
            Id::InterfaceKind,
            "it is the loopback: only this machine's own traffic passes here",
            "watch the interface on the clients' side",
        ),
        Some(hardware) if ETHERNET.contains(&hardware) => {
            out.ok(Id::InterfaceKind, format!("it is Ethernet, driver {driver}"));
        }
        Some(
            65534 // none: tun, WireGuard
            | 512 // PPP
            | 519 // raw IP
            | 768 | 769 | 776 | 778 | 823, // tunnels
        ) => out.info(
            Id::InterfaceKind,
            format!("it is a tunnel or point-to-point link, driver {driver}: frames begin with IP"),
            "clients have no link addresses here; if others pass by another way, watch that too",
        ),
        Some(hardware) => out.fail(
            Id::InterfaceKind,
            format!("its link type {hardware} (ARPHRD) is not one that the ring reads"),
            if config.sensor.via == Via::Ring {
                "try `via = \"pcap\"`, or watch another interface"
            } else {
                "libpcap may know it; if no name is read, watch another interface"
            },
        ),
        None => {}
    }
}

fn member(it: &Interface, out: &mut Vec<Finding>) {
    let Some(master) = &it.master else {
        out.ok(Id::InterfaceMember, "it belongs to no bond and no bridge");
        return;
    };
    let name = &master.name;
    match master.kind {
        MasterKind::Bond => out.warn(
            Id::InterfaceMember,
            format!("it is a member of the bond {name}: the others carry the rest of the traffic"),
            format!("watch {name} instead"),
        ),
        MasterKind::Bridge => out.info(
            Id::InterfaceMember,
            format!(
                "it is a port of the bridge {name}: what passes between other ports is not seen"
            ),
            format!(
                "on a bridging gateway watch the one port towards the outside; {name} itself sees \
                 only what this machine routes"
            ),
        ),
        MasterKind::Other => out.info(
            Id::InterfaceMember,
            format!("it belongs to {name}"),
            format!("see whether {name} or this one carries the clients' traffic"),
        ),
    }
}

fn frames(it: &Interface, config: &Config, out: &mut Vec<Finding>) {
    match (it.promiscuous, config.sensor.promiscuous) {
        (_, true) | (true, _) => out.ok(
            Id::Promiscuous,
            "frames for other machines are taken too (promiscuous)",
        ),
        (false, false) if it.addresses == 0 && it.master.is_none() && !it.loopback => out.warn(
            Id::Promiscuous,
            "it has no address, as a mirror port, but frames for other machines are not taken",
            "set `promiscuous = true` under [sensor] if it is a mirror port",
        ),
        (false, false) => out.ok(
            Id::Promiscuous,
            "only frames for this machine are taken, which on a router are those it forwards",
        ),
    }
    if let Some(mtu) = it.mtu {
        out.ok(Id::Mtu, format!("its MTU is {mtu}"));
    }
    let ring = (u64::from(config.sensor.ring_mib) << 20) * u64::from(config.sensor.workers.max(1));
    match it.speed.map(u64::from).filter(|speed| *speed > 0) {
        // Mbit/s are 125 bytes a millisecond each.
        Some(speed) => {
            let ms = ring / (speed * 125);
            let what = format!("its rings hold {ms} ms of {speed} Mbit/s");
            if ms < RING_MS_MIN {
                out.warn(
                    Id::RingTime,
                    what,
                    "more `ring_mib` or `workers`: a worker that is late loses frames",
                );
            } else {
                out.ok(Id::RingTime, what);
            }
        }
        None => out.info(Id::RingTime, "its speed is not known", ""),
    }
}

fn losses(it: &Interface, out: &mut Vec<Finding>) {
    let total: u64 = it.rx_losses.values().sum();
    if total == 0 {
        out.ok(
            Id::RxDrops,
            format!("it has lost nothing of {} frames received", it.rx_packets),
        );
        return;
    }
    let parts: Vec<String> = it
        .rx_losses
        .iter()
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    // Of many frames a few are lost by unknown protocols and restarts of the link.
    let level = if total.saturating_mul(LOSS_SHARE) > it.rx_packets {
        Level::Warning
    } else {
        Level::Info
    };
    out.push(Finding::new(
        Id::RxDrops,
        level,
        format!(
            "since it was made it counts {} of {} frames received ({} %)",
            parts.join(", "),
            it.rx_packets,
            percent(total, it.rx_packets.saturating_add(total))
        ),
        "see whether they rise (`ip -s link`): rx_missed and rx_fifo call for a larger card ring, \
         rx_crc and rx_frame for a cable, rx_dropped may be protocols that nobody here speaks",
    ));
}
