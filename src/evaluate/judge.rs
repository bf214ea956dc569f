//! Compares what was told with what was true.
//!
//! Enters: an office's truth, whose pseudonym is whose, alerts and cases. Leaves: a [`Score`].
//! A case counts for a person when its subject is that person's pseudonym (or their device's, where
//! names of users are not known).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::interval::Share;
use crate::base::Timestamp;
use crate::blocklist::{Catalogue, Stage};
use crate::cases::{Alert, AlertKind, Case};
use crate::simulate::population::{Kind, Office, Reached, SIGNUPS, Truth};

/// Failures written down in words, at most: enough to look into.
const FAILURES_MAX: usize = 200;

/// What the casebook said.
#[derive(Default)]
pub struct Heard {
    /// Alerts, in order.
    pub alerts: Vec<Alert>,
    /// When each went out.
    pub told_at: Vec<Timestamp>,
    /// Cases as they stood in the end.
    pub cases: Vec<Case>,
}

/// Counts over offices.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Score {
    /// Offices.
    pub offices: u64,
    /// Confounder person-days, by kind.
    pub days: BTreeMap<&'static str, u64>,
    /// Sign-ups with a case of the right subject that has the stage, by vendor.
    pub found: BTreeMap<String, Share>,
    /// Of those, how many had an alert.
    pub alerted: Share,
    /// False alerts of a trial account, by what was really going on.
    pub false_alerts: BTreeMap<String, u64>,
    /// Sign-ups with a case of the right subject that tells of an account or its use at least.
    pub told_account: Share,
    /// Cases or alerts that name somebody who had nothing to do with the vendor.
    pub wrong_person: u64,
    /// Of those, how many stood in the end.
    pub wrong_at_end: u64,
    /// How many were told in an alert.
    pub wrong_told: u64,
    /// Seconds until each of those alerts was taken back; one that was not is missing.
    pub taken_back_after: Vec<u64>,
    /// Cases that name a person, device or address of the staff.
    pub named: u64,
    /// Visits told as visits, by vendor.
    pub visited: BTreeMap<String, Share>,
    /// Uses told as searching, by vendor, where the vendor's proof reaches that far.
    pub searching: BTreeMap<String, Share>,
    /// Look-ups and links that stayed at most that.
    pub looked_up: Share,
    /// All that went wrong, by what it was, without whose and where.
    pub wrong: BTreeMap<String, u64>,
    /// Some of what went wrong, in words.
    pub failures: Vec<String>,
}

impl Score {
    /// Adds another office's.
    pub fn add(&mut self, other: Self) {
        self.offices += other.offices;
        self.wrong_person += other.wrong_person;
        self.wrong_at_end += other.wrong_at_end;
        self.wrong_told += other.wrong_told;
        self.taken_back_after.extend(other.taken_back_after);
        self.told_account.add(other.told_account);
        self.named += other.named;
        self.alerted.add(other.alerted);
        self.looked_up.add(other.looked_up);
        for (kind, n) in other.days {
            *self.days.entry(kind).or_default() += n;
        }
        for (what, n) in other.wrong {
            *self.wrong.entry(what).or_default() += n;
        }
        for (kind, n) in other.false_alerts {
            *self.false_alerts.entry(kind).or_default() += n;
        }
        for (ours, theirs) in [
            (&mut self.found, other.found),
            (&mut self.visited, other.visited),
            (&mut self.searching, other.searching),
        ] {
            for (vendor, share) in theirs {
                ours.entry(vendor).or_default().add(share);
            }
        }
        let room = FAILURES_MAX.saturating_sub(self.failures.len());
        self.failures.extend(other.failures.into_iter().take(room));
    }

    /// Confounder person-days in all.
    pub fn person_days(&self) -> u64 {
        self.days.values().sum()
    }

    /// A map of shares as one.
    pub fn total(shares: &BTreeMap<String, Share>) -> Share {
        shares.values().fold(Share::default(), |mut sum, share| {
            sum.add(*share);
            sum
        })
    }

    /// False alerts of trial accounts in all.
    pub fn false_total(&self) -> u64 {
        self.false_alerts.values().sum()
    }

    fn fails(&mut self, what: String) {
        // Behind `seed 1: vendor: `, and without the person's number.
        let kind = what.splitn(3, ": ").nth(2).unwrap_or(&what);
        let kind = kind.chars().filter(|it| !it.is_ascii_digit()).collect();
        *self.wrong.entry(kind).or_default() += 1;
        if self.failures.len() < FAILURES_MAX {
            self.failures.push(what);
        }
    }
}

