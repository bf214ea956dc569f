//! Unbound's own logs.

use super::super::probe::Probe;

const EPOCH: &str = include_str!("../../../tests/data/feeds/unbound-epoch.log");
const ASCII: &str = include_str!("../../../tests/data/feeds/unbound-ascii.log");
const TAGGED: &str = include_str!("../../../tests/data/feeds/unbound-tagged.log");

/// Time and line number away: the rest of each look-up of a vendor's name.
fn asked(probe: Probe) -> Vec<String> {
    let told = probe.all();
    let rest = told
        .iter()
        .map(|t| t.split_once(" resolver-log ").unwrap().1.to_owned());
    rest.collect()
}

const WANT: [&str; 4] = [
    "10.77.0.200:0 > 0.0.0.0:53/udp app.clearview.ai 1",
    "10.77.0.200:0 > 0.0.0.0:53/udp pimeyes.com 28",
    "10.77.0.200:0 > 0.0.0.0:53/udp pimeyes.com 1",
    "2001:db8:77::200:0 > :::53/udp app.clearview.ai 65",
];

fn unbound() -> Probe {
    Probe::new("unbound", "")
}

#[test]
fn each_look_up_once_in_every_form_of_the_log() {
    for log in [EPOCH, ASCII, TAGGED] {
        assert_eq!(asked(unbound().file(log)), WANT);
    }
    // Replies alone, both tagged and not.
    for log in [ASCII, TAGGED] {
        let replies = log
            .lines()
            .filter(|l| !l.ends_with(" IN"))
            .map(|l| format!("{l}\n"));
        assert_eq!(asked(unbound().file(replies.collect::<String>())), WANT);
    }
}

#[test]
fn time_and_line_are_those_of_the_line() {
    let first = &unbound().file(EPOCH).all()[0];
    assert!(first.starts_with("06:11:11 line 6 "), "{first}");
    let first = &Probe::new("unbound", "zone = '+01:00'").file(ASCII).all()[0];
    assert!(first.starts_with("05:11:17 line 3 "), "{first}");
}

#[test]
fn through_syslog() {
    let line = "Nov 22 06:11:17 ns1 unbound: [319:0] info: 10.77.0.200 app.clearview.ai. A IN\n";
    assert_eq!(asked(unbound().file(line)), WANT[..1]);
    let line =
        "<30>Nov 22 06:11:17 ns1 unbound[319]: [319:0] info: 10.77.0.200 app.clearview.ai. A IN\n";
    assert_eq!(asked(unbound().file(line)), WANT[..1]);
}

#[test]
fn another_format_is_told() {
    let mut probe = unbound().file("hello\n10.77.0.200 app.clearview.ai. A IN\n");
    assert!(probe.told().is_empty() && probe.desk.faults.len() == 2);
}
