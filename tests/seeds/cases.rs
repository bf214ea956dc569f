//! Cases: what must be told of each seed's people, by the stages themselves.
//!
//! Enters: a seed as events made from its plan, and as frames through the sensor. Leaves: a failure
//! that names the seed and the expectation.

use std::collections::BTreeMap;
use std::sync::Arc;

use poortwacht::base::{Endpoints, Timestamp, Transport};
use poortwacht::blocklist::Catalogue;
use poortwacht::cases::{Alert, AlertKind, Case, Casebook, Change, explain};
use poortwacht::desk::Casework;
use poortwacht::evaluate::sample;
use poortwacht::event::{Event, MailSource};
use poortwacht::hits::Key;
use poortwacht::identity::{Identity, Settings};
use poortwacht::organisation::Organisation;
use poortwacht::simulate::case::ExpectedCase;
use poortwacht::simulate::events::{Learned, Sensing, events};

use super::{Played, report};

const MINUTE: i64 = 60_000_000_000;

#[test]
fn cases_are_those_of_the_seed() {
    report(|played| {
        let told = events(&played.plan, &catalogue(), &sensing(played));
        let told = told.into_iter().map(|it| (it.at, it.event)).collect();
        Told::of(played, told)?.check(played)
    });
}

#[test]
fn frames_tell_the_same_cases() {
    report(|played| {
        let list = catalogue();
        let mut told = sample::sensed(&played.plan, &list, &sensing(played));
        // What stands in a log has no frames.
        let logged = events(&played.plan, &list, &sensing(played));
        told.extend(logged.into_iter().filter_map(|it| match &it.event {
            Event::Mail(mail) if mail.source == MailSource::Log => Some((it.at, it.event)),
            _ => None,
        }));
        told.sort_by_key(|(at, _)| *at);
        Told::of(played, told)?.check(played)
    });
}

/// Hits today; the rest as soon as the sensor tells it.
#[test]
fn frames_tell_the_same_hits() {
    differ(|line| line.contains(": hit "));
}

#[test]
fn frames_tell_the_same_events() {
    differ(|_| true);
}

fn differ(counts: impl Fn(&str) -> bool) {
    report(|played| {
        let lines = sample::differences(&played.plan, &catalogue(), &sensing(played));
        let lines: Vec<&String> = lines.iter().filter(|line| counts(line)).collect();
        match lines.len() {
            0 => Ok(()),
            many => Err(format!("{many} differences: {:#?}", &lines[..many.min(6)])),
        }
    });
}

fn catalogue() -> Arc<Catalogue> {
    Arc::new(Catalogue::builtin().expect("the built-in list"))
}

fn sensing(played: &Played) -> Sensing {
    Sensing {
        excluded: played.case.exclude.clone(),
    }
}

/// What came of a seed.
struct Told {
    alerts: Vec<Alert>,
    cases: Vec<Case>,
    /// Each client's pseudonym when nothing but their own identity messages is known.
    subjects: BTreeMap<String, String>,
}

impl Told {
    fn of(played: &Played, told: Vec<(Timestamp, Event)>) -> Result<Self, String> {
        let key =
            Key::from_secret(&std::array::from_fn::<u8, 64, _>(|at| at as u8)).ok_or("a key")?;
        let organisation = organisation(&played.case.organisation.to_string())?;
        let settings = Settings {
            people: true,
            ..Settings::default()
        };
        let identity = || Identity::new(settings.clone(), key.clone(), organisation.clone());
        let mut number = 0;
        let ids = Box::new(move || {
            number += 1;
            format!("case-{number:016x}")
        });
        let casebook = Casebook::new(catalogue(), organisation.clone(), ids);
        let mut casework = Casework::new(identity(), casebook);
        let mut out = Vec::new();
        let mut last = Timestamp(0);
        for (at, event) in &told {
            for after in [5, 30 * 60, 6 * 3_600] {
                let now = last.nanos() + after * 1_000_000_000;
                if last.nanos() > 0 && now < at.nanos() {
                    casework.tick(Timestamp(now), &mut out);
                }
            }
            casework.take(event, *at, &mut out);
            last = *at;
        }
        casework.tick(Timestamp(last.nanos() + 24 * 60 * MINUTE), &mut out);
        let alerts = out.into_iter().filter_map(|change| match change {
            Change::Alert(alert) => Some(*alert),
            Change::Case(_) => None,
        });
        let own = events(&played.plan, &catalogue(), &Sensing::default());
        let clients = played.plan.clients.iter().enumerate();
        let subjects = clients.map(|(index, client)| {
            let mut alone = identity();
            let mut time = Timestamp(played.plan.start as i64 * 1_000_000_000);
            for Learned { at, event, .. } in own.iter().filter(|it| it.client == index) {
                if let Event::Fact(fact) = event
                    && fact.act == poortwacht::event::FactAct::Holds
                {
                    alone.learn(fact, *at);
                    time = *at;
                }
            }
            let ends = Endpoints {
                src: client.address,
                dst: client.address,
                sport: 50_000,
                dport: 443,
                transport: Transport::Tcp,
            };
            let time = Timestamp(time.nanos() + MINUTE);
            let trace = alone.trace(&ends, Some(client.mac), time);
            let who = alone.who(&trace);
            (client.key.clone(), who.subject.as_str().to_owned())
        });
        Ok(Self {
            alerts: alerts.collect(),
            cases: casework.cases().cloned().collect(),
            subjects: subjects.collect(),
        })
    }

