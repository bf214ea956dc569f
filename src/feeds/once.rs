//! A feed's file, read once from beginning to end: for replays.
//!
//! Enters: a feed, the list in force. Leaves: its events. Never: follows; listens (a replay has
//! only what was written down).

use std::time::SystemTime;

use super::config::{Feed, StartAt};
use super::follow::{Follower, Piece};
use super::read::{At, Read};
use super::reader::{Reader, Take};
use crate::base::Timestamp;
use crate::blocklist::Catalogue;
use crate::event::Event;

/// Longest file that is read whole, in bytes.
const WHOLE_LEN_MAX: u64 = 64 << 20;

/// The events of a feed's file. What a file does not date (a lease without a start) counts from
/// when the file was last written.
///
/// # Errors
/// A sentence: the file cannot be read, or a pattern is wrong.
pub fn read_once(feed: &Feed, list: &Catalogue) -> Result<Vec<Event>, String> {
    let (Some((path, _)), Some(mut reader)) = (feed.file(), Reader::new(feed)?) else {
        return Ok(Vec::new());
    };
    let unreadable = |e: std::io::Error| {
        format!(
            "feed `{}`: cannot read {}: {e}; is the path right, and may this user read it?",
            feed.name(),
            path.display()
        )
    };
    let meta = std::fs::metadata(path).map_err(unreadable)?;
    let written = meta.modified().map_err(unreadable)?;
    let mut told = Told {
        feed: feed.name(),
        learned: nanos(written),
        list,
        events: Vec::new(),
    };
    if matches!(reader, Reader::Whole(..)) {
        if meta.len() > WHOLE_LEN_MAX {
            return Err(unreadable(std::io::ErrorKind::FileTooLarge.into()));
        }
        let text = std::fs::read(path).map_err(unreadable)?;
        let learned = told.learned;
        reader.whole(&text, learned, &mut told);
        return Ok(told.events);
    }
    let mut follower = Follower::new(path, StartAt::Start);
    loop {
        let polled = follower.poll(&mut |piece: Piece<'_>| reader.piece(&piece, &mut told));
        if let Some(why) = polled.problem {
            return Err(format!("feed `{}`: {why}", feed.name()));
        }
        if !polled.more {
            return Ok(told.events);
        }
    }
}

fn nanos(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.as_nanos());
    Timestamp(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// Collects events; lines of another format are left out, as when they are followed.
struct Told<'a> {
    feed: &'a str,
    learned: Timestamp,
    list: &'a Catalogue,
    events: Vec<Event>,
}

impl Take for Told<'_> {
    fn at(&self, number: u64) -> At<'_> {
        At {
            feed: self.feed,
            line: number,
            learned: self.learned,
            list: self.list,
        }
    }

    fn take(&mut self, _number: u64, _read: Read, events: &mut Vec<Event>) {
        self.events.append(events);
    }
}
