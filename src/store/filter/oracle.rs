//! What must hold for every text that is read as a filter.
//!
//! For fuzzing and tests only: allocates and panics.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::cell::RefCell;

use rusqlite::Connection;

use super::sql::{self, Condition, Scope};
use super::{CaseFilter, FilterError, HitFilter, LEN_MAX, Term, Test, Value};
use crate::base::Timestamp;
use crate::store::schema;

thread_local! {
    /// An empty store in memory: each condition has to be one that it understands.
    static STORE: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

/// Asserts what must hold of `data` as a filter of cases, and as one of hits.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match CaseFilter::parse(&text) {
        Ok(filter) => {
            let again = CaseFilter::parse(&filter.to_string());
            assert_eq!(again, Ok(filter.clone()), "{filter}");
            let condition = sql::cases(&filter, Timestamp(0), &Condition::always());
            check_marks(&condition);
            let other = CaseFilter {
                terms: exchanged(filter.terms()),
            };
            let other = sql::cases(&other, Timestamp(0), &Condition::always());
            assert_eq!(condition.sql, other.sql);
            run(
                "SELECT count(*) FROM cases c JOIN heads h ON h.number = c.head",
                &condition,
            );
        }
        Err(e) => check_error(&text, &e),
    }
    match HitFilter::parse(&text) {
        Ok(filter) => {
            let again = HitFilter::parse(&filter.to_string());
            assert_eq!(again, Ok(filter.clone()), "{filter}");
            let scope = |_: &Value| Scope {
                series: Condition::always(),
                hit: Condition::always(),
                span: (0, 1),
            };
            let plan = sql::hits(&filter, Timestamp(0), &scope);
            check_marks(&plan.series);
            let other = HitFilter {
                terms: exchanged(filter.terms()),
            };
            let other = sql::hits(&other, Timestamp(0), &scope);
            assert_eq!(plan.series.sql, other.series.sql);
            assert_eq!(
                plan.single.as_ref().map(|it| &it.sql),
                other.single.as_ref().map(|it| &it.sql)
            );
            let from = "SELECT count(*) FROM hits i JOIN series s ON s.id = i.series";
            run(from, &plan.series);
            if let Some(single) = &plan.single {
                run(from, single);
            }
        }
        Err(e) => check_error(&text, &e),
    }
}

fn check_error(text: &str, e: &FilterError) {
    assert!(e.at <= text.len().max(LEN_MAX), "{e}");
    assert!(!e.what.is_empty() && e.what.len() < 1000, "{e}");
    assert!(!e.what.chars().any(char::is_control), "{e:?}");
}

/// As many values are bound as the condition has marks.
fn check_marks(condition: &Condition) {
    let marks = condition.sql.matches('?').count();
    assert_eq!(marks, condition.bound.len(), "{}", condition.sql);
}

/// The same terms with every text exchanged: what they come to may differ in what is bound alone.
fn exchanged(terms: &[Term]) -> Vec<Term> {
    let value = |value: &Value| match value {
        Value::Text(_) => Value::Text("x".into()),
        Value::Start(_) => Value::Start("x".into()),
        other => other.clone(),
    };
    let term = |term: &Term| Term {
        negated: term.negated,
        test: match &term.test {
            Test::Word(_) => Test::Word("x".into()),
            Test::Field { field, op, values } => Test::Field {
                field: *field,
                op: *op,
                values: values.iter().map(value).collect(),
            },
        },
    };
    terms.iter().map(term).collect()
}

fn run(from: &str, condition: &Condition) {
    STORE.with_borrow_mut(|store| {
        let db = store.get_or_insert_with(|| {
            let db = Connection::open_in_memory().unwrap();
            schema::STEPS
                .iter()
                .for_each(|step| db.execute_batch(step).unwrap());
            db
        });
        let sql = format!("{from} WHERE {}", condition.sql);
        let mut statement = db.prepare(&sql).unwrap_or_else(|e| panic!("{e}: {sql}"));
        let bound = rusqlite::params_from_iter(&condition.bound);
        let count: i64 = statement.query_row(bound, |row| row.get(0)).unwrap();
        assert_eq!(count, 0);
    });
}
