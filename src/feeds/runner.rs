//! The threads behind the feeds: one for all files, one for each listener.
//!
//! Enters: the config, the list in force. Leaves: events into a bounded queue, states. Never: loses
//! an event of a file (it waits until there is room); waits with an event of a listener (dropped
//! and counted, and a RADIUS client that gets no answer sends again); ends because one feed is
//! broken.

use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use ipnet::IpNet;

use super::config::{Feed, Kind};
use super::follow::{Follower, Piece, Whole};
use super::radius::Request;
use super::read::{At, Foreign, Read};
use super::reader::{Reader, Take};
use super::recent::Recent;
use super::secrets::Secrets;
use super::state::{FeedState, Shared};
use super::tap_socket::TapSocket;
use crate::base::Timestamp;
use crate::blocklist::Catalogue;
use crate::event::Event;
use crate::presence::radius::PACKET_LEN_MAX;

/// How often files are looked at.
const POLL: Duration = Duration::from_millis(500);
/// How long a thread may go without looking whether it shall end.
const NAP: Duration = Duration::from_millis(50);
/// RADIUS requests remembered, to tell repetitions: between this number and twice as many.
const REQUESTS_MAX: usize = 16_384;

/// All feeds at work.
pub struct Runner {
    states: Vec<Shared>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Runner {
    /// Opens listeners, starts the threads. What cannot be opened is told in its state and in the
    /// log; the rest goes on. Sockets are bound and secrets read before this returns, so that the
    /// caller may give up privileges then.
    ///
    /// # Errors
    /// A contradiction in the config ([`Feed::check_all`]), or no thread to be had.
    pub fn start(
        feeds: &[Feed],
        list: &Arc<ArcSwap<Catalogue>>,
        out: &SyncSender<Event>,
    ) -> Result<Self, String> {
        Feed::check_all(feeds)?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut runner = Self {
            states: Vec::new(),
            stop: Arc::clone(&stop),
            threads: Vec::new(),
        };
        let mut files = Vec::new();
        for feed in feeds {
            let shared = Shared::new(feed);
            runner.states.push(shared.clone());
            let desk = Desk {
                feed: feed.name().to_owned(),
                shared,
                list: Arc::clone(list),
                now: list.load_full(),
                learned: Timestamp(0),
                out: out.clone(),
                stop: Arc::clone(&stop),
                waits: feed.file().is_some(),
                full: false,
                told: false,
            };
            match (feed, Reader::new(feed)?) {
                (_, Some(reader)) => files.extend(Source::new(feed, reader, desk)),
                (Feed::Radius(radius), None) => {
                    let opened = Accounting::open(radius.listen, &radius.secrets);
                    runner.listen(desk, opened, Accounting::serve)?;
                }
                (Feed::Dnstap(tap), None) => {
                    runner.listen(desk, TapSocket::bind(&tap.socket), |tap, desk| {
                        desk.refresh();
                        tap.serve(POLL.as_millis() as u16, desk);
                    })?;
                }
                _ => {}
            }
        }
        if !files.is_empty() {
            runner.spawn("feeds", move || follow(files))?;
        }
        Ok(runner)
    }

    /// How each feed is doing, in the order of the config.
    pub fn state(&self) -> Vec<FeedState> {
        self.states.iter().map(Shared::state).collect()
    }

    /// Ends the threads; what they have read is in the queue, or waits in the files.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the feeds ended by a panic");
            }
        }
    }

    fn listen<L: Send + 'static>(
        &mut self,
        mut desk: Desk,
        opened: Result<L, String>,
        serve: impl Fn(&mut L, &mut Desk) + Send + 'static,
    ) -> Result<(), String> {
        match opened {
            Ok(mut listener) => {
                desk.shared.set(true, None);
                let name = format!("feed-{}", desk.feed);
                self.spawn(&name, move || {
                    while !desk.ends() {
                        serve(&mut listener, &mut desk);
                    }
                })
            }
            Err(why) => {
                desk.shared.set(false, Some(why));
                Ok(())
            }
        }
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), String> {
        let thread = std::thread::Builder::new().name(name.into()).spawn(work);
        self.threads
            .push(thread.map_err(|e| format!("no thread for the feeds: {e}"))?);
        Ok(())
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.end();
    }
}

