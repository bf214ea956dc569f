//! An officer without a browser proves who they are: by reading what only their key opens.
//!
//! Enters: a request for an identity, an officer's public key, the key of the pseudonyms. Leaves: a
//! text under the officer's key (age), with a code; whether a code is that one. Never: keeps a code
//! (it is made anew from the request); lets a code of one officer or request serve another.

use age::x25519::Recipient;
use ring::digest::{SHA256, digest};

use super::{Officer, recipient};
use crate::base::hex;
use crate::hits::{Key, SubjectId};

/// What an officer is asked to agree to.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The request's id.
    pub request: &'a str,
    /// The case.
    pub case: &'a str,
    /// Whose identity.
    pub subject: &'a SubjectId,
    /// Who asks.
    pub asked_by: &'a str,
    /// Why.
    pub reason: &'a str,
}

impl Question<'_> {
    /// The code of one officer: 32 hex digits.
    fn code(&self, key: &Key, officer: &str) -> String {
        let parts = [
            b"approval".as_slice(),
            self.request.as_bytes(),
            self.case.as_bytes(),
            self.subject.as_str().as_bytes(),
            self.asked_by.as_bytes(),
            self.reason.as_bytes(),
            officer.as_bytes(),
        ];
        hex::encode(&key.word_tag(&parts))
    }

    /// The text for one officer, encrypted to their key, armoured. They open it with `age -d -i
    /// FILE`, read what they agree to, and give the code in its last line back.
    ///
    /// # Errors
    /// A sentence: the officer's recipient is none.
    pub fn challenge(&self, key: &Key, officer: &Officer) -> Result<String, String> {
        let to: Recipient = recipient(&officer.name, officer.recipient.trim())?;
        let text = format!(
            "Poortwacht: request {} for the identity behind case {}\nsubject {}\nasked by {}\n\
             reason: {}\nIf you agree, give this code to `poortwacht unseal approve`:\n{}\n",
            self.request,
            self.case,
            self.subject,
            self.asked_by,
            self.reason,
            self.code(key, officer.name.trim())
        );
        age::encrypt_and_armor(&to, text.as_bytes())
            .map_err(|error| format!("the challenge could not be encrypted with age: {error}"))
    }

    /// Is that the code of this officer? Takes as long for a code that is nearly right as for one
    /// that is not.
    pub fn is_answered(&self, key: &Key, officer: &str, code: &str) -> bool {
        let one = digest(&SHA256, self.code(key, officer).as_bytes());
        let other = digest(&SHA256, code.trim().to_ascii_lowercase().as_bytes());
        one.as_ref() == other.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question<'a>(subject: &'a SubjectId, request: &'a str) -> Question<'a> {
        Question {
            request,
            case: "case-1",
            subject,
            asked_by: "anna",
            reason: "report 7",
        }
    }

    #[test]
    fn only_who_holds_the_key_can_answer_and_only_this_question() {
        let key = Key::ephemeral().unwrap();
        let [own, other] = [(); 2].map(|()| age::x25519::Identity::generate());
        let officer = |name: &str, key: &age::x25519::Identity| Officer {
            name: name.into(),
            recipient: key.to_public().to_string(),
        };
        let subject = SubjectId::new("person-1".into());
        let asked = question(&subject, "r1");
        let text = asked.challenge(&key, &officer("olga", &own)).unwrap();
        assert!(age::decrypt(&other, text.as_bytes()).is_err());
        let clear = String::from_utf8(age::decrypt(&own, text.as_bytes()).unwrap()).unwrap();
        for part in ["r1", "case-1", "person-1", "anna", "report 7"] {
            assert!(clear.contains(part), "{part}: {clear}");
        }
        let code = clear.lines().last().unwrap();
        assert!(!text.contains(code));
        assert!(asked.is_answered(&key, "olga", code));
        assert!(asked.is_answered(&key, "olga", &format!(" {}\n", code.to_uppercase())));
        assert!(!asked.is_answered(&key, "piet", code));
        assert!(!asked.is_answered(&key, "olga", ""));
        assert!(!question(&subject, "r2").is_answered(&key, "olga", code));
        let changed = Question {
            reason: "another",
            ..asked
        };
        assert!(!changed.is_answered(&key, "olga", code));
        assert!(!asked.is_answered(&Key::ephemeral().unwrap(), "olga", code));
    }
}
