//! Reads the map: TOML, unknown keys are errors with their line.
//!
//! Enters: the text. Leaves: an [`Organisation`], or every problem found, as `file:line: what; what
//! next`. Never: takes half a map; takes an entry of the register without its validity.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Deserialize;
use time::{Date, Month, OffsetDateTime, Time, UtcOffset};
use toml::Spanned;
use toml::value::Datetime;

use super::people::People;
use super::register::Entry;
use super::{Network, Organisation, Place, PlaceKind, SESSION_HOURS, TICKET_HOURS};
use crate::base::{Timestamp, hex};

/// Why a map is refused: one line for each problem.
#[derive(Debug)]
pub struct OrganisationError(Vec<String>);

impl OrganisationError {
    pub(super) const fn new(problems: Vec<String>) -> Self {
        Self(problems)
    }
}

impl fmt::Display for OrganisationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}
impl std::error::Error for OrganisationError {}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    name: String,
    people: Option<PathBuf>,
    realms: Vec<String>,
    mail_domains: Vec<String>,
    mail_local_part_is_user: bool,
    service_accounts: Vec<String>,
    ticket_hours: Option<Spanned<u16>>,
    session_hours: Option<Spanned<u16>>,
    site: Vec<Spanned<SiteTable>>,
    unit: Vec<Spanned<Named>>,
    network: Vec<Spanned<NetworkTable>>,
    router: Vec<Spanned<Router>>,
    authorised: Vec<Spanned<Authorised>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
    #[serde(default, rename = "note")]
    _note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteTable {
    name: String,
    devices: Option<u64>,
    #[serde(default, rename = "note")]
    _note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkTable {
    prefix: Spanned<String>,
    #[serde(default = "staff")]
    kind: PlaceKind,
    site: Option<Spanned<String>>,
    unit: Option<Spanned<String>>,
    #[serde(default, rename = "note")]
    _note: String,
}

const fn staff() -> PlaceKind {
    PlaceKind::Staff
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Router {
    mac: Spanned<String>,
    #[serde(default, rename = "note")]
    _note: String,
}

/// All optional here, so that what is missing can be said by name.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Authorised {
    reference: String,
    owner: String,
    vendor: String,
    hosts: Vec<String>,
    networks: Vec<Spanned<String>>,
    subjects: Vec<String>,
    units: Vec<Spanned<String>>,
    purpose: String,
    legal_basis: String,
    review: String,
    impact_assessment: String,
    valid_from: Option<Datetime>,
    valid_to: Option<Datetime>,
}

/// Problems of one file.
struct Problems<'t> {
    file: &'t str,
    text: &'t str,
    found: Vec<String>,
}

impl Problems<'_> {
    fn line(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }

    fn at(&mut self, offset: usize, what: &str) {
        let line = self.line(offset);
        self.found.push(format!("{}:{line}: {what}", self.file));
    }
}

pub(super) fn load(path: &Path) -> Result<Organisation, OrganisationError> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| {
            OrganisationError(vec![format!(
                "cannot read {}: {error}; correct the path, or let this user read it",
                path.display()
            )])
        })
    };
    let (organisation, people) = parse(&read(path)?, &path.display().to_string())?;
    let Some(people) = people else {
        return Ok(organisation);
    };
    let people = path.parent().unwrap_or(Path::new(".")).join(people);
    organisation.with_people(&read(&people)?, &people.display().to_string())
}

pub(super) fn parse(
    text: &str,
    name: &str,
) -> Result<(Organisation, Option<PathBuf>), OrganisationError> {
    let mut problems = Problems {
        file: name,
        text,
        found: Vec::new(),
    };
    let file: File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            let said = error.message().trim().replace('\n', ", ");
            let what = format!("{said}; deploy/organisation.toml shows every key");
            problems.at(error.span().map_or(0, |span| span.start), &what);
            return Err(OrganisationError(problems.found));
        }
    };
    let people_file = file.people.clone();
    let organisation = checked(file, &mut problems);
    if problems.found.is_empty() {
        Ok((organisation, people_file))
    } else {
        Err(OrganisationError(problems.found))
    }
}

