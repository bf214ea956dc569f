//! A vendor's mail, whatever log it stands in.
//!
//! Enters: sender, recipient, time and id of one delivery. Leaves: a mail event, or nothing. Never:
//! keeps a mail whose sender's domain did not match; tells a message id in clear (a vendor may put
//! anything in it).

use ring::digest::{SHA256, digest};

use super::read::At;
use crate::base::{DomainName, NameBuf, RawName, Timestamp};
use crate::blocklist::Verdict;
use crate::event::{Event, HitRule, Mail, MailSource};

/// Longest mail address in bytes, roomier than RFC 5321 section 4.5.3.1 (64 + 1 + 255).
const ADDRESS_LEN_MAX: usize = 512;

/// The sender's domain and its rule, for as long as the mail is under way.
#[derive(Clone)]
pub struct Sender {
    name: String,
    rule: HitRule,
}

impl Sender {
    /// Asks the list in force for the domain of an address.
    pub fn find(address: &str, time: Timestamp, at: &At<'_>) -> Option<Self> {
        let (_, domain) = address.trim_matches(['<', '>', ' ']).rsplit_once('@')?;
        let raw = RawName::Text(domain.as_bytes());
        let Verdict::Hit(found) = at.list.find_at(&raw, time) else {
            return None;
        };
        let mut name = NameBuf::new();
        // It matched, so it has a normal form.
        let _ = raw.normalise(&mut name);
        Some(Self {
            name: name.as_str().to_owned(),
            rule: HitRule::of(&found),
        })
    }

    /// One delivery to `recipient`.
    pub fn mail(&self, recipient: &str, time: Timestamp, id: String, at: &At<'_>) -> Event {
        Event::Mail(Box::new(Mail {
            time,
            point: at.feed.to_owned(),
            source: MailSource::Log,
            name: self.name.clone(),
            rule: self.rule.clone(),
            recipient: plain(recipient),
            id,
        }))
    }
}

/// An address without brackets, lower case. ASCII only: other folding could turn one address into
/// another (the Kelvin sign becomes a `k`).
fn plain(address: &str) -> String {
    address.trim().trim_matches(['<', '>']).to_ascii_lowercase()
}

/// Is this an address at one of the organisation's domains (or below)? Without domains every
/// address is.
pub fn is_ours(recipient: &str, domains: &[DomainName]) -> bool {
    let plain = plain(recipient);
    let Some((user, domain)) = plain.rsplit_once('@') else {
        return false;
    };
    let within = |own: &DomainName| {
        let before = domain.strip_suffix(own.as_str());
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    let whole = !user.is_empty() && plain.len() <= ADDRESS_LEN_MAX;
    whole && (domains.is_empty() || domains.iter().any(within))
}

/// A message id shortened: 16 hex digits of its SHA-256, the same in every log that it passes.
pub fn message(id: &str) -> Option<u64> {
    let id = id.trim().trim_matches(['<', '>']);
    let hash = digest(&SHA256, id.as_bytes());
    let head = hash.as_ref().first_chunk::<8>()?;
    (!id.is_empty()).then(|| u64::from_be_bytes(*head))
}

/// That, as it stands in an event.
pub fn message_text(hash: u64) -> String {
    format!("message-{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_whole_labels() {
        let own = [DomainName::parse("office.example").unwrap()];
        assert!(is_ours("Jansen@Office.Example", &own));
        assert!(is_ours("<a@mail.office.example>", &own));
        for other in [
            "a@backoffice.example",
            "a@office.example.net",
            "@office.example",
            "x",
        ] {
            assert!(!is_ours(other, &own), "{other}");
        }
        assert!(is_ours("a@b", &[]));
    }

    #[test]
    fn message_ids_with_and_without_brackets_are_one() {
        assert_eq!(message("<a@b>"), message("a@b"));
        assert_ne!(message("a@b"), message("a@c"));
        assert_eq!(message("<>"), None);
    }
}
