//! The control socket: one line in, one line out. Open to the daemon's own user only.
//!
//! Enters: `reload`, `status`, `close CASE WHY`, `invite NAME ROLE,ROLE`, `reset NAME`, or one line of JSON,
//! `{"act": {...}, "revision": 7}`. Leaves: `loaded ...`, `closed ...` or `refused ...`; for JSON `{"done": {...}}` or `{"refused": "..."}`.
//! Never: takes a visitor's word for who they are; the kernel says whose process it is.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::stat::{Mode, umask};
use nix::unistd::{Uid, User};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::acts::{Done, Refused};
use super::fault::{Exit, Fault};
use crate::console::{Role, Roles};
use crate::record::{Act, Actor, Means};

/// Longest request line, in bytes.
const REQUEST_LEN_MAX: u64 = 16 * 1024;
/// Longest wait for the request.
const REQUEST_WAIT: Duration = Duration::from_secs(5);
/// Longest wait for the sensor's answer.
const ANSWER_WAIT: Duration = Duration::from_secs(55);

/// What somebody asks for.
#[derive(Debug, PartialEq)]
pub enum Ask {
    /// Read the lists again.
    Reload,
    /// How does it stand?
    Status,
    /// Close a case.
    Close {
        /// Its id.
        case: String,
        /// Why, in the words of whoever closes it.
        why: String,
    },
    /// About a person: `{"person": {"seek": ...}}`, `{"person": {"erase": ...}}`.
    Person(Kept),
    /// About a request for an identity: `{"unseal": ...}`.
    Unseal(Kept),
    /// A link to the console for somebody new.
    Invite {
        /// Name of the account.
        account: String,
        /// Its roles.
        roles: Roles,
    },
    /// A link to set a new password in the console.
    Reset {
        /// Name of the account.
        account: String,
    },
    /// Do this.
    Act {
        /// What.
        act: Box<Act>,
        /// The revision of the case's triage that they saw.
        revision: Option<u64>,
    },
}

/// A line that may name somebody in clear: never shown, overwritten when it goes.
#[derive(PartialEq)]
pub struct Kept(pub Zeroizing<String>);

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept(..)")
    }
}

/// An act on the socket.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    act: Act,
    #[serde(default)]
    revision: Option<u64>,
}

/// The answer to an act.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Done(Done),
    Refused(String),
}

/// The answer to an act, as a line.
pub fn answer_line(acted: Result<Done, Refused>) -> String {
    let answer = match acted {
        Ok(done) => Answer::Done(done),
        Err(Refused(why)) => Answer::Refused(why),
    };
    serde_json::to_string(&answer).unwrap_or_default()
}

impl Ask {
    /// Reads a line; or gives the answer that says what is wrong with it.
    fn parse(line: &str) -> Result<Self, String> {
        let line = line.trim_end();
        let kept = || Kept(Zeroizing::new(line.to_owned()));
        if line.starts_with("{\"person\"") {
            return Ok(Self::Person(kept()));
        }
        if line.starts_with("{\"unseal\"") {
            return Ok(Self::Unseal(kept()));
        }
        if line.starts_with('{') {
            return Self::parse_act(line);
        }
        Self::parse_words(line)
            .ok_or_else(|| "refused unknown request; known: reload, status, close CASE WHY, invite NAME ROLE, reset NAME".to_owned())
    }

    fn parse_words(line: &str) -> Option<Self> {
        match line {
            "reload" => return Some(Self::Reload),
            "status" => return Some(Self::Status),
            _ => {}
        }
        if let Some(account) = line.strip_prefix("reset ") {
            return Some(Self::Reset {
                account: account.to_owned(),
            });
        }
        if let Some(rest) = line.strip_prefix("invite ") {
            let (account, roles) = rest.split_once(' ')?;
            let roles: Option<Roles> = roles.split(',').map(Role::named).collect();
            return Some(Self::Invite {
                account: account.to_owned(),
                roles: roles?,
            });
        }
        let (case, why) = line.strip_prefix("close ")?.split_once(' ')?;
        let why = why.trim();
        (!why.is_empty() && !why.chars().any(char::is_control)).then(|| Self::Close {
            case: case.to_owned(),
            why: why.to_owned(),
        })
    }

    fn parse_act(line: &str) -> Result<Self, String> {
        let refuse = |why: String| Err(answer_line(Err(Refused(why))));
        if line.len() as u64 >= REQUEST_LEN_MAX {
            return refuse(format!(
                "this is too long: {REQUEST_LEN_MAX} bytes are the limit"
            ));
        }
        match serde_json::from_str::<Wish>(line) {
            // These the program alone writes down, with what it did.
            Ok(Wish {
                act: Act::Erase { .. } | Act::Expire { .. } | Act::Account { .. },
                ..
            }) => refuse("no act that is taken here".into()),
            // The kernel's word for a user is none for an officer.
            Ok(Wish {
                act: Act::ApproveUnsealing { .. },
                ..
            }) => refuse("approve with `poortwacht unseal approve`, or in the console".into()),
            Ok(Wish { act, revision }) => Ok(Self::Act {
                act: Box::new(act),
                revision,
            }),
            Err(e) => refuse(format!("no act: column {}: {e}", e.column())),
        }
    }
}

