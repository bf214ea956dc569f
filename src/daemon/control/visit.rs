//! Visitors of the control socket: each a task of its own.
//!
//! Enters: a connection. Leaves: one line. Never: more than [`VISITORS_MAX`] at a time; says that
//! something was refused which goes on.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::{Uid, User};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use super::{Answer, Ask, Control, REQUEST_LEN_MAX, Request, UnderWay};
use crate::record::{Actor, Means};

/// Visitors who are served at one time.
const VISITORS_MAX: usize = 4;
/// Longest wait for the request.
const REQUEST_WAIT: Duration = Duration::from_secs(5);
/// How long somebody waits.
#[derive(Clone, Copy)]
pub(super) struct Waits {
    /// One visitor more than may be, for a place.
    pub(super) place: Duration,
    /// For the answer: shorter than the patience of whoever asks.
    pub(super) answer: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            place: Duration::from_secs(2),
            answer: Duration::from_secs(55),
        }
    }
}

/// To one visitor too many.
const BUSY: &str = "refused busy: as many visitors as may be are served already; nothing was done, \
                    try again in a moment";

impl Control {
    /// Answers for ever; each request goes to `requests`. To be dropped with all its visitors.
    pub async fn serve(&self, requests: mpsc::Sender<Request>) {
        let places = Arc::new(Semaphore::new(VISITORS_MAX));
        let mut visits = tokio::task::JoinSet::new();
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(e) => {
                    tracing::warn!("control socket: {e}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            while visits.try_join_next().is_some() {}
            // The others behind this one wait in the socket: they are few, and the same user.
            match timeout(self.waits.place, Arc::clone(&places).acquire_owned()).await {
                Ok(Ok(place)) => {
                    let (requests, patience) = (requests.clone(), self.waits.answer);
                    visits.spawn(async move {
                        // A visitor who went has no use for an answer.
                        drop(answer(stream, &requests, patience).await);
                        drop(place);
                    });
                }
                _ => drop(turn_away(stream).await),
            }
        }
    }
}

/// Without a look at what they want, which nobody may see done by halves.
async fn turn_away(mut stream: UnixStream) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = Zeroizing::new(String::new());
    // Unread, it would break the connection before the answer is.
    let mut reader = BufReader::new(reader.take(REQUEST_LEN_MAX));
    let _ = timeout(Duration::from_millis(500), reader.read_line(&mut line)).await;
    writer.write_all(BUSY.as_bytes()).await?;
    writer.write_all(b"\n").await
}

async fn answer(
    mut stream: UnixStream,
    requests: &mpsc::Sender<Request>,
    patience: Duration,
) -> io::Result<()> {
    let by = actor(&stream)?;
    let (reader, mut writer) = stream.split();
    let mut line = Zeroizing::new(String::new());
    let mut reader = BufReader::new(reader.take(REQUEST_LEN_MAX));
    timeout(REQUEST_WAIT, reader.read_line(&mut line)).await??;
    let reply = match Ask::parse(&line) {
        Ok(ask) => wait((ask, by), requests, patience).await,
        Err(reply) => reply,
    };
    let reply = reply.replace('\n', "\\n") + "\n";
    writer.write_all(reply.as_bytes()).await
}

async fn wait(
    (ask, by): (Ask, Actor),
    requests: &mpsc::Sender<Request>,
    patience: Duration,
) -> String {
    let of_words = ask.is_of_words();
    let begun = Instant::now();
    let (answer, receiver) = oneshot::channel();
    if requests.send(Request { ask, by, answer }).await.is_err() {
        return "refused the daemon is ending".to_owned();
    }
    match timeout(patience, receiver).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(_)) => "refused the daemon is ending".to_owned(),
        Err(_) if of_words => {
            "underway it goes on; the log of the daemon tells how it ends".to_owned()
        }
        Err(_) => Answer::UnderWay(UnderWay {
            erasure: None,
            seconds: begun.elapsed().as_secs(),
        })
        .line(),
    }
}

/// Whose process that is, by the kernel's word.
fn actor(stream: &UnixStream) -> io::Result<Actor> {
    let uid = Uid::from_raw(stream.peer_cred()?.uid());
    let user = User::from_uid(uid).ok().flatten();
    Ok(Actor {
        name: user.map_or_else(|| format!("uid {uid}"), |user| user.name),
        means: Means::Command,
    })
}
