//! A ClientHello for a person (RFC 8446 section 4.1.2).
//!
//! Reads what is there: a hello that was cut, or whose lengths lie, is written out up to that
//! point, and the last line says so.

use super::registry::{cipher, extension, group, signature, tls_version};
use super::{Lines, hex, quoted, take, take_u8, take_u16};
use crate::event::EVIDENCE_LEN_MAX;

pub(super) fn describe(evidence: &[u8], lines: &mut Lines) {
    let mut rest = evidence;
    if read(&mut rest, evidence.len(), lines).is_none() {
        let at = evidence.len().saturating_sub(rest.len());
        lines.add(
            "broken",
            format!("cut off or contradictory from byte {at} on"),
        );
    }
    if evidence.len() >= EVIDENCE_LEN_MAX {
        lines.add(
            "cut",
            format!("only the first {EVIDENCE_LEN_MAX} bytes were kept"),
        );
    }
}

fn read(rest: &mut &[u8], len: usize, lines: &mut Lines) -> Option<()> {
    let kind = take_u8(rest)?;
    let promised = take_u24(rest)?;
    if kind != 1 {
        lines.add(
            "message",
            format!("handshake type {kind}, {len} bytes: no ClientHello"),
        );
        return None;
    }
    lines.add(
        "message",
        format!("TLS ClientHello, {len} bytes kept of {}", promised + 4),
    );
    lines.add("legacy version", tls_version(take_u16(rest)?));
    lines.add("random", hex(take(rest, 32)?));
    let session_len = take_u8(rest)?;
    take(rest, usize::from(session_len))?;
    lines.add("session id", format!("{session_len} bytes"));
    let ciphers_len = take_u16(rest)?;
    let ciphers = take(rest, usize::from(ciphers_len))?;
    lines.add("cipher suites", list_u16(ciphers, cipher));
    let methods_len = take_u8(rest)?;
    let methods = take(rest, usize::from(methods_len))?;
    if methods != [0] {
        lines.add("compression", hex(methods));
    }
    if rest.is_empty() {
        lines.add("extensions", "none");
        return Some(());
    }
    let promised = usize::from(take_u16(rest)?);
    let mut block = rest.get(..promised).unwrap_or(rest);
    // The names of all extensions first, in their order, then what is worth reading in them.
    lines.add("extensions", names_of(block));
    let (block_len, whole) = (block.len(), extensions(&mut block, lines));
    *rest = rest
        .get(block_len.saturating_sub(block.len())..)
        .unwrap_or_default();
    if whole.is_none() || block_len < promised {
        return None;
    }
    if !rest.is_empty() {
        lines.add("trailing bytes", hex(rest));
    }
    Some(())
}

fn extensions(block: &mut &[u8], lines: &mut Lines) -> Option<()> {
    while !block.is_empty() {
        let code = take_u16(block)?;
        let len = take_u16(block)?;
        let body = take(block, usize::from(len))?;
        if let Some(text) = body_text(code, body) {
            lines.add(&extension(code), text);
        }
    }
    Some(())
}

fn names_of(mut extensions: &[u8]) -> String {
    let mut names = Vec::new();
    while let Some(code) = take_u16(&mut extensions) {
        names.push(extension(code));
        let Some(len) = take_u16(&mut extensions) else {
            break;
        };
        if take(&mut extensions, usize::from(len)).is_none() {
            break;
        }
    }
    names.join(", ")
}

/// What an extension says; `None` for those whose presence says it all.
fn body_text(code: u16, body: &[u8]) -> Option<String> {
    let text = match code {
        0 => server_names(body),
        10 => prefixed_u16(body).map(|list| list_u16(list, group)),
        13 | 50 => prefixed_u16(body).map(|list| list_u16(list, signature)),
        16 => alpn(body),
        27 => body
            .split_first()
            .map(|(_, list)| list_u16(list, compression)),
        41 => Some(format!("{} bytes: resumes an earlier session", body.len())),
        43 => body
            .split_first()
            .map(|(_, list)| list_u16(list, tls_version)),
        51 => key_shares(body),
        65037 => ech(body),
        _ => return None,
    };
    Some(text.unwrap_or_else(|| format!("(broken) {}", hex(body))))
}

fn compression(code: u16) -> String {
    match code {
        1 => "zlib".into(),
        2 => "brotli".into(),
        3 => "zstd".into(),
        _ => format!("{code:#06x}"),
    }
}

/// RFC 6066 section 3: a list of (type, name).
fn server_names(mut body: &[u8]) -> Option<String> {
    let len = take_u16(&mut body)?;
    let mut list = take(&mut body, usize::from(len))?;
    let mut names = Vec::new();
    while !list.is_empty() {
        let kind = take_u8(&mut list)?;
        let len = take_u16(&mut list)?;
        let name = quoted(take(&mut list, usize::from(len))?);
        names.push(if kind == 0 {
            name
        } else {
            format!("type {kind} {name}")
        });
    }
    Some(if names.is_empty() {
        "(empty list)".into()
    } else {
        names.join(", ")
    })
}

/// RFC 7301 section 3.1.
fn alpn(body: &[u8]) -> Option<String> {
    let mut list = prefixed_u16(body)?;
    let mut names = Vec::new();
    while !list.is_empty() {
        let len = take_u8(&mut list)?;
        names.push(quoted(take(&mut list, usize::from(len))?));
    }
    Some(names.join(", "))
}

/// RFC 8446 section 4.2.8: groups, with the length of each share.
fn key_shares(body: &[u8]) -> Option<String> {
    let mut list = prefixed_u16(body)?;
    let mut shares = Vec::new();
    while !list.is_empty() {
        let code = take_u16(&mut list)?;
        let len = take_u16(&mut list)?;
        take(&mut list, usize::from(len))?;
        shares.push(format!("{} ({len} bytes)", group(code)));
    }
    Some(shares.join(", "))
}

/// RFC 9849 section 5: the outer form carries a config id and the sealed inner hello. GREASE looks
/// the same, so its presence proves nothing.
fn ech(mut body: &[u8]) -> Option<String> {
    if take_u8(&mut body)? != 0 {
        return Some("inner form".into());
    }
    take(&mut body, 4)?;
    let config = take_u8(&mut body)?;
    let enc_len = take_u16(&mut body)?;
    take(&mut body, usize::from(enc_len))?;
    let payload_len = take_u16(&mut body)?;
    Some(format!(
        "config id {config}, {payload_len} sealed bytes; real ECH and GREASE look alike"
    ))
}

/// A vector behind its length in two bytes.
fn prefixed_u16(mut body: &[u8]) -> Option<&[u8]> {
    let len = take_u16(&mut body)?;
    take(&mut body, usize::from(len))
}

fn list_u16(list: &[u8], name: impl Fn(u16) -> String) -> String {
    let mut names: Vec<_> = list
        .chunks_exact(2)
        .map(|c| match c {
            &[a, b] => name(u16::from_be_bytes([a, b])),
            _ => String::new(),
        })
        .collect();
    if !list.len().is_multiple_of(2) {
        names.push("(odd byte)".into());
    }
    names.join(", ")
}

fn take_u24(bytes: &mut &[u8]) -> Option<u32> {
    let high = take_u8(bytes)?;
    let low = take_u16(bytes)?;
    Some(u32::from(high) << 16 | u32::from(low))
}
