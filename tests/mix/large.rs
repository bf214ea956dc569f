//! A large mix of ordinary traffic, as a gateway sees it, built: about one name in 55 frames and
//! 780 bytes a frame.
//!
//! Enters: a number of frames. Leaves: Ethernet frames with their times, the same each time; the
//! names that stand in them. The make-up, by connection (so is [`Make`]):
//!
//! - 2,048 at a time (they begin together: the first frames tell more names); which one speaks next is drawn, so that flows are as mixed as on a line;
//! - each begins with a look-up (type 65) and its answer, then lives for about 108 frames;
//! - three of four are TCP with timestamps: SYN, SYN and ACK, ACK; a Chromium hello of 1,924 bytes in
//!   two segments (one of them late in one connection of eight); segments of 1,448 bytes down, an
//!   acknowledgement for each of them up, now and then a request of 500 bytes; FIN of both sides;
//! - one of four is QUIC: an Initial with a whole hello, then datagrams of 1,250 bytes down and of
//!   about 40 bytes up;
//! - one of eight speaks IPv6, the others IPv4;
//! - one name in 10,000 is a vendor's.

use super::{HELLO, NAME, OTHER_NAME, SHORT_HELLO, TCP, UDP};
use poortwacht::names::quic::oracle::{Initial, crypto};

/// Connections at one time.
const AT_ONCE: usize = 2048;
/// Frames of data and acknowledgements in each.
const DATA_FRAMES: u32 = 100;
/// One connection in so many goes to a vendor.
const LISTED: u32 = 5_000;

/// A connection that lives now.
#[derive(Clone, Copy)]
struct Live {
    number: u32,
    step: u32,
    /// Bytes that each side sent.
    sent: [u32; 2],
}

/// What is built once.
struct Make {
    hello: Vec<u8>,
    listed: Vec<u8>,
    data: Vec<u8>,
    random: u64,
}

