//! Somebody is erased: memory forgets them, and accuses nobody else by that.

use super::*;
use crate::hits::SubjectId;

fn points(it: &Office, address: &str) -> usize {
    let tag = it.it.key.address_tag(address.parse().unwrap());
    it.it.table.points(&tag).len()
}

#[test]
fn who_is_erased_is_forgotten_with_the_addresses_they_had() {
    let mut it = office();
    it.now(Fact {
        host: Some("PC-7".into()),
        ..lease(0, DESK, M1, 600)
    });
    it.now(radius(1, DESK, "anna", "s7"));
    it.now(radius(1, OTHER, "bert", "s1"));
    it.now(over(2, radius(2, OTHER, "bert", "s0")));
    let anna = it.who(DESK, 2).subject;
    let bert = it.who(OTHER, 2).subject;
    assert!(it.it.mailbox("A.Jansen@corp.example", at(2)).is_some());
    let before = it.it.state().intervals;
    assert!(it.it.clear(&anna).is_some());

    it.it.erase(&[anna.clone()].into(), at(5));
    assert!(it.it.clear(&anna).is_none());
    assert_eq!(points(&it, DESK), 0);
    assert!(!it.who(DESK, 3).is_known());
    // Of the other nothing went.
    assert_eq!(it.it.state().intervals, before - 2);
    assert!(it.it.clear(&bert).is_some());
    table(&mut it, &[(OTHER, 3, "bert A")]);
    // What is told from then on is believed.
    it.now(kerberos(6, DESK, "anna"));
    assert!(!it.who(DESK, 4).is_known());
    table(&mut it, &[(DESK, 7, "anna B")]);
}

/// Two people at one address: nobody can tell. Without the one that was erased it must not be the
/// other.
#[test]
fn nobody_stands_alone_because_another_was_erased() {
    let mut it = office();
    it.now(kerberos(0, DESK, "anna"));
    it.now(kerberos(1, DESK, "bert"));
    assert_eq!(it.says(DESK, 10), "ambiguous");
    let anna: SubjectId = it.it.key.person("anna");
    it.it.erase(&[anna].into(), at(12));
    assert!(!it.who(DESK, 10).is_known());
    // Also not by what is told late, nor when the address was swept.
    it.late(kerberos(2, DESK, "bert"), 13);
    assert!(!it.who(DESK, 10).is_known());
    for minutes in (13..120).step_by(5) {
        it.it.tick(at(minutes));
    }
    it.late(kerberos(3, DESK, "bert"), 120);
    assert!(!it.who(DESK, 10).is_known());
}

/// A device of which no user was known; also one that made its address up.
#[test]
fn a_device_is_forgotten_by_its_pseudonym() {
    const MADE_UP: [u8; 6] = [0x02, 0x1b, 0x21, 0, 0, 9];
    let mut it = office();
    it.now(lease(0, DESK, M1, 600));
    it.now(lease(0, OTHER, MADE_UP, 600));
    for address in [DESK, OTHER] {
        let device = it.who(address, 1).subject;
        assert!(device.as_str().starts_with("device-"));
        it.it.erase(&[device].into(), at(2));
        assert_eq!(points(&it, address), 0, "{address}");
    }
}
