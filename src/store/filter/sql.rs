//! A filter as a condition of SQL.
//!
//! Enters: terms. Leaves: a condition whose every value is bound. Never: has text of a filter in a
//! statement: what stands there is written in this file.

use rusqlite::types::Value as Bound;

use super::fields::Field;
use super::span::{self, Span};
use super::{CaseFilter, HitFilter, Op, Term, Test, Value};
use crate::base::Timestamp;
use crate::store::triage::STATE;

/// A condition and what is bound to its marks, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::store) struct Condition {
    pub sql: String,
    pub bound: Vec<Bound>,
}

impl Condition {
    /// One that always holds.
    pub fn always() -> Self {
        Self::plain("1")
    }

    fn plain(sql: &str) -> Self {
        Self {
            sql: sql.to_owned(),
            bound: Vec::new(),
        }
    }

    fn with(sql: &str, bound: impl IntoIterator<Item = Bound>) -> Self {
        Self {
            sql: sql.to_owned(),
            bound: bound.into_iter().collect(),
        }
    }

    /// Puts `other` behind, with `word` between.
    pub fn join(&mut self, word: &str, other: Self) {
        if self.sql.is_empty() {
            *self = other;
            return;
        }
        self.sql.push_str(word);
        self.sql.push_str(&other.sql);
        self.bound.extend(other.bound);
    }

    /// All or one of several, by `word`; `none` when there are none.
    pub fn several(word: &str, all: impl IntoIterator<Item = Self>, none: &str) -> Self {
        let mut whole = Self::default();
        for one in all {
            whole.join(word, one);
        }
        if whole.sql.is_empty() {
            return Self::plain(none);
        }
        whole.sql = format!("({})", whole.sql);
        whole
    }

    fn negated(mut self, negated: bool) -> Self {
        if negated {
            self.sql = format!("NOT {}", self.sql);
        }
        self
    }
}

fn text(text: &str) -> Bound {
    Bound::Text(text.to_owned())
}

/// Condition on a case `c` with its head `h`. `suppressed`: conditions of the suppressions in
/// force.
pub(in crate::store) fn cases(
    filter: &CaseFilter,
    now: Timestamp,
    suppressed: &Condition,
) -> Condition {
    let terms = filter.terms.iter().map(|term| {
        let condition = match &term.test {
            Test::Word(word) => case_word(word),
            Test::Field { field, op, values } => {
                let each = values
                    .iter()
                    .map(|value| case_value(*field, *op, value, now, suppressed));
                Condition::several(" OR ", each, "0")
            }
        };
        condition.negated(term.negated)
    });
    Condition::several(" AND ", terms, "1")
}

fn case_word(word: &str) -> Condition {
    const PLACES: [&str; 7] = [
        "c.case_id",
        "h.vendor",
        "h.vendor_name",
        "h.subject",
        "ifnull(h.unit, '')",
        "ifnull(h.site, '')",
        "c.assignee",
    ];
    let word = word.to_ascii_lowercase();
    let each = PLACES
        .map(|place| Condition::with(&format!("instr(lower({place}), ?) > 0"), [text(&word)]));
    Condition::several(" OR ", each, "0")
}

fn case_value(
    field: Field,
    op: Op,
    value: &Value,
    now: Timestamp,
    suppressed: &Condition,
) -> Condition {
    match field {
        Field::Vendor => Condition::several(
            " OR ",
            [same("h.vendor", value), same("h.vendor_name", value)],
            "0",
        ),
        Field::Confidence => number("h.confidence", op, value),
        Field::Age => age("h.opened", op, value, now),
        Field::Seen | Field::Time => overlap("h.opened", "h.updated", op, value),
        Field::Held => truth(
            value,
            Condition::with("c.held_until > ?", [Bound::Integer(now.nanos())]),
        ),
        Field::Suppressed => truth(value, suppressed.clone()),
        Field::Unit => same("ifnull(h.unit, '')", value),
        Field::Site => same("ifnull(h.site, '')", value),
        Field::Assignee => same("c.assignee", value),
        Field::Subject => same("h.subject", value),
        Field::Case => same("c.case_id", value),
        Field::Stage => one_of("h.stage", field, op, value),
        Field::Standing => one_of("h.standing", field, op, value),
        Field::Kind => one_of("h.subject_kind", field, op, value),
        Field::Grade => one_of("h.grade", field, op, value),
        Field::State => one_of(&format!("({STATE})"), field, op, value),
        Field::Verdict => one_of("c.verdict", field, op, value),
        Field::Host | Field::Role | Field::Point | Field::Severity => Condition::plain("0"),
    }
}

/// A text as it is, or the beginning of one; letters of either case.
fn same(column: &str, value: &Value) -> Condition {
    match value {
        Value::Text(it) => Condition::with(&format!("{column} = ? COLLATE NOCASE"), [text(it)]),
        Value::Start(it) => Condition::with(
            &format!("substr({column}, 1, length(?)) = ? COLLATE NOCASE"),
            [text(it), text(it)],
        ),
        Value::Absent => Condition::plain(&format!("{column} = ''")),
        _ => Condition::plain("0"),
    }
}

