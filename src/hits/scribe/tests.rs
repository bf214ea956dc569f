//! Records by value and against the schema.

use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::base::Timestamp;
use crate::hits::fold::Folder;
use crate::hits::fold::tests::hit as tls_hit;

fn scribe(addresses: Addresses) -> Scribe {
    let key = Key::from_secret(&(0..32).collect::<Vec<u8>>()).unwrap();
    Scribe::new(
        key,
        addresses,
        Observer {
            name: "gate".into(),
        },
    )
}

fn clear() -> Addresses {
    Addresses::Clear {
        reason: "inquiry 7, approved by the DPO".into(),
    }
}

fn dns_hit() -> Hit {
    let mut hit = tls_hit(1, "192.0.2.1", "app.acme.example");
    hit.seen = Seen::DnsQuery;
    hit.qtype = 65;
    hit.ends.dst = "10.0.0.53".parse().unwrap();
    hit.ends.dport = 53;
    hit.ends.transport = crate::base::Transport::Udp;
    hit.evidence =
        b"\xab\xcd\x01\0\0\x01\0\0\0\0\0\0\x03app\x04acme\x07example\0\0\x41\0\x01".into();
    hit
}

fn first(hit: Hit, addresses: Addresses) -> Value {
    let record = scribe(addresses).record(&Finding::First(Box::new(hit)));
    serde_json::from_slice(&record.to_line()).unwrap()
}

fn validator() -> jsonschema::Validator {
    let schema: Value =
        serde_json::from_str(include_str!("../../../docs/hit.schema.json")).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    jsonschema::validator_for(&schema).unwrap()
}

#[track_caller]
fn assert_valid(record: &Value) {
    let faults: Vec<String> = validator()
        .iter_errors(record)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}\n{record:#}");
}

#[test]
fn a_hello_under_pseudonyms() {
    let mut hit = tls_hit(1_700_000_000, "192.0.2.1", "app.acme.example");
    hit.client_mac = Some([2, 0, 0, 0, 0, 1]);
    hit.vlan = Some(42);
    hit.ja4 = Some("t13d1516h2_8daaf6152771_b186095e22b6".into());
    let record = first(hit, Addresses::Pseudonym);
    assert_valid(&record);
    let at = |pointer: &str| record.pointer(pointer).unwrap_or(&Value::Null).clone();
    for (pointer, value) in [
        ("/@timestamp", "2023-11-14T22:13:20.000000000Z"),
        ("/event/action", "name-seen"),
        (
            "/message",
            "A name of Acme Faces was seen in a TLS ClientHello: app.acme.example (role app).",
        ),
        ("/rule/id", "acme/suffix/acme.example"),
        ("/rule/ruleset", "acme.toml"),
        ("/threat/feed/name", "Poortwacht catalogue"),
        ("/destination/ip", "203.0.113.80"),
        ("/destination/domain", "app.acme.example"),
        ("/tls/client/server_name", "app.acme.example"),
        ("/network/type", "ipv4"),
        ("/network/direction", "outbound"),
        ("/network/vlan/id", "42"),
        ("/observer/name", "gate"),
        ("/observer/ingress/interface/name", "eth0"),
        (
            "/poortwacht/tls/ja4",
            "t13d1516h2_8daaf6152771_b186095e22b6",
        ),
        ("/poortwacht/client/addresses", "pseudonym"),
    ] {
        assert_eq!(at(pointer), value, "{pointer}");
    }
    assert_eq!(at("/event/severity"), 73);
    for gone in [
        "/source/ip",
        "/source/port",
        "/source/mac",
        "/dns",
        "/poortwacht/fold",
    ] {
        assert!(record.pointer(gone).is_none(), "{gone}");
    }
    assert!(at("/source/address").as_str().unwrap().starts_with("ip-"));
    assert!(
        at("/poortwacht/client/mac")
            .as_str()
            .unwrap()
            .starts_with("mac-")
    );
}

