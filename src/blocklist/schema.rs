//! What the catalogue knows about a vendor: the words of a vendor file, as types.
//!
//! Enters: nothing. Leaves: closed sets and plain records. Never: reads a file; holds a rule that
//! has not been checked. `blocklists/README.md` tells what each field means to a contributor.

use crate::base::seen::closed_set;

closed_set! {
    /// How a rule covers names.
    MatchKind {
        /// This one name.
        Exact = "exact",
        /// One `*` stands for exactly one whole label.
        Pattern = "pattern",
        /// This name and every name below it.
        Suffix = "suffix",
    }
}

closed_set! {
    /// What a host is for.
    Role {
        /// Public site.
        Marketing = "marketing",
        /// Registration, trial, demo forms.
        Signup = "signup",
        /// Log-in.
        Auth = "auth",
        /// The service itself, in a browser.
        App = "app",
        /// The service itself, for programs.
        Api = "api",
        /// Where images are sent.
        Upload = "upload",
        /// Mail of the vendor.
        Mail = "mail",
        /// Documentation, status and trust pages.
        Docs = "docs",
        /// Static files and pictures.
        Cdn = "cdn",
        /// Payment.
        Payment = "payment",
        /// A data subject's requests: opt-out, access, erasure. Informational, never an alert.
        Rights = "rights",
    }
}

closed_set! {
    /// What kind of company it is.
    Category {
        /// Searches faces of strangers.
        FaceSearch = "face-search",
        /// Sells face recognition to programs.
        FaceApi = "face-api",
        /// Checks that a person is who they say: not misuse.
        IdentityVerification = "identity-verification",
        /// Video or forensic platform with face recognition.
        SurveillancePlatform = "surveillance-platform",
        /// Serves a vendor (hosting, mail, payment). Never a hit.
        Supplier = "supplier",
        /// From the organisation's own plain list.
        UserList = "user-list",
    }
}

closed_set! {
    /// How much a hit matters.
    Severity {
        /// Use of the service is in itself a serious matter.
        High = "high",
        /// Worth a look.
        Medium = "medium",
        /// Weak by itself.
        Low = "low",
        /// To be known, not to be acted upon.
        Informational = "informational",
        /// Suppliers only: support for another sighting, never a hit.
        ContextOnly = "context-only",
    }
}

closed_set! {
    /// How sure it is that the name is the vendor's.
    Confidence {
        /// Stated by the vendor or by several independent sources.
        High = "high",
        /// One good source, or plain from the name itself.
        Medium = "medium",
        /// One weak source, or a name that may have changed hands.
        Low = "low",
    }
}

closed_set! {
    /// Where the knowledge comes from.
    Provenance {
        /// Taken from the sources given with it.
        Sourced = "sourced",
        /// From memory; nobody has looked it up yet.
        Unverified = "unverified",
    }
}

closed_set! {
    /// Is the service running?
    Status {
        /// Yes.
        Active = "active",
        /// No longer; its names may have a new owner.
        Defunct = "defunct",
        /// Nobody could tell.
        Unknown = "unknown",
    }
}

closed_set! {
    /// The highest stage that metadata alone can prove of this vendor.
    Stage {
        /// A name was seen.
        LookedUp = "looked-up",
        /// A human session on the site.
        Visited = "visited",
        /// One host carries sign-up, log-in, use **and** privacy requests.
        AccountOrRightsRequest = "account-or-rights-request",
        /// One host carries sign-up, log-in and use.
        AccountOrLogin = "account-or-login",
        /// A host of its own tells a sign-up.
        SignedUp = "signed-up",
        /// A host of its own tells that the service is used.
        Searching = "searching",
        /// A machine uses it.
        Integrated = "integrated",
    }
}

