//! Several sinks on one outbox: each in its own time, in order, once by id; what is lost is counted.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::Value;

use super::*;
use crate::alerts::sinks::SinkSettings;

struct Stand {
    place: Place,
    sinks: Vec<SinkSettings>,
}

impl Stand {
    /// Sinks given as name, kind, address and more lines.
    fn new(sinks: &[(&str, &str, &str, &str)]) -> Self {
        let place = Place::new();
        let secret = place.above.path().join("secret");
        fs::write(&secret, "correct horse battery staple\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&secret, mode).unwrap();
        let above = place.above.path().display().to_string();
        let sinks = sinks.iter().map(|(name, kind, address, more)| {
            let address = address.replace("HERE", &above);
            let more = more.replace("HERE", &above);
            let table =
                format!("name = \"{name}\"\nkind = \"{kind}\"\naddress = \"{address}\"\n{more}");
            toml::from_str(&table).unwrap()
        });
        Self {
            sinks: sinks.collect(),
            place,
        }
    }

    fn open(&self) -> Outbox {
        Outbox::open_with(&self.place.settings, &self.sinks, &observer(), NOW).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.above.path().join(name)
    }

    /// Cases and kinds of the lines in a file of the JSON form.
    fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(name)).unwrap_or_default();
        text.lines()
            .map(|line| {
                let value: Value = serde_json::from_str(line).unwrap();
                format!(
                    "{} {}",
                    value["id"].as_str().unwrap(),
                    value["kind"].as_str().unwrap()
                )
            })
            .collect()
    }
}

const FILE: (&str, &str, &str, &str) = ("near", "lines", "file://HERE/near.jsonl", "");

