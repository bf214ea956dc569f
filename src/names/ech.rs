//! What the outside can tell of Encrypted Client Hello (RFC 9849).
//!
//! Enters: the outer name and extension 65037 of a hello; before it, the answers to the same
//! client's questions for HTTPS records (RFC 9460). Leaves: [`EchVerdict`]: the verdict with its
//! reason. Never: takes the extension alone for a sign: browsers send it as GREASE to every server
//! (RFC 9849 section 6.2), made so that it cannot be told from the real one; keeps a name or an
//! address (only keyed hashes of both together, for as long as the answer lives).

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod answer;
mod memory;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use super::reader::Reader;
use crate::base::{EchVerdict, NameBuf, RawName, Timestamp};

pub use answer::{Answer, read_answer};
pub use memory::Memory;

/// Public names: the outer name that every site of a provider shares. A name belongs here when
/// its provider says so, or its published ECHConfig carries it, and no ordinary site lives there.
const PUBLIC_NAMES: &[&[u8]] = &[
    // Cloudflare: developers.cloudflare.com/ssl/edge-certificates/ech
    b"cloudflare-ech.com",
    // DEfO project (test servers): github.com/defo-project, ECHConfig of defo.ie
    b"cover.defo.ie",
    // tls-ech.dev (test server of the BoringSSL people): ECHConfig of tls-ech.dev
    b"public.tls-ech.dev",
];

/// What stands in a hello's extension 65037 (RFC 9849 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// The outer form, with the id of the configuration that it was sealed with.
    Outer(u8),
    /// The inner form in clear: a server that faces clients hands it on to the one behind it.
    Inner,
    /// Neither.
    Broken,
}

impl Offer {
    /// Reads the body of the extension.
    pub fn read(body: &[u8]) -> Self {
        let mut reader = Reader::new(body);
        match reader.u8() {
            Some(1) if reader.is_empty() => Self::Inner,
            Some(0) => match (reader.u32(), reader.u8()) {
                (Some(_suite), Some(config_id)) => Self::Outer(config_id),
                _ => Self::Broken,
            },
            _ => Self::Broken,
        }
    }
}

/// Is the true name hidden? `client` sent the hello at `now`.
pub fn verdict(
    outer_sni: &[u8],
    offer: Option<Offer>,
    memory: &Memory,
    client: IpAddr,
    now: Timestamp,
) -> EchVerdict {
    let config_id = match offer {
        None => return EchVerdict::None,
        Some(Offer::Inner) => return EchVerdict::InnerForm,
        Some(Offer::Outer(id)) => Some(id),
        Some(Offer::Broken) => None,
    };
    let outer = outer_sni.strip_suffix(b".").unwrap_or(outer_sni);
    if PUBLIC_NAMES
        .iter()
        .any(|name| name.eq_ignore_ascii_case(outer))
    {
        return EchVerdict::PublicName;
    }
    if memory.is_empty() {
        return EchVerdict::DnsNotSeen;
    }
    let mut name = NameBuf::new();
    if RawName::Text(outer_sni).normalise(&mut name).is_err() {
        return EchVerdict::DnsNotSeen;
    }
    memory.verdict(client, &name, config_id, now)
}
