//! The console in the daemon: on a thread and a runtime of its own, so that a slow page holds up
//! neither metrics nor the desk.
//!
//! Enters: the configuration, pages of the record. Leaves: a served console, its acts in the log and
//! in the record.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use tokio::sync::oneshot;

use super::acts::Handle;
use super::fault::{Exit, Fault};
use super::pages::{LiveDesk, Parts};
use crate::config::Config;
use crate::console::{self, Audit, Doors, NavEntry, Refused, Roles, Shell, Shut, Tls, api, pages};
use crate::record::{Act, Actor, Means};

/// Characters kept of what is said of an act: four bytes each are within an act's bound.
const AUDIT_CHARS_MAX: usize = super::acts::TEXT_LEN_MAX / 4;
/// Pause between two countings of who is in.
const COUNT_EVERY: Duration = Duration::from_secs(10);
/// Acts that may wait for the record.
const AUDITS_MAX: usize = 1024;

/// The console, bound and not yet served. Made while the program still has its rights.
pub struct Console {
    /// What pages are built on.
    pub shell: Shell,
    /// Acts, for the record.
    pub audits: Receiver<Audit>,
    doors: Doors,
}

/// `None` when the configuration wants none.
///
/// # Errors
/// [`Exit::Listen`] when the address cannot be had, [`Exit::Config`] for anything else.
pub fn open(config: &Config, nav: Vec<NavEntry>) -> Result<Option<Console>, Fault> {
    let doors = Doors::open(&config.console).map_err(|shut| match shut {
        Shut::Unfit(why) => Fault::new(Exit::Config, format!("[console] {why}")),
        Shut::Taken(why) => Fault::new(Exit::Listen, why),
    })?;
    let Some(doors) = doors else {
        return Ok(None);
    };
    let (audit, audits) = sync_channel(AUDITS_MAX);
    let shell = Shell::open(config.console.clone(), nav, audit)
        .map_err(|why| Fault::new(Exit::Config, format!("[console] {why}")))?;
    Ok(Some(Console {
        shell,
        audits,
        doors,
    }))
}

