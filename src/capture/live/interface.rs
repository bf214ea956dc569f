//! What the system says about an interface: does it exist, what link, how many errors.
//!
//! Enters: names from the configuration. Leaves: [`Interface`], [`ErrorCounter`]. Never: changes one.

use std::fs::File;
use std::net::IpAddr;
use std::os::unix::fs::FileExt;

use super::LiveError;
use super::socket::{Delivery, hardware_of};
use crate::capture::LinkType;

/// An interface as it is when the capture is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) name: String,
    /// Place in the configuration: the observation point of its frames.
    pub(super) point: u16,
    pub(super) index: i32,
    /// Each packet is shown twice here.
    pub(super) loopback: bool,
    pub(super) delivery: Delivery,
    pub(super) link: LinkType,
}

/// Checks that each name exists and is given once. Needs no privilege.
pub(super) fn check_names(names: &[String]) -> Result<(), LiveError> {
    if names.is_empty() {
        return Err(LiveError::NoneGiven);
    }
    let existing: Vec<String> = pnet::datalink::interfaces()
        .into_iter()
        .map(|interface| interface.name)
        .collect();
    for (nth, name) in names.iter().enumerate() {
        if !existing.contains(name) {
            return Err(LiveError::Missing {
                name: name.clone(),
                existing,
            });
        }
        if names[..nth].contains(name) {
            return Err(LiveError::Twice { name: name.clone() });
        }
    }
    Ok(())
}

/// Is there an interface of this name, and is it up? Needs no privilege.
pub(super) fn is_up(name: &str) -> bool {
    pnet::datalink::interfaces()
        .iter()
        .any(|interface| interface.name == name && interface.is_up())
}

/// The addresses of this machine, but the loopback's. Needs no privilege.
pub fn own_addresses() -> Vec<IpAddr> {
    let all = pnet::datalink::interfaces().into_iter();
    let nets = all.flat_map(|interface| interface.ips);
    let addresses = nets.map(|net| net.ip());
    addresses.filter(|it| !it.is_loopback()).collect()
}

/// Finds out how the frames of `name` begin. Needs no privilege.
pub(super) fn look_up(name: &str, point: u16) -> Result<Interface, LiveError> {
    let all = pnet::datalink::interfaces();
    let failed = |source| LiveError::System {
        name: name.to_owned(),
        doing: "asking for its link type",
        source,
    };
    let known = all.iter().find(|interface| interface.name == name);
    let (Some(known), Some(hardware)) = (known, hardware_of(name).map_err(failed)?) else {
        let existing = all.into_iter().map(|interface| interface.name).collect();
        return Err(LiveError::Missing {
            name: name.to_owned(),
            existing,
        });
    };
    let (delivery, link) = delivery(hardware).ok_or_else(|| LiveError::UnsupportedLink {
        name: name.to_owned(),
        hardware,
    })?;
    Ok(Interface {
        name: name.to_owned(),
        point,
        index: known.index as i32,
        loopback: known.is_loopback(),
        delivery,
        link,
    })
}

/// How frames of an ARPHRD type are taken: Ethernet with its header; links whose own header is
/// absent (`none`: tun, WireGuard), differs between drivers (PPP) or is an outer IP header (tunnels)
/// from the network header on. Anything else, 802.11 in monitor mode say, is not for the ring.
fn delivery(hardware: u16) -> Option<(Delivery, LinkType)> {
    const ARPHRD_RAWIP: u16 = 519;
    const ARPHRD_IP6GRE: u16 = 823;
    match hardware {
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => {
            Some((Delivery::WithLinkHeader, LinkType::Ethernet))
        }
        libc::ARPHRD_NONE
        | ARPHRD_RAWIP
        | libc::ARPHRD_PPP
        | libc::ARPHRD_TUNNEL
        | libc::ARPHRD_TUNNEL6
        | libc::ARPHRD_SIT
        | libc::ARPHRD_IPGRE
        | ARPHRD_IP6GRE
        | libc::ARPHRD_INFINIBAND => Some((Delivery::FromNetworkHeader, LinkType::RawIp)),
        _ => None,
    }
}

/// The receive errors of one interface since the capture was opened: what was lost before the
/// socket. Kept open, so that it can be read without any right, and in the network namespace of the
/// thread that opened it.
#[derive(Debug)]
pub(super) struct ErrorCounter {
    table: Option<File>,
    name: String,
    text: Vec<u8>,
    last: Option<u64>,
    total: u64,
}

