//! An evidence bundle made of the files of a ledger, beside a running daemon or without one.
//!
//! Enters: the configuration, a case, a reason; and a way to bring the export into the record.
//! Leaves: the archive. Never: hands a bundle out that the record does not tell of; one of a case
//! that is being erased.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::acts::{Handle, Refused};
use super::{erasure, office};
use crate::blocklist::Catalogue;
use crate::config::Config;
use crate::evidence::select::{Chosen, Survey};
use crate::evidence::{self, Growth, Prepared, Seal, VendorFacts};
use crate::ledger::checkpoint::{Checkpoint, Signed, several};
use crate::ledger::{Ledger, New, Stored, proof, tiles, verify};
use crate::record::{Acted, Actor, Body, CaseHead, Entry, Kind, Means};

/// How long a checkpoint is waited for beyond its usual pace.
const CHECKPOINT_GRACE: Duration = Duration::from_secs(10);
/// Pace of looking for it.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Most earlier checkpoints that a bundle has a proof from.
const GROWTH_MAX: usize = 256;

/// What somebody wants exported.
#[derive(Clone, Default)]
pub struct Wish {
    /// The case's id.
    pub case: String,
    /// Why; stands in the record and in the bundle.
    pub reason: String,
    /// Kinds whose text is left out.
    pub withhold: BTreeSet<Kind>,
    /// Leave out what officers could open.
    pub without_sealed: bool,
    /// Checkpoints that the receiver has put aside: the bundle then proves that the log grew out of
    /// them.
    pub since: Vec<String>,
}

/// Where everything lies.
pub struct Places {
    ledger: PathBuf,
    cases: PathBuf,
    lists: crate::config::Lists,
    checkpoint_wait: Duration,
}

impl Places {
    /// Those of a configuration.
    pub fn of(config: &Config) -> Self {
        let every = u64::from(config.ledger.settings().checkpoint_seconds);
        Self {
            ledger: config.ledger.folder.clone(),
            cases: config.cases.folder.clone(),
            lists: config.lists.clone(),
            checkpoint_wait: Duration::from_secs(every) + CHECKPOINT_GRACE,
        }
    }
}

/// The first half: everything but the export's own entry and the proofs. Reads the ledger twice; to
/// be called on a thread that may take its time.
///
/// # Errors
/// A sentence: no such case, it is being erased, the ledger cannot be read.
pub fn prepare(places: &Places, wish: &Wish) -> Result<Prepared, String> {
    if erasure::is_of(&places.cases, &wish.case) {
        return Err(
            "the case is being erased: nothing of it is handed out; the daemon ends the erasure at \
             its next start"
                .into(),
        );
    }
    let folder = places.ledger.as_path();
    let (chosen, head) = choose(folder, wish)?;
    let numbers: BTreeSet<u64> = chosen.entries.iter().map(|(number, _)| *number).collect();
    let numbers = numbers.into_iter().chain(chosen.gone.keys().copied());
    let lines: BTreeMap<u64, Vec<u8>> = numbers
        .map(|number| Ok((number, proof::line_of(folder, number)?)))
        .collect::<Result<_, String>>()?;
    let lines: Vec<Vec<u8>> = lines.into_values().collect();
    let lists = &places.lists;
    let given = |path: &Path| (!path.as_os_str().is_empty()).then(|| path.to_owned());
    let catalogue = Catalogue::load(
        given(&lists.dir).as_deref(),
        &lists.user,
        given(&lists.allow).as_deref(),
    )
    .map_err(|problems| match problems.first() {
        Some(problem) => format!("the list of vendors cannot be read: {problem}"),
        None => "the list of vendors cannot be read".into(),
    })?;
    let witnessed = tiles::read_notes(&folder.join("witnessed"))?;
    let wish = evidence::Wish {
        case: &wish.case,
        reason: &wish.reason,
        made: office::now().to_string(),
        withhold: &wish.withhold,
        vendor: VendorFacts::of(&head.vendor, &catalogue),
        witnessed: witnessed.concat(),
    };
    evidence::prepare(wish, &chosen, &lines)
}

/// The two walks.
fn choose(folder: &Path, wish: &Wish) -> Result<(Chosen, CaseHead), String> {
    let mut survey = Survey::of(&wish.case);
    for stored in Ledger::read(folder, 0)? {
        let stored = stored?;
        if let (Some(kind), Some(payload)) = (Kind::of(&stored.kind), &stored.payload)
            && survey.may_be(kind, payload)
        {
            survey.take(stored.number, &entry(&stored, kind, payload)?);
        }
    }
    let mut selection = survey.end().ok_or_else(|| {
        format!(
            "no case {} in the record; `poortwacht cases list` shows them",
            wish.case.escape_debug()
        )
    })?;
    let head = selection.head().clone();
    for stored in Ledger::read(folder, 0)? {
        let stored = stored?;
        let Some(kind) = Kind::of(&stored.kind) else {
            continue;
        };
        match &stored.payload {
            Some(payload) if selection.may_be(kind, payload) => {
                selection.take(stored.number, entry(&stored, kind, payload)?);
            }
            Some(_) => {}
            None => selection.gone(stored.number, kind, stored.time),
        }
    }
    Ok((selection.end(!wish.without_sealed)?, head))
}

fn entry(stored: &Stored, kind: Kind, payload: &[u8]) -> Result<Entry, String> {
    let read = Entry::read(kind, payload);
    read.map_err(|why| format!("entry {} of the ledger: {why}", stored.number))
}

