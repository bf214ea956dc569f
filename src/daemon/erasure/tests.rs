//! Erasures that are cut short: finished by time, by the next one, by the next start; never lost.

use super::*;
use crate::base::Timestamp;
use crate::daemon::books::tests::Stand;
use crate::desk::Output;
use crate::desk::tests::hit_event;
use crate::record::Means;
use crate::store::Saved;

/// Books with one open case, `case-0`, about a subject.
fn stand() -> (Stand, SubjectId) {
    let mut stand = Stand::new();
    see(&mut stand, 1);
    let subject = subject_of(&stand).expect("a case");
    (stand, subject)
}

fn see(stand: &mut Stand, seconds: i64) {
    let mut out = Output::default();
    let at = Timestamp::from_secs_nanos(seconds, 0);
    stand.desk.take(hit_event(seconds), at, &mut out);
    stand.books.out.hits.append(&mut out.hits);
    stand.books.out.changes.append(&mut out.changes);
    stand.desk.settle(at, &mut stand.books.out);
    stand.write();
}

fn subject_of(stand: &Stand) -> Option<SubjectId> {
    let mut cases = stand.desk.casework().cases();
    cases.next().map(|case| case.subject.clone())
}

fn by() -> Actor {
    Actor {
        name: "root".into(),
        means: Means::Command,
    }
}

fn folder(stand: &Stand) -> PathBuf {
    stand.folder.path().join("cases")
}

fn pending(stand: &Stand) -> Option<String> {
    read(&folder(stand).join(INTENT))
        .unwrap()
        .map(|intent| intent.reference)
}

/// What the thread of an erasure does, but for waiting.
fn try_erase(stand: &mut Stand, subject: &SubjectId, reference: &str) -> Result<Receipt, String> {
    let sought = Sought {
        subjects: [subject.clone()].into(),
        ..Sought::default()
    };
    let wish = Wish {
        sought,
        reference: reference.into(),
        reason: "art. 17".into(),
    };
    let ledger = stand.folder.path().join("ledger");
    let plan = Plan::make(&ledger, &wish.sought)?;
    let intent = intent(&by(), &wish, plan)?;
    let cases = folder(stand);
    stand.books.registrar.hurry();
    let done = carry_out_planned(&mut stand.desk, &mut stand.books, &cases, intent, &ledger);
    done.map_err(|stop| match stop {
        Stop::Refused(why) => why,
        Stop::Again => "again".into(),
    })
}

/// Nothing can be taken out of the hit log while a folder stands there.
struct Obstacle(PathBuf);

fn obstacle(stand: &Stand) -> Obstacle {
    let path = stand.folder.path().join("hits.jsonl.unfinished");
    fs::create_dir(&path).unwrap();
    Obstacle(path)
}

impl Obstacle {
    fn clear(self) {
        fs::remove_dir(self.0).unwrap();
    }
}

fn named_anywhere(stand: &Stand, word: &str) -> bool {
    fn look(folder: &Path, word: &[u8]) -> bool {
        fs::read_dir(folder).unwrap().flatten().any(|it| {
            let path = it.path();
            match path.is_dir() {
                true => look(&path, word),
                false => fs::read(&path)
                    .unwrap()
                    .windows(word.len())
                    .any(|part| part == word),
            }
        })
    }
    look(stand.folder.path(), word.as_bytes())
}

fn references(stand: &Stand) -> Vec<String> {
    let ledger = stand.folder.path().join("ledger");
    let mut found = Vec::new();
    plan::each(&ledger, 0, Some(&[Kind::Deletion]), |_, entry| {
        if let Body::Act(acted) = entry.body
            && let Act::Erase { reference, .. } = acted.act
        {
            found.push(reference);
        }
    })
    .unwrap();
    found
}

#[test]
fn an_unfinished_erasure_is_never_written_over_by_the_next() {
    let (mut stand, subject) = stand();
    let other = SubjectId::new("person-bbbbbbbbbbbbbbbb".into());
    let stop = obstacle(&stand);
    let why = try_erase(&mut stand, &subject, "first").unwrap_err();
    assert!(why.contains("a part is erased"), "{why}");
    assert_eq!(pending(&stand).as_deref(), Some("first"));

    let why = try_erase(&mut stand, &other, "second").unwrap_err();
    assert!(
        why.contains("`first` is not finished yet and comes first"),
        "{why}"
    );
    assert_eq!(pending(&stand).as_deref(), Some("first"));

    // Killed in between: the next start finds the first one, and it is done.
    let (mut stand, mut cases) = stand.crash();
    let resumed = resume(&folder(&stand), &mut cases).unwrap().unwrap();
    stand
        .desk
        .restore(cases, Timestamp(10), &mut stand.books.out);
    let path = folder(&stand);
    finish(&mut stand.desk, &mut stand.books, &path, resumed);
    assert_eq!(
        pending(&stand).as_deref(),
        Some("first"),
        "the folder still stands"
    );
    stop.clear();
    try_erase(&mut stand, &other, "second").unwrap();
    assert_eq!(references(&stand), ["first", "second"]);
    assert_eq!(pending(&stand), None);
    assert!(!named_anywhere(&stand, subject.as_str()));
}

