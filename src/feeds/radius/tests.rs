//! Requests as radclient sends them, answers as FreeRADIUS gives them, and what is wrong.

use super::super::probe::{LEARNED, list, show};
use super::*;

const CAPTURE: &[u8] = include_bytes!("../../../tests/data/feeds/radius-accounting.pcap");
const SECRET: &[u8] = b"not-a-secret-31";

/// UDP payloads of an Ethernet capture on the loopback, by the port they go to.
fn payloads(to_server: bool) -> Vec<Vec<u8>> {
    let (mut at, mut out) = (24, Vec::new());
    while at < CAPTURE.len() {
        let len = u32::from_le_bytes(CAPTURE[at + 8..at + 12].try_into().unwrap()) as usize;
        let frame = &CAPTURE[at + 16..at + 16 + len];
        let port = u16::from_be_bytes([frame[36], frame[37]]);
        if (port == 1813) == to_server {
            out.push(frame[42..].to_vec());
        }
        at += 16 + len;
    }
    out
}

fn told(request: &Request<'_>) -> Vec<String> {
    let at = At {
        feed: "sample",
        line: 1,
        learned: LEARNED,
        list: list(),
    };
    let mut out = Vec::new();
    let read = request.facts([192, 0, 2, 7].into(), &at, &mut out);
    assert!(read.is_ok() || out.is_empty());
    out.iter().map(show).collect()
}

/// An Accounting-Request with a right authenticator.
fn request(attributes: &[(u8, &[u8])]) -> Vec<u8> {
    let mut packet = vec![4, 9, 0, 0];
    packet.extend([0; 16]);
    for (kind, value) in attributes {
        packet.extend([*kind, value.len() as u8 + 2]);
        packet.extend(*value);
    }
    let len = (packet.len() as u16).to_be_bytes();
    packet[2..4].copy_from_slice(&len);
    let mut hash = Md5::new();
    hash.update(&packet);
    hash.update(SECRET);
    packet[4..20].copy_from_slice(&hash.finalize());
    packet
}

#[test]
fn requests_of_radclient() {
    let packets = payloads(true);
    let all = packets
        .iter()
        .map(|p| Request::check(p, SECRET).ok().unwrap());
    let all: Vec<_> = all.flat_map(|request| told(&request)).collect();
    let who = "mac=020000007701 user=jansen@office.example session=5F3A by=sample/127.0.0.1";
    // radclient adds an Event-Timestamp to none of them: the time is that of reading.
    assert_eq!(
        all,
        [
            format!("holds 06:40:00 10.77.0.10/32 {who}"),
            format!("holds 06:40:00 2001:db8:77:1::/64 {who}"),
            format!("holds 06:40:00 10.77.0.10/32 {who}"),
            "holds 06:40:00 2001:db8:77::9/128 user=devries session=77 by=sample/wlc".to_owned(),
            format!("ends 06:39:57 10.77.0.10/32 {who}"),
            "all-end 06:40:00 by=sample/wlc".to_owned(),
        ]
    );
}

/// FreeRADIUS answers the same request with the same bytes.
#[test]
fn answers_are_those_of_freeradius() {
    let (requests, answers) = (payloads(true), payloads(false));
    assert_eq!((requests.len(), answers.len()), (5, 5));
    for (request, answer) in requests.iter().zip(&answers) {
        let request = Request::check(request, SECRET).ok().unwrap();
        let ours = request.answer(SECRET);
        if request.message_authenticator().is_none() {
            assert_eq!(&ours, answer);
        }
        // Ours is signed like theirs: code, id, length, request authenticator, attributes, secret.
        let mut hash = Md5::new();
        for part in [&ours[..4], request.0.authenticator, &ours[20..], SECRET] {
            hash.update(part);
        }
        assert_eq!(ours[4..20], *hash.finalize());
    }
}

#[test]
fn any_changed_byte_is_found_out() {
    for packet in payloads(true) {
        for at in 0..packet.len() {
            let mut bad = packet.clone();
            bad[at] ^= 1;
            assert!(Request::check(&bad, SECRET).is_err(), "byte {at}");
        }
        assert_eq!(
            Request::check(&packet, b"another").err(),
            Some(Refused::Authenticator)
        );
        for len in 0..packet.len() {
            assert_eq!(
                Request::check(&packet[..len], SECRET).err(),
                Some(Refused::Malformed)
            );
        }
        // Padding behind the length is none of ours.
        let mut padded = packet.clone();
        padded.extend([0; 7]);
        assert!(Request::check(&padded, SECRET).is_ok());
    }
}

