//! Cases and alerts: each number moves its own series.

use super::*;
use crate::alerts::sinks::Lost;
use crate::alerts::{self, Reason, Sink, SinkState};
use crate::casefile;
use crate::cases::sample::case;
use crate::cases::{Case, Counts};
use crate::hits::FrameFate;
use crate::organisation::Standing;

fn sink() -> SinkState {
    SinkState {
        name: "soc".into(),
        sent: 0,
        folded: 0,
        failed: Counters::new(Reason::ALL.len()),
        lost: Counters::new(Lost::ALL.len()),
        waiting: 0,
        oldest_seconds: 0,
        dead: 0,
        failing: None,
    }
}

/// With a sink.
pub(super) fn full_outbox() -> alerts::State {
    alerts::State {
        sinks: vec![sink()],
        ..outbox()
    }
}

fn outbox() -> alerts::State {
    alerts::State {
        raised: Counters::new(Stage::ALL.len()),
        retracted: Counters::new(Stage::ALL.len()),
        delivered: Counters::new(Sink::ALL.len()),
        failed: Counters::new(Reason::ALL.len()),
        refused: 0,
        failures: 0,
        waiting: Counters::new(Sink::ALL.len()),
        oldest_seconds: Counters::new(Sink::ALL.len()),
        standing: 0,
        dead: 0,
        spool_bytes: 0,
        failing: None,
        sinks: Vec::new(),
    }
}

