//! The pages of the record, on the desk that runs.
//!
//! Enters: the store, the ledger, the way to the office, what metrics and readiness know. Leaves: a
//! [`pages::Desk`]. Never: an act that goes round the office.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, broadcast};

use super::acts::{Handle, Refused};
use super::{evidence, office, unsealing};
use crate::base::Timestamp;
use crate::blocklist::Catalogue;
use crate::config::Config;
use crate::console::pages::desk::{Acting, Exporting, Releasing};
use crate::console::pages::{Bundle, Changed, Desk, Health, Part, Readers};
use crate::ledger::Ledger;
use crate::metrics::{Metrics, Readiness};
use crate::organisation::Organisation;
use crate::record::unsealing::{State, Terms};
use crate::record::{Act, Actor, Entry, Kind};
use crate::store::{Reader, SavedViews};

/// What the pages are given of the daemon.
pub struct Parts {
    /// The way to the office.
    pub office: Handle,
    /// Entries as they are recorded.
    pub recorded: broadcast::Sender<Changed>,
    /// The list in force.
    pub list: Arc<ArcSwap<Catalogue>>,
    /// Map and register.
    pub organisation: Arc<Organisation>,
    /// For the page of health.
    pub metrics: Arc<Metrics>,
    /// As `metrics`.
    pub readiness: Arc<Readiness>,
}

/// The desk that runs, for the pages.
pub struct LiveDesk {
    parts: Parts,
    readers: Arc<Readers>,
    views: SavedViews,
    ledger: PathBuf,
    store: PathBuf,
    places: Arc<evidence::Places>,
    /// One export at a time.
    exports: Arc<Semaphore>,
    terms: Terms,
}

impl LiveDesk {
    /// Of a configuration under which a record is kept.
    pub fn new(config: &Config, parts: Parts) -> Arc<Self> {
        let store = &config.ledger.store;
        Arc::new(Self {
            readers: Readers::at(store),
            views: SavedViews::beside(store),
            ledger: config.ledger.folder.clone(),
            store: store.clone(),
            places: Arc::new(evidence::Places::of(config)),
            exports: Arc::new(Semaphore::new(1)),
            terms: unsealing::terms(&config.identity),
            parts,
        })
    }
}

impl Desk for LiveDesk {
    fn now(&self) -> Timestamp {
        office::now()
    }

    fn readers(&self) -> &Arc<Readers> {
        &self.readers
    }

    fn views(&self) -> &SavedViews {
        &self.views
    }

    fn act(&self, by: Actor, act: Act, revision: Option<u64>) -> Acting {
        let office = self.parts.office.clone();
        Box::pin(async move {
            let done = office.act(by, act, revision).await;
            done.map(|done| done.number).map_err(|Refused(why)| why)
        })
    }

    fn changes(&self) -> broadcast::Receiver<Changed> {
        self.parts.recorded.subscribe()
    }

