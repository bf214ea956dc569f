//! Lines of an SMTP client in clear (RFC 5321): who sends a mail, and to whom.
//!
//! Enters: bytes at the start of a line, from the client's side. Leaves: the [`Line`] and its
//! length; where a mail ends. Never: reads a mail (it is only searched for the line that ends it,
//! or passed over by its length), a password, or a server's reply; takes a domain out of a path
//! that is not whole.
//!
//! RFC 5321, RFC 2920 (pipelining), RFC 3030 (BDAT).

use super::Probe;

/// Longest command line read, in bytes. RFC 5321 section 4.5.3.1.4 asks for 512 and lets extensions
/// add to it.
pub const LINE_LEN_MAX: usize = 2048;

/// A client's line, as far as it matters here. Its `Debug` shows no address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Line<'l> {
    /// EHLO, HELO, LHLO: a session begins, or begins anew.
    Hello,
    /// MAIL FROM: the domain of the sender; `None` for the null sender and for one without.
    Sender(Option<&'l [u8]>),
    /// RCPT TO: the whole address, `None` when it is none.
    Recipient(Option<&'l [u8]>),
    /// RSET: the mail begun is forgotten.
    Reset,
    /// DATA: the mail itself follows, up to [`MAIL_END`].
    Mail,
    /// BDAT: so many bytes of the mail follow, and whether they are its last.
    Chunk(usize, bool),
    /// STARTTLS, or a command that says nothing here.
    Other,
}

impl std::fmt::Debug for Line<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let told = |address: &Option<_>| address.is_some();
        match self {
            Self::Hello => write!(f, "Hello"),
            Self::Sender(domain) => write!(f, "Sender({})", told(domain)),
            Self::Recipient(address) => write!(f, "Recipient({})", told(address)),
            Self::Reset => write!(f, "Reset"),
            Self::Mail => write!(f, "Mail"),
            Self::Chunk(len, last) => write!(f, "Chunk({len}, {last})"),
            Self::Other => write!(f, "Other"),
        }
    }
}

/// What is looked for at the start of a line.
#[derive(Clone, Copy)]
enum Verb {
    Hello,
    Sender,
    Recipient,
    Reset,
    Mail,
    Chunk,
    Other,
}

/// With what follows each: a space, a colon (perhaps behind one), or the end of the line.
const VERBS: &[(&[u8], Verb)] = &[
    (b"EHLO ", Verb::Hello),
    (b"HELO ", Verb::Hello),
    (b"LHLO ", Verb::Hello),
    (b"MAIL FROM:", Verb::Sender),
    (b"RCPT TO:", Verb::Recipient),
    (b"RSET\r\n", Verb::Reset),
    (b"DATA\r\n", Verb::Mail),
    (b"BDAT ", Verb::Chunk),
    (b"STARTTLS\r\n", Verb::Other),
    (b"NOOP", Verb::Other),
    (b"AUTH ", Verb::Other),
    (b"VRFY ", Verb::Other),
    (b"EXPN ", Verb::Other),
    (b"XCLIENT ", Verb::Other),
    (b"XFORWARD ", Verb::Other),
    (b"QUIT\r\n", Verb::Other),
];

/// Longest chunk that is passed over, in bytes.
const CHUNK_LEN_MAX: usize = 1 << 29;

/// Ports of SMTP: relay, submission, and the one that hosters use instead.
pub const PORTS: [u16; 3] = [25, 587, 2525];

/// Does an SMTP session begin here, on whatever port? Nothing else starts with these words.
pub fn begins(bytes: &[u8]) -> bool {
    let starts = |verb: &[u8]| prefix(bytes, verb) == Some(true);
    starts(b"EHLO ") || starts(b"HELO ") || starts(b"LHLO ") || starts(b"MAIL FROM:<")
}

