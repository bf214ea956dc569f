//! Pseudonyms: HMAC-SHA256 (RFC 2104) under a secret key, with its own context for each kind.
//!
//! Enters: a key file, an address. Leaves: a text that is the same for the same address under the
//! same key, and tells nothing without the key. Never: an unkeyed hash (four thousand million
//! addresses are tried in seconds); the key in a message, log or `Debug` output.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use super::guarded::{self, Unfit};
use crate::base::{Endpoints, hex};
use crate::folder;

/// Fewest key bytes accepted: as many as SHA-256 gives.
pub const KEY_LEN_MIN: usize = 32;
/// Longest key file accepted, in bytes.
const FILE_LEN_MAX: u64 = 4096;

/// Whether a client's addresses are written as pseudonyms or in clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// Pseudonyms only.
    Pseudonym,
    /// In clear, with the recorded reason; the reason stands in every record.
    Clear {
        /// Why, in the operator's words.
        reason: String,
    },
}

/// First 16 bytes of a keyed hash: a pseudonym before it is written in hex.
pub(crate) type Tag = [u8; 16];

/// The tag that stands in hex behind the first `-` of a pseudonym.
pub(crate) fn tag_in(pseudonym: &str) -> Option<Tag> {
    let (_, digits) = pseudonym.split_once('-')?;
    from_hex(digits.as_bytes())?.try_into().ok()
}

/// A subject's pseudonym: `person-`, `device-`, `address-`, `machine-` or `ambiguous-` and 32 hex
/// digits; `organisation-` and what stands there (`organisation-resolver-headquarters`).
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct SubjectId(String);

impl SubjectId {
    /// From its text. The caller made it with [`Key`], never from a name in clear.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// A kind (`person`, `device`, ...) and the tag of the one who is meant.
    pub(crate) fn of(kind: &str, tag: &Tag) -> Self {
        Self(format!("{kind}-{}", hex::encode(tag)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The secret behind the pseudonyms. `Debug` shows its public id only.
#[derive(Clone)]
pub struct Key {
    key: hmac::Key,
    id: String,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// What a pseudonym is of; each kind has its own context, so that equal bytes of two kinds do not
/// give equal pseudonyms.
#[derive(Clone, Copy)]
enum Kind {
    KeyId,
    Ip,
    Mac,
    Community,
    Event,
    Net,
    Person,
    Client,
    Word,
}

impl Kind {
    const fn context(self) -> &'static [u8] {
        match self {
            Self::KeyId => b"poortwacht/1/key-id\0",
            Self::Ip => b"poortwacht/1/ip\0",
            Self::Mac => b"poortwacht/1/mac\0",
            Self::Community => b"poortwacht/1/community\0",
            Self::Event => b"poortwacht/1/event\0",
            Self::Net => b"poortwacht/1/net\0",
            Self::Person => b"poortwacht/1/person\0",
            Self::Client => b"poortwacht/1/client\0",
            Self::Word => b"poortwacht/1/word\0",
        }
    }
}

impl Key {
    /// Reads a key file: at least [`KEY_LEN_MIN`] bytes, raw or as hex digits. The file must
    /// belong to this user or to root, and nobody else may read it.
    ///
    /// # Errors
    /// [`KeyError`], which says what to type next.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let bytes = guarded::read(path, FILE_LEN_MAX).map_err(|unfit| match unfit {
            Unfit::Unreadable(error) => KeyError::Unreadable(path.into(), error),
            Unfit::NotAFile => KeyError::NotAFile(path.into()),
            Unfit::WrongOwner(owner, own) => KeyError::WrongOwner(path.into(), owner, own),
            Unfit::Exposed(mode) => KeyError::Exposed(path.into(), mode),
            Unfit::TooLong => KeyError::TooLong(path.into()),
        })?;
        let secret = from_hex(&bytes).unwrap_or(bytes);
        Self::from_secret(&secret).ok_or_else(|| KeyError::Weak(path.into(), secret.len()))
    }

    /// Makes a new key file (mode 0600, hex digits) and forces it to the disk. An existing file is
    /// never written over: its key may be the only way to join old records.
    ///
    /// # Errors
    /// [`KeyError`] when the file exists or cannot be written.
    pub fn create(path: &Path) -> Result<Self, KeyError> {
        let secret = random_secret()?;
        let uncreated = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => KeyError::Exists(path.into()),
            _ => KeyError::Uncreated(path.into(), error),
        };
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(uncreated)?;
        let written = file
            .write_all(format!("{}\n", hex::encode(&secret)).as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| folder::sync_above(path));
        if let Err(error) = written {
            // Half a key must not stay: the next start would take it for a weak one.
            let _ = fs::remove_file(path);
            return Err(uncreated(error));
        }
        Self::from_secret(&secret).ok_or(KeyError::NoRandom)
    }

