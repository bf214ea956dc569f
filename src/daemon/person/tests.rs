//! An erasure goes on without whoever asked for it, and its end can be asked for.

use std::sync::mpsc::{Receiver, sync_channel};

use super::*;
use crate::base::Timestamp;
use crate::daemon::books::tests::Stand;
use crate::daemon::office::Incoming;
use crate::desk::Output;
use crate::desk::tests::hit_event;
use crate::record::Means;

fn by() -> Actor {
    Actor {
        name: "root".into(),
        means: Means::Command,
    }
}

/// Works as the office would, until nothing comes any more.
fn work(stand: &mut Stand, inbox: &Receiver<Incoming>) {
    while let Ok(incoming) = inbox.recv_timeout(Duration::from_millis(500)) {
        if let Incoming::Do(what) = incoming {
            what(&mut stand.desk, &mut stand.books);
        }
    }
}

#[tokio::test]
async fn an_erasure_that_takes_long_is_under_way_and_its_end_is_told() {
    let mut stand = Stand::new();
    let mut out = Output::default();
    let at = Timestamp::from_secs_nanos(1, 0);
    stand.desk.take(hit_event(1), at, &mut out);
    stand.books.out = out;
    stand.write();
    let subject = stand
        .desk
        .casework()
        .cases()
        .next()
        .unwrap()
        .subject
        .clone();
    let line = serde_json::json!({"person": {"erase": {
        "sought": {"subjects": [subject], "candidates": [], "addresses": [], "unusable": []},
        "reference": "r7", "reason": "art. 17",
    }}});
    let (sender, inbox) = sync_channel(8);
    let (office, erasures) = (Handle::new(sender), Erasures::default());
    let cases = stand.folder.path().join("cases");
    let ask = async |line: &str| answer(office.clone(), &erasures, cases.clone(), by(), line).await;
    // The office is busy: nobody takes it in yet.
    let Answer::UnderWay(UnderWay { erasure, .. }) = ask(&line.to_string()).await else {
        panic!("it is under way");
    };
    assert_eq!(erasure, Some(1));
    let how = r#"{"person": {"erasure": 1}}"#;
    assert!(matches!(ask(how).await, Answer::UnderWay(_)));
    work(&mut stand, &inbox);
    // As often as somebody asks.
    for _ in 0..2 {
        let Answer::Erased(receipt) = ask(how).await else {
            panic!("it is done");
        };
        assert_eq!((receipt.reference.as_str(), receipt.cases), ("r7", 1));
    }
    let other = ask(r#"{"person": {"erasure": 2}}"#).await;
    assert!(matches!(other, Answer::Refused(why) if why.contains("no erasure 2")));
}

#[tokio::test]
async fn only_so_many_are_remembered_and_none_that_is_under_way_is_forgotten() {
    let erasures = Erasures::default();
    let mut open = Vec::new();
    for number in 1..=ERASURES_MAX as u64 {
        let (told, answered) = oneshot::channel();
        assert_eq!(erasures.begin(answered).map(|it| it.number), Some(number));
        open.push(told);
    }
    let (_told, answered) = oneshot::channel();
    assert!(erasures.begin(answered).is_none());
    // The third ends, and gives its place.
    open.remove(2).send(Err(Refused("x".into()))).unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let (_told, answered) = oneshot::channel();
    assert!(erasures.begin(answered).is_some());
    assert!(erasures.find(3).is_none() && erasures.find(2).is_some());
}
