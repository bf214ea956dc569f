//! Initial keys, and the removal of both protections (RFC 9001 section 5, RFC 9369 section 3.3).
//!
//! Enters: a version, a destination connection id, a packet. Leaves: [`Keys`], [`Opened`]. Never:
//! gives plaintext whose tag was wrong; allocates (`ring` keeps its keys inline).

use std::sync::LazyLock;

use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf;

use super::header::{Kind, Long};

const SAMPLE_LEN: usize = 16;

/// Versions whose Initial keys are public, by what sets them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// Draft 22, and the older mvfst that kept its salt.
    Draft22,
    /// Drafts 23 to 28, and mvfst.
    Draft23,
    /// Drafts 29 to 32.
    Draft29,
    /// Drafts 33 and 34, and RFC 9000.
    V1,
    /// RFC 9369.
    V2,
    /// Its draft 00, with the packet types of version 1.
    V2Draft00,
    /// Its draft 01.
    V2Draft01,
    /// Google's, with its own handshake.
    Q050,
    /// Google's, with TLS.
    T050,
    /// Google's, with TLS.
    T051,
}

/// What is spoken inside the packets of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    /// Frames of RFC 9000, TLS.
    Ietf,
    /// Google's frames, TLS.
    GoogleTls,
    /// Google's frames and handshake.
    Google,
}

impl Version {
    pub(super) const fn of(number: u32) -> Option<Self> {
        match number {
            0x0000_0001 | 0xff00_0021..=0xff00_0022 => Some(Self::V1),
            _ if provokes_negotiation(number) => Some(Self::V1),
            0x6b33_43cf => Some(Self::V2),
            0xff02_0000 => Some(Self::V2Draft00),
            0x709a_50c4 => Some(Self::V2Draft01),
            0xff00_001d..=0xff00_0020 | 0xabcd_0000..=0xabcd_000f => Some(Self::Draft29),
            0xff00_0017..=0xff00_001c => Some(Self::Draft23),
            0xff00_0016 | 0xface_b001 => Some(Self::Draft22),
            _ if is_mvfst(number) => Some(Self::Draft23),
            Q050 => Some(Self::Q050),
            T050 => Some(Self::T050),
            T051 => Some(Self::T051),
            _ => None,
        }
    }

    /// What a packet of version `number` may be sealed as; `self` is [`Version::of`] that number.
    /// A version that only provokes negotiation has no keys of its own (RFC 9000 section 15): its
    /// senders take those of the version they are going to speak. Of Meta's versions some are
    /// other names of version 1.
    pub(super) fn sealed_as(self, number: u32) -> impl Iterator<Item = Self> {
        let other = match number {
            _ if provokes_negotiation(number) => Some(Self::Draft29),
            _ if is_mvfst(number) || number & 0xffff_fff0 == 0xabcd_0000 => Some(Self::V1),
            _ => None,
        };
        std::iter::once(self).chain(other)
    }

    /// What its packets say inside.
    pub(super) const fn speech(self) -> Speech {
        match self {
            Self::Q050 => Speech::Google,
            Self::T050 | Self::T051 => Speech::GoogleTls,
            _ => Speech::Ietf,
        }
    }

    /// Packet type by the first byte (RFC 9000 section 17.2, RFC 9369 section 3.2).
    pub(super) const fn kind(self, first: u8) -> Kind {
        let bits = (first >> 4) & 0b11;
        let bits = match self {
            Self::V2 | Self::V2Draft01 => bits.wrapping_sub(1) & 0b11,
            _ => bits,
        };
        match bits {
            0 => Kind::Initial { token: false },
            1 => Kind::ZeroRtt,
            2 => Kind::Handshake,
            _ => Kind::Retry,
        }
    }

    fn salt(self) -> &'static hkdf::Salt {
        match self {
            Self::Draft22 => &SALT_DRAFT_22,
            Self::Draft23 => &SALT_DRAFT_23,
            Self::Draft29 => &SALT_DRAFT_29,
            Self::V1 => &SALT_V1,
            Self::V2 => &SALT_V2,
            Self::V2Draft00 | Self::V2Draft01 => &SALT_V2_DRAFT,
            Self::Q050 => &SALT_Q050,
            Self::T050 => &SALT_T050,
            Self::T051 => &SALT_T051,
        }
    }

    const fn labels(self) -> &'static Labels {
        match self {
            Self::V2 | Self::V2Draft00 | Self::V2Draft01 => &LABELS_V2,
            _ => &LABELS_V1,
        }
    }
}

const Q050: u32 = u32::from_be_bytes(*b"Q050");
const T050: u32 = u32::from_be_bytes(*b"T050");
const T051: u32 = u32::from_be_bytes(*b"T051");

/// Meta's versions (mvfst).
const fn is_mvfst(version: u32) -> bool {
    version & 0xffff_ffe0 == 0xface_b000
}

