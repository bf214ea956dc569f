//! The name of an alert's file: its number, its id for people, and its state.

use super::Entry;

/// What Alertmanager is still to hear of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::alerts) enum Due {
    /// Nothing.
    Off,
    /// That it is there.
    New,
    /// Again and again that it is still there.
    Standing,
    /// That it is over.
    Ending,
    /// That it was there, and then that it is over: it ended before it could be told.
    Late,
}

impl Due {
    const ALL: [Self; 5] = [
        Self::Off,
        Self::New,
        Self::Standing,
        Self::Ending,
        Self::Late,
    ];

    /// As it stands in a file's name.
    const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::New => "new",
            Self::Standing => "standing",
            Self::Ending => "ending",
            Self::Late => "late",
        }
    }
}

/// The name of an alert's file.
pub(super) struct Name {
    pub(super) number: u64,
    pub(super) word: String,
    pub(super) to_log: bool,
    pub(super) due: Due,
}

impl Name {
    pub(super) fn of(number: u64, entry: &Entry) -> Self {
        Self {
            number,
            word: file_word(&entry.alert.id),
            to_log: entry.to_log,
            due: entry.due,
        }
    }

    pub(super) fn file(&self) -> String {
        let log = if self.to_log { "log" } else { "logged" };
        let due = self.due.word();
        format!("{:016}-{}.{log}.{due}.json", self.number, self.word)
    }

    pub(super) fn parse(file: &str) -> Option<Self> {
        let mut parts = file.strip_suffix(".json")?.rsplitn(3, '.');
        let due = parts.next()?;
        let to_log = match parts.next()? {
            "log" => true,
            "logged" => false,
            _ => return None,
        };
        let (number, word) = parts.next()?.split_once('-')?;
        Some(Self {
            number: number.parse().ok()?,
            word: word.into(),
            to_log,
            due: *Due::ALL.iter().find(|d| d.word() == due)?,
        })
    }
}

/// An id as part of a file name: for people, the number before it is what counts.
pub(super) fn file_word(id: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    id.chars().take(80).map(plain).collect()
}
