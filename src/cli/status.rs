//! `poortwacht status` and `poortwacht top`: how a running daemon stands.
//!
//! Enters: the daemon's answer on its control socket. Leaves: JSON, a table, or for `top` a view that
//! is drawn anew; in a pipe a line for each look. Never: asks for anything that names a person.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use crossterm::event::{Event, KeyCode, KeyModifiers, poll, read};
use crossterm::terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute, queue};

use super::Common;
use super::desk::ask_line;
use crate::daemon::status::Status;
use crate::daemon::{Exit, Fault};

/// Where the package and `init` have the configuration.
const PACKAGED: &str = "/etc/poortwacht/poortwacht.toml";

/// Show how a running daemon stands: traffic, losses, hits, workers, list, record, sandbox.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht status                                  a table
  poortwacht status --json                           one JSON object
  poortwacht status --control /run/poortwacht/control.sock

Ends with 1 when the daemon answers that it is not ready, with 7 when none answers.")]
pub struct StatusArgs {
    #[command(flatten)]
    from: From,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Show a running daemon as it works, drawn anew; `q` ends it. In a pipe: a line for each look.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht top                                     drawn anew each second
  poortwacht top --every 10 --count 6 | cat          six lines, ten seconds apart")]
pub struct TopArgs {
    #[command(flatten)]
    from: From,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=3600))]
    every: u16,
    /// End after so many looks; without it, never
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

#[derive(Args)]
struct From {
    #[command(flatten)]
    common: Common,
    /// Control socket of the daemon; without it, the one in the configuration, which without
    /// --config is that of the package where it is
    #[arg(long, value_name = "FILE")]
    control: Option<PathBuf>,
}

impl From {
    /// The daemon of the package, when none is named.
    fn packaged(&mut self) {
        let config = PathBuf::from(PACKAGED);
        if self.control.is_none() && self.common.config.is_none() && config.exists() {
            self.common.config = Some(config);
        }
    }

    fn look(&self) -> Result<Status, Fault> {
        let answer = ask_line(&self.common, self.control.as_deref(), "status")?;
        serde_json::from_str(&answer).map_err(|_| {
            Fault::new(
                Exit::Listen,
                "the daemon gave an answer that this program does not understand: are both of the \
                 same version?",
            )
        })
    }
}

pub(super) fn status(mut args: StatusArgs) -> Result<(), Fault> {
    args.from.packaged();
    let status = args.from.look()?;
    let text = if args.json {
        format!("{}\n", serde_json::to_string(&status).unwrap_or_default())
    } else if io::stdout().is_terminal() {
        format!("{}\n", table(&status, None))
    } else {
        plain(&status)
    };
    super::print(&text)?;
    if status.ready {
        Ok(())
    } else {
        Err(Fault::told(Exit::No))
    }
}

pub(super) fn top(mut args: TopArgs) -> Result<(), Fault> {
    args.from.packaged();
    let every = Duration::from_secs(args.every.into());
    if io::stdout().is_terminal() {
        return drawn(&args, every);
    }
    let mut before: Option<Status> = None;
    for look in 1.. {
        let status = args.from.look()?;
        super::print(&line(&status, rate(before.as_ref(), &status, every)))?;
        before = Some(status);
        if args.count.is_some_and(|count| look >= count) {
            break;
        }
        std::thread::sleep(every);
    }
    Ok(())
}

/// The terminal as it was, whatever happens.
struct Screen;

impl Screen {
    fn take() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let screen = Self;
        execute!(io::stdout(), EnterAlternateScreen, cursor::Hide)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing is left to do where it fails.
        let _ = execute!(io::stdout(), cursor::Show, LeaveAlternateScreen);
        let _ = terminal::disable_raw_mode();
    }
}

fn drawn(args: &TopArgs, every: Duration) -> Result<(), Fault> {
    let lost = |e: io::Error| Fault::new(Exit::Output, format!("the terminal: {e}"));
    // Asked before the screen is taken: a message about a missing daemon must stay visible.
    let mut status = args.from.look()?;
    let mut frames = None;
    let _screen = Screen::take().map_err(lost)?;
    for look in 1.. {
        draw(&status, frames).map_err(lost)?;
        if args.count.is_some_and(|count| look >= count) || wait(every).map_err(lost)? {
            break;
        }
        let next = args.from.look()?;
        frames = rate(Some(&status), &next, every);
        status = next;
    }
    Ok(())
}

fn draw(status: &Status, frames: Option<f64>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    queue!(out, cursor::MoveTo(0, 0), Clear(ClearType::All))?;
    // In raw mode a line feed does not return.
    let text = table(status, frames).to_string().replace('\n', "\r\n");
    write!(out, "{text}\r\n\r\n{}   q: end\r\n", status.time)?;
    out.flush()
}

