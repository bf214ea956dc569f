//! What changed of a case, as entries.
//!
//! Enters: a case as it is written down, and as it is now. Leaves: the [`Body`]s that lead from the
//! one to the other, in order. Never: an entry that says what was said.

use super::{Body, CaseAttribution, CaseHead, CaseStep, Evidence};
use crate::cases::{AttributionEntry, Case, Item, Step};
use crate::identity::Grade;

/// A case as the record has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// How it stands; `None`: nothing is written of it.
    pub head: Option<CaseHead>,
    /// Evidence that counts, by number.
    pub items: Vec<Item>,
    /// Steps that hold.
    pub steps: Vec<Step>,
    /// Attributions.
    pub attribution: Vec<AttributionEntry>,
}

impl Written {
    /// Of a case that is written down whole.
    pub fn of(case: &Case) -> Self {
        Self {
            head: Some(head(case)),
            items: case.items.clone(),
            steps: case.steps.clone(),
            attribution: case.attribution.clone(),
        }
    }
}

/// How a case stands.
pub fn head(case: &Case) -> CaseHead {
    let who = case.who();
    CaseHead {
        id: case.id.clone(),
        revision: case.revision,
        vendor: case.vendor.clone(),
        vendor_name: case.vendor_name.clone(),
        subject: case.subject.clone(),
        subject_kind: case.kind(),
        grade: who.map_or(Grade::None, |who| who.grade),
        unit: who.and_then(|who| who.place.unit.clone()),
        site: who.and_then(|who| who.place.site.clone()),
        stage: case.stage,
        ruling: case.ruling.clone(),
        confidence: case.confidence,
        opened: case.opened,
        updated: case.updated,
        items_left_out: case.items_left_out,
        band: case.band.clone(),
        closed: case.closed.clone(),
        ended: case.ended,
    }
}

/// From what is written to the case as it is now. Nothing changed: nothing.
pub fn entries(written: &Written, case: &Case) -> Vec<Body> {
    let mut out = Vec::new();
    let id = || case.id.clone();
    for (place, entry) in (0u32..).zip(&case.attribution) {
        if written.attribution.get(place as usize) != Some(entry) {
            let entry = entry.clone();
            let body = CaseAttribution {
                case: id(),
                place,
                entry,
            };
            out.push(Body::Attribution(Box::new(body)));
        }
    }
    let now = |number| case.items.iter().find(|item| item.number == number);
    for item in &written.items {
        if now(item.number).is_none() {
            let number = item.number;
            let body = Evidence {
                case: id(),
                number,
                item: None,
            };
            out.push(Body::Evidence(Box::new(body)));
        }
    }
    for item in &case.items {
        if !written.items.contains(item) {
            let (number, item) = (item.number, Some(item.clone()));
            let body = Evidence {
                case: id(),
                number,
                item,
            };
            out.push(Body::Evidence(Box::new(body)));
        }
    }
    for (place, step) in (0u32..).zip(&case.steps) {
        if written.steps.get(place as usize) != Some(step) {
            let step = Some(step.clone());
            let body = CaseStep {
                case: id(),
                place,
                step,
            };
            out.push(Body::Step(Box::new(body)));
        }
    }
    if written.steps.len() > case.steps.len() {
        let place = u32::try_from(case.steps.len()).unwrap_or(u32::MAX);
        let body = CaseStep {
            case: id(),
            place,
            step: None,
        };
        out.push(Body::Step(Box::new(body)));
    }
    let head = head(case);
    let told = written.head.as_ref().is_some_and(|old| {
        let revision = old.revision;
        *old == CaseHead {
            revision,
            ..head.clone()
        }
    });
    if !told || !out.is_empty() {
        out.push(Body::Case(Box::new(head)));
    }
    out
}
