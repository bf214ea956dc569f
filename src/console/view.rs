//! How a visitor wants to see pages: language, time zone, colours. Kept in a cookie that tells
//! nothing else.
//!
//! Enters: the cookie's text, a moment. Leaves: texts. Never: trusts the cookie (what is not in the
//! closed sets is the default).

use jiff::tz::TimeZone;

use super::words::Words;
use crate::base::Timestamp;

/// A language of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Dutch.
    Dutch,
}

impl Language {
    /// As in the `lang` attribute.
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Dutch => "nl",
        }
    }

    /// The best of what a browser accepts; the order of its list counts, weights do not.
    pub fn accepted(header: &str) -> Self {
        let mut wanted = header
            .split(',')
            .map(|one| one.trim().get(..2).unwrap_or_default());
        wanted.find_map(Self::coded).unwrap_or_default()
    }

    fn coded(code: &str) -> Option<Self> {
        match code {
            "en" => Some(Self::English),
            "nl" => Some(Self::Dutch),
            _ => None,
        }
    }
}

/// Which time is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zone {
    /// Coordinated universal time.
    #[default]
    Utc,
    /// The zone of the organisation (`[console] zone`).
    Local,
}

/// Which colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the browser prefers.
    #[default]
    Auto,
    /// Dark.
    Dark,
    /// Light.
    Light,
}

impl Theme {
    /// As in the `data-theme` attribute.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Dark => "dark",
            Self::Light => "light",
        }
    }
}

/// How a visitor wants to see pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Language.
    pub language: Language,
    /// Time.
    pub zone: Zone,
    /// Colours.
    pub theme: Theme,
}

impl View {
    /// From the cookie `language.zone.theme`; without one, from what the browser accepts.
    pub fn read(cookie: Option<&str>, accepted: &str) -> Self {
        let mut view = Self {
            language: Language::accepted(accepted),
            ..Self::default()
        };
        for word in cookie.unwrap_or_default().split('.') {
            view.set(word);
        }
        view
    }

    /// Sets what the word stands for; other words change nothing.
    pub fn set(&mut self, word: &str) {
        match word {
            "utc" => self.zone = Zone::Utc,
            "local" => self.zone = Zone::Local,
            "auto" => self.theme = Theme::Auto,
            "dark" => self.theme = Theme::Dark,
            "light" => self.theme = Theme::Light,
            code => self.language = Language::coded(code).unwrap_or(self.language),
        }
    }

    /// For the cookie.
    pub fn cookie(self) -> String {
        let zone = match self.zone {
            Zone::Utc => "utc",
            Zone::Local => "local",
        };
        format!("{}.{zone}.{}", self.language.code(), self.theme.code())
    }

    /// The shell's texts.
    pub const fn words(self) -> &'static Words {
        Words::of(self.language)
    }

    /// `2026-11-22 13:45:10 UTC`, or the same moment in `local` with its offset.
    pub fn time(self, at: Timestamp, local: &TimeZone) -> String {
        let Ok(moment) = jiff::Timestamp::from_nanosecond(at.nanos().into()) else {
            return at.to_string();
        };
        match self.zone {
            Zone::Utc => moment.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            Zone::Local => {
                let there = moment.to_zoned(local.clone());
                there.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_reads_back_and_nonsense_is_the_default() {
        let view = View {
            language: Language::Dutch,
            zone: Zone::Local,
            theme: Theme::Dark,
        };
        assert_eq!(View::read(Some(&view.cookie()), "en"), view);
        assert_eq!(View::read(Some("xx.<b>.."), ""), View::default());
        assert_eq!(
            View::read(None, "fr-FR, nl;q=0.9, en;q=0.8").language,
            Language::Dutch
        );
        assert_eq!(
            View::read(None, "\u{e9}\u{e9}, *").language,
            Language::English
        );
    }

    #[test]
    fn a_moment_is_shown_in_the_zone_that_was_chosen() {
        let at = Timestamp::from_secs_nanos(1_795_353_494, 7);
        let amsterdam = TimeZone::get("Europe/Amsterdam").unwrap();
        let mut view = View::default();
        assert_eq!(view.time(at, &amsterdam), "2026-11-22 13:18:14 UTC");
        view.set("local");
        assert_eq!(view.time(at, &amsterdam), "2026-11-22 14:18:14 +01:00");
        let summer = Timestamp::from_secs_nanos(1_783_000_000, 0);
        assert!(view.time(summer, &amsterdam).ends_with("+02:00"));
    }
}
