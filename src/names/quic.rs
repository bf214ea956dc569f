//! The server name of a QUIC connection's first flight.
//!
//! Enters: UDP payloads. Leaves: [`Class`] of one datagram; from a [`Flight`], the
//! [`Hello`](super::tls::Hello) inside its Initial packets. Never: allocates; gives a name that did
//! not come out of a packet whose authentication tag was right; claims DTLS, STUN, RTP, DNS,
//! WireGuard or BitTorrent.
//!
//! What the tag proves: that nothing was damaged and that the sender knew the destination
//! connection id. It is no secret: it stands in the header, so whoever sees the first packet can
//! make further ones (RFC 9001 section 7 and 9.6). A host that can forge source addresses can make
//! a whole connection. Neither is told apart from the true client by looking on.
//!
//! RFC 8999; RFC 9000 sections 7.2, 12.2, 14.1, 17.2; RFC 9001 section 5 and appendix A;
//! RFC 9368; RFC 9369; RFC 9287; RFC 9443 (telling protocols apart); drafts 22 to 34; Google's
//! versions Q001 to Q046, Q050, T050 and T051.
//!
//! Google's versions up to Q046 have no key: a hash shows that the packet was not damaged and is
//! no look-alike, and proves nothing else.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod chlo;
mod flight;
mod frames;
mod google;
mod header;
mod keys;
mod rebuilt;
#[doc(hidden)]
pub mod oracle;

pub use flight::Flight;
pub use header::{Class, classify, connection_id, initials_len, may_begin};
pub use rebuilt::sealed_initial;

/// Shortest datagram that carries a client's Initial; a server drops shorter ones (RFC 9000
/// section 14.1).
pub const CLIENT_DATAGRAM_LEN_MIN: usize = 1200;

#[cfg(test)]
mod tests;
