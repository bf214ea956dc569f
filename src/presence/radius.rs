//! RADIUS accounting (RFC 2866; IPv6 attributes of RFC 3162, 4818 and 6911).
//!
//! Enters: a datagram of port 1813 or 1646. Leaves: an [`Accounting`] packet and the [`Fact`]s in
//! it. Never: checks the authenticator (that takes the secret, which the listener in `feeds` has and
//! a watcher on the wire has not); reads a password; goes by the clock of an access server, which
//! may be wrong by an hour (Event-Timestamp): when it arrived, less Acct-Delay-Time.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use radius_parser::{RadiusAttribute, RadiusCode, parse_radius_attribute};

use super::Malformed;
use super::address;
use super::text::fit;
use crate::base::Timestamp;
use crate::event::{Fact, FactAct, FactSource};

/// Header of a packet (RFC 2865 section 3).
pub(crate) const HEADER_LEN: usize = 20;
const NAS_ADDRESS: u8 = 4;
const FRAMED_ADDRESS: u8 = 8;
const NAS_NAME: u8 = 32;
const STATUS: u8 = 40;
const DELAY: u8 = 41;
const SESSION_ID: u8 = 44;
const NAS_ADDRESS_V6: u8 = 95;
const FRAMED_PREFIX: u8 = 97;
const DELEGATED_PREFIX: u8 = 123;
const FRAMED_ADDRESS_V6: u8 = 168;
/// Longest packet.
pub const PACKET_LEN_MAX: usize = 4096;
/// A server that was away is told of sessions late, but not by more than a day: such a time is
/// not believed.
const DELAY_MAX_S: u32 = 86_400;

/// One whole packet of an accounting exchange.
#[derive(Clone, Copy)]
pub struct Accounting<'p> {
    /// Is it the server's answer? Else it is the request.
    pub response: bool,
    /// Identifier, the same in a request and its answer.
    pub id: u8,
    /// The authenticator field, for who has the secret.
    pub authenticator: &'p [u8; 16],
    /// The packet up to its own length.
    pub packet: &'p [u8],
}

/// Reads the header. `Ok(None)`: another kind of RADIUS packet.
///
/// # Errors
/// When the packet is shorter than its header or its own length.
pub fn read(bytes: &[u8]) -> Result<Option<Accounting<'_>>, Malformed> {
    let [code, id, l0, l1, rest @ ..] = bytes else {
        return Err(Malformed::RadiusHeader);
    };
    let response = match RadiusCode(*code) {
        RadiusCode::AccountingRequest => false,
        RadiusCode::AccountingResponse => true,
        _ => return Ok(None),
    };
    let len = usize::from(u16::from_be_bytes([*l0, *l1]));
    let packet = bytes.get(..len).ok_or(Malformed::RadiusHeader)?;
    let authenticator = rest.first_chunk().ok_or(Malformed::RadiusHeader)?;
    if !(HEADER_LEN..=PACKET_LEN_MAX).contains(&len) {
        return Err(Malformed::RadiusHeader);
    }
    Ok(Some(Accounting {
        response,
        id: *id,
        authenticator,
        packet,
    }))
}

impl<'p> Accounting<'p> {
    /// Calls `tell` with each fact of a request that arrived from `sender` at `time`: one for each
    /// address or prefix, one without when there is none. The origin is the access server by its
    /// own word, else `sender`: its restart ends its own sessions only.
    ///
    /// # Errors
    /// When an attribute is broken; nothing is told then.
    pub fn facts(
        &self,
        sender: IpAddr,
        time: Timestamp,
        tell: &mut dyn FnMut(Fact),
    ) -> Result<(), Malformed> {
        if self.response {
            return Ok(());
        }
        let session = Session::read(self.attributes())?;
        let Some(act) = session.act else {
            return Ok(());
        };
        for attribute in self.attributes() {
            framed(&attribute?)?;
        }
        let mut any = false;
        if act != FactAct::AllEnd {
            for attribute in self.attributes() {
                if let Some(net) = framed(&attribute?)? {
                    any = true;
                    tell(session.fact(act, Some(net), sender, time));
                }
            }
        }
        if !any && session.tells_without_address(act) {
            tell(session.fact(act, None, sender, time));
        }
        Ok(())
    }

    fn attributes(&self) -> Attributes<'p> {
        Attributes(self.packet.get(HEADER_LEN..).unwrap_or_default())
    }
}

/// Attribute by attribute, up to the first that is broken.
struct Attributes<'p>(&'p [u8]);

impl<'p> Iterator for Attributes<'p> {
    type Item = Result<RadiusAttribute<'p>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        // The crate takes the first four bytes of an address and drops the others.
        let lies = matches!(self.0, [NAS_ADDRESS | FRAMED_ADDRESS, len, ..] if *len != 6);
        let parsed = parse_radius_attribute(self.0).ok().filter(|_| !lies);
        match parsed {
            Some((rest, attribute)) => {
                self.0 = rest;
                Some(Ok(attribute))
            }
            None => {
                self.0 = &[];
                Some(Err(Malformed::RadiusAttribute))
            }
        }
    }
}

/// What a request says of its session, beside the addresses.
struct Session<'p> {
    act: Option<FactAct>,
    delay_s: u32,
    user: Option<&'p [u8]>,
    station: Option<&'p [u8]>,
    id: Option<&'p [u8]>,
    nas_name: Option<&'p [u8]>,
    nas: Option<IpAddr>,
}