#[test]
fn each_field_of_the_outbox_moves_its_own_series() {
    type Change = (fn(&mut alerts::State), &'static str);
    let changes: [Change; 11] = [
        (
            |s| s.raised.add(Stage::SignedUp.index(), 3),
            "alerts_total{stage=\"signed-up\"}",
        ),
        (
            |s| s.retracted.add(Stage::Visited.index(), 3),
            "alerts_retracted_total{stage=\"visited\"}",
        ),
        (
            |s| s.delivered.add(Sink::HitLog.index(), 3),
            "alerts_delivered_total{sink=\"hit-log\"}",
        ),
        (
            |s| s.failed.add(Reason::Timeout.index(), 3),
            "alert_attempts_failed_total{reason=\"timeout\",sink=\"alertmanager\"}",
        ),
        (|s| s.refused = 3, "alerts_refused_total"),
        (|s| s.failures = 3, "alert_write_failures_total"),
        (
            |s| s.waiting.add(Sink::Alertmanager.index(), 3),
            "alerts_waiting{sink=\"alertmanager\"}",
        ),
        (
            |s| s.oldest_seconds.add(Sink::HitLog.index(), 3),
            "alerts_oldest_waiting_seconds{sink=\"hit-log\"}",
        ),
        (|s| s.standing = 3, "alerts_standing"),
        (|s| s.dead = 3, "alerts_dead"),
        (|s| s.spool_bytes = 3, "alert_spool_bytes"),
    ];
    for (change, series_name) in changes {
        let metrics = Metrics::new();
        let before = series(&metrics);
        let mut state = outbox();
        metrics.outbox(&state);
        assert!(moved(&before, &series(&metrics)).is_empty());
        change(&mut state);
        metrics.outbox(&state);
        metrics.outbox(&state);
        let wanted = format!("poortwacht_{series_name} 3");
        assert_eq!(moved(&before, &series(&metrics)), [wanted]);
    }
}

#[test]
fn each_field_of_a_sink_moves_its_own_series() {
    type Change = (fn(&mut SinkState), &'static str);
    let changes: [Change; 8] = [
        (|s| s.sent = 3, "alerts_delivered_total{sink=\"soc\"} 3"),
        (|s| s.folded = 3, "sink_folded_total{sink=\"soc\"} 3"),
        (
            |s| s.failed.add(Reason::Tls.index(), 3),
            "alert_attempts_failed_total{reason=\"tls\",sink=\"soc\"} 3",
        ),
        (
            |s| s.lost.add(Lost::Waiting.index(), 3),
            "sink_lost_total{reason=\"waiting-max\",sink=\"soc\"} 3",
        ),
        (|s| s.waiting = 3, "alerts_waiting{sink=\"soc\"} 3"),
        (
            |s| s.oldest_seconds = 3,
            "alerts_oldest_waiting_seconds{sink=\"soc\"} 3",
        ),
        (|s| s.dead = 3, "sink_dead{sink=\"soc\"} 3"),
        (
            |s| s.failing = Some("away".into()),
            "sink_failing{sink=\"soc\"} 1",
        ),
    ];
    for (change, wanted) in changes {
        let metrics = Metrics::new();
        let mut state = outbox();
        state.sinks.push(sink());
        metrics.outbox(&state);
        let before = series(&metrics);
        change(&mut state.sinks[0]);
        metrics.outbox(&state);
        metrics.outbox(&state);
        assert_eq!(
            moved(&before, &series(&metrics)),
            [format!("poortwacht_{wanted}")]
        );
    }
}

#[test]
fn each_fate_of_a_frame_moves_its_own_series() {
    for fate in FrameFate::ALL {
        let metrics = Metrics::new();
        let before = series(&metrics);
        let mut fates = Counters::new(FrameFate::ALL.len());
        metrics.frames(&fates);
        assert_eq!(series(&metrics), before, "declared at 0");
        fates.add(fate.index(), 3);
        metrics.frames(&fates);
        metrics.frames(&fates);
        let wanted = format!("poortwacht_hit_frames_total{{fate=\"{fate}\"}} 3");
        assert_eq!(moved(&before, &series(&metrics)), [wanted]);
    }
}

#[test]
fn an_outbox_opened_anew_adds_to_the_totals() {
    let metrics = Metrics::new();
    for count in [5, 2] {
        let mut state = outbox();
        state.raised.add(0, count);
        metrics.outbox(&state);
    }
    let name = "poortwacht_alerts_total{stage=\"looked-up\"}";
    assert_eq!(series(&metrics)[name], 7.0);
}

#[test]
fn each_field_of_the_case_file_moves_its_own_series() {
    type Change = (fn(&mut casefile::State), &'static str);
    let changes: [Change; 8] = [
        (|s| s.cases = 3, "cases"),
        (|s| s.bytes = 3, "bytes"),
        (|s| s.writes = 3, "writes_total"),
        (|s| s.failures = 3, "write_failures_total"),
        (|s| s.torn_lines = 3, "torn_lines_total"),
        (|s| s.broken_lines = 3, "broken_lines_total"),
        (|s| s.rewrites = 3, "rewrites_total"),
        (|s| s.deleted = 3, "deleted_cases_total"),
    ];
    for (change, name) in changes {
        let metrics = Metrics::new();
        let mut state = casefile::State::default();
        metrics.casefile(&state);
        let before = series(&metrics);
        assert_eq!(before["poortwacht_casefile_writable"], 1.0);
        change(&mut state);
        metrics.casefile(&state);
        metrics.casefile(&state);
        let wanted = format!("poortwacht_casefile_{name} 3");
        assert_eq!(moved(&before, &series(&metrics)), [wanted]);
    }
    let metrics = Metrics::new();
    metrics.casefile(&casefile::State {
        failing: Some("full".into()),
        ..casefile::State::default()
    });
    assert_eq!(series(&metrics)["poortwacht_casefile_writable"], 0.0);
}

#[test]
fn cases_are_counted_while_they_are_open_and_fall_back_to_zero() {
    let metrics = Metrics::new();
    metrics.provable([("acme", Stage::Searching)]);
    let visited = |id: &str| case(id, 1, "person-1");
    let searching = Case {
        stage: Stage::Searching,
        ..visited("c")
    };
    let closed = Case {
        closed: Some("done".into()),
        ..visited("d")
    };
    let before = series(&metrics);
    metrics.cases(&counted(&[
        visited("a"),
        visited("b"),
        searching.clone(),
        closed,
    ]));
    let name = |stage: &str| {
        format!("poortwacht_cases{{stage=\"{stage}\",standing=\"unauthorised\",vendor=\"acme\"}}")
    };
    assert_eq!(
        moved(&before, &series(&metrics)),
        [
            format!("{} 1", name("searching")),
            format!("{} 2", name("visited"))
        ]
    );
    metrics.cases(&counted(&[searching]));
    assert_eq!(
        moved(&before, &series(&metrics)),
        [format!("{} 1", name("searching"))]
    );
    metrics.cases(&Counts::default());
    assert_eq!(series(&metrics), before);
    // A list in force once more takes nothing back.
    metrics.cases(&counted(&[visited("a")]));
    metrics.provable([("acme", Stage::Searching)]);
    assert_eq!(series(&metrics)[&name("visited")], 1.0);
}

#[test]
fn stages_are_declared_up_to_what_can_be_proved() {
    for (highest, wanted) in [
        (Stage::LookedUp, "looked-up"),
        (Stage::Visited, "looked-up visited"),
        (
            Stage::AccountOrRightsRequest,
            "looked-up visited account-or-rights-request",
        ),
        (Stage::AccountOrLogin, "looked-up visited account-or-login"),
        (Stage::SignedUp, "looked-up visited signed-up"),
        (Stage::Searching, "looked-up visited signed-up searching"),
        (
            Stage::Integrated,
            "looked-up visited signed-up searching integrated",
        ),
    ] {
        let metrics = Metrics::new();
        metrics.provable([("acme", highest)]);
        let text = metrics.text();
        let declared = Stage::ALL.iter().filter(|stage| {
            let label = format!("poortwacht_cases{{stage=\"{stage}\"");
            text.matches(&label).count() == Standing::ALL.len()
        });
        let declared: Vec<&str> = declared.map(|stage| stage.label()).collect();
        assert_eq!(declared.join(" "), wanted);
    }
}

#[test]
fn vendors_beyond_the_bound_share_a_label() {
    let metrics = Metrics::new();
    let cases: Vec<Case> = (0..LABELS_MAX + 3)
        .map(|number| Case {
            vendor: format!("v{number:05}"),
            ..case(&format!("c{number}"), 1, "person-1")
        })
        .collect();
    metrics.cases(&counted(&cases));
    let name = "poortwacht_cases{stage=\"visited\",standing=\"unauthorised\",vendor=\"other\"}";
    assert_eq!(series(&metrics)[name], 3.0);
}

/// Open cases, as the casebook counts them.
fn counted<'c>(cases: impl IntoIterator<Item = &'c Case>) -> Counts {
    let mut counts = Counts::default();
    for case in cases.into_iter().filter(|case| case.is_open()) {
        let key = (case.vendor.clone(), case.stage, case.ruling.standing);
        *counts.open.entry(key).or_default() += 1;
    }
    counts
}