/// Is this one of the versions 0x?a?a?a?a, which no server speaks (RFC 9000 section 15)?
pub(super) const fn provokes_negotiation(version: u32) -> bool {
    version & 0x0f0f_0f0f == 0x0a0a_0a0a
}

fn salt(bytes: [u8; 20]) -> hkdf::Salt {
    hkdf::Salt::new(hkdf::HKDF_SHA256, &bytes)
}

/// draft-ietf-quic-tls-22 section 5.2.
static SALT_DRAFT_22: LazyLock<hkdf::Salt> = LazyLock::new(|| {
    salt([
        0x7f, 0xbc, 0xdb, 0x0e, 0x7c, 0x66, 0xbb, 0xe9, 0x19, 0x3a, 0x96, 0xcd, 0x21, 0x51, 0x9e,
        0xbd, 0x7a, 0x02, 0x64, 0x4a,
    ])
});
/// draft-ietf-quic-tls-23 to -28 section 5.2.
static SALT_DRAFT_23: LazyLock<hkdf::Salt> = LazyLock::new(|| {
    salt([
        0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b, 0xb4, 0x63,
        0x65, 0xbe, 0xf9, 0xf5, 0x02,
    ])
});
/// draft-ietf-quic-tls-29 to -32 section 5.2.
static SALT_DRAFT_29: LazyLock<hkdf::Salt> = LazyLock::new(|| {
    salt([
        0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11,
        0xe0, 0x43, 0x90, 0xa8, 0x99,
    ])
});
/// RFC 9001 section 5.2.
static SALT_V1: LazyLock<hkdf::Salt> = LazyLock::new(|| {
    salt([
        0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c,
        0xad, 0xcc, 0xbb, 0x7f, 0x0a,
    ])
});
/// RFC 9369 section 3.3.1.
static SALT_V2: LazyLock<hkdf::Salt> = LazyLock::new(|| {
    salt([
        0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d,
        0xcb, 0xf9, 0xbd, 0x2e, 0xd9,
    ])
});
/// draft-ietf-quic-v2-00 and -01 section 3.3.1.
static SALT_V2_DRAFT: LazyLock<hkdf::Salt> = LazyLock::new(|| {
    salt([
        0xa7, 0x07, 0xc2, 0x03, 0xa5, 0x9b, 0x47, 0x18, 0x4a, 0x1d, 0x62, 0xca, 0x57, 0x04, 0x06,
        0xea, 0x7a, 0xe3, 0xe5, 0xd3,
    ])
});
/// Chromium's QUICHE, `crypto_utils.cc`, version Q050.
static SALT_Q050: LazyLock<hkdf::Salt> = LazyLock::new(|| {
    salt([
        0x50, 0x45, 0x74, 0xef, 0xd0, 0x66, 0xfe, 0x2f, 0x9d, 0x94, 0x5c, 0xfc, 0xdb, 0xd3, 0xa7,
        0xf0, 0xd3, 0xb5, 0x6b, 0x45,
    ])
});
/// The same, version T050.
static SALT_T050: LazyLock<hkdf::Salt> = LazyLock::new(|| {
    salt([
        0x7f, 0xf5, 0x79, 0xe5, 0xac, 0xd0, 0x72, 0x91, 0x55, 0x80, 0x30, 0x4c, 0x43, 0xa2, 0x36,
        0x7c, 0x60, 0x48, 0x83, 0x10,
    ])
});
/// The same, version T051.
static SALT_T051: LazyLock<hkdf::Salt> = LazyLock::new(|| {
    salt([
        0x7a, 0x4e, 0xde, 0xf4, 0xe7, 0xcc, 0xee, 0x5f, 0xa4, 0x50, 0x6c, 0x19, 0x12, 0x4f, 0xc8,
        0xcc, 0xda, 0x6e, 0x03, 0x3d,
    ])
});

/// HkdfLabel structures (RFC 8446 section 7.1): output length, label, empty context.
struct Labels {
    key: &'static [u8],
    iv: &'static [u8],
    hp: &'static [u8],
}

const CLIENT_IN: &[u8] = b"\x00\x20\x0ftls13 client in\x00";
const SERVER_IN: &[u8] = b"\x00\x20\x0ftls13 server in\x00";
static LABELS_V1: Labels = Labels {
    key: b"\x00\x10\x0etls13 quic key\x00",
    iv: b"\x00\x0c\x0dtls13 quic iv\x00",
    hp: b"\x00\x10\x0dtls13 quic hp\x00",
};
static LABELS_V2: Labels = Labels {
    key: b"\x00\x10\x10tls13 quicv2 key\x00",
    iv: b"\x00\x0c\x0ftls13 quicv2 iv\x00",
    hp: b"\x00\x10\x0ftls13 quicv2 hp\x00",
};

