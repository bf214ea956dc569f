//! Pages over a fixed record.

use super::sample::{Asking, CASE, HOSTILE, PERSON, SampleDesk, UNIT};
use super::words::{CaseTexts, ListTexts, Say, Texts};
use crate::console::Role;
use crate::record::act::{Act, Verdict};
use axum::http::StatusCode;

const ALL: &[&str] = &[
    "/cases",
    "/cases?q=",
    "/cases/case-00000000000000aa",
    "/hits",
    "/coverage",
    "/coverage?span=month",
    "/vendors",
    "/vendors/kairos",
    "/register",
    "/unsealing",
    "/suppressions",
    "/audit",
    "/health",
];

fn lead(desk: &std::sync::Arc<SampleDesk>, language: &str) -> Asking {
    Asking::of(desk, "lea", &[Role::Lead], language)
}

#[tokio::test]
async fn every_page_is_there_in_both_languages_and_nothing_hostile_becomes_markup() {
    let desk = SampleDesk::new();
    let text = format!("note {HOSTILE} {}", "x".repeat(4000));
    desk.does(
        "ann",
        Act::Comment {
            case: CASE.into(),
            text,
        },
    );
    for language in ["en", "nl"] {
        let lead = lead(&desk, language);
        for path in ALL {
            let (status, page) = lead.get(path).await;
            assert_eq!(status, StatusCode::OK, "{path}: {page}");
            assert!(
                page.contains(&format!("<html lang=\"{language}\"")),
                "{path}"
            );
            assert!(!page.contains("<script>alert"), "{path}");
            assert!(!page.contains(" style=\""), "{path}: the policy forbids it");
            assert!(!page.contains("{}"), "{path}: a gap was not filled");
        }
    }
    let (_, page) = lead(&desk, "en").get(ALL[2]).await;
    assert!(
        page.contains("&#60;script&#62;alert(1)"),
        "the note is shown as text"
    );
    assert!(page.contains("A trial account was very likely made by an employee."));
    assert!(page.contains("83 %"), "what could be read in that hour");
    assert!(page.contains("+30 some-rule"), "the sum of the step");
    let (_, page) = lead(&desk, "nl").get(ALL[2]).await;
    assert!(page.contains("Zeer waarschijnlijk is een proefaccount gemaakt door een medewerker."));
}

#[tokio::test]
async fn an_auditor_meets_no_person_anywhere() {
    let desk = SampleDesk::new();
    let text = "Jan de Vries of 192.0.2.10";
    desk.does(
        "ann",
        Act::Comment {
            case: CASE.into(),
            text: text.into(),
        },
    );
    let reason = "it was Jan de Vries".to_owned();
    desk.does(
        "ann",
        Act::Close {
            case: CASE.into(),
            verdict: Verdict::Research,
            reason,
        },
    );
    let until = super::sample::NOW.0 / 1_000_000_000 + 1000;
    desk.does(
        "lea",
        Act::Suppress {
            rule: "rule-1".into(),
            filter: format!("subject:{PERSON}"),
            reason: "Jan de Vries".into(),
            until,
        },
    );
    desk.does(
        "ann",
        Act::RequestUnsealing {
            request: "request-1".into(),
            case: CASE.into(),
            subject: crate::hits::SubjectId::new(PERSON.into()),
            reason: "Jan de Vries".into(),
        },
    );
    let auditor = Asking::of(&desk, "rita", &[Role::Auditor], "en");
    let api = [
        "/api/v1/cases",
        "/api/v1/audit",
        "/api/v1/suppressions",
        "/api/v1/requests",
    ];
    let whole = format!("/api/v1/cases/{CASE}");
    let paths = ALL.iter().copied().chain(api).chain([whole.as_str()]);
    for path in paths {
        let (status, page) = auditor.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        for secret in [
            &PERSON[7..20],
            "Jan",
            "192.0.2.10",
            UNIT,
            "flow-of-a-person",
        ] {
            assert!(!page.contains(secret), "{path} shows {secret}");
        }
    }
    let (_, page) = auditor.get(ALL[2]).await;
    assert!(page.contains("subject "), "a label stands there");
    assert!(page.contains("text withheld"));
    assert!(page.contains("ann"), "who did it stays");
    // One label for one subject, wherever it is met.
    let label = page
        .split("subject ")
        .find(|it| it.len() > 14 && it.as_bytes()[4] == b'-');
    let label = label.expect("a label")[..14].to_owned();
    for path in [
        "/cases?q=",
        "/unsealing",
        "/api/v1/cases",
        "/api/v1/requests",
        &whole,
    ] {
        let (_, page) = auditor.get(path).await;
        assert!(
            page.contains(&format!("subject {label}")),
            "{path}: {label}"
        );
    }
    let other = Asking::of(&desk, "rob", &[Role::Auditor], "en");
    assert!(
        !other.get("/cases?q=").await.1.contains(&label),
        "of another session"
    );
    // Filters that ask for nobody work, also those one click away.
    for path in [
        "/cases",
        "/cases?q=stage%3E=signed-up+-state:new",
        "/hits?q=age%3C7d",
    ] {
        let (_, page) = auditor.get(path).await;
        assert!(!page.contains("cannot be read"), "{path}: {page}");
    }
    // A filter is no way round it, in the console or the API.
    for path in [
        "/cases?q=unit:",
        "/cases?q=-unit:",
        "/cases?q=",
        "/cases?q=vendor:kairos+-",
        "/cases?q=vendor:kairos+%22",
        "/hits?q=subject:",
        "/hits/rows?q=unit:",
        "/api/v1/cases?q=subject:",
        "/api/v1/hits?q=unit:",
    ] {
        let end = if path.ends_with("%22") { "%22" } else { "" };
        let (status, page) = auditor.get(&format!("{path}{UNIT}{end}")).await;
        if path.contains("rows") {
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
            continue;
        }
        assert!(page.contains("withheld"), "{path}: {page}");
    }
    let (_, lead) = lead(&desk, "en").get(ALL[2]).await;
    assert!(
        lead.contains(PERSON) && lead.contains("Jan de Vries"),
        "the lead sees them"
    );
}

