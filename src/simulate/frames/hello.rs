//! What carries a name: DNS messages, a ClientHello, a QUIC Initial.
//!
//! Enters: names. Leaves: the bytes of RFC 1035, RFC 8446 section 4.1.2 and RFC 9001 section 5.
//! Never: uses the parsers of the program.

use ring::aead::{self, LessSafeKey, Nonce, UnboundKey, quic::HeaderProtectionKey};
use ring::hkdf;

/// A query, or (with `chain`) the answer to it: a CNAME for each name of the chain, then nothing.
pub fn dns(id: u16, name: &str, kind: u16, chain: Option<&[String]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let answers = chain.map_or(0, <[String]>::len) as u16;
    let flags = if chain.is_some() { 0x8180 } else { 0x0100 };
    for word in [id, flags, 1, answers, 0, 0] {
        bytes.extend(u16::to_be_bytes(word));
    }
    bytes.extend(wire_name(name));
    bytes.extend([kind.to_be_bytes(), [0, 1]].concat());
    let mut owner = name.to_owned();
    for target in chain.unwrap_or_default() {
        let data = wire_name(target);
        bytes.extend(wire_name(&owner));
        bytes.extend([0, 5, 0, 1, 0, 0, 0, 60]);
        bytes.extend((data.len() as u16).to_be_bytes());
        bytes.extend(data);
        owner.clone_from(target);
    }
    bytes
}

fn wire_name(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn prefixed<const WIDTH: usize>(body: &[u8]) -> Vec<u8> {
    let len = (body.len() as u32).to_be_bytes();
    [&len[4 - WIDTH..], body].concat()
}

/// The ClientHello as a handshake message.
fn handshake(name: &str, padding: Option<usize>) -> Vec<u8> {
    let host = [&[0][..], &prefixed::<2>(name.as_bytes())].concat();
    let mut extensions = vec![
        ([0, 0], prefixed::<2>(&host)),
        ([0, 43], vec![2, 3, 4]),
        ([0, 10], vec![0, 2, 0, 29]),
        ([0, 13], vec![0, 2, 4, 3]),
        ([0, 51], [&[0, 36, 0, 29, 0, 32][..], &[7; 32]].concat()),
    ];
    extensions.extend(padding.map(|len| ([0, 21], vec![0; len])));
    let extensions: Vec<u8> = extensions
        .iter()
        .flat_map(|(kind, body)| [&kind[..], &prefixed::<2>(body)].concat())
        .collect();
    let body = [
        &[3, 3][..],
        &[0x11; 32],
        &prefixed::<1>(&[0x22; 32]),
        &prefixed::<2>(&[0x13, 0x01, 0x13, 0x02]),
        &[1, 0],
        &prefixed::<2>(&extensions),
    ]
    .concat();
    [&[1][..], &prefixed::<3>(&body)].concat()
}

/// A ClientHello in its record, as long as the recorded one of Chromium (tests/data/hello): it is
/// part of the first exchange.
const RECORD_LEN: usize = 1_924;

/// The ClientHello in one TLS record, padded (RFC 7685) to a browser's length.
pub fn tls(name: &str) -> Vec<u8> {
    let plain = 5 + handshake(name, None).len();
    // Type and length of the padding extension.
    let padding = RECORD_LEN.saturating_sub(plain + 4);
    let message = handshake(name, Some(padding));
    [&[0x16, 3, 1][..], &prefixed::<2>(&message)].concat()
}

/// One QUIC v1 client Initial of 1,200 bytes with the whole ClientHello.
pub fn quic(name: &str, connection: u32) -> Vec<u8> {
    const SALT: [u8; 20] = [
        0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c,
        0xad, 0xcc, 0xbb, 0x7f, 0x0a,
    ];
    let dcid = [&[0xdc; 4][..], &connection.to_be_bytes()].concat();
    let initial = hkdf::Salt::new(hkdf::HKDF_SHA256, &SALT).extract(&dcid);
    let client = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &expand(&initial, "client in", 32));

    let message = handshake(name, None);
    let mut frames = vec![6, 0];
    frames.extend((0x4000 | message.len() as u16).to_be_bytes());
    frames.extend(message);
    let mut head = vec![0xc1, 0, 0, 0, 1, dcid.len() as u8];
    head.extend(&dcid);
    head.extend([0, 0]);
    // Two bytes of length, two of packet number, sixteen of tag.
    frames.resize(1_200 - head.len() - 2 - 2 - 16, 0);
    head.extend((0x4000 | (2 + frames.len() + 16) as u16).to_be_bytes());
    head.extend([0, 0]);

    let key =
        UnboundKey::new(&aead::AES_128_GCM, &expand(&client, "quic key", 16)).expect("16 bytes");
    // Packet number 0: the nonce is the IV itself.
    let nonce =
        Nonce::try_assume_unique_for_key(&expand(&client, "quic iv", 12)).expect("12 bytes");
    LessSafeKey::new(key)
        .seal_in_place_append_tag(nonce, aead::Aad::from(&head), &mut frames)
        .expect("an Initial is short");
    let mask = HeaderProtectionKey::new(&aead::quic::AES_128, &expand(&client, "quic hp", 16))
        .and_then(|key| key.new_mask(&frames[2..18]))
        .expect("a sample of 16 bytes");
    let number = head.len() - 2;
    head[0] ^= mask[0] & 0x0f;
    head[number] ^= mask[1];
    head[number + 1] ^= mask[2];
    [head, frames].concat()
}

/// HKDF-Expand-Label (RFC 8446 section 7.1).
fn expand(secret: &hkdf::Prk, label: &str, len: usize) -> Vec<u8> {
    struct Len(usize);
    impl hkdf::KeyType for Len {
        fn len(&self) -> usize {
            self.0
        }
    }
    let label = format!("tls13 {label}");
    let info = [
        &prefixed::<2>(&vec![0; len])[..2],
        &prefixed::<1>(label.as_bytes()),
        &[0],
    ]
    .concat();
    let mut out = vec![0; len];
    secret
        .expand(&[&info], Len(len))
        .and_then(|okm| okm.fill(&mut out))
        .expect("a short key");
    out
}
