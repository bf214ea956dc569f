//! An Initial packet around a hello that came in several: for people who look at it later.
//!
//! Enters: a ClientHello. Leaves: a packet of version 1 that any reader of QUIC opens. Never: runs
//! for anything but a hit; claims to be what was sent (its ids are not those of the connection).
//!
//! RFC 9000 sections 16, 17.2.2, 19.6; RFC 9001 sections 5.2 to 5.4. The keys are public.

use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::keys::{Keys, Side, Version};

/// Longest hello: lengths are written in two bytes.
const HELLO_LEN_MAX: usize = 0x3fff - 64;
/// With so many bytes of frames the datagram is as long as a client's must be (RFC 9000 section 14.1).
const FRAMES_LEN_MIN: usize = super::CLIENT_DATAGRAM_LEN_MIN - 35;
const NUMBER_LEN: usize = 1;
const TAG_LEN: usize = 16;
/// From the packet number to the sample (RFC 9001 section 5.4.2).
const SAMPLE_AT: usize = 4;

/// The packet, with `id` as its destination id, which tells connections apart; `None` for a hello
/// that is too long for one.
pub fn sealed_initial(hello: &[u8], id: [u8; 8]) -> Option<Vec<u8>> {
    if hello.len() > HELLO_LEN_MAX {
        return None;
    }
    // CRYPTO, offset 0; then padding.
    let mut frames = vec![6, 0];
    frames.extend(two_bytes(hello.len())?);
    frames.extend_from_slice(hello);
    frames.resize(frames.len().max(FRAMES_LEN_MIN), 0);

    let len = NUMBER_LEN.checked_add(frames.len())?.checked_add(TAG_LEN)?;
    let mut packet = vec![0xc0, 0, 0, 0, 1, id.len() as u8];
    packet.extend(id);
    // No source id, no token.
    packet.extend([0, 0]);
    packet.extend(two_bytes(len)?);
    let number_at = packet.len();
    packet.push(0);

    let keys = Keys::derive(Version::V1, &id, Side::Client)?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &keys.key).ok()?);
    let nonce = Nonce::assume_unique_for_key(keys.nonce(0));
    key.seal_in_place_append_tag(nonce, Aad::from(&packet), &mut frames)
        .ok()?;
    packet.extend(frames);

    let sample_at = number_at.checked_add(SAMPLE_AT)?;
    let sample = packet.get(sample_at..)?.first_chunk::<16>()?;
    let hp = HeaderProtectionKey::new(&AES_128, &keys.hp).ok()?;
    let [first_mask, number_mask, ..] = hp.new_mask(sample).ok()?;
    *packet.first_mut()? ^= first_mask & 0x0f;
    *packet.get_mut(number_at)? ^= number_mask;
    Some(packet)
}

/// A variable-length integer of two bytes.
fn two_bytes(value: usize) -> Option<[u8; 2]> {
    let value = u16::try_from(value).ok().filter(|value| *value < 0x4000)?;
    Some((0x4000 | value).to_be_bytes())
}
