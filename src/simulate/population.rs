//! Offices with known truth: people who each do one thing with a vendor on each day of a week, and
//! some who make a trial account.
//!
//! Enters: a seed. Leaves: an [`Office`]: a plan, the map of the organisation, and who did what.
//! Never: draws a size or a pause elsewhere than from `sessions` and `course`.
//!
//! Assumptions that no source gives, so that nobody takes them for measured: half of the offices
//! see their clients' look-ups, half see those of an internal resolver; half learn names of users
//! from RADIUS, half from Kerberos; in a seventh of the courses site and account share one
//! connection; a third of the browsers speaks HTTP/3; a vendor's mail comes from its own domain, or
//! (the model as first written, [`Office::with_mail_services`]) a fifth of it from a mail service.
//!
//! No source says of a vendor with a host of its own for accounts that its log-in sends no mail. So
//! every way of log-in that help pages of other services describe is played at each of them.

mod day;
mod organisation;

use std::collections::{BTreeMap, BTreeSet};

use super::chance::Chance;
use super::plan::{Plan, What};
use crate::base::seen::closed_set;
use day::Week;

/// Seeds below this are for development (trying rules out), from it on for evaluation.
pub const EVALUATION_FROM: u64 = 1_000_000;
/// Days of an office's plan.
pub const DAYS: usize = 5;
/// People of an office that do a confounder a day.
pub const CONFOUNDERS: usize = 18;
/// People of an office that sign up on one of the days, and do nothing else with that vendor.
pub const SIGNUPS: usize = 2;

closed_set! {
    /// What a person-day consists of.
    Kind {
        /// A trial account is made.
        SignUp = "sign-up",
        /// The site is read.
        Visit = "visit",
        /// Pictures are searched without an account.
        SearchOnly = "search-without-account",
        /// An article links to the vendor; the browser prefetches and preconnects.
        Article = "article-preconnect",
        /// The same, look-ups alone.
        Prefetch = "dns-prefetch",
        /// A bot of the chat server fetches a linked page.
        PreviewBot = "link-preview-bot",
        /// The mail server opens the links of a vendor's mail.
        MailScanner = "mail-scanner",
        /// The security team looks at a vendor.
        Research = "security-research",
        /// Through a proxy without a log.
        Proxy = "proxy",
        /// On a terminal server, with others.
        TerminalServer = "terminal-server",
        /// Behind an address translator without a log.
        Nat = "nat-address",
        /// The address has a new holder after noon; both visit.
        ChangedHands = "address-changed-hands",
        /// A visitor on the visitors' network signs up.
        Visitor = "visitor-network",
        /// Log-in to an account made elsewhere.
        Login = "login-elsewhere",
        /// The same, where log-in asks for a code that comes by mail.
        CodeLogin = "login-with-mailed-code",
        /// The same without a password: a mailed link logs in.
        LinkLogin = "login-by-mailed-link",
        /// The same from a device that the service does not know: a mail tells of it, or asks to confirm it.
        NewDevice = "login-from-new-device",
        /// A forgotten password.
        Reset = "password-reset",
        /// Something of an account made elsewhere is changed, or the account deleted; confirmed by mail.
        Change = "account-change-by-mail",
        /// Support asked, or something bought, in an account made elsewhere; a receipt comes by mail.
        Receipt = "ticket-or-receipt-by-mail",
        /// Demo or contact form.
        Demo = "demo-form",
        /// Newsletter.
        Newsletter = "newsletter",
        /// An invitation that is never redeemed.
        Invitation = "invitation-never-redeemed",
        /// An invitation that is redeemed: an account is made, and not as a trial account is.
        Redeemed = "invitation-redeemed",
        /// Rights request with photo and mail.
        Rights = "rights-request",
        /// A phone knows its owner.
        FaceUnlock = "face-unlock",
        /// An eGate.
        Egates = "egates",
        /// A bank's identity check.
        IdentityCheck = "identity-check",
        /// Names that only look alike.
        LookAlike = "look-alike-names",
        /// Trackers and mail services alone.
        Supplier = "suppliers-alone",
    }
}

closed_set! {
    /// What somebody truly did with a vendor, at most.
    Reached {
        /// Nothing: others, or machines, did.
        Nothing = "nothing",
        /// Names were looked up, connections opened; no session.
        LookedUp = "looked-up",
        /// A session on the site.
        Visited = "visited",
        /// An account that was there before is used, or a form is sent that makes none.
        Account = "account",
        /// A trial account was made.
        SignedUp = "signed-up",
        /// The service was used.
        Searched = "searched",
    }
}

/// What one person did with one vendor, over the week.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// The highest that was reached; `None` for nothing.
    pub reached: Option<Reached>,
    /// Was an account made?
    pub signed_up: bool,
    /// When the form was sent, microseconds after the plan's start.
    pub signed_up_at: u64,
    /// Was an invitation redeemed? An account made, though not found by what is asked for here.
    pub redeemed: bool,
    /// Was the service used?
    pub searched: bool,
    /// Which kinds of day it came from.
    pub kinds: BTreeSet<Kind>,
}

/// A person of the office.
pub struct Person {
    /// Name of the user.
    pub user: String,
    /// Mailbox.
    pub mail: String,
    /// Device.
    pub mac: [u8; 6],
    /// Its name.
    pub host: String,
    /// What they did, by vendor id.
    pub truth: BTreeMap<&'static str, Truth>,
}

/// A week of an office.
pub struct Office {
    /// Its seed.
    pub seed: u64,
    /// What passes. Not yet finished plans never leave here.
    pub plan: Plan,
    /// Map and register, TOML.
    pub organisation: String,
    /// The staff.
    pub people: Vec<Person>,
    /// Person-days that held a confounder, by kind.
    pub days: BTreeMap<Kind, u32>,
    /// Vendors that visitors, machines or people behind shared addresses dealt with: nobody of the
    /// staff may be named for those by it.
    pub others: BTreeMap<&'static str, u32>,
}

impl Office {
    /// The mail model as first written: a fifth of the mail comes from the domain of a mail service
    /// that no list knows. The share is an assumption, no source gives it.
    #[must_use]
    pub fn with_mail_services(mut self) -> Self {
        let mut chance = Chance::new(self.seed).part(0x6d61_696c);
        for it in &mut self.plan.moves {
            if let What::Mail { from, .. } = &mut it.what
                && chance.happens(0.2)
            {
                *from = "bounce@em4711.mailservice.example".into();
            }
        }
        self
    }
}

/// One office's week.
pub fn office(seed: u64) -> Office {
    office_where(seed, true)
}

/// The same where no vendor's log-in sends mail, as a public document may one day say: those who would
/// log in with a mailed code or link, or be told of a new device, log in without.
pub fn office_without_login_mail(seed: u64) -> Office {
    office_where(seed, false)
}

fn office_where(seed: u64, login_mail: bool) -> Office {
    let mut week = Week::new(seed, login_mail, Chance::new(seed));
    for day in 0..DAYS {
        week.day(day);
    }
    week.finish()
}
