//! What looks like one person and is another, or several, or nobody.

use super::*;

#[test]
fn an_address_that_changed_hands() {
    let mut it = office();
    it.now(lease(0, DESK, M1, 600));
    it.now(kerberos(1, DESK, "anna"));
    it.now(lease(120, DESK, M2, 600));
    table(&mut it, &[(DESK, 119, "anna B"), (DESK, 121, "device D")]);
    it.now(kerberos(130, DESK, "bert"));
    table(
        &mut it,
        &[
            (DESK, 119, "anna B"),
            (DESK, 129, "device D"),
            (DESK, 131, "bert B"),
            (DESK, 700, "bert B"),
        ],
    );
}

#[test]
fn a_lease_file_that_comes_late_takes_a_person_back() {
    let mut it = office();
    it.now(lease(0, DESK, M1, 600));
    it.now(kerberos(1, DESK, "anna"));
    table(&mut it, &[(DESK, 200, "anna B")]);
    let file = Fact {
        source: FactSource::LeaseFile,
        origin: "file".into(),
        ..lease(120, DESK, M2, 600)
    };
    assert!(it.late(file, 300), "past answers change");
    table(&mut it, &[(DESK, 119, "anna B"), (DESK, 200, "device D")]);
}

/// One idle user and one who types: silence does not prove that somebody left.
#[test]
fn two_tickets_on_one_machine_are_nobody_while_both_run() {
    let mut it = office();
    it.now(lease(0, DESK, M1, 100_000));
    it.now(kerberos(1, DESK, "anna"));
    it.now(kerberos(120, DESK, "bert"));
    for minutes in (125..=600).step_by(25) {
        it.now(kerberos(minutes, DESK, "bert"));
    }
    table(
        &mut it,
        &[
            (DESK, 114, "anna B"),
            (DESK, 116, "ambiguous"),
            (DESK, 121, "ambiguous"),
            (DESK, 600, "ambiguous"),
            (DESK, 602, "bert B"),
        ],
    );
}

#[test]
fn a_terminal_server_that_nobody_put_on_the_map() {
    let mut it = office();
    it.now(lease(0, DESK, M1, 100_000));
    for round in 0..4 {
        for (place, user) in ["anna", "bert", "cora"].into_iter().enumerate() {
            it.now(kerberos(60 + round * 60 + 10 * place as i64, DESK, user));
        }
    }
    // The first one's first minutes too: who else was on it already, no one knows.
    for minutes in [61, 69, 75, 200, 300, 700] {
        assert_eq!(it.says(DESK, minutes), "ambiguous", "{minutes}");
    }
    assert!(it.it.state().ambiguous >= 6);
}

#[test]
fn a_shared_machine_of_the_map_is_nobody_even_with_one_session() {
    let mut it = office();
    it.now(radius(0, "10.1.7.3", "anna", "s1"));
    let who = it.who("10.1.7.3", 1);
    assert_eq!(who.kind, SubjectKind::Ambiguous);
    assert_eq!(who.grade, Grade::A);
}

#[test]
fn two_servers_that_contradict_each_other() {
    let mut it = office();
    it.now(radius(0, DESK, "anna", "s1"));
    it.now(Fact {
        origin: "other".into(),
        ..radius(30, DESK, "bert", "s1")
    });
    table(&mut it, &[(DESK, 29, "anna A"), (DESK, 31, "ambiguous")]);
    it.now(Fact {
        origin: "other".into(),
        ..over(60, radius(60, DESK, "bert", "s1"))
    });
    table(&mut it, &[(DESK, 45, "ambiguous"), (DESK, 61, "anna A")]);
}

#[test]
fn two_devices_that_claim_one_address() {
    let mut it = office();
    it.now(lease(0, DESK, M1, 600));
    it.now(kerberos(1, DESK, "anna"));
    it.now(Fact {
        source: FactSource::LeaseFile,
        origin: "file".into(),
        ..lease(60, DESK, M2, 600)
    });
    it.now(arp(70, DESK, M1));
    table(
        &mut it,
        &[
            (DESK, 59, "anna B"),
            (DESK, 65, "device D"),
            (DESK, 75, "ambiguous"),
        ],
    );
}

#[test]
fn a_link_layer_address_made_up_anew() {
    let mut it = office();
    let (one, two) = ([0x0a, 0, 0, 0, 0, 1], [0x0a, 0, 0, 0, 0, 2]);
    it.now(lease(0, DESK, one, 60));
    it.now(lease(0, OTHER, one, 60));
    let first = it.who(DESK, 1);
    assert!(
        first.reason.contains("made its link-layer address up"),
        "{}",
        first.reason
    );
    assert_ne!(
        first.subject,
        it.who(OTHER, 1).subject,
        "known at one address only"
    );
    it.now(lease(70, DESK, two, 60));
    assert_ne!(first.subject, it.who(DESK, 71).subject);
    // The session says whose it is, whatever the device calls itself.
    it.now(Fact {
        mac: Some(two),
        ..radius(72, DESK, "anna", "s1")
    });
    table(&mut it, &[(DESK, 71, "device D"), (DESK, 73, "anna A")]);
}

