//! Shares with their 95 % interval.
//!
//! Enters: counts. Leaves: Wilson's score interval (Wilson 1927); for none or all, its rule-of-three
//! neighbour is the exact bound (Clopper and Pearson 1934). Never: a share without its interval.

use serde::Serialize;

/// `hits` out of `of`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// How many.
    pub hits: u64,
    /// Out of how many.
    pub of: u64,
}

/// Quantile of the standard normal for 95 %, two-sided.
const Z: f64 = 1.959_964;

impl Share {
    /// Counts one more.
    pub fn count(&mut self, hit: bool) {
        self.of += 1;
        self.hits += u64::from(hit);
    }

    /// Adds another count.
    pub fn add(&mut self, other: Self) {
        self.hits += other.hits;
        self.of += other.of;
    }

    /// The share, 0 to 1; `None` of nothing.
    pub fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.hits as f64 / self.of as f64)
    }

    /// Lower and upper end of the 95 % interval.
    pub fn interval(self) -> (f64, f64) {
        let (hits, of) = (self.hits as f64, self.of as f64);
        if self.of == 0 {
            return (0.0, 1.0);
        }
        // None (or all): the exact one-sided bound, which is about 3/n.
        let edge = 1.0 - 0.05_f64.powf(1.0 / of);
        if self.hits == 0 {
            return (0.0, edge);
        }
        if self.hits == self.of {
            return (1.0 - edge, 1.0);
        }
        let share = hits / of;
        let whole = 1.0 + Z * Z / of;
        let middle = (share + Z * Z / (2.0 * of)) / whole;
        let half = Z * (share * (1.0 - share) / of + Z * Z / (4.0 * of * of)).sqrt() / whole;
        ((middle - half).max(0.0), (middle + half).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(hits: u64, of: u64) -> (f64, f64) {
        let (low, high) = Share { hits, of }.interval();
        let round = |x: f64| (x * 1e4).round() / 1e4;
        (round(low), round(high))
    }

    #[test]
    fn wilson_as_published() {
        // Newcombe 1998, table I: 81 of 263, Wilson without continuity correction.
        assert_eq!(interval(81, 263), (0.2553, 0.3662));
        // The same, 15 of 148.
        assert_eq!(interval(15, 148), (0.0624, 0.1605));
    }

    #[test]
    fn nothing_of_many_is_about_three_of_them() {
        let (low, high) = Share {
            hits: 0,
            of: 30_000,
        }
        .interval();
        assert_eq!(low, 0.0);
        assert!((high * 30_000.0 - 3.0).abs() < 0.01, "{high}");
        assert_eq!(Share { hits: 9, of: 9 }.interval().1, 1.0);
        assert_eq!(Share::default().interval(), (0.0, 1.0));
    }
}
