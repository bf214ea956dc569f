//! The control socket: one line in, one line out. Open to the daemon's own user only.
//!
//! Enters: `reload`, `status`, `invite NAME ROLE,ROLE`, `reset NAME`, or one line of JSON: `{"act": {...},
//! "revision": 7}`, `{"person": {...}}`, `{"unseal": {...}}`. Leaves: `loaded ...`, `invited ...`,
//! `refused ...`; for JSON an [`Answer`]. Never: takes a visitor's word for who they are; the kernel
//! says whose process it is; an act that an officer has to prove.

mod visit;

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, umask};
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::acts::{Done, Refused};
use super::erasure::Receipt;
use super::fault::{Exit, Fault};
use crate::console::{Role, Roles};
use crate::identity::Sought;
use crate::record::{Act, Actor};

/// Longest request line, in bytes.
const REQUEST_LEN_MAX: u64 = 16 * 1024;

/// What somebody asks for.
#[derive(Debug, PartialEq)]
pub enum Ask {
    /// Read the lists again.
    Reload,
    /// How does it stand?
    Status,
    /// About a person: `{"person": {"seek": ...}}`, `{"person": {"erase": ...}}`,
    /// `{"person": {"erasure": 1}}`.
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

/// The answer to a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The act is in the record.
    Done(Done),
    /// Pseudonyms of what a person brings.
    Sought(Sought),
    /// A person is erased.
    Erased(Receipt),
    /// A challenge, encrypted to an officer.
    Challenge(String),
    /// It takes its time, and goes on.
    UnderWay(UnderWay),
    /// Why not.
    Refused(String),
}

/// Something that goes on without whoever asked for it.
#[derive(Debug, Serialize, Deserialize)]
pub struct UnderWay {
    /// By what its end can be asked for: `{"person": {"erasure": 1}}`. `None`: the record tells.
    pub erasure: Option<u64>,
    /// For how long it has been going on, in seconds.
    pub seconds: u64,
}

impl Answer {
    /// As a line.
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl From<Result<Done, Refused>> for Answer {
    fn from(acted: Result<Done, Refused>) -> Self {
        match acted {
            Ok(done) => Self::Done(done),
            Err(Refused(why)) => Self::Refused(why),
        }
    }
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
        Self::parse_words(line).ok_or_else(|| {
            "refused unknown request; known: reload, status, invite NAME ROLE, reset NAME"
                .to_owned()
        })
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
        let (account, roles) = line.strip_prefix("invite ")?.split_once(' ')?;
        let roles: Option<Roles> = roles.split(',').map(Role::named).collect();
        Some(Self::Invite {
            account: account.to_owned(),
            roles: roles?,
        })
    }

    fn parse_act(line: &str) -> Result<Self, String> {
        let refuse = |why: &str| Err(Answer::Refused(why.to_owned()).line());
        if line.len() as u64 >= REQUEST_LEN_MAX {
            return refuse(&format!(
                "this is too long: {REQUEST_LEN_MAX} bytes are the limit"
            ));
        }
        let Wish { act, revision } = match serde_json::from_str::<Wish>(line) {
            Ok(wish) => wish,
            Err(e) => return refuse(&format!("no act: column {}: {e}", e.column())),
        };
        match act {
            // These the program alone writes down, with what it did.
            Act::Erase { .. } | Act::Expire { .. } | Act::Account { .. } => {
                refuse("no act that is taken here: the program itself writes it down")
            }
            // The kernel's word for a user is none for an officer, and what is handed out is told by
            // who hands it out.
            Act::ApproveUnsealing { .. }
            | Act::RefuseUnsealing { .. }
            | Act::ReleaseUnsealing { .. } => refuse(
                "decide and hand out with `poortwacht unseal approve`, `refuse` and `release`, or \
                 in the console",
            ),
            act => Ok(Self::Act {
                act: Box::new(act),
                revision,
            }),
        }
    }

    /// Is the answer one of words, or of JSON?
    const fn is_of_words(&self) -> bool {
        matches!(
            self,
            Self::Reload | Self::Invite { .. } | Self::Reset { .. }
        )
    }
}

/// Somebody asks and waits for the answer, one line.
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
    waits: visit::Waits,
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
            waits: visit::Waits::default(),
        })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Left over, it would only be replaced at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests;
