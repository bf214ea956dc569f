//! RADIUS accounting (RFC 2866): a request checked, answered and read.
//!
//! Enters: a datagram, the secret shared with its sender. Leaves: the answer to send, and facts.
//! Never: takes a request whose authenticator is wrong; reads a password (accounting has none).
//!
//! Request Authenticator: RFC 2866 section 3, MD5(Code + Identifier + Length + 16 zero octets +
//! attributes + secret). Message-Authenticator: RFC 3579 section 3.2, over the same bytes, as
//! FreeRADIUS does for accounting. Attributes for IPv6: RFC 3162, 4818, 6911.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hmac::{Hmac, KeyInit, Mac};
use ipnet::{IpNet, Ipv6Net};
use md5::{Digest, Md5};

use super::read::{At, fact_event, mac, some, text};
use crate::base::Timestamp;
use crate::event::{Event, Fact, FactAct, FactSource};

/// Header of a packet (RFC 2865 section 3).
const HEADER_LEN: usize = 20;
/// Longest packet.
pub const PACKET_LEN_MAX: usize = 4096;
const ACCOUNTING_REQUEST: u8 = 4;
const ACCOUNTING_RESPONSE: u8 = 5;
const PROXY_STATE: u8 = 33;
const MESSAGE_AUTHENTICATOR: u8 = 80;

/// Why a request is dropped. Silently (RFC 2866 section 4.1): no answer goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No RADIUS packet, or its lengths contradict each other.
    Malformed,
    /// Another code than Accounting-Request.
    OtherCode,
    /// The authenticator does not fit the secret.
    Authenticator,
}

impl Refused {
    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Malformed => "a datagram that is no RADIUS packet",
            Self::OtherCode => "a RADIUS packet that is no Accounting-Request",
            Self::Authenticator => {
                "an Accounting-Request whose authenticator does not fit the shared secret"
            }
        }
    }
}

/// A request whose authenticator is right.
pub struct Request<'p> {
    /// Without padding.
    packet: &'p [u8],
}

impl<'p> Request<'p> {
    /// Checks a datagram.
    ///
    /// # Errors
    /// Why it must be dropped.
    pub fn check(datagram: &'p [u8], secret: &[u8]) -> Result<Self, Refused> {
        let len = datagram.get(2..4).ok_or(Refused::Malformed)?;
        let len = usize::from(u16::from_be_bytes([len[0], len[1]]));
        // What is beyond the length is padding (RFC 2865 section 3).
        let packet = datagram.get(..len).ok_or(Refused::Malformed)?;
        if !(HEADER_LEN..=PACKET_LEN_MAX).contains(&len) {
            return Err(Refused::Malformed);
        }
        if packet[0] != ACCOUNTING_REQUEST {
            return Err(Refused::OtherCode);
        }
        let request = Self { packet };
        // Whole attributes up to the end.
        let whole: usize = request.attributes().map(|(_, value)| value.len() + 2).sum();
        if whole != len - HEADER_LEN {
            return Err(Refused::Malformed);
        }
        if request.is_authentic(secret) {
            Ok(request)
        } else {
            Err(Refused::Authenticator)
        }
    }

    fn is_authentic(&self, secret: &[u8]) -> bool {
        let (head, rest) = self.packet.split_at(4);
        let (given, attributes) = rest.split_at(16);
        let mut hash = Md5::new();
        for part in [head, &[0; 16], attributes, secret] {
            hash.update(part);
        }
        // Equal or not, without telling by time how far it was equal.
        let wanted = hash.finalize();
        let differs = wanted
            .iter()
            .zip(given)
            .fold(0, |sum, (a, b)| sum | (a ^ b));
        if differs != 0 {
            return false;
        }
        let Some(at) = self.message_authenticator() else {
            return true;
        };
        let mut zeroed = self.packet.to_vec();
        zeroed[4..HEADER_LEN].fill(0);
        let given: [u8; 16] = match zeroed.get(at..at + 16).and_then(|v| v.try_into().ok()) {
            Some(given) => given,
            None => return false,
        };
        zeroed[at..at + 16].fill(0);
        keyed(secret, &zeroed).is_some_and(|mac| mac.verify_slice(&given).is_ok())
    }

