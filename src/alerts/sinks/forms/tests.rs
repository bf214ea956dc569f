//! Forms against their schemas, and against hostile text.

use serde_json::Value;

use super::super::settings::{Facility, Form};
use super::super::transports::write;
use super::super::{Language, Notice, NoticeKind, Said};
use super::*;
use crate::alerts::sinks::notice::Folded;
use crate::alerts::tests::{NOW, PERSON, alert};
use crate::alerts::words::Severity;
use crate::blocklist::Stage;
use crate::cases::{Alert, AlertKind};

const HOSTILE: &str = "a|b=c\\d\"e]f[g\r\nBcc: x@y\u{0}\u{7f}\u{85} <b>&é日\u{2028}end";

pub(super) fn said() -> Said {
    Said {
        language: Language::En,
        show_place: false,
        observer: "gate".into(),
    }
}

fn of(kind: AlertKind) -> Notice {
    Notice::of(
        &alert("alert-1", "case-1", kind, Stage::SignedUp),
        NOW,
        &said(),
    )
}

fn folded() -> Notice {
    let of = Folded {
        id: "folded-1".into(),
        vendor: "acme",
        vendor_name: "Acme Faces",
        severity: Severity::Critical,
        stage: Stage::SignedUp,
        count: 7,
        cases: &["case-1".into(), "case-2".into()],
        since: NOW,
        minutes: 60,
    };
    Notice::folded(&of, NOW, &said())
}

/// Each kind, and one in which every text is hostile.
fn samples() -> Vec<Notice> {
    let mut all: Vec<Notice> = [AlertKind::Raised, AlertKind::Retracted, AlertKind::Resolved]
        .map(of)
        .into();
    all.push(folded());
    all.push(Notice::test("test-1".into(), NOW, &said()));
    all.push(hostile());
    all
}

fn hostile() -> Notice {
    let alert = Alert {
        vendor: HOSTILE.into(),
        vendor_name: HOSTILE.into(),
        case: HOSTILE.into(),
        grade: HOSTILE.into(),
        unit: Some(HOSTILE.into()),
        site: Some(HOSTILE.into()),
        summary: HOSTILE.into(),
        description: format!("{HOSTILE}\n{HOSTILE}"),
        ..alert("alert-2", "", AlertKind::Raised, Stage::Visited)
    };
    let said = Said {
        observer: HOSTILE.into(),
        show_place: true,
        ..said()
    };
    Notice::of(&alert, NOW, &said)
}

fn value(notice: &Notice, form: Form) -> Value {
    serde_json::from_slice(&write(notice, form)).unwrap()
}

fn assert_valid(validator: &jsonschema::Validator, value: &Value) {
    let faults: Vec<String> = validator
        .iter_errors(value)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}\n{value:#}");
}

#[test]
fn our_own_form_is_the_one_of_its_schema() {
    let schema = include_str!("../../../../docs/notice.schema.json");
    let schema = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for notice in samples() {
        assert_valid(&validator, &value(&notice, Form::Json));
    }
    let mut odd = value(&of(AlertKind::Raised), Form::Json);
    odd["person"] = "x".into();
    assert!(!validator.is_valid(&odd), "the schema takes anything");
}

#[test]
fn ocsf_is_a_detection_finding_of_its_schema() {
    let schema = include_str!("../../../../tests/data/schemas/ocsf-1.8.0-detection-finding.json");
    let schema = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for notice in samples() {
        let finding = value(&notice, Form::Ocsf);
        assert_valid(&validator, &finding);
        let activity = finding["activity_id"].as_i64().unwrap();
        assert_eq!(finding["type_uid"], 2004 * 100 + activity);
    }
    let mut odd = value(&of(AlertKind::Raised), Form::Ocsf);
    odd["finding_info"]["colour"] = "blue".into();
    assert!(!validator.is_valid(&odd));
}

#[test]
fn stix_objects_are_those_of_the_schemas() {
    let schemas = include_str!("../../../../tests/data/schemas/stix-2.1.json");
    let schemas: serde_json::Map<String, Value> = serde_json::from_str(schemas).unwrap();
    let mut registry = jsonschema::Registry::new();
    for (id, schema) in &schemas {
        registry = registry.add(id, schema).unwrap();
    }
    let registry = registry.prepare().unwrap();
    let validator = |name: &str| {
        let end = format!("/{name}.json");
        let (_, schema) = schemas.iter().find(|(id, _)| id.ends_with(&end)).unwrap();
        let options = jsonschema::options().with_registry(&registry);
        options.build(schema).unwrap()
    };
    let mut seen = std::collections::BTreeSet::new();
    for notice in samples() {
        let bundle = value(&notice, Form::Stix);
        assert_eq!(bundle["type"], "bundle");
        assert!(bundle["id"].as_str().unwrap().starts_with("bundle--"));
        let objects = bundle["objects"].as_array().unwrap();
        let ids: Vec<&Value> = objects.iter().map(|it| &it["id"]).collect();
        for object in objects {
            let kind = object["type"].as_str().unwrap();
            seen.insert(kind.to_owned());
            assert_valid(&validator(kind), object);
            for reference in ["created_by_ref", "sighting_of_ref"] {
                let it = &object[reference];
                assert!(
                    it.is_null() || ids.contains(&it),
                    "{reference} leads nowhere"
                );
            }
        }
        // Each attempt carries the same.
        assert_eq!(bundle, value(&notice, Form::Stix));
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        ["identity", "infrastructure", "note", "sighting"]
    );
    let id = |kind| value(&of(kind), Form::Stix)["objects"][2].clone();
    let (sighting, note) = (id(AlertKind::Raised), id(AlertKind::Retracted));
    assert_eq!(note["object_refs"][0], sighting["id"]);
}

