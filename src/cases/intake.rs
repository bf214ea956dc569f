//! What comes in: a hit, an exchange, a supporting name or a mail becomes a sighting of its case.
//!
//! Enters: events with their attribution. Leaves: sightings, each with its ruling, in the case of
//! its subject and vendor, which is opened if there is none. Never: judges.

use super::book::{CaseKey, Casebook, Entry, Lost};
use super::sighting::Sighting;
use super::{AttributionAct, Change, standing};
use crate::base::Seen;
use crate::blocklist::ways;
use crate::event::{Burst, Hit, HitRule, Mail, Support};
use crate::identity::{Attribution, SubjectKind, Trace};
use crate::organisation::{PlaceKind, Use};

impl Entry {
    /// Has the case anything of its vendor within so many nanoseconds before `it`?
    fn is_near(&self, it: &Sighting, within: i64) -> bool {
        let hosts = self.case.grounds.sightings.iter().rev();
        hosts
            .filter(|other| !other.roles.is_empty())
            .any(|other| other.time <= it.time && it.time.0.saturating_sub(other.end.0) <= within)
    }
}

impl Casebook {
    /// A name of a vendor was seen.
    pub fn hit(&mut self, hit: &Hit, trace: Trace, who: &Attribution, out: &mut Vec<Change>) {
        self.settle(hit.time, out);
        // Whoever writes to a vendor has not visited it: a rights request, a complaint and an
        // answer all look alike, and the client is a mail server more often than a person.
        if hit.seen == Seen::SmtpDomain {
            return;
        }
        let by_mail_server = is_mail_look_up(hit, who.place.kind);
        let rule = &hit.rule;
        let ruling = self.rule_use(
            rule,
            &Use {
                vendor: &rule.vendor,
                category: &rule.category,
                severity: &rule.severity,
                role: &rule.role,
                name: &hit.name,
                address: Some(hit.ends.src),
                entries: trace.entries(),
                place: &who.place,
                subject: &who.subject,
                at: hit.time,
            },
        );
        let mut it = Sighting::of_hit(hit, by_mail_server, trace, &self.catalogue);
        it.ruling = ruling;
        if hit.contested {
            return self.beside(&hit.rule.vendor, it, who, out);
        }
        self.absorb((&hit.rule.vendor, &hit.rule.vendor_name), it, who, out);
    }

    /// An exchange on a watched flow.
    pub fn burst(&mut self, burst: &Burst, trace: Trace, who: &Attribution, out: &mut Vec<Change>) {
        self.settle(burst.end, out);
        let rule = &burst.rule;
        let ruling = self.rule_use(
            rule,
            &Use {
                vendor: &rule.vendor,
                category: &rule.category,
                severity: &rule.severity,
                role: &rule.role,
                name: &burst.name,
                address: Some(burst.ends.src),
                entries: trace.entries(),
                place: &who.place,
                subject: &who.subject,
                at: burst.start,
            },
        );
        let mut it = Sighting::of_burst(burst, trace, &self.catalogue);
        it.ruling = ruling;
        if burst.contested {
            return self.beside(&burst.rule.vendor, it, who, out);
        }
        self.absorb((&burst.rule.vendor, &burst.rule.vendor_name), it, who, out);
    }

    /// A supporting name near a hit: goes to the cases of that subject that have just been at it,
    /// or waits some seconds for one.
    pub fn support(
        &mut self,
        support: &Support,
        trace: Trace,
        who: &Attribution,
        out: &mut Vec<Change>,
    ) {
        self.settle(support.time, out);
        // What was hidden afterwards says nothing of a vendor: no step rests on a way round.
        if support.rule.category == ways::CATEGORY {
            return;
        }
        let vendors = self.served(&support.rule);
        let it = Sighting::of_support(support, trace);
        let keys: Vec<CaseKey> = self
            .open
            .range((who.subject.clone(), String::new())..)
            .map(|(key, _)| key)
            .take_while(|key| key.0 == who.subject)
            .filter(|key| {
                vendors
                    .as_ref()
                    .is_none_or(|served| served.contains(&key.1))
            })
            .cloned()
            .collect();
        let mut given = Vec::new();
        for key in keys {
            let within = self.support_ns(&key.1);
            if self
                .open
                .get(&key)
                .is_some_and(|entry| entry.is_near(&it, within))
            {
                self.add(&key, it.clone(), out);
                given.push(key.1);
            }
        }
        let subject = who.subject.clone();
        let lost = self.waiting.support(subject, vendors, given, it);
        self.lost[Lost::Waiting.index()] += lost;
    }

