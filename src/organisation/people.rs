//! Names of people: many ways of writing, one person.
//!
//! Enters: a user name as a source writes it, a mail address, the directory. Leaves: a
//! [`Principal`] with the canonical name. Never: says that two names are one person unless a rule
//! here or the directory says so; takes a machine, a service or nobody for a person.
//!
//! The canonical name, in this order:
//! 1. White space around it goes, letters become lower case (Kerberos tells `A` from `a`, RFC 4120
//!    section 6.2; the directories behind it mostly do not, and no two people differ by it alone).
//! 2. `name@REALM` (RFC 4120 section 6.1, RFC 7542) and `DOMAIN\name` are parted at the last `@`
//!    and the first `\`. An enterprise name (RFC 6806), `name\@suffix@REALM`, is read as
//!    `name@suffix`.
//! 3. No person: `name$` and `host/...` (machines), any other name with `/` (services, and the
//!    `user/admin` instances, whose holder a name does not tell), `anonymous` and an empty name
//!    (RFC 7542 section 2.4), a link-layer address as name (MAC authentication), and what
//!    `service_accounts` covers.
//! 4. A realm or domain that stands in `realms` is the organisation's own, and so is none at all:
//!    it goes. A name of another realm keeps it (`name@elsewhere`), and so is another person.
//! 5. The directory: where the name with its realm, or the name without its own realm, is somebody's
//!    user name, alias or mail address, it is that person. When the two are different people it is
//!    nobody.

use std::collections::{BTreeMap, BTreeSet};

/// Who stands behind a user name.
#[derive(Clone, PartialEq, Eq)]
pub enum Principal {
    /// A person, by canonical name.
    Person(String),
    /// A machine account.
    Machine,
    /// A service account or service principal.
    Service,
    /// No name, an anonymous one, or one that means two people.
    Nobody,
}

/// Whose mailbox it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Canonical name of the owner.
    pub user: String,
    /// Does the directory say so? Else it follows from `mail_local_part_is_user`.
    pub listed: bool,
}

/// Rules and directory. No `Debug`: it names people.
#[derive(Clone, Default)]
pub(super) struct People {
    realms: BTreeSet<String>,
    mail_domains: BTreeSet<String>,
    local_part_is_user: bool,
    service_accounts: Vec<String>,
    /// Every way of writing that the directory gives, to the place in `listed`.
    names: BTreeMap<String, usize>,
    listed: Vec<(String, Option<String>)>,
}

const COLUMNS: [&str; 4] = ["user", "mail", "aliases", "unit"];

impl People {
    /// The rules, all in lower case; no directory yet.
    pub(super) fn new(
        realms: Vec<String>,
        mail_domains: Vec<String>,
        local_part_is_user: bool,
        service_accounts: Vec<String>,
    ) -> Self {
        Self {
            realms: realms.into_iter().collect(),
            mail_domains: mail_domains.into_iter().collect(),
            local_part_is_user,
            service_accounts,
            ..Self::default()
        }
    }

    /// Is a mailbox found by its local part, but in no domain?
    pub(super) fn lacks_domains(&self) -> bool {
        self.local_part_is_user && self.mail_domains.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.listed.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let listed = self.listed.iter();
        listed.map(|(user, unit)| (user.as_str(), unit.as_deref()))
    }

    pub(super) fn principal(&self, written: &str) -> Principal {
        let text = written.trim().to_lowercase();
        let (name, realm) = parted(&text);
        if name.ends_with('$') || name.starts_with("host/") {
            return Principal::Machine;
        }
        if name.contains('/') {
            return Principal::Service;
        }
        if name.is_empty() || name == "anonymous" || is_link_address(&name) {
            return Principal::Nobody;
        }
        let own = realm.as_ref().is_none_or(|it| self.realms.contains(it));
        let full = realm.map_or_else(|| name.clone(), |realm| format!("{name}@{realm}"));
        let accounts = &self.service_accounts;
        if accounts
            .iter()
            .any(|it| covers(it, &full) || own && covers(it, &name))
        {
            return Principal::Service;
        }
        let by_full = self.names.get(&full);
        let by_name = if own { self.names.get(&name) } else { None };
        match (by_full, by_name) {
            (Some(one), Some(other)) if one != other => Principal::Nobody,
            (Some(one), _) | (_, Some(one)) => self
                .listed
                .get(*one)
                .map_or(Principal::Nobody, |(user, _)| {
                    Principal::Person(user.clone())
                }),
            (None, None) if own => Principal::Person(name),
            (None, None) => Principal::Person(full),
        }
    }

    pub(super) fn mailbox(&self, recipient: &str) -> Option<Mailbox> {
        let text = recipient.trim().trim_matches(['<', '>']).to_lowercase();
        let (local, domain) = text.rsplit_once('@')?;
        // RFC 5233: what follows a `+` is a detail of the same mailbox, where a server does that.
        let plain = local.split('+').next().unwrap_or(local);
        for local in [local, plain] {
            let found = self.names.get(&format!("{local}@{domain}"));
            if let Some((user, _)) = found.and_then(|at| self.listed.get(*at)) {
                return Some(Mailbox {
                    user: user.clone(),
                    listed: true,
                });
            }
        }
        if !self.local_part_is_user || !self.mail_domains.contains(domain) {
            return None;
        }
        match self.principal(plain) {
            Principal::Person(user) => Some(Mailbox {
                user,
                listed: false,
            }),
            _ => None,
        }
    }

