//! conntrack's own output, and other translators by patterns.

use super::super::probe::Probe;

const EVENTS: &str = include_str!("../../../tests/data/feeds/conntrack.log");
const EXTENDED: &str = include_str!("../../../tests/data/feeds/conntrack-extended.log");

/// Without fractions of seconds.
fn short(told: Vec<String>) -> Vec<String> {
    let cut = |text: &str| {
        let (time, rest) = text.split_once(' ').unwrap();
        let mut times = time.split("..").map(|t| t.get(11..19).unwrap_or_default());
        format!(
            "{}..{} {rest}",
            times.next().unwrap(),
            times.next().unwrap()
        )
    };
    told.iter().map(|t| cut(t)).collect()
}

#[test]
fn as_conntrack_wrote_it() {
    let first = "tcp 10.77.0.200:53384 as 198.51.100.1:40005 to 198.51.100.80:80";
    let second = "tcp 10.77.0.200:53400 as 198.51.100.1:40009 to 198.51.100.80:80";
    let third = "udp 10.77.0.200:55136 as 198.51.100.1:40002 to 198.51.100.80:53";
    for log in [EVENTS, EXTENDED] {
        assert_eq!(
            short(Probe::new("conntrack", "").file(log).all()),
            [
                format!("06:19:55.. {first}"),
                format!("06:19:55.. {second}"),
                format!("06:19:55.. {third}"),
                format!("06:19:55..06:20:01 {first}"),
                format!("06:19:55..06:20:01 {second}"),
                format!("06:19:55..06:20:01 {third}"),
            ]
        );
    }
}

/// The start was not seen: what the kernel says of the flow's age counts.
#[test]
fn the_end_of_a_flow_whose_start_was_not_seen() {
    let ends = EVENTS
        .lines()
        .filter(|l| l.contains("DESTROY"))
        .map(|l| format!("{l}\n"));
    let told = short(
        Probe::new("conntrack", "")
            .file(ends.collect::<String>())
            .all(),
    );
    assert!(told[0].starts_with("06:19:59..06:20:01 "), "{told:?}");
    let bare = "[1795328395.5]  [DESTROY] tcp 6 src=10.0.0.1 dst=192.0.2.1 sport=1 dport=2 src=192.0.2.1 dst=192.0.2.9 sport=2 dport=3\n";
    let told = short(Probe::new("conntrack", "").file(bare).all());
    assert!(told[0].starts_with("06:19:55..06:19:55 "), "{told:?}");
}

#[test]
fn without_stamps_and_other_lines_are_told() {
    let mut probe = Probe::new("conntrack", "").file(
        "    [NEW] tcp 6 120 SYN_SENT src=10.0.0.1 dst=192.0.2.1\n\
         [1795328395.5]  [NEW] tcp 6 src=10.0.0.1 dst=192.0.2.1 sport=1\n",
    );
    assert!(probe.told().is_empty());
    assert!(probe.desk.faults[0].1.contains("timestamp") && probe.desk.faults.len() == 2);
}

#[test]
fn another_translator_by_pattern() {
    let keys = r#"
zone = "Europe/Amsterdam"
patterns = [
  'NAT (?<proto>\w+) (?<inside_ip>[0-9.]+):(?<inside_port>\d+) -> (?<outside_ip>[0-9.]+):(?<outside_port>\d+) to (?<dst_ip>[0-9.]+):(?<dst_port>\d+)(?<end> freed)?',
  'map (?<inside_ip>\S+) (?<inside_port>\d+) (?<outside_ip>\S+) (?<outside_port>\d+)',
]
"#;
    let mut probe = Probe::new("nat", keys).file(
        "Nov 22 07:30:00 cgn1 NAT UDP 10.0.0.1:5 -> 192.0.2.9:7 to 198.51.100.1:53\n\
         Nov 22 07:30:09 cgn1 NAT UDP 10.0.0.1:5 -> 192.0.2.9:7 to 198.51.100.1:53 freed\n\
         Nov 22 07:30:09 cgn1 something else\n\
         Nov 22 07:30:10 cgn1 map 10.0.0.2 8 192.0.2.9 9\n\
         Nov 22 07:30:10 cgn1 map 10.0.0.2 8 nowhere 9\n",
    );
    assert_eq!(
        probe.told(),
        [
            "06:30:00.. udp 10.0.0.1:5 as 192.0.2.9:7 to 198.51.100.1:53",
            "06:30:09..06:30:09 udp 10.0.0.1:5 as 192.0.2.9:7 to 198.51.100.1:53",
            "06:30:10.. tcp 10.0.0.2:8 as 192.0.2.9:9 to 0.0.0.0:0",
        ]
    );
    assert_eq!(
        probe.desk.faults.iter().map(|f| f.0).collect::<Vec<_>>(),
        [5]
    );
}
