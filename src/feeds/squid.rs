//! Squid's access log: its own format, `common` and `combined`.
//!
//! Enters: lines. Leaves: hits. Never: keeps a path, a query or a user: of a URL the host and port
//! alone are looked at.
//!
//! Squid writes a line when a request is over; its own format tells how long it took, so that the
//! hit stands where the request began, which for a tunnel may be an hour before.

use super::lookup::{Lookup, name};
use super::read::{At, Foreign, Read, address};
use super::stamp::{Zone, epoch, moment};
use crate::base::{Seen, Timestamp, Transport};
use crate::event::Event;

const FORMAT: Foreign = Foreign(
    "Squid's own access log format (`logformat squid`), or `common` or `combined` of its manual",
);

/// One line.
///
/// # Errors
/// [`Foreign`] for another format.
pub fn line(line: &str, at: &At<'_>, out: &mut Vec<Event>) -> Read {
    let request = own(line).or_else(|| common(line, at)).ok_or(FORMAT)?;
    // A request without a URL (`error:...`, an empty connection) has no name.
    let Some((host, port)) = target(request.method, request.url) else {
        return Ok(());
    };
    let lookup = Lookup {
        time: request.time,
        client: request.client,
        client_port: 0,
        server: request.server,
        port,
        transport: Transport::Tcp,
        name: name(host),
        qtype: 0,
        seen: Seen::ProxyLog,
    };
    lookup.find(at, out);
    Ok(())
}

struct Request<'a> {
    time: Timestamp,
    client: std::net::IpAddr,
    method: &'a str,
    url: &'a str,
    server: Option<std::net::IpAddr>,
}

/// `TIME ELAPSED CLIENT CODE/STATUS BYTES METHOD URL USER HIERARCHY/SERVER TYPE`.
fn own(line: &str) -> Option<Request<'_>> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [
        time,
        elapsed,
        client,
        code,
        _bytes,
        method,
        url,
        _user,
        hierarchy,
        ..,
    ] = fields[..]
    else {
        return None;
    };
    code.contains('/').then_some(())?;
    let elapsed_ms: i64 = elapsed.parse().ok()?;
    let (_, server) = hierarchy.split_once('/')?;
    let end = epoch(time)?.0;
    Some(Request {
        time: Timestamp(end.saturating_sub(elapsed_ms.max(0).saturating_mul(1_000_000))),
        client: address(client)?,
        method,
        url,
        server: address(server),
    })
}

/// `CLIENT IDENT USER [TIME] "METHOD URL VERSION" STATUS BYTES ...`.
fn common<'a>(line: &'a str, at: &At<'_>) -> Option<Request<'a>> {
    let (client, rest) = line.split_once(' ')?;
    let (_, rest) = rest.split_once(" [")?;
    let (time, rest) = rest.split_once("] \"")?;
    let (request, _) = rest.split_once('"')?;
    let mut words = request.split(' ');
    let (method, url, _version) = (words.next()?, words.next()?, words.next()?);
    Some(Request {
        time: moment(time, at.learned, &Zone::default())?,
        client: address(client)?,
        method,
        url,
        server: None,
    })
}

/// Host and port of `host:port` (CONNECT) or of a URL (RFC 3986 section 3.2).
fn target<'a>(method: &str, url: &'a str) -> Option<(&'a str, u16)> {
    let (authority, default) = match url.split_once("://") {
        Some((scheme, rest)) => {
            let port = match scheme {
                "http" | "ws" => 80,
                "https" | "wss" => 443,
                "ftp" => 21,
                _ => return None,
            };
            (rest.split(['/', '?', '#']).next()?, port)
        }
        None if method == "CONNECT" => (url, 443),
        None => return None,
    };
    let authority = match authority.rsplit_once('@') {
        Some((_, authority)) => authority,
        None => authority,
    };
    if authority.starts_with('[') {
        // An address in brackets has no name.
        return None;
    }
    match authority.rsplit_once(':') {
        Some((host, port)) => Some((host, port.parse().ok()?)),
        None => Some((authority, default)),
    }
}

#[cfg(test)]
mod tests;