fn checked(file: File, problems: &mut Problems<'_>) -> Organisation {
    let named = file.site.iter();
    let named = named.map(|it| (it.span().start, it.get_ref().name.as_str()));
    let site_names = names(named, "site", problems);
    let sites = file.site.iter().map(Spanned::get_ref);
    let sites = sites.map(|site| (site.name.trim().to_owned(), site.devices));
    let sites = sites.collect();
    let named = file.unit.iter();
    let named = named.map(|it| (it.span().start, it.get_ref().name.as_str()));
    let units = names(named, "unit", problems);
    let mut networks = networks(file.network, &site_names, &units, problems);
    networks.sort_by_key(|network| std::cmp::Reverse(network.net.prefix_len()));
    let mut routers = BTreeSet::new();
    for router in &file.router {
        let mac = &router.get_ref().mac;
        match link_address(mac.get_ref()) {
            Some(mac) => drop(routers.insert(mac)),
            None => problems.at(
                mac.span().start,
                "`mac` is no link-layer address; write it as 00:00:5e:00:01:01",
            ),
        }
    }
    let lower = |texts: Vec<String>| -> Vec<String> {
        texts
            .iter()
            .map(|text| text.trim().to_lowercase())
            .collect()
    };
    let people = People::new(
        lower(file.realms),
        lower(file.mail_domains),
        file.mail_local_part_is_user,
        lower(file.service_accounts),
    );
    Organisation {
        networks,
        register: register(file.authorised, &units, problems),
        routers,
        people,
        units,
        sites,
        ticket_hours: hours(file.ticket_hours, "ticket_hours", TICKET_HOURS, problems),
        session_hours: hours(file.session_hours, "session_hours", SESSION_HOURS, problems),
        digest: digest(&[problems.text.as_bytes()]),
        name: file.name,
    }
}

/// Names of tables, each with where its table begins.
fn names<'t>(
    tables: impl Iterator<Item = (usize, &'t str)>,
    key: &str,
    problems: &mut Problems<'_>,
) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (start, name) in tables {
        let name = name.trim();
        if name.is_empty() {
            let what = format!("this [[{key}]] has an empty `name`; fill it in");
            problems.at(start, &what);
        } else if !names.insert(name.to_owned()) {
            let what = format!("a second [[{key}]] of this name; keep one");
            problems.at(start, &what);
        }
    }
    names
}

fn networks(
    tables: Vec<Spanned<NetworkTable>>,
    sites: &BTreeSet<String>,
    units: &BTreeSet<String>,
    problems: &mut Problems<'_>,
) -> Vec<Network> {
    let mut networks: Vec<Network> = Vec::new();
    for table in tables {
        let line = problems.line(table.span().start);
        let table = table.into_inner();
        for (key, value, known) in [("site", &table.site, sites), ("unit", &table.unit, units)] {
            if let Some(odd) = value.as_ref().filter(|v| !known.contains(v.get_ref())) {
                let what = format!("there is no [[{key}]] of this name; add it or correct this");
                problems.at(odd.span().start, &what);
            }
        }
        let at = table.prefix.span().start;
        let Some(net) = prefix(&table.prefix, problems) else {
            continue;
        };
        if let Some(same) = networks.iter().find(|other| other.net == net) {
            let what = format!("{net} stands on line {} already; keep one", same.line);
            problems.at(at, &what);
        }
        networks.push(Network {
            net,
            place: Place {
                kind: table.kind,
                site: table.site.map(Spanned::into_inner),
                unit: table.unit.map(Spanned::into_inner),
            },
            line,
        });
    }
    networks
}

/// A network without bits behind its length.
fn prefix(text: &Spanned<String>, problems: &mut Problems<'_>) -> Option<IpNet> {
    let at = text.span().start;
    let Ok(net) = text.get_ref().parse::<IpNet>() else {
        problems.at(
            at,
            "this is no network; write it as 10.20.0.0/16 or 2001:db8::/32",
        );
        return None;
    };
    if net.trunc() != net {
        let what = format!(
            "{net} has bits set behind its length; write {}",
            net.trunc()
        );
        problems.at(at, &what);
        return None;
    }
    Some(net)
}

fn register(
    tables: Vec<Spanned<Authorised>>,
    units: &BTreeSet<String>,
    problems: &mut Problems<'_>,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for table in tables {
        let start = table.span().start;
        let entry = entry(table.into_inner(), start, units, problems);
        let Some(entry) = entry else { continue };
        if entries.iter().any(|it| it.reference == entry.reference) {
            problems.at(
                start,
                "a second [[authorised]] of this reference; give each its own",
            );
        }
        entries.push(entry);
    }
    entries
}

