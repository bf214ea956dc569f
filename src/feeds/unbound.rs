//! Unbound's log with `log-queries` or `log-replies`.
//!
//! Enters: lines. Leaves: hits. Never: counts a query and its reply as two.
//!
//! `[1795327871] unbound[291:0] info: CLIENT NAME TYPE CLASS`, with `log-time-ascii` a stamp in
//! front, with `log-tag-queryreply` `query:` or `reply:` for `info:`; a reply goes on with its
//! code, seconds, whether it was cached, and bytes. The client's port, the server and the transport
//! are not told.

use super::lookup::{Lookup, name, qtype};
use super::read::{At, Foreign, Read, address};
use super::stamp::{Zone, head};
use crate::base::{Seen, Transport};
use crate::event::Event;

const FORMAT: Foreign =
    Foreign("a line of Unbound's log (`[time] unbound[pid:thread] level: ...`)");

/// Reads Unbound's lines.
#[derive(Default)]
pub struct Unbound {
    /// Queries are logged too: replies would say the same again.
    queries: bool,
}

impl Unbound {
    /// One line.
    ///
    /// # Errors
    /// [`Foreign`] for what Unbound did not write.
    pub fn line(&mut self, line: &str, zone: &Zone, at: &At<'_>, out: &mut Vec<Event>) -> Read {
        let (time, rest) = head(line, at.learned, zone).ok_or(FORMAT)?;
        // Through syslog a host name stands before the program.
        let (_, rest) = rest.split_once("unbound").ok_or(FORMAT)?;
        let (_, rest) = rest.split_once("] ").ok_or(FORMAT)?;
        // Through syslog the program's own `[pid:thread]` follows the tag.
        let rest = match rest.strip_prefix('[').and_then(|r| r.split_once("] ")) {
            Some((_, rest)) => rest,
            None => rest,
        };
        let (level, said) = rest.split_once(": ").ok_or(FORMAT)?;
        if !matches!(level, "info" | "query" | "reply") {
            return Ok(());
        }
        let fields: Vec<&str> = said.split(' ').collect();
        let (asked, reply) = match fields[..] {
            [client, asked, kind, _class] if level != "reply" => ((client, asked, kind), false),
            [client, asked, kind, _class, _code, _seconds, _cached, _len] if level != "query" => {
                ((client, asked, kind), true)
            }
            _ => return Ok(()),
        };
        let (client, asked, kind) = asked;
        // Any other `info:` of four words.
        let Some(client) = address(client).filter(|_| asked.ends_with('.')) else {
            return Ok(());
        };
        self.queries |= !reply;
        if !(reply && self.queries) {
            let lookup = Lookup {
                time,
                client,
                client_port: 0,
                server: None,
                port: 53,
                transport: Transport::Udp,
                name: name(asked),
                qtype: qtype(kind),
                seen: Seen::ResolverLog,
            };
            lookup.find(at, out);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
