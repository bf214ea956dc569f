//! From messages to facts: what needs a memory of the message before.
//!
//! Enters: messages with their time and ends, devices that claim an address. Leaves: [`Fact`]s,
//! counts. Never: allocates unless a fact leaves; takes the word of a client for a binding.
//!
//! Remembered for seconds: the name that a DHCP client gave in its request, for the answer that
//! does not repeat it, and the address that it got, which it alone may decline; accounting requests
//! until their server answers; that a ticket was asked for with a proof; who was told to hold an address, so that an ARP storm is one fact.

use std::net::IpAddr;

use bytemuck::Zeroable;
use ipnet::IpNet;

use super::accounts::Accounts;
use super::dhcp4::{self, Lease};
use super::dhcp6::{self, Held};
use super::kerberos::{self, Client};
use super::recent::Recent;
use super::text::Text;
use super::{Malformed, Protocol, Withheld, address, radius, spoken};
use crate::base::{Counters, Endpoints, Timestamp};
use crate::decode::{Neighbour, NeighbourBy};
use crate::event::{Fact, FactAct, FactSource};

const SECOND_NS: u64 = 1_000_000_000;
/// A client gives up after a minute (RFC 2131 section 4.1).
const EXCHANGE_NS: u64 = 60 * SECOND_NS;
const EXCHANGE_SETS: usize = 256;
/// A KDC answers at once; clients wait no longer than this.
const PROOF_NS: u64 = 30 * SECOND_NS;
const PROOF_SETS: usize = 512;
/// The same device on the same address is no news for so long.
const HOLDER_NS: u64 = 60 * SECOND_NS;
const HOLDER_SETS: usize = 4096;
/// Claims by ARP and neighbour discovery that leave in one second of packet time: a whole subnet
/// that wakes up, but no storm.
pub(super) const CLAIMS_MAX: u32 = 512;

/// Where and when a message was seen.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// Packet time.
    pub time: Timestamp,
    /// Addresses and ports in the message's direction.
    pub ends: &'a Endpoints,
    /// Name of the observation point.
    pub point: &'a str,
}

/// What a DHCP client said of itself.
#[derive(Clone, Copy, Zeroable)]
#[repr(C)]
struct Asked {
    host: Text,
    /// As a relay saw it; all zero: none did.
    mac: [u8; 6],
}

/// Reads for one worker. Allocates its tables at start.
pub struct Watch {
    asked: Recent<Asked>,
    /// Clients and the address that a server gave them.
    given: Recent<u8>,
    accounts: Accounts,
    proofs: Recent<u8>,
    holders: Recent<u64>,
    /// The second that is counted, and the claims in it.
    claims: (i64, u32),
    read: Counters,
    malformed: Counters,
    withheld: Counters,
}

type Tell<'t> = &'t mut dyn FnMut(Fact);

impl Watch {
    /// Tables of fixed size. `seed` makes their hashing repeatable, `None` keys it at random.
    pub fn new(seed: Option<u64>) -> Self {
        Self {
            asked: Recent::new(EXCHANGE_SETS, EXCHANGE_NS, seed),
            given: Recent::new(EXCHANGE_SETS, EXCHANGE_NS, seed),
            accounts: Accounts::new(),
            proofs: Recent::new(PROOF_SETS, PROOF_NS, seed),
            holders: Recent::new(HOLDER_SETS, HOLDER_NS, seed),
            claims: (0, 0),
            read: Counters::new(Protocol::ALL.len()),
            malformed: Counters::new(Malformed::ALL.len()),
            withheld: Counters::new(Withheld::ALL.len()),
        }
    }

    /// Messages read, along [`Protocol`].
    pub const fn read(&self) -> &Counters {
        &self.read
    }

    /// Messages that could not be read, along [`Malformed`].
    pub const fn malformed(&self) -> &Counters {
        &self.malformed
    }

    /// Messages that told nothing, along [`Withheld`].
    pub const fn withheld(&self) -> &Counters {
        &self.withheld
    }

