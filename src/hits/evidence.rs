//! What of a hit's evidence may be kept.
//!
//! Enters: the DNS message or ClientHello that carried the name. Leaves: the same, or, under
//! pseudonyms, without the parts by which a client can be told: EDNS options (RFC 6891: client
//! subnet of RFC 7871, cookie of RFC 7873, and what forwarders add, such as the client's
//! link-layer address), transaction signatures (RFC 8945), session ids and tickets (RFC 8446
//! section 4.2.11, RFC 5077). Never: a question that did not match.

use crate::base::name::NameBuf;
use crate::base::{RawName, Seen};

/// Longest host with a port, in bytes: 253 and `:65535`.
const HOST_LEN_MAX: usize = 259;

/// Evidence as it may be kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Do they differ from what was on the wire?
    pub redacted: bool,
}

/// Cuts `evidence` of a hit on `name` to what may be kept; `hide_client` as under pseudonyms.
pub fn keep(evidence: &[u8], seen: Seen, name: &str, hide_client: bool) -> Kept {
    let bytes = match seen {
        Seen::DnsQuery | Seen::DnsCname | Seen::DnsSvcb => dns(evidence, name, hide_client),
        // Google's own handshake: of it the name and the version alone are handed on.
        Seen::QuicSni if evidence.starts_with(b"CHLO") => evidence.to_vec(),
        Seen::TlsSni | Seen::QuicSni | Seen::DtlsSni if hide_client => hello(evidence),
        Seen::TlsSni | Seen::QuicSni | Seen::DtlsSni => evidence.to_vec(),
        // A server's certificate tells nothing about the client.
        Seen::TlsCert => evidence.to_vec(),
        // The sensor hands on the bare host or domain, of which nothing beyond a name is kept:
        // what stands around it on the wire (path, cookies, mailbox) tells about people.
        Seen::HttpHost
        | Seen::HttpConnect
        | Seen::Http2Authority
        | Seen::SocksConnect
        | Seen::SmtpDomain => bare_host(evidence),
        Seen::DnsJoin => dns(evidence, name, hide_client),
        // A line of a log is not kept: it was matched and forgotten.
        Seen::ResolverLog | Seen::ProxyLog => Vec::new(),
    };
    let redacted = bytes != evidence;
    Kept { bytes, redacted }
}

/// The bytes, if they are no more than a host with a port.
fn bare_host(evidence: &[u8]) -> Vec<u8> {
    let host = |b: &u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(b);
    if evidence.len() <= HOST_LEN_MAX && evidence.iter().all(host) {
        evidence.to_vec()
    } else {
        Vec::new()
    }
}

/// Is `name` the first question of this DNS message?
pub fn asks_for(message: &[u8], name: &str) -> bool {
    u16_at(message, 4).is_some_and(|questions| questions > 0) && is_name_at(message, 12, name)
}

/// Answer types that tell about the name asked for: A NS CNAME SOA PTR MX TXT AAAA SRV DNAME RRSIG
/// SVCB HTTPS. The message is cut before any other: OPT, TSIG and SIG(0) do not belong in an
/// answer section, and what a private type holds nobody knows.
const ANSWER_TYPES: [u16; 13] = [1, 2, 5, 6, 12, 15, 16, 28, 33, 39, 46, 64, 65];

fn dns(message: &[u8], name: &str, hide_client: bool) -> Vec<u8> {
    let Some(questions) = u16_at(message, 4) else {
        return Vec::new();
    };
    if questions > 1 {
        return only_question(message, questions, name);
    }
    if !hide_client {
        return message.to_vec();
    }
    let mut end = 12;
    if questions == 1 {
        match after_question(message, end) {
            Some(next) => end = next,
            None => return with_counts(message, 12, 0, 0),
        }
    }
    let mut answers = 0;
    while answers < u16_at(message, 6).unwrap_or(0) {
        match after_answer(message, end) {
            Some(next) => end = next,
            None => break,
        }
        answers += 1;
    }
    with_counts(message, end, questions, answers)
}

/// Of several questions the one that matched; the others are nobody's business.
fn only_question(message: &[u8], questions: u16, name: &str) -> Vec<u8> {
    let mut at = 12;
    for _ in 0..questions {
        let Some(next) = after_question(message, at) else {
            break;
        };
        if is_name_at(message, at, name) && is_plain_at(message, at) {
            let mut kept = with_counts(message, 12, 1, 0);
            kept.extend(message.get(at..next).unwrap_or_default());
            return kept;
        }
        at = next;
    }
    with_counts(message, 12, 0, 0)
}

