//! What a case rests on: sightings, as they came, without a judgement.
//!
//! Enters: hits, bursts, supporting names, mails. Leaves: [`Sighting`]s in a fixed order, so that
//! what is made of them does not depend on the order of arrival. Never: an address or a recipient.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::base::seen::closed_set;
use crate::base::{Seen, Timestamp, Transport};
use crate::blocklist::{Catalogue, Role};
use crate::event::{Burst, Hit, HitRule, Mail, Support};
use crate::identity::Trace;
use crate::organisation::Ruling;

closed_set! {
    /// What was seen.
    What {
        /// A name looked up.
        LookUp = "look-up",
        /// A hello with the name.
        Contact = "contact",
        /// A line of a proxy's log.
        Proxied = "proxied",
        /// An exchange on a connection.
        Exchange = "exchange",
        /// A mail of the vendor to the subject.
        Mail = "mail",
        /// A mail of the vendor to somebody, or a check of one by a mail server.
        MailLookUp = "mail-look-up",
        /// A sign-in service.
        SignIn = "sign-in",
        /// A payment host.
        Payment = "payment",
        /// A third party of the vendor's pages.
        ThirdParty = "third-party",
        /// A hello with the name, and another in the same place: one of them is a decoy.
        Contested = "contested",
    }
}

/// One thing seen of a subject and a vendor; repeats within minutes are one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// What.
    pub what: What,
    /// When; of an exchange its start.
    pub time: Timestamp,
    /// The last of it.
    pub end: Timestamp,
    /// The name seen.
    pub name: String,
    /// What the host is for, main use first; empty for mail and support.
    pub roles: Vec<Role>,
    /// The host's severity is informational: on record, not to be acted upon.
    pub quiet: bool,
    /// Observation point or feed.
    pub point: String,
    /// Pseudonym of the flow.
    pub flow: Option<String>,
    /// First and last frame; 0 where there is none.
    pub frames: (u64, u64),
    /// How many were taken together.
    pub count: u32,
    /// Of an exchange: its sizes.
    pub exchange: Option<Exchange>,
    /// Who was behind it, to be asked again.
    pub trace: Option<Trace>,
    /// How it stands to the register.
    pub ruling: Ruling,
    /// Of a mail's look-up: whose it was has been decided.
    pub settled: bool,
}

/// Sizes and rests of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// When its connection made its hit: tells connections apart.
    pub opened: Timestamp,
    /// The first exchange of its connection: the handshake is in it.
    pub first: bool,
    /// Over QUIC: acknowledgements count as payload.
    pub quic: bool,
    /// Nanoseconds of rest of this connection before it.
    pub rest_ns: u64,
    /// Payload bytes from the client.
    pub up: u64,
    /// Payload bytes to the client.
    pub down: u64,
    /// Frames with payload to the client.
    pub down_frames: u32,
}

/// Repeats of a name within this time are one sighting.
const REPEAT_NS: u64 = 5 * 60 * 1_000_000_000;
/// Mails, and checks of one, within this time are one: a mail is checked by several look-ups, and
/// may be told by the log and on the wire.
const MAIL_REPEAT_NS: u64 = 60 * 1_000_000_000;

impl Sighting {
    pub(super) fn of_hit(
        hit: &Hit,
        mail_server: bool,
        trace: Trace,
        catalogue: &Catalogue,
    ) -> Self {
        let what = if mail_server {
            What::MailLookUp
        } else if hit.seen.is_lookup() || hit.seen == Seen::DnsJoin {
            // A joined connection rests on the look-up: it is no second kind of evidence.
            What::LookUp
        } else if hit.seen == Seen::ProxyLog {
            What::Proxied
        } else if hit.contested {
            What::Contested
        } else {
            What::Contact
        };
        let frames = (hit.frame, hit.frame);
        let mut it = Self::new(what, hit.time, &hit.name, &hit.point, frames);
        it.host(&hit.rule, catalogue);
        it.flow.clone_from(&trace.flow);
        it.trace = Some(trace);
        it
    }

    pub(super) fn of_burst(burst: &Burst, trace: Trace, catalogue: &Catalogue) -> Self {
        let mut it = Self::new(
            What::Exchange,
            burst.start,
            &burst.name,
            &burst.point,
            burst.frames,
        );
        it.end = burst.end.max(burst.start);
        it.host(&burst.rule, catalogue);
        it.exchange = Some(Exchange {
            opened: burst.opened,
            first: burst.rest_ns == 0,
            quic: burst.ends.transport == Transport::Udp,
            rest_ns: burst.rest_ns,
            up: burst.up,
            down: burst.down,
            down_frames: burst.down_frames,
        });
        it.flow.clone_from(&trace.flow);
        it.trace = Some(trace);
        it
    }

    pub(super) fn of_support(support: &Support, trace: Trace) -> Self {
        let what = match support.rule.role.as_str() {
            "payment" => What::Payment,
            "auth" | "signup" => What::SignIn,
            _ => What::ThirdParty,
        };
        let frames = (support.frame, support.frame);
        let mut it = Self::new(what, support.time, &support.name, &support.point, frames);
        it.flow.clone_from(&trace.flow);
        it.trace = Some(trace);
        it
    }

