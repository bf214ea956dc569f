//! What decoding costs per frame, in cache, beside a bare walk that only touches each header.
//!
//! Each sample decodes [`FRAMES`] frames, so that divan's items per second are frames per second.
//! The pairs `*_views` and `*_slices` read the same fields through pnet's packet views and through
//! plain slices.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::ItemsCount;
use ipnet::{IpNet, Ipv4Net};
use pnet::packet::ethernet::{EtherTypes, EthernetPacket, MutableEthernetPacket};
use pnet::packet::ip::IpNextHeaderProtocol;
use pnet::packet::ipv4::{Ipv4Packet, MutableIpv4Packet};
use pnet::packet::ipv6::{MutableExtensionPacket, MutableIpv6Packet};
use pnet::packet::tcp::{MutableTcpPacket, TcpPacket};
use pnet::packet::udp::MutableUdpPacket;
use poortwacht::base::Timestamp;
use poortwacht::capture::{Frame, LinkType, VlanTag};
use poortwacht::decode::Decoder;

const FRAMES: usize = 256;
const TCP: u8 = 6;
const UDP: u8 = 17;

fn main() {
    divan::main();
}

fn tcp(port: u16) -> Vec<u8> {
    let mut bytes = vec![0; 20 + 100];
    let mut tcp = MutableTcpPacket::new(&mut bytes).unwrap();
    tcp.set_source(port);
    tcp.set_destination(443);
    tcp.set_data_offset(5);
    tcp.set_flags(0x10);
    bytes
}

fn udp(port: u16) -> Vec<u8> {
    let mut bytes = vec![0; 8 + 100];
    let len = bytes.len() as u16;
    let mut udp = MutableUdpPacket::new(&mut bytes).unwrap();
    udp.set_source(port);
    udp.set_destination(443);
    udp.set_length(len);
    bytes
}

/// Ethernet and IPv4. The source is 10.0.x.y by `number`.
fn ipv4(proto: u8, payload: &[u8], number: u16, set: impl Fn(&mut MutableIpv4Packet)) -> Vec<u8> {
    let mut bytes = vec![0; 34];
    bytes.extend_from_slice(payload);
    let len = bytes.len() as u16 - 14;
    MutableEthernetPacket::new(&mut bytes)
        .unwrap()
        .set_ethertype(EtherTypes::Ipv4);
    let mut ip = MutableIpv4Packet::new(&mut bytes[14..]).unwrap();
    ip.set_version(4);
    ip.set_header_length(5);
    ip.set_total_length(len);
    ip.set_next_level_protocol(IpNextHeaderProtocol(proto));
    let [high, low] = number.to_be_bytes();
    ip.set_source([10, 0, high, low].into());
    ip.set_destination([198, 51, 100, 7].into());
    set(&mut ip);
    bytes
}

fn ipv6(next: u8, payload: &[u8], number: u16) -> Vec<u8> {
    let mut bytes = vec![0; 54];
    bytes.extend_from_slice(payload);
    let len = bytes.len() as u16 - 54;
    MutableEthernetPacket::new(&mut bytes)
        .unwrap()
        .set_ethertype(EtherTypes::Ipv6);
    let mut ip = MutableIpv6Packet::new(&mut bytes[14..]).unwrap();
    ip.set_version(6);
    ip.set_payload_length(len);
    ip.set_next_header(IpNextHeaderProtocol(next));
    ip.set_source([0x2001, 0xdb8, 0, 0, 0, 0, 0, number].into());
    ip.set_destination([0x2001, 0xdb8, 1, 0, 0, 0, 0, 7].into());
    bytes
}

fn many(make: impl Fn(u16) -> Vec<u8>) -> Vec<Vec<u8>> {
    (0..FRAMES as u16).map(make).collect()
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    Frame {
        bytes,
        wire_len: bytes.len() as u32,
        time: Timestamp(1),
        vlan: None,
        link: LinkType::Ethernet,
        point: 0,
    }
}

/// Decodes all frames; every answer is written out whole, and not moved afterwards.
fn run(bencher: Bencher, excluded: &[IpNet], frames: &[Vec<u8>]) {
    let mut decoder = Decoder::new(excluded);
    let frames: Vec<Frame<'_>> = frames.iter().map(|bytes| frame(bytes)).collect();
    run_frames(bencher, &mut decoder, &frames);
}

