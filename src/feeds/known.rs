//! What a lease file has told already, so that reading it again tells nothing twice.
//!
//! Enters: leases in the order of the file. Leaves: whether one is news. Never: keeps a name;
//! grows.
//!
//! Lease files are rewritten (Kea's cleanup, dhcpd once an hour) and read from the start again.
//! Rows that were told, or that are elder than what was told of their address, are no news then.
//! While a file only grows, every row that says something else than the last is told, also one
//! whose time jumped back: judging that is not the business of a reader.

use ahash::RandomState;
use ipnet::IpNet;

use super::recent::Recent;
use crate::base::Timestamp;

/// Addresses remembered per feed: between this number and twice as many.
const ADDRESSES_MAX: usize = 131_072;

#[derive(Clone, Copy)]
struct Told {
    time: Timestamp,
    until: Option<Timestamp>,
    what: u64,
    /// The reading in which it was told, or met again.
    reading: u32,
}

/// See the module.
pub struct Known {
    told: Recent<IpNet, Told>,
    state: RandomState,
    reading: u32,
    again: bool,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            told: Recent::new(ADDRESSES_MAX),
            state: RandomState::new(),
            reading: 0,
            again: false,
        }
    }
}

impl Known {
    /// The file is read from its start, for the first time or again.
    pub fn begin(&mut self) {
        self.again = true;
        self.reading = self.reading.wrapping_add(1);
    }

    /// Its present end is reached: what comes now is written now.
    pub fn caught_up(&mut self) {
        self.again = false;
    }

    /// Is this lease news? Remembers it. `what` is all that the row says (the row itself will do).
    pub fn is_news(
        &mut self,
        net: IpNet,
        (time, until): (Timestamp, Option<Timestamp>),
        what: &[u8],
    ) -> bool {
        let what = self.state.hash_one(what);
        let reading = self.reading;
        let told = self.told.peek(&net).copied();
        let told = told.filter(|told| {
            // The row that was told last is met again: what follows it is news, whatever its time.
            // What stands before it in a file that is read again is not.
            let before = self.again && told.reading != reading && time <= told.time;
            told.what == what || before
        });
        let news = told.is_none();
        match told {
            Some(told) if told.what == what => self.told.put(net, Told { reading, ..told }),
            Some(_) => {}
            None => self.told.put(
                net,
                Told {
                    time,
                    until,
                    what,
                    reading,
                },
            ),
        }
        news
    }

    /// When a lease ended that was given back at a moment that the file does not tell: when that
    /// was read, or at the end of the lease if that came first.
    pub fn given_back(&self, net: &IpNet, learned: Timestamp) -> Timestamp {
        let until = self.told.peek(net).and_then(|told| told.until);
        until.map_or(learned, |until| until.min(learned))
    }
}
