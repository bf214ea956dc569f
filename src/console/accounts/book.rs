//! What is kept of accounts, and what may be done to them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::audit::Scope;
use super::super::password::Hash;
use super::super::rights::{Right, Role, Roles};
use super::super::secret::Mark;
use super::super::totp::Seed;
use crate::base::Timestamp;

const VERSION: u32 = 1;
const ACCOUNTS_MAX: usize = 1000;
const LINKS_MAX: usize = 200;
const TOKENS_MAX: usize = 16;
const NAME_LEN_MAX: usize = 64;
const SHOWN_LEN_MAX: usize = 100;

/// Why a change is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No such account, link or token, or it has expired.
    Unknown,
    /// The name is taken.
    Taken,
    /// Not a name that an account or token can have.
    Name,
    /// There would be no administrator any more.
    LastAdmin,
    /// No role was given.
    NoRole,
    /// As many as there may be.
    Full,
    /// This code was used before.
    Used,
    /// The disk did not take it.
    Unwritten,
    /// The audit trail did not take it.
    Unrecorded,
}

/// Somebody who may sign in.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Name as shown.
    pub display: String,
    /// Roles.
    pub roles: Roles,
    /// Password; none for accounts that others vouch for.
    pub password: Option<Hash>,
    /// Second factor.
    pub totp: Option<Totp>,
    /// Since when it exists.
    #[serde(with = "written")]
    pub created: Timestamp,
    /// Since when it is closed.
    #[serde(with = "written::option")]
    pub disabled: Option<Timestamp>,
    /// Last time somebody came in with it.
    #[serde(with = "written::option")]
    pub last_sign_in: Option<Timestamp>,
}

/// A second factor.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totp {
    /// Shared with the app.
    pub seed: Seed,
    /// Last step whose code was taken: neither it nor an earlier one is taken again.
    pub used: u64,
}

/// What a one-time link is for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// The first administrator, who chooses the name.
    First,
    /// A new account.
    Invite {
        /// Its name.
        account: String,
        /// Its roles.
        roles: Roles,
    },
    /// A new password, and no second factor, for an account that exists.
    Reset {
        /// Its name.
        account: String,
    },
}

impl LinkKind {
    /// Whom it is for; nobody yet for the first.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::First => None,
            Self::Invite { account, .. } | Self::Reset { account } => Some(account),
        }
    }
}

/// A one-time link, by the digest of its secret.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Digest.
    pub mark: Mark,
    /// What for.
    pub kind: LinkKind,
    /// Until when.
    #[serde(with = "written")]
    pub expires: Timestamp,
}

/// A token of a program, by the digest of its secret.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiToken {
    /// Digest.
    pub mark: Mark,
    /// Whose roles bound it.
    pub account: String,
    /// What its owner calls it.
    pub label: String,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// Since when.
    #[serde(with = "written")]
    pub created: Timestamp,
    /// Until when.
    #[serde(with = "written")]
    pub expires: Timestamp,
}

impl ApiToken {
    /// The rights its scopes cover.
    pub fn rights(&self) -> Vec<Right> {
        self.scopes
            .iter()
            .flat_map(|scope| scope.rights())
            .copied()
            .collect()
    }
}

/// Everything in the file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    version: u32,
    accounts: BTreeMap<String, Account>,
    links: Vec<Link>,
    tokens: Vec<ApiToken>,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            version: VERSION,
            accounts: BTreeMap::new(),
            links: Vec::new(),
            tokens: Vec::new(),
        }
    }
}

/// A name of an account: lower-case letters, digits, `.`, `_`, `-`, `@`.
pub fn is_name(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-@".contains(c);
    (1..=NAME_LEN_MAX).contains(&name.len()) && name.chars().all(fine)
}

/// A name as shown: short, no control characters, none that turn the direction of writing.
pub fn is_shown(name: &str) -> bool {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let length = name.chars().count();
    (1..=SHOWN_LEN_MAX).contains(&length)
        && name.trim() == name
        && !name.chars().any(|c| c.is_control() || turns(c))
}