closed_set! {
    /// The best that a sign-up can be told as.
    SignupProof {
        /// A host of its own carries sign-up: with the vendor's mail it can be told from a log-in.
        SignedUp = "signed-up",
        /// Sign-up, log-in and use share a host.
        AccountOrLogin = "account-or-login",
        /// Privacy requests share it too.
        AccountOrRightsRequest = "account-or-rights-request",
        /// Nothing above a visit can be told.
        None = "none",
    }
}

closed_set! {
    /// Does the vendor write to people who log in?
    LoginMail {
        /// A public document describes log-in, and no mail is part of it.
        None = "none",
        /// A code, a link or a notice is mailed.
        Sent = "sent",
        /// No source tells. Counts as `sent`.
        Unknown = "unknown",
    }
}

closed_set! {
    /// Sizes, times and counts that the rules of the cases compare with. Defaults, units and
    /// reasons stand in `blocklists/rules/rules.toml`; a vendor file may replace one.
    Threshold {
        /// Minutes without anything that end a sitting.
        SittingGapMinutes = "sitting_gap_minutes",
        /// Seconds from first to last exchange of a visit.
        VisitSeconds = "visit_seconds",
        /// Bytes down of one page loaded whole.
        PageBytesDown = "page_bytes_down",
        /// Bytes down of a page that no preview reaches.
        PageWholeBytesDown = "page_whole_bytes_down",
        /// Bytes up while one page is loaded whole.
        PageBytesUp = "page_bytes_up",
        /// Bytes up that belong to the handshake of a connection.
        HandshakeBytesUp = "handshake_bytes_up",
        /// Bytes down that belong to it.
        HandshakeBytesDown = "handshake_bytes_down",
        /// Bytes up below which an exchange is upkeep of the connection.
        ExchangeBytesUp = "exchange_bytes_up",
        /// Bytes down below which it is.
        ExchangeBytesDown = "exchange_bytes_down",
        /// Bytes up of the smallest form.
        FormBytesUpMin = "form_bytes_up_min",
        /// Bytes up of the largest form.
        FormBytesUpMax = "form_bytes_up_max",
        /// Bytes down of a form's answer where other pages share the host.
        FormBytesDownMax = "form_bytes_down_max",
        /// Bytes down of a form's answer, with the page that follows, on a host for accounts.
        FormPageBytesDownMax = "form_page_bytes_down_max",
        /// Seconds of rest before a form is sent.
        ThinkSeconds = "think_seconds",
        /// Seconds from page to form: longer than most log-ins.
        FillSeconds = "fill_seconds",
        /// Seconds from page to form: as long as a registration takes.
        FillLongSeconds = "fill_long_seconds",
        /// Seconds on the vendor's public pages before the form.
        ReadingSeconds = "reading_seconds",
        /// The same, of somebody who is new to it.
        ReadingLongSeconds = "reading_long_seconds",
        /// Bytes up of the smallest picture.
        ImageBytesUp = "image_bytes_up",
        /// Bytes down of an answer with results.
        AnswerBytesDown = "answer_bytes_down",
        /// Seconds within which an answer comes.
        AnswerSeconds = "answer_seconds",
        /// Minutes from form to verification mail.
        MailMinutes = "mail_minutes",
        /// Seconds in which a mail follows on what may be a form or a page.
        PromptMailSeconds = "prompt_mail_seconds",
        /// Minutes from mail back to the vendor's host.
        BackMinutes = "back_minutes",
        /// Days from sign-up to first contact with the service.
        FirstContactDays = "first_contact_days",
        /// Seconds from a vendor's name to a supporting one.
        SupportSeconds = "support_seconds",
        /// Exchanges of a machine before they are called regular.
        RegularCount = "regular_count",
        /// The same, of a device that is not known as a machine.
        RegularDeviceCount = "regular_device_count",
        /// Percent of intervals near the median.
        RegularShare = "regular_share",
        /// Percent off the median that counts as near.
        RegularSpread = "regular_spread",
    }
}

closed_set! {
    /// What a match of a rule amounts to.
    Class {
        /// The vendor's own host: makes a hit.
        Hit = "hit",
        /// A shared host: counted, support at most.
        DualUse = "dual-use",
        /// A supplier's host: counted, support at most.
        Supplier = "supplier",
    }
}

