//! From claims to an [`Attribution`].
//!
//! Enters: a [`Trace`]. Leaves: who that was, as far as is known, and the facts it rests on. Never:
//! names a person where two are possible; puts a name or an address in a reason.
//!
//! The order of the questions:
//! 1. Is the moment still remembered, as a whole? Else nothing is said of it.
//! 2. Did a translator log whose flow it was? Then it is asked who that was.
//! 3. What does the map say of the address? A resolver, a proxy, a mail server are the
//!    organisation; a translator without log is ambiguous; servers and cameras are machines.
//! 4. Which device had the address, and which people were known there, or at another address that
//!    the same device had at that moment (one grade lower)?
//! 5. No one: the device, else the address. One: that person, unless the place is shared (then
//!    ambiguous) or of visitors (then the device). More: ambiguous.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::lane::{Claim, Class, Held, Holder, Lane, class, is_crowd};
use super::table::What;
use super::translations::Inside;
use super::{Attribution, Grade, Identity, SubjectKind, Trace};
use crate::base::Timestamp;
use crate::event::FactSource;
use crate::hits::{SubjectId, Tag, tag_in};
use crate::organisation::PlaceKind;

/// So many addresses at one time (IPv4 and IPv6 together) make a router of a device. A host has one
/// IPv4 address, one link-local and, with privacy extensions (RFC 8981), up to about five more.
const ROUTER_ADDRESSES: usize = 8;
/// "At one time": half an hour before and after.
const ROUTER_NS: i64 = 1_800_000_000_000;
/// Further addresses of a device that are asked.
const FURTHER_MAX: usize = 16;

/// An answer and what it rests on.
pub(super) struct Resolved {
    pub(super) attribution: Attribution,
    pub(super) whats: Vec<Arc<What>>,
}

/// People found at an address, or at another of its device.
struct Found {
    claim: Claim,
    direct: bool,
}

impl Identity {
    /// See the head of this file.
    pub(super) fn resolve(&self, trace: &Trace) -> Resolved {
        if trace.time.0 < self.table.horizon || trace.time.0 < self.began {
            return nothing(trace, super::FORGOTTEN);
        }
        let inside = trace.flow.as_ref().map_or(Inside::Unknown, |flow| {
            self.translations.inside(flow, trace.time.0)
        });
        match inside {
            Inside::Conflict => self.several(
                trace,
                Grade::None,
                &[],
                "translation logs name different clients for this flow",
            ),
            Inside::One(inside) => {
                let mut inside = inside.clone();
                inside.time = trace.time;
                self.at_place(&inside)
            }
            Inside::Unknown => self.at_place(trace),
        }
    }

    fn at_place(&self, trace: &Trace) -> Resolved {
        match trace.place.kind {
            PlaceKind::Resolver | PlaceKind::Proxy | PlaceKind::MailServer => {
                let site = trace.place.site.as_deref().unwrap_or("anywhere");
                let subject = format!("organisation-{}-{}", trace.place.kind, slug(site));
                let reason = "the address asks on behalf of others, and no log tells of whom";
                let kind = SubjectKind::Organisation;
                plain(trace, SubjectId::new(subject), kind, reason)
            }
            PlaceKind::Translator => self.several(
                trace,
                Grade::None,
                &[],
                "many devices stand behind the translator, and no log tells whose flow it was",
            ),
            PlaceKind::Server | PlaceKind::Camera => {
                let reason = "the map names it as a machine";
                let subject = subject_at("machine", trace);
                plain(trace, subject, SubjectKind::Machine, reason)
            }
            PlaceKind::Staff | PlaceKind::Visitors | PlaceKind::Shared | PlaceKind::Research => {
                self.at_address(trace)
            }
        }
    }

    fn at_address(&self, trace: &Trace) -> Resolved {
        let at = trace.time.0;
        let Some(address) = tag_in(&trace.address) else {
            return nothing(trace, "no source told who held the address");
        };
        if at < self.table.lost(&address) {
            return nothing(trace, super::FORGOTTEN);
        }
        let mut found = Vec::new();
        let mut coming = BTreeSet::new();
        let mut crowd = BTreeSet::new();
        let networks = trace.networks.iter().filter_map(|it| tag_in(it));
        for tag in std::iter::once(address).chain(networks) {
            let lane = self.lane(&tag, at);
            let claims = lane.claims(at).into_iter();
            found.extend(claims.map(|claim| Found {
                claim,
                direct: true,
            }));
            coming.extend(lane.coming(at));
            crowd.extend(lane.crowd(at));
        }
        let held = match self.lane(&address, at).holder(at) {
            Holder::Conflict => {
                let reason = "two devices claimed the address at that time";
                return self.several(trace, grade_of(&found), &found, reason);
            }
            Holder::Unknown => None,
            Holder::One(held) => Some(held),
        };
        if let Some(held) = &held {
            if self.is_from_elsewhere(trace, held) {
                let reason = "the frame came from another device than the one that had the address";
                return self.several(trace, grade_of(&found), &found, reason);
            }
            for tag in self.further(held, &address, at) {
                let lane = self.lane(&tag, at);
                let claims = lane.claims(at).into_iter();
                found.extend(claims.map(|claim| Found {
                    claim,
                    direct: false,
                }));
                coming.extend(lane.coming(at));
                crowd.extend(lane.crowd(at));
            }
        }
        self.decide(trace, held.as_ref(), found, coming, &crowd)
    }

