//! How much could be read, hour by hour, and why the rest could not.
//!
//! Enters: a span. Leaves: the page with its chart, drawn here. Never: a share without saying that
//! it is of monitored networks; an hour without coverage as one in which nothing happened.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::Shared;
use super::lens::Lens;
use super::readable::{self, Bucket, buckets, share, sums};
use super::words::ListTexts;
use crate::base::{Outcome, Timestamp};
use crate::console::page::{self, Page};
use crate::console::{Refusal, Right, Visitor};
use crate::record::Coverage;

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;
const SECOND_NS: i64 = 1_000_000_000;
/// Where bars stand: from here, so wide, this high.
const LEFT: f64 = 46.0;
const WIDTH: f64 = 950.0;
const HEIGHT: f64 = 180.0;
const TOP: f64 = 10.0;

/// What is asked of the page.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    span: String,
}

struct Bar {
    x: String,
    width: String,
    y: String,
    height: String,
    known: bool,
    title: String,
    label: String,
    named: u64,
    all: u64,
    share: Option<u8>,
}

struct Row {
    label: String,
    code: String,
    count: u64,
    share: String,
}

#[derive(Template)]
#[template(path = "pages/coverage.html")]
struct Shown {
    page: Page,
    c: Lens,
    t: &'static ListTexts,
    veiled: bool,
    spans: [(&'static str, &'static str); 3],
    span: &'static str,
    period: String,
    kept: usize,
    share: Option<u8>,
    all: u64,
    hours_said: String,
    excluded: u64,
    grid: [(u32, u32); 3],
    bars: Vec<Bar>,
    ticks: Vec<(String, String)>,
    causes: Vec<Row>,
    sites: Vec<Row>,
    points: Vec<Row>,
    ways: Vec<Row>,
    lost: Vec<Row>,
    frames: Vec<Row>,
    clock: Option<String>,
}

/// `GET /coverage`
pub async fn get(
    State(desk): State<Shared>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    visitor.require(Right::SeeCases)?;
    let now = desk.now();
    let lens = Lens::of(&visitor, now);
    let t = ListTexts::of(visitor.view().language);
    let (span, days, length) = match asked.span.as_str() {
        "month" => ("month", 30, DAY_S),
        "day" => ("day", 1, HOUR_S),
        _ => ("week", 7, HOUR_S),
    };
    let until = now.nanos().div_euclid(SECOND_NS);
    let from = (until - days * DAY_S).div_euclid(length) * length;
    let hours = read(&desk, from, until).await?;
    page::html(&shown(
        &visitor,
        lens,
        t,
        (span, from, until, length),
        &hours,
    ))
}

/// Hours of coverage from `from` to `until`, seconds since the epoch.
pub async fn read(desk: &Shared, from: i64, until: i64) -> Result<Vec<Coverage>, Refusal> {
    let (from, until) = (
        Timestamp::from_secs_nanos(from, 0),
        Timestamp::from_secs_nanos(until, 0),
    );
    let hours = desk
        .readers()
        .ask(move |it| it.coverage(from, until))
        .await?;
    Ok(hours.into_iter().map(|(_, hour)| hour).collect())
}

