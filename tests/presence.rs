//! Replays every capture under `tests/data/presence` and compares what the sensor tells with what
//! tshark reads in it.
//!
//! Enters: a folder with `capture.pcapng` and `facts.tsv` (`act source net mac user ...`, made by
//! `tests/lab/record_presence`, never by the program under test). Leaves: every difference of
//! every capture. Never: a network.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use poortwacht::blocklist::Catalogue;
use poortwacht::capture::FileSource;
use poortwacht::event::{Event, Fact, Hit, MailSource, Stats};
use poortwacht::presence::{Malformed, Protocol, Withheld};
use poortwacht::sensor::{Settings, Sink, Worker};

/// What a worker told, in words.
#[derive(Default)]
struct Told {
    facts: Vec<String>,
    mails: Vec<String>,
    origins: Vec<String>,
    circuits: Vec<Vec<u8>>,
}

impl Sink for Told {
    fn hit(&mut self, _hit: Box<Hit>) {}

    fn tell(&mut self, event: Event) {
        match event {
            Event::Fact(fact) => {
                self.facts.push(written(&fact));
                self.circuits.extend(fact.circuit.clone());
                self.origins.push(fact.origin);
            }
            Event::Mail(mail) => {
                assert!(mail.source == MailSource::Wire && mail.id.is_empty());
                let source = mail.source.label();
                let line = ["mail", source, &mail.name, &mail.recipient].join("\t");
                self.mails.push(line);
            }
            _ => {}
        }
    }
}

fn written(fact: &Fact) -> String {
    let mac = fact
        .mac
        .map(|mac| mac.map(|byte| format!("{byte:02x}")).join(":"));
    let lease = fact.until.map(|until| {
        let ns = until.since_ns(fact.time);
        assert_eq!(ns % 1_000_000_000, 0, "a lease is whole seconds");
        (ns / 1_000_000_000).to_string()
    });
    let fields = [
        Some(fact.act.label().to_owned()),
        Some(fact.source.label().to_owned()),
        fact.net.map(|net| net.to_string()),
        mac,
        fact.host.clone(),
        fact.user.clone(),
        fact.session.clone(),
        lease,
    ];
    fields
        .map(|field| field.unwrap_or_else(|| "-".into()))
        .join("\t")
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/presence")
}

fn replay(name: &str, settings: &Settings) -> (Told, Stats) {
    let list = Catalogue::builtin().unwrap_or_else(|problems| panic!("{}", problems[0]));
    let mut source = FileSource::open(&[folder().join(name).join("capture.pcapng")]).unwrap();
    let mut worker = Worker::new(settings, 0, "lan");
    let mut told = Told::default();
    while let Some(frame) = source.next_frame().unwrap() {
        worker.frame(&frame, "lan", &list, &mut told);
    }
    worker.flush("lan", &list, &mut told);
    let stats = worker.stats().clone();
    (told, stats)
}

fn small() -> Settings {
    Settings {
        flows: 256,
        buffers: 8,
        seed: Some(1),
        ..Settings::default()
    }
}

fn names() -> Vec<String> {
    let folders = fs::read_dir(folder()).unwrap().flatten();
    let mut names: Vec<String> = folders
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 8, "is the tree whole? {names:?}");
    names
}

