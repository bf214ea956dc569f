//! Questions to a card, over ethtool's netlink family (linux/ethtool_netlink.h).
//!
//! Enters: the name of an interface. Leaves: [`Told`]. Never: sets anything; needs a privilege.
//!
//! Framing and attributes are those of the rust-netlink crates. Its crate `ethtool` has no question
//! for the receive hash and is async, so that the three questions are put here.

use std::collections::BTreeSet;
use std::io;

use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, NLA_F_NESTED, NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload, NlaBuffer, NlasIterator, ParseableParametrized,
};
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd, nlas::GenlCtrlAttrs};
use netlink_packet_generic::{GenlFamily, GenlHeader, GenlMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_GENERIC};

/// ETHTOOL_MSG_FEATURES_GET
const FEATURES: u8 = 11;
/// ETHTOOL_MSG_RINGS_GET
const RINGS: u8 = 15;
/// ETHTOOL_MSG_RSS_GET
const HASH: u8 = 38;

/// What the card says of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// The kernel answered at all.
    pub(super) answered: bool,
    /// Features that are on.
    pub(super) features: BTreeSet<String>,
    /// Descriptors of the receive ring: now, and at most.
    pub(super) rx_ring: Option<(u32, u32)>,
    /// Are both directions of a connection sent to the same queue?
    pub(super) symmetric: Option<bool>,
}

/// Asks; `None` when there is no ethtool over netlink (before Linux 5.6).
pub(super) fn ask(interface: &str) -> Option<Told> {
    let mut socket = Socket::new(NETLINK_GENERIC).ok()?;
    socket.bind_auto().ok()?;
    socket.connect(&SocketAddr::new(0, 0)).ok()?;
    let family = family(&socket).ok()??;
    let mut told = Told::default();
    if let Ok(answer) = question(&socket, family, FEATURES, interface) {
        told.answered = true;
        told.features = active(&answer);
    }
    if let Ok(answer) = question(&socket, family, RINGS, interface) {
        // ETHTOOL_A_RINGS_RX_MAX, ETHTOOL_A_RINGS_RX
        told.rx_ring = Option::zip(u32_of(&answer, 6), u32_of(&answer, 2))
            .map(|(now, most)| (now, most))
            .filter(|(_, most)| *most > 0);
    }
    if let Ok(answer) = question(&socket, family, HASH, interface) {
        // ETHTOOL_A_RSS_HKEY, ETHTOOL_A_RSS_INPUT_XFRM
        let transformed = u32_of(&answer, 6).is_some_and(|how| how != 0);
        let key = find(&answer, 5);
        told.symmetric = key.map(|key| transformed || is_symmetric(&key));
    }
    Some(told)
}

/// A Toeplitz key that repeats itself every two bytes hashes both directions alike.
fn is_symmetric(key: &[u8]) -> bool {
    key.len() > 2 && key.iter().zip(key.iter().skip(2)).all(|(a, b)| a == b)
}

fn family(socket: &Socket) -> io::Result<Option<u16>> {
    let message = GenlMessage::from_payload(GenlCtrl {
        cmd: GenlCtrlCmd::GetFamily,
        nlas: vec![GenlCtrlAttrs::FamilyName("ethtool".to_owned())],
    });
    let mut message = NetlinkMessage::from(message);
    message.header.flags = NLM_F_REQUEST | NLM_F_ACK;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0)?;
    let answer: Option<GenlMessage<GenlCtrl>> = receive(socket)?;
    let nlas = answer.into_iter().flat_map(|answer| answer.payload.nlas);
    Ok(nlas.into_iter().find_map(|nla| match nla {
        GenlCtrlAttrs::FamilyId(id) => Some(id),
        _ => None,
    }))
}

/// Puts one question about an interface and gives the attributes of the answer.
fn question(socket: &Socket, family: u16, command: u8, interface: &str) -> io::Result<Vec<u8>> {
    let mut name = interface.as_bytes().to_vec();
    name.push(0);
    // ETHTOOL_A_HEADER_DEV_NAME within ETHTOOL_A_..._HEADER
    let name = DefaultNla::new(2, name);
    let mut header = vec![0; name.buffer_len()];
    name.emit(&mut header);
    let header = DefaultNla::new(1 | NLA_F_NESTED, header);
    let mut attributes = vec![0; header.buffer_len()];
    header.emit(&mut attributes);
    let mut message = GenlMessage::from_payload(Ethtool {
        command,
        attributes,
    });
    message.set_resolved_family_id(family);
    let mut message = NetlinkMessage::from(message);
    message.header.flags = NLM_F_REQUEST | NLM_F_ACK;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0)?;
    let answer: Option<GenlMessage<Ethtool>> = receive(socket)?;
    answer
        .map(|answer| answer.payload.attributes)
        .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Reads up to the acknowledgement; the last answer before it.
