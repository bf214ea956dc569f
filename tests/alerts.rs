//! Alerts with the real thing: Debian's Alertmanager, kill -9, a full disk.
//!
//! Enters: `prometheus-alertmanager`, and for the full disk root; without them a test prints
//! `skipped:` with the reason. Leaves: a failure that says what was lost or said twice. Never: a
//! network beyond loopback.

#[path = "alerts/stand.rs"]
mod stand;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use poortwacht::alerts::{Outbox, Reason, Settings, Sink};
use poortwacht::base::Timestamp;
use poortwacht::blocklist::Stage;
use poortwacht::casefile::{self, Casefile};
use poortwacht::cases::{Alert, AlertKind, Case};
use poortwacht::hits::{HitLog, Observer, SubjectId, log};
use poortwacht::organisation::Standing;
use serde_json::json;
use stand::{alertmanager, wait};

const PERSON: &str = "person-00112233445566778899aabbccddeeff";

fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Timestamp(i64::try_from(since.as_nanos()).unwrap())
}

fn alert(id: &str, case: &str, kind: AlertKind, stage: Stage) -> Alert {
    Alert {
        id: id.into(),
        kind,
        case: case.into(),
        vendor: "acme-faces".into(),
        vendor_name: "Acme Faces".into(),
        stage,
        standing: Standing::Unauthorised,
        subject: SubjectId::new(PERSON.into()),
        grade: "A".into(),
        confidence: 81,
        unit: Some("Archive".into()),
        site: Some("Harbour".into()),
        time: now(),
        summary: "Acme Faces: a trial account was very likely made by an employee".into(),
        description: "Known, on monitored networks: a form was sent.\nNot known: what it held."
            .into(),
    }
}

fn raised(id: &str, case: &str, stage: Stage) -> Alert {
    alert(id, case, AlertKind::Raised, stage)
}

fn settings(folder: &Path, url: &str) -> Settings {
    let mut settings = Settings {
        folder: folder.join("alerts"),
        ..Settings::default()
    };
    settings.alertmanager.url = url.into();
    settings.alertmanager.repost_seconds = 1;
    settings
}

fn open(settings: &Settings) -> Outbox {
    let observer = Observer {
        name: "gate".into(),
    };
    Outbox::open(settings, &observer, now()).unwrap()
}

#[test]
fn alertmanager_shows_each_case_and_stage_once_also_after_it_was_away() {
    let Some(mut am) = alertmanager() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(&settings(folder.path(), &am.url()));
    // It is not there yet.
    for (id, case, stage) in [
        ("a1", "case-1", Stage::Visited),
        ("a2", "case-1", Stage::SignedUp),
        ("a3", "case-2", Stage::Visited),
        ("a1", "case-1", Stage::Visited),
    ] {
        outbox.put(&raised(id, case, stage), now()).unwrap();
    }
    wait("a failed attempt", || outbox.state(now()).failing.is_some());
    am.start(&[]);
    let all = [
        "PoortwachtTrialAccount case-1",
        "PoortwachtVisited case-1",
        "PoortwachtVisited case-2",
    ];
    am.shows(&all);
    for alert in am.alerts() {
        let text = alert.to_string();
        for private in [PERSON, "Archive", "Harbour"] {
            assert!(!text.contains(private), "{text}");
        }
    }
    // It forgets everything in a restart, and is told again.
    am.stop();
    wait("it is missed", || outbox.state(now()).failing.is_some());
    am.start(&[]);
    am.shows(&all);
    assert!(outbox.state(now()).failed.at(Reason::Unreachable.index()) >= 2);

    outbox.close("case-2", now()).unwrap();
    am.shows(&all[..2]);
    let retraction = alert("a4", "case-1", AlertKind::Retracted, Stage::SignedUp);
    outbox.put(&retraction, now()).unwrap();
    am.shows(&["PoortwachtRetracted case-1", "PoortwachtVisited case-1"]);
    let retracted = am.alerts().into_iter().find(|alert| {
        let name = &alert["labels"]["alertname"];
        name == "PoortwachtRetracted"
    });
    let retracted = retracted.unwrap();
    assert_eq!(retracted["labels"]["severity"], "critical");
    println!("{retracted:#}");
    outbox.close("case-1", now()).unwrap();
    am.shows(&["PoortwachtRetracted case-1"]);

    let notified = am.notified.clone();
    let times = |line: &str| notified.all().iter().filter(|l| *l == line).count();
    for title in all {
        wait(title, || times(&format!("{title} resolved")) == 1);
        // Once before its restart, if it came so far, and once after: its memory was emptied.
        let firing = times(&format!("{title} firing"));
        assert!((1..=2).contains(&firing), "{title}: {:#?}", notified.all());
    }
    wait("the retraction is notified", || {
        times("PoortwachtRetracted case-1 firing") == 1
    });
    let state = outbox.state(now());
    assert_eq!(state.delivered.at(Sink::Alertmanager.index()), 4);
    assert_eq!((state.standing, state.dead), (1, 0));
}