#[tokio::test]
async fn a_filter_that_makes_no_sense_is_shown_where_it_stops_making_sense() {
    let desk = SampleDesk::new();
    let lead = lead(&desk, "en");
    let (status, page) = lead.get("/cases?q=vendor:kairos+stage:nonsense").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("This filter cannot be read"));
    assert!(
        page.contains("<bdi>vendor:kairos stage:<mark>nonsense</mark>"),
        "{page}"
    );
    assert!(!page.contains(CASE));
    let (_, page) = lead.get("/cases?q=%27%3B+DROP+TABLE+cases%3B--").await;
    assert!(page.contains("DROP TABLE") && !page.contains("Failed"));
    let (_, page) = lead.get("/cases?q=vendor:kairos").await;
    assert!(page.contains(CASE));
    let (_, page) = lead.get("/cases?q=-vendor:kairos").await;
    assert!(!page.contains(CASE) && page.contains("It does not mean that nobody"));
    assert!(
        !page.contains("It means: no name"),
        "there is a case, the filter leaves it out"
    );
}

#[tokio::test]
async fn the_second_of_two_sees_what_the_first_did_and_keeps_their_words() {
    let desk = SampleDesk::new();
    let path = format!("/cases/{CASE}");
    let ann = Asking::of(&desk, "ann", &[Role::Analyst], "en");
    let bob = Asking::of(&desk, "bob", &[Role::Analyst], "en");
    let close = |verdict, text, revision| {
        [
            ("act", "close"),
            ("verdict", verdict),
            ("text", text),
            ("revision", revision),
        ]
    };
    let (status, _) = ann.form(&path, &close("research", "ticket 7", "0")).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (status, page) = bob.form(&path, &close("misuse", "my own words", "0")).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("ann closed the case as research"), "{page}");
    assert_eq!(desk.acts().len(), 1, "nothing was done");
    // They decide again, on the page that they were given.
    let revision = page
        .split("name=\"revision\" value=\"")
        .nth(1)
        .expect("a revision");
    let revision = revision.split('"').next().expect("its end").to_owned();
    let again = [
        ("act", "comment"),
        ("text", "my own words"),
        ("revision", revision.as_str()),
    ];
    let (status, _) = bob.form(&path, &again).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(desk.acts().len(), 2);
}

