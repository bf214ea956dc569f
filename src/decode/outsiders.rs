//! Who may speak of a monitored client in a tunnel?
//!
//! Enters: who sent the outermost IP packet, the ends of the innermost. Leaves: whether that is
//! believed. Never: judges a packet that is in no tunnel.
//!
//! Any host of the Internet can send a VXLAN or GTP packet to an address of the organisation, with
//! whatever it likes inside: a session of a colleague with a vendor, or a name server's answer to a
//! question that nobody asked. So a tunnel that comes from a public address is believed about
//! monitored clients and private addresses (servers that say who holds an address stand there) only
//! when that address is monitored itself, this machine's, or named in the configuration. What comes
//! from private addresses cannot come from afar without being forged outside too, and that needs no
//! tunnel.

use std::net::IpAddr;

use ipnet::IpNet;

use super::exclude::Excluded;
use super::{NotForUs, Pair};

/// The networks of the monitored clients, and whose tunnels are believed beside them.
#[derive(Default)]
pub(super) struct Outsiders {
    monitored: Excluded,
    ends: Excluded,
}

impl Outsiders {
    /// Compiles prefixes. Without `monitored` nobody is an outsider.
    pub fn new(monitored: &[IpNet], tunnel_ends: &[IpNet]) -> Self {
        Self {
            monitored: Excluded::new(monitored),
            ends: Excluded::new(tunnel_ends),
        }
    }

    /// May `outer` bring what passes between these two? `None` is no tunnel.
    pub fn ask(&self, outer: Option<IpAddr>, (src, dst): Pair) -> Result<(), NotForUs> {
        let is_ours = |end| self.monitored.holds(end) || !is_public(end);
        if self.is_outsider(outer) && (is_ours(src) || is_ours(dst)) {
            return Err(NotForUs::ForeignTunnel);
        }
        Ok(())
    }

    /// May `outer` say which device holds an address?
    pub fn ask_neighbour(&self, outer: Option<IpAddr>) -> Result<(), NotForUs> {
        if self.is_outsider(outer) {
            return Err(NotForUs::ForeignTunnel);
        }
        Ok(())
    }

    fn is_outsider(&self, outer: Option<IpAddr>) -> bool {
        outer.is_some_and(|outer| {
            self.monitored.any()
                && is_public(outer)
                && !self.monitored.holds(outer)
                && !self.ends.holds(outer)
        })
    }
}

/// May the address come from the Internet? (RFC 1918, RFC 6598, RFC 4193, and the link's own.)
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [one, two, ..] = v4.octets();
            let shared = one == 100 && two & 0xc0 == 64;
            let own = v4.is_link_local() || v4.is_loopback() || v4.is_unspecified();
            !(v4.is_private() || own || shared)
        }
        IpAddr::V6(v6) => {
            let own = v6.is_unicast_link_local() || v6.is_loopback() || v6.is_unspecified();
            !(v6.is_unique_local() || own)
        }
    }
}
