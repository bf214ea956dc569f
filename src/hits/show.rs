//! The kept evidence of a hit, written out for a person.
//!
//! Enters: the bytes kept with a hit (a DNS message, or a ClientHello handshake message, perhaps
//! cut at [`EVIDENCE_LEN_MAX`](crate::event::EVIDENCE_LEN_MAX)). Leaves: lines of printable
//! text. Never: panics on what the wire sent, lets a control character reach a terminal.

mod certificate;
mod chlo;
mod dns;
mod hello;
mod registry;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use crate::base::Seen;

/// Most lines written for one piece of evidence; a hostile message could fill thousands.
pub const LINES_MAX: usize = 400;

/// Most bytes of one field written as hex.
const HEX_LEN_MAX: usize = 48;

/// Lines for a person, without line ends. Every character is printable: whatever else the wire
/// carried is escaped as `\DDD` (names) or `\xHH` (text).
pub fn describe(evidence: &[u8], seen: Seen) -> Vec<String> {
    let mut lines = Lines::default();
    match seen {
        Seen::DnsQuery | Seen::DnsCname | Seen::DnsSvcb => dns::describe(evidence, &mut lines),
        Seen::QuicSni if evidence.starts_with(b"CHLO") => chlo::describe(evidence, &mut lines),
        Seen::TlsSni | Seen::QuicSni | Seen::DtlsSni => hello::describe(evidence, &mut lines),
        Seen::HttpHost
        | Seen::HttpConnect
        | Seen::Http2Authority
        | Seen::SocksConnect
        | Seen::SmtpDomain => lines.add("host", String::from_utf8_lossy(evidence)),
        Seen::DnsJoin => dns::describe(evidence, &mut lines),
        Seen::TlsCert => certificate::describe(evidence, &mut lines),
        Seen::ResolverLog | Seen::ProxyLog => {}
    }
    lines.finish()
}

/// Collects lines: label, value, indent; bounded.
#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    left_out: usize,
}

impl Lines {
    fn add(&mut self, label: &str, value: impl AsRef<str>) {
        if self.lines.len() >= LINES_MAX {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        // The last gate: nothing below may have let a control character through.
        self.lines
            .push(format!("{label:<23} {}", printable(value.as_ref().bytes())));
    }

    fn finish(mut self) -> Vec<String> {
        if self.left_out > 0 {
            self.lines
                .push(format!("(and {} more lines)", self.left_out));
        }
        self.lines
    }
}

/// Printable ASCII as it is, every other byte as `\xHH`.
fn printable(bytes: impl IntoIterator<Item = u8>) -> String {
    let mut out = String::new();
    for byte in bytes {
        match byte {
            0x20..=0x7e => out.push(char::from(byte)),
            _ => write!(out, "\\x{byte:02x}").unwrap_or(()),
        }
    }
    out
}

/// Text of the wire in quotes: a quote or backslash inside is escaped too, so that the text
/// cannot pass for ours.
fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for &byte in bytes {
        if matches!(byte, b'"' | b'\\') {
            out.push('\\');
        }
        out.push_str(&printable([byte]));
    }
    out.push('"');
    out
}

/// Bytes as hex, cut at [`HEX_LEN_MAX`] with the full length behind it.
fn hex(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes.iter().take(HEX_LEN_MAX) {
        write!(out, "{byte:02x}").unwrap_or(());
    }
    if bytes.len() > HEX_LEN_MAX {
        write!(out, "... ({} bytes)", bytes.len()).unwrap_or(());
    }
    if out.is_empty() {
        "(empty)".into()
    } else {
        out
    }
}

/// Splits the first `n` bytes off; `None` when there are fewer.
fn take<'a>(bytes: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(n)?;
    *bytes = tail;
    Some(head)
}

fn take_u8(bytes: &mut &[u8]) -> Option<u8> {
    take(bytes, 1).and_then(|b| b.first().copied())
}

fn take_u16(bytes: &mut &[u8]) -> Option<u16> {
    take(bytes, 2)
        .and_then(|b| b.try_into().ok())
        .map(u16::from_be_bytes)
}