/// Where a feed's lines and events arrive.
struct Desk {
    feed: String,
    shared: Shared,
    list: Arc<ArcSwap<Catalogue>>,
    /// The list for the present batch.
    now: Arc<Catalogue>,
    learned: Timestamp,
    out: SyncSender<Event>,
    stop: Arc<AtomicBool>,
    /// Wait for room in the queue, or drop?
    waits: bool,
    /// An event of the present line was dropped.
    full: bool,
    /// A line of another format was told; the next are counted.
    told: bool,
}

impl Desk {
    /// Another batch: the list and the clock as they are now.
    fn refresh(&mut self) {
        self.now = self.list.load_full();
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let nanos = since.map_or(0, |since| since.as_nanos());
        self.learned = Timestamp(i64::try_from(nanos).unwrap_or(i64::MAX));
    }

    fn ends(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Hands an event over; false when it was dropped.
    fn send(&self, mut event: Event) -> bool {
        loop {
            match self.out.try_send(event) {
                Ok(()) => return true,
                Err(TrySendError::Full(back)) if self.waits && !self.ends() => {
                    event = back;
                    std::thread::sleep(NAP / 5);
                }
                Err(TrySendError::Full(_)) => return false,
                Err(TrySendError::Disconnected(_)) => {
                    self.stop.store(true, Ordering::Relaxed);
                    return false;
                }
            }
        }
    }

    fn foreign(&mut self, number: u64, expected: Foreign) {
        self.shared.lock().malformed += 1;
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!(feed = %self.feed, line = number,
                "expected {}; this line was left out, further ones are counted only", expected.0);
        }
    }
}

impl Take for Desk {
    fn at(&self, number: u64) -> At<'_> {
        At {
            feed: &self.feed,
            line: number,
            learned: self.learned,
            list: &self.now,
        }
    }

    fn take(&mut self, number: u64, read: Read, events: &mut Vec<Event>) {
        // Number 0: an event out of a whole text, whose lines were counted.
        if number > 0 {
            let mut state = self.shared.lock();
            state.lines += 1;
            state.last = Some(self.learned);
        }
        if let Err(expected) = read {
            self.foreign(number, expected);
        }
        self.full = false;
        for event in events.drain(..) {
            let sent = self.send(event);
            let mut state = self.shared.lock();
            state.events += u64::from(sent);
            // At the end a file's events are not lost: they will be read again.
            state.dropped += u64::from(!sent && !self.waits);
            self.full |= !sent;
        }
    }
}

/// One followed file.
struct Source {
    way: Way,
    reader: Reader,
    desk: Desk,
}

enum Way {
    /// Appended to; with files that are to be read before it (Kea's cleanup).
    Grows(Follower, Vec<PathBuf>),
    /// Written anew.
    Whole(Whole),
}

impl Source {
    fn new(feed: &Feed, reader: Reader, desk: Desk) -> Option<Self> {
        let (path, from) = feed.file()?;
        let way = match &reader {
            Reader::Whole(..) => Way::Whole(Whole::new(path)),
            _ => {
                let before = match feed.kind() {
                    Kind::Kea => vec![path.to_owned()],
                    _ => Vec::new(),
                };
                Way::Grows(Follower::new(path, from), before)
            }
        };
        Some(Self { way, reader, desk })
    }

    /// Reads on; does more wait?
    fn poll(&mut self) -> bool {
        self.desk.refresh();
        let Self { way, reader, desk } = self;
        match way {
            Way::Grows(follower, before) => {
                for path in before.drain(..) {
                    read_cleanup(&path, reader, desk);
                }
                let polled = follower.poll(&mut |piece| {
                    if matches!(piece, Piece::Begin { .. }) {
                        desk.told = false;
                    }
                    reader.piece(&piece, desk);
                });
                desk.shared.set(polled.open, polled.problem);
                desk.shared.lock().lag_bytes = polled.lag_bytes;
                polled.more
            }
            Way::Whole(whole) => {
                match whole.poll() {
                    Ok(Some(text)) => {
                        desk.told = false;
                        reader.whole(&text, desk.learned, desk);
                        desk.shared.set(true, None);
                    }
                    Ok(None) => desk.shared.set(true, None),
                    Err(why) => desk.shared.set(false, Some(why)),
                }
                false
            }
        }
    }
}