#[tokio::test]
async fn an_act_needs_its_right_its_words_and_its_bounds() {
    let desk = SampleDesk::new();
    let path = format!("/cases/{CASE}");
    let auditor = Asking::of(&desk, "rita", &[Role::Auditor], "en");
    let analyst = Asking::of(&desk, "ann", &[Role::Analyst], "en");
    let admin = Asking::of(&desk, "adam", &[Role::Admin], "en");
    let ack = [("act", "acknowledge"), ("revision", "0")];
    assert_eq!(auditor.form(&path, &ack).await.0, StatusCode::FORBIDDEN);
    assert_eq!(admin.get(&path).await.0, StatusCode::FORBIDDEN);
    let hold = [
        ("act", "hold"),
        ("text", "because"),
        ("days", "3"),
        ("revision", "0"),
    ];
    assert_eq!(analyst.form(&path, &hold).await.0, StatusCode::FORBIDDEN);
    let long = "y".repeat(5000);
    for text in ["", "   ", long.as_str()] {
        let fields = [("act", "comment"), ("text", text), ("revision", "0")];
        let (status, _) = analyst.form(&path, &fields).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let unknown = [("act", "erase"), ("text", "x"), ("revision", "0")];
    assert_eq!(
        analyst.form(&path, &unknown).await.0,
        StatusCode::BAD_REQUEST
    );
    let (status, _) = analyst.form("/cases/case-none", &ack).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let rule = [
        ("act", "suppress"),
        ("filter", ""),
        ("text", "x"),
        ("days", "3"),
    ];
    let lead = lead(&desk, "en");
    let (status, _) = lead.form("/suppressions", &rule).await;
    assert_eq!(
        status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "a rule needs a filter"
    );
    assert!(desk.acts().is_empty());
}

#[tokio::test]
async fn several_cases_are_worked_on_at_once_each_by_its_revision() {
    let desk = SampleDesk::new();
    let ann = Asking::of(&desk, "ann", &[Role::Analyst], "en");
    let seen = format!("{CASE}:0");
    let fields = [("act", "acknowledge"), ("case", seen.as_str())];
    let (_, page) = ann.form("/cases", &fields).await;
    assert!(page.contains("Cases changed: 1."));
    let (_, page) = ann.form("/cases", &fields).await;
    assert!(page.contains("Cases changed: 0."));
    assert!(page.contains("ann acknowledged the case"), "{page}");
    let (_, page) = ann.form("/cases", &[("act", "acknowledge")]).await;
    assert!(page.contains("Select at least one case."));
    assert_eq!(desk.acts().len(), 1);
}

#[tokio::test]
async fn of_several_cases_each_has_its_own_answer() {
    let desk = SampleDesk::new();
    let ann = Asking::of(&desk, "ann", &[Role::Analyst], "en");
    let seen = format!("{CASE}:0");
    let fields = [
        ("act", "acknowledge"),
        ("case", "case-none:0"),
        ("case", "nonsense"),
        ("case", seen.as_str()),
        ("case", "case-gone:3"),
    ];
    let (status, page) = ann.form("/cases", &fields).await;
    assert_eq!(status, StatusCode::OK, "the first failure ends nothing");
    assert_eq!(desk.acts().len(), 1, "the one that can be done is done");
    assert!(
        page.contains(&format!("Cases changed: 1. {CASE}.")),
        "{page}"
    );
    for not in [
        "case-none not changed: There is no such",
        "nonsense not changed: The request",
        "case-gone not changed: There is no such",
    ] {
        assert!(page.contains(not), "{not}: {page}");
    }
    // What is wrong with the act is told once, and nothing is done.
    let rita = Asking::of(&desk, "rita", &[Role::Auditor], "en");
    assert_eq!(rita.form("/cases", &fields).await.0, StatusCode::FORBIDDEN);
    let many: Vec<_> = vec![("case", "case-none:0"); 201];
    let many = [vec![("act", "acknowledge")], many].concat();
    let (status, _) = ann.form("/cases", &many).await;
    assert_eq!(
        status,
        StatusCode::PAYLOAD_TOO_LARGE,
        "more than can be ticked"
    );
    assert_eq!(desk.acts().len(), 1);
}

#[tokio::test]
async fn who_asked_may_take_it_back_and_nobody_else_without_being_an_officer() {
    let desk = SampleDesk::new();
    let ann = Asking::of(&desk, "ann", &[Role::Analyst], "en");
    let bob = Asking::of(&desk, "bob", &[Role::Lead], "en");
    let rita = Asking::of(&desk, "rita", &[Role::Auditor], "en");
    let ask = [
        ("act", "request-unsealing"),
        ("text", "file 7"),
        ("revision", "0"),
    ];
    let (status, _) = ann.form(&format!("/cases/{CASE}"), &ask).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (_, page) = ann.get("/unsealing").await;
    assert!(page.contains(">Withdraw<"), "{page}");
    let id = page.split("action=\"/unsealing/").nth(1).expect("a form");
    let id = id.split('"').next().expect("its end").to_owned();
    let to = format!("/unsealing/{id}");
    let back = |case| {
        [
            ("act", "refuse-unsealing"),
            ("case", case),
            ("text", "found out otherwise"),
        ]
    };
    for other in [&bob, &rita] {
        assert_eq!(other.form(&to, &back(CASE)).await.0, StatusCode::FORBIDDEN);
    }
    // Not of another case, not another request, and not to approve.
    let (status, _) = ann.form(&to, &back("case-other")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = ann.form("/unsealing/request-0", &back(CASE)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let yes = [("act", "approve-unsealing"), ("case", CASE), ("text", "")];
    assert_eq!(ann.form(&to, &yes).await.0, StatusCode::FORBIDDEN);
    assert_eq!(desk.acts().len(), 1);
    assert_eq!(ann.form(&to, &back(CASE)).await.0, StatusCode::SEE_OTHER);
    let last = desk.acts().pop().expect("an act");
    assert!(matches!(last.act, Act::RefuseUnsealing { .. }) && last.by.name == "ann");
}

#[tokio::test]
async fn an_identity_takes_two_officers_and_not_who_asked() {
    let desk = SampleDesk::new();
    let ann = Asking::of(&desk, "ann", &[Role::Analyst, Role::Officer], "en");
    let olga = Asking::of(&desk, "olga", &[Role::Officer], "en");
    let otto = Asking::of(&desk, "otto", &[Role::Officer], "en");
    let ask = [
        ("act", "request-unsealing"),
        ("text", "disciplinary file 7"),
        ("revision", "0"),
    ];
    assert_eq!(
        ann.form(&format!("/cases/{CASE}"), &ask).await.0,
        StatusCode::SEE_OTHER
    );
    let (_, page) = ann.get("/unsealing").await;
    assert!(
        !page.contains("approve-unsealing"),
        "who asked is not offered to approve"
    );
    let (_, page) = olga.get("/unsealing").await;
    let id = page.split("action=\"/unsealing/").nth(1).expect("a form");
    let id = id.split('"').next().expect("its end").to_owned();
    let yes = [("act", "approve-unsealing"), ("case", CASE), ("text", "")];
    let to = format!("/unsealing/{id}");
    assert_eq!(olga.form(&to, &yes).await.0, StatusCode::SEE_OTHER);
    let (_, page) = olga.get("/unsealing").await;
    assert!(page.contains("1 of 2") && !page.contains("Download the sealed records"));
    assert_eq!(otto.form(&to, &yes).await.0, StatusCode::SEE_OTHER);
    let (_, page) = otto.get("/unsealing").await;
    assert!(page.contains("2 of 2") && page.contains("Download the sealed records"));
    let (status, bytes) = otto.form(&format!("{to}/release"), &[]).await;
    assert_eq!((status, bytes), (StatusCode::OK, format!("otto:{id}")));
    let bert = Asking::of(&desk, "bert", &[Role::Auditor], "en");
    assert_eq!(
        bert.form(&format!("{to}/release"), &[]).await.0,
        StatusCode::FORBIDDEN
    );
}

#[test]
fn no_text_is_missing_in_a_language_or_speaks_of_guilt() {
    let all = [Texts::ALL, CaseTexts::ALL, ListTexts::ALL, Say::ALL];
    for (key, english, dutch) in all.into_iter().flatten() {
        assert!(
            !english.trim().is_empty() && !dutch.trim().is_empty(),
            "{key}"
        );
        let gaps = |text: &str| text.matches("{}").count();
        assert_eq!(gaps(english), gaps(dutch), "{key}: gaps differ");
        for word in ["guilty", "offender", "culprit", "violat", "illegal"] {
            assert!(!english.to_lowercase().contains(word), "{key}");
        }
        for word in ["schuldig", "dader", "overtred", "illegaal"] {
            assert!(!dutch.to_lowercase().contains(word), "{key}");
        }
    }
}
