//! Frames that cannot say anything new, told before they are decoded.
//!
//! Enters: a [`Glance`] at a frame. Leaves: yes, or no. Never: counts, keeps or reads a name; says
//! yes to a frame of which the general way would do anything but keep its flow alive.
//!
//! That is most of the traffic: segments of connections that were judged, and datagrams that are
//! neither DNS nor the beginning of QUIC or DTLS nor of a tunnel, between ports that no other reader
//! listens on, and not watched. Each test here is a part of the full test that stands beside it, and
//! weaker: what it says no to, the full test decides.

use crate::base::Timestamp;
use crate::decode::{Glance, Inside};
use crate::flow::Streams;
use crate::names::{bypass, dns, dtls, quic};

use super::watch::Trail;

/// Is a frame done with when this was seen of it?
#[inline(always)]
pub(super) fn is_quiet(
    glance: &Glance<'_>,
    now: Timestamp,
    streams: &mut Streams,
    trail: &Trail,
) -> bool {
    match glance.inside {
        Inside::Tcp { .. } => streams.passes(glance, now),
        Inside::Udp(payload) => {
            let (from, to) = (glance.sport, glance.dport);
            is_ordinary(from) && is_ordinary(to) && !may_speak(payload) && !trail.may_hold(from, to)
        }
    }
}

/// May a datagram between [ordinary](is_ordinary) ports be anything that is read?
#[inline(always)]
fn may_speak(payload: &[u8]) -> bool {
    // Nothing that is read is shorter, but a keepalive on a port of its own.
    let Some(head) = payload.first_chunk::<20>() else {
        return true;
    };
    quic::may_begin(head)
        || head[0] == dtls::FIRST_BYTE
        || dns::may_be_lookup(head)
        || bypass::may_be(head)
}

/// A port on which nothing is read that could not be on any other: no name service's, no identity
/// protocol's (`presence`), no tunnel's (the glance asks for those too).
#[inline(always)]
const fn is_ordinary(port: u16) -> bool {
    port == 443 || port > 8472
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Endpoints, Transport};
    use crate::presence;
    use proptest::prelude::*;

    fn ends(port: u16) -> Endpoints {
        Endpoints {
            src: "10.0.0.1".parse().unwrap(),
            dst: "192.0.2.1".parse().unwrap(),
            sport: 50_000,
            dport: port,
            transport: Transport::Udp,
        }
    }

    #[test]
    fn no_reader_listens_on_an_ordinary_port() {
        for port in 0..=u16::MAX {
            let named = [53, 5353, 5355, 137, 500, 4500].contains(&port);
            let listened = named || presence::spoken(&ends(port)).is_some();
            assert!(!(listened && is_ordinary(port)), "{port}");
        }
    }

    /// What the full tests say of a datagram between ordinary ports.
    fn speaks(payload: &[u8]) -> bool {
        quic::classify(payload) != quic::Class::NotQuic
            || dtls::classify(payload, payload.len()) != dtls::Class::NotDtls
            || dns::is_lookup(payload)
            || bypass::datagram(payload, 443, Timestamp(0)).is_some()
    }

    proptest! {
        #[test]
        fn what_speaks_is_never_quiet(
            mut payload in prop::collection::vec(any::<u8>(), 0..200),
            patch in prop::collection::vec((0usize..24, any::<u8>()), 0..8),
        ) {
            prop_assert!(!speaks(&payload) || may_speak(&payload));
            for (at, byte) in patch {
                if let Some(place) = payload.get_mut(at) {
                    *place = byte;
                }
            }
            prop_assert!(!speaks(&payload) || may_speak(&payload));
        }
    }
}
