//! Plays offices: events into identity and casebook, in the order in which they are learned.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::judge::{Heard, Score, judge};
use super::report::Report;
use super::sample::Sampled;
use super::{Plan, Without};
use crate::base::Timestamp;
use crate::blocklist::{Catalogue, LoginMail};
use crate::cases::{Casebook, Change, Rules};
use crate::desk::Casework;
use crate::event::{Event, FactSource};
use crate::hits::Key;
use crate::identity::{Identity, Settings};
use crate::organisation::Organisation;
use crate::simulate::behaviour::course::WITH_SIGNUP;
use crate::simulate::chance::Chance;
use crate::simulate::events::{Learned, Sensing, events};
use crate::simulate::population::{
    CONFOUNDERS, DAYS, Office, office as office_of, office_without_login_mail,
};

const SECOND: i64 = 1_000_000_000;
/// How late identity comes in [`Without::IdentityOnTime`].
const LATE: i64 = 1_800 * SECOND;
/// Moments after an event at which time passes for the casebook, while nothing else does.
const TICKS: [i64; 5] = [
    5 * SECOND,
    60 * SECOND,
    600 * SECOND,
    3_600 * SECOND,
    14_400 * SECOND,
];

/// Plays as many offices as are asked for.
pub fn run(plan: &Plan, list: &Arc<Catalogue>) -> Result<Report, String> {
    let per_office = (CONFOUNDERS * DAYS) as u64;
    let offices = plan.person_days.div_ceil(per_office);
    let mut scores: BTreeMap<Without, Score> = BTreeMap::new();
    let mut sampled = Sampled::default();
    for number in 0..offices {
        let office = office_of(plan.seed + number);
        let told = events(&office.plan, list, &Sensing::default());
        if sampled.offices < plan.sampled {
            sampled.add(&office, list);
        }
        let stage = Stage::set(&office, &plan.rules)?;
        let served = office_of(plan.seed + number).with_mail_services();
        let served = events(&served.plan, list, &Sensing::default());
        for without in Without::ALL {
            if !without.is_whole() && !number.is_multiple_of(plan.every) {
                continue;
            }
            if without == Without::LoginMail {
                let office = office_without_login_mail(plan.seed + number);
                let told = events(&office.plan, list, &Sensing::default());
                let heard = stage.play(&told, without, list);
                let score = judge(&office, &stage.names(&office, &told), &heard, list);
                scores.entry(without).or_default().add(score);
                continue;
            }
            let heard = match without {
                Without::ListedMail => stage.play(&served, without, list),
                _ => stage.play(&told, without, list),
            };
            let score = judge(&office, &stage.names(&office, &told), &heard, list);
            scores.entry(without).or_default().add(score);
        }
    }
    Ok(Report::new(plan, offices, scores, sampled, list))
}

/// What all plays of one office share.
pub struct Stage {
    key: Key,
    organisation: Arc<Organisation>,
    rules: Rules,
    seed: u64,
}

impl Stage {
    /// The map of the office and a key of its own.
    pub fn set(office: &Office, rules: &Rules) -> Result<Self, String> {
        let mut chance = Chance::new(office.seed);
        let secret: Vec<u8> = (0..8).flat_map(|_| chance.next().to_le_bytes()).collect();
        let key = Key::from_secret(&secret).ok_or("a key of 64 bytes was refused")?;
        Ok(Self {
            key,
            organisation: organisation(&office.organisation)?,
            rules: rules.clone(),
            seed: office.seed,
        })
    }

    fn identity(&self) -> Identity {
        let settings = Settings {
            people: true,
            ..Settings::default()
        };
        Identity::new(settings, self.key.clone(), self.organisation.clone())
    }

