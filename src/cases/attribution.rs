//! Whose an item is, asked again: claims are made, raised, split, merged and retracted.
//!
//! Enters: "more is known", and a way to ask. Leaves: cases under their new subjects, entries in
//! their records, retractions as loud as the alerts were. Never: takes a claim back because the
//! knowledge behind it was forgotten.

use std::collections::BTreeMap;

use super::book::{CaseKey, Casebook};
use super::mail;
use super::rules::SECOND;
use super::sighting::Sighting;
use super::standing;
use super::{AlertKind, AttributionAct, AttributionEntry, Change};
use crate::base::Timestamp;
use crate::hits::SubjectId;
use crate::identity::{Attribution, FORGOTTEN, SubjectKind, Trace};
use crate::organisation::Use;

/// Traces younger than this are asked again. Identity keeps intervals for four hours past their
/// end by default: within three nothing that was known is forgotten.
const ASK_NS: i64 = 3 * 3600 * SECOND;

/// Sightings of one case that turned out to be of one other subject.
struct Moved {
    who: Attribution,
    at: Vec<usize>,
}

impl Casebook {
    /// More is known about who held what: asks again for every trace that may change.
    pub fn ask_again(
        &mut self,
        now: Timestamp,
        who: &dyn Fn(&Trace) -> Attribution,
        out: &mut Vec<Change>,
    ) {
        self.settle(now, out);
        let since = Timestamp(self.now.0.saturating_sub(ASK_NS));
        let keys: Vec<CaseKey> = self
            .open
            .iter()
            .filter(|(_, entry)| entry.case.updated >= since)
            .map(|(key, _)| key.clone())
            .collect();
        for key in keys {
            let moved = self.moved(&key, since, who);
            if !moved.is_empty() {
                self.carry_out(&key, moved, out);
            }
        }
    }

    /// Asks for each young sighting of a case.
    fn moved(
        &mut self,
        key: &CaseKey,
        since: Timestamp,
        who: &dyn Fn(&Trace) -> Attribution,
    ) -> BTreeMap<SubjectId, Moved> {
        let mut moved: BTreeMap<SubjectId, Moved> = BTreeMap::new();
        let mut better: Option<Attribution> = None;
        let Some(entry) = self.open.get(key) else {
            return moved;
        };
        let Some(before) = entry.case.who() else {
            return moved;
        };
        for (at, it) in entry.case.grounds.sightings.iter().enumerate() {
            let Some(trace) = it.trace.as_ref().filter(|_| it.time >= since) else {
                continue;
            };
            let now = who(trace);
            if now.subject == before.subject {
                better = Some(now);
            } else if now.reason != FORGOTTEN
                && !is_forgetting(before.kind, now.kind, it.time <= self.cold)
            {
                let subject = now.subject.clone();
                let place = moved.entry(subject).or_insert_with(|| Moved {
                    who: now,
                    at: Vec::new(),
                });
                place.at.push(at);
            }
        }
        if let Some(better) = better {
            self.improve(key, &better);
        }
        moved
    }

    fn carry_out(
        &mut self,
        key: &CaseKey,
        mut moved: BTreeMap<SubjectId, Moved>,
        out: &mut Vec<Change>,
    ) {
        let Some(entry) = self.open.get(key) else {
            return;
        };
        let traced = entry
            .case
            .grounds
            .sightings
            .iter()
            .filter(|it| it.trace.is_some())
            .count();
        let claimed = matches!(
            entry.case.kind(),
            SubjectKind::Person | SubjectKind::Machine
        );
        let gone: usize = moved.values().map(|it| it.at.len()).sum();
        let whole = gone == traced && moved.len() == 1;
        if let Some((_, Moved { who, .. })) = moved.first_key_value()
            && whole
            && rank(who.kind) > rank(entry.case.kind())
            && !claimed
        {
            let who = who.clone();
            return self.raise(key, &who, out);
        }
        let emptied = gone == traced;
        let act = if emptied && claimed {
            AttributionAct::Retracted
        } else {
            AttributionAct::Split
        };
        let mut taken = self.take_out(key, &mut moved, emptied);
        for (_, Moved { who, .. }) in moved {
            let sightings = taken.remove(&who.subject).unwrap_or_default();
            self.give(key, &who, sightings, act, out);
        }
        if emptied {
            self.retract(key, out);
        } else {
            self.rejudge(key, true, out);
        }
    }

