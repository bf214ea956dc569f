//! What somebody who may not see persons gets to see instead.
//!
//! Enters: a visitor, what tells persons apart: pseudonyms, units, flows, texts that people wrote
//! about a case. Leaves: the same, or a number that holds on this page alone, or nothing. Never:
//! lets a filter ask what the page does not show.

use crate::console::words::fill;
use crate::console::{Right, Visitor};
use crate::hits::SubjectId;

use super::lens::Lens;

/// Fields of filters that ask for what is withheld.
const ASKS_FOR_PERSONS: &[&str] = &[
    "subject", "unit", "text", "note", "reason", "flow", "address",
];

/// What one visitor may see of persons.
pub struct Veil {
    lifted: bool,
    number: &'static str,
    met: Vec<SubjectId>,
}

impl Veil {
    /// Of a visitor.
    pub fn of(visitor: &Visitor, lens: &Lens) -> Self {
        Self::new(visitor.may(Right::SeePersons), lens)
    }

    /// Lifted or not.
    pub fn new(lifted: bool, lens: &Lens) -> Self {
        Self {
            lifted,
            number: lens.w.subject_number,
            met: Vec::new(),
        }
    }

    /// Is nothing withheld?
    pub const fn is_lifted(&self) -> bool {
        self.lifted
    }

    /// The pseudonym, or a number that holds on this page.
    pub fn subject(&mut self, id: &SubjectId) -> String {
        if self.lifted {
            return id.to_string();
        }
        let place = self.met.iter().position(|met| met == id);
        let place = place.unwrap_or_else(|| {
            self.met.push(id.clone());
            self.met.len() - 1
        });
        fill(self.number, place + 1)
    }

    /// What may tell persons apart.
    pub fn hide<T>(&self, value: Option<T>) -> Option<T> {
        value.filter(|_| self.lifted)
    }

    /// A text that somebody wrote; `None` when it is withheld.
    pub fn text(&self, text: String) -> Option<String> {
        self.lifted.then_some(text)
    }

    /// A filter as it may be shown: values of fields that ask for persons are left out.
    pub fn filter(&self, filter: String) -> String {
        if self.lifted {
            return filter;
        }
        // Quotation marks could carry a value over a blank: nothing of such a filter is shown.
        if filter.contains('"') {
            return "…".to_owned();
        }
        let words = filter.split_whitespace();
        let shown = words.map(|word| match asks(word) {
            Some(field) => format!("{field}:…"),
            None => word.to_owned(),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    /// May this filter be asked? Gives the byte at which it asks for a person.
    ///
    /// # Errors
    /// That byte.
    pub fn may_ask(&self, filter: &str) -> Result<(), usize> {
        if self.lifted {
            return Ok(());
        }
        let mut from = 0;
        for word in filter.split(char::is_whitespace) {
            // A word without a field searches everywhere, so in what is withheld too.
            let plain = !word.is_empty() && !word.contains(':');
            if plain || asks(word).is_some() {
                return Err(from);
            }
            from += word.len() + 1;
        }
        Ok(())
    }
}

fn asks(word: &str) -> Option<&str> {
    let (field, _) = word.split_once(':')?;
    let bare = field.trim_start_matches(['-', '!', '(', '"']);
    let known = ASKS_FOR_PERSONS
        .iter()
        .any(|it| it.eq_ignore_ascii_case(bare));
    known.then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::console::Language;

    fn veil(lifted: bool) -> Veil {
        Veil::new(lifted, &Lens::plain(Language::English, Timestamp(0)))
    }

    #[test]
    fn numbers_stand_for_subjects_on_one_page() {
        let mut veil = veil(false);
        let (one, two) = ("person-aa", "person-bb");
        let of = |text: &str| SubjectId::new(text.to_owned());
        assert_eq!(veil.subject(&of(one)), "subject 1");
        assert_eq!(veil.subject(&of(two)), "subject 2");
        assert_eq!(veil.subject(&of(one)), "subject 1");
        assert_eq!(veil.hide(Some("IT")), None);
        assert_eq!(veil.text("met Jan".into()), None);
    }

    #[test]
    fn a_filter_is_no_way_round_the_veil() {
        let under = veil(false);
        assert_eq!(under.may_ask("stage:visited -vendor:pimeyes"), Ok(()));
        assert_eq!(under.may_ask("stage:visited unit:IT"), Err(14));
        assert_eq!(under.may_ask("-Subject:person-aa"), Err(0));
        assert_eq!(under.may_ask("person-aa"), Err(0));
        assert_eq!(
            under.filter("-unit:IT stage:visited".into()),
            "unit:… stage:visited"
        );
        assert_eq!(under.filter("unit:\"front desk\"".into()), "…");
        assert_eq!(veil(true).may_ask("unit:IT"), Ok(()));
    }
}
