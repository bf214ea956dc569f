//! From a plan to the events that a sensor and the feeds would make of it, without frames.
//!
//! Enters: a plan, the list in force. Leaves: [`Event`]s with the time at which each is learned, in
//! that order. What parts a flow into exchanges is the sensor's own rule. A test plays the same plan through frames and the sensor and compares. Never: asks
//! the parsers; fills in what only they know (evidence, JA4, frame numbers are moves' numbers).

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::case::SERVICES;
use super::frames::identity::{
    ACCESS_SERVER, ACCOUNTING_ANSWER, DHCP_ANSWER, KDC_ANSWER, REALM, session_id,
};
use super::frames::segments::{self, hello_after};
use super::logs;
use super::plan::{Client, Flow, Move, Plan, Session, Transport, What, resolver, server};
use crate::base::{EchVerdict, Endpoints, NameBuf, RawName, Seen, Timestamp};
use crate::blocklist::{Catalogue, Match, Verdict};
use crate::event::{
    Burst, Event, Fact, FactAct, FactSource, Hit, HitRule, Mail, MailSource, Support,
};
use crate::flow::Exchange;
use crate::flow::exchange::{Exchanges, Payload, REST_NS};
use crate::flow::watch::DATAGRAM_LEN_MIN;
use crate::sensor::SUPPORT_NS;

/// What the sensor is told to leave out.
#[derive(Clone, Debug, Default)]
pub struct Sensing {
    /// Networks that are not looked at.
    pub excluded: Vec<IpNet>,
}

/// An event and when it is learned.
pub struct Learned {
    /// Packet time at which the sensor or feed tells it.
    pub at: Timestamp,
    /// What is told.
    pub event: Event,
    /// Index of the plan's client whose doing it is.
    pub client: usize,
}

/// Everything that is told of the plan. What `sensing.excluded` covers is not seen.
pub fn events(plan: &Plan, list: &Catalogue, sensing: &Sensing) -> Vec<Learned> {
    let mut teller = Teller {
        plan,
        list,
        version: list.info().version,
        hits: BTreeMap::new(),
        told: Vec::new(),
    };
    let is_seen = |it: &&Move| {
        let address = plan.clients[it.client].address;
        !sensing.excluded.iter().any(|net| net.contains(&address))
    };
    for it in plan.moves.iter().filter(is_seen) {
        teller.tell(it);
    }
    let mut told = teller.told;
    told.sort_by_key(|learned| learned.at);
    told
}

struct Teller<'p> {
    plan: &'p Plan,
    list: &'p Catalogue,
    version: String,
    /// Newest hit of each address.
    hits: BTreeMap<IpAddr, Timestamp>,
    told: Vec<Learned>,
}

