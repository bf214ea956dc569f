//! Signed notes, and the keys that sign them.
//!
//! Enters: text and keys. Leaves: notes with signatures that hold. Never: takes a text for true
//! before a known key's signature on it holds.
//!
//! C2SP signed-note (Ed25519, type 1), C2SP tlog-cosignature (`cosignature/v1`, type 4); RFC 8032.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

use super::hex;
use super::tree;

/// Longest note read, in bytes.
pub const NOTE_LEN_MAX: usize = 64 * 1024;
/// Most signatures on a note.
pub const SIGNATURES_MAX: usize = 64;

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Notes of a log.
    Log = 1,
    /// As a witness: that what it saw of a log was consistent, and when.
    Witness = 4,
}

/// A public key with its name: `name+id+base64(kind, key)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    /// Name of the signer; of a log, its origin.
    pub name: String,
    /// First bytes of a hash of name, kind and key.
    pub id: [u8; 4],
    /// What it signs.
    pub kind: Kind,
    key: [u8; 32],
}

impl VerifierKey {
    fn new(name: &str, kind: Kind, key: [u8; 32]) -> Self {
        let hash = tree::sha256(&[name.as_bytes(), b"\n", &[kind as u8], &key]);
        Self {
            name: name.to_owned(),
            id: hash.first_chunk().copied().unwrap_or_default(),
            kind,
            key,
        }
    }

    /// Reads a key from its text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, id, kind, key) = key_fields(text.trim())?;
        let parsed = Self::new(name, kind, key);
        if parsed.id != id {
            return Err(format!(
                "its id is {}, but name and key give {}: it was copied wrongly",
                hex::encode(&id),
                hex::encode(&parsed.id)
            ));
        }
        Ok(parsed)
    }

    /// Does this signature on `text` hold? Of a witness: since when, in seconds since 1970.
    fn verify(&self, text: &str, signature: &[u8]) -> Option<Option<u64>> {
        let key = UnparsedPublicKey::new(&ED25519, &self.key);
        match self.kind {
            Kind::Log => key.verify(text.as_bytes(), signature).ok().map(|()| None),
            Kind::Witness => {
                let (time, signature) = signature.split_first_chunk::<8>()?;
                let time = u64::from_be_bytes(*time);
                let said = cosigned(text, time);
                key.verify(said.as_bytes(), signature)
                    .ok()
                    .map(|()| Some(time))
            }
        }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = typed(self.kind, &self.key);
        write!(
            f,
            "{}+{}+{}",
            self.name,
            hex::encode(&self.id),
            STANDARD.encode(&*key)
        )
    }
}

/// A private key: `PRIVATE+KEY+name+id+base64(kind, seed)`.
pub struct SignerKey {
    public: VerifierKey,
    pair: Ed25519KeyPair,
}

impl SignerKey {
    /// Makes a key; gives its text as well, to be kept.
    ///
    /// # Errors
    /// The name may not be one, or the system has no randomness.
    pub fn generate(name: &str, kind: Kind) -> Result<(Self, Zeroizing<String>), String> {
        if !is_name(name) {
            return Err(format!(
                "`{}` cannot be the name of a key: use 1 to 128 characters without spaces and `+`",
                name.escape_debug()
            ));
        }
        let mut seed = Zeroizing::new([0; 32]);
        let filled = SystemRandom::new().fill(seed.as_mut());
        filled.map_err(|_| "the system gives no random bytes")?;
        let key = Self::new(name, kind, &seed)?;
        let text = Zeroizing::new(format!(
            "PRIVATE+KEY+{name}+{}+{}\n",
            hex::encode(&key.public.id),
            &*Zeroizing::new(STANDARD.encode(&*typed(kind, &seed)))
        ));
        Ok((key, text))
    }

    fn new(name: &str, kind: Kind, seed: &[u8; 32]) -> Result<Self, String> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| "it is no Ed25519 key")?;
        let public = pair.public_key().as_ref();
        let public = public.try_into().map_err(|_| "it is no Ed25519 key")?;
        Ok(Self {
            public: VerifierKey::new(name, kind, public),
            pair,
        })
    }

    /// Reads a key from its text.
    ///
    /// # Errors
    /// What is wrong with it, never the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fields = text.trim().strip_prefix("PRIVATE+KEY+");
        let fields = fields.ok_or("it does not begin with `PRIVATE+KEY+`")?;
        let (name, id, kind, seed) = key_fields(fields)?;
        let key = Self::new(name, kind, &Zeroizing::new(seed))?;
        if key.public.id != id {
            return Err("its id does not fit the key: it was copied wrongly".into());
        }
        Ok(key)
    }

    /// The public half.
    pub fn public(&self) -> &VerifierKey {
        &self.public
    }

    /// The signature line for `text`, a note's text with its last newline. `time` (seconds since
    /// 1970) is what a witness says; a log's signature holds none.
    pub fn sign(&self, text: &str, time: u64) -> Signature {
        let mut bytes = Vec::new();
        match self.public.kind {
            Kind::Log => bytes.extend(self.pair.sign(text.as_bytes()).as_ref()),
            Kind::Witness => {
                bytes.extend(time.to_be_bytes());
                bytes.extend(self.pair.sign(cosigned(text, time).as_bytes()).as_ref());
            }
        }
        Signature {
            name: self.public.name.clone(),
            id: self.public.id,
            bytes,
        }
    }
}

