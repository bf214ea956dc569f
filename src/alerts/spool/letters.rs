//! Dead letters: what a sink will never take, kept for somebody to look at, and sent again on a
//! person's word.
//!
//! Enters: a refusal with its answer; the wish to send a letter again. Leaves: letters, in one
//! folder for all sinks. Never: a letter in two folders; an alert of a case that ended in the meantime
//! left standing at Alertmanager.
//!
//! The wish is a rename from `dead/` to `replay/`, which needs no lock: the running daemon finds it
//! there, or the next one at its start.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::name::{Due, Name, file_word};
use super::{Answer, Content, Entry, Spool};
use crate::alerts::sinks::Lost;
use crate::base::Timestamp;
use crate::blocklist::Stage;
use crate::casefile::folder;
use crate::cases::{Alert, AlertKind};

/// Name of Alertmanager where sinks are named.
pub(in crate::alerts) const ALERTMANAGER: &str = "alertmanager";

/// A dead letter, without what could tell of a person.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Letter {
    /// Name of its file.
    pub file: String,
    /// Whose answer it is.
    pub sink: String,
    /// The alert's id.
    pub id: String,
    /// The case.
    pub case: String,
    /// Vendor id.
    pub vendor: String,
    /// Stage.
    pub stage: Stage,
    /// What it says.
    pub kind: AlertKind,
    /// When the alert was taken in.
    pub taken: String,
    /// When it was refused.
    pub refused: String,
    /// Status of the answer; 0 where there is none.
    pub status: u16,
    /// The answer.
    pub answer: String,
}

/// A letter that is to go out again.
pub(in crate::alerts) struct Again {
    pub(in crate::alerts) file: String,
    pub(in crate::alerts) alert: Alert,
    pub(in crate::alerts) taken: Timestamp,
}

/// Dead letters in the outbox at `folder`, oldest first. A running daemon is not disturbed.
///
/// # Errors
/// A sentence with the path.
pub fn letters(folder: &Path) -> Result<Vec<Letter>, String> {
    let dead = folder.join("dead");
    let failed = |e: io::Error| format!("cannot read the dead letters in {}: {e}", dead.display());
    let files = match fs::read_dir(&dead) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        files => files.map_err(failed)?,
    };
    let mut all = Vec::new();
    for file in files {
        let file = file.map_err(failed)?;
        // It may have gone in this moment; what cannot be understood is no letter.
        let text = fs::read(file.path()).unwrap_or_default();
        let Ok(content) = serde_json::from_slice::<Content<'_>>(&text) else {
            continue;
        };
        let answer = content.answer.as_ref();
        let alert = &content.alert;
        let sink = answer.and_then(|it| it.sink.clone());
        all.push(Letter {
            file: file.file_name().to_string_lossy().into_owned(),
            sink: sink.unwrap_or_else(|| ALERTMANAGER.into()),
            id: alert.id.clone(),
            case: alert.case.clone(),
            vendor: alert.vendor.clone(),
            stage: alert.stage,
            kind: alert.kind,
            taken: content.taken.to_string(),
            refused: answer.map_or(content.taken, |it| it.at).to_string(),
            status: answer.map_or(0, |it| it.status),
            answer: answer.map(|it| it.text.clone()).unwrap_or_default(),
        });
    }
    all.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(all)
}

/// Asks the daemon to send a letter again. `false`: it is not there any more.
///
/// # Errors
/// A sentence with the path.
pub fn replay(folder: &Path, letter: &Letter) -> Result<bool, String> {
    let from = folder.join("dead").join(&letter.file);
    let to = folder.join("replay").join(&letter.file);
    match fs::rename(&from, &to) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound && !from.exists() => Ok(false),
        Err(e) => Err(format!(
            "cannot move {} to {}: {e}",
            from.display(),
            to.display()
        )),
    }
}

/// `<number>-<id>@<sink>.json`: the sink.
fn sink_of(file: &str) -> Option<&str> {
    Some(file.strip_suffix(".json")?.split_once('@')?.1)
}