/// One of the field's own words, or what compares with it.
fn one_of(column: &str, field: Field, op: Op, value: &Value) -> Condition {
    let Value::Word(at) = value else {
        return Condition::plain("0");
    };
    let fitting = field
        .words()
        .iter()
        .enumerate()
        .filter(|(other, _)| compares(op, rank(field, *other).cmp(&rank(field, *at))))
        .map(|(_, word)| text(word));
    let bound: Vec<Bound> = fitting.collect();
    let marks = vec!["?"; bound.len()].join(", ");
    Condition::with(&format!("{column} IN ({marks})"), bound)
}

/// Words stand in rising order, severities in falling.
fn rank(field: Field, at: usize) -> usize {
    if field == Field::Severity {
        field.words().len().saturating_sub(at)
    } else {
        at
    }
}

const fn compares(op: Op, order: std::cmp::Ordering) -> bool {
    match op {
        Op::Is => order.is_eq(),
        Op::Below => order.is_lt(),
        Op::AtMost => order.is_le(),
        Op::Above => order.is_gt(),
        Op::AtLeast => order.is_ge(),
    }
}

const fn sign(op: Op) -> &'static str {
    match op {
        Op::Is => "=",
        Op::Below => "<",
        Op::AtMost => "<=",
        Op::Above => ">",
        Op::AtLeast => ">=",
    }
}

fn number(column: &str, op: Op, value: &Value) -> Condition {
    let Value::Number(number) = value else {
        return Condition::plain("0");
    };
    let bound = Bound::Integer(i64::from(*number));
    Condition::with(&format!("{column} {} ?", sign(op)), [bound])
}

/// What is younger lies later.
fn age(column: &str, op: Op, value: &Value, now: Timestamp) -> Condition {
    let Value::Age(minutes) = value else {
        return Condition::plain("0");
    };
    let turned = match op {
        Op::Is => "=",
        Op::Below => ">",
        Op::AtMost => ">=",
        Op::Above => "<",
        Op::AtLeast => "<=",
    };
    let bound = Bound::Integer(span::before(now, *minutes));
    Condition::with(&format!("{column} {turned} ?"), [bound])
}

/// The span of time that a comparison with a span means: first nanosecond, first one after.
fn bounds(op: Op, span: Span) -> (i64, i64) {
    let (begin, end) = span.bounds();
    match op {
        Op::Is => (begin, end),
        Op::Below => (i64::MIN, begin),
        Op::AtMost => (i64::MIN, end),
        Op::Above => (end, i64::MAX),
        Op::AtLeast => (begin, i64::MAX),
    }
}

fn overlap(first: &str, last: &str, op: Op, value: &Value) -> Condition {
    let Value::Span(span) = value else {
        return Condition::plain("0");
    };
    let (begin, end) = bounds(op, *span);
    Condition::with(
        &format!("({last} >= ? AND {first} < ?)"),
        [Bound::Integer(begin), Bound::Integer(end)],
    )
}

fn truth(value: &Value, condition: Condition) -> Condition {
    let Value::Truth(wanted) = value else {
        return Condition::plain("0");
    };
    Condition {
        sql: format!("({})", condition.sql),
        bound: condition.bound,
    }
    .negated(!wanted)
}

/// A filter of hits, taken apart: what a series decides, what a time, what a single hit.
#[derive(Clone, Debug)]
pub(in crate::store) struct HitPlan {
    /// On a series `s`. A series that it refuses has no hit that fits.
    pub series: Condition,
    /// On a hit `i` of a series that fits; `None`: each fits.
    pub single: Option<Condition>,
    /// First nanosecond.
    pub from: i64,
    /// First nanosecond after.
    pub until: i64,
}

/// What is known of a case that a filter of hits names.
#[derive(Clone, Debug)]
pub(in crate::store) struct Scope {
    /// On a series `s`: may it have hits of the case?
    pub series: Condition,
    /// On a hit `i` of a series `s`: is it one of the case?
    pub hit: Condition,
    /// From the first evidence to the newest.
    pub span: (i64, i64),
}

impl HitFilter {
    /// The cases that it names.
    pub(in crate::store) fn cases(&self) -> Vec<&Value> {
        let of = |term: &'_ Term| match &term.test {
            Test::Field { field, .. } => *field == Field::Case,
            Test::Word(_) => false,
        };
        let terms = self.terms.iter().filter(|term| of(term));
        terms
            .flat_map(|term| match &term.test {
                Test::Field { values, .. } => values.as_slice(),
                Test::Word(_) => &[],
            })
            .collect()
    }
}

