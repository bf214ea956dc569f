//! Cases: inputs to stages, by subject of the tests below; this file makes the inputs.

mod attribution;
mod connections;
mod contested;
mod confounders;
mod crash;
mod edges;
mod mails;
mod order;
mod rules;
mod searching;
mod signup;
mod visited;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};

use super::*;
use crate::base::{EchVerdict, Endpoints, RawName, Seen, Transport};
use crate::blocklist::{Catalogue, Verdict};
use crate::event::{Burst, Hit, HitRule, Mail, MailSource, Support};
use crate::identity::{Attribution, Grade, SubjectKind, Trace};
use crate::organisation::{Organisation, Place, PlaceKind};

static CATALOGUE: LazyLock<Arc<Catalogue>> =
    LazyLock::new(|| Arc::new(Catalogue::builtin().unwrap_or_else(|_| panic!("the catalogue"))));

/// 2026-11-02T09:00:00Z, a Monday.
const MORNING: i64 = 1_793_610_000;

/// A moment, in seconds after the morning.
fn at(seconds: f64) -> Timestamp {
    Timestamp(MORNING * 1_000_000_000 + (seconds * 1e9) as i64)
}

fn rule(name: &str) -> HitRule {
    let raw = RawName::Text(name.as_bytes());
    let found = match CATALOGUE.find(&raw) {
        Verdict::Hit(found) | Verdict::Context(found) => found,
        Verdict::Way(way) => return HitRule::of_way(way),
        _ => panic!("{name} is not in the catalogue"),
    };
    HitRule {
        vendor: found.vendor().id.clone(),
        vendor_name: found.vendor().name.clone(),
        rule: found.rule().into(),
        kind: found.kind().to_string(),
        role: found.role().expect("a host").to_string(),
        category: found.category().to_string(),
        severity: found.severity().to_string(),
        confidence: found.confidence().to_string(),
        source: found.source().into(),
    }
}

/// Somebody, at a place of the map.
#[derive(Clone)]
pub(super) struct Who {
    pub(super) attribution: Attribution,
    address: u8,
}

fn who(kind: SubjectKind, place: PlaceKind, n: u8) -> Who {
    let grade = match kind {
        SubjectKind::Person => Grade::A,
        SubjectKind::Device => Grade::D,
        _ => Grade::None,
    };
    Who {
        attribution: Attribution {
            subject: SubjectId::new(format!("{kind}-{n:032x}")),
            kind,
            grade,
            sources: Vec::new(),
            from: None,
            until: None,
            learned: None,
            place: Place {
                kind: place,
                site: Some("north".into()),
                unit: Some("registry".into()),
            },
            reason: "as the test says".into(),
        },
        address: n,
    }
}

fn person(n: u8) -> Who {
    who(SubjectKind::Person, PlaceKind::Staff, n)
}

fn trace(who: &Who, time: Timestamp) -> Trace {
    Trace {
        time,
        address: format!("ip-{:032x}", who.address),
        networks: Vec::new(),
        mac: None,
        flow: None,
        place: who.attribution.place.clone(),
        entries: Vec::new(),
    }
}

/// One input.
#[derive(Clone)]
enum Input {
    Hit(Hit, Who),
    Burst(Burst, Who),
    Support(Support, Who),
    Mail(Mail, Option<Who>),
    Tick(Timestamp),
}

fn ends(who: &Who, transport: Transport) -> Endpoints {
    Endpoints {
        src: IpAddr::V4(Ipv4Addr::new(10, 0, 0, who.address)),
        dst: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
        sport: 40_000,
        dport: 443,
        transport,
    }
}

fn hit(who: &Who, name: &str, seen: Seen, seconds: f64) -> Input {
    typed(who, name, seen, 1, seconds)
}

fn typed(who: &Who, name: &str, seen: Seen, qtype: u16, seconds: f64) -> Input {
    let hit = Hit {
        time: at(seconds),
        frame: (seconds * 10.0) as u64 + 1,
        point: "eth0".into(),
        ends: ends(who, Transport::Tcp),
        client_mac: None,
        vlan: None,
        seen,
        name: name.into(),
        qtype: if seen.is_lookup() { qtype } else { 0 },
        ech: EchVerdict::None,
        rule: rule(name),
        ja4: None,
        evidence: Vec::new(),
        carrier: None,
        join: None,
        contested: false,
        list_version: "0".into(),
    };
    Input::Hit(hit, who.clone())
}

/// An exchange: on the connection of `name` opened at `opened`, from `start` for `lasts` seconds,
/// after `rest` seconds.
#[derive(Clone, Copy)]
struct Ex {
    opened: f64,
    start: f64,
    lasts: f64,
    rest: f64,
    up: u64,
    down: u64,
}

fn burst(who: &Who, name: &str, ex: Ex) -> Input {
    over(who, name, ex, Transport::Tcp)
}