impl<'p> Session<'p> {
    fn read(attributes: Attributes<'p>) -> Result<Self, Malformed> {
        let mut session = Self {
            act: None,
            delay_s: 0,
            user: None,
            station: None,
            id: None,
            nas_name: None,
            nas: None,
        };
        for attribute in attributes {
            match attribute? {
                RadiusAttribute::UserName(name) => session.user = session.user.or(Some(name)),
                RadiusAttribute::CallingStationId(id) => session.station = Some(id),
                RadiusAttribute::NasIPAddress(ip) => session.nas = Some(ip.into()),
                RadiusAttribute::Unknown(NAS_NAME, name) => session.nas_name = Some(name),
                RadiusAttribute::Unknown(NAS_ADDRESS_V6, bytes) => {
                    session.nas = Some(Ipv6Addr::from(sized::<16>(bytes)?).into());
                }
                RadiusAttribute::Unknown(STATUS, bytes) => session.act = act(number(bytes)?),
                RadiusAttribute::Unknown(DELAY, bytes) => session.delay_s = number(bytes)?,
                RadiusAttribute::Unknown(SESSION_ID, id) => session.id = Some(id),
                _ => {}
            }
        }
        if session.delay_s > DELAY_MAX_S {
            return Err(Malformed::RadiusAttribute);
        }
        Ok(session)
    }

    /// A session without an address can still be ended by its id, and a device be told the person
    /// who signed in on it, before it has an address.
    fn tells_without_address(&self, act: FactAct) -> bool {
        match act {
            FactAct::AllEnd => true,
            FactAct::Ends => self.id.is_some(),
            FactAct::Holds => self.mac().is_some(),
        }
    }

    fn mac(&self) -> Option<[u8; 6]> {
        self.station.and_then(address::spelled)
    }

    fn fact(&self, act: FactAct, net: Option<IpNet>, sender: IpAddr, time: Timestamp) -> Fact {
        let origin = match (self.nas, self.nas_name.and_then(fit)) {
            (Some(ip), _) => ip.to_string(),
            (None, Some(name)) => name.to_owned(),
            (None, None) => sender.to_string(),
        };
        let (user, host) = who(self.user);
        let delay_ns = i64::from(self.delay_s).saturating_mul(1_000_000_000);
        let all = act == FactAct::AllEnd;
        Fact {
            time: Timestamp(time.nanos().saturating_sub(delay_ns)),
            until: None,
            source: FactSource::Radius,
            origin,
            act,
            net,
            mac: self.mac().filter(|_| !all),
            client_id: None,
            circuit: None,
            clock: None,
            host: host.filter(|_| !all).map(str::to_owned),
            user: user.filter(|_| !all).map(str::to_owned),
            session: self.id.and_then(fit).filter(|_| !all).map(str::to_owned),
        }
    }
}

/// The person or the device behind a User-Name. Machines sign in too: as `host/NAME` or `NAME$`
/// (802.1X of Windows machines), or under their own link-layer address (MAC authentication bypass).
fn who(name: Option<&[u8]>) -> (Option<&str>, Option<&str>) {
    let Some(name) = name.and_then(fit) else {
        return (None, None);
    };
    if let Some(host) = name.strip_prefix("host/") {
        return (None, fit(host.as_bytes()));
    }
    let account = name.split('@').next().unwrap_or(name);
    let account = account.rsplit('\\').next().unwrap_or(account);
    if account.ends_with('$') || address::spelled(name.as_bytes()).is_some() {
        return (None, None);
    }
    (Some(name), None)
}

/// Acct-Status-Type (RFC 2866 section 5.1).
const fn act(status: u32) -> Option<FactAct> {
    match status {
        1 | 3 => Some(FactAct::Holds),
        2 => Some(FactAct::Ends),
        7 | 8 => Some(FactAct::AllEnd),
        _ => None,
    }
}

/// The address or prefix that an attribute gives to the client.
fn framed(attribute: &RadiusAttribute<'_>) -> Result<Option<IpNet>, Malformed> {
    Ok(match *attribute {
        RadiusAttribute::FramedIPAddress(ip) => address::one(ip.into()),
        RadiusAttribute::Unknown(FRAMED_ADDRESS_V6, bytes) => {
            address::one(Ipv6Addr::from(sized::<16>(bytes)?).into())
        }
        RadiusAttribute::Unknown(FRAMED_PREFIX | DELEGATED_PREFIX, bytes) => prefix(bytes)?,
        _ => None,
    })
}

/// A reserved byte, a length, and as much of the prefix as the length needs (RFC 3162 section 2.3).
fn prefix(bytes: &[u8]) -> Result<Option<IpNet>, Malformed> {
    let [_, len, head @ ..] = bytes else {
        return Err(Malformed::RadiusAttribute);
    };
    let needed = usize::from(*len).div_ceil(8);
    let mut address = [0u8; 16];
    let Some(room) = address.get_mut(..head.len()) else {
        return Err(Malformed::RadiusAttribute);
    };
    if *len > 128 || head.len() < needed {
        return Err(Malformed::RadiusAttribute);
    }
    room.copy_from_slice(head);
    Ok(address::prefix(address.into(), *len))
}

fn number(bytes: &[u8]) -> Result<u32, Malformed> {
    Ok(u32::from_be_bytes(sized(bytes)?))
}

fn sized<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Malformed> {
    bytes.try_into().map_err(|_| Malformed::RadiusAttribute)
}
