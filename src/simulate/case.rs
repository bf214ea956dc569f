//! The case file: a scenario in TOML, and what must come of it. `seeds/README.md` explains it.
//!
//! Enters: the text. Leaves: [`CaseFile`], checked, and from it a [`Plan`]. Never: reads a file;
//! opens `[organisation]`, which belongs to the stage of that name.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::behaviour;
use super::chance::Chance;
use super::plan::{Client, Plan, Session, Transport};
use super::sessions::Act;

/// 2 March 2026, 07:00 UTC, a Monday: the start of every case file that does not name one.
const START: u64 = 1_772_434_800;

/// One scenario.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// One line.
    pub title: String,
    /// `P1` to `P5`: the paper that the fact comes from.
    pub paper: String,
    /// What it is about.
    pub story: String,
    /// Seconds since the epoch of `at = 0`.
    #[serde(default = "start")]
    pub start: u64,
    /// Networks that are excluded before any name is read (`read --exclude`).
    #[serde(default)]
    pub exclude: Vec<IpNet>,
    /// Map and register, as the organisation's file has them.
    #[serde(default)]
    pub organisation: toml::Table,
    /// Who is in it, by a word for the part they play.
    pub clients: BTreeMap<String, ClientEntry>,
    /// What they do.
    #[serde(rename = "step", default)]
    pub steps: Vec<Step>,
    /// Hits that must come out, and no others.
    #[serde(rename = "hit", default)]
    pub hits: Vec<ExpectedHit>,
    /// What else must come out.
    #[serde(default)]
    pub expect: Expect,
}

const fn start() -> u64 {
    START
}

/// A client: its address alone, or more of it.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub enum ClientEntry {
    /// Address.
    Address(IpAddr),
    /// Address and more.
    Full(ClientFields),
}

/// What can be said of a client.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientFields {
    address: IpAddr,
    mac: Option<String>,
    host: Option<String>,
    user: Option<String>,
    mail: Option<String>,
}

/// One thing that a client does.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Seconds after the start.
    pub at: u64,
    /// Whose it is.
    pub client: String,
    /// What: see [`Does`].
    pub does: Does,
    /// Name of the host; of mail, the sender's address.
    #[serde(default)]
    pub name: String,
    /// DNS type number of a look-up; 1 is A, 28 AAAA, 65 HTTPS.
    #[serde(default = "one")]
    pub qtype: u16,
    /// CNAME targets in the answer of a look-up.
    #[serde(default)]
    pub cname: Vec<String>,
    /// Server's port of a connection.
    #[serde(default = "https")]
    pub port: u16,
    /// Bytes that the client sends after its hello, in one go (`tls`, `quic`).
    #[serde(default = "some_bytes")]
    pub up: u32,
    /// What a browser speaks.
    #[serde(default = "h2")]
    pub transport: Transport,
    /// `dhcp`, `radius`: start, interim or stop.
    #[serde(default = "begin")]
    pub session: Session,
    /// `dhcp`: seconds of the lease.
    #[serde(default = "working_day")]
    pub lease: u32,
    /// How often, and how many seconds apart.
    #[serde(default = "once")]
    pub times: u64,
    /// Seconds apart.
    #[serde(default = "minute")]
    pub every: u64,
}

const fn one() -> u16 {
    1
}
const fn https() -> u16 {
    443
}
const fn some_bytes() -> u32 {
    600
}
const fn once() -> u64 {
    1
}
const fn minute() -> u64 {
    60
}
const fn h2() -> Transport {
    Transport::H2
}
const fn begin() -> Session {
    Session::Start
}
const fn working_day() -> u32 {
    36_000
}

/// What a step may be. Any [`Act`] by its label, too; `browse`, `form` and `upload` are short for
/// `page-visit`, `signup-form` and `photo-upload`.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Does {
    /// `look-up`: one DNS look-up.
    LookUp,
    /// `prefetch`: the look-ups of a browser (A, AAAA, HTTPS) and nothing else.
    Prefetch,
    /// `tls`: one TLS connection with `up` bytes.
    Tls,
    /// `quic`: one QUIC connection with `up` bytes.
    Quic,
    /// `dhcp`: address given or given up.
    Dhcp,
    /// `radius`: accounting record of the client's user.
    Radius,
    /// `kerberos`: log-in of the client's user.
    Kerberos,
    /// `mail`: in the mail server's log, a mail from `name` to the client's mailbox.
    Mail,
    /// `smtp`: the same in clear on the wire.
    Smtp,
    /// An act of a browser or program, out of the recorded sessions.
    Act(Act),
}

impl TryFrom<String> for Does {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.as_str() {
            "look-up" => Self::LookUp,
            "prefetch" => Self::Prefetch,
            "tls" => Self::Tls,
            "quic" => Self::Quic,
            "dhcp" => Self::Dhcp,
            "radius" => Self::Radius,
            "kerberos" => Self::Kerberos,
            "mail" => Self::Mail,
            "smtp" => Self::Smtp,
            "browse" => Self::Act(Act::PageVisit),
            "form" => Self::Act(Act::SignupForm),
            "upload" => Self::Act(Act::PhotoUpload),
            other => match Act::ALL.iter().find(|act| act.label() == other) {
                Some(act) => Self::Act(*act),
                None => return Err(format!("`{other}` is nothing that a step can do")),
            },
        })
    }
}

