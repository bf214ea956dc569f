//! Ways round, over built frames: what is counted, once, and what is not.

use super::*;
use crate::base::{Counters, WayRound};
use crate::event::Stats;
use crate::names::bypass::oracle as tunnel;
use crate::names::tls::oracle as hello;
use crate::names::{dns::Asked, ech};
use crate::sensor::context::{Around, Context};
use crate::sensor::join::Joins;
use crate::sensor::watch::Trail;
use crate::sensor::ways::Counted;

fn count(stats: &Stats) -> Vec<(WayRound, u64)> {
    let all = WayRound::ALL
        .iter()
        .map(|w| (*w, stats.ways_round.at(w.index())));
    all.filter(|(_, n)| *n > 0).collect()
}

fn counted(frames: &[Vec<u8>]) -> Vec<(WayRound, u64)> {
    count(&run(frames).1)
}

fn lookup(name: &str, qtype: u16) -> Vec<u8> {
    udp(false, 53, &query(name, qtype))
}

#[test]
fn each_look_up_of_a_listed_name_counts_by_kind() {
    for (name, kind) in [
        ("dns.google", WayRound::Doh),
        ("Chrome.Cloudflare-DNS.com", WayRound::Doh),
        ("dot1.applied-privacy.net", WayRound::Dot),
        ("odoh.cloudflare-dns.com", WayRound::Odoh),
        ("use-application-dns.net", WayRound::Ddr),
        ("_dns.resolver.arpa", WayRound::Ddr),
        ("mask.icloud.com", WayRound::Relay),
        ("expyuzz4wqqyqhjn.onion", WayRound::Tor),
        ("bridges.torproject.org", WayRound::Tor),
        ("engage.cloudflareclient.com", WayRound::VpnName),
        ("www.croxyproxy.com", WayRound::Proxy),
    ] {
        let (seen, stats) = run(&[lookup(name, 1), lookup(name, 28)]);
        assert_eq!(count(&stats), [(kind, 2)], "{name}");
        assert!(seen.hits.is_empty() && seen.told.is_empty(), "{name}");
        assert_eq!(stats.names.at(Seen::DnsQuery.index()), 2, "{name}");
        assert_eq!(stats.hits.total() + stats.context.total(), 0, "{name}");
    }
    for name in [
        "onion",
        "dns.onion.example",
        "xdns.google",
        "cloudflare-dns.com.example",
    ] {
        assert_eq!(counted(&[lookup(name, 1)]), [], "{name}");
    }
}

#[test]
fn the_certificate_of_a_dnscrypt_resolver_is_asked_for_by_name() {
    let name = "2.dnscrypt-cert.resolver.example";
    assert_eq!(counted(&[lookup(name, 16)]), [(WayRound::DnsCrypt, 1)]);
    let name = "2.dnscrypt.default.ns1.adguard.example";
    assert_eq!(counted(&[lookup(name, 16)]), [(WayRound::DnsCrypt, 1)]);
    assert_eq!(counted(&[lookup(name, 1)]), []);
    assert_eq!(counted(&[lookup("2.dnscryptic.example", 16)]), []);
    assert_eq!(counted(&[lookup("spf.example", 16)]), []);
}

/// A stream of one hello to `port`.
fn stream(port: u16, from: u16, bytes: &[u8]) -> Vec<Vec<u8>> {
    let on = |mut frame: Vec<u8>| {
        frame[34..36].copy_from_slice(&from.to_be_bytes());
        frame[36..38].copy_from_slice(&port.to_be_bytes());
        frame
    };
    vec![on(tcp(0, 2, &[])), on(tcp(1, 0x18, bytes))]
}

#[test]
fn a_hello_of_encrypted_dns_counts_once_whatever_its_name() {
    let with = |name: &str, alpn: &str| {
        let len = u8::try_from(alpn.len()).unwrap();
        let list = [&[0, len + 1, len], alpn.as_bytes()].concat();
        let mut extensions = vec![(16, list)];
        if !name.is_empty() {
            extensions.push((0, hello::server_name(&[name.as_bytes()])));
        }
        let message = hello::client_hello(&extensions);
        hello::records(&message, &[message.len()])
    };
    let one = |port, name, alpn| counted(&stream(port, 40_000, &with(name, alpn)));
    assert_eq!(one(853, "dns.google", "dot"), [(WayRound::Dot, 1)]);
    assert_eq!(one(853, "", "x"), [(WayRound::Dot, 1)]);
    assert_eq!(
        one(8853, "own.resolver.example", "dot"),
        [(WayRound::Dot, 1)]
    );
    assert_eq!(one(443, "dns.google", "h2"), [(WayRound::Doh, 1)]);
    assert_eq!(one(443, "www.google.com", "h2"), []);
    assert_eq!(one(443, "", "h2"), []);
    let again = [
        stream(853, 40_000, &with("", "dot")),
        stream(853, 40_001, &with("", "dot")),
    ];
    assert_eq!(counted(&again.concat()), [(WayRound::Dot, 2)]);
}

