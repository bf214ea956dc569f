//! The timeline of a case, as a picture: where each sign stands.
//!
//! Enters: evidence, steps, hours of coverage. Leaves: places for the template, which draws SVG.
//! Never: a text that is not in the table below it too; a sign told apart by colour alone (each
//! lane has a row and a shape of its own).
//!
//! Time does not run evenly: evidence that lies together is a sitting, drawn to scale; the hours or
//! days between two sittings are a narrow break that says how long it was.

use super::lens::Lens;
use super::model::{Evidence, StepLine};
use super::readable::{Bucket, buckets};
use super::words::CaseTexts;
use crate::base::Timestamp;
use crate::cases::EvidenceKind;
use crate::record::Coverage;

const MINUTE_NS: i64 = 60_000_000_000;
const HOUR_S: i64 = 3600;
/// A longer rest ends a sitting.
const REST_NS: i64 = 90 * MINUTE_NS;
/// Most sittings drawn; older ones are left out of the picture, not of the table.
const SITTINGS_MAX: usize = 12;

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 104.0;
const RIGHT: f64 = 30.0;
const BREAK: f64 = 44.0;
const LANE: f64 = 34.0;
const TOP: f64 = 64.0;
const BAND: f64 = 16.0;
/// Signs nearer than this share one place.
const NEAR: f64 = 15.0;

/// A row of signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Names looked up.
    Names,
    /// Connections.
    Connections,
    /// Exchanges on them.
    Exchanges,
    /// Mail.
    Mail,
    /// Use of the service.
    Use,
}

impl Lane {
    const fn of(kind: EvidenceKind) -> Self {
        match kind {
            EvidenceKind::LookUp => Self::Names,
            EvidenceKind::Connection | EvidenceKind::SignIn | EvidenceKind::ThirdParty => {
                Self::Connections
            }
            EvidenceKind::Session | EvidenceKind::Form | EvidenceKind::Regular => Self::Exchanges,
            EvidenceKind::Mail | EvidenceKind::MailLookUp => Self::Mail,
            EvidenceKind::FirstContact
            | EvidenceKind::Payment
            | EvidenceKind::Upload
            | EvidenceKind::UseHost
            | EvidenceKind::Return => Self::Use,
        }
    }

    /// Class of its signs.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Connections => "connections",
            Self::Exchanges => "exchanges",
            Self::Mail => "mail",
            Self::Use => "use",
        }
    }

    const fn label(self, t: &CaseTexts) -> &'static str {
        match self {
            Self::Names => t.lane_names,
            Self::Connections => t.lane_connections,
            Self::Exchanges => t.lane_exchanges,
            Self::Mail => t.lane_mail,
            Self::Use => t.lane_use,
        }
    }
}

/// A row.
pub struct Row {
    /// Its lane.
    pub lane: Lane,
    /// In words.
    pub label: &'static str,
    /// Middle.
    pub y: f64,
}

/// A sign: one piece of evidence, or several that lie together.
pub struct Sign {
    /// Where.
    pub x: f64,
    /// Where.
    pub y: f64,
    /// Its lane.
    pub lane: Lane,
    /// Number of the first.
    pub number: u32,
    /// How many more.
    pub more: usize,
    /// In words.
    pub title: String,
}

/// A step.
pub struct Flag {
    /// Where.
    pub x: f64,
    /// Height of its cloth.
    pub y: f64,
    /// The stage.
    pub label: &'static str,
    /// Does the cloth hang to the left, so that it does not leave the picture?
    pub left: bool,
    /// In words.
    pub title: String,
}

/// A sitting.
pub struct Sitting {
    /// From.
    pub x: f64,
    /// How wide.
    pub width: f64,
    /// Day of its start.
    pub day: String,
    /// Start and end.
    pub span: String,
    /// The break before it: middle, and how long in a sentence.
    pub gap: Option<(f64, String)>,
    /// How long the break was: `3 d`.
    pub rest: String,
}

/// A piece of the band of readability.
pub struct Piece {
    /// From.
    pub x: f64,
    /// How wide.
    pub width: f64,
    /// Filled height.
    pub height: f64,
    /// Its top.
    pub y: f64,
    /// Is anything known?
    pub known: bool,
    /// In words.
    pub title: String,
}

