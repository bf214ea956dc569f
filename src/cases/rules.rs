//! The rules in force: what evidence weighs and what it is compared with.
//!
//! Enters: the text of a rules file (`blocklists/rules/rules.toml`, or one of the operator's for
//! what-if). Leaves: [`Rules`], complete. Never: a rule, weight or threshold that the file does not
//! give; reads a file.

use std::fmt::Write;

use serde::Deserialize;

use super::EvidenceKind;
use crate::base::seen::closed_set;
use crate::blocklist::{Proof, SignupProof, Stage, Threshold};

/// The file that is built in.
const BUILTIN: &str = include_str!("../../blocklists/rules/rules.toml");

/// Nanoseconds of a second.
pub(super) const SECOND: i64 = 1_000_000_000;

closed_set! {
    /// What weights add up to: a stage, with the two honest answers about accounts as one.
    Goal {
        /// A name was seen.
        LookedUp = "looked-up",
        /// A human session.
        Visited = "visited",
        /// `account-or-login` or `account-or-rights-request`, as the vendor's proof says.
        Account = "account",
        /// A trial account was very likely made.
        SignedUp = "signed-up",
        /// The service is used.
        Searching = "searching",
        /// A machine uses it.
        Integrated = "integrated",
    }
}

impl Goal {
    /// The stage that it stands for with a vendor of this proof; `None` when the proof does not
    /// reach it.
    pub(super) const fn stage(self, proof: &Proof) -> Option<Stage> {
        match (self, proof.signup) {
            (Self::LookedUp, _) => Some(Stage::LookedUp),
            (Self::Visited, _) => Some(Stage::Visited),
            (Self::Account, SignupProof::AccountOrRightsRequest) => {
                Some(Stage::AccountOrRightsRequest)
            }
            (Self::Account, SignupProof::AccountOrLogin | SignupProof::SignedUp) => {
                Some(Stage::AccountOrLogin)
            }
            (Self::SignedUp, SignupProof::SignedUp) => Some(Stage::SignedUp),
            (Self::Account | Self::SignedUp, _) => None,
            (Self::Searching, _) if proof.search => Some(Stage::Searching),
            (Self::Integrated, _) if proof.integration => Some(Stage::Integrated),
            (Self::Searching | Self::Integrated, _) => None,
        }
    }
}

closed_set! {
    /// The rules, by their names in the file, which says what each means.
    Rule {
        /// A name looked up.
        LookUp = "look-up",
        /// A hello with the name.
        Connection = "connection",
        /// A hello to a host mainly for accounts.
        AccountHost = "account-host",
        /// A hello to a host of the service.
        ServiceHost = "service-host",
        /// Exchanges with a rest between them.
        Session = "session",
        /// One page loaded whole.
        Page = "page",
        /// Requests in a proxy's log, some time apart.
        Proxied = "proxied",
        /// A third party within seconds.
        ThirdParty = "third-party",
        /// A session on another day.
        Return = "return",
        /// A form on a host for accounts.
        Form = "form",
        /// A form or a page: sizes cannot tell.
        FormOrPage = "form-or-page",
        /// A form under another host's name.
        FormHiddenHost = "form-hidden-host",
        /// Sent as fast as a log-in.
        FillShort = "fill-short",
        /// Sent slower than most log-ins.
        Fill = "fill",
        /// Sent as slow as a registration.
        FillLong = "fill-long",
        /// First contact with the sign-up host.
        FirstContact = "first-contact",
        /// First look-up of it.
        FirstLookUp = "first-look-up",
        /// A mail of the vendor.
        Mail = "mail",
        /// The mail server checked one.
        MailLookUp = "mail-look-up",
        /// Back on the sign-up host after the mail.
        BackAfterMail = "back-after-mail",
        /// Read the public pages before.
        Reading = "reading",
        /// Read them for longer.
        ReadingLong = "reading-long",
        /// First contact with the service after the form.
        ServiceAfter = "service-after",
        /// Speaks against: a form in an earlier sitting.
        EarlierForm = "earlier-form",
        /// Speaks against: the service was used before.
        EarlierUse = "earlier-use",
        /// Speaks against: another form just before.
        OtherForms = "other-forms",
        /// Speaks against: in, before the mail came.
        LetInBefore = "let-in-before",
        /// Speaks against: nothing was opened after the mail.
        NothingOpened = "nothing-opened",
        /// Speaks against: a form from the page that had stayed open, after the mail.
        CodeTyped = "code-typed",
        /// Speaks against: a form on what the mail led to.
        FormAfterLink = "form-after-link",
        /// The vendor's log-in sends no mail.
        NoLoginMail = "no-login-mail",
        /// A sign-in service.
        SignIn = "sign-in",
        /// A payment host.
        Payment = "payment",
        /// A picture-sized upload where more than the service lives.
        Upload = "upload",
        /// A picture-sized upload to the service.
        ServiceUpload = "service-upload",
        /// A connection to a host only used with a search.
        UseHost = "use-host",
        /// A look-up of it.
        UseHostLookUp = "use-host-look-up",
        /// Regular exchanges.
        Regular = "regular",
        /// A host for rights or identity checks.
        Rights = "rights",
        /// A name that may have been a decoy's.
        Contested = "contested",
    }
}

