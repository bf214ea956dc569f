//! The daemon on a real interface: a client in one namespace resolves and fetches through a router
//! namespace, and what the daemon on the router says is compared with what the client did.
//!
//! Enters: root, and the tools of the lab; without them each test prints `skipped:` with the
//! reason. Leaves: a failure that says what was lost or said too much. Never: reaches an address
//! outside the namespaces that `tests/lab/stand` makes and removes.

#[path = "live/lab.rs"]
mod lab;

use std::collections::BTreeSet;
use std::time::Duration;

use lab::{Lab, Load, lacking};
use nix::sys::signal::Signal;

const DNS4: &str = "198.51.100.53";
const DNS6: &str = "2001:db8:2::53";
const VENDOR4: &str = "198.51.100.81";
const VENDOR6: &str = "2001:db8:2::81";
const EXCLUDED4: &str = "192.0.2.11";
const EXCLUDED6: &str = "2001:db8:1::11";

/// Names that a client uses here and no list holds; nothing may ever write one down.
const BENIGN: &[&str] = &[
    "www.example.com",
    "news.example.org",
    "intranet.example.net",
    "clearviewregional.edu",
    "portal.example.org",
];

#[test]
fn the_hit_log_holds_exactly_what_the_client_did() {
    let Some(lab) = Lab::open() else { return };
    let daemon = lab.daemon();
    let pinging = lab.ping();

    for (family, server) in [("-4", DNS4), ("-6", DNS6)] {
        let dig = |words: &[&str]| {
            lab.client(&[&["dig", &format!("@{server}"), "+tries=2"], words].concat())
        };
        dig(&["app.clearview.ai", "A"]);
        dig(&["App.Clearview.AI", "AAAA", "+tcp"]);
        dig(&["www.clearview.ai", "HTTPS"]);
        dig(&["portal.example.org", "A"]);
        dig(&["clearviewregional.edu", "A"]);
        lab.curl(&[family, "https://www.example.com/"]);
        lab.curl(&[family, "https://facecheck.id/"]);
    }
    for server in [VENDOR4, VENDOR6] {
        let to = if server.contains(':') {
            format!("[{server}]:443")
        } else {
            format!("{server}:443")
        };
        lab.client(&[
            "openssl",
            "s_client",
            "-connect",
            &to,
            "-servername",
            "pimeyes.com",
        ]);
        lab.client(&["openssl", "s_client", "-connect", &to, "-noservername"]);
    }
    // The second client stands in an excluded prefix: nothing of it may be read.
    lab.client(&[
        "dig",
        &format!("@{DNS4}"),
        "-b",
        EXCLUDED4,
        "findclone.ru",
        "A",
    ]);
    lab.client(&[
        "dig",
        &format!("@{DNS6}"),
        "-b",
        EXCLUDED6,
        "findclone.ru",
        "A",
    ]);
    let pinned = [
        "--resolve",
        "lenso.ai:443:198.51.100.81",
        "--interface",
        EXCLUDED4,
    ];
    lab.curl(&[&pinned[..], &["https://lenso.ai/"]].concat());

    let mut expected: BTreeSet<Seen> = BTreeSet::new();
    for family in ["ipv4", "ipv6"] {
        for (seen, name) in [
            ("dns-query", "app.clearview.ai"),
            ("dns-query", "www.clearview.ai"),
            ("dns-svcb", "app.clearview.ai"),
            ("dns-cname", "app.clearview.ai"),
            ("tls-sni", "facecheck.id"),
            ("tls-sni", "pimeyes.com"),
        ] {
            expected.insert([seen.into(), name.into(), family.into()]);
        }
    }
    // curl asks the resolver of the client's configuration, which is the IPv4 one.
    expected.insert(["dns-query".into(), "facecheck.id".into(), "ipv4".into()]);
    // The connections without a name went where the client had just been led by one.
    expected.insert(["dns-join".into(), "facecheck.id".into(), "ipv4".into()]);
    expected.insert(["dns-join".into(), "app.clearview.ai".into(), "ipv6".into()]);

    let metrics = daemon.page("/metrics");
    assert_eq!(pinging.end(), "lost 0", "forwarding suffered");
    let (status, messages) = daemon.end(Signal::SIGTERM);
    assert!(status.success(), "{status}\n{messages}");
    let log = lab.log();
    assert_eq!(
        seen_in(&log),
        expected,
        "\nlog:\n{log}\nmessages:\n{messages}"
    );
    for drops in [
        "kernel_dropped_frames",
        "events_dropped",
        "hit_records_lost",
        "events_refused",
    ] {
        let dropped = sum(&metrics, &format!("poortwacht_{drops}_total"));
        assert_eq!(dropped, 0.0, "{drops}");
    }
    // The kernel's filter drops the excluded frames before anything could count them.
    assert_eq!(sum(&metrics, "poortwacht_excluded_prefixes"), 2.0);
    assert!(
        sum(&metrics, "poortwacht_frames_total") > 100.0,
        "the daemon saw next to nothing"
    );
    for name in BENIGN
        .iter()
        .copied()
        .chain(["findclone.ru", "lenso.ai", EXCLUDED4, EXCLUDED6])
    {
        for (place, text) in [
            ("hit log", &log),
            ("metrics", &metrics),
            ("messages", &messages),
        ] {
            // The messages may state the exclusion itself, never its traffic.
            let stated = place == "messages" && [EXCLUDED4, EXCLUDED6].contains(&name);
            assert!(
                stated || !text.contains(name),
                "`{name}` stands in the {place}:\n{text}"
            );
        }
    }
}

