//! The box in which filters are written, and where one does not make sense.
//!
//! Enters: the text somebody wrote, what the store says of it. Leaves: the box. Never: asks for a
//! person on behalf of somebody who may not see persons.

use super::lens::Lens;
use super::veil::Veil;
use crate::store::filter::About;
use crate::store::{CaseFilter, FilterError, HitFilter};

/// Longest filter, in bytes.
pub const FILTER_LEN_MAX: usize = 1000;

/// The box.
pub struct FilterBox {
    /// What stands in it.
    pub text: String,
    /// Where it stops making sense.
    pub wrong: Option<Wrong>,
    /// Fields that may be asked for, for the help below.
    pub fields: &'static [crate::store::filter::Field],
}

/// Where a filter stops making sense.
pub struct Wrong {
    /// What stands before.
    pub before: String,
    /// From there on.
    pub after: String,
    /// What is wrong, and what would be right.
    pub why: String,
    /// Character, from 1.
    pub place: usize,
}

impl FilterBox {
    /// A filter of cases.
    pub fn of_cases(text: &str, veil: &Veil, lens: &Lens) -> (Self, Option<CaseFilter>) {
        Self::of(text, CaseFilter::parse, About::Cases, veil, lens)
    }

    /// A filter of hits.
    pub fn of_hits(text: &str, veil: &Veil, lens: &Lens) -> (Self, Option<HitFilter>) {
        Self::of(text, HitFilter::parse, About::Hits, veil, lens)
    }

    fn of<T>(
        text: &str,
        parse: impl Fn(&str) -> Result<T, FilterError>,
        about: About,
        veil: &Veil,
        lens: &Lens,
    ) -> (Self, Option<T>) {
        let text = text.trim();
        let mut end = text.len().min(FILTER_LEN_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let long = (end < text.len()).then(|| (end, lens.fill(lens.w.too_long, lens.w.filter)));
        let text = &text[..end];
        let veiled = veil.may_ask(text, about).err();
        let veiled = veiled.map(|at| (at, lens.w.withheld.to_owned()));
        let (read, wrong) = match long.or(veiled) {
            Some(wrong) => (None, Some(wrong)),
            None => match parse(text) {
                Ok(read) => (Some(read), None),
                Err(why) => (None, Some((why.at, why.what))),
            },
        };
        let wrong = wrong.map(|(at, why)| {
            let mut at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            let (before, after) = text.split_at(at);
            Wrong {
                place: before.chars().count() + 1,
                before: before.to_owned(),
                after: after.to_owned(),
                why,
            }
        });
        let text = text.to_owned();
        (
            Self {
                text,
                wrong,
                fields: about.fields(),
            },
            read,
        )
    }
}
