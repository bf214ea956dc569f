//! AAA lines by pattern: FreeRADIUS' linelog, and made-up ones.

use super::super::probe::Probe;
use crate::event::Event;
use crate::feeds::Feed;

const LINELOG: &str = include_str!("../../../tests/data/feeds/freeradius-linelog.log");

#[test]
fn a_linelog_of_freeradius() {
    let keys = r#"
[[patterns]]
line = '^(?<time>\S+ \S+) radius acct (?<act>\w+) user=(?<user>\S*) ip=(?<ip>\S*) mac=(?<mac>\S*) session=(?<session>\S*)'
"#;
    let mut probe = Probe::new("aaa", keys).file(LINELOG);
    let who = "10.77.0.10/32 mac=020000007701 user=jansen@office.example session=5F3A";
    assert_eq!(
        probe.told(),
        [
            format!("holds 06:35:07 {who}"),
            format!("ends 06:35:07 {who}")
        ]
    );
    // A start of a client without IPv4: that line has no address to speak of.
    assert_eq!(probe.desk.faults.len(), 1);
    assert_eq!(probe.desk.faults[0].0, 2);
}

#[test]
fn several_patterns_acts_and_stamps() {
    let keys = r#"
zone = "Europe/Amsterdam"
[[patterns]]
line = 'login: (?<user>\S+) at (?<ip>\S+)'
[[patterns]]
line = 'logout from (?<ip>\S+)'
act = "stop"
[[patterns]]
line = 'session (?<session>\w+) closed'
act = "stop"
"#;
    let mut probe = Probe::new("aaa", keys).file(
        "<86>1 2026-11-22T06:30:00Z portal app - - - login: devries at 10.0.0.4\n\
         Nov 22 07:31:00 portal app: logout from 10.0.0.4\n\
         Nov 22 07:32:00 portal app: session 7 closed\n\
         Nov 22 07:32:00 portal app: the weather is fine\n\
         login: nobody at 10.0.0.5\n\
         Nov 22 07:32:00 portal app: login: x at nowhere\n\
         Nov 22 07:32:00 portal app: login: x at 0.0.0.0\n",
    );
    assert_eq!(
        probe.told(),
        [
            "holds 06:30:00 10.0.0.4/32 user=devries",
            "ends 06:31:00 10.0.0.4/32",
            "ends 06:32:00 session=7",
        ]
    );
    assert_eq!(
        probe.desk.faults.iter().map(|f| f.0).collect::<Vec<_>>(),
        [5, 6, 7]
    );
}

/// Whose clock a line is by: syslog says so, or the pattern.
#[test]
fn the_host_that_wrote_a_line_is_known() {
    let keys = r#"
[[patterns]]
line = '(?:at (?<host>\S+) )?login: (?<user>\S+) (?<ip>\S+)'
"#;
    for (line, host) in [
        (
            "<86>1 2026-11-22T06:30:00Z aaa1 app 77 - - login: a 10.0.0.4",
            Some("aaa1"),
        ),
        (
            "<86>1 2026-11-22T06:30:00Z - app 77 - - login: a 10.0.0.4",
            Some("-"),
        ),
        (
            "Nov 22 06:30:00 aaa2.example app[7]: login: a 10.0.0.4",
            Some("aaa2.example"),
        ),
        (
            "2026-11-22T06:30:00Z 10.0.0.9 app: login: a 10.0.0.4",
            Some("10.0.0.9"),
        ),
        (
            "2026-11-22T06:30:00Z aaa1 app: at aaa3 login: a 10.0.0.4",
            Some("aaa3"),
        ),
        // The first word of a message is no host.
        ("2026-11-22T06:30:00Z Info: login: a 10.0.0.4", None),
        ("2026-11-22T06:30:00Z Auth ok for login: a 10.0.0.4", None),
        ("2026-11-22T06:30:00Z login: a 10.0.0.4", None),
    ] {
        let probe = Probe::new("aaa", keys).file(format!("{line}\n"));
        assert_eq!(probe.desk.faults, [], "{line}");
        let Event::Fact(fact) = &probe.desk.events[0] else {
            panic!("{line}")
        };
        assert_eq!(fact.clock.as_deref(), host, "{line}");
    }
}

#[test]
fn the_config_is_checked() {
    let why = |pattern: &str| {
        let text = format!("kind='aaa'\nname='x'\npath='x'\n[[patterns]]\n{pattern}\n");
        toml::from_str::<Feed>(&text).unwrap().check().unwrap_err()
    };
    assert!(why("line='(?<user>x)'").contains("no group `(?<ip>...)`"));
    assert!(why("line='(?<ip>x)'").contains("no group `(?<user>...)`"));
    assert!(why("line='x'\nact='stop'").contains("must name what it ends"));
    assert!(why("line='(?<ip>x)(?<usr>x)'").contains("`usr` that means nothing"));
    assert!(why("line='('").contains("no regular expression"));
    // A program of 100 MB is refused before it is built.
    assert!(why(r"line='(?<ip>(\w{100}){100})(?<user>\w{1000})'").contains("pattern 1"));
}
