//! The desk as a whole: records, counts, and what must be found nowhere.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::base::{Seen, Transport};
use crate::cases::Casebook;
use crate::event::{Hit, ListInfo, Stats};
use crate::hits::fold::tests::hit as tls_hit;
use crate::hits::log::Settings;
use crate::hits::{Addresses, HitLog, Key, Observer, community};
use crate::identity::Identity;
use crate::organisation::Organisation;

pub(crate) fn desk(addresses: Addresses, clock: Clock) -> (Desk, Arc<Metrics>) {
    let key = Key::from_secret(&(0..32).collect::<Vec<u8>>()).unwrap();
    let scribe = Scribe::new(
        key,
        addresses,
        Observer {
            name: "gate".into(),
        },
    );
    let metrics = Arc::new(Metrics::new());
    let folder = Folder::new(Duration::from_secs(300), 1000);
    let key = Key::from_secret(&(0..32).collect::<Vec<u8>>()).unwrap();
    let whereabouts = twice::Whereabouts::new(Arc::default(), Vec::new(), []);
    let twice = Twice::new(key, whereabouts, twice::HOLD_LIVE);
    let readiness = Arc::new(Readiness::default());
    (
        Desk::new(
            twice,
            folder,
            casework(),
            scribe,
            Arc::clone(&metrics),
            readiness,
            clock,
        ),
        metrics,
    )
}

fn casework() -> Casework {
    let key = Key::from_secret(&(0..32).collect::<Vec<u8>>()).unwrap();
    let organisation = Arc::new(Organisation::default());
    let list = Arc::new(Catalogue::builtin().map_err(|_| "a list").unwrap());
    Casework::new(
        Identity::new(Default::default(), key, Arc::clone(&organisation)),
        Casebook::new(list, organisation, Box::new(|| "case-0".into())),
    )
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs_nanos(seconds, 0)
}

pub(crate) fn hit_event(seconds: i64) -> Event {
    let mut hit = tls_hit(seconds, "192.0.2.1", "app.acme.example");
    hit.evidence = seconds.to_be_bytes().to_vec();
    Event::Hit(Box::new(hit))
}

fn actions(hits: &[(Timestamp, record::Hit)]) -> Vec<&str> {
    hits.iter()
        .map(|(_, hit)| hit.record.event.action.as_str())
        .collect()
}

/// A log whose clock runs ahead would move the time of every case.
#[test]
fn a_log_line_from_the_future_is_refused_and_counted() {
    for (clock, refused) in [(Clock::Live, 1), (Clock::Replay, 0)] {
        let (mut desk, metrics) = desk(Addresses::Pseudonym, clock);
        let mut out = Output::default();
        for ahead in [0, 200, 86_400] {
            let mut hit = tls_hit(1_000 + ahead, "192.0.2.1", "app.acme.example");
            hit.seen = Seen::ResolverLog;
            desk.take(Event::Hit(Box::new(hit)), at(1_000), &mut out);
        }
        let line = format!("poortwacht_events_refused_total {refused}");
        assert!(metrics.text().contains(&line), "{clock:?}");
    }
    // What the sensor saw has packet time, whatever the clock says.
    let (mut desk, metrics) = desk(Addresses::Pseudonym, Clock::Live);
    desk.take(hit_event(86_400), at(0), &mut Output::default());
    assert!(metrics.text().contains("poortwacht_events_refused_total 0"));
}

/// A sighting that may stand for somebody waits, but an alert has its time.
#[test]
fn what_stands_for_others_waits_50_ms_at_most() {
    let gate: IpAddr = "192.0.2.1".parse().unwrap();
    for (clock, waits) in [(Clock::Live, true), (Clock::Replay, false)] {
        let (mut desk, metrics) = desk(Addresses::Pseudonym, clock);
        desk.own(vec![gate]);
        let mut out = Output::default();
        let now = Timestamp(at(1).0);
        desk.take(hit_event(1), now, &mut out);
        assert!(out.hits.is_empty());
        assert_eq!(desk.wait(now), waits.then_some(Duration::from_millis(50)));
        let later = Timestamp(now.0 + 50_000_000);
        desk.release(later, &mut out);
        assert_eq!(out.hits.len(), usize::from(waits), "{clock:?}");
        assert_eq!(desk.wait(later), None);
        // In a replay packet time goes on, or it ends.
        desk.flush(later, &mut out);
        assert_eq!(out.hits.len(), 1);
        // The client comes too late to be the only one: both stand there, and that is counted.
        let mut near = tls_hit(1, "10.0.0.7", "app.acme.example");
        near.evidence = 1i64.to_be_bytes().to_vec();
        let mut copy = near.clone();
        copy.point = "wan0".into();
        for hit in [near, copy] {
            desk.take(Event::Hit(Box::new(hit)), later, &mut out);
        }
        assert_eq!(out.hits.len(), 2);
        metrics.repeated(desk.twice.counts());
        for (what, count) in [("late", 1), ("hello", 1), ("dns", 0)] {
            let line = format!("poortwacht_repeated_total{{what=\"{what}\"}} {count}\n");
            assert!(metrics.text().contains(&line), "{line}{}", metrics.text());
        }
    }
}