fn run_frames(bencher: Bencher, decoder: &mut Decoder, frames: &[Frame<'_>]) {
    bencher
        .counter(ItemsCount::new(frames.len()))
        .bench_local(|| {
            for frame in black_box(frames) {
                black_box(&decoder.decode(frame));
            }
        });
}

#[divan::bench]
fn ipv4_tcp(bencher: Bencher) {
    run(bencher, &[], &many(|n| ipv4(TCP, &tcp(n), n, |_| ())));
}

#[divan::bench]
fn ipv4_udp(bencher: Bencher) {
    run(bencher, &[], &many(|n| ipv4(UDP, &udp(n), n, |_| ())));
}

#[divan::bench]
fn ipv6_tcp(bencher: Bencher) {
    run(bencher, &[], &many(|n| ipv6(TCP, &tcp(n), n)));
}

#[divan::bench]
fn ipv4_tcp_with_tag_from_the_ring(bencher: Bencher) {
    let frames = many(|n| ipv4(TCP, &tcp(n), n, |_| ()));
    let tag = Some(VlanTag {
        tpid: 0x8100,
        tci: 5,
    });
    let frames: Vec<_> = frames
        .iter()
        .map(|bytes| Frame {
            vlan: tag,
            ..frame(bytes)
        })
        .collect();
    run_frames(bencher, &mut Decoder::new(&[]), &frames);
}

#[divan::bench]
fn ipv4_tcp_tagged(bencher: Bencher) {
    let frames = many(|n| {
        let mut bytes = ipv4(TCP, &tcp(n), n, |_| ());
        bytes.splice(12..12, [0x81, 0, 0, 5]);
        bytes
    });
    run(bencher, &[], &frames);
}

#[divan::bench]
fn ipv6_tcp_behind_two_extensions(bencher: Bencher) {
    let extension = |next, rest: &[u8]| {
        let mut bytes = [&[0; 8], rest].concat();
        let mut ext = MutableExtensionPacket::new(&mut bytes).unwrap();
        ext.set_next_header(IpNextHeaderProtocol(next));
        bytes
    };
    run(
        bencher,
        &[],
        &many(|n| ipv6(0, &extension(60, &extension(TCP, &tcp(n))), n)),
    );
}

/// No frame is excluded; the list is asked twice for each.
#[divan::bench(args = [1, 100, 10_000])]
fn ipv4_tcp_past_excluded_prefixes(bencher: Bencher, count: u32) {
    let excluded: Vec<IpNet> = (0..count)
        .map(|n| IpNet::V4(Ipv4Net::new_assert((0xac10_0000 + n * 256).into(), 25)))
        .collect();
    run(bencher, &excluded, &many(|n| ipv4(TCP, &tcp(n), n, |_| ())));
}

/// Each datagram in two pieces.
#[divan::bench]
fn ipv4_udp_in_two_fragments(bencher: Bencher) {
    let frames = many(|n| {
        let datagram = udp(n / 2);
        let (bytes, offset, flags) = match n % 2 {
            0 => (&datagram[..64], 0, 1),
            _ => (&datagram[64..], 8, 0),
        };
        ipv4(UDP, bytes, 0, |ip| {
            ip.set_identification(n / 2);
            ip.set_fragment_offset(offset);
            ip.set_flags(flags);
        })
    });
    run(bencher, &[], &frames);
}

/// First pieces whose rest never comes: each takes the place of the oldest.
#[divan::bench]
fn ipv4_fragment_flood(bencher: Bencher) {
    let frames: Vec<_> = (0..4 * FRAMES as u16)
        .map(|n| {
            ipv4(UDP, &udp(n), n, |ip| {
                ip.set_identification(n);
                ip.set_flags(1);
                ip.set_total_length(20 + 104);
            })
        })
        .collect();
    run(bencher, &[], &frames);
}

/// The floor: touches the headers and keeps nothing.
#[divan::bench]
fn bare_walk(bencher: Bencher) {
    let frames = many(|n| ipv4(TCP, &tcp(n), n, |_| ()));
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        let mut sum = 0u32;
        for bytes in black_box(&frames) {
            if bytes.len() >= 54 && bytes[12..14] == [8, 0] {
                let ip_len = usize::from(bytes[14] & 15) * 4;
                sum = sum.wrapping_add(u32::from(bytes[14 + ip_len]));
            }
        }
        sum
    });
}

type Fields = (u16, [u8; 8], u16, u8, u16, u16, u32, u32, u8);

/// The fields that decode reads, through views.
fn fields_by_views(bytes: &[u8]) -> Option<Fields> {
    let eth = EthernetPacket::new(bytes)?;
    let ip = Ipv4Packet::new(bytes.get(14..)?)?;
    let tcp = TcpPacket::new(bytes.get(14 + usize::from(ip.get_header_length()) * 4..)?)?;
    let mut ends = [0; 8];
    ends[..4].copy_from_slice(&ip.get_source().octets());
    ends[4..].copy_from_slice(&ip.get_destination().octets());
    Some((
        eth.get_ethertype().0,
        ends,
        ip.get_total_length(),
        ip.get_next_level_protocol().0,
        tcp.get_source(),
        tcp.get_destination(),
        tcp.get_sequence(),
        tcp.get_acknowledgement(),
        tcp.get_flags(),
    ))
}

/// The same through slices.
fn fields_by_slices(bytes: &[u8]) -> Option<Fields> {
    let eth = bytes.first_chunk::<14>()?;
    let ip = bytes.get(14..)?.first_chunk::<20>()?;
    let tcp = bytes
        .get(14 + usize::from(ip[0] & 15) * 4..)?
        .first_chunk::<20>()?;
    let u16_at = |bytes: &[u8], at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let u32_at = |at: usize| u32::from_be_bytes([tcp[at], tcp[at + 1], tcp[at + 2], tcp[at + 3]]);
    let ends = ip.last_chunk::<8>()?;
    Some((
        u16_at(eth, 12),
        *ends,
        u16_at(ip, 2),
        ip[9],
        u16_at(tcp, 0),
        u16_at(tcp, 2),
        u32_at(4),
        u32_at(8),
        tcp[13],
    ))
}

#[divan::bench]
fn fields_views(bencher: Bencher) {
    let frames = many(|n| ipv4(TCP, &tcp(n), n, |_| ()));
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        for bytes in black_box(&frames) {
            black_box(fields_by_views(bytes));
        }
    });
}

#[divan::bench]
fn fields_slices(bencher: Bencher) {
    let frames = many(|n| ipv4(TCP, &tcp(n), n, |_| ()));
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        for bytes in black_box(&frames) {
            black_box(fields_by_slices(bytes));
        }
    });
}