fn entry(
    table: Authorised,
    start: usize,
    units: &BTreeSet<String>,
    problems: &mut Problems<'_>,
) -> Option<Entry> {
    let before = problems.found.len();
    for (key, value) in [
        ("reference", &table.reference),
        ("owner", &table.owner),
        ("vendor", &table.vendor),
        ("purpose", &table.purpose),
        ("legal_basis", &table.legal_basis),
        ("review", &table.review),
        ("impact_assessment", &table.impact_assessment),
    ] {
        if value.trim().is_empty() {
            let what = format!("this [[authorised]] has no `{key}`; an entry without it is none");
            problems.at(start, &what);
        }
    }
    if table.hosts.is_empty() {
        let what = "this [[authorised]] has no `hosts`; name them, or write [\"*\"] for all of the \
                    vendor";
        problems.at(start, what);
    }
    if table.networks.is_empty() && table.subjects.is_empty() && table.units.is_empty() {
        let what = "this [[authorised]] says nothing of who may use it; give `networks`, `subjects` \
                    or `units`";
        problems.at(start, what);
    }
    for unit in table.units.iter().filter(|u| !units.contains(u.get_ref())) {
        let what = "there is no [[unit]] of this name; add it or correct this";
        problems.at(unit.span().start, what);
    }
    if table.subjects.iter().any(|subject| !is_pseudonym(subject)) {
        let what = "`subjects` takes pseudonyms as cases show them (person-, device- or machine- \
                    and 32 hex digits), no names";
        problems.at(start, what);
    }
    let networks = table.networks.iter();
    let networks = networks.filter_map(|it| prefix(it, problems)).collect();
    let from = moment(table.valid_from, false, "valid_from", start, problems);
    let to = moment(table.valid_to, true, "valid_to", start, problems);
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        problems.at(
            start,
            "`valid_to` lies before `valid_from`; correct one of them",
        );
    }
    let (valid_from, valid_to) = (from?, to?);
    let host = |host: &String| host.trim().trim_end_matches('.').to_lowercase();
    (problems.found.len() == before).then(|| Entry {
        reference: table.reference.trim().to_owned(),
        owner: table.owner,
        vendor: table.vendor.trim().to_owned(),
        hosts: table.hosts.iter().map(host).collect(),
        networks,
        subjects: table.subjects,
        units: table.units.into_iter().map(Spanned::into_inner).collect(),
        purpose: table.purpose.trim().to_owned(),
        legal_basis: table.legal_basis,
        review: table.review,
        impact_assessment: table.impact_assessment,
        valid_from,
        valid_to,
        line: problems.line(start),
    })
}

/// A date or a date with time. A bare date is a day in UTC, the last day of a validity whole; a
/// time without offset is UTC.
fn moment(
    value: Option<Datetime>,
    end: bool,
    key: &str,
    start: usize,
    problems: &mut Problems<'_>,
) -> Option<Timestamp> {
    let Some(value) = value else {
        let what = format!(
            "this [[authorised]] has no `{key}`: an authorisation without validity is none; add \
             {key} = 2026-01-01"
        );
        problems.at(start, &what);
        return None;
    };
    let made = timestamp(value, end);
    if made.is_none() {
        let what = format!("`{key}` is no date; write 2026-01-01 or 2026-01-01T08:00:00+01:00");
        problems.at(start, &what);
    }
    made
}

fn timestamp(value: Datetime, end: bool) -> Option<Timestamp> {
    let date = value.date?;
    let month = Month::try_from(date.month).ok()?;
    let mut date = Date::from_calendar_date(date.year.into(), month, date.day).ok()?;
    let time = match value.time {
        Some(time) => Time::from_hms(time.hour, time.minute, time.second.unwrap_or(0)).ok()?,
        None => {
            if end {
                date = date.next_day()?;
            }
            Time::MIDNIGHT
        }
    };
    let offset = match value.offset {
        Some(toml::value::Offset::Custom { minutes }) => {
            UtcOffset::from_whole_seconds(i32::from(minutes) * 60).ok()?
        }
        _ => UtcOffset::UTC,
    };
    let moment = OffsetDateTime::new_in_offset(date, time, offset);
    Some(Timestamp::from_secs_nanos(moment.unix_timestamp(), 0))
}

fn is_pseudonym(text: &str) -> bool {
    ["person-", "device-", "machine-"].iter().any(|kind| {
        text.strip_prefix(kind)
            .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
    })
}

fn hours(value: Option<Spanned<u16>>, key: &str, plain: u16, problems: &mut Problems<'_>) -> u16 {
    let Some(value) = value else { return plain };
    if !(1..=720).contains(value.get_ref()) {
        let what = format!("`{key}` is out of bounds: use 1 to 720");
        problems.at(value.span().start, &what);
    }
    value.into_inner()
}

/// Six bytes in hex, between `:`, `-` or nothing.
fn link_address(text: &str) -> Option<[u8; 6]> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b":-.".contains(b)).collect();
    let digits = std::str::from_utf8(&digits).ok()?;
    if digits.len() != 12 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let value = u64::from_str_radix(digits, 16).ok()?;
    let [_, _, mac @ ..] = value.to_be_bytes();
    Some(mac)
}

/// First 16 hex digits of SHA-256 over the parts.
pub(super) fn digest(parts: &[&[u8]]) -> String {
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        hash.update(part);
        hash.update(&[0]);
    }
    let bytes = hash.finish();
    let bytes = bytes.as_ref().get(..8).unwrap_or_default();
    hex::encode(bytes)
}
