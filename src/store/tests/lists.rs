//! Lists against a plain reading of the same filter.

use proptest::prelude::*;

use super::sample::{self, SECOND, START};
use super::shown::{CasePage, CaseRow, Cursor, HitRow, Order, Page, Total};
use super::*;
use crate::store::filter::{Field, Op, Term, Test, Value};
use crate::store::query::search::Bounds;

const NOW: Timestamp = Timestamp(START + 40 * 86_400 * SECOND);

fn text_fits(value: &Value, text: &str) -> bool {
    match value {
        Value::Text(it) => it.eq_ignore_ascii_case(text),
        Value::Start(it) => text
            .to_ascii_lowercase()
            .starts_with(&it.to_ascii_lowercase()),
        Value::Absent => text.is_empty(),
        _ => false,
    }
}

fn order_fits(op: Op, order: std::cmp::Ordering) -> bool {
    match op {
        Op::Is => order.is_eq(),
        Op::Below => order.is_lt(),
        Op::AtMost => order.is_le(),
        Op::Above => order.is_gt(),
        Op::AtLeast => order.is_ge(),
    }
}

fn word_fits(field: Field, op: Op, value: &Value, text: &str) -> bool {
    let Value::Word(wanted) = value else {
        return false;
    };
    let Some(at) = field.words().iter().position(|word| *word == text) else {
        return false;
    };
    // Severities stand from the highest down.
    let order = if field == Field::Severity {
        wanted.cmp(&at)
    } else {
        at.cmp(wanted)
    };
    order_fits(op, order)
}

fn span_fits(op: Op, value: &Value, first: i64, last: i64) -> bool {
    match value {
        Value::Span(span) => {
            let (begin, end) = span.bounds();
            match op {
                Op::Is => last >= begin && first < end,
                Op::Below => first < begin,
                Op::AtMost => first < end,
                Op::Above => last >= end,
                Op::AtLeast => last >= begin,
            }
        }
        Value::Age(minutes) => {
            let age = NOW.nanos() - first;
            order_fits(op, age.cmp(&(i64::from(*minutes) * 60 * SECOND)))
        }
        _ => false,
    }
}

fn term_fits(term: &Term, words: &[&str], field_fits: impl Fn(Field, Op, &Value) -> bool) -> bool {
    let fits = match &term.test {
        Test::Word(word) => {
            let word = word.to_ascii_lowercase();
            words
                .iter()
                .any(|text| text.to_ascii_lowercase().contains(&word))
        }
        Test::Field { field, op, values } => values.iter().any(|it| field_fits(*field, *op, it)),
    };
    fits != term.negated
}

fn hit_fits(filter: &HitFilter, row: &HitRow) -> bool {
    let (unit, site) = (
        row.unit.as_deref().unwrap_or(""),
        row.site.as_deref().unwrap_or(""),
    );
    let words = [
        &row.name,
        &row.vendor,
        &row.vendor_name,
        unit,
        site,
        &row.point,
        &row.rule,
        row.subject.as_str(),
    ];
    filter.terms().iter().all(|term| {
        term_fits(term, &words, |field, op, value| match field {
            Field::Vendor => text_fits(value, &row.vendor) || text_fits(value, &row.vendor_name),
            Field::Host => match value {
                Value::Text(it) => row.name == *it || row.name.ends_with(&format!(".{it}")),
                _ => false,
            },
            Field::Unit => text_fits(value, unit),
            Field::Site => text_fits(value, site),
            Field::Subject => text_fits(value, row.subject.as_str()),
            Field::Point => text_fits(value, &row.point),
            Field::Role => word_fits(field, op, value, &row.role),
            Field::Seen => word_fits(field, op, value, &row.seen),
            Field::Kind => word_fits(field, op, value, row.subject_kind.label()),
            Field::Grade => word_fits(field, op, value, row.grade.label()),
            Field::Severity => word_fits(field, op, value, &row.severity),
            Field::Time | Field::Age => span_fits(op, value, row.time.nanos(), row.time.nanos()),
            _ => panic!("{field}"),
        })
    })
}

