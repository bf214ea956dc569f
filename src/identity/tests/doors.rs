//! What is let in, how long it stays, and what can be read of it.

use super::*;

#[test]
fn bad_facts_are_refused_and_counted() {
    let mut it = office();
    it.late(radius(3 * 1440, DESK, "anna", "s1"), 0);
    assert_eq!(it.refused(Refusal::Future), 1);
    it.now(Fact {
        until: Some(at(-1)),
        ..radius(0, DESK, "anna", "s1")
    });
    assert_eq!(it.refused(Refusal::Backwards), 1);
    it.now(radius(0, "10.20.0.0/16", "anna", "s1"));
    it.now(radius(0, "2001:db8::/33", "anna", "s1"));
    it.now(Fact {
        user: None,
        mac: Some(M1),
        ..lease(0, "2001:db8:20::/56", M1, 9)
    });
    assert_eq!(it.refused(Refusal::Prefix), 3);
    it.now(fact(FactSource::Dhcp4, 0, DESK));
    it.now(arp(0, DESK, [0; 6]));
    it.now(arp(0, DESK, [0xff; 6]));
    assert_eq!(it.refused(Refusal::Empty), 3);
    it.now(kerberos(0, DESK, "PC-7$@CORP.EXAMPLE"));
    it.now(kerberos(0, DESK, "svc-backup"));
    it.now(kerberos(0, DESK, "anonymous"));
    for why in [Refusal::Machine, Refusal::Service, Refusal::Nobody] {
        assert_eq!(it.refused(why), 1, "{why}");
    }
    assert_eq!(it.it.state().intervals, 0);
    table(&mut it, &[(DESK, 0, "address")]);
}

#[test]
fn without_officers_no_user_name_comes_in() {
    let mut it = with(false);
    it.now(kerberos(0, DESK, "anna"));
    it.now(Fact {
        mac: Some(M1),
        ..radius(0, DESK, "anna", "s1")
    });
    table(&mut it, &[(DESK, 1, "device D")]);
    assert_eq!(it.refused(Refusal::Unkept), 2);
    assert!(it.it.mailbox("a.jansen@corp.example", at(0)).is_none());
    let subject = it.who(DESK, 1).subject;
    assert!(it.it.clear(&subject).is_none());
}

#[test]
fn what_is_over_for_four_hours_is_gone() {
    let mut it = office();
    it.now(lease(0, DESK, M1, 60));
    it.now(kerberos(1, DESK, "anna"));
    it.now(radius(0, OTHER, "bert", "s1"));
    it.now(over(30, radius(30, OTHER, "bert", "s1")));
    it.it.tick(at(200));
    table(&mut it, &[(DESK, 30, "anna B"), (OTHER, 20, "bert A")]);
    for minutes in (210..400).step_by(5) {
        it.it.tick(at(minutes));
    }
    table(&mut it, &[(DESK, 30, "address"), (OTHER, 20, "address")]);
    assert!(it.who(DESK, 30).reason.contains("no longer kept"));
    assert_eq!(it.it.state().intervals, 0);
    assert_eq!(it.it.table.devices_len(), 0);
    assert!(!it.late(lease(0, DESK, M1, 60), 400));
    assert_eq!(it.refused(Refusal::Past), 1);
}

/// A contradiction that was forgotten must not leave the other one standing alone.
#[test]
fn half_a_contradiction_is_never_answered() {
    let mut it = office();
    it.now(radius(0, DESK, "anna", "s1"));
    it.now(Fact {
        origin: "other".into(),
        ..radius(0, DESK, "bert", "s1")
    });
    it.now(over(60, radius(60, DESK, "anna", "s1")));
    let trace = it.it.trace(&ends(DESK), None, at(30));
    assert_eq!(it.it.who(&trace).kind, SubjectKind::Ambiguous);
    for minutes in 60..400 {
        it.it.tick(at(minutes));
        assert_ne!(it.it.who(&trace).kind, SubjectKind::Person, "{minutes}");
    }
    table(&mut it, &[(DESK, 399, "bert A")]);
}

#[test]
fn a_session_that_lasts_is_not_forgotten_with_its_begin() {
    let mut it = office();
    it.now(lease(0, DESK, M1, 60));
    it.now(Fact {
        mac: Some(M1),
        ..radius(1, DESK, "anna", "s1")
    });
    for minutes in (10..2000).step_by(10) {
        it.now(lease(minutes, DESK, M1, 60));
        it.now(Fact {
            mac: Some(M1),
            ..radius(minutes, DESK, "anna", "s1")
        });
        it.it.tick(at(minutes));
        assert_eq!(it.says(DESK, minutes), "anna A", "{minutes}");
    }
    assert!(it.it.state().intervals < 120, "{}", it.it.state().intervals);
    it.now(over(2000, radius(2000, DESK, "anna", "s1")));
    for minutes in 2001..2300 {
        it.it.tick(at(minutes));
        assert_ne!(it.says(DESK, minutes), "anna A", "{minutes}");
    }
}

