//! `poortwacht verify | prove | witness`: for who has to trust the ledger, and wants not to.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use super::{counted, print};
use crate::daemon::{Exit, Fault};
use crate::evidence;
use crate::folder;
use crate::ledger::checkpoint::Signed;
use crate::ledger::note::{Kind, SignerKey, VerifierKey};
use crate::ledger::proof::{self, Proven};
use crate::ledger::verify::{self, Report, Request};
use crate::ledger::witness;

/// Longest file read whole, in bytes.
const FILE_LEN_MAX: u64 = 16 << 20;

/// Verify a ledger, an evidence bundle, or the proof of one entry, from files and the public key alone.
///
/// Works on a copy as well as beside the running daemon. Exit code 1: it does not verify.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht verify ledger --key log.pub             with the key that you have from elsewhere
  poortwacht verify ledger --key log.pub --checkpoint last-year.txt
  poortwacht verify ledger --witness auditor.pub     and with what a witness signed
  poortwacht verify --proof entry.tlog-proof --key log.pub
  poortwacht verify case.tar --key log.pub           an evidence bundle, opened or not

docs/ledger.md tells what each of these proves, and what it does not; docs/evidence.md of bundles.")]
pub struct VerifyArgs {
    /// Folder of the ledger, or an evidence bundle
    #[arg(value_name = "DIR|BUNDLE", required_unless_present = "proof")]
    folder: Option<PathBuf>,
    /// Public key of the log, or a file that holds it; without it, the one in the folder
    #[arg(long, value_name = "KEY|FILE")]
    key: Option<String>,
    /// Checkpoint that was put aside earlier; may be given several times
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Public key of a witness, or a file that holds it; may be given several times
    #[arg(long, value_name = "KEY|FILE")]
    witness: Vec<String>,
    /// Check the proof of one entry instead
    #[arg(long, value_name = "FILE", conflicts_with_all = ["folder", "checkpoint"], requires = "key")]
    proof: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Write the proof that an entry stands in the ledger, to be checked with the public key alone.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht prove ledger 1234 --out entry.tlog-proof
  poortwacht prove ledger 1234 --bare                kind and hour only, not what it says
  poortwacht verify --proof entry.tlog-proof --key log.pub

The file is a C2SP tlog-proof.")]
pub struct ProveArgs {
    /// Folder of the ledger
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Number of the entry, from 0
    entry: u64,
    /// File to write instead of standard output
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Leave the payload out: the proof then shows kind and hour only
    #[arg(long)]
    bare: bool,
}

/// Be a witness: look at a ledger now and then, and sign that it only grew.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht witness key auditor.example.org auditor.key
  poortwacht witness sign ledger --log log.pub --key auditor.key --state seen.txt --first
  poortwacht witness sign ledger --log log.pub --key auditor.key --state seen.txt

The key belongs on the witness's own machine, never on the gateway.")]
pub struct WitnessArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Make a key; its public half goes to FILE.pub
    Key {
        /// Name of the witness, without spaces, like auditor.example.org
        name: String,
        /// File to write
        file: PathBuf,
    },
    /// Sign the newest checkpoint, if the ledger grew out of what was signed last
    Sign {
        /// Folder of the ledger, or a copy of it
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Public key of the log, or a file that holds it
        #[arg(long, value_name = "KEY|FILE")]
        log: String,
        /// The witness's key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// What was signed last; rewritten each time
        #[arg(long, value_name = "FILE")]
        state: PathBuf,
        /// There is no earlier one: take the ledger as it stands
        #[arg(long)]
        first: bool,
    },
}

