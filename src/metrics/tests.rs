//! Every number moves its own series, every series stands in the table, and the docs know it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use super::*;
use crate::base::{Outcome, Seen, WayRound};
use crate::blocklist::Stage;
use crate::capture::prefilter::{self, Fate, Shedding};
use crate::decode;
use crate::event::LocalNames;
use crate::feeds::{self, FeedState};
use crate::flow::Desync;
use crate::hits::fold::tests::hit;
use crate::names;
use crate::presence;
use families::{Kind, TABLE};

/// Series without the `process_` ones: name with labels to value.
fn series(metrics: &Metrics) -> BTreeMap<String, f64> {
    metrics
        .text()
        .lines()
        .filter(|line| line.starts_with("poortwacht_"))
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.into(), value.parse().unwrap())
        })
        .collect()
}

/// What differs between two readings, as `series old->new`.
fn moved(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>) -> Vec<String> {
    after
        .iter()
        .filter(|(series, value)| before.get(*series) != Some(value))
        .map(|(series, value)| format!("{series} {value}"))
        .collect()
}

fn stats() -> Stats {
    Stats {
        worker: 1,
        point: "eth0".into(),
        // As declared: the first report alone moves nothing.
        blind: true,
        ..Stats::default()
    }
}

fn counters(len: usize, at: usize, count: u64) -> Counters {
    let mut counters = Counters::new(len);
    counters.add(at, count);
    counters
}

fn list(version: &str) -> ListInfo {
    ListInfo {
        version: version.into(),
        rules: 321,
        vendors: 176,
        modified: 1_700_000_000,
        ..ListInfo::default()
    }
}

fn log_state() -> LogState {
    LogState {
        lines: 0,
        bytes: 0,
        errors: Counters::new(Operation::ALL.len()),
        lost: Counters::new(Lost::ALL.len()),
        rotations: 0,
        reopens: 0,
        torn_lines: 0,
        queue_lines: 0,
        queue_bytes: 0,
        failing: None,
        free_bytes: None,
    }
}

#[test]
fn an_interface_is_up_only_when_its_worker_says_so() {
    let metrics = Metrics::new();
    metrics.declare_worker(0, "eth0");
    let up = || {
        let text = metrics.text();
        let head = "poortwacht_interface_up{interface=\"eth0\"} ";
        let line = text.lines().find_map(|line| line.strip_prefix(head));
        line.map(str::to_owned)
    };
    assert_eq!(up().as_deref(), Some("0"));
    for (blind, wanted) in [(false, "1"), (true, "0"), (false, "1")] {
        let stats = Stats { blind, ..stats() };
        metrics.observe(&Event::Stats(Box::new(stats)), Timestamp(0));
        assert_eq!(up().as_deref(), Some(wanted));
    }
}

#[test]
fn one_kind_of_kernel_filter_is_in_force() {
    let metrics = Metrics::new();
    metrics.declare_worker(0, "eth0");
    let force = || {
        let all = series(&metrics).into_iter();
        all.filter(|(name, _)| name.starts_with("poortwacht_prefilter{"))
            .map(|(_, value)| value)
            .collect::<Vec<_>>()
    };
    assert_eq!(force(), [0.0; 3], "declared");
    for (kind, wanted) in [
        (prefilter::Kind::Ebpf, [0.0, 1.0, 0.0]),
        (prefilter::Kind::None, [0.0, 0.0, 1.0]),
        (prefilter::Kind::Classic, [1.0, 0.0, 0.0]),
    ] {
        let stats = Stats {
            prefilter: Some(kind),
            ..stats()
        };
        metrics.observe(&Event::Stats(Box::new(stats)), Timestamp(0));
        assert_eq!(force(), wanted);
    }
}

