//! When the desk says that it is ready, and why not.

use std::time::Duration;

use super::super::Readiness;
use super::*;

const NOW: i64 = 1_700_000_000;

fn beat(worker: u16, point: &str, heartbeat: i64) -> Event {
    let stats = Stats {
        worker,
        point: point.into(),
        heartbeat,
        ..Stats::default()
    };
    Event::Stats(Box::new(stats))
}

fn reasons(readiness: &Readiness) -> Vec<String> {
    readiness.reasons(Timestamp::from_secs_nanos(NOW, 0))
}

fn ready() -> Readiness {
    let readiness = Readiness::new(Duration::from_secs(15));
    readiness.expect_workers(2);
    readiness.observe(&Event::Ready(list("aa")));
    readiness.hit_log(&log_state());
    readiness
}

#[test]
fn every_worker_has_to_report_and_go_on_reporting() {
    let readiness = ready();
    assert_eq!(reasons(&readiness), ["0 of 2 workers have reported"]);
    readiness.observe(&beat(0, "eth0", NOW - 15));
    assert_eq!(reasons(&readiness), ["1 of 2 workers have reported"]);
    readiness.observe(&beat(1, "eth0", NOW - 16));
    assert_eq!(
        reasons(&readiness),
        ["worker 1 on eth0 last reported 16 seconds ago"]
    );
    readiness.observe(&beat(1, "eth0", NOW));
    assert!(reasons(&readiness).is_empty());
}

#[test]
fn an_interface_that_is_down_is_a_reason_until_it_is_up() {
    let readiness = ready();
    readiness.observe(&beat(0, "eth0", NOW));
    let blind = |blind| {
        let Event::Stats(mut stats) = beat(1, "eth1", NOW) else {
            unreachable!()
        };
        stats.blind = blind;
        Event::Stats(stats)
    };
    readiness.observe(&blind(true));
    assert_eq!(
        reasons(&readiness),
        ["interface eth1 is down or gone: nothing is captured there"]
    );
    readiness.observe(&blind(false));
    assert!(reasons(&readiness).is_empty());
}

#[test]
fn a_file_at_its_end_needs_no_worker() {
    let readiness = ready();
    readiness.observe(&beat(0, "eth0", NOW));
    readiness.observe(&beat(1, "a.pcap", NOW - 100));
    assert_eq!(reasons(&readiness).len(), 1);
    readiness.observe(&Event::SourceEnded("a.pcap".into()));
    readiness.observe(&beat(1, "a.pcap", NOW - 100));
    assert!(reasons(&readiness).is_empty());
}

#[test]
fn a_log_that_fails_and_a_sensor_that_ends_are_reasons() {
    let readiness = ready();
    readiness.observe(&beat(0, "eth0", NOW));
    readiness.observe(&beat(1, "eth0", NOW));
    let failing = LogState {
        failing: Some("disk full".into()),
        ..log_state()
    };
    readiness.hit_log(&failing);
    assert_eq!(reasons(&readiness), ["disk full"]);
    readiness.hit_log(&log_state());
    readiness.sensor_gone("signal 9");
    assert_eq!(
        reasons(&readiness),
        [
            "the sensor has ended: signal 9",
            "0 of 2 workers have reported"
        ]
    );
    readiness.observe(&Event::Ready(list("aa")));
    readiness.observe(&beat(0, "eth0", NOW));
    readiness.observe(&beat(1, "eth0", NOW));
    assert!(reasons(&readiness).is_empty());
}
