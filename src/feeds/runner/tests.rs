//! Feeds at work: files, a resolver's socket, a RADIUS client.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use super::super::probe::show;
use super::*;

const TAP: &[u8] = include_bytes!("../../../tests/data/feeds/unbound.dnstap");
const CAPTURE: &[u8] = include_bytes!("../../../tests/data/feeds/radius-accounting.pcap");
const SQUID: &str = include_str!("../../../tests/data/feeds/squid-access.log");

struct Lab {
    folder: tempfile::TempDir,
    events: Receiver<Event>,
    runner: Runner,
}

#[derive(serde::Deserialize)]
struct Config {
    feed: Vec<Feed>,
}

/// Starts feeds; `@` in the text is the folder.
fn start(folder: tempfile::TempDir, text: &str, room: usize) -> Lab {
    let text = text.replace('@', &folder.path().display().to_string());
    let config: Config = toml::from_str(&text).unwrap();
    let list = Catalogue::builtin().unwrap_or_else(|_| panic!("the built-in list"));
    let (out, events) = sync_channel(room);
    let list = Arc::new(ArcSwap::from_pointee(list));
    let runner = Runner::start(&config.feed, &list, &out).unwrap();
    Lab {
        folder,
        events,
        runner,
    }
}

impl Lab {
    fn next(&self) -> Event {
        self.events
            .recv_timeout(Duration::from_secs(20))
            .expect("an event")
    }

    /// Waits until the state of the one feed is as it should be.
    fn until(&self, feed: usize, what: impl Fn(&FeedState) -> bool) -> FeedState {
        let start = Instant::now();
        loop {
            let state = self.runner.state().swap_remove(feed);
            if what(&state) {
                return state;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{state:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn files_grow_and_one_broken_feed_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("squid"), SQUID).unwrap();
    fs::write(folder.path().join("bad"), "one\ntwo\n").unwrap();
    let lab = start(
        folder,
        "[[feed]]\nkind='squid'\nname='gone'\npath='@/gone'\n\
         [[feed]]\nkind='kea'\nname='bad'\npath='@/bad'\n\
         [[feed]]\nkind='squid'\nname='sample'\npath='@/squid'\n\
         [[feed]]\nkind='static'\nname='desks'\npath='@/desks'\n",
        64,
    );
    lab.until(2, |s| s.open && s.lag_bytes == 0);
    // Nothing of what was there; then what is written.
    let mut file = fs::OpenOptions::new();
    let mut file = file
        .append(true)
        .open(lab.folder.path().join("squid"))
        .unwrap();
    file.write_all(SQUID.as_bytes()).unwrap();
    let told: Vec<_> = (0..4).map(|_| show(&lab.next())).collect();
    assert!(told[0].contains("line 7 proxy-log"), "{told:?}");
    let state = lab.until(2, |s| s.lines == 6);
    assert_eq!((state.events, state.malformed, state.dropped), (4, 0, 0));
    assert!(state.last.is_some() && state.problem.is_none());
    let bad = lab.until(1, |s| s.malformed == 2);
    assert!(bad.open && bad.events == 0);
    let gone = lab.until(0, |s| !s.open);
    assert!(gone.problem.unwrap().contains("there is no file"));
    fs::write(
        lab.folder.path().join("desks"),
        "address,mac\n10.0.0.1,02:00:00:00:77:01\n",
    )
    .unwrap();
    assert!(show(&lab.next()).contains("10.0.0.1/32 mac=020000007701 by=desks"));
    let start = Instant::now();
    lab.runner.stop();
    assert!(start.elapsed() < Duration::from_secs(3));
}

/// Kea's files before its file, in Kea's order; a finished cleanup takes the place of both.
#[test]
fn the_files_of_keas_cleanup_are_read_first() {
    let row = |address: u8, expire: u64| format!("10.0.0.{address},,,600,{expire},1,0,0,,0,\n");
    let head = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n";
    for completed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let put = |suffix: &str, row: &str| {
            fs::write(
                folder.path().join(format!("l{suffix}")),
                format!("{head}{row}"),
            )
            .unwrap();
        };
        put("", &row(1, 1_795_330_000));
        put(".1", &row(2, 1_795_330_000));
        put(".2", &row(3, 1_795_330_000));
        if completed {
            put(".completed", &row(4, 1_795_330_000));
        }
        let lab = start(folder, "[[feed]]\nkind='kea'\nname='k'\npath='@/l'\n", 64);
        let order: &[u8] = if completed { &[4, 1] } else { &[3, 2, 1] };
        for address in order {
            assert!(show(&lab.next()).contains(&format!("10.0.0.{address}/32")));
        }
        lab.runner.stop();
    }
}

/// The queue has room for one: the file waits, and nothing is lost.
#[test]
fn a_file_waits_for_room() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("squid"), SQUID.repeat(50)).unwrap();
    let keys = "[[feed]]\nkind='squid'\nname='sample'\npath='@/squid'\nfrom='start'\n";
    let lab = start(folder, keys, 1);
    std::thread::sleep(Duration::from_millis(300));
    for n in 0..200 {
        assert!(matches!(lab.next(), Event::Hit(_)), "{n}");
    }
    let state = lab.until(0, |s| s.events == 200);
    assert_eq!((state.lines, state.dropped), (300, 0));
    lab.runner.stop();
}

