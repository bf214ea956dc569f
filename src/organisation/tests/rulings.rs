//! The register: authorised only inside an entry, and the reason says what failed.

use super::super::*;

const NOW: &str = "2026-01-15T12:00:00Z";

fn moment(text: &str) -> Timestamp {
    let form = &time::format_description::well_known::Rfc3339;
    let moment = time::OffsetDateTime::parse(text, form).unwrap();
    Timestamp::from_secs_nanos(moment.unix_timestamp(), 0)
}

struct Case {
    vendor: &'static str,
    category: &'static str,
    severity: &'static str,
    role: &'static str,
    name: &'static str,
    address: Option<&'static str>,
    entries: Vec<String>,
    unit: Option<&'static str>,
    subject: &'static str,
    at: &'static str,
}

fn plain() -> Case {
    Case {
        vendor: "acme",
        category: "face-search",
        severity: "high",
        role: "app",
        name: "app.acme.example",
        address: None,
        entries: Vec::new(),
        unit: Some("lab"),
        subject: "person-00000000000000000000000000000001",
        at: NOW,
    }
}

fn ruled(extra: &str, case: &Case) -> Ruling {
    let text = format!("{}{extra}", super::map::ENTRY);
    let it = Organisation::parse(&text, "x").unwrap();
    let place = Place {
        kind: PlaceKind::Staff,
        site: None,
        unit: case.unit.map(str::to_owned),
    };
    it.ruling(&Use {
        vendor: case.vendor,
        category: case.category,
        severity: case.severity,
        role: case.role,
        name: case.name,
        address: case.address.map(|a| a.parse().unwrap()),
        entries: &case.entries,
        place: &place,
        subject: &SubjectId::new(case.subject.into()),
        at: moment(case.at),
    })
}

#[test]
fn the_table_of_rulings() {
    use Standing::*;
    let cases: [(Case, Standing, &str); 10] = [
        (plain(), Authorised, "R-1"),
        (
            Case {
                name: "acme.example",
                ..plain()
            },
            Authorised,
            "R-1",
        ),
        (
            Case {
                name: "notacme.example",
                ..plain()
            },
            OutOfScope,
            "the host",
        ),
        (
            Case {
                unit: Some("finance"),
                ..plain()
            },
            OutOfScope,
            "the unit",
        ),
        (
            Case {
                unit: None,
                ..plain()
            },
            OutOfScope,
            "the unit",
        ),
        (
            Case {
                at: "2025-12-31T23:59:59Z",
                ..plain()
            },
            OutOfScope,
            "not valid yet",
        ),
        (
            Case {
                at: "2026-02-01T00:00:00Z",
                ..plain()
            },
            OutOfScope,
            "no longer valid",
        ),
        (
            Case {
                vendor: "other",
                ..plain()
            },
            Unauthorised,
            "no entry",
        ),
        (
            Case {
                role: "rights",
                unit: None,
                ..plain()
            },
            Informational,
            "data subjects",
        ),
        (
            Case {
                category: "identity-verification",
                vendor: "other",
                ..plain()
            },
            Informational,
            "identity verification",
        ),
    ];
    for (case, standing, part) in cases {
        let said = ruled("", &case);
        assert_eq!(said.standing, standing, "{}", said.reason);
        assert!(said.reason.contains(part), "{}", said.reason);
        assert_eq!(
            said.entry.is_some(),
            matches!(standing, Authorised | OutOfScope)
        );
    }
    let known = Case {
        severity: "informational",
        vendor: "other",
        ..plain()
    };
    assert_eq!(ruled("", &known).standing, Informational);
}

#[test]
fn networks_hold_by_address_or_by_what_was_noted_of_it() {
    let net = "networks = [\"10.9.0.0/16\"]\n";
    let inside = Case {
        address: Some("10.9.1.2"),
        ..plain()
    };
    assert_eq!(ruled(net, &inside).standing, Standing::Authorised);
    let noted = Case {
        entries: vec!["R-1".into()],
        ..plain()
    };
    assert_eq!(ruled(net, &noted).standing, Standing::Authorised);
    let outside = Case {
        address: Some("10.8.1.2"),
        ..plain()
    };
    let said = ruled(net, &outside);
    assert_eq!(said.standing, Standing::OutOfScope);
    assert!(
        said.reason.contains("networks") && !said.reason.contains("10."),
        "{}",
        said.reason
    );
    assert_eq!(ruled(net, &plain()).standing, Standing::OutOfScope);
}

#[test]
fn subjects_hold_too_and_never_stand_in_the_reason() {
    let own = "subjects = [\"person-00000000000000000000000000000001\"]\n";
    assert_eq!(ruled(own, &plain()).standing, Standing::Authorised);
    let other = "subjects = [\"person-00000000000000000000000000000002\"]\n";
    let said = ruled(other, &plain());
    assert_eq!(said.standing, Standing::OutOfScope);
    assert!(!said.reason.contains("person-"), "{}", said.reason);
}

#[test]
fn the_nearest_of_several_entries_is_told_and_one_that_fits_is_enough() {
    let second = "[[authorised]]\nreference = \"R-2\"\nowner = \"lab\"\nvendor = \"acme\"\n\
                  hosts = [\"other.example\"]\nunits = [\"lab\"]\npurpose = \"p\"\nlegal_basis = \
                  \"l\"\nreview = \"r\"\nimpact_assessment = \"i\"\nvalid_from = 2020-01-01\n\
                  valid_to = 2030-01-01\n";
    assert_eq!(ruled(second, &plain()).entry.as_deref(), Some("R-1"));
    let late = Case {
        at: "2027-01-01T00:00:00Z",
        name: "other.example",
        ..plain()
    };
    assert_eq!(ruled(second, &late).entry.as_deref(), Some("R-2"));
    let none = Case {
        at: "2027-01-01T00:00:00Z",
        ..plain()
    };
    let said = ruled(second, &none);
    assert_eq!(said.standing, Standing::OutOfScope);
    assert_eq!(said.entry.as_deref(), Some("R-1"));
}
