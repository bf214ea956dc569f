//! Slows down whoever guesses: by address and by the name that is tried.
//!
//! Enters: who tries, when, with what success. Leaves: how long to wait. Never: tells whether the
//! name exists (any name is counted), grows beyond its bound, keeps a name or address in clear.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use crate::base::Timestamp;

/// Entries kept; at the bound the one that tried longest ago gives way.
const ENTRIES_MAX: usize = 8192;
/// Forgotten after so long without an attempt.
const FORGET_NS: u64 = 3600 * SECOND_NS;
const SECOND_NS: u64 = 1_000_000_000;

/// Failures that cost nothing, and the longest wait after that, for each kind of entry.
struct Pace {
    free: u32,
    wait_s_max: u64,
}

/// One name from one address: a person who mistypes, or guesses.
const PAIR: Pace = Pace {
    free: 4,
    wait_s_max: 900,
};
/// One address, whatever the names.
const ADDRESS: Pace = Pace {
    free: 20,
    wait_s_max: 900,
};
/// One name, whatever the addresses. A short wait: nobody can lock a colleague out for long.
const NAME: Pace = Pace {
    free: 20,
    wait_s_max: 30,
};

/// One name that others vouch for. Nothing is guessed there, but each time it is let in is an entry
/// of the record and a session.
const VOUCHED: Pace = Pace {
    free: 5,
    wait_s_max: 30,
};

#[derive(Clone, Copy)]
struct Tries {
    failed: u32,
    last: Timestamp,
}

/// What was tried lately.
pub struct Brake {
    table: HashMap<u64, Tries>,
    /// Names and addresses are kept as keyed hashes: the key dies with the process.
    key: RandomState,
}

impl Default for Brake {
    fn default() -> Self {
        Self {
            table: HashMap::new(),
            key: RandomState::new(),
        }
    }
}

impl Brake {
    /// Seconds to wait before another attempt; `Ok` when it may be made now.
    ///
    /// # Errors
    /// The seconds.
    pub fn check(&self, from: Option<IpAddr>, name: &str, now: Timestamp) -> Result<(), u32> {
        let entries = self.entries(from, name).into_iter();
        let waits = entries.map(|(entry, pace)| self.wait_s(entry, &pace, now));
        match waits.max().unwrap_or(0) {
            0 => Ok(()),
            wait_s => Err(wait_s),
        }
    }

    /// Somebody is vouched for and would be let in: counts it.
    ///
    /// # Errors
    /// The seconds to wait before they are.
    pub fn lets_in(&mut self, name: &str, now: Timestamp) -> Result<(), u32> {
        let entry = self.key.hash_one((3u8, name));
        match self.wait_s(entry, &VOUCHED, now) {
            0 => {
                self.count(entry, now);
                Ok(())
            }
            wait_s => Err(wait_s),
        }
    }

    fn wait_s(&self, entry: u64, pace: &Pace, now: Timestamp) -> u32 {
        let Some(tries) = self.table.get(&entry) else {
            return 0;
        };
        let over = tries.failed.saturating_sub(pace.free);
        if over == 0 {
            return 0;
        }
        let wait_s = 1u64
            .checked_shl(over - 1)
            .unwrap_or(u64::MAX)
            .min(pace.wait_s_max);
        let left_ns = (wait_s * SECOND_NS).saturating_sub(now.since_ns(tries.last));
        u32::try_from(left_ns.div_ceil(SECOND_NS)).unwrap_or(u32::MAX)
    }

    /// An attempt begins: it counts as failed until [`Self::succeeded`], so that many at once do not
    /// all pass the check.
    pub fn failed(&mut self, from: Option<IpAddr>, name: &str, now: Timestamp) {
        for (entry, _) in self.entries(from, name) {
            self.count(entry, now);
        }
    }

    fn count(&mut self, entry: u64, now: Timestamp) {
        if !self.table.contains_key(&entry) && self.table.len() >= ENTRIES_MAX {
            self.make_room(now);
        }
        let tries = self.table.entry(entry).or_insert(Tries {
            failed: 0,
            last: now,
        });
        if now.since_ns(tries.last) >= FORGET_NS {
            tries.failed = 0;
        }
        *tries = Tries {
            failed: tries.failed.saturating_add(1),
            last: now,
        };
    }

    /// An attempt succeeded: what this person mistyped from here is forgiven. The address is not:
    /// somebody with one good account must not guess others from it for free.
    pub fn succeeded(&mut self, from: Option<IpAddr>, name: &str) {
        let [(pair, _), others @ ..] = self.entries(from, name);
        self.table.remove(&pair);
        for (entry, _) in others {
            if let Some(tries) = self.table.get_mut(&entry) {
                tries.failed = tries.failed.saturating_sub(1);
            }
        }
    }