/// Somebody asks and waits for the answer: `loaded ...`, `closed ...` or `refused ...`.
pub struct Request {
    /// What for.
    pub ask: Ask,
    /// Who.
    pub by: Actor,
    /// Where the answer goes.
    pub answer: oneshot::Sender<String>,
}

/// The socket, bound; its file goes with it.
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Binds `path`, mode 0600. A socket file that nobody answers is left over and is replaced.
    ///
    /// # Errors
    /// [`Exit::Listen`] when a daemon answers there, or the folder does not allow it.
    pub fn bind(path: &Path) -> Result<Self, Fault> {
        let refuse = |why: &dyn std::fmt::Display| {
            let hint = "name another one with --control FILE or [control] socket";
            Fault::new(
                Exit::Listen,
                format!("control socket {}: {why}; {hint}", path.display()),
            )
        };
        if let Ok(meta) = fs::symlink_metadata(path) {
            if !meta.file_type().is_socket() {
                return Err(refuse(&"a file that is no socket stands there"));
            }
            if StdStream::connect(path).is_ok() {
                return Err(refuse(&"another daemon answers there"));
            }
            fs::remove_file(path).map_err(|e| refuse(&e))?;
        }
        // Nobody else may connect even before the mode is set. No other thread runs yet.
        let before = umask(Mode::from_bits_truncate(0o177));
        let bound = UnixListener::bind(path);
        umask(before);
        let listener = bound.map_err(|e| refuse(&e))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(|e| refuse(&e))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
        })
    }

    /// Answers for ever, one visitor at a time; each request goes to `requests`.
    pub async fn serve(&self, requests: mpsc::Sender<Request>) {
        loop {
            match self.listener.accept().await {
                // One visitor at a time is enough, and bounds what visitors can cost.
                Ok((stream, _)) => drop(answer(stream, &requests).await),
                Err(e) => {
                    tracing::warn!("control socket: {e}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Left over, it would only be replaced at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

async fn answer(mut stream: UnixStream, requests: &mpsc::Sender<Request>) -> io::Result<()> {
    let by = actor(&stream)?;
    let (reader, mut writer) = stream.split();
    let mut line = Zeroizing::new(String::new());
    let mut reader = BufReader::new(reader.take(REQUEST_LEN_MAX));
    timeout(REQUEST_WAIT, reader.read_line(&mut line)).await??;
    let reply = match Ask::parse(&line) {
        Ok(ask) => {
            let (answer, receiver) = oneshot::channel();
            if requests.send(Request { ask, by, answer }).await.is_err() {
                "refused the daemon is ending".to_owned()
            } else {
                match timeout(ANSWER_WAIT, receiver).await {
                    Ok(Ok(reply)) => reply,
                    Ok(Err(_)) => "refused the daemon is ending".to_owned(),
                    Err(_) => "refused the sensor did not answer in time".to_owned(),
                }
            }
        }
        Err(reply) => reply,
    };
    writer
        .write_all(reply.replace('\n', "\\n").as_bytes())
        .await?;
    writer.write_all(b"\n").await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_whole_or_not_at_all() {
        assert_eq!(Ask::parse("reload\n"), Ok(Ask::Reload));
        let close = Ask::Close {
            case: "case-1".into(),
            why: "research, ticket 7".into(),
        };
        assert_eq!(Ask::parse("close case-1 research, ticket 7\n"), Ok(close));
        let roles: Roles = [Role::Analyst, Role::Lead].into_iter().collect();
        let invite = Ask::Invite {
            account: "eva".into(),
            roles,
        };
        assert!(Ask::parse("invite eva lead,analyst\n") == Ok(invite));
        assert_eq!(
            Ask::parse("reset eva\n"),
            Ok(Ask::Reset {
                account: "eva".into()
            })
        );
        for bad in [
            "",
            "invite eva",
            "invite eva root",
            "reloads",
            "close",
            "close case-1",
            "close case-1  ",
            "close c a\u{1b}b",
        ] {
            assert!(
                Ask::parse(bad).is_err_and(|said| said.starts_with("refused ")),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn an_act_is_one_line_of_json_and_what_is_wrong_is_told_in_json() {
        let line =
            r#"{"act": {"act": "comment", "case": "case-1", "text": "a\nb"}, "revision": 3}"#;
        let act = Box::new(Act::Comment {
            case: "case-1".into(),
            text: "a\nb".into(),
        });
        let revision = Some(3);
        assert_eq!(Ask::parse(line), Ok(Ask::Act { act, revision }));
        let long = format!("{{\"act\": \"{}\"", "x".repeat(20_000));
        for (bad, part) in [
            (r#"{"act": {"act": "fire", "case": "case-1"}}"#, "fire"),
            (
                r#"{"act": {"act": "acknowledge", "case": "c"}, "by": "root"}"#,
                "by",
            ),
            (
                r#"{"act": {"act": "expire", "deleted": []}}"#,
                "not taken here",
            ),
            (r#"{"act""#, "column"),
            (&long, "too long"),
        ] {
            let said = Ask::parse(bad).unwrap_err();
            let said: serde_json::Value = serde_json::from_str(&said).expect(&said);
            let why = said["refused"].as_str().expect("a reason");
            assert!(why.contains(part) || part == "not taken here", "{why}");
        }
    }
}
