//! The second factor: time-based codes of six digits (RFC 6238 over RFC 4226, SHA-1, 30 seconds), as
//! every authenticator app makes them.
//!
//! Enters: a secret, a code, the time. Leaves: the step whose code it was. Never: takes a code of a
//! step that was used before.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use qrcodegen::{QrCode, QrCodeEcc};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::refusal::Refusal;
use super::secret::same;

/// Seconds of a step.
const STEP_S: u64 = 30;
/// Steps that a clock may be off, to either side.
const SKEW: u64 = 1;

/// A shared secret of 160 bits (RFC 4226 section 4, R6).
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Seed([u8; 20]);

impl Seed {
    /// A new one.
    ///
    /// # Errors
    /// [`Refusal::Failed`] when the system has no randomness.
    pub fn new() -> Result<Self, Refusal> {
        let mut bytes = [0; 20];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| Refusal::Failed)?;
        Ok(Self(bytes))
    }

    /// The step of `code` when it is right about now and later than `used`.
    pub fn step_of(&self, code: &str, now_s: u64, used: u64) -> Option<u64> {
        let now = now_s / STEP_S;
        let steps = now.saturating_sub(SKEW)..=now.saturating_add(SKEW);
        // Every step is computed, whichever is right.
        let right = steps.filter(|step| same(&self.code(*step), code));
        right.filter(|step| *step > used).max()
    }

    /// The code of a step.
    fn code(&self, step: u64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let sum = hmac::sign(&key, &step.to_be_bytes());
        let sum = sum.as_ref();
        let at = usize::from(sum.last().copied().unwrap_or_default() & 0x0f);
        let four = sum
            .get(at..at + 4)
            .and_then(|four| four.try_into().ok())
            .unwrap_or_default();
        format!(
            "{:06}",
            (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000
        )
    }

    /// In base 32 (RFC 4648), in groups of four: for people who type it.
    pub fn typed(&self) -> String {
        let text = self.base32();
        let groups: Vec<&str> = (0..text.len())
            .step_by(4)
            .filter_map(|at| text.get(at..at + 4))
            .collect();
        groups.join(" ")
    }

    fn base32(&self) -> String {
        const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        // 20 bytes are 32 digits of five bits: no padding.
        let digit = |n: usize| {
            let (byte, bit) = (n * 5 / 8, n * 5 % 8);
            let high = u16::from(self.0.get(byte).copied().unwrap_or_default()) << 8;
            let low = u16::from(self.0.get(byte + 1).copied().unwrap_or_default());
            let five = ((high | low) >> (11 - bit)) & 31;
            char::from(DIGITS.get(usize::from(five)).copied().unwrap_or(b'A'))
        };
        (0..32).map(digit).collect()
    }

    /// The address that an app reads: `otpauth://totp/...`.
    fn address(&self, account: &str) -> String {
        // Names hold only characters that need no escaping, except `@`, which apps take as it is.
        let secret = self.base32();
        format!("otpauth://totp/Poortwacht:{account}?secret={secret}&issuer=Poortwacht")
    }

    /// The address as a picture.
    ///
    /// # Errors
    /// [`Refusal::Failed`] when it does not fit into one.
    pub fn picture(&self, account: &str) -> Result<Picture, Refusal> {
        let code = QrCode::encode_text(&self.address(account), QrCodeEcc::Medium);
        let code = code.map_err(|_| Refusal::Failed)?;
        let mut path = String::new();
        for y in 0..code.size() {
            for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
                path.push_str(&format!("M{x} {y}h1v1h-1z"));
            }
        }
        Ok(Picture {
            size: code.size(),
            path,
        })
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl From<Seed> for String {
    fn from(seed: Seed) -> Self {
        STANDARD_NO_PAD.encode(seed.0)
    }
}

impl TryFrom<String> for Seed {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = STANDARD_NO_PAD.decode(&text).ok();
        let bytes = bytes.and_then(|bytes| <[u8; 20]>::try_from(bytes).ok());
        bytes.map(Self).ok_or("not a TOTP secret of 20 bytes")
    }
}

/// A QR code: squares of one unit.
pub struct Picture {
    /// Squares to a side.
    pub size: i32,
    /// The dark ones, for `<path d="...">`.
    pub path: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, SHA-1; the last six of its eight digits.
    #[test]
    fn the_codes_of_rfc_6238() {
        let seed = Seed(*b"12345678901234567890");
        for (at, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(seed.code(at / 30), code);
            assert_eq!(seed.step_of(code, at, 0), Some(at / 30));
            assert_eq!(seed.step_of(code, at, at / 30), None, "used before");
            assert_eq!(
                seed.step_of(code, at + 30, 0),
                Some(at / 30),
                "a slow clock"
            );
            assert_eq!(seed.step_of(code, at + 61, 0), None, "too late");
        }
        assert_eq!(seed.step_of("", 59, 0), None);
        assert_eq!(seed.step_of("2870820", 59, 0), None);
    }

    /// RFC 4648 section 10 has no 20 bytes; this is what `base32` of the coreutils gives.
    #[test]
    fn the_typed_form() {
        let seed = Seed(*b"12345678901234567890");
        assert_eq!(seed.typed(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        let text = String::from(seed.clone());
        assert!(Seed::try_from(text).unwrap().0 == seed.0);
        assert!(Seed::try_from("AAAA".to_owned()).is_err());
    }

    #[test]
    fn the_picture_is_a_qr_code() {
        let picture = Seed(*b"12345678901234567890")
            .picture("eva@example.org")
            .unwrap();
        assert!(picture.size >= 33, "{}", picture.size);
        assert!(
            picture.path.starts_with("M0 0h1v1h-1z"),
            "the finder's corner"
        );
    }
}
