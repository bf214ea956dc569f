//! Address translations: `conntrack -E -o timestamp,id`, and other translators by patterns.
//!
//! Enters: lines. Leaves: translations of TCP and UDP. Never: keeps an address (for flows that
//! stand, the kernel's id and the start are remembered); tells of a flow that was not translated.

use std::net::{IpAddr, Ipv4Addr};

use super::pattern::NatPattern;
use super::read::{At, Foreign, Read, address};
use super::recent::Recent;
use super::stamp::{Zone, epoch, head, moment};
use crate::base::{Endpoints, Timestamp, Transport};
use crate::event::{Event, Translation};

const FORMAT: Foreign = Foreign("a line of `conntrack -E -o timestamp,id`");
const STAMP: Foreign =
    Foreign("`[SECONDS.MICROS]` at the head: run conntrack with `-o timestamp,id`");
const GROUPS: Foreign = Foreign("addresses and ports in the groups of the pattern");
const TIME: Foreign =
    Foreign("a time: a syslog stamp at the head of the line, or one in the group `time`");

/// Flows whose start is remembered: between this number and twice as many.
const FLOWS_MAX: usize = 131_072;

/// Reads conntrack's lines.
pub struct Conntrack {
    starts: Recent<u64, Timestamp>,
}

impl Default for Conntrack {
    fn default() -> Self {
        Self {
            starts: Recent::new(FLOWS_MAX),
        }
    }
}

impl Conntrack {
    /// One line.
    ///
    /// # Errors
    /// [`Foreign`] for what conntrack did not write so.
    pub fn line(&mut self, line: &str, at: &At<'_>, out: &mut Vec<Event>) -> Read {
        let stamped = line.strip_prefix('[').and_then(|l| l.split_once(']'));
        let (stamp, rest) = stamped.ok_or(STAMP)?;
        let time = epoch(stamp.trim()).ok_or(STAMP)?;
        let event = rest.trim_start().strip_prefix('[').ok_or(FORMAT)?;
        let (event, rest) = event.split_once(']').ok_or(FORMAT)?;
        let begins = match event {
            "NEW" => true,
            "DESTROY" => false,
            // Updates change no address.
            _ => return Ok(()),
        };
        let Some(transport) = rest.split_ascii_whitespace().find_map(transport) else {
            return Ok(());
        };
        let flow = Flow::read(rest).ok_or(FORMAT)?;
        let (inside, outside) = flow.ends(transport);
        if inside == outside {
            return Ok(());
        }
        let (from, until) = if begins {
            if let Some(id) = flow.id {
                self.starts.put(id, time);
            }
            (time, None)
        } else {
            let known = flow.id.and_then(|id| self.starts.take(&id));
            let lasted = flow.seconds.unwrap_or(0).saturating_mul(1_000_000_000);
            let told = Timestamp(time.0.saturating_sub(i64::try_from(lasted).unwrap_or(0)));
            (known.unwrap_or(told), Some(time))
        };
        out.push(Event::Translation(Box::new(Translation {
            time: from,
            until,
            origin: at.feed.to_owned(),
            inside,
            outside,
        })));
        Ok(())
    }
}

fn transport(word: &str) -> Option<Transport> {
    match word {
        "tcp" => Some(Transport::Tcp),
        "udp" => Some(Transport::Udp),
        _ => None,
    }
}

/// Both directions of a flow as the kernel holds it.
struct Flow {
    /// src, dst, sport, dport of the original direction, then of the reply.
    tuples: [(IpAddr, IpAddr, u16, u16); 2],
    id: Option<u64>,
    /// `delta-time=`: how long it stood.
    seconds: Option<u64>,
}

impl Flow {
    fn read(text: &str) -> Option<Self> {
        let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let mut tuples = [(nobody, nobody, 0, 0); 2];
        let mut seen = [0u8; 4];
        let (mut id, mut seconds) = (None, None);
        for word in text.split_ascii_whitespace() {
            let Some((key, value)) = word.split_once('=') else {
                continue;
            };
            let which = match key {
                "src" => 0,
                "dst" => 1,
                "sport" => 2,
                "dport" => 3,
                "id" => {
                    id = value.parse().ok();
                    continue;
                }
                "delta-time" => {
                    seconds = value.parse().ok();
                    continue;
                }
                _ => continue,
            };
            let tuple = tuples.get_mut(usize::from(seen[which]))?;
            seen[which] += 1;
            match which {
                0 => tuple.0 = address(value)?,
                1 => tuple.1 = address(value)?,
                2 => tuple.2 = value.parse().ok()?,
                _ => tuple.3 = value.parse().ok()?,
            }
        }
        (seen == [2; 4]).then_some(Self {
            tuples,
            id,
            seconds,
        })
    }

    /// The original direction as the client sent it, and as it left the translator (the reply
    /// turned round).
    const fn ends(&self, transport: Transport) -> (Endpoints, Endpoints) {
        let [(src, dst, sport, dport), reply] = self.tuples;
        let inside = Endpoints {
            src,
            dst,
            sport,
            dport,
            transport,
        };
        let outside = Endpoints {
            src: reply.1,
            dst: reply.0,
            sport: reply.3,
            dport: reply.2,
            transport,
        };
        (inside, outside)
    }
}

/// One line of another translator's log, by patterns. A line that none fits is no fault.
///
/// # Errors
/// [`Foreign`] when a pattern fits and a group makes no sense.
pub fn nat_line(
    line: &str,
    patterns: &NatPattern,
    zone: &Zone,
    at: &At<'_>,
    out: &mut Vec<Event>,
) -> Read {
    let Some(groups) = patterns.find(line) else {
        return Ok(());
    };
    let group = |name: &str| groups.name(name).map(|found| found.as_str().trim());
    let ip = |name| group(name).and_then(address);
    let port = |name| group(name).and_then(|text| text.parse::<u16>().ok());
    let time = match group("time") {
        Some(text) => moment(text, at.learned, zone),
        None => head(line, at.learned, zone).map(|(time, _)| time),
    };
    let time = time.ok_or(TIME)?;
    let transport = match group("proto").map(str::to_lowercase).as_deref() {
        None | Some("tcp" | "6") => Transport::Tcp,
        Some("udp" | "17") => Transport::Udp,
        Some(_) => return Ok(()),
    };
    let src = ip("inside_ip").ok_or(GROUPS)?;
    let unknown = match src {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
    };
    let inside = Endpoints {
        src,
        dst: ip("dst_ip").unwrap_or(unknown),
        sport: port("inside_port").ok_or(GROUPS)?,
        dport: port("dst_port").unwrap_or(0),
        transport,
    };
    let outside = Endpoints {
        src: ip("outside_ip").ok_or(GROUPS)?,
        sport: port("outside_port").ok_or(GROUPS)?,
        ..inside
    };
    let ended = group("end").is_some();
    out.push(Event::Translation(Box::new(Translation {
        time,
        until: ended.then_some(time),
        origin: at.feed.to_owned(),
        inside,
        outside,
    })));
    Ok(())
}

#[cfg(test)]
mod tests;
