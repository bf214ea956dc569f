//! A pcap-filter expression as a yes or no for one frame.
//!
//! Enters: an expression in the language of pcap-filter(7) and a link type. Leaves: [`Filter`], or
//! libpcap's own words for what is wrong. Never: invents a filter language, opens an interface.
//!
//! A host, net, port or protocol given by name is looked up by libpcap when the expression is
//! compiled, and a look-up of a host leaves the machine: write addresses.

use std::fmt;

use ipnet::IpNet;
use pcap::{Active, BpfProgram, Capture, Dead, Linktype};

use super::{Frame, LinkType};

/// A compiled expression. `Send`, not `Sync`: each worker compiles its own.
pub struct Filter {
    program: BpfProgram,
}

impl Filter {
    /// Compiles `expression` for frames that begin as `link` says. An empty expression accepts
    /// everything, as in tcpdump.
    ///
    /// # Errors
    /// [`FilterError`] when libpcap refuses it.
    pub fn compile(expression: &str, link: LinkType) -> Result<Self, FilterError> {
        let program = compile_on(&dead_handle(link, expression)?, expression)?;
        Ok(Self { program })
    }

    /// Does the expression match? Judged on the captured bytes: `len`, `less` and `greater` see the
    /// captured length, and a VLAN tag that the kernel took out is invisible to `vlan` (in a live
    /// capture the kernel runs the expression, and there `vlan` works).
    pub fn accepts(&self, frame: &Frame<'_>) -> bool {
        self.program.filter(frame.bytes)
    }
}

/// Why libpcap refused an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// The expression as given.
    pub expression: String,
    /// libpcap's words.
    pub message: String,
}

impl FilterError {
    pub(super) fn new(expression: &str, message: impl Into<String>) -> Self {
        Self {
            expression: expression.to_owned(),
            message: message.into(),
        }
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "filter expression `{}` is refused: {}; the language is that of pcap-filter(7)",
            self.expression, self.message
        )
    }
}

impl std::error::Error for FilterError {}

/// The link-layer number that libpcap compiles for. It differs from the file number for raw IP.
fn dlt(link: LinkType) -> i32 {
    match link {
        LinkType::RawIp => 12,
        LinkType::AtmRfc1483 => 11,
        other => i32::from(other.number()),
    }
}

fn dead_handle(link: LinkType, expression: &str) -> Result<Capture<Dead>, FilterError> {
    Capture::dead(Linktype(dlt(link))).map_err(|error| FilterError::new(expression, words(&error)))
}

fn compile_on<T: pcap::Activated>(
    handle: &Capture<T>,
    expression: &str,
) -> Result<BpfProgram, FilterError> {
    handle
        .compile(expression, true)
        .map_err(|error| FilterError::new(expression, words(&error)))
}

/// libpcap's message without the crate's prefix.
pub(super) fn words(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    }
}

/// One instruction of classic BPF, as the kernel takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) code: u16,
    pub(super) jt: u8,
    pub(super) jf: u8,
    pub(super) k: u32,
}

/// Compiles for the kernel. `live` is an open handle on an Ethernet interface: with it libpcap
/// writes `vlan` so that it looks at the tag which the kernel took out of the frame.
pub(super) fn instructions(
    expression: &str,
    link: LinkType,
    live: Option<&Capture<Active>>,
) -> Result<Vec<Instruction>, FilterError> {
    let program = match live {
        Some(handle) => compile_on(handle, expression)?,
        None => compile_on(&dead_handle(link, expression)?, expression)?,
    };
    let unreadable = || FilterError::new(expression, "libpcap's program could not be read");
    // The crate keeps the fields to itself and prints them as "code jt jf k".
    let read = |text: &str| {
        let mut numbers = text.split(' ');
        Some(Instruction {
            code: numbers.next()?.parse().ok()?,
            jt: numbers.next()?.parse().ok()?,
            jf: numbers.next()?.parse().ok()?,
            k: numbers.next()?.parse().ok()?,
        })
    };
    program
        .get_instructions()
        .iter()
        .map(|instruction| read(&instruction.to_string()).ok_or_else(unreadable))
        .collect()
}

/// Most prefixes, after merging, that are written into one expression. The kernel takes 4,096
/// instructions, which is about 520 prefixes, and libpcap's time grows with their square: 400 took
/// 0.4 s, 3,000 took 21 s.
pub(super) const PREFIXES_MAX: usize = 500;

