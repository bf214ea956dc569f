//! Names out of DNS messages (RFC 1035 section 4, RFC 9460).
//!
//! Enters: one whole message, as a UDP payload ([`is_lookup`] tells it on other ports) or cut out
//! of a TCP stream by [`next_tcp_message`]. Leaves: every question, and from the answers of a
//! response every CNAME and every HTTPS/SVCB target, borrowed. Never: allocates, panics, follows a
//! pointer that does not point backwards, spends more on a message than [`NAMES_MAX`] and
//! [`STEPS_MAX`] allow.
//!
//! Not read, on purpose: DNAME (RFC 6672), whose target is a suffix and no name that was asked
//! for; the authority and additional sections; NOTIFY, UPDATE and the other opcodes that are no
//! look-up; EDNS, which changes no name. TC changes nothing either: the question still stands.
//! A question counts in every class.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod addresses;
pub mod asked;
mod elsewhere;
pub mod message;
#[doc(hidden)]
pub mod oracle;
mod tcp;

#[cfg(test)]
mod build;
#[cfg(test)]
mod real;
#[cfg(test)]
mod second_opinion;
#[cfg(test)]
mod tests;

pub use addresses::{Address, addresses};
pub use asked::Asked;
pub use elsewhere::{is_lookup, may_be_lookup};
pub use tcp::next_tcp_message;

use crate::base::{RawName, Seen};
use crate::names::Malformed;
use message::{Fault, Header, Name, Question, Record, Steps, rtype};

/// Most names handed out of one message. A CNAME chain that a resolver follows has about ten
/// links at most, an HTTPS record set a few dozen; a hostile message could hold thousands of names
/// of 255 bytes each, which one another's pointers make cheap to send.
pub const NAMES_MAX: usize = 256;

/// Most labels and compression pointers followed in one message for the names handed out. Without
/// it, chains of pointers to pointers would make each name as dear as the message is long.
pub const STEPS_MAX: u32 = 4096;

/// A name in a DNS message. No `Debug`: it has not matched anything yet.
#[derive(Clone, Copy)]
pub struct DnsName<'f> {
    /// The name where it lies; it has a normal form (never the root, never broken).
    pub name: RawName<'f>,
    /// [`Seen::DnsQuery`] for a question, [`Seen::DnsCname`] for the target of a CNAME,
    /// [`Seen::DnsSvcb`] for the target of an HTTPS or SVCB record.
    pub seen: Seen,
    /// Type of the question; for a target the type of the message's first question, 0 without one.
    pub qtype: u16,
    /// The message id, one part of what makes an answer belong to a query.
    pub id: u16,
    /// Query: the asking side sent this message. Response: it received it.
    pub client_is_src: bool,
    /// A question, not a target. One in a response says nothing new when its query was seen: see
    /// [`Asked`].
    pub question: bool,
}

/// How far a message could be read. The names handed out before stand in each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsEnd {
    /// All questions and, in a response, all answers; or DNS that is no look-up (NOTIFY, UPDATE,
    /// DSO, IQUERY, STATUS), which gives no names.
    Whole,
    /// More than [`NAMES_MAX`] names or [`STEPS_MAX`] steps; the rest was not read.
    Limit,
    /// Broken from here on.
    Broken(Malformed),
    /// Something else on this port; no name was handed out.
    NotDns,
}

/// Reads one whole message and calls `each` for every name, in the order of the message.
///
/// Counts in the header that promise more than is there end in [`DnsEnd::Broken`] after what is
/// there was read, provided that the first question or record makes sense; if not even that, the
/// message is [`DnsEnd::NotDns`]. Random bytes practically always end so.
pub fn walk<'f>(message: &'f [u8], each: &mut impl FnMut(DnsName<'f>)) -> DnsEnd {
    let Some(header) = Header::read(message) else {
        return if message.is_empty() {
            DnsEnd::NotDns
        } else {
            DnsEnd::Broken(Malformed::DnsTruncated)
        };
    };
    if !header.opcode_is_assigned() {
        return DnsEnd::NotDns;
    }
    if !header.fits(message.len()) && !begins_plausibly(message, header) {
        return DnsEnd::NotDns;
    }
    if header.opcode() != message::OPCODE_QUERY {
        return DnsEnd::Whole;
    }
    let mut walk = Walk {
        message,
        response: header.is_response(),
        id: header.id,
        qtype: 0,
        names: 0,
        steps: Steps(STEPS_MAX),
    };
    match walk.run(header, each) {
        Ok(()) => DnsEnd::Whole,
        Err(end) => end,
    }
}

