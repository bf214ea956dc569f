//! Stand-in until the store comes: the same calls, in memory.
#![allow(missing_docs)]
use std::collections::HashMap;
use std::path::Path;

use crate::base::Timestamp;
use crate::record::differ::Written;
use crate::record::{Body, Entry, Kind};

#[derive(Clone, PartialEq)]
pub struct Numbered {
    pub number: u64,
    pub kind: String,
    pub hour: Timestamp,
    pub entry: Option<Entry>,
}
impl Numbered {
    pub fn new(number: u64, hour: Timestamp, entry: Entry) -> Self {
        Self {
            number,
            kind: entry.kind().label().to_owned(),
            hour,
            entry: Some(entry),
        }
    }
    pub fn read(
        number: u64,
        kind: String,
        hour: Timestamp,
        payload: Option<&[u8]>,
    ) -> Result<Self, String> {
        let entry = match (Kind::of(&kind), payload) {
            (Some(known), Some(payload)) => Some(Entry::read(known, payload)?),
            _ => None,
        };
        Ok(Self { number, kind, hour, entry })
    }
}
#[derive(Clone, Debug)]
pub struct Triage {
    pub state: State,
    pub revision: u64,
    pub assignee: Option<String>,
    pub verdict: Option<crate::record::act::Verdict>,
    pub held_until: Option<Timestamp>,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    New,
    Acknowledged,
    Assigned,
    Closed,
    Reopened,
}
#[derive(Default)]
pub struct Store {
    through: u64,
    cases: HashMap<String, Written>,
}
impl Store {
    pub fn open(_path: &Path, _now: Timestamp) -> Result<Self, String> {
        Ok(Self::default())
    }
    pub fn apply(&mut self, entries: &[Numbered]) -> Result<(), String> {
        for it in entries {
            self.through = it.number + 1;
            match it.entry.as_ref().map(|it| &it.body) {
                Some(Body::Case(head)) => {
                    self.cases.entry(head.id.clone()).or_default().head = Some((**head).clone());
                }
                Some(Body::Evidence(it)) => {
                    let case = self.cases.entry(it.case.clone()).or_default();
                    case.items.retain(|item| item.number != it.number);
                    case.items.extend(it.item.clone());
                }
                Some(Body::Step(it)) => {
                    let case = self.cases.entry(it.case.clone()).or_default();
                    case.steps.truncate(it.place as usize);
                    case.steps.extend(it.step.clone());
                }
                Some(Body::Attribution(it)) => {
                    let case = self.cases.entry(it.case.clone()).or_default();
                    case.attribution.truncate(it.place as usize);
                    case.attribution.push(it.entry.clone());
                }
                _ => {}
            }
        }
        Ok(())
    }
    pub fn path(&self) -> &Path {
        Path::new("store")
    }
    pub const fn through(&self) -> u64 {
        self.through
    }
    pub fn written(&self, case: &str) -> Result<Written, String> {
        Ok(self.cases.get(case).cloned().unwrap_or_default())
    }
    pub fn triage(&self, case: &str) -> Result<Option<Triage>, String> {
        Ok(self.cases.get(case).map(|_| Triage {
            state: State::New,
            revision: 0,
            assignee: None,
            verdict: None,
            held_until: None,
        }))
    }
    pub fn forget(&mut self, _numbers: &[u64]) -> Result<(), String> {
        Ok(())
    }
}
impl Store {
    pub fn held(&self, _now: Timestamp) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
}
impl Store {
    pub fn newest(&self, _kind: Kind) -> Result<Option<u64>, String> {
        Ok(None)
    }
    pub fn alerts(&self, _case: &str) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
}
