//! The desk at work: threads, signals, control socket and pages, until the office is done.
//!
//! Enters: what [`super::desk`] opened. Leaves: the exit of the daemon. Never: opens a file.

use std::collections::VecDeque;
use std::io::BufReader;
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};

use super::acts::Handle;
use super::control::{Answer, Ask, Control, Request};
use super::fault::{Exit, Fault};
use super::notify::Notifier;
use super::office::{Incoming, Office};
use super::partner::{Ended, Partner};
use super::status::Status;
use super::{console, office, person, unsealing};
use crate::blocklist::Catalogue;
use crate::event::{Command, ListInfo, wire};
use crate::feeds::{Feed, Runner};
use crate::metrics::web::Web;
use crate::metrics::{Metrics, Readiness, http};

/// Events read ahead of the desk; behind it the socket fills, then the sensor's queue.
const AHEAD: usize = 1024;
/// Pace of looking whether every worker lives.
const WATCH_EVERY: Duration = Duration::from_millis(250);
/// To whoever asks for a link where none leads anywhere.
const NO_CONSOLE: &str = "refused no console is served: set `listen` under [console]";
/// How long the sensor may take to drain at a stop before it is killed.
const GRACE: Duration = Duration::from_secs(20);

/// Feeds, and the list that they match by.
pub(super) struct Followed {
    pub feeds: Vec<Feed>,
    pub list: Arc<ArcSwap<Catalogue>>,
}

impl Followed {
    /// Starts them; what they tell goes to `inbox`.
    fn start(self, inbox: SyncSender<Incoming>) -> Result<Option<Runner>, Fault> {
        if self.feeds.is_empty() {
            return Ok(None);
        }
        let (told, events) = sync_channel(AHEAD);
        let runner = Runner::start(&self.feeds, &self.list, &told)
            .map_err(|why| Fault::new(Exit::Config, why))?;
        thread::Builder::new()
            .name("from-feeds".into())
            .spawn(move || {
                while let Ok(event) = events.recv() {
                    if inbox.send(Incoming::Feed(event)).is_err() {
                        return;
                    }
                }
            })
            .map_err(|e| Fault::new(Exit::Internal, format!("cannot start: {e}")))?;
        Ok(Some(runner))
    }
}

/// What is asked on the control socket about people.
pub(super) struct Asked {
    /// Folder of the cases.
    pub cases: PathBuf,
    /// Who must agree.
    pub officers: unsealing::Desk,
}

/// The pages and what they show.
pub(super) struct Pages {
    pub listener: TcpListener,
    pub metrics: Arc<Metrics>,
    pub readiness: Arc<Readiness>,
    pub web: Option<Arc<Web>>,
}

/// Reads the sensor's events ahead of the office, until the sensor closes its end.
fn receive(socket: UnixStream, inbox: &SyncSender<Incoming>) {
    let mut input = BufReader::with_capacity(1 << 16, socket);
    loop {
        match wire::read(&mut input) {
            Ok(Some(event)) => {
                if inbox.send(Incoming::Sensor(event)).is_err() {
                    return;
                }
            }
            Ok(None) => break,
            Err(e) => {
                tracing::error!("{e}");
                break;
            }
        }
    }
    // The office may have ended first.
    let _ = inbox.send(Incoming::SensorEnded);
}

