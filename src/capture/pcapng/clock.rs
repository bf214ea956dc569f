//! Time stamps of one pcapng interface: `if_tsresol` and `if_tsoffset` (draft-ietf-opsawg-pcapng
//! section 4.2).
//!
//! Enters: the interface's options, then ticks. Leaves: [`Timestamp`], saturated where a hostile
//! value would leave its range. Never: fails; an option with the wrong length counts as absent.

use pcap_parser::{OptionCode, PcapNGOption};

use crate::base::Timestamp;
use crate::capture::record::Order;

/// From ticks to nanoseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    tick: Tick,
    offset_secs: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tick {
    /// One tick is so many nanoseconds.
    Nanos(u64),
    /// So many ticks make a nanosecond.
    PerNano(u64),
    /// A second has two to the power of so many ticks.
    Binary(u32),
}

impl Clock {
    /// What the options say; microseconds since the epoch when they say nothing.
    pub(super) fn from_options(options: &[PcapNGOption<'_>], order: Order) -> Self {
        let mut clock = Self {
            tick: Tick::of(6),
            offset_secs: 0,
        };
        for option in options {
            let value = option.as_bytes().unwrap_or_default();
            match (option.code, value) {
                (OptionCode::EndOfOpt, _) => break,
                (OptionCode::IfTsresol, &[resolution]) => clock.tick = Tick::of(resolution),
                (OptionCode::IfTsoffset, value) => {
                    if let Ok(bytes) = <[u8; 8]>::try_from(value) {
                        clock.offset_secs = match order {
                            Order::Little => i64::from_le_bytes(bytes),
                            Order::Big => i64::from_be_bytes(bytes),
                        };
                    }
                }
                _ => {}
            }
        }
        clock
    }

    /// The moment of a packet.
    #[inline]
    pub(super) fn time(self, ticks: u64) -> Timestamp {
        let nanos = match self.tick {
            Tick::Nanos(nanos) => ticks.saturating_mul(nanos),
            Tick::PerNano(ticks_per_nano) => ticks / ticks_per_nano,
            Tick::Binary(power) => {
                let nanos = (u128::from(ticks) * 1_000_000_000) >> power;
                u64::try_from(nanos).unwrap_or(u64::MAX)
            }
        };
        let nanos = i64::try_from(nanos).unwrap_or(i64::MAX);
        Timestamp::from_secs_nanos(self.offset_secs, nanos)
    }
}

impl Tick {
    /// From the option's byte: a negative power of ten, or of two when the top bit is set.
    fn of(resolution: u8) -> Self {
        let power = u32::from(resolution & 0x7f);
        if resolution & 0x80 != 0 {
            Self::Binary(power)
        } else if power <= 9 {
            Self::Nanos(10u64.pow(9 - power))
        } else {
            // Finer than 10^-28 s, 64 bits of ticks are less than a nanosecond: all become 0 or 1.
            Self::PerNano(10u64.checked_pow(power - 9).unwrap_or(u64::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn clock(resolution: u8, offset_secs: i64) -> Clock {
        Clock {
            tick: Tick::of(resolution),
            offset_secs,
        }
    }

    #[test]
    fn ticks_of_every_size_become_nanoseconds() {
        for (resolution, ticks, nanos) in [
            (0, 7, 7_000_000_000),
            (3, 7, 7_000_000),
            (6, 7, 7_000),
            (9, 7, 7),
            (12, 7_999, 7),
            (28, u64::MAX, 1),
            (127, u64::MAX, 1),
            (0x80, 3, 3_000_000_000),
            (0x80 | 10, 1_536, 1_500_000_000),
            (0x80 | 32, 1 << 31, 500_000_000),
            (0x80 | 127, u64::MAX, 0),
        ] {
            let got = clock(resolution, 0).time(ticks).nanos();
            assert_eq!(got, nanos, "resolution {resolution:#x}, {ticks} ticks");
        }
    }

    #[test]
    fn offset_is_added_in_seconds() {
        assert_eq!(clock(6, 10).time(1).nanos(), 10_000_001_000);
        assert_eq!(clock(6, -10).time(1).nanos(), -9_999_999_000);
    }

    #[test]
    fn hostile_values_saturate() {
        assert_eq!(clock(0, 0).time(u64::MAX).nanos(), i64::MAX);
        assert_eq!(clock(0x80, i64::MAX).time(u64::MAX).nanos(), i64::MAX);
        assert_eq!(clock(9, i64::MIN).time(0).nanos(), i64::MIN);
    }

    #[test]
    fn options_end_at_their_end_mark_and_bad_lengths_count_as_absent() {
        let option = |code, value: &'static [u8]| PcapNGOption {
            code: OptionCode(code),
            len: value.len() as u16,
            value: Cow::Borrowed(value),
        };
        let nanos = option(9, &[9]);
        let offset = option(14, &[0, 0, 0, 0, 0, 0, 0, 2]);
        let read = |options: &[PcapNGOption<'_>]| Clock::from_options(options, Order::Big);
        assert_eq!(read(&[]), clock(6, 0));
        assert_eq!(read(&[nanos, offset]), clock(9, 2));
        assert_eq!(read(&[option(0, &[]), option(9, &[9])]), clock(6, 0));
        assert_eq!(read(&[option(9, &[9, 9]), option(14, &[1])]), clock(6, 0));
    }
}
