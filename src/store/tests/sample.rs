//! A ledger as it might be: a few weeks of an organisation, the same for the same seed.

use serde_json::json;

use crate::base::Timestamp;
use crate::blocklist::Stage;
use crate::cases::{Alert, AlertKind, AttributionAct, AttributionEntry, EvidenceKind, Item, Step};
use crate::hits::{Record, SubjectId};
use crate::identity::{Attribution, Grade, SubjectKind, Trace};
use crate::organisation::{Place, PlaceKind, Ruling, Standing};
use crate::record::act::{Act, Acted, Actor, Means, Verdict};
use crate::record::{
    Body, CaseAttribution, CaseHead, CaseStep, Coverage, Entry, Evidence, Frame, Hit, Life, List,
    Loss,
};
use crate::sealing::Sealed;
use crate::store::Numbered;

pub const SECOND: i64 = 1_000_000_000;
/// 2026-11-01T00:00:00Z.
pub const START: i64 = 1_793_491_200 * SECOND;

pub const VENDORS: [(&str, &str); 4] = [
    ("clearview-ai", "Clearview AI"),
    ("pimeyes", "PimEyes"),
    ("lenso", "Lenso"),
    ("facecheck", "FaceCheck.ID"),
];
pub const UNITS: [&str; 3] = ["Bureau Noord", "IT", ""];
pub const SITES: [&str; 2] = ["Utrecht", ""];

/// xorshift64*.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n.max(1)
    }

    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// A record of the hit log; the same but for what is given.
pub fn record(id: &str, at: i64, vendor: (&str, &str), name: &str, seen: &str) -> Record {
    let value = json!({
        "@timestamp": Timestamp(at).to_string(),
        "ecs": {"version": "8.17.0"},
        "event": {"id": id, "kind": "alert", "category": ["network"], "type": ["info"],
            "action": "name-seen", "module": "poortwacht", "dataset": "poortwacht.hit",
            "severity": 73},
        "message": "a name was seen",
        "rule": {"id": format!("{}/suffix/{name}", vendor.0), "name": name,
            "category": "face-search", "ruleset": "x.toml", "version": "1"},
        "threat": {"feed": {"name": "Poortwacht catalogue"}},
        "source": {"address": "ip-0123456789abcdef"},
        "destination": {"port": 443},
        "network": {"transport": "tcp", "protocol": "tls", "type": "ipv4",
            "direction": "outbound", "community_id": "1:x"},
        "observer": {"name": "gate", "type": "sensor", "product": "Poortwacht", "version": "0",
            "ingress": {"interface": {"name": "eth0"}}},
        "poortwacht": {"name": name, "seen": seen,
            "vendor": {"id": vendor.0, "name": vendor.1}, "role": "app", "rule_kind": "suffix",
            "confidence": "high", "severity": "high", "frame": 7,
            "client": {"addresses": "pseudonym"}},
    });
    serde_json::from_value(value).unwrap()
}

pub fn subject(number: usize) -> SubjectId {
    let kind = ["person", "device"][number % 2];
    SubjectId::new(format!("{kind}-{:016x}", number + 0x1000))
}

fn kind_of(subject: &SubjectId) -> SubjectKind {
    if subject.as_str().starts_with("person") {
        SubjectKind::Person
    } else {
        SubjectKind::Device
    }
}

pub fn hit(dice: &mut Dice, at: i64) -> Hit {
    let vendor = *dice.of(&VENDORS);
    let host = *dice.of(&["www", "app", "api"]);
    let name = format!("{host}.{}.example", vendor.0);
    let seen = *dice.of(&["dns-query", "tls-sni", "quic-sni"]);
    let id = format!("{:024x}", u128::from(dice.0));
    let mut record = record(&id, at, vendor, &name, seen);
    record.poortwacht.frame = dice.below(100_000) as u64;
    record.observer.ingress.interface.name = (*dice.of(&["eth0", "eth1"])).into();
    record.poortwacht.severity = (*dice.of(&["high", "medium", "informational"])).into();
    let subject = subject(dice.below(8));
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Hit {
        record,
        subject_kind: kind_of(&subject),
        subject,
        grade: *dice.of(&[Grade::A, Grade::C, Grade::None]),
        unit: some(dice.of::<&str>(&UNITS)),
        site: some(dice.of::<&str>(&SITES)),
    }
}