/// A vendor (or supplier, or user list) with all that its file says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Vendor {
    /// Stable id; equals the file's stem.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Other names.
    pub aliases: Vec<String>,
    /// Company behind it.
    pub legal_entity: Option<String>,
    /// Country code, possibly with a remark.
    pub country: Option<String>,
    /// Kind of company.
    pub category: Category,
    /// Severity of its hosts unless a host says otherwise.
    pub severity: Severity,
    /// Running or not.
    pub status: Status,
    /// Highest stage that metadata can prove; `None` for suppliers and user lists.
    pub highest_stage: Option<Stage>,
    /// Remarks.
    pub note: Option<String>,
    /// Sources that anybody can open.
    pub sources: Vec<String>,
    /// Sources that nobody can open.
    pub unverified_sources: Vec<String>,
    /// How its use unfolds on the wire.
    pub flow: Option<Flow>,
    /// What its names, sizes and times can prove; see [`Vendor::proof`].
    pub proof: Option<Proof>,
    /// Its hosts, in file order. Empty for user lists, whose rules carry nothing more.
    pub hosts: Vec<Host>,
    /// Whom it serves.
    pub relations: Vec<Relation>,
    /// Name of the list file, without its folder.
    pub file: String,
}

impl Vendor {
    /// What can be proved of it: its `[proof]`, else what its highest stage implies.
    pub fn proof(&self) -> Proof {
        self.proof
            .clone()
            .unwrap_or_else(|| Proof::of_stage(self.highest_stage))
    }
}

/// What names, sizes and times can prove of a vendor, and where they mislead.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Proof {
    /// The best that a sign-up can be told as.
    pub signup: SignupProof,
    /// Does log-in to an account that is there already send mail?
    pub login_mail: LoginMail,
    /// What the sources say of it; empty only when nothing above a visit can be told of accounts.
    pub login_mail_reason: String,
    /// Where they say it: sources that anybody can open.
    pub login_mail_sources: Vec<String>,
    /// Can use of the service be told (a host of its own for results or programs)?
    pub search: bool,
    /// Can regular use by a machine be told (a host of its own for programs)?
    pub integration: bool,
    /// Why, in a sentence.
    pub reason: String,
    /// Hosts that are contacted only when the service is used; `*` stands for a part of a label.
    pub use_hosts: Vec<String>,
    /// Hosts whose forms ask for a demonstration or a call: never an account.
    pub demo_hosts: Vec<String>,
    /// Remarks for those who read a case.
    pub also: Vec<String>,
    /// Thresholds that differ for this vendor.
    pub thresholds: Vec<OwnThreshold>,
}

impl Proof {
    /// What a highest stage implies when a file has no `[proof]`.
    pub fn of_stage(highest: Option<Stage>) -> Self {
        let signup = match highest {
            Some(Stage::AccountOrRightsRequest) => SignupProof::AccountOrRightsRequest,
            Some(Stage::AccountOrLogin | Stage::Searching | Stage::Integrated) => {
                SignupProof::AccountOrLogin
            }
            Some(Stage::SignedUp) => SignupProof::SignedUp,
            Some(Stage::LookedUp | Stage::Visited) | None => SignupProof::None,
        };
        Self {
            signup,
            login_mail: LoginMail::Unknown,
            login_mail_reason: String::new(),
            login_mail_sources: Vec::new(),
            search: highest >= Some(Stage::Searching),
            integration: highest == Some(Stage::Integrated),
            reason: "nothing is known that tells more than a visit".into(),
            use_hosts: Vec::new(),
            demo_hosts: Vec::new(),
            also: Vec::new(),
            thresholds: Vec::new(),
        }
    }