    fn entry(&self, number: u64) -> Result<Option<Entry>, String> {
        let Some(stored) = Ledger::read(&self.ledger, number)?.next().transpose()? else {
            return Ok(None);
        };
        match (Kind::of(&stored.kind), stored.payload) {
            (Some(kind), Some(payload)) if stored.number == number => {
                Entry::read(kind, &payload).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        self.parts.list.load_full()
    }

    fn organisation(&self) -> Arc<Organisation> {
        Arc::clone(&self.parts.organisation)
    }

    fn health(&self) -> Health {
        Health {
            reasons: self.parts.readiness.reasons(office::now()),
            parts: parts(&Figures::of(&self.parts.metrics.text()), office::now()),
        }
    }

    fn terms(&self) -> Terms {
        self.terms.clone()
    }

    fn export(&self, by: Actor, what: Bundle) -> Exporting {
        let (office, places) = (self.parts.office.clone(), Arc::clone(&self.places));
        let turn = Arc::clone(&self.exports).try_acquire_owned();
        Box::pin(async move {
            // Each walks through the whole ledger.
            let _turn = turn.map_err(|_| "another export is under way; try again shortly")?;
            let wish = evidence::Wish {
                case: what.case,
                reason: what.reason,
                without_sealed: !what.sealed,
                ..evidence::Wish::default()
            };
            let done = evidence::export(&office, places, by, wish).await;
            done.map_err(|Refused(why)| why)
        })
    }

    fn release(&self, by: Actor, request: String) -> Releasing {
        let (office, terms) = (self.parts.office.clone(), self.terms.clone());
        let (folder, store) = (self.ledger.clone(), self.store.clone());
        Box::pin(async move {
            let made = tokio::task::spawn_blocking(move || {
                let reader = Reader::open(&store)?;
                let all = unsealing::in_store(&reader, &folder)?;
                let found = all.get(&request).ok_or("there is no such request")?;
                // Before anything is gathered; what is recorded is asked again by the office.
                match found.state(&terms, office::now()) {
                    State::Approved | State::Released => {}
                    other => return Err(format!("the request is {other}: nothing is handed out")),
                }
                let now = office::now();
                let (text, digest) = unsealing::release_by(&reader, &folder, found, now)?;
                let act = Act::ReleaseUnsealing {
                    request,
                    case: found.case.clone(),
                    digest,
                };
                Ok((text, act))
            });
            let (text, act) = made.await.map_err(|_| "it failed; the log says why")??;
            let done = office.act(by, act, None).await;
            done.map(|_| text.into_bytes()).map_err(|Refused(why)| why)
        })
    }
}

/// Samples of the metrics page: name with labels, value.
pub(super) struct Figures(BTreeMap<String, f64>);

impl Figures {
    pub(super) fn of(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Self(lines.filter_map(sample).collect())
    }

    pub(super) fn value(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }

    /// Sum over all labels.
    pub(super) fn sum(&self, name: &str) -> f64 {
        let of = |key: &&String| {
            let rest = key.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        };
        self.0
            .iter()
            .filter(|(key, _)| of(key))
            .map(|(_, value)| value)
            .sum()
    }

    /// Each value, with what stands behind `label=`.
    pub(super) fn each(&self, name: &str, label: &str) -> Vec<(String, f64)> {
        let ask = format!("{label}=\"");
        let of = |(key, value): (&String, &f64)| {
            let rest = key.strip_prefix(name)?.strip_prefix('{')?;
            let (_, behind) = rest.split_once(&ask)?;
            Some((behind.split('"').next()?.to_owned(), *value))
        };
        self.0.iter().filter_map(of).collect()
    }

    /// Each value with all its labels.
    pub(super) fn labelled(&self, name: &str) -> Vec<Labelled> {
        let of = |(key, value): (&String, &f64)| {
            let labels = key
                .strip_prefix(name)?
                .strip_prefix('{')?
                .strip_suffix('}')?;
            let pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
            let clean =
                |(label, text): (&str, &str)| (label.to_owned(), text.trim_matches('"').to_owned());
            Some((pairs.map(clean).collect(), *value))
        };
        self.0.iter().filter_map(of).collect()
    }
}

/// The labels of a sample, and its value.
type Labelled = (BTreeMap<String, String>, f64);

/// How the parts stand, in figures that the metrics have too.
fn parts(of: &Figures, now: Timestamp) -> Vec<Part> {
    let now_s = now.nanos() as f64 / 1e9;
    let mut parts = Vec::new();
    let mut say =
        |name: String, good: bool, detail: String| parts.push(Part { name, good, detail });
    let up = of.value("poortwacht_sensor_up") > 0.0;
    say(
        "sensor".into(),
        up,
        (if up { "runs" } else { "does not run" }).into(),
    );
    for (worker, beat) in of.each("poortwacht_worker_heartbeat_timestamp_seconds", "worker") {
        let age = (now_s - beat).max(0.0);
        let detail = if beat > 0.0 {
            format!("last told its counts {age:.0} s ago")
        } else {
            "has not told its counts yet".into()
        };
        say(format!("worker {worker}"), beat > 0.0 && age < 15.0, detail);
    }
    let loaded = of.value("poortwacht_list_loaded_timestamp_seconds");
    let modified = of.value("poortwacht_list_modified_timestamp_seconds");
    let days = ((now_s - modified) / 86_400.0).max(0.0);
    say(
        "list of vendors".into(),
        loaded > 0.0,
        format!(
            "{:.0} rules, newest change {days:.0} days ago",
            of.value("poortwacht_list_rules")
        ),
    );
    let open: BTreeMap<String, f64> = of
        .each("poortwacht_feed_open", "feed")
        .into_iter()
        .collect();
    let lag: BTreeMap<String, f64> = of
        .each("poortwacht_feed_lag_bytes", "feed")
        .into_iter()
        .collect();
    for (feed, is_open) in open {
        let behind = lag.get(&feed).copied().unwrap_or(0.0);
        say(
            format!("feed {feed}"),
            is_open > 0.0,
            format!("{behind:.0} bytes not read yet"),
        );
    }
    say(
        "ledger".into(),
        of.value("poortwacht_ledger_writable") > 0.0,
        format!(
            "{:.0} entries, {:.0} in line, newest commit took {:.1} ms",
            of.value("poortwacht_ledger_size"),
            of.value("poortwacht_ledger_waiting"),
            of.value("poortwacht_ledger_commit_seconds") * 1000.0
        ),
    );
    let behind = of.value("poortwacht_store_behind_entries");
    say(
        "store".into(),
        behind < 1000.0,
        format!("{behind:.0} entries behind the ledger"),
    );
    say(
        "hit log".into(),
        of.value("poortwacht_hit_log_writable") > 0.0,
        format!(
            "{:.0} records waiting, {:.1} GiB free",
            of.value("poortwacht_hit_log_queue_lines"),
            of.value("poortwacht_hit_log_free_bytes") / f64::from(1 << 30)
        ),
    );
    say(
        "case file".into(),
        of.value("poortwacht_casefile_writable") > 0.0,
        format!("{:.0} cases", of.value("poortwacht_casefile_cases")),
    );
    let dead = of.value("poortwacht_alerts_dead");
    say(
        "outbox".into(),
        dead < 1.0,
        format!(
            "{:.0} alerts waiting, {dead:.0} refused for good",
            of.sum("poortwacht_alerts_waiting")
        ),
    );
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_become_parts_and_what_fails_is_said() {
        let text = "# HELP x\npoortwacht_sensor_up 1\n\
            poortwacht_worker_heartbeat_timestamp_seconds{interface=\"eth0\",worker=\"0\"} 100\n\
            poortwacht_ledger_writable 0\npoortwacht_alerts_waiting{sink=\"a\"} 2\n\
            poortwacht_alerts_waiting{sink=\"b\"} 3\n";
        let parts = parts(&Figures::of(text), Timestamp::from_secs_nanos(104, 0));
        let find = |name: &str| parts.iter().find(|it| it.name == name).expect("a part");
        assert!(find("sensor").good);
        assert!(find("worker 0").good);
        assert!(find("worker 0").detail.contains("4 s ago"));
        assert!(!find("ledger").good);
        assert!(find("outbox").detail.starts_with("5 alerts"));
    }
}
