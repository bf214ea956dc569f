//! The frame of a hit under its subject's data key.
//!
//! Enters: a [`Frame`], whose it is, the id of its hit. Leaves: a [`SealedFrame`], and the first time
//! that a data key is used, the key as officers can open it. Never: a text longer than
//! [`TEXT_LEN_MAX`].
//!
//! The text: one line of JSON (the frame's [`Head`]), then the frame's bytes, then zeros up to a
//! multiple of [`BLOCK`]. Subject and hit are associated data: a frame moved to another hit or
//! subject does not open.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::open::deciphered;
use super::{SealedKey, Sealer, enciphered};
use crate::event::CARRIER_LEN_MAX;
use crate::hits::frame::Head;
use crate::hits::{Frame, SubjectId};

/// Longest text of a sealed frame, in characters of base64.
pub const TEXT_LEN_MAX: usize = 4096;
/// The text is filled up to a multiple of this.
const BLOCK: usize = 256;
/// Longest text before it is sealed, in bytes: with nonce and tag it is to fit [`TEXT_LEN_MAX`].
const CLEAR_LEN_MAX: usize = (TEXT_LEN_MAX / 4 * 3 - 28) / BLOCK * BLOCK;
/// So much is left for what is said of a frame.
const _: () = assert!(CLEAR_LEN_MAX - CARRIER_LEN_MAX >= 512);

/// A frame that officers can open together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedFrame {
    /// Id of its hit: the `event.id` of a line of the hit log.
    pub hit: String,
    /// Under which data key of its subject.
    pub key: String,
    /// The text under that key, base64: nonce, text, tag.
    pub text: String,
}

impl Sealer {
    /// Seals a frame for its subject. The [`SealedKey`] comes with the first frame under a data key
    /// and must be kept with it: without it nobody opens the frame, ever.
    ///
    /// # Errors
    /// A sentence without anything of the frame.
    pub fn seal_frame(
        &mut self,
        subject: &SubjectId,
        hit: &str,
        frame: &Frame,
    ) -> Result<(SealedFrame, Option<SealedKey>), String> {
        let failed = || String::from("a frame could not be sealed");
        let head = serde_json::to_vec(&frame.head).map_err(|_| failed())?;
        let mut text = Zeroizing::new(Vec::with_capacity(head.len() + 1 + frame.bytes.len()));
        text.extend(head);
        text.push(b'\n');
        text.extend_from_slice(&frame.bytes);
        let len = text.len().div_ceil(BLOCK) * BLOCK;
        if len > CLEAR_LEN_MAX {
            return Err("a frame is too long to be sealed".into());
        }
        let threshold = self.threshold;
        let data = self.data_key(subject)?;
        let sealed = SealedFrame {
            hit: hit.to_owned(),
            key: data.id.clone(),
            text: enciphered(&data.key, &associated(subject, hit), text, (len, 0))?,
        };
        let first = !std::mem::replace(&mut data.told, true);
        let key = first.then(|| SealedKey {
            key: data.id.clone(),
            threshold,
            shares: data.shares.clone(),
        });
        Ok((sealed, key))
    }
}

impl SealedFrame {
    /// Opens it with the data key.
    pub(super) fn open(&self, subject: &SubjectId, key: &[u8]) -> Result<Frame, String> {
        let text = deciphered(key, &associated(subject, &self.hit), &self.text);
        let frame = text.as_deref().and_then(|text| parse(text));
        frame.ok_or_else(|| {
            let hit = self.hit.escape_debug();
            format!("the frame of hit {hit} was changed, or is another hit's")
        })
    }
}

fn parse(text: &[u8]) -> Option<Frame> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    let (head, rest) = text.split_at_checked(end)?;
    let head: Head = serde_json::from_slice(head).ok()?;
    let len = head.len as usize;
    let bytes = rest.get(1..)?.get(..len)?.to_vec();
    head.is_sound().then_some(Frame { head, bytes })
}

/// What binds a text to its subject, its hit and this format.
fn associated(subject: &SubjectId, hit: &str) -> Vec<u8> {
    let subject = subject.as_str().as_bytes();
    [b"poortwacht/1/frame\0", subject, b"\0", hit.as_bytes()].concat()
}
