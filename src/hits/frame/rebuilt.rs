//! Packets written anew around what was kept of a message.
//!
//! Enters: a hit without a carrier. Leaves: an IP packet with right lengths and checksums. Never:
//! a byte of the message that was not sent, but for stand-ins, which say so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Origin;
use crate::base::{Seen, Transport};
use crate::event::Hit;
use crate::hits::evidence;
use crate::names::quic;

/// Raw IP (LINKTYPE_RAW): no link header is made up.
pub(super) const LINK: u16 = 101;

const TCP: u8 = 6;
const UDP: u8 = 17;
const HOPS: u8 = 64;
/// SYN: who reads it takes it for a connection of its own, not for one that was sent twice.
const TCP_FLAGS: u8 = 0x02;

/// Records and handshake messages (IANA "TLS ContentType", "TLS HandshakeType").
const HANDSHAKE: u8 = 22;
const CERTIFICATE: u8 = 11;
const TLS_1_0: [u8; 2] = [3, 1];
const TLS_1_2: [u8; 2] = [3, 3];
const DTLS_1_2: [u8; 2] = [0xfe, 0xfd];
/// Before the session id of a hello: version and random.
const HELLO_HEAD_LEN: usize = 34;

/// One end of a packet.
type End = (IpAddr, u16);

/// The packet, and how true it is; `None` when what was kept makes none.
pub(super) fn packet(hit: &Hit) -> Option<(Origin, Vec<u8>)> {
    let kept = evidence::keep(&hit.evidence, hit.seen, &hit.name, false).bytes;
    if kept.is_empty() {
        return None;
    }
    let ends = &hit.ends;
    let (mut client, mut server) = ((ends.src, ends.sport), (ends.dst, ends.dport));
    let mut protocol = match ends.transport {
        Transport::Tcp => TCP,
        Transport::Udp => UDP,
    };
    let mut origin = Origin::Rebuilt;
    let mut from_client = true;
    let payload = match hit.seen {
        Seen::DnsQuery | Seen::DnsCname | Seen::DnsSvcb => {
            from_client = kept.get(2)? & 0x80 == 0;
            let len = u16::try_from(kept.len()).ok()?.to_be_bytes();
            let prefix = if protocol == TCP { &len[..] } else { &[] };
            [prefix, &kept].concat()
        }
        Seen::DnsJoin => {
            (protocol, from_client) = (UDP, false);
            (client.1, server) = (0, (unknown(client.0), 53));
            kept
        }
        Seen::TlsSni => record(TLS_1_0, &kept)?,
        Seen::TlsCert => {
            from_client = false;
            record(TLS_1_2, &certificate(&kept)?)?
        }
        Seen::DtlsSni => dtls(&kept)?,
        // Google's own handshake: what is handed on of it is not what was sent.
        Seen::QuicSni if kept.starts_with(b"CHLO") => return None,
        Seen::QuicSni => {
            // Of a connection of its own for who reads it.
            let id = hit.time.nanos().wrapping_add(hit.frame as i64);
            quic::sealed_initial(&kept, id.to_be_bytes())?
        }
        Seen::HttpHost
        | Seen::HttpConnect
        | Seen::Http2Authority
        | Seen::SocksConnect
        | Seen::SmtpDomain => {
            origin = Origin::StandIn;
            stand_in(hit.seen, &kept, server.1)?
        }
        Seen::ResolverLog | Seen::ProxyLog => return None,
    };
    let way = if from_client {
        (client, server)
    } else {
        (server, client)
    };
    let place = (hit.time.nanos() / 1000) as u32;
    let segment = match protocol {
        TCP => tcp(way, place, &payload),
        _ => udp(way, &payload)?,
    };
    Some((origin, ip((way.0.0, way.1.0), protocol, segment)?))
}

