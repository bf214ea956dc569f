//! One conversation: which sides of it were seen, and who began it.

use crate::base::{Endpoints, Transport};
use crate::decode::TcpMeta;

/// A shorter conversation says nothing about directions: the sample may have cut it.
pub const FRAMES_MIN: u32 = 4;

/// Direction, in the order of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the lower end.
    Up,
    /// From the higher end.
    Down,
}

/// What was seen of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Talk {
    up: u32,
    down: u32,
    /// Somebody acknowledges, so there are two sides, seen or not. A reset may acknowledge what
    /// never was, so it does not count.
    acknowledged: bool,
    /// Did the client send the packets that go up? `None` while unknown.
    pub client_is_up: Option<bool>,
}

impl Talk {
    /// A packet.
    pub const fn note(&mut self, way: Way, flags: u8) {
        match way {
            Way::Up => self.up = self.up.saturating_add(1),
            Way::Down => self.down = self.down.saturating_add(1),
        }
        self.acknowledged |= flags & TcpMeta::ACK != 0 && flags & TcpMeta::RST == 0;
    }

    /// Does it say anything about directions?
    pub const fn counts(&self) -> bool {
        self.acknowledged && self.up.saturating_add(self.down) >= FRAMES_MIN
    }

    /// The only side that was seen, if so.
    pub const fn one_way(&self) -> Option<Way> {
        match (self.up, self.down) {
            (0, 0) => None,
            (_, 0) => Some(Way::Up),
            (0, _) => Some(Way::Down),
            _ => None,
        }
    }
}

/// Is it a datagram to a resolver?
pub const fn is_query(ends: &Endpoints) -> bool {
    matches!(ends.transport, Transport::Udp) && ends.dport == 53 && ends.sport != 53
}

/// Did the sender of this first packet begin the conversation? By the handshake, else by the ports.
pub const fn client_is_src(ends: &Endpoints, flags: u8) -> Option<bool> {
    match (flags & TcpMeta::SYN != 0, flags & TcpMeta::ACK != 0) {
        (true, ack) => Some(!ack),
        (false, _) => match (is_service(ends.sport), is_service(ends.dport)) {
            (true, false) => Some(false),
            (false, true) => Some(true),
            _ => None,
        },
    }
}

/// Ports at which services listen and from which clients do not call.
const fn is_service(port: u16) -> bool {
    port < 1024 || matches!(port, 3128 | 8080 | 8443)
}