impl Book {
    /// What a file from elsewhere must not hold.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.version > VERSION {
            return Err(format!(
                "written by a newer program (version {}); use that one",
                self.version
            ));
        }
        match self
            .accounts
            .iter()
            .find(|(name, a)| !is_name(name) || !is_shown(&a.display))
        {
            Some(_) => Err("holds an account with a name that none can have".into()),
            None => Ok(()),
        }
    }

    /// An account that is not closed.
    pub fn open_account(&self, name: &str) -> Option<&Account> {
        self.accounts
            .get(name)
            .filter(|account| account.disabled.is_none())
    }

    /// Any account.
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.get(name)
    }

    /// Every account, by name.
    pub fn accounts(&self) -> impl Iterator<Item = (&String, &Account)> {
        self.accounts.iter()
    }

    /// Is there an administrator who can come in?
    pub fn has_admin(&self) -> bool {
        let mut open = self
            .accounts
            .values()
            .filter(|account| account.disabled.is_none());
        open.any(|account| account.roles.has(Role::Admin))
    }

    /// A new account.
    ///
    /// # Errors
    /// [`Refused`] for a name that cannot be, a name that is taken, no role, or no room.
    pub fn add(&mut self, name: &str, account: Account) -> Result<(), Refused> {
        if !is_name(name) || !is_shown(&account.display) {
            return Err(Refused::Name);
        }
        if account.roles.is_empty() {
            return Err(Refused::NoRole);
        }
        if self.accounts.contains_key(name) {
            return Err(Refused::Taken);
        }
        if self.accounts.len() >= ACCOUNTS_MAX {
            return Err(Refused::Full);
        }
        self.accounts.insert(name.to_owned(), account);
        Ok(())
    }

    /// Changes an account; what would leave no administrator is refused.
    ///
    /// # Errors
    /// [`Refused::Unknown`], [`Refused::LastAdmin`], [`Refused::NoRole`].
    pub fn edit<T>(
        &mut self,
        name: &str,
        edit: impl FnOnce(&mut Account) -> T,
    ) -> Result<T, Refused> {
        let had_admin = self.has_admin();
        let account = self.accounts.get_mut(name).ok_or(Refused::Unknown)?;
        let done = edit(account);
        if account.roles.is_empty() {
            return Err(Refused::NoRole);
        }
        if had_admin && !self.has_admin() {
            return Err(Refused::LastAdmin);
        }
        Ok(done)
    }

    /// A new link. Those that have expired go, and those for the same account: the newest counts.
    ///
    /// # Errors
    /// [`Refused`] for an invitation of somebody who is there, a reset of somebody who is not.
    pub fn add_link(&mut self, link: Link, now: Timestamp) -> Result<(), Refused> {
        match &link.kind {
            LinkKind::First => {}
            LinkKind::Invite { account, roles } => {
                if !is_name(account) {
                    return Err(Refused::Name);
                }
                if roles.is_empty() {
                    return Err(Refused::NoRole);
                }
                if self.accounts.contains_key(account) {
                    return Err(Refused::Taken);
                }
            }
            LinkKind::Reset { account } => {
                self.open_account(account).ok_or(Refused::Unknown)?;
            }
        }
        self.links
            .retain(|old| old.expires > now && old.kind.account() != link.kind.account());
        if self.links.len() >= LINKS_MAX {
            return Err(Refused::Full);
        }
        self.links.push(link);
        Ok(())
    }

    /// The link of that mark, while it holds. The first administrator's ends with there being one.
    pub fn link(&self, mark: &Mark, now: Timestamp) -> Option<&Link> {
        let found = self.links(now).find(|link| link.mark == *mark)?;
        (found.kind != LinkKind::First || !self.has_admin()).then_some(found)
    }

    /// Links that still hold.
    pub fn links(&self, now: Timestamp) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(move |link| link.expires > now)
    }

    /// Uses a link up.
    ///
    /// # Errors
    /// [`Refused::Unknown`] when it was used before, or has expired.
    pub fn use_link(&mut self, mark: &Mark, now: Timestamp) -> Result<LinkKind, Refused> {
        let kind = self
            .link(mark, now)
            .map(|link| link.kind.clone())
            .ok_or(Refused::Unknown)?;
        self.links.retain(|link| link.mark != *mark);
        Ok(kind)
    }

    /// Withdraws the links of an account; says whether there were any.
    pub fn withdraw_links(&mut self, account: &str) -> bool {
        let before = self.links.len();
        self.links
            .retain(|link| link.kind.account() != Some(account));
        self.links.len() < before
    }

    /// A new token.
    ///
    /// # Errors
    /// [`Refused`] for no account, a label that cannot be or is taken, no room.
    pub fn add_token(&mut self, token: ApiToken, now: Timestamp) -> Result<(), Refused> {
        if !is_shown(&token.label) || token.scopes.is_empty() {
            return Err(Refused::Name);
        }
        self.open_account(&token.account).ok_or(Refused::Unknown)?;
        self.tokens.retain(|old| old.expires > now);
        let mut own = self
            .tokens
            .iter()
            .filter(|old| old.account == token.account);
        if own.clone().count() >= TOKENS_MAX {
            return Err(Refused::Full);
        }
        if own.any(|old| old.label == token.label) {
            return Err(Refused::Taken);
        }
        self.tokens.push(token);
        Ok(())
    }

    /// The token of that mark, while it holds and its account is open.
    pub fn token(&self, mark: &Mark, now: Timestamp) -> Option<&ApiToken> {
        let found = self
            .tokens
            .iter()
            .find(|token| token.mark == *mark && token.expires > now)?;
        self.open_account(&found.account).map(|_| found)
    }

    /// Tokens of an account that still hold.
    pub fn tokens_of(&self, account: &str, now: Timestamp) -> impl Iterator<Item = &ApiToken> {
        let own = move |token: &&ApiToken| token.account == account && token.expires > now;
        self.tokens.iter().filter(own)
    }

    /// Revokes all tokens of an account: whoever had its password may have made one. Gives what
    /// they were called.
    pub fn revoke_all(&mut self, account: &str) -> Vec<String> {
        let (gone, kept) = std::mem::take(&mut self.tokens)
            .into_iter()
            .partition(|token| token.account == account);
        self.tokens = kept;
        let gone: Vec<ApiToken> = gone;
        gone.into_iter().map(|token| token.label).collect()
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// [`Refused::Unknown`].
    pub fn revoke(&mut self, account: &str, label: &str) -> Result<(), Refused> {
        let before = self.tokens.len();
        self.tokens
            .retain(|token| token.account != account || token.label != label);
        if self.tokens.len() == before {
            Err(Refused::Unknown)
        } else {
            Ok(())
        }
    }
}

/// Moments in the file: RFC 3339 in UTC.
mod written {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::base::Timestamp;

    pub fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(at)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        read(&String::deserialize(from)?).ok_or_else(|| de::Error::custom("not a time"))
    }

    fn read(text: &str) -> Option<Timestamp> {
        let at: jiff::Timestamp = text.parse().ok()?;
        i64::try_from(at.as_nanosecond()).ok().map(Timestamp)
    }

    pub mod option {
        use super::{Deserialize, Deserializer, Serializer, Timestamp, de, read};

        pub fn serialize<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
            match at {
                Some(at) => to.collect_str(at),
                None => to.serialize_none(),
            }
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            let text = Option::<String>::deserialize(from)?;
            let read = |text: String| read(&text).ok_or_else(|| de::Error::custom("not a time"));
            text.map(read).transpose()
        }
    }
}
