//! dnsmasq's own logs.

use super::super::probe::Probe;

const QUERIES: &str = include_str!("../../../tests/data/feeds/dnsmasq-queries.log");
const EXTRA: &str = include_str!("../../../tests/data/feeds/dnsmasq-queries-extra.log");

fn log() -> Probe {
    Probe::new("dnsmasq-log", "")
}

#[test]
fn as_dnsmasq_wrote_it() {
    assert_eq!(
        log().file(QUERIES).all(),
        [
            "06:36:16 line 30 resolver-log 10.77.0.200:0 > 0.0.0.0:53/udp app.clearview.ai 1",
            "06:36:16 line 32 resolver-log 10.77.0.200:0 > 0.0.0.0:53/udp pimeyes.com 28",
            "06:36:16 line 36 resolver-log 10.77.0.200:0 > 0.0.0.0:53/udp pimeyes.com 1",
            "06:36:16 line 38 resolver-log 2001:db8:77::200:0 > :::53/udp app.clearview.ai 65",
        ]
    );
    assert_eq!(
        log().file(EXTRA).all(),
        [
            "06:36:29 line 31 resolver-log 10.77.0.200:56303 > 0.0.0.0:53/udp app.clearview.ai 1",
            "06:36:29 line 33 resolver-log 10.77.0.200:55134 > 0.0.0.0:53/udp pimeyes.com 28",
            "06:36:29 line 37 resolver-log 10.77.0.200:46787 > 0.0.0.0:53/udp pimeyes.com 1",
            "06:36:29 line 39 resolver-log 2001:db8:77::200:55735 > :::53/udp app.clearview.ai 65",
        ]
    );
}

#[test]
fn through_syslog_and_not_what_only_looks_like_it() {
    let lines = "Nov 22 06:36:16 gw dnsmasq[26]: query[type=65] pimeyes.com from 10.0.0.2\n\
        Nov 22 06:36:16 gw dnsmasq[26]: reply pimeyes.com is 192.0.2.1\n\
        Nov 22 06:36:16 gw dnsmasq-dhcp[26]: DHCPACK(s0) 10.0.0.2 02:00:00:00:77:01 query[A] pimeyes.com from 10.0.0.9\n\
        Nov 22 06:36:16 gw dnsmasq[26]: reply x query[A] pimeyes.com from 10.0.0.9\n";
    assert_eq!(
        log().file(lines).all(),
        ["06:36:16 line 1 resolver-log 10.0.0.2:0 > 0.0.0.0:53/udp pimeyes.com 65"]
    );
}

#[test]
fn another_format_is_told() {
    let mut probe =
        log().file("Nov 22 06:36:16 gw sshd[1]: query[A] pimeyes.com from 10.0.0.9\nx\n");
    assert!(probe.told().is_empty() && probe.desk.faults.len() == 2);
}
