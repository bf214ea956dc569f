//! What clients were told of ECH by the DNS: a fixed table of keyed hashes.
//!
//! Enters: answers, with the client that got each. Leaves: verdicts on hellos. Never: grows; keeps
//! a name or an address; lets the wire choose which entry gives way.

use std::net::IpAddr;

use ahash::RandomState;

use super::Answer;
use crate::base::{EchVerdict, NameBuf, Timestamp};

/// Entries in one bucket; the one that ends first makes room.
const WAYS: usize = 4;
/// Browsers keep an answer at least so long, in seconds, whatever its TTL.
const LIFE_MIN_S: u32 = 60;
/// Nor is an answer believed for longer than this.
const LIFE_MAX_S: u32 = 86_400;
/// A hello may follow so long after the answer has ended: the connection was under way.
const MARGIN_S: u32 = 30;
/// An answer without a record has its TTL in the authority section (RFC 2308); this much less is
/// on the safe side.
const NEGATIVE_LIFE_S: u32 = 300;

/// What is remembered of one client and one name.
#[derive(Clone, Copy, Hash)]
enum Told {
    /// A configuration with this public name and id.
    Config(u8),
    /// Some configuration with this public name.
    AnyConfig,
    /// The name asked for has none.
    NoEch,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    /// 0: free.
    key: u64,
    /// Seconds since the epoch.
    until_s: u32,
}

/// What clients were told.
pub struct Memory {
    buckets: Box<[[Entry; WAYS]]>,
    hasher: RandomState,
    empty: bool,
}

impl Memory {
    /// About `slots` entries (rounded up to a power of two, at least 4), 16 bytes each. Allocates
    /// once.
    pub fn new(slots: usize) -> Self {
        let buckets = slots.div_ceil(WAYS).max(1).next_power_of_two();
        Self {
            buckets: vec![[Entry::default(); WAYS]; buckets].into_boxed_slice(),
            hasher: RandomState::new(),
            empty: true,
        }
    }

    /// Was nothing ever noted?
    pub const fn is_empty(&self) -> bool {
        self.empty
    }

    /// `client` got this answer at `now`.
    pub fn note(&mut self, client: IpAddr, answer: &Answer<'_>, now: Timestamp) {
        let mut name = NameBuf::new();
        let (raw, ttl_s) = match answer {
            Answer::Config {
                public_name, ttl_s, ..
            } => (public_name, *ttl_s),
            Answer::None { name, ttl_s: 0 } => (name, NEGATIVE_LIFE_S),
            Answer::None { name, ttl_s } => (name, *ttl_s),
        };
        if raw.normalise(&mut name).is_err() {
            return;
        }
        let life = ttl_s.clamp(LIFE_MIN_S, LIFE_MAX_S);
        let until_s = seconds(now).saturating_add(life).saturating_add(MARGIN_S);
        self.empty = false;
        match answer {
            Answer::Config { id, .. } => {
                self.put(self.key(client, &name, Told::Config(*id)), until_s, now);
                self.put(self.key(client, &name, Told::AnyConfig), until_s, now);
            }
            Answer::None { .. } => self.put(self.key(client, &name, Told::NoEch), until_s, now),
        }
    }

    /// What the answers say of a hello of `client` with this outer name and configuration id.
    pub fn verdict(
        &self,
        client: IpAddr,
        outer: &NameBuf,
        config_id: Option<u8>,
        now: Timestamp,
    ) -> EchVerdict {
        let told = |what| self.holds(self.key(client, outer, what), now);
        if config_id.is_some_and(|id| told(Told::Config(id))) {
            EchVerdict::HttpsRecord
        } else if told(Told::AnyConfig) {
            EchVerdict::ConfigMismatch
        } else if told(Told::NoEch) {
            EchVerdict::NoEchInDns
        } else {
            EchVerdict::DnsNotSeen
        }
    }

    fn key(&self, client: IpAddr, name: &NameBuf, told: Told) -> u64 {
        self.hasher.hash_one((client, name.as_bytes(), told)).max(1)
    }

    /// The number of buckets is a power of two, so the low bits of the key choose one.
    fn index(&self, key: u64) -> usize {
        (key as usize) & self.buckets.len().saturating_sub(1)
    }

    fn holds(&self, key: u64, now: Timestamp) -> bool {
        let now_s = seconds(now);
        self.buckets.get(self.index(key)).is_some_and(|bucket| {
            bucket
                .iter()
                .any(|entry| entry.key == key && entry.until_s >= now_s)
        })
    }

    fn put(&mut self, key: u64, until_s: u32, now: Timestamp) {
        let index = self.index(key);
        let now_s = seconds(now);
        let Some(bucket) = self.buckets.get_mut(index) else {
            return;
        };
        // Its own place, else a free or ended one, else the one that ends first.
        let rank = |entry: &Entry| match entry {
            entry if entry.key == key => 0,
            entry if entry.key == 0 || entry.until_s < now_s => 1,
            entry => u64::from(entry.until_s).saturating_add(2),
        };
        if let Some(entry) = bucket.iter_mut().min_by_key(|entry| rank(entry)) {
            *entry = Entry { key, until_s };
        }
    }
}

const fn seconds(time: Timestamp) -> u32 {
    (time.nanos() / 1_000_000_000) as u32
}
