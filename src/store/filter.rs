//! The language of searches: `vendor:clearview-ai stage>=signed-up -unit:IT age<7d "face search"`.
//!
//! Enters: text that somebody typed. Leaves: [`CaseFilter`], [`HitFilter`]: terms that all have to
//! hold, each with a typed value; or where the text stops making sense, and what would. Never:
//! brings text into a statement (values are bound); gives a filter that reads back as another one
//! than it prints.
//!
//! ```text
//! filter = term*                         all of them have to hold
//! term   = ["-"] (word | field op value ("," value)*)    "-": it must not; ",": one is enough
//! op     = ":" | "<" | "<=" | ">" | ">="
//! value  = bare | quoted                 quoted: "...", with \" and \\ inside
//! ```
//! `docs/filters.md` has each field with its values.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod fields;
#[doc(hidden)]
pub mod oracle;
mod parse;
mod span;
pub(super) mod sql;
#[cfg(test)]
mod tests;

use std::fmt;

pub use fields::{About, Field, Shape};
pub use span::{Moment, Precision, Span};

/// Longest filter, in bytes.
pub const LEN_MAX: usize = 2000;
/// Most terms.
pub const TERMS_MAX: usize = 40;
/// Most values of a term.
pub const VALUES_MAX: usize = 50;

/// Why a filter cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Byte in the text at which it stops making sense.
    pub at: usize,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.at, self.what)
    }
}

/// Which cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseFilter {
    terms: Vec<Term>,
}

/// Which hits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HitFilter {
    terms: Vec<Term>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// It must not hold.
    pub negated: bool,
    /// What must.
    pub test: Test,
}

/// What a term asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// This text, anywhere.
    Word(String),
    /// A field has one of these values.
    Field {
        /// Which.
        field: Field,
        /// How it is compared. Other than [`Op::Is`]: with one value.
        op: Op,
        /// With what; at least one.
        values: Vec<Value>,
    },
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `:`
    Is,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

impl Op {
    /// As it is written.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Is => ":",
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A word of the field's own, by its place in [`Shape::Words`].
    Word(usize),
    /// A text, whole; of a host also what lies below it.
    Text(String),
    /// What begins with this.
    Start(String),
    /// Nothing there: `none`.
    Absent,
    /// A number.
    Number(u32),
    /// An age, in minutes.
    Age(u32),
    /// A span of time.
    Span(Span),
    /// `yes` or `no`.
    Truth(bool),
}

/// A term as its reader takes it, for whoever judges what may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Byte at which it begins.
    pub at: usize,
    /// What it asks about; `None`: a text, anywhere.
    pub field: Option<Field>,
    /// As it prints.
    pub text: String,
}

/// What a filter asks about, term by term.
///
/// # Errors
/// As of [`CaseFilter::parse`] and [`HitFilter::parse`].
pub fn asked(text: &str, about: About) -> Result<Vec<Asked>, FilterError> {
    let mut asked = Vec::new();
    parse::each(text, about, |at, term| {
        let field = match &term.test {
            Test::Word(_) => None,
            Test::Field { field, .. } => Some(*field),
        };
        let text = CaseFilter { terms: vec![term] }.to_string();
        asked.push(Asked { at, field, text });
    })?;
    Ok(asked)
}

impl CaseFilter {
    /// Reads a filter; an empty text lets everything through.
    ///
    /// # Errors
    /// Where and what.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::terms(text, About::Cases).map(|terms| Self { terms })
    }

    /// Its terms, in order.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// May it be the filter of a suppression? One that asks for suppressions may not.
    ///
    /// # Errors
    /// A sentence.
    pub fn may_suppress(&self) -> Result<(), String> {
        let asks = |term: &Term| match &term.test {
            Test::Field { field, .. } => *field == Field::Suppressed,
            Test::Word(_) => false,
        };
        if self.terms.iter().any(asks) {
            Err("a rule that suppresses cannot ask what is suppressed: leave that term out".into())
        } else if self.terms.is_empty() {
            Err("a rule that suppresses every case is refused: say which cases".into())
        } else {
            Ok(())
        }
    }
}

impl HitFilter {
    /// Reads a filter; an empty text lets everything through.
    ///
    /// # Errors
    /// Where and what.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::terms(text, About::Hits).map(|terms| Self { terms })
    }

    /// Hits of one case.
    pub fn of_case(id: &str) -> Self {
        let term = Term {
            negated: false,
            test: Test::Field {
                field: Field::Case,
                op: Op::Is,
                values: vec![Value::Text(id.to_owned())],
            },
        };
        Self { terms: vec![term] }
    }

    /// Its terms, in order.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }
}

impl fmt::Display for CaseFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(&self.terms, f)
    }
}

impl fmt::Display for HitFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(&self.terms, f)
    }
}

fn print(terms: &[Term], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (at, term) in terms.iter().enumerate() {
        if at > 0 {
            f.write_str(" ")?;
        }
        if term.negated {
            f.write_str("-")?;
        }
        match &term.test {
            Test::Word(word) => {
                // What would be taken for something else when it is bare.
                let other = word.starts_with('-') || word.contains(':');
                print_text(word, other, f)?;
            }
            Test::Field { field, op, values } => {
                write!(f, "{}{}", field.label(), op.sign())?;
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        f.write_str(",")?;
                    }
                    print_value(*field, value, f)?;
                }
            }
        }
    }
    Ok(())
}

fn print_value(field: Field, value: &Value, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value {
        Value::Word(at) => f.write_str(field.words().get(*at).copied().unwrap_or_default()),
        Value::Text(text) => {
            // What would be taken for something else when it is bare.
            let other = text == "none" || text.ends_with('*');
            print_text(text, other, f)
        }
        Value::Start(text) => {
            write!(f, "{text}*")
        }
        Value::Absent => f.write_str("none"),
        Value::Number(number) => write!(f, "{number}"),
        Value::Age(minutes) => span::print_age(*minutes, f),
        Value::Span(span) => write!(f, "{span}"),
        Value::Truth(true) => f.write_str("yes"),
        Value::Truth(false) => f.write_str("no"),
    }
}

/// A text, in quotes where it needs them or `always`.
fn print_text(text: &str, always: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let plain = |c: char| !c.is_whitespace() && !parse::SPECIAL.contains(&c);
    if !always && !text.is_empty() && text.chars().all(plain) {
        return f.write_str(text);
    }
    f.write_str("\"")?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    f.write_str("\"")
}