    /// Where the value of a Message-Authenticator begins.
    fn message_authenticator(&self) -> Option<usize> {
        let mut at = HEADER_LEN;
        for (kind, value) in self.attributes() {
            if kind == MESSAGE_AUTHENTICATOR {
                return Some(at + 2);
            }
            at += value.len() + 2;
        }
        None
    }

    /// Type and value of each attribute.
    pub fn attributes(&self) -> impl Iterator<Item = (u8, &'p [u8])> + use<'p> {
        attributes(self.packet.get(HEADER_LEN..).unwrap_or_default())
    }

    /// What tells a request from its repetitions: identifier and authenticator.
    pub fn key(&self) -> (u8, [u8; 16]) {
        let authenticator = self
            .packet
            .get(4..HEADER_LEN)
            .and_then(|a| a.try_into().ok());
        (self.packet[1], authenticator.unwrap_or_default())
    }

    /// The Accounting-Response: Proxy-State goes back as it came, in order.
    pub fn answer(&self, secret: &[u8]) -> Vec<u8> {
        let mut answer = vec![ACCOUNTING_RESPONSE, self.packet[1], 0, 0];
        answer.extend(&self.packet[4..HEADER_LEN]);
        let signed = self.message_authenticator().map(|_| answer.len() + 2);
        if signed.is_some() {
            answer.extend([MESSAGE_AUTHENTICATOR, 18]);
            answer.extend([0; 16]);
        }
        for (kind, value) in self.attributes().filter(|(kind, _)| *kind == PROXY_STATE) {
            answer.extend([kind, value.len() as u8 + 2]);
            answer.extend(value);
        }
        let len = (answer.len() as u16).to_be_bytes();
        answer[2..4].copy_from_slice(&len);
        if let Some(at) = signed
            && let Some(mac) = keyed(secret, &answer)
        {
            answer[at..at + 16].copy_from_slice(&mac.finalize().into_bytes());
        }
        // RFC 2866 section 3: MD5(Code + Id + Length + Request Authenticator + attributes +
        // secret).
        let mut hash = Md5::new();
        hash.update(&answer);
        hash.update(secret);
        answer[4..HEADER_LEN].copy_from_slice(&hash.finalize());
        answer
    }

    /// What it says; `client` is who sent it.
    pub fn facts(&self, client: IpAddr, at: &At<'_>, out: &mut Vec<Event>) {
        Said::read(self.attributes()).facts(client, at, out);
    }
}

fn keyed(secret: &[u8], bytes: &[u8]) -> Option<Hmac<Md5>> {
    let mut mac = Hmac::<Md5>::new_from_slice(secret).ok()?;
    mac.update(bytes);
    Some(mac)
}

/// Type and value of each attribute (RFC 2865 section 5), up to the first whose length is wrong.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (kind, len) = (*bytes.first()?, usize::from(*bytes.get(1)?));
        let value = bytes.get(2..len)?;
        bytes = bytes.get(len..)?;
        Some((kind, value))
    })
}

/// The attributes that count.
#[derive(Default)]
struct Said {
    status: u32,
    user: Option<String>,
    nas: Option<String>,
    nas_address: Option<IpAddr>,
    nets: Vec<IpNet>,
    mac: Option<[u8; 6]>,
    session: Option<String>,
    delay_seconds: u32,
    event_time: Option<u32>,
}

/// Addresses of one session that are read.
const NETS_MAX: usize = 16;
/// A clock that is further ahead or behind than this is not believed.
const AHEAD_NS: i64 = 5 * 60 * 1_000_000_000;
const BEHIND_NS: i64 = 24 * 3600 * 1_000_000_000;