/// All of it.
pub struct Timeline {
    /// Width of the picture.
    pub width: f64,
    /// Height of the picture.
    pub height: f64,
    /// Where rows begin.
    pub left: f64,
    /// Where they end.
    pub right: f64,
    /// Top of the rows.
    pub top: f64,
    /// Bottom of the rows.
    pub bottom: f64,
    /// Rows.
    pub rows: Vec<Row>,
    /// Sittings.
    pub sittings: Vec<Sitting>,
    /// Signs.
    pub signs: Vec<Sign>,
    /// Steps.
    pub flags: Vec<Flag>,
    /// Top of the band.
    pub band_y: f64,
    /// Its height.
    pub band: f64,
    /// The band.
    pub pieces: Vec<Piece>,
}

struct Span {
    from: i64,
    until: i64,
    count: usize,
    x: f64,
    width: f64,
}

impl Span {
    fn place(&self, at: i64) -> f64 {
        let length = (self.until - self.from).max(1) as f64;
        let inner = self.width - 24.0;
        let part = ((at - self.from) as f64 / length).clamp(0.0, 1.0);
        let part = if self.until == self.from { 0.5 } else { part };
        self.x + 12.0 + inner * part
    }

    fn holds(&self, at: i64) -> bool {
        self.from <= at && at <= self.until
    }
}

impl Timeline {
    /// Of a case; `None` without evidence.
    pub fn of(
        evidence: &[Evidence],
        steps: &[StepLine],
        hours: &[Coverage],
        lens: &Lens,
        t: &'static CaseTexts,
    ) -> Option<Self> {
        let spans = spans(evidence)?;
        let mut lanes: Vec<Lane> = evidence.iter().map(|it| Lane::of(it.kind)).collect();
        lanes.sort_unstable();
        lanes.dedup();
        let rows: Vec<Row> = lanes
            .iter()
            .enumerate()
            .map(|(n, lane)| Row {
                lane: *lane,
                label: lane.label(t),
                y: TOP + LANE * (n as f64 + 0.5),
            })
            .collect();
        let bottom = TOP + LANE * rows.len() as f64;
        let band_y = bottom + 10.0;
        Some(Self {
            width: WIDTH,
            height: band_y + BAND + 40.0,
            left: LEFT,
            right: WIDTH - RIGHT,
            top: TOP,
            bottom,
            sittings: sittings(&spans, lens, t),
            signs: signs(evidence, &rows, &spans, lens),
            flags: flags(steps, &spans, lens, t),
            rows,
            band_y,
            band: BAND,
            pieces: band(&spans, hours, band_y, lens, t),
        })
    }
}

fn spans(evidence: &[Evidence]) -> Option<Vec<Span>> {
    let mut times: Vec<i64> = evidence.iter().map(|it| it.time.nanos()).collect();
    times.sort_unstable();
    let mut spans: Vec<Span> = Vec::new();
    for at in times {
        match spans.last_mut() {
            Some(last) if at - last.until <= REST_NS => {
                last.until = at;
                last.count += 1;
            }
            _ => spans.push(Span {
                from: at,
                until: at,
                count: 1,
                x: 0.0,
                width: 0.0,
            }),
        }
    }
    if spans.len() > SITTINGS_MAX {
        spans.drain(..spans.len() - SITTINGS_MAX);
    }
    // Room by how long a sitting lasts and how much there is in it; both by their logarithm.
    let wish = |it: &Span| {
        let minutes = (it.until - it.from) as f64 / MINUTE_NS as f64;
        1.0 + (1.0 + minutes).ln() + (1.0 + it.count as f64).ln()
    };
    let wishes: f64 = spans.iter().map(wish).sum();
    let breaks = BREAK * spans.len().saturating_sub(1) as f64;
    let room = WIDTH - LEFT - RIGHT - breaks;
    let mut x = LEFT;
    for span in &mut spans {
        span.x = x;
        span.width = room * wish(span) / wishes;
        x += span.width + BREAK;
    }
    (!spans.is_empty()).then_some(spans)
}

fn sittings(spans: &[Span], lens: &Lens, t: &CaseTexts) -> Vec<Sitting> {
    let mut out = Vec::new();
    let mut before: Option<&Span> = None;
    for span in spans {
        let (from, until) = (Timestamp(span.from), Timestamp(span.until));
        let (start, end) = (lens.clock(from), lens.clock(until));
        let rest = before.map(|it| lens.lasting(span.from - it.until));
        out.push(Sitting {
            x: span.x,
            width: span.width,
            day: lens.day(from),
            span: if start == end || span.width < 90.0 {
                start
            } else {
                format!("{start}–{end}")
            },
            gap: rest
                .as_ref()
                .map(|rest| (span.x - BREAK / 2.0, lens.fill(t.gap, rest))),
            rest: rest.unwrap_or_default(),
        });
        before = Some(span);
    }
    out
}

