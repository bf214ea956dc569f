//! DHCPv4 (RFC 2131, options of RFC 2132, 3046, 4702).
//!
//! Enters: a datagram between ports 67 and 68, or 67 and 67 behind a relay. Leaves: a [`Message`].
//! Never: takes an offer for a lease, or the answer to an INFORM (it has no lease, and repeats the
//! client's own word, RFC 2131 section 4.3.5) for a binding.
//!
//! dhcproto's borrowed view walks the options. Around it stand checks that it leaves to its user:
//! it would index past a header whose `hlen` lies, and ends silently at an option that does.

use std::net::Ipv4Addr;

use dhcproto::v4::borrowed::{self, DhcpOption, DhcpOptionIterator};
use dhcproto::v4::{HType, MAGIC, Opcode, OptionCode};

use super::Malformed;
use super::address;
use super::text::Text;

/// Fixed fields and the magic number (RFC 2131 section 2).
const HEADER_LEN: usize = 240;
const HARDWARE_LEN_MAX: u8 = 16;
/// A lease without end (RFC 2131 section 3.3).
const FOR_EVER: u32 = u32::MAX;

/// Message types (RFC 2132 section 9.6) that tell something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// DISCOVER, REQUEST, INFORM: the client says its name.
    Asks,
    /// ACK of a server.
    Ack,
    /// The client gives its address back.
    Release,
    /// The client found its address in use.
    Decline,
    /// OFFER, NAK, and what other RFCs added.
    Other,
}

/// One message, its options known to be whole.
pub(super) struct Message<'m> {
    inner: borrowed::Message<'m>,
    bytes: &'m [u8],
    /// What it does.
    pub kind: Kind,
}

/// A lease: how long the address is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lease {
    Seconds(u32),
    Forever,
}

/// Reads a message. `Ok(None)`: BOOTP without DHCP (no magic number or no message type).
pub(super) fn read(bytes: &[u8]) -> Result<Option<Message<'_>>, Malformed> {
    let inner = borrowed::Message::new(bytes).map_err(|_| Malformed::Dhcp4Header)?;
    if bytes.get(HEADER_LEN.saturating_sub(MAGIC.len())..HEADER_LEN) != Some(&MAGIC[..]) {
        return Ok(None);
    }
    if inner.hlen() > HARDWARE_LEN_MAX {
        return Err(Malformed::Dhcp4Header);
    }
    let mut message = Message {
        inner,
        bytes,
        kind: Kind::Other,
    };
    if !message.regions().all(is_whole) {
        return Err(Malformed::Dhcp4Option);
    }
    let Some(kind) = message.option(OptionCode::MessageType) else {
        return Ok(None);
    };
    let &[kind] = kind.data() else {
        return Err(Malformed::Dhcp4Option);
    };
    let asked = message.inner.opcode() == Opcode::BootRequest;
    message.kind = match (kind, asked) {
        (1 | 3 | 8, true) => Kind::Asks,
        (4, true) => Kind::Decline,
        (7, true) => Kind::Release,
        (5, false) if message.inner.opcode() == Opcode::BootReply => Kind::Ack,
        _ => Kind::Other,
    };
    Ok(Some(message))
}

impl<'m> Message<'m> {
    /// Transaction and client: the same in a request and its answer.
    pub fn exchange(&self) -> (u32, &'m [u8]) {
        (self.inner.xid(), self.bytes.get(28..44).unwrap_or_default())
    }

    /// The client's link-layer address, if it is an Ethernet one.
    pub fn mac(&self) -> Option<[u8; 6]> {
        let ethernet = self.inner.htype() == HType::Eth && self.inner.hlen() == 6;
        let bytes = self.bytes.get(28..34).filter(|_| ethernet)?;
        address::device(bytes)
    }

    /// The address that the client uses already (`ciaddr`).
    pub fn used(&self) -> Ipv4Addr {
        self.inner.ciaddr()
    }

    /// Did a relay pass it on?
    pub fn relayed(&self) -> bool {
        !self.inner.giaddr().is_unspecified()
    }