    /// Neither the recipient nor the message's id is kept.
    pub(super) fn of_mail(mail: &Mail) -> Self {
        Self::new(What::Mail, mail.time, &mail.name, &mail.point, (0, 0))
    }

    fn new(what: What, time: Timestamp, name: &str, point: &str, frames: (u64, u64)) -> Self {
        Self {
            what,
            time,
            end: time,
            name: name.to_owned(),
            roles: Vec::new(),
            quiet: false,
            point: point.to_owned(),
            flow: None,
            frames,
            count: 1,
            exchange: None,
            trace: None,
            ruling: super::standing::nothing(),
            settled: false,
        }
    }

    /// Roles of the rule's host: the hit brings the main one, the catalogue the others.
    fn host(&mut self, rule: &HitRule, catalogue: &Catalogue) {
        self.quiet = rule.severity == "informational";
        let main = Role::ALL.iter().copied().find(|r| r.label() == rule.role);
        self.roles.extend(main);
        let vendor = catalogue.vendor(&rule.vendor);
        let host = vendor.and_then(|vendor| {
            let mut hosts = vendor.hosts.iter();
            hosts.find(|host| host.name == rule.rule && host.kind.label() == rule.kind)
        });
        self.roles
            .extend(host.iter().flat_map(|host| &host.also_roles));
    }

    /// The host's main use.
    pub(super) fn main(&self) -> Option<Role> {
        self.roles.first().copied()
    }

    /// Do two say the same, so that one with a count is enough?
    fn repeats(&self, other: &Self, small: impl Fn(&Self) -> bool) -> bool {
        let gap = if self.time < other.time {
            other.time.since_ns(self.end)
        } else {
            self.time.since_ns(other.end)
        };
        if self.what != other.what || self.client() != other.client() {
            return false;
        }
        match self.what {
            What::MailLookUp => gap <= MAIL_REPEAT_NS && self.settled == other.settled,
            What::Mail => self.name == other.name && gap <= MAIL_REPEAT_NS,
            // Requests in a proxy's log are counted apart: their spacing is all that it tells.
            What::Proxied => self.name == other.name && gap == 0,
            What::Exchange => {
                let opened = |it: &Self| it.exchange.map(|it| it.opened);
                self.name == other.name
                    && opened(self) == opened(other)
                    && gap <= 6 * REPEAT_NS
                    && small(self)
                    && small(other)
            }
            _ => self.name == other.name && gap <= REPEAT_NS,
        }
    }

    /// Did both come from one address, and one device where that is known?
    pub(super) fn is_same_client(&self, other: &Self) -> bool {
        let (Some(mine), Some(theirs)) = (&self.trace, &other.trace) else {
            return false;
        };
        // A feed tells no link-layer address.
        let device = mine.mac.is_none() || theirs.mac.is_none() || mine.mac == theirs.mac;
        mine.address == theirs.address && device
    }

    fn client(&self) -> Option<(&str, Option<&str>)> {
        let trace = self.trace.as_ref()?;
        Some((&trace.address, trace.mac.as_deref()))
    }

    /// Takes `other` in: the earlier one stays as the witness.
    fn absorb(&mut self, mut other: Self) {
        if other.order(self) == Ordering::Less {
            std::mem::swap(self, &mut other);
        }
        self.end = self.end.max(other.end);
        self.frames.1 = self.frames.1.max(other.frames.1);
        self.count = self.count.saturating_add(other.count);
        self.settled &= other.settled;
        if let (Some(mine), Some(theirs)) = (&mut self.exchange, other.exchange) {
            mine.up = mine.up.saturating_add(theirs.up);
            mine.down = mine.down.saturating_add(theirs.down);
            mine.down_frames = mine.down_frames.saturating_add(theirs.down_frames);
        }
        self.ruling = super::standing::worse(self.ruling.clone(), other.ruling);
    }

    /// The fixed order.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let key = |it: &Self| {
            let exchange = it.exchange.map(|it| (it.opened, it.up, it.down));
            (it.time, it.what, it.end, exchange, it.frames)
        };
        key(self)
            .cmp(&key(other))
            .then_with(|| self.name.cmp(&other.name))
            .then_with(|| self.point.cmp(&other.point))
            .then_with(|| self.flow.cmp(&other.flow))
    }
}

/// Puts a sighting where it belongs. `small` tells exchanges that are upkeep or too little to say
/// anything alone: those of one connection are taken together.
pub(super) fn put(all: &mut Vec<Sighting>, it: Sighting, small: impl Fn(&Sighting) -> bool) {
    // What repeats lies near in time; the search goes back from the end, where it nearly always is.
    let twin = all.iter().rposition(|other| other.repeats(&it, &small));
    let mut it = it;
    if let Some(twin) = twin {
        let other = all.remove(twin);
        it.absorb(other);
    }
    let at = all.partition_point(|other| other.order(&it) == Ordering::Less);
    all.insert(at, it);
}