fn case_fits(filter: &CaseFilter, row: &CaseRow) -> bool {
    let head = &row.head;
    let (unit, site) = (
        head.unit.as_deref().unwrap_or(""),
        head.site.as_deref().unwrap_or(""),
    );
    let assignee = row.triage.assignee.as_deref().unwrap_or("");
    let words = [
        &head.id,
        &head.vendor,
        &head.vendor_name,
        head.subject.as_str(),
        unit,
        site,
        assignee,
    ];
    let truth = |value: &Value, is: bool| *value == Value::Truth(is);
    filter.terms().iter().all(|term| {
        term_fits(term, &words, |field, op, value| match field {
            Field::Stage => word_fits(field, op, value, head.stage.label()),
            Field::Standing => word_fits(field, op, value, head.ruling.standing.label()),
            Field::Vendor => text_fits(value, &head.vendor) || text_fits(value, &head.vendor_name),
            Field::Confidence => match value {
                Value::Number(it) => order_fits(op, u32::from(head.confidence).cmp(it)),
                _ => false,
            },
            Field::Subject => text_fits(value, head.subject.as_str()),
            Field::Kind => word_fits(field, op, value, head.subject_kind.label()),
            Field::Unit => text_fits(value, unit),
            Field::Site => text_fits(value, site),
            Field::Grade => word_fits(field, op, value, head.grade.label()),
            Field::Age => span_fits(op, value, head.opened.nanos(), 0),
            Field::Seen => span_fits(op, value, head.opened.nanos(), head.updated.nanos()),
            Field::State => word_fits(field, op, value, row.triage.state.label()),
            Field::Assignee => text_fits(value, assignee),
            Field::Verdict => word_fits(
                field,
                op,
                value,
                row.triage.verdict.map_or("", |it| it.label()),
            ),
            Field::Held => truth(value, row.triage.held_until.is_some_and(|it| it > NOW)),
            Field::Suppressed => truth(value, !row.suppressed.is_empty()),
            Field::Case => text_fits(value, &head.id),
            _ => panic!("{field}"),
        })
    })
}

/// Terms of which filters are made here.
const HIT_TERMS: [&str; 22] = [
    "vendor:pimeyes",
    "vendor:\"clearview ai\",lenso",
    "host:example",
    "host:app.pimeyes.example",
    "seen:tls-sni,quic-sni",
    "unit:IT",
    "unit:none",
    "unit:bur*",
    "site:utrecht",
    "role:app",
    "subject:person-0000000000001000",
    "subject:person-*",
    "kind:device",
    "grade:A,none",
    "point:eth0",
    "time:2026-11-01..2026-11-10",
    "time>=2026-11-20T12:00",
    "age<31d",
    "age>=33d",
    "severity>=medium",
    "face",
    "noord",
];
const CASE_TERMS: [&str; 24] = [
    "stage>=signed-up",
    "stage:visited",
    "stage<searching",
    "standing:authorised,informational",
    "vendor:pimeyes",
    "vendor:lenso,\"PimEyes\"",
    "confidence>=50",
    "confidence<20",
    "subject:person-*",
    "kind:person",
    "unit:IT",
    "unit:none",
    "site:none",
    "grade:A,B,C",
    "age<38d",
    "seen:2026-11-01..2026-11-20",
    "seen>2026-11-15",
    "state:new,acknowledged",
    "state:closed",
    "assignee:anna",
    "verdict:misuse,research",
    "held:yes",
    "suppressed:yes",
    "case:case-0000000000000001",
];

fn filter_of(terms: &'static [&'static str]) -> impl Strategy<Value = String> {
    let term = (0..terms.len(), any::<bool>())
        .prop_map(|(at, negated)| format!("{}{}", if negated { "-" } else { "" }, terms[at]));
    prop::collection::vec(term, 0..4).prop_map(|all| all.join(" "))
}