#[test]
fn what_is_told_is_what_tshark_reads() {
    let mut wrong = Vec::new();
    for name in names() {
        let expected = fs::read_to_string(folder().join(&name).join("facts.tsv")).unwrap();
        let (told, stats) = replay(&name, &small());
        // A capture of mails is judged by its mails.
        let found = if name == "smtp" {
            told.mails
        } else {
            told.facts
        };
        let mut expected: Vec<&str> = expected.lines().collect();
        let mut found: Vec<&str> = found.iter().map(String::as_str).collect();
        // The facts of one packet have no order of their own.
        expected.sort_unstable();
        found.sort_unstable();
        if expected != found {
            wrong.push(format!("{name}:\nexpected {expected:#?}\nfound {found:#?}"));
        }
        if stats.presence_malformed.total() != 0 {
            wrong.push(format!("{name}: real messages are called broken"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn messages_and_what_told_nothing_are_counted() {
    let (_, radius) = replay("radius", &small());
    let withheld = |stats: &Stats, why: Withheld| stats.presence_withheld.at(why.index());
    // The forged start, and what radclient sent again of it.
    assert!(withheld(&radius, Withheld::Unanswered) >= 1);
    assert!(radius.presence.at(Protocol::Radius.index()) >= 11);
    let (_, kerberos) = replay("kerberos", &small());
    assert_eq!(
        withheld(&kerberos, Withheld::Unproved),
        1,
        "the account without pre-authentication"
    );
    let (_, neighbours) = replay("neighbours", &small());
    assert!(withheld(&neighbours, Withheld::Repeated) >= 1);
    assert!(
        neighbours.decode_not_for_us.total() > 0,
        "the probe and the pings"
    );
    let (mails, smtp) = replay("smtp", &small());
    // Behind STARTTLS no sender is read.
    assert_eq!((smtp.smtp_senders, smtp.smtp_mails), (4, 3));
    assert_eq!(mails.mails.len(), 3);
    for name in names() {
        let (_, stats) = replay(&name, &small());
        assert_eq!(stats.presence_malformed.total(), 0);
        assert!(stats.presence.total() > 0, "{name}");
    }
    assert_eq!(Malformed::ALL.len(), 8);
}

#[test]
fn origins_and_circuits() {
    let (told, _) = replay("dhcpv4-relay", &small());
    assert!(!told.circuits.is_empty(), "option 82 of the relay");
    let servers: Vec<&String> = told
        .origins
        .iter()
        .filter(|o| o.contains("198.51.100.2"))
        .collect();
    assert_eq!(
        servers.len(),
        1,
        "the server by its own word: {:?}",
        told.origins
    );
    let (told, _) = replay("radius", &small());
    let nas = told
        .origins
        .iter()
        .filter(|origin| *origin == "192.0.2.2")
        .count();
    assert!(
        nas >= 8,
        "the access server by its own word: {:?}",
        told.origins
    );
}

/// Excluded networks: nothing of them leaves, by whatever protocol.
#[test]
fn excluded_networks_tell_nothing() {
    let nets: [IpNet; 3] =
        ["192.0.2.0/24", "2001:db8:1::/64", "fe80::/10"].map(|net| net.parse().unwrap());
    let inside = |line: &str| {
        let net = line
            .split('\t')
            .nth(2)
            .and_then(|net| net.parse::<IpNet>().ok());
        net.is_some_and(|net| nets.iter().any(|excluded| excluded.contains(&net)))
    };
    let settings = Settings {
        excluded: nets.to_vec(),
        ..small()
    };
    for name in ["neighbours", "kerberos", "radius", "smtp"] {
        let (told, stats) = replay(name, &settings);
        let left: Vec<&String> = told.facts.iter().filter(|line| inside(line)).collect();
        assert!(left.is_empty() && told.mails.is_empty(), "{name}: {left:?}");
        assert!(stats.excluded > 0, "{name}");
    }
}

/// Nobody is bound to an address that was not given: each fact's address lies in the lab.
#[test]
fn every_fact_is_about_the_lab() {
    let lab: [IpNet; 4] = [
        "192.0.2.0/24",
        "198.51.100.0/24",
        "2001:db8::/32",
        "fe80::/10",
    ]
    .map(|net| net.parse().unwrap());
    let mut compared = 0;
    for name in names() {
        let (told, _) = replay(&name, &small());
        for line in &told.facts {
            let fields: Vec<&str> = line.split('\t').collect();
            if let Ok(net) = fields[2].parse::<IpNet>() {
                let address: IpAddr = net.addr();
                compared += 1;
                assert!(
                    lab.iter().any(|lab| lab.contains(&address)),
                    "{name}: {line}"
                );
            }
        }
    }
    assert!(compared >= 30, "{compared}");
}
