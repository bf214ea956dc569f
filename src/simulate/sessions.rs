//! What an act looks like on the wire: sizes and times of real clients, by act and transport.
//!
//! Enters: `sessions.toml` (recorded sessions; ranges from public figures where nothing is recorded
//! yet), chance. Leaves: exchanges. Never: a size or time taken from a rule of the stages that judge.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::chance::Chance;
use super::plan::{Exchange, Transport};
use crate::base::seen::closed_set;

closed_set! {
    /// What a person or machine does with a site.
    Act {
        /// First page of a site, with its scripts and pictures.
        PageVisit = "page-visit",
        /// A further page.
        PageNext = "page-next",
        /// Page with the form for an account or a log-in.
        AccountPage = "account-page",
        /// Registration form sent, answered.
        SignupForm = "signup-form",
        /// Log-in form sent, answered.
        LoginForm = "login-form",
        /// Form that asks for, or sets, a new password.
        ResetForm = "reset-form",
        /// Demo or contact form.
        ContactForm = "contact-form",
        /// Address for a newsletter.
        NewsletterForm = "newsletter-form",
        /// The mailed link is opened.
        VerifyLink = "verify-link",
        /// The application behind the log-in loads.
        AppOpen = "app-open",
        /// A photo goes up, results come down.
        PhotoUpload = "photo-upload",
        /// Results from a host of their own.
        Results = "results",
        /// A rights request with a photo.
        RightsForm = "rights-form",
        /// A connection opened ahead of need; nothing is asked.
        Preconnect = "preconnect",
        /// One page, without its pictures: a preview bot, a scanner.
        BotFetch = "bot-fetch",
        /// An identity check: selfie and document.
        IdentityCheck = "identity-check",
        /// A program sends a picture and gets an answer.
        ApiCall = "api-call",
        /// A payment page of a third party.
        PaymentPage = "payment-page",
        /// A tracker or other third party of the page.
        ThirdParty = "third-party",
    }
}

/// One recorded session: `[[session]]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// What was done.
    pub act: Act,
    /// With what.
    #[serde(serialize_with = "label")]
    pub transport: Transport,
    /// Program and version that did it, e.g. `chromium-131`.
    pub client: String,
    /// What passed, in the order of time.
    pub exchanges: Vec<Recorded>,
}

fn label<S: serde::Serializer>(it: &Transport, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(match it {
        Transport::H2 => "h2",
        Transport::H3 => "h3",
    })
}

/// One exchange of a recorded session.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// Milliseconds after the act began (the hello, on a new connection).
    pub at_ms: u64,
    /// TCP or UDP payload bytes up, without the hello.
    pub up: u32,
    /// The same down.
    pub down: u32,
    /// Connection within the act, from 0.
    #[serde(default)]
    pub conn: u8,
}

/// Provisional ranges for an act that nobody has recorded yet: `[[range]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    act: Act,
    /// Where the figures come from.
    source: String,
    exchanges: Vec<RangeExchange>,
}

/// Lowest and highest; drawn evenly on the logarithm.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeExchange {
    at_ms: [u64; 2],
    up: [u32; 2],
    down: [u32; 2],
    #[serde(default)]
    conn: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "session")]
    sessions: Vec<Session>,
    #[serde(default, rename = "range")]
    ranges: Vec<Range>,
}

/// All that is known of how acts look.
pub struct Sessions {
    recorded: BTreeMap<(Act, Transport), Vec<Session>>,
    ranges: BTreeMap<Act, Range>,
}

/// The book that is built in.
pub fn builtin() -> &'static Sessions {
    static BOOK: LazyLock<Sessions> = LazyLock::new(|| {
        // A test reads the file, so a broken one never leaves the house.
        Sessions::parse(include_str!("sessions.toml")).expect("sessions.toml is sound")
    });
    &BOOK
}

impl Sessions {
    /// From the text of a file.
    ///
    /// # Errors
    /// A sentence with the place.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|e| format!("sessions: {e}"))?;
        let mut recorded: BTreeMap<_, Vec<Session>> = BTreeMap::new();
        for session in file.sessions {
            recorded
                .entry((session.act, session.transport))
                .or_default()
                .push(session);
        }
        let ranges: BTreeMap<_, _> = file.ranges.into_iter().map(|it| (it.act, it)).collect();
        if let Some(act) = Act::ALL.iter().find(|act| {
            !ranges.contains_key(act) && !recorded.contains_key(&(**act, Transport::H2))
        }) {
            return Err(format!(
                "sessions: neither a session nor a range for `{act}`"
            ));
        }
        Ok(Self { recorded, ranges })
    }

    /// Does the act rest on a recording?
    pub fn is_recorded(&self, act: Act, transport: Transport) -> bool {
        self.recorded.contains_key(&(act, transport))
    }

    /// Where the figures of an act come from.
    pub fn source(&self, act: Act, transport: Transport) -> String {
        match (self.recorded.get(&(act, transport)), self.ranges.get(&act)) {
            (Some(sessions), _) => format!(
                "{} recorded sessions of {}",
                sessions.len(),
                sessions[0].client
            ),
            (None, Some(range)) => format!("provisional: {}", range.source),
            (None, None) => "nothing".into(),
        }
    }

    /// One course of `act`: for each connection its exchanges, times from the act's begin.
    pub fn draw(&self, act: Act, with: Transport, chance: &mut Chance) -> Vec<Vec<Exchange>> {
        let transports = [with, Transport::H2];
        let session = transports
            .iter()
            .find_map(|transport| self.recorded.get(&(act, *transport)));
        let drawn: Vec<Recorded> = match session {
            Some(sessions) => chance.one_of(sessions).exchanges.clone(),
            None => {
                let range = self.ranges.get(&act).map(|range| &range.exchanges[..]);
                let range = range.unwrap_or_default();
                range.iter().map(|it| it.draw(chance)).collect()
            }
        };
        let connections = drawn.iter().map(|it| it.conn).max().map_or(1, |n| n + 1);
        let mut flows = vec![Vec::new(); usize::from(connections)];
        for it in drawn {
            flows[usize::from(it.conn)].push(Exchange {
                at: it.at_ms * 1_000,
                up: it.up,
                down: it.down,
            });
        }
        flows
    }
}

impl RangeExchange {
    fn draw(&self, chance: &mut Chance) -> Recorded {
        let mut even = |[low, high]: [u64; 2]| {
            let (low, high) = ((low + 1) as f64, (high + 1) as f64);
            (low * (high / low).powf(chance.unit())) as u64 - 1
        };
        let wide = |range: [u32; 2]| range.map(u64::from);
        Recorded {
            at_ms: even(self.at_ms),
            up: even(wide(self.up)) as u32,
            down: even(wide(self.down)) as u32,
            conn: self.conn,
        }
    }
}
