//! A marked test of a sink, beside the daemon.
//!
//! Enters: a sink's settings. Leaves: what happened when one test message was sent there. Never:
//! touches the spool; more than one attempt.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom, SystemRandom};

use super::notice::{Notice, Said};
use super::settings::SinkSettings;
use super::transports::{Transport, Verdict, parcel};
use crate::alerts::post::{Client, Outcome};
use crate::alerts::settings::Alertmanager;
use crate::base::Timestamp;

/// What happened.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Tested {
    /// The sink.
    pub name: String,
    /// Id of the test message.
    pub id: String,
    /// Was it taken?
    pub taken: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How long it took.
    pub milliseconds: u64,
}

/// Sends a test message to a sink.
pub fn test(settings: &SinkSettings, observer: &str) -> Tested {
    let (id, now) = (id(), now());
    let said = Said {
        language: settings.language,
        show_place: settings.show_place,
        observer: observer.into(),
    };
    let notice = Notice::test(id.clone(), now, &said);
    let began = Instant::now();
    let sent = Transport::new(settings).map(|mut transport| {
        let seconds = now.nanos().div_euclid(1_000_000_000);
        transport.send(&[parcel(&notice, settings)], seconds)
    });
    let why = match sent {
        Err(why) => Some(why),
        Ok(sent) => sent.then.map(|verdict| match verdict {
            Verdict::Later(reason, why) => format!("{reason}: {why}"),
            Verdict::Rejected(status, why) => format!("refused ({status}): {why}"),
        }),
    };
    tested(&settings.name, id, began, why)
}

/// Sends a test alert to Alertmanager: `PoortwachtTest`, over after a minute.
pub fn test_alertmanager(settings: &Alertmanager, observer: &str) -> Tested {
    let (id, now) = (id(), now());
    let ends = Timestamp(now.nanos().saturating_add(60_000_000_000));
    let (summary, description) = super::texts::test(super::Language::En);
    let body = serde_json::json!([{
        "labels": {
            "alertname": "PoortwachtTest", "severity": "info", "instance": observer, "case": id,
        },
        "annotations": {"summary": summary, "description": description},
        "startsAt": now.to_string(),
        "endsAt": ends.to_string(),
    }]);
    let began = Instant::now();
    let why = match Client::new(settings).map(|it| it.post(body.to_string().as_bytes())) {
        Err(why) => Some(why),
        Ok(Outcome::Taken) => None,
        Ok(Outcome::Later(reason, why)) => Some(format!("{reason}: {why}")),
        Ok(Outcome::Rejected(status, why)) => Some(format!("refused ({status}): {why}")),
    };
    tested("alertmanager", id, began, why)
}

fn tested(name: &str, id: String, began: Instant, why: Option<String>) -> Tested {
    Tested {
        name: name.into(),
        id,
        taken: why.is_none(),
        why,
        milliseconds: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

/// Another one each time.
fn id() -> String {
    let mut bytes = [0; 8];
    // Without randomness the time tells tests apart.
    if SystemRandom::new().fill(&mut bytes).is_err() {
        bytes = now().nanos().to_be_bytes();
    }
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    format!("test-{hex}")
}

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