#[test]
fn a_ticket_reaches_the_other_addresses_of_its_device_a_grade_lower() {
    let mut it = office();
    it.now(lease(0, DESK, M1, 600));
    it.now(Fact {
        source: FactSource::Ndp,
        ..arp(0, DESK6, M1)
    });
    it.now(kerberos(1, DESK, "anna"));
    table(&mut it, &[(DESK6, 2, "anna C"), (DESK, 2, "anna B")]);
    it.now(radius(3, DESK, "anna", "s1"));
    table(&mut it, &[(DESK6, 4, "anna B")]);
    // Two people on two addresses of one device are two people on one device.
    it.now(kerberos(10, DESK6, "bert"));
    table(
        &mut it,
        &[(DESK, 11, "ambiguous"), (DESK6, 11, "ambiguous")],
    );
}

#[test]
fn a_router_is_no_device_and_carries_nobody_to_its_other_addresses() {
    let mut it = office();
    for host in 1..=7 {
        it.now(arp(0, &format!("10.20.2.{host}"), M1));
    }
    it.now(kerberos(1, "10.20.2.1", "anna"));
    table(&mut it, &[("10.20.2.2", 2, "anna C")]);
    it.now(arp(1, "2001:db8:20::99", M1));
    table(
        &mut it,
        &[("10.20.2.2", 2, "address"), ("10.20.2.1", 2, "anna B")],
    );
    // One that the map names, at once.
    it.now(arp(0, DESK, [0, 0, 0x5e, 0, 1, 1]));
    table(&mut it, &[(DESK, 1, "address")]);
}

#[test]
fn a_frame_of_another_leaseholder_names_nobody() {
    let mut it = office();
    it.now(lease(0, DESK, M1, 600));
    it.now(lease(0, OTHER, M2, 600));
    it.now(kerberos(1, DESK, "anna"));
    let mut sent_by = |mac| {
        let trace = it.it.trace(&ends(DESK), Some(mac), at(2));
        it.it.who(&trace).kind
    };
    assert_eq!(sent_by(M1), SubjectKind::Person);
    assert_eq!(sent_by(M2), SubjectKind::Ambiguous);
    // A router in between, known or not.
    assert_eq!(sent_by([0, 0, 0x5e, 0, 1, 1]), SubjectKind::Person);
    assert_eq!(sent_by([0, 9, 9, 9, 9, 9]), SubjectKind::Person);
}

/// In the night when summer time ends, a log with local times tells the same hour twice.
#[test]
fn a_log_whose_clock_ran_backwards_names_nobody_there() {
    let line = |minutes, user: &str, session: &str| Fact {
        source: FactSource::AaaLog,
        origin: "aaa".into(),
        ..radius(minutes, DESK, user, session)
    };
    let mut it = office();
    it.now(line(10, "anna", "s1"));
    it.now(over(50, line(50, "anna", "s1")));
    table(&mut it, &[(DESK, 30, "anna A")]);
    it.late(line(20, "bert", "s2"), 80);
    table(
        &mut it,
        &[
            (DESK, 30, "ambiguous"),
            (DESK, 49, "ambiguous"),
            (DESK, 51, "bert A"),
        ],
    );
    table(&mut it, &[(DESK, 15, "anna A")]);
    assert_eq!(it.it.state().disputed, 1);
}

/// Two servers write one log, and one is a quarter of an hour behind: nothing ran backwards.
#[test]
fn each_server_of_a_log_is_held_to_its_own_clock() {
    let line = |host: &str, minutes, address, user: &str, session: &str| Fact {
        source: FactSource::AaaLog,
        origin: "aaa".into(),
        clock: Some(host.into()),
        ..radius(minutes, address, user, session)
    };
    let mut it = office();
    it.now(line("one", 60, DESK, "anna", "s1"));
    it.late(line("two", 45, OTHER, "bert", "s2"), 61);
    it.now(line("one", 62, DESK, "anna", "s1"));
    assert_eq!(it.it.state().disputed, 0);
    table(&mut it, &[(DESK, 61, "anna A"), (OTHER, 61, "bert A")]);
    // A stop that the other server wrote is a stop.
    it.now(over(70, line("two", 70, DESK, "anna", "s1")));
    table(&mut it, &[(DESK, 71, "address")]);
    // One clock that does run back speaks against itself alone.
    it.late(line("two", 50, OTHER, "bert", "s2"), 72);
    assert_eq!(it.it.state().disputed, 1);
    table(&mut it, &[(DESK, 61, "anna A"), (OTHER, 61, "ambiguous")]);
    // Made-up hosts share a clock: they take no room, and nobody is named by them wrongly.
    for n in 0..2 * table::CLOCKS_MAX {
        it.late(line(&format!("x{n}"), 80, OTHER, "cora", "s3"), 80);
    }
    it.late(line("y", 60, OTHER, "cora", "s3"), 81);
    assert_eq!(it.it.state().disputed, 2);
}

#[test]
fn a_person_before_the_device_is_known() {
    let mut it = office();
    it.now(kerberos(0, DESK, "anna"));
    it.now(arp(4, DESK, M1));
    table(&mut it, &[(DESK, 3, "anna B"), (DESK, 30, "anna B")]);
    it.now(kerberos(0, OTHER, "bert"));
    it.now(arp(6, OTHER, M2));
    table(&mut it, &[(OTHER, 5, "bert B"), (OTHER, 7, "device D")]);
}
