//! The settled flows that are busy now, in front of the table of all: one cache line for a look.
//!
//! Enters: a flow that was judged, with its place in the table; then the ends of a packet. Leaves:
//! its place again, or nothing. Never: knows a flow that the table does not hold as judged, for the
//! owner takes out what leaves or begins anew; decides what a packet is; grows (the longest idle of
//! four makes room, and costs its flow one look at the table).
//!
//! A flow is known by 64 bits of a keyed hash that is the same for both directions: of two ends
//! `a` and `b`, as words of 64 bits, the folded product of `a ^ k` and `b ^ k`, mixed with their sum
//! and multiplied once more (an IPv4 address with its port is such a word; an IPv6 address is made
//! one by another folded product). Another flow is taken for it with a probability of 2^-62 for each look,
//! and nobody outside can try out which: the key is random, and nothing that leaves depends on it.

use std::net::IpAddr;

use ahash::RandomState;
use bytemuck::Zeroable;

use crate::base::Endpoints;
use crate::decode::{Addresses, Glance};

/// Flows in one line.
const WAYS: usize = 4;

/// One cache line.
#[derive(Clone, Copy, Zeroable)]
#[repr(C, align(64))]
struct Line {
    /// 0 is free.
    prints: [u64; WAYS],
    places: [u32; WAYS],
    /// The second of its newest packet, without the upper bits.
    seconds: [u16; WAYS],
    /// 1: the owner has to look at what the sender of the packet says.
    marks: [[u8; 2]; WAYS],
}

const _: () = assert!(size_of::<Line>() == 64);

/// Both ends of a packet as words under the key of one [`Front`], the sender's first.
#[derive(Clone, Copy)]
pub struct Ends(u64, u64);

impl Ends {
    /// Which of a flow's two directions: 0 or 1.
    const fn direction(self) -> usize {
        (self.0 > self.1) as usize
    }
}

/// A settled flow that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Where it stands in the table.
    pub place: usize,
    /// A second or more has passed since the last look: the table's clock is behind.
    pub due: bool,
    /// The direction of the packet is one to be looked at.
    pub marked: bool,
}

/// The busy settled flows of one table.
pub struct Front {
    lines: Vec<Line>,
    keys: [u64; 4],
}

impl Front {
    /// In front of a table of `flows` flows: room for a quarter of them, 4 bytes for each flow of
    /// the table. `seed`: see [`super::Table::new`].
    pub fn new(flows: usize, seed: Option<u64>) -> Self {
        let lines = flows.div_ceil(4 * WAYS).max(16).next_power_of_two();
        let hash = match seed {
            Some(seed) => RandomState::with_seeds(seed, seed ^ 8, seed ^ 9, seed ^ 10),
            None => RandomState::new(),
        };
        Self {
            lines: bytemuck::allocation::zeroed_vec(lines),
            // A zero would make each product zero.
            keys: [1u8, 2, 3, 4].map(|n| hash.hash_one(n) | 1),
        }
    }

    /// The ends of a packet, by a glance at it.
    #[inline(always)]
    pub fn ends_of(&self, glance: &Glance<'_>) -> Ends {
        let (src, dst) = match glance.addresses {
            Addresses::V4(src, dst) => (v4(src), v4(dst)),
            Addresses::V6(both) => {
                let (pair, _) = both.as_chunks::<16>();
                let word = |at: usize| pair.get(at).map_or(0, |one| self.v6(one));
                (word(0), word(1))
            }
        };
        Ends(src ^ u64::from(glance.sport), dst ^ u64::from(glance.dport))
    }

    /// The ends of a packet.
    pub fn ends(&self, ends: &Endpoints) -> Ends {
        let word = |ip| match ip {
            IpAddr::V4(ip) => v4(ip.to_bits()),
            IpAddr::V6(ip) => self.v6(&ip.octets()),
        };
        Ends(
            word(ends.src) ^ u64::from(ends.sport),
            word(ends.dst) ^ u64::from(ends.dport),
        )
    }

    #[inline(always)]
    fn v6(&self, address: &[u8; 16]) -> u64 {
        let [_, _, key, other] = self.keys;
        let [high, low] = halves(address);
        fold(high ^ key, low ^ other)
    }

    /// Line and print of a flow.
    #[inline(always)]
    fn line_of(&self, ends: Ends) -> (usize, u64) {
        let [key, last, ..] = self.keys;
        let both = fold(ends.0 ^ key, ends.1 ^ key) ^ ends.0.wrapping_add(ends.1);
        let print = fold(both ^ last, last.rotate_left(32) ^ key);
        // The number of lines is a power of two.
        let line = (print >> 20) as usize & self.lines.len().wrapping_sub(1);
        (line, print.max(1))
    }

    /// The flow, if it is here. Its clock goes on to `now_s`.
    #[inline(always)]
    pub fn look(&mut self, ends: Ends, now_s: u32) -> Option<Settled> {
        let (line, print) = self.line_of(ends);
        let line = self.lines.get_mut(line)?;
        for way in 0..WAYS {
            if line.prints[way] == print {
                let now = now_s as u16;
                let due = line.seconds[way] != now;
                line.seconds[way] = now;
                return Some(Settled {
                    place: line.places[way] as usize,
                    due,
                    marked: line.marks[way][ends.direction()] != 0,
                });
            }
        }
        None
    }

