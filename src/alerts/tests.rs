//! The outbox: what is put survives, what is done goes, nothing about a person stands in a label.

mod courier;
mod sinks;
mod spool;
mod words;

use std::path::PathBuf;

use super::*;
use crate::hits::SubjectId;
use crate::organisation::Standing;

pub(super) const PERSON: &str = "person-00112233445566778899aabbccddeeff";

/// An alert about stage `stage` of case `case`.
pub(super) fn alert(id: &str, case: &str, kind: AlertKind, stage: Stage) -> Alert {
    Alert {
        id: id.into(),
        kind,
        case: case.into(),
        vendor: "acme".into(),
        vendor_name: "Acme Faces".into(),
        stage,
        standing: Standing::Unauthorised,
        subject: SubjectId::new(PERSON.into()),
        grade: "A".into(),
        confidence: 81,
        unit: Some("Archive".into()),
        site: Some("Harbour".into()),
        time: Timestamp::from_secs_nanos(1_700_000_000, 5),
        summary: "A trial account at Acme Faces was very likely made.".into(),
        description: "Known: a form was sent.\nNot known: what it held.".into(),
    }
}

fn raised(id: &str, case: &str, stage: Stage) -> Alert {
    alert(id, case, AlertKind::Raised, stage)
}

pub(super) const NOW: Timestamp = Timestamp::from_secs_nanos(1_700_000_100, 0);

struct Place {
    above: tempfile::TempDir,
    settings: Settings,
}

impl Place {
    fn new() -> Self {
        let above = tempfile::tempdir().unwrap();
        let settings = Settings {
            folder: above.path().join("alerts"),
            ..Settings::default()
        };
        Self { above, settings }
    }

    /// With an Alertmanager at this port, asked again each second.
    fn posting(mut self, port: u16) -> Self {
        let a = &mut self.settings.alertmanager;
        a.url = format!("http://127.0.0.1:{port}");
        a.repost_seconds = 1;
        self
    }

    fn open(&self) -> Outbox {
        Outbox::open(&self.settings, &observer(), NOW).unwrap()
    }

    /// Names of the files of alerts, without number and ending.
    fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(&self.settings.folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".json"))
            .collect();
        names.sort();
        let cut = |name: &String| name[17..name.len() - 5].to_owned();
        names.iter().map(cut).collect()
    }

    fn log(&self) -> PathBuf {
        self.above.path().join("hits.jsonl")
    }
}

fn observer() -> Observer {
    Observer {
        name: "gate".into(),
    }
}

fn ids(outbox: &Outbox) -> Vec<String> {
    let records = outbox.unlogged(usize::MAX);
    records.into_iter().map(|record| record.event.id).collect()
}