/// As Unbound does: READY, wait for ACCEPT, START, data, STOP, wait for FINISH.
#[test]
fn a_resolver_hands_over_dnstap() {
    let folder = tempfile::tempdir().unwrap();
    let keys = "[[feed]]\nkind='dnstap'\nname='sample'\nsocket='@/tap'\n";
    let lab = start(folder, keys, 64);
    let path = lab.folder.path().join("tap");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o660
    );
    let mut socket = UnixStream::connect(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    // The file's START, made into READY.
    let mut ready = TAP[..42].to_vec();
    ready[11] = 4;
    socket.write_all(&ready).unwrap();
    let mut answer = [0; 42];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(answer[8..12], [0, 0, 0, 1]);
    socket.write_all(TAP).unwrap();
    let told: Vec<_> = (0..4).map(|_| show(&lab.next())).collect();
    assert!(told[0].ends_with("app.clearview.ai 1"), "{told:?}");
    let mut finish = [0; 12];
    socket.read_exact(&mut finish).unwrap();
    assert_eq!(finish[8..], [0, 0, 0, 5]);
    // One who speaks another language is sent away, and counted.
    let mut other = UnixStream::connect(&path).unwrap();
    other
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    other.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(matches!(other.read(&mut answer), Ok(0) | Err(_)));
    assert_eq!(lab.until(0, |s| s.malformed == 1).events, 4);
    lab.runner.stop();
}

/// Datagrams of a real client, its repetitions, a wrong secret, and a stranger.
#[test]
fn a_radius_client_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    fs::write(
        &secrets,
        "127.0.0.2/32 another\n127.0.0.1/32 not-a-secret-31\n",
    )
    .unwrap();
    fs::set_permissions(&secrets, PermissionsExt::from_mode(0o600)).unwrap();
    // A port that is free now.
    let port = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let keys = format!(
        "[[feed]]\nkind='radius'\nname='acct'\nlisten='127.0.0.1:{port}'\nsecrets='@/secrets'\n"
    );
    let lab = start(folder, &keys, 64);
    assert!(lab.until(0, |_| true).open);
    let at = |address: &str| {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        socket
    };
    let len = u32::from_le_bytes(CAPTURE[32..36].try_into().unwrap()) as usize;
    let request = &CAPTURE[40 + 42..40 + len];
    let (client, wrong, stranger) = (at("127.0.0.1"), at("127.0.0.2"), at("127.0.0.3"));
    wrong.send(request).unwrap();
    stranger.send(request).unwrap();
    let mut answers = [[0; 64]; 2];
    for answer in &mut answers {
        client.send(request).unwrap();
        client.recv(answer).unwrap();
        assert_eq!((answer[0], answer[1]), (5, request[1]));
    }
    assert_eq!(answers[0], answers[1]);
    assert!(show(&lab.next()).contains("10.77.0.10/32") && show(&lab.next()).contains("::/64"));
    let state = lab.until(0, |s| s.malformed == 2);
    assert_eq!((state.events, lab.events.try_iter().count()), (2, 0));
    lab.runner.stop();
}

/// No room, no record, no answer: the client must send again.
#[test]
fn a_radius_request_that_is_lost_is_not_answered() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    fs::write(&secrets, "127.0.0.1/32 not-a-secret-31\n").unwrap();
    fs::set_permissions(&secrets, PermissionsExt::from_mode(0o600)).unwrap();
    let port = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let keys = format!(
        "[[feed]]\nkind='radius'\nname='acct'\nlisten='127.0.0.1:{port}'\nsecrets='@/secrets'\n"
    );
    let lab = start(folder, &keys, 1);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(("127.0.0.1", port)).unwrap();
    client
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let len = u32::from_le_bytes(CAPTURE[32..36].try_into().unwrap()) as usize;
    let request = &CAPTURE[40 + 42..40 + len];
    client.send(request).unwrap();
    assert!(client.recv(&mut [0; 64]).is_err());
    assert_eq!(lab.until(0, |s| s.dropped == 1).events, 1);
    lab.runner.stop();
}

#[test]
fn what_cannot_be_opened_is_told_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    fs::write(&secrets, "127.0.0.1 hush\n").unwrap();
    fs::set_permissions(&secrets, PermissionsExt::from_mode(0o644)).unwrap();
    fs::write(
        folder.path().join("desks"),
        "address,mac\n10.0.0.1,02:00:00:00:77:01\n",
    )
    .unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let lab = start(
        folder,
        "[[feed]]\nkind='radius'\nname='acct'\nlisten='127.0.0.1:0'\nsecrets='@/secrets'\n\
         [[feed]]\nkind='dnstap'\nname='tap'\nsocket='@/file'\n\
         [[feed]]\nkind='static'\nname='desks'\npath='@/desks'\n",
        4,
    );
    let states = lab.runner.state();
    let why = |n: usize| states[n].problem.clone().unwrap_or_default();
    assert!(why(0).contains("chmod 600") && !why(0).contains("hush"));
    assert!(why(1).contains("cannot listen"));
    assert!(lab.folder.path().join("file").is_file());
    assert!(matches!(lab.next(), Event::Fact(_)));
    lab.runner.stop();
}