    /// A mail of a vendor; `who` when the directory knows the recipient.
    pub fn mail(&mut self, mail: &Mail, who: Option<&Attribution>, out: &mut Vec<Change>) {
        self.settle(mail.time, out);
        let vendor = mail.rule.vendor.clone();
        let it = Sighting::of_mail(mail);
        let subject = who.map(|who| who.subject.clone());
        if let Some(subject) = &subject {
            let key = (subject.clone(), vendor.clone());
            if self.open.contains_key(&key) {
                return self.add(&key, it, out);
            }
        }
        // Whether somebody else's form is meant shows only when all exchanges until now are in.
        self.lost[Lost::Waiting.index()] += self.waiting.mail(subject, vendor, it);
    }

    fn rule_use(&self, rule: &HitRule, what: &Use<'_>) -> crate::organisation::Ruling {
        standing::exempt(&rule.category, &rule.role, &rule.severity, what.place)
            .unwrap_or_else(|| self.organisation.ruling(what))
    }

    /// Vendors whom a supporting host can stand beside: itself when dual-use, those that a supplier
    /// serves; `None` when a supplier names none, so that it may be anybody's.
    fn served(&self, rule: &HitRule) -> Option<Vec<String>> {
        if rule.category != "supplier" {
            return Some(vec![rule.vendor.clone()]);
        }
        let supplier = self.catalogue.vendor(&rule.vendor)?;
        let served = supplier.relations.iter().map(|it| it.serves.clone());
        let served: Vec<String> = served.collect();
        (!served.is_empty()).then_some(served)
    }

    fn support_ns(&mut self, vendor: &str) -> i64 {
        let know = self.knowledge(vendor);
        know.limits.ns(crate::blocklist::Threshold::SupportSeconds)
    }

    /// What a decoy may have made opens no case: it goes to the one there is, or waits for one as a
    /// supporting name does (a resolver's log tells the look-up after the connection).
    fn beside(&mut self, vendor: &str, it: Sighting, who: &Attribution, out: &mut Vec<Change>) {
        let key = (who.subject.clone(), vendor.to_owned());
        if self.open.contains_key(&key) {
            return self.add(&key, it, out);
        }
        let vendors = Some(vec![key.1]);
        self.lost[Lost::Waiting.index()] += self.waiting.support(key.0, vendors, Vec::new(), it);
    }

    /// A sighting of a subject: to its case, which is opened if there is none.
    fn absorb(
        &mut self,
        vendor: (&str, &str),
        it: Sighting,
        who: &Attribution,
        out: &mut Vec<Change>,
    ) {
        let key = (who.subject.clone(), vendor.0.to_owned());
        if self.open.contains_key(&key) {
            self.improve(&key, who);
        } else {
            if !self.make_room(out) {
                self.lost[Lost::Case.index()] += 1;
                return;
            }
            let case = self.new_case(vendor, who, AttributionAct::Made, it.time, None);
            self.insert(case);
        }
        let subject = key.0.clone();
        self.add(&key, it, out);
        let mut waited = self.waiting.claim(&subject, &key.1, self.now);
        let within = self.support_ns(&key.1);
        if let Some(entry) = self.open.get(&key) {
            let near = |it: &Sighting| entry.is_near(it, within);
            waited.extend(self.waiting.claim_support(&subject, &key.1, near));
        }
        for it in waited {
            self.add(&key, it, out);
        }
    }
}

/// A mail server, or the resolver it asks, looks up what only mail needs: TXT records (qtype 16),
/// and names below which policies and keys stand (RFC 6376 section 3.6.2.1, RFC 7489 section 6.1).
/// Browsers never do.
fn is_mail_look_up(hit: &Hit, place: PlaceKind) -> bool {
    let by_server = matches!(place, PlaceKind::MailServer | PlaceKind::Resolver);
    let of_mail =
        hit.qtype == 16 || hit.name.starts_with("_dmarc.") || hit.name.contains("._domainkey.");
    by_server && hit.seen.is_lookup() && of_mail
}

/// A subject whose form a mail can belong to.
pub(super) const fn may_have_mail(kind: SubjectKind) -> bool {
    matches!(
        kind,
        SubjectKind::Person | SubjectKind::Device | SubjectKind::Address
    )
}
