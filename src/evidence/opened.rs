//! The sealed part of a bundle, opened by officers on a machine of theirs.
//!
//! Enters: a bundle, the officers' shares. Leaves: an archive that also holds who the subject is and
//! the frames for Wireshark. Never: runs in the daemon; holds something that does not follow from
//! the sealed entries and the data keys beside it, so that whoever has the opened bundle can check
//! it like the other one.
//!
//! The data keys lie in the opened bundle: they open whatever was sealed of this one subject in the
//! same runs of the daemon. Keep it as you would keep the identity itself.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::archive::{self, File, Name};
use super::data::{Data, PROGRAM};
use super::select::KeptFrame;
use crate::hits::frame::pcapng;
use crate::identity::Clear;
use crate::ledger::hex;
use crate::ledger::line::Line;
use crate::record::{Body, Entry, Kind};
use crate::sealing::{DataKeys, Opened, Release, SealedKey, Share};

const FORMAT: &str = "poortwacht-opened/1";

/// `opened/keys.json`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    format: String,
    /// Who wrote the frames' file.
    program: String,
    /// Data keys, hex.
    keys: std::collections::BTreeMap<String, String>,
}

/// `opened/identity.json`
#[derive(Serialize)]
struct Identity<'o> {
    subject: &'o str,
    identities: &'o [Clear],
}

/// The sealed part of a bundle, as the officers get it: what their commands take. `None`: nothing is
/// sealed in it.
///
/// # Errors
/// A sentence: the bundle is broken.
pub fn releases(bytes: &[u8]) -> Result<Option<Release>, String> {
    let (_, files) = archive::read(bytes)?;
    release(&files)
}

/// The same, of files that were read.
pub(super) fn release(files: &[File]) -> Result<Option<Release>, String> {
    let data = Data::read(file(files, Name::Data))?;
    let case = &data.facts.case;
    let mut release = Release::new(&case.id, case.subject.clone(), &data.reason, &data.made);
    if let Some(keys) = files.iter().find(|it| it.name == Name::Keys) {
        let keys: Vec<SealedKey> = serde_json::from_slice(&keys.bytes)
            .map_err(|_| format!("{} is not what was written there", Name::Keys))?;
        keys.into_iter().for_each(|key| release.add_key(key));
    }
    for line in file(files, Name::Entries).split_inclusive(|b| *b == b'\n') {
        let Ok(line) = Line::parse(line) else {
            continue;
        };
        let (Some(kind), Some((_, payload))) = (Kind::of(line.kind), line.content) else {
            continue;
        };
        if !matches!(kind, Kind::Sealed | Kind::Frame) {
            continue;
        }
        match Entry::read(kind, payload).map(|entry| entry.body) {
            Ok(Body::Sealed(sealed)) => drop(release.add(&sealed)),
            Ok(Body::Frame(frame)) if frame.subject == release.subject => {
                if let Ok(kept) = serde_json::from_str::<KeptFrame>(&frame.sealed) {
                    kept.key.into_iter().for_each(|key| release.add_key(key));
                    release.add_frame(kept.frame);
                }
            }
            _ => {}
        }
    }
    let keys: Vec<String> = release.keys.iter().map(|it| it.key.clone()).collect();
    release.frames.retain(|frame| keys.contains(&frame.key));
    let is_empty = release.records.is_empty() && release.frames.is_empty();
    Ok((!is_empty).then_some(release))
}

pub(super) fn file(files: &[File], name: Name) -> &[u8] {
    let found = files.iter().find(|file| file.name == name);
    found.map_or(&[], |file| &file.bytes)
}

/// Opens a bundle with the shares of enough officers: the opened bundle, and what was in it.
///
/// # Errors
/// A sentence: nothing is sealed in it, or these shares do not open it.
pub fn open(bytes: &[u8], shares: &[Share]) -> Result<(Zeroizing<Vec<u8>>, Opened), String> {
    let (case, mut files) = archive::read(bytes)?;
    let release = release(&files)?.ok_or("nothing is sealed in this bundle")?;
    let (keys, closed) = release.data_keys(shares)?;
    let mut opened = release.open_with(&keys);
    opened.closed.splice(0..0, closed);
    if opened.identities.is_empty() && opened.frames.is_empty() {
        let why = opened.closed.first().cloned();
        return Err(why.unwrap_or_else(|| "the shares open nothing of it".into()));
    }
    files.retain(|file| !file.name.is_opened());
    files.extend(made(&release, &keys, &opened, PROGRAM)?);
    let archive = archive::write(&case, &files)?;
    Ok((Zeroizing::new(archive), opened))
}