fn receive<T>(socket: &Socket) -> io::Result<Option<GenlMessage<T>>>
where
    T: ParseableParametrized<[u8], GenlHeader> + std::fmt::Debug,
{
    let mut answer = None;
    loop {
        let (bytes, _) = socket.recv_from_full()?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let wrong = |e: DecodeError| io::Error::new(io::ErrorKind::InvalidData, e.to_string());
            let message = NetlinkMessage::<GenlMessage<T>>::deserialize(rest).map_err(wrong)?;
            let len = (message.header.length as usize).next_multiple_of(4).max(16);
            rest = rest.get(len..).unwrap_or_default();
            match message.payload {
                NetlinkPayload::InnerMessage(inner) => answer = Some(inner),
                // An acknowledgement is an error of number 0.
                NetlinkPayload::Error(error) if error.code.is_some() => {
                    return Err(error.to_io());
                }
                NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => return Ok(answer),
                _ => {}
            }
        }
    }
}

/// Names of the bits in ETHTOOL_A_FEATURES_ACTIVE, a list: what stands in it is on.
fn active(attributes: &[u8]) -> BTreeSet<String> {
    // ETHTOOL_A_FEATURES_ACTIVE, ETHTOOL_A_BITSET_BITS, ETHTOOL_A_BITSET_BIT_NAME
    let bits = find(attributes, 4).and_then(|set| find(&set, 3));
    let mut names = BTreeSet::new();
    for bit in each(&bits.unwrap_or_default()) {
        let name = find(bit.value(), 2).unwrap_or_default();
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        if let Ok(name) = std::str::from_utf8(name) {
            names.insert(name.to_owned());
        }
    }
    names
}

fn each(attributes: &[u8]) -> impl Iterator<Item = NlaBuffer<&[u8]>> {
    NlasIterator::new(attributes).map_while(Result::ok)
}

/// The value of the first attribute of this kind.
fn find(attributes: &[u8], kind: u16) -> Option<Vec<u8>> {
    each(attributes)
        .find(|nla| nla.kind() == kind)
        .map(|nla| nla.value().to_vec())
}

fn u32_of(attributes: &[u8], kind: u16) -> Option<u32> {
    let value = find(attributes, kind)?;
    Some(u32::from_ne_bytes(value.try_into().ok()?))
}

/// A message of the family: its command and its attributes as bytes.
#[derive(Clone, Debug)]
struct Ethtool {
    command: u8,
    attributes: Vec<u8>,
}

impl GenlFamily for Ethtool {
    fn family_name() -> &'static str {
        "ethtool"
    }

    fn command(&self) -> u8 {
        self.command
    }

    fn version(&self) -> u8 {
        1
    }
}

impl Emitable for Ethtool {
    fn buffer_len(&self) -> usize {
        self.attributes.len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.attributes);
    }
}

impl ParseableParametrized<[u8], GenlHeader> for Ethtool {
    fn parse_with_param(buffer: &[u8], header: GenlHeader) -> Result<Self, DecodeError> {
        Ok(Self {
            command: header.cmd,
            attributes: buffer.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_has_features_that_every_kernel_gives_it() {
        let told = ask("lo").unwrap();
        assert!(told.answered);
        let on = |name: &str| told.features.contains(name);
        assert!(on("loopback") && on("tx-generic-segmentation"), "{told:?}");
        assert!(!on("rx-lro"));
        assert_eq!(told.rx_ring, None);
    }

    #[test]
    fn nothing_is_told_of_an_interface_that_is_not_there() {
        assert!(!ask("nosuch0").unwrap().answered);
    }

    #[test]
    fn a_key_that_repeats_two_bytes_is_symmetric() {
        assert!(is_symmetric(&[0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a]));
        assert!(!is_symmetric(&[0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b]));
        assert!(!is_symmetric(&[]));
    }
}