#[test]
fn a_question_in_clear_with_its_reason() {
    let mut hit = dns_hit();
    hit.client_mac = Some([2, 0, 0, 0, 0xab, 1]);
    let record = first(hit.clone(), clear());
    assert_valid(&record);
    assert_eq!(record["source"]["ip"], "192.0.2.1");
    assert_eq!(record["source"]["port"], 40_000);
    assert_eq!(record["source"]["mac"], "02-00-00-00-AB-01");
    assert_eq!(
        record["poortwacht"]["client"]["reason"],
        "inquiry 7, approved by the DPO"
    );
    assert_eq!(
        record["network"]["community_id"],
        community::id(&hit.ends, 0)
    );
    assert_eq!(record["network"]["direction"], "internal");
    assert_eq!(record["dns"]["question"]["name"], "app.acme.example");
    assert_eq!(record["dns"]["question"]["type"], "HTTPS");
    assert_eq!(record["dns"]["type"], "query");
    let back: Record = serde_json::from_value(record).unwrap();
    assert_eq!(back.evidence_bytes().unwrap(), hit.evidence);
}

#[test]
fn every_way_of_seeing_in_both_modes_fits_the_schema() {
    for seen in Seen::ALL {
        for addresses in [Addresses::Pseudonym, clear()] {
            for severity in ["high", "medium", "low", "informational"] {
                let mut hit = dns_hit();
                hit.seen = *seen;
                hit.join = (*seen == Seen::DnsJoin).then_some(53);
                hit.rule.severity = severity.into();
                hit.qtype = 4711;
                hit.ends.src = "2001:db8::1".parse().unwrap();
                hit.ends.dst = "2001:db8::2".parse().unwrap();
                assert!(is_plausible(&hit));
                assert_valid(&first(hit, addresses.clone()));
            }
        }
    }
}

#[test]
fn a_summary_points_to_its_first_record() {
    let scribe = scribe(Addresses::Pseudonym);
    let mut folder = Folder::new(Duration::from_secs(300), 10);
    let mut findings = Vec::new();
    for t in [10, 20, 30] {
        folder.take(tls_hit(t, "192.0.2.1", "app.acme.example"), &mut findings);
    }
    folder.flush(&mut findings);
    let records: Vec<Value> = findings
        .iter()
        .map(|finding| serde_json::from_slice(&scribe.record(finding).to_line()).unwrap())
        .collect();
    records.iter().for_each(assert_valid);
    let [first, again] = records.as_slice() else {
        panic!("{records:?}")
    };
    assert_eq!(
        again["poortwacht"]["fold"]["first_id"],
        first["event"]["id"]
    );
    assert_ne!(again["event"]["id"], first["event"]["id"]);
    assert_eq!(again["poortwacht"]["fold"]["repeats"], 2);
    assert_eq!(again["event"]["start"], "1970-01-01T00:00:10.000000000Z");
    assert_eq!(again["@timestamp"], "1970-01-01T00:00:30.000000000Z");
    assert_eq!(again["event"]["end"], again["@timestamp"]);
    assert_eq!(
        again["message"],
        "A name of Acme Faces was seen 2 more times in a TLS ClientHello: app.acme.example \
         (role app)."
    );
    assert!(again["poortwacht"].get("evidence").is_none());
    assert_eq!(
        again["network"]["community_id"],
        first["network"]["community_id"]
    );
}

#[test]
fn ids_are_the_same_in_a_replay_and_differ_by_hit_and_key() {
    let id = |hit: &Hit, secret: u8| {
        let key = Key::from_secret(&(secret..secret + 32).collect::<Vec<u8>>()).unwrap();
        let scribe = Scribe::new(
            key,
            Addresses::Pseudonym,
            Observer {
                name: "gate".into(),
            },
        );
        scribe
            .record(&Finding::First(Box::new(hit.clone())))
            .event
            .id
    };
    let hit = dns_hit();
    assert_eq!(id(&hit, 0), id(&hit, 0));
    assert_ne!(id(&hit, 0), id(&hit, 1));
    let mut ids = std::collections::HashSet::from([id(&hit, 0)]);
    for change in [
        (|h: &mut Hit| h.time = Timestamp(9)) as fn(&mut Hit),
        |h| h.frame = 77,
        |h| h.point = "eth1".into(),
        |h| h.name = "other.acme.example".into(),
        |h| h.seen = Seen::DnsSvcb,
        |h| h.list_version = "new".into(),
        |h| h.rule.rule = "other".into(),
        |h| h.ends.sport = 1,
    ] {
        let mut other = hit.clone();
        change(&mut other);
        assert!(ids.insert(id(&other, 0)));
    }
}

