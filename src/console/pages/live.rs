//! What changes, as it changes: server-sent events.
//!
//! Enters: numbers of entries that were written. Leaves: an event each, without content: which
//! kind, which case. Never: what an entry says; an event to somebody who may not see cases, or who
//! has left.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Shared;
use super::desk::Changed;
use crate::console::{Refusal, Right, Visitor};

/// Most pages that listen at one time; one more is told to come back.
const LISTENERS_MAX: usize = 200;
/// A listener is sent away after so long, and comes back by itself.
const STAY: Duration = Duration::from_secs(600);

static LISTENERS: AtomicUsize = AtomicUsize::new(0);

/// A place among the listeners, given back when it goes.
struct Place;

impl Place {
    fn take() -> Result<Self, Refusal> {
        if LISTENERS.fetch_add(1, Ordering::Relaxed) >= LISTENERS_MAX {
            LISTENERS.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::Busy);
        }
        Ok(Self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        LISTENERS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// `GET /events`
pub async fn events(State(desk): State<Shared>, visitor: Visitor) -> Result<Response, Refusal> {
    visitor.require(Right::SeeCases)?;
    let end = tokio::time::Instant::now() + STAY;
    let state = (desk.changes(), Place::take()?, visitor);
    let stream = stream::unfold(state, move |(mut changes, place, visitor)| async move {
        let next = tokio::time::timeout_at(end, next(&mut changes))
            .await
            .ok()??;
        // Who has left is told nothing more.
        let told = visitor.is_still_in().then_some(next)?;
        Some((Ok::<_, Infallible>(told), (changes, place, visitor)))
    });
    let alive = KeepAlive::new().interval(Duration::from_secs(20));
    Ok(Sse::new(stream).keep_alive(alive).into_response())
}

async fn next(changes: &mut Receiver<Changed>) -> Option<Event> {
    match changes.recv().await {
        Ok(changed) => {
            let data = serde_json::to_string(&changed).ok()?;
            Some(Event::default().event("changed").data(data))
        }
        // Too slow: it cannot be said what changed, only that something did.
        Err(RecvError::Lagged(_)) => Some(Event::default().event("changed").data("{}")),
        Err(RecvError::Closed) => None,
    }
}
