//! dnsmasq's log with `log-queries` (also `=extra`).
//!
//! Enters: lines. Leaves: hits. Never: takes an answer, a cache entry or a DHCP line for a look-up.
//!
//! `STAMP [HOST ]dnsmasq[PID]: query[TYPE] NAME from CLIENT`; with `=extra` a serial number and
//! `CLIENT/PORT` stand before `query`.

use super::lookup::{Lookup, name, qtype};
use super::read::{At, Foreign, Read, address};
use super::stamp::{Zone, head};
use crate::base::{Seen, Transport};
use crate::event::Event;

const FORMAT: Foreign = Foreign("a line of dnsmasq's log (`STAMP dnsmasq[PID]: ...`)");

/// One line.
///
/// # Errors
/// [`Foreign`] for what dnsmasq did not write.
pub fn line(line: &str, zone: &Zone, at: &At<'_>, out: &mut Vec<Event>) -> Read {
    let (time, rest) = head(line, at.learned, zone).ok_or(FORMAT)?;
    let (tag, said) = rest.split_once(": ").ok_or(FORMAT)?;
    let program = tag.rsplit(' ').next().unwrap_or(tag);
    let program = program.split('[').next().unwrap_or(program);
    match program {
        "dnsmasq" => {}
        "dnsmasq-dhcp" | "dnsmasq-tftp" | "dnsmasq-script" => return Ok(()),
        _ => return Err(FORMAT),
    }
    let (said, port) = match said.split_once("query[") {
        Some(("", _)) => (said, 0),
        // `12 10.0.0.2/40000 `; a name can hold anything, but it stands behind.
        Some((extra, _)) => {
            let mut words = extra.trim_end().split(' ');
            let serial = words.next().is_some_and(|n| n.parse::<u64>().is_ok());
            let port = words.next().and_then(|who| who.rsplit_once('/'));
            match port.and_then(|(_, port)| port.parse().ok()) {
                Some(port) if serial => (said.get(extra.len()..).unwrap_or_default(), port),
                _ => return Ok(()),
            }
        }
        None => return Ok(()),
    };
    let asked = said.strip_prefix("query[").and_then(|s| s.split_once("] "));
    let (kind, asked) = asked.ok_or(FORMAT)?;
    let (asked, client) = asked.rsplit_once(" from ").ok_or(FORMAT)?;
    let lookup = Lookup {
        time,
        client: address(client.trim_end()).ok_or(FORMAT)?,
        client_port: port,
        server: None,
        port: 53,
        transport: Transport::Udp,
        name: name(asked),
        qtype: qtype(kind),
        seen: Seen::ResolverLog,
    };
    lookup.find(at, out);
    Ok(())
}

#[cfg(test)]
mod tests;
