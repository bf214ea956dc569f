//! How one visitor sees values: moments, stages, states, in their language and time.
//!
//! Enters: values of the record. Leaves: small pieces of HTML, escaped. Never: decides what may be
//! seen (that is [`super::veil`]).

use std::borrow::Borrow;

use askama::Template;
use askama::filters::HtmlSafe;
use jiff::tz::TimeZone;

use super::words::{Say, Texts};
use crate::base::Timestamp;
use crate::blocklist::Stage;
use crate::console::view::Zone;
use crate::console::words::fill;
use crate::console::{View, Visitor};
use crate::organisation::Standing;
use crate::record::act::Means;
use crate::record::unsealing;
use crate::store::State;

const SECOND_NS: i64 = 1_000_000_000;

/// How one visitor sees values.
#[derive(Clone)]
pub struct Lens {
    /// Texts.
    pub w: &'static Texts,
    /// Names of stages and the like.
    pub say: &'static Say,
    view: View,
    zone: TimeZone,
    now: Timestamp,
}

impl Lens {
    /// Of a visitor, now.
    pub fn of(visitor: &Visitor, now: Timestamp) -> Self {
        let view = visitor.view();
        Self {
            w: Texts::of(view.language),
            say: Say::of(view.language),
            view,
            zone: visitor.guest.shell.zone().clone(),
            now,
        }
    }

    /// With other eyes: for tests and charts.
    #[cfg(test)]
    pub fn plain(language: crate::console::Language, now: Timestamp) -> Self {
        let view = View {
            language,
            ..View::default()
        };
        Self {
            w: Texts::of(language),
            say: Say::of(language),
            view,
            zone: TimeZone::UTC,
            now,
        }
    }

    /// The moment of the page.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// `en` or `nl`.
    pub const fn code(&self) -> &'static str {
        self.view.language.code()
    }

    fn written(&self, at: Timestamp, how: &str) -> String {
        let Ok(moment) = jiff::Timestamp::from_nanosecond(at.nanos().into()) else {
            return at.to_string();
        };
        let zone = match self.view.zone {
            Zone::Utc => TimeZone::UTC,
            Zone::Local => self.zone.clone(),
        };
        moment.to_zoned(zone).strftime(how).to_string()
    }

    /// `2026-11-22 13:45:10`, with the zone.
    pub fn full(&self, at: Timestamp) -> String {
        self.view.time(at, &self.zone)
    }

    /// `2026-11-22 13:45`.
    pub fn short(&self, at: Timestamp) -> String {
        self.written(at, "%Y-%m-%d %H:%M")
    }

    /// `13:45`.
    pub fn clock(&self, at: Timestamp) -> String {
        self.written(at, "%H:%M")
    }

    /// `2026-11-22`.
    pub fn day(&self, at: impl Borrow<Timestamp>) -> String {
        self.written(*at.borrow(), "%Y-%m-%d")
    }

    /// A moment, with the whole of it behind.
    pub fn time(&self, at: impl Moment) -> Piece {
        self.moment(at.moment(), |lens, at| lens.short(at))
    }

    /// A moment to the second.
    pub fn exact(&self, at: impl Moment) -> Piece {
        self.moment(at.moment(), |lens, at| {
            lens.written(at, "%Y-%m-%d %H:%M:%S")
        })
    }

    /// How long ago, with the moment behind.
    pub fn age(&self, at: impl Moment) -> Piece {
        self.moment(at.moment(), |lens, at| {
            let gone = lens.now.nanos().saturating_sub(at.nanos());
            if gone.abs() < 60 * SECOND_NS {
                return lens.w.now.to_owned();
            }
            let text = if gone > 0 {
                lens.w.ago
            } else {
                lens.w.in_future
            };
            fill(text, lens.lasting(gone.saturating_abs()))
        })
    }

    fn moment(&self, at: Option<Timestamp>, text: impl Fn(&Self, Timestamp) -> String) -> Piece {
        Piece::Time(at.map(|at| (at.to_string(), self.full(at), text(self, at))))
    }

    /// `3 d`, `2 h`, `5 min`: two signs that both languages share.
    pub fn lasting(&self, ns: i64) -> String {
        let hour = if self.code() == "nl" { "u" } else { "h" };
        let minutes = ns / (60 * SECOND_NS);
        match minutes {
            0 => format!("{} s", ns / SECOND_NS),
            1..120 => format!("{minutes} min"),
            120..2880 => format!("{} {hour}", minutes / 60),
            _ => format!("{} d", minutes / 1440),
        }
    }

    /// A stage: how far it goes as a ladder, and its name.
    pub fn stage(&self, stage: impl Borrow<Stage>) -> Piece {
        let stage = *stage.borrow();
        Piece::Stage {
            label: self.say.stage(stage),
            code: stage.label(),
            level: level(stage),
        }
    }

    /// How a use stands to the register.
    pub fn standing(&self, standing: impl Borrow<Standing>) -> Piece {
        let standing = *standing.borrow();
        let sign = match standing {
            Standing::Unauthorised => "!",
            Standing::Authorised => "✓",
            Standing::OutOfScope => "≠",
            Standing::Informational => "i",
        };
        Piece::Pill {
            group: "standing",
            code: standing.label(),
            sign,
            label: self.say.standing(standing),
        }
    }

    /// Where the work stands.
    pub fn state(&self, state: impl Borrow<State>) -> Piece {
        let state = *state.borrow();
        let sign = match state {
            State::New => "●",
            State::Acknowledged => "○",
            State::Assigned => "→",
            State::Closed => "×",
            State::Reopened => "↺",
        };
        Piece::Pill {
            group: "state",
            code: state.label(),
            sign,
            label: self.say.state(state),
        }
    }

    /// The visitor's language.
    pub const fn language(&self) -> crate::console::Language {
        self.view.language
    }

    /// How a request for an identity stands.
    pub fn request_state(&self, state: &unsealing::State) -> Piece {
        let say = self.say;
        let (code, sign, label) = match state {
            unsealing::State::Approved => ("good", "✓", say.approved),
            unsealing::State::Refused => ("over", "×", say.was_refused),
            unsealing::State::Expired => ("over", "×", say.expired),
            unsealing::State::Released => ("released", "⇩", say.released),
            unsealing::State::Waiting => ("waiting", "…", say.waiting),
        };
        self.pill(code, sign, label)
    }

    /// Any other pill.
    pub const fn pill(&self, code: &'static str, sign: &'static str, label: &'static str) -> Piece {
        Piece::Pill {
            group: "plain",
            code,
            sign,
            label,
        }
    }

    /// Points of 100 as a bar and a number.
    pub fn points(&self, points: impl Borrow<u8>) -> Piece {
        let points = *points.borrow();
        Piece::Points {
            points: points.min(100),
            text: fill(self.w.of_100, points.min(100)),
        }
    }

    /// By which way somebody acted.
    pub fn means(&self, means: impl Borrow<Means>) -> &'static str {
        match means.borrow() {
            Means::Console => self.say.means_console,
            Means::Api => self.say.means_api,
            Means::Command => self.say.means_command,
            Means::Program => self.say.means_program,
        }
    }

    /// A number with its thousands apart.
    pub fn number(&self, number: impl std::fmt::Display) -> String {
        let digits = number.to_string();
        let mut out = String::with_capacity(digits.len() + digits.len() / 3);
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                out.push('\u{202f}');
            }
            out.push(digit);
        }
        out
    }

    /// The start of a long id; all of it stands in the title beside it.
    pub fn start(&self, text: &str) -> String {
        let start: String = text.chars().take(10).collect();
        if start.len() < text.len() {
            format!("{start}…")
        } else {
            start
        }
    }

    /// A place in a picture: one digit is enough.
    pub fn px(&self, place: impl Borrow<f64>) -> String {
        format!("{:.1}", place.borrow())
    }

    /// A text with its gap filled.
    pub fn fill(&self, text: impl AsRef<str>, value: impl std::fmt::Display) -> String {
        fill(text.as_ref(), value)
    }
}

