//! How the sinks stand, seen from outside while the daemon runs.
//!
//! Enters: the outbox's folder. Leaves: what waits for each sink. Never: takes the lock, changes
//! anything.

use std::fs;
use std::path::Path;

use super::Content;
use super::cursors::read;
use super::letters::{ALERTMANAGER, letters};
use super::name::{Due, Name};
use crate::alerts::sinks::SinkSettings;
use crate::base::Timestamp;

/// How a sink stands.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// Alerts that wait.
    pub waiting: u64,
    /// When the oldest of them was taken in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<String>,
    /// Dead letters.
    pub dead: u64,
}

/// Alertmanager and these sinks. What moves in this moment may be counted or not.
///
/// # Errors
/// A sentence with the path.
pub fn look(folder: &Path, sinks: &[SinkSettings]) -> Result<Vec<Standing>, String> {
    let failed =
        |e: std::io::Error| format!("cannot read the folder of alerts {}: {e}", folder.display());
    let dead = letters(folder)?;
    let dead = |name: &str| dead.iter().filter(|it| it.sink == name).count() as u64;
    let mut all = vec![Standing::new(ALERTMANAGER, dead(ALERTMANAGER))];
    let mut through = vec![0];
    for sink in sinks {
        let place = read(&folder.join("sinks").join(format!("{}.json", sink.name)));
        through.push(place.map_err(failed)?.map_or(0, |it| it.through));
        all.push(Standing::new(&sink.name, dead(&sink.name)));
    }
    let Ok(files) = fs::read_dir(folder) else {
        return Ok(all);
    };
    let mut names: Vec<Name> = files
        .flatten()
        .filter_map(|file| Name::parse(file.file_name().to_str()?))
        .collect();
    names.sort_by_key(|name| name.number);
    for name in names {
        let text = fs::read(folder.join(name.file())).unwrap_or_default();
        let Ok(content) = serde_json::from_slice::<Content<'_>>(&text) else {
            continue;
        };
        for (at, standing) in all.iter_mut().enumerate() {
            let waits = match at.checked_sub(1).and_then(|at| sinks.get(at)) {
                None => matches!(name.due, Due::New | Due::Ending | Due::Late),
                Some(sink) => name.number > through[at] && sink.wants(&content.alert),
            };
            if waits {
                standing.waiting += 1;
                standing.note(content.taken);
            }
        }
    }
    Ok(all)
}

impl Standing {
    fn new(name: &str, dead: u64) -> Self {
        Self {
            name: name.into(),
            waiting: 0,
            oldest: None,
            dead,
        }
    }

    fn note(&mut self, taken: Timestamp) {
        self.oldest.get_or_insert_with(|| taken.to_string());
    }
}
