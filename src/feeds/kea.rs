//! Kea's memfile of leases (CSV), v4 and v6.
//!
//! Enters: lines of the file. Leaves: facts. Never: takes a column by its place: the header names
//! them, and each version of Kea has its own.
//!
//! A lease begins at `expire - valid_lifetime` (the client's last transaction). Rows supersede one
//! another. A row with a lifetime of 0 says that the lease was given back, not when.

use super::known::Known;
use super::read::{At, Foreign, Read, fact_event, hex, mac, net, some};
use crate::base::Timestamp;
use crate::event::{Event, FactAct, FactSource};

const HEADER: Foreign = Foreign("Kea's header line (`address,hwaddr,...` or `address,duid,...`)");
const ROW: Foreign = Foreign("a Kea lease row with as many columns as the header");

/// `valid_lifetime` of a lease without end; `expire` then holds its beginning.
const INFINITE: u64 = 0xffff_ffff;
/// `lease_type` of a delegated prefix.
const PREFIX: &str = "2";

/// Reads Kea's rows.
#[derive(Default)]
pub struct Kea {
    /// Names of the columns, from the header.
    columns: Vec<String>,
    /// What was told already.
    pub known: Known,
}

impl Kea {
    /// One line.
    ///
    /// # Errors
    /// [`Foreign`] for what is no row.
    pub fn line(&mut self, line: &str, at: &At<'_>, out: &mut Vec<Event>) -> Read {
        if line.starts_with("address,") {
            self.columns = line.split(',').map(str::to_owned).collect();
            return Ok(());
        }
        if line.is_empty() {
            return Ok(());
        }
        if self.columns.is_empty() {
            return Err(HEADER);
        }
        let fields: Vec<&str> = line.split(',').collect();
        // A cut row has fewer; older rows of a file that was upgraded may have fewer, too, but
        // never without the columns that count.
        if fields.len() > self.columns.len() {
            return Err(ROW);
        }
        self.row(&fields, line, at, out).ok_or(ROW)
    }

    fn row(
        &mut self,
        fields: &[&str],
        line: &str,
        at: &At<'_>,
        out: &mut Vec<Event>,
    ) -> Option<()> {
        let field = |name: &str| {
            let at = self.columns.iter().position(|column| column == name)?;
            fields.get(at).copied()
        };
        let number = |name: &str| field(name)?.parse::<u64>().ok();
        let address = field("address")?;
        let net = match field("lease_type") {
            Some(PREFIX) => net(&format!("{address}/{}", field("prefix_len")?))?,
            _ => net(address).filter(|net| net.prefix_len() == net.max_prefix_len())?,
        };
        let (lifetime, expire) = (number("valid_lifetime")?, number("expire")?);
        // The last column that counts: without it the row was cut.
        let state = number("state")?;
        let seconds = |n: u64| Some(Timestamp::from_secs_nanos(i64::try_from(n).ok()?, 0));
        let (from, until) = match lifetime {
            INFINITE => (seconds(expire)?, None),
            _ => (
                seconds(expire.saturating_sub(lifetime))?,
                Some(seconds(expire)?),
            ),
        };
        let (act, time, until) = match (state, lifetime) {
            (0, 0) => (FactAct::Ends, self.known.given_back(&net, at.learned), None),
            (0, _) => (FactAct::Holds, from, until),
            // Declined: somebody else sits on the address, and nobody is said to hold it.
            (1, _) => (FactAct::Ends, from, None),
            // Reclaimed after its end, released, or only registered.
            _ => (FactAct::Ends, until.unwrap_or(from), None),
        };
        let mut fact = at.fact(FactSource::LeaseFile, act, time);
        fact.until = until;
        fact.net = Some(net);
        fact.mac = field("hwaddr").and_then(mac);
        fact.client_id = field("client_id").or(field("duid")).and_then(hex);
        fact.host = field("hostname").and_then(|host| some(&unescaped(host)));
        if self.known.is_news(net, (from, until), line.as_bytes()) {
            out.push(fact_event(fact));
        }
        Some(())
    }
}

/// Kea writes a comma inside a field as `&#x2c`.
fn unescaped(field: &str) -> String {
    let mut out = String::new();
    let mut rest = field;
    while let Some((before, after)) = rest.split_once("&#x") {
        out.push_str(before);
        let byte = after.get(..2).and_then(|d| u8::from_str_radix(d, 16).ok());
        match byte {
            Some(byte) => {
                out.push(char::from(byte));
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push_str("&#x");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests;
