//! What the entries of a bundle say, in one piece: what reports and machines read.
//!
//! Enters: the entries of a case, in their order. Leaves: [`Facts`]. Never: a statement that does
//! not follow from these entries, so that a verifier who has them makes the same again.

mod coverage;
mod form;

use std::collections::{BTreeMap, BTreeSet};

use crate::base::Timestamp;
use crate::identity::Attribution;
use crate::record::{Act, Body, CaseHead, Entry};

pub use coverage::{Coverage, Hour};
pub use form::{
    AlertFacts, CaseFacts, Claim, Day, Deed, Facts, ListFacts, LossFacts, NameSeen, Piece,
    StepFacts,
};

/// Longest stretch, in characters, of what somebody wrote about a case.
const TEXT_MAX: usize = 4096;

/// Days and places, while they are gathered.
#[derive(Default)]
struct DayParts {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    evidence: u64,
    hits: u64,
    units: BTreeSet<String>,
    sites: BTreeSet<String>,
}

impl DayParts {
    fn at(&mut self, time: Timestamp) {
        self.first = Some(self.first.map_or(time, |it| it.min(time)));
        self.last = Some(self.last.map_or(time, |it| it.max(time)));
    }
}

/// How a name was seen, how often, first and last.
type NameParts = (BTreeSet<String>, u64, Timestamp, Timestamp);

#[derive(Default)]
struct Gathering {
    head: Option<(u64, CaseHead)>,
    claims: BTreeMap<u32, Claim>,
    places: BTreeSet<(Option<String>, Option<String>)>,
    steps: BTreeMap<u32, StepFacts>,
    pieces: BTreeMap<u32, Option<(Timestamp, Piece)>>,
    names: BTreeMap<(String, String), NameParts>,
    days: BTreeMap<String, DayParts>,
    alerts: Vec<AlertFacts>,
    acts: Vec<Deed>,
    hours: Vec<crate::record::Coverage>,
    lists: Vec<ListFacts>,
    configurations: Vec<String>,
    programs: Vec<String>,
    losses: Vec<LossFacts>,
    frames: u64,
    records: u64,
}

impl Facts {
    /// From the entries of a bundle, in their order.
    ///
    /// # Errors
    /// There is none that says how the case stands.
    pub fn of(case: &str, entries: &[(u64, Entry)]) -> Result<Self, String> {
        let mut all = Gathering::default();
        for (number, entry) in entries {
            all.take(case, *number, entry);
        }
        all.end()
    }
}

impl Gathering {
    fn take(&mut self, case: &str, number: u64, entry: &Entry) {
        let time = entry.time;
        match &entry.body {
            Body::Case(it) if it.id == case => {
                let newer = |(_, old): &(u64, CaseHead)| old.revision <= it.revision;
                if self.head.as_ref().is_none_or(newer) {
                    self.head = Some((number, (**it).clone()));
                }
            }
            Body::Attribution(it) if it.case == case => {
                let place = &it.entry.attribution.place;
                self.places.insert((place.unit.clone(), place.site.clone()));
                self.claims.insert(it.place, claim(number, &it.entry));
            }
            Body::Evidence(it) if it.case == case => {
                let piece = it
                    .item
                    .as_ref()
                    .map(|item| (item.time, piece(number, item)));
                self.pieces.insert(it.number, piece);
            }
            Body::Step(it) if it.case == case => match &it.step {
                Some(step) => {
                    let facts = StepFacts {
                        entry: number,
                        time: step.time.to_string(),
                        stage: step.stage,
                        confidence: step.confidence,
                        evidence: step.items.clone(),
                        sum: step.sum.clone(),
                    };
                    self.steps.insert(it.place, facts);
                }
                None => self.steps.retain(|place, _| *place < it.place),
            },
            Body::Alert(it) if it.case == case => self.alerts.push(AlertFacts {
                entry: number,
                time: it.time.to_string(),
                kind: it.kind,
                stage: it.stage,
                summary: it.summary.clone(),
            }),
            Body::Hit(it) => self.hit(time, it),
            Body::Act(it) if it.act.case() == Some(case) => {
                self.acts.push(deed(number, time, &it.by, &it.act));
            }
            Body::Coverage(it) => self.hours.push((**it).clone()),
            Body::List(it) if it.refused.is_none() => self.lists.push(ListFacts {
                version: it.version.clone(),
                since: Some(time.to_string()),
            }),
            Body::Life(it) => {
                once(&mut self.configurations, &it.config);
                once(&mut self.programs, &it.version);
            }
            Body::Loss(it) => self.losses.push(LossFacts {
                entry: number,
                time: time.to_string(),
                place: it.place.clone(),
                reason: it.reason.clone(),
                count: it.count,
            }),
            Body::Frame(_) => self.frames += 1,
            Body::Sealed(_) => self.records += 1,
            _ => {}
        }
    }

    fn hit(&mut self, time: Timestamp, hit: &crate::record::Hit) {
        let own = &hit.record.poortwacht;
        let count = own.fold.as_ref().map_or(1, |fold| fold.repeats);
        let key = (own.name.clone(), own.role.clone());
        let seen = self
            .names
            .entry(key)
            .or_insert_with(|| (BTreeSet::new(), 0, time, time));
        seen.0.insert(own.seen.clone());
        seen.1 = seen.1.saturating_add(count);
        seen.2 = seen.2.min(time);
        seen.3 = seen.3.max(time);
        let day = self.days.entry(day(time)).or_default();
        day.at(time);
        day.hits = day.hits.saturating_add(count);
        day.units.extend(hit.unit.clone());
        day.sites.extend(hit.site.clone());
        self.places.insert((hit.unit.clone(), hit.site.clone()));
    }

