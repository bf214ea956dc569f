//! The plan: what passes, when, between whom. Frames, logs and events are all made from it, so that
//! they cannot tell different stories.
//!
//! Enters: moves of the clients. Leaves: the same in the order of time, each with its port and
//! number. Times are microseconds since the plan's start.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde::Deserialize;

/// Microseconds in a second.
pub const SECOND: u64 = 1_000_000;

/// Somebody with an address.
#[derive(Clone)]
pub struct Client {
    /// The word for their part.
    pub key: String,
    /// Address.
    pub address: IpAddr,
    /// Link-layer address.
    pub mac: [u8; 6],
    /// The device's own name.
    pub host: Option<String>,
    /// Name of its user at the authentication server.
    pub user: Option<String>,
    /// Their mailbox.
    pub mail: Option<String>,
}

/// What a browser speaks. `h2` is HTTP over TLS and TCP, `h3` is HTTP over QUIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// TLS over TCP.
    H2,
    /// QUIC.
    H3,
}

/// What went up and came down between two rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Microseconds after the flow's hello.
    pub at: u64,
    /// Payload bytes from the client (TCP or UDP payload).
    pub up: u32,
    /// Payload bytes to the client.
    pub down: u32,
}

/// A connection.
#[derive(Clone)]
pub struct Flow {
    /// Name in its ClientHello.
    pub name: String,
    /// TCP or QUIC.
    pub transport: Transport,
    /// The server's port.
    pub port: u16,
    /// What passes after the hello. In the order of time.
    pub exchanges: Vec<Exchange>,
}

/// What an identity source says.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Session {
    /// It begins (DHCP ACK, accounting start).
    Start,
    /// It goes on.
    Interim,
    /// It ends (release, accounting stop).
    Stop,
}

/// One thing that passes.
#[derive(Clone)]
pub enum What {
    /// A DNS look-up and its answer.
    LookUp {
        /// The name asked for.
        name: String,
        /// DNS type.
        qtype: u16,
        /// CNAME targets of the answer.
        chain: Vec<String>,
    },
    /// A connection.
    Flow(Flow),
    /// A line in the mail server's log: a mail from outside was delivered.
    Mail {
        /// Envelope sender.
        from: String,
        /// Mailbox.
        to: String,
    },
    /// A mail in clear on the wire, from a mail server outside to the organisation's.
    Smtp {
        /// Envelope sender.
        from: String,
        /// Mailbox.
        to: String,
    },
    /// DHCPv4 acknowledgement or release of the client's address.
    Dhcp {
        /// Start or stop.
        act: Session,
        /// Seconds.
        lease: u32,
    },
    /// RADIUS accounting of the client's user and address.
    Radius {
        /// Which.
        act: Session,
    },
    /// Kerberos: the KDC's reply to the client's user.
    Kerberos,
}

/// One thing, when and whose.
#[derive(Clone)]
pub struct Move {
    /// Microseconds since the start.
    pub at: u64,
    /// Index into [`Plan::clients`].
    pub client: usize,
    /// What.
    pub what: What,
    /// The client's port, or the mail's number; given by [`Plan::finish`].
    pub port: u16,
    /// Number of the move in the order of time, from 1; given by [`Plan::finish`].
    pub number: u32,
}

/// All that passes.
#[derive(Clone, Default)]
pub struct Plan {
    /// Seconds since the epoch.
    pub start: u64,
    /// Who is in it.
    pub clients: Vec<Client>,
    /// What they do.
    pub moves: Vec<Move>,
}

impl Plan {
    /// Nobody does anything yet.
    pub fn new(start: u64) -> Self {
        Self {
            start,
            ..Self::default()
        }
    }

    /// Adds a client; its index.
    pub fn client(&mut self, client: Client) -> usize {
        self.clients.push(client);
        self.clients.len() - 1
    }

    /// Adds a move; its index.
    pub fn push(&mut self, at: u64, client: usize, what: What) -> usize {
        self.moves.push(Move {
            at,
            client,
            what,
            port: 0,
            number: 0,
        });
        self.moves.len() - 1
    }

    /// Puts the moves in order and gives each its port and number.
    pub fn finish(&mut self) {
        self.moves.sort_by_key(|it| it.at);
        for (index, it) in self.moves.iter_mut().enumerate() {
            it.number = index as u32 + 1;
            it.port = 40_000 + (index % 20_000) as u16 + 1;
            if let What::Flow(flow) = &mut it.what {
                flow.exchanges.sort_by_key(|exchange| exchange.at);
            }
        }
    }

    /// How often each name is to be seen outside of the networks `excluded`, by the label of how:
    /// known from the plan alone.
    pub fn sightings(&self, excluded: &[IpNet]) -> BTreeMap<(String, String), u64> {
        let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
        let mut count = |seen: &str, name: &String| {
            *counts.entry((seen.into(), name.clone())).or_default() += 1;
        };
        for it in &self.moves {
            let address = self.clients[it.client].address;
            if excluded.iter().any(|net| net.contains(&address)) {
                continue;
            }
            match &it.what {
                What::LookUp { name, chain, .. } => {
                    count("dns-query", name);
                    chain.iter().for_each(|target| count("dns-cname", target));
                }
                What::Flow(flow) => count(
                    match flow.transport {
                        Transport::H2 => "tls-sni",
                        Transport::H3 => "quic-sni",
                    },
                    &flow.name,
                ),
                _ => {}
            }
        }
        counts
    }
}

/// The address at which a name is served, in the documentation prefixes (RFC 5737, RFC 3849), of
/// the client's family.
pub fn server(name: &str, client: IpAddr) -> IpAddr {
    // FNV-1a: the same on every machine and in every version.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let host = 60 + (hash % 180) as u8;
    match client {
        IpAddr::V4(_) => Ipv4Addr::new(198, 51, 100, host).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, u16::from(host)).into(),
    }
}

/// The resolver outside, of the client's family.
pub fn resolver(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => Ipv4Addr::new(198, 51, 100, 53).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 0x53).into(),
    }
}
