//! Mails of vendors, out of SMTP in clear.
//!
//! Enters: lines of SMTP clients. Leaves: an [`Event::Mail`] for each recipient of a mail whose
//! sender matched. Never: keeps a sender that did not match; looks into a mail.

use std::collections::VecDeque;

use super::Sink;
use super::context::Context;
use crate::base::{Endpoints, NameBuf, Outcome, RawName, Timestamp};
use crate::blocklist::Verdict as Listed;
use crate::event::{Event, HitRule, Mail, MailSource};
use crate::flow::Verdict;
use crate::names::{Probe, smtp};

/// Mails of vendors begun at once; the oldest gives way.
const BEGUN_MAX: usize = 64;
/// A mail is begun and handed over within minutes (RFC 5321 section 4.5.3.2).
const BEGUN_NS: u64 = 600_000_000_000;
/// Longest address (RFC 5321 section 4.5.3.1: 64 bytes, `@`, 255 bytes).
const ADDRESS_LEN_MAX: usize = 320;

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
    /// The client's bytes of a connection: is it SMTP, and what then of it?
    pub fn read<S: Sink>(&mut self, bytes: &[u8], context: &mut Context<'_, S>) -> Option<Verdict> {
        let ends = context.around.ends;
        let submits = smtp::PORTS.contains(&ends.dport);
        if !submits && !smtp::begins(bytes) && !self.knows(&ends) {
            return None;
        }
        Some(match smtp::next_line(bytes) {
            Probe::Found((line, used)) => self.take(line, used, &ends, context),
            Probe::NeedMore => Verdict::NeedMore,
            Probe::NotForUs | Probe::Malformed(_) => Verdict::NotHere,
        })
    }

    fn take<S: Sink>(
        &mut self,
        line: smtp::Line<'_>,
        used: usize,
        ends: &Endpoints,
        context: &mut Context<'_, S>,
    ) -> Verdict {
        match line {
            smtp::Line::Hello | smtp::Line::Reset => self.forget(ends),
            smtp::Line::Sender(domain) => {
                self.forget(ends);
                let count = &mut context.stats.smtp_senders;
                *count = count.wrapping_add(1);
                if let Some(domain) = domain {
                    self.begin(domain, ends, context);
                }
            }
            smtp::Line::Recipient(Some(address)) => self.tell(address, ends, context),
            smtp::Line::Mail => {
                self.forget(ends);
                return Verdict::Decided(Outcome::OtherProtocol);
            }
            smtp::Line::Recipient(None) | smtp::Line::Other => {}
        }
        Verdict::Consumed(used)
    }

    fn begin<S: Sink>(&mut self, domain: &[u8], ends: &Endpoints, context: &Context<'_, S>) {
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

    fn knows(&self, ends: &Endpoints) -> bool {
        self.begun.iter().any(|envelope| envelope.ends == *ends)
    }

    fn forget(&mut self, ends: &Endpoints) {
        self.begun.retain(|envelope| envelope.ends != *ends);
    }
}

/// The address in lower case, if it is text.
fn written(address: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(address).ok()?;
    let fits = text.len() <= ADDRESS_LEN_MAX && !text.chars().any(char::is_control);
    fits.then(|| text.to_lowercase())
}
