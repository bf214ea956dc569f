//! The courier against a server that answers what the test tells it to.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;

use serde_json::Value;

use super::*;

/// A post as it arrived.
struct Got {
    head: String,
    alerts: Vec<Value>,
}

impl Got {
    /// `alertname/stage/standing` and whether it is over, of each alert.
    fn says(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let says = |alert: &Value| {
            let over = text(&alert["endsAt"]) <= wall();
            let name = text(&alert["labels"]["alertname"]);
            let standing = text(&alert["labels"]["standing"]);
            let mark = if over { " over" } else { "" };
            format!("{} {name} {standing}{mark}", text(&alert["labels"]["case"]))
        };
        self.alerts.iter().map(says).collect()
    }
}

fn wall() -> String {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Timestamp(i64::try_from(since.as_nanos()).unwrap()).to_string()
}

/// The whole answer to a post.
type Answer = Box<dyn Fn(&Got) -> String + Send>;

/// Answers each post by what the test set, and keeps it.
struct Server {
    port: u16,
    got: Arc<Mutex<Vec<Got>>>,
    answer: Arc<Mutex<Answer>>,
}

fn status(line: &'static str) -> impl Fn(&Got) -> String + Send {
    move |_| format!("HTTP/1.1 {line}\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwhy\n")
}

impl Server {
    fn new(answer: impl Fn(&Got) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            got: Arc::default(),
            answer: Arc::new(Mutex::new(Box::new(answer))),
        };
        let (got, answer) = (Arc::clone(&server.got), Arc::clone(&server.answer));
        // Ends with the test process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some((mut stream, post)) = receive(stream) else {
                    continue;
                };
                let text = answer.lock().unwrap()(&post);
                got.lock().unwrap().push(post);
                let _ = stream.write_all(text.as_bytes());
            }
        });
        server
    }

    fn answers(&self, answer: impl Fn(&Got) -> String + Send + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }

    /// What has been said since the last look, waiting up to ten seconds for `enough`.
    fn said(&self, enough: impl Fn(&[String]) -> bool) -> Vec<String> {
        let until = Instant::now() + Duration::from_secs(10);
        let mut said = Vec::new();
        loop {
            let got = std::mem::take(&mut *self.got.lock().unwrap());
            said.extend(got.iter().flat_map(Got::says));
            if enough(&said) {
                return said;
            }
            assert!(Instant::now() < until, "only {said:#?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn receive(mut stream: TcpStream) -> Option<(TcpStream, Got)> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let lower = head.to_ascii_lowercase();
        let len = lower.split("content-length: ").nth(1)?;
        if body.len() >= len.lines().next()?.parse().ok()? {
            let got = Got {
                head: head.into(),
                alerts: serde_json::from_str(body).ok()?,
            };
            return Some((stream, got));
        }
    }
}

/// Waits up to ten seconds for a state of the outbox.
fn wait_for(outbox: &Outbox, what: &str, is: impl Fn(&State) -> bool) -> State {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let state = outbox.state(NOW);
        if is(&state) {
            return state;
        }
        assert!(Instant::now() < until, "{what}: {state:#?}");
        thread::sleep(Duration::from_millis(20));
    }
}

const POSTED: usize = Sink::Alertmanager.index();

#[test]
fn an_alert_is_told_again_and_again_until_its_case_is_closed() {
    let server = Server::new(status("200 OK"));
    let place = Place::new().posting(server.port);
    let mut outbox = place.open();
    outbox
        .put(&raised("a", "case-1", Stage::Visited), NOW)
        .unwrap();
    let wanted = "case-1 PoortwachtVisited unauthorised";
    let said = server.said(|said| said.len() >= 3);
    assert!(said.iter().all(|said| said == wanted), "{said:?}");
    let state = outbox.state(NOW);
    assert_eq!((state.delivered.at(POSTED), state.standing), (1, 1));
    outbox.logged("a");
    assert_eq!(place.files(), ["a.logged.standing"]);
    outbox.close("case-2", NOW).unwrap();
    outbox.close("case-1", NOW).unwrap();
    outbox.close("case-1", NOW).unwrap();
    let over = format!("{wanted} over");
    server.said(|said| said.last() == Some(&over));
    wait_for(&outbox, "empty", |state| {
        state.standing == 0 && state.spool_bytes == 0
    });
    thread::sleep(Duration::from_millis(1500));
    assert!(server.got.lock().unwrap().is_empty(), "told after its end");
    assert!(place.files().is_empty());
}

