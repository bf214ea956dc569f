//! What the map says of an address, and what a translation log reveals behind it.

use super::*;

fn translated(minutes: i64, inside: &str, until: Option<i64>) -> Translation {
    Translation {
        time: at(minutes),
        until: until.map(at),
        origin: "nat".into(),
        inside: ends(inside),
        outside: ends("198.51.100.1"),
    }
}

#[test]
fn a_translator_is_ambiguous_without_a_log_and_somebody_with_one() {
    let mut it = office();
    it.now(radius(0, DESK, "anna", "s1"));
    it.now(radius(0, OTHER, "bert", "s2"));
    it.now(kerberos(0, "198.51.100.1", "cora"));
    table(&mut it, &[("198.51.100.1", 5, "ambiguous")]);
    it.it.translate(&translated(4, DESK, Some(6)), at(7));
    it.it.translate(&translated(8, OTHER, None), at(8));
    table(
        &mut it,
        &[
            ("198.51.100.1", 3, "ambiguous"),
            ("198.51.100.1", 5, "anna A"),
            ("198.51.100.1", 7, "ambiguous"),
            ("198.51.100.1", 9, "bert A"),
        ],
    );
    // The port in use again: the same log replaces, another one contradicts.
    it.it.translate(&translated(20, DESK, None), at(20));
    table(
        &mut it,
        &[
            ("198.51.100.1", 19, "bert A"),
            ("198.51.100.1", 21, "anna A"),
        ],
    );
    let other = Translation {
        origin: "second".into(),
        ..translated(20, OTHER, None)
    };
    it.it.translate(&other, at(20));
    table(&mut it, &[("198.51.100.1", 21, "ambiguous")]);
    assert_eq!(it.it.state().translations, 4);
}

#[test]
fn a_log_line_may_be_a_second_late() {
    let mut it = office();
    it.now(radius(0, DESK, "anna", "s1"));
    let mut line = translated(5, DESK, None);
    line.time.0 += 1_000_000_000;
    it.it.translate(&line, at(6));
    table(
        &mut it,
        &[
            ("198.51.100.1", 5, "anna A"),
            ("198.51.100.1", 4, "ambiguous"),
        ],
    );
}

#[test]
fn who_asks_for_others_is_the_organisation() {
    let mut it = office();
    it.now(kerberos(0, "10.1.0.53", "anna"));
    let who = it.who("10.1.0.53", 1);
    assert_eq!(who.kind, SubjectKind::Organisation);
    assert_eq!(who.subject.as_str(), "organisation-resolver-main-hall");
}

#[test]
fn a_camera_is_a_machine_and_a_visitor_never_a_person() {
    let mut it = office();
    it.now(lease(0, "10.40.0.3", M1, 600));
    table(&mut it, &[("10.40.0.3", 1, "machine")]);
    it.now(radius(0, "10.30.0.3", "anna", "s1"));
    table(&mut it, &[("10.30.0.3", 1, "address")]);
    it.now(lease(2, "10.30.0.3", M2, 600));
    let who = it.who("10.30.0.3", 3);
    assert_eq!(
        (who.kind, who.place.kind),
        (SubjectKind::Device, PlaceKind::Visitors)
    );
    assert_eq!(it.refused(Refusal::Unkept), 1);
}

#[test]
fn register_entries_are_noted_while_the_address_is_known() {
    let entry = "[[authorised]]\nreference = \"R\"\nowner = \"o\"\nvendor = \"v\"\nhosts = \
                 [\"*\"]\nnetworks = [\"10.20.0.0/16\"]\npurpose = \"p\"\nlegal_basis = \"l\"\n\
                 review = \"r\"\nimpact_assessment = \"i\"\nvalid_from = 2026-01-01\nvalid_to = \
                 2026-12-31";
    let key = Key::from_secret(&(0u8..32).collect::<Vec<_>>()).unwrap();
    let map = Arc::new(Organisation::parse(entry, "x").unwrap());
    let mut it = Identity::new(Settings::default(), key, map);
    assert_eq!(it.trace(&ends(DESK), None, at(0)).entries(), ["R"]);
    assert_eq!(it.trace(&ends("10.9.0.1"), None, at(0)).entries(), [""; 0]);
}
