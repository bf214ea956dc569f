//! What is one flow, what is two, and which sighting is told. Times in milliseconds.

use super::*;
use crate::base::Transport;
use crate::event::Burst;
use crate::hits::fold::tests::hit as tls_hit;

const ANNA: &str = "10.20.1.7";
const BERT: &str = "10.20.1.8";
const GATE: &str = "198.51.100.1";
const MS: i64 = 1_000_000;

const MAP: &str = r#"
[[network]]
prefix = "198.51.100.1/32"
kind = "translator"
[[network]]
prefix = "198.51.100.2/32"
kind = "translator"
[[network]]
prefix = "10.1.0.80/32"
kind = "proxy"
"#;

struct Bench {
    it: Twice,
    ready: Vec<Event>,
}

fn bench() -> Bench {
    with(MAP, &[], &[])
}

fn with(map: &str, monitored: &[&str], own: &[&str]) -> Bench {
    let key = Key::from_secret(&(0u8..32).collect::<Vec<_>>()).unwrap();
    let map = Arc::new(Organisation::parse(map, "map").unwrap());
    let monitored = monitored.iter().map(|net| net.parse().unwrap()).collect();
    let own: Vec<IpAddr> = own.iter().map(|it| it.parse().unwrap()).collect();
    let whereabouts = Whereabouts::new(map, monitored, own);
    Bench {
        it: Twice::new(key, whereabouts, HOLD_LIVE),
        ready: Vec::new(),
    }
}

/// A hello with this random, of a client with this port, at this point.
fn hello(at: i64, point: &str, (client, port): (&str, u16), random: u8) -> Hit {
    let mut hit = tls_hit(0, client, "app.acme.example");
    (hit.time, hit.point) = (Timestamp(at * MS), point.into());
    (hit.ends.sport, hit.evidence) = (port, vec![1, 0, random]);
    hit
}

fn dns(at: i64, point: &str, (client, port): (&str, u16), id: u8) -> Hit {
    let mut hit = hello(at, point, (client, port), id);
    (hit.seen, hit.qtype) = (Seen::DnsQuery, 1);
    (hit.ends.dport, hit.ends.transport) = (53, Transport::Udp);
    hit
}

fn http(at: i64, point: &str, (client, port): (&str, u16)) -> Hit {
    let mut hit = hello(at, point, (client, port), 0);
    (hit.seen, hit.ends.dport) = (Seen::HttpHost, 80);
    hit.evidence = b"app.acme.example".to_vec();
    hit
}

fn burst(of: &Hit) -> Event {
    Event::Burst(Box::new(Burst {
        point: of.point.clone(),
        ends: of.ends,
        client_mac: None,
        rule: of.rule.clone(),
        name: of.name.clone(),
        start: of.time,
        end: of.time,
        frames: (1, 2),
        rest_ns: 0,
        opened: of.time,
        contested: false,
        up: 1,
        down: 1,
        up_frames: 1,
        down_frames: 1,
    }))
}

fn support(of: &Hit) -> Event {
    Event::Support(Box::new(Support {
        time: of.time,
        frame: 1,
        point: of.point.clone(),
        ends: of.ends,
        client_mac: None,
        seen: of.seen,
        name: "login.example".into(),
        rule: of.rule.clone(),
    }))
}

impl Bench {
    /// Takes it as it happens.
    fn hit(&mut self, hit: &Hit) {
        let event = Event::Hit(Box::new(hit.clone()));
        self.it.take(event, hit.time, &mut self.ready);
    }

    fn event(&mut self, event: Event, at: i64) {
        self.it.take(event, Timestamp(at * MS), &mut self.ready);
    }

    /// What was told up to now: the client and point of each.
    fn told(&mut self, at: i64) -> Vec<String> {
        self.it.release(Timestamp(at * MS), &mut self.ready);
        let told = self.ready.drain(..).map(|event| {
            let (what, ends, point) = match event {
                Event::Hit(it) => ("", it.ends, it.point),
                Event::Burst(it) => ("burst ", it.ends, it.point),
                Event::Support(it) => ("support ", it.ends, it.point),
                _ => panic!("nothing else was put in"),
            };
            format!("{what}{} {point}", ends.src)
        });
        told.collect()
    }

    fn count(&self, what: Repeat) -> u64 {
        self.it.counts().at(what.index())
    }
}