#[test]
fn the_table_keeps_its_bound_and_lets_go_what_ended_first() {
    let mut it = office();
    it.it.table = Table::new(
        Bounds {
            ticket_ns: 600 * MINUTE,
            session_ns: 1440 * MINUTE,
        },
        240 * MINUTE,
        64,
    );
    for host in 1..=250 {
        it.now(lease(
            i64::from(host),
            &format!("10.20.3.{host}"),
            M1,
            i64::from(host),
        ));
        assert!(it.it.state().intervals <= 65);
    }
    assert!(it.it.state().evicted >= 185);
    assert_eq!(it.says("10.20.3.1", 1), "address");
}

#[test]
fn a_restart_answers_nothing_of_before() {
    let mut it = office();
    it.it.begin(at(60));
    it.now(Fact {
        source: FactSource::LeaseFile,
        ..lease(0, DESK, M1, 600)
    });
    it.now(kerberos(61, DESK, "anna"));
    table(&mut it, &[(DESK, 30, "address"), (DESK, 62, "anna B")]);
}

#[test]
fn clear_text_is_of_the_subject_and_its_hits_alone() {
    let mut it = office();
    it.now(Fact {
        host: Some("PC-7".into()),
        ..lease(0, DESK, M1, 600)
    });
    it.now(kerberos(1, DESK, "anna@CORP.EXAMPLE"));
    it.now(kerberos(1, OTHER, "bert"));
    let anna = it.who(DESK, 2).subject;
    let bert = it.it.key.person("bert");
    let clear = it.it.clear(&anna).unwrap();
    assert_eq!(clear.users, ["anna@CORP.EXAMPLE"]);
    assert_eq!(clear.addresses, [DESK]);
    assert_eq!(clear.hosts, ["PC-7"]);
    assert_eq!(clear.macs, ["00:1b:21:00:00:01"]);
    assert!(it.it.clear(&bert).is_none(), "no hit, nothing to seal");
    it.who(OTHER, 2);
    assert_eq!(it.it.clear(&bert).unwrap().users, ["bert"]);
    for minutes in (300..1000).step_by(5) {
        it.it.tick(at(minutes));
    }
    assert!(it.it.clear(&anna).is_none());
}

/// Each note is asked again only when something became known.
#[test]
fn notes_are_asked_again_only_after_news() {
    let mut it = office();
    it.now(lease(0, DESK, M1, 600));
    it.now(kerberos(1, DESK, "anna"));
    let anna = it.who(DESK, 2).subject;
    let bert = it.it.key.person("bert");
    assert!(it.it.clear(&anna).is_some() && it.it.clear(&bert).is_none());
    // An answer that cannot be: it is believed as long as nothing new is known.
    for note in &it.it.clients {
        note.subject.borrow_mut().as_mut().unwrap().1 = bert.clone();
    }
    assert!(it.it.clear(&anna).is_none());
    assert!(!it.now(kerberos(30, DESK, "anna")), "a repeat is no news");
    assert!(it.it.clear(&anna).is_none());
    assert!(it.now(kerberos(31, OTHER, "cora")));
    assert_eq!(it.it.clear(&anna).unwrap().users, ["anna"]);
    // And an answer that did change: the address was another person's by a session told late.
    it.late(radius(0, DESK, "bert", "s1"), 32);
    assert!(it.it.clear(&anna).is_none());
}

/// An answer counts as often as it was given: not when what is noted is looked through.
#[test]
fn ambiguous_answers_are_counted_once() {
    let mut it = office();
    it.now(kerberos(0, DESK, "anna"));
    it.now(kerberos(1, DESK, "bert"));
    let subject = it.who(DESK, 10).subject;
    assert_eq!(it.it.state().ambiguous, 1);
    assert!(it.it.clear(&subject).is_some());
    assert!(it.it.clear(&it.it.key.person("anna")).is_none());
    assert_eq!(it.it.state().ambiguous, 1);
}

#[test]
fn a_mailbox_is_its_owners() {
    let mut it = office();
    let who = it.it.mailbox("A.Jansen@corp.example", at(0)).unwrap();
    assert_eq!(it.word(&who), "anna B");
    assert!(who.is_known());
    assert!(it.it.mailbox("anna@corp.example", at(0)).is_none());
    assert_eq!(it.it.clear(&who.subject).unwrap().users, ["anna"]);
}

