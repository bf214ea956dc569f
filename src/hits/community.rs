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
    }
}
