//! Labels, annotations, records: each checked for what may not stand there.

use serde_json::Value;

use super::super::words::{Words, name, record};
use super::*;

fn words(show_place: bool) -> Words {
    Words {
        observer: observer(),
        settings: Alertmanager {
            show_place,
            runbook_url: "https://wiki.example.org/poortwacht".into(),
            ..Alertmanager::default()
        },
    }
}

fn post(words: &Words, alert: &Alert) -> Value {
    serde_json::to_value(words.post(alert, NOW, NOW)).unwrap()
}

fn every_alert() -> impl Iterator<Item = Alert> {
    AlertKind::ALL.iter().flat_map(|kind| {
        Stage::ALL.iter().flat_map(|stage| {
            Standing::ALL.iter().map(|standing| Alert {
                standing: *standing,
                ..alert("a1", "case-0011223344556677", *kind, *stage)
            })
        })
    })
}

#[test]
fn labels_are_few_closed_and_without_a_person() {
    for alert in every_alert() {
        let post = post(&words(true), &alert);
        let labels = post["labels"].as_object().unwrap();
        let names: Vec<&str> = labels.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "alertname",
                "case",
                "instance",
                "severity",
                "stage",
                "standing",
                "vendor"
            ]
        );
        let text = post["labels"].to_string();
        for private in [PERSON, "Archive", "Harbour"] {
            assert!(!text.contains(private), "{text}");
        }
    }
}

#[test]
fn unit_and_site_are_told_only_where_the_config_says_so() {
    let alert = raised("a1", "case-1", Stage::SignedUp);
    let quiet = post(&words(false), &alert).to_string();
    assert!(
        !quiet.contains("Archive") && !quiet.contains("Harbour"),
        "{quiet}"
    );
    assert!(!quiet.contains(PERSON), "{quiet}");
    let open = post(&words(true), &alert);
    assert_eq!(open["annotations"]["unit"], "Archive");
    assert_eq!(open["annotations"]["site"], "Harbour");
    assert_eq!(
        open["annotations"]["runbook_url"],
        "https://wiki.example.org/poortwacht"
    );
    assert_eq!(open["annotations"]["confidence"], "81 of 100");
}

#[test]
fn an_alert_does_not_begin_after_it_ends_even_when_the_sensor_s_clock_runs_ahead() {
    let mut alert = raised("a1", "case-1", Stage::SignedUp);
    assert_eq!(
        post(&words(false), &alert)["startsAt"],
        "2023-11-14T22:13:20.000000005Z"
    );
    alert.time = Timestamp(i64::MAX);
    let post = post(&words(false), &alert);
    assert_eq!(post["startsAt"], "2023-11-14T22:15:00.000000000Z");
    assert_eq!(post["startsAt"], post["endsAt"]);
}

#[test]
fn each_stage_has_its_own_name_and_a_retraction_its_own() {
    let names: std::collections::BTreeSet<&str> = Stage::ALL
        .iter()
        .map(|stage| name(&raised("a", "c", *stage)))
        .collect();
    assert_eq!(names.len(), Stage::ALL.len());
    assert!(names.contains("PoortwachtTrialAccount"));
    let retracted = alert("a", "c", AlertKind::Retracted, Stage::SignedUp);
    assert_eq!(name(&retracted), "PoortwachtRetracted");
    assert!(!names.contains("PoortwachtRetracted"));
}

#[test]
fn a_retraction_is_as_loud_as_the_alert() {
    for stage in Stage::ALL {
        let kinds = [AlertKind::Raised, AlertKind::Retracted];
        let [was, is] = kinds.map(|kind| {
            let alert = alert("a", "c", kind, *stage);
            let severity = post(&words(false), &alert)["labels"]["severity"].clone();
            (severity, record(&alert, NOW, &observer()).event.severity)
        });
        assert_eq!(was, is);
    }
    let critical = raised("a", "c", Stage::SignedUp);
    assert_eq!(
        post(&words(false), &critical)["labels"]["severity"],
        "critical"
    );
}

#[test]
fn what_is_allowed_is_no_alarm() {
    for standing in [Standing::Authorised, Standing::Informational] {
        let alert = Alert {
            standing,
            ..raised("a", "c", Stage::Searching)
        };
        assert_eq!(post(&words(false), &alert)["labels"]["severity"], "info");
        let record = record(&alert, NOW, &observer());
        assert_eq!(
            (record.event.kind.as_str(), record.event.severity),
            ("event", 1)
        );
    }
}

fn validator() -> jsonschema::Validator {
    let schema: Value =
        serde_json::from_str(include_str!("../../../docs/case.schema.json")).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn every_record_fits_the_schema_and_comes_back() {
    let validator = validator();
    for mut alert in every_alert() {
        for place in [true, false] {
            if !place {
                (alert.unit, alert.site) = (None, None);
            }
            let record = record(&alert, NOW, &observer());
            let value = serde_json::to_value(&record).unwrap();
            let problems: Vec<String> = validator
                .iter_errors(&value)
                .map(|e| format!("{}: {e}", e.instance_path()))
                .collect();
            assert!(problems.is_empty(), "{problems:?}\n{value:#}");
            let line = crate::hits::Line::to_line(&record);
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            assert_eq!(serde_json::from_slice::<CaseRecord>(&line).unwrap(), record);
        }
    }
}

#[test]
fn the_schema_refuses_what_must_not_be() {
    let validator = validator();
    let good = record(&raised("a1", "case-1", Stage::SignedUp), NOW, &observer());
    let good = serde_json::to_value(good).unwrap();
    assert!(validator.is_valid(&good));
    for (pointer, bad) in [
        ("/user/hash", "A. Person"),
        ("/poortwacht/case/stage", "guilty"),
        ("/poortwacht/case/grade", "Z"),
        ("/event/dataset", "poortwacht.hit"),
        ("/event/action", "case-closed"),
        ("/message", "two\nlines"),
        ("/rule/name", "PoortwachtSomething"),
    ] {
        let mut value = good.clone();
        *value.pointer_mut(pointer).unwrap() = bad.into();
        assert!(!validator.is_valid(&value), "{pointer} = {bad}");
    }
    for place in ["", "/user", "/observer", "/poortwacht", "/poortwacht/case"] {
        let mut value = good.clone();
        let object = value.pointer_mut(place).unwrap().as_object_mut().unwrap();
        object.insert("source".into(), "192.0.2.1".into());
        assert!(!validator.is_valid(&value), "an extra key under {place:?}");
        assert!(serde_json::from_value::<CaseRecord>(value).is_err());
    }
}

#[test]
fn a_message_is_one_line() {
    let mut alert = raised("a1", "case-1", Stage::SignedUp);
    alert.summary = "one\r\ntwo\u{7f}three".into();
    assert_eq!(record(&alert, NOW, &observer()).message, "one two three");
}