#[test]
fn what_stood_before_a_restart_is_told_at_once_after_it() {
    let server = Server::new(status("200 OK"));
    let mut place = Place::new().posting(server.port);
    place.settings.alertmanager.repost_seconds = 3600;
    let mut outbox = place.open();
    outbox
        .put(&raised("a", "case-1", Stage::Visited), NOW)
        .unwrap();
    wait_for(&outbox, "told", |state| state.standing == 1);
    drop(outbox);
    server.said(|said| said.len() == 1);
    let outbox = place.open();
    server.said(|said| said.len() == 1);
    assert_eq!(outbox.state(NOW).delivered.at(POSTED), 0, "not new");
    drop(outbox);
    // Without an Alertmanager in the config it waits for the log alone.
    place.settings.alertmanager = Alertmanager::default();
    let outbox = place.open();
    assert_eq!(outbox.state(NOW).standing, 0);
    assert_eq!(place.files(), ["a.log.off"]);
}

#[test]
fn a_retraction_ends_the_alert_and_stands_beside_it() {
    let server = Server::new(status("200 OK"));
    let place = Place::new().posting(server.port);
    let mut outbox = place.open();
    outbox
        .put(&raised("a", "case-1", Stage::Visited), NOW)
        .unwrap();
    outbox
        .put(&raised("b", "case-1", Stage::SignedUp), NOW)
        .unwrap();
    wait_for(&outbox, "told", |state| state.standing == 2);
    let retraction = alert("c", "case-1", AlertKind::Retracted, Stage::SignedUp);
    outbox.put(&retraction, NOW).unwrap();
    let over = "case-1 PoortwachtTrialAccount unauthorised over";
    let retracted = "case-1 PoortwachtRetracted unauthorised";
    let said = server.said(|said| said.iter().any(|s| s == over));
    let at = |what: &str| said.iter().position(|s| s == what);
    assert!(at(retracted).unwrap() < at(over).unwrap(), "{said:?}");
    // The retraction and the other stage go on.
    server.said(|said| {
        let times = |what: &str| said.iter().filter(|s| *s == what).count();
        times(retracted) >= 2 && times("case-1 PoortwachtVisited unauthorised") >= 2
    });
    // Closing the case leaves the retraction where it is.
    outbox.close("case-1", NOW).unwrap();
    let state = wait_for(&outbox, "closed", |state| state.standing == 1);
    assert_eq!(state.retracted.at(Stage::SignedUp.index()), 1);
    server.said(|said| said.last().is_some_and(|s| s == retracted));
}

#[test]
fn another_standing_replaces_the_alert_and_the_same_labels_are_one_alert() {
    let server = Server::new(status("200 OK"));
    let mut place = Place::new().posting(server.port);
    place.settings.alertmanager.repost_seconds = 3600;
    let mut outbox = place.open();
    outbox
        .put(&raised("a", "case-1", Stage::Visited), NOW)
        .unwrap();
    wait_for(&outbox, "told", |state| state.standing == 1);
    server.said(|said| said.len() == 1);
    // More confidence, same labels: nothing is over.
    outbox
        .put(&raised("b", "case-1", Stage::Visited), NOW)
        .unwrap();
    assert_eq!(
        server.said(|said| said.len() == 1),
        ["case-1 PoortwachtVisited unauthorised"]
    );
    wait_for(&outbox, "one", |state| state.standing == 1);
    let worse = Alert {
        standing: Standing::OutOfScope,
        ..raised("c", "case-1", Stage::Visited)
    };
    outbox.put(&worse, NOW).unwrap();
    assert_eq!(
        server.said(|said| said.len() == 2),
        [
            "case-1 PoortwachtVisited out-of-scope",
            "case-1 PoortwachtVisited unauthorised over"
        ]
    );
    wait_for(&outbox, "one again", |state| state.standing == 1);
    outbox
        .put(
            &alert("d", "case-1", AlertKind::Resolved, Stage::Visited),
            NOW,
        )
        .unwrap();
    assert_eq!(
        server.said(|said| said.len() == 1),
        ["case-1 PoortwachtVisited out-of-scope over"]
    );
    assert_eq!(
        ids(&outbox),
        ["a", "b", "c", "d"],
        "the hit log gets all of them"
    );
}

