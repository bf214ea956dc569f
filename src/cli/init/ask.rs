//! The questions, and what counts as an answer.
//!
//! Enters: what the flags gave already; lines of a person. Leaves: [`Answers`]. Never: goes on with an
//! answer that it does not understand.

use std::io::{self, BufRead, Write};

use ipnet::IpNet;

use super::Answers;
use crate::daemon::{Exit, Fault};
use crate::sealing::Officer;

/// Somebody who can be asked.
pub(super) trait Person {
    /// One question, one line; `None` at the end of input.
    fn answer(&mut self, question: &str) -> io::Result<Option<String>>;
    /// Something is said.
    fn hear(&mut self, what: &str) -> io::Result<()>;
}

/// At a terminal. Questions go to standard error, so that the output stays clean.
pub(super) struct Terminal;

impl Person for Terminal {
    fn answer(&mut self, question: &str) -> io::Result<Option<String>> {
        let mut err = io::stderr().lock();
        write!(err, "{question} ")?;
        err.flush()?;
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line)?;
        Ok((read > 0).then(|| line.trim().to_owned()))
    }

    fn hear(&mut self, what: &str) -> io::Result<()> {
        writeln!(io::stderr(), "{what}")
    }
}

/// Asks for what was not given; also whether units are to be written, unless a package brought them.
pub(super) fn all(
    mut known: Answers,
    unit: bool,
    packaged: bool,
    person: &mut impl Person,
) -> Result<(Answers, bool), Fault> {
    if known.interfaces.is_empty() {
        let there = interfaces();
        let question = format!(
            "Interface to watch, on the clients' side (here: {}):",
            there.join(", ")
        );
        known.interfaces = several(person, &question, true, |name| {
            let known = there.iter().any(|it| it == name);
            let hint = || {
                format!(
                    "there is no interface {name} here; there are {}",
                    there.join(", ")
                )
            };
            if known {
                Ok(name.to_owned())
            } else {
                Err(hint())
            }
        })?;
        known.promiscuous = yes(person, "Is it a mirror port or a TAP? [y/N]")?;
    }
    if known.own.is_empty() {
        known.own = several(
            person,
            "Networks of your own clients, e.g. 10.0.0.0/8 (empty: every connection counts):",
            false,
            net,
        )?;
    }
    if known.excluded.is_empty() {
        known.excluded = several(
            person,
            "Networks that must not be watched: works council, visitors, ... (empty: none):",
            false,
            net,
        )?;
    }
    if known.officers.is_empty() {
        known.officers = officers(person)?;
    }
    if known.alertmanager.is_empty() {
        known.alertmanager = one(
            person,
            "Alertmanager's address (empty: alerts stay in the log):",
        )?;
    }
    if known.assessment.is_empty() {
        known.assessment = one(
            person,
            "Reference of the data protection impact assessment (empty: it is missing):",
        )?;
    }
    let unit = unit || (!packaged && yes(person, "Write the units of systemd too? [y/N]")?);
    Ok((known, unit))
}

/// `NAME=age1...`
pub(super) fn officer(text: &str) -> Result<Officer, String> {
    let (name, recipient) = text
        .rsplit_once('=')
        .ok_or("write it as NAME=age1..., the line that age-keygen calls the public key")?;
    let (name, recipient) = (name.trim(), recipient.trim());
    if name.is_empty() {
        return Err("the name is missing".into());
    }
    recipient
        .parse::<age::x25519::Recipient>()
        .map_err(|e| format!("{recipient} is no age recipient ({e}): `age-keygen` prints one"))?;
    Ok(Officer {
        name: name.to_owned(),
        recipient: recipient.to_owned(),
    })
}

fn officers(person: &mut impl Person) -> Result<Vec<Officer>, Fault> {
    loop {
        let officers = several(
            person,
            "Officers who open an identity together, NAME=age1..., with commas between; at least \
             two (empty: no user name is kept):",
            false,
            officer,
        )?;
        if officers.len() != 1 {
            return Ok(officers);
        }
        say(
            person,
            "one officer alone could open everything: name two or more, or none",
        )?;
    }
}