    /// Takes the moved sightings out of the case. Mails and support, which have no trace to ask
    /// for, go along only when all the rest goes to one subject.
    fn take_out(
        &mut self,
        key: &CaseKey,
        moved: &mut BTreeMap<SubjectId, Moved>,
        emptied: bool,
    ) -> BTreeMap<SubjectId, Vec<Sighting>> {
        let mut taken: BTreeMap<SubjectId, Vec<Sighting>> = BTreeMap::new();
        let Some(entry) = self.open.get_mut(key) else {
            return taken;
        };
        let heir = (emptied && moved.len() == 1).then(|| moved.keys().next().cloned());
        let all = std::mem::take(&mut entry.case.grounds.sightings);
        for (at, it) in all.into_iter().enumerate() {
            let whose = moved.iter().find(|(_, moved)| moved.at.contains(&at));
            let whose = whose.map(|(subject, _)| subject.clone());
            match whose.or_else(|| heir.clone().flatten()) {
                Some(subject) => taken.entry(subject).or_default().push(it),
                None => entry.case.grounds.sightings.push(it),
            }
        }
        taken
    }

    /// Gives sightings to the case of their subject, which is opened if there is none.
    fn give(
        &mut self,
        from: &CaseKey,
        who: &Attribution,
        mut sightings: Vec<Sighting>,
        act: AttributionAct,
        out: &mut Vec<Change>,
    ) {
        let Some(first) = sightings.first().map(|it| it.time) else {
            return;
        };
        let Some((old, name)) = self
            .open
            .get(from)
            .map(|it| (it.case.id.clone(), it.case.vendor_name.clone()))
        else {
            return;
        };
        let to = (who.subject.clone(), from.1.clone());
        self.rule_again(from, who, &mut sightings);
        let entry = |other: String, attribution: Attribution, time: Timestamp| AttributionEntry {
            act,
            time,
            attribution,
            other: Some(other),
        };
        if self.open.contains_key(&to) {
            self.improve(&to, who);
        } else {
            let split = AttributionAct::Split;
            let case = self.new_case((&from.1, &name), who, split, first, Some(old.clone()));
            self.insert(case);
        }
        let now = self.now;
        let Some(new) = self.open.get_mut(&to).map(|it| {
            if it.case.attribution.last().and_then(|a| a.other.as_ref()) != Some(&old) {
                let split = entry(old, who.clone(), now);
                it.case.attribution.push(AttributionEntry {
                    act: AttributionAct::Split,
                    ..split
                });
            }
            it.case.id.clone()
        }) else {
            return;
        };
        if let Some(it) = self.open.get_mut(from)
            && let Some(last) = it.case.who().cloned()
        {
            let last = if act == AttributionAct::Retracted {
                who.clone()
            } else {
                last
            };
            it.case.attribution.push(entry(new, last, now));
        }
        for it in sightings {
            self.add(&to, it, out);
        }
        // Before the case that gave them: between two writes evidence may stand twice, never nowhere.
        self.put_down(&to, out);
    }

