//! What must hold for every input: the body of the fuzz target `presence`.
//!
//! Enters: any bytes, read as a series of messages. Each is `kind, length (u16, little endian)` and
//! then so many bytes; the kind says which ports and which direction, its upper bits how many
//! seconds later.

// Assertions are what this file is for; its own arithmetic is on small numbers.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::net::IpAddr;

use super::{At, Malformed, Protocol, Watch, Withheld, dhcp6, kerberos, radius};
use crate::base::{Endpoints, Timestamp, Transport};
use crate::event::{Fact, FactAct, FactSource};
use crate::names::smtp;

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 10));
const SERVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

/// Ports of the client and the server, and what the server's facts are of.
const SPOKEN: [(u16, u16, FactSource); 4] = [
    (68, 67, FactSource::Dhcp4),
    (546, 547, FactSource::Dhcp6),
    (40_000, 1813, FactSource::Radius),
    (40_000, 88, FactSource::Kerberos),
];

/// Reads the messages in `data` and asserts what must hold.
pub fn check(data: &[u8]) {
    let mut watch = Watch::new(Some(1));
    let mut silent = Watch::new(Some(1));
    let (mut rest, mut secs, mut messages) = (data, 1_700_000_000i64, 0u64);
    while let Some(([kind, low, high], more)) = rest.split_first_chunk::<3>() {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(more.len());
        let (bytes, behind) = more.split_at(len);
        rest = behind;
        secs += i64::from(kind >> 3);
        let (client, server, source) = SPOKEN[usize::from(kind & 3)];
        let asks = Endpoints {
            src: CLIENT,
            dst: SERVER,
            sport: client,
            dport: server,
            transport: Transport::Udp,
        };
        let ends = if kind & 4 == 0 { asks } else { asks.reversed() };
        let at = At {
            time: Timestamp::from_secs_nanos(secs, 0),
            ends: &ends,
            point: "fuzz",
        };
        let mut facts = Vec::new();
        let ours = watch.datagram(at, bytes, &mut |fact| facts.push(fact));
        messages += u64::from(ours);
        for fact in &facts {
            holds(fact, source, at.time);
            assert!(
                from_server_or_ends(fact, kind & 4 != 0),
                "a client bound somebody"
            );
        }
        // What only clients say binds nobody, whatever it is and however often.
        let at = At { ends: &asks, ..at };
        silent.datagram(at, bytes, &mut |fact| {
            assert!(fact.act == FactAct::Ends, "a client bound somebody");
        });
        alone(bytes);
    }
    assert_eq!(
        watch.read().total() + watch.malformed().total(),
        messages,
        "each message is read or broken, once"
    );
    watch.flush();
    let unanswered = watch.withheld().at(Withheld::Unanswered.index());
    assert!(unanswered <= watch.read().at(Protocol::Radius.index()));
    assert!(silent.malformed().total() <= messages && Malformed::ALL.len() == 8);
}

fn from_server_or_ends(fact: &Fact, server: bool) -> bool {
    server || fact.act == FactAct::Ends
}

/// What every fact keeps to.
fn holds(fact: &Fact, source: FactSource, now: Timestamp) {
    assert!(fact.source == source && !fact.origin.is_empty());
    if let Some(net) = fact.net {
        let ip = net.addr();
        assert!(!ip.is_unspecified() && !ip.is_loopback() && !ip.is_multicast());
        assert!(
            net.prefix_len() >= 32,
            "a prefix that binds a whole provider"
        );
        assert_eq!(net, net.trunc());
    }
    if let Some(mac) = fact.mac {
        assert!(mac != [0; 6] && mac[0] & 1 == 0);
    }
    for text in [&fact.host, &fact.user, &fact.session]
        .into_iter()
        .flatten()
    {
        assert!(!text.trim().is_empty() && !text.chars().any(char::is_control));
    }
    assert!(
        fact.until
            .is_none_or(|until| until >= fact.time && fact.act == FactAct::Holds)
    );
    assert!(fact.time <= now, "a fact from the future");
    if fact.source == FactSource::Kerberos {
        let user = fact.user.as_deref().unwrap_or_default();
        let (name, realm) = user.rsplit_once('@').unwrap_or_else(|| panic!("no realm"));
        assert!(!name.ends_with('$') && !name.contains('/') && !realm.is_empty());
    }
}

/// Readers on their own: what is found lies inside, and what is cut is never something else.
fn alone(bytes: &[u8]) {
    if let Ok(Some(packet)) = radius::read(bytes) {
        assert!(packet.packet.len() <= bytes.len() && packet.packet.len() >= 20);
    }
    if let Ok(message) = dhcp6::read(bytes) {
        let mut count = 0;
        let whole = message.held(&mut |_| count += 1);
        assert!(whole.is_err() || count <= bytes.len() / 16);
    }
    if let Ok(Some(kerberos::Message::First(client))) = kerberos::read(bytes) {
        for cut in 0..bytes.len().min(300) {
            if let Ok(Some(kerberos::Message::First(found))) = kerberos::read(&bytes[..cut]) {
                assert_eq!(found, client, "{cut} bytes name somebody else");
            }
        }
    }
    lines(bytes);
}

/// SMTP: reading on leads to the end, and a shorter stretch waits or says the same.
fn lines(mut bytes: &[u8]) {
    use crate::names::Probe;
    while let Probe::Found((line, used)) = smtp::next_line(bytes) {
        assert!(used > 0 && used <= bytes.len());
        for cut in [used / 2, used - 1] {
            assert!(
                cut == 0 || matches!(smtp::next_line(&bytes[..cut]), Probe::NeedMore),
                "half a line is something"
            );
        }
        assert_eq!(smtp::next_line(&bytes[..used]), Probe::Found((line, used)));
        bytes = &bytes[used..];
    }
}