pub fn item(number: u32, at: i64, name: &str, weight: i32) -> Item {
    let trace: Trace = serde_json::from_value(json!({
        "time": at, "address": "ip-0123456789abcdef", "networks": [], "mac": null,
        "flow": "1:x", "place": {"kind": "staff", "site": "Utrecht", "unit": null},
        "entries": ["R-1"],
    }))
    .unwrap();
    Item {
        number,
        kind: EvidenceKind::Connection,
        rule: "connection".into(),
        weight,
        stage: Stage::Visited,
        time: Timestamp(at),
        point: "eth0".into(),
        name: name.into(),
        flow: Some("1:x".into()),
        frames: (7, 9),
        text: format!("connection to {name}"),
        trace: (weight % 2 == 0).then_some(trace),
    }
}

pub fn head(
    id: &str,
    revision: u64,
    vendor: (&str, &str),
    subject: SubjectId,
    at: i64,
) -> CaseHead {
    CaseHead {
        id: id.into(),
        revision,
        vendor: vendor.0.into(),
        vendor_name: vendor.1.into(),
        subject_kind: kind_of(&subject),
        subject,
        grade: Grade::B,
        unit: Some("IT".into()),
        site: None,
        stage: Stage::Visited,
        ruling: Ruling {
            standing: Standing::Unauthorised,
            entry: None,
            reason: "no entry of the register covers it".into(),
        },
        confidence: 70,
        opened: Timestamp(at),
        updated: Timestamp(at + 60 * SECOND),
        items_left_out: 0,
        band: "1-5".into(),
        closed: None,
        ended: None,
    }
}

pub fn attribution(act: AttributionAct, subject: SubjectId, at: i64) -> AttributionEntry {
    AttributionEntry {
        act,
        time: Timestamp(at),
        attribution: Attribution {
            kind: kind_of(&subject),
            subject,
            grade: Grade::B,
            sources: Vec::new(),
            from: Some(Timestamp(at)),
            until: None,
            learned: None,
            place: Place {
                kind: PlaceKind::Staff,
                site: None,
                unit: Some("IT".into()),
            },
            reason: "a session".into(),
        },
        other: None,
    }
}

pub fn act(by: &str, act: Act) -> Body {
    Body::Act(Box::new(Acted {
        by: Actor {
            name: by.into(),
            means: Means::Console,
        },
        act,
    }))
}

/// Numbers entries, from `first` on.
pub fn numbered(first: u64, entries: Vec<(i64, Body)>) -> Vec<Numbered> {
    let hour = |at: i64| Timestamp(at.div_euclid(3600 * SECOND) * 3600 * SECOND);
    (first..)
        .zip(entries)
        .map(|(number, (at, body))| {
            let time = Timestamp(at);
            Numbered::new(number, hour(at), Entry { time, body })
        })
        .collect()
}

/// A ledger of so many entries.
pub fn ledger(seed: u64, count: usize) -> Vec<Numbered> {
    let mut dice = Dice(seed | 1);
    let mut at = START;
    let mut entries = Vec::with_capacity(count);
    while entries.len() < count {
        at += 1 + dice.below(600) as i64 * SECOND;
        entries.push((at, body(&mut dice, at)));
    }
    numbered(0, entries)
}

fn body(dice: &mut Dice, at: i64) -> Body {
    let case = format!("case-{:016x}", dice.below(6));
    let vendor = VENDORS[case.len() % VENDORS.len()];
    let name = format!("www.{}.example", vendor.0);
    match dice.below(24) {
        0..=8 => Body::Hit(Box::new(hit(dice, at))),
        9..=11 => {
            let mut head = head(
                &case,
                dice.below(40) as u64,
                vendor,
                subject(dice.below(8)),
                at,
            );
            head.confidence = dice.below(101) as u8;
            head.stage = *dice.of(Stage::ALL);
            head.ruling.standing = *dice.of(Standing::ALL);
            head.grade = *dice.of(Grade::ALL);
            head.unit = Some((*dice.of(&UNITS)).into()).filter(|it: &String| !it.is_empty());
            if dice.below(6) == 0 {
                head.closed = Some("merged".into());
                head.ended = Some(AlertKind::Resolved);
            }
            Body::Case(Box::new(head))
        }
        12..=14 => {
            let number = 1 + dice.below(5) as u32;
            let there = dice.below(5) > 0;
            let item = there.then(|| item(number, at, &name, dice.below(40) as i32));
            Body::Evidence(Box::new(Evidence { case, number, item }))
        }
        15 => {
            let place = dice.below(3) as u32;
            let step = (dice.below(4) > 0).then(|| Step {
                stage: Stage::Visited,
                time: Timestamp(at),
                confidence: 60,
                items: vec![1, 2],
                sum: vec!["one".into(), "two".into()],
            });
            Body::Step(Box::new(CaseStep { case, place, step }))
        }
        16 => {
            let entry = attribution(*dice.of(AttributionAct::ALL), subject(dice.below(8)), at);
            let place = dice.below(3) as u32;
            Body::Attribution(Box::new(CaseAttribution { case, place, entry }))
        }
        17 => Body::Alert(Box::new(alert(&case, vendor, subject(dice.below(8)), at))),
        18..=20 => triage(dice, case),
        21 => other_act(dice, case),
        22 => Body::Coverage(Box::new(Coverage {
            from: at / SECOND,
            until: at / SECOND + 3600,
            list: "1".into(),
            ..Coverage::default()
        })),
        _ => rare(dice, at),
    }
}

