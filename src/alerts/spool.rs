//! The folder of alerts that are not done with: one file each, its state in its name.
//!
//! Enters: alerts, and what became of them at each sink. Leaves: what is still to be done, in the
//! order of arrival. Never: an alert acknowledged before it is on the disk; one dropped because
//! room is short while the hit log or Alertmanager waits for it.
//!
//! ```text
//! lock
//! <number>-<id>.<log>.<post>.json   log: log, logged     post: off, new, standing, ending, late
//! sinks/<sink>.json                 how far that sink is, and what it folded
//! dead/<number>-<id>.json           what Alertmanager will never take, with its answer
//! dead/<number>-<id>@<sink>.json    what that sink will never take
//! replay/...                        dead letters that somebody wants to go out again
//! done                              ids of alerts that are through, one a line
//! ```
//!
//! A change of state is a rename: it costs no write and cannot leave half a file. Lost in a crash,
//! it makes the alert go out once more.

pub(super) mod cursors;
mod erase;
pub(super) mod letters;
pub(super) mod look;
mod name;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::cursors::Cursor;
use self::name::{Due, Name, file_word};
use super::done::Done;
use super::sinks::SinkSettings;
use super::words::Identity;
use crate::base::Timestamp;
use crate::cases::{Alert, AlertKind};
use crate::folder;

/// An alert in the spool.
pub(super) struct Entry {
    pub(super) alert: Arc<Alert>,
    /// Wall clock when it was taken in.
    pub(super) taken: Timestamp,
    /// Wall clock since when Alertmanager has waited for it, or has known it.
    pub(super) since: Timestamp,
    /// The hit log still waits for it.
    to_log: bool,
    due: Due,
    len: u64,
}

/// The file of an alert.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content<'a> {
    taken: Timestamp,
    alert: Cow<'a, Alert>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
}

/// Why a dead letter is dead.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    status: u16,
    text: String,
    at: Timestamp,
    /// Whose answer; none: Alertmanager's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sink: Option<String>,
}

/// What may lie in the spool.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) alerts: u64,
    pub(super) bytes: u64,
}

/// The spool, open.
pub(super) struct Spool {
    folder: PathBuf,
    limits: Limits,
    /// Is there an Alertmanager?
    posting: bool,
    entries: BTreeMap<u64, Entry>,
    by_id: HashMap<String, u64>,
    by_case: HashMap<String, BTreeSet<u64>>,
    to_log: BTreeSet<u64>,
    news: BTreeSet<u64>,
    standing: BTreeSet<u64>,
    endings: BTreeSet<u64>,
    /// How far each of the other sinks is.
    sinks: Vec<Cursor>,
    done: Done,
    next: u64,
    bytes: u64,
    /// Dead letters of Alertmanager; each other sink counts its own.
    dead: u64,
    /// Endings are not sure to be on the disk yet.
    unforced: bool,
}

/// Why an alert is not in the spool.
pub(super) enum Refusal {
    /// There is no room by our own bounds.
    Full(String),
    /// The file system did not take it.
    Disk(String),
    /// It cannot be kept: the program is wrong.
    Unfit(String),
}

