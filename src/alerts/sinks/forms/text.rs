//! Words for people: the body of a mail.
//!
//! Enters: a notice and a language. Leaves: lines. Never: more than the notice says.

use std::fmt::Write;

use super::super::texts::Language;
use super::{Notice, rfc3339};

/// Lines ended by `\n`.
pub fn body(of: &Notice, language: Language) -> String {
    let mut out = format!("{}\n\n{}\n\n-- \n", of.summary, of.description);
    let (time, case, id, gate) = match language {
        Language::En => ("Time", "Case", "Message", "Gate"),
        Language::Nl => ("Tijd", "Zaak", "Bericht", "Poort"),
    };
    let _ = writeln!(out, "{time}: {}", rfc3339(of.time, 0));
    if let Some(it) = &of.case {
        let _ = writeln!(out, "{case}: {it} (poortwacht cases explain {it})");
    }
    let place = [("Unit", "Eenheid", &of.unit), ("Site", "Locatie", &of.site)];
    for (en, nl, value) in place {
        if let Some(value) = value {
            let name = if language == Language::En { en } else { nl };
            let _ = writeln!(out, "{name}: {value}");
        }
    }
    let _ = writeln!(out, "{id}: {} ({})", of.id, of.kind);
    let _ = writeln!(out, "{gate}: {}", of.observer);
    out
}
