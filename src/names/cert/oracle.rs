//! What must hold for every input of the certificate walk; and the maker of flights that it needs.
//!
//! For fuzzing and tests only: allocates and panics.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::leaf::element;
use super::{Leaf, NAMES_MAX, probe, starts};
use crate::names::Probe;
use crate::names::reader::Reader;
use crate::names::tls::oracle::{message, records};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// A ServerHello of TLS 1.2 with these extensions, as a handshake message.
pub fn server_hello(version: u16, extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend([9; 32]);
    body.push(0);
    body.extend([0xc0, 0x2f, 0]);
    if !extensions.is_empty() {
        let mut block = Vec::new();
        for (kind, data) in extensions {
            block.extend(kind.to_be_bytes());
            block.extend((data.len() as u16).to_be_bytes());
            block.extend(data);
        }
        body.extend((block.len() as u16).to_be_bytes());
        body.extend(block);
    }
    message(2, &body)
}

/// A Certificate message with this chain.
pub fn certificate(chain: &[&[u8]]) -> Vec<u8> {
    let u24 = |n: usize| (n as u32).to_be_bytes()[1..].to_vec();
    let mut list = Vec::new();
    for der in chain {
        list.extend(u24(der.len()));
        list.extend(*der);
    }
    let body = [u24(list.len()), list].concat();
    message(11, &body)
}

/// A server's flight of TLS 1.2 in records of these lengths.
pub fn flight(chain: &[&[u8]], lens: &[usize]) -> Vec<u8> {
    let messages = [server_hello(0x0303, &[]), certificate(chain)].concat();
    records(&messages, lens)
}

/// What a probe answered, owned: the certificate, if one was shown.
pub fn answer(data: &[u8]) -> Probe<Option<Vec<u8>>> {
    let mut scratch = vec![0; data.len()];
    match probe(data, &mut scratch) {
        Probe::Found(leaf) => Probe::Found(leaf.map(|leaf| leaf.der.to_vec())),
        Probe::NeedMore => Probe::NeedMore,
        Probe::NotForUs => Probe::NotForUs,
        Probe::Malformed(why) => Probe::Malformed(why),
    }
}

/// Asserts what must hold when `data` is a server's side of a stream, and when it is a certificate.
pub fn check(data: &[u8]) {
    let whole = answer(data);
    if let Probe::Found(Some(der)) = &whole {
        assert!(Leaf::read(der).is_some());
        // The same certificate, however its flight is split.
        let lens: Vec<usize> = data
            .iter()
            .map(|b| usize::from(*b).max(1))
            .take(64)
            .collect();
        let split = flight(&[der], &lens);
        assert_eq!(answer(&split), Probe::Found(Some(der.clone())));
    }
    let step = (data.len() / 64).max(1);
    for len in (0..data.len()).step_by(step) {
        let early = answer(&data[..len]);
        assert!(
            early == Probe::NeedMore || early == whole,
            "the answer changed after {len} bytes"
        );
        let (start, end) = (starts(&data[..len]), starts(data));
        assert!(start == Probe::NeedMore || start == end);
    }
    check_leaf(data);
}

/// No name is invented, none is taken twice, and another parser reads the same.
fn check_leaf(der: &[u8]) {
    let Some(leaf) = Leaf::read(der) else {
        return;
    };
    let mut names = leaf.names();
    let read: Vec<_> = names.by_ref().collect();
    assert!(read.len() <= NAMES_MAX);
    for name in &read {
        let (outer, inner) = (der.as_ptr_range(), name.text.as_ptr_range());
        assert!(outer.start <= inner.start && inner.end <= outer.end);
        assert!(name.text.len() <= 253 && name.text.contains(&b'.'));
        assert!(name.text.iter().all(u8::is_ascii_graphic) && !name.text.contains(&b'*'));
    }
    let Ok((_, second)) = X509Certificate::from_der(der) else {
        return;
    };
    let Ok(Some(alt)) = second.subject_alternative_name() else {
        return;
    };
    // x509-parser goes by the number of a tag alone, whatever its class and form.
    let Some(list) = leaf.alt_names else {
        return;
    };
    let mut list = Reader::new(list);
    while let Some((tag, _)) = element(&mut list) {
        if tag != 0x82 && tag & 0x1f == 2 {
            return;
        }
    }
    if alt.value.general_names.len() <= NAMES_MAX && names.is_whole() {
        let theirs = alt
            .value
            .general_names
            .iter()
            .filter_map(|name| match name {
                GeneralName::DNSName(text) => Some(text.as_bytes()),
                _ => None,
            });
        let theirs: Vec<_> = theirs.collect();
        if !theirs.is_empty() {
            let bare = |text: &[u8]| {
                let text = text.strip_prefix(b"*.").unwrap_or(text);
                text.strip_suffix(b".").unwrap_or(text).to_vec()
            };
            let theirs: Vec<_> = theirs.into_iter().map(bare).collect();
            let ours: Vec<_> = read.iter().map(|name| name.text.to_vec()).collect();
            assert_eq!(ours, theirs);
        }
    }
}