/// The console, served.
pub struct Running {
    shell: Shell,
    tls: Option<Arc<Tls>>,
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Console {
    /// Starts to serve `pages`, and to bring its acts to `desk`; says where, and the one-time link while there is no administrator.
    ///
    /// # Errors
    /// [`Exit::Internal`] when no thread can be had, [`Exit::Output`] when the link cannot be kept.
    pub fn start(self, config: &Config, parts: Parts) -> Result<Running, Fault> {
        let wiring = |e: std::io::Error| Fault::new(Exit::Internal, format!("cannot start: {e}"));
        let Self {
            shell,
            audits,
            doors,
        } = self;
        shell.measure(Arc::clone(&parts.metrics));
        let desk = parts.office.clone();
        thread::Builder::new()
            .name("console-audit".into())
            .spawn(move || audits.iter().for_each(|audit| record(&audit, &desk)))
            .map_err(wiring)?;
        let pages = if config.ledger.is_kept() {
            let desk = LiveDesk::new(config, parts);
            pages::router(desk.clone()).merge(api::router(desk))
        } else {
            Router::new()
        };
        let at = format!("{}{}/", shell.settings().address_for_people(), shell.base());
        tracing::info!("console at {at}");
        let link = shell
            .first_link()
            .map_err(|why| Fault::new(Exit::Output, why))?;
        if let Some(link) = link {
            tracing::warn!(
                "the console has no administrator yet; open this within a day, it works once: {link}"
            );
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(wiring)?;
        let (tls, router) = (doors.tls(), shell.router(pages));
        let (end, ended) = oneshot::channel();
        let counted = shell.clone();
        let thread = thread::Builder::new()
            .name("console".into())
            .spawn(move || {
                let ended = async move { drop(ended.await) };
                // Sessions and listeners also end while nobody asks for anything.
                runtime.spawn(async move {
                    loop {
                        counted.count();
                        tokio::time::sleep(COUNT_EVERY).await;
                    }
                });
                if let Err(e) = runtime.block_on(console::serve(doors, router, ended)) {
                    tracing::error!("the console has ended: {e}; start again");
                }
                // A password that is still being hashed holds up no stop.
                runtime.shutdown_background();
            })
            .map_err(wiring)?;
        Ok(Running {
            shell,
            tls,
            end,
            thread,
        })
    }
}

impl Running {
    /// Reads the certificate again.
    pub fn reload(&self) {
        if let Some(Err(why)) = self.tls.as_ref().map(|tls| tls.reload()) {
            tracing::error!("the console's old certificate stays: {why}");
        }
    }

    /// `invited LINK`, or why not.
    pub fn invite(&self, account: &str, roles: Roles) -> String {
        answer("invited", self.shell.invite(None, account, roles))
    }

    /// `reset LINK`, or why not.
    pub fn reset(&self, account: &str) -> String {
        answer("reset", self.shell.reset(None, account))
    }

    /// Ends it; open connections get a second.
    pub fn stop(self) {
        // It may have ended by itself.
        let _ = self.end.send(());
        let _ = self.thread.join();
    }
}

fn answer(what: &str, made: Result<String, Refused>) -> String {
    let why = match made {
        Ok(link) => return format!("{what} {link}"),
        Err(Refused::Taken) => "there is an account of that name; `poortwacht console reset` it",
        Err(Refused::Unknown) => "there is no open account of that name; invite it",
        Err(Refused::Name) => "a name holds lower-case letters, digits and . _ - @, at most 64",
        Err(Refused::NoRole) => "an account needs a role: --role analyst",
        Err(Refused::Full) => "there are as many links as there may be; withdraw some",
        Err(Refused::LastAdmin | Refused::Used | Refused::Unwritten | Refused::Unrecorded) => {
            "it could not be kept; the log says why"
        }
    };
    format!("refused {why}")
}

/// An act in the console, in the log and in the record. Waits while the record cannot be written.
fn record(audit: &Audit, desk: &Handle) {
    match serde_json::to_string(audit) {
        Ok(text) => tracing::info!("console: {text}"),
        Err(why) => tracing::error!("an act in the console cannot be written: {why}"),
    }
    if let Some((by, act)) = act(audit) {
        desk.insist(&by, &act);
    }
}

/// An act in the console, as the record has it.
fn act(audit: &Audit) -> Option<(Actor, Act)> {
    let serde_json::Value::Object(mut told) = serde_json::to_value(&audit.act).ok()? else {
        return None;
    };
    let mut text = |key: &str| match told.remove(key) {
        Some(serde_json::Value::String(text)) => Some(text),
        _ => None,
    };
    let what = text("act")?.replace('_', "-");
    let account = text("account")
        .or_else(|| audit.by.clone())
        .unwrap_or_default();
    let detail = match told.is_empty() {
        true => String::new(),
        false => serde_json::to_string(&told).ok()?,
    };
    let by = Actor {
        name: audit.by.clone().unwrap_or_else(|| "poortwacht".into()),
        means: Means::Console,
    };
    // Whoever acted is done: nothing may keep it out of the record.
    let short = |text: String| -> String {
        let plain = text.chars().filter(|c| !c.is_control());
        plain.take(AUDIT_CHARS_MAX).collect()
    };
    let act = Act::Account {
        account: short(account),
        what,
        detail: short(detail),
    };
    Some((by, act))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::console::audit;

    #[test]
    fn an_act_in_the_console_is_an_act_on_an_account() {
        let audit = Audit {
            time: Timestamp(1),
            by: Some("eva".into()),
            act: audit::Act::Invited {
                account: "bert".into(),
                roles: [crate::console::Role::Analyst].into_iter().collect(),
            },
        };
        let (by, act) = act(&audit).unwrap();
        assert_eq!(by.name, "eva");
        let Act::Account {
            account,
            what,
            detail,
        } = act
        else {
            panic!();
        };
        assert_eq!((account.as_str(), what.as_str()), ("bert", "invited"));
        assert!(detail.contains("analyst"), "{detail}");
    }
}