    /// The whole case turns out to be of a better-known subject: it keeps its id and history, or
    /// is merged with the case that the subject has already.
    fn raise(&mut self, key: &CaseKey, who: &Attribution, out: &mut Vec<Change>) {
        let Some(mut entry) = self.open.remove(key) else {
            return;
        };
        let now = self.now;
        let mut sightings = std::mem::take(&mut entry.case.grounds.sightings);
        self.open.insert(key.clone(), entry);
        self.rule_again(key, who, &mut sightings);
        let Some(mut entry) = self.open.remove(key) else {
            return;
        };
        entry.case.grounds.sightings = sightings;
        let mut note = |act, other| {
            entry.case.attribution.push(AttributionEntry {
                act,
                time: now,
                attribution: who.clone(),
                other,
            });
        };
        let to = (who.subject.clone(), key.1.clone());
        let Some(other) = self.open.remove(&to) else {
            note(AttributionAct::Raised, None);
            entry.case.subject = who.subject.clone();
            for told in &mut entry.case.grounds.told {
                told.subject = who.subject.clone();
            }
            self.unsettled.remove(key);
            if entry.case.grounds.sightings.iter().any(mail::is_unsettled) {
                self.unsettled.insert(to.clone());
            }
            self.open.insert(to.clone(), entry);
            return self.rejudge(&to, true, out);
        };
        // The older of the two stays, whichever it is.
        let mine = (entry.case.opened, entry.case.id.clone());
        let (mut stays, mut goes) = if mine < (other.case.opened, other.case.id.clone()) {
            (entry, other)
        } else {
            (other, entry)
        };
        let merged = |other: &str| AttributionEntry {
            act: AttributionAct::Merged,
            time: now,
            attribution: who.clone(),
            other: Some(other.to_owned()),
        };
        stays.case.attribution.push(merged(&goes.case.id));
        goes.case.attribution.push(merged(&stays.case.id));
        stays.case.subject = who.subject.clone();
        for told in &mut stays.case.grounds.told {
            told.subject = who.subject.clone();
        }
        let sightings = std::mem::take(&mut goes.case.grounds.sightings);
        let why = format!("merged into {}", stays.case.id);
        self.open.insert(to.clone(), goes);
        let mut gone = Vec::new();
        self.shut(&to, &why, AlertKind::Resolved, &mut gone);
        self.open.insert(to.clone(), stays);
        for it in sightings {
            self.add(&to, it, out);
        }
        self.put_down(&to, out);
        out.append(&mut gone);
    }

    /// Nothing is left of a case: its claim was wrong, or nobody can tell any more.
    fn retract(&mut self, key: &CaseKey, out: &mut Vec<Change>) {
        let why = "retracted: what it rested on belongs to another subject, or nobody can tell";
        self.shut(key, why, AlertKind::Retracted, out);
    }

    /// The register may name subjects: judged again under the new one, each sighting keeps the
    /// better ruling, for the address, which networks in the register go by, is not kept.
    fn rule_again(&self, key: &CaseKey, who: &Attribution, sightings: &mut [Sighting]) {
        for it in sightings {
            let Some(trace) = &it.trace else {
                continue;
            };
            let what = Use {
                vendor: &key.1,
                category: "",
                severity: "",
                role: it.roles.first().map_or("", |role| role.label()),
                name: &it.name,
                address: None,
                entries: trace.entries(),
                place: &who.place,
                subject: &who.subject,
                at: it.time,
            };
            let ruling = self.organisation.ruling(&what);
            if standing::is_worse(it.ruling.standing, ruling.standing) {
                it.ruling = ruling;
            }
        }
    }
}

const fn rank(kind: SubjectKind) -> u8 {
    match kind {
        SubjectKind::Ambiguous => 0,
        SubjectKind::Organisation => 1,
        SubjectKind::Address => 2,
        SubjectKind::Device => 3,
        SubjectKind::Machine => 4,
        SubjectKind::Person => 5,
    }
}

/// Is the new answer only the old one with less known? An address after a device says no more than
/// that. After a person it says that the claim fell, except for sightings from before a restart:
/// who held what then is not known any more, and that is no news.
const fn is_forgetting(before: SubjectKind, now: SubjectKind, cold: bool) -> bool {
    match (before, now) {
        (SubjectKind::Device, SubjectKind::Address) => true,
        (
            SubjectKind::Person | SubjectKind::Machine,
            SubjectKind::Device | SubjectKind::Address,
        ) => cold,
        _ => false,
    }
}