#[test]
fn while_it_is_away_alerts_wait_and_then_come_in_order() {
    let server = Server::new(status("503 Service Unavailable"));
    let place = Place::new().posting(server.port);
    let mut outbox = place.open();
    let begun = Instant::now();
    outbox
        .put(&raised("a", "case-1", Stage::Visited), NOW)
        .unwrap();
    outbox
        .put(&raised("b", "case-1", Stage::SignedUp), NOW)
        .unwrap();
    outbox.close("case-1", NOW).unwrap();
    let state = wait_for(&outbox, "failing", |state| state.failing.is_some());
    assert_eq!(state.waiting.at(POSTED), 2);
    assert!(state.failed.at(Reason::Unavailable.index()) >= 1);
    let why = state.failing.unwrap();
    assert!(
        why.contains("503") && why.contains("why") && why.contains("2 wait"),
        "{why}"
    );
    // What it was told while it refused does not count.
    server.got.lock().unwrap().clear();
    server.answers(status("200 OK"));
    assert_eq!(
        server.said(|said| said.len() >= 4),
        [
            "case-1 PoortwachtVisited unauthorised",
            "case-1 PoortwachtTrialAccount unauthorised",
            "case-1 PoortwachtVisited unauthorised over",
            "case-1 PoortwachtTrialAccount unauthorised over",
        ]
    );
    wait_for(&outbox, "all told", |state| state.waiting.at(POSTED) == 0);
    assert!(outbox.state(NOW).failing.is_none());
    assert!(begun.elapsed() >= Duration::from_millis(500), "no pause");
}

#[test]
fn one_alert_that_it_will_not_take_does_not_hold_up_the_others() {
    let bad = |got: &Got| {
        let meant = |alert: &Value| alert["labels"]["case"] == "case-bad";
        if got.alerts.iter().any(meant) {
            status("400 Bad Request")(got)
        } else {
            status("200 OK")(got)
        }
    };
    let server = Server::new(status("503 Service Unavailable"));
    let place = Place::new().posting(server.port);
    let mut outbox = place.open();
    for case in ["case-1", "case-bad", "case-2"] {
        outbox
            .put(&raised(case, case, Stage::Visited), NOW)
            .unwrap();
    }
    server.answers(bad);
    let state = wait_for(&outbox, "delivered", |state| {
        state.delivered.at(POSTED) == 2
    });
    assert_eq!(
        (state.dead, state.standing, state.waiting.at(POSTED)),
        (1, 2, 0)
    );
    assert_eq!(state.failed.at(Reason::Rejected.index()), 1);
    let dead = place
        .settings
        .folder
        .join("dead/0000000000000002-case-bad.json");
    let letter: Value = serde_json::from_slice(&fs::read(dead).unwrap()).unwrap();
    assert_eq!(letter["answer"]["status"], 400);
    assert_eq!(letter["answer"]["text"], "why");
    assert_eq!(letter["alert"]["case"], "case-bad");
    // The hit log still gets it.
    assert_eq!(ids(&outbox), ["case-1", "case-bad", "case-2"]);
    drop(outbox);
    let outbox = place.open();
    assert_eq!(outbox.state(NOW).dead, 1);
    assert_eq!(ids(&outbox).len(), 3);
}