fn wait(what: &str, good: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !good() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The hit log has taken everything.
fn log_all(outbox: &mut Outbox) {
    for id in ids(outbox) {
        outbox.logged(&id);
    }
}

fn put(outbox: &mut Outbox, alerts: &[Alert]) {
    for alert in alerts {
        outbox.put(alert, NOW).unwrap();
    }
    log_all(outbox);
}

/// An HTTP server that answers each POST with the status that is set, and keeps ids and bodies.
struct Hook {
    port: u16,
    status: Arc<AtomicU16>,
    got: Arc<Mutex<Vec<(String, String)>>>,
}

impl Hook {
    fn new(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let hook = Self {
            port: listener.local_addr().unwrap().port(),
            status: Arc::new(status.into()),
            got: Arc::default(),
        };
        let (status, got) = (Arc::clone(&hook.status), Arc::clone(&hook.got));
        // Ends with the test process.
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
                let post = loop {
                    let Ok(read @ 1..) = stream.read(&mut part) else {
                        break None;
                    };
                    bytes.extend_from_slice(&part[..read]);
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else {
                        continue;
                    };
                    let head = head.to_ascii_lowercase();
                    let header = |name: &str| {
                        let line = head.lines().find(|line| line.starts_with(name));
                        line.and_then(|line| line.split_once(": "))
                            .map(|(_, v)| v.to_owned())
                    };
                    if body.len() >= header("content-length").unwrap().parse().unwrap() {
                        break Some((header("webhook-id").unwrap_or_default(), body.to_owned()));
                    }
                };
                let status = status.load(Ordering::Relaxed);
                got.lock().unwrap().extend(post);
                let answer = format!(
                    "HTTP/1.1 {status} x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nwhy"
                );
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        hook
    }

    fn ids(&self) -> Vec<String> {
        let got = self.got.lock().unwrap();
        got.iter().map(|(id, _)| id.clone()).collect()
    }

    fn sink(&self) -> (String, String) {
        (
            format!("http://127.0.0.1:{}/hook", self.port),
            "secret_file = \"HERE/secret\"".into(),
        )
    }
}

#[test]
fn each_sink_gets_everything_in_order_and_the_file_goes_when_all_have_it() {
    let stand = Stand::new(&[
        FILE,
        (
            "far",
            "lines",
            "file://HERE/far.jsonl",
            "severity = \"critical\"",
        ),
    ]);
    let mut outbox = stand.open();
    put(
        &mut outbox,
        &[
            raised("a1", "case-1", Stage::Visited),
            raised("a2", "case-1", Stage::SignedUp),
            alert("a3", "case-1", AlertKind::Retracted, Stage::SignedUp),
            alert("a4", "case-1", AlertKind::Resolved, Stage::Visited),
        ],
    );
    wait("both have it", || stand.place.files().is_empty());
    let all = ["a1 raised", "a2 raised", "a3 retracted", "a4 resolved"];
    assert_eq!(stand.lines("near.jsonl"), all);
    assert_eq!(stand.lines("far.jsonl"), all[1..3]);
    let state = outbox.state(NOW);
    let sent: Vec<u64> = state.sinks.iter().map(|it| it.sent).collect();
    assert_eq!(sent, [4, 2]);
    let text = fs::read_to_string(stand.path("near.jsonl")).unwrap();
    assert!(!text.contains(PERSON) && !text.contains("Archive"));
    drop(outbox);
    // Nothing comes twice after a restart.
    let mut outbox = stand.open();
    put(&mut outbox, &[raised("a5", "case-2", Stage::SignedUp)]);
    wait("the new one", || stand.lines("near.jsonl").len() == 5);
    assert_eq!(stand.lines("far.jsonl").len(), 3);
}

#[test]
fn an_absent_sink_delays_nobody_and_gets_it_all_when_it_is_back() {
    let stand = Stand::new(&[FILE, ("gone", "lines", "file://HERE/later/gone.jsonl", "")]);
    let mut outbox = stand.open();
    put(
        &mut outbox,
        &[
            raised("a1", "case-1", Stage::Visited),
            raised("a2", "case-1", Stage::SignedUp),
        ],
    );
    wait("the near one", || stand.lines("near.jsonl").len() == 2);
    wait("it is said", || {
        outbox.state(NOW).sinks[1].failing.is_some()
    });
    let later = Timestamp(NOW.nanos() + 90_000_000_000);
    let state = outbox.state(later);
    assert_eq!(
        (state.sinks[1].waiting, state.sinks[1].oldest_seconds),
        (2, 90)
    );
    assert!(state.sinks[1].failed.at(Reason::Settings.index()) > 0);
    wait("the near one is through", || {
        outbox.state(NOW).sinks[0].waiting == 0
    });
    let looked = crate::alerts::look(&stand.place.settings.folder, &stand.sinks).unwrap();
    assert_eq!(looked[2].waiting, 2);
    assert_eq!(looked[2].oldest, Some(NOW.to_string()));
    // A crash: nobody says goodbye.
    drop(outbox);
    let outbox = stand.open();
    fs::create_dir(stand.path("later")).unwrap();
    wait("it is back", || stand.lines("later/gone.jsonl").len() == 2);
    assert_eq!(stand.lines("later/gone.jsonl"), ["a1 raised", "a2 raised"]);
    assert_eq!(stand.lines("near.jsonl").len(), 2);
    wait("good again", || {
        outbox.state(NOW).sinks[1].failing.is_none()
    });
    assert!(stand.place.files().is_empty());
}

#[test]
fn at_its_own_bound_a_sink_loses_the_oldest_and_it_is_counted() {
    let gone = (
        "gone",
        "lines",
        "file://HERE/later/gone.jsonl",
        "waiting_max = 3",
    );
    let stand = Stand::new(&[FILE, gone]);
    let mut outbox = stand.open();
    let alerts: Vec<Alert> = (0..5)
        .map(|n| raised(&format!("a{n}"), &format!("case-{n}"), Stage::SignedUp))
        .collect();
    put(&mut outbox, &alerts);
    wait("near", || stand.lines("near.jsonl").len() == 5);
    wait("settled", || outbox.state(NOW).sinks[0].waiting == 0);
    let state = outbox.state(NOW);
    assert_eq!(state.sinks[1].waiting, 3);
    assert_eq!(state.sinks[1].lost.at(Lost::Waiting.index()), 2);
    assert_eq!(state.sinks[0].lost.total(), 0);
    assert_eq!(stand.place.files().len(), 3);
    fs::create_dir(stand.path("later")).unwrap();
    wait("the rest", || stand.lines("later/gone.jsonl").len() == 3);
    assert_eq!(stand.lines("later/gone.jsonl")[0], "a2 raised");
}

#[test]
fn at_the_bound_of_the_spool_what_only_a_sink_waits_for_gives_way() {
    let mut stand = Stand::new(&[("gone", "lines", "file://HERE/later/gone.jsonl", "")]);
    stand.place.settings.alerts_max = 10;
    let mut outbox = stand.open();
    for n in 0..15 {
        put(
            &mut outbox,
            &[raised(
                &format!("a{n}"),
                &format!("case-{n}"),
                Stage::SignedUp,
            )],
        );
    }
    let state = outbox.state(NOW);
    assert_eq!(state.refused, 0, "nobody else is refused");
    assert_eq!(state.sinks[0].lost.at(Lost::Spool.index()), 5);
    assert_eq!(state.sinks[0].waiting, 10);
    // What the hit log waits for does not give way.
    for n in 20..30 {
        outbox
            .put(&raised(&format!("a{n}"), "case-x", Stage::SignedUp), NOW)
            .unwrap();
    }
    let refused = outbox.put(&raised("a30", "case-y", Stage::SignedUp), NOW);
    assert!(refused.is_err());
}

#[test]
fn what_a_sink_refuses_is_a_dead_letter_that_can_be_sent_again() {
    let hook = Hook::new(422);
    let (address, more) = hook.sink();
    let stand = Stand::new(&[("hook", "webhook", &address, &more), FILE]);
    let folder = &stand.place.settings.folder;
    let mut outbox = stand.open();
    put(
        &mut outbox,
        &[
            raised("a1", "case-1", Stage::SignedUp),
            raised("a2", "case-2", Stage::Visited),
        ],
    );
    wait("both refused", || outbox.state(NOW).sinks[0].dead == 2);
    assert_eq!(
        outbox.state(NOW).sinks[0]
            .failed
            .at(Reason::Rejected.index()),
        2
    );
    wait("nothing is held up", || stand.place.files().is_empty());
    assert_eq!(stand.lines("near.jsonl").len(), 2);
    let dead = letters(folder).unwrap();
    let told: Vec<_> = dead
        .iter()
        .map(|it| {
            (
                it.sink.as_str(),
                it.id.as_str(),
                it.status,
                it.answer.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [("hook", "a1", 422, "why"), ("hook", "a2", 422, "why")]
    );
    // Refused once more: it is a dead letter again.
    assert!(replay(folder, &dead[0]).unwrap());
    assert!(!replay(folder, &dead[0]).unwrap(), "it is on its way");
    wait("again", || hook.ids().len() == 3);
    wait("dead again", || letters(folder).unwrap().len() == 2);
    hook.status.store(204, Ordering::Relaxed);
    for letter in &letters(folder).unwrap() {
        assert!(replay(folder, letter).unwrap());
    }
    wait("taken", || outbox.state(NOW).sinks[0].sent == 2);
    assert_eq!(hook.ids()[3..], ["a1", "a2"]);
    wait("none left", || outbox.state(NOW).sinks[0].dead == 0);
    assert_eq!(fs::read_dir(folder.join("replay")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(folder.join("dead")).unwrap().count(), 0);
}

#[test]
fn a_letter_that_was_asked_for_while_nobody_ran_goes_out_at_the_next_start() {
    let hook = Hook::new(400);
    let (address, more) = hook.sink();
    let stand = Stand::new(&[("hook", "webhook", &address, &more)]);
    let folder = &stand.place.settings.folder;
    let mut outbox = stand.open();
    put(&mut outbox, &[raised("a1", "case-1", Stage::SignedUp)]);
    wait("refused", || outbox.state(NOW).sinks[0].dead == 1);
    drop(outbox);
    hook.status.store(200, Ordering::Relaxed);
    assert!(replay(folder, &letters(folder).unwrap()[0]).unwrap());
    let outbox = stand.open();
    wait("taken", || outbox.state(NOW).sinks[0].sent == 1);
}

#[test]
fn a_server_in_trouble_gets_the_same_alert_until_it_takes_it_and_the_next_only_then() {
    let hook = Hook::new(503);
    let (address, more) = hook.sink();
    let stand = Stand::new(&[("hook", "webhook", &address, &more)]);
    let mut outbox = stand.open();
    put(
        &mut outbox,
        &[
            raised("a1", "case-1", Stage::SignedUp),
            raised("a2", "case-1", Stage::Searching),
        ],
    );
    wait("two attempts", || hook.ids().len() >= 2);
    hook.status.store(200, Ordering::Relaxed);
    wait("both", || outbox.state(NOW).sinks[0].sent == 2);
    let ids = hook.ids();
    let (last, before) = ids.split_last().unwrap();
    assert_eq!(last, "a2");
    assert!(before.iter().all(|id| id == "a1"), "{ids:?}");
    assert_eq!(outbox.state(NOW).sinks[0].dead, 0);
}

#[test]
fn a_throttle_folds_alerts_but_no_retraction() {
    let more = "throttle_alerts = 1\nthrottle_minutes = 60";
    let stand = Stand::new(&[("calm", "lines", "file://HERE/calm.jsonl", more)]);
    let mut outbox = stand.open();
    put(
        &mut outbox,
        &[
            raised("a1", "case-1", Stage::SignedUp),
            raised("a2", "case-2", Stage::SignedUp),
            raised("a3", "case-3", Stage::SignedUp),
            alert("a4", "case-2", AlertKind::Retracted, Stage::SignedUp),
        ],
    );
    wait("what goes", || stand.lines("calm.jsonl").len() == 2);
    assert_eq!(stand.lines("calm.jsonl"), ["a1 raised", "a4 retracted"]);
    wait("counted", || outbox.state(NOW).sinks[0].folded == 2);
    wait("settled", || stand.place.files().is_empty());
    // The count is owed over a restart.
    drop(outbox);
    let place = stand.place.settings.folder.join("sinks/calm.json");
    let kept: Value = serde_json::from_slice(&fs::read(&place).unwrap()).unwrap();
    assert_eq!(kept["throttle"]["windows"]["acme"]["folded"], 2, "{kept:#}");
    // An hour later.
    let mut kept = kept;
    kept["throttle"]["windows"]["acme"]["since"] = 1.into();
    fs::write(&place, kept.to_string()).unwrap();
    let outbox = stand.open();
    wait("the count", || stand.lines("calm.jsonl").len() == 3);
    let text = fs::read_to_string(stand.path("calm.jsonl")).unwrap();
    let count: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&count["kind"], &count["count"]),
        (&"folded".into(), &2.into())
    );
    assert!(
        count["description"]
            .as_str()
            .unwrap()
            .contains("case-2 case-3")
    );
    drop(outbox);
}

#[test]
fn erasure_reaches_what_waits_what_is_dead_and_what_was_folded() {
    let hook = Hook::new(422);
    let (address, more) = hook.sink();
    let calm = (
        "calm",
        "lines",
        "file://HERE/calm.jsonl",
        "throttle_alerts = 1",
    );
    let gone = ("gone", "lines", "file://HERE/later/gone.jsonl", "");
    let stand = Stand::new(&[("hook", "webhook", &address, &more), calm, gone]);
    let folder = stand.place.settings.folder.clone();
    let mut outbox = stand.open();
    put(
        &mut outbox,
        &[
            raised("a1", "case-keep", Stage::SignedUp),
            raised("a2", "case-gone", Stage::SignedUp),
        ],
    );
    wait("dead", || outbox.state(NOW).sinks[0].dead == 2);
    wait("folded", || outbox.state(NOW).sinks[1].folded == 1);
    let waiting = letters(&folder).unwrap();
    let letter = waiting.iter().find(|it| it.case == "case-gone").unwrap();
    // As if somebody had just asked for it, in a moment when the sink does not look.
    assert!(replay(&folder, letter).unwrap());
    let words = Mentions::new(&[String::from("case-gone")].into()).unwrap();
    outbox.erase(&words).unwrap();
    drop(outbox);
    let mut left = String::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                left += &path.display().to_string();
                left += &String::from_utf8_lossy(&fs::read(&path).unwrap());
            }
        }
    }
    assert!(
        left.contains("case-keep") && !left.contains("case-gone"),
        "{left}"
    );
}