pub(super) fn verify(args: &VerifyArgs) -> Result<(), Fault> {
    let key = args.key.as_deref().map(key).transpose()?;
    let witnesses = args.witness.iter().map(|text| self::key(text));
    let witnesses = witnesses.collect::<Result<Vec<_>, _>>()?;
    if let Some(wrong) = witnesses.iter().find(|key| key.kind != Kind::Witness) {
        let what = format!("{wrong} is the key of a log, not of a witness");
        return Err(Fault::new(Exit::Config, what));
    }
    if let (Some(path), Some(key)) = (&args.proof, &key) {
        return verify_proof(&read(path)?, key, &witnesses, args.json);
    }
    let earlier = args.checkpoint.iter().map(|path| {
        let text = read(path)?;
        Ok((path.display().to_string(), text))
    });
    let earlier = earlier.collect::<Result<_, Fault>>()?;
    let folder = args.folder.clone().unwrap_or_default();
    if folder.is_file() {
        let request = evidence::Request {
            key,
            earlier,
            witnesses,
        };
        return super::evidence::verify(&folder, &request, args.json);
    }
    let request = Request {
        folder,
        key,
        earlier,
        witnesses,
    };
    let report = verify::verify(&request).map_err(|why| Fault::new(Exit::Input, why))?;
    if args.json {
        let text = serde_json::to_string_pretty(&report).unwrap_or_default();
        print(&format!("{text}\n"))?;
    } else {
        print(&told(&report))?;
    }
    if report.verifies {
        Ok(())
    } else {
        Err(Fault::told(Exit::No))
    }
}

/// The report for people.
fn told(report: &Report) -> String {
    let mut text = format!("key         {}\n", report.key);
    if !report.root.is_empty() {
        let size = counted(report.size, "entry");
        let _ = writeln!(text, "checkpoint  {size}, root {}", report.root);
    }
    for (kind, counts) in &report.kinds {
        let _ = write!(text, "{kind:<11} {}", counted(counts.entries, "entry"));
        if counts.deleted > 0 {
            let _ = write!(text, ", {} without payload (deleted)", counts.deleted);
        }
        text.push('\n');
    }
    for said in &report.earlier {
        let size = counted(said.size, "entry");
        let _ = writeln!(text, "earlier     {}: {size}, the same", said.source);
    }
    for said in &report.witnesses {
        let size = counted(said.size, "entry");
        let _ = writeln!(text, "witness     {}: {size} on {}", said.name, said.time);
    }
    for fault in &report.faults {
        let entry = fault.entry.map(|number| format!("entry {number}: "));
        let _ = writeln!(
            text,
            "WRONG       {}{}",
            entry.unwrap_or_default(),
            fault.what
        );
    }
    let more = report
        .fault_count
        .saturating_sub(report.faults.len() as u64);
    if more > 0 {
        let _ = writeln!(text, "WRONG       {more} more");
    }
    let verdict = match (report.verifies, report.first_wrong) {
        (true, _) => "Verifies.".to_owned(),
        (false, Some(first)) => format!("DOES NOT VERIFY. The first wrong entry is {first}."),
        (false, None) => "DOES NOT VERIFY.".to_owned(),
    };
    let _ = writeln!(text, "\n{verdict}");
    for limit in &report.limits {
        let _ = writeln!(text, "{limit}");
    }
    text
}

fn verify_proof(
    text: &str,
    key: &VerifierKey,
    witnesses: &[VerifierKey],
    json: bool,
) -> Result<(), Fault> {
    let refuse = |why: String| Fault::new(Exit::No, format!("the proof does not hold: {why}"));
    let proven = proof::check(text, key).map_err(refuse)?;
    let mut signers = Vec::new();
    for witness in witnesses {
        let signed = proven.signed.note.signed_by(witness).map_err(refuse)?;
        let missing = || {
            format!(
                "its checkpoint does not bear the signature of {}",
                witness.name
            )
        };
        signed.ok_or_else(|| refuse(missing()))?;
        signers.push(witness.name.as_str());
    }
    let payload = proven.payload.as_deref().map(String::from_utf8_lossy);
    let hour = proven.hour.start();
    let Proven {
        number,
        kind,
        signed,
        ..
    } = &proven;
    let (origin, size) = (&signed.checkpoint.origin, signed.checkpoint.size);
    if json {
        let value = serde_json::json!({
            "verifies": true, "entry": number, "kind": kind, "hour": hour.to_string(),
            "payload": payload, "origin": origin, "size": size, "witnesses": signers,
        });
        return print(&format!("{value:#}\n"));
    }
    let mut text = format!("entry       {number} of {origin}, under a checkpoint of {size}\n");
    let _ = writeln!(text, "kind        {kind}\nhour        {hour}");
    for name in signers {
        let _ = writeln!(text, "witness     {name}");
    }
    match payload {
        Some(payload) => {
            let safe: String = payload.chars().flat_map(shown).collect();
            let _ = writeln!(text, "payload     {safe}");
        }
        None => text.push_str("payload     not in this proof\n"),
    }
    text.push_str("\nThe proof holds.\n");
    print(&text)
}

