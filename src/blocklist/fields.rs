//! Takes the keys of a TOML table one by one; what is left over is a problem with its line.
//!
//! Enters: a parsed table with the place of each value. Leaves: values, or problems in the
//! collector. Never: stops at the first problem, so that one run shows them all.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problems, is_unruly};
use crate::base::DomainName;

/// One table while its keys are being taken.
pub(crate) struct Fields<'s> {
    table: DeTable<'s>,
    /// Where the table stands.
    pub(crate) span: Range<usize>,
    /// What the table is called in messages, e.g. "the vendor" or "this [[host]]".
    what: &'static str,
}

/// A value and where it stands.
pub(crate) type Placed<T> = (T, Range<usize>);

impl<'s> Fields<'s> {
    /// Parses a whole file; `None` when it is no TOML, with the problems noted.
    pub(crate) fn parse(
        text: &'s str,
        what: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<Self> {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let said = error.message().trim().replace('\n', ", ");
            problems.at(
                &error.span().unwrap_or(0..0),
                said,
                "correct the TOML syntax",
            );
        }
        if errors.is_empty() {
            Some(Self::of(table, what))
        } else {
            None
        }
    }

    fn of(table: Spanned<DeTable<'s>>, what: &'static str) -> Self {
        Self {
            span: table.span(),
            table: table.into_inner(),
            what,
        }
    }

    /// Reports every key that nobody took.
    pub(crate) fn end(self, problems: &mut Problems<'_>) {
        for key in self.table.keys() {
            let said = format!(
                "unknown key `{}` in {}",
                key.get_ref().escape_debug(),
                self.what
            );
            problems.at(&key.span(), said, "remove it or correct its spelling");
        }
    }

    fn take(&mut self, key: &str) -> Option<Spanned<DeValue<'s>>> {
        self.table.remove(key)
    }

    /// A text that may be missing.
    pub(crate) fn text(
        &mut self,
        key: &str,
        problems: &mut Problems<'_>,
    ) -> Option<Placed<String>> {
        let value = self.take(key)?;
        let span = value.span();
        match value.into_inner() {
            DeValue::String(text) if text.contains(is_unruly) => {
                unruly(key, &span, problems);
                None
            }
            DeValue::String(text) if !text.trim().is_empty() => Some((text.into_owned(), span)),
            DeValue::String(_) => {
                problems.at(
                    &span,
                    format!("`{key}` is empty"),
                    "fill it in or leave the key out",
                );
                None
            }
            other => {
                wrong_type(key, &other, "a string", &span, problems);
                None
            }
        }
    }

    /// A text that must be there.
    pub(crate) fn need_text(
        &mut self,
        key: &str,
        problems: &mut Problems<'_>,
    ) -> Option<Placed<String>> {
        if !self.table.contains_key(key) {
            self.missing(key, problems);
            return None;
        }
        self.text(key, problems)
    }

    fn missing(&self, key: &str, problems: &mut Problems<'_>) {
        problems.at(
            &self.span,
            format!("{} has no `{key}`", self.what),
            "add it",
        );
    }

    /// True or false; false when missing.
    pub(crate) fn flag(&mut self, key: &str, problems: &mut Problems<'_>) -> bool {
        let Some(value) = self.take(key) else {
            return false;
        };
        let span = value.span();
        match value.into_inner() {
            DeValue::Boolean(flag) => flag,
            other => {
                wrong_type(key, &other, "true or false", &span, problems);
                false
            }
        }
    }

    /// A whole number from 0 that must be there.
    pub(crate) fn need_number(&mut self, key: &str, problems: &mut Problems<'_>) -> Option<u64> {
        let Some(value) = self.take(key) else {
            self.missing(key, problems);
            return None;
        };
        let span = value.span();
        match value.into_inner() {
            DeValue::Integer(number) => {
                let found = u64::from_str_radix(number.as_str(), number.radix()).ok();
                if found.is_none() {
                    let said = format!("`{key}` is no whole number from 0");
                    problems.at(&span, said, "write a number such as 300");
                }
                found
            }
            other => {
                wrong_type(key, &other, "a number", &span, problems);
                None
            }
        }
    }

    /// A list of texts; empty when missing.
    pub(crate) fn texts(&mut self, key: &str, problems: &mut Problems<'_>) -> Vec<Placed<String>> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let span = value.span();
        let DeValue::Array(items) = value.into_inner() else {
            problems.at(
                &span,
                format!("`{key}` must be a list of strings"),
                "write [\"...\"]",
            );
            return Vec::new();
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            let span = item.span();
            match item.into_inner() {
                DeValue::String(text) if text.contains(is_unruly) => {
                    unruly(key, &span, problems);
                }
                DeValue::String(text) if !text.trim().is_empty() => {
                    texts.push((text.into_owned(), span));
                }
                DeValue::String(_) => {
                    problems.at(&span, format!("`{key}` holds an empty string"), "remove it");
                }
                other => wrong_type(key, &other, "a list of strings", &span, problems),
            }
        }
        texts
    }

    /// A list of texts without their places.
    pub(crate) fn plain_texts(&mut self, key: &str, problems: &mut Problems<'_>) -> Vec<String> {
        self.texts(key, problems)
            .into_iter()
            .map(|(text, _)| text)
            .collect()
    }

    /// A member of a closed set, by its label.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &str,
        set: &'static [T],
        label: fn(T) -> &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<Placed<T>> {
        let (text, span) = self.text(key, problems)?;
        let found = pick(key, &text, &span, set, label, problems)?;
        Some((found, span))
    }

    /// A member of a closed set that must be there.
    pub(crate) fn need_choice<T: Copy>(
        &mut self,
        key: &str,
        set: &'static [T],
        label: fn(T) -> &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<Placed<T>> {
        if !self.table.contains_key(key) {
            self.missing(key, problems);
            return None;
        }
        self.choice(key, set, label, problems)
    }

    /// A date of the form 2026-04-14, as a TOML date or as text, that must be there.
    pub(crate) fn need_date(
        &mut self,
        key: &str,
        problems: &mut Problems<'_>,
    ) -> Option<Placed<time::Date>> {
        let Some(value) = self.take(key) else {
            self.missing(key, problems);
            return None;
        };
        let span = value.span();
        let text = match value.into_inner() {
            DeValue::String(text) => text.into_owned(),
            DeValue::Datetime(date) => date.to_string(),
            other => {
                wrong_type(key, &other, "a date", &span, problems);
                return None;
            }
        };
        let date = parse_date(&text);
        if date.is_none() {
            let said = format!("`{key}` is no date: `{}`", text.escape_debug());
            problems.at(&span, said, "write it as 2026-04-14");
        }
        Some((date?, span))
    }

    /// A sub-table that may be missing.
    pub(crate) fn table(
        &mut self,
        key: &str,
        what: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<Fields<'s>> {
        let value = self.take(key)?;
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => Some(Fields { table, span, what }),
            other => {
                wrong_type(key, &other, "a table", &span, problems);
                None
            }
        }
    }

    /// An array of tables; empty when missing.
    pub(crate) fn tables(
        &mut self,
        key: &str,
        what: &'static str,
        problems: &mut Problems<'_>,
    ) -> Vec<Fields<'s>> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let span = value.span();
        let DeValue::Array(items) = value.into_inner() else {
            let said = format!("`{key}` must be a list of tables");
            problems.at(&span, said, format!("write each as [[{key}]]"));
            return Vec::new();
        };
        let mut tables = Vec::with_capacity(items.len());
        for item in items {
            let span = item.span();
            match item.into_inner() {
                DeValue::Table(table) => tables.push(Fields { table, span, what }),
                other => wrong_type(key, &other, "a table", &span, problems),
            }
        }
        tables
    }
}

