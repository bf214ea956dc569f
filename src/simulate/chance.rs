//! Chance that can be repeated: one seed, one course of events, on every machine.
//!
//! Enters: a seed. Leaves: numbers (SplitMix64, Steele, Lea and Flood 2014: a few lines whose output
//! will not change with a library's version). Never: the system's randomness.

/// A stream of pseudo-random numbers. Not for keys.
#[derive(Clone)]
pub struct Chance(u64);

impl Chance {
    /// A stream for `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// A stream of its own for part `label` of a whole, untouched by what the other parts draw.
    pub fn part(&self, label: u64) -> Self {
        let mut part = Self(self.0 ^ label.wrapping_mul(0xd134_2543_de82_ef95));
        part.next();
        part
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between 0 (included) and 1 (not included).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True in `share` of the cases.
    pub fn happens(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// A whole number of `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high.saturating_sub(low) + 1)
    }

    /// One of a list that is not empty.
    pub fn one_of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.next() as usize % list.len()]
    }

    /// Log-normal with this median and this spread (standard deviation of the logarithm).
    pub fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    /// Standard normal (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_stream() {
        let draw = |seed| {
            let mut chance = Chance::new(seed);
            [chance.next(), chance.next(), chance.part(3).next()]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn log_normal_has_its_median() {
        let mut chance = Chance::new(1);
        let mut drawn: Vec<f64> = (0..10_001).map(|_| chance.log_normal(40.0, 0.5)).collect();
        drawn.sort_by(f64::total_cmp);
        assert!((38.0..42.0).contains(&drawn[5_000]), "{}", drawn[5_000]);
        // One standard deviation above: the 84th of a hundred, 40 * e^0.5 = 66.
        assert!((63.0..69.0).contains(&drawn[8_413]), "{}", drawn[8_413]);
    }
}