fn signs(evidence: &[Evidence], rows: &[Row], spans: &[Span], lens: &Lens) -> Vec<Sign> {
    let mut all: Vec<&Evidence> = evidence.iter().collect();
    all.sort_by_key(|it| (it.time, it.number));
    let mut signs: Vec<Sign> = Vec::new();
    for it in all {
        let lane = Lane::of(it.kind);
        let at = it.time.nanos();
        let span = spans.iter().find(|span| span.holds(at));
        let row = rows.iter().find(|row| row.lane == lane);
        let (Some(span), Some(row)) = (span, row) else {
            continue;
        };
        let x = span.place(at);
        let title = format!(
            "{} · {} · {}: {} ({})",
            it.number,
            lens.full(it.time),
            lens.say.evidence(it.kind),
            it.text,
            it.weight()
        );
        let near = signs
            .iter_mut()
            .rev()
            .find(|sign| sign.lane == lane && x - sign.x < NEAR);
        if let Some(sign) = near {
            sign.more += 1;
            sign.title.push('\n');
            sign.title.push_str(&title);
            continue;
        }
        signs.push(Sign {
            x,
            y: row.y,
            lane,
            number: it.number,
            more: 0,
            title,
        });
    }
    signs
}

fn flags(steps: &[StepLine], spans: &[Span], lens: &Lens, t: &CaseTexts) -> Vec<Flag> {
    let mut flags: Vec<Flag> = Vec::new();
    for step in steps {
        let at = step.time.nanos();
        // A step that was made later than its newest evidence stands at the end of that sitting.
        let span = spans.iter().rev().find(|span| span.from <= at);
        let Some(span) = span else { continue };
        let x = span.place(at.min(span.until));
        let label = lens.say.stage(step.stage);
        let left = x > WIDTH * 0.72;
        let wide = 7.0 * label.chars().count() as f64 + 26.0;
        let (from, until) = if left { (x - wide, x) } else { (x, x + wide) };
        let taken = |y: f64| {
            flags.iter().any(|it| {
                let wide = 7.0 * it.label.chars().count() as f64 + 26.0;
                let (a, b) = if it.left {
                    (it.x - wide, it.x)
                } else {
                    (it.x, it.x + wide)
                };
                it.y == y && from < b && a < until
            })
        };
        let y = [4.0, 23.0, 42.0]
            .into_iter()
            .find(|y| !taken(*y))
            .unwrap_or(4.0);
        flags.push(Flag {
            x,
            y,
            label,
            left,
            title: format!(
                "{} · {} · {}",
                lens.full(step.time),
                label,
                lens.fill(t.step_points, step.confidence)
            ),
        });
    }
    flags
}

fn band(spans: &[Span], hours: &[Coverage], y: f64, lens: &Lens, t: &CaseTexts) -> Vec<Piece> {
    let mut out = Vec::new();
    for span in spans {
        let (from, until) = (
            span.from.div_euclid(1_000_000_000),
            span.until.div_euclid(1_000_000_000) + 1,
        );
        let cut = buckets(hours, from, until, HOUR_S);
        let length = cut.len().max(1) as f64;
        for (n, bucket) in cut.iter().enumerate() {
            // A sitting within one hour has one piece; over several, each its share.
            let wide = span.width / length;
            out.push(piece(bucket, span.x + wide * n as f64, wide, y, lens, t));
        }
    }
    out
}

fn piece(bucket: &Bucket, x: f64, width: f64, y: f64, lens: &Lens, t: &CaseTexts) -> Piece {
    let share = bucket.percent();
    let height = f64::from(share.unwrap_or(0)) / 100.0 * BAND;
    let hour = lens.short(Timestamp::from_secs_nanos(bucket.from, 0));
    let said = share.map_or_else(
        || t.no_coverage.to_owned(),
        |share| lens.fill(t.readable_share, share),
    );
    Piece {
        x,
        width: (width - 1.0).max(1.0),
        height,
        y: y + BAND - height,
        known: share.is_some(),
        title: format!("{hour}: {said}"),
    }
}
