//! `poortwacht reload`, `cases close` and the like: ask a running daemon.
//!
//! Enters: a request. Leaves: the daemon's answer. Never: does itself what the daemon refuses.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use super::Common;
use crate::daemon::{Exit, Fault};
use crate::record::Act;

/// Longest wait for the daemon's answer: a list of a million names takes seconds.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// Make a running daemon read its lists again; says whether it took them.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht reload --config /etc/poortwacht/poortwacht.toml
  poortwacht reload --control /run/poortwacht/control.sock")]
pub struct ReloadArgs {
    #[command(flatten)]
    common: Common,
    /// Control socket of the daemon; without it, the one in the configuration
    #[arg(long, value_name = "FILE")]
    control: Option<PathBuf>,
}

pub(super) fn reload(args: &ReloadArgs) -> Result<(), Fault> {
    ask(&args.common, args.control.as_deref(), "reload")
}

/// The same, at a known socket.
pub(super) fn reload_at(socket: &Path) -> Result<(), Fault> {
    ask(&Common::default(), Some(socket), "reload")
}

/// Closes a case.
pub(super) fn close(
    common: &Common,
    control: Option<&Path>,
    id: &str,
    why: &str,
) -> Result<(), Fault> {
    ask(common, control, &format!("close {id} {why}"))
}

/// One line to the daemon, one line back.
pub(super) fn ask_line(
    common: &Common,
    control: Option<&Path>,
    request: &str,
) -> Result<String, Fault> {
    let path = match control {
        Some(path) => path.to_owned(),
        None => common.load()?.control.socket,
    };
    let lost = |e: std::io::Error| {
        // Commands without --control ask here too.
        let hint =
            "is the daemon running, and is this its socket ([control] in its configuration)?";
        Fault::new(
            Exit::Listen,
            format!("no answer from {}: {e}; {hint}", path.display()),
        )
    };
    let mut socket = UnixStream::connect(&path).map_err(lost)?;
    socket.set_read_timeout(Some(ANSWER_WAIT)).map_err(lost)?;
    socket.write_all(request.as_bytes()).map_err(lost)?;
    socket.write_all(b"\n").map_err(lost)?;
    let mut answer = String::new();
    BufReader::new(socket)
        .read_line(&mut answer)
        .map_err(lost)?;
    if answer.is_empty() {
        return Err(lost(std::io::ErrorKind::UnexpectedEof.into()));
    }
    answer.truncate(answer.trim_end().len());
    Ok(answer)
}

fn ask(common: &Common, control: Option<&Path>, request: &str) -> Result<(), Fault> {
    let (done, what) = told(common, control, request)?;
    super::print(&format!("{done}: {what}\n"))
}

/// What the daemon answers when it did as asked, without the first word.
pub(super) fn answer(
    common: &Common,
    control: Option<&Path>,
    request: &str,
) -> Result<String, Fault> {
    told(common, control, request).map(|(_, what)| what)
}

/// Does an act on a case, and tells the number of its entry and the revision of the case's triage
/// from then on.
pub(super) fn act(
    common: &Common,
    control: Option<&Path>,
    act: &Act,
    revision: Option<u64>,
) -> Result<Done, Fault> {
    let request = serde_json::json!({"act": act, "revision": revision}).to_string();
    let answer = ask_line(common, control, &request)?;
    match serde_json::from_str(&answer) {
        Ok(Answer::Done(done)) => Ok(done),
        Ok(Answer::Refused(why)) => Err(Fault::new(Exit::No, format!("refused: {why}"))),
        Err(_) => Err(Fault::new(
            Exit::Listen,
            "the daemon's answer is none that this program knows: are both of the same version?",
        )),
    }
}

/// An act that is in the record.
#[derive(Deserialize)]
pub(super) struct Done {
    /// Number of its entry.
    pub(super) number: u64,
    /// Revision of the case's triage from now on.
    #[serde(default)]
    pub(super) revision: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Done(Done),
    Refused(String),
}

/// The first word of the daemon's answer, and the rest.
fn told(
    common: &Common,
    control: Option<&Path>,
    request: &str,
) -> Result<(&'static str, String), Fault> {
    let answer = ask_line(common, control, request)?;
    match answer.trim_end().split_once(' ') {
        Some(("loaded", what)) => Ok(("loaded", what.to_owned())),
        Some(("closed", what)) => Ok(("closed", what.to_owned())),
        Some(("invited" | "reset", link)) => Ok(("made", link.to_owned())),
        Some(("refused", why)) => {
            // A line feed would end the answer, so the daemon sends it as \n.
            let why = why.replace("\\n", "\n");
            Err(Fault::new(
                Exit::No,
                if request == "reload" {
                    format!("refused, the old list stays in force: {why}")
                } else {
                    format!("refused: {why}")
                },
            ))
        }
        _ => {
            let what = "the daemon gave an answer that this program does not understand";
            Err(Fault::new(Exit::Listen, what))
        }
    }
}
