//! Texts of the pages, English and Dutch side by side, a catalogue for each subject.
//!
//! Enters: a language. Leaves: texts. Never: names a stage as guilt.

mod case;
mod common;
mod lists;
mod say;

pub use case::CaseTexts;
pub use common::Texts;
pub use lists::ListTexts;
pub use say::Say;
