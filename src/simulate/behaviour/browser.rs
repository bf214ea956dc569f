//! A browser: looks names up, opens connections, keeps them for a while and uses them again.
//!
//! Enters: acts. Leaves: look-ups and flows in a plan. Sources of the constants: Chromium keeps a
//! used TCP connection for up to 300 s, but servers end it sooner (nginx `keepalive_timeout`, 75 s by
//! default); its QUIC connections rest for 30 s at most (`kIdleConnectionTimeout`). It asks for A,
//! AAAA and HTTPS records at once, and keeps answers for their TTL (here 300 s).

use std::collections::BTreeMap;

use crate::simulate::chance::Chance;
use crate::simulate::plan::{Exchange, Flow, Plan, SECOND, Transport, What};
use crate::simulate::sessions::{self, Act};

const H2_IDLE: u64 = 75 * SECOND;
const H3_IDLE: u64 = 30 * SECOND;
const DNS_KEPT: u64 = 300 * SECOND;
/// DNS types A, AAAA, HTTPS.
const QTYPES: [u16; 3] = [1, 28, 65];

/// One browser (or program) of one client.
pub struct Browser {
    client: usize,
    transport: Transport,
    /// Who is seen to look names up: the client, the internal resolver, or nobody.
    asks: Option<usize>,
    /// Names that share certificate and address with another: they use its connections.
    coalesced: BTreeMap<String, String>,
    /// By name: the move of the open connection, and the end of its newest exchange.
    open: BTreeMap<String, (usize, u64)>,
    asked: BTreeMap<String, u64>,
}

impl Browser {
    /// Nothing open yet; it looks names up itself.
    pub const fn new(client: usize, transport: Transport) -> Self {
        Self {
            client,
            transport,
            asks: Some(client),
            coalesced: BTreeMap::new(),
            open: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }

    /// Look-ups are seen of `client` (an internal resolver), or not at all.
    #[must_use]
    pub const fn asking_through(mut self, client: Option<usize>) -> Self {
        self.asks = client;
        self
    }

    /// Connections to `name` go over one to `other` while that is open (RFC 9113 section 9.1.1).
    pub fn coalesce(&mut self, name: &str, other: &str) {
        self.coalesced.insert(name.into(), other.into());
    }

    /// The look-ups for a name, unless their answers are still known.
    pub fn look_up(&mut self, plan: &mut Plan, at: u64, name: &str) {
        let known = self.asked.get(name);
        if known.is_some_and(|asked| at.saturating_sub(*asked) < DNS_KEPT) {
            return;
        }
        self.asked.insert(name.into(), at);
        let Some(client) = self.asks else { return };
        for qtype in QTYPES {
            let (name, chain) = (name.to_owned(), Vec::new());
            plan.push(at, client, What::LookUp { name, qtype, chain });
        }
    }

    /// Does `act` at `name`, and says when its last exchange began.
    pub fn act(
        &mut self,
        plan: &mut Plan,
        chance: &mut Chance,
        at: u64,
        name: &str,
        act: Act,
    ) -> u64 {
        self.look_up(plan, at, name);
        let at = at + chance.between(15_000, 60_000);
        let mut end = at;
        let drawn = sessions::builtin().draw(act, self.transport, chance);
        for (number, exchanges) in drawn.into_iter().enumerate() {
            let last = exchanges.last().map_or(0, |exchange| exchange.at);
            end = end.max(at + last);
            // A server drops its third, fourth... connection sooner; only the first is used again.
            if number == 0 {
                self.use_open(plan, at, name, exchanges);
            } else {
                self.connect(plan, at, name, exchanges);
            }
        }
        end
    }

    fn use_open(&mut self, plan: &mut Plan, at: u64, name: &str, exchanges: Vec<Exchange>) {
        let idle = match self.transport {
            Transport::H2 => H2_IDLE,
            Transport::H3 => H3_IDLE,
        };
        let last = at + exchanges.last().map_or(0, |exchange| exchange.at);
        let other = self.coalesced.get(name).map(String::as_str);
        let reused = [Some(name), other].into_iter().flatten().find_map(|name| {
            let (flow, used) = self.open.get(name)?;
            let opened = plan.moves[*flow].at;
            (at >= opened && at.saturating_sub(*used) < idle).then(|| (name.to_owned(), *flow))
        });
        match reused {
            Some((name, number)) => {
                let start = plan.moves[number].at;
                if let What::Flow(flow) = &mut plan.moves[number].what {
                    flow.exchanges.extend(exchanges.iter().map(|it| Exchange {
                        at: at - start + it.at,
                        ..*it
                    }));
                }
                self.open.insert(name, (number, last));
            }
            None => {
                let number = self.connect(plan, at, name, exchanges);
                self.open.insert(name.into(), (number, last));
            }
        }
    }

    fn connect(&self, plan: &mut Plan, at: u64, name: &str, exchanges: Vec<Exchange>) -> usize {
        let flow = Flow {
            name: name.into(),
            transport: self.transport,
            port: 443,
            exchanges,
        };
        plan.push(at, self.client, What::Flow(flow))
    }
}
