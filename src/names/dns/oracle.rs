//! What must hold for every byte string: the body of the fuzz target `dns`.

#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::message::Header;
use super::{DnsEnd, NAMES_MAX, next_tcp_message, walk};
use crate::base::name::NameError;
use crate::base::{NameBuf, RawName, Seen};
use crate::names::Probe;

/// A name handed out: normal form, how seen, type, is it a question.
pub type Read = (String, Seen, u16, bool);

/// Everything that [`walk`] hands out, owned.
pub fn read(message: &[u8]) -> (Vec<Read>, DnsEnd) {
    let mut names = Vec::new();
    let end = walk(message, &mut |n| {
        let mut buf = NameBuf::new();
        assert!(
            n.name.normalise(&mut buf).is_ok(),
            "a name without a normal form was handed out"
        );
        assert_eq!(n.client_is_src, message[2] & 0x80 == 0);
        assert_eq!([message[0], message[1]], n.id.to_be_bytes());
        names.push((buf.as_str().to_owned(), n.seen, n.qtype, n.question));
    });
    (names, end)
}

/// Checks `data` as one message and as a TCP stream.
///
/// # Panics
/// When the walk is wrong about it.
pub fn check(data: &[u8]) {
    let data = &data[..data.len().min(65_535)];
    let (names, end) = read(data);
    assert!(names.len() <= NAMES_MAX);
    if end == DnsEnd::NotDns {
        assert!(names.is_empty());
    }
    agrees_with_dns_parser(data, &names, end);
    // A message cut short gives the first of the same names.
    let step = (data.len() / 64).max(1);
    for cut in (0..data.len()).step_by(step) {
        let (some, _) = read(&data[..cut]);
        assert!(names.starts_with(&some), "a cut message gave other names");
    }
    // The TCP framing says the same however much has arrived.
    let whole = next_tcp_message(data);
    if let Probe::Found((message, used)) = whole {
        assert!(message.len() >= Header::LEN && used <= data.len() && message.len() + 2 <= used);
    }
    for cut in (0..data.len()).step_by(step) {
        let part = next_tcp_message(&data[..cut]);
        assert!(
            part == Probe::NeedMore || part == whole,
            "the framing changed its mind"
        );
    }
}

/// Where dns-parser accepts a message, its questions and CNAME targets are ours. It knows no limit
/// of 255 bytes and lets the first pointer lead forwards: there, we must end with `Broken`.
fn agrees_with_dns_parser(data: &[u8], names: &[Read], end: DnsEnd) {
    // Its vectors are sized by the counts before anything is read; such a message it refuses.
    if !Header::read(data).is_some_and(|header| header.fits(data.len())) {
        return;
    }
    let Ok(packet) = dns_parser::Packet::parse(data) else {
        return;
    };
    if packet.header.opcode != dns_parser::Opcode::StandardQuery {
        assert!(names.is_empty());
        return;
    }
    let mut ours = names.iter().filter(|name| name.1 != Seen::DnsSvcb);
    for (at, name, qtype) in names_of(data, &packet) {
        let mut buf = NameBuf::new();
        match (RawName::Wire {
            msg: data,
            at: at as u16,
        })
        .normalise(&mut buf)
        {
            Err(NameError::Empty) => continue,
            Err(_) => {
                assert!(
                    matches!(end, DnsEnd::Broken(_)),
                    "a broken name was passed over"
                );
                break;
            }
            Ok(()) => {}
        }
        let Some(our) = ours.next() else {
            assert_eq!(
                end,
                DnsEnd::Limit,
                "a name that dns-parser reads is missing"
            );
            return;
        };
        assert_eq!(our.0, buf.as_str());
        assert_eq!(our.3, qtype.is_some());
        assert!(qtype.is_none_or(|qtype| qtype == our.2));
        let (plain, theirs) = (unescape(&our.0), name.to_string().to_ascii_lowercase());
        // It writes a dot before a pointer to the root.
        let theirs_plain = theirs.strip_suffix('.').unwrap_or(&theirs);
        assert!(plain == theirs.as_bytes() || plain == theirs_plain.as_bytes());
    }
    assert!(
        ours.next().is_none(),
        "a name that dns-parser does not have"
    );
    assert!(matches!(end, DnsEnd::Whole | DnsEnd::Broken(_)));
}

/// Offset, name and (of a question) type of what dns-parser found where we look.
fn names_of<'d>(
    data: &[u8],
    packet: &dns_parser::Packet<'d>,
) -> Vec<(usize, dns_parser::Name<'d>, Option<u16>)> {
    let mut found = Vec::new();
    let mut at = Header::LEN;
    for question in &packet.questions {
        found.push((at, question.qname, Some(question.qtype as u16)));
        at += question.qname.byte_len() + 4;
    }
    if packet.header.query {
        return found;
    }
    for record in &packet.answers {
        let rdata = at + record.name.byte_len() + 10;
        if let dns_parser::RData::CNAME(target) = &record.data {
            found.push((rdata, target.0, None));
        }
        at = rdata + usize::from(u16::from_be_bytes([data[rdata - 2], data[rdata - 1]]));
    }
    found
}

/// The bytes behind a normal form, with the dots between its labels.
fn unescape(normal: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = normal.bytes();
    while let Some(byte) = rest.next() {
        let plain = match (byte, byte == b'\\') {
            (_, false) => byte,
            _ => match rest.next() {
                Some(hundreds @ b'0'..=b'2') => {
                    let mut digit = || rest.next().map_or(0, |d| d - b'0');
                    let (tens, ones) = (digit(), digit());
                    (hundreds - b'0') * 100 + tens * 10 + ones
                }
                Some(escaped) => escaped,
                None => byte,
            },
        };
        bytes.push(plain);
    }
    bytes
}