/// The text of a letter.
fn letter(
    file: &str,
    alert: &Alert,
    taken: Timestamp,
    (status, text): (u16, &str),
    now: Timestamp,
) -> Vec<u8> {
    let content = Content {
        taken,
        alert: Cow::Borrowed(alert),
        answer: Some(Answer {
            status,
            text: text.into(),
            at: now,
            sink: sink_of(file).map(str::to_owned),
        }),
    };
    serde_json::to_vec_pretty(&content).unwrap_or_default()
}

fn number_of(file: &str) -> Option<u64> {
    file.split('-').next()?.parse().ok()
}

impl Spool {
    /// Counts the letters anew, and learns the highest number that was given.
    pub(super) fn count_dead(&mut self) -> io::Result<()> {
        self.dead = 0;
        self.sinks.iter_mut().for_each(|it| it.dead = 0);
        for folder in ["dead", "replay"] {
            for entry in fs::read_dir(self.folder.join(folder))? {
                let name = entry?.file_name();
                let Some(name) = name.to_str() else { continue };
                if let Some(number) = number_of(name) {
                    self.next = self.next.max(number.saturating_add(1));
                    if folder == "dead" {
                        self.count_letter(name, true);
                    }
                }
            }
        }
        Ok(())
    }

    fn count_letter(&mut self, file: &str, more: bool) {
        let count = match sink_of(file) {
            None => Some(&mut self.dead),
            Some(name) => {
                let mut cursors = self.sinks.iter_mut();
                cursors.find(|it| it.name() == name).map(|it| &mut it.dead)
            }
        };
        if let Some(count) = count {
            *count = if more {
                *count + 1
            } else {
                count.saturating_sub(1)
            };
        }
    }

    /// The sink will never take it. To be followed by [`Self::passed`].
    pub(in crate::alerts) fn bury_for(
        &mut self,
        sink: usize,
        number: u64,
        answer: (u16, &str),
        now: Timestamp,
    ) {
        let Some(entry) = self.entries.get(&number) else {
            return;
        };
        let (alert, taken) = (Arc::clone(&entry.alert), entry.taken);
        let Some(cursor) = self.sinks.get_mut(sink) else {
            return;
        };
        if cursor.dead >= super::cursors::DEAD_MAX {
            cursor.lost.bump(Lost::Dead.index());
            return;
        }
        let file = format!(
            "{number:016}-{}@{}.json",
            file_word(&alert.id),
            cursor.name()
        );
        self.write_letter(&file, &alert, taken, answer, now);
    }

    fn write_letter(
        &mut self,
        file: &str,
        alert: &Alert,
        taken: Timestamp,
        answer: (u16, &str),
        now: Timestamp,
    ) {
        let path = self.folder.join("dead").join(file);
        match folder::write_whole(&path, &letter(file, alert, taken, answer, now)) {
            Ok(()) => self.count_letter(file, true),
            Err(e) => {
                tracing::error!("cannot keep the dead letter {}: {e}", path.display());
                let name = sink_of(file).unwrap_or_default();
                if let Some(cursor) = self.sinks.iter_mut().find(|it| it.name() == name) {
                    cursor.lost.bump(Lost::Dead.index());
                }
            }
        }
    }

    fn replays(&self) -> Vec<String> {
        let files = fs::read_dir(self.folder.join("replay"));
        let files = files.into_iter().flatten().flatten();
        let mut names: Vec<String> = files
            .filter_map(|file| file.file_name().into_string().ok())
            .filter(|name| number_of(name).is_some())
            .collect();
        names.sort();
        names
    }