    /// Notes a settled flow, with its place in the table. `marked`: is what the sender of these
    /// ends says to be looked at?
    pub fn put(&mut self, ends: Ends, place: usize, now_s: u32, marked: [bool; 2]) {
        let Ok(place) = u32::try_from(place) else {
            return;
        };
        let (line, print) = self.line_of(ends);
        let Some(line) = self.lines.get_mut(line) else {
            return;
        };
        let now = now_s as u16;
        let known = line.prints.iter().position(|other| *other == print);
        let free = || line.prints.iter().position(|other| *other == 0);
        let idle = || {
            let idle = |way: &usize| now.wrapping_sub(line.seconds[*way]);
            (0..WAYS).max_by_key(idle).unwrap_or(0)
        };
        let way = known.or_else(free).unwrap_or_else(idle);
        line.prints[way] = print;
        line.places[way] = place;
        line.seconds[way] = now;
        let at = ends.direction();
        let [sender, receiver] = marked.map(u8::from);
        line.marks[way][at] = sender;
        line.marks[way][1 - at] = receiver;
    }

    /// The flow is not settled any more, or left the table.
    pub fn remove(&mut self, ends: Ends) {
        let (line, print) = self.line_of(ends);
        if let Some(line) = self.lines.get_mut(line) {
            for other in &mut line.prints {
                if *other == print {
                    *other = 0;
                }
            }
        }
    }

    /// All have left.
    pub fn clear(&mut self) {
        self.lines.fill(Line::zeroed());
    }
}

#[inline(always)]
const fn v4(address: u32) -> u64 {
    (address as u64) << 16
}

#[inline(always)]
fn halves(address: &[u8; 16]) -> [u64; 2] {
    let (halves, _) = address.as_chunks::<8>();
    let word = |at: usize| halves.get(at).map_or(0, |bytes| u64::from_be_bytes(*bytes));
    [word(0), word(1)]
}

/// Upper and lower half of the product in one.
#[inline(always)]
const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    (product as u64) ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::base::Transport;

    fn ends(src: &str, sport: u16, dst: &str, dport: u16) -> Endpoints {
        Endpoints {
            src: src.parse().unwrap(),
            dst: dst.parse().unwrap(),
            sport,
            dport,
            transport: Transport::Tcp,
        }
    }

    fn some(n: u16) -> Endpoints {
        let [high, low] = n.to_be_bytes();
        ends(
            &format!("10.{high}.{low}.1"),
            40_000 + n % 7,
            "192.0.2.1",
            443,
        )
    }

    #[test]
    fn both_directions_meet_and_a_mark_belongs_to_one() {
        for flow in [
            ends("10.0.0.1", 40_000, "192.0.2.1", 443),
            ends("192.0.2.1", 40_000, "10.0.0.1", 443),
            ends("2001:db8::1", 40_000, "2001:db8::2", 443),
        ] {
            let mut front = Front::new(64, Some(1));
            let (there, back) = (front.ends(&flow), front.ends(&flow.reversed()));
            assert_eq!(front.look(there, 7), None);
            front.put(there, 99, 7, [true, false]);
            let found = |due, marked| {
                Some(Settled {
                    place: 99,
                    due,
                    marked,
                })
            };
            assert_eq!(front.look(there, 7), found(false, true));
            assert_eq!(front.look(back, 7), found(false, false));
            assert_eq!(front.look(back, 8), found(true, false));
            assert_eq!(front.look(there, 8), found(false, true));
            front.put(back, 99, 8, [false, false]);
            assert_eq!(front.look(there, 8), found(false, false));
            front.remove(back);
            assert_eq!(front.look(there, 8), None);
        }
    }

    #[test]
    fn the_ports_belong_to_their_addresses() {
        let front = Front::new(64, Some(1));
        let flow = ends("10.0.0.1", 443, "192.0.2.1", 40_000);
        let crossed = ends("10.0.0.1", 40_000, "192.0.2.1", 443);
        assert_ne!(
            front.line_of(front.ends(&flow)),
            front.line_of(front.ends(&crossed))
        );
    }

    #[test]
    fn the_longest_idle_of_a_line_makes_room() {
        let mut front = Front::new(64, Some(1));
        let line = |front: &Front, n| front.line_of(front.ends(&some(n))).0;
        let first = line(&front, 0);
        let alike: Vec<u16> = (0..2000)
            .filter(|n| line(&front, *n) == first)
            .take(5)
            .collect();
        assert_eq!(alike.len(), 5, "flows of one line");
        for (second, n) in alike.iter().enumerate() {
            front.put(
                front.ends(&some(*n)),
                usize::from(*n),
                second as u32,
                [false; 2],
            );
        }
        let here: Vec<bool> = alike
            .iter()
            .map(|n| front.look(front.ends(&some(*n)), 9).is_some())
            .collect();
        assert_eq!(here, [false, true, true, true, true]);
        front.clear();
        assert!(
            alike
                .iter()
                .all(|n| front.look(front.ends(&some(*n)), 9).is_none())
        );
    }

    /// No two of many flows share a print, whatever their addresses have in common.
    #[test]
    fn prints_are_apart() {
        let front = Front::new(64, None);
        let mut prints = HashSet::new();
        let mut flows = 0;
        for net in ["10.0.0.", "192.0.2.", "2001:db8::", "2001:db8:0:1::"] {
            for host in 0..16 {
                for port in 0..256 {
                    let (src, dst) = (format!("{net}{host}"), format!("{net}99"));
                    let flow = ends(&src, 40_000 + port, &dst, 443);
                    prints.insert(front.line_of(front.ends(&flow)).1);
                    flows += 1;
                }
            }
        }
        assert_eq!(prints.len(), flows);
    }
}
