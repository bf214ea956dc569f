//! Kerberos (RFC 4120): for whom a ticket was given.
//!
//! Enters: a message of port 88. Leaves: that a request carries a proof (pre-authentication, or a
//! ticket of the sender's own), or the client's name out of a reply. Never: opens a ticket; takes a request for a sign-in.
//!
//! der-parser reads the headers; the way down to the name is followed here and not by
//! kerberos-parser, which refuses names that are not ASCII (Windows domains write UTF-8) and needs
//! the whole message (its ticket can be longer than what is kept of a stream). It is the second
//! opinion in tests.

use der_parser::asn1_rs::{Class, FromDer, Header, Length};

use super::Malformed;
use super::text::fit;
use crate::names::Probe;

const AS_REQUEST: u32 = 10;
const AS_REPLY: u32 = 11;
const TGS_REQUEST: u32 = 12;
const TGS_REPLY: u32 = 13;
/// The last of RFC 4120's messages, KRB-ERROR.
const MESSAGE_MAX: u32 = 30;
const INTEGER: u32 = 2;
const BIT_STRING: u32 = 3;
const SEQUENCE: u32 = 16;
const GENERAL_STRING: u32 = 27;
/// Parts of a name: people have one, services two or three.
const NAME_PARTS_MAX: usize = 8;
/// Service names (RFC 4120 section 6.2).
const SERVICE_TYPES: std::ops::RangeInclusive<i64> = 2..=4;
/// NT-WELLKNOWN (RFC 6111): anonymous and the like.
const WELL_KNOWN: i64 = 11;
/// Longest message believed over TCP: Windows allows tickets of 64 KiB.
const TCP_LEN_MAX: usize = 128 * 1024;

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message<'m> {
    /// A request for a ticket, the `first` or a further one; with a proof that the sender is the
    /// client that the reply will name?
    Request { first: bool, proved: bool },
    /// A first ticket for this client.
    First(Option<Client<'m>>),
    /// A further ticket for this client.
    Further(Option<Client<'m>>),
    /// Another message of Kerberos.
    Other,
}

/// A person: services, machines and the anonymous are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client<'m> {
    pub name: &'m str,
    pub realm: &'m str,
}

/// Reads a message, or as much of it as there is: the name stands near its beginning. `Ok(None)`:
/// not Kerberos.
///
/// # Errors
/// When it contradicts itself, or ends before the name.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Message<'_>>, Malformed> {
    let Some(head) = open(bytes).filter(|head| head.class == Class::Application) else {
        return Ok(None);
    };
    if head.tag > MESSAGE_MAX {
        return Ok(None);
    }
    let read = match head.tag {
        AS_REQUEST => request(head.body).map(|proved| Message::Request {
            first: true,
            proved,
        }),
        // Its options stand behind its ticket, which may be longer than what there is.
        TGS_REQUEST => Some(Message::Request {
            first: false,
            proved: further_request(head.body) == Some(true),
        }),
        AS_REPLY => reply(head.body).map(Message::First),
        TGS_REPLY => reply(head.body).map(Message::Further),
        _ => Some(Message::Other),
    };
    read.map(Some).ok_or(Malformed::KerberosEncoding)
}

/// The message at the front of a TCP stream, with how many bytes it takes (RFC 4120 section
/// 7.2.2: a length of four bytes, its highest bit 0).
pub fn next_tcp_message(bytes: &[u8]) -> Probe<(&[u8], usize)> {
    let Some((len, rest)) = bytes.split_first_chunk::<4>() else {
        return match bytes {
            [] | [0] | [0, 0 | 1, ..] => Probe::NeedMore,
            _ => Probe::NotForUs,
        };
    };
    let len = u32::from_be_bytes(*len) as usize;
    // APPLICATION class, constructed, a tag of RFC 4120.
    let begins = rest.first().is_none_or(|tag| (0x61..=0x7e).contains(tag));
    if !(2..=TCP_LEN_MAX).contains(&len) || !begins {
        return Probe::NotForUs;
    }
    match rest.get(..len) {
        Some(message) => Probe::Found((message, len.saturating_add(4))),
        None => Probe::NeedMore,
    }
}

/// KDC-REQ (section 5.4.1): is there pre-authentication in it that proves something?
fn request(body: &[u8]) -> Option<bool> {
    let mut fields = Fields::of(body)?;
    fields.version(1)?;
    fields.number(2)?;
    let Some(list) = fields.optional(3) else {
        return Some(false);
    };
    let mut list = Fields::of(list)?;
    while !list.0.is_empty() {
        let mut item = Fields(list.next(Class::Universal, SEQUENCE)?);
        // Encrypted timestamp, public key (RFC 4556, and before it), FAST (RFC 6113), encrypted
        // challenge.
        if matches!(item.number(1)?, 2 | 14 | 16 | 136 | 138) {
            return Some(true);
        }
    }
    Some(false)
}

