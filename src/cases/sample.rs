//! A case to try things with.

use super::{Case, Grounds};
use crate::base::Timestamp;
use crate::blocklist::Stage;
use crate::hits::SubjectId;
use crate::organisation::{Ruling, Standing};

/// A case of `subject`, at its revision.
pub(crate) fn case(id: &str, revision: u64, subject: &str) -> Case {
    Case {
        ended: None,
        grounds: Grounds::default(),
        id: id.into(),
        revision,
        vendor: "acme".into(),
        vendor_name: "Acme Faces".into(),
        subject: SubjectId::new(subject.into()),
        stage: Stage::Visited,
        ruling: Ruling {
            standing: Standing::Unauthorised,
            entry: None,
            reason: "no entry".into(),
        },
        confidence: 70,
        opened: Timestamp(1_000_000_000),
        updated: Timestamp(2_000_000_000),
        items: Vec::new(),
        items_left_out: 0,
        steps: Vec::new(),
        band: String::new(),
        attribution: Vec::new(),
        closed: None,
    }
}
