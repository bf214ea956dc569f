//! DHCPv6 (RFC 8415, options of RFC 4704 and 6939).
//!
//! Enters: a datagram on port 546 or 547. Leaves: the client's or server's message out of its
//! relays, and the addresses and prefixes in it. Never: follows more than [`RELAYS_MAX`] relays or
//! more than two levels of options.
//!
//! The options are walked here and not by dhcproto, whose decoder for them recurses as deep as the
//! datagram tells it to and ends silently at a broken option. It is the second opinion in tests.

use std::net::Ipv6Addr;

use ipnet::IpNet;

use super::Malformed;
use super::address;
use super::text::Text;

/// HOP_COUNT_LIMIT (RFC 8415 section 7.6).
pub(super) const RELAYS_MAX: usize = 8;

const RELAY_FORWARD: u8 = 12;
const RELAY_REPLY: u8 = 13;

const CLIENT_ID: u16 = 1;
const SERVER_ID: u16 = 2;
const NON_TEMPORARY: u16 = 3;
const TEMPORARY: u16 = 4;
const ADDRESS: u16 = 5;
const RELAY_MESSAGE: u16 = 9;
const STATUS: u16 = 13;
const INTERFACE_ID: u16 = 18;
const DELEGATION: u16 = 25;
const PREFIX: u16 = 26;
const CLIENT_NAME: u16 = 39;
const CLIENT_LINK_ADDRESS: u16 = 79;

const FOR_EVER: u32 = u32::MAX;
/// A DUID is at most so long (RFC 8415 section 11.1).
const DUID_LEN_MAX: usize = 130;

/// What a message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// SOLICIT, REQUEST, RENEW, REBIND, INFORMATION-REQUEST: the client says its name.
    Asks,
    /// REPLY of a server.
    Reply,
    /// RELEASE or DECLINE: the client gives addresses back.
    GivesBack,
    /// ADVERTISE and all else.
    Other,
}

/// One message, taken out of its relays.
#[derive(Clone, Copy)]
pub(super) struct Message<'m> {
    pub kind: Kind,
    transaction: [u8; 3],
    options: &'m [u8],
    /// Interface-Id of the relay next to the client.
    pub circuit: Option<&'m [u8]>,
    /// The client's link-layer address as that relay saw it (RFC 6939).
    relayed_mac: Option<[u8; 6]>,
}

/// An address or prefix in a reply or release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub net: IpNet,
    /// Valid lifetime in seconds, `None` without end; 0: given up.
    pub seconds: Option<u32>,
}

/// A transaction's number and the client's DUID.
type Exchange<'m> = ([u8; 3], &'m [u8]);

/// Reads a datagram.
pub(super) fn read(bytes: &[u8]) -> Result<Message<'_>, Malformed> {
    let (mut bytes, mut circuit, mut relayed_mac) = (bytes, None, None);
    for _ in 0..=RELAYS_MAX {
        match *bytes {
            [RELAY_FORWARD | RELAY_REPLY, ..] => {
                // Type, hops, link address, peer address.
                let mut options = Options(bytes.get(34..).ok_or(Malformed::Dhcp6Header)?);
                let mut inside = None;
                // The last one passed is next to the client.
                (circuit, relayed_mac) = (None, None);
                while let Some((code, body)) = options.next()? {
                    match code {
                        RELAY_MESSAGE => inside = Some(body),
                        INTERFACE_ID => circuit = Some(body),
                        CLIENT_LINK_ADDRESS => relayed_mac = ethernet(body),
                        _ => {}
                    }
                }
                bytes = inside.ok_or(Malformed::Dhcp6Option)?;
            }
            [kind, a, b, c, ref options @ ..] => {
                return Ok(Message {
                    kind: match kind {
                        1 | 3 | 5 | 6 | 11 => Kind::Asks,
                        7 => Kind::Reply,
                        8 | 9 => Kind::GivesBack,
                        _ => Kind::Other,
                    },
                    transaction: [a, b, c],
                    options,
                    circuit,
                    relayed_mac,
                });
            }
            _ => return Err(Malformed::Dhcp6Header),
        }
    }
    Err(Malformed::Dhcp6Nesting)
}