#[test]
fn a_browser_is_seen() {
    let Some(lab) = Lab::open() else { return };
    if let Some(why) = lacking(&["chromium"]) {
        return println!("skipped: {why}");
    }
    let daemon = lab.daemon();
    let (folder, spki) = (lab.folder.path().join("profile"), &lab.spki);
    let page = lab.client(&[
        "chromium",
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
        &format!("--user-data-dir={}", folder.display()),
        &format!("--ignore-certificate-errors-spki-list={spki}"),
        "--dump-dom",
        "https://app.clearview.ai/",
    ]);
    assert!(page.contains("<h1>"), "chromium fetched nothing: {page}");
    let (status, messages) = daemon.end(Signal::SIGTERM);
    assert!(status.success(), "{status}\n{messages}");
    let log = lab.log();
    let found: BTreeSet<_> = seen_in(&log)
        .into_iter()
        .map(|[seen, name, _]| (seen, name))
        .collect();
    for seen in ["dns-query", "tls-sni"] {
        assert!(
            found.contains(&(seen.into(), "app.clearview.ai".into())),
            "{seen}: {log}"
        );
    }
    assert!(
        found.iter().all(|(_, name)| name.ends_with("clearview.ai")),
        "{found:?}"
    );
}

#[test]
fn reload_under_load_loses_nothing() {
    let Some(lab) = Lab::open() else { return };
    let daemon = lab.daemon();
    let pinging = lab.ping();
    let mut loads = [lab.load("dns", 9_000), lab.load("tls", 1_200)];
    let mut reloads = 0;
    while loads.iter_mut().any(|load| load.running()) && reloads < 12 {
        std::thread::sleep(Duration::from_millis(50));
        match reloads % 2 {
            0 => daemon.signal(Signal::SIGHUP),
            _ => lab.reload(),
        }
        reloads += 1;
    }
    let asked: BTreeSet<String> = loads.into_iter().flat_map(Load::finish).collect();
    assert!(
        reloads >= 4 && asked.len() == 10_200,
        "{reloads} reloads, {} names",
        asked.len()
    );
    let metrics = daemon.page("/metrics");
    assert_eq!(pinging.end(), "lost 0", "forwarding suffered");
    let (status, messages) = daemon.end(Signal::SIGTERM);
    assert!(status.success(), "{status}\n{messages}");
    assert!(sum(&metrics, "poortwacht_list_reloads_total") >= f64::from(reloads / 2));
    assert_eq!(sum(&metrics, "poortwacht_kernel_dropped_frames_total"), 0.0);
    nothing_lost(&asked, &lab.log());
}

