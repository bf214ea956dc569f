//! The console in figures: how much is asked and how fast, never by whom.
//!
//! Enters: an answer, a refusal to let somebody in, how many are in. Leaves: series. Never: the name
//! of an account, an address or a path in a label.

use std::time::Duration;

use super::{Metrics, NONE};
use crate::base::seen::closed_set;

closed_set! {
    /// What is asked for.
    Route {
        /// Pages of the record.
        Pages = "pages",
        /// The JSON API.
        Api = "api",
        /// What changes, as it changes; its answer begins at once and goes on.
        Events = "events",
        /// Signing in and out, one-time links.
        Door = "door",
        /// One's own account, and those of others.
        Accounts = "accounts",
        /// Styles, scripts, icons.
        Static = "static",
    }
}

impl Route {
    /// Of a path below the base.
    pub fn of(path: &str) -> Self {
        let first = path.trim_start_matches('/').split('/').next();
        match first.unwrap_or_default() {
            "static" => Self::Static,
            "events" => Self::Events,
            "api" if path.ends_with("/events") => Self::Events,
            "api" => Self::Api,
            "sign-in" | "sign-out" | "link" => Self::Door,
            "account" | "accounts" => Self::Accounts,
            _ => Self::Pages,
        }
    }
}

closed_set! {
    /// Why somebody was not let in.
    NotIn {
        /// No such account, or not its password.
        Password = "password",
        /// Not the code of the second factor.
        Code = "code",
        /// Vouched for by a proxy, a certificate or the identity provider, without an open account.
        NoAccount = "no_account",
        /// The identity provider did not answer, or not in a way that can be believed.
        Provider = "provider",
        /// Too many attempts: asked to wait.
        TooOften = "too_often",
    }
}

/// Statuses by their first digit, with those that tell of a locked door apart.
const STATUSES: [&str; 7] = ["2xx", "3xx", "4xx", "5xx", "401", "403", "429"];

fn status(code: u16) -> &'static str {
    match code {
        401 => "401",
        403 => "403",
        429 => "429",
        ..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
}

impl Metrics {
    /// Declares the series of the console.
    pub(super) fn declare_console(&self) {
        let f = &self.families;
        for route in Route::ALL {
            f.console_seconds
                .with_label_values(&[route.label()])
                .inc_by(0.0);
            for status in STATUSES {
                let labels = [route.label(), status];
                f.console_requests.with_label_values(&labels).inc_by(0);
            }
        }
        for reason in NotIn::ALL {
            let labels = [reason.label()];
            f.console_not_in.with_label_values(&labels).inc_by(0);
        }
    }

    /// A request was answered, or its answer began.
    pub fn console_answered(&self, route: Route, code: u16, took: Duration) {
        let f = &self.families;
        let labels = [route.label(), status(code)];
        f.console_requests.with_label_values(&labels).inc();
        let seconds = f.console_seconds.with_label_values(&[route.label()]);
        seconds.inc_by(took.as_secs_f64());
    }

    /// Somebody was not let in.
    pub fn console_not_in(&self, why: NotIn) {
        let family = &self.families.console_not_in;
        family.with_label_values(&[why.label()]).inc();
    }

    /// How many sessions there are, and how many pages listen.
    pub fn console_now(&self, sessions: usize, listeners: usize) {
        let f = &self.families;
        for (family, value) in [
            (&f.console_sessions, sessions),
            (&f.console_listeners, listeners),
        ] {
            family.with_label_values(NONE).set(value as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_a_class_and_no_label_of_its_own() {
        for (path, route) in [
            ("/", Route::Pages),
            ("/cases/case-7", Route::Pages),
            ("/api/v1/cases", Route::Api),
            ("/api/v1/events", Route::Events),
            ("/events", Route::Events),
            ("/sign-in/code", Route::Door),
            ("/link/secret", Route::Door),
            ("/account/tokens", Route::Accounts),
            ("/accounts", Route::Accounts),
            ("/static/icon.svg", Route::Static),
            ("/nothing of ours", Route::Pages),
            ("", Route::Pages),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }

    #[test]
    fn answers_and_refusals_move_their_series() {
        let metrics = Metrics::new();
        let has = |line: &str| metrics.text().lines().any(|it| it == line);
        let requests = "poortwacht_console_requests_total{route=\"api\",status=\"429\"}";
        assert!(has(&format!("{requests} 0")), "declared");
        metrics.console_answered(Route::Api, 429, Duration::from_millis(250));
        metrics.console_answered(Route::Api, 204, Duration::from_millis(250));
        assert!(has(&format!("{requests} 1")));
        assert!(has(
            "poortwacht_console_requests_total{route=\"api\",status=\"2xx\"} 1"
        ));
        assert!(has(
            "poortwacht_console_request_seconds_total{route=\"api\"} 0.5"
        ));
        metrics.console_not_in(NotIn::Code);
        assert!(has(
            "poortwacht_console_sign_ins_refused_total{reason=\"code\"} 1"
        ));
        metrics.console_now(3, 2);
        assert!(has("poortwacht_console_sessions 3") && has("poortwacht_console_listeners 2"));
        for code in [100, 200, 302, 404, 503, 999] {
            assert!(STATUSES.contains(&status(code)), "{code}");
        }
    }
}