#[test]
fn tls_and_a_password_work_and_without_them_nothing_gets_through() {
    let Some(mut am) = alertmanager() else { return };
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args(["-subj", "/CN=127.0.0.1", "-addext"])
        .arg("subjectAltName=IP:127.0.0.1")
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(am.path("key.pem"))
        .arg("-out")
        .arg(am.path("cert.pem"))
        .output();
    if !made.is_ok_and(|made| made.status.success()) {
        return println!("skipped: no openssl to make a certificate");
    }
    // bcrypt of `open sesame`.
    let hash = "$2b$05$fUWxvxoDqc8ykcL8ON6BleJZnB9C3Y1nAQ0w.a8hoccfMyk4ERXLu";
    let web = format!(
        "tls_server_config: {{cert_file: cert.pem, key_file: key.pem}}\n\
         basic_auth_users: {{gate: '{hash}'}}\n"
    );
    fs::write(am.path("web.yml"), web).unwrap();
    let web = format!("--web.config.file={}", am.path("web.yml").display());
    am.start(&[&web]);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("https://127.0.0.1:{}", am.port);
    let mut settings = settings(folder.path(), &url);
    let password = folder.path().join("password");
    fs::write(&password, "open sesame\n").unwrap();
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();

    let mut outbox = open(&settings);
    outbox
        .put(&raised("a1", "case-1", Stage::Visited), now())
        .unwrap();
    let failed = |outbox: &Outbox, reason: Reason| outbox.state(now()).failed.at(reason.index());
    wait("its certificate is unknown", || {
        failed(&outbox, Reason::Tls) > 0
    });
    println!("{}", outbox.state(now()).failing.unwrap());
    drop(outbox);
    settings.alertmanager.ca_file = am.path("cert.pem");
    let outbox = open(&settings);
    wait("it wants a password", || {
        failed(&outbox, Reason::Settings) > 0
    });
    println!("{}", outbox.state(now()).failing.unwrap());
    drop(outbox);
    settings.alertmanager.user = "gate".into();
    settings.alertmanager.password_file = password;
    let outbox = open(&settings);
    wait("it takes the alert", || outbox.state(now()).standing == 1);
    assert_eq!(outbox.state(now()).failing, None);
}