#[test]
fn a_new_sink_begins_now_and_one_that_left_is_forgotten() {
    let mut stand = Stand::new(&[("gone", "lines", "file://HERE/later/gone.jsonl", "")]);
    let mut outbox = stand.open();
    put(&mut outbox, &[raised("a1", "case-1", Stage::SignedUp)]);
    wait("said", || outbox.state(NOW).sinks[0].failing.is_some());
    drop(outbox);
    stand.sinks = Stand::new(&[FILE]).sinks;
    stand.sinks[0].address = format!("file://{}", stand.path("near.jsonl").display());
    let mut outbox = stand.open();
    assert!(
        stand.place.files().is_empty(),
        "nobody waits for it any more"
    );
    put(&mut outbox, &[raised("a2", "case-1", Stage::Searching)]);
    wait("the new one", || stand.lines("near.jsonl") == ["a2 raised"]);
}

#[test]
fn half_a_line_of_a_crash_stays_a_line_of_its_own() {
    let stand = Stand::new(&[FILE]);
    fs::write(stand.path("near.jsonl"), "{\"half").unwrap();
    let mut outbox = stand.open();
    put(&mut outbox, &[raised("a1", "case-1", Stage::SignedUp)]);
    wait("written", || outbox.state(NOW).sinks[0].sent == 1);
    let text = fs::read_to_string(stand.path("near.jsonl")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "{\"half");
    assert!(serde_json::from_str::<Value>(lines[1]).is_ok());
}