/// A connection that passes two points is in the denominator once.
#[test]
fn connections_count_at_the_points_that_the_config_names() {
    let stats = |point: &str, worker: u16| {
        let mut connections = Counters::new(2 * crate::base::Outcome::ALL.len());
        connections.add(0, 7);
        Stats {
            point: point.into(),
            worker,
            frames: 9,
            connections,
            ..Stats::default()
        }
    };
    for (named, count) in [(&[][..], 14), (&["lan0"], 7)] {
        let (desk, metrics) = desk(Addresses::Pseudonym, Clock::Live);
        let mut desk = desk.with_coverage(named.iter().map(ToString::to_string).collect());
        for (point, worker) in [("lan0", 0), ("wan0", 1)] {
            let stats = Event::Stats(Box::new(stats(point, worker)));
            desk.take(stats, at(1), &mut Output::default());
        }
        let text = metrics.text();
        let named = r#"poortwacht_connections_total{outcome="named",transport="tcp"}"#;
        assert!(text.contains(&format!("{named} {count}\n")), "{text}");
        assert!(text.contains("poortwacht_frames_total{interface=\"wan0\"} 9\n"));
    }
}

#[test]
fn hits_become_records_and_counts() {
    let (mut desk, metrics) = desk(Addresses::Pseudonym, Clock::Live);
    let mut out = Output::default();
    for seconds in [1, 2, 3] {
        desk.take(hit_event(seconds), at(seconds), &mut out);
    }
    let mut bad = tls_hit(4, "192.0.2.1", "app.acme.example");
    (bad.name, bad.rule.vendor) = ("a\u{1b}b".into(), "ghost".into());
    desk.take(Event::Hit(Box::new(bad)), at(4), &mut out);
    assert_eq!(actions(&out.hits), ["name-seen"]);
    desk.tick(at(5), &mut out);
    assert!(metrics.text().contains(
        "
poortwacht_fold_windows 1
"
    ));
    desk.tick(at(301), &mut out);
    assert_eq!(actions(&out.hits), ["name-seen", "name-seen-again"]);
    let text = metrics.text();
    for line in [
        "poortwacht_hit_records_total{action=\"name-seen\"} 1",
        "poortwacht_hit_records_total{action=\"name-seen-again\"} 1",
        "poortwacht_hits_folded_total 2",
        "poortwacht_events_refused_total 1",
        "poortwacht_vendor_hits_total{vendor=\"acme\"} 3",
        "poortwacht_fold_windows 0",
    ] {
        assert!(text.contains(&format!("\n{line}\n")), "{line}");
    }
    assert!(!text.contains("ghost"), "a refused hit makes no label");
}

#[test]
fn a_replay_folds_by_packet_time_alone() {
    let run = |now: i64| -> Vec<Vec<u8>> {
        let (mut desk, _) = desk(Addresses::Pseudonym, Clock::Replay);
        let mut out = Output::default();
        for seconds in [1, 2, 400, 401] {
            desk.take(hit_event(seconds), at(now), &mut out);
            desk.tick(at(now), &mut out);
        }
        desk.flush(at(0), &mut out);
        out.hits
            .iter()
            .map(|(_, hit)| hit.record.to_line())
            .collect()
    };
    assert_eq!(run(0).len(), 4);
    assert_eq!(run(0), run(2_000_000_000), "whenever it is replayed");
}

#[test]
fn a_workers_packet_time_closes_windows_while_no_hit_comes() {
    let (mut desk, _) = desk(Addresses::Pseudonym, Clock::Replay);
    let mut out = Output::default();
    desk.take(hit_event(1), at(0), &mut out);
    desk.take(hit_event(2), at(0), &mut out);
    let stats = |seconds: i64| Stats {
        packet_time: at(seconds).nanos(),
        ..Stats::default()
    };
    desk.take(Event::Stats(Box::new(stats(300))), at(0), &mut out);
    assert_eq!(out.hits.len(), 1);
    desk.take(Event::Stats(Box::new(stats(301))), at(0), &mut out);
    assert_eq!(actions(&out.hits), ["name-seen", "name-seen-again"]);
}