impl Make {
    fn draw(&mut self) -> u64 {
        // xorshift64*: only to mix.
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// The name of a connection's server, as long as the one that it replaces in its hello.
fn name_of(number: u32) -> String {
    match number % 4 {
        _ if is_listed(number) => String::from_utf8_lossy(NAME).into_owned(),
        3 => format!("q{:06}.test.nl", number / 3),
        _ => format!("s{:07}.test.nl", number / 3),
    }
}

/// Only over TCP: `number` is a multiple of four.
const fn is_listed(number: u32) -> bool {
    number.is_multiple_of(LISTED)
}

/// A Chromium hello with another name of the same length.
fn named(hello: &[u8], name: &str) -> Vec<u8> {
    let mut hello = hello.to_vec();
    let at = hello.windows(NAME.len()).position(|w| w == OTHER_NAME);
    let at = at.expect("the hello bears the name");
    hello[at..at + NAME.len()].copy_from_slice(name.as_bytes());
    hello
}

/// Names in the first `frames` frames: how many messages tell one.
pub struct Names {
    pub queries: u64,
    pub hellos: u64,
    pub vendors: u64,
}

/// Hands `frames` frames to `each`: bytes, and packet time in nanoseconds.
pub fn frames(frames: u64, mut each: impl FnMut(&[u8], i64)) -> Names {
    let mut make = Make {
        hello: super::hello(),
        listed: HELLO.to_vec(),
        data: (0..1448u32).map(|n| (n * 37 + 11) as u8 | 0x80).collect(),
        random: 0x9e37_79b9_7f4a_7c15,
    };
    let mut next = AT_ONCE as u32;
    let mut live: Vec<Live> = (0..AT_ONCE as u32).map(begin).collect();
    let mut told = Names {
        queries: 0,
        hellos: 0,
        vendors: 0,
    };
    let mut out = Vec::with_capacity(2048);
    for number in 0..frames {
        let at = make.draw() as usize % AT_ONCE;
        let Some(one) = live.get_mut(at) else {
            continue;
        };
        out.clear();
        let over = step(&mut make, one, &mut told, &mut out);
        if over {
            live[at] = begin(next);
            next += 1;
        }
        each(&out, 1_700_000_000_000_000_000 + number as i64 * 5_000);
    }
    told
}

fn begin(number: u32) -> Live {
    Live {
        number,
        step: 0,
        sent: [0, 0],
    }
}

/// The next frame of a connection; `true` when it was the last.
fn step(make: &mut Make, one: &mut Live, told: &mut Names, out: &mut Vec<u8>) -> bool {
    let (number, step) = (one.number, one.step);
    one.step += 1;
    let listed = u64::from(is_listed(number));
    match step {
        0 => {
            told.queries += 1;
            told.vendors += listed;
            datagram(one, false, 53, &question(number, false), out);
        }
        1 => datagram(one, true, 53, &question(number, true), out),
        _ if number % 4 == 3 => {
            if step == 2 {
                told.hellos += 1;
                told.vendors += listed;
            }
            return quic(make, one, step, out);
        }
        _ => {
            // With the segment that makes it whole.
            if step == 6 {
                told.hellos += 1;
                told.vendors += listed;
            }
            return tcp(make, one, step, out);
        }
    }
    false
}

fn quic(make: &mut Make, one: &Live, step: u32, out: &mut Vec<u8>) -> bool {
    match step {
        2 => {
            // Behind the record's header, and short enough for a datagram of 1,200 bytes.
            let mut short = SHORT_HELLO[5..].to_vec();
            let at = short.windows(15).position(|w| w == b"www.example.com");
            let at = at.expect("the hello bears the name");
            short[at..at + 15].copy_from_slice(name_of(one.number).as_bytes());
            let id = u64::from(one.number)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .to_be_bytes();
            let initial = Initial::first(1, &id, &crypto(0, &short)).seal();
            datagram(one, false, 443, &initial, out);
        }
        _ => {
            let back = make.draw() & 1 == 0;
            let len = if back {
                1250
            } else {
                34 + make.draw() as usize % 12
            };
            let mut payload = make.data[..len].to_vec();
            payload[0] = 0x40 | (make.draw() as u8 & 0x3f);
            datagram(one, back, 443, &payload, out);
        }
    }
    step > DATA_FRAMES + 8
}

fn hello_of(make: &Make, number: u32) -> Vec<u8> {
    if is_listed(number) {
        return make.listed.clone();
    }
    named(&make.hello, &name_of(number))
}

fn tcp(make: &mut Make, one: &mut Live, step: u32, out: &mut Vec<u8>) -> bool {
    const ACK: u8 = 0x10;
    match step {
        2 => segment(one, false, 0x02, b"", out),
        3 => segment(one, true, 0x12, b"", out),
        4 => segment(one, false, ACK, b"", out),
        5 | 6 => {
            let hello = hello_of(make, one.number);
            // One client of eight has them in the wrong order.
            let late = one.number % 8 == 1;
            let first = (step == 5) != late;
            let (head, tail) = hello.split_at(1400);
            one.sent[0] = if first { 0 } else { 1400 };
            segment(one, false, ACK, if first { head } else { tail }, out);
            one.sent[0] = hello.len() as u32;
        }
        _ if step > DATA_FRAMES + 6 => {
            let back = step == DATA_FRAMES + 7;
            segment(one, back, 0x11, b"", out);
            return !back;
        }
        _ => match make.draw() % 32 {
            0 => {
                segment(one, false, 0x18, &make.data[..500], out);
                one.sent[0] += 500;
            }
            n if n % 2 == 0 => segment(one, false, ACK, b"", out),
            _ => {
                segment(one, true, ACK, &make.data, out);
                one.sent[1] += 1448;
            }
        },
    }
    false
}

fn question(number: u32, answer: bool) -> Vec<u8> {
    let mut out = (number as u16).to_be_bytes().to_vec();
    out.extend([if answer { 0x81 } else { 1 }, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name_of(number).split('.') {
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.extend([0, 0, 65, 0, 1]);
    out
}

fn port_of(number: u32) -> u16 {
    32_768 + (number % 27_000) as u16
}

fn segment(one: &Live, back: bool, flags: u8, payload: &[u8], out: &mut Vec<u8>) {
    // What the SYN takes stands before the first byte.
    let syn = u32::from(flags & 2 == 0);
    let seq = if back {
        5000 + syn + one.sent[1]
    } else {
        1000 + syn + one.sent[0]
    };
    let ack = if back {
        1001 + one.sent[0]
    } else {
        5001 + one.sent[1]
    };
    let ack = if flags & 0x10 == 0 { 0 } else { ack };
    let own = port_of(one.number);
    let (sport, dport) = if back { (443, own) } else { (own, 443) };
    ip(one.number, back, TCP, 32 + payload.len(), out);
    out.extend(sport.to_be_bytes());
    out.extend(dport.to_be_bytes());
    out.extend(seq.to_be_bytes());
    out.extend(ack.to_be_bytes());
    out.extend([0x80, flags, 0xff, 0xff, 0, 0, 0, 0]);
    out.extend([1, 1, 8, 10]);
    out.extend((100_000 + one.step).to_be_bytes());
    out.extend((200_000 + one.step).to_be_bytes());
    out.extend(payload);
}

fn datagram(one: &Live, back: bool, port: u16, payload: &[u8], out: &mut Vec<u8>) {
    let own = port_of(one.number);
    let (sport, dport) = if back { (port, own) } else { (own, port) };
    ip(one.number, back, UDP, 8 + payload.len(), out);
    out.extend(sport.to_be_bytes());
    out.extend(dport.to_be_bytes());
    out.extend((8 + payload.len() as u16).to_be_bytes());
    out.extend([0, 0]);
    out.extend(payload);
}

/// Link and IP header in front of `len` bytes.
fn ip(number: u32, back: bool, proto: u8, len: usize, out: &mut Vec<u8>) {
    let [_, b, c, d] = number.to_be_bytes();
    out.extend([2; 12]);
    if number % 8 == 5 {
        let inside = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, b, c, d];
        let outside = [0x20, 1, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, c, d];
        out.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        out.extend((len as u16).to_be_bytes());
        out.extend([proto, 64]);
        let (src, dst) = if back {
            (outside, inside)
        } else {
            (inside, outside)
        };
        out.extend(src);
        out.extend(dst);
        return;
    }
    out.extend([8, 0, 0x45, 0]);
    out.extend((20 + len as u16).to_be_bytes());
    out.extend([c, d, 0x40, 0, 64, proto, 0, 0]);
    let (inside, outside) = ([10, b, c, d], [198, 18, c, d]);
    let (src, dst) = if back {
        (outside, inside)
    } else {
        (inside, outside)
    };
    out.extend(src);
    out.extend(dst);
}
