//! BIND's own logs.

use super::super::probe::Probe;

const PLAIN: &str = include_str!("../../../tests/data/feeds/bind-queries.log");
const ISO: &str = include_str!("../../../tests/data/feeds/bind-queries-iso.log");

fn bind(keys: &str) -> Probe {
    Probe::new("bind", keys)
}

#[test]
fn as_bind_wrote_it() {
    let want = [
        "2026-11-22T07:06:38.911000000Z line 1 resolver-log 10.77.0.200:54092 > 10.77.0.1:53/udp \
         app.clearview.ai 1",
        "2026-11-22T07:06:38.987000000Z line 2 resolver-log 10.77.0.200:38769 > 10.77.0.1:53/udp \
         pimeyes.com 28",
        "2026-11-22T07:06:39.131000000Z line 4 resolver-log 10.77.0.200:39223 > 10.77.0.1:53/tcp \
         pimeyes.com 1",
        "2026-11-22T07:06:39.203000000Z line 5 resolver-log 2001:db8:77::200:52630 > \
         2001:db8:77::1:53/udp app.clearview.ai 65",
    ];
    for log in [PLAIN, ISO] {
        assert_eq!(bind("").file(log).all(), want);
    }
}

#[test]
fn local_time_views_and_syslog() {
    let line = "22-Nov-2026 07:11:29.000 client @0x7f 10.0.0.2#5 (pimeyes.com): view in: query: pimeyes.com IN A - (10.0.0.1)\n\
        Nov 22 07:11:29 ns named[9]: queries: info: client 10.0.0.2#5 (pimeyes.com): query: pimeyes.com IN A - (10.0.0.1)\n";
    let told = bind("zone = 'Europe/Amsterdam'").file(line).all();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|t| t.starts_with("06:11:29 ")), "{told:?}");
}

/// A name is the client's text and may try to look like something else.
#[test]
fn a_name_cannot_put_words_into_somebody_elses_mouth() {
    let line = "22-Nov-2026 06:11:29.000 client @0x7f 10.0.0.2#5 (x): query: clearview\\.ai IN A - (10.0.0.1)\n\
        22-Nov-2026 06:11:29.000 client @0x7f 10.0.0.2#5 (x): query: a\\032from\\03210.0.0.9.example.net IN A - (10.0.0.1)\n";
    assert_eq!(bind("").file(line).all(), <[String; 0]>::default());
}

#[test]
fn other_lines_of_the_channel_are_passed_over_and_other_formats_told() {
    let mut probe = bind("").file(
        "22-Nov-2026 06:11:29.000 zone pimeyes.com/IN: loaded serial 1\n\
         client @0x7f 10.0.0.2#5 (pimeyes.com): query: pimeyes.com IN A - (10.0.0.1)\n",
    );
    assert!(probe.told().is_empty());
    assert_eq!(
        probe.desk.faults.iter().map(|f| f.0).collect::<Vec<_>>(),
        [2]
    );
}
