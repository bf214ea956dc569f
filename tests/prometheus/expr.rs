//! What a PromQL expression names: metrics, their label matchers, and the labels it groups by.
//!
//! Enters: expressions that `promtool` has parsed. Leaves: names. Never: a verdict on the syntax.

use std::collections::BTreeSet;

/// A selector: a metric and its matchers, `(label, values)`; a pattern is split at its bars.
#[derive(Debug, PartialEq, Eq)]
pub struct Selector {
    pub metric: String,
    pub matchers: Vec<(String, Vec<String>)>,
}

fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// Every selector in it that names a metric with an underscore or colon, and `up`.
pub fn selectors(expr: &str) -> Vec<Selector> {
    let mut found = Vec::new();
    let mut rest = expr;
    while let Some(start) = rest.find(in_name) {
        let len = rest[start..]
            .find(|c| !in_name(c))
            .unwrap_or(rest.len() - start);
        let word = &rest[start..start + len];
        rest = &rest[start + len..];
        if matches!(word, "by" | "on" | "without" | "ignoring") {
            // The labels are not metrics.
            rest = rest.split_once(')').map_or("", |(_, after)| after);
            continue;
        }
        let function = rest.trim_start().starts_with('(');
        let is_metric = word.starts_with("poortwacht_")
            || word.starts_with("process_")
            || word.contains(':')
            || word == "up";
        let mut matchers = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            let (text, after) = inside.split_once('}').expect("a closed brace");
            matchers = text.split("\",").filter_map(matcher).collect();
            rest = after;
        } else if let Some(range) = rest.strip_prefix('[') {
            rest = range.split_once(']').map_or("", |(_, after)| after);
        }
        if is_metric && !function {
            found.push(Selector {
                metric: word.into(),
                matchers,
            });
        }
    }
    found
}

fn matcher(text: &str) -> Option<(String, Vec<String>)> {
    let (label, value) = text.trim().split_once(['=', '!'])?;
    let value = value
        .trim_start_matches(['=', '~', '"'])
        .trim_end_matches('"');
    let values = value.split('|').map(str::to_owned).collect();
    Some((label.trim().to_owned(), values))
}

/// The labels that it groups or joins by.
pub fn grouping(expr: &str) -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    for keyword in [" by (", " on ("] {
        for part in expr.split(keyword).skip(1) {
            let inside = part.split(')').next().unwrap_or_default();
            labels.extend(inside.split(',').map(|label| label.trim().to_owned()));
        }
    }
    labels
}

#[test]
fn selectors_are_found() {
    let expr = r#"sum by (job, kind) (rate(poortwacht_a_total{kind!="ddr",x=~"a|b"}[5m])) / up > time() and on (job) x:y:z"#;
    let found = selectors(expr);
    let names: Vec<&str> = found.iter().map(|s| s.metric.as_str()).collect();
    assert_eq!(names, ["poortwacht_a_total", "up", "x:y:z"]);
    let values = |v: &[&str]| v.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        found[0].matchers,
        [
            ("kind".to_owned(), values(&["ddr"])),
            ("x".to_owned(), values(&["a", "b"]))
        ]
    );
    let labels: Vec<String> = grouping(expr).into_iter().collect();
    assert_eq!(labels, ["job", "kind"]);
}
