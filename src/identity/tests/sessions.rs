//! Sessions, tickets and leases: from when to when they speak for a person.

use super::*;

#[test]
fn a_session_speaks_from_its_start_to_its_stop() {
    let mut it = office();
    it.now(radius(60, DESK, "CORP\\anna", "s1"));
    it.now(over(120, radius(120, DESK, "CORP\\anna", "s1")));
    table(
        &mut it,
        &[
            (DESK, 59, "address"),
            (DESK, 60, "anna A"),
            (DESK, 119, "anna A"),
            (DESK, 120, "address"),
            (OTHER, 90, "address"),
        ],
    );
    let who = it.who(DESK, 90);
    assert_eq!(who.from, Some(at(60)));
    assert_eq!(who.until, Some(at(120)));
    assert_eq!(
        who.place.unit.as_deref(),
        Some("lab"),
        "the directory's unit"
    );
}

#[test]
fn a_stop_by_session_id_alone_and_a_restart_of_the_server() {
    let mut it = office();
    it.now(radius(60, DESK, "anna", "s1"));
    it.now(radius(60, OTHER, "bert", "s2"));
    it.now(Fact {
        net: None,
        user: None,
        ..over(90, radius(0, DESK, "", "s1"))
    });
    table(
        &mut it,
        &[
            (DESK, 89, "anna A"),
            (DESK, 91, "address"),
            (OTHER, 91, "bert A"),
        ],
    );
    it.now(Fact {
        act: FactAct::AllEnd,
        net: None,
        session: None,
        user: None,
        ..radius(100, DESK, "", "")
    });
    table(&mut it, &[(OTHER, 99, "bert A"), (OTHER, 101, "address")]);
}

#[test]
fn an_interim_without_start_begins_and_a_stop_without_start_ends_nothing() {
    let mut it = office();
    it.now(radius(60, DESK, "anna", "s1"));
    it.now(over(70, radius(70, DESK, "bert", "s9")));
    it.now(Fact {
        net: None,
        ..over(71, radius(71, DESK, "", "s8"))
    });
    table(&mut it, &[(DESK, 59, "address"), (DESK, 80, "anna A")]);
}

#[test]
fn a_message_after_the_stop_of_its_session_revives_nothing() {
    let mut it = office();
    it.now(radius(60, DESK, "anna", "s1"));
    it.now(over(90, radius(90, DESK, "anna", "s1")));
    it.now(radius(95, DESK, "anna", "s1"));
    table(&mut it, &[(DESK, 89, "anna A"), (DESK, 96, "address")]);
    it.now(radius(100, DESK, "anna", "s2"));
    table(&mut it, &[(DESK, 101, "anna A")]);
}

#[test]
fn a_session_without_a_stop_does_not_last_for_ever() {
    let mut it = office();
    it.now(radius(0, DESK, "anna", "s1"));
    table(&mut it, &[(DESK, 1439, "anna A"), (DESK, 1441, "address")]);
}

#[test]
fn the_same_server_begins_another_session() {
    let mut it = office();
    it.now(radius(0, DESK, "anna", "s1"));
    it.now(radius(60, DESK, "bert", "s2"));
    table(&mut it, &[(DESK, 59, "anna A"), (DESK, 60, "bert A")]);
    // A machine's session ends a person's too.
    it.now(radius(90, DESK, "host/pc-7.corp.example", "s3"));
    table(&mut it, &[(DESK, 89, "bert A"), (DESK, 91, "address")]);
}

#[test]
fn sessions_that_overlap_for_sure_are_nobody() {
    let mut it = office();
    it.now(radius(0, DESK, "anna", "s1"));
    it.now(radius(60, DESK, "bert", "s2"));
    it.now(radius(90, DESK, "anna", "s1"));
    table(&mut it, &[(DESK, 59, "anna A"), (DESK, 75, "ambiguous")]);
}

#[test]
fn a_ticket_speaks_up_to_its_end_and_ten_hours_at_most() {
    let mut it = office();
    let mut reply = kerberos(0, DESK, "anna@CORP.EXAMPLE");
    it.now(reply.clone());
    table(
        &mut it,
        &[
            (DESK, -1, "address"),
            (DESK, 0, "anna B"),
            (DESK, 599, "anna B"),
        ],
    );
    table(&mut it, &[(DESK, 601, "address")]);
    reply.until = Some(at(100_000));
    reply.net = Some(net(OTHER));
    it.now(reply);
    table(&mut it, &[(OTHER, 599, "anna B"), (OTHER, 601, "address")]);
}