#[test]
fn each_field_of_a_snapshot_moves_its_own_series() {
    type Change = (fn(&mut Stats), &'static str);
    let here = "{interface=\"eth0\"}";
    let changes: [Change; 42] = [
        (
            |s| s.xdp_lost = counters(2, 1, 3),
            "poortwacht_xdp_lost_frames_total{interface=\"eth0\",place=\"ring\"}",
        ),
        (
            |s| s.shed_frames = counters(4, Shedding::Settled as usize, 3),
            "poortwacht_prefilter_shed_frames_total{interface=\"eth0\",reason=\"settled\"}",
        ),
        (
            |s| s.shed_bytes = counters(4, Shedding::Watched as usize, 3),
            "poortwacht_prefilter_shed_bytes_total{interface=\"eth0\",reason=\"watched\"}",
        ),
        (
            |s| s.verdicts = counters(3, Fate::Failed as usize, 3),
            "poortwacht_prefilter_verdicts_total{fate=\"failed\",interface=\"eth0\"}",
        ),
        (|s| s.frames = 3, "poortwacht_frames_total@"),
        (|s| s.wire_bytes = 3, "poortwacht_wire_bytes_total@"),
        (|s| s.excluded = 3, "poortwacht_excluded_frames_total@"),
        (|s| s.cut_short = 3, "poortwacht_cut_short_frames_total@"),
        (
            |s| s.kernel_drops = 3,
            "poortwacht_kernel_dropped_frames_total@",
        ),
        (|s| s.ring_freezes = 3, "poortwacht_ring_freezes_total@"),
        (
            |s| s.interface_errors = 3,
            "poortwacht_interface_errors_total@",
        ),
        (
            |s| s.interface_downs = 3,
            "poortwacht_interface_downs_total@",
        ),
        (
            |s| s.broken_blocks = 3,
            "poortwacht_ring_broken_blocks_total@",
        ),
        (|s| s.joins_unsure = 3, "poortwacht_unsure_joins_total"),
        (|s| s.allowed = 3, "poortwacht_allowed_names_total"),
        (|s| s.events_dropped = 3, "poortwacht_events_dropped_total"),
        (
            |s| s.pool_copied_bytes = 3,
            "poortwacht_pool_copied_bytes_total",
        ),
        (|s| s.pool_empty = 3, "poortwacht_pool_empty_total"),
        (|s| s.flows = 3, "poortwacht_flows#"),
        (|s| s.watched = 3, "poortwacht_watched_flows#"),
        (
            |s| s.watched_given_up = 3,
            "poortwacht_watched_flows_given_up_total",
        ),
        (
            |s| s.bursts = counters(2, 1, 3),
            "poortwacht_bursts_total{transport=\"quic\"}",
        ),
        (
            |s| s.support = counters(9, Seen::TlsSni.index(), 3),
            "poortwacht_support_names_total{seen=\"tls-sni\"}",
        ),
        (
            |s| s.heartbeat = 3,
            "poortwacht_worker_heartbeat_timestamp_seconds#",
        ),
        (
            |s| s.packet_time = 3_000_000_000,
            "poortwacht_worker_packet_timestamp_seconds#",
        ),
        (
            |s| s.decode_malformed = counters(9, decode::Malformed::BadVersion.index(), 3),
            "poortwacht_malformed_frames_total{reason=\"bad_version\"}",
        ),
        (
            |s| s.decode_not_for_us = counters(9, decode::NotForUs::NotIp.index(), 3),
            "poortwacht_ignored_frames_total{reason=\"not_ip\"}",
        ),
        (
            |s| s.fragments = counters(9, decode::FragmentFate::Expired.index(), 3),
            "poortwacht_fragments_total{fate=\"expired\"}",
        ),
        (
            |s| s.tunnels = counters(40, decode::Tunnel::Vxlan.index(), 3),
            "poortwacht_tunnels_total{kind=\"vxlan\"}",
        ),
        (
            |s| s.names_malformed = counters(9, names::Malformed::TlsHello.index(), 3),
            "poortwacht_malformed_messages_total{reason=\"tls_hello\"}",
        ),
        (
            |s| s.names = counters(9, Seen::QuicSni.index(), 3),
            "poortwacht_names_total{seen=\"quic-sni\"}",
        ),
        (
            |s| s.local_names = counters(9, LocalNames::Llmnr.index(), 3),
            "poortwacht_local_name_messages_total{protocol=\"llmnr\"}",
        ),
        (
            |s| s.ways_round = counters(14, WayRound::Doq.index(), 3),
            "poortwacht_ways_round_total{kind=\"doq\"}",
        ),
        (
            |s| s.desync = counters(9, Desync::DecoyTtl.index(), 3),
            "poortwacht_desync_total{kind=\"decoy-ttl\"}",
        ),
        (|s| s.smtp_senders = 3, "poortwacht_smtp_senders_total"),
        (|s| s.smtp_mails = 3, "poortwacht_smtp_mails_total"),
        (
            |s| s.presence = counters(9, presence::Protocol::Radius.index(), 3),
            "poortwacht_presence_messages_total{protocol=\"radius\"}",
        ),
        (
            |s| s.presence_malformed = counters(9, presence::Malformed::Dhcp6Nesting.index(), 3),
            "poortwacht_presence_malformed_total{reason=\"dhcpv6_nesting\"}",
        ),
        (
            |s| s.presence_withheld = counters(9, presence::Withheld::Unproved.index(), 3),
            "poortwacht_presence_withheld_total{reason=\"unproved\"}",
        ),
        (
            |s| s.hits = counters(9, Seen::DnsSvcb.index(), 3),
            "poortwacht_hits_total{seen=\"dns-svcb\"}",
        ),
        (
            |s| s.context = counters(9, Seen::DnsQuery.index(), 3),
            "poortwacht_context_names_total{seen=\"dns-query\"}",
        ),
        (
            |s| {
                let at = Outcome::ALL.len() + Outcome::Ech.index();
                s.connections = counters(2 * Outcome::ALL.len(), at, 3);
            },
            "poortwacht_connections_total{outcome=\"ech\",transport=\"quic\"}",
        ),
    ];
    for (change, series_name) in changes {
        let expected = series_name
            .replace('@', here)
            .replace('#', "{interface=\"eth0\",worker=\"1\"}");
        let metrics = Metrics::new();
        metrics.declare_worker(1, "eth0");
        let before = series(&metrics);
        assert_eq!(
            before.get(&expected),
            Some(&0.0),
            "{expected} is declared at 0"
        );
        let mut stats = stats();
        change(&mut stats);
        metrics.observe(&Event::Stats(Box::new(stats.clone())), Timestamp(0));
        assert_eq!(moved(&before, &series(&metrics)), [format!("{expected} 3")]);
        // the same snapshot again adds nothing
        metrics.observe(&Event::Stats(Box::new(stats)), Timestamp(0));
        assert_eq!(moved(&before, &series(&metrics)), [format!("{expected} 3")]);
    }
}

#[test]
fn totals_survive_workers_that_begin_anew_and_add_up_over_workers() {
    let metrics = Metrics::new();
    let tell = |worker, frames, hits| {
        let stats = Stats {
            worker,
            frames,
            hits: counters(5, 0, hits),
            point: "eth0".into(),
            ..Stats::default()
        };
        metrics.observe(&Event::Stats(Box::new(stats)), Timestamp(0));
        let now = series(&metrics);
        (
            now["poortwacht_frames_total{interface=\"eth0\"}"],
            now["poortwacht_hits_total{seen=\"dns-query\"}"],
        )
    };
    assert_eq!(tell(0, 100, 5), (100.0, 5.0));
    assert_eq!(tell(1, 10, 1), (110.0, 6.0));
    assert_eq!(tell(0, 150, 5), (160.0, 6.0));
    // worker 0 began anew: fewer frames, and its hit is a new one
    assert_eq!(tell(0, 20, 1), (180.0, 7.0));
    // a new sensor whose first snapshot is beyond the old one is told apart by the daemon
    metrics.sensor_gone();
    assert_eq!(tell(1, 1000, 1), (1180.0, 8.0));
}

#[test]
fn the_list_has_one_version_at_a_time() {
    let metrics = Metrics::new();
    let now = Timestamp::from_secs_nanos(1_700_000_100, 0);
    let versions = || -> Vec<String> {
        let all = series(&metrics).into_keys();
        all.filter(|name| name.starts_with("poortwacht_list_info"))
            .collect()
    };
    metrics.observe(&Event::Ready(list("aa")), now);
    assert_eq!(versions(), ["poortwacht_list_info{version=\"aa\"}"]);
    metrics.observe(&Event::ListLoaded(list("bb")), now);
    metrics.observe(&Event::ListLoaded(list("bb")), now);
    metrics.observe(&Event::ListRefused("shrunk".into()), now);
    assert_eq!(versions(), ["poortwacht_list_info{version=\"bb\"}"]);
    let after = series(&metrics);
    for (name, value) in [
        ("poortwacht_list_rules", 321.0),
        ("poortwacht_list_vendors", 176.0),
        (
            "poortwacht_list_modified_timestamp_seconds",
            1_700_000_000.0,
        ),
        ("poortwacht_list_loaded_timestamp_seconds", 1_700_000_100.0),
        ("poortwacht_list_reloads_total{result=\"loaded\"}", 2.0),
        ("poortwacht_list_reloads_total{result=\"refused\"}", 1.0),
        ("poortwacht_sensor_up", 1.0),
    ] {
        assert_eq!(after[name], value, "{name}");
    }
    metrics.sensor_gone();
    let after = series(&metrics);
    assert_eq!(after["poortwacht_sensor_up"], 0.0);
}

#[test]
fn vendors_are_declared_at_0_and_bounded() {
    let metrics = Metrics::new();
    let known = ListInfo {
        vendor_ids: vec!["acme".into(), "zenith".into()],
        ..list("aa")
    };
    metrics.observe(&Event::Ready(known), Timestamp(0));
    let event = Event::Hit(Box::new(hit(1, "192.0.2.1", "app.acme.example")));
    metrics.observe(&event, Timestamp(0));
    let vendors = |metrics: &Metrics| -> Vec<(String, f64)> {
        let all = series(metrics).into_iter();
        all.filter(|(name, _)| name.starts_with("poortwacht_vendor"))
            .collect()
    };
    let name = |vendor: &str| format!("poortwacht_vendor_hits_total{{vendor=\"{vendor}\"}}");
    assert_eq!(
        vendors(&metrics),
        [(name("acme"), 1.0), (name("zenith"), 0.0)]
    );
    for number in 0..2 * LABELS_MAX {
        let mut hit = hit(1, "192.0.2.1", "app.acme.example");
        hit.rule.vendor = format!("v{number}");
        metrics.observe(&Event::Hit(Box::new(hit)), Timestamp(0));
    }
    let after = vendors(&metrics);
    assert_eq!(after.len(), LABELS_MAX + 1);
    assert!(after.contains(&(name(OTHER), LABELS_MAX as f64 + 2.0)));
}

#[test]
fn the_hit_log_moves_its_series_by_what_was_added() {
    let metrics = Metrics::new();
    let mut state = log_state();
    metrics.hit_log(&state);
    assert_eq!(series(&metrics)["poortwacht_hit_log_writable"], 1.0);
    (state.lines, state.bytes, state.rotations, state.reopens) = (1, 2, 3, 4);
    (state.torn_lines, state.queue_lines, state.queue_bytes) = (5, 6, 7);
    state.errors.add(Operation::Sync.index(), 8);
    state.lost.add(Lost::QueueFull.index(), 9);
    (state.failing, state.free_bytes) = (Some("full".into()), Some(10));
    metrics.hit_log(&state);
    metrics.hit_log(&state);
    let after = series(&metrics);
    for (name, value) in [
        ("lines_total", 1.0),
        ("bytes_total", 2.0),
        ("rotations_total", 3.0),
        ("reopens_total", 4.0),
        ("torn_lines_total", 5.0),
        ("queue_lines", 6.0),
        ("queue_bytes", 7.0),
        ("errors_total{operation=\"sync\"}", 8.0),
        ("errors_total{operation=\"write\"}", 0.0),
        ("free_bytes", 10.0),
        ("writable", 0.0),
    ] {
        assert_eq!(
            after[&format!("poortwacht_hit_log_{name}")],
            value,
            "{name}"
        );
    }
    assert_eq!(
        after["poortwacht_hit_records_lost_total{reason=\"queue_full\"}"],
        9.0
    );
}

/// Everything that has labels from config or list, present.
fn full() -> Metrics {
    let metrics = Metrics::new();
    metrics.declare_worker(0, "eth0");
    let known = ListInfo {
        vendor_ids: vec!["acme".into()],
        ..list("aa")
    };
    metrics.observe(&Event::Ready(known), Timestamp(0));
    metrics.provable([("acme", Stage::Integrated), ("bolt", Stage::AccountOrLogin)]);
    metrics.feeds(&[FeedState {
        name: "leases".into(),
        kind: feeds::Kind::Kea,
        open: true,
        problem: None,
        lines: 1,
        events: 1,
        malformed: 0,
        dropped: 0,
        last: None,
        lag_bytes: 0,
    }]);
    metrics.outbox(&casework::full_outbox());
    metrics
}

#[test]
fn every_declared_family_has_a_series_a_help_text_and_a_good_name() {
    let metrics = full();
    let text = metrics.text();
    for family in TABLE {
        let name = family.name;
        assert!(
            text.contains(&format!("\n{name}")) || text.starts_with(name),
            "{name}"
        );
        assert!(
            text.contains(&format!("# HELP {name} {}\n", family.help)),
            "{name}"
        );
        assert_eq!(
            name.ends_with("_total"),
            family.kind == Kind::Counter,
            "{name}"
        );
        assert!(
            family.help.ends_with('.') && name.starts_with("poortwacht_"),
            "{name}"
        );
    }
    assert!(text.contains("process_start_time_seconds"));
}

#[test]
fn the_table_and_the_docs_say_the_same() {
    let docs = include_str!("../../docs/metrics.md");
    let documented: BTreeSet<&str> = docs
        .lines()
        .filter(|line| line.starts_with("| `poortwacht_"))
        .collect();
    let declared: Vec<String> = TABLE
        .iter()
        .map(|family| {
            let kind = if family.kind == Kind::Counter {
                "counter"
            } else {
                "gauge"
            };
            let labels: Vec<String> = family.labels.iter().map(|l| format!("`{l}`")).collect();
            let labels = if labels.is_empty() {
                "-".into()
            } else {
                labels.join(", ")
            };
            format!(
                "| `{}` | {kind} | {labels} | {} |",
                family.name, family.help
            )
        })
        .collect();
    let declared: BTreeSet<&str> = declared.iter().map(String::as_str).collect();
    let missing: Vec<_> = declared.difference(&documented).collect();
    let stale: Vec<_> = documented.difference(&declared).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "add {missing:#?}\nremove {stale:#?}"
    );
}

#[test]
fn the_docs_know_every_label_value() {
    let docs = include_str!("../../docs/metrics.md");
    let open = [
        "interface",
        "worker",
        "vendor",
        "version",
        "code",
        "feed",
        "sink",
    ];
    for name in series(&full()).into_keys() {
        let labels = name
            .split_once('{')
            .map_or("", |(_, labels)| labels.trim_end_matches('}'));
        for pair in labels.split(',').filter(|pair| !pair.is_empty()) {
            let (label, value) = pair.split_once('=').unwrap();
            let value = value.trim_matches('"');
            assert!(
                open.contains(&label) || docs.contains(&format!("`{value}`")),
                "docs/metrics.md does not name `{value}` of {name}"
            );
        }
    }
}

#[test]
fn promtool_finds_nothing_to_say() {
    let spawned = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = spawned else {
        eprintln!("skipped: promtool is not installed (Debian package prometheus)");
        return;
    };
    let text = full().text();
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let run = promtool.wait_with_output().unwrap();
    let said = [run.stdout, run.stderr].concat();
    assert!(
        run.status.success() && said.is_empty(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

mod casework;
mod readiness;