fn alert(case: &str, vendor: (&str, &str), subject: SubjectId, at: i64) -> Alert {
    Alert {
        id: format!("alert-{at}"),
        kind: AlertKind::Raised,
        case: case.into(),
        vendor: vendor.0.into(),
        vendor_name: vendor.1.into(),
        stage: Stage::Visited,
        standing: Standing::Unauthorised,
        subject,
        grade: "B".into(),
        confidence: 60,
        unit: None,
        site: None,
        time: Timestamp(at),
        summary: "one line".into(),
        description: "more".into(),
    }
}

fn triage(dice: &mut Dice, case: String) -> Body {
    let by = *dice.of(&["anna", "bram"]);
    let reason = "because".to_owned();
    act(
        by,
        match dice.below(6) {
            0 => Act::Acknowledge { case },
            1 => Act::Assign {
                case,
                to: [Some("anna".to_owned()), None][dice.below(2)].clone(),
            },
            2 => Act::Comment {
                case,
                text: "a note".into(),
            },
            3 => Act::Close {
                case,
                verdict: *dice.of(Verdict::ALL),
                reason,
            },
            4 => Act::Reopen { case, reason },
            _ => Act::Hold {
                case,
                reason,
                until: START / SECOND + dice.below(60) as i64 * 86_400,
            },
        },
    )
}

fn other_act(dice: &mut Dice, case: String) -> Body {
    let (request, rule) = (
        format!("request-{}", dice.below(3)),
        format!("rule-{}", dice.below(3)),
    );
    let reason = "because".to_owned();
    let act_of = match dice.below(8) {
        0 => Act::LiftHold { case, reason },
        1 => Act::Suppress {
            rule,
            filter: "vendor:pimeyes".into(),
            reason,
            until: START / SECOND + 86_400 * 30,
        },
        2 => Act::Unsuppress { rule, reason },
        3 => Act::RequestUnsealing {
            request,
            case,
            subject: subject(dice.below(8)),
            reason,
        },
        4 => Act::ApproveUnsealing {
            request,
            case,
            note: "agreed".into(),
        },
        5 => Act::Export {
            case: Some(case),
            subject: None,
            what: "evidence".into(),
            reason,
            digest: "00".into(),
        },
        6 => Act::Account {
            account: "anna".into(),
            what: "signed-in".into(),
            detail: String::new(),
        },
        _ => Act::Expire {
            deleted: vec![(crate::record::Kind::Hit, 3)],
        },
    };
    act("carla", act_of)
}

fn rare(dice: &mut Dice, at: i64) -> Body {
    match dice.below(5) {
        0 => Body::List(List {
            version: "1".into(),
            rules: 10,
            vendors: 4,
            refused: None,
        }),
        1 => Body::Life(Life {
            what: "start".into(),
            reason: "asked for".into(),
            version: "0".into(),
            observer: "gate".into(),
            config: "00".into(),
        }),
        2 => Body::Loss(Loss {
            place: "queue".into(),
            reason: "full".into(),
            count: 3,
        }),
        3 => Body::Sealed(Box::new(Sealed {
            hosts: Vec::new(),
            subject: subject(dice.below(8)),
            key: String::new(),
            threshold: 2,
            shares: Vec::new(),
            text: "c2VhbGVk".into(),
        })),
        _ => Body::Frame(Box::new(Frame {
            hit: format!("{at:024x}"),
            subject: subject(dice.below(8)),
            vendor: "pimeyes".into(),
            sealed: "c2VhbGVk".into(),
        })),
    }
}
