//! Acts of people: checked, recorded, carried out; in this order, whatever comes between.

use super::*;
use crate::daemon::books::tests::Stand;
use crate::daemon::registrar::Registrar;
use crate::desk::Output;
use crate::desk::tests::hit_event;
use crate::hits::SubjectId;
use crate::record::Means;
use crate::record::act::Verdict;
use crate::record::unsealing::Terms;

/// Books with one open case, `case-0`.
fn stand() -> Stand {
    let mut stand = Stand::new();
    let mut out = Output::default();
    stand.desk.take(hit_event(1), Timestamp(1), &mut out);
    stand.books.out.changes.append(&mut out.changes);
    stand.write();
    assert!(is_open(&stand));
    stand
}

fn is_open(stand: &Stand) -> bool {
    let mut cases = stand.desk.casework().cases();
    cases.any(|case| case.id == "case-0" && case.is_open())
}

fn who(name: &str) -> Actor {
    Actor {
        name: name.into(),
        means: Means::Console,
    }
}

fn act(stand: &mut Stand, name: &str, act: Act, revision: Option<u64>) -> Result<Done, String> {
    let done = carry_out(
        &mut stand.desk,
        &mut stand.books,
        (who(name), act, revision),
    );
    stand.write();
    done.map_err(|refused| refused.0)
}

fn case() -> String {
    "case-0".into()
}

fn close() -> Act {
    Act::Close {
        case: case(),
        verdict: Verdict::Research,
        reason: "ticket 7".into(),
    }
}

fn reopen() -> Act {
    Act::Reopen {
        case: case(),
        reason: "new facts".into(),
    }
}

#[test]
fn a_case_is_closed_in_the_record_and_then_in_the_book() {
    let mut stand = stand();
    let seen = act(
        &mut stand,
        "anna",
        Act::Acknowledge { case: case() },
        Some(0),
    )
    .unwrap();
    assert_eq!(seen.revision, Some(seen.number + 1));
    let done = act(&mut stand, "anna", close(), seen.revision).unwrap();
    assert!(!is_open(&stand));
    let closed = stand.desk.casework().cases().find(|case| !case.is_open());
    assert_eq!(
        closed.unwrap().closed.as_deref(),
        Some("research: ticket 7")
    );
    let kinds = stand.kinds();
    let behind = &kinds[usize::try_from(done.number).unwrap()..];
    assert_eq!(behind, ["triage", "case"], "{kinds:?}");

    // Somebody who saw it open comes second.
    let said = act(&mut stand, "bert", close(), seen.revision).unwrap_err();
    assert!(said.starts_with("meanwhile changed by anna at 2"), "{said}");
    let said = act(&mut stand, "bert", close(), None).unwrap_err();
    assert!(said.contains("is closed; reopen it first"), "{said}");
    assert_eq!(stand.kinds(), kinds, "nothing was recorded of it");

    let done = act(&mut stand, "bert", reopen(), done.revision).unwrap();
    assert!(is_open(&stand));
    let said = act(&mut stand, "bert", reopen(), done.revision).unwrap_err();
    assert!(said.contains("is open"), "{said}");
    act(&mut stand, "bert", close(), done.revision).unwrap();
    assert!(!is_open(&stand));
}

