//! `[[feed]]` as people write it.

use super::*;

#[derive(Debug, Deserialize)]
struct Config {
    feed: Vec<Feed>,
}

/// Each sample config of the documentation is one that works, and each kind has one.
#[test]
fn the_samples_of_the_documentation_work() {
    let text = include_str!("../../../docs/feeds.md");
    let samples = text
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let mut kinds = Vec::new();
    for sample in samples {
        let config: Config = toml::from_str(sample).unwrap_or_else(|e| panic!("{e}\n{sample}"));
        Feed::check_all(&config.feed).unwrap();
        kinds.extend(config.feed.iter().map(Feed::kind));
    }
    for kind in Kind::ALL {
        assert!(kinds.contains(kind), "no sample of {kind}");
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let parse = |text: &str| toml::from_str::<Feed>(text).map_err(|e| e.to_string());
    let wrong = |text: &str| parse(text).unwrap_err();
    assert!(wrong("kind='kea'\nname='x'\npath='x'\nzone='UTC'").contains("zone"));
    assert!(wrong("kind='keas'\nname='x'\npath='x'").contains("keas"));
    assert!(wrong("kind='squid'\nname='x'").contains("path"));
    assert!(wrong("kind='bind'\nname='x'\npath='x'\nzone='Mars'").contains("Europe/Amsterdam"));
    let check = |text: &str| parse(text).unwrap().check().unwrap_err();
    assert!(check("kind='kea'\nname='a b'\npath='x'").contains("letters"));
    assert!(check("kind='dnstap'\nname='x'").contains("either `socket`"));
    assert!(check("kind='dnstap'\nname='x'\npath='x'\nsocket='y'").contains("either `socket`"));
    let twice = [(); 2].map(|()| parse("kind='kea'\nname='a'\npath='x'").unwrap());
    assert!(
        Feed::check_all(&twice)
            .unwrap_err()
            .contains("two [[feed]]s")
    );
}

#[test]
fn a_feed_is_written_as_it_was_read() {
    let text = "kind='mail-json'\nname='m'\npath='x'\nzone='+01:00'\nfrom='start'\n";
    let mut feed: Feed = toml::from_str(text).unwrap();
    let again = toml::to_string(&feed).unwrap();
    assert_eq!(toml::from_str::<Feed>(&again).unwrap(), feed);
    feed.rebase(Path::new("/etc/x"));
    assert_eq!(feed.file(), Some((Path::new("/etc/x/x"), StartAt::Start)));
}
