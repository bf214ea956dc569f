//! Second opinion: the names of hellos and Initials by tshark, on captures built from the data of
//! real clients and from sealed packets. Without tshark the test says so and passes.

use std::process::Command;

use poortwacht::flow::Pool;
use poortwacht::names::Probe;
use poortwacht::names::quic::Flight;
use poortwacht::names::quic::oracle::{Initial, crypto};
use poortwacht::names::tls;
use poortwacht::names::tls::oracle::{padded_hello, records};

/// A client's payloads to port 443, and how it sends them.
struct Flow {
    what: String,
    udp: bool,
    payloads: Vec<Vec<u8>>,
}

fn data(path: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn flows() -> Vec<Flow> {
    let tcp = |what: &str, payloads| Flow {
        what: what.into(),
        udp: false,
        payloads,
    };
    let udp = |what: &str, payloads| Flow {
        what: what.into(),
        udp: true,
        payloads,
    };
    let mut flows = Vec::new();
    let clients = [
        "chromium",
        "firefox",
        "curl",
        "python",
        "openssl",
        "openssl-tls12",
        "openssl-no-sni",
    ];
    for client in clients {
        let stream = data(&format!("hello/{client}.bin"));
        let (head, tail) = stream.split_at(stream.len() / 2);
        flows.push(tcp(client, vec![stream.clone()]));
        flows.push(tcp("two segments", vec![head.to_vec(), tail.to_vec()]));
        let split = records(&stream[5..], &[90, 1, 100]);
        flows.push(tcp("records", vec![split]));
    }
    // Not RFC 9369: tshark 4.0 does not know version 2.
    let rfc = data("quic/rfc9001-client-initial.bin");
    flows.push(udp("RFC 9001", vec![rfc]));
    let chromium = ["quic/chromium-1.bin", "quic/chromium-2.bin"].map(data);
    flows.push(udp("chromium", chromium.to_vec()));
    // Salts of the drafts: tshark has its own copies.
    for version in [
        0xff00_0016_u32,
        0xff00_0017,
        0xff00_001c,
        0xff00_001d,
        0xff00_0020,
        0xff00_0021,
        0xff00_0022,
        0xface_b002,
    ] {
        let hello = padded_hello(format!("v{version:x}.example").as_bytes(), 40, true);
        let id = version.to_le_bytes().repeat(2);
        let packet = Initial::first(version, &id, &crypto(0, &hello)).seal();
        flows.push(udp(&format!("{version:x}"), vec![packet]));
    }
    flows
}

/// What this library says.
fn ours(flow: &Flow) -> String {
    let mut scratch = vec![0; 65_536];
    let mut pool = Pool::new(2);
    let mut flight = Flight::new();
    let mut stream = Vec::new();
    let mut name = String::new();
    for payload in &flow.payloads {
        stream.extend(payload);
        let answer = if flow.udp {
            flight.push(payload, Some(true), &mut pool, &mut scratch)
        } else {
            tls::probe(&stream, &mut scratch)
        };
        if let Probe::Found(hello) = answer {
            name = String::from_utf8_lossy(hello.sni.unwrap_or_default()).into_owned();
        }
    }
    name
}

/// A capture of raw IPv4 packets; flow `n` comes from port 20000 + n.
fn pcap(flows: &[Flow]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
        out.extend(field.to_le_bytes());
    }
    for (n, flow) in flows.iter().enumerate() {
        let port = (20_000 + n) as u16;
        let mut sequence = 1000u32;
        for payload in &flow.payloads {
            let mut transport = Vec::new();
            transport.extend(port.to_be_bytes());
            transport.extend(443u16.to_be_bytes());
            if flow.udp {
                transport.extend(((payload.len() + 8) as u16).to_be_bytes());
                transport.extend([0, 0]);
            } else {
                transport.extend(sequence.to_be_bytes());
                transport.extend(1u32.to_be_bytes());
                transport.extend([0x50, 0x18, 0x10, 0, 0, 0, 0, 0]);
            }
            sequence += payload.len() as u32;
            transport.extend(payload);
            let total = (transport.len() + 20) as u16;
            let mut packet = vec![0x45, 0];
            packet.extend(total.to_be_bytes());
            packet.extend([0, 0, 0x40, 0, 64, if flow.udp { 17 } else { 6 }, 0, 0]);
            packet.extend([192, 0, 2, 1, 192, 0, 2, 2]);
            packet.extend(transport);
            for field in [1_700_000_000, 0, packet.len() as u32, packet.len() as u32] {
                out.extend(field.to_le_bytes());
            }
            out.extend(packet);
        }
    }
    out
}

/// Name by source port.
fn theirs(file: &std::path::Path) -> Option<Vec<(u16, String)>> {
    let output = Command::new("tshark")
        .arg("-r")
        .arg(file)
        .args(["-Y", "tls.handshake.type == 1", "-T", "fields"])
        .args(["-e", "tcp.srcport", "-e", "udp.srcport"])
        .args(["-e", "tls.handshake.extensions_server_name"])
        .output()
        .ok()?;
    assert!(output.status.success(), "tshark failed: {output:?}");
    let text = String::from_utf8(output.stdout).expect("tshark writes UTF-8");
    let line = |line: &str| {
        let mut fields = line.split('\t');
        let ports: String = fields.by_ref().take(2).collect();
        let name = fields.next().unwrap_or_default().to_owned();
        (ports.parse().expect("one port"), name)
    };
    Some(text.lines().map(line).collect())
}

#[test]
fn names_agree_with_tshark() {
    let flows = flows();
    let folder = tempfile::tempdir().expect("a folder for the capture");
    let file = folder.path().join("names.pcap");
    std::fs::write(&file, pcap(&flows)).expect("the capture can be written");
    let Some(theirs) = theirs(&file) else {
        println!("skipped: tshark is not installed");
        return;
    };
    for (n, flow) in flows.iter().enumerate() {
        let port = (20_000 + n) as u16;
        let name = theirs
            .iter()
            .find(|(p, _)| *p == port)
            .map(|(_, name)| name);
        assert_eq!(name, Some(&ours(flow)), "{} (port {port})", flow.what);
    }
}