// The privacy search: a client that can be told by each of these.
const V4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 77);
const V6: Ipv6Addr = Ipv6Addr::new(
    0x2001, 0xdb8, 0xdead, 0xbeef, 0x0242, 0xacff, 0xfe11, 0x0002,
);
const MAC: [u8; 6] = [0x02, 0x42, 0xac, 0x11, 0x00, 0x02];
const PORT: u16 = 51_966;

/// Every form that a client's traits may take, in lower case, as bytes.
fn forms() -> Vec<Vec<u8>> {
    let hex = |bytes: &[u8], between: &str| -> String {
        bytes
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<Vec<_>>()
            .join(between)
    };
    let mut texts = vec![
        V4.to_string(),
        hex(&V4.octets(), ""),
        hex(&V4.octets(), ":"),
        u32::from(V4).to_string(),
        u32::from(V4).swap_bytes().to_string(),
        V6.to_string(),
        V6.segments().map(|s| format!("{s:04x}")).join(":"),
        hex(&V6.octets(), ""),
        "242:acff:fe11:2".into(),
        "0242:acff:fe11:0002".into(),
        "0242acfffe110002".into(),
        hex(&MAC, ":"),
        hex(&MAC, "-"),
        hex(&MAC, ""),
        "0242.ac11.0002".into(),
        PORT.to_string(),
    ];
    texts.push(V4.to_ipv6_mapped().to_string());
    let mut forms: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    let mut reversed = V4.octets();
    reversed.reverse();
    forms.extend([
        V4.octets().to_vec(),
        reversed.to_vec(),
        V6.octets().to_vec(),
    ]);
    forms.extend([V6.octets()[8..].to_vec(), MAC.to_vec()]);
    for binary in [V4.octets().to_vec(), V6.octets().to_vec(), MAC.to_vec()] {
        forms.push(
            STANDARD
                .encode(binary)
                .trim_end_matches('=')
                .to_lowercase()
                .into_bytes(),
        );
    }
    forms
}

/// A query whose OPT record holds the client's subnet, a cookie made of its address, and what
/// dnsmasq adds of its link-layer address.
fn telling_query() -> Vec<u8> {
    let options = [
        [&[0, 8, 0, 8, 0, 1, 32, 0][..], &V4.octets()].concat(),
        [&[0, 8, 0, 20, 0, 2, 128, 0][..], &V6.octets()].concat(),
        [&[0, 10, 0, 8][..], &V4.octets(), &V4.octets()].concat(),
        [&[0xfd, 0xe9, 0, 6][..], &MAC].concat(),
    ]
    .concat();
    let len = (options.len() as u16).to_be_bytes();
    [
        b"\xab\xcd\x01\0\0\x01\0\0\0\0\0\x01\x03app\x04acme\x07example\0\0\x01\0\x01",
        b"\0\0\x29\x10\0\0\0\0\0".as_slice(),
        &len,
        &options,
    ]
    .concat()
}

/// A ClientHello whose session id, ticket, padding and unknown extension tell the client.
fn telling_hello() -> Vec<u8> {
    let telling = [&V4.octets()[..], &V6.octets(), &MAC].concat();
    let extension = |number: u16| {
        let len = (telling.len() as u16).to_be_bytes();
        [&number.to_be_bytes()[..], &len, &telling].concat()
    };
    let extensions: Vec<u8> = [35, 21, 44, 41, 0xff77]
        .into_iter()
        .flat_map(extension)
        .collect();
    let mut body = [&[3, 3][..], &[0x55; 32], &[telling.len() as u8], &telling].concat();
    body.extend([0, 2, 0x13, 0x01, 1, 0]);
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let len = (body.len() as u32).to_be_bytes();
    [&[1], &len[1..], &body].concat()
}

fn telling_hits() -> Vec<Hit> {
    let mut hits = Vec::new();
    let clients: [IpAddr; 3] = [V4.into(), V6.into(), V4.to_ipv6_mapped().into()];
    for (frame, client) in clients.into_iter().enumerate() {
        for seen in Seen::ALL {
            let dns = matches!(seen, Seen::DnsQuery | Seen::DnsCname | Seen::DnsSvcb);
            let mut hit = tls_hit(1 + frame as i64, "192.0.2.1", "app.acme.example");
            hit.seen = *seen;
            hit.join = (*seen == Seen::DnsJoin).then_some(53);
            hit.ends.src = client;
            hit.ends.sport = PORT;
            hit.client_mac = Some(MAC);
            hit.evidence = match seen {
                // A server's certificate; what the sensor makes evidence of holds no client.
                Seen::TlsCert => Vec::new(),
                Seen::DnsJoin => telling_query(),
                _ if dns => telling_query(),
                _ => telling_hello(),
            };
            if *seen == Seen::QuicSni {
                hit.ends.transport = Transport::Udp;
                // talks to itself
                hit.ends.dst = client;
            }
            hits.push(hit.clone());
            hit.time = at(100);
            hits.push(hit);
        }
    }
    hits
}