impl Teller<'_> {
    fn time(&self, at: u64) -> Timestamp {
        Timestamp::from_secs_nanos(self.plan.start as i64, at as i64 * 1_000)
    }

    fn push(&mut self, at: Timestamp, client: usize, event: Event) {
        self.told.push(Learned { at, event, client });
    }

    fn tell(&mut self, it: &Move) {
        let client = &self.plan.clients[it.client];
        match &it.what {
            What::LookUp { name, qtype, chain } => {
                let ends = ends(client, it.port, resolver(client.address), 53, Transport::H3);
                self.name(it, it.at, ends, Seen::DnsQuery, name, *qtype);
                for target in chain {
                    self.name(it, it.at + 700, ends, Seen::DnsCname, target, *qtype);
                }
            }
            What::Flow(flow) => self.flow(it, client, flow),
            What::Mail { from, to } => self.mail(it, (from, to), MailSource::Log),
            What::Smtp { from, to } => self.mail(it, (from, to), MailSource::Wire),
            What::Dhcp { act, lease } => self.dhcp(it, client, *act, *lease),
            What::Radius { act } => self.radius(it, client, *act),
            What::Kerberos => {
                let time = self.time(it.at + KDC_ANSWER);
                let kdc = match client.address {
                    IpAddr::V4(_) => SERVICES.to_string(),
                    IpAddr::V6(_) => "2001:db8:1::2".into(),
                };
                let user = format!("{}@{REALM}", client.user.clone().unwrap_or_default());
                let fact = Fact {
                    user: Some(user),
                    ..fact(time, FactSource::Kerberos, kdc, client)
                };
                self.push(time, it.client, Event::Fact(Box::new(fact)));
            }
        }
    }

    /// A name was seen: a hit, support, or nothing. Says the rule of a hit.
    fn name(
        &mut self,
        it: &Move,
        at: u64,
        ends: Endpoints,
        seen: Seen,
        name: &str,
        qtype: u16,
    ) -> Option<HitRule> {
        let time = self.time(at);
        let raw = RawName::Text(name.as_bytes());
        let found = match self.list.find_at(&raw, time) {
            Verdict::Hit(found) => found,
            Verdict::Context(found) => {
                self.support(it, time, ends, seen, name, &found);
                return None;
            }
            Verdict::None | Verdict::Allowed(_) | Verdict::Way(_) => return None,
        };
        let rule = HitRule::of(&found);
        let mac = self.plan.clients[it.client].mac;
        let hit = Hit {
            time,
            frame: u64::from(it.number),
            point: POINT.into(),
            ends,
            client_mac: Some(mac),
            vlan: None,
            seen,
            name: normal(name),
            qtype,
            ech: EchVerdict::None,
            rule: rule.clone(),
            ja4: None,
            evidence: Vec::new(),
            carrier: None,
            join: None,
            contested: false,
            list_version: self.version.clone(),
        };
        self.hits.insert(ends.src, time);
        self.push(time, it.client, Event::Hit(Box::new(hit)));
        Some(rule)
    }

    fn support(
        &mut self,
        it: &Move,
        time: Timestamp,
        ends: Endpoints,
        seen: Seen,
        name: &str,
        found: &Match<'_>,
    ) {
        let hit = self.hits.get(&ends.src);
        if hit.is_none_or(|hit| time.since_ns(*hit) > SUPPORT_NS) {
            return;
        }
        let support = Support {
            time,
            frame: u64::from(it.number),
            point: POINT.into(),
            ends,
            client_mac: Some(self.plan.clients[it.client].mac),
            seen,
            name: normal(name),
            rule: HitRule::of(found),
        };
        self.push(time, it.client, Event::Support(Box::new(support)));
    }

    fn flow(&mut self, it: &Move, client: &Client, flow: &Flow) {
        let server = server(&flow.name, client.address);
        let ends = ends(client, it.port, server, flow.port, flow.transport);
        let seen = match flow.transport {
            Transport::H2 => Seen::TlsSni,
            Transport::H3 => Seen::QuicSni,
        };
        let opened = it.at + hello_after(flow.transport);
        let Some(rule) = self.name(it, opened, ends, seen, &flow.name, 0) else {
            return;
        };
        let hello = Payload {
            time: self.time(opened),
            frame: u64::from(it.number),
            up: true,
            bytes: segments::hello(flow, it.number).len() as u64,
            frames: 1,
        };
        let mut exchanges = Exchanges::default();
        let mut ended: Vec<Exchange> = exchanges.payload(&hello).into_iter().collect();
        for piece in segments::segments(flow) {
            let payload = Payload {
                time: self.time(it.at + piece.at),
                up: piece.up,
                bytes: u64::from(piece.len),
                ..hello
            };
            // A datagram too small to mean anything is left out by the sensor, too.
            if flow.transport == Transport::H2 || piece.len >= DATAGRAM_LEN_MIN {
                ended.extend(exchanges.payload(&payload));
            }
        }
        ended.extend(exchanges.end());
        for exchange in ended {
            let burst = Burst {
                point: POINT.into(),
                ends,
                client_mac: Some(client.mac),
                rule: rule.clone(),
                name: normal(&flow.name),
                start: exchange.start,
                end: exchange.end,
                frames: exchange.frames,
                rest_ns: exchange.rest_ns,
                opened: hello.time,
                contested: false,
                up: exchange.up,
                down: exchange.down,
                up_frames: exchange.up_frames,
                down_frames: exchange.down_frames,
            };
            let learned = Timestamp(exchange.end.nanos() + REST_NS as i64);
            self.push(learned, it.client, Event::Burst(Box::new(burst)));
        }
    }

    fn mail(&mut self, it: &Move, (from, to): (&str, &str), source: MailSource) {
        let domain = from.rsplit('@').next().unwrap_or_default();
        let time = self.time(it.at + 400_000);
        let raw = RawName::Text(domain.as_bytes());
        let (Verdict::Hit(found) | Verdict::Context(found)) = self.list.find_at(&raw, time) else {
            return;
        };
        let mail = Mail {
            time,
            point: logs::MAIL_FEED.into(),
            source,
            name: normal(domain),
            rule: HitRule::of(&found),
            recipient: to.to_lowercase(),
            id: logs::mail_id(it),
        };
        self.push(time, it.client, Event::Mail(Box::new(mail)));
    }

    fn dhcp(&mut self, it: &Move, client: &Client, act: Session, lease: u32) {
        let stop = act == Session::Stop;
        let at = if stop { it.at } else { it.at + DHCP_ANSWER };
        let time = self.time(at);
        let until = (!stop).then(|| self.time(at + u64::from(lease) * 1_000_000));
        let fact = Fact {
            until,
            act: if stop { FactAct::Ends } else { FactAct::Holds },
            mac: Some(client.mac),
            client_id: Some([&[1][..], &client.mac].concat()),
            host: client.host.clone(),
            ..fact(time, FactSource::Dhcp4, SERVICES.to_string(), client)
        };
        self.push(time, it.client, Event::Fact(Box::new(fact)));
    }

    fn radius(&mut self, it: &Move, client: &Client, act: Session) {
        let stop = act == Session::Stop;
        let fact = Fact {
            act: if stop { FactAct::Ends } else { FactAct::Holds },
            mac: Some(client.mac),
            user: client.user.clone(),
            session: Some(session_id(client)),
            ..fact(
                self.time(it.at),
                FactSource::Radius,
                ACCESS_SERVER.to_string(),
                client,
            )
        };
        let learned = self.time(it.at + ACCOUNTING_ANSWER);
        self.push(learned, it.client, Event::Fact(Box::new(fact)));
    }
}

/// Name of the observation point.
const POINT: &str = "capture.pcapng";

fn ends(
    client: &Client,
    port: u16,
    server: IpAddr,
    server_port: u16,
    transport: Transport,
) -> Endpoints {
    Endpoints {
        src: client.address,
        dst: server,
        sport: port,
        dport: server_port,
        transport: match transport {
            Transport::H2 => crate::base::Transport::Tcp,
            Transport::H3 => crate::base::Transport::Udp,
        },
    }
}

fn fact(time: Timestamp, source: FactSource, origin: String, client: &Client) -> Fact {
    Fact {
        time,
        until: None,
        source,
        origin,
        act: FactAct::Holds,
        net: Some(IpNet::from(client.address)),
        mac: None,
        client_id: None,
        circuit: None,
        clock: None,
        host: None,
        user: None,
        session: None,
    }
}

fn normal(name: &str) -> String {
    let mut out = NameBuf::new();
    // Names of plans are sound; one that is not stays empty and matches nothing.
    let _ = RawName::Text(name.as_bytes()).normalise(&mut out);
    out.as_str().to_owned()
}
