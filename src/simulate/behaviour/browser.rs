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
/// Bytes up after the hello that no recorded connection over QUIC opened with less of.
const H3_OPENING: u32 = 1_400;
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

    /// Does `act` at `name`, and says when its last exchange began that somebody waits for. Names are
    /// looked up just before the first payload.
    pub fn act(
        &mut self,
        plan: &mut Plan,
        chance: &mut Chance,
        at: u64,
        name: &str,
        act: Act,
    ) -> u64 {
        let course = sessions::builtin().draw(act, self.transport, chance);
        self.look_up(plan, at + course.begins(), name);
        let at = at + chance.between(15_000, 60_000);
        let asks = |flow: &[Exchange]| flow.iter().map(|it| it.up).sum::<u32>();
        // Later acts use the connection that asked for the most; the spare ones are dropped sooner.
        let busiest = course.flows.iter().map(|flow| asks(flow)).max();
        let mut kept = None;
        for (number, exchanges) in course.flows.iter().enumerate() {
            // Only the first can be one that was open before.
            let open = match number {
                0 => self.open(plan, at + exchanges[0].at, name, course.transport),
                _ => None,
            };
            let (name, index) = match open {
                Some((name, index)) => {
                    extend(plan, index, at, exchanges);
                    (name, index)
                }
                // A farewell on a connection that nobody has.
                None if asks(exchanges) == 0 => continue,
                None => {
                    let opened = opening(course.transport, exchanges, chance);
                    let index = self.connect(plan, at, name, course.transport, &opened);
                    (name.to_owned(), index)
                }
            };
            if kept.is_none() || busiest == Some(asks(exchanges)) {
                let last = exchanges.last().map_or(0, |exchange| exchange.at);
                kept = Some((name, (index, at + last)));
            }
        }
        self.open.extend(kept);
        at + course.settles()
    }

    /// The connection over which `name` can be asked at `at`: whose it is, and its move.
    fn open(&self, plan: &Plan, at: u64, name: &str, with: Transport) -> Option<(String, usize)> {
        let idle = match with {
            Transport::H2 => H2_IDLE,
            Transport::H3 => H3_IDLE,
        };
        let other = self.coalesced.get(name).map(String::as_str);
        [Some(name), other].into_iter().flatten().find_map(|name| {
            let (index, used) = self.open.get(name)?;
            let it = &plan.moves[*index];
            let same = matches!(&it.what, What::Flow(flow) if flow.transport == with);
            (same && at >= it.at && at.saturating_sub(*used) < idle)
                .then(|| (name.to_owned(), *index))
        })
    }

    /// A new connection for exchanges of an act that began at `at`; it opens with the first of them.
    fn connect(
        &self,
        plan: &mut Plan,
        at: u64,
        name: &str,
        transport: Transport,
        exchanges: &[Exchange],
    ) -> usize {
        let first = exchanges.first().map_or(0, |exchange| exchange.at);
        let flow = Flow {
            name: name.into(),
            transport,
            port: 443,
            exchanges: Vec::new(),
        };
        let index = plan.push(at + first, self.client, What::Flow(flow));
        extend(plan, index, at, exchanges);
        index
    }
}

/// The same exchanges on a connection that was not there before. An act that was recorded on an open
/// one holds nothing of the handshake; over QUIC that is thousands of bytes, and what a recorded
/// preconnect spends on it is added. Over TCP it is the hello, which stands apart, and 64 bytes.
fn opening(with: Transport, exchanges: &[Exchange], chance: &mut Chance) -> Vec<Exchange> {
    let mut exchanges = exchanges.to_vec();
    if with == Transport::H3 && exchanges.first().is_some_and(|it| it.up < H3_OPENING) {
        let spent = sessions::builtin().draw(Act::Preconnect, with, chance);
        let spent = spent.flows.first().and_then(|flow| flow.first()).copied();
        if let (Some(first), Some(spent)) = (exchanges.first_mut(), spent) {
            first.up += spent.up;
            first.down += spent.down;
        }
    }
    exchanges
}

/// Adds exchanges of an act that began at `at` to a connection.
fn extend(plan: &mut Plan, index: usize, at: u64, exchanges: &[Exchange]) {
    let start = plan.moves[index].at;
    if let What::Flow(flow) = &mut plan.moves[index].what {
        flow.exchanges.extend(exchanges.iter().map(|it| Exchange {
            at: at + it.at - start,
            ..*it
        }));
    }
}