/// Before and after translation, whichever comes first: one hit, of the client, and its exchanges.
#[test]
fn the_sighting_near_the_client_is_told_whichever_comes_first() {
    type Make = fn(i64, &str, (&str, u16), u8) -> Hit;
    let each: [(Make, Repeat); 2] = [(hello, Repeat::Hello), (dns, Repeat::Dns)];
    for (make, what) in each {
        for outer_first in [false, true] {
            let mut it = bench();
            let near = make(0, "lan0", (ANNA, 4000), 1);
            let outer = make(1, "wan0", (GATE, 61_000), 1);
            let (first, second) = if outer_first {
                (&outer, &near)
            } else {
                (&near, &outer)
            };
            it.hit(first);
            assert_eq!(it.told(1).len(), usize::from(!outer_first), "it waits");
            it.hit(second);
            assert_eq!(it.count(what), 1);
            for exchange in [&outer, &near] {
                it.event(burst(exchange), 1000);
            }
            let mut told = it.told(2000);
            told.sort();
            let near_alone = [format!("{ANNA} lan0"), format!("burst {ANNA} lan0")];
            let burst_alone = &near_alone[1..];
            let want = if outer_first {
                &near_alone[..]
            } else {
                burst_alone
            };
            assert_eq!(told, want, "{what} {outer_first}");
            assert_eq!(it.count(Repeat::Burst), 1);
        }
    }
}

/// No translation: the first one is as good as the second.
#[test]
fn on_both_sides_of_a_router_and_on_a_loopback_it_is_one() {
    let mut it = bench();
    for make in [hello, dns] {
        it.hit(&make(0, "lan0", (ANNA, 4000), 1));
        it.hit(&make(0, "wan0", (ANNA, 4000), 1));
        it.hit(&make(0, "lan0", (ANNA, 4000), 1));
    }
    it.hit(&http(0, "lan0", (ANNA, 4001)));
    it.hit(&http(1, "wan0", (ANNA, 4001)));
    assert_eq!(it.told(100).len(), 3);
    let counts = [Repeat::Hello, Repeat::Dns, Repeat::Other].map(|what| it.count(what));
    assert_eq!(counts, [2, 2, 1]);
    // A question asked again is a question; so is a request on the same connection.
    it.hit(&dns(1000, "lan0", (ANNA, 4000), 1));
    it.hit(&http(1000, "lan0", (ANNA, 4001)));
    assert_eq!(it.told(2000).len(), 2);
    it.hit(&http(1001, "wan0", (ANNA, 4001)));
    assert_eq!(it.told(2000).len(), 0);
}

#[test]
fn who_connects_twice_makes_two_hits() {
    let mut it = bench();
    for random in [1, 2] {
        it.hit(&hello(0, "lan0", (ANNA, 4000 + u16::from(random)), random));
        it.hit(&hello(1, "wan0", (GATE, 6000 + u16::from(random)), random));
    }
    assert_eq!(
        it.told(100),
        [format!("{ANNA} lan0"), format!("{ANNA} lan0")]
    );
}

/// Two behind one translator, the same name in the same moment: two, in each order and each way.
#[test]
fn two_at_one_moment_behind_one_translator_are_two() {
    let of = |random: u8, outer: bool| match outer {
        false => ("lan0", (if random == 1 { ANNA } else { BERT }, 4000)),
        true => ("wan0", (GATE, 6000 + u16::from(random))),
    };
    let orders: [[(u8, bool); 4]; 4] = [
        [(1, false), (2, false), (1, true), (2, true)],
        [(1, false), (1, true), (2, false), (2, true)],
        [(1, true), (2, true), (2, false), (1, false)],
        [(2, true), (1, false), (1, true), (2, false)],
    ];
    for order in orders {
        for way in 0..3 {
            let mut it = bench();
            for (random, outer) in order {
                let (point, client) = of(random, outer);
                it.hit(&match way {
                    0 => hello(0, point, client, random),
                    1 => dns(0, point, client, random),
                    _ => http(0, point, client),
                });
            }
            let mut told = it.told(1000);
            told.sort();
            let want = [format!("{ANNA} lan0"), format!("{BERT} lan0")];
            assert_eq!(told, want, "{order:?} {way}");
        }
    }
}

