//! The host in a Host field, an authority or the target of a request (RFC 3986 section 3.2).

use super::super::tls::SNI_LEN_MAX;

/// A host as it was sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Host<'a> {
    /// The name alone, any case, perhaps with a trailing dot.
    pub name: &'a [u8],
    /// Name and port, as sent, without user information: all that may be kept of it.
    pub text: &'a [u8],
}

/// The host of a Host field, an `:authority` or the target of a CONNECT: `name [":" port]`.
/// `None` for an address, for nothing, and for what no name can be (RFC 3986 would allow more in a
/// registered name; no resolver does).
pub fn host(value: &[u8]) -> Option<Host<'_>> {
    let text = value.trim_ascii();
    let name = match text.iter().rposition(|byte| *byte == b':') {
        Some(colon) => {
            let port = text.get(colon.saturating_add(1)..)?;
            if port.len() > 5 || !port.iter().all(u8::is_ascii_digit) {
                return None;
            }
            text.get(..colon)?
        }
        None => text,
    };
    let bare = name.strip_suffix(b".").unwrap_or(name);
    let fits = (1..=SNI_LEN_MAX).contains(&bare.len());
    let last = bare.rsplit(|byte| *byte == b'.').next()?;
    // A name whose last label is a number is an address, or a mistyped one: no such top level.
    let address = last.iter().all(u8::is_ascii_digit) || is_hex_number(last);
    let is_name = fits && !address && bare.iter().all(|byte| is_name_byte(*byte));
    is_name.then_some(Host { name, text })
}

/// The host of an absolute URI: `scheme "://" [user "@"] host [":" port]`, up to the path. `None`
/// when it is no such URI; `Some(None)` when it is one without a name.
pub fn target(uri: &[u8]) -> Option<Option<Host<'_>>> {
    let colon = uri.iter().position(|byte| *byte == b':')?;
    let (scheme, rest) = uri.split_at_checked(colon)?;
    let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let rest = rest.strip_prefix(b"://").filter(|_| is_scheme)?;
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#' | b'\\'))
        .unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    let user = authority.iter().rposition(|byte| *byte == b'@');
    let place = user.map_or(0, |at| at.saturating_add(1));
    Some(authority.get(place..).and_then(host))
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') || !byte.is_ascii()
}

fn is_hex_number(label: &[u8]) -> bool {
    label
        .strip_prefix(b"0x")
        .or_else(|| label.strip_prefix(b"0X"))
        .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}