    fn entries(&self, from: Option<IpAddr>, name: &str) -> [(u64, Pace); 3] {
        let from = from.map(block);
        [
            (self.key.hash_one((0u8, from, name)), PAIR),
            (self.key.hash_one((1u8, from)), ADDRESS),
            (self.key.hash_one((2u8, name)), NAME),
        ]
    }

    fn make_room(&mut self, now: Timestamp) {
        self.table
            .retain(|_, tries| now.since_ns(tries.last) < FORGET_NS);
        if self.table.len() >= ENTRIES_MAX {
            // Those with many failures stay longest: a flood of names must not free its sender.
            let least = self
                .table
                .iter()
                .min_by_key(|(_, tries)| (tries.failed, tries.last));
            if let Some(entry) = least.map(|(entry, _)| *entry) {
                self.table.remove(&entry);
            }
        }
    }
}

/// An IPv6 host has a whole /64 to try from.
pub(super) fn block(from: IpAddr) -> u128 {
    match from {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits() >> 64 << 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp((seconds * SECOND_NS) as i64)
    }

    fn from(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn the_wait_doubles_and_has_an_end() {
        let mut brake = Brake::default();
        let here = from("192.0.2.1");
        for _ in 0..PAIR.free {
            assert_eq!(brake.check(here, "eva", at(0)), Ok(()));
            brake.failed(here, "eva", at(0));
        }
        assert_eq!(brake.check(here, "eva", at(0)), Ok(()));
        for wait in [1, 2, 4, 8] {
            brake.failed(here, "eva", at(0));
            assert_eq!(brake.check(here, "eva", at(0)), Err(wait));
            assert_eq!(brake.check(here, "eva", at(wait.into())), Ok(()));
        }
        for _ in 0..100 {
            brake.failed(here, "eva", at(0));
        }
        assert_eq!(brake.check(here, "eva", at(0)), Err(900));
        assert_eq!(
            brake.check(from("198.51.100.9"), "eva", at(0)),
            Err(30),
            "from elsewhere"
        );
        assert_eq!(
            brake.check(here, "jan", at(0)),
            Err(900),
            "another name from there"
        );
        assert_eq!(brake.check(from("198.51.100.9"), "jan", at(0)), Ok(()));
    }

    #[test]
    fn success_forgives_the_person_but_not_the_address() {
        let mut brake = Brake::default();
        let here = from("2001:db8::1");
        for n in 0..40 {
            brake.failed(here, &format!("name{n}"), at(0));
        }
        brake.succeeded(here, "name1");
        assert!(
            brake.check(from("2001:db8::ffff"), "name2", at(0)).is_err(),
            "the same /64"
        );
        assert_eq!(brake.check(from("2001:db8:0:1::1"), "name2", at(0)), Ok(()));
        for _ in 0..6 {
            brake.failed(None, "eva", at(9000));
        }
        assert!(brake.check(None, "eva", at(9000)).is_err());
        brake.succeeded(None, "eva");
        assert_eq!(brake.check(None, "eva", at(9000)), Ok(()));
    }

    #[test]
    fn an_hour_forgets_and_a_flood_is_bounded() {
        let mut brake = Brake::default();
        let here = from("192.0.2.1");
        for _ in 0..30 {
            brake.failed(here, "eva", at(0));
        }
        for n in 0..2 * ENTRIES_MAX as u32 {
            brake.failed(Some(IpAddr::from(n.to_be_bytes())), &format!("{n}"), at(1));
        }
        assert!(brake.table.len() <= ENTRIES_MAX);
        assert!(
            brake.check(here, "eva", at(1)).is_err(),
            "a flood frees nobody"
        );
        brake.failed(here, "eva", at(4000));
        assert_eq!(
            brake.check(here, "eva", at(4000)),
            Ok(()),
            "the hour has forgotten"
        );
    }

    #[test]
    fn who_is_vouched_for_is_let_in_so_often() {
        let mut brake = Brake::default();
        let in_a_second = |brake: &mut Brake, at_s: u64| {
            let tries = (0..100).filter(|_| brake.lets_in("eva", at(at_s)).is_ok());
            tries.count()
        };
        assert_eq!(in_a_second(&mut brake, 1000), 6);
        assert_eq!(in_a_second(&mut brake, 1000), 0);
        assert_eq!(brake.lets_in("jan", at(1000)), Ok(()), "each by themselves");
        assert_eq!(
            brake.check(None, "eva", at(1000)),
            Ok(()),
            "no guess was made"
        );
        for n in 0..20 {
            assert!(in_a_second(&mut brake, 1030 + 30 * n) <= 1, "{n}");
        }
        assert_eq!(in_a_second(&mut brake, 9000), 6, "an hour forgets");
    }
}