#[test]
fn what_was_put_before_a_kill_is_delivered_after_it() {
    let Some(mut am) = alertmanager() else { return };
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), &am.url());
    for round in 0..3 {
        let mut child = child("child_that_is_killed")
            .env("ALERTS_FOLDER", folder.path())
            .env("ALERTS_URL", am.url())
            .env("ALERTS_ROUND", round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let put = |line: &String| line.starts_with("put ");
        let seen = lines
            .by_ref()
            .map(Result::unwrap)
            .filter(put)
            .take(5 + round)
            .count();
        assert_eq!(seen, 5 + round);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut outbox = open(&settings);
    let mut log = HitLog::open(
        log::Settings::new(folder.path().join("hits.jsonl")),
        Instant::now(),
    )
    .unwrap();
    outbox.write_log(&mut log, Instant::now());
    am.start(&[]);
    let wanted: Vec<String> = (0..3)
        .flat_map(|round| (0..5 + round).map(move |number| format!("case-{round}-{number}")))
        .collect();
    wait("all are shown", || {
        let shown = am.shown();
        let title = |case: &String| format!("PoortwachtVisited {case}");
        wanted
            .iter()
            .all(|case| shown.get(&title(case)) == Some(&1))
    });
    let log = fs::read_to_string(folder.path().join("hits.jsonl")).unwrap();
    for case in &wanted {
        let record = format!("\"case\":{{\"id\":\"{case}\"");
        assert_eq!(log.matches(&record).count(), 1, "{case}");
    }
}

/// Puts alerts for as long as it lives, and says each that is put.
#[test]
#[ignore = "started and killed by what_was_put_before_a_kill_is_delivered_after_it"]
fn child_that_is_killed() {
    let folder = std::env::var("ALERTS_FOLDER").unwrap();
    let round = std::env::var("ALERTS_ROUND").unwrap();
    let url = std::env::var("ALERTS_URL").unwrap();
    let mut outbox = open(&settings(Path::new(&folder), &url));
    for number in 0..100_000 {
        let case = format!("case-{round}-{number}");
        let id = format!("alert-{round}-{number}");
        outbox
            .put(&raised(&id, &case, Stage::Visited), now())
            .unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "put {case}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn a_full_disk_refuses_whole_and_takes_again() {
    if !nix::unistd::geteuid().is_root() {
        return println!("skipped: a small file system needs root");
    }
    let folder = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=256k poortwacht-test \"$ALERTS_FOLDER\" && exec \"$@\"";
    let child = child("child_on_a_small_disk");
    let run = Command::new("unshare")
        .args(["--mount", "sh", "-c", mount, "sh"])
        .arg(child.get_program())
        .args(child.get_args())
        .env("ALERTS_FOLDER", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
    if said.contains("Operation not permitted") || said.contains("permission denied") {
        return println!("skipped: no file system may be mounted here: {said}");
    }
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

fn case(number: u64) -> Case {
    let text = json!({
        "id": format!("case-{number:016x}"), "revision": 1, "vendor": "acme-faces",
        "vendor_name": "Acme Faces", "subject": PERSON, "stage": "visited",
        "ruling": {"standing": "unauthorised", "entry": null, "reason": "no entry"},
        "confidence": 70, "opened": 1, "updated": 2, "items": [], "items_left_out": 0,
        "steps": [], "band": "x".repeat(3000), "attribution": [], "closed": null,
    });
    serde_json::from_value(text).unwrap()
}

#[test]
#[ignore = "started on a small file system by a_full_disk_refuses_whole_and_takes_again"]
fn child_on_a_small_disk() {
    let folder = PathBuf::from(std::env::var("ALERTS_FOLDER").unwrap());
    let spare = folder.join("spare");
    fs::write(&spare, vec![1; 64 * 1024]).unwrap();
    let settings = casefile::Settings {
        folder: folder.join("cases"),
        ..casefile::Settings::default()
    };
    let (mut file, _) = Casefile::open(&settings, now()).unwrap();
    let mut outbox = open(&Settings {
        folder: folder.join("alerts"),
        ..Settings::default()
    });
    let alert = |number: u64| Alert {
        description: "x".repeat(3000),
        ..raised(&format!("a{number}"), "case-1", Stage::Visited)
    };
    // Both in turn, until the disk is full for both.
    let (mut cases, mut alerts) = (0, 0);
    let (mut case_why, mut alert_why) = (None, None);
    while case_why.is_none() || alert_why.is_none() {
        if case_why.is_none() {
            match file.put(&case(cases)) {
                Ok(_) => cases += 1,
                Err(why) => case_why = Some(why),
            }
        }
        if alert_why.is_none() {
            match outbox.put(&alert(alerts), now()) {
                Ok(()) => alerts += 1,
                Err(why) => alert_why = Some(why),
            }
        }
    }
    for why in [case_why.unwrap(), alert_why.unwrap()] {
        assert!(why.contains("No space left"), "{why}");
    }
    assert!(cases > 3 && alerts > 3, "{cases} {alerts}");
    assert!(file.put(&case(cases)).is_err() && file.state().failing.is_some());
    // Nothing half-written.
    let reading = Casefile::read(&settings.folder).unwrap();
    assert_eq!(
        (reading.cases.len() as u64, reading.broken.len()),
        (cases, 0)
    );
    let journal = fs::read(settings.folder.join("cases.jsonl")).unwrap();
    assert_eq!(journal.last(), Some(&b'\n'));
    for name in fs::read_dir(folder.join("alerts")).unwrap() {
        let name = name.unwrap().file_name().into_string().unwrap();
        assert!(!name.ends_with(".unfinished"), "{name}");
    }
    // Room again: the same are tried again.
    fs::remove_file(spare).unwrap();
    file.put(&case(cases)).unwrap();
    outbox.put(&alert(alerts), now()).unwrap();
    assert_eq!(file.state().failing, None);
    drop((file, outbox));
    let (_, found) = Casefile::open(&settings, now()).unwrap();
    assert_eq!(found.len() as u64, cases + 1);
    let outbox = open(&Settings {
        folder: folder.join("alerts"),
        ..Settings::default()
    });
    let ids: Vec<String> = outbox
        .unlogged(usize::MAX)
        .into_iter()
        .map(|record| record.event.id)
        .collect();
    let wanted: Vec<String> = (0..=alerts).map(|number| format!("a{number}")).collect();
    assert_eq!(ids, wanted);
}

#[test]
fn ten_thousand_alerts_arrive() {
    const COUNT: u64 = 10_000;
    let Some(mut am) = alertmanager() else { return };
    am.start(&[]);
    // In memory: on a disk the time is that of its forced writes.
    let shm = Path::new("/dev/shm");
    let folder = tempfile::tempdir_in(if shm.is_dir() { shm } else { Path::new(".") }).unwrap();
    let mut settings = settings(folder.path(), &am.url());
    settings.alertmanager.repost_seconds = 60;
    let mut outbox = open(&settings);
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    for number in 0..COUNT {
        let alert = raised(
            &format!("a{number}"),
            &format!("case-{number}"),
            Stage::Visited,
        );
        let one = Instant::now();
        outbox.put(&alert, now()).unwrap();
        longest = longest.max(one.elapsed());
    }
    let put = begun.elapsed();
    let standing = || outbox.state(now()).standing;
    let until = Instant::now() + Duration::from_secs(60);
    while standing() < COUNT {
        assert!(Instant::now() < until, "{} of {COUNT}", standing());
        std::thread::sleep(Duration::from_millis(50));
    }
    let told = begun.elapsed();
    assert_eq!(am.alerts().len() as u64, COUNT);
    println!("{COUNT} alerts: put in {put:?} (longest {longest:?}), all told after {told:?}");
    assert!(put < Duration::from_secs(30), "{put:?}");
    let begun = Instant::now();
    outbox.state(now());
    assert!(begun.elapsed() < Duration::from_millis(50));
}

/// This test program, for one of its ignored tests.
fn child(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    command
}