/// What a witness signs.
fn cosigned(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

fn typed(kind: Kind, key: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(33));
    bytes.push(kind as u8);
    bytes.extend(key);
    bytes
}

/// Name, id, kind, key.
type KeyFields<'t> = (&'t str, [u8; 4], Kind, [u8; 32]);

/// `name+id+base64(kind, key)`. The base64 may hold a `+` too.
fn key_fields(text: &str) -> Result<KeyFields<'_>, String> {
    let mut parts = text.splitn(3, '+');
    let mut part = || parts.next().ok_or("it is not `name+id+key`");
    let (name, id, key) = (part()?, part()?, part()?);
    if !is_name(name) {
        return Err("it has no name".into());
    }
    let id = hex::decode(id.as_bytes()).ok_or("its id is not 8 hexadecimal digits")?;
    let key = STANDARD.decode(key).map(Zeroizing::new);
    let key = key.map_err(|_| "its key is not base64")?;
    let (kind, key) = key.split_first().ok_or("it holds no key")?;
    let kind = match kind {
        1 => Kind::Log,
        4 => Kind::Witness,
        other => {
            return Err(format!(
                "keys of type {other} are not supported, only 1 and 4 (Ed25519)"
            ));
        }
    };
    let key = key.try_into().map_err(|_| "its key is not 32 bytes long")?;
    Ok((name, id, kind, key))
}

/// May this be the name of a key?
pub fn is_name(text: &str) -> bool {
    let refused = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    (1..=128).contains(&text.len()) && !text.contains(refused)
}

/// A signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Name of the signer.
    pub name: String,
    /// Id of the key.
    pub id: [u8; 4],
    bytes: Vec<u8>,
}

impl Signature {
    /// Reads a line without its end.
    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
        let bytes = STANDARD.decode(encoded).ok()?;
        let (id, bytes) = bytes.split_first_chunk::<4>()?;
        (is_name(name) && !bytes.is_empty()).then(|| Self {
            name: name.to_owned(),
            id: *id,
            bytes: bytes.to_vec(),
        })
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id, self.bytes.as_slice()].concat();
        writeln!(f, "— {} {}", self.name, STANDARD.encode(bytes))
    }
}

/// A text and who signed it, not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The text with its last newline.
    pub text: String,
    /// The lines under it.
    pub signatures: Vec<Signature>,
}

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > NOTE_LEN_MAX {
            return Err(format!("it is longer than {NOTE_LEN_MAX} bytes"));
        }
        if text.bytes().any(|b| b < 0x20 && b != b'\n') {
            return Err("it holds control characters".into());
        }
        let at = text
            .rfind("\n\n")
            .ok_or("no empty line stands above its signatures")?;
        let (text, lines) = text
            .split_at_checked(at.saturating_add(1))
            .unwrap_or_default();
        let lines = lines
            .strip_prefix('\n')
            .and_then(|lines| lines.strip_suffix('\n'));
        let lines = lines.ok_or("its last line does not end")?;
        let signatures: Option<Vec<_>> = lines.split('\n').map(Signature::parse).collect();
        let signatures = signatures.ok_or("a line under its text is no signature")?;
        if signatures.len() > SIGNATURES_MAX {
            return Err(format!("it has more than {SIGNATURES_MAX} signatures"));
        }
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    /// Did this key sign the text? `Some`: it did; of a witness with its time.
    ///
    /// # Errors
    /// A signature bears the name and id of the key and does not hold.
    pub fn signed_by(&self, key: &VerifierKey) -> Result<Option<Option<u64>>, String> {
        let mut signed = None;
        for signature in &self.signatures {
            if signature.name != key.name || signature.id != key.id {
                continue;
            }
            let held = key.verify(&self.text, &signature.bytes);
            signed = Some(held.ok_or_else(|| {
                format!(
                    "the signature of {} does not hold: the note was changed",
                    key.name
                )
            })?);
        }
        Ok(signed)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|signature| signature.fmt(f))
    }
}
