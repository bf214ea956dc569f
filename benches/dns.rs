//! What a DNS message costs from its first byte to its names in normal form.

use divan::{Bencher, black_box};
use poortwacht::base::NameBuf;
use poortwacht::names::dns::{DnsEnd, walk};

fn main() {
    divan::main();
}

/// Reads a message and normalises every name in it, as the worker does.
fn read(message: &[u8], buf: &mut NameBuf) -> (DnsEnd, usize) {
    let mut len = 0;
    let end = walk(message, &mut |name| {
        if name.name.normalise(buf).is_ok() {
            len += buf.as_bytes().len();
        }
    });
    (end, len)
}

/// The walk alone, without normal forms.
#[divan::bench]
fn walk_plain_query(bencher: Bencher) {
    let message = include_bytes!("../tests/data/dns/a-query.bin");
    bencher.bench_local(|| {
        let mut names = 0;
        let end = walk(black_box(&message[..]), &mut |name| {
            black_box(name);
            names += 1;
        });
        (end, names)
    });
}

#[divan::bench]
fn plain_query(bencher: Bencher) {
    measure(bencher, include_bytes!("../tests/data/dns/a-query.bin"));
}

#[divan::bench]
fn cname_chain_response(bencher: Bencher) {
    measure(
        bencher,
        include_bytes!("../tests/data/dns/cname-chain-response.bin"),
    );
}

#[divan::bench]
fn https_response(bencher: Bencher) {
    measure(
        bencher,
        include_bytes!("../tests/data/dns/https-target-response.bin"),
    );
}

/// As dear as 1,500 bytes can be: a name of 255 bytes and pointers to it in every CNAME.
#[divan::bench]
fn hostile_1500_bytes(bencher: Bencher) {
    let mut message = hostile();
    while message.len() + 13 <= 1500 {
        message.extend(b"\0\0\x05\0\x01\0\0\0\0\0\x02\xc0\x0c");
    }
    let answers = ((message.len() - 271) / 13) as u16;
    message[6..8].copy_from_slice(&answers.to_be_bytes());
    measure(bencher, &message);
}

/// As dear as 65,535 bytes can be: as above, but only after records that must all be skipped.
#[divan::bench]
fn hostile_65535_bytes(bencher: Bencher) {
    let mut message = hostile();
    while message.len() + 11 + 13 * 40 <= 65_535 {
        message.extend(b"\0\0\x01\0\x01\0\0\0\0\0\0");
    }
    let skipped = ((message.len() - 271) / 11) as u16;
    for _ in 0..40 {
        message.extend(b"\0\0\x05\0\x01\0\0\0\0\0\x02\xc0\x0c");
    }
    message[6..8].copy_from_slice(&(skipped + 40).to_be_bytes());
    measure(bencher, &message);
}

/// A response whose question is one name of 255 bytes that all need escapes.
fn hostile() -> Vec<u8> {
    let mut message = b"\0\0\x81\x80\0\x01\0\0\0\0\0\0".to_vec();
    for len in [63, 63, 63, 61] {
        message.push(len);
        message.extend(std::iter::repeat_n(0xff, usize::from(len)));
    }
    message.extend(b"\0\0\x01\0\x01");
    message
}

fn measure(bencher: Bencher, message: &[u8]) {
    let mut buf = NameBuf::new();
    bencher.bench_local(|| read(black_box(message), &mut buf));
}
