//! Requests for an identity, as the daemon sees them.
//!
//! Enters: acts on requests, officers who prove on the command line that they are officers. Leaves:
//! whether an act may be done; what is handed out. Never: holds a private key; hands out what is of
//! another subject than the one that was asked for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::acts::{Handle, Refused};
use super::control::Answer;
use super::erasure::ask;
use super::erasure::plan::each;
use super::office;
use crate::base::{Timestamp, hex};
use crate::config::Identity;
use crate::hits::Key;
use crate::ledger::{Ledger, tree};
use crate::record::unsealing::{Party, Request, Terms, Unsealings};
use crate::record::{Act, Acted, Actor, Body, Entry, Kind, Means};
use crate::sealing::challenge::Question;
use crate::sealing::{Officer, Release, SealedFrame, SealedKey};
use crate::store::shown::{AuditFilter, Page, ROWS_MAX, Told};
use crate::store::{Reader, Store};

/// What somebody asks on the control socket.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Wish {
    /// The text by which an officer proves who they are.
    Challenge {
        /// The request.
        request: String,
        /// The officer, as the configuration names them.
        officer: String,
    },
    /// An officer decides.
    Decide {
        /// The request.
        request: String,
        /// The officer.
        officer: String,
        /// The code out of the challenge.
        code: String,
        /// Remark; of a refusal the reason.
        note: String,
        /// Agrees?
        agrees: bool,
    },
    /// Who asked takes it back.
    Withdraw {
        /// The request.
        request: String,
        /// Why.
        reason: String,
    },
    /// What is sealed goes to the officers, who agreed.
    Release {
        /// The request.
        request: String,
        /// When it was put together.
        released: Timestamp,
        /// SHA-256 of it. The daemon puts it together too, and compares.
        digest: String,
    },
}

/// What is handed out was put together so long ago at most.
const RELEASE_NS: u64 = 600_000_000_000;

/// Who may decide, and the key that makes their challenges.
#[derive(Clone)]
pub struct Desk {
    key: Key,
    officers: Vec<Officer>,
}

impl Desk {
    /// For the officers of the configuration.
    pub fn new(key: Key, identity: &Identity) -> Self {
        Self {
            key,
            officers: identity.officers.clone(),
        }
    }

    /// Answers; `by` is whose process asks, by the kernel's word.
    pub async fn answer(&self, office: &Handle, by: Actor, wish: Wish) -> Answer {
        match self.serve(office, by, wish).await {
            Ok(answer) => answer,
            Err(Refused(why)) => Answer::Refused(why),
        }
    }

    async fn serve(&self, office: &Handle, by: Actor, wish: Wish) -> Result<Answer, Refused> {
        let (Wish::Challenge { request, .. }
        | Wish::Decide { request, .. }
        | Wish::Withdraw { request, .. }
        | Wish::Release { request, .. }) = &wish;
        let (request, ledger) = find(office, request.clone()).await?;
        let question = Question {
            request: &request.id,
            case: &request.case,
            subject: &request.subject,
            asked_by: &request.asked.by,
            reason: &request.asked.text,
        };
        let (id, case) = (request.id.clone(), request.case.clone());
        let (by, act) = match wish {
            Wish::Challenge { officer, .. } => {
                let text = question.challenge(&self.key, self.officer(&officer)?);
                return text.map(Answer::Challenge).map_err(Refused);
            }
            Wish::Decide {
                officer,
                code,
                note,
                agrees,
                ..
            } => {
                let name = self.officer(&officer)?.name.trim();
                if !question.is_answered(&self.key, name, &code) {
                    return Err(Refused(
                        "that is not the code for this officer and this request: decrypt the \
                         challenge again with the officer's key"
                            .into(),
                    ));
                }
                let by = Actor {
                    name: name.to_owned(),
                    means: Means::Command,
                };
                (by, decision(id, case, note, agrees))
            }
            Wish::Withdraw { reason, .. } => {
                if (&by.name, by.means) != (&request.asked.by, request.asked.means) {
                    return Err(Refused(format!(
                        "only who asked, {} ({}), takes it back so; an officer refuses with \
                         --officer NAME and the code of a challenge",
                        request.asked.by, request.asked.means
                    )));
                }
                (by, decision(id, case, reason, false))
            }
            Wish::Release {
                released, digest, ..
            } => {
                same_as_ours(ledger, request, released, digest.clone()).await?;
                let act = Act::ReleaseUnsealing {
                    request: id,
                    case,
                    digest,
                };
                (by, act)
            }
        };
        office.act(by, act, None).await.map(Answer::Done)
    }

