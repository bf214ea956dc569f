//! A journal through crashes, broken lines, full disks and time; sealed records beside it.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::cases::sample::case;

fn sealed(subject: &str, key: &str, text: &str) -> Sealed {
    Sealed {
        hosts: Vec::new(),
        subject: SubjectId::new(subject.into()),
        key: "0123456789abcdef".into(),
        threshold: 2,
        shares: vec![("dpo".into(), key.into())],
        text: text.into(),
    }
}

/// A folder to be made by the case file, and the folder it stands in.
fn settings() -> (tempfile::TempDir, Settings) {
    let above = tempfile::tempdir().unwrap();
    let settings = Settings {
        folder: above.path().join("cases"),
        ..Settings::default()
    };
    (above, settings)
}

fn open(settings: &Settings) -> (Casefile, Vec<Case>) {
    Casefile::open(settings, Timestamp(3_000_000_000)).unwrap()
}

fn journal(settings: &Settings) -> PathBuf {
    journal_in(&settings.folder)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_newest_revision_of_each_case_comes_back() {
    let (_above, settings) = settings();
    let (mut file, cases) = open(&settings);
    assert!(cases.is_empty());
    for (id, revision) in [("b", 1), ("a", 1), ("b", 2), ("b", 3), ("a", 2)] {
        file.put(&case(id, revision, "person-1")).unwrap();
    }
    assert_eq!(file.state().writes, 5);
    drop(file);
    let (_, cases) = open(&settings);
    assert_eq!(cases, [case("a", 2, "person-1"), case("b", 3, "person-1")]);
    assert_eq!(mode(&settings.folder), 0o700);
    assert_eq!(mode(&settings.folder.join("subjects")), 0o700);
    assert_eq!(mode(&journal(&settings)), 0o600);
}

#[test]
fn the_same_or_an_older_revision_changes_nothing() {
    let (_above, settings) = settings();
    let (mut file, _) = open(&settings);
    file.put(&case("a", 2, "person-1")).unwrap();
    let before = fs::read(journal(&settings)).unwrap();
    file.put(&case("a", 2, "person-1")).unwrap();
    file.put(&case("a", 1, "person-2")).unwrap();
    assert_eq!(fs::read(journal(&settings)).unwrap(), before);
    assert_eq!(file.state().writes, 1);
    // A line out of order, as no program of ours writes it, does not win either.
    drop(file);
    let mut text = serde_json::to_string(&case("a", 1, "person-2")).unwrap();
    text.push('\n');
    fs::write(journal(&settings), [before, text.into_bytes()].concat()).unwrap();
    assert_eq!(open(&settings).1, [case("a", 2, "person-1")]);
}

#[test]
fn wherever_a_crash_tears_the_last_line_the_others_stay() {
    let (_above, settings) = settings();
    let (mut file, _) = open(&settings);
    file.put(&case("a", 1, "person-1")).unwrap();
    let first = fs::metadata(journal(&settings)).unwrap().len();
    file.put(&case("b", 1, "person-1")).unwrap();
    drop(file);
    let whole = fs::read(journal(&settings)).unwrap();
    for cut in usize::try_from(first).unwrap() + 1..whole.len() {
        fs::write(journal(&settings), &whole[..cut]).unwrap();
        // Somebody who only reads sees the whole lines, and changes nothing.
        assert_eq!(Casefile::read(&settings.folder).unwrap().cases.len(), 1);
        assert_eq!(fs::metadata(journal(&settings)).unwrap().len(), cut as u64);
        let (mut file, cases) = open(&settings);
        assert_eq!(cases, [case("a", 1, "person-1")], "cut at {cut}");
        assert_eq!(file.state().torn_lines, 1);
        assert_eq!(fs::metadata(journal(&settings)).unwrap().len(), first);
        file.put(&case("b", 1, "person-1")).unwrap();
        drop(file);
        assert_eq!(fs::read(journal(&settings)).unwrap(), whole);
    }
}

#[test]
fn a_broken_line_is_set_aside_once_and_the_others_stay() {
    let (_above, settings) = settings();
    let (mut file, _) = open(&settings);
    for (id, revision) in [("a", 1), ("b", 1), ("c", 1)] {
        file.put(&case(id, revision, "person-1")).unwrap();
    }
    drop(file);
    let text = fs::read_to_string(journal(&settings)).unwrap();
    let broken = text.replacen("\"id\":\"b\"", "\"id\":b", 1);
    let line = broken.lines().nth(1).unwrap().to_owned() + "\n";
    fs::write(journal(&settings), broken).unwrap();
    assert_eq!(Casefile::read(&settings.folder).unwrap().broken, [2]);
    for lines in [1, 0] {
        let (file, cases) = open(&settings);
        let ids: Vec<_> = cases.iter().map(|case| case.id.as_str()).collect();
        assert_eq!(ids, ["a", "c"]);
        assert_eq!(file.state().broken_lines, lines);
        let aside = fs::read_to_string(file.journal.aside()).unwrap();
        assert_eq!(aside, line);
        assert_eq!(mode(&file.journal.aside()), 0o600);
    }
    assert_eq!(lines(&[2]), "line 2");
    assert_eq!(lines(&[2, 4]), "lines 2, 4");
    let many: Vec<u64> = (1..13).collect();
    assert_eq!(
        lines(&many),
        "lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more"
    );
}

#[test]
fn a_file_that_is_no_journal_is_left_alone() {
    let (_above, settings) = settings();
    drop(open(&settings));
    fs::write(journal(&settings), "[sensor]\ninterfaces = []\n").unwrap();
    let why = Casefile::open(&settings, Timestamp(0)).err().unwrap();
    assert!(why.contains("holds nothing that this version"), "{why}");
    let text = fs::read_to_string(journal(&settings)).unwrap();
    assert_eq!(text, "[sensor]\ninterfaces = []\n");
}

#[test]
fn what_is_superseded_goes_when_it_is_more_than_half() {
    let (_above, settings) = settings();
    let (mut file, _) = open(&settings);
    let mut long = case("a", 0, "person-1");
    long.band = "x".repeat(2000);
    for revision in 1..200 {
        long.revision = revision;
        file.put(&long).unwrap();
        file.put(&case(&format!("c{revision}"), 1, "person-2"))
            .unwrap();
        let state = file.state();
        let bound = (64 * 1024 + 3000).max(3 * (u64::from(revision as u32) * 700 + 3000));
        assert!(
            state.bytes < bound,
            "{} bytes after {revision}",
            state.bytes
        );
        assert_eq!(state.bytes, fs::metadata(journal(&settings)).unwrap().len());
    }
    assert!(file.state().rewrites >= 2, "{:?}", file.state());
    drop(file);
    let (file, cases) = open(&settings);
    assert_eq!(cases.len(), 200);
    assert!(cases.contains(&long));
    assert_eq!(file.state().torn_lines + file.state().broken_lines, 0);
    assert_eq!(mode(&journal(&settings)), 0o600);
}

#[test]
fn one_daemon_at_a_time_and_readers_beside_it() {
    let (_above, settings) = settings();
    let (mut file, _) = open(&settings);
    let why = Casefile::open(&settings, Timestamp(0)).err().unwrap();
    assert!(
        why.contains("another process keeps the cases") && why.contains("fuser"),
        "{why}"
    );
    file.put(&case("a", 1, "person-1")).unwrap();
    assert_eq!(Casefile::read(&settings.folder).unwrap().cases.len(), 1);
    drop(file);
    open(&settings);
}

#[test]
fn a_folder_that_others_may_read_is_refused_and_left_as_it_is() {
    let (above, mut settings) = settings();
    settings.folder = above.path().join("open");
    fs::create_dir(&settings.folder).unwrap();
    fs::set_permissions(&settings.folder, fs::Permissions::from_mode(0o755)).unwrap();
    let why = Casefile::open(&settings, Timestamp(0)).err().unwrap();
    assert!(
        why.contains("chmod 700") && why.contains("mode 0755"),
        "{why}"
    );
    assert_eq!(mode(&settings.folder), 0o755);
    settings.folder = above.path().join("file");
    fs::write(&settings.folder, "").unwrap();
    let why = Casefile::open(&settings, Timestamp(0)).err().unwrap();
    assert!(why.contains("is no folder"), "{why}");
}

#[test]
fn settings_are_checked() {
    let parse = |text: &str| toml::from_str::<Settings>(text);
    assert_eq!(parse("").unwrap(), Settings::default());
    assert!(parse("closed_day = 3").is_err());
    assert!(Settings::default().check().is_ok());
    for text in ["folder = ''", "closed_days = 40000"] {
        assert!(parse(text).unwrap().check().is_err(), "{text}");
    }
}

mod retention {
    use super::*;

    fn closed(id: &str, subject: &str, day: i64) -> Case {
        Case {
            grounds: crate::cases::Grounds::default(),
            closed: Some("done".into()),
            updated: Timestamp(day * DAY_NS),
            ..case(id, 1, subject)
        }
    }

    fn at(settings: &Settings, day: i64) -> (Casefile, Vec<String>) {
        let (file, cases) = Casefile::open(settings, Timestamp(day * DAY_NS)).unwrap();
        (file, cases.into_iter().map(|case| case.id).collect())
    }

    #[test]
    fn closed_cases_go_with_their_time_and_the_last_takes_the_sealed_record_along() {
        let (_above, settings) = settings();
        let (mut file, _) = at(&settings, 100);
        file.put(&closed("a", "person-1", 100)).unwrap();
        file.put(&closed("b", "person-1", 200)).unwrap();
        file.put(&closed("c", "person-2", 100)).unwrap();
        // Open, however old: it stays.
        file.put(&case("d", 1, "person-3")).unwrap();
        for subject in ["person-1", "person-2", "person-3"] {
            file.seal(&sealed(subject, "k", "t")).unwrap();
        }
        let kept = |subject: &str| {
            let subject = SubjectId::new(subject.into());
            Casefile::sealed(&settings.folder, &subject).unwrap().len()
        };
        file.tick(Timestamp(280 * DAY_NS));
        assert_eq!(file.state().cases, 4, "180 days are not over yet");
        // Looked a moment ago: not again.
        file.tick(Timestamp(280 * DAY_NS + 2));
        assert_eq!(file.state().cases, 4);
        file.tick(Timestamp(281 * DAY_NS));
        assert_eq!((file.state().cases, file.state().deleted), (2, 2));
        assert_eq!(
            (kept("person-1"), kept("person-2"), kept("person-3")),
            (1, 0, 1)
        );
        let text = fs::read_to_string(journal(&settings)).unwrap();
        assert!(!text.contains("person-2"), "{text}");
        drop(file);
        assert_eq!(at(&settings, 300).1, ["b", "d"]);
        assert_eq!(at(&settings, 400).1, ["d"]);
        assert_eq!((kept("person-1"), kept("person-3")), (0, 1));
    }

    #[test]
    fn zero_days_means_never() {
        let (_above, mut settings) = settings();
        settings.closed_days = 0;
        let (mut file, _) = at(&settings, 1);
        file.put(&closed("a", "person-1", 1)).unwrap();
        drop(file);
        assert_eq!(at(&settings, 90_000).1, ["a"]);
    }

    #[test]
    fn lines_set_aside_go_too() {
        let (_above, settings) = settings();
        let (file, _) = at(&settings, 1);
        let aside = file.journal.aside();
        drop(file);
        fs::write(&aside, "{broken}\n").unwrap();
        at(&settings, 1);
        assert!(aside.exists());
        let old = SystemTime::now() - Duration::from_secs(181 * 86_400);
        File::options()
            .append(true)
            .open(&aside)
            .unwrap()
            .set_modified(old)
            .unwrap();
        at(&settings, 1);
        assert!(!aside.exists());
    }
}

mod sealing {
    use super::*;

    #[test]
    fn each_data_key_keeps_its_version() {
        let (_above, settings) = settings();
        let (mut file, _) = open(&settings);
        let subject = SubjectId::new("person-1".into());
        let versions = || Casefile::sealed(&settings.folder, &subject).unwrap();
        assert!(versions().is_empty());
        let (first, more) = (
            sealed("person-1", "key-1", "one"),
            sealed("person-1", "key-1", "one and two"),
        );
        let later = sealed("person-1", "key-2", "three");
        file.seal(&first).unwrap();
        file.seal(&first).unwrap();
        assert_eq!(file.state().writes, 1);
        file.seal(&more).unwrap();
        assert_eq!(versions(), std::slice::from_ref(&more));
        drop(file);
        let (mut file, _) = open(&settings);
        file.seal(&later).unwrap();
        assert_eq!(versions(), [more, later]);
        let path = settings.folder.join("subjects/person-1.json");
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_broken_record_is_moved_aside_and_a_new_one_begun() {
        let (_above, settings) = settings();
        let (mut file, _) = open(&settings);
        file.seal(&sealed("person-1", "k", "t")).unwrap();
        let path = settings.folder.join("subjects/person-1.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() / 2]).unwrap();
        let subject = SubjectId::new("person-1".into());
        let why = Casefile::sealed(&settings.folder, &subject).unwrap_err();
        assert!(why.contains("broken at line"), "{why}");
        file.seal(&sealed("person-1", "k2", "t2")).unwrap();
        assert_eq!(
            Casefile::sealed(&settings.folder, &subject).unwrap().len(),
            1
        );
        let aside = settings.folder.join("subjects/person-1.json.broken-1");
        assert_eq!(fs::read_to_string(aside).unwrap(), text[..text.len() / 2]);
    }

    #[test]
    fn a_name_that_leads_out_of_the_folder_is_refused() {
        let (_above, settings) = settings();
        let (mut file, _) = open(&settings);
        for name in ["../person-1", "", "a/b", "per son"] {
            let why = file.seal(&sealed(name, "k", "t")).unwrap_err();
            assert!(why.contains("no plain word"), "{why}");
        }
        assert_eq!(file.state().failures, 4);
    }
}

mod erasure {
    use super::*;

    #[test]
    fn a_person_goes_from_journal_records_and_what_was_set_aside() {
        let (_above, settings) = settings();
        let (mut file, _) = open(&settings);
        file.put(&case("a", 1, "person-1")).unwrap();
        // An earlier self of somebody else's case that names them.
        let mut other = case("b", 1, "person-2");
        other.closed = Some("merged into a of person-1".into());
        file.put(&other).unwrap();
        file.put(&case("b", 2, "person-2")).unwrap();
        for subject in ["person-1", "person-2"] {
            file.seal(&sealed(subject, "k", "t")).unwrap();
        }
        fs::write(file.journal.aside(), "{broken person-1}\n").unwrap();
        let cases = BTreeSet::from(["a".to_owned(), "never".to_owned()]);
        let subjects = BTreeSet::from([SubjectId::new("person-1".into())]);
        assert_eq!(file.erase(&cases, &subjects), Ok((1, 1)));
        assert!(!file.journal.aside().exists());
        let text = fs::read_to_string(journal(&settings)).unwrap();
        assert!(!text.contains("person-1"), "{text}");
        let kept = |subject: &str| {
            let subject = SubjectId::new(subject.into());
            Casefile::sealed(&settings.folder, &subject).unwrap().len()
        };
        assert_eq!((kept("person-1"), kept("person-2")), (0, 1));
        // Again: nothing to do, nothing wrong. And the journal goes on.
        assert_eq!(file.erase(&cases, &subjects), Ok((0, 0)));
        file.put(&case("c", 1, "person-3")).unwrap();
        drop(file);
        let ids: Vec<String> = open(&settings).1.into_iter().map(|case| case.id).collect();
        assert_eq!(ids, ["b", "c"]);
    }
}

/// Where much lives, nobody waits for the new journal: what comes meanwhile stands in it too, and what
/// was forgotten meanwhile does not.
#[test]
fn a_long_journal_is_written_anew_beside_the_one_who_writes() {
    let (_above, settings) = settings();
    let (mut file, _) = open(&settings);
    let long = |id: u64, revision| {
        let mut long = case(&format!("case-{id}"), revision, &format!("person-{id}"));
        long.band = "x".repeat(60_000);
        long
    };
    let mut newest = std::collections::BTreeMap::new();
    let mut put = |file: &mut Casefile, id, revision| {
        let it = long(id, revision);
        file.put(&it).unwrap();
        newest.insert(it.id.clone(), it);
    };
    for revision in 1..4 {
        for id in 0..30 {
            put(&mut file, id, revision);
            if file.journal.is_rewriting() {
                // The new one is on its way, and does not hold these.
                put(&mut file, 3, revision + 100);
                put(&mut file, 900 + id, 1);
            }
        }
    }
    let until = std::time::Instant::now() + Duration::from_secs(60);
    while file.state().rewrites == 0 {
        assert!(std::time::Instant::now() < until, "it is never done");
        std::thread::sleep(Duration::from_millis(5));
        file.tick(Timestamp(1));
    }
    // And on the new one it goes on.
    put(&mut file, 7, 200);
    assert_eq!(
        file.state().bytes,
        fs::metadata(journal(&settings)).unwrap().len()
    );
    assert!(file.state().bytes < 60_000 * 100, "{:?}", file.state());
    let all = |cases: Vec<Case>| -> std::collections::BTreeMap<String, Case> {
        cases.into_iter().map(|it| (it.id.clone(), it)).collect()
    };
    assert!(all(Casefile::read(&settings.folder).unwrap().cases) == newest);
    drop(file);
    let (mut file, cases) = open(&settings);
    assert!(all(cases) == newest);

    // Forgotten while a new one is on its way: the one on its way is thrown away.
    file.journal.rewrite_beside().unwrap();
    assert!(file.journal.is_rewriting());
    let gone = newest["case-7"].subject.clone();
    file.journal.forget(&[("case-7".to_owned(), gone)]);
    while file.journal.owes() {
        assert!(std::time::Instant::now() < until, "it is never done");
        std::thread::sleep(Duration::from_millis(5));
        file.tick(Timestamp(1));
    }
    let text = fs::read_to_string(journal(&settings)).unwrap();
    assert!(!text.contains("person-7\"") && text.contains("person-8\""));
    newest.remove("case-7");
    assert!(all(Casefile::read(&settings.folder).unwrap().cases) == newest);
}
