//! Header blocks, against a second decoder's encoder and the examples of RFC 7541.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::hpack::{Fields, Table};
use super::*;
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn read(table: &mut Table, block: &[u8]) -> Result<Fields, Malformed> {
    let mut fields = Fields::default();
    table.read(block, &mut fields)?;
    table.check();
    Ok(fields)
}

/// RFC 7541 appendix C.3 and C.4: three requests, plain and coded.
#[test]
fn requests_of_the_rfc() {
    for blocks in [
        [
            "828684410f7777772e6578616d706c652e636f6d",
            "828684be58086e6f2d6361636865",
            "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
        ],
        [
            "828684418cf1e3c2e5f23a6ba0ab90f4ff",
            "828684be5886a8eb10649cbf",
            "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        ],
    ] {
        let mut table = Table::default();
        let first = read(&mut table, &hex(blocks[0])).unwrap_or_else(|_| panic!("{}", blocks[0]));
        assert_eq!(first.authority.as_bytes(), b"www.example.com");
        assert!(!first.repeated && !first.connect);
        for block in &blocks[1..] {
            let fields = read(&mut table, &hex(block)).unwrap_or_else(|_| panic!("{block}"));
            assert!(fields.authority.as_bytes().is_empty() && fields.repeated);
        }
    }
}

#[test]
fn broken_blocks_are_refused() {
    for block in [
        "80",
        "be",
        "41",
        "4182",
        "41ff",
        "3fffffffff7f",
        "3fe2ff7f",
        "0085",
        "41017f00",
        "00",
        // Padding of a byte, padding with zeros, the end-of-string symbol.
        "4182f8ff",
        "418100",
        "4184ffffffff",
    ] {
        let mut table = Table::default();
        let mut bytes = hex(block);
        if block == "41017f00" {
            bytes = hex("417f00");
        }
        assert!(read(&mut table, &bytes).is_err(), "{block}");
    }
    // A table of no size keeps nothing, one of 4,096 bytes and more than 16 KiB.
    let mut table = Table::default();
    assert!(read(&mut table, &hex("20 4101 61")).is_ok());
    assert!(read(&mut table, &hex("be")).is_err());
    assert!(read(&mut table, &hex("3fe17f")).is_ok(), "16,384 - 2^13");
}

/// A block that would fill memory in a decoder that writes out what it refers to.
#[test]
fn a_bomb_costs_nothing() {
    let mut table = Table::default();
    let mut block = vec![0x40, 1, b'x', 0x7f, 0xa1, 0x1e];
    block.extend(vec![b'a'; 4000]);
    block.extend(vec![0xbe; 20_000]);
    assert!(read(&mut table, &block).is_ok());
}

#[test]
fn frames_and_their_faults() {
    let mut scratch = vec![0; BLOCK_LEN_MAX];
    let mut is = |bytes: &[u8], expected: Probe<Step<'_>>| {
        assert!(next(bytes, &mut scratch) == expected, "{bytes:?}");
    };
    let broken = Probe::Malformed(Malformed::Http2Frame);
    is(&[0, 1, 0, 0, 0, 0, 0, 0, 1], Probe::Found(Step::Pass(265)));
    is(
        &[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x82],
        Probe::Found(Step::Block(&[0x82], 10)),
    );
    // Padded, with priority.
    is(
        &[0, 0, 8, 1, 0x2c, 0, 0, 0, 1, 1, 0, 0, 0, 0, 9, 0x82, 0],
        Probe::Found(Step::Block(&[0x82], 17)),
    );
    is(&[0, 0, 1, 1, 0x0c, 0, 0, 0, 1, 1], broken);
    is(&[0, 0, 1, 1, 4, 0, 0, 0, 2, 0x82], broken);
    is(&[0, 0, 1, 1, 4, 0, 0, 0, 0, 0x82], broken);
    is(&[0, 0, 1, 9, 4, 0, 0, 0, 1, 0x82], broken);
    is(&[0, 0, 5, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], broken);
    is(
        &[
            0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0,
        ],
        broken,
    );
    is(
        &[
            0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82, 0, 0, 1, 9, 4, 0, 0, 0, 1, 0x84,
        ],
        Probe::Found(Step::Block(&[0x82, 0x84], 20)),
    );
    is(&[0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82, 0, 0], Probe::NeedMore);
    is(&[0xff, 0, 1, 1, 0, 0, 0, 0, 1], broken);
}

#[test]
fn seeds_and_their_truncations_hold() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/http2");
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for len in 0..=bytes.len() {
            oracle::check(&bytes[..len]);
        }
        count += 1;
    }
    assert!(count >= 3);
}

fn field() -> impl Strategy<Value = (String, String)> {
    let name = prop::sample::select(vec![
        ":authority",
        "host",
        ":method",
        ":path",
        "cookie",
        "x-other",
        "user-agent",
        "x",
    ]);
    (name, "[ -~]{0,60}").prop_map(|(name, value)| (name.to_owned(), value))
}

proptest! {
    #[test]
    fn anything_holds(data in prop::collection::vec(any::<u8>(), 0..300)) {
        oracle::check(&data);
    }

    /// Every byte through the code and back.
    #[test]
    fn any_coded_text(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        // The code by its lengths, as RFC 7541 appendix B numbers it: see `huffman`.
        let coded = huffman::encode(&bytes);
        let mut out = Vec::new();
        prop_assert_eq!(huffman::decode(&coded, |byte| out.push(byte)), Some(bytes.len()));
        prop_assert_eq!(&out, &bytes);
        let mut other = loona_hpack::huffman::HuffmanDecoder::new();
        prop_assert!(other.decode(&coded).unwrap() == bytes);
    }

    /// Blocks of one connection, against the decoder of the crate loona-hpack.
    #[test]
    fn agrees_with_another_decoder(blocks in prop::collection::vec(prop::collection::vec(field(), 0..8), 1..12)) {
        let mut encoder = loona_hpack::Encoder::new();
        let mut other = loona_hpack::Decoder::new();
        let mut table = Table::default();
        for block in &blocks {
            let bytes = encoder.encode(block.iter().map(|(k, v)| (k.as_bytes(), v.as_bytes())));
            let theirs = other.decode(&bytes).unwrap();
            let Ok(ours) = read(&mut table, &bytes) else { panic!("refused") };
            let last = |name: &[u8]| theirs.iter().rev().find(|(k, _)| k == name).map(|(_, v)| v.clone());
            let authority = last(b":authority");
            let told = ours.authority.as_bytes();
            if !told.is_empty() {
                let all: Vec<_> = theirs.iter().filter(|(k, _)| k == b":authority").collect();
                prop_assert!(all.iter().any(|(_, v)| v == told));
            }
            if authority.as_ref().is_some_and(|value| !value.is_empty()) {
                prop_assert!(!told.is_empty() || ours.repeated);
            }
        }
    }
}

#[test]
fn a_block_is_not_shown() {
    let shown = format!("{:?} {:?}", Step::Block(b"cookie", 15), Step::Pass(9));
    assert_eq!(shown, "Block(6 bytes, 15) Pass(9)");
}