    /// A key that lives as long as the process: for `read` without a key file. Its pseudonyms join
    /// within one run only.
    ///
    /// # Errors
    /// [`KeyError::NoRandom`] when the system gives no random bytes.
    pub fn ephemeral() -> Result<Self, KeyError> {
        Self::from_secret(&random_secret()?).ok_or(KeyError::NoRandom)
    }

    /// From secret bytes; `None` when they are fewer than [`KEY_LEN_MIN`] or all the same.
    pub fn from_secret(secret: &[u8]) -> Option<Self> {
        let first = *secret.first()?;
        if secret.len() < KEY_LEN_MIN || secret.iter().all(|b| *b == first) {
            return None;
        }
        let mut key = Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
            id: String::new(),
        };
        key.id = key.hex(Kind::KeyId, &[], 4);
        Some(key)
    }

    /// Eight hex digits that name the key without telling it: pseudonyms join only under one id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Pseudonym of an address: `ip-` and 32 hex digits. An IPv4 address and its form mapped into
    /// IPv6 give the same.
    pub fn ip(&self, address: IpAddr) -> String {
        format!("ip-{}", self.hex(Kind::Ip, &[&address_bytes(address)], 16))
    }

    /// Pseudonym of a link-layer address: `mac-` and 32 hex digits.
    pub fn mac(&self, address: [u8; 6]) -> String {
        format!("mac-{}", self.hex(Kind::Mac, &[&address], 16))
    }

    /// A flow's id under the key, in the shape of a Community ID: equal for both directions. The
    /// standard one is an open hash over the addresses and is turned back by trying them all.
    pub fn community(&self, ends: &Endpoints) -> String {
        let one = (address_bytes(ends.src), ends.sport);
        let two = (address_bytes(ends.dst), ends.dport);
        let (low, high) = if one <= two { (one, two) } else { (two, one) };
        let tag = self.tag(
            Kind::Community,
            &[
                &low.0,
                &low.1.to_be_bytes(),
                &high.0,
                &high.1.to_be_bytes(),
                &[ends.transport.number()],
            ],
        );
        format!(
            "1:{}",
            STANDARD.encode(tag.as_ref().get(..20).unwrap_or_default())
        )
    }

    /// A record's id: 24 hex digits over `parts`, the same in each replay under the same key.
    pub fn event(&self, parts: &[&[u8]]) -> String {
        self.hex(Kind::Event, parts, 12)
    }

    /// Tag of an address: the bytes behind [`Self::ip`].
    pub(crate) fn address_tag(&self, address: IpAddr) -> Tag {
        self.short(Kind::Ip, &[&address_bytes(address)])
    }

    /// Tag of a prefix; the network's address has no bits set behind its length.
    pub(crate) fn net_tag(&self, network: IpAddr, len: u8) -> Tag {
        self.short(Kind::Net, &[&address_bytes(network), &[len]])
    }

    /// Tag of a link-layer address: the bytes behind [`Self::mac`].
    pub(crate) fn mac_tag(&self, address: [u8; 6]) -> Tag {
        self.short(Kind::Mac, &[&address])
    }

    /// Tag of a person, by canonical name
    /// ([`Organisation::principal`](crate::organisation::Organisation::principal)).
    pub(crate) fn person_tag(&self, canonical: &str) -> Tag {
        self.short(Kind::Person, &[canonical.as_bytes()])
    }

    /// Tag of a DHCP client identifier or DUID.
    pub(crate) fn client_tag(&self, identifier: &[u8]) -> Tag {
        self.short(Kind::Client, &[identifier])
    }

    /// Tag of any other text (a session id, a server's name), or of parts of one thing.
    pub(crate) fn word_tag(&self, parts: &[&[u8]]) -> Tag {
        self.short(Kind::Word, parts)
    }

    /// Pseudonym of a person, by canonical name.
    pub fn person(&self, canonical: &str) -> SubjectId {
        SubjectId::of("person", &self.person_tag(canonical))
    }

    fn short(&self, kind: Kind, parts: &[&[u8]]) -> Tag {
        let mut tag = Tag::default();
        let whole = self.tag(kind, parts);
        for (to, from) in tag.iter_mut().zip(whole.as_ref()) {
            *to = *from;
        }
        tag
    }

    fn hex(&self, kind: Kind, parts: &[&[u8]], len: usize) -> String {
        hex::encode(
            self.tag(kind, parts)
                .as_ref()
                .get(..len)
                .unwrap_or_default(),
        )
    }

    fn tag(&self, kind: Kind, parts: &[&[u8]]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(kind.context());
        for part in parts {
            // Each part behind its length: ("ab", "c") and ("a", "bc") differ.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign()
    }
}