/// Is the first question or record readable, and of an assigned class?
fn begins_plausibly(message: &[u8], header: Header) -> bool {
    if header.questions > 0 {
        let mut steps = Steps(STEPS_MAX);
        Question::read(message, Header::LEN, &mut steps)
            .is_ok_and(|q| message::class_is_assigned(q.qclass))
    } else {
        Record::read(message, Header::LEN)
            .is_ok_and(|r| message::class_is_assigned(r.class) || r.rtype == rtype::OPT)
    }
}

struct Walk<'f> {
    message: &'f [u8],
    response: bool,
    id: u16,
    qtype: u16,
    names: usize,
    steps: Steps,
}

impl<'f> Walk<'f> {
    fn run(&mut self, header: Header, each: &mut impl FnMut(DnsName<'f>)) -> Result<(), DnsEnd> {
        let mut at = Header::LEN;
        for index in 0..header.questions {
            let question = Question::read(self.message, at, &mut self.steps)
                .map_err(|fault| end_of(fault, Malformed::DnsName))?;
            if index == 0 {
                self.qtype = question.qtype;
            }
            self.hand_out(question.name, Seen::DnsQuery, question.qtype, true, each)?;
            at = question.end;
        }
        if !self.response {
            return Ok(());
        }
        for _ in 0..header.answers {
            let record = Record::read(self.message, at).map_err(broken_record)?;
            let (target, seen) = match record.rtype {
                rtype::CNAME => (record.data.start, Seen::DnsCname),
                rtype::SVCB | rtype::HTTPS => (record.data.start.saturating_add(2), Seen::DnsSvcb),
                _ => {
                    at = record.data.end;
                    continue;
                }
            };
            let name = Name::read(self.message, target, &mut self.steps).map_err(broken_record)?;
            if name.end > record.data.end {
                return Err(DnsEnd::Broken(Malformed::DnsRecord));
            }
            self.hand_out(name, seen, self.qtype, false, each)?;
            at = record.data.end;
        }
        Ok(())
    }

    /// The root is no name: `.` in a question asks for the root servers, and as an SVCB target it
    /// means the owner itself (RFC 9460 section 2.5.2) or, in alias mode, nothing at all.
    fn hand_out(
        &mut self,
        name: Name,
        seen: Seen,
        qtype: u16,
        question: bool,
        each: &mut impl FnMut(DnsName<'f>),
    ) -> Result<(), DnsEnd> {
        if name.is_root {
            return Ok(());
        }
        // An offset beyond 65,535 cannot be in a DNS message.
        let at = u16::try_from(name.at).map_err(|_| DnsEnd::Limit)?;
        if self.names >= NAMES_MAX {
            return Err(DnsEnd::Limit);
        }
        self.names = self.names.saturating_add(1);
        each(DnsName {
            name: RawName::Wire {
                msg: self.message,
                at,
            },
            seen,
            qtype,
            id: self.id,
            client_is_src: !self.response,
            question,
        });
        Ok(())
    }
}

fn broken_record(fault: Fault) -> DnsEnd {
    match fault {
        Fault::Steps => DnsEnd::Limit,
        Fault::Truncated | Fault::Name => DnsEnd::Broken(Malformed::DnsRecord),
    }
}

fn end_of(fault: Fault, name: Malformed) -> DnsEnd {
    match fault {
        Fault::Steps => DnsEnd::Limit,
        Fault::Truncated => DnsEnd::Broken(Malformed::DnsTruncated),
        Fault::Name => DnsEnd::Broken(name),
    }
}
