//! The bit filter in front of the table, and the hash that both use.
//!
//! Enters: endings of names, in any case. Leaves: "no" or "maybe". Never: says no to what was
//! added.

/// Bits of the filter per key: a wrong "maybe" for about 1 name in 50, and a million keys take
/// 1.5 MB, which a second-level cache nearly holds.
const FILTER_BITS_PER_KEY: usize = 12;

/// A Bloom filter whose bits for one key all lie in one word, so that a look-up is one access.
pub(crate) struct Filter(Box<[u64]>);

impl Filter {
    /// Empty, with room for `keys` keys.
    pub(crate) fn new(keys: usize) -> Self {
        let words = (keys * FILTER_BITS_PER_KEY).div_ceil(64).max(1);
        Self(vec![0; words].into_boxed_slice())
    }

    /// Holds these keys.
    pub(crate) fn of(mut keys: Vec<u64>) -> Self {
        keys.sort_unstable();
        keys.dedup();
        let mut filter = Self::new(keys.len());
        keys.into_iter().for_each(|key| filter.add(key));
        filter
    }

    #[inline]
    fn word(&self, hash: u64) -> usize {
        // The high half picks the word, so the low half is free to pick the bits.
        (((hash >> 32) * self.0.len() as u64) >> 32) as usize
    }

    #[inline]
    const fn bits(hash: u64) -> u64 {
        1 << (hash & 63) | 1 << (hash >> 6 & 63) | 1 << (hash >> 12 & 63)
    }

    fn add(&mut self, hash: u64) {
        let word = self.word(hash);
        self.0[word] |= Self::bits(hash);
    }

    /// Was the key added? Yes may be wrong, no never is.
    #[inline]
    pub(crate) fn holds(&self, hash: u64) -> bool {
        let bits = Self::bits(hash);
        self.0[self.word(hash)] & bits == bits
    }
}

/// Hash of a text with ASCII case folded, eight bytes at a time. Not cryptographic: what stands in
/// the table comes from the operator's lists, a hostile name can only cost its own look-up.
#[inline]
pub(crate) fn fold_hash(seed: u64, text: &[u8]) -> u64 {
    let len = text.len();
    let mut hash = seed ^ len as u64;
    if len < 8 {
        return mix(hash, fold(short_word(text)));
    }
    let mut at = 0;
    while at + 16 < len {
        hash = mix(hash ^ fold(word(text, at)), fold(word(text, at + 8)));
        at += 16;
    }
    // The last two words may overlap; together they hold what is left.
    let at = at.min(len - 8);
    mix(hash ^ fold(word(text, at)), fold(word(text, len - 8)))
}

/// Eight bytes of a text as one word.
#[inline]
fn word(text: &[u8], at: usize) -> u64 {
    let bytes = text.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u64::from_le_bytes)
}

/// Hash of two labels, wherever they lie.
#[inline]
pub(crate) fn pair_hash(seed: u64, left: &[u8], right: &[u8]) -> u64 {
    mix(fold_hash(seed, left), fold_hash(!seed, right))
}

/// Up to seven bytes as one word, without a loop over them.
#[inline]
fn short_word(rest: &[u8]) -> u64 {
    let word4 = |at: usize| -> u64 {
        rest.get(at..at + 4)
            .and_then(|b| b.try_into().ok())
            .map_or(0, u32::from_le_bytes)
            .into()
    };
    match rest.len() {
        0 => 0,
        len @ 1..=3 => {
            u64::from(rest[0]) | u64::from(rest[len / 2]) << 8 | u64::from(rest[len - 1]) << 16
        }
        len => word4(0) | word4(len - 4) << 32,
    }
}

/// Two words into one: the halves of a full product.
#[inline]
const fn mix(left: u64, right: u64) -> u64 {
    let left = left ^ 0xa076_1d64_78bd_642f;
    let right = right ^ 0xe703_7ed1_a0b4_28db;
    let product = left as u128 * right as u128;
    (product as u64) ^ (product >> 64) as u64
}

/// Lower case for the eight bytes of a word at once; bytes that are no ASCII letters stay.
#[inline]
const fn fold(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    let low = word & !HIGH;
    let from_a = low + (0x80 - b'A' as u64) * ONES;
    let past_z = low + (0x80 - b'Z' as u64 - 1) * ONES;
    let upper = from_a & !past_z & !word & HIGH;
    word | upper >> 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fold_is_ascii_lower_case() {
        for byte in 0..=255u8 {
            let word = u64::from_le_bytes([byte, b'A', byte, 0, byte, 255, b'z', byte]);
            let wanted = word.to_le_bytes().map(|b| b.to_ascii_lowercase());
            assert_eq!(fold(word).to_le_bytes(), wanted, "{byte}");
        }
    }

    #[test]
    fn hash_folds_case_and_tells_lengths_apart() {
        let lower = "example-name.test-zone.nl";
        for len in 0..lower.len() {
            let text = &lower[..len];
            let same = fold_hash(7, text.to_ascii_uppercase().as_bytes());
            assert_eq!(fold_hash(7, text.as_bytes()), same);
        }
        let all: std::collections::HashSet<_> =
            (0..=40).map(|len| fold_hash(7, &vec![b'a'; len])).collect();
        assert_eq!(all.len(), 41);
    }

    #[test]
    fn filter_says_maybe_to_all_it_holds_and_rarely_to_others() {
        let mut filter = Filter::new(10_000);
        let key = |n: usize| fold_hash(1, format!("name{n}.example").as_bytes());
        (0..10_000).for_each(|n| filter.add(key(n)));
        assert!((0..10_000).all(|n| filter.holds(key(n))));
        let wrong = (10_000..20_000).filter(|&n| filter.holds(key(n))).count();
        assert!(wrong < 500, "{wrong} of 10000");
    }
}