    /// Takes a UDP datagram on a port of these protocols. False: it is something else.
    pub fn datagram(&mut self, at: At<'_>, bytes: &[u8], tell: Tell<'_>) -> bool {
        let Some(protocol) = spoken(at.ends) else {
            return false;
        };
        let result = match protocol {
            Protocol::Dhcp4 => self.dhcp4(at, bytes, tell),
            Protocol::Dhcp6 => self.dhcp6(at, bytes, tell),
            Protocol::Radius => self.radius(at, bytes, tell),
            _ => return self.kerberos(at, bytes, tell),
        };
        self.count(protocol, result)
    }

    /// Takes a Kerberos message, or the beginning of one. False: it is something else.
    pub fn kerberos(&mut self, at: At<'_>, bytes: &[u8], tell: Tell<'_>) -> bool {
        let result = kerberos::read(bytes).map(|message| match message {
            Some(message) => {
                self.ticket(at, message, tell);
                true
            }
            None => false,
        });
        self.count(Protocol::Kerberos, result)
    }

    /// Takes a claim of a device.
    pub fn neighbour(&mut self, told: &Neighbour, point: &str, tell: Tell<'_>) {
        let (protocol, source) = match told.by {
            NeighbourBy::Arp => (Protocol::Arp, FactSource::Arp),
            NeighbourBy::Ndp => (Protocol::Ndp, FactSource::Ndp),
        };
        self.read.bump(protocol.index());
        let Some(net) = address::one(told.ip) else {
            return;
        };
        let (key, holder) = ((protocol, told.ip), self.holders.digest(&told.mac));
        if self.is_known(&key, holder, told.time) || !self.has_room(told.time) {
            return;
        }
        self.holders.note(&key, told.time, holder);
        let mut fact = blank(source, told.time, point.to_owned(), FactAct::Holds);
        (fact.net, fact.mac) = (Some(net), Some(told.mac));
        tell(fact);
    }

    /// Lets go of what was not answered, as packet time passes.
    pub fn expire(&mut self, now: Timestamp) {
        let gone = self.accounts.expire(now);
        self.withheld.add(Withheld::Unanswered.index(), gone);
    }

    /// The end.
    pub fn flush(&mut self) {
        let gone = self.accounts.flush();
        self.withheld.add(Withheld::Unanswered.index(), gone);
    }

    /// `Ok(false)`: it was another protocol.
    fn count(&mut self, protocol: Protocol, result: Result<bool, Malformed>) -> bool {
        match result {
            Ok(true) => self.read.bump(protocol.index()),
            Ok(false) => return false,
            Err(why) => self.malformed.bump(why.index()),
        }
        true
    }

    fn dhcp4(&mut self, at: At<'_>, bytes: &[u8], tell: Tell<'_>) -> Result<bool, Malformed> {
        let Some(message) = dhcp4::read(bytes)? else {
            return Ok(false);
        };
        let (xid, client) = message.exchange();
        let key = (Protocol::Dhcp4, xid, client);
        let from_server = at.ends.sport == 67;
        let (act, address, until) = match message.kind {
            dhcp4::Kind::Asks => {
                self.note(&key, at.time, message.host(), None);
                return Ok(true);
            }
            dhcp4::Kind::Ack if from_server => match message.lease()? {
                Some((address, lease)) => {
                    self.given.note(&(client, address), at.time, 1);
                    (FactAct::Holds, address, end(at.time, lease))
                }
                None => return Ok(true),
            },
            // Sent to the server alone, so the address is its sender's, unless relayed.
            dhcp4::Kind::Release
                if message.relayed() || at.ends.src == IpAddr::V4(message.used()) =>
            {
                (FactAct::Ends, message.used(), None)
            }
            // From no address at all: anybody could end anybody's lease. It comes right behind the
            // answer (RFC 2131 section 3.1, step 5).
            dhcp4::Kind::Decline => match message.requested()? {
                Some(address) if self.given.find(&(client, address), at.time).is_some() => {
                    (FactAct::Ends, address, None)
                }
                _ => return Ok(true),
            },
            _ => return Ok(true),
        };
        let Some(net) = address::one(address.into()) else {
            return Ok(true);
        };
        let server = message.server()?.map(IpAddr::from);
        let sender = if from_server {
            at.ends.src
        } else {
            at.ends.dst
        };
        let mut fact = blank(
            FactSource::Dhcp4,
            at.time,
            server.unwrap_or(sender).to_string(),
            act,
        );
        let (_, host) = self.name(&key, at.time, message.host());
        (fact.net, fact.until, fact.mac) = (Some(net), until, message.mac());
        (fact.client_id, fact.circuit) = (message.client_id(), message.circuit());
        fact.host = host;
        tell(fact);
        Ok(true)
    }

