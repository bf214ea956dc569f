//! The frame of a hit, as an officer may one day open it.
//!
//! Enters: a [`Hit`]. Leaves: a [`Frame`] that Wireshark reads: the frame's own bytes where the
//! message lay in one frame; else the message with headers written anew (`rebuilt`); of requests and
//! envelopes in clear the host alone, in a packet that was never sent (`stand-in`). Each says which
//! it is. Never: a byte of what followed the message; a second question; a path, cookie or mailbox.
//!
//! It holds addresses in clear: it exists only on its way into a seal, and out of it.

#[doc(hidden)]
pub mod oracle;
pub mod pcapng;
mod rebuilt;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::scribe::is_short_text;
use crate::base::{Seen, seen::closed_set};
use crate::event::{CARRIER_LEN_MAX, Carrier, Hit};

closed_set! {
    /// How true a frame is.
    Origin {
        /// The frame's own bytes, cut behind the message.
        Frame = "frame",
        /// The message as it was sent, in headers written from the flow's addresses: it came in
        /// several frames, or what stood beside it may not be kept.
        Rebuilt = "rebuilt",
        /// The host as it was sent, in a message that was never sent.
        StandIn = "stand-in",
    }
}

closed_set! {
    /// What became of the frame of a hit; the index counts it.
    FrameFate {
        /// Sealed: the frame's own bytes.
        Frame = "frame",
        /// Sealed: rebuilt.
        Rebuilt = "rebuilt",
        /// Sealed: a stand-in.
        StandIn = "stand-in",
        /// Not kept: nobody could open it.
        NoOfficers = "no-officers",
        /// Not kept: a log told of it, there was no frame.
        Log = "log",
        /// Not kept: what was handed on of the message makes no packet.
        Nothing = "nothing",
        /// Not kept: enough of this subject and vendor are.
        Bound = "bound",
        /// Not kept: it could not be sealed.
        Failed = "failed",
    }
}

impl From<Origin> for FrameFate {
    fn from(origin: Origin) -> Self {
        match origin {
            Origin::Frame => Self::Frame,
            Origin::Rebuilt => Self::Rebuilt,
            Origin::StandIn => Self::StandIn,
        }
    }
}

/// A frame with what is to be said of it. No `Debug`: it holds addresses.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// What is said of it.
    pub head: Head,
    /// From the link header on, at most [`CARRIER_LEN_MAX`] bytes.
    pub bytes: Vec<u8>,
}

/// What is said of a frame. No `Debug`: it may name a device.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Packet time, nanoseconds since the epoch.
    pub time_ns: i64,
    /// Name of the observation point.
    pub point: String,
    /// How the name was seen.
    pub seen: Seen,
    /// How true it is.
    pub origin: Origin,
    /// Number of the link type in the registry of tcpdump.org.
    pub link: u16,
    /// Length before it was cut.
    pub wire_len: u32,
    /// Bytes that are kept.
    pub len: u32,
    /// The client's link-layer address, where no header holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_mac: Option<String>,
    /// VLAN id, where no header holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// The connection's bytes came in more than one version.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub contested: bool,
}

impl Frame {
    /// The frame of a hit.
    ///
    /// # Errors
    /// Why there is none: [`FrameFate::Log`] or [`FrameFate::Nothing`].
    pub fn of(hit: &Hit) -> Result<Self, FrameFate> {
        if matches!(hit.seen, Seen::ResolverLog | Seen::ProxyLog) {
            return Err(FrameFate::Log);
        }
        let head = |origin, link, wire_len, len: usize| Head {
            time_ns: hit.time.nanos(),
            point: hit.point.clone(),
            seen: hit.seen,
            origin,
            link,
            wire_len,
            len: len as u32,
            client_mac: None,
            vlan: None,
            contested: hit.contested,
        };
        if let Some(carrier) = &hit.carrier {
            let len = carrier.bytes.len();
            return Ok(Self {
                head: head(Origin::Frame, carrier.link, carrier.wire_len, len),
                bytes: carrier.bytes.clone(),
            });
        }
        let (origin, mut bytes) = rebuilt::packet(hit).ok_or(FrameFate::Nothing)?;
        let wire_len = u32::try_from(bytes.len()).map_err(|_| FrameFate::Nothing)?;
        bytes.truncate(CARRIER_LEN_MAX);
        Ok(Self {
            head: Head {
                client_mac: hit.client_mac.map(super::scribe::mac_text),
                vlan: hit.vlan,
                ..head(origin, rebuilt::LINK, wire_len, bytes.len())
            },
            bytes,
        })
    }
}

impl Head {
    /// What stands beside the packet in Wireshark: how true it is, and of which hit.
    pub fn comment(&self, hit: &str) -> String {
        let mut said = String::from("Poortwacht: ");
        said.push_str(match self.origin {
            Origin::Frame => "real frame, as it was on the wire.",
            Origin::Rebuilt if self.seen == Seen::DnsJoin => {
                "rebuilt. This answer, given earlier, led to the connection; who gave it is not \
                 known, which the address of zeros says. The time is the connection's."
            }
            Origin::Rebuilt => {
                "rebuilt. The message is as it was sent; it came in several pieces, or not alone. \
                 The headers around it were written from the addresses of the flow, all other \
                 numbers in them mean nothing."
            }
            Origin::StandIn => {
                "stand-in. Only the host was kept. Everything else was written so that it can be \
                 read here, and was never sent."
            }
        });
        if self.len < self.wire_len {
            let (len, wire_len) = (self.len, self.wire_len);
            said.push_str(&format!(" Cut to {len} of {wire_len} bytes."));
        }
        if self.contested {
            said.push_str(" The connection's bytes came in more than one version.");
        }
        if let Some(mac) = &self.client_mac {
            said.push_str(&format!(" Link-layer address of the client: {mac}."));
        }
        if let Some(vlan) = self.vlan {
            said.push_str(&format!(" VLAN {vlan}."));
        }
        said.push_str(&format!(
            " Seen as {} at {}, hit {hit}.",
            self.seen, self.point
        ));
        said
    }

    /// Does it agree with itself?
    pub fn is_sound(&self) -> bool {
        is_short_text(&self.point, 255)
            && self.len as usize <= CARRIER_LEN_MAX
            && self.len <= self.wire_len
    }
}

/// Could a sound sensor have handed this on? A message in clear must be the end of its frame: so a
/// frame holds no more than what the hit shows anyway.
pub fn is_plausible(carrier: &Carrier, hit: &Hit) -> bool {
    let ends_with_message = match hit.seen {
        Seen::DnsQuery | Seen::DnsCname | Seen::DnsSvcb | Seen::TlsSni => {
            let cut = carrier.bytes.len() == CARRIER_LEN_MAX;
            cut || carrier.bytes.ends_with(&hit.evidence)
        }
        Seen::QuicSni | Seen::DtlsSni => true,
        _ => false,
    };
    let len = carrier.bytes.len();
    ends_with_message && (1..=CARRIER_LEN_MAX).contains(&len) && len <= carrier.wire_len as usize
}