/// KDC-REQ for a further ticket, up to its options: does the sender ask for itself? Who asks has a
/// ticket, but a service may ask in the name of a person who is elsewhere ([MS-SFU] sections 2.2.1
/// to 2.2.3), and then the reply names that person.
fn further_request(body: &[u8]) -> Option<bool> {
    let mut fields = Fields::of(body)?;
    fields.version(1)?;
    fields.number(2)?;
    let mut list = Fields::of(fields.optional(3)?)?;
    while !list.0.is_empty() {
        let mut item = Fields(list.next(Class::Universal, SEQUENCE)?);
        // PA-FOR-USER, PA-S4U-X509-USER.
        if matches!(item.number(1)?, 129 | 130) {
            return Some(false);
        }
    }
    let mut asked = Fields::of(fields.next(Class::ContextSpecific, 4)?)?;
    let mut options = Fields(asked.next(Class::ContextSpecific, 0)?);
    // How many bits are unused, then the bits, the first one highest; cname-in-addl-tkt is bit 14.
    let &[_, _, second, ..] = options.next(Class::Universal, BIT_STRING)? else {
        return None;
    };
    Some(second & 0b10 == 0)
}

/// KDC-REP (section 5.4.2) up to the client's name.
fn reply(body: &[u8]) -> Option<Option<Client<'_>>> {
    let mut fields = Fields::of(body)?;
    fields.version(0)?;
    fields.number(1)?;
    fields.optional(2);
    let realm = Fields(fields.next(Class::ContextSpecific, 3)?).text()?;
    // Whole: of a name that is cut between its parts, the first would pass for all of it.
    let name = open(fields.0).filter(|element| element.rest.is_some())?;
    fields.next(Class::ContextSpecific, 4)?;
    let mut name = Fields::of(name.body)?;
    let kind = name.number(0)?;
    let mut parts = Fields::of(name.next(Class::ContextSpecific, 1)?)?;
    let (mut first, mut count) = (None, 0usize);
    while !parts.0.is_empty() && count < NAME_PARTS_MAX {
        let part = parts.text()?;
        first = first.or(Some(part));
        count = count.saturating_add(1);
    }
    Some(person(kind, first.filter(|_| count == 1), realm))
}

/// The client, if it is a person. A name of several parts is a service's, or a person's second
/// account (`alice/admin`), which says little about who sits there.
fn person<'m>(kind: i64, name: Option<&'m [u8]>, realm: &'m [u8]) -> Option<Client<'m>> {
    let (name, realm) = (fit(name?)?, fit(realm)?);
    let none = SERVICE_TYPES.contains(&kind)
        || kind == WELL_KNOWN
        || name.contains('/')
        || name.ends_with('$')
        || name.starts_with("WELLKNOWN")
        || realm.contains('@')
        || realm.starts_with("WELLKNOWN:");
    (!none).then_some(Client { name, realm })
}

/// The head of an element and what there is of its contents.
struct Element<'m> {
    class: Class,
    tag: u32,
    /// What is there, at most the length that the head gives.
    body: &'m [u8],
    /// What stands behind it, if all of it is there.
    rest: Option<&'m [u8]>,
}

fn open(bytes: &[u8]) -> Option<Element<'_>> {
    let (behind, header) = Header::from_der(bytes).ok()?;
    let Length::Definite(len) = header.length() else {
        return None;
    };
    let whole = behind.split_at_checked(len);
    Some(Element {
        class: header.class(),
        tag: header.tag().0,
        body: whole.map_or(behind, |(body, _)| body),
        rest: whole.map(|(_, rest)| rest),
    })
}

/// Elements one after the other.
struct Fields<'m>(&'m [u8]);

impl<'m> Fields<'m> {
    /// The fields of a SEQUENCE.
    fn of(bytes: &'m [u8]) -> Option<Self> {
        let mut outer = Self(bytes);
        Some(Self(outer.next(Class::Universal, SEQUENCE)?))
    }

    /// The next element, which must be this one; its contents, as far as they are there.
    fn next(&mut self, class: Class, tag: u32) -> Option<&'m [u8]> {
        let element = open(self.0)?;
        if element.class != class || element.tag != tag {
            return None;
        }
        self.0 = element.rest.unwrap_or_default();
        Some(element.body)
    }

    /// Field `tag`, if it is the next.
    fn optional(&mut self, tag: u32) -> Option<&'m [u8]> {
        let next = open(self.0)?;
        let here = next.class == Class::ContextSpecific && next.tag == tag;
        if here {
            self.next(Class::ContextSpecific, tag)
        } else {
            None
        }
    }

    /// Field `tag`, which holds a whole INTEGER.
    fn number(&mut self, tag: u32) -> Option<i64> {
        let inside = self.next(Class::ContextSpecific, tag)?;
        let integer = open(inside)?;
        integer.rest?;
        let fits = integer.class == Class::Universal && integer.tag == INTEGER;
        let (first, more) = integer.body.split_first().filter(|_| fits)?;
        if more.len() > 7 {
            return None;
        }
        let start = i64::from(first.cast_signed());
        Some(
            more.iter()
                .fold(start, |sum, byte| sum << 8 | i64::from(*byte)),
        )
    }

    fn version(&mut self, tag: u32) -> Option<()> {
        (self.number(tag)? == 5).then_some(())
    }

    /// A whole KerberosString (section 5.2.1).
    fn text(&mut self) -> Option<&'m [u8]> {
        let element = open(self.0)?;
        let fits = element.class == Class::Universal && element.tag == GENERAL_STRING;
        self.0 = element.rest.filter(|_| fits)?;
        Some(element.body)
    }
}
