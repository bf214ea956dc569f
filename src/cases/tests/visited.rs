//! A look-up, a visit, and what lies between them.

use super::*;

/// Reads the front page, comes back to it after a while.
fn reads(who: &Who, name: &str) -> Vec<Input> {
    let mut inputs = page(who, name, 0.0);
    inputs.push(later(who, name, 0.0, 24.0, 21.0, 420, 36_000));
    inputs
}

#[test]
fn each_shape_of_traffic_has_its_stage() {
    let me = person(1);
    let preconnect = Ex {
        opened: 0.1,
        start: 0.1,
        lasts: 0.2,
        rest: 0.0,
        up: 2_050,
        down: 5_900,
    };
    let ping = later(&me, "www.kairos.com", 0.05, 45.0, 44.0, 39, 39);
    let bye = later(&me, "www.kairos.com", 0.05, 60.0, 15.0, 24, 0);
    let hello = hit(&me, "www.kairos.com", Seen::TlsSni, 0.1);
    let look_up = hit(&me, "www.kairos.com", Seen::DnsQuery, 0.0);
    let one_page = page(&me, "www.kairos.com", 0.0);
    let preview = Ex {
        up: 3_100,
        down: 130_000,
        lasts: 0.9,
        ..preconnect
    };
    let proxied = |s| hit(&me, "www.kairos.com", Seen::ProxyLog, s);
    let table: Vec<(&str, Vec<Input>, Stage)> = vec![
        ("a look-up", vec![look_up.clone()], Stage::LookedUp),
        ("a hello", vec![hello.clone()], Stage::LookedUp),
        (
            "a preconnect, kept alive and closed",
            vec![
                look_up.clone(),
                hello.clone(),
                burst(&me, "www.kairos.com", preconnect),
                ping,
                bye,
            ],
            Stage::LookedUp,
        ),
        (
            "a preview: one part and a picture",
            vec![look_up, hello, burst(&me, "www.kairos.com", preview)],
            Stage::LookedUp,
        ),
        ("one page and gone", one_page, Stage::Visited),
        (
            "a page, and on",
            reads(&me, "www.kairos.com"),
            Stage::Visited,
        ),
        (
            "three requests of a proxy at once",
            vec![proxied(0.0), proxied(0.1), proxied(0.3)],
            Stage::LookedUp,
        ),
        (
            "requests of a proxy over a minute",
            vec![proxied(0.0), proxied(14.0), proxied(60.0)],
            Stage::Visited,
        ),
    ];
    for (what, inputs, stage) in table {
        let (cases, _) = run(inputs);
        let case = case_of(&cases, &me);
        assert_eq!(case.stage, stage, "{what}\n{}", told(case));
    }
}

#[test]
fn a_visit_over_quic_counts_without_its_acknowledgements() {
    let me = person(1);
    let mut inputs = vec![hit(&me, "www.kairos.com", Seen::QuicSni, 0.0)];
    let ex = Ex {
        opened: 0.0,
        start: 0.0,
        lasts: 1.5,
        rest: 0.0,
        up: 11_000,
        down: 900_000,
    };
    inputs.push(over(&me, "www.kairos.com", ex, Transport::Udp));
    let ex = Ex {
        start: 30.0,
        rest: 28.0,
        up: 7_000,
        down: 800_000,
        ..ex
    };
    inputs.push(over(&me, "www.kairos.com", ex, Transport::Udp));
    let (cases, _) = run(inputs);
    assert_stage(&cases, &me, Stage::Visited);
}

#[test]
fn one_alert_per_stage_and_none_for_a_look_up() {
    let me = person(1);
    let (_, alerts) = run(vec![hit(&me, "www.kairos.com", Seen::DnsQuery, 0.0)]);
    assert!(alerts.is_empty());
    let mut inputs = reads(&me, "www.kairos.com");
    inputs.extend(page(&me, "www.kairos.com", 90_000.0));
    inputs.push(later(
        &me,
        "www.kairos.com",
        90_000.0,
        90_060.0,
        50.0,
        420,
        36_000,
    ));
    let (cases, alerts) = run(inputs);
    let stages: Vec<Stage> = alerts.iter().map(|alert| alert.stage).collect();
    assert_eq!(stages, [Stage::Visited]);
    let case = case_of(&cases, &me);
    assert!(case.items.iter().any(|it| it.kind == EvidenceKind::Return));
    assert_eq!(alerts[0].unit.as_deref(), Some("registry"));
    assert_eq!(alerts[0].standing, Standing::Unauthorised);
}

#[test]
fn two_independent_kinds_stand_behind_every_step_above_a_look_up() {
    let me = person(1);
    let (cases, _) = run(reads(&me, "www.kairos.com"));
    let case = case_of(&cases, &me);
    for step in case
        .steps
        .iter()
        .filter(|step| step.stage > Stage::LookedUp)
    {
        let kinds: std::collections::BTreeSet<_> = case
            .items
            .iter()
            .filter(|it| step.items.contains(&it.number))
            .filter_map(|it| it.kind.family())
            .collect();
        assert!(kinds.len() >= 2, "{step:?}");
    }
}

#[test]
fn a_step_stands_at_packet_time() {
    let me = person(1);
    let (cases, alerts) = run(reads(&me, "www.kairos.com"));
    let step = case_of(&cases, &me).steps.last().expect("a step").clone();
    assert!(
        step.time >= at(0.0) && step.time <= at(25.0),
        "{}",
        step.time
    );
    assert!(alerts.iter().all(|alert| alert.time <= at(25.0)));
}
