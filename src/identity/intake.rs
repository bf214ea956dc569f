//! What of a fact is kept, and what is refused at the door.
//!
//! Enters: [`Fact`], [`Translation`]. Leaves: points and ends in the table, with pseudonyms in place
//! of every address, identifier and name. Never: keeps a name that nobody may unseal; believes a
//! time that lies far ahead, or an interval that ends before it begins.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::lane::{Class, class};
use super::table::{Content, Device, Point, What};
use super::{Clear, Identity, PREFIX_LENGTHS, Refusal};
use crate::base::Timestamp;
use crate::event::{Fact, FactAct, FactSource, Translation};
use crate::hits::Tag;
use crate::organisation::{PlaceKind, Principal};

/// A fact may lie this far ahead of the moment when it was learned.
const AHEAD_NS: i64 = 24 * 3_600_000_000_000;

/// Where a fact belongs.
struct Spot {
    lane: Tag,
    address: IpAddr,
    is_prefix: bool,
}

impl Identity {
    /// See [`Identity::learn`].
    pub(super) fn take_fact(&mut self, fact: &Fact, learned: Timestamp) -> bool {
        match self.admit(fact, learned) {
            Ok(news) => {
                let origin = self.key.word_tag(&[b"origin", fact.origin.as_bytes()]);
                self.lags.note(origin, fact.time.0, learned.0, news);
                news
            }
            Err(why) => {
                self.refused.bump(why.index());
                false
            }
        }
    }

    fn admit(&mut self, fact: &Fact, learned: Timestamp) -> Result<bool, Refusal> {
        let time = fact.time.0;
        if time > learned.0.saturating_add(AHEAD_NS) {
            return Err(Refusal::Future);
        }
        let until = fact.until.map_or(i64::MAX, |it| it.0);
        if fact.act == FactAct::Holds && until < time {
            return Err(Refusal::Backwards);
        }
        let origin = self.key.word_tag(&[b"origin", fact.origin.as_bytes()]);
        let mut news = false;
        let clock = fact.clock.as_ref().map(|clock| {
            let parts = [&b"clock"[..], fact.origin.as_bytes(), clock.as_bytes()];
            self.key.word_tag(&parts)
        });
        let clock = self.table.clock(clock, origin);
        if fact.source == FactSource::AaaLog && self.table.log_time(clock, time) {
            self.disputed += 1;
            news = true;
        }
        let session = fact.session.as_ref();
        let session = session.map(|it| self.key.word_tag(&[b"session", it.as_bytes()]));
        if fact.act == FactAct::AllEnd {
            self.table.end(origin, None, time, learned.0);
            return Ok(true);
        }
        let Some(net) = fact.net else {
            return match (fact.act, session) {
                (FactAct::Ends, Some(session)) => {
                    self.table.end(origin, Some(session), time, learned.0);
                    Ok(true)
                }
                _ => Err(Refusal::Empty),
            };
        };
        if fact.act == FactAct::Ends && session.is_some() {
            self.table.end(origin, session, time, learned.0);
        }
        let spot = self.spot(net)?;
        let person = self.person_of(fact, &spot)?;
        let content = Content {
            act: fact.act,
            source: fact.source,
            origin,
            device: self.device_of(fact, &spot),
            person,
            session,
            named: fact.host.is_some(),
        };
        if fact.act == FactAct::Holds {
            self.check_content(&content, &spot, until)?;
        }
        let point = Point {
            time,
            until,
            learned: learned.0,
            clock,
            what: self.what(content, fact, &spot),
        };
        Ok(self.table.insert(spot.lane, point) || news)
    }

    fn check_content(&self, content: &Content, spot: &Spot, until: i64) -> Result<(), Refusal> {
        if until < self.table.horizon {
            return Err(Refusal::Past);
        }
        // A session without a person still ends the one before it.
        if class(content.source) == Class::Session {
            return Ok(());
        }
        if spot.is_prefix && content.person.is_none() {
            return Err(Refusal::Prefix);
        }
        if content.person.is_none() && !content.device.is_known() {
            return Err(Refusal::Empty);
        }
        Ok(())
    }

