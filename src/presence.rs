//! Who is behind an address, as the protocols on the wire say it: DHCP, RADIUS accounting, Kerberos,
//! ARP and neighbour discovery.
//!
//! Enters: a datagram or message on its port. Leaves: [`Fact`](crate::event::Fact)s. Never: keeps
//! anything; holds a key; reads a password, a ticket's inside or a payload.