fn over(who: &Who, name: &str, ex: Ex, transport: Transport) -> Input {
    let frames = ((ex.start * 10.0) as u64 + 2, (ex.start * 10.0) as u64 + 9);
    let burst = Burst {
        point: "eth0".into(),
        ends: ends(who, transport),
        client_mac: None,
        rule: rule(name),
        name: name.into(),
        start: at(ex.start),
        end: at(ex.start + ex.lasts),
        frames,
        rest_ns: (ex.rest * 1e9) as u64,
        opened: at(ex.opened),
        contested: false,
        up: ex.up,
        down: ex.down,
        up_frames: (ex.up / 1200) as u32 + 1,
        down_frames: (ex.down / 1200) as u32 + 1,
    };
    Input::Burst(burst, who.clone())
}

fn support(who: &Who, name: &str, seconds: f64) -> Input {
    let support = Support {
        time: at(seconds),
        frame: 7,
        point: "eth0".into(),
        ends: ends(who, Transport::Tcp),
        client_mac: None,
        seen: Seen::TlsSni,
        name: name.into(),
        rule: rule(name),
    };
    Input::Support(support, who.clone())
}

fn mail(to: Option<&Who>, domain: &str, seconds: f64) -> Input {
    let mail = Mail {
        time: at(seconds),
        point: "postfix".into(),
        source: MailSource::Log,
        name: domain.into(),
        rule: rule(domain),
        recipient: "jan.jansen@example.org".into(),
        id: "4Xyz".into(),
    };
    Input::Mail(mail, to.cloned())
}

/// The page of a host: look-up, hello, and one large first exchange.
fn page(who: &Who, name: &str, seconds: f64) -> Vec<Input> {
    vec![
        hit(who, name, Seen::DnsQuery, seconds),
        hit(who, name, Seen::TlsSni, seconds + 0.05),
        burst(
            who,
            name,
            Ex {
                opened: seconds + 0.05,
                start: seconds + 0.05,
                lasts: 1.8,
                rest: 0.0,
                up: 6_500,
                down: 480_000,
            },
        ),
    ]
}

/// A later exchange on the connection that [`page`] opened at `opened`.
fn later(who: &Who, name: &str, opened: f64, start: f64, rest: f64, up: u64, down: u64) -> Input {
    burst(
        who,
        name,
        Ex {
            opened: opened + 0.05,
            start,
            lasts: 0.4,
            rest,
            up,
            down,
        },
    )
}

fn book() -> Casebook {
    book_with(Organisation::default())
}

fn book_with(organisation: Organisation) -> Casebook {
    let mut n = 0;
    let ids = Box::new(move || {
        n += 1;
        format!("case-{n:016x}")
    });
    Casebook::new(Arc::clone(&CATALOGUE), Arc::new(organisation), ids)
}

fn feed(book: &mut Casebook, inputs: &[Input]) -> Vec<Change> {
    let mut out = Vec::new();
    for input in inputs {
        match input {
            Input::Hit(hit, who) => {
                book.hit(hit, trace(who, hit.time), &who.attribution, &mut out);
            }
            Input::Burst(burst, who) => {
                book.burst(burst, trace(who, burst.start), &who.attribution, &mut out);
            }
            Input::Support(it, who) => {
                book.support(it, trace(who, it.time), &who.attribution, &mut out);
            }
            Input::Mail(mail, who) => {
                book.mail(mail, who.as_ref().map(|who| &who.attribution), &mut out);
            }
            Input::Tick(time) => book.tick(*time, &mut out),
        }
    }
    out
}

/// In the order in which a sensor tells: an exchange when it is over and the rest that ends it.
fn sorted(mut inputs: Vec<Input>) -> Vec<Input> {
    inputs.sort_by_key(|input| match input {
        Input::Hit(hit, _) => hit.time.0,
        Input::Burst(burst, _) => burst.end.0 + 1_000_000_000,
        Input::Support(it, _) => it.time.0,
        Input::Mail(mail, _) => mail.time.0,
        Input::Tick(time) => time.0,
    });
    inputs
}

/// Judges inputs with a last tick ten minutes after them; the cases and the alerts.
fn run(inputs: Vec<Input>) -> (Vec<Case>, Vec<Alert>) {
    let mut book = book();
    let mut out = feed(&mut book, &sorted(inputs));
    let end = book
        .cases()
        .map(|case| case.updated.0)
        .max()
        .unwrap_or(at(0.0).0);
    book.tick(Timestamp(end + 600 * 1_000_000_000), &mut out);
    (book.cases().cloned().collect(), alerts(&out))
}

fn alerts(out: &[Change]) -> Vec<Alert> {
    let alert = |change: &Change| match change {
        Change::Alert(alert) => Some((**alert).clone()),
        Change::Case(_) => None,
    };
    out.iter().filter_map(alert).collect()
}

/// The only case of a subject; its stage and how it came about when a test fails.
fn case_of<'c>(cases: &'c [Case], who: &Who) -> &'c Case {
    let mut own = cases
        .iter()
        .filter(|case| case.subject == who.attribution.subject);
    let case = own.next().expect("a case of the subject");
    assert!(own.next().is_none(), "more than one case of the subject");
    case
}

fn told(case: &Case) -> String {
    explain(case, &CATALOGUE).join("\n")
}

#[track_caller]
fn assert_stage(cases: &[Case], who: &Who, stage: Stage) {
    let case = case_of(cases, who);
    assert_eq!(case.stage, stage, "\n{}", told(case));
}