/// All pages, one after the other.
fn pages(reader: &Reader, filter: &HitFilter, rows: u32) -> (Vec<HitRow>, Total) {
    let mut all = Vec::new();
    let mut after: Option<Cursor> = None;
    loop {
        let page = reader.hits(filter, Page { rows, after }, NOW).unwrap();
        assert!(page.rows.len() <= rows as usize);
        all.extend(page.rows);
        after = page.next;
        if after.is_none() {
            return (all, page.total);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5))]
    #[test]
    fn hits_are_those_that_fit_newest_first(
        seed in any::<u64>(),
        filters in prop::collection::vec(filter_of(&HIT_TERMS), 6),
        rows in 20u32..120,
    ) {
        let bench = Bench::with(&sample::ledger(seed, 700));
        let reader = bench.reader();
        let (every, total) = pages(&reader, &HitFilter::default(), 1000);
        prop_assert_eq!(total, Total::Exactly(every.len() as u64));
        prop_assert!(every.is_sorted_by_key(|it| std::cmp::Reverse((it.time, it.number))));
        for text in filters {
            let filter = HitFilter::parse(&text).unwrap();
            let wanted: Vec<HitRow> = every.iter().filter(|it| hit_fits(&filter, it)).cloned().collect();
            // Each way of searching, forced.
            for (series, looks) in [(10_000, 2000), (10_000, 0), (3, 0), (0, 0)] {
                let reader = bench.reader().within(Bounds { series, looks });
                let (found, total) = pages(&reader, &filter, rows);
                prop_assert_eq!(total, Total::Exactly(wanted.len() as u64), "{}", text);
                prop_assert_eq!(&found, &wanted, "{}: {} {}", text, series, looks);
            }
            let (mut tail, next) = reader.hits_from(&filter, 0, 1000, NOW).unwrap();
            tail.sort_by_key(|it| std::cmp::Reverse((it.time, it.number)));
            prop_assert_eq!(&tail, &wanted, "{}", text);
            prop_assert_eq!(next, 700);
        }
    }

    #[test]
    fn cases_are_those_that_fit(
        seed in any::<u64>(),
        filters in prop::collection::vec(filter_of(&CASE_TERMS), 24),
    ) {
        let bench = Bench::with(&sample::ledger(seed, 700));
        let reader = bench.reader();
        let page = CasePage { rows: 1000, order: Order::Stage, ..CasePage::default() };
        let every = reader.cases(&CaseFilter::default(), page, NOW).unwrap().rows;
        prop_assert!(every.is_sorted_by_key(|it| std::cmp::Reverse((it.head.stage, it.head.confidence))));
        for text in filters {
            let filter = CaseFilter::parse(&text).unwrap();
            let wanted: Vec<&CaseRow> = every.iter().filter(|it| case_fits(&filter, it)).collect();
            let found = reader.cases(&filter, page, NOW).unwrap();
            prop_assert_eq!(found.total, Total::Exactly(wanted.len() as u64), "{}", text);
            prop_assert_eq!(found.rows.iter().collect::<Vec<_>>(), wanted, "{}", text);
        }
        let counts = reader.counts(NOW).unwrap();
        let many = |text: &str| {
            let filter = CaseFilter::parse(text).unwrap();
            match reader.cases(&filter, page, NOW).unwrap().total {
                Total::Exactly(many) => many,
                Total::MoreThan(_) => panic!("few cases"),
            }
        };
        prop_assert_eq!(counts.cases, every.len() as u64);
        prop_assert_eq!(counts.to_do, many("-state:closed suppressed:no"));
        prop_assert_eq!(counts.new, many("state:new suppressed:no"));
        prop_assert_eq!(counts.suppressed, many("-state:closed suppressed:yes"));
        prop_assert_eq!(counts.closed, many("state:closed"));
        prop_assert_eq!(counts.held, many("held:yes"));
        let sums = [
            counts.stages.iter().map(|it| it.1).sum::<u64>(),
            counts.standings.iter().map(|it| it.1).sum(),
            counts.assignees.iter().map(|it| it.1).sum(),
        ];
        prop_assert_eq!(sums, [counts.to_do; 3]);
    }
}

#[test]
fn a_page_of_cases_goes_on_where_the_last_ended() {
    let bench = Bench::with(&sample::ledger(4, 600));
    let reader = bench.reader();
    for order in [
        Order::Updated,
        Order::Opened,
        Order::Stage,
        Order::Confidence,
    ] {
        for ascending in [false, true] {
            let whole = CasePage {
                order,
                ascending,
                rows: 1000,
                skip: 0,
            };
            let every = reader.cases(&CaseFilter::default(), whole, NOW).unwrap();
            assert!(every.rows.len() >= 5 && every.next.is_none());
            let mut found = Vec::new();
            loop {
                let page = CasePage {
                    rows: 2,
                    skip: found.len() as u32,
                    ..whole
                };
                let part = reader.cases(&CaseFilter::default(), page, NOW).unwrap();
                found.extend(part.rows);
                if part.next.is_none() {
                    break;
                }
            }
            assert_eq!(found, every.rows);
        }
    }
}

#[test]
fn hits_of_the_same_moment_are_on_one_page_each() {
    let mut dice = sample::Dice(5);
    let entries = (0..40)
        .map(|_| {
            (
                START,
                crate::record::Body::Hit(Box::new(sample::hit(&mut dice, START))),
            )
        })
        .collect();
    let bench = Bench::with(&sample::numbered(0, entries));
    for text in ["", "vendor:pimeyes,lenso", "-vendor:pimeyes"] {
        let filter = HitFilter::parse(text).unwrap();
        let (found, _) = pages(&bench.reader(), &filter, 3);
        let (whole, total) = pages(&bench.reader(), &filter, 1000);
        assert_eq!(found, whole);
        assert_eq!(total, Total::Exactly(whole.len() as u64));
        assert!(whole.len() > 5);
    }
}

#[test]
fn more_than_is_counted_is_said_so() {
    let mut dice = sample::Dice(5);
    let entries = (0..10_100)
        .map(|n| {
            let mut hit = sample::hit(&mut dice, START + n);
            hit.record.poortwacht.name = "one.example".into();
            (START + n, crate::record::Body::Hit(Box::new(hit)))
        })
        .collect();
    let bench = Bench::with(&sample::numbered(0, entries));
    let total = |text: &str| {
        let filter = HitFilter::parse(text).unwrap();
        bench
            .reader()
            .hits(&filter, Page::default(), NOW)
            .unwrap()
            .total
    };
    // What whole series tell is exact, whatever it is.
    assert_eq!(total(""), Total::Exactly(10_100));
    assert_eq!(total("host:one.example"), Total::Exactly(10_100));
    // What a look at each hit tells is counted no further than is of use.
    assert_eq!(total("time:2026-11-01"), Total::MoreThan(10_000));
    assert_eq!(total("-case:case-1"), Total::MoreThan(10_000));
}
