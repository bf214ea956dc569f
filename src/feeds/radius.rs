//! RADIUS accounting (RFC 2866): what takes the secret, a request checked and answered.
//!
//! Enters: a datagram, the secret shared with its sender. Leaves: the answer to send, and facts, as
//! [`presence::radius`](crate::presence::radius) reads them on the wire too. Never: takes a request
//! whose authenticator is wrong; reads a password (accounting has none).
//!
//! Request Authenticator: RFC 2866 section 3, MD5(Code + Identifier + Length + 16 zero octets +
//! attributes + secret). Message-Authenticator: RFC 3579 section 3.2, over the same bytes, as
//! FreeRADIUS does for accounting.

use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};

use super::read::{At, Foreign, fact_event};
use crate::event::{Event, Fact};
use crate::presence::radius::{Accounting, HEADER_LEN, read};

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

const ATTRIBUTE: Foreign = Foreign("an Accounting-Request with whole attributes");

/// A request whose authenticator is right.
pub struct Request<'p>(Accounting<'p>);

impl<'p> Request<'p> {
    /// Checks a datagram.
    ///
    /// # Errors
    /// Why it must be dropped.
    pub fn check(datagram: &'p [u8], secret: &[u8]) -> Result<Self, Refused> {
        let packet = read(datagram).map_err(|_| Refused::Malformed)?;
        let request = match packet {
            Some(packet) if !packet.response => Self(packet),
            _ => return Err(Refused::OtherCode),
        };
        // Whole attributes up to the end.
        let whole: usize = request.attributes().map(|(_, value)| value.len() + 2).sum();
        if whole != request.0.packet.len() - HEADER_LEN {
            return Err(Refused::Malformed);
        }
        if request.is_authentic(secret) {
            Ok(request)
        } else {
            Err(Refused::Authenticator)
        }
    }

    fn is_authentic(&self, secret: &[u8]) -> bool {
        let (head, rest) = self.0.packet.split_at(4);
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
        let mut zeroed = self.0.packet.to_vec();
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
    fn attributes(&self) -> impl Iterator<Item = (u8, &'p [u8])> + use<'p> {
        attributes(self.0.packet.get(HEADER_LEN..).unwrap_or_default())
    }

    /// What tells a request from its repetitions: identifier and authenticator.
    pub const fn key(&self) -> (u8, [u8; 16]) {
        (self.0.id, *self.0.authenticator)
    }

    /// The Accounting-Response: Proxy-State goes back as it came, in order.
    pub fn answer(&self, secret: &[u8]) -> Vec<u8> {
        let mut answer = vec![ACCOUNTING_RESPONSE, self.0.id, 0, 0];
        answer.extend(self.0.authenticator);
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
    ///
    /// # Errors
    /// An attribute is broken; nothing is told then.
    pub fn facts(&self, client: IpAddr, at: &At<'_>, out: &mut Vec<Event>) -> Result<(), Foreign> {
        let mut tell = |mut fact: Fact| {
            // Two feeds may hear of servers by the same name.
            fact.origin = format!("{}/{}", at.feed, fact.origin);
            out.push(fact_event(fact));
        };
        let read = self.0.facts(client, at.learned, &mut tell);
        read.map_err(|_| ATTRIBUTE)
    }
}

fn keyed(secret: &[u8], bytes: &[u8]) -> Option<Hmac<Md5>> {
    let mut mac = Hmac::<Md5>::new_from_slice(secret).ok()?;
    mac.update(bytes);
    Some(mac)
}

/// Type and value of each attribute (RFC 2865 section 5), up to the first whose length is wrong.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (kind, len) = (*bytes.first()?, usize::from(*bytes.get(1)?));
        let value = bytes.get(2..len)?;
        bytes = bytes.get(len..)?;
        Some((kind, value))
    })
}

#[cfg(test)]
mod tests;
