//! What changes, as it changes: server-sent events.
//!
//! Enters: numbers of entries that were written. Leaves: an event `changed` each, without content:
//! which kind, which case; `behind` to a page that was too slow or away, and missed some. Never: what an entry says; an event to somebody who may not see cases, or who
//! has left.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Shared;
use super::desk::Changed;
use crate::console::{Refusal, Right, Visitor};
use crate::store::Reader;

/// Most pages that listen at one time; one more is told to come back.
const LISTENERS_MAX: usize = 200;
/// Of one account: more tabs than a browser keeps open to one host, on a few machines.
const PER_ACCOUNT_MAX: usize = 16;
/// A listener is sent away after so long, and comes back by itself.
const STAY: Duration = Duration::from_secs(600);

/// Who listens: how many pages of each account.
#[derive(Clone, Default)]
pub struct Listeners(Arc<Mutex<BTreeMap<String, usize>>>);

/// A place among the listeners, given back when it goes.
struct Place {
    all: Listeners,
    account: String,
}

impl Listeners {
    /// How many pages listen.
    pub fn count(&self) -> usize {
        self.lock().values().sum()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, account: &str) -> Result<Place, Refusal> {
        let mut all = self.lock();
        let own = all.get(account).copied().unwrap_or_default();
        if own >= PER_ACCOUNT_MAX || all.values().sum::<usize>() >= LISTENERS_MAX {
            return Err(Refusal::Busy);
        }
        all.insert(account.to_owned(), own + 1);
        Ok(Place {
            all: self.clone(),
            account: account.to_owned(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        if let Some(own) = all.get_mut(&self.account) {
            *own -= 1;
            if *own == 0 {
                all.remove(&self.account);
            }
        }
    }
}

/// `GET /events`
pub async fn events(
    State(desk): State<Shared>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    visitor.require(Right::SeeCases)?;
    let end = tokio::time::Instant::now() + STAY;
    let place = visitor.guest.shell.listeners().place(&visitor.account)?;
    let state = (desk.changes(), place, visitor);
    // Listening already: what comes from here on is told.
    let through = desk.readers().ask(Reader::through).await?;
    let first = stream::iter([Ok::<_, Infallible>(greeting(&headers, through))]);
    let stream = first.chain(stream::unfold(
        state,
        move |(mut changes, place, visitor)| async move {
            let next = tokio::time::timeout_at(end, next(&mut changes))
                .await
                .ok()??;
            // Who has left is told nothing more.
            let told = visitor.is_still_in().then_some(next)?;
            Some((Ok::<_, Infallible>(told), (changes, place, visitor)))
        },
    ));
    let alive = KeepAlive::new().interval(Duration::from_secs(20));
    Ok(Sse::new(stream).keep_alive(alive).into_response())
}

/// The first event: `here`, or `behind` to a page that comes back and missed something. Its id is
/// the newest entry that the store has.
fn greeting(headers: &HeaderMap, through: u64) -> Event {
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok());
    let last: Option<u64> = last.and_then(|it| it.parse().ok());
    let missed = last.is_some_and(|last| last.saturating_add(1) < through);
    let event = Event::default().event(if missed { "behind" } else { "here" });
    event.id(through.saturating_sub(1).to_string()).data("{}")
}

async fn next(changes: &mut Receiver<Changed>) -> Option<Event> {
    match changes.recv().await {
        Ok(changed) => {
            let data = serde_json::to_string(&changed).ok()?;
            let event = Event::default().event("changed");
            Some(event.id(changed.number.to_string()).data(data))
        }
        // Too slow: it cannot be said what changed. The page asks anew for what it shows.
        Err(RecvError::Lagged(_)) => Some(Event::default().event("behind").data("{}")),
        Err(RecvError::Closed) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::broadcast;

    use crate::console::Role;
    use crate::console::pages::sample::{Asking, SampleDesk};
    use crate::record::Kind;

    #[tokio::test]
    async fn who_was_too_slow_is_told_to_look_anew() {
        let (to, mut from) = broadcast::channel(2);
        let changed = |number| Changed {
            number,
            kind: Kind::Hit,
            case: None,
        };
        for number in 0..5 {
            to.send(changed(number)).expect("a listener");
        }
        let told = next(&mut from).await.expect("an event");
        assert!(format!("{told:?}").contains("behind"), "{told:?}");
        let told = next(&mut from).await.expect("an event");
        assert!(
            format!("{told:?}").contains("changed"),
            "and then on: {told:?}"
        );
        drop(to);
        let _last = next(&mut from).await.expect("the last");
        assert!(next(&mut from).await.is_none(), "the desk is gone");
    }

    #[test]
    fn who_comes_back_is_told_whether_they_missed_something() {
        let of = |last: Option<&'static str>, through| {
            let last = last.map(|last| ("last-event-id".parse().expect("a name"), last));
            let last = last.map(|(name, last)| (name, last.parse().expect("a value")));
            format!("{:?}", greeting(&last.into_iter().collect(), through))
        };
        for (last, through, word) in [
            (None, 0, "here"),
            (None, 70, "here"),
            (Some("69"), 70, "here"),
            (Some("68"), 70, "behind"),
            (Some("80"), 70, "here"),
            (Some("nonsense"), 70, "here"),
            (Some("18446744073709551615"), 70, "here"),
        ] {
            let told = of(last, through);
            assert!(told.contains(word), "{last:?} of {through}: {told}");
        }
    }

    #[test]
    fn places_are_bounded_by_account_and_in_all_and_given_back() {
        let all = Listeners::default();
        let of = |account: &str, count: usize| -> Vec<_> {
            (0..count).filter_map(|_| all.place(account).ok()).collect()
        };
        let eva = of("eva", 100);
        assert_eq!(eva.len(), PER_ACCOUNT_MAX);
        assert_eq!(of("jan", 3).len(), 3, "others are not held up");
        assert_eq!(all.count(), PER_ACCOUNT_MAX, "theirs were given back");
        drop(eva);
        assert_eq!(all.count(), 0);
        let many: Vec<_> = (0..100)
            .flat_map(|n| of(&format!("person{n}"), 4))
            .collect();
        assert_eq!(many.len(), LISTENERS_MAX);
    }

    #[tokio::test]
    async fn the_seventeenth_page_of_an_account_is_told_to_come_back() {
        let desk = SampleDesk::new();
        let ann = Asking::of(&desk, "ann", &[Role::Analyst], "en");
        let mut open = Vec::new();
        for _ in 0..PER_ACCOUNT_MAX {
            let answer = ann.stream("/events").await;
            assert_eq!(answer.status(), 200);
            open.push(answer);
        }
        assert_eq!(ann.stream("/events").await.status(), 503);
        drop(open.pop());
        assert_eq!(ann.stream("/events").await.status(), 200, "given back");
    }
}
