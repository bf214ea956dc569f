//! Each shape, what is nearly it, and what is none of it.

use proptest::prelude::*;

use super::oracle::{NOW, check, ike, noise, openvpn, openvpn_crypt, wireguard};
use super::*;

fn on(payload: &[u8], to: u16) -> Option<WayRound> {
    check(payload);
    datagram(payload, to, NOW)
}

fn tcp(packet: &[u8]) -> Vec<u8> {
    [&(packet.len() as u16).to_be_bytes()[..], packet].concat()
}

#[test]
fn each_handshake_is_told() {
    assert_eq!(on(&wireguard(), 51820), Some(WayRound::WireGuard));
    for hmac in [
        None,
        Some(16),
        Some(20),
        Some(28),
        Some(32),
        Some(48),
        Some(64),
    ] {
        assert_eq!(
            on(&openvpn(hmac), 1194),
            Some(WayRound::OpenVpn),
            "{hmac:?}"
        );
        assert_eq!(stream(&tcp(&openvpn(hmac)), NOW), Some(WayRound::OpenVpn));
    }
    for wrapped in [None, Some(290), Some(600)] {
        assert_eq!(
            on(&openvpn_crypt(wrapped), 443),
            Some(WayRound::OpenVpn),
            "{wrapped:?}"
        );
    }
    assert_eq!(on(&ike(), 500), Some(WayRound::Ipsec));
    assert_eq!(
        on(&[vec![0; 4], ike()].concat(), 4500),
        Some(WayRound::Ipsec)
    );
    assert_eq!(on(&[0xff], 4500), Some(WayRound::Ipsec));
    assert_eq!(stream(b"SSH-2.0-dropbear\r\n", NOW), Some(WayRound::Tunnel));
    let mut pptp = vec![0, 156, 0, 1, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0, 1, 0];
    pptp.resize(156, 0);
    assert_eq!(stream(&pptp, NOW), Some(WayRound::Tunnel));
}

/// Every byte that a shape fixes, made wrong, is no such shape any more.
#[test]
fn what_is_nearly_a_handshake_is_none() {
    let fixed: [(Vec<u8>, Vec<usize>); 4] = [
        (wireguard(), (0..4).collect()),
        (openvpn(None), (9..14).collect()),
        (openvpn(Some(20)), (29..32).chain(37..42).collect()),
        (ike(), (8..28).filter(|at| *at != 16).collect()),
    ];
    for (packet, places) in fixed {
        for at in places {
            let mut wrong = packet.clone();
            wrong[at] ^= 0x80;
            assert_eq!(on(&wrong, 443), None, "byte {at} of {}", packet.len());
        }
    }
    // A key has its highest bit clear, and none of the random fields is padding or text.
    let mut key = wireguard();
    key[39] |= 0x80;
    assert_eq!(on(&key, 51820), None);
    let mut game = wireguard();
    game[60..132].fill(0);
    assert_eq!(on(&game, 51820), None, "a message of type 1, padded");
    let mut text = wireguard();
    text[8..132].fill(b'a');
    assert_eq!(on(&text, 51820), None);
    let mut counter = openvpn(None);
    counter[1..9].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 7]);
    assert_eq!(on(&counter, 1194), None, "no random session");
    assert_eq!(on(&[0xff], 4501), None);
    assert_eq!(on(&[0xff, 0xff], 4500), None);
    // ESP behind NAT, and IKE's later messages: the tunnel stands already.
    assert_eq!(on(&noise(128), 4500), None);
    let mut later = ike();
    (later[18], later[23]) = (35, 1);
    assert_eq!(on(&later, 500), None);
    // A clock that is years off.
    let hour = 3_600_000_000_000;
    let then = Timestamp(NOW.nanos() - 24 * 500 * hour);
    assert_eq!(datagram(&openvpn_crypt(None), 1194, then), None);
    assert_eq!(stream(b"SSH-1.5-x", NOW), None);
    assert_eq!(stream(b"SSLv3 anything", NOW), None);
}

/// Other protocols of UDP, with first bytes that come near.
#[test]
fn calls_games_and_downloads_are_none() {
    let others: Vec<(&str, Vec<u8>)> = vec![
        (
            "RTP",
            [vec![0x80, 0x60, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4], noise(160)].concat(),
        ),
        ("RTCP", [vec![0x81, 200, 0, 12], noise(48)].concat()),
        (
            "STUN",
            [vec![0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42], noise(20)].concat(),
        ),
        ("uTP, SYN", [vec![0x41, 0, 0x3a, 0x7d], noise(16)].concat()),
        (
            "uTP, data",
            [vec![1, 0, 0, 0], vec![0; 16], noise(128)].concat(),
        ),
        (
            "BitTorrent DHT",
            b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe".to_vec(),
        ),
        (
            "BitTorrent tracker",
            [
                vec![0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0],
                noise(4),
            ]
            .concat(),
        ),
        ("QUIC short header", [vec![0x50], noise(80)].concat()),
        (
            "QUIC short header as long as a reset",
            [vec![0x50], noise(54 + 290 - 1)].concat(),
        ),
        (
            "Source engine",
            b"\xff\xff\xff\xffTSource Engine Query\0".to_vec(),
        ),
        ("Quake", b"\xff\xff\xff\xffgetstatus\n".to_vec()),
        (
            "a game's tick of 148 bytes",
            [vec![1, 0, 0, 0, 9, 0, 0, 0], noise(60), vec![0; 80]].concat(),
        ),
        ("NTP", [vec![0x23, 0, 6, 0xec], vec![0; 44]].concat()),
        ("DTLS", [vec![22, 0xfe, 0xfd, 0, 0], noise(140)].concat()),
        (
            "ESP in UDP",
            [vec![0xc1, 2, 3, 4, 0, 0, 0, 1], noise(120)].concat(),
        ),
        ("WireGuard data", [vec![4, 0, 0, 0], noise(144)].concat()),
        ("WireGuard answer", [vec![2, 0, 0, 0], noise(88)].concat()),
    ];
    for (what, payload) in others {
        for port in [443, 500, 1194, 4500, 51820, 27015] {
            assert_eq!(on(&payload, port), None, "{what} to port {port}");
        }
    }
}

#[test]
fn seeds_and_their_beginnings_hold() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/bypass");
    let mut told = 0;
    for seed in std::fs::read_dir(folder).unwrap().flatten() {
        let bytes = std::fs::read(seed.path()).unwrap();
        told += usize::from(datagram(&bytes, 4500, NOW).is_some() || stream(&bytes, NOW).is_some());
        for end in 0..=bytes.len() {
            check(&bytes[..end]);
        }
    }
    assert!(told >= 6, "{told} seeds are handshakes");
}

/// Random bytes, the first chosen so that each shape is looked for, of the lengths at which one could
/// be met: by the table above at most one in 2^25 passes (first byte and length given).
#[test]
fn random_datagrams_are_none() {
    let firsts = [1, RESET_V2, RESET_V3, 0, 0x80];
    let lens = [14, 38, 42, 54, 68, 86, 148, 344];
    let mut bytes = noise(1 << 20);
    for at in 0..20_000 {
        let (first, len) = (firsts[at % firsts.len()], lens[at % lens.len()]);
        let start = at * 50;
        let payload = &mut bytes[start..start + len];
        payload[0] = first;
        assert_eq!(datagram(payload, 4500, NOW), None, "{payload:02x?}");
        assert_eq!(stream(payload, NOW), None, "{payload:02x?}");
    }
}

proptest! {
    #[test]
    fn the_oracle_holds(data in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&data);
    }
}
