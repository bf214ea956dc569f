//! A DNS message for a person.
//!
//! The crate dns-parser reads each record's data. What it refuses (types it does not know, such as
//! HTTPS; labels that are not ASCII; multicast class bits) our own walk reads, and the line is
//! marked. Names are always written in our normal form, because dns-parser's text does not escape
//! a dot inside a label.

use std::net::{Ipv4Addr, Ipv6Addr};

use dns_parser::{Class, QueryClass, QueryType, RData, Type};

use super::registry::{dns_class, dns_opcode, dns_rcode, dns_type, edns_option, svc_param};
use super::{Lines, hex, printable, quoted, take, take_u16};
use crate::base::name::NameError;
use crate::base::{NameBuf, RawName};
use crate::event::EVIDENCE_LEN_MAX;
use crate::names::dns::message::{Fault, Header, Question, Record, Steps, rtype};

/// Behind a line that dns-parser could not have read.
const OWN: &str = " *";

pub(super) fn describe(message: &[u8], lines: &mut Lines) {
    let Some(header) = Header::read(message) else {
        let len = message.len();
        return lines.add(
            "message",
            format!("{len} bytes, too short for DNS: {}", hex(message)),
        );
    };
    let kind = if header.is_response() {
        "response"
    } else {
        "query"
    };
    let (id, len) = (header.id, message.len());
    lines.add("message", format!("DNS {kind}, id {id:#06x}, {len} bytes"));
    lines.add("header", flags(header));
    let mut own = false;
    if let Err((what, at, fault)) = sections(message, header, lines, &mut own) {
        lines.add("broken", format!("{what} at byte {at}: {}", reason(fault)));
    }
    if message.len() >= EVIDENCE_LEN_MAX {
        lines.add(
            "cut",
            format!("only the first {EVIDENCE_LEN_MAX} bytes were kept"),
        );
    }
    if own {
        lines.add(
            "*",
            "dns-parser cannot read this line; Poortwacht's own walk did",
        );
    }
    lines.add("second reading", second_reading(message, header));
}

fn reason(fault: Fault) -> &'static str {
    match fault {
        Fault::Truncated => "runs past the end",
        Fault::Name => "a name that breaks the rules (pointer, label type or length)",
        Fault::Steps => "a name longer than any look-up needs",
    }
}

fn flags(header: Header) -> String {
    let mut text = format!("opcode {}, flags", dns_opcode(header.opcode()));
    for (bit, name) in [
        (0x0400, "AA"),
        (0x0200, "TC"),
        (0x0100, "RD"),
        (0x0080, "RA"),
        (0x0040, "Z"),
        (0x0020, "AD"),
        (0x0010, "CD"),
    ] {
        if header.flags & bit != 0 {
            text.push(' ');
            text.push_str(name);
        }
    }
    if header.is_response() {
        text.push_str(&format!(", {}", dns_rcode(header.flags & 15)));
    }
    let (q, a) = (header.questions, header.answers);
    let (n, x) = (header.authorities, header.additionals);
    format!("{text}; {q} question(s), {a} answer(s), {n} authority, {x} additional")
}

type Broken = (String, usize, Fault);

fn sections(
    message: &[u8],
    header: Header,
    lines: &mut Lines,
    own: &mut bool,
) -> Result<(), Broken> {
    let mut at = Header::LEN;
    for index in 0..header.questions {
        let mut steps = Steps(u32::MAX);
        let question = Question::read(message, at, &mut steps).map_err(|fault| {
            (
                format!("question {} of {}", u32::from(index) + 1, header.questions),
                at,
                fault,
            )
        })?;
        let refused = name_refused(message, at)
            || QueryType::parse(question.qtype).is_err()
            || QueryClass::parse(question.qclass & 0x7fff).is_err();
        let name = name_text(message, at);
        let (class, qtype) = (dns_class(question.qclass), dns_type(question.qtype));
        line(
            lines,
            "question",
            format!("{name} {class} {qtype}"),
            refused,
            own,
        );
        at = question.end;
    }
    for (section, count) in [
        ("answer", header.answers),
        ("authority", header.authorities),
        ("additional", header.additionals),
    ] {
        for index in 0..count {
            let record = Record::read(message, at).map_err(|fault| {
                (
                    format!("{section} {} of {count}", u32::from(index) + 1),
                    at,
                    fault,
                )
            })?;
            let (text, refused) = record_text(message, &record);
            line(lines, section, text, refused, own);
            at = record.data.end;
        }
    }
    if at < message.len() {
        let rest = message.get(at..).unwrap_or_default();
        lines.add("trailing bytes", hex(rest));
    }
    Ok(())
}