/// Scores one office.
pub fn judge(
    office: &Office,
    names: &BTreeMap<String, Vec<usize>>,
    heard: &Heard,
    list: &Catalogue,
) -> Score {
    let mut score = Score {
        offices: 1,
        ..Score::default()
    };
    for (kind, n) in &office.days {
        if *kind != Kind::SignUp {
            *score.days.entry(kind.label()).or_default() += u64::from(*n);
        }
    }
    // Who signs up has quiet days beside, which are no confounders.
    let quiet = (SIGNUPS * crate::simulate::population::DAYS) as u64 - SIGNUPS as u64;
    if let Some(days) = score.days.get_mut(Kind::Supplier.label()) {
        *days -= quiet;
    }
    false_alerts(office, names, heard, &mut score);
    wrong_person(office, names, heard, &mut score);
    for (number, person) in office.people.iter().enumerate() {
        for (vendor, truth) in &person.truth {
            let case = best(heard, names, number, vendor);
            right_stage(office, (number, vendor), truth, case, list, &mut score);
            if truth.signed_up {
                found(office, (number, vendor), case, heard, &mut score);
            }
        }
    }
    score
}

fn holders<'n>(names: &'n BTreeMap<String, Vec<usize>>, subject: &str) -> &'n [usize] {
    names.get(subject).map_or(&[], Vec::as_slice)
}

/// The case of this person and vendor that goes furthest.
fn best<'h>(
    heard: &'h Heard,
    names: &BTreeMap<String, Vec<usize>>,
    person: usize,
    vendor: &str,
) -> Option<&'h Case> {
    let own = |case: &&Case| {
        case.vendor == vendor
            && !is_over(case)
            && holders(names, case.subject.as_str()).contains(&person)
    };
    heard.cases.iter().filter(own).max_by_key(|case| case.stage)
}

/// Merged into another, or taken back.
const fn is_over(case: &Case) -> bool {
    case.closed.is_some()
}

fn truth_of<'o>(office: &'o Office, person: usize, vendor: &str) -> Option<&'o Truth> {
    office.people[person].truth.get(vendor)
}

fn false_alerts(
    office: &Office,
    names: &BTreeMap<String, Vec<usize>>,
    heard: &Heard,
    score: &mut Score,
) {
    let mut cases = BTreeSet::new();
    for alert in &heard.alerts {
        if alert.kind != AlertKind::Raised || alert.stage != Stage::SignedUp {
            continue;
        }
        let people = holders(names, alert.subject.as_str());
        let truths = people
            .iter()
            .filter_map(|it| truth_of(office, *it, &alert.vendor));
        let kinds: BTreeSet<&str> = truths
            .clone()
            .flat_map(|truth| truth.kinds.iter().map(|kind| kind.label()))
            .collect();
        // Who redeems an invitation makes an account, too.
        let made = |truth: &Truth| truth.signed_up || truth.redeemed;
        if truths.clone().any(made) || !cases.insert(&alert.case) {
            continue;
        }
        let kinds: Vec<&str> = kinds.into_iter().collect();
        let what = if kinds.is_empty() {
            "visitors, machines, shared addresses".to_owned()
        } else {
            kinds.join(" + ")
        };
        score.fails(format!(
            "seed {}: {}: false alert of a trial account; truly {what}",
            office.seed, alert.vendor
        ));
        *score.false_alerts.entry(what).or_default() += 1;
    }
}

fn wrong_person(
    office: &Office,
    names: &BTreeMap<String, Vec<usize>>,
    heard: &Heard,
    score: &mut Score,
) {
    let cases: BTreeSet<(&str, &str)> = heard
        .cases
        .iter()
        .filter(|case| !is_over(case))
        .map(|case| (case.subject.as_str(), case.vendor.as_str()))
        .collect();
    let raised = |alert: &&Alert| alert.kind == AlertKind::Raised;
    let alerts: BTreeSet<(&str, &str)> = heard
        .alerts
        .iter()
        .filter(raised)
        .map(|alert| (alert.subject.as_str(), alert.vendor.as_str()))
        .collect();
    for said in cases.union(&alerts) {
        let (subject, vendor) = *said;
        let people = holders(names, subject);
        if people.is_empty() {
            continue;
        }
        score.named += 1;
        let mut people_of = people.iter();
        if people_of.any(|it| truth_of(office, *it, vendor).is_some()) {
            continue;
        }
        score.wrong_person += 1;
        score.wrong_at_end += u64::from(cases.contains(said));
        if alerts.contains(said) {
            score.wrong_told += 1;
            score.taken_back_after.extend(taken_back(heard, *said));
        }
        score.fails(format!(
            "seed {}: {vendor}: names person {people:?}, who had nothing to do with it",
            office.seed
        ));
    }
}

