//! A gateway on which all is well.

use crate::base::Outcome;
use crate::config::Config;
use crate::doctor::facts::{
    Clock, Control, Daemon, Facts, FeedFile, Files, Interface, Kernel, ListFacts, Lists, Memory,
    Process, Written,
};
use crate::doctor::traffic::TrafficFacts;

pub(super) fn config() -> Config {
    let mut config = Config::default();
    config.sensor.interfaces = vec!["lan0".into()];
    config.sensor.monitored = vec!["10.0.0.0/8".parse().unwrap()];
    config.privacy.impact_assessment = "DPIA-1".into();
    config.alerts.alertmanager.url = "http://127.0.0.1:9093".into();
    config
}

pub(super) fn facts() -> Facts {
    Facts {
        process: Process {
            uid: 500,
            net_raw: true,
            capture: Some(Ok(())),
            ..Process::default()
        },
        config: Some(("poortwacht.toml".into(), Ok(()))),
        files: Files {
            key: Some(Ok(())),
            key_place: written(),
            hits: written(),
            cases: written(),
            alerts: written(),
        },
        daemon: Daemon {
            control: Control::Answers,
            ready: Some(Ok(())),
            metrics: [("poortwacht_frames_total".to_owned(), 1000.0)].into(),
            list_version: Some("0011".into()),
            address: None,
        },
        kernel: Kernel {
            release: "6.1.0-20-amd64".into(),
            bpf_jit: Some(1),
            bpf: true,
            optmem_max: Some(131_072),
            rmem_max: Some(212_992),
            forwards: true,
            backlog_drops: Some(0),
            time_squeezed: Some(0),
        },
        interfaces: vec![interface()],
        existing: vec!["lo".into(), "lan0".into()],
        memory: Memory {
            total: Some(16 << 30),
            available: Some(8 << 30),
            group_limit: None,
            address_space: None,
            locked: Some(8 << 20),
            processors: 4,
        },
        clock: Clock {
            synchronised: Some(true),
            error_max_us: Some(900),
            jumped_ns: Some(1000),
            zone: "Etc/UTC".into(),
        },
        lists: Lists {
            list: Some(Ok(ListFacts {
                version: "0011".into(),
                rules: 300,
                vendors: 100,
                builtin: true,
                age_s: 86_400,
                warnings: 0,
                expired: 0,
            })),
            organisation: Some(Ok(Some(Vec::new()))),
            rules: None,
        },
        feeds: vec![FeedFile {
            name: "leases".into(),
            kind: "kea",
            age_s: Some(60),
            lines: 100,
            foreign: 0,
            ..FeedFile::default()
        }],
        alertmanager: Some(Ok("0.27.0".into())),
        traffic: Some(traffic()),
    }
}

fn written() -> Written {
    Written {
        path: "/var/lib/poortwacht/x".into(),
        exists: true,
        owner: Some(500),
        problem: None,
        free_bytes: Some(100 << 30),
    }
}

fn interface() -> Interface {
    Interface {
        name: "lan0".into(),
        exists: true,
        up: true,
        carrier: Some(true),
        mtu: Some(1500),
        speed: Some(1000),
        hardware: Some(1),
        driver: Some("igb".into()),
        addresses: 2,
        rx_queues: 4,
        rx_packets: 1_000_000,
        features: [("rx-gro".to_owned(), false)].into(),
        ..Interface::default()
    }
}

pub(super) fn traffic() -> TrafficFacts {
    let mut outcomes = vec![0; Outcome::ALL.len()];
    outcomes[Outcome::Named.index()] = 90;
    outcomes[Outcome::Ech.index()] = 10;
    outcomes[Outcome::Midstream.index()] = 500;
    TrafficFacts {
        frames: 10_000,
        between_others: 9000,
        talks: 200,
        talks_one_way: 2,
        dns_queries: 100,
        dns_answers: 99,
        dns_clients: 12,
        connections: 150,
        connections_own: 3,
        connections_monitored: 140,
        clients: 15,
        compared: 5000,
        twice: 3,
        hellos: 100,
        outcomes,
        packet_time_off_ns: 10_000_000,
        ..TrafficFacts::default()
    }
}