/// A payload is foreign text: what steers a terminal is spelt out.
pub(super) fn shown(c: char) -> impl Iterator<Item = char> {
    let escaped = c.is_control().then(|| c.escape_default());
    let plain = escaped.is_none().then_some(c);
    escaped.into_iter().flatten().chain(plain)
}

pub(super) fn prove(args: &ProveArgs) -> Result<(), Fault> {
    let proof = proof::prove(&args.folder, args.entry, !args.bare);
    let proof = proof.map_err(|why| Fault::new(Exit::Input, why))?;
    match &args.out {
        None => print(&proof),
        Some(path) => write(path, proof.as_bytes()),
    }
}

pub(super) fn witness(args: &WitnessArgs) -> Result<(), Fault> {
    match &args.what {
        What::Key { name, file } => make_key(name, file),
        What::Sign {
            folder,
            log,
            key,
            state,
            first,
        } => sign(folder, log, key, state, *first),
    }
}

fn make_key(name: &str, file: &Path) -> Result<(), Fault> {
    if file.exists() {
        let what = format!("{} exists: name another file for the key", file.display());
        return Err(Fault::new(Exit::Output, what));
    }
    let made = SignerKey::generate(name, Kind::Witness);
    let (key, text) = made.map_err(|why| Fault::new(Exit::Config, why))?;
    write(file, text.as_bytes())?;
    let public = format!("{}\n", key.public());
    let mut beside = file.as_os_str().to_owned();
    beside.push(".pub");
    write(Path::new(&beside), public.as_bytes())?;
    print(&public)
}

fn sign(folder: &Path, log: &str, key_file: &Path, state: &Path, first: bool) -> Result<(), Fault> {
    let log = key(log)?;
    let text = Zeroizing::new(read(key_file)?);
    let refuse = |why: String| {
        let what = format!("{} is no key of a witness: {why}", key_file.display());
        Fault::new(Exit::Config, what)
    };
    let signer = SignerKey::parse(&text).map_err(refuse)?;
    if signer.public().kind != Kind::Witness {
        return Err(refuse("it is the key of a log".into()));
    }
    let before = if first && !state.exists() {
        None
    } else {
        let parsed = Signed::parse(&read(state)?);
        Some(parsed.map_err(|why| {
            let what = format!("{} is not what was signed last: {why}", state.display());
            Fault::new(Exit::Input, what)
        })?)
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let signed = witness::sign(folder, &log, before.as_ref(), &signer, now.as_secs());
    let note = signed.map_err(|why| Fault::new(Exit::No, format!("not signed: {why}")))?;
    let note = note.note.to_string();
    // First kept, then given away: never two stories.
    write(state, note.as_bytes())?;
    print(&note)
}

/// A public key, or a file that holds one.
pub(super) fn key(text: &str) -> Result<VerifierKey, Fault> {
    let inside = match VerifierKey::parse(text) {
        Ok(key) => return Ok(key),
        Err(why) if !Path::new(text).exists() && text.contains('+') => {
            return Err(Fault::new(
                Exit::Config,
                format!("{text} is no public key: {why}"),
            ));
        }
        Err(_) => read(Path::new(text))?,
    };
    VerifierKey::parse(&inside)
        .map_err(|why| Fault::new(Exit::Config, format!("{text} is no public key: {why}")))
}

pub(super) fn read(path: &Path) -> Result<String, Fault> {
    let refuse = |why: &dyn std::fmt::Display| {
        let what = format!("cannot read {}: {why}; is the path right?", path.display());
        Fault::new(Exit::Input, what)
    };
    let meta = fs::metadata(path).map_err(|e| refuse(&e))?;
    if meta.len() > FILE_LEN_MAX {
        return Err(refuse(&"it is longer than any key, checkpoint or proof"));
    }
    fs::read_to_string(path).map_err(|e| refuse(&e))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    folder::write_whole(path, bytes).map_err(|e| {
        let what = format!(
            "cannot write {}: {e}; may this user write there?",
            path.display()
        );
        Fault::new(Exit::Output, what)
    })
}
