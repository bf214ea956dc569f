//! TCP and UDP headers.

use super::super::{Malformed, TcpMeta};
use super::build::*;
use crate::base::Transport;
use crate::capture::Frame;

#[test]
fn tcp_numbers_and_flags() {
    let packet = decode(&frame(&ether(V4, &ipv4(TCP, &tcp(0x12, b""))))).packet();
    let expected = TcpMeta {
        seq: 0x8000_0001,
        ack: 7,
        flags: TcpMeta::SYN | TcpMeta::ACK,
    };
    assert_eq!(packet.tcp, Some(expected));
    assert_eq!(packet.ends.transport, Transport::Tcp);
    let packet = decode(&frame(&ether(V6, &ipv6(UDP, &udp(b"q"))))).packet();
    assert_eq!(packet.tcp, None);
    assert_eq!(packet.ends.transport, Transport::Udp);
    assert_eq!((packet.ends.sport, packet.ends.dport), (5_000, 53));
}

#[test]
fn data_in_the_syn_is_payload() {
    let packet = decode(&frame(&ether(V4, &ipv4(TCP, &tcp(2, b"early"))))).packet();
    assert_eq!(packet.payload, b"early");
}

#[test]
fn tcp_data_offset() {
    let with = |words: u8| {
        let mut segment = tcp(0x18, &[9; 40]);
        segment[12] = words << 4;
        ether(V4, &ipv4(TCP, &segment))
    };
    for (words, len) in [(5u8, 40), (6, 36), (15, 0)] {
        assert_eq!(decode(&frame(&with(words))).packet().payload.len(), len);
    }
    for words in [0, 4] {
        assert_eq!(
            decode(&frame(&with(words))),
            Got::Malformed(Malformed::BadLength)
        );
    }
    let mut short = tcp(0x18, &[9; 3]);
    short[12] = 6 << 4;
    let bytes = ether(V4, &ipv4(TCP, &short));
    assert_eq!(decode(&frame(&bytes)), Got::Malformed(Malformed::BadLength));
    // Padding behind it gives it no room.
    let padded = [bytes, vec![0; 9]].concat();
    assert_eq!(
        decode(&frame(&padded)),
        Got::Malformed(Malformed::BadLength)
    );
}

#[test]
fn a_header_that_the_snap_length_cut() {
    let mut segment = tcp(0x18, &[9; 40]);
    segment[12] = 8 << 4;
    for (bytes, keep) in [
        (ether(V4, &ipv4(TCP, &segment)), 14 + 20 + 19),
        (ether(V4, &ipv4(TCP, &segment)), 14 + 20 + 31),
        (ether(V6, &ipv6(UDP, &udp(b"q"))), 14 + 40 + 7),
    ] {
        let cut = Frame {
            bytes: &bytes[..keep],
            ..frame(&bytes)
        };
        assert_eq!(decode(&cut), Got::Malformed(Malformed::Truncated));
    }
}

#[test]
fn udp_length_against_the_length_by_ip() {
    let with = |len: u16| {
        let mut datagram = udp(&[9; 40]);
        datagram[4..6].copy_from_slice(&len.to_be_bytes());
        [
            ether(V4, &ipv4(UDP, &datagram)),
            ether(V6, &ipv6(UDP, &datagram)),
        ]
    };
    for (len, payload_len) in [(48, 40), (0, 40), (8, 0), (20, 12)] {
        for bytes in with(len) {
            let packet = decode(&frame(&bytes)).packet();
            assert_eq!(packet.payload.len(), payload_len, "length {len}");
            assert_eq!(packet.payload_wire_len as usize, payload_len);
        }
    }
    for len in [1, 7, 49, 0xffff] {
        for bytes in with(len) {
            assert_eq!(
                decode(&frame(&bytes)),
                Got::Malformed(Malformed::BadLength),
                "{len}"
            );
        }
    }
}

#[test]
fn a_bad_checksum_is_normal() {
    let mut segment = tcp(0x18, b"hello");
    segment[16..18].copy_from_slice(&[0xde, 0xad]);
    let packet = decode(&frame(&ether(V4, &ipv4(TCP, &segment)))).packet();
    assert_eq!(packet.payload, b"hello");
}