    /// All events but those taken away.
    pub fn play(&self, told: &[Learned], without: Without, list: &Arc<Catalogue>) -> Heard {
        let mut chance = Chance::new(self.seed);
        let ids = Box::new(move || format!("case-{:016x}", chance.next()));
        let mut casebook = Casebook::with_rules(
            list.clone(),
            self.organisation.clone(),
            ids,
            self.rules.clone(),
        );
        if without == Without::LoginMail {
            for site in &WITH_SIGNUP {
                casebook.presume(site.vendor, LoginMail::None);
            }
        }
        let mut casework = Casework::new(self.identity(), casebook);
        let mut heard = Heard::default();
        let mut out = Vec::new();
        let mut kept: Vec<(Timestamp, &Event)> = told
            .iter()
            .filter(|learned| !is_taken(&learned.event, without))
            .map(|learned| (learned_at(learned, without), &learned.event))
            .collect();
        kept.sort_by_key(|(at, _)| *at);
        let mut next = kept.iter().skip(1);
        for (at, event) in &kept {
            casework.take(event, *at, &mut out);
            let until = next.next().map_or(i64::MAX, |(at, _)| at.nanos());
            for after in TICKS {
                let now = at.nanos() + after;
                if now >= until {
                    break;
                }
                heard.take(&mut out, *at);
                casework.tick(Timestamp(now), &mut out);
                heard.take(&mut out, Timestamp(now));
            }
            heard.take(&mut out, *at);
        }
        heard.cases = casework.cases().cloned().collect();
        heard
    }

    /// Whose pseudonym is whose: what identity says of each person when nothing else is known.
    pub fn names(&self, office: &Office, told: &[Learned]) -> BTreeMap<String, Vec<usize>> {
        let mut names: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (number, person) in office.people.iter().enumerate() {
            let of_person = |learned: &&Learned| {
                office.plan.clients[learned.client].user.as_deref() == Some(&person.user)
            };
            let facts: Vec<(&Learned, &crate::event::Fact)> = told
                .iter()
                .filter(of_person)
                .filter_map(|learned| match &learned.event {
                    Event::Fact(fact) => Some((learned, &**fact)),
                    _ => None,
                })
                .collect();
            let mut note = |subject: String| {
                let holders = names.entry(subject).or_default();
                if !holders.contains(&number) {
                    holders.push(number);
                }
            };
            let leases = |source| source == FactSource::Dhcp4;
            for is_lease in [false, true] {
                let Some((learned, fact)) = facts
                    .iter()
                    .find(|(_, fact)| leases(fact.source) == is_lease)
                else {
                    continue;
                };
                let mut alone = self.identity();
                alone.learn(fact, learned.at);
                note(self.who(&mut alone, office, learned));
            }
            // Nothing known at all: the address, which has a new holder each day.
            let mut nobody = self.identity();
            for (learned, _) in facts {
                note(self.who(&mut nobody, office, learned));
            }
        }
        names
    }

    fn who(&self, identity: &mut Identity, office: &Office, learned: &Learned) -> String {
        let client = &office.plan.clients[learned.client];
        let ends = crate::base::Endpoints {
            src: client.address,
            dst: client.address,
            sport: 50_000,
            dport: 443,
            transport: crate::base::Transport::Tcp,
        };
        let time = Timestamp(learned.at.nanos() + 60 * SECOND);
        let trace = identity.trace(&ends, Some(client.mac), time);
        identity.who(&trace).subject.as_str().to_owned()
    }
}

/// The map, by its own parser.
fn organisation(text: &str) -> Result<Arc<Organisation>, String> {
    let map = Organisation::parse(text, "organisation.toml").map_err(|e| e.to_string())?;
    Ok(Arc::new(map))
}

fn is_taken(event: &Event, without: Without) -> bool {
    match (without, event) {
        (Without::Mail, Event::Mail(_))
        | (Without::Bursts | Without::Connections, Event::Burst(_))
        | (Without::Support, Event::Support(_))
        | (Without::Identity, Event::Fact(_)) => true,
        (Without::LookUps, Event::Hit(hit)) => hit.seen.is_lookup(),
        (Without::LookUps, Event::Support(support)) => support.seen.is_lookup(),
        (Without::Connections, Event::Hit(hit)) => hit.seen.is_hello(),
        (Without::Connections, Event::Support(support)) => support.seen.is_hello(),
        (Without::Users, Event::Fact(fact)) => fact.user.is_some(),
        _ => false,
    }
}

fn learned_at(learned: &Learned, without: Without) -> Timestamp {
    match (&learned.event, without) {
        (Event::Fact(_), Without::IdentityOnTime) => Timestamp(learned.at.nanos() + LATE),
        _ => learned.at,
    }
}

impl Heard {
    fn take(&mut self, out: &mut Vec<Change>, now: Timestamp) {
        for change in out.drain(..) {
            if let Change::Alert(alert) = change {
                self.alerts.push(*alert);
                self.told_at.push(now);
            }
        }
    }
}