/// Whose packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    /// Server packets are never opened on the data plane; tests need their keys.
    Server,
}

/// Initial keys of one side: raw, because the expanded forms are ten times as large and flows
/// keep these.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) key: [u8; 16],
    pub(super) iv: [u8; 12],
    pub(super) hp: [u8; 16],
}

/// Output length for [`hkdf::Prk::expand`].
struct OutputLen(usize);

impl hkdf::KeyType for OutputLen {
    fn len(&self) -> usize {
        self.0
    }
}

impl Keys {
    /// From the destination id of the client's first Initial (RFC 9001 section 5.2). Always
    /// `Some`: all lengths are within what HKDF can give.
    pub(super) fn derive(version: Version, dcid: &[u8], side: Side) -> Option<Self> {
        let initial = version.salt().extract(dcid);
        let label = match side {
            Side::Client => CLIENT_IN,
            Side::Server => SERVER_IN,
        };
        let secret = hkdf::Prk::from(initial.expand(&[label], hkdf::HKDF_SHA256).ok()?);
        let labels = version.labels();
        Some(Self {
            key: expand(&secret, labels.key)?,
            iv: expand(&secret, labels.iv)?,
            hp: expand(&secret, labels.hp)?,
        })
    }

    /// `iv` xor packet number (RFC 9001 section 5.3).
    pub(super) fn nonce(&self, number: u64) -> [u8; 12] {
        let mut nonce = self.iv;
        for (byte, part) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
            *byte ^= part;
        }
        nonce
    }

    /// Removes header protection and encryption of `packet`, writing to `scratch` (as long as the
    /// packet). `None`: not made with these keys, damaged, or cut; `scratch` then holds rubbish.
    /// `largest`: highest packet number opened so far.
    pub(super) fn open(
        &self,
        packet: &Long<'_>,
        largest: Option<u64>,
        scratch: &mut [u8],
    ) -> Option<Opened> {
        let bytes = packet.bytes;
        let sample_at = packet.number_at.checked_add(4)?;
        let sample = bytes.get(sample_at..sample_at.checked_add(SAMPLE_LEN)?)?;
        let mask = HeaderProtectionKey::new(&AES_128, &self.hp)
            .and_then(|hp| hp.new_mask(sample))
            .ok()?;
        let copy = scratch.get_mut(..bytes.len())?;
        copy.copy_from_slice(bytes);

        let [first_mask, number_mask @ ..] = mask;
        let first = copy.first_mut()?;
        *first ^= first_mask & 0x0f;
        let reserved_clear = *first & 0x0c == 0;
        let number_len = usize::from(*first & 0x03).saturating_add(1);
        let payload_at = packet.number_at.checked_add(number_len)?;
        let mut truncated = 0u64;
        let number_bytes = copy.get_mut(packet.number_at..payload_at)?;
        for (byte, mask) in number_bytes.iter_mut().zip(number_mask) {
            *byte ^= mask;
            truncated = (truncated << 8) | u64::from(*byte);
        }
        let number = full_number(truncated, number_len, largest);

        let (header, sealed) = copy.split_at_mut_checked(payload_at)?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &self.key).ok()?);
        let nonce = Nonce::assume_unique_for_key(self.nonce(number));
        let payload = key.open_in_place(nonce, Aad::from(&*header), sealed).ok()?;
        Some(Opened {
            number,
            number_len,
            reserved_clear,
            payload_at,
            payload_len: payload.len(),
        })
    }
}

fn expand<const N: usize>(secret: &hkdf::Prk, label: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    secret
        .expand(&[label], OutputLen(N))
        .and_then(|okm| okm.fill(&mut out))
        .ok()?;
    Some(out)
}

/// The packet number that `len` low bytes stand for (RFC 9000 appendix A.3).
pub(super) fn full_number(truncated: u64, len: usize, largest: Option<u64>) -> u64 {
    let bits = (len.min(4) as u32).saturating_mul(8);
    let window = 1u64 << bits;
    let half = window >> 1;
    let expected = largest.map_or(0, |largest| largest.saturating_add(1));
    let candidate = (expected & !window.saturating_sub(1)) | truncated;
    if candidate.saturating_add(half) <= expected && candidate < (1u64 << 62).saturating_sub(window)
    {
        candidate.saturating_add(window)
    } else if candidate > expected.saturating_add(half) && candidate >= window {
        candidate.saturating_sub(window)
    } else {
        candidate
    }
}

/// An authentic packet; its payload stands in the scratch buffer.
#[derive(Clone, Copy)]
pub(super) struct Opened {
    pub(super) number: u64,
    /// Bytes of it that were sent.
    pub(super) number_len: usize,
    /// The reserved bits must be zero; else the peer closes (RFC 9000 section 17.2).
    pub(super) reserved_clear: bool,
    pub(super) payload_at: usize,
    pub(super) payload_len: usize,
}
