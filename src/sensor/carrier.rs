//! The frame that carried a hit's message, for those who may one day open it.
//!
//! Enters: the frame that is looked at, and a sighting that became a hit. Leaves: the [`Carrier`]:
//! the frame's own bytes up to the end of the message, copied only now that an event leaves. Never:
//! a byte of what follows the message; anything of a frame in which something else than headers
//! stands before it (an earlier request, a second question); what the capturing system wrote about
//! the process that sent it.
//!
//! What lies in one frame is told by where it lies: a message that was put together stands in a
//! buffer of ours, not in the frame. Then there is no carrier, and `hits::frame` writes headers of
//! its own around the message, and says so.

use crate::base::Seen;
use crate::capture::{Frame, LinkType};
use crate::event::{CARRIER_LEN_MAX, Carrier};
use crate::names::{Sighting, dtls, quic};

/// A TLS record's header; a message length of DNS over TCP.
const RECORD_LEN: usize = 5;
const DNS_LENGTH_LEN: usize = 2;
/// Destination and source address: a VLAN tag stands behind them.
const TAG_AT: usize = 12;

/// The frame that is looked at, and the payload in it.
#[derive(Clone, Copy)]
pub(super) struct Wire<'f> {
    frame: &'f Frame<'f>,
    payload: &'f [u8],
    /// All of a message that is handed on in another form (deciphered, without a cookie) came in
    /// this payload.
    whole: bool,
}

impl<'f> Wire<'f> {
    #[inline]
    pub const fn new(frame: &'f Frame<'f>, payload: &'f [u8]) -> Self {
        Self {
            frame,
            payload,
            whole: false,
        }
    }

    /// This payload brought the message alone, be it enciphered or in another form.
    pub const fn note_whole(&mut self) {
        self.whole = true;
    }

    /// What is kept of the frame; `None` when the message did not lie in it alone.
    #[cold]
    pub fn carrier(&self, sighting: &Sighting<'_>) -> Option<Carrier> {
        let frame = self.frame;
        // Their headers tell of the process or user that sent the packet.
        let tells_more = matches!(
            frame.link,
            LinkType::Nflog | LinkType::Pktap | LinkType::Ppi
        );
        if tells_more {
            return None;
        }
        let payload = place(frame.bytes, self.payload)?;
        let end = match (sighting.seen, self.whole) {
            (Seen::QuicSni, true) => payload.checked_add(quic::initials_len(self.payload)?)?,
            (Seen::DtlsSni, true) => payload.checked_add(dtls::hello_len(self.payload)?)?,
            (Seen::DnsQuery | Seen::DnsCname | Seen::DnsSvcb | Seen::TlsSni, _) => {
                let at = place(frame.bytes, sighting.evidence)?;
                if !is_alone(sighting, at.checked_sub(payload)?) {
                    return None;
                }
                at.checked_add(sighting.evidence.len())?
            }
            _ => return None,
        };
        let bytes = frame.bytes.get(..end)?;
        Some(with_tag(frame, bytes))
    }
}

/// Do only headers stand before the message, and no second name in it?
fn is_alone(sighting: &Sighting<'_>, before: usize) -> bool {
    match sighting.seen {
        Seen::TlsSni => before == RECORD_LEN,
        _ => (before == 0 || before == DNS_LENGTH_LEN) && questions(sighting.evidence) == 1,
    }
}

/// Questions that a DNS message says it has (RFC 1035 section 4.1.1).
fn questions(message: &[u8]) -> u16 {
    let count = message.get(4..).and_then(<[u8]>::first_chunk);
    count.map_or(0, |count| u16::from_be_bytes(*count))
}

/// The first bytes of a frame, with the tag that the kernel took out put back.
fn with_tag(frame: &Frame<'_>, bytes: &[u8]) -> Carrier {
    let mut kept = Vec::with_capacity(bytes.len().saturating_add(4).min(CARRIER_LEN_MAX));
    let mut wire_len = frame.wire_len;
    let tag = frame.vlan.filter(|_| frame.link == LinkType::Ethernet);
    match (tag, bytes.split_at_checked(TAG_AT)) {
        (Some(tag), Some((ends, rest))) => {
            kept.extend_from_slice(ends);
            kept.extend_from_slice(&tag.tpid.to_be_bytes());
            kept.extend_from_slice(&tag.tci.to_be_bytes());
            let room = CARRIER_LEN_MAX.saturating_sub(kept.len()).min(rest.len());
            kept.extend_from_slice(rest.get(..room).unwrap_or_default());
            wire_len = wire_len.saturating_add(4);
        }
        _ => {
            let room = CARRIER_LEN_MAX.min(bytes.len());
            kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
        }
    }
    Carrier {
        link: frame.link.number(),
        wire_len: wire_len.max(u32::try_from(kept.len()).unwrap_or(u32::MAX)),
        bytes: kept,
    }
}

/// Where `part` lies in `whole`, if it lies there.
fn place(whole: &[u8], part: &[u8]) -> Option<usize> {
    let at = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = at.checked_add(part.len())?;
    (end <= whole.len() && !part.is_empty()).then_some(at)
}
