//! What a client says before its hello where TLS begins inside another protocol.
//!
//! Enters: bytes of a stream where a message may begin. Leaves: how many of them are a line or a
//! message of a dialogue that may lead to TLS, so that a hello right behind it, in the same
//! segment, is found, and a long dialogue does not end the search. Never: reads what the line says
//! beyond its first words; takes a line that is not whole.
//!
//! STARTTLS: RFC 3207 (SMTP), RFC 2595 and 9051 (IMAP), RFC 2595 (POP3), RFC 4217 (FTP), RFC 4642
//! (NNTP), RFC 5804 (Sieve), IRCv3 `tls`, RFC 6120 section 5 (XMPP), RFC 4511 section 4.14 (LDAP).
//! PostgreSQL: "Frontend/Backend Protocol", SSLRequest and GSSENCRequest. MySQL and MariaDB:
//! "SSLRequest" packet. RDP: MS-RDPBCGR section 2.2.1.1 (RFC 1006, X.224). TDS: MS-TDS sections
//! 2.2.3.1, 2.2.6.5 (PRELOGIN; hellos travel in packets of the same type). TLS: RFC 8446 section
//! 5.1 (alerts and change_cipher_spec in clear).

use crate::names::reader::Reader;

/// Longest line taken, its end included.
const LINE_LEN_MAX: usize = 1024;

/// First words of lines that clients send before they ask for TLS, or to ask for it. Each is
/// followed by a space or the end of the line.
const WORDS: &[&[u8]] = &[
    b"STARTTLS",
    b"STLS",
    b"AUTH",
    b"CAPABILITY",
    b"CAPA",
    b"CAPABILITIES",
    b"NOOP",
    b"QUIT",
    b"HELP",
    b"ID",
    b"EHLO",
    b"HELO",
    b"LHLO",
    b"MAIL",
    b"RCPT",
    b"RSET",
    b"VRFY",
    b"EXPN",
    b"XCLIENT",
    b"XFORWARD",
    b"FEAT",
    b"OPTS",
    b"SYST",
    b"HOST",
    b"CLNT",
    b"USER",
    b"PASS",
    b"PBSZ",
    b"PROT",
    b"PWD",
    b"CWD",
    b"TYPE",
    b"MODE",
    b"STRU",
    b"PASV",
    b"EPSV",
    b"PORT",
    b"EPRT",
    b"LIST",
    b"NLST",
    b"MLSD",
    b"SIZE",
    b"MDTM",
    b"STAT",
    b"LANG",
    b"DATE",
    b"GROUP",
    b"AUTHENTICATE",
    b"CAP",
    b"NICK",
    b"PING",
    b"PONG",
    b"LOGOUT",
    b"UIDL",
    b"APOP",
    b"XOVER",
];

/// Longest tag of an IMAP line that is taken; clients make them of letters and digits, people at a
/// keyboard write a dot.
const TAG_LEN_MAX: usize = 32;

/// The LDAP name of StartTLS: 1.3.6.1.4.1.1466.20037.
const LDAP_START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
/// PostgreSQL's requests: length 8, and a version number that is none.
const POSTGRES_SSL: &[u8] = &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
const POSTGRES_GSS: &[u8] = &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30];
/// CLIENT_SSL among the capabilities of a MySQL client.
const MYSQL_CLIENT_SSL: u8 = 0x08;
/// TDS packet of type PRELOGIN.
const TDS_PRELOGIN: u8 = 0x12;
const TDS_HEADER_LEN: usize = 8;

/// How many bytes at the front belong to a dialogue that may lead to a hello; `None` when none do.
pub fn prelude(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? {
        0x00 => postgres(bytes),
        0x03 => rdp(bytes),
        0x12 => tds(bytes),
        20..=22 => record(bytes),
        b' ' => mysql(bytes),
        b'0' => ldap(bytes).or_else(|| line(bytes)),
        b'<' => xmpp(bytes),
        0x21..=0x7e => line(bytes),
        _ => None,
    }
}

fn line(bytes: &[u8]) -> Option<usize> {
    // Most segments are no line, and tell so within a few bytes: their end is looked for last.
    let (first, rest) = word(bytes)?;
    let known = |word: &[u8]| WORDS.iter().any(|known| known.eq_ignore_ascii_case(word));
    let tag = |word: &[u8]| {
        word.iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'.')
    };
    let second = || rest.strip_prefix(b" ").and_then(word);
    let begins = known(first) || tag(first) && second().is_some_and(|(word, _)| is_imap(word));
    if !begins {
        return None;
    }
    let window = bytes.get(..LINE_LEN_MAX).unwrap_or(bytes);
    let end = window.iter().position(|byte| *byte == b'\n')?;
    Some(end.saturating_add(1))
}

