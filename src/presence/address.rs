//! Which addresses, prefixes and devices a fact may be about.
//!
//! Enters: addresses as messages give them. Leaves: those that somebody can hold. Never: repairs
//! one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};

/// Shortest IPv6 prefix that is believed to be one customer's or device's. Registries give whole
/// providers a /32 (RIPE-738); a shorter one would bind half the world to somebody.
const PREFIX_LEN_MIN: u8 = 32;

/// One address, if somebody can hold it: not unspecified, loopback, multicast or broadcast, nor
/// what RADIUS writes for "to be chosen" (RFC 2865 section 5.8).
pub(super) fn one(ip: IpAddr) -> Option<IpNet> {
    let holdable = match ip {
        IpAddr::V4(v4) => {
            let [first, ..] = v4.octets();
            let to_be_chosen = v4 == Ipv4Addr::new(255, 255, 255, 254);
            first != 0
                && !v4.is_loopback()
                && !v4.is_multicast()
                && !v4.is_broadcast()
                && !to_be_chosen
        }
        IpAddr::V6(v6) => holdable_v6(v6),
    };
    holdable.then(|| IpNet::from(ip))
}

/// A prefix, bits behind its length cleared.
pub(super) fn prefix(address: Ipv6Addr, len: u8) -> Option<IpNet> {
    if len < PREFIX_LEN_MIN || !holdable_v6(address) {
        return None;
    }
    Some(IpNet::V6(Ipv6Net::new(address, len).ok()?.trunc()))
}

fn holdable_v6(address: Ipv6Addr) -> bool {
    !address.is_unspecified()
        && !address.is_loopback()
        && !address.is_multicast()
        && address.to_ipv4_mapped().is_none()
}

/// A link-layer address, if it is one device's.
pub(super) fn device(bytes: &[u8]) -> Option<[u8; 6]> {
    let mac: [u8; 6] = bytes.try_into().ok()?;
    let [first, ..] = mac;
    (mac != [0; 6] && first & 1 == 0).then_some(mac)
}

/// A link-layer address as people write it: `00-11-22-33-44-55`, `00:11:22:33:44:55`,
/// `0011.2233.4455`, `001122-334455`, `001122334455` (RFC 3580 section 3.21 and what is sent
/// instead). A telephone number or an IP address, which stand in the same field, are none: groups
/// have one length, and twelve digits without a letter or separator are a number.
pub(crate) fn spelled(text: &[u8]) -> Option<[u8; 6]> {
    let separator = text
        .iter()
        .copied()
        .find(|byte| matches!(byte, b'-' | b':' | b'.'));
    let mut digits = [0u8; 12];
    let mut filled = 0usize;
    let group_len = match separator {
        Some(mark) => text.iter().position(|byte| *byte == mark)?,
        None => 12,
    };
    let telephone = separator.is_none() && text.iter().all(u8::is_ascii_digit);
    if !matches!(group_len, 2 | 4 | 6 | 12) || telephone {
        return None;
    }
    for group in text.split(|byte| Some(*byte) == separator) {
        if group.len() != group_len {
            return None;
        }
        for byte in group {
            let digit = char::from(*byte).to_digit(16)?;
            *digits.get_mut(filled)? = u8::try_from(digit).ok()?;
            filled = filled.saturating_add(1);
        }
    }
    if filled != digits.len() {
        return None;
    }
    let (pairs, _) = digits.as_chunks::<2>();
    let mut mac = [0u8; 6];
    for (byte, [high, low]) in mac.iter_mut().zip(pairs) {
        *byte = high << 4 | low;
    }
    device(&mac)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [0x00, 0x1a, 0x2b, 0x3c, 0x4d, 0x5e];

    #[test]
    fn every_spelling_of_a_device() {
        for text in [
            "00-1A-2B-3C-4D-5E",
            "00:1a:2b:3c:4d:5e",
            "001a.2b3c.4d5e",
            "001A2B-3C4D5E",
            "001a2b3c4d5e",
        ] {
            assert_eq!(spelled(text.as_bytes()), Some(MAC), "{text}");
        }
    }

    #[test]
    fn what_is_no_device() {
        for text in [
            "",
            "192.168.100.200",
            "10.20.30.40",
            "316123456789",
            "+31612345678",
            "00-1A-2B-3C-4D",
            "00-1A-2B-3C-4D-5E-6F",
            "00-1A-2B:3C-4D-5E",
            "00-1A-2B-3C-4D-5G",
            "0-01A-2B3C4D5E",
            "00-00-00-00-00-00",
            "01-00-5e-00-00-01",
            "ff:ff:ff:ff:ff:ff",
            "--",
            "-",
        ] {
            assert_eq!(spelled(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn addresses_that_nobody_holds() {
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "224.0.0.251",
            "255.255.255.255",
            "255.255.255.254",
            "::",
            "::1",
            "ff02::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(one(ip.parse().unwrap()).is_none(), "{ip}");
        }
        for ip in ["10.0.0.7", "169.254.3.4", "2001:db8::7", "fe80::1"] {
            assert_eq!(one(ip.parse().unwrap()).unwrap().addr().to_string(), ip);
        }
    }

    #[test]
    fn prefixes_no_shorter_than_a_providers() {
        let of = |text: &str, len| prefix(text.parse().unwrap(), len).map(|net| net.to_string());
        assert_eq!(of("2001:db8:1:2:3::", 56).unwrap(), "2001:db8:1::/56");
        assert_eq!(of("2001:db8:1:2::", 64).unwrap(), "2001:db8:1:2::/64");
        for (text, len) in [
            ("2001:db8::", 31),
            ("::", 64),
            ("2001:db8::", 129),
            ("ff02::", 64),
        ] {
            assert_eq!(of(text, len), None, "{text}/{len}");
        }
    }
}