fn net(text: &str) -> Result<IpNet, String> {
    text.parse()
        .map_err(|_| format!("{text} is no network: write it as 10.0.0.0/8 or 2001:db8::/32"))
}

/// Names of the interfaces of this machine that are no loopback.
fn interfaces() -> Vec<String> {
    pnet::datalink::interfaces()
        .into_iter()
        .filter(|it| !it.is_loopback())
        .map(|it| it.name)
        .collect()
}

/// Items with commas or spaces between them; asked again until all are understood. Officers have
/// names with spaces, so only commas divide when there is one.
fn several<T>(
    person: &mut impl Person,
    question: &str,
    needed: bool,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, Fault> {
    loop {
        let line = one(person, question)?;
        let items: Vec<&str> = line
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .collect();
        match items
            .into_iter()
            .map(&read)
            .collect::<Result<Vec<T>, String>>()
        {
            Ok(items) if needed && items.is_empty() => say(person, "one is needed")?,
            Ok(items) => return Ok(items),
            Err(why) => say(person, &why)?,
        }
    }
}

fn yes(person: &mut impl Person, question: &str) -> Result<bool, Fault> {
    let said = one(person, question)?.to_lowercase();
    Ok(said == "y" || said == "yes")
}

fn one(person: &mut impl Person, question: &str) -> Result<String, Fault> {
    let line = person.answer(question).map_err(lost)?;
    line.ok_or_else(|| Fault::new(Exit::Usage, "the answers ended before the questions did"))
}

fn say(person: &mut impl Person, what: &str) -> Result<(), Fault> {
    person.hear(what).map_err(lost)
}

fn lost(e: io::Error) -> Fault {
    Fault::new(Exit::Output, format!("the terminal: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says what was written down, and remembers what it heard.
    struct Script(Vec<String>, Vec<String>);

    impl Person for Script {
        fn answer(&mut self, _: &str) -> io::Result<Option<String>> {
            Ok((!self.0.is_empty()).then(|| self.0.remove(0)))
        }

        fn hear(&mut self, what: &str) -> io::Result<()> {
            self.1.push(what.to_owned());
            Ok(())
        }
    }

    fn script(lines: &[&str]) -> Script {
        Script(
            lines.iter().map(|it| (*it).to_owned()).collect(),
            Vec::new(),
        )
    }

    fn key() -> String {
        age::x25519::Identity::generate().to_public().to_string()
    }

    #[test]
    fn what_is_not_understood_is_asked_again() {
        let known = Answers {
            interfaces: vec!["eth0".into()],
            ..Answers::default()
        };
        let (one, two) = (key(), key());
        let pair = format!("privacy officer={one}, council={two}");
        let alone = format!("privacy officer={one}");
        let mut person = script(&[
            "10.0.0.0/99",
            "10.0.0.0/8, 2001:db8::/32",
            "",
            "somebody",
            &alone,
            &pair,
            "http://127.0.0.1:9093",
            "DPIA 7",
            "y",
        ]);
        let (answers, unit) = all(known, false, false, &mut person).expect("answered");
        assert_eq!(answers.own.len(), 2);
        assert_eq!(answers.officers.len(), 2);
        assert_eq!(answers.officers[0].name, "privacy officer");
        assert_eq!(answers.assessment, "DPIA 7");
        assert!(unit && person.0.is_empty());
        let said = person.1.join("\n");
        for part in [
            "10.0.0.0/99 is no network",
            "NAME=age1",
            "one officer alone",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn what_was_given_is_not_asked_and_an_end_of_input_is_told() {
        let mut person = script(&["", ""]);
        let known = Answers {
            interfaces: vec!["eth0".into()],
            own: vec!["10.0.0.0/8".parse().expect("a net")],
            ..Answers::default()
        };
        let fault = all(known, true, true, &mut person).expect_err("answers are missing");
        assert_eq!(fault.exit, Exit::Usage);
        assert!(officer("x=age1nonsense").is_err_and(|why| why.contains("age-keygen")));
    }
}
