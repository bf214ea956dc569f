//! The spool and the hit log, without an Alertmanager.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use super::*;
use crate::hits::log::{self, read};

#[test]
fn what_is_put_is_there_after_a_restart_in_the_order_of_arrival() {
    let place = Place::new();
    let mut outbox = place.open();
    for (id, case) in [("z", "case-1"), ("a", "case-2"), ("m", "case-1")] {
        outbox.put(&raised(id, case, Stage::Visited), NOW).unwrap();
    }
    assert_eq!(ids(&outbox), ["z", "a", "m"]);
    let before = outbox.unlogged(9);
    drop(outbox);
    let outbox = place.open();
    assert_eq!(outbox.unlogged(9), before);
    assert_eq!(outbox.unlogged(1).len(), 1);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.settings.folder), 0o700);
    for entry in fs::read_dir(&place.settings.folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn the_same_id_again_changes_nothing_not_even_when_it_is_through() {
    let place = Place::new();
    let mut outbox = place.open();
    let alert = raised("a", "case-1", Stage::Visited);
    outbox.put(&alert, NOW).unwrap();
    outbox.put(&alert, NOW).unwrap();
    assert_eq!(ids(&outbox), ["a"]);
    assert_eq!(outbox.state(NOW).raised.at(Stage::Visited.index()), 1);
    outbox.logged("a");
    outbox.logged("a");
    assert_eq!(outbox.state(NOW).delivered.at(Sink::HitLog.index()), 1);
    assert!(place.files().is_empty());
    for _ in 0..2 {
        outbox.put(&alert, NOW).unwrap();
        assert!(ids(&outbox).is_empty());
        drop(outbox);
        outbox = place.open();
    }
    assert_eq!(outbox.state(NOW).spool_bytes, 0);
}

#[test]
fn the_hit_log_gets_each_once_and_in_order() {
    let place = Place::new();
    let mut outbox = place.open();
    let mut log = HitLog::open(log::Settings::new(place.log()), Instant::now()).unwrap();
    let put = |outbox: &mut Outbox, id: &str| {
        outbox
            .put(&raised(id, "case-1", Stage::Visited), NOW)
            .unwrap();
    };
    for number in 0..600 {
        put(&mut outbox, &format!("a{number}"));
    }
    outbox.write_log(&mut log, Instant::now());
    put(&mut outbox, "last");
    outbox.write_log(&mut log, Instant::now());
    outbox.write_log(&mut log, Instant::now());
    let mut found = Vec::new();
    let tally = read::entries(&place.log(), |entry| {
        found.push(entry.id().to_owned());
        std::ops::ControlFlow::Continue(())
    });
    let wanted: Vec<String> = (0..600)
        .map(|number| format!("a{number}"))
        .chain(["last".into()])
        .collect();
    assert_eq!(found, wanted);
    let tally = tally.unwrap();
    assert_eq!((tally.cases, tally.records, tally.unreadable), (601, 0, 0));
    // `hits list` is not disturbed by them.
    let hits = read::list(&place.log(), |_| panic!("no hits there"));
    assert_eq!(hits.unwrap().unreadable, 0);
    assert!(read::find(&place.log(), "last").unwrap().is_some());
    assert!(place.files().is_empty());
}

#[test]
fn a_log_that_cannot_be_written_takes_nothing_and_loses_nothing() {
    let place = Place::new();
    let mut outbox = place.open();
    let now = Instant::now();
    let mut log = HitLog::open(log::Settings::new("/dev/full"), now).unwrap();
    outbox
        .put(&raised("a", "case-1", Stage::Visited), NOW)
        .unwrap();
    outbox.write_log(&mut log, now);
    outbox.write_log(&mut log, now);
    assert_eq!(ids(&outbox), ["a"]);
    let state = log.state();
    assert_eq!(
        (state.queue_lines, state.queue_bytes, state.lines),
        (0, 0, 0)
    );
    assert_eq!(state.errors.total(), 1, "one attempt, then a pause");
    assert_eq!(place.files(), ["a.log.off"]);
    let late = Timestamp(NOW.nanos() + 7_900_000_000);
    let state = outbox.state(late);
    let at = Sink::HitLog.index();
    assert_eq!((state.waiting.at(at), state.oldest_seconds.at(at)), (1, 7));
}

#[test]
fn at_the_bound_new_alerts_are_refused_and_no_old_one_goes() {
    let mut place = Place::new();
    place.settings.alerts_max = 10;
    let mut outbox = place.open();
    for number in 0..12 {
        let alert = raised(&format!("a{number}"), "case-1", Stage::Visited);
        let result = outbox.put(&alert, NOW);
        assert_eq!(result.is_err(), number >= 10);
        if let Err(why) = result {
            assert!(
                why.contains("alerts_max") && why.contains("10 alerts"),
                "{why}"
            );
        }
    }
    assert_eq!((outbox.state(NOW).refused, ids(&outbox).len()), (2, 10));
    outbox.logged("a0");
    outbox
        .put(&raised("a11", "case-1", Stage::Visited), NOW)
        .unwrap();
    // And in bytes: of some, each half a MiB long, one fits.
    place.settings.alerts_max = 100;
    place.settings.mib_max = 1;
    drop(outbox);
    let mut outbox = place.open();
    let mut long = raised("long1", "case-1", Stage::Visited);
    long.description = "x".repeat(600_000);
    outbox.put(&long, NOW).unwrap();
    long.id = "long2".into();
    assert!(outbox.put(&long, NOW).unwrap_err().contains("mib_max"));
}

#[test]
fn an_id_that_cannot_be_kept_is_refused() {
    let place = Place::new();
    let mut outbox = place.open();
    for id in ["", "two words", "line\nfeed", &"x".repeat(201)] {
        let alert = raised(id, "case-1", Stage::Visited);
        assert!(outbox.put(&alert, NOW).is_err(), "{id:?}");
    }
    assert_eq!(outbox.state(NOW).failures, 4);
    // A path in an id leads nowhere.
    outbox
        .put(&raised("../../x", "case-1", Stage::Visited), NOW)
        .unwrap();
    assert_eq!(place.files(), ["______x.log.off"]);
    drop(outbox);
    assert_eq!(ids(&place.open()), ["../../x"]);
}

#[test]
fn one_process_at_a_time() {
    let place = Place::new();
    let _outbox = place.open();
    let why = Outbox::open(&place.settings, &observer(), NOW)
        .err()
        .unwrap();
    assert!(why.contains("another process keeps the alerts"), "{why}");
}

#[test]
fn what_cannot_be_read_is_kept_as_a_dead_letter_and_what_was_unfinished_goes() {
    let place = Place::new();
    let mut outbox = place.open();
    outbox
        .put(&raised("a", "case-1", Stage::Visited), NOW)
        .unwrap();
    drop(outbox);
    let folder = &place.settings.folder;
    let half = "0000000000000007-b.log.off.json";
    fs::write(folder.join(half), "{\"taken\":1,\"ale").unwrap();
    fs::write(
        folder.join("0000000000000008-c.log.off.json.unfinished"),
        "{",
    )
    .unwrap();
    fs::write(folder.join("README"), "not ours").unwrap();
    let mut outbox = place.open();
    assert_eq!(ids(&outbox), ["a"]);
    assert_eq!(outbox.state(NOW).dead, 1);
    assert!(folder.join("dead").join(half).exists());
    assert!(folder.join("README").exists());
    outbox
        .put(&raised("d", "case-1", Stage::Visited), NOW)
        .unwrap();
    drop(outbox);
    assert!(
        folder.join("0000000000000008-d.log.off.json").exists(),
        "{:?}",
        place.files()
    );
    assert_eq!(place.open().state(NOW).dead, 1);
}

#[test]
fn settings_are_checked() {
    let parse = |text: &str| toml::from_str::<Settings>(text).map_err(|e| e.to_string());
    assert_eq!(parse("").unwrap(), Settings::default());
    assert!(parse("").unwrap().check().is_ok());
    let whole = toml::to_string(&Settings::default()).unwrap();
    assert_eq!(parse(&whole).unwrap(), Settings::default());
    for unknown in ["folders = 'x'", "[alertmanager]\nurls = []"] {
        assert!(
            parse(unknown).unwrap_err().contains("unknown field"),
            "{unknown}"
        );
    }
    let am = |rest: &str| format!("[alertmanager]\nurl = 'http://127.0.0.1:9093'\n{rest}");
    for (text, word) in [
        ("folder = ''".into(), "folder"),
        ("alerts_max = 3".into(), "alerts_max"),
        ("mib_max = 0".into(), "mib_max"),
        ("[alertmanager]\nurl = 'localhost:9093'".into(), "http://"),
        ("[alertmanager]\nurl = 'ftp://h'".into(), "http://"),
        (
            "[alertmanager]\nurl = 'http://u:p@h:9093'".into(),
            "password_file",
        ),
        (
            "[alertmanager]\nurl = 'http://h/api/v2/alerts'".into(),
            "path of the API",
        ),
        ("[alertmanager]\nurl = 'http://h/?x=1'".into(), "query"),
        ("[alertmanager]\ntoken_file = 't'".into(), "no `url`"),
        (am("user = 'u'"), "both `user` and `password_file`"),
        (am("password_file = 'p'"), "both `user` and `password_file`"),
        (
            am("user = 'u'\npassword_file = 'p'\ntoken_file = 't'"),
            "keep one",
        ),
        (am("user = 'a:b'\npassword_file = 'p'"), "colon"),
        (am("repost_seconds = 0"), "repost_seconds"),
        (am("timeout_seconds = 500"), "timeout_seconds"),
        (am("retraction_hours = 0"), "retraction_hours"),
    ] {
        let why = parse(&text).unwrap().check().unwrap_err();
        assert!(why.contains(word), "{text}: {why}");
    }
    for (url, warned) in [
        ("http://127.0.0.1:9093", false),
        ("http://[::1]:9093", false),
        ("http://localhost:9093", false),
        ("https://alerts.example.org", false),
        ("http://alerts.example.org", true),
    ] {
        let text = format!("[alertmanager]\nurl = '{url}'");
        let settings = parse(&text).unwrap();
        assert!(settings.check().is_ok(), "{url}");
        assert_eq!(!settings.warnings().is_empty(), warned, "{url}");
    }
}