    fn decide(
        &self,
        trace: &Trace,
        held: Option<&Held>,
        found: Vec<Found>,
        coming: BTreeSet<Tag>,
        crowd: &BTreeSet<Tag>,
    ) -> Resolved {
        let mut people: BTreeSet<Tag> = found.iter().map(|it| it.claim.person).collect();
        let Some(person) = people.first().copied() else {
            return self.no_person(trace, held);
        };
        if trace.place.kind == PlaceKind::Visitors {
            return self.no_person(trace, held);
        }
        let grade = grade_of(&found);
        if trace.place.kind == PlaceKind::Shared {
            let reason = "the map names it as a machine that several people use at one time";
            return self.several(trace, grade, &found, reason);
        }
        if people.len() > 1 {
            let reason = contradiction(&found);
            return self.several(trace, grade, &found, &reason);
        }
        if found.iter().any(|it| it.claim.disputed) {
            let reason = "the log that tells of the session ran backwards in time there";
            return self.several(trace, grade, &found, reason);
        }
        people.extend(coming);
        if people.len() > 1 {
            let reason = "another person's ticket follows within five minutes: who was there \
                          already cannot be told";
            return self.several(trace, grade, &found, reason);
        }
        if is_crowd(crowd) {
            let reason = format!(
                "{} people show there within the life of a ticket: a shared machine",
                crowd.len()
            );
            return self.several(trace, grade, &found, &reason);
        }
        self.person(trace, held, &found, person, grade)
    }

    fn person(
        &self,
        trace: &Trace,
        held: Option<&Held>,
        found: &[Found],
        person: Tag,
        grade: Grade,
    ) -> Resolved {
        let best = found.iter().min_by_key(|it| grade_of_one(it));
        let direct = best.is_some_and(|it| it.direct);
        let mut reason = String::from(match best.map(|it| class(it.claim.source)) {
            Some(Class::Session) => "one person's authenticated session was on",
            _ => "one person's ticket was in force",
        });
        reason.push_str(if direct {
            " at the address"
        } else {
            " at another address that the same device had"
        });
        let mut place = trace.place.clone();
        if let Some(unit) = self.units.get(&person) {
            place.unit = Some(unit.clone());
        }
        let mut resolved = self.made(
            trace,
            SubjectId::of("person", &person),
            SubjectKind::Person,
            grade,
            found,
            &reason,
        );
        resolved.attribution.place = place;
        if let Some(held) = held {
            resolved.whats.extend(held.whats.iter().cloned());
        }
        resolved
    }

    /// The device, else the address.
    fn no_person(&self, trace: &Trace, held: Option<&Held>) -> Resolved {
        let Some(held) = held else {
            return nothing(trace, "no source told who held the address");
        };
        let device = held.device;
        let (subject, weak) = match (device.mac, device.client) {
            (Some(mac), _) if device.weak => {
                let parts: [&[u8]; 3] = [b"weak", &mac, trace.address.as_bytes()];
                (SubjectId::of("device", &self.key.word_tag(&parts)), true)
            }
            (Some(tag), _) | (None, Some(tag)) => (SubjectId::of("device", &tag), false),
            (None, None) => return nothing(trace, "no source told who held the address"),
        };
        let named = held.whats.iter().any(|it| it.content.named);
        let leased = |what: &&Arc<What>| class(what.content.source) == Class::Lease;
        let mut reason = String::from(if held.whats.iter().any(|it| leased(&it)) {
            "a device held the address by lease; who used it is not known"
        } else {
            "a device was seen with the address; who used it is not known"
        });
        if weak {
            reason.push_str(
                "; it made its link-layer address up, so it is known at this address only",
            );
        }
        let mut sources: Vec<FactSource> = held.whats.iter().map(|it| it.content.source).collect();
        sources.sort_unstable();
        sources.dedup();
        Resolved {
            attribution: Attribution {
                subject,
                kind: SubjectKind::Device,
                grade: if named { Grade::C } else { Grade::D },
                sources,
                from: Some(Timestamp(held.from)),
                until: finite(held.until),
                learned: Some(Timestamp(held.learned)),
                place: trace.place.clone(),
                reason,
            },
            whats: held.whats.clone(),
        }
    }

    fn several(&self, trace: &Trace, grade: Grade, found: &[Found], reason: &str) -> Resolved {
        let subject = subject_at("ambiguous", trace);
        self.made(trace, subject, SubjectKind::Ambiguous, grade, found, reason)
    }

