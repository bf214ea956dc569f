//! Clients that made a hit within the last seconds: what they contact now may support it.
//!
//! Enters: clients of hits, then clients of dual-use and supplier names. Leaves: yes or no. Never:
//! remembers a client without a hit, or one whose hit is long past; looks back: a page's third
//! parties are contacted after the page's own host, and what came before a hit is not kept.

use std::net::IpAddr;

use ahash::RandomState;

use crate::base::Timestamp;

/// How long after a hit a supporting name counts, in nanoseconds. A page's third parties follow
/// within seconds; this leaves room for a slow page and a form that is filled in at once, and is
/// short enough that another page is seldom meant.
pub const SUPPORT_NS: u64 = 30_000_000_000;
/// Clients remembered: sets of [`WAYS`], the longest silent goes.
const CLIENTS_MAX: usize = 1024;
const WAYS: usize = 8;

/// Clients and the time of their newest hit.
pub(super) struct Recent {
    places: Vec<Option<(IpAddr, Timestamp)>>,
    hash: RandomState,
    /// No hit that is remembered is older; `None` when nobody is remembered.
    oldest: Option<Timestamp>,
}

impl Recent {
    /// Nobody yet. `seed` makes the hashing repeatable.
    pub fn new(seed: Option<u64>) -> Self {
        let hash = match seed {
            Some(seed) => RandomState::with_seeds(seed, seed ^ 1, seed ^ 2, seed ^ 3),
            None => RandomState::new(),
        };
        Self {
            places: vec![None; CLIENTS_MAX],
            hash,
            oldest: None,
        }
    }

    fn set(&self, client: IpAddr) -> std::ops::Range<usize> {
        let sets = CLIENTS_MAX / WAYS;
        let first = (self.hash.hash_one(client) as usize % sets) * WAYS;
        first..first.saturating_add(WAYS)
    }

    /// `client` made a hit.
    pub fn hit(&mut self, client: IpAddr, time: Timestamp) {
        self.oldest = [self.oldest, Some(time)].into_iter().flatten().min();
        let set = self.set(client);
        let ways = self.places.get_mut(set).unwrap_or_default();
        let own = |place: &&mut Option<(IpAddr, Timestamp)>| {
            place.is_some_and(|(known, _)| known == client)
        };
        let place = match ways.iter_mut().find(own) {
            Some(place) => Some(place),
            // Nobody comes before everybody.
            None => (ways.iter_mut()).min_by_key(|place| place.map(|(_, time)| time)),
        };
        if let Some(place) = place {
            let before = place.filter(|(known, _)| *known == client);
            let time = before.map_or(time, |(_, before)| before.max(time));
            *place = Some((client, time));
        }
    }

    /// Did `client` make a hit within the last [`SUPPORT_NS`] before `now`?
    pub fn holds(&self, client: IpAddr, now: Timestamp) -> bool {
        if self.oldest.is_none() {
            return false;
        }
        let set = self.set(client);
        let mut ways = self.places.get(set).unwrap_or_default().iter().flatten();
        ways.any(|(known, time)| *known == client && *time <= now && !past(*time, now))
    }

    /// Forgets each client whose newest hit is past.
    pub fn sweep(&mut self, now: Timestamp) {
        if self.oldest.is_none_or(|oldest| !past(oldest, now)) {
            return;
        }
        self.oldest = None;
        for place in &mut self.places {
            *place = place.filter(|(_, time)| !past(*time, now));
            let time = place.map(|(_, time)| time);
            self.oldest = [self.oldest, time].into_iter().flatten().min();
        }
    }
}

/// Is a hit of `time` too long ago?
const fn past(time: Timestamp, now: Timestamp) -> bool {
    now.since_ns(time) > SUPPORT_NS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(n: u16) -> IpAddr {
        let [a, b] = n.to_be_bytes();
        IpAddr::from([10, 0, a, b])
    }

    const fn at(seconds: i64) -> Timestamp {
        Timestamp(1_700_000_000_000_000_000 + seconds * 1_000_000_000)
    }

    #[test]
    fn only_after_a_hit_of_the_same_client_and_not_for_long() {
        let mut recent = Recent::new(Some(1));
        assert!(!recent.holds(client(1), at(0)));
        recent.hit(client(1), at(10));
        assert!(recent.holds(client(1), at(10)) && recent.holds(client(1), at(40)));
        assert!(!recent.holds(client(1), at(9)), "before the hit");
        assert!(!recent.holds(client(1), at(41)), "long after it");
        assert!(!recent.holds(client(2), at(11)), "somebody else");
        recent.hit(client(1), at(30));
        recent.hit(client(1), at(20));
        assert!(recent.holds(client(1), at(60)), "the newest hit counts");
        // The same four bytes in another family are another client.
        let mapped = IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0x0a00, 1]);
        assert!(!recent.holds(mapped, at(30)));
    }

    #[test]
    fn nobody_is_remembered_for_longer_than_it_serves() {
        let mut recent = Recent::new(Some(1));
        recent.hit(client(1), at(0));
        recent.sweep(at(30));
        assert!(recent.places.iter().flatten().count() == 1);
        // Somebody else's later hit keeps nobody.
        recent.hit(client(2), at(20));
        recent.hit(client(3), at(5));
        recent.hit(client(3), at(25));
        recent.sweep(at(31));
        let kept = |recent: &Recent, n| {
            let mut places = recent.places.iter().flatten();
            places.any(|(known, _)| *known == client(n))
        };
        assert!(!kept(&recent, 1) && kept(&recent, 2) && kept(&recent, 3));
        recent.sweep(at(51));
        assert!(
            !kept(&recent, 2) && kept(&recent, 3),
            "its newest hit counts"
        );
        recent.sweep(at(56));
        assert!(recent.places.iter().all(Option::is_none));
    }

    #[test]
    fn the_table_never_grows_and_the_longest_silent_goes() {
        let mut recent = Recent::new(Some(1));
        for n in 0..5000u16 {
            recent.hit(client(n), at(i64::from(n) / 500));
        }
        assert_eq!(recent.places.len(), CLIENTS_MAX);
        assert_eq!(recent.places.iter().flatten().count(), CLIENTS_MAX);
        assert!(recent.holds(client(4999), at(10)) && !recent.holds(client(0), at(10)));
    }
}