/// The three files of what was opened.
fn made(
    release: &Release,
    keys: &DataKeys,
    opened: &Opened,
    program: &str,
) -> Result<[File; 3], String> {
    let hex = keys.iter().map(|(id, key)| (id.clone(), hex::encode(key)));
    let keys = Keys {
        format: FORMAT.into(),
        program: program.into(),
        keys: hex.collect(),
    };
    let identity = Identity {
        subject: release.subject.as_str(),
        identities: &opened.identities,
    };
    let frames = opened.frames.iter();
    let frames = frames.map(|(hit, frame)| (hit.as_str(), frame));
    Ok([
        File {
            name: Name::OpenedKeys,
            bytes: json(&keys)?,
        },
        File {
            name: Name::OpenedIdentity,
            bytes: json(&identity)?,
        },
        File {
            name: Name::OpenedFrames,
            bytes: pcapng::file_by(program, frames),
        },
    ])
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|_| "what was opened is no text")?;
    text.push(b'\n');
    Ok(text)
}

/// Does what was opened follow from the sealed entries? Each wrong file with why.
pub(super) fn check(files: &[File]) -> Vec<(Name, String)> {
    let wrong = |name, why: &str| vec![(name, why.to_owned())];
    let release = match release(files) {
        Ok(Some(release)) => release,
        Ok(None) => return wrong(Name::OpenedKeys, "nothing is sealed that it could open"),
        Err(_) => return wrong(Name::OpenedKeys, "what it opens is broken"),
    };
    let text = file(files, Name::OpenedKeys);
    let read = serde_json::from_slice::<Keys>(text).ok();
    let Some(read) = read.filter(|it| it.format == FORMAT && it.program.len() <= 200) else {
        return wrong(Name::OpenedKeys, "it is not what this program writes there");
    };
    let mut keys = DataKeys::new();
    for (id, digits) in &read.keys {
        if release.keys.iter().all(|it| it.key != *id) {
            return wrong(
                Name::OpenedKeys,
                "it names a data key that is not of this bundle",
            );
        }
        match hex::decode::<32>(digits.as_bytes()) {
            Some(key) => drop(keys.insert(id.clone(), Zeroizing::new(key.to_vec()))),
            None => return wrong(Name::OpenedKeys, "a data key in it is none"),
        }
    }
    let opened = release.open_with(&keys);
    if let Some(why) = opened.closed.first() {
        return wrong(
            Name::OpenedKeys,
            &format!("its keys do not open what is sealed: {why}"),
        );
    }
    if opened.identities.is_empty() && opened.frames.is_empty() {
        return wrong(Name::OpenedKeys, "its keys open nothing of what is sealed");
    }
    let differ = |program: &str| -> Result<Vec<Name>, String> {
        let again = made(&release, &keys, &opened, program)?;
        let differ = again.iter().filter(|it| it.bytes != file(files, it.name));
        Ok(differ.map(|it| it.name).collect())
    };
    let faults = match differ(&read.program) {
        Ok(faults) => faults,
        Err(why) => return wrong(Name::OpenedKeys, &why),
    };
    if read.program != PROGRAM {
        if differ(PROGRAM).is_ok_and(|it| it == [Name::OpenedKeys]) {
            return wrong(
                Name::OpenedKeys,
                "it names another program than the frames' file",
            );
        }
        if faults == [Name::OpenedFrames] {
            return wrong(
                Name::OpenedFrames,
                "it is not what the sealed entries open to; another version of the program wrote \
                 it: verify with that one",
            );
        }
    }
    let what = "it is not what the sealed entries open to";
    faults
        .into_iter()
        .map(|name| (name, what.to_owned()))
        .collect()
}
