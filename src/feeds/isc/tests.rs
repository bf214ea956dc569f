//! ISC dhcpd's own files, and what can happen to them.

use super::super::probe::Probe;

const V4: &str = include_str!("../../../tests/data/feeds/dhcpd-default.leases");
const LOCAL: &str = include_str!("../../../tests/data/feeds/dhcpd-local.leases");
const V6: &str = include_str!("../../../tests/data/feeds/dhcpd6.leases");

const LAPTOP: &str = "10.77.0.30/32 mac=020000007701 id=01020000007701 host=laptop-jansen";
const OTHER: &str = "10.77.0.31/32 mac=020000007702 id=01020000007702";

fn isc() -> Probe {
    Probe::new("isc-dhcpd", "")
}

#[test]
fn v4_as_dhcpd_wrote_it() {
    assert_eq!(
        isc().file(V4).all(),
        [
            format!("holds 06:20:51 ..06:30:51 {LAPTOP}"),
            format!("holds 06:20:52 ..06:30:52 {OTHER}"),
            format!("ends 06:20:53 {OTHER}"),
        ]
    );
}

#[test]
fn times_as_seconds() {
    let other = OTHER.replace("0.31", "0.32");
    assert_eq!(
        isc().file(LOCAL).all(),
        [
            // Somebody answered there before it was given out.
            "ends 06:20:57 10.77.0.30/32 host=laptop-jansen".to_owned(),
            format!(
                "holds 06:20:59 ..06:30:59 {}",
                LAPTOP.replace("0.30", "0.31")
            ),
            format!("holds 06:21:00 ..06:31:00 {other}"),
            format!("ends 06:21:01 {other}"),
        ]
    );
}

#[test]
fn v6_as_dhcpd_wrote_it() {
    let duid = "id=0001000132954637020000007701";
    assert_eq!(
        isc().file(V6).all()[..2],
        [
            format!("holds 06:21:07 ..06:31:07 2001:db8:77::2010/128 {duid}"),
            format!("holds 06:21:07 ..06:31:07 2001:db8:7701:f00::/56 {duid}"),
        ]
    );
    // From another run of the same: the old end stays in a released lease.
    let released = r#"ia-na "\001w\000\000\000\001\000\0012\225CW\002\000\000\000w\001" {
  cltt 0 2026/11/22 06:08:49;
  iaaddr 2001:db8:77::2010 {
    binding state released;
    preferred-life 400;
    max-life 600;
    ends 0 2026/11/22 06:18:46;
  }
}

"#;
    assert_eq!(
        isc().file(released).all(),
        ["ends 06:08:49 2001:db8:77::2010/128 id=0001000132954357020000007701"]
    );
}

#[test]
fn the_hourly_rewriting_tells_nothing_twice() {
    let mut probe = isc().file(V4);
    probe.told();
    // dhcpd keeps the last block of each address.
    let blocks: Vec<&str> = V4.split_inclusive("}\n").collect();
    probe.begin(format!("{}{}", blocks[0], blocks[2]));
    assert_eq!(probe.told(), <[String; 0]>::default());
    probe.begin(V4);
    assert_eq!(probe.told(), <[String; 0]>::default());
}

#[test]
fn a_block_that_is_cut_off_is_left_out_and_the_rest_goes_on() {
    let blocks: Vec<&str> = V4.split_inclusive("}\n").collect();
    let half = blocks[0].rsplit_once("  hardware").unwrap().0;
    let mut probe = isc().file(format!("{half}{}", blocks[1]));
    let told = probe.told();
    assert_eq!(told, [format!("holds 06:20:52 ..06:30:52 {OTHER}")]);
    assert!(probe.desk.faults.len() == 1 && probe.desk.faults[0].1.contains("`}`"));
    // At the end of the file it waits for its end.
    let mut probe = isc().file(half);
    assert!(probe.told().is_empty() && probe.desk.faults.is_empty());
    probe.more("}\n");
    assert_eq!(probe.told().len(), 1);
}

#[test]
fn never_escapes_and_other_blocks() {
    let text = "failover peer \"x\" state {\n  my state normal at 0 2026/11/22 06:00:00;\n}\n\
        class \"y\" {\n  if true {\n    x;\n  }\n}\n\
        lease 10.77.0.9 {\n  starts 0 2026/11/22 06:00:00;\n  ends never;\n  binding state active;\n  \
        client-hostname \"a\\\"b\\303\\251\";\n  uid \"\\000\\\\x\";\n}\n";
    assert_eq!(
        isc().file(text).all(),
        ["holds 06:00:00 10.77.0.9/32 id=005c78 host=a\"bé"]
    );
}

#[test]
fn another_format_is_told() {
    let mut probe = isc().file("10.77.0.10,02:00\nlease x {\n  starts 0 2026/11/22 06:00:00;\n}\n");
    assert!(probe.told().is_empty());
    assert_eq!(
        probe.desk.faults.iter().map(|f| f.0).collect::<Vec<_>>(),
        [1, 4]
    );
}