impl<'m> Message<'m> {
    /// Transaction and client: the same in a request and its answer.
    pub fn exchange(&self) -> Result<Option<Exchange<'m>>, Malformed> {
        Ok(self.client()?.map(|duid| (self.transaction, duid)))
    }

    /// The client's DUID.
    pub fn client(&self) -> Result<Option<&'m [u8]>, Malformed> {
        self.duid(CLIENT_ID)
    }

    /// The server's DUID.
    pub fn server(&self) -> Result<Option<&'m [u8]>, Malformed> {
        self.duid(SERVER_ID)
    }

    /// The device: as the relay saw it, else out of its DUID (RFC 8415 sections 11.2 and 11.4).
    pub fn mac(&self) -> Result<Option<[u8; 6]>, Malformed> {
        if self.relayed_mac.is_some() {
            return Ok(self.relayed_mac);
        }
        Ok(match self.client()? {
            Some([0, 1, 0, 1, _, _, _, _, mac @ ..] | [0, 3, 0, 1, mac @ ..]) => {
                address::device(mac)
            }
            _ => None,
        })
    }

    /// Was the device seen by a relay? Better than what a DUID says, which is made once and may be
    /// of another card.
    pub const fn mac_is_relays(&self) -> bool {
        self.relayed_mac.is_some()
    }

    /// The device's name (RFC 4704 section 4: one byte, then labels).
    pub fn host(&self) -> Result<Text, Malformed> {
        Ok(match self.option(CLIENT_NAME)? {
            Some([_, labels @ ..]) => Text::of_labels(labels),
            _ => Text::EMPTY,
        })
    }

    /// Calls `tell` with each address and prefix that the message gives. What carries a status
    /// other than success gives none.
    pub fn held(&self, tell: &mut dyn FnMut(Held)) -> Result<(), Malformed> {
        if failed(self.options)? {
            return Ok(());
        }
        let mut options = Options(self.options);
        while let Some((code, body)) = options.next()? {
            // Behind the identity's number, and two times where there are any.
            let inside = match code {
                NON_TEMPORARY | DELEGATION => body.get(12..),
                TEMPORARY => body.get(4..),
                _ => continue,
            };
            let inside = inside.ok_or(Malformed::Dhcp6Option)?;
            if failed(inside)? {
                continue;
            }
            let mut association = Options(inside);
            while let Some((code, body)) = association.next()? {
                let found = match code {
                    ADDRESS => of_address(body)?,
                    PREFIX => of_prefix(body)?,
                    _ => None,
                };
                if let Some(held) = found {
                    tell(held);
                }
            }
        }
        Ok(())
    }

    fn duid(&self, code: u16) -> Result<Option<&'m [u8]>, Malformed> {
        match self.option(code)? {
            Some(duid) if !(3..=DUID_LEN_MAX).contains(&duid.len()) => Err(Malformed::Dhcp6Option),
            duid => Ok(duid),
        }
    }

    fn option(&self, wanted: u16) -> Result<Option<&'m [u8]>, Malformed> {
        let mut options = Options(self.options);
        while let Some((code, body)) = options.next()? {
            if code == wanted {
                return Ok(Some(body));
            }
        }
        Ok(None)
    }
}

/// IA Address (RFC 8415 section 21.6): address, preferred and valid lifetime, options.
fn of_address(body: &[u8]) -> Result<Option<Held>, Malformed> {
    let (head, options) = body
        .split_first_chunk::<24>()
        .ok_or(Malformed::Dhcp6Option)?;
    let (address, lifetimes) = head
        .split_first_chunk::<16>()
        .ok_or(Malformed::Dhcp6Option)?;
    let valid = lifetimes.last_chunk::<4>().ok_or(Malformed::Dhcp6Option)?;
    if failed(options)? {
        return Ok(None);
    }
    let net = address::one(Ipv6Addr::from(*address).into());
    Ok(net.map(|net| held(net, *valid)))
}

/// IA Prefix (RFC 8415 section 21.22): preferred and valid lifetime, length, prefix, options.
fn of_prefix(body: &[u8]) -> Result<Option<Held>, Malformed> {
    let (head, options) = body
        .split_first_chunk::<25>()
        .ok_or(Malformed::Dhcp6Option)?;
    let [_, _, _, _, v0, v1, v2, v3, len, address @ ..] = *head;
    if len > 128 {
        return Err(Malformed::Dhcp6Option);
    }
    if failed(options)? {
        return Ok(None);
    }
    let net = address::prefix(Ipv6Addr::from(address), len);
    Ok(net.map(|net| held(net, [v0, v1, v2, v3])))
}

fn held(net: IpNet, valid: [u8; 4]) -> Held {
    let seconds = Some(u32::from_be_bytes(valid)).filter(|seconds| *seconds != FOR_EVER);
    Held { net, seconds }
}

/// Is there a status code, and is it not success?
fn failed(options: &[u8]) -> Result<bool, Malformed> {
    let mut options = Options(options);
    while let Some((code, body)) = options.next()? {
        if code == STATUS {
            let status = body.first_chunk::<2>().ok_or(Malformed::Dhcp6Option)?;
            return Ok(*status != [0, 0]);
        }
    }
    Ok(false)
}

/// RFC 6939: hardware type, then the address.
fn ethernet(body: &[u8]) -> Option<[u8; 6]> {
    match body {
        [0, 1, mac @ ..] => address::device(mac),
        _ => None,
    }
}

/// Code and body, one after the other.
struct Options<'m>(&'m [u8]);

impl<'m> Options<'m> {
    fn next(&mut self) -> Result<Option<(u16, &'m [u8])>, Malformed> {
        let [c0, c1, l0, l1, rest @ ..] = self.0 else {
            let whole = self.0.is_empty();
            return if whole {
                Ok(None)
            } else {
                Err(Malformed::Dhcp6Option)
            };
        };
        let len = usize::from(u16::from_be_bytes([*l0, *l1]));
        let (body, rest) = rest.split_at_checked(len).ok_or(Malformed::Dhcp6Option)?;
        self.0 = rest;
        Ok(Some((u16::from_be_bytes([*c0, *c1]), body)))
    }
}