    fn officer(&self, name: &str) -> Result<&Officer, Refused> {
        let found = self.officers.iter();
        let found = found.clone().find(|it| it.name.trim() == name.trim());
        found.ok_or_else(|| {
            let names: Vec<&str> = self.officers.iter().map(|it| it.name.trim()).collect();
            Refused(format!(
                "no officer of that name; there are: {}",
                names.join(", ")
            ))
        })
    }
}

fn decision(request: String, case: String, text: String, agrees: bool) -> Act {
    match agrees {
        true => Act::ApproveUnsealing {
            request,
            case,
            note: text,
        },
        false => Act::RefuseUnsealing {
            request,
            case,
            reason: text,
        },
    }
}

/// A request of the record, and where the ledger is.
async fn find(office: &Handle, id: String) -> Result<(Request, PathBuf), Refused> {
    let office = office.clone();
    let found = tokio::task::spawn_blocking(move || {
        ask(&office, move |_, books| {
            let all = known(books.registrar.store()?)?;
            let ledger = books.registrar.ledger();
            let ledger = ledger.map(|(folder, _)| folder.to_owned());
            Ok::<_, String>(all.get(&id).cloned().zip(ledger))
        })
    });
    let found = found.await.map_err(|_| ending())?;
    found.and_then(|it| it).map_err(Refused)?.ok_or_else(|| {
        Refused("there is no such request: `poortwacht unseal list` shows them".into())
    })
}

fn ending() -> Refused {
    Refused("the daemon is ending".into())
}

/// Nobody's word is taken for what was handed out.
async fn same_as_ours(
    ledger: PathBuf,
    request: Request,
    released: Timestamp,
    digest: String,
) -> Result<(), Refused> {
    if released.0.abs_diff(office::now().0) > RELEASE_NS {
        return Err(Refused(
            "it was put together too long ago, or the clocks differ: hand it out again".into(),
        ));
    }
    let ours = tokio::task::spawn_blocking(move || release(&ledger, &request, released));
    let (_, ours) = ours.await.map_err(|_| ending())?.map_err(Refused)?;
    if ours != digest {
        return Err(Refused(
            "what would be handed out is not what the record holds of the subject by now: try again"
                .into(),
        ));
    }
    Ok(())
}

/// What the configuration asks of requests.
pub fn terms(identity: &Identity) -> Terms {
    let names = identity.officers.iter();
    Terms {
        threshold: identity.threshold,
        officers: names.map(|it| it.name.trim().to_owned()).collect(),
        days: identity.request_days.into(),
    }
}

/// All requests of the record.
///
/// # Errors
/// The store cannot be read.
pub fn known(store: &Store) -> Result<Unsealings, String> {
    of_store(&Reader::open(store.path())?)
}

