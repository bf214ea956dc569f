//! The portable way: libpcap, one worker per interface.
//!
//! Enters: an interface, a filter. Leaves: frames where libpcap's own ring holds them. Never: waits
//! inside libpcap; the wait is a poll with the caller's timeout.
//!
//! libpcap puts a VLAN tag back into the frame and shows loopback packets once by itself.

use std::time::{Duration, Instant};

use pcap::{Active, Capture, Packet, Precision};

use super::interface::{ErrorCounter, is_up};
use super::program::{Expressions, KernelFilter, user_expression};
use super::{KernelStats, LiveConfig, LiveError, Readiness, wait};
use crate::base::Timestamp;
use crate::capture::filter::{FilterError, words};
use crate::capture::{Frame, LinkType};

/// Time after which libpcap's ring hands a frame over. Never 0: that loses prompt delivery. Not
/// immediate mode either: that makes libpcap take slots of a fixed size, which cut large frames or
/// hold few.
const TIMEOUT_MS: i32 = 4;
/// Pace of looking whether the interface is up.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// What tcpdump keeps of a frame.
const SNAPLEN_DEFAULT: i32 = 262_144;
/// Most frames handed over in one batch.
const BATCH_MAX: usize = 1024;

/// A libpcap handle on one interface.
pub struct PcapSource {
    capture: Capture<Active>,
    name: String,
    point: u16,
    link: LinkType,
    filter: KernelFilter,
    stats: KernelStats,
    /// libpcap's 32-bit counters as last read.
    last: (u32, u32),
    errors: ErrorCounter,
    gone: bool,
    up: bool,
    looked: Instant,
}

pub(super) fn open(name: &str, point: u16, config: &LiveConfig) -> Result<PcapSource, LiveError> {
    let snaplen = match config.snaplen {
        0 => SNAPLEN_DEFAULT,
        bytes => i32::try_from(bytes).unwrap_or(SNAPLEN_DEFAULT),
    };
    let mut capture = Capture::from_device(name)
        .and_then(|inactive| {
            inactive
                .promisc(config.promiscuous)
                .snaplen(snaplen)
                .buffer_size(i32::try_from(config.ring_bytes).unwrap_or(i32::MAX))
                .timeout(TIMEOUT_MS)
                .precision(Precision::Nano)
                .open()
        })
        .and_then(Capture::setnonblock)
        .map_err(|error| refused(name, &error))?;
    let filter = set_filter(&mut capture, config)?;
    let link = u16::try_from(capture.get_datalink().0)
        .map_or(LinkType::Unknown(u16::MAX), LinkType::from_number);
    Ok(PcapSource {
        capture,
        name: name.to_owned(),
        point,
        link,
        filter,
        stats: KernelStats::default(),
        last: (0, 0),
        errors: ErrorCounter::start(name),
        gone: false,
        up: true,
        looked: Instant::now(),
    })
}

/// libpcap tells failures apart in words only.
fn refused(name: &str, error: &pcap::Error) -> LiveError {
    let message = words(error);
    let name = name.to_owned();
    if message.contains("permission") || message.contains("Operation not permitted") {
        LiveError::NotPermitted { name }
    } else if message.contains("is not up") {
        LiveError::InterfaceDown { name }
    } else {
        LiveError::Pcap { name, message }
    }
}

fn set_filter(
    capture: &mut Capture<Active>,
    config: &LiveConfig,
) -> Result<KernelFilter, LiveError> {
    let mut set = |text: &str| {
        capture
            .filter(text, true)
            .map_err(|error| LiveError::from(FilterError::new(text, words(&error))))
    };
    if let Some(text) = user_expression(config) {
        set(text)?;
    }
    let expressions = Expressions::of(config);
    match (expressions.best, expressions.without_exclusion) {
        (None, _) => Ok(KernelFilter::None),
        (Some((text, filter)), without_exclusion) => match (set(&text), without_exclusion) {
            (Ok(()), _) => Ok(filter),
            // The user's expression is in force since above.
            (Err(_), Some((_, filter))) => Ok(filter),
            (Err(error), None) => Err(error),
        },
    }
}

