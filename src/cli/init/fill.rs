//! The commented configuration, filled in.
//!
//! Enters: [`Answers`]. Leaves: the text of `deploy/poortwacht.toml` with their values. Never: a
//! value that TOML would read otherwise than it was meant.

use std::path::Path;

use ipnet::IpNet;

use super::Answers;

/// Every key, with its comment.
const TEMPLATE: &str = include_str!("../../../deploy/poortwacht.toml");

/// The text of the file; what is kept lies below `state`, when there is one.
pub(super) fn configuration(answers: &Answers, state: Option<&Path>) -> String {
    let nets = |nets: &[IpNet]| list(nets.iter().map(ToString::to_string));
    let mut text = TEMPLATE.to_owned();
    for (table, key, value) in [
        (
            "sensor",
            "interfaces",
            list(answers.interfaces.iter().cloned()),
        ),
        ("sensor", "promiscuous", answers.promiscuous.to_string()),
        ("sensor", "excluded", nets(&answers.excluded)),
        ("sensor", "monitored", nets(&answers.own)),
        ("privacy", "impact_assessment", quoted(&answers.assessment)),
        ("identity", "officers", officers(answers)),
        ("alerts.alertmanager", "url", quoted(&answers.alertmanager)),
        ("console", "listen", quoted(&answers.console)),
    ] {
        text = set(&text, table, key, &value);
    }
    let head = "# Configuration of Poortwacht. Every key is listed";
    text = text.replacen(head, &format!("# Written by `poortwacht init`.\n{head}"), 1);
    match state {
        Some(folder) => below(&text, folder),
        None => text,
    }
}

/// The text with one value set. The line must be there: a test sets each of them.
fn set(text: &str, table: &str, key: &str, value: &str) -> String {
    let (head, line) = (format!("[{table}]"), format!("{key} = "));
    let (mut inside, mut out) = (false, String::with_capacity(text.len()));
    for old in text.lines() {
        if old.starts_with('[') {
            inside = old.trim_end() == head;
        }
        if inside && old.starts_with(&line) {
            out.push_str(&line);
            out.push_str(value);
        } else {
            out.push_str(old);
        }
        out.push('\n');
    }
    out
}

/// Everything that is kept, below one folder.
fn below(text: &str, folder: &Path) -> String {
    // A relative path in the file is meant from the file's folder, the flag's from here.
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let folder = quoted(&folder.display().to_string());
    let folder = folder.trim_end_matches('"');
    [
        "/var/lib/poortwacht",
        "/var/log/poortwacht",
        "/run/poortwacht",
    ]
    .iter()
    .fold(text.to_owned(), |text, place| {
        text.replace(&format!(" = \"{place}/"), &format!(" = {folder}/"))
    })
}

fn officers(answers: &Answers) -> String {
    let each = answers.officers.iter().map(|officer| {
        format!(
            "\n    {{ name = {}, recipient = {} }},",
            quoted(&officer.name),
            quoted(&officer.recipient)
        )
    });
    let all: String = each.collect();
    if all.is_empty() {
        "[]".into()
    } else {
        format!("[{all}\n]")
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.map(|item| quoted(&item)).collect();
    format!("[{}]", items.join(", "))
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::sealing::Officer;

    fn officer(name: &str) -> Officer {
        Officer {
            name: name.into(),
            recipient: age::x25519::Identity::generate().to_public().to_string(),
        }
    }

    #[test]
    fn what_was_answered_is_in_force_and_all_else_is_as_the_template_has_it() {
        let answers = Answers {
            interfaces: vec!["eth0".into(), "lan\"1".into()],
            promiscuous: true,
            own: vec!["10.0.0.0/8".parse().expect("a net")],
            excluded: vec!["10.9.0.0/16".parse().expect("a net")],
            officers: vec![officer("privacy \"office\""), officer("council")],
            alertmanager: "http://127.0.0.1:9093".into(),
            console: "127.0.0.1:9468".into(),
            assessment: "DPIA 7 \\ 2026".into(),
        };
        let text = configuration(&answers, None);
        let config = Config::parse(&text, "x").expect("accepted");
        assert_eq!(config.sensor.interfaces, answers.interfaces);
        assert!(config.sensor.promiscuous);
        assert_eq!(config.sensor.monitored, answers.own);
        assert_eq!(config.sensor.excluded, answers.excluded);
        assert_eq!(config.identity.officers, answers.officers);
        assert_eq!(config.alerts.alertmanager.url, answers.alertmanager);
        assert_eq!(config.console.listen, answers.console);
        assert_eq!(config.privacy.impact_assessment, answers.assessment);
        // Nothing answered: the template, but for its first line.
        let untouched = Config::parse(&configuration(&Answers::default(), None), "x");
        assert_eq!(
            untouched.expect("accepted"),
            Config::parse(TEMPLATE, "x").expect("accepted")
        );
    }

    #[test]
    fn everything_that_is_kept_can_lie_below_one_folder() {
        let text = configuration(&Answers::default(), Some(Path::new("/srv/a b")));
        let mut config = Config::parse(&text, "x").expect("accepted");
        config.each_path(&mut |path| {
            assert!(
                path.as_os_str().is_empty() || path.starts_with("/srv/a b"),
                "{}",
                path.display()
            );
        });
    }
}