/// An address that says that it is not known.
const fn unknown(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// One TLS record (RFC 8446 section 5.1).
fn record(version: [u8; 2], message: &[u8]) -> Option<Vec<u8>> {
    let len = u16::try_from(message.len()).ok()?.to_be_bytes();
    Some([&[HANDSHAKE], &version[..], &len, message].concat())
}

/// A Certificate message with this one certificate (RFC 5246 section 7.4.2).
fn certificate(der: &[u8]) -> Option<Vec<u8>> {
    let one = [&three_bytes(der.len())?[..], der].concat();
    let list = [&three_bytes(one.len())?[..], &one].concat();
    Some([&[CERTIFICATE], &three_bytes(list.len())?[..], &list].concat())
}

/// A hello in TLS's form back in that of DTLS (RFC 6347 section 4.2): without the cookie, which is
/// not handed on.
fn dtls(message: &[u8]) -> Option<Vec<u8>> {
    let (head, body) = message.split_at_checked(4)?;
    let id_len = usize::from(*body.get(HELLO_HEAD_LEN)?);
    let (before, behind) = body.split_at_checked(HELLO_HEAD_LEN + 1 + id_len)?;
    let body = [before, &[0], behind].concat();
    let len = three_bytes(body.len())?;
    // Number, offset; the fragment is all of it.
    let message = [&head[..1], &len, &[0, 0], &[0; 3], &len, &body].concat();
    let record_len = u16::try_from(message.len()).ok()?.to_be_bytes();
    // Epoch and sequence number.
    Some([&[HANDSHAKE], &DTLS_1_2[..], &[0; 8], &record_len, &message].concat())
}

fn three_bytes(len: usize) -> Option<[u8; 3]> {
    let [top, bytes @ ..] = u32::try_from(len).ok()?.to_be_bytes();
    (top == 0).then_some(bytes)
}

/// The shortest message of its protocol that names this host.
fn stand_in(seen: Seen, host: &[u8], port: u16) -> Option<Vec<u8>> {
    Some(match seen {
        Seen::HttpHost => [b"OPTIONS * HTTP/1.1\r\nHost: ", host, b"\r\n\r\n"].concat(),
        Seen::HttpConnect => [b"CONNECT ", host, b" HTTP/1.1\r\n\r\n"].concat(),
        Seen::Http2Authority => http2(host)?,
        // Version 4a, whose request stands alone.
        Seen::SocksConnect => {
            let name = host.split(|byte| *byte == b':').next()?;
            let head = [&[4, 1], &port.to_be_bytes()[..], &[0, 0, 0, 1, 0]].concat();
            [&head, name, &[0]].concat()
        }
        Seen::SmtpDomain => [b"RCPT TO:<@", host, b">\r\n"].concat(),
        _ => return None,
    })
}

/// Preface, SETTINGS, and HEADERS with the authority alone (RFC 9113 sections 3.4, 6.2, 6.5; RFC
/// 7541 section 6.2.2: name 1 of the static table, not indexed).
fn http2(host: &[u8]) -> Option<Vec<u8>> {
    let mut block = vec![1];
    // An integer with a prefix of seven bits (RFC 7541 section 5.1); a host has 259 bytes at most.
    match u8::try_from(host.len()).ok().filter(|len| *len < 127) {
        Some(len) => block.push(len),
        None => {
            let rest = host.len().checked_sub(127)?;
            block.extend([
                127,
                0x80 | (rest & 0x7f) as u8,
                u8::try_from(rest >> 7).ok()?,
            ]);
        }
    }
    block.extend_from_slice(host);
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    // END_STREAM and END_HEADERS, stream 1.
    let headers = [&three_bytes(block.len())?[..], &[1, 5, 0, 0, 0, 1]].concat();
    Some(
        [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            &settings[..],
            &headers,
            &block,
        ]
        .concat(),
    )
}

fn tcp(((from, sport), (to, dport)): (End, End), place: u32, payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::with_capacity(20 + payload.len());
    segment.extend(sport.to_be_bytes());
    segment.extend(dport.to_be_bytes());
    segment.extend(place.to_be_bytes());
    segment.extend(0u32.to_be_bytes());
    segment.extend([0x50, TCP_FLAGS, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend_from_slice(payload);
    let sum = checksum(&pseudo((from, to), TCP, segment.len()), &segment);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    segment
}

fn udp(((from, sport), (to, dport)): (End, End), payload: &[u8]) -> Option<Vec<u8>> {
    let len = u16::try_from(payload.len() + 8).ok()?;
    let mut datagram = Vec::with_capacity(8 + payload.len());
    for field in [sport, dport, len, 0] {
        datagram.extend(field.to_be_bytes());
    }
    datagram.extend_from_slice(payload);
    // Zero would say that there is none.
    let sum = checksum(&pseudo((from, to), UDP, datagram.len()), &datagram);
    let sum = if sum == 0 { 0xffff } else { sum };
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    Some(datagram)
}

fn ip((from, to): (IpAddr, IpAddr), protocol: u8, segment: Vec<u8>) -> Option<Vec<u8>> {
    let mut head = match pair(from, to) {
        Pair::V4(from, to) => {
            let len = u16::try_from(segment.len() + 20).ok()?.to_be_bytes();
            let mut head = [&[0x45, 0], &len[..], &[0, 0, 0x40, 0, HOPS, protocol, 0, 0]].concat();
            head.extend(from.octets());
            head.extend(to.octets());
            let sum = checksum(&[], &head).to_be_bytes();
            head[10..12].copy_from_slice(&sum);
            head
        }
        Pair::V6(from, to) => {
            let len = u16::try_from(segment.len()).ok()?.to_be_bytes();
            let mut head = [&[0x60, 0, 0, 0], &len[..], &[protocol, HOPS]].concat();
            head.extend(from.octets());
            head.extend(to.octets());
            head
        }
    };
    head.extend(segment);
    Some(head)
}

enum Pair {
    V4(Ipv4Addr, Ipv4Addr),
    V6(Ipv6Addr, Ipv6Addr),
}

fn pair(from: IpAddr, to: IpAddr) -> Pair {
    let mapped = |address| match address {
        IpAddr::V4(v4) => Ipv4Addr::to_ipv6_mapped(&v4),
        IpAddr::V6(v6) => v6,
    };
    match (from.to_canonical(), to.to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => Pair::V4(from, to),
        (from, to) => Pair::V6(mapped(from), mapped(to)),
    }
}

/// What the checksum of a segment covers beside it (RFC 9293 section 3.1, RFC 8200 section 8.1).
fn pseudo((from, to): (IpAddr, IpAddr), protocol: u8, len: usize) -> Vec<u8> {
    let len = (len as u32).to_be_bytes();
    let mut head = match pair(from, to) {
        Pair::V4(from, to) => [from.octets(), to.octets()].concat(),
        Pair::V6(from, to) => [from.octets(), to.octets()].concat(),
    };
    head.extend(len);
    head.extend([0, 0, 0, protocol]);
    head
}

/// RFC 1071, over two parts of which the first has an even length.
fn checksum(first: &[u8], second: &[u8]) -> u16 {
    let words = |bytes: &[u8]| {
        let pairs = bytes.chunks(2);
        pairs
            .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)))
            .sum::<u32>()
    };
    let mut sum = words(first) + words(second);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