    fn dhcp6(&mut self, at: At<'_>, bytes: &[u8], tell: Tell<'_>) -> Result<bool, Malformed> {
        let message = dhcp6::read(bytes)?;
        let Some((transaction, duid)) = message.exchange()? else {
            return Ok(true);
        };
        let key = (Protocol::Dhcp6, transaction, duid);
        let from_server = at.ends.sport == 547;
        let ends = match message.kind {
            dhcp6::Kind::Asks => {
                let seen = message.mac()?.filter(|_| message.mac_is_relays());
                self.note(&key, at.time, message.host()?, seen);
                return Ok(true);
            }
            dhcp6::Kind::Reply if from_server => false,
            dhcp6::Kind::GivesBack => true,
            _ => return Ok(true),
        };
        // A server names itself always, and who gives back names it (RFC 8415 section 18.2.7).
        let Some(server) = message.server()? else {
            return Ok(true);
        };
        // Whether every option is whole shows only at the end, and a broken message tells nothing.
        message.held(&mut |_| {})?;
        // Who gives back may not say a name (RFC 4704 section 5).
        let host = if ends { Text::EMPTY } else { message.host()? };
        let (seen, host) = self.name(&key, at.time, host);
        let mac = seen.or(message.mac()?);
        message.held(&mut |held: Held| {
            let gone = ends || held.seconds == Some(0);
            let act = if gone { FactAct::Ends } else { FactAct::Holds };
            let mut fact = blank(FactSource::Dhcp6, at.time, spelled(server), act);
            let lease = held.seconds.map_or(Lease::Forever, Lease::Seconds);
            fact.until = if gone { None } else { end(at.time, lease) };
            (fact.net, fact.mac) = (Some(held.net), mac);
            fact.client_id = Some(duid.to_vec());
            fact.circuit = message.circuit.map(<[u8]>::to_vec);
            fact.host.clone_from(&host);
            tell(fact);
        })?;
        Ok(true)
    }

    fn radius(&mut self, at: At<'_>, bytes: &[u8], tell: Tell<'_>) -> Result<bool, Malformed> {
        let Some(packet) = radius::read(bytes)? else {
            return Ok(false);
        };
        self.expire(at.time);
        let server = |port| matches!(port, 1813 | 1646);
        if !packet.response && server(at.ends.dport) {
            // Broken ones are counted when they come, not when they are answered.
            packet.facts(at.ends.src, at.time, &mut |_| {})?;
            let gone = self
                .accounts
                .ask(at.ends, packet.id, at.time, packet.packet);
            self.withheld.add(Withheld::Unanswered.index(), gone);
        } else if packet.response && server(at.ends.sport) {
            let asked = self.accounts.answered(at.ends, packet.id, at.time);
            if let Some((time, request)) = asked
                && let Some(request) = radius::read(request)?
            {
                request.facts(at.ends.dst, time, tell)?;
            }
        }
        Ok(true)
    }