#[test]
fn a_letter_for_alertmanager_comes_back_into_the_spool_but_not_to_the_others() {
    let stand = Stand::new(&[FILE]);
    let mut settings = stand.place.settings.clone();
    settings.alertmanager.url = "http://127.0.0.1:9/".into();
    let alert = raised("a1", "case-1", Stage::SignedUp);
    let limits = Limits {
        alerts: 100,
        bytes: 1 << 20,
    };
    let open = || Spool::open(&settings.folder, limits, (true, &stand.sinks), NOW).unwrap();
    let (mut spool, lock) = open();
    assert!(spool.put(&alert, NOW).is_ok());
    let number = *spool.news().first().unwrap();
    spool.bury(number, 400, "no", NOW);
    spool.logged("a1");
    spool.passed(0, &[number]);
    spool.save(0);
    assert_eq!((spool.dead(), stand.place.files().len()), (1, 0));
    let dead = letters(&settings.folder).unwrap();
    assert_eq!(dead[0].sink, "alertmanager");
    assert!(replay(&settings.folder, &dead[0]).unwrap());
    spool.revive(NOW);
    assert_eq!((spool.dead(), spool.news().len()), (0, 1));
    assert!(spool.cursors()[0].waiting().is_empty());
    // Of a case that was closed while the letter lay there, it is told that it is over too.
    spool.bury(number, 400, "no", NOW);
    spool.close("case-1", NOW).unwrap();
    let dead = letters(&settings.folder).unwrap();
    assert!(replay(&settings.folder, &dead[0]).unwrap());
    spool.revive(NOW);
    assert!(spool.told(number, NOW));
    assert_eq!((spool.standing().len(), spool.endings().len()), (0, 1));
    drop((spool, lock));
    let (spool, _lock) = open();
    assert_eq!(spool.endings().len(), 1);
}
