//! The one file that a bundle is: an uncompressed tar (POSIX.1-1988 ustar) of plain files.
//!
//! Enters: files, or the bytes of an archive, hostile ones too. Leaves: the other of the two. Never:
//! writes one set of files in two ways, or reads an archive that it would have written otherwise: so
//! every byte of an archive belongs to a file or follows from one.
//!
//! Owner 0, mode 0644, time 0, files in the order of [`Name::ALL`] below one folder that bears the
//! case's id, two empty blocks at the end.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::io::{Cursor, Read};
use std::path::{Component, Path};

use tar::{Archive, Builder, EntryType, Header};

use crate::base::seen::closed_set;

/// Longest archive, in bytes.
pub const BUNDLE_LEN_MAX: usize = 256 << 20;
/// What the folder in it is called before the case's id.
const FOLDER: &str = "evidence-";
/// Longest name of that folder.
const FOLDER_LEN_MAX: usize = 64;
const BLOCK: usize = 512;

closed_set! {
    /// The files that there may be, in their order.
    Name {
        /// What this is, for whoever unpacks it.
        Readme = "README.txt",
        /// The report in English.
        English = "report.en.html",
        /// The report in Dutch.
        Dutch = "report.nl.html",
        /// What the reports are made of, for machines.
        Data = "bundle.json",
        /// The case's entries, as they stand in the ledger's payload files.
        Entries = "entries.tsv",
        /// Data keys, for the officers, that stand in no entry of the bundle.
        Keys = "sealed-keys.json",
        /// Earlier checkpoints that a witness signed too.
        Witnessed = "witnessed",
        /// SHA-256 of each file above.
        Manifest = "manifest.txt",
        /// The proof of the entry that tells of this export and names the manifest.
        Export = "export.tlog-proof",
        /// Leaf and path of each entry.
        Proofs = "proofs.tsv",
        /// Proofs that the checkpoint grew out of earlier ones.
        Growth = "growth.tsv",
        /// The signed checkpoint that all of it stands under.
        Checkpoint = "checkpoint",
        /// The public key of the log.
        Key = "key.pub",
        /// Opened by officers: data keys in clear.
        OpenedKeys = "opened/keys.json",
        /// Opened by officers: who the subject is.
        OpenedIdentity = "opened/identity.json",
        /// Opened by officers: frames for Wireshark.
        OpenedFrames = "opened/frames.pcapng",
    }
}

impl Name {
    /// Is it named in the manifest?
    pub const fn is_listed(self) -> bool {
        matches!(
            self,
            Self::Readme
                | Self::English
                | Self::Dutch
                | Self::Data
                | Self::Entries
                | Self::Keys
                | Self::Witnessed
        )
    }

    /// Must every bundle have it?
    pub const fn is_needed(self) -> bool {
        !matches!(self, Self::Keys | Self::Witnessed | Self::Growth) && !self.is_opened()
    }

    /// Does it come of opening a bundle?
    pub const fn is_opened(self) -> bool {
        matches!(
            self,
            Self::OpenedKeys | Self::OpenedIdentity | Self::OpenedFrames
        )
    }
}

/// A file of a bundle.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub struct File {
    /// Which.
    pub name: Name,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The archive of these files, which are put into their order.
///
/// # Errors
/// A sentence: longer than [`BUNDLE_LEN_MAX`], or the case's id is none.
pub fn write(case: &str, files: &[File]) -> Result<Vec<u8>, String> {
    if !is_case(case) {
        return Err("this cannot be the id of a case".into());
    }
    let mut builder = Builder::new(Vec::new());
    for name in Name::ALL {
        for file in files.iter().filter(|file| file.name == *name) {
            let header = header(case, file)?;
            let added = builder.append(&header, file.bytes.as_slice());
            added.map_err(|e| format!("{name} cannot be put into the archive: {e}"))?;
        }
    }
    let bytes = builder
        .into_inner()
        .map_err(|e| format!("the archive cannot be ended: {e}"))?;
    if bytes.len() > BUNDLE_LEN_MAX {
        return Err(format!(
            "the bundle has {} bytes; {BUNDLE_LEN_MAX} are the limit",
            bytes.len()
        ));
    }
    Ok(bytes)
}

