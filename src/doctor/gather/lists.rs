//! Lists, map, rules and feeds.

use std::time::{Duration, SystemTime};

use crate::base::Timestamp;
use crate::blocklist::{Catalogue, lint};
use crate::cases::Rules;
use crate::config::Config;
use crate::daemon::{office, people, sources};
use crate::doctor::facts::{FeedFile, ListFacts, Lists};
use crate::feeds::{self, Look};

/// Also gives the list itself, for those that match by it.
pub(super) fn gather(config: &Config) -> (Lists, Option<Catalogue>) {
    let loaded = sources::catalogue(&config.lists);
    let now = office::now();
    let organisation = people::organisation(config).map_err(|fault| fault.message);
    let organisation = organisation.map(|map| {
        let is_vendor = |id: &str| {
            let list = loaded.as_ref().ok();
            list.is_none_or(|list| list.vendor(id).is_some())
        };
        let named = !config.organisation.map.as_os_str().is_empty();
        named.then(|| map.warnings(&is_vendor, now))
    });
    let list = match &loaded {
        Ok(list) => Ok(facts(list, config, now)),
        Err(fault) => Err(fault.message.clone()),
    };
    let lists = Lists {
        list: Some(list),
        organisation: Some(organisation),
        rules: rules(config).err(),
    };
    (lists, loaded.ok())
}

fn facts(list: &Catalogue, config: &Config, now: Timestamp) -> ListFacts {
    let info = list.info();
    let now_s = now.nanos().div_euclid(1_000_000_000);
    ListFacts {
        version: info.version,
        rules: info.rules,
        vendors: info.vendors,
        builtin: config.lists.dir.as_os_str().is_empty(),
        age_s: u64::try_from(now_s.saturating_sub(info.modified)).unwrap_or(0),
        warnings: lint::warnings(list).len(),
        expired: list.expired().len(),
    }
}

fn rules(config: &Config) -> Result<(), String> {
    let path = &config.cases.rules;
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| format!("{name}: {e}"))?;
    Rules::parse(&text, &name).map(drop)
}

/// A look at each feed's file. Without a list nothing can be matched, and the built-in one serves.
pub(super) fn feeds(config: &Config, list: Option<&Catalogue>) -> Vec<FeedFile> {
    let builtin;
    let list = match list {
        Some(list) => list,
        None => match Catalogue::builtin() {
            Ok(list) => {
                builtin = list;
                &builtin
            }
            Err(_) => return Vec::new(),
        },
    };
    let each = config.feeds.iter();
    each.map(|feed| {
        let mut file = FeedFile {
            name: feed.name().to_owned(),
            kind: feed.kind().label(),
            ..FeedFile::default()
        };
        match feeds::look(feed, list) {
            Ok(Some(look)) => fill(&mut file, &look),
            Ok(None) => file.listens = true,
            Err(why) => file.problem = Some(why),
        }
        file
    })
    .collect()
}

fn fill(file: &mut FeedFile, look: &Look) {
    let age = SystemTime::now().duration_since(look.written);
    file.age_s = Some(age.as_ref().map_or(0, Duration::as_secs));
    file.lines = look.lines;
    file.foreign = look.foreign;
}