/// What Kea's lease file cleanup left, in the order in which Kea itself reads it: a finished
/// cleanup, or else the file before the last one and the last one.
fn read_cleanup(path: &std::path::Path, reader: &mut Reader, desk: &mut Desk) {
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let files = match with(".completed") {
        completed if completed.exists() => vec![completed],
        _ => vec![with(".2"), with(".1")],
    };
    for file in files.into_iter().filter(|file| file.exists()) {
        let mut follower = Follower::new(&file, super::config::StartAt::Start);
        loop {
            let polled = follower.poll(&mut |piece| reader.piece(&piece, desk));
            if let Some(why) = polled.problem {
                tracing::warn!(feed = %desk.feed, "{why}");
            }
            if !polled.more || desk.ends() {
                break;
            }
        }
    }
}

/// The thread for all files.
fn follow(mut sources: Vec<Source>) {
    loop {
        let mut more = false;
        for source in &mut sources {
            if source.desk.ends() {
                return;
            }
            more |= source.poll();
        }
        let mut left = if more { Duration::ZERO } else { POLL };
        while !left.is_zero() {
            if sources.iter().any(|source| source.desk.ends()) {
                return;
            }
            std::thread::sleep(NAP.min(left));
            left = left.saturating_sub(NAP);
        }
    }
}

/// The RADIUS accounting listener.
struct Accounting {
    socket: UdpSocket,
    secrets: Secrets,
    seen: Recent<(SocketAddr, u8, [u8; 16]), ()>,
    requests: u64,
    /// Faults are told once.
    told: HashSet<Fault>,
}

/// Prefix of the secrets file, and what was wrong.
type Fault = (Option<IpNet>, &'static str);

const BROKEN: &str = "an Accounting-Request with a broken attribute";
/// Faults that are told apart in messages.
const FAULTS_TOLD_MAX: usize = 64;

impl Accounting {
    fn open(listen: SocketAddr, secrets: &std::path::Path) -> Result<Self, String> {
        let secrets = Secrets::load(secrets)?;
        let socket = UdpSocket::bind(listen).and_then(|socket| {
            socket.set_read_timeout(Some(POLL))?;
            Ok(socket)
        });
        let socket = socket.map_err(|error| {
            format!(
                "cannot listen at udp {listen}: {error}; is another RADIUS server there, and is the \
                 address this machine's?"
            )
        })?;
        Ok(Self {
            socket,
            secrets,
            seen: Recent::new(REQUESTS_MAX),
            requests: 0,
            told: HashSet::new(),
        })
    }

    fn serve(&mut self, desk: &mut Desk) {
        let mut buffer = [0; PACKET_LEN_MAX];
        let Ok((len, from)) = self.socket.recv_from(&mut buffer) else {
            return;
        };
        desk.refresh();
        self.requests += 1;
        let Some((client, secret)) = self.secrets.of(from.ip()) else {
            let what = "a datagram of a sender without a shared secret";
            return fault(&mut self.told, desk, None, what);
        };
        let datagram = buffer.get(..len).unwrap_or_default();
        let request = match Request::check(datagram, secret) {
            Ok(request) => request,
            Err(why) => return fault(&mut self.told, desk, Some(client), why.text()),
        };
        let (id, authenticator) = request.key();
        let key = (from, id, authenticator);
        if self.seen.peek(&key).is_none() {
            let mut events = Vec::new();
            match request.facts(from.ip(), &desk.at(self.requests), &mut events) {
                Ok(()) => desk.take(self.requests, Ok(()), &mut events),
                // To send it again would not mend it: it is answered.
                Err(_) => fault(&mut self.told, desk, Some(client), BROKEN),
            }
            if desk.full {
                // Not on record, so not answered: the client sends it again.
                return;
            }
            self.seen.put(key, ());
        }
        // It may be lost like any datagram; the client then repeats its request.
        let _ = self.socket.send_to(&request.answer(secret), from);
    }
}

/// Counts a faulty request; tells the first of each kind and configured client. A sender that the
/// config does not name may be anybody: it is not named here either.
fn fault(told: &mut HashSet<Fault>, desk: &Desk, client: Option<IpNet>, what: &'static str) {
    let mut state = desk.shared.lock();
    state.lines += 1;
    state.malformed += 1;
    drop(state);
    if told.len() < FAULTS_TOLD_MAX && told.insert((client, what)) {
        let client = client.map_or_else(|| "unknown".into(), |net| net.to_string());
        tracing::warn!(feed = %desk.feed, %client,
            "{what} was dropped; further ones are counted only");
    }
}

#[cfg(test)]
mod tests;