#[test]
fn a_ticket_ends_with_the_lease_unless_that_is_renewed() {
    let mut it = office();
    it.now(lease(0, DESK, M1, 60));
    it.now(kerberos(1, DESK, "anna"));
    table(&mut it, &[(DESK, 59, "anna B"), (DESK, 61, "address")]);
    it.now(lease(50, DESK, M1, 60));
    table(&mut it, &[(DESK, 61, "anna B"), (DESK, 111, "address")]);
}

#[test]
fn a_stop_of_the_session_ends_the_ticket_too() {
    let mut it = office();
    it.now(radius(0, DESK, "anna", "s1"));
    it.now(kerberos(1, DESK, "anna"));
    table(&mut it, &[(DESK, 2, "anna A")]);
    it.now(Fact {
        net: None,
        user: None,
        ..over(60, radius(60, DESK, "", "s1"))
    });
    table(&mut it, &[(DESK, 59, "anna A"), (DESK, 61, "address")]);
    it.now(kerberos(70, DESK, "anna"));
    table(&mut it, &[(DESK, 71, "anna B")]);
}

#[test]
fn a_session_of_another_person_ends_an_older_ticket_but_not_a_newer_one() {
    let mut it = office();
    it.now(kerberos(0, DESK, "anna"));
    it.now(radius(60, DESK, "bert", "s1"));
    table(&mut it, &[(DESK, 50, "anna B"), (DESK, 61, "bert A")]);
    it.now(kerberos(90, DESK, "anna"));
    table(&mut it, &[(DESK, 80, "bert A"), (DESK, 91, "ambiguous")]);
    let who = it.who(DESK, 91);
    assert_eq!(who.grade, Grade::A);
    assert_eq!(
        who.reason,
        "different people at one time: 1 by session, 1 by ticket"
    );
}

#[test]
fn sources_that_agree_are_all_named() {
    let mut it = office();
    it.now(kerberos(0, DESK, "anna@CORP.EXAMPLE"));
    it.now(radius(1, DESK, "CORP\\Anna", "s1"));
    let who = it.who(DESK, 10);
    assert_eq!(who.sources, [FactSource::Radius, FactSource::Kerberos]);
    assert_eq!(who.learned, Some(at(1)));
    assert!(who.is_known());
    assert!(!it.who(OTHER, 10).is_known());
}

#[test]
fn a_device_has_a_grade_by_what_is_known_of_it() {
    let mut it = office();
    it.now(arp(0, DESK, M1));
    table(&mut it, &[(DESK, 1, "device D"), (DESK, 61, "address")]);
    it.now(Fact {
        host: Some("PC-7".into()),
        ..lease(10, DESK, M1, 60)
    });
    table(
        &mut it,
        &[
            (DESK, 11, "device C"),
            (DESK, 69, "device C"),
            (DESK, 70, "address"),
        ],
    );
    let (one, two) = (it.who(DESK, 1).subject, it.who(DESK, 11).subject);
    assert_eq!(one, two);
    assert_eq!(one.as_str(), it.it.key.mac(M1).replace("mac-", "device-"));
}

#[test]
fn a_release_ends_device_and_person() {
    let mut it = office();
    it.now(lease(0, DESK, M1, 600));
    it.now(kerberos(1, DESK, "anna"));
    it.now(over(60, lease(60, DESK, M1, 0)));
    table(&mut it, &[(DESK, 59, "anna B"), (DESK, 61, "address")]);
    // A release of a device that no longer has the address ends nothing.
    it.now(lease(70, DESK, M2, 600));
    it.now(kerberos(71, DESK, "bert"));
    it.now(over(80, lease(80, DESK, M1, 0)));
    table(&mut it, &[(DESK, 90, "bert B")]);
}

#[test]
fn prefixes_of_a_session_hold_for_their_addresses() {
    let mut it = office();
    it.now(radius(0, "2001:db8:20:1::/64", "anna", "s1"));
    table(
        &mut it,
        &[
            ("2001:db8:20:1::42", 10, "anna A"),
            ("2001:db8:20:2::42", 10, "address"),
        ],
    );
    it.now(over(20, radius(20, "2001:db8:20:1::/64", "anna", "s1")));
    table(&mut it, &[("2001:db8:20:1::42", 21, "address")]);
}