impl Spool {
    /// Opens or makes the folder, with what is still to be done. It is ours while the lock lives.
    pub(super) fn open(
        path: &Path,
        limits: Limits,
        (posting, sinks): (bool, &[SinkSettings]),
        now: Timestamp,
    ) -> Result<(Self, File), String> {
        let lock = folder::claim(path, "alerts")?;
        for (name, what) in [
            ("dead", "dead letters"),
            ("replay", "dead letters to be sent again"),
            ("sinks", "places of sinks"),
        ] {
            folder::make(&path.join(name), what)?;
            folder::sweep(&path.join(name));
        }
        let failed =
            |e: io::Error| format!("cannot read the folder of alerts {}: {e}", path.display());
        let mut spool = Self {
            folder: path.into(),
            limits,
            posting,
            entries: BTreeMap::new(),
            by_id: HashMap::new(),
            by_case: HashMap::new(),
            to_log: BTreeSet::new(),
            news: BTreeSet::new(),
            standing: BTreeSet::new(),
            endings: BTreeSet::new(),
            sinks: Vec::new(),
            done: Done::open(&path.join("done")).map_err(failed)?,
            next: 1,
            bytes: 0,
            dead: 0,
            unforced: false,
        };
        let mut names = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if let Some(name) = name.to_str().and_then(Name::parse) {
                names.push(name);
            }
        }
        names.sort_by_key(|name| name.number);
        let last = names.last().map_or(0, |name| name.number);
        spool.next = last.saturating_add(1);
        // Numbers first, then what each sink has.
        spool.count_dead().map_err(failed)?;
        spool.open_cursors(sinks).map_err(failed)?;
        spool.count_dead().map_err(failed)?;
        for name in names {
            spool.load(&name, now);
        }
        spool.catch_up(now);
        Ok((spool, lock))
    }

    fn load(&mut self, name: &Name, now: Timestamp) {
        let path = self.folder.join(name.file());
        let content: io::Result<Content<'_>> =
            fs::read(&path).and_then(|text| Ok(serde_json::from_slice(&text)?));
        let content = match content {
            Ok(content) => content,
            Err(e) => {
                let aside = self.folder.join("dead").join(name.file());
                let moved = fs::rename(&path, &aside);
                self.dead += u64::from(moved.is_ok());
                tracing::error!(
                    "the alert in {} cannot be read ({:?}); it is kept in {}",
                    path.display(),
                    e.kind(),
                    aside.display()
                );
                return;
            }
        };
        let known = self.done.holds(&content.alert.id);
        if known || self.by_id.contains_key(&content.alert.id) {
            // A crash between the note that it is through and the removal of its file.
            let _ = fs::remove_file(&path);
            return;
        }
        let entry = Entry {
            since: if name.due == Due::Ending {
                now
            } else {
                content.taken
            },
            taken: content.taken,
            alert: Arc::new(content.alert.into_owned()),
            to_log: name.to_log,
            due: name.due,
            len: fs::metadata(&path).map_or(0, |meta| meta.len()),
        };
        self.keep(name.number, entry);
    }

    /// What a crash left undone between an alert and what follows from it; and what was meant for
    /// an Alertmanager that is configured no more.
    fn catch_up(&mut self, now: Timestamp) {
        let numbers: Vec<u64> = self.entries.keys().copied().collect();
        for number in numbers {
            if !self.posting {
                self.set_due(number, Due::Off);
            } else if let Some(entry) = self.entries.get(&number) {
                let alert = Arc::clone(&entry.alert);
                self.supersede(number, &alert, now);
            }
            self.settle(number);
        }
    }

    /// Takes an alert in. `false`: it was here before.
    pub(super) fn put(&mut self, alert: &Alert, now: Timestamp) -> Result<bool, Refusal> {
        if self.by_id.contains_key(&alert.id) || self.done.holds(&alert.id) {
            return Ok(false);
        }
        let plain = |id: &str| !id.is_empty() && id.len() <= 200 && id.chars().all(is_plain);
        if !plain(&alert.id) {
            return Err(Refusal::Unfit(
                "an alert's id is empty, too long, or holds spaces or control characters".into(),
            ));
        }
        let content = Content {
            taken: now,
            alert: Cow::Borrowed(alert),
            answer: None,
        };
        let bytes = serde_json::to_vec(&content).map_err(|e| Refusal::Unfit(e.to_string()))?;
        let len = bytes.len() as u64;
        self.make_room(len);
        self.has_room(len)?;
        let due = if self.posting && alert.kind != AlertKind::Resolved {
            Due::New
        } else {
            Due::Off
        };
        let entry = Entry {
            alert: Arc::new(alert.clone()),
            taken: now,
            since: now,
            to_log: true,
            due,
            len,
        };
        let path = self.folder.join(Name::of(self.next, &entry).file());
        folder::write_whole(&path, &bytes).map_err(|e| {
            // The name may stand there with nothing sure about it.
            let _ = fs::remove_file(&path);
            Refusal::Disk(format!(
                "cannot write the alert {}: {e}; it waits in memory",
                path.display()
            ))
        })?;
        let number = self.next;
        self.next += 1;
        self.keep(number, entry);
        self.shorten();
        // Not forced to the disk: the next start draws the same conclusions from the alert itself.
        self.supersede(number, alert, now);
        Ok(true)
    }

    fn is_roomy(&self, len: u64) -> bool {
        let alerts = self.entries.len() as u64 + self.dead;
        alerts < self.limits.alerts && self.bytes + len <= self.limits.bytes
    }

    fn has_room(&self, len: u64) -> Result<(), Refusal> {
        if self.is_roomy(len) {
            return Ok(());
        }
        let alerts = self.entries.len() as u64 + self.dead;
        Err(Refusal::Full(format!(
            "the folder of alerts {} is full by its bounds ({alerts} alerts, {} bytes); is \
             Alertmanager away, or are there dead letters to look at? Else raise alerts_max or \
             mib_max under [alerts]",
            self.folder.display(),
            self.bytes
        )))
    }

    fn keep(&mut self, number: u64, entry: Entry) {
        for cursor in &mut self.sinks {
            cursor.take_in(number, &entry.alert);
        }
        self.keep_known(number, entry);
    }

    /// One that the other sinks know.
    fn keep_known(&mut self, number: u64, entry: Entry) {
        let alert = &entry.alert;
        self.bytes += entry.len;
        self.by_id.insert(alert.id.clone(), number);
        let case = self.by_case.entry(alert.case.clone()).or_default();
        case.insert(number);
        if entry.to_log {
            self.to_log.insert(number);
        }
        let due = entry.due;
        self.entries.insert(number, entry);
        self.file_under(number, due);
    }

    /// What an alert means for earlier ones of its case: those with the same labels are the same
    /// alert to Alertmanager, which this one now stands for; those of its stage with another
    /// standing, or all of it when it is retracted, are over; a resolved case ends them all.
    fn supersede(&mut self, number: u64, alert: &Alert, now: Timestamp) {
        match alert.kind {
            AlertKind::Raised => {}
            AlertKind::Retracted => self.end_letters(&alert.case, Some(alert.stage)),
            AlertKind::Resolved => self.end_letters(&alert.case, None),
        }
        for earlier in self.of_case(&alert.case, number) {
            let Some(entry) = self.entries.get(&earlier) else {
                continue;
            };
            if Identity::of(&entry.alert) == Identity::of(alert) {
                self.set_due(earlier, Due::Off);
                self.settle(earlier);
                continue;
            }
            let ends = entry.alert.kind == AlertKind::Raised
                && (alert.kind == AlertKind::Resolved || entry.alert.stage == alert.stage);
            if ends {
                self.end(earlier, now);
            }
        }
    }

    fn of_case(&self, case: &str, before: u64) -> Vec<u64> {
        let all = self.by_case.get(case).into_iter().flatten();
        all.copied().filter(|number| *number < before).collect()
    }

    /// Ends every alert of a case but retractions; on the disk when this returns.
    pub(super) fn close(&mut self, case: &str, now: Timestamp) -> Result<(), String> {
        for number in self.of_case(case, u64::MAX) {
            let raised = self.entries.get(&number);
            if raised.is_some_and(|entry| entry.alert.kind == AlertKind::Raised) {
                self.unforced |= self.end(number, now);
            }
        }
        self.end_letters(case, None);
        if self.unforced {
            self.sync().map_err(|e| {
                format!(
                    "cannot force the folder of alerts {} to the disk: {e}",
                    self.folder.display()
                )
            })?;
            self.unforced = false;
        }
        Ok(())
    }

    /// Alertmanager is to hear that it is over. `false`: nothing changed.
    fn end(&mut self, number: u64, now: Timestamp) -> bool {
        let Some(entry) = self.entries.get_mut(&number) else {
            return false;
        };
        let due = match entry.due {
            Due::New => Due::Late,
            Due::Standing => {
                entry.since = now;
                Due::Ending
            }
            Due::Off | Due::Ending | Due::Late => return false,
        };
        self.set_due(number, due);
        true
    }

    /// Alerts that the hit log waits for, oldest first.
    pub(super) fn to_log(&self) -> impl Iterator<Item = &Entry> {
        let numbers = self.to_log.iter();
        numbers.filter_map(|number| self.entries.get(number))
    }

    /// How many those are.
    pub(super) fn unlogged(&self) -> u64 {
        self.to_log.len() as u64
    }

    /// It stands in the hit log.
    pub(super) fn logged(&mut self, id: &str) -> bool {
        let Some(&number) = self.by_id.get(id) else {
            return false;
        };
        if !self.to_log.contains(&number) {
            return false;
        }
        self.rename(number, |entry| entry.to_log = false);
        self.to_log.remove(&number);
        self.settle(number);
        true
    }

    /// Alerts that Alertmanager is to hear of, oldest first.
    pub(super) const fn news(&self) -> &BTreeSet<u64> {
        &self.news
    }

    /// Alerts that it knows and is to hear of again.
    pub(super) const fn standing(&self) -> &BTreeSet<u64> {
        &self.standing
    }

    /// Alerts that it is to hear the end of.
    pub(super) const fn endings(&self) -> &BTreeSet<u64> {
        &self.endings
    }

    /// One of them.
    pub(super) fn entry(&self, number: u64) -> Option<&Entry> {
        self.entries.get(&number)
    }

    /// Alertmanager heard that it is there. `false`: it is not here any more.
    pub(super) fn told(&mut self, number: u64, now: Timestamp) -> bool {
        let Some(entry) = self.entries.get_mut(&number) else {
            return false;
        };
        entry.since = now;
        match entry.due {
            Due::New => self.set_due(number, Due::Standing),
            Due::Late => self.set_due(number, Due::Ending),
            Due::Off | Due::Standing | Due::Ending => return false,
        }
        true
    }

    /// Alertmanager heard that it is over, or need not hear it.
    pub(super) fn over(&mut self, number: u64) {
        self.set_due(number, Due::Off);
        self.settle(number);
    }

    /// Alertmanager will never take it.
    pub(super) fn bury(&mut self, number: u64, status: u16, text: &str, now: Timestamp) {
        let Some(entry) = self.entries.get(&number) else {
            return;
        };
        let content = Content {
            taken: entry.taken,
            alert: Cow::Borrowed(&entry.alert),
            answer: Some(Answer {
                status,
                text: text.into(),
                at: now,
                sink: None,
            }),
        };
        let name = format!("{number:016}-{}.json", file_word(&entry.alert.id));
        let path = self.folder.join("dead").join(name);
        let bytes = serde_json::to_vec_pretty(&content).unwrap_or_default();
        match folder::write_whole(&path, &bytes) {
            Ok(()) => {
                self.dead += 1;
                self.over(number);
            }
            Err(e) => tracing::error!(
                "cannot keep the dead letter {}: {e}; the alert stays where it is",
                path.display()
            ),
        }
    }

    /// Bytes of their files.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Dead letters.
    pub(super) const fn dead(&self) -> u64 {
        self.dead
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.folder
    }

    fn set_due(&mut self, number: u64, due: Due) {
        if self
            .entries
            .get(&number)
            .is_none_or(|entry| entry.due == due)
        {
            return;
        }
        self.rename(number, |entry| entry.due = due);
        for set in [&mut self.news, &mut self.standing, &mut self.endings] {
            set.remove(&number);
        }
        self.file_under(number, due);
    }

    fn file_under(&mut self, number: u64, due: Due) {
        match due {
            Due::Off => return,
            Due::New | Due::Late => &mut self.news,
            Due::Standing => &mut self.standing,
            Due::Ending => &mut self.endings,
        }
        .insert(number);
    }

    /// Changes an entry and with it its name. A rename that fails costs a repetition after the
    /// next start, no more.
    fn rename(&mut self, number: u64, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.entries.get_mut(&number) else {
            return;
        };
        let from = self.folder.join(Name::of(number, entry).file());
        change(entry);
        let to = self.folder.join(Name::of(number, entry).file());
        if from != to
            && let Err(e) = fs::rename(&from, &to)
        {
            tracing::error!("cannot rename {}: {e}", from.display());
        }
    }

    /// Removes an alert that no sink waits for.
    fn settle(&mut self, number: u64) {
        let waits = |entry: &Entry| entry.to_log || entry.due != Due::Off;
        if self.entries.get(&number).is_none_or(waits) || self.is_awaited(number) {
            return;
        }
        let Some(entry) = self.entries.remove(&number) else {
            return;
        };
        self.done.note(&entry.alert.id);
        let path = self.folder.join(Name::of(number, &entry).file());
        if let Err(e) = fs::remove_file(&path) {
            tracing::error!("cannot remove {}: {e}", path.display());
        }
        self.bytes = self.bytes.saturating_sub(entry.len);
        self.by_id.remove(&entry.alert.id);
        if let Some(case) = self.by_case.get_mut(&entry.alert.case) {
            case.remove(&number);
            if case.is_empty() {
                self.by_case.remove(&entry.alert.case);
            }
        }
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

const fn is_plain(c: char) -> bool {
    c.is_ascii_graphic()
}