impl Rule {
    /// What kind of evidence its items are.
    pub const fn kind(self) -> EvidenceKind {
        match self {
            Self::LookUp | Self::Rights => EvidenceKind::LookUp,
            Self::Connection | Self::AccountHost | Self::ServiceHost | Self::Contested => {
                EvidenceKind::Connection
            }
            Self::Session | Self::Page | Self::Proxied => EvidenceKind::Session,
            Self::BackAfterMail | Self::Reading | Self::ReadingLong => EvidenceKind::Session,
            Self::ThirdParty => EvidenceKind::ThirdParty,
            Self::Return => EvidenceKind::Return,
            Self::Form | Self::FormOrPage | Self::FormHiddenHost => EvidenceKind::Form,
            Self::FillShort | Self::Fill | Self::FillLong => EvidenceKind::Form,
            Self::EarlierForm | Self::OtherForms => EvidenceKind::Form,
            Self::CodeTyped | Self::FormAfterLink => EvidenceKind::Form,
            Self::LetInBefore | Self::NothingOpened => EvidenceKind::Session,
            Self::FirstContact | Self::FirstLookUp => EvidenceKind::FirstContact,
            Self::ServiceAfter | Self::EarlierUse => EvidenceKind::FirstContact,
            Self::Mail | Self::NoLoginMail => EvidenceKind::Mail,
            Self::MailLookUp => EvidenceKind::MailLookUp,
            Self::SignIn => EvidenceKind::SignIn,
            Self::Payment => EvidenceKind::Payment,
            Self::Upload | Self::ServiceUpload => EvidenceKind::Upload,
            Self::UseHost | Self::UseHostLookUp => EvidenceKind::UseHost,
            Self::Regular => EvidenceKind::Regular,
        }
    }
}

/// What kinds of evidence have in common: two of one family are not independent, for one follows
/// from the other (a connection follows on a look-up, a first contact is a connection).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    /// Which names appear.
    Names,
    /// How exchanges follow each other in time.
    Course,
    /// How large they are.
    Sizes,
    /// Mail of the vendor: another protocol, another way.
    Mail,
}

impl EvidenceKind {
    /// `None`: support, never one of two kinds.
    pub(super) const fn family(self) -> Option<Family> {
        match self {
            Self::LookUp | Self::Connection | Self::FirstContact | Self::UseHost => {
                Some(Family::Names)
            }
            Self::Session | Self::Return | Self::Regular => Some(Family::Course),
            Self::Form | Self::Upload => Some(Family::Sizes),
            Self::Mail | Self::MailLookUp => Some(Family::Mail),
            Self::SignIn | Self::Payment | Self::ThirdParty => None,
        }
    }
}

/// A rules file, checked: nothing is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    points: Vec<i32>,
    weights: Vec<[i32; Goal::ALL.len()]>,
    limits: Limits,
}

/// The thresholds for one vendor, along [`Threshold`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits(Vec<u64>);

impl Limits {
    /// In the unit of the name.
    pub fn of(&self, which: Threshold) -> u64 {
        self.0[which.index()]
    }