impl Said {
    fn read<'p>(attributes: impl Iterator<Item = (u8, &'p [u8])>) -> Self {
        let mut said = Self::default();
        for (kind, value) in attributes {
            said.attribute(kind, value);
        }
        said
    }

    fn attribute(&mut self, kind: u8, value: &[u8]) {
        let number = || value.try_into().ok().map(u32::from_be_bytes);
        let v4 = || <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from);
        let v6 = || <[u8; 16]>::try_from(value).ok().map(Ipv6Addr::from);
        let word = || some(&text(value));
        match kind {
            1 => self.user = word(),
            4 => self.nas_address = v4().map(IpAddr::V4),
            // Framed-IP-Address; 255.255.255.254 and .255 are no addresses (RFC 2865 section 5.8).
            8 => self.net(
                v4().filter(|a| !a.is_unspecified() && a.octets()[..3] != [255; 3])
                    .map(|a| IpNet::from(IpAddr::V4(a))),
            ),
            31 => self.mac = mac(text(value).split(';').next().unwrap_or_default()),
            32 => self.nas = word(),
            40 => self.status = number().unwrap_or(0),
            41 => self.delay_seconds = number().unwrap_or(0),
            44 => self.session = word(),
            55 => self.event_time = number(),
            95 => self.nas_address = v6().map(IpAddr::V6),
            // Framed-IPv6-Prefix (RFC 3162) and Delegated-IPv6-Prefix (RFC 4818).
            97 | 123 => self.net(prefix(value)),
            // Framed-IPv6-Address (RFC 6911).
            168 => self.net(v6().map(|a| IpNet::from(IpAddr::V6(a)))),
            _ => {}
        }
    }

    fn net(&mut self, net: Option<IpNet>) {
        if self.nets.len() < NETS_MAX {
            self.nets.extend(net);
        }
    }

    /// When it happened: by the sender's clock if that can be right, else by ours and the delay.
    fn time(&self, learned: Timestamp) -> Timestamp {
        let ours = Timestamp(learned.0 - i64::from(self.delay_seconds) * 1_000_000_000);
        let theirs = self
            .event_time
            .map(|s| Timestamp::from_secs_nanos(s.into(), 0));
        let credible =
            |t: &Timestamp| (learned.0 - BEHIND_NS..=learned.0 + AHEAD_NS).contains(&t.0);
        theirs.filter(credible).unwrap_or(ours)
    }

    fn facts(&self, client: IpAddr, at: &At<'_>, out: &mut Vec<Event>) {
        let act = match self.status {
            1 | 3 => FactAct::Holds,
            2 => FactAct::Ends,
            7 | 8 => FactAct::AllEnd,
            _ => return,
        };
        let server = self.nas.clone().unwrap_or_else(|| {
            let address = self.nas_address.unwrap_or(client);
            address.to_string()
        });
        let mut fact = at.fact(FactSource::Radius, act, self.time(at.learned));
        // Session ids are one server's own, and its restart ends its own sessions.
        fact.origin = format!("{}/{server}", at.feed);
        if act == FactAct::AllEnd {
            out.push(fact_event(fact));
            return;
        }
        fact.user.clone_from(&self.user);
        fact.mac = self.mac;
        fact.session.clone_from(&self.session);
        for net in &self.nets {
            let fact = Fact {
                net: Some(*net),
                ..fact.clone()
            };
            out.push(fact_event(fact));
        }
        // A stop may name the session alone; a start without an address says nothing yet.
        if self.nets.is_empty() && act == FactAct::Ends && fact.session.is_some() {
            out.push(fact_event(fact));
        }
    }
}

/// A reserved byte, the length of the prefix in bits, and as many bytes of it as are needed.
fn prefix(value: &[u8]) -> Option<IpNet> {
    let (bits, bytes) = (*value.get(1)?, value.get(2..)?);
    let mut all = [0; 16];
    all.get_mut(..bytes.len())?.copy_from_slice(bytes);
    let net = Ipv6Net::new(all.into(), bits).ok()?;
    Some(IpNet::V6(net.trunc()))
}

#[cfg(test)]
mod tests;
