//! A person's data are erased: what the casebook still knows of them.
//!
//! Enters: the cases that are theirs, their subjects. Leaves: the other cases without a word of
//! them, as [`Change`]s to be written down. Never: touches a sighting of somebody else.

use std::collections::BTreeSet;

use super::book::{Casebook, write};
use super::{Case, Change};
use crate::hits::SubjectId;

/// Stands where a pseudonym stood that was erased.
pub const ERASED: &str = "erased";

impl Casebook {
    /// Forgets their cases, and takes their pseudonyms and the ids of their cases out of the history
    /// of others' attribution.
    pub fn erase(
        &mut self,
        cases: &BTreeSet<String>,
        subjects: &BTreeSet<SubjectId>,
        out: &mut Vec<Change>,
    ) {
        self.open.retain(|_, entry| !cases.contains(&entry.case.id));
        self.closed.retain(|case| !cases.contains(&case.id));
        let open = &self.open;
        self.unsettled.retain(|key| open.contains_key(key));
        let now = self.now;
        for entry in self.open.values_mut() {
            if entry.case.erase(cases, subjects) {
                entry.change();
                write(entry, now, out);
            }
        }
        for case in &mut self.closed {
            if case.erase(cases, subjects) {
                case.revision += 1;
                out.push(Change::Case(Box::new(case.clone())));
            }
        }
    }
}

impl Case {
    /// Takes the pseudonyms of erased subjects, and the ids of their cases, out of a case that is
    /// somebody else's. Says whether there were any; the revision is the caller's.
    pub fn erase(&mut self, cases: &BTreeSet<String>, subjects: &BTreeSet<SubjectId>) -> bool {
        let erased = || SubjectId::new(ERASED.into());
        let mut found = false;
        for entry in &mut self.attribution {
            if subjects.contains(&entry.attribution.subject) {
                entry.attribution.subject = erased();
                found = true;
            }
            if entry
                .other
                .as_ref()
                .is_some_and(|other| cases.contains(other))
            {
                entry.other = Some(ERASED.into());
                found = true;
            }
        }
        for told in &mut self.grounds.told {
            if subjects.contains(&told.subject) {
                told.subject = erased();
                found = true;
            }
        }
        let why = self.closed.take().map(|mut why| {
            for id in cases
                .iter()
                .filter(|id| why.contains(id.as_str()))
                .collect::<Vec<_>>()
            {
                why = why.replace(id.as_str(), ERASED);
                found = true;
            }
            why
        });
        self.closed = why;
        found
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::Timestamp;
    use crate::blocklist::Catalogue;
    use crate::cases::sample::case;
    use crate::cases::{AttributionAct, AttributionEntry};
    use crate::identity::{Attribution, Grade, SubjectKind};
    use crate::organisation::{Organisation, Place, PlaceKind};

    fn entry(subject: &str, other: Option<&str>) -> AttributionEntry {
        AttributionEntry {
            act: AttributionAct::Split,
            time: Timestamp(1),
            attribution: Attribution {
                subject: SubjectId::new(subject.into()),
                kind: SubjectKind::Person,
                grade: Grade::A,
                sources: Vec::new(),
                from: None,
                until: None,
                learned: None,
                place: Place {
                    kind: PlaceKind::Staff,
                    site: None,
                    unit: None,
                },
                reason: String::new(),
            },
            other: other.map(str::to_owned),
        }
    }

    #[test]
    fn the_cases_go_and_others_lose_what_named_the_person() {
        let ids = Box::new(|| "case-new".to_owned());
        let list = Catalogue::builtin().unwrap_or_else(|_| panic!("the catalogue"));
        let map = Arc::new(Organisation::default());
        let mut book = Casebook::new(Arc::new(list), map, ids);
        let theirs = case("case-1", 1, "person-1");
        let mut other = case("case-2", 4, "person-2");
        other.attribution = vec![entry("person-2", None), entry("person-1", Some("case-1"))];
        let mut merged = case("case-3", 2, "device-3");
        merged.attribution = vec![entry("device-3", None)];
        merged.closed = Some("merged into case-1".into());
        let quiet = case("case-4", 7, "person-4");
        let mut out = Vec::new();
        let all = vec![theirs, other, merged, quiet];
        book.restore(all);
        out.clear();
        let cases = BTreeSet::from(["case-1".to_owned()]);
        let subjects = BTreeSet::from([SubjectId::new("person-1".into())]);
        book.erase(&cases, &subjects, &mut out);
        let text = serde_json::to_string(&book.cases().collect::<Vec<_>>()).unwrap();
        assert!(
            !text.contains("person-1") && !text.contains("case-1"),
            "{text}"
        );
        let mut changed = Vec::new();
        for change in &out {
            let Change::Case(case) = change else { panic!() };
            changed.push((case.id.as_str(), case.revision));
        }
        assert_eq!(changed, [("case-2", 5), ("case-3", 3)]);
        // Again: nothing is left to do.
        out.clear();
        book.erase(&cases, &subjects, &mut out);
        assert!(out.is_empty());
    }
}