/// A date of the form 2026-04-14.
pub(crate) fn parse_date(text: &str) -> Option<time::Date> {
    let form = time::macros::format_description!("[year]-[month]-[day]");
    time::Date::parse(text, &form).ok()
}

/// Finds `text` among the labels of a closed set, or notes what may stand there.
pub(crate) fn pick<T: Copy>(
    key: &str,
    text: &str,
    span: &Range<usize>,
    set: &'static [T],
    label: fn(T) -> &'static str,
    problems: &mut Problems<'_>,
) -> Option<T> {
    let found = set.iter().copied().find(|&member| label(member) == text);
    if found.is_none() {
        let labels: Vec<_> = set.iter().map(|&member| label(member)).collect();
        let said = format!("`{key}` may not be `{}`", text.escape_debug());
        problems.at(span, said, format!("use one of: {}", labels.join(", ")));
    }
    found
}

/// Parses a domain name of at least two labels, or notes why it is none.
pub(crate) fn domain(
    text: &str,
    span: &Range<usize>,
    problems: &mut Problems<'_>,
) -> Option<String> {
    match list_name(text) {
        Ok(name) => Some(name.into()),
        Err((what, next)) => {
            problems.at(span, what, next);
            None
        }
    }
}

/// A name that may stand in a list, or what is wrong with it and what to do.
pub(crate) fn list_name(text: &str) -> Result<DomainName, (String, &'static str)> {
    let shown = text.escape_debug();
    if text.parse::<std::net::IpAddr>().is_ok() {
        return Err((format!("`{shown}` is an address"), "lists hold names only"));
    }
    let name = DomainName::parse(text)
        .map_err(|bad| (bad.to_string(), "write a name such as app.example.com"))?;
    if name.as_str().contains('.') {
        Ok(name)
    } else {
        let next = "name a domain, not a whole top-level domain";
        Err((format!("`{shown}` has one label only"), next))
    }
}

/// A text that would write on the terminal of who looks at the list.
fn unruly(key: &str, span: &Range<usize>, problems: &mut Problems<'_>) {
    let said = format!("`{key}` holds a control character");
    problems.at(span, said, "write plain text");
}

fn wrong_type(
    key: &str,
    found: &DeValue<'_>,
    wanted: &str,
    span: &Range<usize>,
    problems: &mut Problems<'_>,
) {
    let said = format!("`{key}` must be {wanted}, not a {}", found.type_str());
    problems.at(span, said, format!("write {wanted}"));
}
