//! What a judgement looks at: one case's sightings under one vendor's proof and limits.
//!
//! Enters: sightings in their order. Leaves: sittings, net sizes, forms, uploads. Never: decides a
//! stage.

use std::collections::BTreeMap;

use super::rules::{Limits, Rules, SECOND};
use super::sighting::{Sighting, What};
use super::standing::Manner;
use crate::blocklist::{Proof, Role, Threshold};

/// What is known of a vendor, made ready.
#[derive(Clone, Debug)]
pub(super) struct Knowledge {
    pub(super) proof: Proof,
    pub(super) limits: Limits,
}

/// A mail that arrives while the form's exchange still runs belongs to it; clocks differ a little.
const EARLY_NS: i64 = 10 * SECOND;
/// An answer larger than this ends the time in which a form is filled in: it is a page.
const PAGE_BYTES: u64 = 5_000;
/// QUIC: acknowledgements, one for about every four frames down, are left out by the sensor while
/// they are short. After losses they name the gaps and pass 80 bytes: this much of each picture may
/// be that.
const ACK_BYTES: u64 = 100;
const ACK_FRAMES: u64 = 4;

/// No handshake takes less upward: a hello without a post-quantum key share has some 500 bytes.
const HELLO_BYTES: u64 = 400;

/// All that a judgement needs.
pub(super) struct Bench<'a> {
    pub(super) rules: &'a Rules,
    pub(super) know: &'a Knowledge,
    pub(super) manner: Manner,
    pub(super) seen: Vec<&'a Sighting>,
    /// Sitting of each sighting.
    pub(super) sitting: Vec<usize>,
    /// Bytes up of TCP connections of this case that were opened and asked nothing, by host: what a
    /// handshake with that host takes. QUIC pads and repeats its first datagrams: no two are alike.
    bare: BTreeMap<&'a str, u64>,
}

/// A form-sized exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct FormSeen {
    /// Which sighting.
    pub(super) at: usize,
    /// Nanoseconds from the page before it, or of rest.
    pub(super) fill: i64,
    /// What its host is to accounts.
    pub(super) host: FormHost,
    /// A page opened again, or turned, may look the same.
    pub(super) unsure: bool,
}

/// What the host of a form is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FormHost {
    /// Its main use is sign-up, log-in or the service in a browser.
    Own,
    /// It carries accounts beside pages.
    Shared,
    /// It carries pages; its connection may hide an account host.
    Other,
}

/// Payload of an exchange without the handshake.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Net {
    pub(super) up: u64,
    pub(super) down: u64,
}

impl Limits {
    /// Sizes that count; see the thresholds of the handshake.
    pub(super) fn net(&self, it: &Sighting) -> Net {
        let Some(exchange) = it.exchange else {
            return Net::default();
        };
        let (mut up, mut down) = (exchange.up, exchange.down);
        if exchange.first {
            up = up.saturating_sub(self.of(Threshold::HandshakeBytesUp));
            down = down.saturating_sub(self.of(Threshold::HandshakeBytesDown));
        }
        Net { up, down }
    }

    /// Is it as large upward as a picture, when all that may be acknowledgements is taken off?
    pub(super) fn is_picture(&self, it: &Sighting) -> bool {
        let quic = it.exchange.filter(|exchange| exchange.quic);
        let acks = quic.map_or(0, |exchange| u64::from(exchange.down_frames) / ACK_FRAMES);
        let up = self.net(it).up.saturating_sub(acks * ACK_BYTES);
        up >= self.of(Threshold::ImageBytesUp)
    }