    fn spot(&self, net: IpNet) -> Result<Spot, Refusal> {
        let address = net.addr().to_canonical();
        if net.prefix_len() == net.max_prefix_len() {
            return Ok(Spot {
                lane: self.key.address_tag(address),
                address,
                is_prefix: false,
            });
        }
        if !address.is_ipv6() || !PREFIX_LENGTHS.contains(&net.prefix_len()) {
            return Err(Refusal::Prefix);
        }
        let network = net.trunc().addr();
        Ok(Spot {
            lane: self.key.net_tag(network, net.prefix_len()),
            address: network,
            is_prefix: true,
        })
    }

    /// The person of a session or ticket. A ticket without one is refused; a session without one
    /// is kept, for it ends another.
    fn person_of(&mut self, fact: &Fact, spot: &Spot) -> Result<Option<Tag>, Refusal> {
        let class = class(fact.source);
        if !matches!(class, Class::Session | Class::Ticket) {
            return Ok(None);
        }
        let why = match fact.user.as_deref() {
            None => Refusal::Empty,
            Some(_) if !self.people => Refusal::Unkept,
            Some(_) if self.organisation.place(spot.address).kind == PlaceKind::Visitors => {
                Refusal::Unkept
            }
            Some(user) => match self.organisation.principal(user) {
                Principal::Person(name) => return Ok(Some(self.key.person_tag(&name))),
                Principal::Machine => Refusal::Machine,
                Principal::Service => Refusal::Service,
                Principal::Nobody => Refusal::Nobody,
            },
        };
        if class == Class::Ticket {
            return Err(why);
        }
        if fact.user.is_some() {
            self.refused.bump(why.index());
        }
        Ok(None)
    }

    /// The device that a fact names. A prefix names a router or a host with many addresses: none.
    fn device_of(&self, fact: &Fact, spot: &Spot) -> Device {
        let mut device = Device {
            mac: None,
            client: None,
            weak: false,
        };
        if spot.is_prefix {
            return device;
        }
        let by_id = fact.client_id.as_deref().and_then(link_address_in);
        if let Some(mac) = fact.mac.filter(is_station).or(by_id) {
            device.mac = Some(self.key.mac_tag(mac));
            device.weak = mac.first().is_some_and(|first| first & 2 != 0);
        }
        if let Some(id) = fact.client_id.as_deref().filter(|id| !id.is_empty()) {
            device.client = Some(self.key.client_tag(id));
        }
        device
    }

    fn what(&mut self, content: Content, fact: &Fact, spot: &Spot) -> Arc<What> {
        let points = self.table.points(&spot.lane).iter().rev();
        let same = points.map(|it| &it.what).find(|it| it.content == content);
        if let Some(same) = same {
            return Arc::clone(same);
        }
        let user = fact.user.as_ref().filter(|_| content.person.is_some());
        let mac = fact.mac.filter(|_| content.device.mac.is_some());
        let clear = Clear {
            users: user.into_iter().cloned().collect(),
            hosts: fact.host.iter().cloned().collect(),
            macs: mac.iter().map(written).collect(),
            addresses: Vec::new(),
        };
        let closed = match content.act {
            FactAct::Holds => self.close(&clear),
            _ => None,
        };
        Arc::new(What { content, closed })
    }

    /// See [`Identity::translate`].
    pub(super) fn take_translation(&mut self, what: &Translation, learned: Timestamp) -> bool {
        let time = what.time.0;
        let until = what.until.map(|it| it.0);
        let why = if time > learned.0.saturating_add(AHEAD_NS) {
            Refusal::Future
        } else if until.is_some_and(|until| until < time) {
            Refusal::Backwards
        } else if until.is_some_and(|until| until < self.table.horizon) {
            Refusal::Past
        } else {
            let origin = self.key.word_tag(&[b"origin", what.origin.as_bytes()]);
            let mut inside = self.traced(&what.inside, None, what.time);
            inside.flow = None;
            let flow = self.key.community(&what.outside);
            self.translations.insert(flow, until, origin, inside);
            return true;
        };
        self.refused.bump(why.index());
        false
    }
}

/// The link-layer address in an Ethernet client identifier (RFC 2132 section 9.14).
fn link_address_in(id: &[u8]) -> Option<[u8; 6]> {
    let mac: [u8; 6] = id.strip_prefix(&[1])?.try_into().ok()?;
    is_station(&mac).then_some(mac)
}

/// Is it the address of one station: no group, not empty?
fn is_station(mac: &[u8; 6]) -> bool {
    mac.first().is_some_and(|first| first & 1 == 0) && *mac != [0; 6]
}

fn written(mac: &[u8; 6]) -> String {
    let digits: Vec<String> = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(":")
}
