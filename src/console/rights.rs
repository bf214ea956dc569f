//! Roles and what each may do: one table, closed.
//!
//! Enters: nothing. Leaves: yes or no. Never: a right that is not in the table; docs/console.md
//! shows the same table, and a test holds the two together.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a person is there for. An account has one or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Works on cases.
    Analyst,
    /// Leads the analysts: also suppresses, exports, holds.
    Lead,
    /// Privacy officer: releases identities, erases, exports.
    Officer,
    /// Works council or regulator: reads all but persons.
    Auditor,
    /// Keeps accounts; sees no case.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [
        Self::Analyst,
        Self::Lead,
        Self::Officer,
        Self::Auditor,
        Self::Admin,
    ];

    /// As it is written in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Analyst => "analyst",
            Self::Lead => "lead",
            Self::Officer => "officer",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of roles.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Role>", into = "Vec<Role>")]
pub struct Roles(u8);

impl Roles {
    /// Those in the set, in the order of [`Role::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }

    /// Is it one of them?
    pub const fn has(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// None at all?
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Does one of them give this right?
    pub fn may(self, right: Right) -> bool {
        self.iter().any(|role| may(role, right))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().fold(0, |set, role| set | role.bit()))
    }
}

impl From<Vec<Role>> for Roles {
    fn from(roles: Vec<Role>) -> Self {
        roles.into_iter().collect()
    }
}

impl From<Roles> for Vec<Role> {
    fn from(roles: Roles) -> Self {
        roles.iter().collect()
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, role) in self.iter().enumerate() {
            write!(f, "{}{}", if n == 0 { "" } else { ", " }, role.name())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

/// One thing that may be done or seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Cases, hits, coverage, vendors and the register, without what tells persons apart.
    SeeCases,
    /// Pseudonyms, units and notes: what may tell one person from another.
    SeePersons,
    /// Acknowledge, assign, comment, close.
    Triage,
    /// Rules that silence, with their expiry.
    Suppress,
    /// Ask for an identity, with case and reason.
    RequestUnsealing,
    /// Approve or refuse such a request.
    ApproveUnsealing,
    /// Make an evidence bundle.
    Export,
    /// Stop or resume retention for a case.
    Hold,
    /// Erase or correct what is kept of a subject.
    Erase,
    /// The audit trail.
    ReadAudit,
    /// Health of sensor and desk.
    SeeHealth,
    /// Invite, reset, disable accounts and change roles.
    ManageAccounts,
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 12] = [
        Self::SeeCases,
        Self::SeePersons,
        Self::Triage,
        Self::Suppress,
        Self::RequestUnsealing,
        Self::ApproveUnsealing,
        Self::Export,
        Self::Hold,
        Self::Erase,
        Self::ReadAudit,
        Self::SeeHealth,
        Self::ManageAccounts,
    ];
}

/// The table.
pub const fn may(role: Role, right: Right) -> bool {
    use Right::{
        ApproveUnsealing, Erase, Export, Hold, ManageAccounts, ReadAudit, RequestUnsealing,
        SeeCases, SeeHealth, SeePersons, Suppress, Triage,
    };
    match role {
        Role::Analyst => {
            matches!(
                right,
                SeeCases | SeePersons | Triage | RequestUnsealing | SeeHealth
            )
        }
        Role::Lead => matches!(
            right,
            SeeCases
                | SeePersons
                | Triage
                | Suppress
                | RequestUnsealing
                | Export
                | Hold
                | ReadAudit
                | SeeHealth
        ),
        Role::Officer => matches!(
            right,
            SeeCases
                | SeePersons
                | ApproveUnsealing
                | Export
                | Hold
                | Erase
                | ReadAudit
                | SeeHealth
        ),
        Role::Auditor => matches!(right, SeeCases | ReadAudit | SeeHealth),
        Role::Admin => matches!(right, ReadAudit | SeeHealth | ManageAccounts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Language;
    use crate::console::words::Words;

    /// What the documentation says is what the program does.
    #[test]
    fn the_table_in_the_documentation_is_this_one() {
        let text = include_str!("../../docs/console.md");
        let cells = |line: &str| -> Vec<String> {
            line.trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().to_owned())
                .collect()
        };
        let head = text
            .lines()
            .find(|line| line.starts_with("| right |"))
            .unwrap();
        let roles: Vec<Role> = cells(head)
            .iter()
            .skip(1)
            .map(|name| Role::named(name).unwrap())
            .collect();
        assert_eq!(roles, Role::ALL);
        for right in Right::ALL {
            let words = Words::of(Language::English).right(right);
            let row = text
                .lines()
                .find(|line| line.starts_with(&format!("| {words} |")));
            let row = cells(row.unwrap_or_else(|| panic!("{words} is missing")));
            for (role, cell) in roles.iter().zip(row.iter().skip(1)) {
                let told = if may(*role, right) { "yes" } else { "-" };
                assert_eq!(cell, told, "{words}: {role:?}");
            }
        }
    }

    #[test]
    fn duties_are_apart() {
        for right in [Right::SeeCases, Right::SeePersons, Right::ApproveUnsealing] {
            assert!(!may(Role::Admin, right));
        }
        assert!(!may(Role::Auditor, Right::SeePersons));
        for role in Role::ALL {
            let both = may(role, Right::RequestUnsealing) && may(role, Right::ApproveUnsealing);
            assert!(!both, "{role:?} could release an identity alone");
        }
    }

    #[test]
    fn sets_of_roles_read_back() {
        let set: Roles = [Role::Lead, Role::Analyst, Role::Lead]
            .into_iter()
            .collect();
        let text = serde_json::to_string(&set).unwrap();
        assert_eq!(text, "[\"analyst\",\"lead\"]");
        assert!(serde_json::from_str::<Roles>(&text).unwrap() == set);
        assert!(serde_json::from_str::<Roles>("[\"root\"]").is_err());
        assert!(set.may(Right::Suppress) && !set.may(Right::ManageAccounts));
    }
}