/// Somebody inside replays another's hello, before or after: nobody is silenced.
#[test]
fn a_replayed_hello_silences_nobody() {
    for clients in [[ANNA, BERT], [BERT, ANNA]] {
        let mut it = bench();
        for (n, client) in clients.into_iter().enumerate() {
            it.hit(&hello(n as i64, "lan0", (client, 4000), 1));
            it.hit(&hello(n as i64, "wan0", (GATE, 6000 + n as u16), 1));
        }
        assert_eq!(it.told(100), clients.map(|client| format!("{client} lan0")));
    }
    // Sent first under the translator's address, then as oneself, soon or late.
    for (later, want) in [(20, &[ANNA][..]), (200, &[GATE, ANNA])] {
        let mut it = bench();
        it.hit(&hello(0, "lan0", (GATE, 4000), 1));
        it.hit(&hello(later, "lan0", (ANNA, 4000), 1));
        let want: Vec<String> = want.iter().map(|client| format!("{client} lan0")).collect();
        assert_eq!(it.told(later), want);
        assert_eq!(it.count(Repeat::Late), want.len() as u64 - 1);
    }
    // A thousand replays: the memory of one message is bounded, and each is told.
    let mut it = bench();
    for n in 0..1000u32 {
        let client = format!("10.21.{}.{}", n / 250, n % 250);
        it.hit(&hello(0, "lan0", (&client, 4000), 1));
    }
    assert_eq!(it.told(0).len(), 1000);
    assert_eq!(it.it.order.len(), KNOWN_MAX_OF_ONE);
}

/// What happens long after, with another id, or of another server, is another one.
#[test]
fn windows_ids_and_servers_keep_things_apart() {
    let mut it = bench();
    it.hit(&dns(0, "lan0", (ANNA, 4000), 1));
    it.hit(&dns(0, "wan0", (GATE, 6000), 2));
    it.hit(&dns(2001, "wan0", (GATE, 6000), 1));
    let mut elsewhere = dns(0, "wan0", (GATE, 6001), 1);
    elsewhere.ends.dst = "203.0.113.9".parse().unwrap();
    it.hit(&elsewhere);
    it.hit(&http(0, "lan0", (ANNA, 4001)));
    it.hit(&http(3001, "wan0", (GATE, 6001)));
    assert_eq!(it.told(5000).len(), 6);
    // At one point nothing tells a translation from another client, without an id.
    it.hit(&http(6000, "lan0", (ANNA, 4002)));
    it.hit(&http(6000, "lan0", (GATE, 6002)));
    assert_eq!(it.told(7000).len(), 2);
}

/// What makes an address one that stands for others.
#[test]
fn who_stands_for_others() {
    let one = |it: Bench, outer: &str| {
        let mut it = it;
        it.hit(&hello(0, "lan0", (ANNA, 4000), 1));
        it.hit(&hello(0, "wan0", (outer, 6000), 1));
        it.told(1000).len() == 1
    };
    assert!(one(bench(), GATE) && one(bench(), "10.1.0.80"), "the map");
    assert!(one(with("", &[], &["10.9.9.9"]), "10.9.9.9"), "our own");
    assert!(
        one(with("", &["10.20.0.0/16"], &[]), "10.9.9.9"),
        "not monitored"
    );
    assert!(
        one(with("", &[], &[]), "203.0.113.7"),
        "a public one for a private"
    );
    assert!(!one(with("", &[], &[]), "10.9.9.9"), "two private ones");
    assert!(
        !one(with("", &["10.0.0.0/8"], &[]), "10.9.9.9"),
        "two monitored"
    );
    // IPv6 with prefix translation, and IPv6 to IPv4.
    let mut it = with("", &["fd00::/8"], &[]);
    it.hit(&hello(0, "lan0", ("fd00::7", 4000), 1));
    it.hit(&hello(0, "wan0", ("2001:db8::7", 4000), 1));
    it.hit(&hello(0, "nat64", (GATE, 6000), 1));
    assert_eq!(it.told(1000), ["fd00::7 lan0"]);
    // Two translators, the client between none of our points.
    let mut it = bench();
    it.hit(&hello(0, "mid0", ("198.51.100.2", 4000), 1));
    it.hit(&hello(0, "wan0", (GATE, 6000), 1));
    assert_eq!(it.told(1000), ["198.51.100.2 mid0"]);
}