#[test]
fn what_speaks_of_our_settings_is_tried_again() {
    for line in [
        "401 Unauthorized",
        "404 Not Found",
        "302 Found",
        "429 Too Many Requests",
    ] {
        let server = Server::new(status(line));
        let place = Place::new().posting(server.port);
        let mut outbox = place.open();
        outbox
            .put(&raised("a", "case-1", Stage::Visited), NOW)
            .unwrap();
        wait_for(&outbox, line, |state| state.failing.is_some());
        server.answers(status("200 OK"));
        let state = wait_for(&outbox, line, |state| state.standing == 1);
        assert_eq!(
            (state.dead, state.failed.at(Reason::Rejected.index())),
            (0, 0)
        );
    }
}

#[test]
fn a_server_that_never_answers_holds_up_nobody() {
    // Takes connections, says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut place = Place::new().posting(listener.local_addr().unwrap().port());
    place.settings.alertmanager.timeout_seconds = 4;
    let mut outbox = place.open();
    let begun = Instant::now();
    for number in 0..20 {
        let alert = raised(&format!("a{number}"), "case-1", Stage::Visited);
        outbox.put(&alert, NOW).unwrap();
    }
    outbox.close("case-1", NOW).unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    let state = wait_for(&outbox, "timeout", |state| state.failing.is_some());
    assert!(state.failed.at(Reason::Timeout.index()) >= 1, "{state:?}");
    let begun = Instant::now();
    outbox.finish(Duration::from_secs(60));
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    drop(place.open());
}

#[test]
fn nobody_there_is_unreachable() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let place = Place::new().posting(port);
    let mut outbox = place.open();
    outbox
        .put(&raised("a", "case-1", Stage::Visited), NOW)
        .unwrap();
    let state = wait_for(&outbox, "failing", |state| state.failing.is_some());
    assert!(
        state.failed.at(Reason::Unreachable.index()) >= 1,
        "{state:?}"
    );
}

#[test]
fn finishing_brings_what_waits() {
    let server = Server::new(status("200 OK"));
    let place = Place::new().posting(server.port);
    let mut outbox = place.open();
    outbox
        .put(&raised("a", "case-1", Stage::Visited), NOW)
        .unwrap();
    outbox.finish(Duration::from_secs(10));
    assert_eq!(server.said(|said| !said.is_empty()).len(), 1);
    assert_eq!(place.files(), ["a.log.standing"]);
}

#[test]
fn secrets_go_along_and_a_file_that_others_may_read_is_refused() {
    let server = Server::new(status("200 OK"));
    let mut place = Place::new().posting(server.port);
    let file = place.above.path().join("secret");
    fs::write(&file, "open sesame\n").unwrap();
    let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o600);
    place.settings.alertmanager.token_file = file.clone();
    let head = |place: &Place| {
        let mut outbox = place.open();
        let id = format!("a{}", place.files().len());
        outbox.put(&raised(&id, &id, Stage::Visited), NOW).unwrap();
        wait_for(&outbox, "told", |state| state.waiting.at(POSTED) == 0);
        let got = std::mem::take(&mut *server.got.lock().unwrap());
        got[0].head.to_ascii_lowercase()
    };
    let sent = head(&place);
    assert!(sent.contains("authorization: bearer open sesame"), "{sent}");
    assert!(sent.starts_with("post /api/v2/alerts "), "{sent}");
    let a = &mut place.settings.alertmanager;
    (a.user, a.password_file) = ("gate".into(), std::mem::take(&mut a.token_file));
    let sent = head(&place);
    assert!(
        sent.contains("authorization: basic z2f0ztpvcgvuihnlc2ftzq=="),
        "{sent}"
    );
    let refused = || {
        Outbox::open(&place.settings, &observer(), NOW)
            .err()
            .unwrap()
    };
    mode(0o640);
    let why = refused();
    assert!(
        why.contains("chmod 600") && !why.contains("sesame"),
        "{why}"
    );
    mode(0o600);
    fs::write(&file, "\nsecond line\n").unwrap();
    assert!(refused().contains("empty"), "{}", refused());
    fs::remove_file(&file).unwrap();
    assert!(
        refused().contains("cannot read the secret"),
        "{}",
        refused()
    );
}