fn of_store(reader: &Reader) -> Result<Unsealings, String> {
    let filter = AuditFilter {
        kinds: vec![Kind::Unsealing],
        ..AuditFilter::default()
    };
    let (mut acts, mut after) = (Vec::new(), None);
    loop {
        let rows = ROWS_MAX;
        let page = reader.audit(&filter, Page { rows, after })?;
        for row in page.rows {
            if let (Some(time), Told::Act(acted)) = (row.time, row.what) {
                acts.push((time, acted));
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut all = Unsealings::default();
    for (time, acted) in acts.iter().rev() {
        all.take(*time, acted);
    }
    Ok(all)
}

/// The same, with what the store has not taken in yet from the files of the ledger in `folder`.
///
/// # Errors
/// Store or ledger cannot be read.
pub fn in_store(reader: &Reader, folder: &Path) -> Result<Unsealings, String> {
    let from = reader.through()?;
    let mut all = of_store(reader)?;
    each(folder, from, Some(&[Kind::Unsealing]), |_, entry| {
        if let Body::Act(acted) = &entry.body {
            all.take(entry.time, acted);
        }
    })?;
    Ok(all)
}

/// The same, from the files of the ledger alone.
///
/// # Errors
/// The ledger cannot be read.
pub fn in_ledger(folder: &Path) -> Result<Unsealings, String> {
    let mut all = Unsealings::default();
    each(folder, 0, Some(&[Kind::Unsealing]), |_, entry| {
        if let Body::Act(acted) = &entry.body {
            all.take(entry.time, acted);
        }
    })?;
    Ok(all)
}

/// May it be done, as far as requests go? Roles were looked at before: whoever comes here with a
/// decision is an officer by role, or by having read a challenge.
///
/// # Errors
/// [`Refused`].
pub fn check(store: &Store, terms: &Terms, acted: &Acted, now: Timestamp) -> Result<(), Refused> {
    let party = Party {
        may_ask: true,
        officer: true,
    };
    let all = known(store).map_err(Refused)?;
    all.check(acted, party, terms, now).map_err(Refused)
}

/// A frame in the record ([`Frame::sealed`](crate::record::Frame::sealed)).
#[derive(Deserialize)]
struct KeptFrame {
    frame: SealedFrame,
    /// The data key, for the officers.
    #[serde(default)]
    key: Option<SealedKey>,
}

/// What is handed out: everything sealed of the request's subject, and of nobody else, as one file
/// for `officer open`, with its digest. `now` is the wall clock. Walks through all of the ledger: for
/// a command that has nothing else.
///
/// # Errors
/// The ledger cannot be read, or holds nothing of the subject.
pub fn release(
    folder: &Path,
    request: &Request,
    now: Timestamp,
) -> Result<(String, String), String> {
    gather(request, now, |take| {
        each(folder, 0, Some(&SEALED), |_, entry| take(entry))?;
        Ok(())
    })
}

/// The same where the store says where it stands in the ledger: reads those entries, and what the
/// store has not taken in yet.
///
/// # Errors
/// As of [`release`].
pub fn release_by(
    reader: &Reader,
    folder: &Path,
    request: &Request,
    now: Timestamp,
) -> Result<(String, String), String> {
    // Asked for first: what the store takes in meanwhile is read behind it.
    let behind = reader.through()?;
    let known = reader.sealed(&request.subject)?;
    let known = known.into_iter().filter(|number| *number < behind);
    gather(request, now, |take| {
        these(folder, known, &mut *take)?;
        each(folder, behind, Some(&SEALED), |_, entry| take(entry))?;
        Ok(())
    })
}

/// Kinds of entries that hold what is sealed.
const SEALED: [Kind; 2] = [Kind::Sealed, Kind::Frame];

fn gather(
    request: &Request,
    now: Timestamp,
    walk: impl FnOnce(&mut dyn FnMut(Entry)) -> Result<(), String>,
) -> Result<(String, String), String> {
    let reason = &request.asked.text;
    let subject = request.subject.clone();
    let mut file = Release::new(&request.case, subject, reason, &now.to_string());
    let mut old = 0;
    let mut take = |entry: Entry| match entry.body {
        Body::Sealed(sealed) if sealed.subject == request.subject => {
            old += u64::from(!file.add(&sealed));
        }
        Body::Frame(frame) if frame.subject == request.subject => {
            if let Ok(kept) = serde_json::from_str::<KeptFrame>(&frame.sealed) {
                if let Some(key) = kept.key {
                    file.add_key(key);
                }
                file.add_frame(kept.frame);
            }
        }
        _ => {}
    };
    walk(&mut take)?;
    // A frame whose key went is nobody's to open any more.
    let keys: BTreeSet<String> = file.keys.iter().map(|it| it.key.clone()).collect();
    file.frames.retain(|frame| keys.contains(&frame.key));
    if file.records.is_empty() && file.frames.is_empty() {
        return Err(match old {
            0 => {
                "nothing is sealed of this subject: no source told who it was, or it is over".into()
            }
            _ => format!(
                "what is sealed of this subject is of an older form: give the officers \
                 subjects/{}.json from the folder of cases",
                request.subject
            ),
        });
    }
    let text = file.write()?;
    let digest = digest(text.as_bytes());
    Ok((text, digest))
}

/// Entries that are read over rather than looked up: as many as a file holds.
const NEAR: u64 = 256;

/// Shows the entries of these numbers, which rise, as far as they have a payload.
fn these(
    folder: &Path,
    numbers: impl Iterator<Item = u64>,
    mut show: impl FnMut(Entry),
) -> Result<(), String> {
    let mut open = None;
    for number in numbers {
        // Near by the reading goes on; what is far away is opened at its place.
        let mut entries = match open.take() {
            Some((last, entries)) if number - last < NEAR => entries,
            _ => Ledger::read(folder, number)?,
        };
        for stored in &mut entries {
            let stored = stored?;
            if stored.number < number {
                continue;
            }
            if let (Some(kind), Some(payload)) = (Kind::of(&stored.kind), stored.payload) {
                let entry = Entry::read(kind, &payload);
                show(entry.map_err(|why| format!("entry {number} of the ledger: {why}"))?);
            }
            break;
        }
        open = Some((number, entries));
    }
    Ok(())
}

/// SHA-256, hex.
pub fn digest(text: &[u8]) -> String {
    hex::encode(&tree::sha256(&[text]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{self, New};

    const NOW: Timestamp = Timestamp(1_700_000_000_000_000_000);

    #[test]
    fn entries_are_read_where_they_stand_and_nothing_between() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("ledger");
        let settings = ledger::Settings {
            folder: folder.clone(),
            ..Default::default()
        };
        let (mut it, _) = Ledger::open(&settings, NOW).expect("a ledger");
        let entry = |number: usize| {
            let entry = Entry {
                time: NOW,
                body: Body::Act(Box::new(Acted {
                    by: Actor {
                        name: "ann".into(),
                        means: Means::Console,
                    },
                    act: Act::Comment {
                        case: "case-1".into(),
                        text: number.to_string(),
                    },
                })),
            };
            New {
                kind: entry.kind().label().into(),
                time: NOW,
                payload: entry.text().expect("text"),
            }
        };
        it.append(&(0..800).map(entry).collect::<Vec<_>>())
            .expect("room");
        it.close(NOW).expect("an end");
        let read = |numbers: &[u64]| {
            let mut met = Vec::new();
            let done = these(&folder, numbers.iter().copied(), |entry| {
                if let Body::Act(acted) = entry.body
                    && let Act::Comment { text, .. } = acted.act
                {
                    met.push(text.parse::<u64>().expect("a number"));
                }
            });
            done.map(|()| met)
        };
        let all = [0, 1, 5, 255, 256, 257, 511, 512, 799];
        assert_eq!(read(&all), Ok(all.to_vec()));
        assert_eq!(read(&[]), Ok(vec![]));
        assert_eq!(read(&[3, 900]), Ok(vec![3]), "not there yet");
        // The second file cannot be read: who needs nothing of it does not notice.
        let mut files: Vec<_> = walk(&folder.join("payload"));
        files.sort();
        std::fs::write(&files[1], "nonsense\n").expect("a file");
        assert_eq!(read(&[3, 799]), Ok(vec![3, 799]));
        assert!(read(&[3, 300]).is_err());
    }

    fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
        let all = std::fs::read_dir(folder).expect("a folder");
        let all = all.map(|it| it.expect("an entry").path());
        all.flat_map(|it| if it.is_dir() { walk(&it) } else { vec![it] })
            .collect()
    }
}