    fn made(
        &self,
        trace: &Trace,
        subject: SubjectId,
        kind: SubjectKind,
        grade: Grade,
        found: &[Found],
        reason: &str,
    ) -> Resolved {
        let mut sources: Vec<FactSource> = found.iter().map(|it| it.claim.source).collect();
        sources.sort_unstable();
        sources.dedup();
        let best = found.iter().min_by_key(|it| grade_of_one(it));
        Resolved {
            attribution: Attribution {
                subject,
                kind,
                grade,
                sources,
                from: best.map(|it| Timestamp(it.claim.from)),
                until: best.and_then(|it| finite(it.claim.until)),
                learned: found.iter().map(|it| Timestamp(it.claim.learned)).max(),
                place: trace.place.clone(),
                reason: reason.into(),
            },
            whats: found.iter().map(|it| Arc::clone(&it.claim.what)).collect(),
        }
    }

    fn lane(&self, tag: &Tag, at: i64) -> Lane<'_> {
        let points = self.table.points(tag);
        let asked = RefCell::new(HashMap::<Tag, bool>::new());
        let is_router = |mac: &Tag| {
            let mut asked = asked.borrow_mut();
            *asked.entry(*mac).or_insert_with(|| self.is_router(mac, at))
        };
        Lane::new(points, &self.table.ends, self.table.bounds, &is_router)
            .since(self.table.lost(tag))
    }

    /// Is it in the map as a router, or does it have more addresses at one time than a host?
    fn is_router(&self, mac: &Tag, at: i64) -> bool {
        self.routers.contains(mac)
            || self
                .table
                .lanes_of(mac)
                .filter(|lane| {
                    let points = self.table.points(lane).iter();
                    points.clone().any(|point| {
                        point.what.content.device.mac == Some(*mac)
                            && point.time.abs_diff(at) <= ROUTER_NS.unsigned_abs()
                    })
                })
                .take(ROUTER_ADDRESSES)
                .count()
                >= ROUTER_ADDRESSES
    }

    /// Other addresses that this device has at that moment.
    fn further(&self, held: &Held, own: &Tag, at: i64) -> Vec<Tag> {
        let ids = [held.device.mac, held.device.client];
        let lanes: BTreeSet<&Tag> = ids
            .iter()
            .flatten()
            .flat_map(|id| self.table.lanes_of(id))
            .filter(|lane| *lane != own)
            .collect();
        let same = |lane: &&Tag| {
            matches!(self.lane(lane, at).holder(at),
                Holder::One(other) if !other.device.differs(&held.device))
        };
        let mut further: Vec<Tag> = lanes.into_iter().filter(same).copied().collect();
        further.truncate(FURTHER_MAX);
        further
    }

    /// Was the frame sent by a device that has a lease of another address, and is no router? What
    /// is behind a router bears the router's link-layer address, and that is no contradiction.
    fn is_from_elsewhere(&self, trace: &Trace, held: &Held) -> bool {
        let at = trace.time.0;
        let Some(sender) = trace.mac.as_deref().and_then(tag_in) else {
            return false;
        };
        let Some(holder) = held.device.mac.filter(|holder| *holder != sender) else {
            return false;
        };
        if self.is_router(&sender, at) || self.is_router(&holder, at) {
            return false;
        }
        self.table.lanes_of(&sender).any(|tag| {
            matches!(self.lane(tag, at).holder(at), Holder::One(other)
                if other.device.mac == Some(sender)
                    && other.whats.iter().any(|it| class(it.content.source) == Class::Lease))
        })
    }
}

/// Nothing is known: the address itself.
fn nothing(trace: &Trace, reason: &str) -> Resolved {
    plain(
        trace,
        subject_at("address", trace),
        SubjectKind::Address,
        reason,
    )
}

fn plain(trace: &Trace, subject: SubjectId, kind: SubjectKind, reason: &str) -> Resolved {
    Resolved {
        attribution: Attribution {
            subject,
            kind,
            grade: Grade::None,
            sources: Vec::new(),
            from: None,
            until: None,
            learned: None,
            place: trace.place.clone(),
            reason: reason.into(),
        },
        whats: Vec::new(),
    }
}

fn subject_at(kind: &str, trace: &Trace) -> SubjectId {
    let digits = trace.address.trim_start_matches("ip-");
    SubjectId::new(format!("{kind}-{digits}"))
}

/// One grade lower at another address of the device.
fn grade_of_one(found: &Found) -> Grade {
    match (class(found.claim.source), found.direct) {
        (Class::Session, true) => Grade::A,
        (Class::Session, false) | (_, true) => Grade::B,
        (_, false) => Grade::C,
    }
}

fn grade_of(found: &[Found]) -> Grade {
    found.iter().map(grade_of_one).min().unwrap_or(Grade::None)
}

/// What speaks against what: counts and sources.
fn contradiction(found: &[Found]) -> String {
    let count = |wanted: Class| {
        let of_class = found.iter().filter(|it| class(it.claim.source) == wanted);
        let people: BTreeSet<Tag> = of_class.map(|it| it.claim.person).collect();
        people.len()
    };
    format!(
        "different people at one time: {} by session, {} by ticket",
        count(Class::Session),
        count(Class::Ticket)
    )
}

fn finite(time: i64) -> Option<Timestamp> {
    (time != i64::MAX && time != i64::MIN).then_some(Timestamp(time))
}

/// Small letters, digits and `-`.
fn slug(text: &str) -> String {
    let lower = text.to_lowercase();
    lower
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect()
}
