//! The worker loop: hands each frame from stage to stage, and carries back what must flow back.
//!
//! Enters: frames and the list in force. Leaves: hits to a [`Sink`], counters. Never: touches the
//! clock, a file or a socket; lets a name that did not match go further than the counter, unless
//! the sink is one that shows a capture file to the person who holds it.

mod carrier;
mod certificate;
mod context;
mod dtls;
mod join;
mod mail;
mod quic;
mod quiet;
mod support;
mod tcp;
mod tls;
mod watch;
mod ways;
mod web;
mod worker;
#[cfg(test)]
mod tests;

use ipnet::IpNet;

use crate::base::{Endpoints, Seen, Timestamp};
use crate::capture::prefilter::Verdict;
use crate::event::{Event, Hit};

pub use support::SUPPORT_NS;
pub use worker::Worker;

/// Bounds and choices of one worker.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Prefixes dropped before any name is read.
    pub excluded: Vec<IpNet>,
    /// Networks of monitored clients; empty: every connection counts for coverage.
    pub monitored: Vec<IpNet>,
    /// Public addresses beside `monitored` whose tunnels may carry monitored clients.
    pub tunnel_ends: Vec<IpNet>,
    /// Connections tracked, TCP and QUIC each.
    pub flows: usize,
    /// Buffers for unfinished messages, TCP and QUIC each.
    pub buffers: u32,
    /// `Some` makes the tables' hashing repeatable, for replays; `None` keys it at random.
    pub seed: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            excluded: Vec::new(),
            monitored: Vec::new(),
            tunnel_ends: Vec::new(),
            flows: 262_144,
            buffers: 1024,
            seed: None,
        }
    }
}

/// Where a worker's findings go.
pub trait Sink {
    /// A name matched. Called on a match only, so it may cost something.
    fn hit(&mut self, hit: Box<Hit>);

    /// A fact, an exchange on a watched flow, a supporting name or a mail. It leaves only for a
    /// reason, so it may cost something.
    fn tell(&mut self, event: Event);

    /// Does this sink show every name? Only ever true for capture files.
    fn wants_names(&self) -> bool {
        false
    }

    /// Does this sink want to hear of judged flows? True where a kernel can use it.
    fn wants_verdicts(&self) -> bool {
        false
    }

    /// The flow of `ends` was judged by a frame of this time: the kernel may keep back what nobody
    /// reads. Only called when [`Self::wants_verdicts`]; more than once for the same flow while its
    /// frames go on coming. What `ends.src` is, the verdict says.
    fn judged(&mut self, _ends: &Endpoints, _verdict: Verdict, _time: Timestamp) {}

    /// A name was read, matched or not; only called when [`Self::wants_names`].
    fn name(&mut self, _line: &NameLine<'_>) {}
}

/// One name as `read --names` prints it.
pub struct NameLine<'a> {
    /// Number of the frame that completed the name, from 1.
    pub frame: u64,
    /// Its packet time.
    pub time: Timestamp,
    /// Sender and receiver of that packet.
    pub ends: Endpoints,
    /// How it was seen.
    pub seen: Seen,
    /// Normal form.
    pub name: &'a str,
}
