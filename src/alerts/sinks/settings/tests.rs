//! `[[sink]]` tables: what is taken, what is refused and how that is said.

use super::*;

fn parse(text: &str) -> Result<Vec<SinkSettings>, String> {
    #[derive(Deserialize)]
    struct All {
        sink: Vec<SinkSettings>,
    }
    let all: All = toml::from_str(text).map_err(|e| e.to_string())?;
    check_all(&all.sink).map(|()| all.sink)
}

/// A table of this kind with more lines.
fn table(kind: &str, address: &str, more: &str) -> String {
    format!("[[sink]]\nname = \"soc\"\nkind = \"{kind}\"\naddress = \"{address}\"\n{more}\n")
}

const SECRET: &str = "secret_file = \"s\"";
const MAIL: &str = "from = \"gate@example.org\"\nto = [\"soc@example.org\"]";

#[test]
fn each_kind_takes_its_ways() {
    for (kind, address, more) in [
        ("syslog", "udp://logs.example.org", ""),
        ("syslog", "tcp://[2001:db8::1]:601", "form = \"cef\""),
        ("syslog", "tls://logs.example.org", "ca_file = \"ca.pem\""),
        ("syslog", "unix:///dev/log", ""),
        ("lines", "file:///var/log/x.jsonl", "form = \"ocsf\""),
        ("lines", "unix:///run/x.sock", "form = \"eve\""),
        ("lines", "tcp://127.0.0.1:5170", ""),
        ("webhook", "https://soc.example.org/a?b=c", SECRET),
        ("mail", "smtp+starttls://mail.example.org", MAIL),
        ("mail", "smtps://mail.example.org", MAIL),
        (
            "elasticsearch",
            "https://search.example.org:9200",
            "token_file = \"t\"",
        ),
    ] {
        let sinks =
            parse(&table(kind, address, more)).unwrap_or_else(|why| panic!("{address}: {why}"));
        assert_eq!(sinks[0].kind.label(), kind);
    }
    let tls = parse(&table("syslog", "tls://logs.example.org", "")).unwrap();
    let host = Host("logs.example.org", 6514);
    assert_eq!(tls[0].address().unwrap(), Address::Tls(host));
}

#[expect(non_snake_case, reason = "reads as what it makes")]
fn Host(name: &str, port: u16) -> crate::alerts::sinks::transports::Host {
    crate::alerts::sinks::transports::Host {
        name: name.into(),
        port,
    }
}

#[test]
fn what_is_wrong_is_said_with_the_sink_and_a_way_out() {
    let file = "file:///x";
    for (kind, address, more, wanted) in [
        ("syslog", "logs.example.org", "", "names no way"),
        (
            "syslog",
            "https://logs.example.org",
            "",
            "tls://logs.example.org:6514",
        ),
        ("syslog", "tcp://logs.example.org", "", "no host or no port"),
        ("syslog", "udp://a:b@logs.example.org", "", "password_file"),
        (
            "syslog",
            "tcp://logs.example.org:1/x",
            "",
            "goes on after the port",
        ),
        ("lines", "file://x", "", "no absolute path"),
        ("lines", "udp://x:1", "", "not a way for this kind"),
        (
            "lines",
            file,
            "form = \"text\"",
            "does not fit kind \"lines\"",
        ),
        (
            "mail",
            "smtp://127.0.0.1",
            "form = \"json\"\nfrom = \"a@b.c\"\nto = [\"a@b.c\"]",
            "does not fit",
        ),
        (
            "lines",
            file,
            "user = \"x\"",
            "both `user` and `password_file`",
        ),
        (
            "lines",
            file,
            "user = \"x\"\npassword_file = \"p\"",
            "means nothing for kind",
        ),
        ("lines", file, "ca_file = \"x\"", "ca_file means nothing"),
        (
            "lines",
            file,
            "secret_file = \"x\"",
            "secret_file means nothing",
        ),
        ("lines", file, "waiting_max = 0", "use 1 to 1000000"),
        ("lines", file, "throttle_minutes = 0", "throttle_minutes"),
        ("lines", file, "from = \"a@b.c\"", "belong to kind \"mail\""),
        ("lines", file, "colour = \"blue\"", "unknown field"),
        ("lines", file, "severity = \"high\"", "unknown variant"),
        (
            "webhook",
            "https://soc.example.org",
            "",
            "needs `secret_file`",
        ),
        (
            "webhook",
            "http://soc.example.org",
            "secret_file = \"s\"\ntoken_file = \"t\"",
            "unencrypted",
        ),
        (
            "mail",
            "smtp://mail.example.org",
            "user = \"x\"\npassword_file = \"p\"\nfrom = \"a@b.c\"\nto = [\"a@b.c\"]",
            "unencrypted",
        ),
        (
            "mail",
            "smtp://127.0.0.1",
            "from = \"a@b.c\"",
            "needs `from` and `to`",
        ),
        (
            "mail",
            "smtp://127.0.0.1",
            "from = \"a\"\nto = [\"a@b.c\"]",
            "no mail address",
        ),
        (
            "mail",
            "smtp://127.0.0.1",
            "from = \"a@b.c\"\nto = [\"a@b.c\\r\\nBcc: x@y.z\"]",
            "no mail address",
        ),
        (
            "elasticsearch",
            "https://x:9200/_bulk",
            "",
            "names the path",
        ),
        (
            "elasticsearch",
            "https://x:9200",
            "index = \"Cases\"",
            "lower-case",
        ),
    ] {
        let why = parse(&table(kind, address, more)).expect_err(more);
        assert!(why.contains(wanted), "{address} {more}: {why}");
    }
    let named = |name: &str| table("lines", file, "").replace("\"soc\"", &format!("\"{name}\""));
    for name in ["", "Soc", "a b", "alertmanager", "hit-log", "../x", "x/y"] {
        assert!(parse(&named(name)).is_err(), "{name}");
    }
    let twice = format!("{}{}", named("a"), named("a"));
    assert!(parse(&twice).unwrap_err().contains("stands twice"));
    let many: String = (0..17).map(|n| named(&format!("s{n}"))).collect();
    assert!(parse(&many).unwrap_err().contains("at most 16"));
}

#[test]
fn what_travels_in_the_open_is_said() {
    let warnings = |kind, address, more| parse(&table(kind, address, more)).unwrap()[0].warnings();
    assert_eq!(warnings("lines", "file:///x", ""), Vec::<String>::new());
    assert_eq!(warnings("syslog", "tls://x", ""), Vec::<String>::new());
    assert_eq!(warnings("syslog", "tcp://127.0.0.1:1", "").len(), 0);
    assert!(warnings("syslog", "tcp://logs.example.org:1", "")[0].contains("unencrypted"));
    let udp = warnings("syslog", "udp://logs.example.org", "").join("\n");
    assert!(udp.contains("lost"), "{udp}");
}

#[test]
fn a_sink_is_told_of_the_end_of_what_it_was_told_of() {
    use crate::alerts::tests::alert;
    use crate::cases::AlertKind;
    let more = "severity = \"critical\"\nstages = [\"signed-up\", \"visited\"]";
    let sink = &parse(&table("lines", "file:///x", more)).unwrap()[0];
    for (stage, wanted) in [
        (Stage::SignedUp, true),
        // A warning.
        (Stage::Visited, false),
        (Stage::Searching, false),
    ] {
        for kind in [AlertKind::Raised, AlertKind::Retracted, AlertKind::Resolved] {
            assert_eq!(sink.wants(&alert("a", "c", kind, stage)), wanted, "{stage}");
        }
    }
}
