//! The real daemon over every capture in the tree: which metrics move, and does Prometheus read them?
//!
//! Enters: the built binary, `tests/data/captures`, `tests/data/presence`. Leaves: a verdict on `/metrics`. Never: a
//! network beyond loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Metrics that no capture file can move, and the test that does.
const NOT_BY_FILES: &[(&str, &str)] = &[
    (
        "poortwacht_console_listeners",
        "metrics::console tests: needs a page that listens",
    ),
    (
        "poortwacht_console_request_seconds_total",
        "tests/console/figures.rs: needs a console",
    ),
    (
        "poortwacht_console_requests_total",
        "tests/console/figures.rs: needs a console",
    ),
    (
        "poortwacht_console_sessions",
        "tests/console/figures.rs: needs somebody who is in",
    ),
    (
        "poortwacht_console_sign_ins_refused_total",
        "tests/console/figures.rs: needs a console",
    ),
    (
        "poortwacht_ledger_expired_total",
        "daemon::retention tests: needs entries whose time is over",
    ),
    (
        "poortwacht_ledger_lost_total",
        "daemon::books tests: needs a ledger that cannot be written for long",
    ),
    (
        "poortwacht_ledger_waiting",
        "daemon::books tests: needs a ledger that cannot be written",
    ),
    (
        "poortwacht_ledger_write_failures_total",
        "tests/record.rs: needs a full or failing disk",
    ),
    (
        "poortwacht_store_behind_entries",
        "daemon::books tests: needs a store that another process holds",
    ),
    (
        "poortwacht_store_failures_total",
        "daemon::books tests: needs a store that another process holds",
    ),
    (
        "poortwacht_repeated_total",
        "tests/twice.rs: needs two points, and a word about the translator",
    ),
    (
        "poortwacht_case_evidence_lost_total",
        "cases tests: needs a bound that is reached",
    ),
    (
        "poortwacht_identity_ambiguous_total",
        "identity tests: needs two who may be meant",
    ),
    (
        "poortwacht_identity_disputed_total",
        "identity tests: needs a log whose clock jumps",
    ),
    (
        "poortwacht_identity_evicted_total",
        "identity tests: needs a full table",
    ),
    (
        "poortwacht_identity_translations",
        "identity tests: needs a translation log",
    ),
    (
        "poortwacht_alert_attempts_failed_total",
        "tests/alerts.rs: needs an Alertmanager that is away",
    ),
    (
        "poortwacht_alert_spool_bytes",
        "tests/alerts.rs: needs a case",
    ),
    (
        "poortwacht_alert_write_failures_total",
        "tests/alerts.rs: needs a full disk",
    ),
    (
        "poortwacht_alerts_dead",
        "alerts tests: needs an Alertmanager that refuses",
    ),
    (
        "poortwacht_alerts_oldest_waiting_seconds",
        "tests/alerts.rs: needs an Alertmanager that is away",
    ),
    (
        "poortwacht_alerts_refused_total",
        "alerts tests: needs a full spool",
    ),
    (
        "poortwacht_alerts_retracted_total",
        "tests/alerts.rs: needs a retraction",
    ),
    (
        "poortwacht_alerts_standing",
        "tests/alerts.rs: needs an Alertmanager",
    ),
    (
        "poortwacht_alerts_waiting",
        "tests/alerts.rs: needs an Alertmanager that is away",
    ),
    (
        "poortwacht_sink_dead",
        "alerts::tests::sinks, tests/sinks.rs: needs a sink that refuses",
    ),
    (
        "poortwacht_sink_failing",
        "alerts::tests::sinks, tests/sinks.rs: needs a sink that is away",
    ),
    (
        "poortwacht_sink_folded_total",
        "alerts::tests::sinks, tests/sinks.rs: needs a sink with a throttle",
    ),
    (
        "poortwacht_sink_lost_total",
        "alerts::tests::sinks, tests/sinks.rs: needs a sink that is away for long",
    ),
    (
        "poortwacht_casefile_broken_lines_total",
        "casefile tests: needs a broken journal",
    ),
    (
        "poortwacht_casefile_deleted_cases_total",
        "casefile tests: needs an old case",
    ),
    (
        "poortwacht_casefile_rewrites_total",
        "casefile tests: needs a long journal",
    ),
    (
        "poortwacht_casefile_torn_lines_total",
        "casefile tests: needs a crash",
    ),
    (
        "poortwacht_casefile_write_failures_total",
        "tests/alerts.rs: needs a full disk",
    ),
    (
        "poortwacht_allowed_names_total",
        "sensor and list tests: needs an allow-list",
    ),
    (
        "poortwacht_events_dropped_total",
        "daemon::queue tests: needs a full queue",
    ),
    (
        "poortwacht_excluded_frames_total",
        "sensor tests: needs an excluded prefix",
    ),
    (
        "poortwacht_excluded_prefixes",
        "tests/live.rs: needs an excluded prefix",
    ),
    (
        "poortwacht_fold_windows_closed_early_total",
        "hits::fold tests: needs 65,536 windows",
    ),
    (
        "poortwacht_fold_windows",
        "desk tests; the last captures make no hit, and by then the windows are closed",
    ),
    (
        "poortwacht_flows",
        "metrics tests; the tables are empty again at the end of a file",
    ),
    (
        "poortwacht_hit_log_errors_total",
        "hits::log tests: needs a full disk",
    ),
    (
        "poortwacht_hit_log_queue_bytes",
        "hits::log tests: needs a full disk",
    ),
    (
        "poortwacht_hit_log_queue_lines",
        "hits::log tests: needs a full disk",
    ),
    (
        "poortwacht_hit_log_reopens_total",
        "hits::log tests: needs a moved file",
    ),
    (
        "poortwacht_hit_log_rotations_total",
        "hits::log tests: needs a large log",
    ),
    (
        "poortwacht_hit_log_torn_lines_total",
        "hits::log tests: needs a crash",
    ),
    (
        "poortwacht_hit_records_lost_total",
        "hits::log tests: needs a full disk",
    ),
    (
        "poortwacht_events_refused_total",
        "desk tests: needs a broken sensor",
    ),
    (
        "poortwacht_http_refused_connections_total",
        "metrics::http tests: needs 64 visitors",
    ),
    (
        "poortwacht_interface_downs_total",
        "tests/live_capture.rs: needs an interface",
    ),
    (
        "poortwacht_interface_errors_total",
        "metrics tests: needs an interface",
    ),
    (
        "poortwacht_kernel_dropped_frames_total",
        "tests/live_capture.rs: needs a full ring",
    ),
    ("poortwacht_pool_empty_total", "flow tests: needs a flood"),
    (
        "poortwacht_prefilter",
        "tests/prefilter.rs: needs an interface",
    ),
    (
        "poortwacht_xdp_lost_frames_total",
        "tests/prefilter.rs: needs a mirror port",
    ),
    (
        "poortwacht_prefilter_shed_frames_total",
        "tests/prefilter.rs: needs an interface",
    ),
    (
        "poortwacht_prefilter_shed_bytes_total",
        "tests/prefilter.rs: needs an interface",
    ),
    (
        "poortwacht_prefilter_verdicts_total",
        "tests/prefilter.rs: needs an interface",
    ),
    (
        "poortwacht_presence_malformed_total",
        "presence tests: needs broken messages",
    ),
    (
        "poortwacht_ring_broken_blocks_total",
        "capture::live::block tests: needs a broken ring",
    ),
    (
        "poortwacht_ring_freezes_total",
        "tests/live_capture.rs: needs a full ring",
    ),
    (
        "poortwacht_list_reloads_total",
        "tests/live.rs: needs a reload",
    ),
    (
        "poortwacht_watched_flows",
        "metrics and sensor tests; nothing is watched any more at the end of a file",
    ),
    (
        "poortwacht_watched_flows_given_up_total",
        "flow::watch tests: needs more watched flows than there is room for",
    ),
];

