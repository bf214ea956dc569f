//! Kea's own files, and what can happen to them.

use super::super::probe::{LEARNED, Probe, clock};
use crate::base::Timestamp;

const V4: &str = include_str!("../../../tests/data/feeds/kea-leases4.csv");
const V6: &str = include_str!("../../../tests/data/feeds/kea-leases6.csv");
const BEFORE: &str = include_str!("../../../tests/data/feeds/kea-cleanup-leases4.csv.2");
const AFTER: &str = include_str!("../../../tests/data/feeds/kea-cleanup-leases4.csv");

const LAPTOP: &str = "10.77.0.10/32 mac=020000007701 id=01020000007701 host=laptop-jansen";
const DESK: &str = "10.77.0.11/32 mac=020000007702 id=01020000007702 host=desk, 3";
const PHONE: &str = "10.77.0.11/32 mac=020000007702 id=01020000007702 host=phone-de-vries";

fn kea() -> Probe {
    Probe::new("kea", "")
}

/// The lease of `desk, 3` was given back at a moment that the row does not tell: it is known to be
/// over at its end, or when the row was read.
#[test]
fn v4_as_kea_wrote_it() {
    assert_eq!(
        kea().file(V4).all(),
        [
            format!("holds 06:20:04 ..06:30:04 {LAPTOP}"),
            format!("holds 06:20:04 ..06:30:04 {PHONE}"),
            format!("holds 06:20:06 ..06:30:06 {LAPTOP}"),
            format!("holds 06:20:06 ..06:30:06 {DESK}"),
            format!("ends 06:30:06 {DESK}"),
        ]
    );
}

#[test]
fn given_back_while_we_follow_ends_when_it_is_read() {
    let (before, release) = V4.trim_end().rsplit_once('\n').unwrap();
    let mut probe = kea().file(format!("{before}\n"));
    probe.told();
    probe.desk.learned = Timestamp(LEARNED.0 - 15 * 60 * 1_000_000_000);
    probe.more(format!("{release}\n"));
    assert_eq!(probe.told(), [format!("ends 06:25:00 {DESK}")]);
}

#[test]
fn v6_as_kea_wrote_it() {
    let who = "mac=020000007701 id=0001000132954637020000007701 host=laptop-jansen.office.example.";
    assert_eq!(
        kea().file(V6).all(),
        [
            format!("holds 06:20:40 ..06:30:40 2001:db8:77::1000/128 {who}"),
            format!("holds 06:20:40 ..06:30:40 2001:db8:7700::/56 {who}"),
            format!("ends 06:30:40 2001:db8:77::1000/128 {who}"),
        ]
    );
}

#[test]
fn a_cleanup_tells_nothing_twice() {
    let mut probe = kea().file(BEFORE).file(AFTER);
    let other = PHONE.replace("10.77.0.11", "10.77.0.12");
    assert_eq!(
        probe.told(),
        [
            format!("holds 06:20:06 ..06:30:06 {LAPTOP}"),
            format!("holds 06:20:35 ..06:30:35 {other}"),
        ]
    );
    probe.begin(BEFORE);
    probe.begin(AFTER);
    assert_eq!(probe.told(), <[String; 0]>::default());
}

/// A file that is read anew from the start must not take an address back to whom it had before.
#[test]
fn read_anew_the_last_holder_stays() {
    let mut probe = kea().file(V4);
    probe.told();
    probe.begin(V4);
    assert_eq!(probe.told(), <[String; 0]>::default());
    // What was written in between is news, also when it bears the same time.
    let (before, _release) = V4.trim_end().rsplit_once('\n').unwrap();
    let mut probe = kea().file(format!("{before}\n"));
    probe.told();
    probe.begin(V4);
    assert_eq!(probe.told(), [format!("ends 06:30:06 {DESK}")]);
}

#[test]
fn a_row_cut_in_the_middle_is_left_out() {
    let header = V4.lines().next().unwrap();
    let row = V4.lines().nth(1).unwrap();
    for len in 1..row.len() - 2 {
        let mut probe = kea().file(format!("{header}\n{}\n", &row[..len]));
        let told = probe.told();
        assert!(told.is_empty(), "{}: {told:?}", &row[..len]);
        assert_eq!(probe.desk.faults.len(), 1);
    }
    // And what follows is read.
    let rest = V4.split_once('\n').unwrap().1;
    let mut probe = kea().file(format!("{header}\n{}\n{rest}", &row[..30]));
    assert_eq!((probe.told().len(), probe.desk.faults.len()), (5, 1));
}

#[test]
fn states_and_lifetimes() {
    let header = V4.lines().next().unwrap();
    let one = |row: &str| kea().file(format!("{header}\n{row}\n")).all();
    let declined = one("10.77.0.12,,,86400,1795415700,1,0,0,,1,");
    assert_eq!(declined, ["ends 06:35:00 10.77.0.12/32"]);
    let reclaimed = one("10.77.0.12,02:00:00:00:77:01,,600,1795329300,1,0,0,,2,");
    assert_eq!(reclaimed, ["ends 06:35:00 10.77.0.12/32 mac=020000007701"]);
    let infinite = one("10.77.0.12,02:00:00:00:77:01,,4294967295,1795329300,1,0,0,,0,");
    assert_eq!(infinite, ["holds 06:35:00 10.77.0.12/32 mac=020000007701"]);
    let absurd = one("10.77.0.12,,,99999999999,1795329300,1,0,0,,0,");
    assert!(
        absurd[0].starts_with("holds 1970-01-01T00:00:00"),
        "{absurd:?}"
    );
}

/// Its own clock jumped back: the row is told as it stands.
#[test]
fn a_clock_that_jumps_is_not_judged_here() {
    let mut probe = kea().file(V4);
    probe.told();
    probe.more("10.77.0.10,02:00:00:00:77:09,,600,1795320000,1,0,0,,0,\n");
    assert_eq!(
        probe.told(),
        ["holds 03:50:00 ..04:00:00 10.77.0.10/32 mac=020000007709"]
    );
}

#[test]
fn columns_are_taken_by_name_and_foreign_lines_are_told() {
    let mut probe = kea().file(
        "address,state,expire,valid_lifetime,hostname\n\
         10.77.0.10,0,1795329900,600,printer\n\
         this is no row, at all\n\
         10.77.0.11,0,1795329900,600,a,b\n",
    );
    assert_eq!(
        probe.told(),
        ["holds 06:35:00 ..06:45:00 10.77.0.10/32 host=printer"]
    );
    assert_eq!(
        probe.desk.faults.iter().map(|f| f.0).collect::<Vec<_>>(),
        [3, 4]
    );
    let mut headless = kea().file("10.77.0.10,0,1795329900,600,printer\n");
    assert!(headless.told().is_empty() && headless.desk.faults[0].1.contains("header"));
    assert_eq!(clock(LEARNED), "06:40:00");
}