/// 16 bytes of one shape for both families; IPv4 as its mapped form (RFC 4291 section 2.5.5.2).
fn address_bytes(address: IpAddr) -> [u8; 16] {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

fn random_secret() -> Result<[u8; KEY_LEN_MIN], KeyError> {
    let mut secret = [0; KEY_LEN_MIN];
    SystemRandom::new()
        .fill(&mut secret)
        .map_err(|_| KeyError::NoRandom)?;
    Ok(secret)
}

/// The bytes, when the file is nothing but hex digits and white space.
fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?.trim_ascii();
    if text.is_empty() || text.len() % 2 != 0 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

/// Why there is no key; `Display` says what to type next.
#[derive(Debug)]
pub enum KeyError {
    /// The file cannot be opened or read.
    Unreadable(PathBuf, io::Error),
    /// Not a regular file.
    NotAFile(PathBuf),
    /// The file belongs to neither this user nor root: path, owner, own user id.
    WrongOwner(PathBuf, u32, u32),
    /// Group or others have rights on it: path, mode.
    Exposed(PathBuf, u32),
    /// Longer than any key.
    TooLong(PathBuf),
    /// Too few bytes, or all bytes equal: path, length in bytes.
    Weak(PathBuf, usize),
    /// A new key was asked for where a file is.
    Exists(PathBuf),
    /// The new file cannot be written.
    Uncreated(PathBuf, io::Error),
    /// The system gives no random bytes.
    NoRandom,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) if error.kind() == io::ErrorKind::NotFound => write!(
                f,
                "there is no key file {0}; make one with `(umask 077; openssl rand -hex 32 > {0})`",
                path.display()
            ),
            Self::Unreadable(path, error) => {
                write!(
                    f,
                    "cannot read the key file {0}: {error}; does it belong to the user of the \
                     daemon (`ls -l {0}`)?",
                    path.display()
                )
            }
            Self::NotAFile(path) => {
                write!(
                    f,
                    "the key file {} is not a regular file; name one with --key FILE or [privacy] \
                     key_file",
                    path.display()
                )
            }
            Self::WrongOwner(path, owner, own) => write!(
                f,
                "the key file {0} belongs to user {owner}, and this is user {own}: whoever owns it \
                 can read it; hand it over with `chown {own} {0}`",
                path.display()
            ),
            Self::Exposed(path, mode) => write!(
                f,
                "others can reach the key file {0} (mode {mode:04o}); shut it with `chmod 600 {0}`",
                path.display()
            ),
            Self::TooLong(path) => write!(
                f,
                "the key file {} is longer than {FILE_LEN_MAX} bytes: is it the right file?",
                path.display()
            ),
            Self::Weak(path, len) => write!(
                f,
                "the key file {0} holds no good key ({len} bytes; at least {KEY_LEN_MIN} random \
                 ones are needed, raw or as hex digits); make one with `(umask 077; openssl rand \
                 -hex 32 > {0})`",
                path.display()
            ),
            Self::Exists(path) => write!(
                f,
                "{} exists and is not written over: its key may join old records; move it away \
                 first",
                path.display()
            ),
            Self::Uncreated(path, error) => {
                write!(
                    f,
                    "cannot write the new key file {}: {error}; does its folder exist, and may \
                     this user write there?",
                    path.display()
                )
            }
            Self::NoRandom => f.write_str("the system gives no random bytes; no key was made"),
        }
    }
}

impl std::error::Error for KeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(_, error) | Self::Uncreated(_, error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
