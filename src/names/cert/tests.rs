//! Certificates of OpenSSL and of this file's own making, whole, split, cut and lying.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::oracle::{answer, certificate, check, flight, server_hello};
use super::*;
use crate::names::tls::oracle::{record, records};

/// Made by `openssl req -x509`; see the README beside them.
const WILDCARD: &[u8] = include_bytes!("../../../tests/data/certificates/wildcard.der");
const COMMON_NAME: &[u8] = include_bytes!("../../../tests/data/certificates/common-name.der");
const PERSON: &[u8] = include_bytes!("../../../tests/data/certificates/person.der");
const MANY: &[u8] = include_bytes!("../../../tests/data/certificates/many.der");
const ODD: &[u8] = include_bytes!("../../../tests/data/certificates/odd.der");

fn names(der: &[u8]) -> Vec<String> {
    let leaf = Leaf::read(der).expect("a certificate");
    let show = |name: CertName<'_>| {
        let star = if name.wildcard { "*." } else { "" };
        format!("{star}{}", std::str::from_utf8(name.text).unwrap())
    };
    leaf.names().map(show).collect()
}

#[test]
fn names_of_real_certificates() {
    assert_eq!(names(WILDCARD), ["clearview.ai", "*.clearview.ai"]);
    assert_eq!(names(COMMON_NAME), ["www.example.com"]);
    assert!(names(PERSON).is_empty(), "a person is no host");
    assert_eq!(names(MANY).len(), NAMES_MAX);
    let leaf = Leaf::read(MANY).unwrap();
    let mut many = leaf.names();
    assert_eq!(many.by_ref().count(), NAMES_MAX);
    assert!(!many.is_whole(), "there are more");
}

/// An address, a partial wildcard, a NUL, a label that is too long: none is taken for a name, and
/// the common name does not step in beside a name that is.
#[test]
fn what_is_no_host_name_is_left_out_and_told() {
    assert_eq!(names(ODD), ["fine.example.com"]);
    let leaf = Leaf::read(ODD).unwrap();
    let mut odd = leaf.names();
    assert_eq!(odd.by_ref().count(), 1);
    assert!(!odd.is_whole());
}

#[test]
fn the_leaf_is_found_however_its_flight_is_split() {
    for lens in [
        vec![],
        vec![1; 3000],
        vec![4, 0, 38, 7],
        vec![42],
        vec![46, 100, 16_000],
    ] {
        let stream = flight(&[WILDCARD, COMMON_NAME], &lens);
        let want = Probe::Found(Some(WILDCARD.to_vec()));
        assert_eq!(answer(&stream), want, "{lens:?}");
        check(&stream);
    }
}

#[test]
fn every_cut_waits_and_the_rest_of_the_chain_is_not_waited_for() {
    let stream = flight(&[WILDCARD, COMMON_NAME], &[]);
    let needed = stream.len() - COMMON_NAME.len() - 3;
    for end in 0..stream.len() {
        let want = if end < needed {
            Probe::NeedMore
        } else {
            Probe::Found(Some(WILDCARD.to_vec()))
        };
        assert_eq!(answer(&stream[..end]), want, "{end}");
    }
}

#[test]
fn what_shows_no_certificate() {
    let hello = server_hello(0x0303, &[]);
    let hello13 = server_hello(0x0303, &[(51, vec![0; 36]), (43, vec![3, 4])]);
    let draft = server_hello(0x7f1c, &[]);
    let (ccs, data) = (record(20, &[1]), record(23, &[0; 40]));
    let ticket = super::super::tls::oracle::message(4, &[0; 20]);
    let empty = certificate(&[]);
    for stream in [
        [records(&hello13, &[]), data].concat(),
        records(&draft, &[]),
        [records(&hello, &[]), ccs].concat(),
        records(&[&hello[..], &ticket].concat(), &[]),
        records(&[&hello[..], &empty].concat(), &[]),
    ] {
        assert_eq!(answer(&stream), Probe::Found(None));
        check(&stream);
    }
}

/// A client's certificate stands behind no ServerHello: it is never looked at.
#[test]
fn a_clients_certificate_is_not_ours() {
    let stream = records(&certificate(&[WILDCARD]), &[]);
    assert_eq!(answer(&stream), Probe::NotForUs);
    let client = crate::names::tls::oracle::padded_hello(b"x.example", 0, false);
    let both = [records(&client, &[]), stream].concat();
    assert_eq!(answer(&both), Probe::NotForUs);
}

#[test]
fn lying_lengths_are_malformed() {
    let hello = server_hello(0x0303, &[]);
    let mut list = certificate(&[WILDCARD]);
    list[6] ^= 1;
    let mut first = certificate(&[WILDCARD]);
    first[7] = 1;
    let mut der = WILDCARD.to_vec();
    der[4] = 0x02;
    let inside = certificate(&[&der]);
    for message in [list, first, inside] {
        let stream = records(&[&hello[..], &message].concat(), &[]);
        assert_eq!(answer(&stream), Probe::Malformed(Malformed::TlsCertificate));
    }
}

#[test]
fn an_extra_message_before_the_certificate() {
    let between = super::super::tls::oracle::message(SUPPLEMENTAL_DATA, &[0; 9]);
    let messages = [
        server_hello(0x0301, &[(0, vec![])]),
        between,
        certificate(&[ODD]),
    ]
    .concat();
    assert_eq!(
        answer(&records(&messages, &[])),
        Probe::Found(Some(ODD.to_vec()))
    );
}

/// The seeds of the fuzz target, every certificate, and every cut of them.
#[test]
fn the_oracle_holds_for_the_seeds_and_their_truncations() {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/certificate");
    let mut count = 0;
    for seed in std::fs::read_dir(seeds).unwrap().flatten() {
        let bytes = std::fs::read(seed.path()).unwrap();
        let step = (bytes.len() / 300).max(1);
        for end in (0..bytes.len()).step_by(step) {
            check(&bytes[..end]);
        }
        check(&bytes);
        count += 1;
    }
    assert!(count >= 3);
    for der in [WILDCARD, COMMON_NAME, PERSON, ODD] {
        for at in 0..der.len() {
            let mut flipped = der.to_vec();
            flipped[at] ^= 0x41;
            check(&flipped);
        }
    }
}
