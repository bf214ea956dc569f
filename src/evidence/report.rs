//! The report for people: one HTML file that needs nothing else, in English or Dutch.
//!
//! Enters: [`Data`]. Leaves: HTML, the same for the same data. Never: a script, a link that loads
//! something, text that is not escaped (askama escapes in `.html` templates).

use askama::Template;

use super::data::{Data, Why};
use super::facts::{Hour, Piece};
use super::words::ReportTexts;
use crate::console::Language;
use crate::console::pages::words::Say;
use crate::console::words::fill;

/// Width and height of the chart, in units of its own.
const CHART: (f64, f64) = (720.0, 120.0);
/// Most bars: more hours than these are put together.
const BARS_MAX: usize = 240;

#[derive(Template)]
#[template(path = "evidence/report.html")]
struct Report<'d> {
    d: &'d Data,
    t: &'static ReportTexts,
    say: &'static Say,
    language: Language,
}

/// A bar of the chart.
struct Bar {
    x: f64,
    width: f64,
    y: f64,
    height: f64,
    title: String,
    empty: bool,
}

/// Tells texts of one build from those of another: only what was written in the same can be
/// compared byte by byte.
pub fn wording() -> String {
    let mut all = include_str!("../../templates/evidence/report.html").to_owned();
    all += include_str!("readme.rs");
    for (key, english, dutch) in ReportTexts::ALL.iter().chain(Say::ALL) {
        all += &format!("{key}\0{english}\0{dutch}\0");
    }
    let digest = super::listed::digest(all.as_bytes());
    digest.chars().take(16).collect()
}

/// The report.
///
/// # Errors
/// A sentence, when the template fails.
pub fn html(data: &Data, language: Language) -> Result<String, String> {
    let report = Report {
        d: data,
        t: ReportTexts::of(language),
        say: Say::of(language),
        language,
    };
    let text = report
        .render()
        .map_err(|e| format!("the report cannot be written: {e}"))?;
    // Blank lines are the template's own.
    let lines = text.lines().map(str::trim_end).filter(|it| !it.is_empty());
    Ok(lines.flat_map(|line| [line, "\n"]).collect())
}

impl Report<'_> {
    fn fill(&self, text: &str, value: impl std::fmt::Display) -> String {
        fill(text, value)
    }

    /// `2026-11-22 06:57:54`.
    fn moment(&self, time: &str) -> String {
        let short: String = time.chars().take(19).collect();
        short.replace('T', " ")
    }

    fn frames(&self, piece: &Piece) -> String {
        match piece.frames {
            (0, _) => String::new(),
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}–{last}"),
        }
    }

    fn numbers(&self, numbers: &[u32]) -> String {
        let text: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        text.join(", ")
    }

    fn why(&self, why: &Why) -> &'static str {
        match why {
            Why::Deleted => self.t.deleted,
            Why::Withheld | Why::Clear => self.t.withheld,
        }
    }

    /// How many entries stand without text, by kind and reason.
    fn without(&self) -> Vec<(String, &'static str, u64)> {
        let mut counts = std::collections::BTreeMap::new();
        for it in &self.d.entries.without {
            let count = counts.entry((it.kind, self.why(&it.why))).or_insert(0u64);
            *count += 1;
        }
        let rows = counts.into_iter();
        rows.map(|((kind, why), count)| (kind.to_string(), why, count))
            .collect()
    }

    fn method(&self) -> &[String] {
        match self.language {
            Language::English => &self.d.method.en,
            Language::Dutch => &self.d.method.nl,
        }
    }

    /// Is the catalogue that the vendor was taken from one of those in force?
    fn same_list(&self) -> bool {
        let lists = &self.d.facts.lists;
        lists.is_empty() || lists.iter().any(|it| it.version == self.d.vendor.catalogue)
    }

    fn bars(&self) -> Vec<Bar> {
        let hours = &self.d.facts.coverage.hours;
        let together = hours.len().div_ceil(BARS_MAX).max(1);
        let groups: Vec<&[Hour]> = hours.chunks(together).collect();
        let step = CHART.0 / groups.len().max(1) as f64;
        let step = step.min(60.0);
        let mut bars = Vec::with_capacity(groups.len());
        for (at, group) in groups.iter().enumerate() {
            let add = |of: fn(&Hour) -> u64| group.iter().map(of).fold(0, u64::saturating_add);
            let (all, named) = (add(|it| it.connections), add(|it| it.named));
            let share = named.min(all) as f64 / all.max(1) as f64;
            let from = group.first().map_or("", |it| it.from.as_str());
            let until = group.last().map_or("", |it| it.until.as_str());
            let (from, until) = (self.moment(from), self.moment(until));
            bars.push(Bar {
                x: at as f64 * step,
                width: (step - 1.0).max(0.5),
                y: CHART.1 * (1.0 - share),
                height: CHART.1 * share,
                title: format!("{from} – {until}: {named} / {all}"),
                empty: all == 0,
            });
        }
        bars
    }
}