/// Signals, control socket and pages, until the office is done.
pub(super) async fn serve(
    office: Office,
    followed: Followed,
    (pages, start_console): (
        Pages,
        impl FnOnce(Handle) -> Result<Option<console::Running>, Fault>,
    ),
    (control, asked_of): (Control, Asked),
    (mut partner, socket): (Partner, UnixStream),
    notifier: &Notifier,
) -> Result<(), Fault> {
    let wiring = |e: std::io::Error| Fault::new(Exit::Internal, format!("cannot start: {e}"));
    let mut to_sensor = socket.try_clone().map_err(wiring)?;
    let (events, inbox) = sync_channel(AHEAD);
    let to_office = Handle::new(events.clone());
    let console = start_console(to_office.clone())?;
    let Asked { cases, officers } = asked_of;
    let erasures = person::Erasures::default();
    let why_stopping = Arc::clone(&office.stopping);
    let runner = followed.start(events.clone())?;
    thread::Builder::new()
        .name("from-sensor".into())
        .spawn({
            let events = events.clone();
            move || receive(socket, &events)
        })
        .map_err(wiring)?;
    let reopen = Arc::new(AtomicBool::new(false));
    let (told, mut reloads) = mpsc::unbounded_channel();
    let (done, mut finished) = oneshot::channel();
    let flag = Arc::clone(&reopen);
    thread::Builder::new()
        .name("desk".into())
        .spawn(move || done.send(office.work(&inbox, &flag, &told)))
        .map_err(wiring)?;

    let metrics = Arc::clone(&pages.metrics);
    let web = pages.web.clone();
    let mut shown_feeds = tokio::time::interval(Duration::from_secs(1));
    let readiness = Arc::clone(&pages.readiness);
    let (mut watchdog, mut is_ready) = (tokio::time::interval(WATCH_EVERY), false);
    let mut fed = Instant::now();
    let (end_pages, mut pages_end) = watch::channel(false);
    let shown = tokio::spawn(http::serve(
        pages.listener,
        pages.metrics,
        (pages.readiness, pages.web),
        async move { drop(pages_end.wait_for(|end| *end).await) },
    ));
    let (ask, mut asked) = mpsc::channel(4);
    let answering = tokio::spawn(async move { control.serve(ask).await });
    let mut hangup = signal(SignalKind::hangup()).map_err(wiring)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(wiring)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(wiring)?;
    let mut waiting: VecDeque<Option<Request>> = VecDeque::new();
    let mut stopping = false;
    let mut until = tokio::time::Instant::now();
    let result = loop {
        let ask_reload = tokio::select! {
            // A signal to all processes at once may end the sensor first: it is a stop all the same.
            biased;
            _ = terminate.recv(), if !stopping => Err("SIGTERM"),
            _ = interrupt.recv(), if !stopping => Err("SIGINT"),
            end = &mut finished => break end,
            _ = hangup.recv() => {
                reopen.store(true, Ordering::Relaxed);
                if let Err(why) = reload_web(web.as_deref()) {
                    tracing::error!("{why}; what was in force stays");
                }
                if let Some(console) = &console {
                    console.reload();
                }
                Ok(None)
            }
            Some(request) = asked.recv() => match request.ask {
                Ask::Reload => {
                    reopen.store(true, Ordering::Relaxed);
                    if let Err(why) = reload_web(web.as_deref()) {
                        // The visitor may have gone.
                        let _ = request.answer.send(format!("refused {why}"));
                        continue;
                    }
                    Ok(Some(request))
                }
                Ask::Status => {
                    let now = office::now();
                    let status = Status::of(&metrics.text(), readiness.reasons(now), now);
                    let text = serde_json::to_string(&status).unwrap_or_default();
                    // The visitor may have gone.
                    let _ = request.answer.send(text);
                    continue;
                }
                Ask::Invite { account, roles } => {
                    let link = console.as_ref().map(|it| it.invite(&account, roles));
                    let _ = request.answer.send(link.unwrap_or_else(|| NO_CONSOLE.into()));
                    continue;
                }
                Ask::Reset { account } => {
                    let link = console.as_ref().map(|it| it.reset(&account));
                    let _ = request.answer.send(link.unwrap_or_else(|| NO_CONSOLE.into()));
                    continue;
                }
                Ask::Person(line) => {
                    let (to_office, by, answer) = (to_office.clone(), request.by, request.answer);
                    let (cases, erasures) = (cases.clone(), erasures.clone());
                    tokio::spawn(async move {
                        let said = person::answer(to_office, &erasures, cases, by, &line.0).await;
                        // The visitor may have gone.
                        let _ = answer.send(said.line());
                    });
                    continue;
                }
                Ask::Unseal(line) => {
                    let (to_office, by, answer) = (to_office.clone(), request.by, request.answer);
                    let officers = officers.clone();
                    tokio::spawn(async move {
                        let said = person::unseal(&officers, &to_office, by, &line.0).await;
                        // The visitor may have gone.
                        let _ = answer.send(said.line());
                    });
                    continue;
                }
                Ask::Act { act, revision } => {
                    let to_office = to_office.clone();
                    let (by, answer) = (request.by, request.answer);
                    tokio::spawn(async move {
                        let acted = to_office.act(by, *act, revision).await;
                        // The visitor may have gone.
                        let _ = answer.send(Answer::from(acted).line());
                    });
                    continue;
                }
            },
            Some(outcome) = reloads.recv() => {
                if let Some(Some(request)) = waiting.pop_front() {
                    // The visitor may have gone.
                    let _ = request.answer.send(reply(&outcome));
                }
                continue;
            }
            _ = shown_feeds.tick(), if runner.is_some() => {
                metrics.feeds(&runner.as_ref().map_or_else(Vec::new, Runner::state));
                continue;
            }
            // A dead worker means no word, and the service manager starts both processes anew.
            _ = watchdog.tick(), if notifier.is_heard() => {
                if readiness.all_live(office::now()) {
                    if !std::mem::replace(&mut is_ready, true) {
                        notifier.ready("watching");
                        notifier.alive();
                    } else if fed.elapsed() >= notifier.pace() {
                        fed = Instant::now();
                        notifier.alive();
                    }
                }
                continue;
            }
            () = tokio::time::sleep_until(until), if stopping => {
                tracing::error!("the sensor did not drain within {GRACE:?}: ending it");
                let _ = partner.end();
                until += GRACE;
                continue;
            }
        };
        // An error means that the sensor is gone, which `finished` tells in a moment.
        match ask_reload {
            Ok(request) => {
                waiting.push_back(request);
                let _ = wire::write(&Command::Reload, &mut to_sensor);
            }
            Err(why) => {
                stopping = true;
                *why_stopping.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
                until = tokio::time::Instant::now() + GRACE;
                notifier.ending();
                tracing::info!("ending: the sensor drains");
                let _ = wire::write(&Command::Stop, &mut to_sensor);
            }
        }
    };
    answering.abort();
    drop(runner);
    // The office ended: with the sensor, or because the events could not be understood any more.
    let _ = to_sensor.shutdown(Shutdown::Both);
    let ended = reap(&mut partner).await.map_err(wiring)?;
    // Whoever scrapes now still sees the last counts.
    let _ = end_pages.send(true);
    let _ = shown.await;
    if let Some(console) = console {
        console.stop();
    }
    let written =
        result.unwrap_or_else(|_| Err(Fault::new(Exit::Internal, "the desk ended in a panic")));
    if let Ended::Status(status) = ended
        && !status.success()
    {
        if let Err(fault) = written {
            tracing::error!("{fault}");
        }
        return Err(sensor_fault(status));
    }
    if !stopping {
        return Err(Fault::new(Exit::Internal, "the sensor ended by itself"));
    }
    written.inspect(|()| tracing::info!("ended: everything captured is written"))
}