    /// Reads the directory. Problems come as `file:line: what; what next`.
    pub(super) fn read(
        &mut self,
        csv: &str,
        file: &str,
        units: &BTreeSet<String>,
    ) -> Result<(), Vec<String>> {
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .flexible(false)
            .from_reader(csv.trim_start_matches('\u{feff}').as_bytes());
        let said = |line: u64, what: String| format!("{file}:{line}: {what}");
        let header = reader.headers().cloned().unwrap_or_default();
        if let Some(odd) = header.iter().find(|it| !COLUMNS.contains(it)) {
            return Err(vec![said(
                1,
                format!(
                    "unknown column `{}`; use {}",
                    odd.escape_debug(),
                    COLUMNS.join(", ")
                ),
            )]);
        }
        if !header.iter().any(|it| it == "user") {
            let what = "no column `user`; begin with the line `user,mail,aliases,unit`";
            return Err(vec![said(1, what.into())]);
        }
        let mut problems = Vec::new();
        for record in reader.records() {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    let line = error.position().map_or(0, csv::Position::line);
                    let what =
                        "this line has not as many fields as the header; add or remove commas";
                    problems.push(said(line, what.into()));
                    continue;
                }
            };
            let line = record.position().map_or(0, csv::Position::line);
            let field = |name: &str| {
                let at = header.iter().position(|it| it == name);
                at.and_then(|at| record.get(at)).unwrap_or_default()
            };
            // No name is repeated in a message: the line is enough to find it.
            if let Err(what) = self.add(
                field("user"),
                &[field("mail"), field("aliases")],
                field("unit"),
                units,
            ) {
                problems.push(said(line, what));
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    fn add(
        &mut self,
        user: &str,
        others: &[&str],
        unit: &str,
        units: &BTreeSet<String>,
    ) -> Result<(), String> {
        let user = user.to_lowercase();
        let (name, realm) = parted(&user);
        let user = match realm {
            Some(realm) if !self.realms.contains(&realm) => format!("{name}@{realm}"),
            _ => name,
        };
        if user.is_empty() {
            return Err("the user name is empty; fill it in or remove the line".into());
        }
        if !unit.is_empty() && !units.contains(unit) {
            return Err(format!(
                "there is no [[unit]] `{}` in the map; add it or correct the name",
                unit.escape_debug()
            ));
        }
        let place = self.listed.len();
        let mut names = vec![user.clone()];
        for list in others {
            let texts = list.split(';').map(|text| text.trim().to_lowercase());
            names.extend(texts.filter(|text| !text.is_empty()));
        }
        for name in names {
            if self.names.insert(name, place).is_some_and(|at| at != place) {
                return Err(
                    "a name, alias or mail address of this line stands in an earlier line too; \
                     one name means one person"
                        .into(),
                );
            }
        }
        let unit = Some(unit.to_owned()).filter(|unit| !unit.is_empty());
        self.listed.push((user, unit));
        Ok(())
    }
}

/// Name and realm of a lower-case principal: rule 2 at the head of this file.
fn parted(text: &str) -> (String, Option<String>) {
    // Escaped characters stand for themselves (RFC 1964 section 2.1.1): `\@` parts nothing, and
    // what stands behind an enterprise name is the realm of the KDC that was asked.
    if let Some((name, rest)) = text.split_once("\\@") {
        let suffix = rest.split('@').next().unwrap_or(rest);
        return (name.to_owned(), Some(suffix.to_owned()));
    }
    if let Some((domain, name)) = text.split_once('\\') {
        // `DOMAIN\name@realm`: the realm that stands last is the one that was asked.
        let name = name.split('@').next().unwrap_or(name);
        return (name.to_owned(), Some(domain.to_owned()));
    }
    match text.rsplit_once('@') {
        Some((name, realm)) if !realm.is_empty() => (name.to_owned(), Some(realm.to_owned())),
        Some((name, _)) => (name.to_owned(), None),
        None => (text.to_owned(), None),
    }
}

/// `001122334455`, `00-11-22-33-44-55`, `0011.2233.4455` and the like.
fn is_link_address(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_hexdigit).count();
    let marks = name.bytes().filter(|b| b":-.".contains(b)).count();
    digits == 12 && digits + marks == name.len() && matches!(marks, 0 | 2 | 5)
}

/// Does `glob` cover the whole of `text`? `*` stands for any characters, `?` for one.
fn covers(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut g, mut t) = (0, 0);
    // Where the latest `*` stands, and how far it reaches by now.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some('*') => {
                star = Some((g, t));
                g += 1;
            }
            Some(c) if *c == '?' || text.get(t) == Some(c) => {
                g += 1;
                t += 1;
            }
            _ => {
                let Some((at, reach)) = star else {
                    return false;
                };
                star = Some((at, reach + 1));
                g = at + 1;
                t = reach + 1;
            }
        }
    }
    glob.iter().skip(g).all(|c| *c == '*')
}
