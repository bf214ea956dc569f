//! Strategies put together at random, against a receiver written down here.

use super::*;

/// A receiver as RFC 9293 wants it, with Linux's choice between two copies: bytes that come in order
/// are taken at once, and of those that wait the one that begins first counts.
#[derive(Default)]
struct Receiver {
    got: Vec<u8>,
    waiting: Vec<(usize, Vec<u8>)>,
}

impl Receiver {
    fn take(&mut self, at: i64, craft: Craft, bytes: &[u8]) {
        let refused = craft.hops < 20
            || craft.wrong_sum
            || craft.md5
            || craft.ip_option
            || craft.flags & 0x10 == 0
            || craft.ack != HONEST.ack
            || craft.clock != HONEST.clock;
        let end = at + bytes.len() as i64;
        if refused || end <= self.got.len() as i64 {
            return;
        }
        let skip = usize::try_from(-at).unwrap_or(0);
        let at = usize::try_from(at).unwrap_or(0);
        let bytes = &bytes[skip..];
        if at > self.got.len() {
            let inside = |(from, kept): &(usize, Vec<u8>)| {
                *from <= at && at + bytes.len() <= from + kept.len()
            };
            if !self.waiting.iter().any(inside) {
                let end = at + bytes.len();
                self.waiting
                    .retain(|(from, kept)| *from < at || end < from + kept.len());
                self.waiting.push((at, bytes.to_vec()));
                self.waiting.sort_by_key(|(from, _)| *from);
            }
            return;
        }
        self.got.extend(&bytes[self.got.len() - at..]);
        while let Some(next) = self
            .waiting
            .iter()
            .position(|(from, _)| *from <= self.got.len())
        {
            let (from, kept) = self.waiting.remove(next);
            if let Some(fresh) = kept.get(self.got.len() - from..) {
                self.got.extend(fresh);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Decoys with any sign, anywhere, any number: the true name and no other.
    #[test]
    fn decoys_that_stand_out_change_nothing(
        cuts in prop::collection::vec(1usize..HELLO.len(), 0..5),
        order in prop::collection::vec(any::<u16>(), 24),
        decoys in prop::collection::vec((0usize..7, 0usize..HELLO.len(), 1usize..HELLO.len()), 0..6),
    ) {
        let decoy = decoy();
        let mut edges = [&[0, HELLO.len()][..], &cuts].concat();
        edges.sort_unstable();
        edges.dedup();
        let mut parts: Vec<Part<'_>> = Vec::new();
        for edge in edges.windows(2) {
            parts.push((edge[0] as i64, HONEST, &HELLO[edge[0]..edge[1]]));
        }
        for (sign, from, len) in &decoys {
            let end = (from + len).min(decoy.len());
            parts.push((*from as i64, SIGNS[*sign].1, &decoy[*from..end]));
        }
        let mut keyed: Vec<_> = parts.into_iter().enumerate()
            .map(|(i, part)| (order[i % order.len()], part)).collect();
        keyed.sort_by_key(|(key, _)| *key);
        let parts: Vec<Part<'_>> = keyed.into_iter().map(|(_, part)| part).collect();
        let mut receiver = Receiver::default();
        for (at, craft, bytes) in &parts {
            receiver.take(*at, *craft, bytes);
        }
        prop_assert_eq!(&receiver.got, HELLO);
        assert_true("random", &sent(&parts));
    }

    /// One overlap with other bytes and no sign: what the server got is among what is told, and
    /// every name told is the true one or marked.
    #[test]
    fn an_overlap_never_hides_the_name(
        cut in 2usize..HELLO.len() - 1,
        over in 1usize..400,
        fill: Option<u8>,
        disorder: bool,
    ) {
        let decoy = decoy();
        let over = over.min(cut - 1);
        let other = match fill {
            Some(byte) => vec![byte; over],
            None => decoy[cut - over..cut].to_vec(),
        };
        let second = [&other[..], &HELLO[cut..]].concat();
        let at = (cut - over) as i64;
        let mut parts: Vec<Part<'_>> = vec![(0, HONEST, &HELLO[..cut]), (at, HONEST, &second)];
        if disorder {
            parts.reverse();
        }
        let mut receiver = Receiver::default();
        for (at, craft, bytes) in &parts {
            receiver.take(*at, *craft, bytes);
        }
        prop_assert_eq!(&receiver.got, HELLO);
        let (seeing, _) = sent(&parts);
        prop_assert!(names(&seeing).contains(&HELLO_NAME), "{:?}", names(&seeing));
        prop_assert_eq!(seeing.hits.iter().filter(|hit| hit.name == HELLO_NAME).count(), 1);
    }
}
