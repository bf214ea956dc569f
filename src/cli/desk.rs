//! `poortwacht reload`, `cases`, `subject`, `unseal` and the like: ask a running daemon.
//!
//! Enters: a request. Leaves: the daemon's answer, read in this one place. Never: does itself what
//! the daemon refuses.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::Common;
use crate::daemon::acts::Done;
use crate::daemon::control::Answer;
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

/// One line of JSON to the daemon, and what it answers; a refusal is a fault.
pub(super) fn asked(
    common: &Common,
    control: Option<&Path>,
    request: &str,
) -> Result<Answer, Fault> {
    read_answer(&ask_line(common, control, request)?)
}

fn read_answer(line: &str) -> Result<Answer, Fault> {
    let refused = |why: &str| Err(Fault::new(Exit::No, format!("refused: {why}")));
    match serde_json::from_str(line) {
        Ok(Answer::Refused(why)) => refused(&why),
        Ok(answer) => Ok(answer),
        // Of a daemon that takes nobody in just now, or is ending.
        Err(_) => match line.strip_prefix("refused ") {
            Some(why) => refused(why),
            None => Err(unknown()),
        },
    }
}

/// An answer to something else than was asked.
pub(super) fn unknown() -> Fault {
    Fault::new(
        Exit::Listen,
        "the daemon's answer is none that this program knows: are both of the same version?",
    )
}

/// Does an act, and tells the number of its entry and the revision of its case's triage from then on.
pub(super) fn act(
    common: &Common,
    control: Option<&Path>,
    act: &Act,
    revision: Option<u64>,
) -> Result<Done, Fault> {
    let request = serde_json::json!({"act": act, "revision": revision}).to_string();
    done(asked(common, control, &request)?)
}

/// What is in the record by this answer.
pub(super) fn done(answer: Answer) -> Result<Done, Fault> {
    match answer {
        Answer::Done(done) => Ok(done),
        Answer::UnderWay(it) => Err(Fault::new(
            Exit::No,
            format!(
                "the daemon has been at it for {} seconds and goes on; the record tells whether it \
                 was done (`poortwacht cases show`, `poortwacht unseal list`)",
                it.seconds
            ),
        )),
        _ => Err(unknown()),
    }
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
        Some(("underway", what)) => Err(Fault::new(Exit::No, format!("not done yet: {what}"))),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_and_a_refusal_is_a_fault_in_either_form() {
        let done = read_answer(r#"{"done": {"number": 7, "revision": null}}"#).and_then(done);
        assert!(done.is_ok_and(|it| it.number == 7));
        for (line, part) in [
            (r#"{"refused": "no case"}"#, "refused: no case"),
            ("refused busy: try again", "refused: busy"),
        ] {
            let fault = read_answer(line).unwrap_err();
            assert_eq!(fault.exit, Exit::No);
            assert!(fault.message.starts_with(part), "{}", fault.message);
        }
        let fault = read_answer("{\"news\": 1}").unwrap_err();
        assert_eq!(fault.exit, Exit::Listen);
        let late = r#"{"under-way": {"erasure": null, "seconds": 55}}"#;
        let fault = read_answer(late).and_then(super::done).unwrap_err();
        assert!(fault.message.contains("55 seconds and goes on"));
        let other = r#"{"challenge": "age"}"#;
        assert_eq!(
            read_answer(other).and_then(super::done).unwrap_err().exit,
            Exit::Listen
        );
    }
}
