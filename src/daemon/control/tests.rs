//! What is asked on the socket, how it is answered, and by how many at a time.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::visit::Waits;
use super::*;

#[test]
fn requests_are_read_whole_or_not_at_all() {
    assert_eq!(Ask::parse("reload\n"), Ok(Ask::Reload));
    let roles: Roles = [Role::Analyst, Role::Lead].into_iter().collect();
    let invite = Ask::Invite {
        account: "eva".into(),
        roles,
    };
    assert!(Ask::parse("invite eva lead,analyst\n") == Ok(invite));
    assert_eq!(
        Ask::parse("reset eva\n"),
        Ok(Ask::Reset {
            account: "eva".into()
        })
    );
    for bad in [
        "",
        "invite eva",
        "invite eva root",
        "reloads",
        // A case is closed by an act, with a verdict.
        "close case-1 research",
    ] {
        assert!(
            Ask::parse(bad).is_err_and(|said| said.starts_with("refused ")),
            "{bad:?}"
        );
    }
}

fn refusal(line: &str) -> String {
    let said = Ask::parse(line).unwrap_err();
    match serde_json::from_str(&said).expect(&said) {
        Answer::Refused(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_act_is_one_line_of_json_and_what_is_wrong_is_told_in_json() {
    let line = r#"{"act": {"act": "comment", "case": "case-1", "text": "a\nb"}, "revision": 3}"#;
    let act = Box::new(Act::Comment {
        case: "case-1".into(),
        text: "a\nb".into(),
    });
    let revision = Some(3);
    assert_eq!(Ask::parse(line), Ok(Ask::Act { act, revision }));
    let long = format!("{{\"act\": \"{}\"", "x".repeat(20_000));
    for (bad, part) in [
        (r#"{"act": {"act": "fire", "case": "case-1"}}"#, "fire"),
        (
            r#"{"act": {"act": "acknowledge", "case": "c"}, "by": "root"}"#,
            "by",
        ),
        (r#"{"act""#, "column"),
        (&long, "too long"),
    ] {
        let why = refusal(bad);
        assert!(why.contains(part), "{why}");
    }
}

/// Whoever has the socket is a user of the machine: no officer, and not the program.
#[test]
fn what_the_program_writes_and_what_an_officer_proves_is_no_raw_act() {
    let raw = |act: &str| refusal(&format!("{{\"act\": {act}}}"));
    for act in [
        r#"{"act": "expire", "deleted": []}"#,
        r#"{"act": "erase", "reference": "r", "reason": "x", "deleted": [], "exported": []}"#,
        r#"{"act": "account", "account": "eva", "what": "signed-in", "detail": ""}"#,
    ] {
        let why = raw(act);
        assert!(why.contains("no act that is taken here"), "{act}: {why}");
    }
    for act in [
        r#"{"act": "approve-unsealing", "request": "r", "case": "c", "note": ""}"#,
        r#"{"act": "refuse-unsealing", "request": "r", "case": "c", "reason": "no"}"#,
        r#"{"act": "release-unsealing", "request": "r", "case": "c", "digest": "00"}"#,
    ] {
        let why = raw(act);
        assert!(why.contains("poortwacht unseal approve"), "{act}: {why}");
    }
    let asked = r#"{"act": {"act": "request-unsealing", "request": "r", "case": "c",
        "subject": "person-00", "reason": "x"}}"#;
    assert!(Ask::parse(&asked.replace('\n', " ")).is_ok());
}

async fn ask(path: PathBuf, line: &str) -> String {
    let mut stream = UnixStream::connect(path).await.unwrap();
    stream.write_all(line.as_bytes()).await.unwrap();
    stream.write_all(b"\n").await.unwrap();
    let mut said = String::new();
    BufReader::new(stream).read_line(&mut said).await.unwrap();
    said.trim_end().to_owned()
}

/// Four long ones hold up nobody but the fifth, who is told, and is served when one is done.
#[tokio::test]
async fn visitors_are_served_side_by_side_and_one_too_many_is_told() {
    let waits = Waits {
        place: Duration::from_millis(100),
        ..Waits::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let mut control = Control::bind(&path).unwrap();
    control.waits = waits;
    let (requests, mut asked) = mpsc::channel(8);
    let serving = tokio::spawn(async move { control.serve(requests).await });
    let mut visits = Vec::new();
    let mut held = Vec::new();
    for _ in 0..4 {
        let path = path.clone();
        visits.push(tokio::spawn(async move { ask(path, "reload").await }));
        held.push(asked.recv().await.unwrap());
    }
    let busy = ask(
        path.clone(),
        r#"{"act": {"act": "acknowledge", "case": "c"}}"#,
    )
    .await;
    assert!(busy.starts_with("refused busy"), "{busy}");
    held.pop().unwrap().answer.send("loaded it".into()).unwrap();
    let fifth = tokio::spawn(async move { ask(path, "reset eva").await });
    let request = asked.recv().await.unwrap();
    assert!(matches!(request.ask, Ask::Reset { .. }));
    request.answer.send("reset LINK".into()).unwrap();
    assert_eq!(fifth.await.unwrap(), "reset LINK");
    drop(held);
    let mut said = Vec::new();
    for visit in visits {
        said.push(visit.await.unwrap());
    }
    said.sort();
    assert_eq!(said[0], "loaded it");
    assert_eq!(said[1], "refused the daemon is ending");
    serving.abort();
}

/// What takes long is not refused: it goes on, and whoever asked is told so.
#[tokio::test]
async fn what_takes_long_is_under_way_and_not_refused() {
    let waits = Waits {
        answer: Duration::from_millis(100),
        ..Waits::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let mut control = Control::bind(&path).unwrap();
    control.waits = waits;
    let (requests, mut asked) = mpsc::channel(8);
    let serving = tokio::spawn(async move { control.serve(requests).await });
    for (line, part) in [
        ("reload", "underway it goes on"),
        (
            r#"{"act": {"act": "acknowledge", "case": "c"}}"#,
            "under-way",
        ),
    ] {
        let path = path.clone();
        let visit = tokio::spawn(async move { ask(path, line).await });
        let held = asked.recv().await.unwrap();
        let said = visit.await.unwrap();
        assert!(said.contains(part) && !said.contains("refused"), "{said}");
        drop(held);
    }
    serving.abort();
}
