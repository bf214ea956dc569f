//! The head of an HTTP/1 request.

use super::super::{Malformed, Probe};
use super::host::{Host, host, target};

/// Bytes of a head that are read; servers take 8 to 64 kB. Of a longer one the hosts that stand
/// before are told.
pub const HEAD_LEN_MAX: usize = 24 * 1024;
/// Differing hosts told of one request.
pub const HOSTS_MAX: usize = 4;
/// Longest first line of the PROXY protocol (version 1: 107 bytes with its end) or its binary form
/// as far as it is stepped over.
pub const PREAMBLE_LEN_MAX: usize = 2048;
/// Empty bytes that are passed over before a request (RFC 9112 section 2.2 speaks of one line), and
/// fewer than so many behind its method.
const BLANKS_MAX: usize = 8;
/// Longest body that is stepped over, in bytes.
const BODY_LEN_MAX: u64 = 1 << 29;

/// The registered methods (IANA HTTP Method Registry). Another word is no sign of HTTP.
const METHODS: [&[u8]; 39] = [
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"CONNECT",
    b"PATCH",
    b"TRACE",
    b"ACL",
    b"BASELINE-CONTROL",
    b"BIND",
    b"CHECKIN",
    b"CHECKOUT",
    b"COPY",
    b"LABEL",
    b"LINK",
    b"LOCK",
    b"MERGE",
    b"MKACTIVITY",
    b"MKCALENDAR",
    b"MKCOL",
    b"MKREDIRECTREF",
    b"MKWORKSPACE",
    b"MOVE",
    b"ORDERPATCH",
    b"PROPFIND",
    b"PROPPATCH",
    b"QUERY",
    b"REBIND",
    b"REPORT",
    b"SEARCH",
    b"UNBIND",
    b"UNCHECKOUT",
    b"UNLINK",
    b"UNLOCK",
    b"UPDATE",
    b"UPDATEREDIRECTREF",
    b"VERSION-CONTROL",
];

/// What a client's bytes begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// A request of HTTP/1.
    Request,
    /// HTTP/2 (RFC 9113 section 3.4); so many bytes are its preface.
    Preface(usize),
    /// The PROXY protocol of a load balancer.
    Preamble,
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PREAMBLE_1: &[u8] = b"PROXY ";
const PREAMBLE_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// What follows a request's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// So many bytes; 0 for none.
    Length(usize),
    /// Chunks (RFC 9112 section 7.1).
    Chunked,
    /// Nobody can tell where it ends: differing lengths, a length beside an encoding, one that is
    /// not understood, a head that was longer than is read.
    Unknown,
}

/// The differing hosts of a request, in the order in which they stand.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Hosts<'a>([Option<Host<'a>>; HOSTS_MAX]);