#[test]
fn only_news_asks_for_another_look() {
    let mut it = office();
    assert!(it.now(lease(0, DESK, M1, 60)));
    assert!(!it.now(lease(30, DESK, M1, 60)), "a renewal in time");
    assert!(it.late(lease(40, DESK, M1, 60), 45), "one that comes late");
    assert!(it.now(lease(50, DESK, M2, 60)));
    assert!(!it.now(lease(50, DESK, M2, 60)), "the same again");
}

/// The table holds nothing that could be read: keys are pseudonyms, texts are enciphered.
#[test]
fn nothing_in_the_table_is_in_clear() {
    let mut it = office();
    it.now(Fact {
        host: Some("PC-ANNA".into()),
        ..lease(0, DESK, M1, 600)
    });
    it.now(kerberos(1, DESK, "anna@CORP.EXAMPLE"));
    let trace = it.it.trace(&ends(DESK), Some(M1), at(2));
    let written = serde_json::to_string(&(&trace, it.it.who(&trace))).unwrap();
    for secret in ["anna", "ANNA", "10.20.1.7", "00:1b"] {
        assert!(!written.contains(secret), "{secret}: {written}");
    }
    let address = crate::hits::tag_in(&trace.address).unwrap();
    for point in it.it.table.points(&address) {
        let closed = point.what.closed.as_ref().unwrap();
        for secret in ["anna", "PC-", "users"] {
            let found = closed.windows(secret.len()).any(|w| w == secret.as_bytes());
            assert!(!found, "{secret}");
        }
    }
}

/// A table of so many facts.
fn small(intervals_max: usize) -> Office {
    let key = Key::from_secret(&(0u8..32).collect::<Vec<_>>()).unwrap();
    let settings = Settings {
        people: true,
        intervals_max,
        ..Settings::default()
    };
    let map = Arc::new(Organisation::parse(MAP, "map").unwrap());
    Office {
        it: Identity::new(settings, key, map),
    }
}

/// Anybody can send stops of sessions that never were.
#[test]
fn a_flood_of_ends_leaves_room_for_what_holds() {
    let mut it = small(64);
    it.now(lease(0, DESK, M1, 600));
    it.now(radius(1, DESK, "anna", "s1"));
    let spoofed = |fact: Fact| Fact {
        origin: "spoofed".into(),
        ..fact
    };
    it.now(spoofed(radius(1, OTHER, "bert", "s2")));
    it.now(spoofed(over(2, radius(1, OTHER, "bert", "s2"))));
    table(&mut it, &[(DESK, 3, "anna A"), (OTHER, 3, "address")]);
    for n in 0..5000 {
        let mut end = over(10, radius(1, DESK, "cora", &format!("x{n}")));
        end.time = Timestamp(at(10).0 + n);
        end.net = None;
        it.now(spoofed(end));
        assert!(it.it.state().intervals <= 64, "{n}");
    }
    assert!(it.it.state().evicted > 4000);
    // And who was stopped before the flood has not come back.
    table(&mut it, &[(DESK, 11, "anna A"), (OTHER, 11, "address")]);
}

/// Anybody on the link can say that an address is theirs.
#[test]
fn a_flood_of_neighbours_stays_within_the_bound_of_an_address() {
    let mut it = office();
    it.now(lease(0, DESK, M1, 600));
    for n in 0..2000u16 {
        let [high, low] = n.to_be_bytes();
        it.now(arp(
            1 + i64::from(n) / 100,
            DESK,
            [0, 0x1b, 0x21, 9, high, low],
        ));
    }
    let state = it.it.state();
    let max = table::NEIGHBOURS_MAX as u64;
    assert_eq!((state.intervals, state.evicted), (max + 1, 2000 - max));
    assert_eq!(it.says(OTHER, 20), "address");
    // What the flood washed away is not answered by what is left: the lease of before.
    assert_eq!(it.says(DESK, 5), "address");
    assert!(it.who(DESK, 21).is_known());
}

/// One device that says its address again and again loses nothing by the bound.
#[test]
fn a_talkative_neighbour_stays_known_from_its_first_word() {
    let mut it = office();
    for n in 0..600 {
        let mut word = arp(0, DESK, M1);
        word.time = Timestamp(at(0).0 + n * MINUTE / 2);
        it.now(word);
    }
    let state = it.it.state();
    assert!(state.intervals <= table::NEIGHBOURS_MAX as u64);
    assert_eq!(state.evicted, 0);
    for minutes in (0..300).step_by(7) {
        let who = it.who(DESK, minutes);
        assert_eq!((who.kind, who.from), (SubjectKind::Device, Some(at(0))));
    }
}