#[test]
fn a_tunnel_counts_once_per_connection_and_only_when_it_leads_out() {
    let wireguard = tunnel::wireguard();
    let ike = tunnel::ike();
    let frames = [
        udp(false, 51820, &wireguard),
        udp(false, 51820, &wireguard),
        udp(false, 500, &ike),
        udp(false, 4500, &[&[0; 4], &ike[..]].concat()),
        udp(false, 4500, &[0xff]),
    ];
    let all = [(WayRound::WireGuard, 1), (WayRound::Ipsec, 1)];
    assert_eq!(counted(&frames), all);
    let of = |net: &str| Settings {
        monitored: vec![net.parse().unwrap()],
        ..small()
    };
    assert_eq!(count(&run_with(&of("10.0.0.0/8"), &frames).1), all);
    let elsewhere = run_with(&of("172.16.0.0/12"), &frames).1;
    assert_eq!(count(&elsewhere), [], "nobody of ours");
    let mut both = of("10.0.0.0/8");
    both.monitored.push("192.0.2.0/24".parse().unwrap());
    assert_eq!(count(&run_with(&both, &frames).1), [], "it stays inside");
}

#[test]
fn ssh_is_a_tunnel_on_another_port_than_its_own() {
    let banner = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n";
    assert_eq!(counted(&stream(22, 40_000, banner)), []);
    assert_eq!(
        counted(&stream(443, 40_000, banner)),
        [(WayRound::Tunnel, 1)]
    );
    let mut both = stream(443, 40_000, banner);
    let mut answer = both[1].clone();
    for pair in [(26, 30), (27, 31), (28, 32), (29, 33), (34, 36), (35, 37)] {
        answer.swap(pair.0, pair.1);
    }
    both.push(answer);
    assert_eq!(
        counted(&both),
        [(WayRound::Tunnel, 1)],
        "both sides begin alike"
    );
}

#[test]
fn a_proxy_outside_is_a_way_round_and_one_inside_is_not() {
    let mut stats = Stats {
        ways_round: Counters::new(WayRound::ALL.len()),
        ..Stats::default()
    };
    let (list, mut sink) = (Catalogue::builtin().unwrap(), Seeing::default());
    let (mut asked, mut ech) = (Asked::new(16), ech::Memory::new(16));
    let mut joins = Joins::new(256, Some(1));
    let (mut trail, mut ways) = (Trail::new(Some(1)), Counted::new(Some(1)));
    for (server, port) in [
        ([192, 168, 1, 1], 1),
        ([198, 51, 100, 7], 2),
        ([198, 51, 100, 7], 2),
    ] {
        let ends = Endpoints {
            src: IpAddr::from(CLIENT),
            dst: IpAddr::from(server),
            sport: port,
            dport: 3128,
            transport: crate::base::Transport::Tcp,
        };
        let mut context = Context {
            around: Around {
                frame: 1,
                time: Timestamp(1),
                ends,
                src_mac: None,
                dst_mac: None,
                vlan: None,
            },
            wire: None,
            point: "test",
            list: &list,
            contested: false,
            stats: &mut stats,
            asked: &mut asked,
            ech: &mut ech,
            joins: &mut joins,
            monitored: &[],
            trail: &mut trail,
            ways: &mut ways,
            sink: &mut sink,
        };
        context.way_of_proxy();
    }
    assert_eq!(count(&stats), [(WayRound::Proxy, 1)]);
}

#[test]
fn a_name_leaves_only_after_a_hit_and_only_as_support() {
    let (seen, stats) = run(&[
        lookup("dns.google", 1),
        lookup("app.clearview.ai", 1),
        lookup("dns.google", 1),
    ]);
    assert_eq!(count(&stats), [(WayRound::Doh, 2)]);
    assert_eq!(seen.hits.len(), 1);
    let [Event::Support(support)] = &seen.told[..] else {
        panic!("{} told", seen.told.len());
    };
    assert_eq!(support.frame, 3);
    assert_eq!(support.rule.category, crate::blocklist::ways::CATEGORY);
    assert_eq!(
        (support.name.as_str(), support.rule.role.as_str()),
        ("dns.google", "doh")
    );
}