#[test]
fn support_counts_once_too() {
    let mut it = bench();
    let near = http(0, "lan0", (ANNA, 4000));
    let outer = http(0, "wan0", (GATE, 6000));
    let other = http(0, "lan0", (BERT, 4000));
    for sighting in [&outer, &near, &other] {
        it.event(support(sighting), 0);
    }
    let want = [
        format!("support {ANNA} lan0"),
        format!("support {BERT} lan0"),
    ];
    assert_eq!(it.told(1000), want);
    assert_eq!(it.count(Repeat::Support), 1);
}

#[test]
fn a_mail_on_both_sides_of_a_router_is_one() {
    let mail = |at: i64, point: &str, recipient: &str| {
        Event::Mail(Box::new(Mail {
            time: Timestamp(at * MS),
            point: point.into(),
            source: MailSource::Wire,
            name: "acme.example".into(),
            rule: hello(0, "x", (ANNA, 1), 0).rule,
            recipient: recipient.into(),
            id: String::new(),
        }))
    };
    let mut it = bench();
    for (at, point, recipient) in [
        (0, "lan0", "anna@corp.example"),
        (1, "wan0", "anna@corp.example"),
        // Another one, and the same again at the same point: sent again.
        (2, "wan0", "bert@corp.example"),
        (3, "lan0", "anna@corp.example"),
        (4, "wan0", "anna@corp.example"),
    ] {
        it.event(mail(at, point, recipient), at);
    }
    assert_eq!((it.ready.len(), it.count(Repeat::Mail)), (3, 2));
}

/// A flow whose ports are used again by a new connection is told again.
#[test]
fn a_new_connection_on_old_ports_is_told() {
    let mut it = with("", &[], &[]);
    it.hit(&hello(0, "lan0", (ANNA, 4000), 1));
    let copy = hello(0, "wan0", (ANNA, 4000), 1);
    it.hit(&copy);
    let again = hello(60_000, "wan0", (ANNA, 4000), 2);
    it.hit(&again);
    it.event(burst(&again), 61_000);
    let want = [
        format!("{ANNA} lan0"),
        format!("{ANNA} wan0"),
        format!("burst {ANNA} wan0"),
    ];
    assert_eq!(it.told(62_000), want);
}

/// Bounds, and nothing lost at them.
#[test]
fn tables_are_bounded_and_what_waits_is_told() {
    let mut it = bench();
    for n in 0..20_000u32 {
        let mut hit = hello(0, "wan0", (GATE, 6000), 0);
        hit.evidence = n.to_be_bytes().to_vec();
        it.hit(&hit);
    }
    assert!(it.it.held.len() <= HELD_MAX + 1);
    assert!(it.it.order.len() <= KNOWN_MAX && it.it.known.len() <= KNOWN_MAX);
    let mut ready = std::mem::take(&mut it.ready);
    it.it.flush(&mut ready);
    assert_eq!((ready.len(), it.it.due()), (20_000, None));
    for n in 0..40_000u32 {
        let ends = hello(0, "x", (GATE, 1), 0).ends;
        it.it.told_elsewhere(&n.to_string(), &ends);
    }
    assert_eq!(it.it.flows.len(), FLOWS_MAX);
    it.told(120_000);
    assert!(
        it.it.order.is_empty() && it.it.known.is_empty(),
        "addresses are forgotten"
    );
}

/// The wall clock may be set while something waits.
#[test]
fn a_clock_that_is_set_keeps_nothing_waiting() {
    for now in [-3_600_000, 3_600_000] {
        let mut it = bench();
        it.hit(&hello(0, "wan0", (GATE, 6000), 1));
        assert_eq!(it.told(49).len(), 0);
        assert_eq!(it.told(now).len(), 1, "{now}");
    }
}

/// What has nothing of its own looks alike for everybody who goes to one server.
#[test]
fn a_whole_office_on_one_site_counts_once_each() {
    let mut it = bench();
    for client in 1..=60u8 {
        let (at, address) = (i64::from(client) * 900, format!("10.20.1.{client}"));
        it.hit(&http(at, "lan0", (&address, 4000)));
        it.hit(&http(at + 1, "lan1", (&address, 4000)));
    }
    assert_eq!(it.told(60_000).len(), 60);
    assert_eq!(it.count(Repeat::Other), 60);
}