#[test]
fn what_was_cut_short_is_finished_as_time_goes_by() {
    let (mut stand, subject) = stand();
    let begun = Instant::now();
    let mut finisher = Finisher::new(folder(&stand), begun);
    let stop = obstacle(&stand);
    try_erase(&mut stand, &subject, "first").unwrap_err();
    let mut tick = |stand: &mut Stand, seconds: u64| {
        stand.books.registrar.hurry();
        let now = begun + Duration::from_secs(seconds);
        finisher.tick(&mut stand.desk, &mut stand.books, now);
    };
    tick(&mut stand, 6);
    assert_eq!(pending(&stand).as_deref(), Some("first"));
    stop.clear();
    // The pause slackens: not yet.
    tick(&mut stand, 12);
    assert_eq!(pending(&stand).as_deref(), Some("first"));
    tick(&mut stand, 17);
    assert_eq!(pending(&stand), None);
    assert_eq!(references(&stand), ["first"]);
    assert!(!named_anywhere(&stand, subject.as_str()));
}

/// The person did not stop while the first attempt hung: what came since goes with it.
#[test]
fn what_came_of_the_person_since_goes_with_it() {
    let (mut stand, subject) = stand();
    let stop = obstacle(&stand);
    try_erase(&mut stand, &subject, "first").unwrap_err();
    see(&mut stand, 2_000);
    assert_eq!(subject_of(&stand), Some(subject.clone()), "a new case");
    assert!(named_anywhere(&stand, subject.as_str()));
    stop.clear();
    let path = folder(&stand);
    let done = finish_pending(&mut stand.desk, &mut stand.books, &path);
    let receipt = done.map_err(|it| it.why).unwrap().unwrap();
    assert_eq!(receipt.reference, "first");
    assert_eq!(subject_of(&stand), None);
    assert!(!named_anywhere(&stand, subject.as_str()));
    assert_eq!(stand.logged(), Vec::<String>::new());
}

/// It may not say "erased" while the store's log holds what was deleted.
#[test]
fn while_somebody_reads_the_store_nothing_is_called_erased() {
    let (mut stand, subject) = stand();
    let reader = rusqlite::Connection::open(stand.folder.path().join("store.sqlite")).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM entries;")
        .unwrap();
    let why = try_erase(&mut stand, &subject, "first").unwrap_err();
    assert!(why.contains("still holds what was deleted"), "{why}");
    assert_eq!(pending(&stand).as_deref(), Some("first"));
    assert!(references(&stand).is_empty());
    drop(reader);
    let path = folder(&stand);
    let done = finish_pending(&mut stand.desk, &mut stand.books, &path);
    assert!(done.is_ok_and(|it| it.is_some()));
    assert!(!named_anywhere(&stand, subject.as_str()));
}

#[test]
fn a_saved_view_that_names_them_goes_and_others_stay() {
    let (mut stand, subject) = stand();
    let views = SavedViews::beside(&stand.folder.path().join("store.sqlite"));
    let view = |name: &str, filter: String| Saved {
        page: "cases".into(),
        name: name.into(),
        filter,
    };
    let keep = |view: Saved| views.keep("anna", &view).unwrap();
    keep(view("watch", format!("subject:{subject} -state:closed")));
    keep(view("case-0 again", "case:case-0".into()));
    keep(view(
        "mine",
        "assignee:anna subject:person-bbbbbbbbbbbbbbbb".into(),
    ));
    let receipt = try_erase(&mut stand, &subject, "first").unwrap();
    let left = views.of("anna").unwrap();
    let names: Vec<&str> = left.iter().map(|it| it.name.as_str()).collect();
    // `case-0` is too short to stand for anybody; a real case has sixteen digits.
    assert_eq!(names, ["case-0 again", "mine"]);
    assert_eq!(receipt.saved_views, 1);
    assert!(!named_anywhere(&stand, subject.as_str()));
}