/// Seconds from the first alert on somebody to the moment when the last of them was taken back;
/// `None` when one was not.
fn taken_back(heard: &Heard, said: (&str, &str)) -> Option<u64> {
    let own = |alert: &Alert| (alert.subject.as_str(), alert.vendor.as_str()) == said;
    let at = |place: usize| heard.told_at.get(place).copied();
    let (mut first, mut last) = (None, None);
    for (place, alert) in heard.alerts.iter().enumerate() {
        if alert.kind != AlertKind::Raised || !own(alert) {
            continue;
        }
        first = first.or(at(place));
        let back = heard.alerts.iter().enumerate().skip(place).find(|(_, it)| {
            let same = it.case == alert.case && it.stage == alert.stage;
            same && it.kind == AlertKind::Retracted
        });
        last = last.max(at(back?.0));
    }
    Some(last?.since_ns(first?) / 1_000_000_000)
}

fn found(
    office: &Office,
    (person, vendor): (usize, &str),
    case: Option<&Case>,
    heard: &Heard,
    score: &mut Score,
) {
    let told = case.filter(|case| case.steps.iter().any(|step| step.stage == Stage::SignedUp));
    score
        .found
        .entry(vendor.into())
        .or_default()
        .count(told.is_some());
    let used = [
        Stage::AccountOrLogin,
        Stage::SignedUp,
        Stage::Searching,
        Stage::Integrated,
    ];
    let account = case.filter(|case| case.steps.iter().any(|step| used.contains(&step.stage)));
    score.told_account.count(account.is_some());
    let Some(told) = told else {
        let stage = case.map_or("no case", |case| case.stage.label());
        score.fails(format!(
            "seed {}: {vendor}: sign-up of person {person} not found; told: {stage}",
            office.seed
        ));
        return;
    };
    let alert = heard.alerts.iter().any(|alert| {
        alert.case == told.id && alert.stage == Stage::SignedUp && alert.kind == AlertKind::Raised
    });
    score.alerted.count(alert);
}

fn right_stage(
    office: &Office,
    (person, vendor): (usize, &str),
    truth: &Truth,
    case: Option<&Case>,
    list: &Catalogue,
    score: &mut Score,
) {
    let stage = case.map(|case| case.stage);
    let proof = list.vendor(vendor).and_then(|vendor| vendor.highest_stage);
    let right = match truth.reached {
        Some(Reached::LookedUp | Reached::Nothing) => {
            let right = stage.is_none_or(|stage| stage <= Stage::LookedUp);
            score.looked_up.count(right);
            right
        }
        Some(Reached::Visited) if !truth.kinds.contains(&Kind::IdentityCheck) => {
            // Who sends a form where one host does everything may be told as "account or ...".
            let forms = [Kind::Demo, Kind::Newsletter, Kind::Rights];
            let form = truth.kinds.iter().any(|kind| forms.contains(kind));
            let open = [Stage::AccountOrLogin, Stage::AccountOrRightsRequest];
            let right = stage == Some(Stage::Visited)
                || form && stage.is_some_and(|stage| open.contains(&stage));
            score.visited.entry(vendor.into()).or_default().count(right);
            right
        }
        Some(Reached::Searched) if proof >= Some(Stage::Searching) => {
            let right = stage == Some(Stage::Searching);
            score
                .searching
                .entry(vendor.into())
                .or_default()
                .count(right);
            right
        }
        _ => true,
    };
    if !right {
        let kinds: Vec<&str> = truth.kinds.iter().map(|kind| kind.label()).collect();
        score.fails(format!(
            "seed {}: {vendor}: person {person}, truly {} ({}); told: {}",
            office.seed,
            truth.reached.map_or("nothing", Reached::label),
            kinds.join(" + "),
            stage.map_or("no case", Stage::label)
        ));
    }
}