    fn end(mut self) -> Result<Facts, String> {
        let (entry, head) = self
            .head
            .take()
            .ok_or("no entry here says how the case stands")?;
        let known: BTreeSet<u32> = self.pieces.keys().copied().collect();
        let highest = known.last().copied().unwrap_or(0);
        let missing = (1..=highest.min(100_000)).filter(|number| !known.contains(number));
        let missing = missing.collect();
        let (mut evidence, mut withdrawn) = (Vec::new(), Vec::new());
        for (number, piece) in std::mem::take(&mut self.pieces) {
            match piece {
                None => withdrawn.push(number),
                Some((time, piece)) => {
                    let day = self.days.entry(day(time)).or_default();
                    day.at(time);
                    day.evidence += 1;
                    evidence.push(piece);
                }
            }
        }
        evidence.sort_by(|a, b| (&a.time, a.number).cmp(&(&b.time, b.number)));
        self.places.insert((head.unit.clone(), head.site.clone()));
        let units: BTreeSet<_> = self.places.iter().filter_map(|it| it.0.clone()).collect();
        let sites: BTreeSet<_> = self.places.iter().filter_map(|it| it.1.clone()).collect();
        for hour in &self.hours {
            once(&mut self.configurations, &hour.config);
            if self.lists.iter().all(|it| it.version != hour.list) && !hour.list.is_empty() {
                self.lists.push(ListFacts {
                    version: hour.list.clone(),
                    since: None,
                });
            }
        }
        let coverage = Coverage::of(&self.hours, head.opened, head.updated);
        Ok(Facts {
            case: case_facts(entry, head),
            attribution: self.claims.into_values().collect(),
            steps: self.steps.into_values().collect(),
            evidence,
            evidence_withdrawn: withdrawn,
            evidence_missing: missing,
            names: self.names.into_iter().map(name_seen).collect(),
            periods: self.days.into_iter().map(period).collect(),
            units: units.into_iter().collect(),
            sites: sites.into_iter().collect(),
            alerts: self.alerts,
            acts: self.acts,
            coverage,
            lists: self.lists,
            configurations: self.configurations,
            programs: self.programs,
            losses: self.losses,
            frames_sealed: self.frames,
            records_sealed: self.records,
        })
    }
}

fn once(list: &mut Vec<String>, text: &str) {
    if !text.is_empty() && list.iter().all(|known| known != text) {
        list.push(text.to_owned());
    }
}

/// The day of a moment, in UTC.
fn day(time: Timestamp) -> String {
    time.to_string().chars().take(10).collect()
}

fn case_facts(entry: u64, head: CaseHead) -> CaseFacts {
    CaseFacts {
        id: head.id,
        entry,
        vendor: head.vendor,
        vendor_name: head.vendor_name,
        subject: head.subject,
        subject_kind: head.subject_kind,
        grade: head.grade,
        unit: head.unit,
        site: head.site,
        stage: head.stage,
        standing: head.ruling.standing,
        register_entry: head.ruling.entry,
        standing_reason: head.ruling.reason,
        confidence: head.confidence,
        first: head.opened.to_string(),
        last: head.updated.to_string(),
        uploads_band: head.band,
        closed: head.closed,
        evidence_left_out: head.items_left_out,
    }
}

fn claim(entry: u64, it: &crate::cases::AttributionEntry) -> Claim {
    let Attribution {
        subject,
        kind,
        grade,
        sources,
        reason,
        ..
    } = &it.attribution;
    Claim {
        entry,
        time: it.time.to_string(),
        act: it.act,
        subject: subject.clone(),
        subject_kind: *kind,
        grade: *grade,
        sources: sources.iter().map(ToString::to_string).collect(),
        reason: reason.clone(),
        other: it.other.clone(),
    }
}

fn piece(entry: u64, item: &crate::cases::Item) -> Piece {
    Piece {
        entry,
        number: item.number,
        time: item.time.to_string(),
        kind: item.kind,
        rule: item.rule.clone(),
        weight: item.weight,
        stage: item.stage,
        point: item.point.clone(),
        name: item.name.clone(),
        text: item.text.clone(),
        frames: item.frames,
    }
}

fn name_seen(((name, role), parts): ((String, String), NameParts)) -> NameSeen {
    let (seen, hits, first, last) = parts;
    NameSeen {
        name,
        role,
        seen: seen.into_iter().collect(),
        hits,
        first: first.to_string(),
        last: last.to_string(),
    }
}

fn period((day, parts): (String, DayParts)) -> Day {
    let text = |time: Option<Timestamp>| time.map_or_else(String::new, |it| it.to_string());
    Day {
        day,
        first: text(parts.first),
        last: text(parts.last),
        evidence: parts.evidence,
        hits: parts.hits,
        units: parts.units.into_iter().collect(),
        sites: parts.sites.into_iter().collect(),
    }
}

fn deed(entry: u64, time: Timestamp, by: &crate::record::Actor, act: &Act) -> Deed {
    let value = serde_json::to_value(act).unwrap_or_default();
    let text = |key: &str| value.get(key).and_then(|it| it.as_str());
    let said = ["text", "reason", "note", "to", "digest"].into_iter();
    let mut said: String = said.filter_map(text).collect::<Vec<_>>().join(" ");
    if let Some(verdict) = text("verdict") {
        said = format!("{verdict}: {said}");
    }
    let until = value.get("until").and_then(serde_json::Value::as_i64);
    Deed {
        entry,
        time: time.to_string(),
        by: by.name.clone(),
        means: by.means.to_string(),
        act: text("act").unwrap_or_default().to_owned(),
        text: said.chars().take(TEXT_MAX).collect(),
        until: until.map(|it| Timestamp::from_secs_nanos(it, 0).to_string()),
    }
}
