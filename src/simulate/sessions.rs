//! What an act looks like on the wire: sizes and times of real clients, by act and transport.
//!
//! Enters: `recorded.toml` (sessions of real clients at stand-in sites), `sessions.toml` (ranges from
//! public figures for the acts that nobody has recorded), chance. Leaves: exchanges. Never: a size or
//! time taken from a rule of the stages that judge.

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
        /// A page fetched ahead of need, for a link that nobody has followed.
        #[serde(alias = "prefetch")]
        PagePrefetch = "page-prefetch",
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
        Sessions::parse(&[include_str!("recorded.toml"), include_str!("sessions.toml")])
            .expect("recorded.toml and sessions.toml are sound")
    });
    &BOOK
}

impl Sessions {
    /// From the texts of files. A recording takes the place of an act's range.
    ///
    /// # Errors
    /// A sentence with the place, or the act of which nothing is known.
    pub fn parse(texts: &[&str]) -> Result<Self, String> {
        let mut recorded: BTreeMap<_, Vec<Session>> = BTreeMap::new();
        let mut ranges: BTreeMap<Act, Range> = BTreeMap::new();
        for text in texts {
            let file: File = toml::from_str(text).map_err(|e| format!("sessions: {e}"))?;
            for session in file.sessions {
                let key = (session.act, session.transport);
                recorded.entry(key).or_default().push(session);
            }
            ranges.extend(file.ranges.into_iter().map(|it| (it.act, it)));
        }
        let known = |act| ranges.contains_key(act) || recorded.contains_key(&(*act, Transport::H2));
        match Act::ALL.iter().find(|act| !known(act)) {
            Some(act) => Err(format!(
                "sessions: neither a session nor a range for `{act}`"
            )),
            None => Ok(Self { recorded, ranges }),
        }
    }

    /// Does the act rest on a recording?
    pub fn is_recorded(&self, act: Act, transport: Transport) -> bool {
        self.recorded.contains_key(&(act, transport))
    }

    /// Where the figures of an act come from.
    pub fn source(&self, act: Act, transport: Transport) -> String {
        match (self.sessions(act, transport), self.ranges.get(&act)) {
            (Some((_, sessions)), _) => format!(
                "{} recorded sessions of {}",
                sessions.len(),
                sessions[0].client
            ),
            (None, Some(range)) => format!("provisional: {}", range.source),
            (None, None) => "nothing".into(),
        }
    }

    /// The recordings of an act. A client that was only recorded over TCP speaks nothing else.
    fn sessions(&self, act: Act, with: Transport) -> Option<(Transport, &[Session])> {
        [with, Transport::H2]
            .into_iter()
            .find_map(|transport| Some((transport, &self.recorded.get(&(act, transport))?[..])))
    }

    /// One course of `act`.
    pub fn draw(&self, act: Act, with: Transport, chance: &mut Chance) -> Course {
        let (transport, drawn) = match self.sessions(act, with) {
            Some((transport, sessions)) => (transport, chance.one_of(sessions).exchanges.clone()),
            None => {
                let range = self.ranges.get(&act).map(|range| &range.exchanges[..]);
                let range = range.unwrap_or_default();
                (with, range.iter().map(|it| it.draw(chance)).collect())
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
        flows.retain(|flow| !flow.is_empty());
        Course { transport, flows }
    }
}

/// How an act went once.
pub struct Course {
    /// What it spoke.
    pub transport: Transport,
    /// For each connection its exchanges, in the order of first use; microseconds from the act's begin.
    pub flows: Vec<Vec<Exchange>>,
}

/// What comes after such a pause, in microseconds, is not what somebody waits for: a recording goes on
/// until the next act, and a server says farewell to a connection after a minute.
const SETTLED: u64 = 5_000_000;

impl Course {
    /// When the first payload passes.
    pub fn begins(&self) -> u64 {
        let first = self.flows.iter().flatten().map(|it| it.at);
        first.min().unwrap_or_default()
    }

    /// When the last exchange begins that belongs to what was asked for.
    pub fn settles(&self) -> u64 {
        let mut all: Vec<u64> = self.flows.iter().flatten().map(|it| it.at).collect();
        all.sort_unstable();
        let pause = all.windows(2).find(|pair| pair[1] - pair[0] > SETTLED);
        pause
            .map_or(all.last().copied(), |pair| Some(pair[0]))
            .unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Ranges stand in for what has no recording, for nothing else: three acts.
    #[test]
    fn no_range_where_there_is_a_recording() {
        let book = builtin();
        for act in Act::ALL {
            let is_recorded = book.is_recorded(*act, Transport::H2);
            assert_ne!(is_recorded, book.ranges.contains_key(act), "{act}");
        }
        let ranges: Vec<&str> = book.ranges.keys().map(|act| act.label()).collect();
        assert_eq!(ranges, ["identity-check", "payment-page", "third-party"]);
    }

    #[test]
    fn a_recording_is_played_as_it_was() {
        let text = r#"
            [[session]]
            act = "page-visit"
            transport = "h2"
            client = "chromium-1"
            exchanges = [
              { at_ms = 700, up = 35, down = 60, conn = 0 },
              { at_ms = 750, up = 600, down = 90000, conn = 1 },
              { at_ms = 9000, up = 0, down = 60, conn = 1 },
            ]
        "#;
        let others: String = Act::ALL
            .iter()
            .filter(|act| **act != Act::PageVisit)
            .map(|act| format!("[[range]]\nact = \"{act}\"\nsource = \"-\"\nexchanges = []\n"))
            .collect();
        let book = Sessions::parse(&[text, &others]).expect("sound");
        let course = book.draw(Act::PageVisit, Transport::H3, &mut Chance::new(1));
        assert_eq!(course.transport, Transport::H2, "only recorded over TCP");
        assert_eq!(course.flows.len(), 2);
        assert_eq!((course.begins(), course.settles()), (700_000, 750_000));
        assert!(
            Sessions::parse(&[text]).is_err(),
            "the other acts are missing"
        );
    }
}