/// The word at the front, and what follows it from its space or line end on; `None` when it is
/// longer than any that is taken.
fn word(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let head = bytes.get(..=TAG_LEN_MAX).unwrap_or(bytes);
    let end = head
        .iter()
        .position(|byte| matches!(byte, b' ' | b'\r' | b'\n'))?;
    bytes.split_at_checked(end)
}

/// A command that an IMAP client may send before it asks for TLS; it stands behind a tag.
fn is_imap(word: &[u8]) -> bool {
    const COMMANDS: &[&[u8]] = &[b"STARTTLS", b"CAPABILITY", b"NOOP", b"ID", b"LOGOUT"];
    COMMANDS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(word))
}

/// A stream header or the starttls element, up to the last `>` before something that is no text.
fn xmpp(bytes: &[u8]) -> Option<usize> {
    let ours = [&b"<?xml "[..], b"<stream:stream ", b"<starttls "];
    if !ours.iter().any(|start| bytes.starts_with(start)) {
        return None;
    }
    let text = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    let window = bytes.get(..LINE_LEN_MAX).unwrap_or(bytes);
    let end = window.iter().position(|byte| !text(byte));
    let window = window.get(..end.unwrap_or(window.len()))?;
    let last = window.iter().rposition(|byte| *byte == b'>')?;
    Some(last.saturating_add(1))
}

/// `LDAPMessage { messageID, extendedReq { requestName StartTLS } }`, in lengths of one byte or
/// two.
fn ldap(bytes: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(bytes);
    let (tag, message) = ber(&mut reader)?;
    let mut message = Reader::new(message);
    let (integer, _) = ber(&mut message)?;
    let (request, body) = ber(&mut message)?;
    let (name, oid) = ber(&mut Reader::new(body))?;
    let asks = (tag, integer, request, name) == (0x30, 0x02, 0x77, 0x80) && oid == LDAP_START_TLS;
    asks.then(|| bytes.len().saturating_sub(reader.len()))
}

fn ber<'a>(reader: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let tag = reader.u8()?;
    let len = match reader.u8()? {
        short @ 0..=0x7f => usize::from(short),
        0x81 => usize::from(reader.u8()?),
        0x82 => usize::from(reader.u16()?),
        // OpenLDAP writes lengths in four bytes.
        0x84 => usize::try_from(reader.u32()?).ok()?,
        _ => return None,
    };
    Some((tag, reader.take(len)?))
}

fn postgres(bytes: &[u8]) -> Option<usize> {
    let asks = bytes.starts_with(POSTGRES_SSL) || bytes.starts_with(POSTGRES_GSS);
    asks.then_some(POSTGRES_SSL.len())
}

/// Length 32, number 1, capabilities with CLIENT_SSL, and no user name behind the 23 bytes of
/// filler: that would be a login in clear.
fn mysql(bytes: &[u8]) -> Option<usize> {
    let packet = bytes.get(..36)?;
    let asks = packet.starts_with(&[32, 0, 0, 1]) && packet.get(5)? & MYSQL_CLIENT_SSL != 0;
    asks.then_some(packet.len())
}

/// TPKT around an X.224 Connection Request.
fn rdp(bytes: &[u8]) -> Option<usize> {
    let &[3, 0, high, low, _, 0xe0, ..] = bytes else {
        return None;
    };
    let len = usize::from(u16::from_be_bytes([high, low]));
    ((11..=LINE_LEN_MAX).contains(&len) && len <= bytes.len()).then_some(len)
}

/// The PRELOGIN message; or the header of a packet that carries TLS.
fn tds(bytes: &[u8]) -> Option<usize> {
    let &[TDS_PRELOGIN, status, high, low, _, _, _, 0, next, ..] = bytes else {
        return None;
    };
    let len = usize::from(u16::from_be_bytes([high, low]));
    if status > 1 || len <= TDS_HEADER_LEN {
        return None;
    }
    match next {
        // The option VERSION comes first.
        0x00 if len <= bytes.len() => Some(len),
        0x16 => Some(TDS_HEADER_LEN),
        _ => None,
    }
}

/// An alert, a change_cipher_spec, or a handshake message that is no ClientHello, in a record of
/// its own.
fn record(bytes: &[u8]) -> Option<usize> {
    let &[kind, 3, 0..=4, high, low, first, ..] = bytes else {
        return None;
    };
    let len = usize::from(u16::from_be_bytes([high, low]));
    let fits = match kind {
        20 => len == 1 && first == 1,
        21 => len == 2 && first <= 2,
        // HelloRequest.
        _ => len == 4 && first == 0,
    };
    let whole = len.saturating_add(5);
    (fits && whole <= bytes.len()).then_some(whole)
}

#[cfg(test)]
mod tests;