#[test]
fn sigterm_under_load_loses_nothing() {
    let Some(lab) = Lab::open() else { return };
    let daemon = lab.daemon();
    let mut loads = [lab.load("dns", 1_000_000), lab.load("tls", 1_000_000)];
    std::thread::sleep(Duration::from_secs(2));
    // What was answered up to here was on the wire before the signal.
    let asked: BTreeSet<String> = loads.iter_mut().flat_map(Load::so_far).collect();
    let (status, messages) = daemon.end(Signal::SIGTERM);
    for load in loads {
        load.stop();
    }
    assert!(
        asked.len() > 200,
        "only {} names in two seconds",
        asked.len()
    );
    assert!(status.success(), "{status}\n{messages}");
    nothing_lost(&asked, &lab.log());
}

#[test]
fn the_bulk_stays_in_the_kernel_and_what_is_forwarded_does_not_notice() {
    const LEN: usize = 40_000_000;
    let Some(lab) = Lab::open() else { return };
    let daemon = lab.daemon();
    lab.put_page("bulk.html", LEN);
    let pinging = lab.ping();
    for url in [
        "https://www.example.com/bulk.html",
        "https://news.example.org/bulk.html",
    ] {
        assert_eq!(
            lab.download(url),
            format!("{LEN} True"),
            "forwarding suffered"
        );
    }
    let metrics = daemon.page("/metrics");
    assert_eq!(pinging.end(), "lost 0", "forwarding suffered");
    let (status, messages) = daemon.end(Signal::SIGTERM);
    assert!(status.success(), "{status}\n{messages}");
    let force = "poortwacht_prefilter{interface=\"lan0\",kind=\"ebpf\"} 1";
    assert!(metrics.contains(force), "{messages}\n{metrics}");
    let shed = sum(&metrics, "poortwacht_prefilter_shed_bytes_total");
    let came = sum(&metrics, "poortwacht_wire_bytes_total");
    assert!(
        shed > 2.0 * LEN as f64 * 0.8,
        "{shed} bytes kept back, {came} came"
    );
    assert!(sum(&metrics, "poortwacht_prefilter_verdicts_total") >= 2.0);
}

/// `[seen, name, family]` of a hit.
type Seen = [String; 3];

fn seen_in(log: &str) -> BTreeSet<Seen> {
    let text = |record: &serde_json::Value, path: &str| {
        let value = record.pointer(path).and_then(|value| value.as_str());
        value
            .unwrap_or_else(|| panic!("no {path} in {record}"))
            .to_owned()
    };
    let records = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON in the hit log"));
    records
        .map(|r| {
            [
                text(&r, "/poortwacht/seen"),
                text(&r, "/poortwacht/name"),
                text(&r, "/network/type"),
            ]
        })
        .collect()
}

fn nothing_lost(asked: &BTreeSet<String>, log: &str) {
    let logged: BTreeSet<String> = seen_in(log).into_iter().map(|[_, name, _]| name).collect();
    let lost: Vec<_> = asked.difference(&logged).collect();
    assert!(
        lost.is_empty(),
        "{} of {} names lost: {lost:?}",
        lost.len(),
        asked.len()
    );
}

/// Sum over all series of a metric; a metric that is not there is a failure, not a zero.
fn sum(metrics: &str, name: &str) -> f64 {
    let series = metrics.lines().filter(|line| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(['{', ' ']))
    });
    let values: Vec<f64> = series
        .map(|line| {
            line.rsplit(' ')
                .next()
                .unwrap_or_default()
                .parse()
                .expect(line)
        })
        .collect();
    assert!(!values.is_empty(), "no {name} among the metrics");
    values.iter().sum()
}
