//! The oracle of the fuzz target `list_import`: what must hold for a foreign list of any bytes.

use super::{Format, Imported, guess, read};
use crate::blocklist::schema::MatchKind;

/// Reads `data` in every form. None may panic; a problem stays within the text and says what to do
/// next; an entry's name stands in the text or is a spelling of a name in it, is covered by the
/// list, and never covers a public suffix; written as a user list and read again, the entries are
/// the same.
///
/// # Panics
/// When one of these does not hold.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let lines = u32::try_from(text.lines().count())
        .unwrap_or(u32::MAX)
        .saturating_add(1);
    let _ = guess(text);
    for &format in Format::ALL {
        let list = read(format, "list", text);
        for problem in &list.problems {
            assert!(!problem.what.is_empty() && !problem.next.is_empty());
            // Attributes of MISP are counted, and a CSV row is where its reader says.
            assert!(problem.line <= lines, "{format}: {problem}");
        }
        assert_eq!(list.bad == 0, list.problems.is_empty(), "{format}");
        if list.bad == 0 {
            assert!(!list.entries.is_empty(), "{format}: nothing, and no reason");
        }
        check_entries(&list);
    }
}

fn check_entries(list: &Imported) {
    let format = list.format;
    for entry in list.entries.iter().take(64) {
        let name = entry.name.as_str();
        assert!(name.contains('.'), "{format}: {name}");
        let excepted = list.exceptions.iter().any(|e| e.name == entry.name);
        assert!(excepted || list.covers(name), "{format}: {name}");
        let below = format!("0.{name}");
        let more = list.entries.iter().any(|e| e.name.as_str() == below);
        if entry.kind == MatchKind::Exact && !more {
            let wide = list.entries.iter().any(|e| {
                e.kind == MatchKind::Suffix
                    && below
                        .strip_suffix(e.name.as_str())
                        .is_some_and(|rest| rest.ends_with('.'))
            });
            assert!(wide || !list.covers(&below), "{format}: {name} was widened");
        } else if list.exceptions.is_empty() {
            assert!(list.covers(&below), "{format}: {below}");
        }
    }
    let plain: String = list
        .entries
        .iter()
        .map(|e| match e.kind {
            MatchKind::Exact => format!("={}\n", e.name),
            _ => format!("{}\n", e.name),
        })
        .collect();
    if !plain.is_empty() {
        let again = read(Format::Plain, "again", &plain);
        assert_eq!(again.bad, 0, "{format}: {:?}", again.problems);
        let named = |list: &Imported| -> Vec<_> {
            list.entries
                .iter()
                .map(|e| (e.name.clone(), e.kind))
                .collect()
        };
        let (mut first, mut second) = (named(list), named(&again));
        first.sort();
        second.sort();
        assert_eq!(first, second, "{format}");
    }
}
