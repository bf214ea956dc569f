//! Acts on accounts, told to the record.
//!
//! Enters: what was done, by whom. Leaves: an [`Audit`] through a bounded channel. Never: a secret,
//! or a name that was typed and is nobody's.

use serde::{Deserialize, Serialize};

use super::rights::{Right, Roles};
use crate::base::Timestamp;

/// How somebody came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Password, and the second factor where there is one.
    Password,
    /// A one-time link.
    Link,
    /// A header of the proxy behind the Unix socket.
    Proxy,
    /// A client certificate.
    Certificate,
    /// OpenID Connect.
    Oidc,
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// Came in.
    SignedIn {
        /// How.
        way: Way,
    },
    /// Did not come in.
    SignInFailed {
        /// The account, when there is one of that name.
        account: Option<String>,
        /// How it was tried.
        way: Way,
    },
    /// Left.
    SignedOut,
    /// The link for the first administrator was made.
    FirstLinkMade,
    /// An invitation was made.
    Invited {
        /// For whom.
        account: String,
        /// With which roles.
        roles: Roles,
    },
    /// A link to set a new password was made.
    ResetMade {
        /// For whom.
        account: String,
    },
    /// Invitations and resets that were not used yet were withdrawn.
    LinksWithdrawn {
        /// For whom.
        account: String,
    },
    /// An account came to be.
    AccountMade {
        /// Its name.
        account: String,
        /// Its roles.
        roles: Roles,
    },
    /// Roles changed.
    RolesChanged {
        /// Whose.
        account: String,
        /// Before.
        from: Roles,
        /// After.
        to: Roles,
    },
    /// An account was closed for now.
    Disabled {
        /// Which.
        account: String,
        /// Its API tokens, revoked with that, by what they were called.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tokens_revoked: Vec<String>,
    },
    /// An account was opened again.
    Enabled {
        /// Which.
        account: String,
    },
    /// A password was set.
    PasswordSet {
        /// Whose.
        account: String,
        /// Its API tokens, revoked with that, by what they were called.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tokens_revoked: Vec<String>,
    },
    /// A second factor was set up.
    SecondFactorSet {
        /// Whose.
        account: String,
    },
    /// A second factor was taken away.
    SecondFactorRemoved {
        /// Whose.
        account: String,
    },
    /// An API token was made.
    TokenMade {
        /// What its owner calls it.
        label: String,
        /// What it is good for.
        scopes: Vec<Scope>,
        /// Until when.
        #[serde(serialize_with = "crate::store::shown::rfc3339")]
        expires: Timestamp,
    },
    /// An API token was revoked.
    TokenRevoked {
        /// Whose.
        account: String,
        /// What its owner called it.
        label: String,
    },
}

/// An act, with time and person.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// When.
    pub time: Timestamp,
    /// Name of the account that did it; none for strangers and for the program itself.
    pub by: Option<String>,
    /// What.
    #[serde(flatten)]
    pub act: Act,
}

/// What an API token is good for, at most; the roles of its account bound it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Read cases, hits, coverage, health.
    Read,
    /// Triage and suppress.
    Triage,
    /// Read the audit trail.
    Audit,
    /// Make evidence bundles.
    Export,
}

impl Scope {
    /// Every scope. None lets a program manage accounts or release an identity.
    pub const ALL: [Self; 4] = [Self::Read, Self::Triage, Self::Audit, Self::Export];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Audit => "audit",
            Self::Export => "export",
        }
    }

    /// What it covers.
    pub const fn rights(self) -> &'static [Right] {
        match self {
            Self::Read => &[Right::SeeCases, Right::SeePersons, Right::SeeHealth],
            Self::Triage => &[Right::Triage, Right::Suppress],
            Self::Audit => &[Right::ReadAudit],
            Self::Export => &[Right::Export],
        }
    }
}
