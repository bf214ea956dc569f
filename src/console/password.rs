//! Passwords: argon2id, a bounded number at a time, the same time for a name that does not exist.
//!
//! Enters: a password. Leaves: its hash, or whether it is right. Never: a password or hash in a
//! `Debug` or a message.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::refusal::Refusal;

/// Shortest password, in characters.
pub const LEN_MIN: usize = 12;
/// Longest, in bytes: hashing must not become a way to keep the processor busy.
pub const LEN_MAX: usize = 256;
/// Hashes computed at a time: each takes 19 MiB and some tens of milliseconds.
const AT_ONCE: usize = 2;
/// Requests that may wait for their turn; more are told to come back.
const WAITING_MAX: usize = 16;

/// An argon2id hash with its salt and parameters, in the PHC string format.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hash(String);

/// Computes hashes off the threads that serve pages.
#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// Of a password that nobody has: compared when there is no such account.
    nobody: Hash,
}

impl Passwords {
    /// Ready; computes one hash.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new() -> Result<Self, Refusal> {
        Ok(Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(Semaphore::new(AT_ONCE + WAITING_MAX)),
            nobody: hash(&super::secret::Secret::new()?.text())?,
        })
    }

    /// The hash of a new password.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when too many wait.
    pub async fn hash(&self, password: String) -> Result<Hash, Refusal> {
        self.in_turn(move || hash(&password)).await?
    }

    /// Is it the password? Takes as long for `None` as for a wrong one.
    ///
    /// # Errors
    /// As [`Self::hash`].
    pub async fn verify(&self, known: Option<Hash>, password: String) -> Result<bool, Refusal> {
        let exists = known.is_some();
        let known = known.unwrap_or_else(|| self.nobody.clone());
        let right = self.in_turn(move || verify(&known, &password)).await?;
        Ok(right && exists)
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let _place = self.waiting.try_acquire().map_err(|_| Refusal::Busy)?;
        let _turn = self.turns.acquire().await.map_err(|_| Refusal::Busy)?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Refusal::Failed)
    }
}

fn hash(password: &str) -> Result<Hash, Refusal> {
    let made = Argon2::default().hash_password(password.as_bytes());
    made.map(|hash| Hash(hash.to_string()))
        .map_err(|_| Refusal::Failed)
}

fn verify(known: &Hash, password: &str) -> bool {
    if password.len() > LEN_MAX {
        return false;
    }
    let Ok(known) = PasswordHash::new(&known.0) else {
        return false;
    };
    Argon2::default()
        .verify_password(password.as_bytes(), &known)
        .is_ok()
}

/// Why a new password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weak {
    /// Shorter than [`LEN_MIN`].
    Short,
    /// Longer than [`LEN_MAX`].
    Long,
    /// Holds the name of the account, or few different characters.
    Guessable,
    /// The two copies differ.
    Differs,
}

/// Is it good enough for this account?
///
/// # Errors
/// What is wrong with it.
pub fn judge(password: &str, again: &str, name: &str) -> Result<(), Weak> {
    let mut different: Vec<char> = password.chars().collect();
    different.sort_unstable();
    different.dedup();
    let lower = password.to_lowercase();
    if password != again {
        Err(Weak::Differs)
    } else if password.chars().count() < LEN_MIN {
        Err(Weak::Short)
    } else if password.len() > LEN_MAX {
        Err(Weak::Long)
    } else if different.len() < 5
        || (name.len() >= 3 && lower.contains(name))
        || lower.contains("poortwacht")
    {
        Err(Weak::Guessable)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_argon2id_and_fits_its_password_alone() {
        let made = hash("a good long password").unwrap();
        assert!(
            made.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "parameters"
        );
        assert!(verify(&made, "a good long password"));
        assert!(!verify(&made, "a good long passwore"));
        assert!(!verify(&Hash("nonsense".into()), "a good long password"));
        assert!(made.0 != hash("a good long password").unwrap().0, "salted");
    }

    #[test]
    fn bad_passwords_are_told_apart() {
        for (password, name, why) in [
            ("short", "eva", Weak::Short),
            (&"ab1 ".repeat(100)[..], "eva", Weak::Long),
            ("aaaaaaaaaaaaaaaaaa", "eva", Weak::Guessable),
            ("My name is Eva Jansen", "eva jansen", Weak::Guessable),
            ("Poortwacht2026!", "eva", Weak::Guessable),
        ] {
            assert_eq!(judge(password, password, name), Err(why), "{name}");
        }
        assert_eq!(
            judge("correct horse battery", "correct horse", "eva"),
            Err(Weak::Differs)
        );
        assert_eq!(
            judge("correct horse battery", "correct horse battery", "eva"),
            Ok(())
        );
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        let passwords = Passwords::new().unwrap();
        assert!(
            !passwords
                .verify(None, "anything at all".into())
                .await
                .unwrap()
        );
        let known = passwords
            .hash("correct horse battery".into())
            .await
            .unwrap();
        assert!(
            passwords
                .verify(Some(known), "correct horse battery".into())
                .await
                .unwrap()
        );
    }
}
