//! Static assignments, and what became of a file that is written anew as a whole.
//!
//! Enters: the whole text of a list (CSV with a header, or JSON lines), or of dnsmasq's leases.
//! Leaves: facts for what is new, what changed and what is gone. Never: keeps a name (the last text
//! is remembered as hashes); drops the rest because one line is wrong; tells of people; lets an edit
//! change what held before it.

use ahash::RandomState;
use csv_core::ReadRecordResult;
use hashbrown::{HashMap, HashSet};
use ipnet::IpNet;
use serde::Deserialize;

use super::read::{At, Foreign, address, fact_event, mac, some};
use super::stamp::{Zone, moment};
use crate::base::Timestamp;
use crate::event::{Event, FactAct, FactSource};

/// One lease or assignment. No `Debug`: it names devices.
pub struct Entry {
    /// Address.
    pub net: IpNet,
    /// Link-layer address.
    pub mac: Option<[u8; 6]>,
    /// Client identifier or DUID.
    pub client_id: Option<Vec<u8>>,
    /// Device name.
    pub host: Option<String>,
    /// From when; `None`: the source does not tell.
    pub from: Option<Timestamp>,
    /// Up to when.
    pub until: Option<Timestamp>,
    /// What the line said, to tell whether it changed.
    pub said: String,
}

const HEADER: Foreign =
    Foreign("a header line with `address`, `mac` and any of `host`, `from`, `to`");
const ROW: Foreign = Foreign("as many fields as the header has");
const ADDRESS: Foreign = Foreign("one address in `address` (a prefix is no device's)");
const MAC: Foreign = Foreign("a link-layer address such as 02:00:00:00:77:0a in `mac`");
const TIME: Foreign = Foreign("a time such as 2026-11-22T06:00:00Z or a date in `from` and `to`");
const JSON: Foreign = Foreign(
    "a JSON object with `address`, `mac` and any of `host`, `from`, `to`, and nothing else",
);
const USER: Foreign = Foreign(
    "no `user`: a list tells which device has an address; who is logged in there, RADIUS, Kerberos \
     or an `aaa` log tells",
);

/// A JSON line, or a CSV row by its header.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Row {
    address: String,
    mac: String,
    host: String,
    /// Refused, with a message of its own.
    user: Option<serde::de::IgnoredAny>,
    from: String,
    to: String,
}

/// Reads the lines of a list of static assignments.
#[derive(Default)]
pub struct Assigned {
    columns: Vec<String>,
}

impl Assigned {
    /// One line of the text, in order.
    ///
    /// # Errors
    /// [`Foreign`] says what was expected.
    pub fn line(&mut self, line: &str, learned: Timestamp) -> Result<Option<Entry>, Foreign> {
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        if line.starts_with('{') {
            let row: Row = serde_json::from_str(line).map_err(|_| JSON)?;
            if row.user.is_some() {
                return Err(USER);
            }
            return entry(&row, line, learned).map(Some);
        }
        let fields = csv(line).ok_or(ROW)?;
        if self.columns.is_empty() {
            let lower: Vec<String> = fields.iter().map(|f| f.trim().to_lowercase()).collect();
            if lower.iter().any(|f| f == "user") {
                return Err(USER);
            }
            let known = ["address", "mac", "host", "from", "to"];
            if !["address", "mac"]
                .iter()
                .all(|f| lower.iter().any(|it| it == f))
                || !lower.iter().all(|f| known.contains(&f.as_str()))
            {
                return Err(HEADER);
            }
            self.columns = lower;
            return Ok(None);
        }
        if fields.len() != self.columns.len() {
            return Err(ROW);
        }
        let mut row = Row::default();
        for (column, field) in self.columns.iter().zip(fields) {
            match column.as_str() {
                "address" => row.address = field,
                "mac" => row.mac = field,
                "host" => row.host = field,
                "from" => row.from = field,
                _ => row.to = field,
            }
        }
        entry(&row, line, learned).map(Some)
    }
}

fn entry(row: &Row, line: &str, learned: Timestamp) -> Result<Entry, Foreign> {
    let time = |text: &str| match text.trim() {
        "" => Ok(None),
        text if text.len() == 10 => {
            let whole = format!("{text}T00:00:00Z");
            moment(&whole, learned, &Zone::default())
                .map(Some)
                .ok_or(TIME)
        }
        text => moment(text, learned, &Zone::default())
            .map(Some)
            .ok_or(TIME),
    };
    Ok(Entry {
        net: address(row.address.trim()).ok_or(ADDRESS)?.into(),
        mac: Some(mac(row.mac.trim()).ok_or(MAC)?),
        client_id: None,
        host: some(&row.host),
        from: time(&row.from)?,
        until: time(&row.to)?,
        said: line.to_owned(),
    })
}

