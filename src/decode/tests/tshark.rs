//! A second opinion: tshark on the same frames, where tshark is installed.

use std::io::Write;
use std::process::Command;

use super::super::Decoder;
use super::build::*;

/// Fields of a packet in the order asked of tshark.
const FIELDS: [&str; 11] = [
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.seq_raw",
    "tcp.len",
    "udp.srcport",
    "udp.dstport",
    "udp.payload",
];

/// Frames that tshark and we should read alike. No QUIC or DNS ports with nonsense inside, and no
/// routing headers with stops left: tshark names the next stop. No UDP length below IP's: tshark
/// shows the rest as payload, receivers cut it off.
fn frames() -> Vec<Vec<u8>> {
    let payload: Vec<u8> = (0..200).collect();
    let (segment, datagram) = (tcp(0x18, &payload), udp(&payload));
    let v6 = ipv6(
        0,
        &extension(60, 1, &extension(51, 0, &authentication(TCP, &segment))),
    );
    let llc = snap(V4, &ipv4(TCP, &segment));
    let mut padded = ether(V4, &ipv4(TCP, &tcp(2, b"")));
    padded.extend([0; 6]);
    let mut frames = vec![
        ether(V4, &ipv4(TCP, &segment)),
        ether(V6, &ipv6(UDP, &datagram)),
        ether(V4, &ipv4_with(UDP, 12, &datagram, |_| ())),
        ether(V6, &v6),
        ether(0x88a8, &tag(3, 0x8100, &tag(4, V6, &v6))),
        ether(llc.len() as u16, &llc),
        ether(V6, &ipv6(43, &routing(UDP, 0, 0, &[SRC6], &datagram))),
        padded,
    ];
    for (from, to) in [(120, 208), (0, 64), (64, 120)] {
        frames.push(ether(V4, &ipv4_piece(UDP, 7, &datagram, from, to)));
        frames.push(ether(V6, &ipv6_piece(UDP, 7, &datagram, from, to)));
    }
    frames
}

/// A classic little-endian pcap of Ethernet.
fn savefile(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 262_144, 1] {
        file.extend(word.to_le_bytes());
    }
    for frame in frames {
        for word in [1_700_000_000, 0, frame.len() as u32, frame.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

/// Our answer as tshark would write it.
fn line(got: Got) -> String {
    let Got::Packet(packet) = got else {
        return String::new();
    };
    let ends = packet.ends;
    let hex: String = packet
        .payload
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let (v4, v6) = if ends.src.is_ipv4() {
        (format!("{}\t{}", ends.src, ends.dst), "\t".into())
    } else {
        ("\t".into(), format!("{}\t{}", ends.src, ends.dst))
    };
    let ports = format!("{}\t{}", ends.sport, ends.dport);
    let transport = match packet.tcp {
        Some(tcp) => format!("{ports}\t{}\t{}\t\t\t", tcp.seq, packet.payload.len()),
        None => format!("\t\t\t\t{ports}\t{hex}"),
    };
    format!("{v4}\t{v6}\t{transport}")
}

#[test]
fn tshark_reads_the_same() {
    let frames = frames();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&savefile(&frames)).unwrap();
    let mut tshark = Command::new("tshark");
    tshark
        .arg("-n")
        .arg("-r")
        .arg(file.path())
        .args(["-T", "fields", "-E", "occurrence=f"]);
    // Ports of the test traffic mean nothing to tshark, so that payloads stay payloads.
    tshark.args(["--disable-protocol", "dns", "--disable-protocol", "tls"]);
    for field in FIELDS {
        tshark.args(["-e", field]);
    }
    let output = match tshark.output() {
        Ok(output) => output,
        Err(error) => return println!("skipped: tshark does not run here ({error})"),
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let theirs = String::from_utf8(output.stdout).unwrap();
    let theirs: Vec<&str> = theirs.lines().collect();
    let mut decoder = Decoder::with_room(&[], 4);
    let ours: Vec<String> = frames
        .iter()
        .map(|bytes| line(decode_with(&mut decoder, &frame(bytes))))
        .collect();
    assert_eq!(ours.len(), theirs.len());
    let mut packets = 0;
    for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        if ours.is_empty() {
            // A fragment that completes nothing: tshark must know no port either.
            assert!(
                theirs.split('\t').skip(4).all(str::is_empty),
                "frame {at}: {theirs}"
            );
        } else {
            packets += 1;
            assert_eq!(ours, theirs, "frame {at}");
        }
    }
    assert_eq!(packets, 10);
}
