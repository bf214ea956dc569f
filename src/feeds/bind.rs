//! BIND's query log (category `queries`).
//!
//! Enters: lines. Leaves: hits. Never: reads a line of another category.
//!
//! `STAMP [queries: info: ]client @0x... ADDRESS#PORT (NAME): [view V: ]query: NAME CLASS TYPE
//! FLAGS (SERVER)`; a `T` among the flags is TCP. Through syslog a host and `named[pid]:` stand
//! before `client`. The channel must have `print-time`.

use super::lookup::{Lookup, name, qtype};
use super::read::{At, Foreign, Read, address};
use super::stamp::{Zone, head};
use crate::base::{Seen, Transport};
use crate::event::Event;

const FORMAT: Foreign =
    Foreign("a line of BIND's query log with its time (`print-time yes` in the channel)");

/// One line.
///
/// # Errors
/// [`Foreign`] for what BIND did not write.
pub fn line(line: &str, zone: &Zone, at: &At<'_>, out: &mut Vec<Event>) -> Read {
    let (time, rest) = head(line, at.learned, zone).ok_or(FORMAT)?;
    let Some(said) = client_part(rest) else {
        // BIND writes other things to the same channel.
        return Ok(());
    };
    // The asked name is the client's text: what stands before it must be found from the left.
    let (who, asked) = said.split_once(' ').ok_or(FORMAT)?;
    let (client, port) = who.split_once('#').ok_or(FORMAT)?;
    let Some((_, asked)) = asked.split_once("): ") else {
        return Ok(());
    };
    let asked = match asked.strip_prefix("view ").and_then(|v| v.split_once(": ")) {
        Some((_, asked)) => asked,
        None => asked,
    };
    let Some(asked) = asked.strip_prefix("query: ") else {
        return Ok(());
    };
    let fields: Vec<&str> = asked.split(' ').collect();
    let [asked, _class, kind, flags, server] = fields[..] else {
        return Err(FORMAT);
    };
    let server = address(server.trim_matches(['(', ')']));
    let tcp = flags.contains('T');
    let lookup = Lookup {
        time,
        client: address(client).ok_or(FORMAT)?,
        client_port: port.parse().map_err(|_| FORMAT)?,
        server: server.filter(|server| !server.is_unspecified()),
        port: 53,
        transport: if tcp { Transport::Tcp } else { Transport::Udp },
        name: name(asked),
        qtype: qtype(kind),
        seen: Seen::ResolverLog,
    };
    lookup.find(at, out);
    Ok(())
}

/// What follows `client @0x... ` (or `client ` of older versions).
fn client_part(rest: &str) -> Option<&str> {
    let said = match rest.strip_prefix("client ") {
        Some(said) => said,
        None => rest.split_once(": client ")?.1,
    };
    match said.strip_prefix('@') {
        Some(pointer) => pointer.split_once(' ').map(|(_, said)| said),
        None => Some(said),
    }
}

#[cfg(test)]
mod tests;
