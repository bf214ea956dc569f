//! The server name of a DTLS ClientHello.
//!
//! Enters: UDP payloads. Leaves: [`Class`] of one datagram; from a [`Flight`], the
//! [`Hello`](super::tls::Hello) inside its records, in the form that TLS gives it: without the
//! fields of a fragment and without the cookie, by which a server knows the client. Never:
//! allocates; takes for DTLS what does not agree with itself in versions, epoch and all lengths.
//!
//! Read are DTLS 1.0, 1.2 and 1.3, and the form of OpenSSL before the standard that AnyConnect
//! still speaks. In all of them the first flight is in clear under epoch 0. Not read: what is
//! wrapped in something else (TURN channels, CAPWAP); a hello in a renegotiation is encrypted.
//!
//! RFC 4347; RFC 6347 sections 4.1, 4.2.1 to 4.2.3; RFC 9147 sections 4.1, 5.1, 5.2, 5.5;
//! RFC 5764 (media keys); RFC 9443 (telling protocols apart).

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod flight;
#[doc(hidden)]
pub mod oracle;
mod record;
#[cfg(test)]
mod tests;

pub use flight::{Flight, carries_media};
pub use record::{Class, classify, hello_len};

/// First byte of a datagram that begins with a handshake record; no other is looked at.
pub const FIRST_BYTE: u8 = 22;