/// A daemon that ends with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn captures() -> Vec<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let folders = ["captures", "presence"].map(|name| fs::read_dir(data.join(name)).unwrap());
    let mut found = Vec::new();
    for folder in folders
        .into_iter()
        .flatten()
        .flatten()
        .filter(|f| f.path().is_dir())
    {
        for file in fs::read_dir(folder.path()).unwrap().flatten() {
            if file.file_name().to_string_lossy().starts_with("capture") {
                found.push(file.path());
            }
        }
    }
    found
}

fn get(port: u16, page: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(
        stream,
        "GET {page} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Starts the daemon on all captures, waits until it has read them, and gives its metrics.
fn metrics_of_all_captures(folder: &Path, port: u16) -> (Daemon, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poortwacht"));
    command.arg("run").arg(format!("--listen=127.0.0.1:{port}"));
    // Cases and alerts go to folders of its own.
    command.current_dir(folder);
    for (option, name) in [
        ("--hits", "hits.jsonl"),
        ("--key", "key"),
        ("--control", "sock"),
    ] {
        command.arg(option).arg(folder.join(name));
    }
    for capture in captures() {
        command.arg("--read").arg(capture);
    }
    // Sinks have series when there is one.
    let config = folder.join("poortwacht.toml");
    let lines = folder.join("alerts.jsonl");
    let sink = format!(
        "[[sink]]\nname = \"file\"\nkind = \"lines\"\naddress = \"file://{}\"\n",
        lines.display()
    );
    fs::write(&config, sink).unwrap();
    command.arg("--config").arg(&config);
    let log = fs::File::create(folder.join("log")).unwrap();
    let daemon = Daemon(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let text = get(port, "/metrics").unwrap_or_default();
        if text.contains("\npoortwacht_sources_ended_total 1") {
            return (daemon, get(port, "/metrics").unwrap());
        }
        let log = fs::read_to_string(folder.join("log")).unwrap();
        assert!(
            Instant::now() < until,
            "the daemon has not read the captures:\n{log}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Family name to the sum of its series.
fn sums(text: &str) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for line in text.lines().filter(|l| l.starts_with("poortwacht_")) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let family = series.split('{').next().unwrap().to_owned();
        *sums.entry(family).or_insert(0.0) += value.parse::<f64>().unwrap();
    }
    sums
}

#[test]
fn every_metric_moves_somewhere_and_promtool_is_content() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    // Every page once, so that the page counters have something to count.
    let (_daemon, _) = metrics_of_all_captures(folder.path(), port);
    for page in ["/", "/healthz", "/readyz", "/metrics"] {
        // Ready is a latch of several conditions; the last may come a moment after the last frame.
        let until = Instant::now() + Duration::from_secs(10);
        while get(port, page).is_none() {
            assert!(Instant::now() < until, "{page}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let elsewhere: BTreeSet<&str> = NOT_BY_FILES.iter().map(|(name, _)| *name).collect();
    let look = || {
        let text = get(port, "/metrics").unwrap();
        let sums = sums(&text);
        let still: Vec<String> = sums
            .iter()
            .filter(|(name, sum)| **sum == 0.0 && !elsewhere.contains(name.as_str()))
            .map(|(name, _)| name.clone())
            .collect();
        (text, sums, still)
    };
    // The state of the log is shown a few times a second.
    let until = Instant::now() + Duration::from_secs(5);
    let (mut text, mut sums, mut still) = look();
    while !still.is_empty() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
        (text, sums, still) = look();
    }
    assert!(still.is_empty(), "no capture in the tree moves {still:?}");
    let unknown: Vec<&&str> = elsewhere
        .iter()
        .filter(|n| !sums.contains_key(**n))
        .collect();
    assert!(unknown.is_empty(), "excused, but not declared: {unknown:?}");

    let Ok(mut promtool) = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    else {
        return println!("skipped: promtool is not installed");
    };
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let verdict = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&verdict.stderr).into_owned();
    assert!(
        verdict.status.success() && said.is_empty(),
        "promtool: {said}"
    );
}

#[test]
fn prometheus_scrapes_it() {
    let Ok(version) = Command::new("prometheus").arg("--version").output() else {
        return println!("skipped: prometheus is not installed");
    };
    assert!(version.status.success());
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let (_daemon, _) = metrics_of_all_captures(folder.path(), port);
    let own = free_port();
    let config = folder.path().join("prometheus.yml");
    let text = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: poortwacht\n  \
         static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
    );
    fs::write(&config, text).unwrap();
    let _prometheus = Daemon(
        Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{own}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let until = Instant::now() + Duration::from_secs(30);
    let query = "/api/v1/query?query=poortwacht_vendor_hits_total";
    loop {
        let answer = get(own, query).unwrap_or_default();
        if answer.contains(r#""vendor":"clearview-ai""#) {
            return;
        }
        assert!(
            Instant::now() < until,
            "prometheus has no hits of the vendor: {answer}"
        );
        std::thread::sleep(Duration::from_millis(300));
    }
}