    /// The oldest letter that the sink is to be sent again.
    pub(in crate::alerts) fn again(&mut self, sink: usize) -> Option<Again> {
        let name = self.sinks.get(sink)?.name().to_owned();
        for file in self.replays() {
            if sink_of(&file) != Some(&name) {
                continue;
            }
            let path = self.replay_path(&file);
            let text = fs::read(&path).unwrap_or_default();
            match serde_json::from_slice::<Content<'_>>(&text) {
                Ok(content) => {
                    return Some(Again {
                        file,
                        taken: content.taken,
                        alert: content.alert.into_owned(),
                    });
                }
                Err(_) => {
                    tracing::error!("{} cannot be read; it goes back to dead/", path.display());
                    let _ = fs::rename(&path, self.folder.join("dead").join(&file));
                }
            }
        }
        None
    }

    fn replay_path(&self, file: &str) -> PathBuf {
        self.folder.join("replay").join(file)
    }

    /// The letter was taken, or (with an answer) refused once more.
    pub(in crate::alerts) fn answered(
        &mut self,
        again: &Again,
        refusal: Option<(u16, &str)>,
        now: Timestamp,
    ) {
        let path = self.replay_path(&again.file);
        let done = match refusal {
            None => fs::remove_file(&path),
            // Erased while its sink was asked.
            Some(_) if !path.exists() => Ok(()),
            // Written here and moved whole: somebody may ask for it again in the next moment.
            Some(answer) => {
                let text = letter(&again.file, &again.alert, again.taken, answer, now);
                folder::write_whole(&path, &text)
                    .and_then(|()| fs::rename(&path, self.folder.join("dead").join(&again.file)))
            }
        };
        if let Err(e) = done
            && e.kind() != io::ErrorKind::NotFound
        {
            tracing::error!("cannot put {} away: {e}", path.display());
        }
        // The person who asked moved it away from where it was counted.
        if let Err(e) = self.count_dead() {
            tracing::error!("cannot count the dead letters: {e}");
        }
    }

    /// Letters for Alertmanager that are to be sent again come back into the spool.
    pub(in crate::alerts) fn revive(&mut self, now: Timestamp) {
        if !self.posting {
            return;
        }
        let files = self.replays();
        let mut revived = false;
        for file in files.iter().filter(|file| sink_of(file).is_none()) {
            let path = self.replay_path(file);
            let text = fs::read(&path).unwrap_or_default();
            let (Ok(content), Some(number)) = (
                serde_json::from_slice::<Content<'_>>(&text),
                number_of(file),
            ) else {
                continue;
            };
            let alert = content.alert.into_owned();
            // Of a case that ended meanwhile it is told that it was there, and is over.
            let over = file.ends_with(OVER) && alert.kind == AlertKind::Raised;
            let due = if over { Due::Late } else { Due::New };
            if let Some(known) = self.by_id.get(&alert.id).copied() {
                self.set_due(known, due);
            } else {
                self.bring_back(number, alert, (content.taken, now), due);
            }
            let _ = fs::remove_file(&path);
            revived = true;
        }
        if revived && let Err(e) = self.count_dead() {
            tracing::error!("cannot count the dead letters: {e}");
        }
    }

    fn bring_back(
        &mut self,
        number: u64,
        alert: Alert,
        (taken, since): (Timestamp, Timestamp),
        due: Due,
    ) {
        let content = Content {
            taken,
            alert: Cow::Borrowed(&alert),
            answer: None,
        };
        let bytes = serde_json::to_vec(&content).unwrap_or_default();
        let entry = Entry {
            taken,
            since,
            to_log: false,
            due,
            len: bytes.len() as u64,
            alert: Arc::new(alert),
        };
        let path = self.folder.join(Name::of(number, &entry).file());
        self.done.forget(&entry.alert.id);
        match folder::write_whole(&path, &bytes) {
            Ok(()) => self.keep_known(number, entry),
            Err(e) => tracing::error!("cannot write {}: {e}", path.display()),
        }
    }

    /// What Alertmanager refused of a case, or of one stage of it, has ended since: sent again, it
    /// must not stand.
    pub(super) fn end_letters(&mut self, case: &str, stage: Option<Stage>) {
        if self.dead == 0 {
            return;
        }
        let Ok(all) = letters(&self.folder) else {
            return;
        };
        for letter in all {
            let meant = letter.sink == ALERTMANAGER
                && letter.case == case
                && letter.kind == AlertKind::Raised
                && stage.is_none_or(|it| it == letter.stage)
                && !letter.file.ends_with(OVER);
            if meant && let Some(stem) = letter.file.strip_suffix(".json") {
                let dead = self.folder.join("dead");
                let _ = fs::rename(dead.join(&letter.file), dead.join(format!("{stem}{OVER}")));
            }
        }
    }
}

/// End of the name of a letter whose case has ended.
const OVER: &str = ".over.json";
