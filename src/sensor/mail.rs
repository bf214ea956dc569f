//! Envelopes of SMTP in clear: mails of vendors, and the domains that mail goes to.
//!
//! Enters: lines of SMTP clients, mail after mail of a session. Leaves: an [`Event::Mail`] for each
//! recipient of a mail whose sender matched; a sighting of each recipient's domain. Never: keeps a
//! sender that did not match, or a password; looks into a mail (it is searched for its end alone).
//!
//! A sender's domain is counted as a name and makes no hit: whoever sends it is no employee, and
//! the mail is told by its recipient. What is lost: the next mail of a session whose DATA was
//! refused, since nobody reads the server's answers.

use std::collections::VecDeque;

use super::Sink;
use super::context::Context;
use crate::base::{EchVerdict, Endpoints, NameBuf, RawName, Seen, Timestamp};
use crate::blocklist::Verdict as Listed;
use crate::event::{Event, HitRule, Mail, MailSource};
use crate::flow::Verdict;
use crate::names::{Probe, Sighting, smtp};

/// Mails of vendors begun at once; the oldest gives way.
const BEGUN_MAX: usize = 64;
/// A mail is begun and handed over within minutes (RFC 5321 section 4.5.3.2).
const BEGUN_NS: u64 = 600_000_000_000;
/// Longest address (RFC 5321 section 4.5.3.1: 64 bytes, `@`, 255 bytes).
const ADDRESS_LEN_MAX: usize = 320;

/// Note: a session, between commands. Those of HTTP and SOCKS are in [`super::web`].
const SESSION: u8 = 16;
/// Note: in a mail, with so much of its end (see [`smtp::MAIL_END`]) behind; the last of them is
/// `MAIL + 4`.
const MAIL: u8 = 17;

/// Is this note one of ours?
pub(super) const fn is_mail(note: u8) -> bool {
    note >= SESSION && note < MAIL + smtp::MAIL_END.len() as u8
}

/// Mails of vendors of which the sender was told and the end was not. Empty on most days.
#[derive(Default)]
pub(super) struct Envelopes {
    begun: VecDeque<Envelope>,
}

struct Envelope {
    ends: Endpoints,
    time: Timestamp,
    name: String,
    rule: HitRule,
}

impl Envelopes {
    /// The client's first bytes of a connection: is it SMTP, and what then of it?
    pub fn begin<S: Sink>(
        &mut self,
        bytes: &[u8],
        note: &mut u8,
        context: &mut Context<'_, S>,
    ) -> Option<Verdict> {
        let submits = smtp::PORTS.contains(&context.around.ends.dport);
        (submits || smtp::begins(bytes)).then(|| self.session(bytes, note, context))
    }

    /// What follows in a session. `None`: look at it as at something new (a hello after STARTTLS).
    pub fn go_on<S: Sink>(
        &mut self,
        bytes: &[u8],
        note: &mut u8,
        context: &mut Context<'_, S>,
    ) -> Option<Verdict> {
        if *note == SESSION {
            if bytes.first() == Some(&0x16) {
                return None;
            }
            return Some(self.session(bytes, note, context));
        }
        let seen = usize::from(note.saturating_sub(MAIL));
        let (used, seen) = smtp::mail_end(bytes, seen);
        *note = match seen {
            Some(seen) => MAIL.saturating_add(seen),
            None => SESSION,
        };
        Some(Verdict::Consumed(used))
    }

    fn session<S: Sink>(
        &mut self,
        bytes: &[u8],
        note: &mut u8,
        context: &mut Context<'_, S>,
    ) -> Verdict {
        match smtp::next_line(bytes) {
            Probe::Found((line, used)) => {
                *note = SESSION;
                self.take(line, used, note, context)
            }
            Probe::NeedMore => Verdict::NeedMore,
            Probe::NotForUs | Probe::Malformed(_) => Verdict::NotHere,
        }
    }

    fn take<S: Sink>(
        &mut self,
        line: smtp::Line<'_>,
        used: usize,
        note: &mut u8,
        context: &mut Context<'_, S>,
    ) -> Verdict {
        let ends = context.around.ends;
        match line {
            smtp::Line::Hello | smtp::Line::Reset => self.forget(&ends),
            smtp::Line::Sender(domain) => {
                self.forget(&ends);
                let count = &mut context.stats.smtp_senders;
                *count = count.wrapping_add(1);
                if let Some(domain) = domain {
                    context.seen(&sighting(domain));
                    self.begin_mail(domain, &ends, context);
                    return Verdict::Named(used);
                }
            }
            smtp::Line::Recipient(Some(address)) => {
                self.tell(address, &ends, context);
                if let Some(domain) = smtp::domain(address) {
                    context.sighting(&sighting(domain));
                    return Verdict::Named(used);
                }
            }
            smtp::Line::Mail => {
                self.forget(&ends);
                // As if a line had ended: a mail may be empty.
                *note = MAIL.saturating_add(2);
            }
            smtp::Line::Chunk(len, last) => {
                if last {
                    self.forget(&ends);
                }
                return Verdict::Consumed(used.saturating_add(len));
            }
            smtp::Line::Recipient(None) | smtp::Line::Other => {}
        }
        Verdict::Consumed(used)
    }

    fn begin_mail<S: Sink>(&mut self, domain: &[u8], ends: &Endpoints, context: &Context<'_, S>) {
        let raw = RawName::Text(domain);
        let Listed::Hit(found) = context.list.find_at(&raw, context.around.time) else {
            return;
        };
        let mut name = NameBuf::new();
        if raw.normalise(&mut name).is_err() {
            return;
        }
        if self.begun.len() >= BEGUN_MAX {
            self.begun.pop_front();
        }
        self.begun.push_back(Envelope {
            ends: *ends,
            time: context.around.time,
            name: name.as_str().to_owned(),
            rule: HitRule::of(&found),
        });
    }

    fn tell<S: Sink>(&self, address: &[u8], ends: &Endpoints, context: &mut Context<'_, S>) {
        let now = context.around.time;
        let young = |e: &&Envelope| e.time.nanos().abs_diff(now.nanos()) <= BEGUN_NS;
        let begun = self.begun.iter().find(|e| e.ends == *ends).filter(young);
        let (Some(envelope), Some(recipient)) = (begun, written(address)) else {
            return;
        };
        let count = &mut context.stats.smtp_mails;
        *count = count.wrapping_add(1);
        context.sink.tell(Event::Mail(Box::new(Mail {
            time: now,
            point: context.point.to_owned(),
            source: MailSource::Wire,
            name: envelope.name.clone(),
            rule: envelope.rule.clone(),
            recipient,
            id: String::new(),
        })));
    }

    fn forget(&mut self, ends: &Endpoints) {
        self.begun.retain(|envelope| envelope.ends != *ends);
    }
}

/// The domain alone: a mailbox is nobody's business.
const fn sighting(domain: &[u8]) -> Sighting<'_> {
    Sighting {
        name: RawName::Text(domain),
        seen: Seen::SmtpDomain,
        ech: EchVerdict::None,
        qtype: 0,
        client_is_src: true,
        evidence: domain,
    }
}

/// The address in lower case, if it is text.
fn written(address: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(address).ok()?;
    let fits = text.len() <= ADDRESS_LEN_MAX && !text.chars().any(char::is_control);
    fits.then(|| text.to_lowercase())
}
