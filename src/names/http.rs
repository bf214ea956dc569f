//! Hosts out of HTTP/1 requests in clear.
//!
//! Enters: bytes at a place of a client's stream where a request may begin. Leaves: the hosts that
//! the request is for, borrowed, and where its body ends. Never: looks at a path, a query, a cookie
//! or any other field but those that say where the request goes and how long it is; reads a
//! response; looks into a body; allocates.
//!
//! Lenient, since a monitor has to tell what the client asked for even where a strict server would
//! refuse: empty lines before the request, several spaces in its first line, lines that end in a
//! bare LF, `host:name`, a space before the colon, a name in any case. Strict about where a request
//! ends: when that cannot be told beyond doubt, nothing behind it is read.
//!
//! RFC 9112 sections 2 to 7, RFC 9110 sections 4.2, 7.2 and 9.3.6, RFC 3986 section 3.2.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod chunk;
mod host;
#[doc(hidden)]
pub mod oracle;
mod request;
#[cfg(test)]
mod tests;

pub use chunk::{chunk, trailer_line};
pub use host::{Host, host, target};
pub use request::{
    Begins, Body, HEAD_LEN_MAX, HOSTS_MAX, Hosts, PREAMBLE_LEN_MAX, Request, begins, peek,
    preamble, request,
};