impl PcapSource {
    /// Name of the interface.
    pub fn point_name(&self) -> &str {
        &self.name
    }

    /// Number of the observation point, as in [`Frame::point`].
    pub fn point(&self) -> u16 {
        self.point
    }

    /// What is filtered before frames come here.
    pub fn kernel_filter(&self) -> KernelFilter {
        self.filter
    }

    /// See [`LiveSource::next_batch`](super::LiveSource::next_batch).
    pub fn next_batch(
        &mut self,
        timeout: Duration,
        each: &mut impl FnMut(Frame<'_>),
    ) -> Result<usize, LiveError> {
        if self.gone {
            std::thread::sleep(timeout);
            return Ok(0);
        }
        let frames = self.dispatch(each)?;
        if frames > 0 {
            return Ok(frames);
        }
        let waiting = |source| LiveError::System {
            name: self.name.clone(),
            doing: "waiting for frames",
            source,
        };
        match wait(&self.capture, timeout).map_err(waiting)? {
            Readiness::Quiet => self.look_for_interface().map(|()| 0),
            Readiness::Ready | Readiness::Error => self.dispatch(each),
        }
    }

    /// libpcap tells of an interface that was deleted, but waits without a word for one that is
    /// down: looks now and then.
    fn look_for_interface(&mut self) -> Result<(), LiveError> {
        if self.looked.elapsed() < LOOK_AGAIN {
            return Ok(());
        }
        self.looked = Instant::now();
        let was_up = std::mem::replace(&mut self.up, is_up(&self.name));
        if was_up && !self.up {
            self.stats.interface_downs += 1;
            return Err(LiveError::InterfaceDown {
                name: self.name.clone(),
            });
        }
        Ok(())
    }

    /// See [`LiveSource::is_up`](super::LiveSource::is_up).
    pub fn is_up(&self) -> bool {
        self.up && !self.gone
    }

    fn dispatch(&mut self, each: &mut impl FnMut(Frame<'_>)) -> Result<usize, LiveError> {
        let (link, point) = (self.link, self.point);
        let hand_over = |packet: Packet<'_>| {
            // With nanosecond precision `tv_usec` holds nanoseconds.
            let (seconds, nanoseconds) = (packet.header.ts.tv_sec, packet.header.ts.tv_usec);
            each(Frame {
                bytes: packet.data,
                wire_len: packet.header.len,
                time: Timestamp::from_secs_nanos(seconds, nanoseconds),
                vlan: None,
                link,
                point,
            });
        };
        let result = self.capture.dispatch(Some(BATCH_MAX), hand_over);
        result.map_err(|error| self.stopped(&error))
    }

    fn stopped(&mut self, error: &pcap::Error) -> LiveError {
        let message = words(error);
        let name = self.name.clone();
        if message.contains("disappeared") {
            self.gone = true;
            self.stats.interface_downs += 1;
            LiveError::InterfaceGone {
                name,
                recovers: false,
            }
        } else if message.contains("went down") {
            self.stats.interface_downs += 1;
            LiveError::InterfaceDown { name }
        } else {
            LiveError::Pcap { name, message }
        }
    }

    /// See [`LiveSource::kernel_stats`](super::LiveSource::kernel_stats).
    pub fn kernel_stats(&mut self) -> KernelStats {
        if let Ok(now) = self.capture.stats() {
            let drops = now.dropped.wrapping_sub(self.last.1);
            let passed = now.received.wrapping_sub(self.last.0);
            self.stats.drops += u64::from(drops);
            self.stats.received += u64::from(passed.saturating_sub(drops));
            self.last = (now.received, now.dropped);
        }
        self.stats.interface_errors = self.errors.total();
        self.stats
    }
}
