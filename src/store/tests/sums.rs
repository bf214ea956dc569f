//! What is summed up: the audit trail, hours of coverage, vendors.

use super::sample::{SECOND, START, VENDORS};
use super::shown::{AuditFilter, Page, Told, Total};
use super::work::*;
use super::*;
use crate::record::Body;

#[test]
fn the_audit_trail_shows_who_did_what_and_that_something_was_deleted() {
    let ledger = sample::ledger(21, 900);
    let mut bench = Bench::with(&ledger);
    let list = |bench: &Bench, filter: &AuditFilter| {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = bench
                .reader()
                .audit(filter, Page { rows: 7, after })
                .unwrap();
            all.extend(page.rows);
            after = page.next;
            if after.is_none() {
                return (all, page.total);
            }
        }
    };
    let (all, total) = list(&bench, &AuditFilter::default());
    assert_eq!(total, Total::Exactly(all.len() as u64));
    assert!(all.is_sorted_by_key(|it| std::cmp::Reverse(it.number)));
    let acts = ledger.iter().filter(|it| {
        matches!(
            &it.entry.as_ref().unwrap().body,
            Body::Act(_) | Body::List(_) | Body::Life(_) | Body::Loss(_)
        )
    });
    assert_eq!(all.len(), acts.count());
    assert!(
        !all.iter()
            .any(|it| matches!(it.what, Told::Other | Told::Deleted))
    );

    let by = AuditFilter {
        by: Some("anna".into()),
        ..AuditFilter::default()
    };
    let (annas, _) = list(&bench, &by);
    assert!(!annas.is_empty() && annas.len() < all.len());
    assert!(
        annas
            .iter()
            .all(|it| matches!(&it.what, Told::Act(it) if it.by.name == "anna"))
    );
    let half = all[all.len() / 2].time.unwrap();
    let before = AuditFilter {
        until: Some(half),
        ..AuditFilter::default()
    };
    let since = AuditFilter {
        from: Some(half),
        ..AuditFilter::default()
    };
    assert_eq!(
        list(&bench, &before).0.len() + list(&bench, &since).0.len(),
        all.len()
    );
    let of_case = AuditFilter {
        case: all.iter().find_map(|it| it.case.clone()),
        ..AuditFilter::default()
    };
    assert!(
        list(&bench, &of_case)
            .0
            .iter()
            .all(|it| it.case == of_case.case)
    );

    bench.store.forget(&[all[0].number]).unwrap();
    let (after, _) = list(&bench, &AuditFilter::default());
    assert_eq!(
        (after.len(), &after[0].what, after[0].time),
        (all.len(), &Told::Deleted, None)
    );
}

#[test]
fn hours_of_coverage_are_those_that_touch_the_span() {
    let hour = |from: i64| {
        Body::Coverage(Box::new(crate::record::Coverage {
            from,
            until: from + 3600,
            ..Default::default()
        }))
    };
    let first = START / SECOND;
    let bench = Bench::with(&ledger((0..5).map(|n| hour(first + n * 3600)).collect()));
    let found = |from: i64, until: i64| {
        let at = |seconds: i64| Timestamp((first + seconds) * SECOND);
        let hours = bench.reader().coverage(at(from), at(until)).unwrap();
        hours.iter().map(|it| it.0).collect::<Vec<_>>()
    };
    assert_eq!(found(3600, 7200), [1]);
    assert_eq!(found(3599, 7201), [0, 1, 2]);
    assert_eq!(found(-9, 0), [0u64; 0]);
    assert_eq!(found(0, 90_000), [0, 1, 2, 3, 4]);
}

#[test]
fn vendors_are_summed_up() {
    let bench = Bench::with(&sample::ledger(17, 900));
    let vendors = bench.reader().vendors().unwrap();
    assert_eq!(vendors.len(), VENDORS.len());
    let all = |text: &str| match bench
        .reader()
        .hits(&HitFilter::parse(text).unwrap(), Page::default(), NOW)
        .unwrap()
        .total
    {
        Total::Exactly(many) => many,
        Total::MoreThan(_) => panic!("few hits"),
    };
    for it in &vendors {
        assert_eq!(it.hits, all(&format!("vendor:{}", it.vendor)));
        assert!(it.first < it.last && it.subjects >= 2 && it.names == 3);
        assert_eq!(it.stages.iter().map(|it| it.1).sum::<u64>(), it.cases);
    }
    let cases = bench.reader().counts(NOW).unwrap().cases;
    assert_eq!(vendors.iter().map(|it| it.cases).sum::<u64>(), cases);
}
