//! What the console counts of itself, for Prometheus.

use std::sync::Arc;

use axum::Router;
use poortwacht::console::{Limits, Role};
use poortwacht::metrics::Metrics;

use super::stand::{Browser, Stand};

/// The value of a series.
fn value(metrics: &Metrics, series: &str) -> f64 {
    let text = metrics.text();
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    let found = line.unwrap_or_else(|| panic!("no {series}"));
    found.trim().parse().expect("a number")
}

#[test]
fn what_is_asked_and_who_is_refused_is_counted_without_a_name() {
    let stand = Stand::with(|_, _| {}, Limits::default(), |_| Router::new());
    let metrics = Arc::new(Metrics::new());
    stand.shell.measure(Arc::clone(&metrics));
    let of = |route: &str, status: &str| {
        let labels = format!("{{route=\"{route}\",status=\"{status}\"}}");
        value(
            &metrics,
            &format!("poortwacht_console_requests_total{labels}"),
        )
    };
    let refused = |why: &str| {
        let name = "poortwacht_console_sign_ins_refused_total";
        value(&metrics, &format!("{name}{{reason=\"{why}\"}}"))
    };
    let mut eva = stand.person("eva", &[Role::Analyst]);
    assert_eq!(value(&metrics, "poortwacht_console_sessions"), 1.0);
    assert!(of("door", "2xx") >= 1.0 && of("door", "3xx") >= 1.0);
    let page = eva.get("/account").body;
    eva.get("/accounts");
    assert_eq!((of("accounts", "2xx"), of("accounts", "403")), (1.0, 1.0));
    // Files of ours change their names with what is in them.
    let from = page.find("/static/").expect("a file of ours");
    let file = page[from..].split('"').next().expect("its end");
    assert_eq!(eva.get(file).status, 200, "{file}");
    eva.get("/no-such-page");
    assert_eq!((of("static", "2xx"), of("pages", "4xx")), (1.0, 1.0));
    let seconds = "poortwacht_console_request_seconds_total{route=\"door\"}";
    assert!(value(&metrics, seconds) > 0.0);

    let mut guess = Browser::new(&stand);
    for _ in 0..6 {
        guess.sign_in("eva", "a wrong password");
    }
    assert_eq!((refused("password"), refused("too_often")), (5.0, 1.0));
    assert_eq!(of("door", "429"), 1.0);
    assert!(!metrics.text().contains("eva"), "no name is a label");
    eva.post("/sign-out", &[]);
    stand.shell.count();
    assert_eq!(value(&metrics, "poortwacht_console_sessions"), 0.0);
}