fn assert_untold(what: &str, bytes: &[u8]) {
    let lower = bytes.to_ascii_lowercase();
    for form in forms() {
        for (how, bytes) in [("as it is", bytes), ("in lower case", &lower)] {
            let found = bytes.windows(form.len()).any(|window| window == form);
            assert!(
                !found,
                "{what}, {how}, holds {:?}",
                String::from_utf8_lossy(&form)
            );
        }
    }
}

/// Each base64 text of the log, decoded.
fn decoded(line: &str) -> Vec<Vec<u8>> {
    line.split('"')
        .map(|text| text.strip_prefix("1:").unwrap_or(text))
        .filter(|text| text.len() >= 4)
        .filter_map(|text| STANDARD.decode(text).ok())
        .collect()
}

/// Runs the telling hits through desk and log; gives the log's text, the metrics', and what the
/// program said meanwhile.
fn through(addresses: Addresses) -> [String; 3] {
    #[derive(Clone, Default)]
    struct Said(Arc<Mutex<Vec<u8>>>);
    impl Write for Said {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let said = Said::default();
    let writer = said.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hits.jsonl");
    let metrics = tracing::subscriber::with_default(subscriber, || {
        let (mut desk, metrics) = desk(addresses, Clock::Live);
        let now = Instant::now();
        let mut logs = [path.clone(), "/dev/full".into()]
            .map(|path| HitLog::open(Settings::new(path), now).unwrap());
        let mut out = Output::default();
        let list = ListInfo {
            version: "v".into(),
            rules: 1,
            vendors: 1,
            modified: 0,
            ..ListInfo::default()
        };
        desk.take(Event::Ready(list), at(0), &mut out);
        for hit in telling_hits() {
            let mut bad = hit.clone();
            bad.name.push('\n');
            desk.take(Event::Hit(Box::new(bad)), at(1), &mut out);
            desk.take(Event::Hit(Box::new(hit)), at(1), &mut out);
        }
        desk.flush(at(0), &mut out);
        assert_eq!(
            actions(&out.hits)
                .iter()
                .filter(|a| **a == "name-seen-again")
                .count(),
            3 * Seen::ALL.len()
        );
        for log in &mut logs {
            out.hits
                .iter()
                .for_each(|(_, hit)| log.append(&hit.record, now));
            desk.hit_log(&log.state());
        }
        desk.sensor_gone("the test is over");
        metrics
    });
    let said = String::from_utf8(said.0.lock().unwrap().clone()).unwrap();
    assert!(said.contains("/dev/full"), "the failure is said");
    [std::fs::read_to_string(path).unwrap(), metrics.text(), said]
}

#[test]
fn under_pseudonyms_a_client_is_found_nowhere() {
    let [log, metrics, said] = through(Addresses::Pseudonym);
    assert_eq!(log.lines().count(), 6 * Seen::ALL.len());
    let mut blobs = 0;
    for line in log.lines() {
        assert_untold("the log", line.as_bytes());
        for blob in decoded(line) {
            blobs += 1;
            assert_untold("evidence or an id in the log", &blob);
        }
    }
    assert!(
        blobs >= 45,
        "every evidence and flow id was decoded: {blobs}"
    );
    for hit in telling_hits() {
        // an open hash over the addresses would be as good as the address
        assert!(!log.contains(&community::id(&hit.ends, 0)));
    }
    // process metrics are numbers of this process, in which a port's digits may stand by chance
    let own: Vec<&str> = metrics
        .lines()
        .filter(|line| !line.contains("process_"))
        .collect();
    assert_untold("the metrics", own.join("\n").as_bytes());
    assert_untold("what the program said", said.as_bytes());
}

/// The search finds what is there: without this the test above could not fail.
#[test]
fn in_clear_the_same_search_finds_the_client() {
    let [log, metrics, _] = through(Addresses::Clear {
        reason: "test".into(),
    });
    let all: Vec<u8> = log
        .lines()
        .flat_map(|line| {
            [vec![line.to_lowercase().into_bytes()], decoded(line)]
                .concat()
                .concat()
        })
        .collect();
    let has = |form: &[u8]| all.windows(form.len()).any(|window| window == form);
    for form in [
        V4.to_string().as_bytes(),
        V6.to_string().as_bytes(),
        b"02-42-ac-11-00-02",
        b"51966",
        &V4.octets(),
        &V6.octets(),
        &MAC,
    ] {
        assert!(has(form), "{}", String::from_utf8_lossy(form));
    }
    assert!(
        !metrics.contains(&V4.to_string()),
        "no label in either mode"
    );
}