/// The second half, once entry `number` tells of the export: waits for a checkpoint that covers it.
///
/// # Errors
/// A sentence: no checkpoint came, the files contradict each other.
pub fn finish(
    places: &Places,
    wish: &Wish,
    prepared: Prepared,
    number: u64,
) -> Result<Vec<u8>, String> {
    let folder = places.ledger.as_path();
    let signed = covering(places, number)?;
    let head = &signed.checkpoint;
    let pieces = prepared.numbers().iter();
    let pieces = pieces.map(|number| proof::piece(folder, head, *number));
    let key = verify::key_in(folder)?;
    let seal = Seal {
        export: proof::prove_under(folder, &signed, number)?,
        pieces: pieces.collect::<Result<_, String>>()?,
        growth: growth(folder, head, wish)?,
        checkpoint: signed.note.to_string(),
        key: key.to_string(),
    };
    let bundle = prepared.seal(&seal)?;
    // What does not verify is not handed out.
    let report = evidence::verify(&bundle, &evidence::Request::default());
    match report.faults.first() {
        None => Ok(bundle),
        Some(fault) => Err(format!(
            "the bundle does not verify, so it is not handed out: {}; does `poortwacht verify {}` \
             say that the ledger is whole?",
            fault.what,
            folder.display()
        )),
    }
}

/// The newest checkpoint, once it covers an entry; with the log's signature alone.
fn covering(places: &Places, number: u64) -> Result<Signed, String> {
    let path = places.ledger.join("checkpoint");
    let begun = Instant::now();
    loop {
        if let Some(mut signed) = tiles::read_checkpoint(&path)?
            && signed.checkpoint.size > number
        {
            let origin = signed.checkpoint.origin.clone();
            signed.note.signatures.retain(|it| it.name == origin);
            return Ok(signed);
        }
        if begun.elapsed() > places.checkpoint_wait {
            return Err(format!(
                "the export is in the record as entry {number}, but no checkpoint covers it yet: \
                 can {} be written? Export again when the daemon signs",
                path.display()
            ));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Proofs from what the receiver has put aside, and from what witnesses signed.
fn growth(folder: &Path, head: &Checkpoint, wish: &Wish) -> Result<Vec<Growth>, String> {
    let witnessed = tiles::read_notes(&folder.join("witnessed"))?.concat();
    let mut all: BTreeMap<u64, Growth> = BTreeMap::new();
    for text in wish.since.iter().chain([&witnessed]) {
        for note in several(text).take(GROWTH_MAX) {
            let earlier = Signed::parse(note).map_err(|why| format!("no checkpoint: {why}"))?;
            let earlier = earlier.checkpoint;
            if earlier.origin != head.origin || earlier.size > head.size {
                return Err(format!(
                    "the checkpoint of {} entries of {} is not an earlier one of this log ({}, {})",
                    earlier.size,
                    earlier.origin.escape_debug(),
                    head.origin,
                    head.size
                ));
            }
            if earlier.size == 0 {
                continue;
            }
            let path = proof::growth(folder, head, earlier.size)?;
            let root = proof::root(folder, head, earlier.size)?;
            let size = earlier.size;
            all.insert(size, Growth { size, root, path });
        }
    }
    Ok(all.into_values().collect())
}

/// A bundle, by somebody whom the daemon serves: a page, the API.
///
/// # Errors
/// [`Refused`], with why and what next.
pub async fn export(
    office: &Handle,
    places: std::sync::Arc<Places>,
    by: Actor,
    wish: Wish,
) -> Result<Vec<u8>, Refused> {
    let ending = |_| Refused("the daemon is ending; try again when it runs".into());
    let (at, what) = (places.clone(), wish.clone());
    let prepared = tokio::task::spawn_blocking(move || prepare(&at, &what));
    let prepared = prepared.await.map_err(ending)?.map_err(Refused)?;
    let done = office.act(by, prepared.act(), None).await?;
    let finished =
        tokio::task::spawn_blocking(move || finish(&places, &wish, prepared, done.number));
    finished.await.map_err(ending)?.map_err(Refused)
}

/// Brings the export into a ledger that no daemon has open, and signs it.
///
/// # Errors
/// A sentence: a daemon runs after all, the folder is somebody else's, the ledger cannot be written.
pub fn record(config: &Config, prepared: &Prepared) -> Result<u64, String> {
    let folder = &config.ledger.folder;
    let owner = fs::metadata(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let me = nix::unistd::geteuid();
    if owner.uid() != me.as_raw() {
        return Err(format!(
            "{} belongs to another user (uid {}): run this as that user, or start the daemon and \
             let it write the export down",
            folder.display(),
            owner.uid()
        ));
    }
    let user = nix::unistd::User::from_uid(me).ok().flatten();
    let now = office::now();
    let entry = Entry {
        time: now,
        body: Body::Act(Box::new(Acted {
            by: Actor {
                name: user.map_or_else(|| format!("uid {me}"), |user| user.name),
                means: Means::Command,
            },
            act: prepared.act(),
        })),
    };
    let (mut ledger, _) = Ledger::open(&config.ledger.settings(), now)?;
    let range = ledger.append(&[New {
        kind: Kind::Export.label().into(),
        time: now,
        payload: entry.text()?,
    }])?;
    ledger.close(office::now())?;
    Ok(range.start)
}