/// The first `end` bytes, with the header's counts set to what they hold (RFC 1035 section 4.1.1).
fn with_counts(message: &[u8], end: usize, questions: u16, answers: u16) -> Vec<u8> {
    let mut kept = message.get(..end).unwrap_or_default().to_vec();
    let counts = [questions, answers, 0, 0].map(u16::to_be_bytes).concat();
    match kept.get_mut(4..12) {
        Some(slot) => slot.copy_from_slice(&counts),
        None => kept.clear(),
    }
    kept
}

fn is_name_at(message: &[u8], at: usize, name: &str) -> bool {
    let mut buffer = NameBuf::new();
    let at = u16::try_from(at).unwrap_or(u16::MAX);
    RawName::Wire { msg: message, at }
        .normalise(&mut buffer)
        .is_ok()
        && buffer.as_str() == name
}

/// Does the name at `at` lie in one piece, so that it can be moved?
fn is_plain_at(message: &[u8], at: usize) -> bool {
    after_name(message, at)
        .and_then(|end| message.get(end.saturating_sub(1)))
        .is_some_and(|last| *last == 0)
}

fn after_question(message: &[u8], at: usize) -> Option<usize> {
    let end = after_name(message, at)? + 4;
    (end <= message.len()).then_some(end)
}

fn after_answer(message: &[u8], at: usize) -> Option<usize> {
    let fixed = after_name(message, at)?;
    if !ANSWER_TYPES.contains(&u16_at(message, fixed)?) {
        return None;
    }
    let end = fixed + 10 + usize::from(u16_at(message, fixed + 8)?);
    (end <= message.len()).then_some(end)
}

fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let len = *message.get(at)?;
        match len & 0xc0 {
            0xc0 => return Some(at + 2),
            0x00 if len == 0 => return Some(at + 1),
            0x00 => at += 1 + usize::from(len),
            _ => return None,
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes([two[0], two[1]]))
}

/// Extensions whose content says what the client's software can do, or the name, and nothing that
/// a server uses to know a client again. The content of any other is zeroed, its length kept.
const fn is_kept_extension(number: u16) -> bool {
    matches!(
        number,
        0 | 1
            | 5
            | 10
            | 11
            | 13
            | 14
            | 16
            | 17
            | 18
            | 19
            | 20
            | 22
            | 23
            | 27
            | 28
            | 34
            | 43
            | 45
            | 49
            | 50
            | 51
            | 57
            | 13172
            | 17513
            | 17613
            | 65037
            | 65281
    ) || number & 0x0f0f == 0x0a0a && number >> 8 == number & 0xff
}

/// A ClientHello (RFC 8446 section 4.1.2, with its four handshake bytes) without what a server
/// knows a client by; cut where it stops being readable.
fn hello(message: &[u8]) -> Vec<u8> {
    let mut kept = message.to_vec();
    let whole = kept.get(1..4).map_or(0, |l| {
        usize::from(l[0]) << 16 | usize::from(l[1]) << 8 | usize::from(l[2])
    });
    kept.truncate(whole + 4);
    let Some(mut at) = before_extensions(&mut kept) else {
        // Not one piece of it is understood: only its head, which is the same in every hello.
        kept.truncate(6);
        return kept;
    };
    while at < kept.len() {
        let (number, len) = (u16_at(&kept, at), u16_at(&kept, at + 2));
        let (Some(number), Some(len)) = (number, len) else {
            break;
        };
        let (body, next) = (at + 4, at + 4 + usize::from(len));
        if next > kept.len() {
            break;
        }
        if !is_kept_extension(number)
            && let Some(body) = kept.get_mut(body..next)
        {
            body.fill(0);
        }
        at = next;
    }
    kept.truncate(at);
    kept
}

/// Zeroes the session id; gives the offset of the first extension.
fn before_extensions(hello: &mut [u8]) -> Option<usize> {
    let id_len = usize::from(*hello.get(38)?);
    hello.get_mut(39..39 + id_len)?.fill(0);
    let ciphers = 39 + id_len;
    let compression = ciphers + 2 + usize::from(u16_at(hello, ciphers)?);
    let extensions = compression + 1 + usize::from(*hello.get(compression)?);
    (extensions + 2 <= hello.len()).then_some(extensions + 2)
}

#[cfg(test)]
mod tests;