fn header(case: &str, file: &File) -> Result<Header, String> {
    let mut header = Header::new_ustar();
    header
        .set_path(format!("{FOLDER}{case}/{}", file.name))
        .map_err(|e| format!("{} cannot be named in an archive: {e}", file.name))?;
    header.set_entry_type(EntryType::Regular);
    header.set_size(file.bytes.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    Ok(header)
}

/// `case-` and such: what may stand in the name of a folder everywhere.
fn is_case(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=FOLDER_LEN_MAX).contains(&text.len()) && text.bytes().all(plain)
}

/// Reads an archive: the case's id out of the folder's name, and the files.
///
/// # Errors
/// A sentence: what is wrong, with the name of the file where there is one.
pub fn read(bytes: &[u8]) -> Result<(String, Vec<File>), String> {
    if bytes.len() > BUNDLE_LEN_MAX {
        return Err(format!(
            "it has {} bytes; no bundle has more than {BUNDLE_LEN_MAX}",
            bytes.len()
        ));
    }
    for (magic, what) in [
        (b"\x1f\x8b".as_slice(), "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"PK\x03\x04", "zip"),
    ] {
        if bytes.starts_with(magic) {
            return Err(format!(
                "it is packed with {what}: a bundle is an uncompressed tar, unpack it to that first"
            ));
        }
    }
    let mut case: Option<String> = None;
    let mut files: Vec<File> = Vec::new();
    let mut archive = Archive::new(Cursor::new(bytes));
    let entries = archive.entries().map_err(|_| broken(&files))?;
    for entry in entries.raw(true) {
        let mut entry = entry.map_err(|_| broken(&files))?;
        let path = entry.path_bytes();
        let (folder, name) = place(&path, entry.header().entry_type())?;
        if let Some(twice) = files.iter().find(|file| file.name == name) {
            return Err(format!("{} stands in it twice", twice.name));
        }
        match &case {
            Some(case) if *case != folder => {
                return Err(format!(
                    "{name} is in another folder than the files before it"
                ));
            }
            _ => case = Some(folder),
        }
        let len = entry.size();
        if len > bytes.len() as u64 {
            return Err(format!(
                "{name} says that it has {len} bytes, more than the whole archive: it was cut \
                 short, or changed"
            ));
        }
        let mut content = Vec::new();
        let read = entry.read_to_end(&mut content);
        read.map_err(|_| format!("{name} is cut short: the archive ends within it"))?;
        files.push(File {
            name,
            bytes: content,
        });
    }
    let case = case.ok_or("it is no tar archive, or an empty one")?;
    is_canonical(&case, &files, bytes)?;
    Ok((case, files))
}

/// Without the reader's own words, which repeat what stands there.
fn broken(files: &[File]) -> String {
    match files.last() {
        Some(last) => format!(
            "behind {} it is no tar archive any more: it was cut short, or changed",
            last.name
        ),
        None => "it is no tar archive: another file, or its first bytes were changed".into(),
    }
}

/// The case and which file it is.
fn place(path: &[u8], kind: EntryType) -> Result<(String, Name), String> {
    let text = std::str::from_utf8(path).map_err(|_| "a name in it is no text")?;
    let shown = || text.chars().take(80).collect::<String>();
    let up = |it| !matches!(it, Component::Normal(_));
    if text.starts_with('/') || Path::new(text).components().any(up) {
        return Err(format!(
            "`{}` leads out of its folder: this is no bundle, do not unpack it",
            shown().escape_debug()
        ));
    }
    if kind != EntryType::Regular {
        return Err(format!(
            "`{}` is no plain file: this is no bundle, do not unpack it",
            shown().escape_debug()
        ));
    }
    let known = text.split_once('/').and_then(|(folder, file)| {
        let case = folder.strip_prefix(FOLDER).filter(|case| is_case(case))?;
        let name = Name::ALL.iter().find(|name| name.label() == file)?;
        Some((case.to_owned(), *name))
    });
    known.ok_or_else(|| {
        format!(
            "`{}` is no file of a bundle: it was added, or the name was changed",
            shown().escape_debug()
        )
    })
}

/// Would these files make these bytes? Else: where they differ.
fn is_canonical(case: &str, files: &[File], bytes: &[u8]) -> Result<(), String> {
    let again = write(case, files)?;
    if again == bytes {
        return Ok(());
    }
    let same = again.iter().zip(bytes).take_while(|(a, b)| a == b).count();
    let mut at = 0usize;
    for name in Name::ALL {
        let Some(file) = files.iter().find(|file| file.name == *name) else {
            continue;
        };
        let filled = file.bytes.len().div_ceil(BLOCK).saturating_mul(BLOCK);
        at = at.saturating_add(BLOCK).saturating_add(filled);
        if same < at {
            return Err(format!(
                "the archive is not as this program writes it at {name}: its head, its order or \
                 what fills it up was changed"
            ));
        }
    }
    Err("the end of the archive was changed or cut off, or something follows it".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<File> {
        let file = |name, bytes: &[u8]| File {
            name,
            bytes: bytes.to_vec(),
        };
        vec![
            file(Name::Readme, b"read me"),
            file(Name::Entries, &[7; 700]),
            file(Name::Key, b""),
        ]
    }

    fn tar(path: &str, kind: EntryType, size: u64, body: &[u8]) -> Vec<u8> {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend(body);
        // The rest of the last block, and two empty ones.
        let full = bytes
            .len()
            .div_ceil(512)
            .saturating_add(2)
            .saturating_mul(512);
        bytes.resize(full, 0);
        bytes
    }

    #[test]
    fn what_is_written_is_read_again_and_each_changed_byte_is_seen() {
        let bytes = write("case-0a", &files()).unwrap();
        let (case, read_again) = read(&bytes).unwrap();
        assert!(case == "case-0a" && read_again == files());
        for at in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[at] ^= 1;
            match read(&bent) {
                Err(why) => assert!(why.len() > 10, "{why}"),
                Ok((_, found)) => assert!(found != files(), "byte {at} counts for nothing"),
            }
        }
        for len in 0..bytes.len() {
            assert!(read(&bytes[..len]).is_err(), "{len}");
        }
        let longer = [&bytes[..], &[0; 512]].concat();
        assert!(read(&longer).err().unwrap().contains("end of the archive"));
    }

    #[test]
    fn what_is_no_bundle_is_refused_by_name() {
        let regular = EntryType::Regular;
        for (path, kind, size, words) in [
            ("../checkpoint", regular, 0, "leads out of its folder"),
            ("evidence-c/../key.pub", regular, 0, "leads out"),
            ("/etc/passwd", regular, 0, "leads out"),
            ("evidence-c/key.pub", EntryType::Symlink, 0, "no plain file"),
            (
                "evidence-c/key.pub",
                EntryType::GNUSparse,
                0,
                "no plain file",
            ),
            ("evidence-c/other", regular, 0, "no file of a bundle"),
            ("evidence-C/key.pub", regular, 0, "no file of a bundle"),
            ("key.pub", regular, 0, "no file of a bundle"),
            ("evidence-c/key.pub", regular, 1 << 40, "cut short"),
        ] {
            let why = read(&tar(path, kind, size, b"")).err().unwrap();
            assert!(why.contains(words), "{path}: {why}");
        }
        let twice = tar("evidence-c/key.pub", regular, 0, b"");
        let twice = [&twice[..512], &twice].concat();
        assert!(read(&twice).err().unwrap().contains("twice"));
        let split = [
            &tar("evidence-c/checkpoint", regular, 0, b"")[..512],
            &tar("evidence-d/key.pub", regular, 0, b""),
        ];
        assert!(
            read(&split.concat())
                .err()
                .unwrap()
                .contains("another folder")
        );
        let turned = [
            &tar("evidence-c/key.pub", regular, 0, b"")[..512],
            &tar("evidence-c/checkpoint", regular, 0, b""),
        ];
        assert!(read(&turned.concat()).err().unwrap().contains("order"));
        for (bytes, words) in [
            (&b"\x1f\x8b\x08"[..], "gzip"),
            (b"PK\x03\x04", "zip"),
            (b"", "empty"),
            (&[1; 600], "no tar archive"),
        ] {
            assert!(read(bytes).err().unwrap().contains(words), "{words}");
        }
        assert!(write("../x", &files()).is_err());
    }
}