impl<'a> Hosts<'a> {
    fn add(&mut self, found: Host<'a>) {
        let same =
            |it: &Option<Host<'_>>| it.is_none_or(|it| it.name.eq_ignore_ascii_case(found.name));
        if let Some(slot) = self.0.iter_mut().find(|it| same(it)) {
            slot.get_or_insert(found);
        }
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Host<'a>> + use<'a> {
        self.0.into_iter().flatten()
    }

    /// None at all?
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

/// What a request's head tells. No `Debug`: the hosts may be some that match nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// Of a CONNECT its target; of an absolute URI its host, since a Host field beside it is to be
    /// ignored (RFC 9112 section 3.2.2); else the Host field. A request with several differing
    /// Host fields is invalid, and servers differ in which they take: all of them are told.
    pub hosts: Hosts<'a>,
    /// Did a host stand there that no name can be?
    pub odd_host: bool,
    /// Is it a CONNECT, so that another protocol follows?
    pub connect: bool,
    /// What follows.
    pub body: Body,
    /// Was the head read to its end?
    pub whole: bool,
}

/// Could a client's stream begin so? `NeedMore`: too few bytes to say, and all of them fit.
pub fn begins(bytes: &[u8]) -> Probe<Begins> {
    match bytes.first() {
        Some(b'P') => {
            for (text, begun) in [
                (PREFACE, Begins::Preface(PREFACE.len())),
                (PREAMBLE_1, Begins::Preamble),
            ] {
                match prefix(bytes, text) {
                    Some(true) => return Probe::Found(begun),
                    Some(false) => return Probe::NeedMore,
                    None => {}
                }
            }
        }
        Some(b'\r' | b'\n') => match prefix(bytes, PREAMBLE_2) {
            Some(true) => return Probe::Found(Begins::Preamble),
            Some(false) if bytes.len() > 4 => return Probe::NeedMore,
            _ => {}
        },
        Some(b'A'..=b'Z') => {}
        _ => return Probe::NotForUs,
    }
    let bytes = unpadded(bytes);
    let mut hopeful = false;
    for method in METHODS {
        match prefix(bytes, method) {
            Some(true) => match behind_method(bytes.get(method.len()..).unwrap_or_default()) {
                Some(true) => return Probe::Found(Begins::Request),
                Some(false) => hopeful = true,
                None => {}
            },
            Some(false) => hopeful = true,
            None => {}
        }
    }
    if hopeful {
        Probe::NeedMore
    } else {
        Probe::NotForUs
    }
}

/// Blanks, a few at most, and something that a target may begin with? `Some(false)`: so far as it
/// goes.
fn behind_method(rest: &[u8]) -> Option<bool> {
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
    let blanks = rest.iter().take_while(is_blank).count();
    match rest.get(blanks) {
        _ if blanks >= BLANKS_MAX => None,
        None => Some(false),
        Some(_) if blanks == 0 => None,
        Some(b'/' | b'*' | b'[') => Some(true),
        Some(byte) if byte.is_ascii_alphanumeric() || !byte.is_ascii() => Some(true),
        Some(_) => None,
    }
}

/// Without the empty lines before a request.
fn unpadded(bytes: &[u8]) -> &[u8] {
    let blanks = bytes.iter().take(BLANKS_MAX);
    let blanks = blanks.take_while(|byte| matches!(byte, b'\r' | b'\n'));
    bytes.get(blanks.count()..).unwrap_or_default()
}

/// Do `bytes` start with `text`? `Some(false)`: so far as they go, which is a byte at least.
fn prefix(bytes: &[u8], text: &[u8]) -> Option<bool> {
    let len = bytes.len().min(text.len());
    let same = bytes.get(..len)? == text.get(..len)?;
    (same && len > 0).then_some(len == text.len())
}

/// Length of what a load balancer puts before a stream (the PROXY protocol of HAProxy, versions 1
/// and 2). The addresses in it are not read: they are those of clients outside.
pub fn preamble(bytes: &[u8]) -> Probe<usize> {
    if prefix(bytes, PREAMBLE_2) == Some(true) {
        let len = bytes.get(14..).and_then(<[u8]>::first_chunk::<2>);
        return match len.map(|len| usize::from(u16::from_be_bytes(*len)).saturating_add(16)) {
            None => Probe::NeedMore,
            Some(len) if len > PREAMBLE_LEN_MAX => Probe::NotForUs,
            Some(len) if bytes.len() < len => Probe::NeedMore,
            Some(len) => Probe::Found(len),
        };
    }
    let window = bytes.get(..108).unwrap_or(bytes);
    let known = [&b"PROXY TCP4 "[..], b"PROXY TCP6 ", b"PROXY UNKNOWN"];
    if known.iter().all(|it| prefix(bytes, it).is_none()) {
        return Probe::NotForUs;
    }
    match window.iter().position(|byte| *byte == b'\n') {
        Some(end) => Probe::Found(end.saturating_add(1)),
        None if bytes.len() < 108 => Probe::NeedMore,
        None => Probe::NotForUs,
    }
}

/// The request at the start of `bytes`, and the length of its head. `begins` has said that one may
/// stand there.
pub fn request(bytes: &[u8]) -> Probe<(Request<'_>, usize)> {
    let window = bytes.get(..HEAD_LEN_MAX).unwrap_or(bytes);
    match parse(window) {
        Head::No => Probe::NotForUs,
        Head::Whole(found, len) => Probe::Found((found, len)),
        Head::Part(_) if bytes.len() < HEAD_LEN_MAX => Probe::NeedMore,
        Head::Part(None) => Probe::Malformed(Malformed::HttpHead),
        Head::Part(Some(found)) => Probe::Found((found, bytes.len())),
    }
}

/// A request whose rest will not come: what its whole lines tell.
pub fn peek(bytes: &[u8]) -> Option<Request<'_>> {
    if begins(bytes) != Probe::Found(Begins::Request) {
        return None;
    }
    match parse(bytes.get(..HEAD_LEN_MAX).unwrap_or(bytes)) {
        Head::Whole(found, _) => Some(found),
        Head::Part(found) => found,
        Head::No => None,
    }
}