impl ErrorCounter {
    /// Starts at 0 now. Where the table cannot be read, it stays at 0.
    pub(super) fn start(name: &str) -> Self {
        let mut counter = Self {
            table: File::open("/proc/thread-self/net/dev").ok(),
            name: name.to_owned(),
            text: vec![0; 16 * 1024],
            last: None,
            total: 0,
        };
        counter.last = counter.read();
        counter
    }

    /// Errors, drops, missed and FIFO overruns since the start. A driver may count one loss under
    /// two of these.
    pub(super) fn total(&mut self) -> u64 {
        let now = self.read();
        if let Some(now) = now {
            // Less than before: the interface was made anew, and counts from 0.
            let before = self.last.filter(|last| *last <= now).unwrap_or(0);
            self.total = self.total.wrapping_add(now - before);
            self.last = Some(now);
        }
        self.total
    }

    fn read(&mut self) -> Option<u64> {
        let table = self.table.as_ref()?;
        let mut len = 0;
        loop {
            if len == self.text.len() {
                self.text.resize(2 * len, 0);
            }
            let read = table.read_at(self.text.get_mut(len..)?, len as u64).ok()?;
            if read == 0 {
                break;
            }
            len += read;
        }
        receive_errors(str::from_utf8(self.text.get(..len)?).ok()?, &self.name)
    }
}

/// `errs + drop + fifo` of the receive side in the table of /proc/net/dev, where `drop` holds both
/// `rx_dropped` and `rx_missed_errors`.
fn receive_errors(table: &str, name: &str) -> Option<u64> {
    let numbers = table.lines().find_map(|line| {
        let (interface, numbers) = line.trim_start().split_once(':')?;
        (interface == name).then_some(numbers)
    })?;
    let mut columns = numbers
        .split_ascii_whitespace()
        .skip(2)
        .map(str::parse::<u64>);
    let mut next = || columns.next()?.ok();
    Some(next()?.wrapping_add(next()?).wrapping_add(next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop
    lo:     876      11    0    0    0     0          0         0      876      11    0    0
  eth0: 1234567   98765    3    5    7    11         13        17  1234567   98765   99   99
eth0.5:12345678   98765   30   50   70    11         13        17  1234567   98765   99   99
";

    #[test]
    fn receive_errors_are_summed_per_interface() {
        assert_eq!(receive_errors(TABLE, "eth0"), Some(15));
        assert_eq!(receive_errors(TABLE, "eth0.5"), Some(150));
        assert_eq!(receive_errors(TABLE, "lo"), Some(0));
        assert_eq!(receive_errors(TABLE, "eth"), None);
        assert_eq!(receive_errors("  eth0: 1 2 3", "eth0"), None);
    }

    #[test]
    fn the_loopback_is_found_and_its_errors_are_readable() {
        check_names(&["lo".to_owned()]).unwrap();
        let lo = look_up("lo", 4).unwrap();
        assert!(lo.loopback && lo.index > 0 && lo.point == 4);
        assert_eq!(
            (lo.delivery, lo.link),
            (Delivery::WithLinkHeader, LinkType::Ethernet)
        );
        let mut errors = ErrorCounter::start("lo");
        assert!(errors.last.is_some(), "the table was not read");
        errors.last = Some(0);
        let first = errors.total();
        assert_eq!(errors.total(), first);
    }

    #[test]
    fn a_missing_interface_lists_those_there_are() {
        let error = check_names(&["lo".to_owned(), "nosuch0".to_owned()]).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("there is no interface `nosuch0`; there are: "),
            "{text}"
        );
        assert!(text.contains("lo"), "{text}");
    }

    #[test]
    fn no_name_and_the_same_name_twice_are_refused() {
        assert!(matches!(check_names(&[]), Err(LiveError::NoneGiven)));
        let twice = ["lo".to_owned(), "lo".to_owned()];
        assert!(matches!(check_names(&twice), Err(LiveError::Twice { .. })));
    }

    #[test]
    fn links_without_a_common_header_are_read_from_ip_on() {
        let from_ip = Some((Delivery::FromNetworkHeader, LinkType::RawIp));
        assert_eq!(delivery(libc::ARPHRD_NONE), from_ip);
        assert_eq!(delivery(libc::ARPHRD_PPP), from_ip);
        assert_eq!(delivery(libc::ARPHRD_IEEE80211_RADIOTAP), None);
    }
}
