//! What the entries of a bundle say, in one piece: what reports and machines read.
//!
//! Enters: the entries of a case, in their order. Leaves: [`Facts`]. Never: a statement that does
//! not follow from these entries, so that a verifier who has them makes the same again.

mod coverage;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::base::Timestamp;
use crate::blocklist::Stage;
use crate::cases::{AlertKind, AttributionAct, EvidenceKind};
use crate::hits::SubjectId;
use crate::identity::{Attribution, Grade, SubjectKind};
use crate::organisation::Standing;
use crate::record::{Act, Body, CaseHead, Entry};

pub use coverage::{Coverage, Hour};

/// Longest stretch, in characters, of what somebody wrote about a case.
const TEXT_MAX: usize = 4096;

/// All that is said of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// How the case stands.
    pub case: CaseFacts,
    /// Whom it is about, from when on.
    pub attribution: Vec<Claim>,
    /// Stages that it reached.
    pub steps: Vec<StepFacts>,
    /// Evidence that counts.
    pub evidence: Vec<Piece>,
    /// Numbers of pieces of evidence that were withdrawn.
    pub evidence_withdrawn: Vec<u32>,
    /// Numbers of pieces of which no entry is here: deleted, or left out.
    pub evidence_missing: Vec<u32>,
    /// Names of the vendor that were seen.
    pub names: Vec<NameSeen>,
    /// Days with evidence or hits.
    pub periods: Vec<Day>,
    /// Units that were affected, as far as they are known.
    pub units: Vec<String>,
    /// Sites.
    pub sites: Vec<String>,
    /// Alerts that went out.
    pub alerts: Vec<AlertFacts>,
    /// What people did.
    pub acts: Vec<Deed>,
    /// What could be read meanwhile.
    pub coverage: Coverage,
    /// Versions of the list that were in force, in their order.
    pub lists: Vec<ListFacts>,
    /// SHA-256 of each configuration that was in force, hex.
    pub configurations: Vec<String>,
    /// Versions of the program that wrote the record.
    pub programs: Vec<String>,
    /// What of the record was lost.
    pub losses: Vec<LossFacts>,
    /// Frames under seal.
    pub frames_sealed: u64,
    /// Records of who the subject is, under seal.
    pub records_sealed: u64,
}

/// How the case stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFacts {
    /// Random id.
    pub id: String,
    /// Number of the entry that says all this.
    pub entry: u64,
    /// Vendor id.
    pub vendor: String,
    /// Vendor for people.
    pub vendor_name: String,
    /// A pseudonym.
    pub subject: SubjectId,
    /// What that is.
    pub subject_kind: SubjectKind,
    /// How surely.
    pub grade: Grade,
    /// Unit, where one is known.
    pub unit: Option<String>,
    /// Site, where one is known.
    pub site: Option<String>,
    /// Highest stage.
    pub stage: Stage,
    /// How it stands to the register.
    pub standing: Standing,
    /// Entry of the register.
    pub register_entry: Option<String>,
    /// Why.
    pub standing_reason: String,
    /// 0 to 100: a sum of weights, no probability.
    pub confidence: u8,
    /// First evidence, RFC 3339.
    pub first: String,
    /// Newest evidence.
    pub last: String,
    /// Estimate of search-like uploads, as a band; empty: none.
    pub uploads_band: String,
    /// Why it was closed.
    pub closed: Option<String>,
    /// Evidence beyond the bound of a case.
    pub evidence_left_out: u64,
}

/// Whom it is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Number of its entry.
    pub entry: u64,
    /// RFC 3339.
    pub time: String,
    /// What happened.
    pub act: AttributionAct,
    /// Pseudonym.
    pub subject: SubjectId,
    /// What that is.
    pub subject_kind: SubjectKind,
    /// How surely.
    pub grade: Grade,
    /// Sources that agree.
    pub sources: Vec<String>,
    /// Why.
    pub reason: String,
    /// The other case of a split or merge.
    pub other: Option<String>,
}

/// A stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepFacts {
    /// Number of its entry.
    pub entry: u64,
    /// RFC 3339.
    pub time: String,
    /// Which.
    pub stage: Stage,
    /// 0 to 100.
    pub confidence: u8,
    /// Numbers of the pieces that carry it.
    pub evidence: Vec<u32>,
    /// How the points came about.
    pub sum: Vec<String>,
}

/// A piece of evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// Number of its entry.
    pub entry: u64,
    /// Its number in the case.
    pub number: u32,
    /// RFC 3339.
    pub time: String,
    /// What kind.
    pub kind: EvidenceKind,
    /// The rule that made it.
    pub rule: String,
    /// Points.
    pub weight: i32,
    /// The stage that it speaks for.
    pub stage: Stage,
    /// Where it was seen.
    pub point: String,
    /// The name.
    pub name: String,
    /// What it shows.
    pub text: String,
    /// First and last frame; 0: none.
    pub frames: (u64, u64),
}

/// A name of the vendor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameSeen {
    /// The name.
    pub name: String,
    /// What the vendor uses it for.
    pub role: String,
    /// In which ways it was seen.
    pub seen: Vec<String>,
    /// Hits, repeats that were folded included.
    pub hits: u64,
    /// RFC 3339.
    pub first: String,
    /// RFC 3339.
    pub last: String,
}

/// A day, in UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Day {
    /// `2026-11-22`.
    pub day: String,
    /// First moment, RFC 3339.
    pub first: String,
    /// Last.
    pub last: String,
    /// Pieces of evidence.
    pub evidence: u64,
    /// Hits.
    pub hits: u64,
    /// Units, as far as they are known.
    pub units: Vec<String>,
    /// Sites.
    pub sites: Vec<String>,
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertFacts {
    /// Number of its entry.
    pub entry: u64,
    /// RFC 3339.
    pub time: String,
    /// What it said.
    pub kind: AlertKind,
    /// About which stage.
    pub stage: Stage,
    /// One line.
    pub summary: String,
}

/// What somebody did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deed {
    /// Number of its entry.
    pub entry: u64,
    /// RFC 3339.
    pub time: String,
    /// Who: an account.
    pub by: String,
    /// By which way.
    pub means: String,
    /// What: as in [`Act`].
    pub act: String,
    /// Why, or the note.
    pub text: String,
    /// Until when, RFC 3339: of a hold.
    pub until: Option<String>,
}

/// A list in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListFacts {
    /// Its version.
    pub version: String,
    /// Since when; none: only hours of coverage say that it was.
    pub since: Option<String>,
}

/// A loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossFacts {
    /// Number of its entry.
    pub entry: u64,
    /// RFC 3339.
    pub time: String,
    /// Where.
    pub place: String,
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
}

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