/// `not (net A or net B ...)` for the excluded prefixes, with neighbours merged; `None` without any,
/// or with more than [`PREFIXES_MAX`].
pub(super) fn exclusion(excluded: &[IpNet]) -> Option<String> {
    // libpcap refuses a net with host bits.
    let nets: Vec<IpNet> = excluded.iter().map(IpNet::trunc).collect();
    let terms: Vec<String> = IpNet::aggregate(&nets)
        .iter()
        .map(|net| format!("net {net}"))
        .collect();
    (1..=PREFIXES_MAX)
        .contains(&terms.len())
        .then(|| format!("not ({})", terms.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;

    fn ipv4_udp(src: [u8; 4], dst: [u8; 4], dst_port: u16) -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00];
        bytes.extend([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0]);
        bytes.extend(src);
        bytes.extend(dst);
        bytes.extend(40_000u16.to_be_bytes());
        bytes.extend(dst_port.to_be_bytes());
        bytes.extend([0, 8, 0, 0]);
        bytes
    }

    fn ipv6_udp(src: &str, dst: &str) -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd];
        bytes.extend([0x60, 0, 0, 0, 0, 8, 17, 64]);
        bytes.extend(src.parse::<std::net::Ipv6Addr>().unwrap().octets());
        bytes.extend(dst.parse::<std::net::Ipv6Addr>().unwrap().octets());
        bytes.extend([0x9c, 0x40, 0, 53, 0, 8, 0, 0]);
        bytes
    }

    fn frame(bytes: &[u8]) -> Frame<'_> {
        Frame {
            bytes,
            wire_len: bytes.len() as u32,
            time: Timestamp(0),
            vlan: None,
            link: LinkType::Ethernet,
            point: 0,
        }
    }

    fn accepts(expression: &str, bytes: &[u8]) -> bool {
        Filter::compile(expression, LinkType::Ethernet)
            .unwrap()
            .accepts(&frame(bytes))
    }

    #[test]
    fn an_expression_narrows() {
        let dns = ipv4_udp([192, 0, 2, 1], [192, 0, 2, 53], 53);
        let quic = ipv4_udp([192, 0, 2, 1], [192, 0, 2, 80], 443);
        assert!(accepts("udp port 53", &dns));
        assert!(!accepts("udp port 53", &quic));
        assert!(accepts("", &quic));
        assert!(!accepts("ip6", &quic));
    }

    #[test]
    fn the_link_type_moves_the_offsets() {
        let dns = ipv4_udp([192, 0, 2, 1], [192, 0, 2, 53], 53);
        let raw = Filter::compile("udp port 53", LinkType::RawIp).unwrap();
        assert!(raw.accepts(&frame(&dns[14..])));
        assert!(!raw.accepts(&frame(&dns)));
    }

    #[test]
    fn a_bad_expression_is_quoted_with_the_reason() {
        for bad in [
            "tcp port",
            "tcp) or (udp",
            "port 99999999",
            "vlan 1 and and ip",
            "net 10.0.0.1/8",
        ] {
            let Err(error) = Filter::compile(bad, LinkType::Ethernet) else {
                panic!("accepted {bad}");
            };
            let text = error.to_string();
            assert!(
                text.contains(bad) && text.contains("pcap-filter(7)"),
                "{text}"
            );
            assert!(!error.message.is_empty());
        }
        assert!(Filter::compile("tcp\0", LinkType::Ethernet).is_err());
    }

    #[test]
    fn exclusion_drops_both_directions_of_both_families_and_nothing_else() {
        // Host bits, neighbours that merge, and a single address.
        let excluded: Vec<IpNet> = [
            "10.1.2.3/16",
            "10.0.0.0/16",
            "192.0.2.7/32",
            "2001:db8:1::/48",
        ]
        .iter()
        .map(|net| net.parse().unwrap())
        .collect();
        let expression = exclusion(&excluded).unwrap();
        assert!(expression.contains("net 10.0.0.0/15"), "{expression}");
        let filter = Filter::compile(&expression, LinkType::Ethernet).unwrap();
        let passes = |bytes: &[u8]| filter.accepts(&frame(bytes));
        let outside = [198, 51, 100, 1];
        assert!(!passes(&ipv4_udp([10, 1, 9, 9], outside, 53)));
        assert!(!passes(&ipv4_udp(outside, [10, 0, 255, 255], 53)));
        assert!(!passes(&ipv4_udp(outside, [192, 0, 2, 7], 53)));
        assert!(passes(&ipv4_udp(outside, [192, 0, 2, 8], 53)));
        assert!(passes(&ipv4_udp(outside, [10, 2, 0, 0], 53)));
        assert!(!passes(&ipv6_udp("2001:db8:1::5", "2001:db8:2::1")));
        assert!(!passes(&ipv6_udp("2001:db8:2::1", "2001:db8:1:ffff::5")));
        assert!(passes(&ipv6_udp("2001:db8:2::1", "2001:db8:3::1")));
        assert_eq!(exclusion(&[]), None);
    }

    #[test]
    fn everything_can_be_excluded() {
        let expression = exclusion(&["0.0.0.0/0".parse().unwrap()]).unwrap();
        assert!(!accepts(
            &expression,
            &ipv4_udp([10, 1, 9, 9], [10, 0, 0, 1], 53)
        ));
        assert!(accepts(
            &expression,
            &ipv6_udp("2001:db8:2::1", "2001:db8:3::1")
        ));
    }

    #[test]
    fn instructions_come_over_whole() {
        let program = instructions("ip", LinkType::Ethernet, None).unwrap();
        // ldh [12]; jeq #0x800; ret #65535; ret #0: what `tcpdump -d ip` prints.
        let words: Vec<(u16, u32)> = program.iter().map(|i| (i.code, i.k)).collect();
        assert_eq!(words[0], (0x28, 12));
        assert_eq!(words[1], (0x15, 0x800));
        assert_eq!(words[3], (0x06, 0));
    }
}