/// Waits; true when somebody wants the end.
fn wait(every: Duration) -> io::Result<bool> {
    let until = Instant::now() + every;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || !poll(left)? {
            return Ok(false);
        }
        if let Event::Key(key) = read()? {
            let break_off = key.modifiers.contains(KeyModifiers::CONTROL);
            match key.code {
                KeyCode::Char('q') | KeyCode::Esc => return Ok(true),
                KeyCode::Char('c') if break_off => return Ok(true),
                _ => {}
            }
        }
    }
}

/// Frames a second between two looks.
fn rate(before: Option<&Status>, now: &Status, every: Duration) -> Option<f64> {
    let passed = now.frames.saturating_sub(before?.frames);
    Some(passed as f64 / every.as_secs_f64())
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(
        || "no connection yet".into(),
        |it| format!("{:.1} %", it * 100.0),
    )
}

/// What is shown, as pairs.
fn rows(status: &Status, frames: Option<f64>) -> Vec<(String, String)> {
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut say = |what: &str, how: String| rows.push((what.to_owned(), how));
    say(
        "ready",
        if status.ready {
            "yes".into()
        } else {
            format!("no: {}", status.reasons.join("; "))
        },
    );
    let pace = frames.map_or_else(String::new, |it| format!(", {it:.0} a second"));
    say("frames", format!("{}{pace}", status.frames));
    let drops = &status.drops;
    say(
        "lost",
        format!(
            "kernel {}, interface {}, events {}, records {}",
            drops.kernel, drops.interface, drops.events, drops.records
        ),
    );
    say("readable connections", percent(status.readable_share));
    say("hits", status.hits.to_string());
    let cases: Vec<String> = status
        .cases
        .iter()
        .map(|(what, n)| format!("{what} {n}"))
        .collect();
    say(
        "open cases",
        if cases.is_empty() {
            "none".into()
        } else {
            cases.join(", ")
        },
    );
    let waiting = &status.waiting;
    say(
        "waiting",
        format!(
            "ledger {}, hit log {}, alerts {}, dead letters {}",
            waiting.ledger, waiting.hit_log, waiting.alerts, waiting.alerts_dead
        ),
    );
    for worker in &status.workers {
        let heard = match worker.silent_seconds {
            Some(age) => format!("heard of {age:.1} s ago"),
            None => "not heard of yet".into(),
        };
        let stalled = if worker.live { "" } else { " (STALLED)" };
        say(
            &format!("worker {}", worker.worker),
            format!("{heard}{stalled}"),
        );
    }
    let list = &status.list;
    say(
        "list",
        format!(
            "{} rules, newest change {:.0} days ago",
            list.rules, list.age_days
        ),
    );
    let ledger = &status.ledger;
    say(
        "ledger",
        format!(
            "{} entries, {}, store {} behind",
            ledger.size,
            if ledger.writable {
                "writable"
            } else {
                "NOT WRITABLE"
            },
            ledger.store_behind
        ),
    );
    for (process, guards) in &status.sandbox {
        let missing: Vec<&str> = guards
            .iter()
            .filter(|(_, holds)| !**holds)
            .map(|(guard, _)| guard.as_str())
            .collect();
        let how = if missing.is_empty() {
            "all guards hold".into()
        } else {
            format!("NOT in force: {}", missing.join(", "))
        };
        say(&format!("sandbox of the {process}"), how);
    }
    rows
}

fn table(status: &Status, frames: Option<f64>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    for (what, how) in rows(status, frames) {
        table.add_row([what, how]);
    }
    table
}

fn plain(status: &Status) -> String {
    rows(status, None)
        .into_iter()
        .fold(String::new(), |mut text, (what, how)| {
            let _ = writeln!(text, "{what}: {how}");
            text
        })
}

/// One look in one line, for a pipe.
fn line(status: &Status, frames: Option<f64>) -> String {
    let live = status.workers.iter().filter(|it| it.live).count();
    let drops = &status.drops;
    let pace = frames.map_or_else(|| "-".into(), |it| format!("{it:.0}"));
    let readable = status
        .readable_share
        .map_or_else(|| "-".into(), |it| format!("{it:.3}"));
    let time = status.time.split('.').next().unwrap_or_default();
    format!(
        "{time}Z frames_per_second={pace} frames={} lost={} readable_share={readable} hits={} \
         waiting={} workers_live={live}/{} ready={}\n",
        status.frames,
        drops.kernel + drops.interface + drops.events + drops.records,
        status.hits,
        status.waiting.ledger + status.waiting.hit_log + status.waiting.alerts,
        status.workers.len(),
        if status.ready { "yes" } else { "no" },
    )
}
