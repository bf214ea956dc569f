//! Frames of an ordinary network, built: many clients at once, nothing that the list holds.
//!
//! Enters: a number of frames. Leaves: Ethernet frames with their times, the same each time. TCP
//! connections with a ClientHello in one to three segments, QUIC connections, look-ups, fragments,
//! and the data that makes up most of the bytes.

#[allow(dead_code)]
pub mod large;

use std::io::{self, Write};

use poortwacht::names::quic::oracle::{Initial, crypto};

const HELLO: &[u8] = include_bytes!("../data/hello/chromium.bin");
const SHORT_HELLO: &[u8] = include_bytes!("../data/hello/openssl.bin");
const NAME: &[u8] = b"app.clearview.ai";
const OTHER_NAME: &[u8] = b"app.clearmind.nl";

const TCP: u8 = 6;
const UDP: u8 = 17;
/// Connections at one time.
const AT_ONCE: u32 = 512;
/// Frames of data in each.
const DATA_FRAMES: u32 = 48;

/// A hello with a name that no list holds.
fn unlisted(hello: &[u8]) -> Vec<u8> {
    let mut hello = hello.to_vec();
    let at = hello.windows(NAME.len()).position(|w| w == NAME);
    let at = at.expect("the hello bears the name");
    hello[at..at + NAME.len()].copy_from_slice(OTHER_NAME);
    hello
}

/// The same hello with the vendor's name that the client sent.
#[allow(dead_code)]
pub fn listed_hello() -> Vec<u8> {
    HELLO.to_vec()
}

/// A whole Chromium hello in its record.
pub fn hello() -> Vec<u8> {
    unlisted(HELLO)
}

/// A QUIC Initial with a whole hello for www.example.com, under an id made of `number`.
pub fn initial(number: u64) -> Vec<u8> {
    let payload = crypto(0, &SHORT_HELLO[5..]);
    Initial::first(1, &number.to_be_bytes(), &payload).seal()
}

/// A question for a name that no list holds.
pub fn query(id: u16) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    out.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    out.extend(b"\x03www\x07example\x03net\0\0\x41\0\x01");
    out
}

fn checksum_free_ip(proto: u8, fragment: u16, client: u32, back: bool, body: &[u8]) -> Vec<u8> {
    let mut out = vec![2; 12];
    out.extend([8, 0, 0x45, 0]);
    out.extend((20 + body.len() as u16).to_be_bytes());
    out.extend([(client >> 8) as u8, client as u8]);
    out.extend(fragment.to_be_bytes());
    out.extend([64, proto, 0, 0]);
    let [_, b, c, d] = client.to_be_bytes();
    let (inside, outside) = ([10, b, c, d], [198, 51, 100, d]);
    let (src, dst) = if back {
        (outside, inside)
    } else {
        (inside, outside)
    };
    out.extend(src);
    out.extend(dst);
    out.extend(body);
    out
}

/// A TCP segment between a client and port 443.
pub fn tcp(client: u32, back: bool, seq: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let port = 32_768 + (client % 20_000) as u16;
    let (sport, dport) = if back { (443, port) } else { (port, 443) };
    let mut body = Vec::with_capacity(20 + payload.len());
    body.extend(u16::to_be_bytes(sport));
    body.extend(u16::to_be_bytes(dport));
    body.extend(seq.to_be_bytes());
    body.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    body.extend(payload);
    checksum_free_ip(TCP, 0x4000, client, back, &body)
}

/// A datagram between a client and `port`.
pub fn udp(client: u32, back: bool, port: u16, payload: &[u8]) -> Vec<u8> {
    checksum_free_ip(
        UDP,
        0x4000,
        client,
        back,
        &datagram(client, back, port, payload),
    )
}

fn datagram(client: u32, back: bool, port: u16, payload: &[u8]) -> Vec<u8> {
    let own = 32_768 + (client % 20_000) as u16;
    let (sport, dport) = if back { (port, own) } else { (own, port) };
    let mut body = Vec::with_capacity(8 + payload.len());
    body.extend(u16::to_be_bytes(sport));
    body.extend(u16::to_be_bytes(dport));
    body.extend((8 + payload.len() as u16).to_be_bytes());
    body.extend([0, 0]);
    body.extend(payload);
    body
}

