//! What somebody brings finds the pseudonyms that the record bears, and no others.

use std::sync::Arc;

use super::*;
use crate::hits::Key;
use crate::identity::Settings;
use crate::organisation::Organisation;

fn identity() -> Identity {
    let key = Key::from_secret(&[7; 31].iter().copied().chain([9]).collect::<Vec<u8>>()).unwrap();
    Identity::new(Settings::default(), key, Arc::new(Organisation::default()))
}

fn had(address: &str) -> Had {
    Had {
        address: address.into(),
        from: Timestamp(10),
        until: Timestamp(20),
    }
}

#[test]
fn names_and_devices_give_subjects_addresses_give_candidates() {
    let identity = identity();
    let mut brought = Brought::default();
    brought.users = vec![" AJansen ".into()];
    brought.macs = vec!["00-00-5E-00-53-01".into(), "0000.5e00.5302".into()];
    brought.addresses = vec![had("192.0.2.7")];
    let sought = identity.sought(&brought);
    assert!(sought.subjects.contains(&identity.key.person("ajansen")));
    for mac in [[0, 0, 0x5e, 0, 0x53, 1], [0, 0, 0x5e, 0, 0x53, 2]] {
        let subject = SubjectId::of("device", &identity.key.mac_tag(mac));
        assert!(sought.subjects.contains(&subject));
    }
    assert_eq!(sought.subjects.len(), 3);
    let ip = identity.key.ip("192.0.2.7".parse().unwrap());
    assert_eq!(
        sought.addresses,
        [(ip.clone(), Timestamp(10), Timestamp(20))]
    );
    let digits = ip.trim_start_matches("ip-");
    assert!(
        sought
            .candidates
            .contains(&SubjectId::new(format!("ambiguous-{digits}")))
    );
    assert!(
        sought
            .candidates
            .contains(&SubjectId::new(format!("address-{digits}")))
    );
    assert!(sought.unusable.is_empty());
}

#[test]
fn a_devices_name_is_found_however_it_is_written_and_stands_for_nobody_for_sure() {
    let identity = identity();
    let mut brought = Brought::default();
    brought.hosts = vec!["Laptop-Jansen.example.org".into(), " . ".into()];
    let sought = identity.sought(&brought);
    assert!(sought.subjects.is_empty() && sought.candidates.is_empty());
    assert_eq!(sought.unusable, ["the device's name 2 is none"]);
    let mut clear = Clear::default();
    clear.hosts = vec!["laptop-jansen".into(), "LAPTOP-JANSEN".into()];
    let sealed = identity.hosts(&clear);
    assert_eq!(sealed.len(), 1);
    assert!(sought.hosts.contains(&sealed[0]));
    assert!(!sealed[0].contains("jansen"));
    clear.hosts = vec!["laptop-jansen2".into()];
    assert!(!sought.hosts.contains(&identity.hosts(&clear)[0]));
}

#[test]
fn what_cannot_be_used_is_told_by_its_place_and_never_repeated() {
    let brought = Brought {
        hosts: Vec::new(),
        users: vec!["ok".into(), "PC-7$".into(), String::new()],
        mailboxes: vec!["a@example.org".into()],
        macs: vec!["52:54:00:12:34:56".into(), "secret-word".into()],
        addresses: Vec::new(),
    };
    let sought = identity().sought(&brought);
    assert_eq!(sought.subjects.len(), 1);
    assert_eq!(sought.unusable.len(), 5, "{:?}", sought.unusable);
    let said = sought.unusable.join(" ");
    for word in ["PC-7", "example.org", "52:54", "secret"] {
        assert!(!said.contains(word), "{said}");
    }
    assert!(said.contains("user name 2") && said.contains("link-layer address 1"));
}

#[test]
fn a_made_up_link_layer_address_is_found_with_its_address_as_the_record_has_it() {
    let identity = identity();
    let mut brought = Brought::default();
    brought.macs = vec!["52:54:00:12:34:56".into()];
    brought.addresses = vec![had("192.0.2.7")];
    let sought = identity.sought(&brought);
    let tag = identity.key.mac_tag([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
    let ip = identity.key.ip("192.0.2.7".parse().unwrap());
    let parts: [&[u8]; 3] = [b"weak", &tag, ip.as_bytes()];
    let subject = SubjectId::of("device", &identity.key.word_tag(&parts));
    assert_eq!(sought.subjects.into_iter().collect::<Vec<_>>(), [subject]);
}