/// Takes a filter of hits apart. `scope`: what is known of a case that it names.
pub(in crate::store) fn hits(
    filter: &HitFilter,
    now: Timestamp,
    scope: &dyn Fn(&Value) -> Scope,
) -> HitPlan {
    let mut plan = HitPlan {
        series: Condition::always(),
        single: None,
        from: i64::MIN,
        until: i64::MAX,
    };
    let mut series = Vec::new();
    let mut single = Vec::new();
    for term in &filter.terms {
        if term_on_series(term, &mut series) {
            continue;
        }
        let Test::Field { field, op, values } = &term.test else {
            continue;
        };
        if let ([value], false) = (values.as_slice(), term.negated) {
            match *field {
                Field::Time | Field::Age => {
                    plan.narrow(times(*field, *op, value, now));
                    continue;
                }
                Field::Case => {
                    let scope = scope(value);
                    plan.narrow(scope.span);
                    series.push(scope.series);
                    single.push(scope.hit);
                    continue;
                }
                _ => {}
            }
        }
        let each = values.iter().map(|value| match field {
            Field::Case => scope(value).hit,
            _ => within(times(*field, *op, value, now)),
        });
        single.push(Condition::several(" OR ", each, "0").negated(term.negated));
    }
    plan.series = Condition::several(" AND ", series, "1");
    if !single.is_empty() {
        plan.single = Some(Condition::several(" AND ", single, "1"));
    }
    plan
}

impl HitPlan {
    fn narrow(&mut self, (from, until): (i64, i64)) {
        self.from = self.from.max(from);
        self.until = self.until.min(until);
    }
}

fn within((from, until): (i64, i64)) -> Condition {
    Condition::with(
        "(i.time >= ? AND i.time < ?)",
        [Bound::Integer(from), Bound::Integer(until)],
    )
}

fn times(field: Field, op: Op, value: &Value, now: Timestamp) -> (i64, i64) {
    match (field, value) {
        (Field::Time, Value::Span(span)) => bounds(op, *span),
        (Field::Age, Value::Age(minutes)) => {
            let at = span::before(now, *minutes);
            let after = at.saturating_add(1);
            match op {
                Op::Below => (after, i64::MAX),
                Op::AtMost => (at, i64::MAX),
                Op::Above => (i64::MIN, at),
                Op::AtLeast => (i64::MIN, after),
                Op::Is => (at, after),
            }
        }
        _ => (0, 0),
    }
}

/// Adds a term that a series decides; `false`: it does not.
fn term_on_series(term: &Term, series: &mut Vec<Condition>) -> bool {
    let condition = match &term.test {
        Test::Word(word) => series_word(word),
        Test::Field { field, op, values } => {
            if matches!(field, Field::Time | Field::Age | Field::Case) {
                return false;
            }
            let each = values.iter().map(|value| series_value(*field, *op, value));
            Condition::several(" OR ", each, "0")
        }
    };
    series.push(condition.negated(term.negated));
    true
}

fn series_word(word: &str) -> Condition {
    const COLUMNS: [&str; 7] = [
        "name",
        "vendor",
        "vendor_name",
        "unit",
        "site",
        "point",
        "rule",
    ];
    let word = word.to_ascii_lowercase();
    let each = COLUMNS.map(|column| {
        let sql = format!("s.{column} IN (SELECT id FROM words WHERE instr(lower(text), ?) > 0)");
        Condition::with(&sql, [text(&word)])
    });
    let subject = "s.subject IN (SELECT id FROM subjects WHERE instr(pseudonym, ?) > 0)";
    let subject = Condition::with(subject, [text(&word)]);
    Condition::several(" OR ", each.into_iter().chain([subject]), "0")
}

fn series_value(field: Field, op: Op, value: &Value) -> Condition {
    let among = |column: &str, mut condition: Condition| {
        condition.sql = format!(
            "s.{column} IN (SELECT id FROM words WHERE {})",
            condition.sql
        );
        condition
    };
    match field {
        Field::Vendor => {
            let columns = ["vendor", "vendor_name"];
            let each = columns.map(|column| among(column, same("text", value)));
            Condition::several(" OR ", each, "0")
        }
        Field::Subject => {
            // As written: the index knows no other.
            let (sql, bound) = match value {
                Value::Text(it) => ("pseudonym = ?", vec![text(it)]),
                Value::Start(it) => (
                    "pseudonym >= ? AND pseudonym < ? || char(1114111)",
                    vec![text(it), text(it)],
                ),
                _ => ("0", Vec::new()),
            };
            let sql = format!("s.subject IN (SELECT id FROM subjects WHERE {sql})");
            Condition::with(&sql, bound)
        }
        Field::Host => match value {
            // What ends with a dot and the name, or is the name.
            Value::Text(name) => {
                let sql = "substr('.' || text, -length(?) - 1) = '.' || ?";
                among("name", Condition::with(sql, [text(name), text(name)]))
            }
            _ => Condition::plain("0"),
        },
        Field::Unit => among("unit", same("text", value)),
        Field::Site => among("site", same("text", value)),
        Field::Point => among("point", same("text", value)),
        Field::Kind => among("subject_kind", one_of("text", field, op, value)),
        Field::Grade => among("grade", one_of("text", field, op, value)),
        Field::Seen => among("seen", one_of("text", field, op, value)),
        Field::Role => among("role", one_of("text", field, op, value)),
        Field::Severity => among("severity", one_of("text", field, op, value)),
        _ => Condition::plain("0"),
    }
}