    /// The highest stage that follows.
    pub const fn highest(&self) -> Stage {
        match (self.integration, self.search, self.signup) {
            (true, _, _) => Stage::Integrated,
            (_, true, _) => Stage::Searching,
            (_, _, SignupProof::SignedUp) => Stage::SignedUp,
            (_, _, SignupProof::AccountOrLogin) => Stage::AccountOrLogin,
            (_, _, SignupProof::AccountOrRightsRequest) => Stage::AccountOrRightsRequest,
            (_, _, SignupProof::None) => Stage::Visited,
        }
    }

    /// Is this a host that is contacted only when the service is used?
    pub fn is_use_host(&self, name: &str) -> bool {
        self.use_hosts.iter().any(|glob| covers(glob, name))
    }

    /// Is this a host of demonstration or contact forms?
    pub fn is_demo_host(&self, name: &str) -> bool {
        self.demo_hosts.iter().any(|glob| covers(glob, name))
    }
}

/// Does `glob`, in which `*` stands for any characters within its label, cover `name`?
fn covers(glob: &str, name: &str) -> bool {
    let (mut left, mut right) = (glob.split('.'), name.split('.'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(glob), Some(label)) => {
                let fits = match glob.split_once('*') {
                    None => glob == label,
                    Some((head, tail)) => {
                        label.len() >= head.len() + tail.len()
                            && label.starts_with(head)
                            && label.ends_with(tail)
                    }
                };
                if !fits {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// A threshold that differs for one vendor.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct OwnThreshold {
    /// Which.
    pub name: Threshold,
    /// Its value, in the unit of the name.
    pub value: u64,
    /// Why it differs.
    pub reason: String,
    /// Measured, or a design guess?
    pub measured: bool,
}

/// One host of a vendor.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Host {
    /// Normal form; in a pattern one label is `*`.
    pub name: String,
    /// How it covers names.
    pub kind: MatchKind,
    /// Pattern only: the wildcard label may not begin with any of these (`s3` in
    /// `rekognition.*.amazonaws.com`: a bucket called "rekognition" is no Rekognition).
    pub wildcard_not: Vec<String>,
    /// Main use.
    pub role: Role,
    /// Further uses of the same host.
    pub also_roles: Vec<Role>,
    /// Severity of a match.
    pub severity: Severity,
    /// Is it the vendor's?
    pub confidence: Confidence,
    /// Where the knowledge comes from.
    pub provenance: Provenance,
    /// Shared with harmless uses: never a hit.
    pub dual_use: bool,
    /// Sources that anybody can open.
    pub sources: Vec<String>,
    /// Sources that nobody can open.
    pub unverified_sources: Vec<String>,
    /// Newest date that a source gives: `2026-04-14` or `2026-03`.
    pub seen: Option<String>,
    /// Remarks.
    pub note: Option<String>,
    /// Line of its table in the file.
    pub line: u32,
}

impl Host {
    /// Does it rest on at least one source that anybody can open?
    pub fn verified(&self) -> bool {
        !self.sources.is_empty()
    }
}

/// How the use of a vendor unfolds, in the words of the sources; marks such as "(unverified)" or
/// "inferred" belong to the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Flow {
    /// Hosts of a visit.
    pub visit: Vec<String>,
    /// Hosts of a registration.
    pub signup: Vec<String>,
    /// Verification mail.
    pub mail_verify: Vec<String>,
    /// Hosts of a log-in.
    pub login: Vec<String>,
    /// Hosts of a search or an upload.
    pub search_upload: Vec<String>,
    /// Third parties that appear beside it.
    pub third_party: Vec<String>,
    /// Terms of a trial.
    pub trial: Option<String>,
    /// What a sequence of names and sizes tells.
    pub metadata_signature: Option<String>,
    /// What of this was seen and what is a guess.
    pub evidence: Option<String>,
}

/// "This company serves that vendor": for the regulator, never a matter of staff traffic.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Relation {
    /// Id of the vendor that is served.
    pub serves: String,
    /// With what.
    pub what: String,
    /// Line of its table in the file.
    pub line: u32,
}
