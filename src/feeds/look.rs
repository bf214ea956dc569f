//! A look at a feed's file without following it, for `doctor`: can it be read, how old is it, are
//! its lines of its format?
//!
//! Enters: a feed. Leaves: [`Look`]: counts and an age. Never: keeps a line or an event; reads more
//! than the first [`LOOK_LEN_MAX`] bytes.

use std::io::Read as _;
use std::path::PathBuf;
use std::time::SystemTime;

use super::config::Feed;
use super::follow::{Piece, newest};
use super::read::{At, Read};
use super::reader::{Reader, Take};
use crate::base::Timestamp;
use crate::blocklist::Catalogue;
use crate::event::Event;

/// Bytes of a file that are looked at: headers stand at its beginning.
pub const LOOK_LEN_MAX: u64 = 256 * 1024;

/// What a look at a feed's file shows.
pub struct Look {
    /// The file; the newest that fits where the path has a `*`.
    pub path: PathBuf,
    /// When it was last written.
    pub written: SystemTime,
    /// Lines or frames that were looked at.
    pub lines: u64,
    /// Those of another format.
    pub foreign: u64,
}

/// Looks at a feed's file; `None` for a listener. `list` is what look-ups are matched by, and what
/// matches is forgotten at once.
///
/// # Errors
/// A sentence: the file cannot be read, or a pattern is wrong.
pub fn look(feed: &Feed, list: &Catalogue) -> Result<Option<Look>, String> {
    let (Some((path, _)), Some(mut reader)) = (feed.file(), Reader::new(feed)?) else {
        return Ok(None);
    };
    let unreadable = |e: std::io::Error| format!("{}: {e}", path.display());
    let path = newest(path).map_err(unreadable)?;
    let meta = std::fs::metadata(&path).map_err(unreadable)?;
    if !meta.is_file() {
        return Err(format!("{} is no regular file", path.display()));
    }
    let written = meta.modified().map_err(unreadable)?;
    let mut bytes = Vec::new();
    std::fs::File::open(&path)
        .and_then(|file| file.take(LOOK_LEN_MAX).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    // Only whole lines: what follows the cut is not looked at. Frames wait for their rest anyway.
    if meta.len() > LOOK_LEN_MAX
        && !matches!(reader, Reader::Frames(..))
        && let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n')
    {
        bytes.truncate(end + 1);
    }
    let mut counted = Counted {
        feed: feed.name(),
        list,
        lines: 0,
        foreign: 0,
        // No line of it can be younger than the file: one that says so is dated ahead.
        learned: learned(written),
    };
    if matches!(reader, Reader::Whole(..)) {
        reader.whole(&bytes, Timestamp(0), &mut counted);
    } else {
        for piece in [
            Piece::Begin { old: false },
            Piece::Bytes(&bytes),
            Piece::Live,
        ] {
            reader.piece(&piece, &mut counted);
        }
    }
    Ok(Some(Look {
        path,
        written,
        lines: counted.lines,
        foreign: counted.foreign,
    }))
}

/// Counts; events are dropped.
struct Counted<'a> {
    feed: &'a str,
    list: &'a Catalogue,
    lines: u64,
    foreign: u64,
    learned: Timestamp,
}

fn learned(written: std::time::SystemTime) -> Timestamp {
    let since = written.duration_since(std::time::UNIX_EPOCH);
    let nanos = since.unwrap_or_default().as_nanos();
    Timestamp(i64::try_from(nanos).unwrap_or(i64::MAX))
}

impl Take for Counted<'_> {
    fn at(&self, number: u64) -> At<'_> {
        At {
            feed: self.feed,
            line: number,
            learned: self.learned,
            list: self.list,
        }
    }

    fn take(&mut self, number: u64, read: Read, events: &mut Vec<Event>) {
        events.clear();
        // A whole file tells its events apart from its lines, under number 0.
        self.lines += u64::from(number > 0);
        self.foreign += u64::from(read.is_err());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(kind: &str, text: &str) -> (u64, u64) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, text).unwrap();
        let feed: Feed = toml::from_str(&format!(
            "kind = \"{kind}\"\nname = \"x\"\npath = {:?}\n",
            path.display().to_string()
        ))
        .unwrap();
        let look = look(&feed, &Catalogue::builtin().unwrap())
            .unwrap()
            .unwrap();
        (look.lines, look.foreign)
    }

    #[test]
    fn lines_of_another_format_are_counted() {
        let squid = "1795329600.000     25 192.0.2.7 TCP_TUNNEL/200 39 CONNECT example.org:443 - HIER_DIRECT/198.51.100.1 -\n";
        assert_eq!(looked("squid", squid), (1, 0));
        assert_eq!(looked("squid", &format!("{squid}what is this\n")), (2, 1));
        let leases = "1795333200 02:00:00:00:00:01 192.0.2.7 host *\n";
        assert_eq!(looked("dnsmasq", leases), (1, 0));
        assert_eq!(looked("dnsmasq", squid).1, 1);
        assert_eq!(looked("unbound", ""), (0, 0));
    }

    #[test]
    fn of_a_long_file_only_the_beginning_is_looked_at_and_only_whole_lines() {
        let line = "1795333200 02:00:00:00:00:01 192.0.2.7 host *\n";
        let many = line.repeat(10_000);
        let (lines, foreign) = looked("dnsmasq", &many);
        assert!((5_000..6_000).contains(&lines), "{lines}");
        assert_eq!(foreign, 0);
    }

    #[test]
    fn a_missing_file_is_told_by_its_path() {
        let feed: Feed =
            toml::from_str("kind = \"squid\"\nname = \"x\"\npath = \"/nonexistent/access.log\"\n")
                .unwrap();
        let why = look(&feed, &Catalogue::builtin().unwrap()).err().unwrap();
        assert!(why.starts_with("/nonexistent/access.log: "), "{why}");
    }
}
