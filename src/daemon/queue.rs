//! The bounded queue from the workers to the desk: never blocks a live worker, counts what is
//! lost at the bound. A live worker's end also tells the kernel what was judged.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};

use crate::base::{Endpoints, Timestamp};
use crate::capture::prefilter::{Verdict, Verdicts};
use crate::event::{Event, Hit, wire};
use crate::sensor::Sink;

/// Bytes gathered before they are written to the socket.
const WRITE_LEN: usize = 64 * 1024;

/// A worker's end of the queue.
pub struct Outlet {
    queue: SyncSender<Option<Event>>,
    /// Live workers drop at the bound; a worker that reads a file waits instead.
    waits: bool,
    /// Where the kernel can use what is judged.
    verdicts: Option<Verdicts>,
    /// Events lost at the bound.
    pub dropped: u64,
}

impl Outlet {
    /// From now on waits where it would have dropped: for the end, when nothing new comes behind.
    pub const fn wait_at_bound(&mut self) {
        self.waits = true;
    }

    /// From now on the kernel hears what is judged.
    pub fn tell_kernel(&mut self, verdicts: Option<Verdicts>) {
        self.verdicts = verdicts;
    }

    /// Verdicts that the kernel took, that came too late, that it refused.
    pub fn verdicts(&self) -> [u64; 3] {
        self.verdicts.as_ref().map_or([0; 3], Verdicts::counts)
    }

    /// Sends, waits or drops, as the outlet is meant.
    pub fn send(&mut self, event: Event) {
        let lost = if self.waits {
            self.queue.send(Some(event)).is_err()
        } else {
            matches!(
                self.queue.try_send(Some(event)),
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_))
            )
        };
        if lost {
            self.dropped = self.dropped.wrapping_add(1);
        }
    }
}

impl Sink for Outlet {
    fn hit(&mut self, hit: Box<Hit>) {
        self.send(Event::Hit(hit));
    }

    fn tell(&mut self, event: Event) {
        self.send(event);
    }

    fn wants_verdicts(&self) -> bool {
        self.verdicts.is_some()
    }

    fn judged(&mut self, ends: &Endpoints, verdict: Verdict, time: Timestamp) {
        if let Some(verdicts) = &mut self.verdicts {
            verdicts.tell(ends, verdict, time);
        }
    }
}

/// Makes outlets for one queue.
#[derive(Clone)]
pub struct Queue(SyncSender<Option<Event>>);

impl Queue {
    /// A queue of at most `bound` events, and its far end.
    pub fn new(bound: usize) -> (Self, Receiver<Option<Event>>) {
        let (sender, receiver) = sync_channel(bound);
        (Self(sender), receiver)
    }

    /// A worker's end; `waits` says whether it may wait at the bound.
    pub fn outlet(&self, waits: bool) -> Outlet {
        Outlet {
            queue: self.0.clone(),
            waits,
            verdicts: None,
            dropped: 0,
        }
    }

    /// Nothing sent after this is read. Waits at the bound.
    pub fn close(&self) {
        // An error means that the far end is gone already.
        let _ = self.0.send(None);
    }
}

/// Writes events to the desk until the queue is closed.
///
/// # Errors
/// When the desk is gone or an event cannot be written.
pub fn drain(events: &Receiver<Option<Event>>, socket: &mut UnixStream) -> io::Result<()> {
    let mut gathered = Vec::with_capacity(WRITE_LEN);
    let mut one = Vec::new();
    let mut open = true;
    while open {
        let mut next = events.recv().unwrap_or(None);
        loop {
            let Some(event) = next else {
                open = false;
                break;
            };
            wire::encode(&event, &mut one)?;
            gathered.extend_from_slice(&one);
            if gathered.len() >= WRITE_LEN {
                break;
            }
            match events.try_recv() {
                Ok(more) => next = more,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        socket.write_all(&gathered)?;
        gathered.clear();
    }
    socket.shutdown(std::net::Shutdown::Write)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn a_live_outlet_drops_at_the_bound_and_counts() {
        let (queue, _far) = Queue::new(2);
        let mut outlet = queue.outlet(false);
        for _ in 0..5 {
            outlet.send(Event::ListRefused("x".into()));
        }
        assert_eq!(outlet.dropped, 3);
    }

    #[test]
    fn at_the_end_it_waits_for_room() {
        let (queue, far) = Queue::new(1);
        let mut outlet = queue.outlet(false);
        outlet.wait_at_bound();
        let sender = std::thread::spawn(move || {
            for _ in 0..5 {
                outlet.send(Event::ListRefused("x".into()));
            }
            outlet.dropped
        });
        assert_eq!((0..5).filter(|_| far.recv().is_ok()).count(), 5);
        assert_eq!(sender.join().unwrap(), 0);
        // A far end that is gone keeps nobody waiting.
        drop(far);
        let mut outlet = queue.outlet(true);
        outlet.send(Event::ListRefused("x".into()));
        assert_eq!(outlet.dropped, 1);
    }

    #[test]
    fn everything_before_the_close_arrives() {
        let (queue, far) = Queue::new(8);
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let mut outlet = queue.outlet(true);
        for i in 0..5 {
            outlet.send(Event::ListRefused(i.to_string()));
        }
        queue.close();
        drain(&far, &mut ours).unwrap();
        let mut input = BufReader::new(theirs);
        let mut seen = 0;
        while let Some(event) = wire::read::<Event>(&mut input).unwrap() {
            assert!(event == Event::ListRefused(seen.to_string()));
            seen += 1;
        }
        assert_eq!(seen, 5);
    }
}
