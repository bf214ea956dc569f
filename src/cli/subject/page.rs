//! The same as a page, for people.
//!
//! Enters: an [`Export`]. Leaves: HTML without scripts, styles from elsewhere or links. Never: a
//! character of the record that a browser could take for markup.

use super::dossier::{EntryFound, Export};
use crate::record::dossier::Whose;

/// The page.
pub(super) fn html(export: &Export, digest: &str) -> String {
    let mut out = String::from(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <title>What the record has about you</title>\n<style>\n\
         body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}\n\
         table{border-collapse:collapse;width:100%}td,th{border:1px solid #888;padding:.3em .5em;\
         text-align:left;vertical-align:top}pre{white-space:pre-wrap;margin:0;font-size:.85em}\n\
         .ambiguous{background:#fff3cd;color:#000}\n\
         </style></head><body>\n<h1>What the record has about you</h1>\n",
    );
    out += &format!(
        "<p>Made {}. SHA-256 of the same as JSON: <code>{}</code></p>\n<ul>\n",
        escaped(&export.made),
        escaped(digest)
    );
    for note in &export.notes {
        out += &format!("<li>{}</li>\n", escaped(note));
    }
    out += "</ul>\n<h2>Cases</h2>\n<table><tr><th>Case</th><th>Vendor</th><th>About</th><th>From</th>\
            <th>Until</th><th>State</th></tr>\n";
    for case in &export.cases {
        let (class, about) = match case.whose {
            Whose::Ambiguous => (" class=\"ambiguous\"", "perhaps you: nobody could tell"),
            _ => ("", "you"),
        };
        out += &format!(
            "<tr{class}><td>{}</td><td>{}</td><td>{about} ({})</td><td>{}</td><td>{}</td><td>{}</td>\
             </tr>\n",
            escaped(&case.id),
            escaped(&case.vendor),
            case.kind,
            escaped(&case.first),
            escaped(&case.last),
            if case.closed { "closed" } else { "open" }
        );
    }
    out += "</table>\n<h2>Entries</h2>\n<table><tr><th>Number</th><th>Time</th><th>Kind</th>\
            <th>Content</th></tr>\n";
    for entry in &export.entries {
        out += &row(entry);
    }
    out + "</table>\n</body></html>\n"
}

fn row(entry: &EntryFound) -> String {
    let class = if entry.ambiguous {
        " class=\"ambiguous\""
    } else {
        ""
    };
    let content = serde_json::to_string_pretty(&entry.content).unwrap_or_default();
    format!(
        "<tr{class}><td>{}</td><td>{}</td><td>{}{}</td><td><pre>{}</pre></td></tr>\n",
        entry.number,
        escaped(&entry.time),
        escaped(&entry.kind),
        if entry.ambiguous { ", ambiguous" } else { "" },
        escaped(&content)
    )
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_the_record_stays_text() {
        let entry = EntryFound {
            number: 1,
            kind: "triage".into(),
            time: "2026".into(),
            ambiguous: false,
            content: serde_json::json!({"text": "<script>alert('x')</script>&"}),
        };
        let row = row(&entry);
        assert!(!row.contains("<script>"), "{row}");
        assert!(row.contains("&lt;script&gt;alert(&#39;x&#39;)"), "{row}");
    }
}