    /// In nanoseconds, for those whose name ends in a unit of time.
    pub(super) fn ns(&self, which: Threshold) -> i64 {
        let label = which.label();
        let unit = if label.ends_with("_minutes") {
            60
        } else if label.ends_with("_days") {
            86_400
        } else {
            1
        };
        let value = i64::try_from(self.of(which)).unwrap_or(i64::MAX);
        value.saturating_mul(unit).saturating_mul(SECOND)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    stage: Vec<StageLine>,
    weight: Vec<WeightLine>,
    threshold: Vec<ThresholdLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StageLine {
    stage: Goal,
    points: i32,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WeightLine {
    rule: Rule,
    #[serde(default)]
    looked_up: i32,
    #[serde(default)]
    visited: i32,
    #[serde(default)]
    account: i32,
    #[serde(default)]
    signed_up: i32,
    #[serde(default)]
    searching: i32,
    #[serde(default)]
    integrated: i32,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThresholdLine {
    name: Threshold,
    value: u64,
    #[serde(rename = "measured")]
    _measured: bool,
    reason: String,
}

impl Rules {
    /// Reads a rules file; `name` is for messages.
    ///
    /// # Errors
    /// What is wrong, where, and what to do.
    pub fn parse(text: &str, name: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text)
            .map_err(|error| format!("{name}: {}", error.to_string().trim()))?;
        let mut points = vec![None; Goal::ALL.len()];
        for line in &file.stage {
            reasoned(&line.reason, line.stage.label(), name)?;
            once(
                &mut points,
                line.stage.index(),
                line.points,
                line.stage.label(),
                name,
            )?;
        }
        let mut weights = vec![None; Rule::ALL.len()];
        for line in &file.weight {
            reasoned(&line.reason, line.rule.label(), name)?;
            let row = [
                line.looked_up,
                line.visited,
                line.account,
                line.signed_up,
                line.searching,
                line.integrated,
            ];
            if let Some(odd) = row.iter().find(|weight| weight.abs() > 1000) {
                return Err(format!(
                    "{name}: rule `{}` weighs {odd}; keep weights within 1000",
                    line.rule
                ));
            }
            once(
                &mut weights,
                line.rule.index(),
                row,
                line.rule.label(),
                name,
            )?;
        }
        let mut limits = vec![None; Threshold::ALL.len()];
        for line in &file.threshold {
            reasoned(&line.reason, line.name.label(), name)?;
            once(
                &mut limits,
                line.name.index(),
                line.value,
                line.name.label(),
                name,
            )?;
        }
        Ok(Self {
            points: all(points, |n| Goal::ALL[n].label(), name)?,
            weights: all(weights, |n| Rule::ALL[n].label(), name)?,
            limits: Limits(all(limits, |n| Threshold::ALL[n].label(), name)?),
        })
    }

    /// The rules that are built in.
    ///
    /// # Panics
    /// Never in a released program: a test reads them.
    pub fn builtin() -> Self {
        Self::parse(BUILTIN, "blocklists/rules/rules.toml")
            .expect("a test reads the built-in rules")
    }

    /// Points that make a step.
    pub fn points(&self, goal: Goal) -> i32 {
        self.points[goal.index()]
    }

    /// What a rule weighs for a goal; 0 when it says nothing about it.
    pub fn weight(&self, rule: Rule, goal: Goal) -> i32 {
        self.weights[rule.index()][goal.index()]
    }

    /// The goal that a rule speaks for first.
    pub(super) fn first_goal(&self, rule: Rule) -> Goal {
        let goals = Goal::ALL.iter().copied();
        let mut goals = goals.filter(|&goal| self.weight(rule, goal) != 0);
        goals.next().unwrap_or(Goal::LookedUp)
    }

    /// The thresholds, with what the vendor's file replaces.
    pub fn limits(&self, proof: &Proof) -> Limits {
        let mut limits = self.limits.clone();
        for own in &proof.thresholds {
            limits.0[own.name.index()] = own.value;
        }
        limits
    }
}

fn reasoned(reason: &str, what: &str, name: &str) -> Result<(), String> {
    if reason.trim().is_empty() {
        return Err(format!("{name}: `{what}` has no reason; say why"));
    }
    Ok(())
}

fn once<T>(
    places: &mut [Option<T>],
    index: usize,
    value: T,
    what: &str,
    name: &str,
) -> Result<(), String> {
    match places[index].replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{name}: `{what}` stands there twice; keep one")),
    }
}

fn all<T>(
    places: Vec<Option<T>>,
    label: impl Fn(usize) -> &'static str,
    name: &str,
) -> Result<Vec<T>, String> {
    let mut missing = String::new();
    for (n, _) in places.iter().enumerate().filter(|(_, it)| it.is_none()) {
        let _ = write!(missing, " `{}`", label(n));
    }
    if missing.is_empty() {
        Ok(places.into_iter().flatten().collect())
    } else {
        Err(format!(
            "{name}: not given:{missing}; copy them from the built-in file"
        ))
    }
}
