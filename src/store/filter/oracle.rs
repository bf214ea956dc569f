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
            check_condition(&condition, filter.terms());
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
            let plan = sql::hits(&filter, Timestamp(0), &|_| Scope {
                series: Condition::always(),
                hit: Condition::always(),
                span: (0, 1),
            });
            check_condition(&plan.series, filter.terms());
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

/// No text of the filter stands in the condition, and as many values are bound as it has marks.
fn check_condition(condition: &Condition, terms: &[Term]) {
    let marks = condition.sql.matches('?').count();
    assert_eq!(marks, condition.bound.len(), "{}", condition.sql);
    for text in terms.iter().flat_map(texts) {
        let strange = text.len() > 24 || text.chars().any(|c| "'\";%-".contains(c));
        assert!(
            !strange || !condition.sql.contains(text.as_str()),
            "{text} in {}",
            condition.sql
        );
    }
}

fn texts(term: &Term) -> Vec<String> {
    match &term.test {
        Test::Word(word) => vec![word.clone()],
        Test::Field { values, .. } => values
            .iter()
            .filter_map(|value| match value {
                Value::Text(text) | Value::Start(text) => Some(text.clone()),
                _ => None,
            })
            .collect(),
    }
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
