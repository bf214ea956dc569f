//! The oracle of the fuzz target `list`: what must hold for a vendor file of any bytes.

use super::{Catalogue, MatchKind, SourceText, Verdict, naive};
use crate::base::{RawName, Timestamp};

/// Loads `data` as a vendor file, as a plain list and as an allow-list. None may panic; each
/// problem must name its file and stay within the text; and every rule that loads must match a
/// name made from it, with the rule that the naive matcher picks.
///
/// # Panics
/// When one of these does not hold.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let lines = text.lines().count() as u32 + 1;
    // The id must be the file's stem; take it from the text where there is one.
    let id = text
        .split("id = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let path = format!("{}.toml", id.unwrap_or("x"));
    for source in [
        SourceText::Vendor(&path, text),
        SourceText::UserList("list.txt", text),
        SourceText::Allow("allow.toml", text),
    ] {
        match Catalogue::compile(&[source], Timestamp(0)) {
            Ok(catalogue) => check_rules(&catalogue),
            Err(problems) => {
                assert!(!problems.is_empty(), "refused without a reason");
                for problem in problems {
                    assert!(!problem.file.is_empty() && !problem.next.is_empty());
                    assert!(problem.line <= lines, "{problem}");
                }
            }
        }
    }
}

fn check_rules(catalogue: &Catalogue) {
    for rule in catalogue.all() {
        let text = rule.rule();
        let name = match rule.kind() {
            MatchKind::Exact => text.to_owned(),
            MatchKind::Suffix => format!("0.{text}"),
            MatchKind::Pattern => text.replacen('*', "0", 1),
        };
        let refused = rule.host().is_some_and(|host| {
            host.wildcard_not
                .iter()
                .any(|beginning| "0".starts_with(beginning.as_str()))
        });
        if refused || name.len() > 253 {
            continue;
        }
        let found = match catalogue.find(&RawName::Text(name.as_bytes())) {
            Verdict::Hit(found) | Verdict::Context(found) | Verdict::Allowed(found) => found,
            // Only a file of its own makes a way, and the paths above are no such file.
            Verdict::None | Verdict::Way(_) => panic!("{text} does not match {name}"),
        };
        let labels: Vec<&str> = name.split('.').collect();
        let wanted = naive::find(catalogue, &labels);
        assert_eq!(wanted, Some(found.rule), "{name}");
    }
}