/// The line at the start of `bytes` with its length, CRLF included.
pub fn next_line(bytes: &[u8]) -> Probe<(Line<'_>, usize)> {
    let mut hopeful = false;
    let verb = VERBS.iter().find(|(text, _)| match prefix(bytes, text) {
        Some(whole) => {
            hopeful |= !whole;
            whole
        }
        None => false,
    });
    let Some((text, verb)) = verb else {
        return if hopeful {
            Probe::NeedMore
        } else {
            Probe::NotForUs
        };
    };
    let window = bytes.get(..LINE_LEN_MAX).unwrap_or(bytes);
    let Some(end) = window.iter().position(|byte| *byte == b'\n') else {
        let long = bytes.len() >= LINE_LEN_MAX;
        return if long {
            Probe::NotForUs
        } else {
            Probe::NeedMore
        };
    };
    let line = window.get(..end).unwrap_or_default();
    let argument = line.get(text.len()..).unwrap_or_default();
    let line = match verb {
        Verb::Hello => Line::Hello,
        Verb::Sender => Line::Sender(path(argument).and_then(domain)),
        Verb::Recipient => Line::Recipient(path(argument).filter(|path| domain(path).is_some())),
        Verb::Reset => Line::Reset,
        Verb::Mail => Line::Mail,
        Verb::Chunk => match chunk(argument) {
            Some((len, last)) => Line::Chunk(len, last),
            None => return Probe::NotForUs,
        },
        Verb::Other => Line::Other,
    };
    Probe::Found((line, end.saturating_add(1)))
}

/// Do `bytes` start with `verb`, whatever the case? `Some(false)`: so far as they go.
fn prefix(bytes: &[u8], verb: &[u8]) -> Option<bool> {
    let len = bytes.len().min(verb.len());
    let same = bytes.get(..len)?.eq_ignore_ascii_case(verb.get(..len)?);
    (same && len > 0).then_some(len == verb.len())
}

/// What stands between the angle brackets (RFC 5321 section 4.1.2), without a source route. Some
/// clients put a space before them, against the rule.
fn path(argument: &[u8]) -> Option<&[u8]> {
    let inside = argument.trim_ascii_start().strip_prefix(b"<")?;
    let (mut quoted, mut escaped) = (false, false);
    let end = inside.iter().position(|byte| {
        let ends = *byte == b'>' && !quoted;
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        ends
    })?;
    let path = inside.get(..end)?;
    match path {
        // `@one,@two:user@host` (RFC 5321 appendix C).
        [b'@', ..] => {
            let colon = path.iter().position(|byte| *byte == b':')?;
            path.get(colon.saturating_add(1)..)
        }
        _ => Some(path),
    }
}

/// Length of a chunk, and is it the last (RFC 3030 section 2)?
fn chunk(argument: &[u8]) -> Option<(usize, bool)> {
    let mut words = argument
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let len = std::str::from_utf8(words.next()?).ok()?;
    let digits = len.bytes().all(|byte| byte.is_ascii_digit());
    let len: usize = len.parse().ok().filter(|_| digits)?;
    let last = words
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case(b"LAST"));
    (len <= CHUNK_LEN_MAX).then_some((len, last))
}

/// What ends a mail: a dot alone on a line (RFC 5321 section 4.1.1.4).
pub const MAIL_END: &[u8; 5] = b"\r\n.\r\n";

/// Goes through bytes of a mail, of whose end `seen` bytes came before. How many bytes are over,
/// and how much of the end they end with; `None`: the mail is over, and a command may follow.
pub fn mail_end(bytes: &[u8], seen: usize) -> (usize, Option<u8>) {
    let mut state = seen.min(MAIL_END.len().saturating_sub(1));
    for (at, byte) in bytes.iter().enumerate() {
        state = match (MAIL_END.get(state), byte) {
            (Some(next), byte) if next == byte => state.saturating_add(1),
            // A CR begins the end anew wherever it stands.
            (_, b'\r') => 1,
            _ => 0,
        };
        if state == MAIL_END.len() {
            return (at.saturating_add(1), None);
        }
    }
    (bytes.len(), Some(state as u8))
}

