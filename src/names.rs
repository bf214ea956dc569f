//! Names out of DNS messages, TLS and DTLS ClientHellos, server certificates, QUIC Initials, requests
//! of HTTP and SOCKS in clear, and envelopes of SMTP in clear; and tunnels by their first bytes.
//!
//! Enters: a datagram, or the in-order prefix of a stream. Leaves: [`Sighting`], borrowed.
//! Never: allocates, panics, looks at a list.

pub mod bypass;
pub mod cert;
pub mod dns;
pub mod dtls;
pub mod ech;
pub mod http;
pub mod http2;
pub mod ja4;
pub mod quic;
pub mod smtp;
pub mod socks;
pub mod tls;
mod reader;

use crate::base::{EchVerdict, RawName, Seen, seen::closed_set};

/// Answer of a parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe<T> {
    /// Here it is.
    Found(T),
    /// So far it fits, but it is not whole yet.
    NeedMore,
    /// This is something else.
    NotForUs,
    /// This is it, but broken.
    Malformed(Malformed),
}

closed_set! {
    /// Why a message that is ours could not be read; the index counts it.
    Malformed {
        /// DNS header or question runs past the end.
        DnsTruncated = "dns_truncated",
        /// DNS name with a bad pointer, an impossible label or more than 255 bytes.
        DnsName = "dns_name",
        /// The question was read, an answer record behind it is broken.
        DnsRecord = "dns_record",
        /// More names in one message than are read of one; those before were.
        DnsLimit = "dns_limit",
        /// TLS record with an impossible length or version.
        TlsRecord = "tls_record",
        /// ClientHello whose inner lengths contradict each other.
        TlsHello = "tls_hello",
        /// server_name extension that is broken or longer than a name can be.
        TlsServerName = "tls_server_name",
        /// A server's ServerHello or certificate (up to TLS 1.2) that is broken.
        TlsCertificate = "tls_certificate",
        /// QUIC header with an impossible length.
        QuicHeader = "quic_header",
        /// Frames inside a decrypted Initial that contradict RFC 9000.
        QuicFrame = "quic_frame",
        /// Head of an HTTP request longer than is read; nothing behind it is.
        HttpHead = "http_head",
        /// A host in a request of HTTP or SOCKS that no name can be.
        HttpHost = "http_host",
        /// HTTP request whose body nobody can tell the end of; nothing behind it is read.
        HttpBody = "http_body",
        /// Behind a request stood something else: later requests may have been missed.
        HttpLost = "http_lost",
        /// HTTP/2 frames that contradict RFC 9113, or a header block longer than is read.
        Http2Frame = "http2_frame",
        /// A header block that does not fit those before it.
        Http2Block = "http2_block",
        /// More HTTP/2 connections in clear at once than are followed.
        Http2Limit = "http2_limit",
    }
}

/// A name seen on the wire.
#[derive(Clone, Copy)]
pub struct Sighting<'f> {
    /// The name where it lies.
    pub name: RawName<'f>,
    /// How it was seen.
    pub seen: Seen,
    /// ECH as far as the outside can tell; `None` for DNS.
    pub ech: EchVerdict,
    /// DNS type of the question (0 for TLS and QUIC).
    pub qtype: u16,
    /// Is the asking side the sender of this packet? False for what a DNS response carries.
    pub client_is_src: bool,
    /// The DNS message, or the ClientHello handshake message (type and length included).
    pub evidence: &'f [u8],
}
