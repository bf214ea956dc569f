//! ISC dhcpd's lease files, v4 and v6 (dhcpd.leases(5)).
//!
//! Enters: lines of the file. Leaves: a fact for each block that was closed. Never: takes a block
//! that is cut off; reads statements of other kinds (hosts, failover state, classes).
//!
//! The file is a journal: the last block of an address wins. Times are UTC (`6 2026/11/21
//! 06:10:16`) or, with `db-time-format local`, `epoch N`.

use ipnet::IpNet;

use super::known::Known;
use super::read::{At, CLIENT_ID_LEN_MAX, Foreign, Read, fact_event, mac, net, some};
use super::stamp;
use crate::base::Timestamp;
use crate::event::{Event, FactAct, FactSource};

const FORMAT: Foreign = Foreign("a statement of dhcpd.leases(5)");
const CUT: Foreign = Foreign("the end `}` of the block before; that block is left out");
const BLOCK: Foreign = Foreign("a lease block with address, times and `binding state`");

/// A moment that may be never.
#[derive(Clone, Copy)]
enum When {
    Never,
    At(Timestamp),
}

/// The block that is being read.
#[derive(Default)]
struct Block {
    net: Option<IpNet>,
    starts: Option<When>,
    ends: Option<When>,
    cltt: Option<When>,
    state: String,
    mac: Option<[u8; 6]>,
    client_id: Option<Vec<u8>>,
    host: Option<String>,
    text: String,
}

#[derive(Default)]
enum Place {
    #[default]
    Outside,
    /// In `lease ADDRESS {`.
    Lease,
    /// In `ia-na "..." {`, between its addresses.
    Association,
    /// In `iaaddr ADDRESS {` inside of that.
    Address,
    /// In a block of another kind, so many braces deep.
    Other(u32),
}

/// Reads dhcpd's blocks.
#[derive(Default)]
pub struct Isc {
    place: Place,
    block: Block,
    /// DUID and last transaction of the association around an address.
    duid: Option<Vec<u8>>,
    cltt: Option<When>,
    /// What was told already.
    pub known: Known,
}

/// Longest block kept to tell it from the one before, in bytes.
const BLOCK_LEN_MAX: usize = 16 * 1024;

impl Isc {
    /// The file begins anew: an open block will not be closed.
    pub fn begin(&mut self) {
        self.place = Place::Outside;
        self.known.begin();
    }

