//! An interface, as getifaddrs, /sys/class/net and ethtool tell it.
//!
//! /sys shows the network namespace in which it was mounted: what it says of an interface of that
//! name is taken only when the index agrees.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use pnet::datalink::{self, NetworkInterface};

use super::ethtool::{self, Told};
use super::kernel::{number, text};
use crate::doctor::facts::{CardRing, Hash, Interface, Master, MasterKind};

/// Counters of losses on the receive side. `rx_errors` is the sum of some of them.
const LOSSES: [&str; 8] = [
    "rx_dropped",
    "rx_missed_errors",
    "rx_fifo_errors",
    "rx_over_errors",
    "rx_crc_errors",
    "rx_frame_errors",
    "rx_length_errors",
    "rx_nohandler",
];

/// Names of all interfaces.
pub(super) fn existing() -> Vec<String> {
    datalink::interfaces()
        .into_iter()
        .map(|it| it.name)
        .collect()
}

/// Every address of this machine.
pub(super) fn own_addresses() -> Vec<IpAddr> {
    let all = datalink::interfaces();
    all.iter()
        .flat_map(|it| &it.ips)
        .map(|net| net.ip())
        .collect()
}

/// Those of these names.
pub(super) fn gather(names: &[String]) -> Vec<Interface> {
    let all = datalink::interfaces();
    let each = names.iter();
    each.map(|name| match all.iter().find(|it| it.name == *name) {
        Some(known) => one(known),
        None => Interface {
            name: name.clone(),
            ..Interface::default()
        },
    })
    .collect()
}

fn one(known: &NetworkInterface) -> Interface {
    let mut it = Interface {
        name: known.name.clone(),
        exists: true,
        up: known.is_up(),
        loopback: known.is_loopback(),
        promiscuous: known.flags & libc::IFF_PROMISC as u32 != 0,
        addresses: known
            .ips
            .iter()
            .filter(|net| !is_link_local(net.ip()))
            .count(),
        ..Interface::default()
    };
    let folder = PathBuf::from("/sys/class/net").join(&known.name);
    if number_in(&folder, "ifindex") == Some(u64::from(known.index)) {
        from_sys(&mut it, &folder);
    }
    if let Some(told) = ethtool::ask(&known.name) {
        from_ethtool(&mut it, &told);
    }
    it
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn from_sys(it: &mut Interface, folder: &Path) {
    let flags = text_in(folder, "flags");
    let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap_or(0);
    it.promiscuous |= flags & libc::IFF_PROMISC as u32 != 0;
    // Reading it fails while the interface is down.
    it.carrier = number_in(folder, "carrier").map(|yes| yes == 1);
    it.mtu = number_in(folder, "mtu").and_then(|mtu| u32::try_from(mtu).ok());
    // -1 for unknown.
    it.speed = number_in(folder, "speed").and_then(|speed| u32::try_from(speed).ok());
    it.hardware = number_in(folder, "type").and_then(|kind| u32::try_from(kind).ok());
    it.driver = driver(folder);
    it.master = master(folder);
    let queues = fs::read_dir(folder.join("queues")).into_iter().flatten();
    it.rx_queues = queues
        .flatten()
        .filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"rx-"))
        .count();
    let statistics = folder.join("statistics");
    it.rx_packets = number_in(&statistics, "rx_packets").unwrap_or(0);
    it.rx_losses = LOSSES
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), number_in(&statistics, name)?)))
        .filter(|(_, count)| *count > 0)
        .collect();
}

fn driver(folder: &Path) -> Option<String> {
    let name = |link: PathBuf| {
        let target = fs::read_link(link).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    };
    if let Some(driver) = name(folder.join("device/driver")) {
        return Some(driver);
    }
    // A virtual one says what it is, if it is more than a plain pair.
    let uevent = fs::read_to_string(folder.join("uevent")).ok()?;
    let kind = uevent
        .lines()
        .find_map(|line| line.strip_prefix("DEVTYPE="));
    Some(kind.map_or("none (virtual)", str::trim).to_owned())
}

fn master(folder: &Path) -> Option<Master> {
    let target = fs::read_link(folder.join("master")).ok()?;
    let name = target.file_name()?.to_str()?.to_owned();
    let of = Path::new("/sys/class/net").join(&name);
    let kind = if of.join("bonding").exists() {
        MasterKind::Bond
    } else if of.join("bridge").exists() {
        MasterKind::Bridge
    } else {
        MasterKind::Other
    };
    Some(Master { name, kind })
}

fn from_ethtool(it: &mut Interface, told: &Told) {
    it.features = told
        .features
        .iter()
        .map(|name| (name.clone(), true))
        .collect::<BTreeMap<_, _>>();
    if told.answered {
        // What is off is not listed: one entry says that the kernel answered.
        it.features.entry("rx-gro".to_owned()).or_insert(false);
    }
    it.rx_ring = told.rx_ring.map(|(now, most)| CardRing { now, most });
    it.hash = told.symmetric.map(|yes| match yes {
        true => Hash::Symmetric,
        false => Hash::Asymmetric,
    });
}

fn text_in(folder: &Path, file: &str) -> String {
    folder.join(file).to_str().map(text).unwrap_or_default()
}

fn number_in(folder: &Path, file: &str) -> Option<u64> {
    folder.join(file).to_str().and_then(number)
}