#[test]
fn misp_events_are_those_of_the_schema() {
    let schema = include_str!("../../../../tests/data/schemas/misp-event.json");
    let schema = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for notice in samples() {
        let mut event = value(&notice, Form::Misp);
        // The schema is older than this field of the core format.
        event["Event"]
            .as_object_mut()
            .unwrap()
            .remove("extends_uuid");
        assert_valid(&validator, &event);
        let attributes = event["Event"]["Attribute"].as_array().unwrap();
        assert!(attributes.iter().all(|it| it["to_ids"] == false));
    }
    let raised = value(&of(AlertKind::Raised), Form::Misp);
    let retracted = value(&of(AlertKind::Retracted), Form::Misp);
    assert_eq!(retracted["Event"]["extends_uuid"], raised["Event"]["uuid"]);
}

/// What Suricata's schema (`etc/schema.json`, not carried: GPL) knows of an alert event.
#[test]
fn eve_has_the_fields_that_suricata_names_and_no_other() {
    let top = ["alert", "event_type", "timestamp"];
    let alert = [
        "action",
        "category",
        "gid",
        "metadata",
        "rev",
        "severity",
        "signature",
        "signature_id",
    ];
    let metadata = [
        "affected_product",
        "created_at",
        "signature_severity",
        "tag",
    ];
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    let time = regex::Regex::new(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}\+0000$").unwrap();
    let mut ids = std::collections::BTreeSet::new();
    for notice in samples() {
        let event = value(&notice, Form::Eve);
        assert_eq!(keys(&event), top);
        assert_eq!(keys(&event["alert"]), alert);
        assert_eq!(keys(&event["alert"]["metadata"]), metadata);
        assert!(
            time.is_match(event["timestamp"].as_str().unwrap()),
            "{event}"
        );
        for list in metadata.map(|key| &event["alert"]["metadata"][key]) {
            assert!(list.as_array().unwrap().iter().all(Value::is_string));
        }
        ids.insert(event["alert"]["signature_id"].as_u64().unwrap());
    }
    assert_eq!(ids.len(), 6, "one signature for each kind and stage");
}

/// Field by field against the Elastic Common Schema 8.17 (not carried).
#[test]
fn ecs_is_the_case_record_of_the_hit_log_without_the_subject() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../docs/case.schema.json")).unwrap();
    let mut schema = schema;
    let required = schema["required"].as_array_mut().unwrap();
    required.retain(|it| it != "user");
    let case = &mut schema["properties"]["poortwacht"]["properties"]["case"];
    case["properties"]["count"] = serde_json::json!({"type": "integer"});
    case["required"]
        .as_array_mut()
        .unwrap()
        .retain(|it| it != "id");
    let validator = jsonschema::validator_for(&schema).unwrap();
    for kind in [AlertKind::Raised, AlertKind::Retracted, AlertKind::Resolved] {
        let document = value(&of(kind), Form::Ecs);
        assert_valid(&validator, &document);
        assert_eq!(document.get("user"), None);
    }
}

#[test]
fn cef_keeps_to_its_eight_parts_whatever_an_alert_says() {
    for notice in samples() {
        let text = String::from_utf8(write(&notice, Form::Cef)).unwrap();
        assert!(!text.chars().any(char::is_control), "{text:?}");
        // A receiver splits at the pipes that no backslash stands before.
        let bare = text.replace("\\\\", "").replace("\\|", "");
        let head: Vec<&str> = bare.splitn(8, '|').collect();
        assert_eq!(head[0], "CEF:0");
        assert_eq!(head[1], "Poortwacht");
        assert!(head[6].parse::<u8>().unwrap() <= 10);
        // And the extension at equals signs, the key being the word before.
        let extension = head[7].replace("\\=", "");
        let keys: Vec<&str> = extension
            .match_indices('=')
            .map(|(at, _)| extension[..at].rsplit(' ').next().unwrap())
            .collect();
        let known = [
            "rt",
            "dvchost",
            "externalId",
            "act",
            "cat",
            "cnt",
            "cs1Label",
            "cs1",
            "cs2Label",
            "cs2",
            "cs3Label",
            "cs3",
            "cs4Label",
            "cs4",
            "cs5Label",
            "cs5",
            "cn1Label",
            "cn1",
            "msg",
        ];
        assert!(
            keys.iter().all(|key| known.contains(key)),
            "{keys:?}\n{text}"
        );
    }
}