    fn check(&self, played: &Played) -> Result<(), String> {
        let expect = &played.case.expect;
        let mut wrong = Vec::new();
        for it in &expect.cases {
            match self.case(&it.who, &it.vendor) {
                Some(case) => self.one(it, case, &mut wrong),
                None if it.stage.is_none() && it.evidence.is_empty() => {}
                None => wrong.push(format!("{}: no case of {}", it.who, it.vendor)),
            }
        }
        for who in &expect.nobody {
            let subject = &self.subjects[who];
            let named = self.cases.iter().find(|case| {
                case.subject.as_str() == subject && case.closed.is_none() && is_somebody(case)
            });
            wrong.extend(named.map(|case| format!("{who}: a case of {}", case.vendor)));
        }
        for vendor in &expect.no_case_of {
            if self.cases.iter().any(|case| case.vendor == *vendor) {
                wrong.push(format!("a case of {vendor}"));
            }
        }
        // Nobody else may be further than a look-up, and nobody else's alert may go out.
        for case in &self.cases {
            let meant = expect.cases.iter().any(|it| {
                it.vendor == case.vendor && self.subjects[&it.who] == case.subject.as_str()
            });
            if !meant && is_somebody(case) && case.stage > poortwacht::blocklist::Stage::LookedUp {
                wrong.push(format!(
                    "an unexpected case: {} at {}",
                    case.vendor, case.stage
                ));
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(format!("\n  {}", wrong.join("\n  ")))
    }

    fn case(&self, who: &str, vendor: &str) -> Option<&Case> {
        let subject = &self.subjects[who];
        let own = |case: &&Case| {
            case.vendor == vendor && case.subject.as_str() == subject && case.closed.is_none()
        };
        self.cases.iter().find(own)
    }

    fn one(&self, it: &ExpectedCase, case: &Case, wrong: &mut Vec<String>) {
        let mut check = |what: &str, expected: &str, found: &str| {
            if expected != found {
                wrong.push(format!(
                    "{}: {what} `{found}`, expected `{expected}`",
                    it.who
                ));
            }
        };
        if let Some(stage) = &it.stage {
            check("stage", stage, case.stage.label());
        }
        if let Some(most) = &it.at_most {
            let place = |label: &str| {
                let all = poortwacht::blocklist::Stage::ALL;
                all.iter().position(|stage| stage.label() == label)
            };
            if place(case.stage.label()) > place(most) {
                check("stage (at most)", most, case.stage.label());
            }
        }
        if it.standing != "any" {
            check("standing", &it.standing, case.ruling.standing.label());
        }
        if let Some(band) = &it.band {
            check("band", band, &case.band);
        }
        let newest = case.attribution.last().map(|entry| &entry.attribution);
        if let (Some(kind), Some(newest)) = (&it.kind, newest) {
            check("kind", kind, newest.kind.label());
        }
        if let (Some(grade), Some(newest)) = (&it.grade, newest) {
            check("grade", grade, newest.grade.label());
        }
        for kind in &it.evidence {
            if !case.items.iter().any(|item| item.kind.label() == kind) {
                wrong.push(format!("{}: no evidence of the kind `{kind}`", it.who));
            }
        }
        let raised: Vec<&Alert> = self
            .alerts
            .iter()
            .filter(|alert| alert.case == case.id && alert.kind == AlertKind::Raised)
            .collect();
        if let Some(stages) = &it.alerts {
            for stage in stages {
                if !raised.iter().any(|alert| alert.stage.label() == stage) {
                    wrong.push(format!("{}: no alert of `{stage}`", it.who));
                }
            }
            if stages.is_empty() && !raised.is_empty() {
                wrong.push(format!("{}: an alert where none may be", it.who));
            }
        }
        let explained = explain(case, &catalogue());
        for text in &it.says {
            let mut texts = case
                .items
                .iter()
                .map(|item| &item.text)
                .chain(&explained)
                .chain(
                    raised
                        .iter()
                        .flat_map(|alert| [&alert.summary, &alert.description]),
                );
            let entry = case.ruling.entry.as_ref();
            if !texts.any(|it| it.contains(text.as_str()))
                && !case.ruling.reason.contains(text.as_str())
                && !entry.is_some_and(|entry| entry.contains(text.as_str()))
            {
                wrong.push(format!("{}: nothing says `{text}`", it.who));
            }
        }
    }
}

/// Of a person, device or address: not the organisation's, a machine's or nobody's.
fn is_somebody(case: &Case) -> bool {
    let newest = case.attribution.last();
    newest.is_some_and(|entry| {
        matches!(
            entry.attribution.kind.label(),
            "person" | "device" | "address"
        )
    })
}

fn organisation(text: &str) -> Result<Arc<Organisation>, String> {
    let map = Organisation::parse(text, "organisation.toml").map_err(|e| e.to_string())?;
    Ok(Arc::new(map))
}
