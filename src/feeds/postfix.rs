//! Postfix' mail log: lines joined by queue id.
//!
//! Enters: lines. Leaves: a mail for each recipient of a vendor's message that was delivered
//! (`status=sent`). Never: remembers a sender that did not match (of other mail a queue id and a
//! shortened message id are kept while it is under way).
//!
//! `cleanup` tells the message id (and, with `header_checks` of `/^From:/ INFO`, the sender that
//! people see), `qmgr` the envelope sender, `smtp`, `lmtp`, `local`, `virtual`, `pipe` the end.

use super::mail::{Sender, is_ours, message, message_text};
use super::read::{At, Foreign, Read};
use super::recent::Recent;
use super::stamp::{Zone, head};
use crate::base::{DomainName, Timestamp};
use crate::event::Event;

const FORMAT: Foreign = Foreign("a line of Postfix' log (`STAMP HOST postfix/PROGRAM[PID]: ...`)");

/// Messages under way that are remembered: between this number and twice as many.
const QUEUE_MAX: usize = 16_384;
/// The same for those of vendors.
const MATCHED_MAX: usize = 4096;

/// Joins the lines of a message.
pub struct Postfix {
    senders: Recent<String, Sender>,
    messages: Recent<String, u64>,
}

impl Default for Postfix {
    fn default() -> Self {
        Self {
            senders: Recent::new(MATCHED_MAX),
            messages: Recent::new(QUEUE_MAX),
        }
    }
}

impl Postfix {
    /// One line.
    ///
    /// # Errors
    /// [`Foreign`] for what is no line of syslog. Lines of other programs are none of ours.
    pub fn line(
        &mut self,
        line: &str,
        (zone, domains): (&Zone, &[DomainName]),
        at: &At<'_>,
        out: &mut Vec<Event>,
    ) -> Read {
        let (time, rest) = head(line, at.learned, zone).ok_or(FORMAT)?;
        // Programs are `postfix/qmgr`, of a second instance `postfix-out/qmgr`, of a service that
        // master.cf names `postfix/submission/smtpd`.
        let (tag, said) = rest.split_once(": ").ok_or(FORMAT)?;
        let Some((_, program)) = tag.split('[').next().and_then(|tag| tag.rsplit_once('/')) else {
            return Ok(());
        };
        let Some((queue, said)) = said.split_once(": ") else {
            return Ok(());
        };
        if queue.len() > 32 || !queue.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Ok(());
        }
        match program {
            "cleanup" => self.cleanup(queue, said, time, at),
            "qmgr" => self.qmgr(queue, said, time, at),
            _ => self.delivery(queue, said, (time, domains), at, out),
        }
        Ok(())
    }

    fn cleanup(&mut self, queue: &str, said: &str, time: Timestamp, at: &At<'_>) {
        if let Some(id) = said.strip_prefix("message-id=") {
            if let Some(hash) = message(id) {
                self.messages.put(queue.to_owned(), hash);
            }
            return;
        }
        let shown = said.split_once("header From: ").map(|(_, shown)| shown);
        // Behind the header stand `from HOST[ADDRESS]; from=<> to=<> ...`.
        let shown = shown.and_then(|shown| shown.rsplit_once("; from=<"));
        let Some((shown, _)) = shown.map(|(s, e)| (s.rsplit_once(" from ").map_or(s, |p| p.0), e))
        else {
            return;
        };
        let address = match shown.rsplit_once('<') {
            Some((_, address)) => address.split('>').next().unwrap_or_default(),
            None => shown.trim(),
        };
        if let Some(sender) = Sender::find(address, time, at) {
            self.senders.put(queue.to_owned(), sender);
        }
    }

    fn qmgr(&mut self, queue: &str, said: &str, time: Timestamp, at: &At<'_>) {
        if said == "removed" {
            self.senders.take(&queue.to_owned());
            self.messages.take(&queue.to_owned());
            return;
        }
        let address = bracketed(said, "from=<");
        if let Some(sender) = address.and_then(|address| Sender::find(address, time, at)) {
            self.senders.put(queue.to_owned(), sender);
        }
    }

    fn delivery(
        &self,
        queue: &str,
        said: &str,
        (time, domains): (Timestamp, &[DomainName]),
        at: &At<'_>,
        out: &mut Vec<Event>,
    ) {
        let key = queue.to_owned();
        let Some(sender) = self.senders.peek(&key) else {
            return;
        };
        // The reply behind the status is the other server's text: it may say anything.
        let Some((facts, _)) = said.split_once(", status=sent (") else {
            return;
        };
        let Some(to) = bracketed(facts, "to=<") else {
            return;
        };
        // An alias was expanded: who was written to may be the one of the two that is ours.
        let written_to = facts.split_once(", orig_to=<").map(|(_, rest)| rest);
        let written_to = written_to.and_then(|rest| rest.split('>').next());
        let ours = [Some(to), written_to].into_iter().flatten();
        let Some(recipient) = ours.into_iter().find(|to| is_ours(to, domains)) else {
            return;
        };
        let hash = self.messages.peek(&key);
        let id = hash.map_or_else(|| format!("queue-{queue}"), |hash| message_text(*hash));
        out.push(sender.mail(recipient, time, id, at));
    }
}

/// `KEY<...>` at the head of what was said.
fn bracketed<'a>(said: &'a str, key: &str) -> Option<&'a str> {
    said.strip_prefix(key)?.split('>').next()
}

#[cfg(test)]
mod tests;
