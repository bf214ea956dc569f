//! How well cases are told: offices with known truth through identity and casebook, scored.
//!
//! Enters: seeds, a number of person-days, the list in force. Leaves: a [`Report`], with a 95 %
//! interval beside each share and the score with each kind of evidence removed beside it. Never:
//! changes a rule, or looks at a threshold; reads the clock.
//!
//! Seeds below [`EVALUATION_FROM`] are for those who work on rules; the published table comes from
//! the seeds above it alone.

mod interval;
mod judge;
mod report;
mod run;
pub mod sample;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::blocklist::Catalogue;
use crate::cases::Rules;
pub use crate::simulate::population::EVALUATION_FROM;

pub use interval::Share;
pub use judge::Score;
pub use report::Report;

/// What is taken away from the stream of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Without {
    /// Nothing.
    Nothing,
    /// Vendors' own domains on a fifth of their mail: a mail service sends it, which no list knows.
    ListedMail,
    /// Mail of vendors: no mail log, no SMTP in clear.
    Mail,
    /// Exchanges on watched flows.
    Bursts,
    /// Third parties near a hit.
    Support,
    /// Look-ups: all DNS is hidden.
    LookUps,
    /// Connections: names in hellos are hidden, and so are their exchanges.
    Connections,
    /// Not less seen but more known: that no vendor's log-in sends mail, in offices where none does.
    LoginMail,
    /// Identity comes half an hour late.
    IdentityOnTime,
    /// Names of users: leases alone tell who is who.
    Users,
    /// Everything that tells who is who.
    Identity,
}

impl Without {
    /// All, the whole first.
    pub const ALL: [Self; 11] = [
        Self::Nothing,
        Self::ListedMail,
        Self::Mail,
        Self::Bursts,
        Self::Support,
        Self::LookUps,
        Self::Connections,
        Self::LoginMail,
        Self::IdentityOnTime,
        Self::Users,
        Self::Identity,
    ];

    /// Is it played on every office? Else on some: its score shows what an evidence is worth.
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Nothing | Self::ListedMail)
    }

    /// For people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Nothing => "everything seen",
            Self::Mail => "without mail",
            Self::ListedMail => {
                "a fifth of the mail comes from an unlisted mail service (assumption)"
            }
            Self::Bursts => "without exchanges",
            Self::Support => "without third parties",
            Self::LookUps => "without look-ups",
            Self::Connections => "without connections",
            Self::LoginMail => {
                "if it were documented, and true, that no log-in sends mail (it is not)"
            }
            Self::IdentityOnTime => "identity half an hour late",
            Self::Users => "without names of users (leases alone)",
            Self::Identity => "without any identity",
        }
    }
}

/// What is to be evaluated.
pub struct Plan {
    /// First seed.
    pub seed: u64,
    /// Confounder person-days, at least.
    pub person_days: u64,
    /// Of how many offices one is played again with each kind of evidence removed.
    pub every: u64,
    /// How many offices are played as frames, too, one day of each.
    pub sampled: u64,
    /// What evidence weighs. Others than the built-in ones are for development seeds.
    pub rules: Rules,
}

/// Plays and scores.
///
/// # Errors
/// A map that the organisation's own parser refuses.
pub fn evaluate(plan: &Plan, list: &Arc<Catalogue>) -> Result<Report, String> {
    run::run(plan, list)
}
