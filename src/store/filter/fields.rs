//! Which fields there are, and what each is compared with.
//!
//! Enters: a name. Leaves: [`Field`], [`Shape`]; for a name that is none the nearest that is.
//! Never: reads a value.

use crate::base::Seen;
use crate::base::seen::closed_set;
use crate::blocklist::{Role, Severity, Stage};
use crate::identity::{Grade, SubjectKind};
use crate::organisation::Standing;
use crate::record::act::Verdict;
use crate::store::triage::State;

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Cases.
    Cases,
    /// Hits.
    Hits,
}

closed_set! {
    /// What a term asks about.
    Field {
        /// Cases: highest stage.
        Stage = "stage",
        /// Cases: how the use stands to the register.
        Standing = "standing",
        /// Vendor, by id or name.
        Vendor = "vendor",
        /// Cases: confidence in the stage, 0 to 100.
        Confidence = "confidence",
        /// The subject's pseudonym.
        Subject = "subject",
        /// What the subject is.
        Kind = "kind",
        /// Unit.
        Unit = "unit",
        /// Site.
        Site = "site",
        /// How surely the subject is the one.
        Grade = "grade",
        /// Time since the first evidence of a case, or since a hit.
        Age = "age",
        /// Cases: evidence within a span. Hits: how the name was seen.
        Seen = "seen",
        /// Cases: where the work on it stands.
        State = "state",
        /// Cases: who has it.
        Assignee = "assignee",
        /// Cases: as what it was closed.
        Verdict = "verdict",
        /// Cases: under a legal hold?
        Held = "held",
        /// Cases: under a rule that suppresses?
        Suppressed = "suppressed",
        /// A case's id.
        Case = "case",
        /// Hits: the name seen, and what lies below it.
        Host = "host",
        /// Hits: what the vendor uses the host for.
        Role = "role",
        /// Hits: observation point.
        Point = "point",
        /// Hits: when.
        Time = "time",
        /// Hits: severity of the rule.
        Severity = "severity",
    }
}

/// What the value of a field looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One of the field's own words; in order, where they can be compared.
    Words {
        /// May be compared with `<` and the like.
        ordered: bool,
    },
    /// Any text, or the beginning of one with `*` behind.
    Text {
        /// `none` asks for what has none.
        optional: bool,
    },
    /// A host name: itself and what lies below.
    Host,
    /// A number up to this.
    Number(u32),
    /// An age: `30m`, `12h`, `7d`, `2w`.
    Age,
    /// A span of time.
    Span,
    /// `yes` or `no`.
    Truth,
}

use Field as F;

const CASES: &[Field] = &[
    F::Stage,
    F::Standing,
    F::Vendor,
    F::Confidence,
    F::Subject,
    F::Kind,
    F::Unit,
    F::Site,
    F::Grade,
    F::Age,
    F::Seen,
    F::State,
    F::Assignee,
    F::Verdict,
    F::Held,
    F::Suppressed,
    F::Case,
];

const HITS: &[Field] = &[
    F::Vendor,
    F::Host,
    F::Role,
    F::Seen,
    F::Unit,
    F::Site,
    F::Subject,
    F::Kind,
    F::Grade,
    F::Point,
    F::Time,
    F::Age,
    F::Case,
    F::Severity,
];

impl About {
    /// The fields that can be asked about here.
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Self::Cases => CASES,
            Self::Hits => HITS,
        }
    }

    /// The field of this name. `name` stands for `host`.
    pub fn field(self, name: &str) -> Option<Field> {
        let name = if name == "name" { "host" } else { name };
        let mut fields = self.fields().iter().copied();
        fields.find(|field| field.label() == name)
    }
}

impl Field {
    /// What its value looks like.
    pub const fn shape(self, about: About) -> Shape {
        match self {
            Self::Stage | Self::Severity => Shape::Words { ordered: true },
            Self::Seen => match about {
                About::Cases => Shape::Span,
                About::Hits => Shape::Words { ordered: false },
            },
            Self::Standing
            | Self::Kind
            | Self::Grade
            | Self::State
            | Self::Verdict
            | Self::Role => Shape::Words { ordered: false },
            Self::Vendor | Self::Subject | Self::Point | Self::Case => {
                Shape::Text { optional: false }
            }
            Self::Unit | Self::Site | Self::Assignee => Shape::Text { optional: true },
            Self::Host => Shape::Host,
            Self::Confidence => Shape::Number(100),
            Self::Age => Shape::Age,
            Self::Time => Shape::Span,
            Self::Held | Self::Suppressed => Shape::Truth,
        }
    }

    /// Its own words, in order; none for other shapes.
    pub fn words(self) -> &'static [&'static str] {
        fn labels<const N: usize, T: Copy>(
            all: &'static [T],
            label: fn(T) -> &'static str,
        ) -> [&'static str; N] {
            let mut labels = [""; N];
            for (to, from) in labels.iter_mut().zip(all) {
                *to = label(*from);
            }
            labels
        }
        macro_rules! words {
            ($set:ident) => {{
                static WORDS: std::sync::LazyLock<[&str; $set::ALL.len()]> =
                    std::sync::LazyLock::new(|| labels($set::ALL, $set::label));
                WORDS.as_slice()
            }};
        }
        match self {
            Self::Stage => words!(Stage),
            Self::Standing => words!(Standing),
            Self::Kind => words!(SubjectKind),
            Self::Grade => words!(Grade),
            Self::Seen => words!(Seen),
            Self::State => words!(State),
            Self::Verdict => words!(Verdict),
            Self::Role => words!(Role),
            Self::Severity => words!(Severity),
            _ => &[],
        }
    }
}

/// The one among `known` that is nearest to `text`, if one is near.
pub(super) fn nearest<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let text: Vec<char> = text.chars().take(40).flat_map(char::to_lowercase).collect();
    known
        .map(|word| (distance(&text, word), word))
        .filter(|(steps, word)| *steps <= word.len().div_ceil(3).max(1))
        .min()
        .map(|(_, word)| word)
}

/// How many letters to change, add or leave out (Levenshtein).
fn distance(text: &[char], word: &str) -> usize {
    let word: Vec<char> = word.chars().collect();
    let mut row: Vec<usize> = (0..=word.len()).collect();
    for (i, a) in text.iter().enumerate() {
        let mut next = vec![i.saturating_add(1)];
        let mut left = i.saturating_add(1);
        for (j, b) in word.iter().enumerate() {
            let above = row.get(j.saturating_add(1)).copied().unwrap_or(usize::MAX);
            let corner = row.get(j).copied().unwrap_or(usize::MAX);
            let changed = corner.saturating_add(usize::from(a != b));
            left = changed.min(above.min(left).saturating_add(1));
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
