//! Lists, map, officers, feeds.

use super::*;
use crate::doctor::facts::ListFacts;

pub(super) fn cases() -> Vec<Case> {
    use Level::{Failure, Info, Warning};
    vec![
        case(
            "a refused list",
            |f, _| {
                f.lists.list = Some(Err("the list is refused:\na.toml:3: bad".into()));
            },
            (Id::List, Failure),
        ),
        case(
            "an empty list",
            |f, _| list(f).rules = 0,
            (Id::List, Failure),
        ),
        case(
            "weak spots",
            |f, _| list(f).warnings = 3,
            (Id::ListLint, Info),
        ),
        case(
            "a stale list",
            |f, _| list(f).age_s = 91 * 86_400,
            (Id::ListAge, Warning),
        ),
        case(
            "an allow entry that is over",
            |f, _| {
                list(f).expired = 1;
            },
            (Id::AllowExpired, Warning),
        ),
        case(
            "no map",
            |f, _| f.lists.organisation = Some(Ok(None)),
            (Id::Organisation, Info),
        ),
        case(
            "a refused map",
            |f, _| {
                f.lists.organisation = Some(Err("map.toml:3: bad".into()));
            },
            (Id::Organisation, Failure),
        ),
        case(
            "a map with a slip",
            |f, _| {
                f.lists.organisation =
                    Some(Ok(Some(vec!["one network lies inside another".into()])));
            },
            (Id::Organisation, Warning),
        ),
        case(
            "refused rules",
            |f, _| {
                f.lists.rules = Some("rules.toml: bad".into());
            },
            (Id::CaseRules, Failure),
        ),
        case(
            "a feed that is gone",
            |f, _| {
                f.feeds[0].problem = Some("leases.csv: no such file".into());
            },
            (Id::FeedFile, Failure),
        ),
        case(
            "a feed that listens",
            |f, _| f.feeds[0].listens = true,
            (Id::FeedFile, Info),
        ),
        case(
            "a silent feed",
            |f, _| {
                f.feeds[0].age_s = Some(25 * 3600);
            },
            (Id::FeedFresh, Warning),
        ),
        case(
            "a feed of another kind",
            |f, _| {
                f.feeds[0].foreign = 100;
            },
            (Id::FeedFormat, Failure),
        ),
        case(
            "a feed of several programs",
            |f, _| {
                f.feeds[0].foreign = 60;
            },
            (Id::FeedFormat, Warning),
        ),
        case(
            "an empty feed",
            |f, _| f.feeds[0].lines = 0,
            (Id::FeedFormat, Info),
        ),
        case(
            "no Alertmanager",
            |f, _| {
                f.alertmanager = Some(Err("connection refused".into()));
            },
            (Id::Alertmanager, Failure),
        ),
        case(
            "an Alertmanager nobody asked",
            |f, _| f.alertmanager = None,
            (Id::Alertmanager, Info),
        ),
    ]
}

fn list(facts: &mut Facts) -> &mut ListFacts {
    facts.lists.list.as_mut().unwrap().as_mut().unwrap()
}

#[test]
fn a_longer_patience_makes_an_old_list_fit() {
    let (mut facts, config) = (super::facts(), super::config());
    list(&mut facts).age_s = 100 * 86_400;
    let limits = super::Limits {
        list_days: 120,
        ..super::Limits::default()
    };
    let found = super::judge(&facts, &config, limits);
    assert_eq!(level(&found, Id::ListAge), Some(Level::Ok));
}
