//! Prefixes that must not be watched.
//!
//! Enters: the config's prefixes, at start and at reload; then addresses. Leaves: yes or no.
//! Never: sees a port or a payload.
//!
//! The prefixes become sorted ranges that do not overlap, one list per family, so that a look-up
//! is one binary search. The same IPv4 address has more than one spelling in IPv6: as mapped
//! (`::ffff:0:0/96`, RFC 4291 section 2.5.5.2) and behind NAT64 (`64:ff9b::/96`, RFC 6052). An
//! IPv4 prefix excludes those too, and a prefix inside the mapped range excludes plain IPv4.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

const MAPPED: u128 = 0xffff_0000_0000;
const NAT64: u128 = 0x0064_ff9b << 96;

/// First and last address of a range, both inside it.
type Range<A> = (A, A);

/// The excluded addresses, ready for look-up.
#[derive(Default)]
pub(super) struct Excluded {
    any: bool,
    v4: Vec<Range<u32>>,
    v6: Vec<Range<u128>>,
}

impl Excluded {
    /// Compiles prefixes; bits behind the prefix length are ignored.
    pub fn new(prefixes: &[IpNet]) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for prefix in prefixes {
            match prefix {
                IpNet::V4(net) => v4.push(range_v4(*net)),
                IpNet::V6(net) => {
                    let (first, last) = (u128::from(net.network()), u128::from(net.broadcast()));
                    v6.push((first, last));
                    // `::/0` and the like cover the mapped range by chance and mean IPv6 only.
                    if net.prefix_len() >= 96 && first >> 32 == MAPPED >> 32 {
                        v4.push((first as u32, last as u32));
                    }
                }
            }
        }
        for (first, last) in &v4 {
            for spelling in [MAPPED, NAT64] {
                v6.push((spelling | u128::from(*first), spelling | u128::from(*last)));
            }
        }
        Self {
            any: !prefixes.is_empty(),
            v4: merged(v4),
            v6: merged(v6),
        }
    }

    /// Is anything excluded at all?
    #[inline]
    pub const fn any(&self) -> bool {
        self.any
    }

    /// Does the address lie in an excluded prefix?
    pub fn holds(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.holds_v4(address.into()),
            IpAddr::V6(address) => self.holds_v6(address.into()),
        }
    }

    /// Does either lie in an excluded prefix?
    #[inline(never)]
    pub fn holds_either_v4(&self, one: u32, other: u32) -> bool {
        self.holds_v4(one) || self.holds_v4(other)
    }

    /// Does either lie in an excluded prefix?
    #[inline(never)]
    pub fn holds_either_v6(&self, one: u128, other: u128) -> bool {
        self.holds_v6(one) || self.holds_v6(other)
    }

    /// As [`Excluded::holds`], for an IPv4 address as a number.
    fn holds_v4(&self, address: u32) -> bool {
        lies_in(&self.v4, address)
    }

    /// As [`Excluded::holds`], for an IPv6 address as a number.
    pub fn holds_v6(&self, address: u128) -> bool {
        lies_in(&self.v6, address)
    }
}

fn range_v4(net: Ipv4Net) -> Range<u32> {
    (u32::from(net.network()), u32::from(net.broadcast()))
}

fn lies_in<A: Copy + Ord>(ranges: &[Range<A>], address: A) -> bool {
    let behind = ranges.partition_point(|(first, _)| *first <= address);
    behind
        .checked_sub(1)
        .and_then(|at| ranges.get(at))
        .is_some_and(|(_, last)| address <= *last)
}

/// Sorted, with overlapping ranges made one.
fn merged<A: Copy + Ord>(mut ranges: Vec<Range<A>>) -> Vec<Range<A>> {
    ranges.sort_unstable();
    ranges.dedup_by(|next, kept| {
        let inside = next.0 <= kept.1;
        if inside {
            kept.1 = kept.1.max(next.1);
        }
        inside
    });
    ranges
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    fn excluded(prefixes: &[&str]) -> Excluded {
        Excluded::new(
            &prefixes
                .iter()
                .map(|p| p.parse().unwrap())
                .collect::<Vec<_>>(),
        )
    }

    fn holds(set: &Excluded, address: &str) -> bool {
        set.holds(address.parse().unwrap())
    }

    #[test]
    fn prefixes_hold_their_borders_and_nothing_beyond() {
        let set = excluded(&["10.1.0.0/16", "192.0.2.7/32", "2001:db8:1::/48"]);
        for inside in [
            "10.1.0.0",
            "10.1.255.255",
            "192.0.2.7",
            "2001:db8:1::",
            "2001:db8:1:ffff::9",
        ] {
            assert!(holds(&set, inside), "{inside}");
        }
        for outside in [
            "10.0.255.255",
            "10.2.0.0",
            "192.0.2.6",
            "192.0.2.8",
            "2001:db8:2::",
            "::",
        ] {
            assert!(!holds(&set, outside), "{outside}");
        }
        assert!(!excluded(&[]).any());
    }

    #[test]
    fn an_ipv4_prefix_holds_in_its_ipv6_spellings() {
        let set = excluded(&["10.1.0.0/16"]);
        assert!(holds(&set, "::ffff:10.1.2.3"));
        assert!(holds(&set, "64:ff9b::10.1.2.3"));
        assert!(!holds(&set, "::ffff:10.2.2.3"));
        assert!(!holds(&set, "::10.1.2.3"));
    }

    #[test]
    fn a_mapped_prefix_holds_for_plain_ipv4_and_all_of_ipv6_does_not() {
        let set = excluded(&["::ffff:10.1.0.0/112"]);
        assert!(holds(&set, "10.1.9.9") && holds(&set, "::ffff:10.1.9.9"));
        assert!(!holds(&set, "10.2.0.0"));
        let set = excluded(&["::/0"]);
        assert!(!holds(&set, "10.1.9.9") && holds(&set, "::ffff:10.1.9.9"));
    }

    proptest! {
        /// Ranges against asking each prefix.
        #[test]
        fn agrees_with_each_prefix(
            v4 in prop::collection::vec((any::<u32>(), 0u8..=32), 0..12),
            v6 in prop::collection::vec((any::<u128>(), 0u8..=128), 0..12),
            probes4 in prop::collection::vec(any::<u32>(), 20),
            probes6 in prop::collection::vec(any::<u128>(), 20),
        ) {
            let mut nets: Vec<IpNet> = Vec::new();
            for (address, len) in &v4 {
                nets.push(IpNet::new(Ipv4Addr::from(*address).into(), *len).unwrap());
            }
            for (address, len) in &v6 {
                nets.push(IpNet::new(Ipv6Addr::from(*address).into(), *len).unwrap());
            }
            let set = Excluded::new(&nets);
            let near4 = v4.iter().flat_map(|(a, _)| [*a, a.wrapping_sub(1), a ^ 0x100]);
            for probe in probes4.into_iter().chain(near4) {
                let address = Ipv4Addr::from(probe);
                let naive = nets.iter().any(|n| n.contains(&IpAddr::V4(address)));
                prop_assert_eq!(set.holds(address.into()), naive);
            }
            let near6 = v6.iter().flat_map(|(a, _)| [*a, a.wrapping_sub(1), a ^ (1 << 70)]);
            for probe in probes6.into_iter().chain(near6) {
                let address = Ipv6Addr::from(probe);
                let naive = nets.iter().any(|n| n.contains(&IpAddr::V6(address)));
                prop_assert_eq!(set.holds(address.into()), naive);
            }
        }
    }
}