/// Fields of one line of CSV (RFC 4180); `None` when a quote is not closed.
pub fn csv(line: &str) -> Option<Vec<String>> {
    let mut reader = csv_core::Reader::new();
    let mut text = vec![0; line.len() + 1];
    let mut ends = vec![0; line.len() + 2];
    let (result, read, written, count) = reader.read_record(line.as_bytes(), &mut text, &mut ends);
    let (mut written, mut count) = (written, count);
    if result == ReadRecordResult::InputEmpty {
        if quotes_are_open(line) {
            return None;
        }
        let rest = line.as_bytes().get(read..)?;
        let (result, _, more, ends_more) =
            reader.read_record(rest, text.get_mut(written..)?, ends.get_mut(count..)?);
        if result != ReadRecordResult::Record && result != ReadRecordResult::End {
            return None;
        }
        written += more;
        count += ends_more;
    }
    let text = text.get(..written)?;
    let mut from = 0;
    let each = ends.get(..count)?.iter().map(|end| {
        let field = text.get(from..*end).map(super::read::text);
        from = *end;
        field.map(std::borrow::Cow::into_owned)
    });
    each.collect()
}

/// An odd number of quotes leaves one open.
fn quotes_are_open(line: &str) -> bool {
    line.matches('"').count() % 2 == 1
}

/// What the last text said, as hashes.
pub struct Snapshot {
    told: HashMap<IpNet, HashSet<u64, RandomState>, RandomState>,
    state: RandomState,
    source: FactSource,
    /// Has no text been read yet?
    first: bool,
}

/// Most lines of one file that are kept apart.
const ENTRIES_MAX: usize = 262_144;

impl Snapshot {
    /// Nothing told yet.
    pub fn new(source: FactSource) -> Self {
        Self {
            told: HashMap::default(),
            state: RandomState::new(),
            source,
            first: true,
        }
    }

    /// From when an entry counts that does not tell. What stands in a list at the start has always
    /// been so; what is written into it later has not.
    const fn from(&self, at: &At<'_>) -> Timestamp {
        match self.source {
            FactSource::Static if self.first => Timestamp(0),
            _ => at.learned,
        }
    }

    /// Takes all entries of a text; facts for what changed. An assignment that vanished ended now:
    /// the file does not tell when. In a text that is not `complete` (a line could not be read)
    /// nothing is known to have vanished.
    pub fn take(
        &mut self,
        mut entries: Vec<Entry>,
        complete: bool,
        at: &At<'_>,
        out: &mut Vec<Event>,
    ) {
        let complete = complete && entries.len() <= ENTRIES_MAX;
        entries.truncate(ENTRIES_MAX);
        let mut now: HashMap<IpNet, HashSet<u64, RandomState>, RandomState> = HashMap::default();
        for entry in &entries {
            let hash = self.state.hash_one(&entry.said);
            now.entry(entry.net).or_default().insert(hash);
        }
        let mut ended = HashSet::<IpNet, RandomState>::default();
        for (net, told) in self.told.iter().filter(|_| complete) {
            let stays = now.get(net);
            // One lease file has one lease an address: the new one takes the place of the old. Of
            // a list, what is not repeated must be ended.
            let ends = match self.source {
                FactSource::LeaseFile => stays.is_none(),
                _ => stays.is_none_or(|stays| !told.is_subset(stays)),
            };
            if ends {
                let mut fact = at.fact(self.source, FactAct::Ends, at.learned);
                fact.net = Some(*net);
                out.push(fact_event(fact));
                ended.insert(*net);
            }
        }
        for entry in entries {
            let hash = self.state.hash_one(&entry.said);
            let told = self.told.get(&entry.net).is_some_and(|t| t.contains(&hash));
            if told && !ended.contains(&entry.net) {
                continue;
            }
            let mut from = entry.from.unwrap_or(self.from(at));
            if ended.contains(&entry.net) {
                // What takes the place of an entry, or is put back beside one, begins behind its
                // end: else the past would change, and the end would end it too.
                from = from.max(Timestamp(at.learned.0.saturating_add(1)));
            }
            if entry.until.is_some_and(|until| until < from) {
                continue;
            }
            let mut fact = at.fact(self.source, FactAct::Holds, from);
            fact.until = entry.until;
            fact.net = Some(entry.net);
            fact.mac = entry.mac;
            fact.client_id = entry.client_id;
            fact.host = entry.host;
            out.push(fact_event(fact));
        }
        if !complete {
            for (net, told) in self.told.drain() {
                now.entry(net).or_default().extend(told);
            }
        }
        self.told = now;
        self.first = false;
    }
}

#[cfg(test)]
mod tests;