#[test]
fn what_is_wrong_is_refused_with_a_way_out_and_changes_nothing() {
    let mut stand = stand();
    let before = stand.kinds();
    let text = |text: &str| Act::Comment {
        case: case(),
        text: text.into(),
    };
    let hold = |until: i64| Act::Hold {
        case: case(),
        reason: "court".into(),
        until,
    };
    for (wish, part) in [
        (text(" \n"), "is empty"),
        (text("a\u{1b}[31mb"), "control character"),
        (text(&"x".repeat(4097)), "4096 are the limit"),
        (hold(5), "is over"),
        (hold(i64::MAX), "ten years"),
        (
            Act::Acknowledge {
                case: "case-9".into(),
            },
            "no case case-9",
        ),
        (
            Act::Acknowledge {
                case: String::new(),
            },
            "`case` is no name",
        ),
        (
            Act::LiftHold {
                case: case(),
                reason: "over".into(),
            },
            "is not held",
        ),
        (reopen(), "is open"),
    ] {
        let said = act(&mut stand, "anna", wish, None).unwrap_err();
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(stand.kinds(), before);
    act(&mut stand, "anna", text("two\nlines"), None).unwrap();
    assert_eq!(stand.kinds().len(), before.len() + 1);
}

#[test]
fn while_the_ledger_cannot_be_written_nothing_is_taken() {
    let mut stand = stand();
    stand.set_full(true);
    let said = act(&mut stand, "anna", close(), None).unwrap_err();
    assert!(said.contains("nothing was changed"), "{said}");
    assert!(is_open(&stand));
    let said = act(&mut stand, "anna", close(), None).unwrap_err();
    assert!(said.contains("nothing is taken until"), "{said}");
    stand.set_full(false);
    stand.write();
    assert_eq!(
        stand.kinds().last(),
        Some(&"loss"),
        "it is said, and nothing hinders any more"
    );
    act(&mut stand, "anna", close(), None).unwrap();
    assert!(!is_open(&stand));
}

#[test]
fn what_a_crash_kept_from_being_carried_out_is_carried_out_at_the_next_start() {
    for (steps, open) in [(vec![close()], false), (vec![close(), reopen()], true)] {
        let mut stand = stand();
        let last = steps.len() - 1;
        for (at, wish) in steps.into_iter().enumerate() {
            if at < last {
                act(&mut stand, "anna", wish, None).unwrap();
                continue;
            }
            let acted = Acted {
                by: who("anna"),
                act: wish,
            };
            let entry = Entry {
                time: Timestamp(9),
                body: Body::Act(Box::new(acted)),
            };
            let registrar = &mut stand.books.registrar;
            registrar
                .record(vec![entry], Vec::new(), Instant::now())
                .unwrap();
        }
        let (mut stand, cases) = stand.crash();
        let mut out = Output::default();
        stand.desk.restore(cases, Timestamp(10), &mut out);
        assert_ne!(is_open(&stand), open, "as the case file has it");
        make_good(&mut stand.desk, &mut stand.books);
        assert_eq!(is_open(&stand), open);
        stand.write();
        // And once only.
        let before = stand.kinds();
        make_good(&mut stand.desk, &mut stand.books);
        stand.write();
        assert_eq!(stand.kinds(), before);
    }
}

/// The identity behind a case is that of its subject, and nobody else's.
#[test]
fn an_identity_is_asked_for_of_the_cases_own_subject_only() {
    let mut stand = stand();
    stand.books.terms = Terms {
        threshold: 2,
        officers: vec!["o1".into(), "o2".into()],
        days: 14,
    };
    let mut cases = stand.desk.casework().cases();
    let own = cases.next().unwrap().subject.clone();
    drop(cases);
    let ask = |subject: SubjectId| Act::RequestUnsealing {
        request: "request-1".into(),
        case: case(),
        subject,
        reason: "report 7".into(),
    };
    let other = SubjectId::new("person-bbbbbbbbbbbbbbbb".into());
    let before = stand.kinds();
    let said = act(&mut stand, "anna", ask(other), None).unwrap_err();
    assert!(said.contains("about another subject"), "{said}");
    assert_eq!(stand.kinds(), before);
    act(&mut stand, "anna", ask(own), None).unwrap();
}

/// Success means that it is in the record.
#[test]
fn without_a_record_no_act_is_taken_and_none_is_insisted_on() {
    let mut stand = Stand::new();
    stand.books.registrar = Registrar::without();
    let account = Act::Account {
        account: "eva".into(),
        what: "signed-in".into(),
        detail: String::new(),
    };
    let unsuppress = Act::Unsuppress {
        rule: "r".into(),
        reason: "x".into(),
    };
    for wish in [account.clone(), unsuppress, close()] {
        let said = act(&mut stand, "anna", wish, None).unwrap_err();
        assert!(said.contains("no record is kept"), "{said}");
    }
    let (sender, inbox) = std::sync::mpsc::sync_channel(1);
    let insisting = std::thread::spawn(move || Handle::new(sender).insist(&who("eva"), &account));
    let Ok(Incoming::Act {
        by, act, answer, ..
    }) = inbox.recv()
    else {
        panic!("an act");
    };
    let done = carry_out(&mut stand.desk, &mut stand.books, (by, act, None));
    answer.send(done).unwrap();
    insisting.join().unwrap();
    assert!(inbox.try_recv().is_err(), "once is enough");
}

#[test]
fn a_held_case_outlives_its_time() {
    let mut stand = stand();
    let soon = office::now().nanos() / 1_000_000_000 + 3600;
    let hold = Act::Hold {
        case: case(),
        reason: "court".into(),
        until: soon,
    };
    act(&mut stand, "anna", close(), None).unwrap();
    act(&mut stand, "anna", hold, None).unwrap();
    let late = office::now();
    assert!(stand.books.casefile.tick(late).is_empty());
    let lift = Act::LiftHold {
        case: case(),
        reason: "over".into(),
    };
    act(&mut stand, "anna", lift, None).unwrap();
    let later = Timestamp(late.nanos() + 7_200_000_000_000);
    assert_eq!(
        stand.books.casefile.tick(later).len(),
        1,
        "its evidence is of 1970"
    );
}

#[test]
fn a_handle_answers_when_the_office_is_busy_or_gone() {
    let (sender, inbox) = std::sync::mpsc::sync_channel(1);
    let handle = Handle::new(sender);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let wish = || handle.act(who("anna"), close(), None);
    handle.send(Incoming::SensorEnded);
    let said = runtime.block_on(wish()).unwrap_err();
    assert!(said.0.contains("busy"), "{}", said.0);
    drop(inbox);
    let said = runtime.block_on(wish()).unwrap_err();
    assert!(said.0.contains("ending"), "{}", said.0);
}
