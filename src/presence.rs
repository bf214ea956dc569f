//! Who is behind an address, as the protocols on the wire say it: DHCP, RADIUS accounting, Kerberos,
//! ARP and neighbour discovery.
//!
//! Enters: a datagram or message on its port, a device that claims an address. Leaves:
//! [`Fact`](crate::event::Fact)s. Never: holds a key; reads a password, a ticket's inside or a
//! payload; takes a request for an answer: what only a client says binds nobody.
//!
//! The readers (`dhcp4`, `dhcp6`, `radius`, `kerberos`) keep nothing. [`Watch`] remembers for
//! seconds what an answer needs from its request, in tables of fixed size.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod accounts;
pub(crate) mod address;
mod dhcp4;
mod dhcp6;
mod kerberos;
pub mod radius;
mod recent;
mod text;
mod watch;
#[doc(hidden)]
pub mod oracle;
#[cfg(test)]
mod tests;

use crate::base::{Endpoints, Transport, seen::closed_set};

pub use kerberos::next_tcp_message;
pub use watch::{At, Watch};

closed_set! {
    /// What is read.
    Protocol {
        /// RFC 2131, ports 67 and 68.
        Dhcp4 = "dhcpv4",
        /// RFC 8415, ports 546 and 547.
        Dhcp6 = "dhcpv6",
        /// RFC 2866, ports 1813 and 1646.
        Radius = "radius",
        /// RFC 4120, port 88.
        Kerberos = "kerberos",
        /// RFC 826.
        Arp = "arp",
        /// RFC 4861.
        Ndp = "ndp",
    }
}

closed_set! {
    /// Why a message that is ours could not be read; the index counts it.
    Malformed {
        /// Shorter than a DHCPv4 header, or a hardware address longer than its field.
        Dhcp4Header = "dhcpv4_header",
        /// A DHCPv4 option runs past the end, or has an impossible length.
        Dhcp4Option = "dhcpv4_option",
        /// Shorter than a DHCPv6 header.
        Dhcp6Header = "dhcpv6_header",
        /// A DHCPv6 option runs past the end, or has an impossible length or value.
        Dhcp6Option = "dhcpv6_option",
        /// More relays around a message than RFC 8415 section 7.6 allows.
        Dhcp6Nesting = "dhcpv6_nesting",
        /// Shorter than a RADIUS header, or its length contradicts the datagram's.
        RadiusHeader = "radius_header",
        /// A RADIUS attribute runs past the end, or has an impossible length or value.
        RadiusAttribute = "radius_attribute",
        /// A Kerberos message whose encoding contradicts itself.
        KerberosEncoding = "kerberos_encoding",
    }
}

closed_set! {
    /// Why a message that was read told no fact though it is of the kind that does.
    Withheld {
        /// Told a moment ago by the same: nothing new.
        Repeated = "repeated",
        /// An accounting request that no server answered: anybody can send one.
        Unanswered = "unanswered",
        /// A ticket for whom no proof was seen to be asked (no pre-authentication, no request, a
        /// service that asked for somebody else).
        Unproved = "unproved",
        /// More devices claimed addresses in a second than are passed on.
        Flood = "flood",
    }
}

/// Which protocol is spoken between these ports, Kerberos over TCP included.
#[inline]
pub const fn spoken(ends: &Endpoints) -> Option<Protocol> {
    match by_port(ends.dport, ends.transport) {
        None => by_port(ends.sport, ends.transport),
        found => found,
    }
}

#[inline]
const fn by_port(port: u16, transport: Transport) -> Option<Protocol> {
    match (port, transport) {
        (88, _) => Some(Protocol::Kerberos),
        (67 | 68, Transport::Udp) => Some(Protocol::Dhcp4),
        (546 | 547, Transport::Udp) => Some(Protocol::Dhcp6),
        (1813 | 1646, Transport::Udp) => Some(Protocol::Radius),
        _ => None,
    }
}
