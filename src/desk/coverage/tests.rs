//! Hours told by hand: what is counted, when an hour ends, what a restart of the sensor does.

use super::*;
use crate::event::FactSource;
use crate::hits::fold::tests::hit;

const MAP: &str = r#"
[[site]]
name = "harbour"
devices = 40
[[site]]
name = "annex"
[[network]]
prefix = "10.1.0.0/16"
site = "harbour"
"#;

fn hours(replay: bool) -> Hours {
    Hours::new(Setting {
        organisation: Arc::new(Organisation::parse(MAP, "map").unwrap()),
        config: "abc".into(),
        excluded_prefixes: 2,
        replay,
    })
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs_nanos(seconds, 0)
}

fn stats(frames: u64, named: u64, dropped: u64, heartbeat: i64) -> Event {
    let mut stats = Stats {
        point: "eth0".into(),
        frames,
        events_dropped: dropped,
        heartbeat,
        packet_time: at(heartbeat).nanos(),
        connections: Counters::new(2 * Outcome::ALL.len()),
        ..Stats::default()
    };
    stats.connections.add(Outcome::Named.index(), named);
    let quic = Outcome::ALL.len() + Outcome::Named.index();
    stats.connections.add(quic, named);
    Event::Stats(Box::new(stats))
}

fn coverage(out: &[Entry]) -> Vec<&Coverage> {
    out.iter()
        .filter_map(|it| match &it.body {
            Body::Coverage(coverage) => Some(&**coverage),
            _ => None,
        })
        .collect()
}

fn count(table: &[Count], what: &str) -> u64 {
    table
        .iter()
        .filter(|it| it.what == what)
        .map(|it| it.count)
        .sum()
}

#[test]
fn an_hour_has_what_was_counted_in_it_and_no_more() {
    let mut hours = hours(false);
    let mut out = Vec::new();
    // It begins at 00:59:58.
    hours.take(&stats(100, 5, 0, 3598), at(3598), &mut out);
    hours.take(&stats(150, 7, 0, 3599), at(3599), &mut out);
    assert!(out.is_empty());
    hours.take(&stats(190, 8, 0, 3601), at(3601), &mut out);
    hours.take(
        &Event::Hit(Box::new(hit(1, "10.1.0.7", "app.acme.example"))),
        at(3700),
        &mut out,
    );
    hours.clock_stepped(-30);
    hours.clock_stepped(20);
    // The sensor began anew: its counters did too.
    hours.take(&stats(10, 1, 0, 3702), at(3702), &mut out);
    hours.finish(&mut out);
    let [first, second] = coverage(&out)[..] else {
        panic!("{}", out.len());
    };
    assert_eq!((first.from, first.until), (3598, 3600));
    assert_eq!(count(&first.frames, "seen"), 150);
    assert_eq!(count(&first.connections, "named"), 14, "TCP and QUIC");
    assert_eq!((second.from, second.until), (3601, 3702));
    assert_eq!(count(&second.frames, "seen"), 50);
    assert_eq!(count(&second.connections, "named"), 4);
    assert_eq!(second.hits.len(), 1);
    assert_eq!(second.clock_step_ms, -30);
    assert_eq!(
        (second.excluded_prefixes, second.config.as_str()),
        (2, "abc")
    );
    // Two seconds before the gap, one behind it.
    assert_eq!(count(&first.points, "heard-seconds"), 2);
    assert_eq!(count(&second.points, "heard-seconds"), 3);
}

#[test]
fn an_hour_without_anything_is_told_too() {
    let mut hours = hours(false);
    let mut out = Vec::new();
    for hour in 1..4 {
        hours.tick(at(hour * 3600 + 5), &mut out);
    }
    assert_eq!(coverage(&out).len(), 2);
    assert!(
        coverage(&out)
            .iter()
            .all(|it| it.frames.is_empty() && it.until % 3600 == 0)
    );
}

#[test]
fn a_replay_counts_by_packet_time_and_its_files_gaps_are_no_silence() {
    let mut hours = hours(true);
    let mut out = Vec::new();
    hours.tick(at(0), &mut out);
    for seconds in [7200, 7300, 10_900] {
        hours.take(&stats(seconds as u64, 1, 0, seconds), at(seconds), &mut out);
    }
    hours.finish(&mut out);
    let [first, second] = coverage(&out)[..] else {
        panic!("{}", out.len());
    };
    assert_eq!((first.from, first.until), (7200, 10_800));
    assert_eq!(count(&first.points, "heard-seconds"), 101);
    assert_eq!(count(&second.points, "heard-seconds"), 3600);
}

#[test]
fn what_the_queue_lost_is_said_once_a_minute_at_most() {
    let mut hours = hours(false);
    let mut out = Vec::new();
    for (dropped, seconds) in [(3, 10), (5, 20), (5, 60), (9, 71), (9, 80)] {
        hours.take(&stats(1, 0, dropped, seconds), at(seconds), &mut out);
        hours.tick(at(seconds), &mut out);
    }
    let said: Vec<u64> = out
        .iter()
        .filter_map(|it| match &it.body {
            Body::Loss(loss) => Some(loss.count),
            _ => None,
        })
        .collect();
    assert_eq!(said, [3, 2]);
    hours.finish(&mut out);
    let last = out.last().map(|it| &it.body);
    assert!(matches!(last, Some(Body::Loss(loss)) if loss.count == 4));
    assert_eq!(count(&coverage(&out)[0].lost, "queue"), 9);
}

#[test]
fn devices_are_counted_by_site_and_nothing_of_them_is_told() {
    let mut hours = hours(false);
    let mut out = Vec::new();
    hours.tick(at(5), &mut out);
    for (mac, address) in [
        (1, "10.1.0.7"),
        (1, "10.1.0.8"),
        (2, "10.1.0.9"),
        (3, "10.9.0.1"),
    ] {
        let fact = Fact {
            time: at(5),
            until: None,
            source: FactSource::Arp,
            origin: "eth0".into(),
            act: crate::event::FactAct::Holds,
            net: Some(address.parse::<std::net::IpAddr>().unwrap().into()),
            mac: Some([2, 0, 0, 0, 0, mac]),
            client_id: None,
            circuit: None,
            host: None,
            user: None,
            session: None,
            clock: None,
        };
        hours.take(&Event::Fact(Box::new(fact)), at(6), &mut out);
    }
    hours.finish(&mut out);
    let sites = &coverage(&out)[0].sites;
    let told: Vec<_> = sites
        .iter()
        .map(|it| (it.site.as_str(), it.seen, it.known))
        .collect();
    assert_eq!(told, [("annex", 0, None), ("harbour", 2, Some(40))]);
}

#[test]
fn a_clock_that_is_set_back_ends_the_hour_where_it_was() {
    let mut hours = hours(false);
    let mut out = Vec::new();
    hours.tick(at(100_000), &mut out);
    hours.tick(at(100_100), &mut out);
    hours.tick(at(50_000), &mut out);
    hours.finish(&mut out);
    let told: Vec<_> = coverage(&out)
        .iter()
        .map(|it| (it.from, it.until))
        .collect();
    assert_eq!(told, [(100_000, 100_100), (50_000, 50_000)]);
}