#[test]
fn the_schema_refuses_what_must_not_be() {
    let good = first(
        tls_hit(1, "192.0.2.1", "app.acme.example"),
        Addresses::Pseudonym,
    );
    assert_valid(&good);
    let changes: [(&str, Value); 9] = [
        ("/source/ip", "192.0.2.1".into()),
        ("/source/port", 1.into()),
        ("/source/address", "192.0.2.1".into()),
        ("/user", serde_json::json!({"name": "x"})),
        ("/poortwacht/client/reason", "none".into()),
        ("/poortwacht/more", 1.into()),
        ("/event/action", "name-used".into()),
        ("/network/protocol", "dns".into()),
        ("/event/severity", 99.into()),
    ];
    for (pointer, value) in changes {
        let mut bad = good.clone();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        bad.pointer_mut(parent).unwrap()[field] = value;
        assert!(!validator().is_valid(&bad), "{pointer}");
    }
}

#[test]
fn words_are_careful() {
    for seen in Seen::ALL {
        let mut hit = dns_hit();
        hit.seen = *seen;
        let text = message(&hit, None).to_lowercase();
        assert!(text.starts_with("a name of acme faces was seen "), "{text}");
        for word in [
            "used", "visit", "search", "violat", "ai act", "illegal", "user",
        ] {
            assert!(!text.contains(word), "{text}");
        }
        hit.rule.category = "user-list".into();
        hit.rule.vendor_name = "watch.txt".into();
        assert!(message(&hit, None).starts_with("A name on the list watch.txt was seen "));
    }
}

#[test]
fn a_host_that_talks_to_itself_is_not_given_away() {
    let mut hit = tls_hit(1, "192.0.2.1", "app.acme.example");
    hit.ends.dst = "::ffff:192.0.2.1".parse().unwrap();
    let record = first(hit.clone(), Addresses::Pseudonym);
    assert_valid(&record);
    assert!(record["destination"].get("ip").is_none());
    assert!(first(hit, clear())["destination"].get("ip").is_some());
}

#[test]
fn an_answer_has_a_question_name_only_when_it_is_the_question() {
    let mut hit = dns_hit();
    hit.seen = Seen::DnsCname;
    let record = first(hit.clone(), Addresses::Pseudonym);
    assert_eq!(record["dns"]["type"], "answer");
    assert_eq!(record["dns"]["question"]["name"], "app.acme.example");
    hit.name = "edge.acme.example".into();
    let record = first(hit, Addresses::Pseudonym);
    assert!(record["dns"]["question"].get("name").is_none());
}

#[test]
fn a_hit_that_cannot_be_true_is_told_apart() {
    let changes: [fn(&mut Hit); 10] = [
        |h| h.name = String::new(),
        |h| h.name = "a\nb".into(),
        |h| h.name = "x".repeat(1025),
        |h| h.point = "\u{1b}[2J".into(),
        |h| h.rule.kind = "regex".into(),
        |h| h.rule.severity = "terrible".into(),
        |h| h.rule.role = "Ro le".into(),
        |h| h.ja4 = Some("<script>".into()),
        |h| h.evidence = vec![0; EVIDENCE_LEN_MAX + 1],
        |h| h.vlan = Some(4096),
    ];
    assert!(is_plausible(&dns_hit()));
    for (at, change) in changes.into_iter().enumerate() {
        let mut hit = dns_hit();
        change(&mut hit);
        assert!(!is_plausible(&hit), "change {at}");
    }
}

#[test]
fn what_is_informational_is_no_alert() {
    for (severity, kind) in [
        ("low", "alert"),
        ("high", "alert"),
        ("informational", "event"),
    ] {
        let mut hit = dns_hit();
        hit.rule.severity = severity.into();
        let record = first(hit, Addresses::Pseudonym);
        assert_eq!(record["event"]["kind"], kind, "{severity}");
        assert_valid(&record);
    }
}
