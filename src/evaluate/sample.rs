//! The sample: the same plan as frames through the sensor, and as events made without frames. The
//! two must tell the same, on the fields that cases are built from.
//!
//! Enters: a plan. Leaves: differences in words, none when the two agree. Mail that only a log tells
//! has no frames and is left out.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::Timestamp;
use crate::blocklist::Catalogue;
use crate::capture::{Frame, LinkType};
use crate::event::{Event, Hit, MailSource};
use crate::sensor::{Settings, Sink, Worker};
use crate::simulate::events::{Sensing, events};
use crate::simulate::frames::frames;
use crate::simulate::plan::Plan;
use crate::simulate::population::Office;

/// Frames through a worker of the sensor: what it tells, and when.
pub fn sensed(plan: &Plan, list: &Catalogue, sensing: &Sensing) -> Vec<(Timestamp, Event)> {
    let settings = Settings {
        excluded: sensing.excluded.clone(),
        flows: 4_096,
        seed: Some(1),
        ..Settings::default()
    };
    let mut worker = Worker::new(&settings, 0, POINT);
    let mut heard = Heard::default();
    for (at, bytes) in frames(plan) {
        heard.now = Timestamp::from_secs_nanos(plan.start as i64, at as i64 * 1_000);
        let frame = Frame {
            bytes: &bytes,
            wire_len: bytes.len() as u32,
            time: heard.now,
            vlan: None,
            link: LinkType::Ethernet,
            point: 0,
        };
        worker.frame(&frame, POINT, list, &mut heard);
    }
    worker.flush(POINT, list, &mut heard);
    heard.told
}

const POINT: &str = "capture.pcapng";

#[derive(Default)]
struct Heard {
    now: Timestamp,
    told: Vec<(Timestamp, Event)>,
}

impl Sink for Heard {
    fn hit(&mut self, hit: Box<Hit>) {
        self.told.push((self.now, Event::Hit(hit)));
    }

    fn tell(&mut self, event: Event) {
        self.told.push((self.now, event));
    }
}

/// What came of comparing offices.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sampled {
    /// Offices of which the first day was played both ways.
    pub offices: u64,
    /// Frames.
    pub frames: u64,
    /// Hits, exchanges, third parties and facts that the sensor told.
    pub events: u64,
    /// Events that only one way told. Zero, or the table rests on nothing.
    pub differences: u64,
}

/// Microseconds of a day.
const DAY: u64 = 86_400_000_000;

impl Sampled {
    /// Plays the first day of another office as frames and as events.
    pub fn add(&mut self, office: &Office, list: &Catalogue) {
        let mut plan = office.plan.clone();
        plan.moves.retain(|it| it.at < DAY);
        let sensing = Sensing::default();
        self.offices += 1;
        self.frames += frames(&plan).len() as u64;
        self.events += sensed(&plan, list, &sensing).len() as u64;
        self.differences += differences(&plan, list, &sensing).len() as u64;
    }
}

/// What the sensor tells and the events do not, and the other way about.
pub fn differences(plan: &Plan, list: &Catalogue, sensing: &Sensing) -> Vec<String> {
    let mut balance: BTreeMap<String, i64> = BTreeMap::new();
    for (_, event) in sensed(plan, list, sensing) {
        if let Some(text) = facts(&event) {
            *balance.entry(text).or_default() += 1;
        }
    }
    for learned in events(plan, list, sensing) {
        if let Some(text) = facts(&learned.event) {
            *balance.entry(text).or_default() -= 1;
        }
    }
    balance.retain(|_, n| *n != 0);
    let lines = balance.into_iter().map(|(text, n)| match n {
        1.. => format!("only the sensor: {text}"),
        _ => format!("only the events: {text}"),
    });
    lines.collect()
}

/// An event by the fields that cases are built from; times in microseconds. For made-up people
/// only: the text holds addresses.
fn facts(event: &Event) -> Option<String> {
    let micros = |time: Timestamp| time.nanos() / 1_000;
    Some(match event {
        Event::Hit(hit) => format!(
            "hit {} {} {} {} {:?} {:?} {}",
            micros(hit.time),
            hit.seen,
            hit.name,
            hit.qtype,
            hit.ends,
            hit.client_mac,
            hit.rule.rule,
        ),
        Event::Burst(it) => format!(
            "burst {}..{} rest {} {} {:?} {:?} up {} down {}",
            micros(it.start),
            micros(it.end),
            it.rest_ns / 1_000,
            it.name,
            it.ends,
            it.client_mac,
            it.up,
            it.down,
        ),
        Event::Support(it) => format!(
            "support {} {} {} {:?} {:?}",
            micros(it.time),
            it.seen,
            it.name,
            it.ends,
            it.client_mac
        ),
        Event::Fact(it) => format!(
            "fact {} {:?} {} {} {} {:?} {:?} {:?} {:?} {:?}",
            micros(it.time),
            it.until.map(micros),
            it.source,
            it.origin,
            it.act,
            it.net,
            it.mac,
            it.host,
            it.user,
            it.session
        ),
        Event::Mail(it) if it.source == MailSource::Wire => {
            format!("mail {} {}", it.name, it.recipient)
        }
        _ => return None,
    })
}