/// With a right Request Authenticator and a wrong Message-Authenticator.
#[test]
fn a_wrong_message_authenticator_is_found_out() {
    let packet = request(&[(40, &[0, 0, 0, 1]), (80, &[1; 16])]);
    assert_eq!(
        Request::check(&packet, SECRET).err(),
        Some(Refused::Authenticator)
    );
    let short = request(&[(40, &[0, 0, 0, 1]), (80, &[1; 3])]);
    assert_eq!(
        Request::check(&short, SECRET).err(),
        Some(Refused::Authenticator)
    );
}

#[test]
fn other_codes_and_broken_attributes() {
    let mut other = request(&[]);
    other[0] = 1;
    assert_eq!(
        Request::check(&other, SECRET).err(),
        Some(Refused::OtherCode)
    );
    for tail in [&[1, 0][..], &[1, 1], &[1, 9, 0], &[1]] {
        let mut packet = request(&[]);
        packet.extend(tail);
        packet[3] += tail.len() as u8;
        assert_eq!(
            Request::check(&packet, SECRET).err(),
            Some(Refused::Malformed)
        );
    }
}

#[test]
fn proxy_state_goes_back_in_order() {
    let packet = request(&[(33, b"one"), (40, &[0, 0, 0, 1]), (33, b"two")]);
    let answer = Request::check(&packet, SECRET).ok().unwrap().answer(SECRET);
    let states: Vec<_> = attributes(&answer[20..]).collect();
    assert_eq!(states, [(33, &b"one"[..]), (33, &b"two"[..])]);
}

/// Two access points of one name are two servers: the restart of one does not end the sessions of
/// the other.
#[test]
fn a_server_is_known_by_its_address_first() {
    let origin = |attributes: &[(u8, &[u8])]| {
        let mut all: Vec<(u8, &[u8])> = vec![(40, &[0, 0, 0, 7])];
        all.extend(attributes);
        told(&Request::check(&request(&all), SECRET).ok().unwrap()).remove(0)
    };
    let named = |name: &str| format!("all-end 06:40:00 by=sample/{name}");
    let v6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    assert_eq!(
        origin(&[(32, b"wlc"), (4, &[10, 0, 0, 3])]),
        named("10.0.0.3")
    );
    assert_eq!(origin(&[(95, &v6), (32, b"wlc")]), named("2001:db8::9"));
    assert_eq!(origin(&[(32, b"wlc")]), named("wlc"));
    assert_eq!(origin(&[]), named("192.0.2.7"));
}

#[test]
fn times_addresses_and_a_stop_without_start() {
    let say = |attributes: &[(u8, &[u8])]| {
        told(&Request::check(&request(attributes), SECRET).ok().unwrap())
    };
    let start: (u8, &[u8]) = (40, &[0, 0, 0, 1]);
    let stop: (u8, &[u8]) = (40, &[0, 0, 0, 2]);
    let seconds = |n: u32| n.to_be_bytes();
    // The sender's clock (Event-Timestamp) may be off by an hour: how long it waited counts.
    for event in [1_795_329_000, 1_795_330_000, 0] {
        let said = say(&[stop, (44, b"7"), (41, &seconds(10)), (55, &seconds(event))]);
        assert_eq!(said, ["ends 06:39:50 session=7 by=sample/192.0.2.7"]);
    }
    // No address to be had, no fact: the user chooses, or the server does.
    for none in [[255, 255, 255, 255], [255, 255, 255, 254], [0; 4]] {
        assert_eq!(
            say(&[start, (1, b"a"), (8, &none)]),
            <[String; 0]>::default()
        );
    }
    assert_eq!(say(&[stop, (1, b"a")]), <[String; 0]>::default());
    assert_eq!(
        say(&[(40, &[0, 0, 0, 9]), (8, &[10, 0, 0, 1])]),
        <[String; 0]>::default()
    );
}

/// As on the wire: machines sign in too, and a broken attribute spoils the whole.
#[test]
fn it_is_read_as_on_the_wire() {
    let say = |attributes: &[(u8, &[u8])]| {
        let all = [&[(40, &[0, 0, 0, 1][..]), (8, &[10, 0, 0, 4])], attributes].concat();
        told(&Request::check(&request(&all), SECRET).ok().unwrap())
    };
    let holds = |more: &str| {
        vec![format!(
            "holds 06:40:00 10.0.0.4/32 {more}by=sample/192.0.2.7"
        )]
    };
    assert_eq!(say(&[(1, b"anna")]), holds("user=anna "));
    assert_eq!(
        say(&[(1, b"host/pc-7.example")]),
        holds("host=pc-7.example ")
    );
    assert_eq!(say(&[(1, b"PC-7$")]), holds(""));
    assert_eq!(say(&[(1, b"00-1a-2b-3c-4d-5e")]), holds(""));
    for broken in [
        (97, &[0, 64, 1][..]),
        (8, &[10, 0, 0]),
        (41, &[1]),
        (168, &[1; 15]),
    ] {
        assert_eq!(say(&[(1, b"anna"), broken]), <[String; 0]>::default());
    }
}