enum Head<'a> {
    /// It is none.
    No,
    /// Its end is missing; `None` when even its first line is.
    Part(Option<Request<'a>>),
    Whole(Request<'a>, usize),
}

fn parse(window: &[u8]) -> Head<'_> {
    let head = unpadded(window);
    let padding = window.len().saturating_sub(head.len());
    let Some((first, mut rest)) = split_line(head) else {
        return Head::Part(None);
    };
    let Some((method, uri)) = first_line(first) else {
        return Head::No;
    };
    let connect = method == b"CONNECT";
    let mut request = Request {
        hosts: Hosts::default(),
        odd_host: false,
        connect,
        body: Body::Unknown,
        whole: false,
    };
    let absolute = if connect {
        Some(host(uri))
    } else {
        target(uri)
    };
    if let Some(found) = absolute {
        request.odd_host = found.is_none() && !is_address(uri);
        if let Some(found) = found {
            request.hosts.add(found);
        }
    }
    let mut fields = Fields::default();
    while let Some((line, behind)) = split_line(rest) {
        rest = behind;
        if line.is_empty() {
            fields.end(&mut request, absolute.is_none());
            request.body = if connect {
                Body::Length(0)
            } else {
                fields.body()
            };
            request.whole = true;
            let used = head.len().saturating_sub(rest.len());
            return Head::Whole(request, used.saturating_add(padding));
        }
        fields.line(line, &mut request, absolute.is_none());
    }
    // A field that a fold may still continue is not told.
    if rest
        .first()
        .is_some_and(|byte| !matches!(byte, b' ' | b'\t'))
    {
        fields.end(&mut request, absolute.is_none());
    }
    Head::Part(Some(request))
}

/// Splits the first line off; without its end, which may be a bare LF.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at_checked(end)?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    Some((line, rest.get(1..).unwrap_or_default()))
}

/// Method and target of a request line of HTTP/1.
fn first_line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut words = line
        .split(|byte| matches!(byte, b' ' | b'\t'))
        .filter(|word| !word.is_empty());
    let method = words.next().filter(|word| METHODS.contains(word))?;
    let uri = words.next()?;
    let version = words.next_back()?;
    let minor = version.strip_prefix(b"HTTP/1.")?;
    let is_digit = minor.len() == 1 && minor.iter().all(u8::is_ascii_digit);
    is_digit.then_some((method, uri))
}

/// Does it look like an address, or like nothing at all, rather than like a broken name?
fn is_address(text: &[u8]) -> bool {
    !text.iter().any(u8::is_ascii_alphabetic) || text.contains(&b'[') || {
        // `http://192.0.2.1/...`
        let rest = text.split(|byte| *byte == b'/').nth(2);
        rest.is_some_and(|rest| !rest.iter().any(u8::is_ascii_alphabetic))
    }
}

/// The fields that matter, while a head is read.
#[derive(Default)]
struct Fields<'a> {
    /// The Host field of the line before, which a fold may continue.
    open: Option<&'a [u8]>,
    /// The line before was one of the length.
    of_length: bool,
    length: Option<u64>,
    chunked: bool,
    encoded: bool,
    /// Servers may differ in where the body ends.
    doubtful: bool,
}

impl<'a> Fields<'a> {
    fn line(&mut self, line: &'a [u8], request: &mut Request<'a>, wanted: bool) {
        // What one server takes for the end of a line and another does not.
        self.doubtful |= line.contains(&b'\r') || line.contains(&0);
        if matches!(line.first(), Some(b' ' | b'\t')) {
            self.fold(line.trim_ascii());
            return;
        }
        self.end(request, wanted);
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return;
        };
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let bare = name.trim_ascii();
        let spaced = bare.len() != name.len();
        if bare.eq_ignore_ascii_case(b"host") {
            self.open = Some(value);
        } else if bare.eq_ignore_ascii_case(b"content-length") {
            self.doubtful |= spaced;
            self.of_length = true;
            self.content_length(value);
        } else if bare.eq_ignore_ascii_case(b"transfer-encoding") {
            self.doubtful |= spaced || self.encoded;
            self.of_length = true;
            self.encoded = true;
            self.chunked = value.eq_ignore_ascii_case(b"chunked");
        }
    }

    /// A line that continues the one before (RFC 9112 section 5.2).
    fn fold(&mut self, more: &'a [u8]) {
        self.doubtful |= self.of_length;
        if let Some(value) = self.open {
            // Two parts make no name; a part behind nothing is the name.
            self.open = Some(if value.is_empty() { more } else { b"\n" });
        }
    }

    /// The field before is whole.
    fn end(&mut self, request: &mut Request<'a>, wanted: bool) {
        self.of_length = false;
        let Some(value) = self.open.take().filter(|_| wanted) else {
            return;
        };
        match host(value) {
            Some(found) => request.hosts.add(found),
            None => request.odd_host |= value == b"\n" || !is_address(value),
        }
    }

    fn content_length(&mut self, value: &[u8]) {
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(value).ok().filter(|_| digits);
        match text.and_then(|text| text.parse().ok()) {
            Some(length) if self.length.is_none_or(|other| other == length) => {
                self.length = Some(length);
            }
            _ => self.doubtful = true,
        }
    }

    fn body(&self) -> Body {
        match (self.encoded, self.length) {
            _ if self.doubtful => Body::Unknown,
            (true, None) if self.chunked => Body::Chunked,
            (true, _) => Body::Unknown,
            (false, Some(length)) if length > BODY_LEN_MAX => Body::Unknown,
            (false, length) => Body::Length(length.unwrap_or(0) as usize),
        }
    }
}
