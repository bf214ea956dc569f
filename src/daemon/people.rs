//! Identity and cases as the configuration wants them.
//!
//! Enters: the configuration, the key, the list. Leaves: a [`Casework`], a [`Sealer`]. Never: logic
//! of a stage.

use std::sync::Arc;
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};

use super::fault::{Exit, Fault};
use crate::blocklist::Catalogue;
use crate::capture::live;
use crate::cases::{Casebook, Rules};
use crate::config::Config;
use crate::desk::twice::Whereabouts;
use crate::desk::{Casework, Twice};
use crate::event::Event;
use crate::feeds;
use crate::hits::Key;
use crate::identity::{self, Identity};
use crate::organisation::Organisation;
use crate::sealing::Sealer;

/// Identity and casebook, empty.
///
/// # Errors
/// [`Exit::Config`] when the map, the register or the rules cannot be used.
pub fn casework(config: &Config, key: &Key, list: Arc<Catalogue>) -> Result<Casework, Fault> {
    let organisation = Arc::new(organisation(config)?);
    if !config.organisation.map.as_os_str().is_empty() {
        tracing::info!(
            digest = organisation.digest(),
            entries = organisation.register().len(),
            "the map of the organisation and the register are in force"
        );
    }
    let who = &config.identity;
    let settings = identity::Settings {
        people: !who.officers.is_empty(),
        keep_ns: i64::from(who.keep_hours) * 3_600_000_000_000,
        intervals_max: who.intervals_max as usize,
    };
    let identity = Identity::new(settings, key.clone(), Arc::clone(&organisation));
    let casebook = Casebook::with_rules(list, organisation, Box::new(case_id), rules(config)?);
    Ok(Casework::new(identity, casebook))
}

/// What recognises one flow at two points. `hold` is how long one further out may wait.
///
/// # Errors
/// [`Exit::Config`] when the map cannot be used.
pub fn twice(config: &Config, key: &Key, hold: Duration) -> Result<Twice, Fault> {
    let own = match config.sensor.interfaces.is_empty() {
        true => Vec::new(),
        false => live::own_addresses(),
    };
    let monitored = config.sensor.monitored.clone();
    let whereabouts = Whereabouts::new(Arc::new(organisation(config)?), monitored, own);
    Ok(Twice::new(key.clone(), whereabouts, hold))
}

/// The rules file, or what is built in.
///
/// # Errors
/// A file that cannot be read, or lacks something.
pub fn rules(config: &Config) -> Result<Rules, Fault> {
    let path = &config.cases.rules;
    if path.as_os_str().is_empty() {
        return Ok(Rules::builtin());
    }
    let refuse = |why: String| Fault::new(Exit::Config, format!("rules of cases: {why}"));
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| refuse(format!("{name}: {e}")))?;
    Rules::parse(&text, &name).map_err(refuse)
}

/// The map and the register.
///
/// # Errors
/// [`Exit::Config`] with file, line and a way out.
pub fn organisation(config: &Config) -> Result<Organisation, Fault> {
    let map = &config.organisation.map;
    if map.as_os_str().is_empty() {
        return Ok(Organisation::default());
    }
    Organisation::load(map).map_err(|e| Fault::new(Exit::Config, e))
}

/// Seals for the officers, if there are any.
///
/// # Errors
/// [`Exit::Config`] when a recipient is none.
pub fn sealer(config: &Config) -> Result<Option<Sealer>, Fault> {
    let who = &config.identity;
    if who.officers.is_empty() {
        return Ok(None);
    }
    Sealer::new(&who.officers, who.threshold)
        .map(Some)
        .map_err(|why| Fault::new(Exit::Config, format!("[identity] {why}")))
}

/// A random id. Without randomness there would be no key either, and no start.
fn case_id() -> String {
    let mut bytes = [0; 8];
    let filled = SystemRandom::new().fill(&mut bytes);
    debug_assert!(filled.is_ok());
    format!("case-{:016x}", u64::from_be_bytes(bytes))
}

/// What the configured feeds tell, read once from beginning to end.
///
/// # Errors
/// [`Exit::Input`] when a feed cannot be read.
pub fn feed_events(config: &Config, list: &Catalogue) -> Result<Vec<Event>, Fault> {
    let mut events = Vec::new();
    for feed in &config.feeds {
        let told = feeds::read_once(feed, list).map_err(|why| Fault::new(Exit::Input, why))?;
        events.extend(told);
    }
    Ok(events)
}