    /// What an ACK binds: the address and for how long. Nothing when it answers an INFORM.
    pub fn lease(&self) -> Result<Option<(Ipv4Addr, Lease)>, Malformed> {
        let Some(seconds) = self.number(OptionCode::AddressLeaseTime)? else {
            return Ok(None);
        };
        // A renewal may repeat the address in `ciaddr` alone.
        let address = if self.inner.yiaddr().is_unspecified() {
            self.inner.ciaddr()
        } else {
            self.inner.yiaddr()
        };
        let lease = if seconds == FOR_EVER {
            Lease::Forever
        } else {
            Lease::Seconds(seconds)
        };
        Ok(Some((address, lease)))
    }

    /// The address that the client asked for (option 50).
    pub fn requested(&self) -> Result<Option<Ipv4Addr>, Malformed> {
        Ok(self
            .number(OptionCode::RequestedIpAddress)?
            .map(Ipv4Addr::from))
    }

    /// The server (option 54).
    pub fn server(&self) -> Result<Option<Ipv4Addr>, Malformed> {
        Ok(self
            .number(OptionCode::ServerIdentifier)?
            .map(Ipv4Addr::from))
    }

    /// The device's name: option 12, else 81 (RFC 4702 section 2: three bytes, then the name, in
    /// labels when bit E is set, else in plain text).
    pub fn host(&self) -> Text {
        let plain = self.option(OptionCode::Hostname);
        let plain = plain.map_or(Text::EMPTY, |option| Text::of(option.data()));
        if !plain.is_empty() {
            return plain;
        }
        let Some(full) = self.option(OptionCode::ClientFQDN) else {
            return Text::EMPTY;
        };
        match full.data() {
            [flags, _, _, name @ ..] if flags & 4 != 0 => Text::of_labels(name),
            [_, _, _, name @ ..] => Text::of(name),
            _ => Text::EMPTY,
        }
    }

    /// Option 61.
    pub fn client_id(&self) -> Option<Vec<u8>> {
        self.kept(OptionCode::ClientIdentifier)
    }

    /// Option 82, all of its sub-options.
    pub fn circuit(&self) -> Option<Vec<u8>> {
        self.kept(OptionCode::RelayAgentInformation)
    }

    fn kept(&self, code: OptionCode) -> Option<Vec<u8>> {
        let option = self.option(code).filter(|option| !option.is_empty())?;
        Some(option.data().to_vec())
    }

    fn number(&self, code: OptionCode) -> Result<Option<u32>, Malformed> {
        let Some(option) = self.option(code) else {
            return Ok(None);
        };
        let bytes = option
            .data()
            .try_into()
            .map_err(|_| Malformed::Dhcp4Option)?;
        Ok(Some(u32::from_be_bytes(bytes)))
    }

    fn option(&self, code: OptionCode) -> Option<DhcpOption<'m>> {
        let all = self.regions().flat_map(DhcpOptionIterator::new);
        all.into_iter().find(|option| option.code() == code)
    }

    /// Where options stand: behind the header and, when option 52 says so, in `file` and `sname`
    /// (RFC 2131 section 4.1).
    fn regions(&self) -> impl Iterator<Item = &'m [u8]> {
        let first = self.bytes.get(HEADER_LEN..).unwrap_or_default();
        let overload = DhcpOptionIterator::new(first)
            .find(|option| option.code() == OptionCode::OptionOverload)
            .and_then(|option| option.data().first().copied())
            .unwrap_or(0);
        let also = |bit: u8, range| {
            let wanted = overload <= 3 && overload & bit != 0;
            self.bytes.get(range).filter(|_| wanted).unwrap_or_default()
        };
        [first, also(1, 108..236), also(2, 44..108)].into_iter()
    }
}

/// Does every option up to the end mark lie inside?
fn is_whole(mut region: &[u8]) -> bool {
    loop {
        region = match region {
            [] | [255, ..] => return true,
            [0, rest @ ..] => rest,
            [_, len, rest @ ..] => match rest.get(usize::from(*len)..) {
                Some(rest) => rest,
                None => return false,
            },
            [_] => return false,
        };
    }
}