/// The part behind the last `@`. No address literal; none without a local part.
pub fn domain(path: &[u8]) -> Option<&[u8]> {
    let at = path
        .iter()
        .rposition(|byte| *byte == b'@')
        .filter(|at| *at > 0)?;
    let domain = path.get(at.saturating_add(1)..)?;
    let name = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') || !byte.is_ascii()
    };
    (!domain.is_empty() && domain.iter().all(name)).then_some(domain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line<'_> {
        match next_line(text.as_bytes()) {
            Probe::Found((line, used)) => {
                assert_eq!(used, text.find('\n').unwrap() + 1);
                line
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn senders_and_recipients_as_they_are_written() {
        let sender = |text| match line(text) {
            Line::Sender(domain) => domain.map(|d| String::from_utf8(d.to_vec()).unwrap()),
            other => panic!("{other:?}"),
        };
        let is = |text, domain: &str| assert_eq!(sender(text).as_deref(), Some(domain), "{text}");
        is("MAIL FROM:<a@clearview.ai>\r\n", "clearview.ai");
        is(
            "mail from: <a@Clearview.AI> SIZE=12 BODY=8BITMIME\r\n",
            "Clearview.AI",
        );
        is(
            "MAIL FROM:<bounce+b3.8f-bob=corp.example@mg.pimeyes.com>\r\n",
            "mg.pimeyes.com",
        );
        is("MAIL FROM:<\"x>@evil\"@pimeyes.com>\n", "pimeyes.com");
        is(
            "MAIL FROM:<@relay.example:a@pimeyes.com>\r\n",
            "pimeyes.com",
        );
        for text in [
            "MAIL FROM:<>\r\n",
            "MAIL FROM:<a@[192.0.2.1]>\r\n",
            "MAIL FROM:<postmaster>\r\n",
            "MAIL FROM:<@pimeyes.com>\r\n",
            "MAIL FROM:<a@pimeyes.com\r\n",
            "MAIL FROM:a@pimeyes.com\r\n",
            "MAIL FROM:<a@pime yes.com>\r\n",
        ] {
            assert_eq!(sender(text), None, "{text}");
        }
        assert_eq!(
            line("RCPT TO:<Bob.O'Hara@corp.example> NOTIFY=NEVER\r\n"),
            Line::Recipient(Some(b"Bob.O'Hara@corp.example"))
        );
        assert_eq!(line("RCPT TO:<postmaster>\r\n"), Line::Recipient(None));
    }

    #[test]
    fn other_lines_and_their_ends() {
        assert_eq!(line("ehlo mail.example\r\n"), Line::Hello);
        assert_eq!(line("DATA\r\nFrom: x"), Line::Mail);
        assert_eq!(line("BDAT 12 LAST\r\nMAIL FROM:<"), Line::Chunk(12, true));
        assert_eq!(line("bdat 0\r\n"), Line::Chunk(0, false));
        assert_eq!(line("RSET\r\n"), Line::Reset);
        for text in [
            "STARTTLS\r\n\x16\x03",
            "NOOP\r\n",
            "QUIT\r\n",
            "AUTH LOGIN\r\n",
        ] {
            assert_eq!(line(text), Line::Other);
        }
        for text in [
            "250 OK\r\n",
            "GET / HTTP/1.1\r\n",
            "DATABASE\r\n",
            "Ym9i\r\n",
            "\r\n",
            "",
            "MAILER\r\n",
        ] {
            assert_eq!(next_line(text.as_bytes()), Probe::NotForUs, "{text:?}");
        }
        let endless = [b"MAIL FROM:<".as_slice(), &[b'a'; LINE_LEN_MAX]].concat();
        assert_eq!(next_line(&endless), Probe::NotForUs);
    }

    #[test]
    fn an_address_is_not_shown() {
        for text in [
            "MAIL FROM:<eve@corp.example>\r\n",
            "RCPT TO:<eve@corp.example>\r\n",
        ] {
            let shown = format!("{:?}", line(text));
            assert!(
                shown.ends_with("(true)") && !shown.contains("corp"),
                "{shown}"
            );
        }
    }

    #[test]
    fn half_lines_wait() {
        for text in [
            "MAIL FROM:<a@clearview.ai>\r\n",
            "RCPT TO:<b@c.example>\r\n",
            "DATA\r\n",
            "ehlo x\r\n",
        ] {
            for end in 1..text.len() {
                assert_eq!(
                    next_line(&text.as_bytes()[..end]),
                    Probe::NeedMore,
                    "{}",
                    &text[..end]
                );
            }
        }
    }

    #[test]
    fn only_a_session_begins_on_any_port() {
        for text in ["EHLO x\r\n", "helo x", "MAIL FROM:<a@b.example>"] {
            assert!(begins(text.as_bytes()), "{text}");
        }
        for text in [
            "E",
            "EHLO",
            "DATA\r\n",
            "RCPT TO:<x@y.example>\r\n",
            "MAIL FROM ME\r\n",
            "",
        ] {
            assert!(!begins(text.as_bytes()), "{text}");
        }
    }
}