    /// One line.
    ///
    /// # Errors
    /// [`Foreign`] for what does not belong there.
    pub fn line(&mut self, line: &str, at: &At<'_>, out: &mut Vec<Event>) -> Read {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        match self.place {
            Place::Outside => self.outside(line),
            Place::Lease => self.inside(line, false, at, out),
            Place::Address => self.inside(line, true, at, out),
            Place::Association => self.association(line),
            Place::Other(depth) => {
                let depth = match (line.ends_with('{'), line.starts_with('}')) {
                    (true, _) => depth.saturating_add(1),
                    (false, true) => depth.saturating_sub(1),
                    _ => depth,
                };
                self.place = match depth {
                    0 => Place::Outside,
                    _ => Place::Other(depth),
                };
                Ok(())
            }
        }
    }

    fn outside(&mut self, line: &str) -> Read {
        let opens = line.strip_suffix('{').map(str::trim);
        let Some(opens) = opens else {
            return if line.ends_with(';') {
                Ok(())
            } else {
                Err(FORMAT)
            };
        };
        let (word, rest) = opens.split_once(' ').unwrap_or((opens, ""));
        match word {
            "lease" => {
                self.place = Place::Lease;
                self.block = Block {
                    net: net(rest),
                    ..Block::default()
                };
            }
            "ia-na" | "ia-ta" | "ia-pd" => {
                self.place = Place::Association;
                // The first four bytes are the number of the association (IAID).
                let key = quoted(rest).filter(|key| key.len() <= 4 + CLIENT_ID_LEN_MAX);
                self.duid = key.and_then(|key| key.get(4..).map(<[u8]>::to_vec));
                self.cltt = None;
            }
            _ => self.place = Place::Other(1),
        }
        Ok(())
    }

    fn association(&mut self, line: &str) -> Read {
        if line.starts_with('}') {
            self.place = Place::Outside;
            return Ok(());
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "iaaddr" | "iaprefix" => {
                self.place = Place::Address;
                self.block = Block {
                    net: rest.strip_suffix('{').map(str::trim).and_then(net),
                    cltt: self.cltt,
                    client_id: self.duid.clone(),
                    ..Block::default()
                };
                Ok(())
            }
            "cltt" => {
                self.cltt = when(rest);
                Ok(())
            }
            "ia-na" | "ia-ta" | "ia-pd" => {
                self.outside(line)?;
                Err(CUT)
            }
            _ => Ok(()),
        }
    }

    fn inside(&mut self, line: &str, v6: bool, at: &At<'_>, out: &mut Vec<Event>) -> Read {
        if line.starts_with('}') {
            self.place = if v6 {
                Place::Association
            } else {
                Place::Outside
            };
            return self.close(v6, at, out);
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if matches!(word, "lease" | "ia-na" | "ia-ta" | "ia-pd") && line.ends_with('{') {
            self.outside(line)?;
            return Err(CUT);
        }
        let block = &mut self.block;
        if block.text.len() + line.len() < BLOCK_LEN_MAX {
            block.text.push_str(line);
        }
        let value = rest.strip_suffix(';').unwrap_or(rest).trim();
        match word {
            "starts" => block.starts = when(rest),
            "ends" => block.ends = when(rest),
            "cltt" => block.cltt = when(rest),
            "binding" => {
                value
                    .strip_prefix("state ")
                    .unwrap_or_default()
                    .clone_into(&mut block.state);
            }
            "hardware" => block.mac = value.strip_prefix("ethernet ").and_then(mac),
            "uid" => block.client_id = quoted(value).filter(|id| id.len() <= CLIENT_ID_LEN_MAX),
            "client-hostname" => {
                block.host = quoted(value).and_then(|host| some(&super::read::text(&host)));
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, v6: bool, at: &At<'_>, out: &mut Vec<Event>) -> Read {
        let block = std::mem::take(&mut self.block);
        let moment = |when: Option<When>| match when {
            Some(When::At(time)) => Some(time),
            _ => None,
        };
        let (starts, cltt) = (moment(block.starts), moment(block.cltt));
        let (Some(net), Some(from)) = (block.net, starts.or(cltt)) else {
            // An address that was never given out has no times.
            return if block.net.is_some() && !block.state.is_empty() {
                Ok(())
            } else {
                Err(BLOCK)
            };
        };
        let until = moment(block.ends);
        let (act, time, until) = match block.state.as_str() {
            "" => return Err(BLOCK),
            "active" => (FactAct::Holds, from, until),
            // v6 keeps the old end in a released lease; its last transaction is the release.
            "released" if v6 => (FactAct::Ends, cltt.unwrap_or(from), None),
            // Somebody else sits on the address; `ends` is when it may be given out again.
            "abandoned" => (FactAct::Ends, from, None),
            _ => (FactAct::Ends, until.unwrap_or(from), None),
        };
        if self
            .known
            .is_news(net, (from, until), block.text.as_bytes())
        {
            let mut fact = at.fact(FactSource::LeaseFile, act, time);
            fact.until = until;
            fact.net = Some(net);
            fact.mac = block.mac;
            fact.client_id = block.client_id;
            fact.host = block.host;
            out.push(fact_event(fact));
        }
        Ok(())
    }
}

/// `never;`, `epoch 1795327720; # ...` or `0 2026/11/22 06:10:16;`.
fn when(text: &str) -> Option<When> {
    let text = text.split(';').next()?.trim();
    if text == "never" {
        return Some(When::Never);
    }
    if let Some(seconds) = text.strip_prefix("epoch ") {
        return stamp::epoch(seconds.trim()).map(When::At);
    }
    let (_weekday, date) = text.split_once(' ')?;
    let iso = date.replace('/', "-");
    stamp::moment(&iso, Timestamp(0), &stamp::Zone::default()).map(When::At)
}

/// The bytes of `"..."` with `\"`, `\\` and octal `\001`.
fn quoted(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.trim().strip_prefix('"')?.bytes();
    let mut out = Vec::new();
    loop {
        match bytes.next()? {
            b'"' => return Some(out),
            b'\\' => match bytes.next()? {
                first @ b'0'..=b'3' => {
                    let digit = |byte: u8| (b'0'..=b'7').contains(&byte).then(|| byte - b'0');
                    let (second, third) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                    out.push((first - b'0') << 6 | second << 3 | third);
                }
                b'n' => out.push(b'\n'),
                b'r' => out.push(b'\r'),
                b't' => out.push(b'\t'),
                other => out.push(other),
            },
            byte => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests;
