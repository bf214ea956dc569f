//! What somebody who may not see persons gets to see instead.
//!
//! Enters: a visitor, what tells persons apart: pseudonyms, units, flows, texts that people wrote
//! about a case. Leaves: the same, or a label that holds for this visitor's session, or nothing.
//! Never: lets a filter ask what the page does not show.
//!
//! A filter is judged as the store reads it, not by its text: what it asks about decides.

use ring::hmac;

use crate::console::words::fill;
use crate::console::{Right, Visitor};
use crate::hits::SubjectId;
use crate::store::filter::{self, About, Asked, Field};

use super::lens::Lens;

/// Letters of a label: five bits each, none that is taken for another.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Letters of a label: 60 bits. Among a million subjects two share one with a chance below one in a
/// million.
const LABEL_LEN: usize = 12;

/// What one visitor may see of persons.
pub struct Veil {
    /// `None`: everything.
    down: Option<Down>,
}

struct Down {
    /// Of this session or token, and of this run of the program.
    key: hmac::Key,
    named: &'static str,
}

/// May a filter ask about this without asking for a person? A word without a field searches
/// everywhere, so in what is withheld too. No arm for the rest: a new field is to be judged here.
const fn asks_for_a_person(field: Option<Field>) -> bool {
    match field {
        None | Some(Field::Subject | Field::Unit) => true,
        Some(
            Field::Stage
            | Field::Standing
            | Field::Vendor
            | Field::Confidence
            | Field::Kind
            | Field::Site
            | Field::Grade
            | Field::Age
            | Field::Seen
            | Field::State
            | Field::Assignee
            | Field::Verdict
            | Field::Held
            | Field::Suppressed
            | Field::Case
            | Field::Host
            | Field::Role
            | Field::Point
            | Field::Time
            | Field::Severity,
        ) => false,
    }
}

impl Veil {
    /// Of a visitor.
    pub fn of(visitor: &Visitor, lens: &Lens) -> Self {
        if visitor.may(Right::SeePersons) {
            return Self { down: None };
        }
        Self::down(&visitor.veil_key(), lens)
    }

    fn down(key: &[u8], lens: &Lens) -> Self {
        Self {
            down: Some(Down {
                key: hmac::Key::new(hmac::HMAC_SHA256, key),
                named: lens.w.subject_label,
            }),
        }
    }

    /// Is nothing withheld?
    pub const fn is_lifted(&self) -> bool {
        self.down.is_none()
    }

    /// The pseudonym, or a label that is the same wherever this visitor meets the subject, and
    /// another one for everybody else.
    pub fn subject(&self, id: &SubjectId) -> String {
        let Some(down) = &self.down else {
            return id.to_string();
        };
        let mark = hmac::sign(&down.key, id.as_str().as_bytes());
        let bits = mark.as_ref().iter().take(8);
        let mut bits = bits.fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        let mut label = String::with_capacity(LABEL_LEN + 2);
        for place in 0..LABEL_LEN {
            if place > 0 && place.is_multiple_of(4) {
                label.push('-');
            }
            label.push(char::from(LETTERS[(bits & 31) as usize]));
            bits >>= 5;
        }
        fill(down.named, label)
    }

    /// What may tell persons apart.
    pub fn hide<T>(&self, value: Option<T>) -> Option<T> {
        value.filter(|_| self.is_lifted())
    }

    /// A text that somebody wrote; `None` when it is withheld.
    pub fn text(&self, text: String) -> Option<String> {
        self.is_lifted().then_some(text)
    }

    /// A filter of cases as it may be shown: of terms that ask for a person only the field is told.
    pub fn filter(&self, filter: String) -> String {
        if self.is_lifted() {
            return filter;
        }
        // What does not read may hold anything.
        let Ok(terms) = filter::asked(&filter, About::Cases) else {
            return "…".to_owned();
        };
        let shown = terms.into_iter().map(|it| match it.field {
            Some(field) if asks_for_a_person(it.field) => format!("{}:…", field.label()),
            None => "…".to_owned(),
            Some(_) => it.text,
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    /// May this filter be asked? One that does not read is for the reader to refuse.
    ///
    /// # Errors
    /// The byte at which it asks for a person.
    pub fn may_ask(&self, text: &str, about: About) -> Result<(), usize> {
        if self.is_lifted() {
            return Ok(());
        }
        let terms = filter::asked(text, about).unwrap_or_default();
        let person = |it: &&Asked| asks_for_a_person(it.field);
        terms.iter().find(person).map_or(Ok(()), |it| Err(it.at))
    }
}

#[cfg(test)]
mod tests;