fn line(lines: &mut Lines, label: &str, text: String, refused: bool, own: &mut bool) {
    *own |= refused;
    lines.add(label, text + if refused { OWN } else { "" });
}

/// Does dns-parser refuse the name at `at`?
fn name_refused(message: &[u8], at: usize) -> bool {
    let rest = message.get(at..).unwrap_or_default();
    dns_parser::Name::scan(rest, message).is_err()
}

fn name_text(message: &[u8], at: usize) -> String {
    let Ok(at) = u16::try_from(at) else {
        return "(beyond 65,535 bytes)".into();
    };
    let mut buf = NameBuf::new();
    match (RawName::Wire { msg: message, at }).normalise(&mut buf) {
        Ok(()) => buf.as_str().to_owned(),
        Err(NameError::Empty) => ".".into(),
        Err(NameError::TooLong) => "(name longer than 255 bytes)".into(),
        Err(NameError::Truncated) => "(name cut off)".into(),
        Err(NameError::BadPointer) => "(name with a bad pointer)".into(),
    }
}

/// The record as text, and whether dns-parser refused any of it.
fn record_text(message: &[u8], record: &Record) -> (String, bool) {
    let data = message.get(record.data.clone()).unwrap_or_default();
    if record.rtype == rtype::OPT {
        return (opt_text(record, data), false);
    }
    let owner = name_text(message, record.owner);
    let (class, name) = (dns_class(record.class), dns_type(record.rtype));
    let head = format!("{owner} {} {class} {name}", record.ttl);
    let read = Type::parse(record.rtype).and_then(|kind| {
        Class::parse(record.class & 0x7fff)?;
        RData::parse(kind, data, message)
    });
    let refused = read.is_err() || name_refused(message, record.owner);
    let text = match read {
        Ok(rdata) => data_text(message, record.data.start, &rdata),
        Err(_) => own_text(message, record, data),
    };
    (format!("{head} {text}"), refused)
}

/// What dns-parser read. `at` is where the data begins, for the names in it.
fn data_text(message: &[u8], at: usize, rdata: &RData<'_>) -> String {
    let name = |offset: usize| name_text(message, at.saturating_add(offset));
    match rdata {
        RData::A(a) => a.0.to_string(),
        RData::AAAA(aaaa) => aaaa.0.to_string(),
        RData::CNAME(_) | RData::NS(_) | RData::PTR(_) => name(0),
        RData::MX(mx) => format!("{} {}", mx.preference, name(2)),
        RData::SRV(srv) => {
            format!("{} {} {} {}", srv.priority, srv.weight, srv.port, name(6))
        }
        RData::SOA(soa) => format!(
            "{} {} {} {} {} {} {}",
            name(0),
            name(soa.primary_ns.byte_len()),
            soa.serial,
            soa.refresh,
            soa.retry,
            soa.expire,
            soa.minimum_ttl
        ),
        RData::TXT(txt) => txt.iter().map(quoted).collect::<Vec<_>>().join(" "),
        RData::Unknown(bytes) => hex(bytes),
    }
}

/// What dns-parser refused: service bindings and single names are written out, the rest as hex.
fn own_text(message: &[u8], record: &Record, data: &[u8]) -> String {
    match record.rtype {
        rtype::SVCB | rtype::HTTPS => {
            svcb_text(message, record, data).unwrap_or_else(|| format!("(broken) {}", hex(data)))
        }
        // CNAME, NS, PTR, DNAME
        5 | 2 | 12 | 39 => name_text(message, record.data.start),
        1 => <[u8; 4]>::try_from(data)
            .map_or_else(|_| hex(data), |v4| Ipv4Addr::from(v4).to_string()),
        28 => <[u8; 16]>::try_from(data)
            .map_or_else(|_| hex(data), |v6| Ipv6Addr::from(v6).to_string()),
        _ => hex(data),
    }
}