/// What never changes, built once.
struct Stock {
    hello: Vec<u8>,
    data: Vec<u8>,
}

/// Hands `frames` frames to `each`: bytes, and packet time in nanoseconds.
pub fn frames(frames: u64, mut each: impl FnMut(&[u8], i64)) {
    let stock = Stock {
        hello: hello(),
        data: vec![0x5a; 1448],
    };
    let mut out = Vec::new();
    for number in 0..frames {
        let turn = (number / u64::from(AT_ONCE)) as u32;
        let steps = DATA_FRAMES + 8;
        let client = (turn / steps) * AT_ONCE + (number % u64::from(AT_ONCE)) as u32;
        out.clear();
        step(&stock, client, turn % steps, &mut out);
        each(&out, 1_700_000_000_000_000_000 + number as i64 * 5_000);
    }
}

/// Frame `step` of a client's connection.
fn step(stock: &Stock, client: u32, step: u32, out: &mut Vec<u8>) {
    let frame = match (client % 8, step) {
        (_, 0) => udp(client, false, 53, &query(client as u16)),
        (_, 1) => {
            let mut answer = query(client as u16);
            answer[2] |= 0x80;
            udp(client, true, 53, &answer)
        }
        (0 | 1, _) => quic_step(stock, client, step),
        (2, 3 | 4) if client % 64 == 2 => {
            let whole = datagram(client, false, 4500, &stock.data[..1000]);
            let (offset, part) = if step == 3 {
                (0x2000, &whole[..800])
            } else {
                (100, &whole[800..])
            };
            checksum_free_ip(UDP, offset, client, false, part)
        }
        _ => tcp_step(stock, client, step),
    };
    out.extend(frame);
}

fn quic_step(stock: &Stock, client: u32, step: u32) -> Vec<u8> {
    match step {
        2 => udp(client, false, 443, &initial(u64::from(client) + 1)),
        _ => {
            let mut short = stock.data[..1250].to_vec();
            short[0] = 0x40;
            udp(client, !step.is_multiple_of(4), 443, &short)
        }
    }
}

fn tcp_step(stock: &Stock, client: u32, step: u32) -> Vec<u8> {
    let hello = &stock.hello;
    let cuts: [usize; 4] = match client % 3 {
        0 => [0, hello.len(), hello.len(), hello.len()],
        1 => [0, 1400, hello.len(), hello.len()],
        _ => [0, 1, 900, hello.len()],
    };
    let piece = |i: usize| (1001 + cuts[i] as u32, &hello[cuts[i]..cuts[i + 1]]);
    match step {
        2 => tcp(client, false, 1000, 2, b""),
        3 => tcp(client, true, 5000, 0x12, b""),
        4..=6 => {
            // Every other client's segments come in the wrong order.
            let i = (step - 4) as usize;
            let (seq, bytes) = piece(if client.is_multiple_of(2) { i } else { 2 - i });
            tcp(client, false, seq, 0x10, bytes)
        }
        _ if step.is_multiple_of(3) => tcp(client, false, 1001 + hello.len() as u32, 0x10, b""),
        _ => tcp(client, true, 5001 + (step - 7) * 1448, 0x10, &stock.data),
    }
}

/// Writes what `make` hands to its argument, as a capture file.
#[allow(dead_code)]
pub fn write<T>(
    mut out: impl Write,
    make: impl FnOnce(&mut dyn FnMut(&[u8], i64)) -> T,
) -> io::Result<T> {
    // Little-endian, nanoseconds, version 2.4, snap length 262144, Ethernet.
    for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 262_144, 1] {
        out.write_all(&word.to_le_bytes())?;
    }
    let mut fault = None;
    let made = make(&mut |bytes, time| {
        let len = bytes.len() as u32;
        let (seconds, nanos) = (time / 1_000_000_000, time % 1_000_000_000);
        let head = [seconds as u32, nanos as u32, len, len].map(u32::to_le_bytes);
        let written = out
            .write_all(head.as_flattened())
            .and_then(|()| out.write_all(bytes));
        if let Err(error) = written {
            fault.get_or_insert(error);
        }
    });
    out.flush()?;
    fault.map_or(Ok(made), Err)
}
