//! Community ID v1: one text per flow, the same in every tool that knows the standard.
//!
//! Enters: addresses and ports. Leaves: `1:` and the Base64 of a SHA-1. Never: hides an address
//! (the hash is open; see [`Key::community`](super::Key::community) for one under a key).

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest;

use crate::base::Endpoints;

/// The flow's Community ID under `seed` (0 unless the other tools use another). Equal for both
/// directions.
pub fn id(ends: &Endpoints, seed: u16) -> String {
    let (src, dst) = (octets(ends.src), octets(ends.dst));
    let swap = (&dst, ends.dport) < (&src, ends.sport);
    let (src, dst, sport, dport) = if swap {
        (dst, src, ends.dport, ends.sport)
    } else {
        (src, dst, ends.sport, ends.dport)
    };
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(&seed.to_be_bytes());
    hash.update(&src);
    hash.update(&dst);
    hash.update(&[ends.transport.number(), 0]);
    hash.update(&sport.to_be_bytes());
    hash.update(&dport.to_be_bytes());
    format!("1:{}", STANDARD.encode(hash.finish()))
//! Community ID, version 1: the same flow has the same id in every monitor that knows the
//! convention.
//!
//! Enters: addresses and ports. Leaves: `1:` and base64 of a SHA-1. It counts as personal data:
//! the addresses behind it can be found by trying them. Source: Corelight, Community ID Spec
//! (<https://github.com/corelight/community-id-spec>).

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

use crate::base::Endpoints;

/// The id of the flow that `ends` belongs to; both directions give the same. `seed` is 0 unless
/// all monitors of a site agree on another.
pub fn id(ends: &Endpoints, seed: u16) -> String {
    // The smaller end goes first: by address, then by port, both as they stand on the wire.
    let (low, high) = {
        let (src, dst) = ((ends.src, ends.sport), (ends.dst, ends.dport));
        if (octets(src.0), src.1) <= (octets(dst.0), dst.1) {
            (src, dst)
        } else {
            (dst, src)
        }
    };
    let mut sha1 = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    sha1.update(&seed.to_be_bytes());
    sha1.update(&octets(low.0));
    sha1.update(&octets(high.0));
    sha1.update(&[ends.transport.number(), 0]);
    sha1.update(&low.1.to_be_bytes());
    sha1.update(&high.1.to_be_bytes());
    format!("1:{}", STANDARD.encode(sha1.finish()))
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Transport;

    fn ends(src: &str, sport: u16, dst: &str, dport: u16, transport: Transport) -> Endpoints {
        Endpoints {
            src: src.parse().unwrap(),
            dst: dst.parse().unwrap(),
    use crate::base::Transport::{self, Tcp, Udp};

    fn ends(src: &str, sport: u16, dst: &str, dport: u16, transport: Transport) -> Endpoints {
        let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
        Endpoints {
            src,
            dst,
            sport,
            dport,
            transport,
        }
    }

    /// Vectors of the standard's own baseline files.
    #[test]
    fn the_published_vectors() {
        let tcp = ends(
            "128.232.110.120",
            34855,
            "66.35.250.204",
            80,
            Transport::Tcp,
        );
        assert_eq!(id(&tcp, 0), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        assert_eq!(id(&tcp.reversed(), 0), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        assert_eq!(id(&tcp, 1), "1:3V71V58M3Ksw/yuFALMcW0LAHvc=");
        let udp = ends("192.168.1.52", 54585, "8.8.8.8", 53, Transport::Udp);
        assert_eq!(id(&udp, 0), "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
        assert_eq!(id(&udp.reversed(), 0), id(&udp, 0));
    /// The TCP and UDP rows of `baseline/baseline_deflt.json` and `baseline/baseline_seed1.json`
    /// of the specification's repository.
    #[test]
    fn the_published_baseline_holds_in_both_directions() {
        let (six_a, six_b) = (
            "2001:470:e5bf:dead:4957:2174:e82c:4887",
            "2607:f8b0:400c:c03::1a",
        );
        for (flow, seed_0, seed_1) in [
            (
                ends(six_a, 63943, six_b, 25, Tcp),
                "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
                "1:eJYTW6AOzFLlSUoESovMjnu7rMw=",
            ),
            (
                ends("128.232.110.120", 34855, "66.35.250.204", 80, Tcp),
                "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
                "1:3V71V58M3Ksw/yuFALMcW0LAHvc=",
            ),
            (
                ends("192.168.1.52", 54585, "8.8.8.8", 53, Udp),
                "1:d/FP5EW3wiY1vCndhwleRRKHowQ=",
                "1:Q9We8WO3piVF8yEQBNJF4uiSVrI=",
            ),
        ] {
            for direction in [flow, flow.reversed()] {
                assert_eq!(id(&direction, 0), seed_0);
                assert_eq!(id(&direction, 1), seed_1);
            }
        }
    }

    #[test]
    fn equal_addresses_are_ordered_by_port() {
        let flow = ends("192.0.2.1", 5000, "192.0.2.1", 40, Udp);
        assert_eq!(id(&flow, 0), id(&flow.reversed(), 0));
        let other = ends("192.0.2.1", 5001, "192.0.2.1", 40, Udp);
        assert_ne!(id(&flow, 0), id(&other, 0));
    }
}