    /// Too little to be a form or a page.
    pub(super) fn is_small(&self, it: &Sighting) -> bool {
        let net = self.net(it);
        net.up < self.of(Threshold::FormBytesUpMin) && net.down < PAGE_BYTES
    }
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        rules: &'a Rules,
        know: &'a Knowledge,
        manner: Manner,
        sightings: &'a [Sighting],
    ) -> Self {
        let is_host = |it: &&Sighting| !it.roles.is_empty();
        let loud = sightings.iter().filter(is_host).any(|it| !it.quiet);
        let seen: Vec<&Sighting> = sightings.iter().filter(|it| !loud || !it.quiet).collect();
        let gap = know.limits.ns(Threshold::SittingGapMinutes);
        let mut sitting = Vec::with_capacity(seen.len());
        let (mut number, mut last) = (0, i64::MIN);
        for it in &seen {
            if last != i64::MIN && it.time.0.saturating_sub(last) > gap {
                number += 1;
            }
            last = last.max(it.end.0);
            sitting.push(number);
        }
        let bare = bare(&know.limits, &seen);
        Self {
            rules,
            know,
            manner,
            seen,
            sitting,
            bare,
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.know.limits
    }

    pub(super) fn ns(&self, which: Threshold) -> i64 {
        self.know.limits.ns(which)
    }

    /// Browsers open connections ahead of need. Where one of them with the same host asked nothing,
    /// it shows what the handshake takes, and the threshold is not needed.
    pub(super) fn net(&self, at: usize) -> Net {
        let it = self.seen[at];
        let mut net = self.limits().net(it);
        if let Some(exchange) = it.exchange.filter(|it| it.first && !it.quic)
            && let Some(bare) = self.bare.get(it.name.as_str())
        {
            net.up = exchange.up.saturating_sub(*bare);
        }
        net
    }

    /// Numbers of the sightings of one kind.
    pub(super) fn all(&self, what: What) -> impl Iterator<Item = usize> + '_ {
        (0..self.seen.len()).filter(move |&at| self.seen[at].what == what)
    }

    /// How many sittings there are.
    pub(super) fn sittings(&self) -> usize {
        self.sitting.last().map_or(0, |last| last + 1)
    }

    /// An exchange that carried a question and an answer.
    pub(super) fn is_meant(&self, at: usize) -> bool {
        let (it, net) = (self.seen[at], self.net(at));
        let Some(exchange) = it.exchange else {
            return false;
        };
        let count = u64::from(it.count);
        let down = net.down >= self.limits().of(Threshold::ExchangeBytesDown) * count;
        let up = net.up >= self.limits().of(Threshold::ExchangeBytesUp) * count;
        // A picture on a connection of its own may get an answer smaller than a handshake can be.
        let picture = net.up >= self.limits().of(Threshold::ImageBytesUp);
        picture || (down && (up || exchange.first))
    }

    /// Is its main use accounts, and not a demonstration?
    pub(super) fn is_account_host(&self, it: &Sighting) -> bool {
        let main = matches!(it.main(), Some(Role::Signup | Role::Auth | Role::App));
        main && !self.know.proof.is_demo_host(&it.name)
    }

    /// Does it carry accounts beside other things?
    pub(super) fn carries_accounts(&self, it: &Sighting) -> bool {
        let any = |role: &Role| matches!(role, Role::Signup | Role::Auth | Role::App);
        it.roles.iter().any(any) && !self.know.proof.is_demo_host(&it.name)
    }

    /// Do only those contact it who use the service?
    pub(super) fn is_service_host(&self, it: &Sighting) -> bool {
        matches!(it.main(), Some(Role::Api | Role::Upload))
            || (!it.roles.is_empty() && self.know.proof.is_use_host(&it.name))
    }

    /// All form-sized exchanges, polls left out.
    pub(super) fn forms(&self) -> Vec<FormSeen> {
        if !matches!(self.manner, Manner::Person | Manner::Somebody) {
            return Vec::new();
        }
        let found: Vec<FormSeen> = self
            .all(What::Exchange)
            .filter_map(|at| self.form(at))
            .collect();
        let is_poll = |one: &FormSeen| {
            let alike = found.iter().filter(|other| self.alike(one.at, other.at));
            alike.count() >= 3
        };
        found.iter().filter(|one| !is_poll(one)).copied().collect()
    }

    /// Two of one host and sitting whose sizes up differ by less than a twentieth: three of them
    /// are a page that asks again and again, not a person.
    fn alike(&self, one: usize, other: usize) -> bool {
        let (a, b) = (self.net(one).up, self.net(other).up);
        self.sitting[one] == self.sitting[other]
            && self.seen[one].name == self.seen[other].name
            && a.abs_diff(b) * 20 <= a.max(b)
    }

    fn form(&self, at: usize) -> Option<FormSeen> {
        let (it, net, limits) = (self.seen[at], self.net(at), self.limits());
        let host = if self.is_account_host(it) {
            FormHost::Own
        } else if self.carries_accounts(it) {
            FormHost::Shared
        } else {
            FormHost::Other
        };
        let down_max = if host == FormHost::Own {
            limits.of(Threshold::FormPageBytesDownMax)
        } else {
            limits.of(Threshold::FormBytesDownMax)
        };
        let sized = net.up >= limits.of(Threshold::FormBytesUpMin)
            && net.up <= limits.of(Threshold::FormBytesUpMax)
            && net.down <= down_max;
        // Servers close connections that rest (nginx after 75 s, QUIC after 30 s): who takes longer
        // sends the form on a new one, and a page opened again comes the same way, from the
        // browser's store even with a short answer. Documentation on the same host is turned like
        // forms are sent.
        let large = net.down > limits.of(Threshold::FormBytesDownMax);
        let unsure =
            it.exchange.is_some_and(|it| it.first) || large && it.roles.contains(&Role::Docs);
        if !sized || it.count > 1 {
            return None;
        }
        let fill = self.fill(at)?;
        (fill >= self.ns(Threshold::ThinkSeconds)).then_some(FormSeen {
            at,
            fill,
            host,
            unsure,
        })
    }

    /// Does a mail follow in the time in which it can belong to the form? Mail of other making comes
    /// at any time: what may be a page asks for one that comes at once.
    pub(super) fn is_followed(&self, form: &FormSeen, mail: usize) -> bool {
        let gap = self.seen[mail].time.0 - self.seen[form.at].time.0;
        let most = if form.unsure {
            Threshold::PromptMailSeconds
        } else {
            Threshold::MailMinutes
        };
        (-EARLY_NS..=self.ns(most)).contains(&gap)
    }

    /// Nanoseconds since the last page or form of the same host in this sitting, on any connection;
    /// without one, the rest of the connection. The first exchange ever with a host is none.
    fn fill(&self, at: usize) -> Option<i64> {
        let it = self.seen[at];
        let before = self.all(What::Exchange).filter(|&other| {
            let earlier = self.seen[other];
            other != at
                && self.sitting[other] == self.sitting[at]
                && earlier.name == it.name
                && earlier.end <= it.time
                && !self.limits().is_small(earlier)
        });
        let last = before.map(|other| self.seen[other].end).max();
        let rest = it.exchange.filter(|it| !it.first).map(|it| it.rest_ns);
        match last {
            Some(end) => Some(it.time.0.saturating_sub(end.0)),
            None => rest.map(|ns| i64::try_from(ns).unwrap_or(i64::MAX)),
        }
    }

    /// Picture-sized exchanges upward, on hosts where pictures go.
    pub(super) fn uploads(&self) -> impl Iterator<Item = usize> + '_ {
        self.all(What::Exchange).filter(|&at| {
            let it = self.seen[at];
            let takes = |role: &Role| matches!(role, Role::App | Role::Api | Role::Upload);
            it.roles.iter().any(takes) && self.limits().is_picture(it)
        })
    }

    /// Bytes down on the vendor's connections from an upload until answers are due no more.
    pub(super) fn answer(&self, upload: usize) -> u64 {
        let from = self.seen[upload].time;
        let until = self.seen[upload].end.0 + self.ns(Threshold::AnswerSeconds);
        let within = self.all(What::Exchange).filter(|&at| {
            let it = self.seen[at];
            it.time >= from && it.time.0 <= until
        });
        within.map(|at| self.net(at).down).sum()
    }
}

/// See [`Bench::net`]: first exchanges whose answer is no larger than a handshake's can be.
fn bare<'a>(limits: &Limits, seen: &[&'a Sighting]) -> BTreeMap<&'a str, u64> {
    let mut bare = BTreeMap::new();
    for it in seen {
        let Some(exchange) = it.exchange.filter(|it| it.first && !it.quic) else {
            continue;
        };
        let within = exchange.up <= limits.of(Threshold::HandshakeBytesUp)
            && exchange.down <= limits.of(Threshold::HandshakeBytesDown);
        if within && exchange.up >= HELLO_BYTES {
            let least = bare.entry(it.name.as_str());
            let least = least.or_insert(exchange.up);
            *least = exchange.up.min(*least);
        }
    }
    bare
}

/// Nanoseconds as whole seconds, for people.
pub(super) const fn seconds(ns: i64) -> i64 {
    ns / SECOND
}
