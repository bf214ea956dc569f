//! Bulk over real TCP: a download behind a hello, an upload to a vendor, a download in clear.
//!
//! One ring has the program before it, another nothing. Both must hear the same; the first gets a
//! small part of the bytes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use poortwacht::blocklist::Catalogue;
use poortwacht::capture::prefilter::{Kind, Shedding};

use super::lab::{Lab, NEAR4, within};
use super::listen::{counts, differences};
use super::wire::Watcher;

/// Bytes of each transfer.
const LEN: usize = 24 << 20;
/// Bytes sent at once, and the rest after them: a debug build has to read all of it.
const PIECE: usize = 128 << 10;
const REST: Duration = Duration::from_millis(4);

/// What a client of TLS says first.
fn hello(name: &str) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = name.to_owned().try_into().unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

fn pour(stream: &mut TcpStream) {
    let piece = vec![0x17; PIECE];
    for _ in 0..LEN / PIECE {
        stream.write_all(&piece).unwrap();
        std::thread::sleep(REST);
    }
}

fn drain(stream: &mut TcpStream, len: usize) {
    let mut left = len;
    let mut room = vec![0; 1 << 20];
    while left > 0 {
        let got = stream.read(&mut room).unwrap();
        assert!(got > 0, "{left} bytes never came");
        left -= got.min(left);
    }
}

/// A client in `far`, a server in `near`: one says `opening` and waits a moment, and then `LEN` bytes
/// go up or down.
fn transfer(lab: &Lab, opening: &[u8], up: bool) {
    let listener = within(&lab.near, || TcpListener::bind((NEAR4, 0)).unwrap());
    let port = listener.local_addr().unwrap().port();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            drain(&mut stream, opening.len());
            stream.write_all(b"\x16\x03\x03").unwrap();
            std::thread::sleep(Duration::from_millis(40));
            if up {
                drain(&mut stream, LEN);
                stream.write_all(&[1; 2000]).unwrap();
            } else {
                pour(&mut stream);
            }
        });
        scope.spawn(|| {
            let mut stream = within(&lab.far, || TcpStream::connect((NEAR4, port)).unwrap());
            stream.write_all(opening).unwrap();
            drain(&mut stream, 3);
            std::thread::sleep(Duration::from_millis(40));
            if up {
                pour(&mut stream);
                drain(&mut stream, 2000);
            } else {
                drain(&mut stream, LEN);
            }
        });
    });
}

#[test]
fn the_bulk_of_judged_flows_stays_in_the_kernel_and_the_findings_do_not() {
    let Some(lab) = Lab::new() else { return };
    let list = Catalogue::builtin().unwrap_or_else(|problems| panic!("{}", problems[0]));
    let done = AtomicBool::new(false);
    let ([whole, behind], ()) = std::thread::scope(|scope| {
        let watchers = [Kind::None, Kind::Ebpf].map(|kind| Watcher::open(&lab, kind));
        let threads = watchers.map(|mut watcher| {
            let (list, done) = (&list, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    watcher.step(list, Duration::from_millis(20));
                }
                watcher.end(list)
            })
        });
        transfer(&lab, &hello("www.example.com"), false);
        transfer(&lab, &hello("app.clearview.ai"), true);
        transfer(
            &lab,
            b"GET /x HTTP/1.1\r\nHost: www.example.com\r\n\r\n",
            false,
        );
        done.store(true, Ordering::Relaxed);
        (threads.map(|thread| thread.join().unwrap()), ())
    });
    let mut faults = differences("bulk", &whole.0, &behind.0);
    faults.extend(differences("bulk", &counts(&whole.1), &counts(&behind.1)));
    let (all, came) = (whole.1.wire_bytes, behind.1.wire_bytes);
    let mut source = behind.2;
    let shed = source.kernel_stats().shed;
    let trimmed = shed.bytes[Shedding::Watched as usize];
    let reached = came - trimmed;
    eprintln!(
        "{all} bytes on the wire, {reached} reached the sensor; frames {} and {}; kept back {shed:?}",
        whole.1.frames, behind.1.frames
    );
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
    let upload = whole.0.iter().find(|line| line.contains("Burst"));
    assert!(
        upload.is_some_and(|line| line.contains("app.clearview.ai")),
        "{:?}",
        whole.0
    );
    assert!(all > 3 * LEN as u64, "the transfers were seen: {all}");
    assert!(
        reached * 20 < all,
        "{reached} of {all} bytes reached the sensor"
    );
    assert!(
        shed.frames[..3].iter().all(|frames| *frames > 0),
        "{shed:?}"
    );
}
