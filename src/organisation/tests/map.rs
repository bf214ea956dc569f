//! The file: what it may hold, what is refused, what is warned of.

use super::super::*;

const SHIPPED: &str = include_str!("../../../deploy/organisation.toml");

pub(super) const ENTRY: &str = r#"
[[unit]]
name = "lab"
[[authorised]]
reference = "R-1"
owner = "lab"
vendor = "acme"
hosts = ["acme.example"]
units = ["lab"]
purpose = "tests"
legal_basis = "law"
review = "E-1"
impact_assessment = "D-1"
valid_from = 2026-01-01
valid_to = 2026-01-31
"#;

fn refused(text: &str) -> String {
    Organisation::parse(text, "map.toml")
        .unwrap_err()
        .to_string()
}

#[test]
fn the_shipped_file_parses_and_shows_every_key() {
    let it = Organisation::parse(SHIPPED, "deploy/organisation.toml").unwrap();
    assert_eq!(it.register().len(), 1);
    assert_eq!(it.digest().len(), 16);
    for kind in PlaceKind::ALL {
        assert!(SHIPPED.contains(&format!("kind = \"{kind}\"")), "{kind}");
    }
    let now = it.register()[0].valid_from;
    assert_eq!(it.warnings(&|vendor| vendor == "cognitec", now), [""; 0]);
    assert!(it.routers().eq([[0, 0, 0x5e, 0, 1, 1]]));
}

#[test]
fn the_most_specific_network_counts() {
    let it = Organisation::parse(SHIPPED, "x").unwrap();
    let place = |address: &str| it.place(address.parse().unwrap());
    assert_eq!(place("10.20.1.1").unit.as_deref(), Some("finance"));
    assert_eq!(place("10.20.9.1").unit.as_deref(), Some("forensics"));
    assert_eq!(place("::ffff:10.20.9.1").unit.as_deref(), Some("forensics"));
    assert_eq!(place("10.1.0.53").kind, PlaceKind::Resolver);
    assert_eq!(place("192.0.2.1").kind, PlaceKind::Staff);
    assert_eq!(place("192.0.2.1").site, None);
    assert_eq!(
        place("2001:db8:20::7").site.as_deref(),
        Some("headquarters")
    );
}

#[test]
fn problems_are_told_with_their_line() {
    for (text, line, part) in [
        ("realm = []", 1, "unknown field `realm`"),
        ("\n[[network]]\nprefix = \"10.0.0.0/33\"", 3, "no network"),
        (
            "\n[[network]]\nprefix = \"10.0.0.1/8\"",
            3,
            "write 10.0.0.0/8",
        ),
        (
            "[[network]]\nprefix = \"::/8\"\nkind = \"office\"",
            3,
            "unknown variant",
        ),
        (
            "[[network]]\nprefix = \"::/8\"\nsite = \"x\"",
            3,
            "no [[site]]",
        ),
        (
            "[[site]]\nname = \"a\"\n[[site]]\nname = \"a\"",
            3,
            "second [[site]]",
        ),
        (
            "[[network]]\nprefix = \"::/8\"\n[[network]]\nprefix = \"::/8\"",
            4,
            "line 1 already",
        ),
        ("[[router]]\nmac = \"00:11\"", 2, "link-layer"),
        ("ticket_hours = 0", 1, "1 to 720"),
        ("[[authorised]]\nuser = 1", 2, "unknown field `user`"),
    ] {
        let said = refused(text);
        assert!(
            said.starts_with(&format!("map.toml:{line}: ")),
            "{text}: {said}"
        );
        assert!(said.contains(part), "{text}: {said}");
    }
}

#[test]
fn an_entry_needs_each_of_its_keys() {
    assert!(Organisation::parse(ENTRY, "x").is_ok());
    for key in [
        "reference",
        "owner",
        "vendor",
        "hosts",
        "units",
        "purpose",
        "legal_basis",
        "review",
        "impact_assessment",
        "valid_from",
        "valid_to",
    ] {
        let without: Vec<&str> = ENTRY
            .lines()
            .filter(|line| !line.starts_with(&format!("{key} =")))
            .collect();
        let said = refused(&without.join("\n"));
        assert!(said.contains(&format!("`{key}`")), "{key}: {said}");
        assert!(said.starts_with("map.toml:4: "), "{key}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let said = refused(&ENTRY.replace("valid_to = 2026-01-31", ""));
    assert!(
        said.contains("an authorisation without validity is none"),
        "{said}"
    );
    let said = refused(&ENTRY.replace("2026-01-31", "2025-01-31"));
    assert!(said.contains("lies before"), "{said}");
    let said = refused(&ENTRY.replace("units = [\"lab\"]", "subjects = [\"ajansen\"]"));
    assert!(
        said.contains("pseudonyms") && !said.contains("ajansen"),
        "{said}"
    );
}

#[test]
fn dates_are_days_in_utc_or_exact() {
    let it = Organisation::parse(ENTRY, "x").unwrap();
    assert_eq!(
        it.register()[0].valid_from.to_string(),
        "2026-01-01T00:00:00.000000000Z"
    );
    assert_eq!(
        it.register()[0].valid_to.to_string(),
        "2026-02-01T00:00:00.000000000Z"
    );
    let exact = ENTRY.replace("2026-01-31", "2026-01-31T08:00:00+01:00");
    let it = Organisation::parse(&exact, "x").unwrap();
    assert_eq!(
        it.register()[0].valid_to.to_string(),
        "2026-01-31T07:00:00.000000000Z"
    );
}

#[test]
fn what_should_not_go_unsaid_is_warned_of() {
    let text = format!(
        "{ENTRY}\n[[network]]\nprefix = \"10.0.0.0/8\"\nkind = \"visitors\"\n[[network]]\nprefix = \
         \"10.1.0.0/16\"\n"
    );
    let it = Organisation::parse(&text, "x").unwrap();
    let end = it.register()[0].valid_to;
    let said = it.warnings(&|_| false, end);
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].contains("10.1.0.0/16") && said[0].contains("visitors"));
    assert!(said[1].contains("catalogue"));
    assert!(said[2].contains("R-1") && said[2].contains("2026-02-01"));
    assert_eq!(it.warnings(&|_| true, Timestamp(end.0 - 1)).len(), 1);
}

#[test]
fn debug_shows_no_name() {
    let it = Organisation::parse("[[unit]]\nname = \"lab\"", "x").unwrap();
    let it = it
        .with_people("user,unit\nannalena,lab\n", "p.csv")
        .unwrap();
    assert!(!format!("{it:?}").contains("annalena"));
}

#[test]
fn a_map_on_disk_brings_its_people() {
    let folder = tempfile::tempdir().unwrap();
    let map = folder.path().join("map.toml");
    std::fs::write(&map, "people = \"people.csv\"").unwrap();
    let said = Organisation::load(&map).unwrap_err().to_string();
    assert!(said.contains("people.csv"), "{said}");
    std::fs::write(
        folder.path().join("people.csv"),
        "user,mail\na,b@c.example\n",
    )
    .unwrap();
    let it = Organisation::load(&map).unwrap();
    assert_eq!(
        it.mailbox("B@c.example").map(|m| m.user).as_deref(),
        Some("a")
    );
    let plain = Organisation::parse("people = \"people.csv\"", "x").unwrap();
    assert_ne!(it.digest(), plain.digest());
}
