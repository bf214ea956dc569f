//! The config as a user meets it.

use super::*;

const SHIPPED: &str = include_str!("../../deploy/poortwacht.toml");

#[test]
fn the_shipped_file_loads_names_every_key_and_gives_its_default() {
    let config = Config::parse(SHIPPED, "deploy/poortwacht.toml").unwrap();
    let shipped: toml::Table = toml::from_str(SHIPPED).unwrap();
    let all = toml::Table::try_from(Config::default()).unwrap();
    for (table, value) in &all {
        // [[feed]] stands there as a comment: there is no default feed.
        let Some(value) = value.as_table() else {
            assert!(SHIPPED.contains(&format!("# [[{table}]]")), "{table}");
            continue;
        };
        for key in value.keys() {
            assert!(
                shipped[table].get(key).is_some(),
                "{table}.{key} is missing"
            );
        }
    }
    // The shipped paths are those of an installed service; the rest are the defaults.
    let mut plain = Config::default();
    plain.sensor.interfaces = config.sensor.interfaces.clone();
    plain.hits.path = config.hits.path.clone();
    plain.privacy.key_file = config.privacy.key_file.clone();
    plain.cases.folder = config.cases.folder.clone();
    plain.ledger.folder = config.ledger.folder.clone();
    plain.ledger.store = config.ledger.store.clone();
    plain.alerts.folder = config.alerts.folder.clone();
    plain.control.socket = config.control.socket.clone();
    plain.console.folder = config.console.folder.clone();
    assert_eq!(config, plain);
}

#[test]
fn an_unknown_key_is_an_error_with_its_line() {
    let e = Config::parse("[http]\n\nlisen = \"127.0.0.1:1\"\n", "x.toml")
        .unwrap_err()
        .to_string();
    assert!(
        e.starts_with("config x.toml:3:") && e.contains("lisen"),
        "{e}"
    );
}

#[test]
fn contradictions_are_refused_with_a_way_out() {
    for (text, part) in [
        ("[sensor]\ninterfaces=[\"a\"]\nread=[\"b\"]", "keep one"),
        ("[sensor]\ninterfaces=[\"a\",\"a\"]", "twice"),
        (
            "[sensor]\ninterfaces=[\"a\",\"b\"]\ncoverage=[\"c\"]",
            "not among",
        ),
        ("[sensor]\nworkers=0", "1 to 64"),
        ("[privacy]\naddresses=\"clear\"", "clear_reason"),
        ("[sensor]\nexcluded=[\"10.0.0.0/33\"]", "excluded"),
        ("[console]\nlisten=\"0.0.0.0:9468\"", "[console] listen"),
        ("[console.oidc]\nisuer=\"x\"", "isuer"),
        ("[console]\nsecond_factor=[\"root\"]", "officer"),
    ] {
        let e = Config::parse(text, "x").unwrap_err().to_string();
        assert!(e.contains(part), "{text}: {e}");
    }
}

#[test]
fn origins_are_told() {
    let text = "[http]\nlisten = \"127.0.0.1:1\"\n";
    let mut config = Config::parse(text, "x").unwrap();
    config.sensor.workers = 3;
    let lines = config.lines(Some(text), None).unwrap();
    let origin = |k: &str| lines.iter().find(|l| l.key == k).unwrap().origin.clone();
    assert_eq!(origin("http.listen"), Origin::File(2));
    assert_eq!(origin("sensor.workers"), Origin::CommandLine);
    assert_eq!(origin("hits.fsync"), Origin::Default);
}

#[test]
fn relative_paths_belong_to_the_file() {
    let mut config = Config::default();
    config.rebase(Path::new("/etc/poortwacht"));
    assert_eq!(config.hits.path, Path::new("/etc/poortwacht/hits.jsonl"));
    assert_eq!(config.lists.dir, Path::new(""));
}