/// Takes structured data apart as RFC 5424 section 6.3 says.
fn parameters(message: &str) -> (Vec<(String, String)>, &str) {
    let mut rest = message.split_once("[poortwacht@32473").unwrap().1;
    let mut all = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(']') {
            return (all, after.strip_prefix(' ').unwrap());
        }
        let (name, after) = rest.strip_prefix(' ').unwrap().split_once("=\"").unwrap();
        let (mut value, mut escaped, mut end) = (String::new(), false, None);
        for (at, c) in after.char_indices() {
            match (escaped, c) {
                (true, _) => {
                    assert!("\"\\]".contains(c), "an escape of {c:?}");
                    value.push(c);
                    escaped = false;
                }
                (false, '\\') => escaped = true,
                (false, '"') => {
                    end = Some(at);
                    break;
                }
                (false, ']') => panic!("a bare bracket in {after}"),
                (false, _) => value.push(c),
            }
        }
        all.push((name.to_owned(), value));
        rest = &after[end.unwrap() + 1..];
    }
}

#[test]
fn syslog_messages_can_be_taken_apart_whatever_an_alert_says() {
    let head = regex::Regex::new(
        r"^<(\d{1,3})>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z [!-~]{1,255} poortwacht - [a-z]+ \[",
    )
    .unwrap();
    for notice in samples() {
        let message = syslog::message(&notice, Form::Text, Facility::Local4);
        assert!(message.len() <= syslog::LEN_MAX);
        let text = String::from_utf8(message).unwrap();
        assert!(!text.chars().any(|c| c.is_control()), "{text:?}");
        let priority: u16 = head.captures(&text).unwrap()[1].parse().unwrap();
        assert_eq!(priority / 8, 20);
        let (parameters, words) = parameters(&text);
        assert_eq!(parameters[0], ("id".into(), notice.id.clone()));
        assert_eq!(words.trim_start_matches('\u{feff}'), notice.summary);
        assert_eq!(words.starts_with('\u{feff}'), !notice.summary.is_ascii());
    }
    let message = syslog::message(&hostile(), Form::Text, Facility::Local4);
    let text = String::from_utf8(message).unwrap();
    let (all, _) = parameters(&text);
    let vendor = all.iter().find(|(name, _)| name == "vendor").unwrap();
    assert_eq!(vendor.1, hostile().vendor, "nothing is lost by the escapes");
}

#[test]
fn long_words_are_cut_between_characters_and_payloads_for_programs_are_not() {
    let mut notice = of(AlertKind::Raised);
    notice.summary = "é".repeat(4000);
    let message = syslog::message(&notice, Form::Text, Facility::User);
    assert!((syslog::LEN_MAX - 1..=syslog::LEN_MAX).contains(&message.len()));
    assert!(String::from_utf8(message).is_ok());
    let message = syslog::message(&notice, Form::Json, Facility::User);
    let text = String::from_utf8(message).unwrap();
    let (_, json) = parameters(&text);
    let json: Value = serde_json::from_str(json).unwrap();
    assert_eq!(json["summary"], notice.summary.as_str());
}

#[test]
fn no_form_tells_the_subject_or_the_place_unless_the_place_may_be_shown() {
    let alert = alert("alert-1", "case-1", AlertKind::Raised, Stage::SignedUp);
    for show_place in [false, true] {
        for language in Language::ALL {
            let said = Said {
                language: *language,
                show_place,
                ..said()
            };
            let notice = Notice::of(&alert, NOW, &said);
            let mut texts: Vec<Vec<u8>> = Form::ALL.iter().map(|f| write(&notice, *f)).collect();
            texts.push(text::body(&notice, *language).into_bytes());
            texts.push(syslog::message(&notice, Form::Text, Facility::User));
            let mut shown = 0;
            for text in texts {
                let text = String::from_utf8(text).unwrap();
                assert!(
                    !text.contains(PERSON) && !text.contains("00112233"),
                    "{text}"
                );
                shown += usize::from(text.contains("Archive") && text.contains("Harbour"));
            }
            assert_eq!(shown > 0, show_place);
        }
    }
}

#[test]
fn a_retraction_is_as_urgent_as_what_it_takes_back() {
    let (raised, retracted) = (of(AlertKind::Raised), of(AlertKind::Retracted));
    assert_eq!(raised.severity, retracted.severity);
    assert_eq!(retracted.kind, NoticeKind::Retracted);
    // As words for people they differ by their summary.
    for form in Form::ALL.iter().filter(|form| **form != Form::Text) {
        assert_ne!(write(&raised, *form), write(&retracted, *form), "{form}");
    }
    let priority = |notice| syslog::message(notice, Form::Text, Facility::User)[..5].to_vec();
    assert_eq!(priority(&raised), priority(&retracted));
}

#[test]
fn times_keep_as_many_digits_as_they_may() {
    let time = Timestamp::from_secs_nanos(1_700_000_000, 123_456_789);
    assert_eq!(rfc3339(time, 6), "2023-11-14T22:13:20.123456Z");
    assert_eq!(rfc3339(time, 3), "2023-11-14T22:13:20.123Z");
    assert_eq!(rfc3339(time, 0), "2023-11-14T22:13:20Z");
    assert_eq!(millis(time), 1_700_000_000_123);
}
