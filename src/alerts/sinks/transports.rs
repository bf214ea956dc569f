//! Ways to a sink: bytes in, a verdict out.
//!
//! Enters: [`Parcel`]s in order. Leaves: how many of them were taken, and what became of the next.
//! Never: waits longer than the sink's time for one step; follows a redirect; knows what it brings.

mod address;
mod bulk;
mod file;
mod mail;
mod stream;
mod tls;
mod web;

use std::time::Duration;

use super::forms;
use super::notice::Notice;
use super::settings::{Form, Kind, SinkSettings};
use crate::alerts::post::Reason;

pub use address::{Address, Host};

/// One alert, written down.
pub struct Parcel {
    /// For de-duplication.
    pub id: String,
    /// In the sink's form, without framing.
    pub bytes: Vec<u8>,
    /// One line, for what has a subject beside a body.
    pub title: String,
}

/// What became of a parcel that was not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Try again later.
    Later(Reason, String),
    /// It will never be taken: status (0 where there is none) and answer.
    Rejected(u16, String),
}

/// How far an attempt came.
#[derive(Debug, PartialEq, Eq)]
pub struct Sent {
    /// So many parcels, from the first on, were taken.
    pub taken: usize,
    /// What became of the one after them.
    pub then: Option<Verdict>,
}

impl Sent {
    const fn all(taken: usize) -> Self {
        Self { taken, then: None }
    }

    const fn later(reason: Reason, why: String) -> Self {
        Self {
            taken: 0,
            then: Some(Verdict::Later(reason, why)),
        }
    }
}

/// A way, ready to be used. Nothing is kept open between two attempts.
pub enum Transport {
    /// Lines into a file.
    File(file::File),
    /// UDP, TCP, TLS, Unix sockets.
    Socket(stream::Socket),
    /// Signed POST.
    Webhook(web::Webhook),
    /// `_bulk`.
    Bulk(bulk::Bulk),
    /// SMTP.
    Mail(Box<mail::Mail>),
}

impl Transport {
    /// Reads secrets and certificates; connects to nobody.
    ///
    /// # Errors
    /// A sentence with the file and what to do.
    pub fn new(settings: &SinkSettings) -> Result<Self, String> {
        let address = settings.address()?;
        let named = |why: String| format!("[[sink]] {:?}: {why}", settings.name);
        Ok(match (settings.kind, address) {
            (Kind::Webhook, _) => Self::Webhook(web::Webhook::new(settings).map_err(named)?),
            (Kind::Elasticsearch, _) => Self::Bulk(bulk::Bulk::new(settings).map_err(named)?),
            (Kind::Mail, address) => Self::Mail(Box::new(
                mail::Mail::new(settings, &address).map_err(named)?,
            )),
            (_, Address::File(path)) => Self::File(file::File::new(path)),
            (_, address) => Self::Socket(stream::Socket::new(settings, address).map_err(named)?),
        })
    }

    /// Most parcels in one attempt.
    pub const fn together_max(&self) -> usize {
        match self {
            Self::File(_) | Self::Socket(_) | Self::Bulk(_) => 64,
            Self::Webhook(_) | Self::Mail(_) => 1,
        }
    }

    /// One attempt; `unix_seconds` is the wall clock, for signatures.
    pub fn send(&mut self, parcels: &[Parcel], unix_seconds: i64) -> Sent {
        match self {
            Self::File(it) => it.send(parcels),
            Self::Socket(it) => it.send(parcels),
            Self::Webhook(it) => it.send(parcels, unix_seconds),
            Self::Bulk(it) => it.send(parcels),
            Self::Mail(it) => it.send(parcels),
        }
    }
}

/// A notice as the sink gets it, framing aside.
pub fn parcel(notice: &Notice, settings: &SinkSettings) -> Parcel {
    let bytes = match (settings.kind, settings.form()) {
        (Kind::Syslog, form) => forms::syslog::message(notice, form, settings.facility),
        (Kind::Mail, _) => forms::text::body(notice, settings.language).into_bytes(),
        (_, form) => write(notice, form),
    };
    Parcel {
        id: notice.id.clone(),
        bytes,
        title: notice.summary.clone(),
    }
}

/// A notice in a form of one line without its end.
pub fn write(notice: &Notice, form: Form) -> Vec<u8> {
    match form {
        Form::Text => notice.summary.clone().into_bytes(),
        Form::Cef => forms::cef::event(notice).into_bytes(),
        Form::Json => forms::json::notice(notice),
        Form::Ecs => forms::ecs::document(notice),
        Form::Eve => forms::eve::event(notice),
        Form::Ocsf => forms::ocsf::finding(notice),
        Form::Stix => forms::stix::bundle(notice),
        Form::Misp => forms::misp::event(notice),
    }
}

fn wait(settings: &SinkSettings) -> Duration {
    Duration::from_secs(settings.timeout_seconds.into())
}
