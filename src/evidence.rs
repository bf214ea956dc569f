//! Evidence bundles: a case in one file that can be checked anywhere, without a network and without
//! this organisation's word.
//!
//! Enters: entries of the ledger with their proofs, the catalogue. Leaves: one archive: entries,
//! proofs, signed checkpoint, what they say in words and figures, reports in English and Dutch; and
//! the verdict on such an archive. Never: an identity, an address or a host name of a person, unless
//! officers opened it; a statement without "on monitored networks"; touches a file or a socket.
//!
//! What is proved by what: entries by the tree (RFC 6962) and the checkpoint's signature; every other
//! file by the manifest, whose digest stands in the ledger's entry of this very export; the archive
//! around them by its one possible form. `docs/evidence.md` tells it in full.

pub mod archive;
pub mod check;
mod compose;
mod data;
mod facts;
mod listed;
mod method;
mod opened;
#[doc(hidden)]
pub mod oracle;
mod readme;
mod report;
pub mod select;
#[cfg(test)]
mod tests;
mod vendor;
mod words;

pub use archive::BUNDLE_LEN_MAX;
pub use check::{Fault, Report, Request, verify};
pub use compose::{Prepared, Seal, Wish, prepare};
pub use data::{Data, PROGRAM};
pub use facts::Facts;
pub use listed::Growth;
pub use opened::{open, releases};
pub use vendor::VendorFacts;

/// What an export of this kind is called in the record.
pub const WHAT: &str = "evidence";

/// Does a file begin like a bundle? Tells it from a release, and from a folder's name.
pub fn is_one(head: &[u8]) -> bool {
    head.starts_with(b"evidence-")
}
