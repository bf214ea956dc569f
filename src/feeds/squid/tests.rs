//! Squid's own logs.

use super::super::probe::Probe;
use super::target;

const OWN: &str = include_str!("../../../tests/data/feeds/squid-access.log");
const COMBINED: &str = include_str!("../../../tests/data/feeds/squid-combined.log");

fn squid() -> Probe {
    Probe::new("squid", "")
}

#[test]
fn its_own_format() {
    assert_eq!(
        squid().file(OWN).all(),
        [
            "2026-11-22T06:11:37.478000000Z line 1 proxy-log 10.77.0.200:0 > 10.77.0.1:80/tcp \
             app.clearview.ai 0",
            "2026-11-22T06:11:37.652000000Z line 2 proxy-log 10.77.0.200:0 > 2001:db8:77::1:80/tcp \
             api.clearview.ai 0",
            "2026-11-22T06:11:37.750000000Z line 3 proxy-log 10.77.0.200:0 > 10.77.0.1:443/tcp \
             app.clearview.ai 0",
            "2026-11-22T06:11:37.807000000Z line 4 proxy-log 10.77.0.200:0 > 0.0.0.0:80/tcp \
             pimeyes.com 0",
        ]
    );
}

#[test]
fn combined_and_common() {
    let short = |told: Vec<String>| {
        let names = told
            .iter()
            .map(|t| t.split_once("/tcp ").unwrap().1.to_owned());
        names.collect::<Vec<_>>()
    };
    let want = [
        "app.clearview.ai 0",
        "api.clearview.ai 0",
        "app.clearview.ai 0",
        "pimeyes.com 0",
    ];
    let told = squid().file(COMBINED).all();
    assert!(told[0].starts_with("06:11:37 line 1 proxy-log 10.77.0.200:0 > 0.0.0.0:80/tcp"));
    assert_eq!(short(told), want);
    let common = COMBINED.replace(" \"-\" \"curl/7.88.1\"", "");
    assert_eq!(short(squid().file(common).all()), want);
}

/// An hour-long tunnel is logged at its end and was begun by whoever had the address then.
#[test]
fn a_tunnel_stands_where_it_began() {
    let line = "1795329300.000 3600000 10.0.0.2 TCP_TUNNEL/200 5000 CONNECT pimeyes.com:443 - HIER_DIRECT/192.0.2.1 -\n";
    assert!(squid().file(line).all()[0].starts_with("05:35:00 "));
}

#[test]
fn host_and_port_of_a_request() {
    assert_eq!(
        target("CONNECT", "a.example:8443"),
        Some(("a.example", 8443))
    );
    assert_eq!(
        target("GET", "https://u:p@a.example/x@b.example"),
        Some(("a.example", 443))
    );
    assert_eq!(
        target("GET", "http://a.example?u=http://b.example:9/"),
        Some(("a.example", 80))
    );
    for (method, url) in [
        ("CONNECT", "[2001:db8::1]:443"),
        ("CONNECT", "a.example:99999"),
        ("NONE", "error:invalid-request"),
        ("GET", "cache_object://localhost/info"),
        ("GET", "/path"),
    ] {
        assert_eq!(target(method, url), None, "{url}");
    }
}

/// A vendor's name in a path or query is somebody's text, not a visit.
#[test]
fn names_in_paths_are_not_looked_at() {
    let line = "1795327897.515 37 10.0.0.2 TCP_MISS/200 603 GET http://search.example/?q=pimeyes.com - HIER_DIRECT/192.0.2.1 text/html\n";
    assert_eq!(squid().file(line).all(), <[String; 0]>::default());
}

#[test]
fn another_format_is_told() {
    let mut probe = squid().file("GET http://pimeyes.com/ 10.0.0.2\n\n");
    assert!(probe.told().is_empty() && probe.desk.faults.len() == 2);
}
