//! Lists of static assignments.

use std::sync::Arc;

use super::super::probe::{LEARNED, Probe};
use crate::base::{Endpoints, Timestamp, Transport};
use crate::event::Event;
use crate::hits::Key;
use crate::identity::{Identity, Settings, SubjectKind};
use crate::organisation::Organisation;

fn list() -> Probe {
    Probe::new("static", "")
}

#[test]
fn csv_and_json_say_the_same() {
    let csv = "\u{feff}Address,HOST,MAC,from,to\r\n\
        # the first floor\r\n\
        10.77.0.8,\"desk, 8\",02-00-00-00-77-01,2026-11-22,2026-11-22T12:00:00+01:00\r\n\
        2001:db8:77:8::7,,02:00:00:00:77:02,,\r\n";
    let json = r#"{"address":"10.77.0.8","host":"desk, 8","mac":"0200.0000.7701","from":"2026-11-22T00:00:00Z","to":"2026-11-22T11:00:00Z"}
{"address":"2001:db8:77:8::7","mac":"02:00:00:00:77:02"}
"#;
    let want = [
        "holds 00:00:00 ..11:00:00 10.77.0.8/32 mac=020000007701 host=desk, 8",
        "holds 1970-01-01T00:00:00.000000000Z 2001:db8:77:8::7/128 mac=020000007702",
    ];
    assert_eq!(list().file(csv).all(), want);
    assert_eq!(list().file(json).all(), want);
}

#[test]
fn each_error_has_its_line_and_the_rest_counts() {
    let mut probe = list().file(
        "address,mac,host,from\n10.0.0.1,02:00:00:00:77:01,,\n10.0.0.0/30,02:00:00:00:77:02,,\n\
         10.0.0.2,02:00,,\n10.0.0.3,02:00:00:00:77:03,,soon\n10.0.0.4,\n10.0.0.5,,desk-5,\n\
         10.0.0.6,\"open,,\n{\"address\":\"10.0.0.7\",\"salary\":\"1\"}\n\
         {\"address\":\"10.0.0.7\",\"user\":\"jansen\"}\n10.0.0.8,02:00:00:00:77:08,,\n",
    );
    assert_eq!(probe.told().len(), 2);
    let faults = &probe.desk.faults;
    let lines: Vec<_> = faults.iter().map(|f| f.0).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8, 9, 10]);
    for (n, word) in [
        "one address",
        "link-layer",
        "a time",
        "as many fields",
        "link-layer",
        "as many fields",
        "JSON",
        "no `user`",
    ]
    .iter()
    .enumerate()
    {
        assert!(faults[n].1.contains(word), "{:?}", faults[n]);
    }
    for header in [
        "host,mac\n",
        "address,host\n",
        "address,mac,shoe-size\n",
        "10.0.0.1,a\n",
    ] {
        assert!(
            list().file(header).desk.faults[0].1.contains("header"),
            "{header}"
        );
    }
    // A desk in a list is no login.
    let people = list().file("address,mac,user\n10.0.0.1,02:00:00:00:77:01,jansen\n");
    assert!(people.desk.faults[0].1.contains("no `user`"));
    assert!(people.desk.events.is_empty());
}

#[test]
fn an_edit_ends_what_is_gone_and_keeps_what_stays() {
    let head = "address,mac\n10.0.0.1,02:00:00:00:77:0a\n";
    let mut probe = list().file(format!(
        "{head}10.0.0.1,02:00:00:00:77:0b\n10.0.0.2,02:00:00:00:77:0c\n"
    ));
    probe.told();
    let now = format!("{head}10.0.0.2,02:00:00:00:77:0d\n10.0.0.3,02:00:00:00:77:0e\n");
    probe.begin(now);
    let mut told = probe.told();
    told.sort();
    assert_eq!(
        told,
        [
            "ends 06:40:00 10.0.0.1/32",
            "ends 06:40:00 10.0.0.2/32",
            "holds 06:40:00 10.0.0.3/32 mac=02000000770e",
            "holds 2026-11-22T06:40:00.000000001Z 10.0.0.1/32 mac=02000000770a",
            "holds 2026-11-22T06:40:00.000000001Z 10.0.0.2/32 mac=02000000770d",
        ]
    );
    // A slip of the pen ends nothing.
    probe.begin("address,mac\n10.0.0.1\n10.0.0.2,02:00:00:00:77:0d\n");
    assert_eq!(probe.told(), <[String; 0]>::default());
}

/// The list as identity understands it: before an edit the old holder, after it the new one.
#[test]
fn an_edit_changes_no_past_answer_and_the_new_holder_is_known() {
    let key = Key::from_secret(&(0u8..32).collect::<Vec<_>>()).unwrap();
    let map = Arc::new(Organisation::parse("", "map").unwrap());
    let mut identity = Identity::new(Settings::default(), key, map);
    let minutes = |n: i64| Timestamp(LEARNED.0 + n * 60_000_000_000);
    let mut probe = list();
    let mut write = |identity: &mut Identity, when: i64, text: &str| {
        probe.desk.learned = minutes(when);
        probe.begin(format!("address,mac,from\n{text}"));
        assert_eq!(probe.desk.faults, []);
        for event in probe.desk.events.drain(..) {
            let Event::Fact(fact) = event else {
                panic!("a list tells facts alone")
            };
            identity.learn(&fact, minutes(when));
        }
    };
    let who = |identity: &mut Identity, address: &str, when: i64| {
        let ends = Endpoints {
            src: address.parse().unwrap(),
            dst: "203.0.113.9".parse().unwrap(),
            sport: 50_000,
            dport: 443,
            transport: Transport::Tcp,
        };
        let trace = identity.trace(&ends, None, minutes(when));
        let who = identity.who(&trace);
        (who.kind, who.subject)
    };
    let both = "10.0.0.1,00:00:5e:00:53:0a,\n10.0.0.2,00:00:5e:00:53:0b,\n";
    write(&mut identity, 0, both);
    let first = who(&mut identity, "10.0.0.1", -30);
    assert_eq!(first.0, SubjectKind::Device);
    let stays = who(&mut identity, "10.0.0.2", -30);
    // Another device, once without `from` and once with one that lies before the edit.
    for (when, from) in [(60, ""), (120, "2026-11-22")] {
        let before = who(&mut identity, "10.0.0.1", when - 30);
        let mac = 0x0c + when;
        let text =
            format!("10.0.0.1,00:00:5e:00:53:{mac:02x},{from}\n10.0.0.2,00:00:5e:00:53:0b,\n");
        write(&mut identity, when, &text);
        assert!(
            who(&mut identity, "10.0.0.1", when - 30) == before,
            "{when}"
        );
        assert!(who(&mut identity, "10.0.0.1", -30) == first, "{when}");
        let after = who(&mut identity, "10.0.0.1", when + 30);
        assert_eq!(after.0, SubjectKind::Device, "{when}");
        assert!(after != before && after != first, "{when}");
        assert!(who(&mut identity, "10.0.0.2", when + 30) == stays, "{when}");
    }
    write(&mut identity, 180, "10.0.0.2,00:00:5e:00:53:0b,\n");
    assert_eq!(who(&mut identity, "10.0.0.1", 200).0, SubjectKind::Address);
}