fn shown(
    visitor: &Visitor,
    lens: Lens,
    t: &'static ListTexts,
    (span, from, until, length): (&'static str, i64, i64, i64),
    hours: &[Coverage],
) -> Shown {
    let at = |seconds: i64| Timestamp::from_secs_nanos(seconds, 0);
    let cut = buckets(hours, from, until, length);
    let (named, all) = cut
        .iter()
        .fold((0, 0), |(n, a), it| (n + it.named, a + it.all));
    let whole_hours = (until - from + HOUR_S - 1) / HOUR_S;
    let step = hours
        .iter()
        .map(|it| it.clock_step_ms.abs())
        .max()
        .unwrap_or(0);
    let plain = |of: fn(&Coverage) -> &Vec<crate::record::Count>| {
        let sums = sums(hours, of, |it| it.what.clone()).into_iter();
        let some = sums.filter(|(_, count)| *count > 0);
        some.map(|(label, count)| row(label, count, String::new()))
            .collect::<Vec<_>>()
    };
    let mut causes = plain(|it| &it.connections);
    causes.retain(|it| it.label != Outcome::Named.label());
    for cause in &mut causes {
        cause.share = percent(cause.count, all);
        let said = said(&cause.label, lens.code());
        cause.code = std::mem::replace(&mut cause.label, said.to_owned());
    }
    Shown {
        page: visitor.page(t.coverage_title),
        veiled: false,
        spans: [("day", t.day), ("week", t.week), ("month", t.month)],
        span,
        period: format!("{} – {}", lens.short(at(from)), lens.short(at(until))),
        kept: hours.len(),
        share: share(named, all),
        all,
        hours_said: lens.fill(lens.fill(t.hours_of, hours.len()), whole_hours),
        excluded: hours.last().map_or(0, |it| it.excluded_prefixes),
        grid: [(10, 100), (100, 50), (190, 0)],
        ticks: ticks(&cut, length, &lens),
        bars: bars(&cut, length, &lens, t),
        causes,
        sites: sites(hours),
        points: points(hours, from, until),
        ways: plain(|it| &it.ways_round),
        lost: plain(|it| &it.lost),
        frames: plain(|it| &it.frames),
        clock: (step > 1000).then(|| lens.fill(t.clock_stepped, step)),
        t,
        c: lens,
    }
}

fn row(label: String, count: u64, share: String) -> Row {
    Row {
        label,
        code: String::new(),
        count,
        share,
    }
}

fn percent(part: u64, whole: u64) -> String {
    match part.saturating_mul(1000).checked_div(whole) {
        None => "–".into(),
        Some(0) if part > 0 => "< 0.1 %".into(),
        Some(mille) => format!("{}.{} %", mille / 10, mille % 10),
    }
}

fn bars(cut: &[Bucket], length: i64, lens: &Lens, t: &ListTexts) -> Vec<Bar> {
    let wide = WIDTH / cut.len().max(1) as f64;
    let gap = if wide > 6.0 { 1.5 } else { 0.4 };
    let bar = |(n, it): (usize, &Bucket)| {
        let share = it.percent();
        let at = Timestamp::from_secs_nanos(it.from, 0);
        let label = if length == DAY_S {
            lens.day(at)
        } else {
            lens.short(at)
        };
        let height = f64::from(share.unwrap_or(0)) / 100.0 * HEIGHT;
        let said = share.map_or_else(
            || t.no_data.to_owned(),
            |share| format!("{share} %, {} {}", lens.number(it.all), t.connections),
        );
        Bar {
            x: format!("{:.1}", LEFT + wide * n as f64),
            width: format!("{:.1}", (wide - gap).max(0.5)),
            y: format!("{:.1}", TOP + HEIGHT - height),
            height: format!("{height:.1}"),
            known: share.is_some(),
            title: format!("{label}: {said}"),
            label,
            named: it.named,
            all: it.all,
            share,
        }
    };
    cut.iter().enumerate().map(bar).collect()
}

fn ticks(cut: &[Bucket], length: i64, lens: &Lens) -> Vec<(String, String)> {
    let wide = WIDTH / cut.len().max(1) as f64;
    let every = (cut.len() / 8).max(1);
    let tick = |(n, it): (usize, &Bucket)| {
        let at = Timestamp::from_secs_nanos(it.from, 0);
        let label = if length == DAY_S || cut.len() > 48 {
            lens.day(at)
        } else {
            lens.clock(at)
        };
        (format!("{:.1}", LEFT + wide * n as f64), label)
    };
    let places = cut.iter().enumerate().filter(|(n, _)| n % every == 0);
    places.map(tick).collect()
}

fn sites(hours: &[Coverage]) -> Vec<Row> {
    let mut sites: Vec<(String, u64, Option<u64>)> = Vec::new();
    for site in hours.iter().flat_map(|it| &it.sites) {
        match sites.iter_mut().find(|it| it.0 == site.site) {
            Some(it) => {
                it.1 += site.seen;
                it.2 = it.2.max(site.known);
            }
            None => sites.push((site.site.clone(), site.seen, site.known)),
        }
    }
    let hours = hours.len() as u64;
    let row = |(label, count, known): (String, u64, Option<u64>)| Row {
        label,
        code: known.map_or_else(|| "–".into(), |it| it.to_string()),
        count,
        share: known.map_or_else(|| "–".into(), |it| percent(count, it.saturating_mul(hours))),
    };
    sites.into_iter().map(row).collect()
}

fn points(hours: &[Coverage], from: i64, until: i64) -> Vec<Row> {
    let heard = sums(hours, |it| &it.points, |it| it.point.clone());
    let whole = u64::try_from(until - from).unwrap_or(0);
    let row = |(label, seconds): (String, u64)| {
        let (named, all) = hours.iter().fold((0, 0), |(n, a), hour| {
            let (named, all) = readable::at_point(hour, Some(&label));
            (n + named, a + all)
        });
        Row {
            code: percent(seconds.min(whole), whole),
            count: seconds,
            share: percent(named, all),
            label,
        }
    };
    heard.into_iter().map(row).collect()
}

/// What an outcome means; the code stands beside it.
fn said(outcome: &str, language: &str) -> &'static str {
    let dutch = language == "nl";
    let pick = |en: &'static str, nl: &'static str| if dutch { nl } else { en };
    match outcome {
        "no_sni" => pick("the hello bore no name", "de groet droeg geen naam"),
        "ech" => pick(
            "the name was encrypted (ECH)",
            "de naam was versleuteld (ECH)",
        ),
        "truncated" => pick("the capture cut frames short", "de opname kapte frames af"),
        "midstream" => pick("met after its start", "pas na het begin gezien"),
        "gap" => pick(
            "bytes before the name never came",
            "bytes vóór de naam kwamen nooit",
        ),
        "reassembly_limit" => pick("no room left", "geen ruimte meer"),
        "malformed" => pick("broken TLS or QUIC", "kapotte TLS of QUIC"),
        "quic_undecryptable" => pick("QUIC without its first flight", "QUIC zonder begin"),
        "quic_version" => pick("a private QUIC version", "een eigen QUIC-versie"),
        "other_protocol" => pick("a protocol without names", "een protocol zonder namen"),
        "no_payload" => pick("refused, or a scan", "geweigerd, of een scan"),
        "evicted" => pick("pushed out of the table", "uit de tabel verdrongen"),
        _ => pick("other", "overig"),
    }
}
