//! The control socket: `reload`, `close CASE WHY`, `invite NAME ROLE,ROLE` or `reset NAME`, one line
//! in, one line out. Open to the daemon's own user only.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::stat::{Mode, umask};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::fault::{Exit, Fault};
use crate::console::{Role, Roles};

/// Longest request line, in bytes.
const REQUEST_LEN_MAX: u64 = 1024;
/// Longest wait for the request.
const REQUEST_WAIT: Duration = Duration::from_secs(5);
/// Longest wait for the sensor's answer.
const ANSWER_WAIT: Duration = Duration::from_secs(55);

/// What somebody asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Ask {
    /// Read the lists again.
    Reload,
    /// Close a case.
    Close {
        /// Its id.
        case: String,
        /// Why, in the words of whoever closes it.
        why: String,
    },
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
}

impl Ask {
    /// `reload`, `close CASE WHY`, `invite NAME ROLE,ROLE` or `reset NAME`.
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim_end();
        if line == "reload" {
            return Some(Self::Reload);
        }
        if let Some(account) = line.strip_prefix("reset ") {
            return Some(Self::Reset { account: account.to_owned() });
        }
        if let Some(rest) = line.strip_prefix("invite ") {
            let (account, roles) = rest.split_once(' ')?;
            let roles: Option<Roles> = roles.split(',').map(Role::named).collect();
            return Some(Self::Invite { account: account.to_owned(), roles: roles? });
        }
        let (case, why) = line.strip_prefix("close ")?.split_once(' ')?;
        let why = why.trim();
        (!why.is_empty() && !why.chars().any(char::is_control)).then(|| Self::Close {
            case: case.to_owned(),
            why: why.to_owned(),
        })
    }
}

/// Somebody asks and waits for the answer: `loaded ...`, `closed ...` or `refused ...`.
pub struct Request {
    /// What for.
    pub ask: Ask,
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
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader.take(REQUEST_LEN_MAX));
    timeout(REQUEST_WAIT, reader.read_line(&mut line)).await??;
    let reply = match Ask::parse(&line) {
        Some(ask) => {
            let (answer, receiver) = oneshot::channel();
            if requests.send(Request { ask, answer }).await.is_err() {
                "refused the daemon is ending".to_owned()
            } else {
                match timeout(ANSWER_WAIT, receiver).await {
                    Ok(Ok(reply)) => reply,
                    Ok(Err(_)) => "refused the daemon is ending".to_owned(),
                    Err(_) => "refused the sensor did not answer in time".to_owned(),
                }
            }
        }
        None => "refused unknown request; known: reload, close CASE WHY, invite NAME ROLE, reset NAME".to_owned(),
    };
    writer
        .write_all(reply.replace('\n', "\\n").as_bytes())
        .await?;
    writer.write_all(b"\n").await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_whole_or_not_at_all() {
        assert_eq!(Ask::parse("reload\n"), Some(Ask::Reload));
        let close = Ask::Close {
            case: "case-1".into(),
            why: "research, ticket 7".into(),
        };
        assert_eq!(Ask::parse("close case-1 research, ticket 7\n"), Some(close));
        let roles: Roles = [Role::Analyst, Role::Lead].into_iter().collect();
        let invite = Ask::Invite { account: "eva".into(), roles };
        assert!(Ask::parse("invite eva lead,analyst\n") == Some(invite));
        assert_eq!(Ask::parse("reset eva\n"), Some(Ask::Reset { account: "eva".into() }));
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
            assert_eq!(Ask::parse(bad), None, "{bad:?}");
        }
    }
}