    fn ticket(&mut self, at: At<'_>, message: kerberos::Message<'_>, tell: Tell<'_>) {
        let from_kdc = at.ends.sport == 88;
        let (first, client) = match message {
            kerberos::Message::Request { first, proved } if at.ends.dport == 88 => {
                // The newest request is the one that is answered.
                let key = (first, *at.ends);
                return self.proofs.note(&key, at.time, u8::from(proved));
            }
            kerberos::Message::First(Some(client)) if from_kdc => (true, client),
            kerberos::Message::Further(Some(client)) if from_kdc => (false, client),
            _ => return,
        };
        // A KDC gives a first ticket of an account without pre-authentication to everybody who
        // asks: what proves something is to be able to open it. A reply of which no request was
        // seen can be sent by anybody.
        let key = (first, at.ends.reversed());
        if self.proofs.find(&key, at.time) != Some(&1) {
            return self.withheld.bump(Withheld::Unproved.index());
        }
        let Some(net) = address::one(at.ends.dst) else {
            return;
        };
        let holder = self.holders.digest(&(client.name, client.realm));
        let key = (Protocol::Kerberos, at.ends.dst);
        if self.is_known(&key, holder, at.time) {
            return;
        }
        self.holders.note(&key, at.time, holder);
        let origin = at.ends.src.to_string();
        let mut fact = blank(FactSource::Kerberos, at.time, origin, FactAct::Holds);
        (fact.net, fact.user) = (Some(net), Some(principal(client)));
        tell(fact);
    }

    /// Keeps what a client said, if it said anything; a request does not take away what the
    /// message before it said.
    fn note(
        &mut self,
        key: &impl std::hash::Hash,
        now: Timestamp,
        host: Text,
        mac: Option<[u8; 6]>,
    ) {
        let before = self.asked.find(key, now).copied();
        let before = before.unwrap_or_else(Asked::zeroed);
        let said = Asked {
            host: if host.is_empty() { before.host } else { host },
            mac: mac.unwrap_or(before.mac),
        };
        if !said.host.is_empty() || said.mac != [0; 6] {
            self.asked.note(key, now, said);
        }
    }

    /// The device as a relay saw it, and its name: as the answer says, else as the request did.
    fn name(
        &self,
        key: &impl std::hash::Hash,
        now: Timestamp,
        answer: Text,
    ) -> (Option<[u8; 6]>, Option<String>) {
        let said = self.asked.find(key, now);
        let host = match said {
            Some(said) if answer.is_empty() => said.host,
            _ => answer,
        };
        let mac = said.map(|said| said.mac).filter(|mac| *mac != [0; 6]);
        (mac, host.to_owned())
    }

    /// Was `holder` told to hold this address a moment ago?
    fn is_known(&mut self, key: &(Protocol, IpAddr), holder: u64, now: Timestamp) -> bool {
        let known = self.holders.find(key, now) == Some(&holder);
        if known {
            self.withheld.bump(Withheld::Repeated.index());
        }
        known
    }

    fn has_room(&mut self, now: Timestamp) -> bool {
        let second = now.nanos().div_euclid(SECOND_NS.cast_signed());
        if self.claims.0 != second {
            self.claims = (second, 0);
        }
        let room = self.claims.1 < CLAIMS_MAX;
        if room {
            self.claims.1 = self.claims.1.saturating_add(1);
        } else {
            self.withheld.bump(Withheld::Flood.index());
        }
        room
    }
}

fn end(time: Timestamp, lease: Lease) -> Option<Timestamp> {
    match lease {
        Lease::Forever => None,
        Lease::Seconds(seconds) => {
            let ns = i64::from(seconds).saturating_mul(SECOND_NS.cast_signed());
            Some(Timestamp(time.nanos().saturating_add(ns)))
        }
    }
}

/// `name@REALM`, what would be taken for a border escaped (RFC 1964 section 2.1.1).
fn principal(client: Client<'_>) -> String {
    let mut text = String::with_capacity(client.name.len().saturating_add(client.realm.len()));
    for c in client.name.chars() {
        if matches!(c, '@' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('@');
    text.push_str(client.realm);
    text
}

/// `duid:` and hex digits.
fn spelled(duid: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::from("duid:");
    for byte in duid {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn blank(source: FactSource, time: Timestamp, origin: String, act: FactAct) -> Fact {
    Fact {
        time,
        until: None,
        source,
        origin,
        act,
        net: None::<IpNet>,
        mac: None,
        client_id: None,
        circuit: None,
        clock: None,
        host: None,
        user: None,
        session: None,
    }
}
