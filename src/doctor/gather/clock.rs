//! The clock and its time zone.

use std::time::{Duration, Instant, SystemTime};

use super::kernel::text;
use super::timex;
use crate::doctor::facts::Clock;

pub(super) fn gather() -> Clock {
    let state = timex::state();
    Clock {
        synchronised: state.map(|(yes, _)| yes),
        error_max_us: state.map(|(_, error)| error),
        jumped_ns: None,
        zone: zone(),
    }
}

/// As TZ, /etc/localtime or /etc/timezone name it; without any of them the C library takes UTC.
fn zone() -> String {
    if let Ok(zone) = std::env::var("TZ")
        && !zone.is_empty()
    {
        return zone.trim_start_matches(':').to_owned();
    }
    let link = std::fs::read_link("/etc/localtime").ok();
    let linked = link.as_ref().and_then(|path| {
        let path = path.to_str()?;
        path.split_once("zoneinfo/")
            .map(|(_, zone)| zone.to_owned())
    });
    linked.unwrap_or_else(|| match text("/etc/timezone") {
        zone if zone.is_empty() => "UTC".to_owned(),
        zone => zone,
    })
}

/// Both clocks at one moment.
pub(super) struct Pair {
    wall: SystemTime,
    steady: Instant,
}

impl Pair {
    pub(super) fn now() -> Option<Self> {
        Some(Self {
            wall: SystemTime::now(),
            steady: Instant::now(),
        })
    }

    /// Nanoseconds that the wall clock moved since then against the steady one.
    pub(super) fn jumped(&self) -> Option<i64> {
        let steady = nanos(self.steady.elapsed());
        let wall = match SystemTime::now().duration_since(self.wall) {
            Ok(forward) => nanos(forward),
            Err(back) => -nanos(back.duration()),
        };
        Some(wall - steady)
    }
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}
