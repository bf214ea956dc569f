//! What of a frame goes with a hit: up to the message's end, and only when nothing else is there.

use std::slice::from_ref;

use super::*;
use crate::capture::VlanTag;
use crate::event::{CARRIER_LEN_MAX, Carrier};
use crate::names::dtls::oracle::{DTLS_12, body, fragment, record};
use crate::names::quic::oracle::{Initial, crypto};
use crate::names::tls::oracle::padded_hello;

const VENDOR: &str = "app.clearview.ai";

fn question(names: &[&str]) -> Vec<u8> {
    let mut message = vec![0, 7, 1, 0, 0, names.len() as u8, 0, 0, 0, 0, 0, 0];
    for name in names {
        for label in name.split('.') {
            message.push(label.len() as u8);
            message.extend(label.bytes());
        }
        message.extend([0, 0, 1, 0, 1]);
    }
    message
}

fn carriers(frames: &[Vec<u8>]) -> Vec<Option<Carrier>> {
    let (seen, _) = run(frames);
    seen.hits.into_iter().map(|hit| hit.carrier).collect()
}

/// The one hit's carrier: so many bytes of this frame.
fn kept(frames: &[Vec<u8>]) -> Option<usize> {
    let [carrier] = &carriers(frames)[..] else {
        panic!("not one hit");
    };
    let carrier = carrier.as_ref()?;
    let last = frames.last().unwrap();
    assert!(last.starts_with(&carrier.bytes) && carrier.link == 1);
    assert_eq!(carrier.wire_len as usize, last.len());
    Some(carrier.bytes.len())
}

#[test]
fn what_follows_the_message_is_cut_away() {
    let query = udp(false, 53, &question(&[VENDOR]));
    let mut padded = query.clone();
    padded.extend(b"padding of the link");
    assert_eq!(kept(from_ref(&query)), Some(query.len()));
    assert_eq!(kept(&[padded]), Some(query.len()));
    let behind = [HELLO, b"\x17\x03\x03\x00\x05early"].concat();
    let alone = tcp(1, 0x18, HELLO);
    assert_eq!(kept(from_ref(&alone)), Some(alone.len()));
    assert_eq!(kept(&[tcp(1, 0x18, &behind)]), Some(alone.len()));
}

#[test]
fn a_frame_with_anything_before_the_message_is_not_kept() {
    // An earlier request, an earlier message, half of the message, a second question.
    let connect = b"CONNECT www.example.com:443 HTTP/1.1\r\nCookie: a\r\n\r\n";
    assert_eq!(kept(&[tcp(1, 0x18, &[connect, HELLO].concat())]), None);
    let (head, tail) = HELLO.split_at(200);
    assert_eq!(
        kept(&[tcp(1, 0x18, head), tcp(201, 0x18, tail)]),
        None,
        "it came in two"
    );
    let two = question(&["www.example.com", VENDOR]);
    assert_eq!(kept(&[udp(false, 53, &two)]), None);
}

#[test]
fn a_hello_in_two_records_is_not_kept_as_a_frame() {
    let split = crate::names::tls::oracle::records(&HELLO[5..], &[90]);
    assert_eq!(kept(&[tcp(1, 0x18, &split)]), None);
}

#[test]
fn a_quic_hello_is_kept_with_its_initials_alone() {
    let hello = padded_hello(VENDOR.as_bytes(), 60, true);
    let initial = Initial::first(1, b"12345678", &crypto(0, &hello)).seal();
    let alone = udp(false, 443, &initial);
    assert_eq!(kept(from_ref(&alone)), Some(alone.len()));
    // 0-RTT behind it: what the client sends is in there.
    let mut early = vec![0xd0, 0, 0, 0, 1, 8];
    early.extend(b"12345678");
    early.extend([0, 0x40, 40]);
    early.extend([0x55; 40]);
    let coalesced = udp(false, 443, &[&initial[..], &early].concat());
    assert_eq!(kept(&[coalesced]), Some(alone.len()));
    let (first, second) = hello.split_at(100);
    let piece = |number: u64, at: usize, bytes: &[u8]| {
        let frames = crypto(at as u64, bytes);
        let packet = Initial {
            number,
            ..Initial::first(1, b"12345678", &frames)
        };
        udp(false, 443, &packet.seal())
    };
    assert_eq!(kept(&[piece(0, 0, first), piece(1, 100, second)]), None);
}

#[test]
fn a_dtls_hello_is_kept_when_its_first_record_is_all_of_it() {
    let body = body(
        &padded_hello(VENDOR.as_bytes(), 60, true),
        DTLS_12,
        b"cookie",
    );
    let piece = |from: usize, to: usize| record(22, 0, &fragment(1, 0, &body, from, to));
    let whole = udp(false, 4433, &piece(0, body.len()));
    assert_eq!(kept(from_ref(&whole)), Some(whole.len()));
    let more = [piece(0, body.len()), record(20, 0, &[1])].concat();
    assert_eq!(kept(&[udp(false, 4433, &more)]), Some(whole.len()));
    let two = [piece(0, 40), piece(40, body.len())].concat();
    assert_eq!(kept(&[udp(false, 4433, &two)]), None);
    assert_eq!(
        kept(&[
            udp(false, 4433, &piece(0, 40)),
            udp(false, 4433, &piece(40, body.len()))
        ]),
        None
    );
}

fn with(bytes: &[u8], vlan: Option<VlanTag>, link: LinkType) -> Option<Carrier> {
    let list = Catalogue::builtin().unwrap_or_else(|p| panic!("{}", p[0]));
    let mut worker = Worker::new(&Settings::default(), 0, "test");
    let mut seeing = Seeing::default();
    let frame = Frame {
        bytes,
        wire_len: u32::try_from(bytes.len()).unwrap(),
        time: Timestamp(1),
        vlan,
        link,
        point: 0,
    };
    worker.frame(&frame, "test", &list, &mut seeing);
    assert_eq!(seeing.hits.len(), 1);
    seeing.hits.pop()?.carrier
}

#[test]
fn a_tag_that_the_kernel_took_out_is_back() {
    let bytes = udp(false, 53, &question(&[VENDOR]));
    let tag = VlanTag {
        tpid: 0x8100,
        tci: 0x2011,
    };
    let carrier = with(&bytes, Some(tag), LinkType::Ethernet).unwrap();
    let whole = [&bytes[..12], &[0x81, 0, 0x20, 0x11], &bytes[12..]].concat();
    assert!(carrier.bytes == whole);
    assert_eq!(carrier.wire_len as usize, whole.len());
}

/// The header of a capture on a host tells which process sent the packet, and as whom.
#[test]
fn what_the_capturing_system_says_of_a_process_is_not_kept() {
    let bytes = udp(false, 53, &question(&[VENDOR]));
    // A netfilter log record: family, version, resource; user id; the packet.
    let ip = &bytes[14..];
    let len = u16::try_from(ip.len() + 4).unwrap().to_le_bytes();
    let uid = [8, 0, 11, 0, 0, 0, 0x03, 0xe8];
    let record = [&[2, 0, 0, 0][..], &uid, &len, &[9, 0], ip].concat();
    assert!(with(&record, None, LinkType::Nflog).is_none());
    assert!(with(ip, None, LinkType::RawIp).is_some());
}

#[test]
fn a_giant_frame_is_cut_at_the_bound() {
    let giant = padded_hello(VENDOR.as_bytes(), 6000, true);
    let split = crate::names::tls::oracle::records(&giant, &[]);
    let frame = tcp(1, 0x18, &split);
    assert_eq!(kept(&[frame]), Some(CARRIER_LEN_MAX));
}
