//! dnsmasq's own files, and what can happen to them.

use super::super::probe::{LEARNED, Probe};
use crate::base::Timestamp;

const LEASES: &str = include_str!("../../../tests/data/feeds/dnsmasq.leases");
const INFINITE: &str = include_str!("../../../tests/data/feeds/dnsmasq-infinite.leases");

const LAPTOP: &str = "mac=020000007701 id=01020000007701 host=laptop-jansen";

fn dnsmasq() -> Probe {
    Probe::new("dnsmasq", "")
}

#[test]
fn as_dnsmasq_wrote_it() {
    assert_eq!(
        dnsmasq().file(LEASES).all(),
        [
            format!("holds 06:40:00 ..06:46:22 10.77.0.55/32 {LAPTOP}"),
            "holds 06:40:00 ..06:46:27 2001:db8:77::3010/128 \
             id=00010001329549e9020000007701 host=laptop-jansen"
                .to_owned(),
        ]
    );
    assert_eq!(
        dnsmasq().file(INFINITE).all(),
        [format!("holds 06:40:00 10.77.0.61/32 {LAPTOP}")]
    );
}

#[test]
fn a_length_counts_from_when_it_was_read() {
    let mut probe = dnsmasq().file("300 02:00:00:00:77:01 10.77.0.5 * *\n");
    assert_eq!(
        probe.told(),
        ["holds 06:40:00 ..06:45:00 10.77.0.5/32 mac=020000007701"]
    );
    probe.desk.learned = Timestamp(LEARNED.0 + 60_000_000_000);
    probe.begin("300 02:00:00:00:77:01 10.77.0.5 * *\n");
    assert_eq!(probe.told(), <[String; 0]>::default());
}

#[test]
fn what_changes_is_told_and_what_is_gone_has_ended() {
    let mut probe = dnsmasq().file(LEASES);
    probe.told();
    probe.begin(LEASES);
    assert_eq!(probe.told(), <[String; 0]>::default());
    // Another device got the address: the new fact takes the place of the old.
    let other = LEASES.replace(
        "02:00:00:00:77:01 10.77.0.55 laptop-jansen",
        "02:00:00:00:77:08 10.77.0.55 *",
    );
    probe.begin(&other);
    assert_eq!(
        probe.told(),
        ["holds 06:40:00 ..06:46:22 10.77.0.55/32 mac=020000007708 id=01020000007701"]
    );
    probe.begin("");
    let mut told = probe.told();
    told.sort();
    assert_eq!(
        told,
        [
            "ends 06:40:00 10.77.0.55/32",
            "ends 06:40:00 2001:db8:77::3010/128"
        ]
    );
}

/// Half a file says nothing about the leases that are missing.
#[test]
fn cut_in_the_middle_nothing_has_ended() {
    let mut probe = dnsmasq().file(LEASES);
    probe.told();
    for len in 1..LEASES.len() {
        probe.begin(&LEASES[..len]);
        let told = probe.told();
        let ends = told.iter().filter(|t| t.starts_with("ends")).count();
        let whole = LEASES.as_bytes()[len - 1] == b'\n';
        assert_eq!(ends > 0, whole, "{len}: {told:?}");
        probe.begin(LEASES);
        probe.told();
    }
}

#[test]
fn another_format_is_told_and_the_rest_goes_on() {
    let mut probe = dnsmasq().file(format!("lease 10.0.0.1 {{\n{LEASES}"));
    assert_eq!(probe.told().len(), 2);
    assert_eq!(probe.desk.faults[0].0, 1);
}