fn reload_web(web: Option<&Web>) -> Result<(), String> {
    web.map_or(Ok(()), Web::reload)
}

/// Waits for the sensor, whose socket is closed, without holding up the pages; kills it when it
/// stays.
async fn reap(partner: &mut Partner) -> std::io::Result<Ended> {
    let until = Instant::now() + GRACE;
    let mut told = false;
    loop {
        if let Some(ended) = partner.ended()? {
            return Ok(ended);
        }
        if !told && Instant::now() >= until {
            told = true;
            tracing::error!("the sensor stays after its socket was closed: ending it");
            partner.end()?;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn reply(outcome: &Result<ListInfo, String>) -> String {
    match outcome {
        Ok(info) => format!(
            "loaded list {} with {} rules of {} vendors",
            info.version, info.rules, info.vendors
        ),
        Err(why) => format!("refused {why}"),
    }
}

/// The sensor said on standard error what is wrong; its exit code becomes ours.
fn sensor_fault(status: ExitStatus) -> Fault {
    let exit = Exit::ALL
        .iter()
        .copied()
        .find(|exit| status.code() == Some(*exit as i32));
    exit.map_or_else(
        || {
            let next = "what it saw until then is written; start again";
            Fault::new(
                Exit::Internal,
                format!("the sensor ended: {status}; {next}"),
            )
        },
        Fault::told,
    )
}