/// A moment, or perhaps one, as templates hand them over.
pub trait Moment {
    /// It, if there is one.
    fn moment(&self) -> Option<Timestamp>;
}

impl Moment for Timestamp {
    fn moment(&self) -> Option<Timestamp> {
        Some(*self)
    }
}

impl Moment for Option<Timestamp> {
    fn moment(&self) -> Option<Timestamp> {
        *self
    }
}

impl<T: Moment> Moment for &T {
    fn moment(&self) -> Option<Timestamp> {
        (**self).moment()
    }
}

/// How far a stage goes, 1 to 5: what cannot be told apart from a log-in stands on one rung.
pub const fn level(stage: Stage) -> u8 {
    match stage {
        Stage::LookedUp => 1,
        Stage::Visited => 2,
        Stage::AccountOrRightsRequest | Stage::AccountOrLogin => 3,
        Stage::SignedUp => 4,
        Stage::Searching | Stage::Integrated => 5,
    }
}

/// A small piece of a page. Askama escapes what stands in it.
#[derive(Template)]
#[template(path = "pages/piece.html")]
pub enum Piece {
    /// Machine-readable, in full, as shown; none: a dash.
    Time(Option<(String, String, String)>),
    /// A stage.
    Stage {
        /// Name.
        label: &'static str,
        /// As in the record.
        code: &'static str,
        /// 1 to 5.
        level: u8,
    },
    /// A label with a sign.
    Pill {
        /// Of what.
        group: &'static str,
        /// As in the record.
        code: &'static str,
        /// A sign, so that colour is not the only one.
        sign: &'static str,
        /// Name.
        label: &'static str,
    },
    /// Points of 100.
    Points {
        /// How many.
        points: u8,
        /// In words.
        text: String,
    },
}

impl HtmlSafe for Piece {}
