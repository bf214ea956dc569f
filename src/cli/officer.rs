//! `poortwacht officer share | open`: for officers, on machines of their own.
//!
//! Enters: a sealed record or a release, shares, an officer's key. Leaves: shares; or who the
//! subject is, and its frames as a file for Wireshark. Never: runs in the daemon.

pub(super) mod release;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use crate::daemon::{Exit, Fault};
use crate::evidence;
use crate::sealing::{self, RELEASE_LEN_MAX, Release, Sealed, Share};

/// Longest record, share or key read, in bytes.
const FILE_LEN_MAX: u64 = 1 << 20;

/// Open what was released to the officers, on a machine of theirs and never on the gateway.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht officer share release.json --key officer.key
  poortwacht officer open release.json --key officer.key --share one.json
  poortwacht officer open release.json --key officer.key --share one.json --frames out.pcapng
  poortwacht officer open person-1f.json --share one.json --share two.json
  poortwacht officer share case.tar --key officer.key     the sealed part of an evidence bundle

docs/sealing.md has the same with the stock `age` program.")]
pub struct OfficerArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Decrypt the shares of one officer, a line for each data key
    Share {
        /// A release, or a sealed record: `subjects/SUBJECT.json` of the folder of cases
        file: PathBuf,
        /// The officer's name, as the file has it; of a release every share that the key opens is
        /// told without it
        #[arg(long)]
        name: Option<String>,
        /// The officer's age identity file
        #[arg(long, value_name = "FILE", alias = "key")]
        identity: PathBuf,
    },
    /// Open a release or a record with the shares of enough officers
    Open {
        /// A release, or a sealed record
        file: PathBuf,
        /// A decrypted share, as `officer share` or `age -d` shows it; may be given several times
        #[arg(long, value_name = "FILE", alias = "with-share")]
        share: Vec<PathBuf>,
        /// The age identity file of the officer at this machine: counts as their share (release)
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Write the frames to this new file, as pcapng for Wireshark (release)
        #[arg(long, value_name = "FILE")]
        frames: Option<PathBuf>,
        /// One JSON object with all that was opened but the frames' bytes (release)
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(args: &OfficerArgs) -> Result<(), Fault> {
    match &args.what {
        What::Share {
            file,
            name,
            identity,
        } => {
            let text = release_text(file)?;
            if Release::is_one(&text) {
                return release::share((file, &text), name.as_deref(), identity);
            }
            let Some(name) = name else {
                let what = "a sealed record needs --name NAME: whose share is to be opened";
                return Err(Fault::new(Exit::Usage, what));
            };
            share(file, &text, name, identity)
        }
        What::Open {
            file,
            share,
            key,
            frames,
            json,
        } => {
            let text = release_text(file)?;
            if Release::is_one(&text) {
                let wanted = release::Wanted {
                    shares: share,
                    key: key.as_deref(),
                    frames: frames.as_deref(),
                    json: *json,
                };
                return release::open((file, &text), &wanted);
            }
            let versions = versions(file, &text)?;
            if key.is_some() || frames.is_some() || *json {
                let what = format!(
                    "--key, --frames and --json are for a release, and {} is a sealed record; open \
                     it with --share",
                    file.display()
                );
                return Err(Fault::new(Exit::Usage, what));
            }
            open(&versions, share)
        }
    }
}

/// The text of a release or record; of an evidence bundle the release that its sealed part is.
fn release_text(path: &Path) -> Result<String, Fault> {
    let mut head = [0; 9];
    let begun = fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    if begun.is_err() || !evidence::is_one(&head) {
        return read(path, RELEASE_LEN_MAX as u64);
    }
    let broken = |why: String| {
        let what = format!("{}: {why}", path.display());
        Fault::new(Exit::Input, what)
    };
    let bytes = super::evidence::read(path)?;
    match evidence::releases(&bytes).map_err(broken)? {
        Some(release) => release.write().map_err(broken),
        None => Err(broken("nothing is sealed in this bundle".into())),
    }
}

fn read(path: &Path, len_max: u64) -> Result<String, Fault> {
    let refuse = |why: &dyn std::fmt::Display| {
        let what = format!("cannot read {}: {why}; is the path right?", path.display());
        Fault::new(Exit::Input, what)
    };
    let meta = fs::metadata(path).map_err(|e| refuse(&e))?;
    if meta.len() > len_max {
        return Err(refuse(
            &"it is longer than any release, record, share or key",
        ));
    }
    fs::read_to_string(path).map_err(|e| refuse(&e))
}

/// The versions of a record: one for each run of the daemon that sealed.
fn versions(path: &Path, text: &str) -> Result<Vec<Sealed>, Fault> {
    #[derive(serde::Deserialize)]
    struct Record {
        versions: Vec<Sealed>,
    }
    let record: Record = serde_json::from_str(text).map_err(|e| {
        let what = format!(
            "{} is no release, and no sealed record: {e}; a record is `subjects/SUBJECT.json` in \
             the folder of cases",
            path.display()
        );
        Fault::new(Exit::Input, what)
    })?;
    Ok(record.versions)
}

fn share(record: &Path, text: &str, name: &str, identity: &Path) -> Result<(), Fault> {
    let versions = versions(record, text)?;
    let identity = Zeroizing::new(read(identity, FILE_LEN_MAX)?);
    match lines(&versions, name, &identity) {
        Ok(text) => super::print(&text),
        Err(Some(why)) => Err(Fault::new(Exit::Input, why)),
        Err(None) => {
            let what = format!(
                "no share of `{}` in {}; it names: {}",
                name.escape_debug(),
                record.display(),
                officers(&versions)
            );
            Err(Fault::new(Exit::No, what))
        }
    }
}

/// A line for each version. It is empty where the officer has no share, or where this key does not
/// open it: who has a new key cannot open what was sealed for the old one. When no line is left:
/// why, if there was a share at all.
fn lines(
    versions: &[Sealed],
    name: &str,
    identity: &str,
) -> Result<Zeroizing<String>, Option<String>> {
    let mut text = Zeroizing::new(String::new());
    let (mut opened, mut why_not) = (false, None);
    for sealed in versions {
        let share = sealed.shares.iter().find(|(officer, _)| officer == name);
        match share.map(|(_, armoured)| sealing::open_share(armoured, identity)) {
            Some(Ok(share)) => {
                text.push_str(&serde_json::to_string(&share).unwrap_or_default());
                opened = true;
            }
            Some(Err(why)) => why_not = Some(why),
            None => {}
        }
        text.push('\n');
    }
    if opened { Ok(text) } else { Err(why_not) }
}

fn officers(versions: &[Sealed]) -> String {
    let shares = versions.iter().flat_map(|sealed| &sealed.shares);
    let mut names: Vec<&str> = shares.map(|(officer, _)| officer.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

/// What stands in files of shares.
fn texts(files: &[PathBuf]) -> Result<Vec<Zeroizing<String>>, Fault> {
    let read = |path: &PathBuf| Ok(Zeroizing::new(read(path, FILE_LEN_MAX)?));
    files.iter().map(read).collect()
}

/// Every version that these shares open; why none does, else.
fn open(versions: &[Sealed], files: &[PathBuf]) -> Result<(), Fault> {
    let texts = texts(files)?;
    let mut opened = Zeroizing::new(String::new());
    let mut why_not = "the record is empty".to_owned();
    for (number, sealed) in versions.iter().enumerate() {
        let mut shares = Vec::new();
        for (path, text) in files.iter().zip(&texts) {
            // `officer share` writes a line for each version, `age -d` the one line of one.
            let lines: Vec<&str> = text.lines().collect();
            let line = if lines.len() == 1 {
                lines.first()
            } else {
                lines.get(number)
            };
            let Some(line) = line.filter(|line| !line.trim().is_empty()) else {
                continue;
            };
            let share = Share::parse(line)
                .map_err(|why| Fault::new(Exit::Input, format!("{}: {why}", path.display())))?;
            shares.push(share);
        }
        match sealing::open(sealed, &shares) {
            Ok(clear) => {
                opened.push_str(&serde_json::to_string_pretty(&clear).unwrap_or_default());
                opened.push('\n');
            }
            Err(why) => why_not = why,
        }
    }
    if opened.is_empty() {
        return Err(Fault::new(Exit::No, why_not));
    }
    super::print(&opened)
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret;

    use super::*;
    use crate::hits::SubjectId;
    use crate::identity::Clear;
    use crate::sealing::{Officer, Sealer};

    /// A version sealed for this key of the officer.
    fn version(key: &age::x25519::Identity) -> Sealed {
        let officer = Officer {
            name: "privacy".into(),
            recipient: key.to_public().to_string(),
        };
        let mut clear = Clear::default();
        clear.users.push("jansen".into());
        let mut sealer = Sealer::new(&[officer], 1).unwrap();
        let subject = SubjectId::new(format!("person-{:032x}", 1));
        sealer.seal(&subject, &clear).unwrap()
    }

    #[test]
    fn a_new_key_opens_what_was_sealed_for_it() {
        let [old, new, other] = [(); 3].map(|()| age::x25519::Identity::generate());
        let text = |key: &age::x25519::Identity| key.to_string().expose_secret().to_owned();
        let versions = [version(&old), version(&new)];
        for (key, at) in [(&old, 0), (&new, 1)] {
            let Ok(shares) = lines(&versions, "privacy", &text(key)) else {
                panic!("a share can be opened");
            };
            let shares: Vec<&str> = shares.lines().collect();
            assert_eq!((shares.len(), shares[1 - at]), (2, ""));
            let share = Share::parse(shares[at]).ok().unwrap();
            let clear = sealing::open(&versions[at], &[share]).ok().unwrap();
            assert_eq!(clear.users, ["jansen"]);
        }
        let none = lines(&versions, "privacy", &text(&other)).err().unwrap();
        assert!(none.unwrap().contains("this key does not open"));
        let nobody = lines(&versions, "somebody", &text(&old)).err().unwrap();
        assert!(nobody.is_none());
    }
}
