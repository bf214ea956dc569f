//! When a connection began, in the four bytes that its place in a table has for it.
//!
//! Enters: packet times. Leaves: the first of them, to the millisecond. Never: grows with the age of
//! a connection, which must be less than 24 days.

use bytemuck::Zeroable;

use crate::base::Timestamp;

const MILLI_NS: i64 = 1_000_000;

/// The lower bits of the millisecond in which a connection began. All zero: not noted yet.
#[derive(Clone, Copy, Zeroable)]
#[repr(transparent)]
pub struct Begun(u32);

impl Begun {
    /// Something of the connection was seen at `now`. Only the first call counts.
    pub const fn note(&mut self, now: Timestamp) {
        if self.0 == 0 {
            let milli = now.nanos().div_euclid(MILLI_NS) as u32;
            self.0 = if milli == 0 { 1 } else { milli };
        }
    }

    /// The end of the millisecond in which it began, or `newest`, the time of its newest packet,
    /// where that is earlier: what was seen before it within the same millisecond counts as before.
    pub fn time(self, newest: Timestamp) -> Timestamp {
        let milli = newest.nanos().div_euclid(MILLI_NS);
        // Packets may come out of order.
        let age = ((milli as u32).wrapping_sub(self.0) as i32).max(0);
        let next = milli.saturating_sub(i64::from(age)).saturating_add(1);
        let end = next.saturating_mul(MILLI_NS).saturating_sub(1);
        Timestamp(end.min(newest.nanos()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_time_comes_back_to_the_millisecond(
            first in 1_000_000_000_000_000_000i64..4_000_000_000_000_000_000,
            age in 0i64..20 * 86_400_000_000_000,
        ) {
            let mut begun = Begun(0);
            begun.note(Timestamp(first));
            begun.note(Timestamp(first + age));
            let told = begun.time(Timestamp(first + age)).nanos();
            prop_assert!(first <= told && told <= first + age.min(MILLI_NS));
            // One that came earlier by its clock, but later here.
            prop_assert_eq!(begun.time(Timestamp(first - age)).nanos(), first - age);
        }
    }
}