/// RFC 9460 section 2.2; `None` when its lengths contradict each other.
fn svcb_text(message: &[u8], record: &Record, data: &[u8]) -> Option<String> {
    let target = record.data.start.saturating_add(2);
    let after = crate::names::dns::message::Name::skip(message, target).ok()?;
    let mut params = message.get(after..record.data.end)?;
    let priority = u16::from_be_bytes(*data.first_chunk::<2>()?);
    let mut text = format!("{priority} {}", name_text(message, target));
    while !params.is_empty() {
        let key = take_u16(&mut params)?;
        let len = take_u16(&mut params)?;
        let value = take(&mut params, usize::from(len))?;
        text.push(' ');
        text.push_str(&svc_param(key));
        if !value.is_empty() {
            text.push('=');
            text.push_str(&param_text(key, value));
        }
    }
    Some(text)
}

fn param_text(key: u16, value: &[u8]) -> String {
    let written = match key {
        0 => value
            .chunks(2)
            .map(|k| k.try_into().ok().map(|k| svc_param(u16::from_be_bytes(k))))
            .collect(),
        1 => alpn_text(value),
        3 => value
            .try_into()
            .ok()
            .map(|port| vec![u16::from_be_bytes(port).to_string()]),
        4 => value
            .chunks(4)
            .map(|ip| {
                <[u8; 4]>::try_from(ip)
                    .ok()
                    .map(|ip| Ipv4Addr::from(ip).to_string())
            })
            .collect(),
        6 => value
            .chunks(16)
            .map(|ip| {
                <[u8; 16]>::try_from(ip)
                    .ok()
                    .map(|ip| Ipv6Addr::from(ip).to_string())
            })
            .collect(),
        5 => Some(vec![format!("({} bytes)", value.len())]),
        _ => None,
    };
    written.map_or_else(|| hex(value), |parts: Vec<String>| parts.join(","))
}

fn alpn_text(mut value: &[u8]) -> Option<Vec<String>> {
    let mut ids = Vec::new();
    while !value.is_empty() {
        let len = super::take_u8(&mut value)?;
        ids.push(printable(
            take(&mut value, usize::from(len))?.iter().copied(),
        ));
    }
    Some(ids)
}

/// EDNS (RFC 6891): class and TTL of the record mean other things.
fn opt_text(record: &Record, mut data: &[u8]) -> String {
    let [extended, version, flags, _] = record.ttl.to_be_bytes();
    let mut text = format!("EDNS version {version}, UDP size {}", record.class);
    if extended != 0 {
        text.push_str(&format!(", upper RCODE bits {extended}"));
    }
    if flags & 0x80 != 0 {
        text.push_str(", DO");
    }
    while !data.is_empty() {
        let option = (|| {
            let code = take_u16(&mut data)?;
            let len = take_u16(&mut data)?;
            Some((code, take(&mut data, usize::from(len))?))
        })();
        let Some((code, value)) = option else {
            text.push_str(", (broken option)");
            break;
        };
        text.push_str(&format!(", {} ({} bytes)", edns_option(code), value.len()));
    }
    text
}

/// dns-parser's verdict on the message as a whole.
fn second_reading(message: &[u8], header: Header) -> String {
    if !header.fits(message.len()) {
        return "not asked of dns-parser: the counts promise more than the message holds".into();
    }
    match dns_parser::Packet::parse(message) {
        Ok(packet) => format!(
            "dns-parser reads it whole: {} question(s), {} answer(s), {} authority, {} additional",
            packet.questions.len(),
            packet.answers.len(),
            packet.nameservers.len(),
            packet
                .additional
                .len()
                .saturating_add(usize::from(packet.opt.is_some()))
        ),
        Err(error) => format!("dns-parser refuses the message as a whole: {error}"),
    }
}