/// Hits that must come out, alike but for their time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedHit {
    /// Vendor id.
    pub vendor: String,
    /// Text of the rule.
    pub rule: String,
    /// How it was seen.
    pub seen: String,
    /// The name.
    pub name: String,
    /// Severity.
    pub severity: String,
    /// How often. Without it: at least once (recorded sessions open more or fewer connections).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// What must come out beside hits.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Cases: exactly these, but that a case at `looked-up` may stand beside them.
    #[serde(rename = "case", default)]
    pub cases: Vec<ExpectedCase>,
    /// Clients about whom there must be no case of their own as a person.
    #[serde(default)]
    pub nobody: Vec<String>,
    /// Vendors of whom there must be no case at all.
    #[serde(default)]
    pub no_case_of: Vec<String>,
    /// Answers that must be given in these words.
    #[serde(default)]
    pub answers: Vec<String>,
}

/// A case that must come out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedCase {
    /// The client whose it is.
    pub who: String,
    /// Vendor id.
    pub vendor: String,
    /// The stage that is reached in the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// The highest stage that it may reach (for what must not become more).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<String>,
    /// Standing; `any` where the design leaves it open.
    #[serde(default = "unauthorised")]
    pub standing: String,
    /// Band of search-like uploads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub band: Option<String>,
    /// Kind of subject: `person`, `device`, `machine`, `organisation`...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Grade of the attribution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grade: Option<String>,
    /// Stages about which an alert must go out; `[]`: no alert at all may go out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alerts: Option<Vec<String>>,
    /// Kinds of evidence that must be among its items.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// Texts that some item, ruling, alert or line of its explanation must hold.
    #[serde(default)]
    pub says: Vec<String>,
}

fn unauthorised() -> String {
    "unauthorised".into()
}

impl CaseFile {
    /// From the text of a file.
    ///
    /// # Errors
    /// A sentence with the place: what is wrong, and what may stand there.
    pub fn parse(text: &str) -> Result<Self, String> {
        let case: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        for (number, step) in case.steps.iter().enumerate() {
            let wrong = |what: &str| Err(format!("step {}: {what}", number + 1));
            let Some(client) = case.clients.get(&step.client) else {
                return wrong(&format!("`{}` is not among [clients]", step.client));
            };
            let (user, mail) = match client {
                ClientEntry::Address(_) => (false, false),
                ClientEntry::Full(fields) => (fields.user.is_some(), fields.mail.is_some()),
            };
            match step.does {
                Does::Radius | Does::Kerberos if !user => return wrong("its client has no `user`"),
                Does::Mail | Does::Smtp if !mail => return wrong("its client has no `mail`"),
                Does::Dhcp | Does::Radius | Does::Kerberos => {}
                _ if step.name.is_empty() => return wrong("`name` is missing"),
                _ => {}
            }
        }
        for it in &case.expect.cases {
            if !case.clients.contains_key(&it.who) {
                return Err(format!("expect.case: `{}` is not among [clients]", it.who));
            }
        }
        Ok(case)
    }

    /// What passes, for one seed.
    ///
    /// # Errors
    /// A client that cannot be: a link-layer address that is none.
    pub fn plan(&self, seed: u64) -> Result<Plan, String> {
        let mut plan = Plan::new(self.start);
        let mut numbers = BTreeMap::new();
        for (index, (key, entry)) in self.clients.iter().enumerate() {
            numbers.insert(key.as_str(), plan.client(entry.client(key, index)?));
        }
        behaviour::play(self, &numbers, &mut plan, &mut Chance::new(seed));
        plan.finish();
        Ok(plan)
    }
}

/// What must come out, as `simulate --expect` writes it.
#[derive(Serialize)]
pub struct Outcome {
    /// Of the case file.
    pub title: String,
    /// `P1` to `P5`.
    pub paper: String,
    /// How often each name passes, by how it is seen.
    pub names: Vec<(String, String, u64)>,
    /// Hits.
    pub hits: Vec<ExpectedHit>,
    /// Cases and answers.
    pub expect: Expect,
}

impl CaseFile {
    /// The expected outcome of one plan.
    pub fn outcome(&self, plan: &Plan) -> Outcome {
        let names = plan.sightings(&self.exclude).into_iter();
        Outcome {
            title: self.title.clone(),
            paper: self.paper.clone(),
            names: names.map(|((seen, name), n)| (seen, name, n)).collect(),
            hits: self.hits.clone(),
            expect: self.expect.clone(),
        }
    }
}

impl ClientEntry {
    fn client(&self, key: &str, index: usize) -> Result<Client, String> {
        // Locally administered, so that nobody's device is meant.
        let own = [2, 0, 0, 0, 1, index as u8 + 1];
        Ok(match self {
            Self::Address(address) => Client {
                key: key.into(),
                address: *address,
                mac: own,
                host: None,
                user: None,
                mail: None,
            },
            Self::Full(fields) => Client {
                key: key.into(),
                address: fields.address,
                mac: match &fields.mac {
                    Some(text) => mac(text).ok_or_else(|| format!("{key}: `{text}` is no MAC"))?,
                    None => own,
                },
                host: fields.host.clone(),
                user: fields.user.clone(),
                mail: fields.mail.clone(),
            },
        })
    }
}

fn mac(text: &str) -> Option<[u8; 6]> {
    let bytes: Option<Vec<u8>> = text
        .split(':')
        .map(|part| u8::from_str_radix(part, 16).ok())
        .collect();
    bytes?.try_into().ok()
}

/// The DHCP, RADIUS and mail server of the made-up organisation.
pub const SERVICES: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
