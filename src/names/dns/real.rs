//! Messages that dig and dnsmasq exchanged (`tests/data/dns`).

use super::oracle::{Read, read};
use super::second_opinion::compare;
use super::{DnsEnd, next_tcp_message};
use crate::base::Seen;
use crate::names::Probe;

/// `type name` lines: `?` a question, `>` CNAME, `=` HTTPS or SVCB.
fn lines(names: &[Read]) -> Vec<String> {
    names
        .iter()
        .map(|(name, seen, qtype, question)| {
            let mark = match (seen, question) {
                (Seen::DnsQuery, true) => '?',
                (Seen::DnsCname, false) => '>',
                (Seen::DnsSvcb, false) => '=',
                _ => unreachable!(),
            };
            format!("{mark}{qtype} {name}")
        })
        .collect()
}

macro_rules! messages {
    ($($file:literal => [$($line:literal),*];)+) => {
        [$((
            $file,
            &include_bytes!(concat!("../../../tests/data/dns/", $file, ".bin"))[..],
            &[$($line),*][..],
        )),+]
    };
}

#[test]
fn udp_messages_yield_their_names() {
    let messages: [(&str, &[u8], &[&str]); _] = messages! {
        "a-query" => ["?1 vendor.example"];
        "a-response" => ["?1 vendor.example"];
        "noedns-aaaa-query" => ["?28 vendor.example"];
        "noedns-aaaa-response" => ["?28 vendor.example"];
        "cname-chain-query" => ["?1 one.example"];
        "cname-chain-response" =>
            ["?1 one.example", ">1 two.example", ">1 www.customer.example", ">1 vendor.example"];
        "https-query" => ["?65 vendor.example"];
        "https-response" => ["?65 vendor.example"];
        "https-alias-query" => ["?65 alias.example"];
        "https-alias-response" => ["?65 alias.example", "=65 vendor.example"];
        "https-target-query" => ["?65 target.example"];
        "https-target-response" => ["?65 target.example", "=65 svc.vendor.example"];
        "svcb-query" => ["?64 _dns.vendor.example"];
        "svcb-response" => ["?64 _dns.vendor.example", "=64 svc.vendor.example"];
        "mx-query" => ["?15 vendor.example"];
        "mx-response" => ["?15 vendor.example"];
        "txt-response" => ["?16 vendor.example"];
        "srv-response" => ["?33 _sip._tcp.vendor.example"];
        "nxdomain-response" => ["?1 nx.example"];
        "nonascii-query" => ["?1 caf\\195\\169.example"];
        "dot-in-label-query" => ["?1 a\\.b.example"];
        "mixed-case-query" => ["?1 vendor.example"];
        "mixed-case-response" => ["?1 vendor.example"];
        "root-query" => [];
        "chaos-query" => ["?16 version.bind"];
        "chaos-response" => ["?16 version.bind"];
        "ptr-response" => ["?12 10.2.0.192.in-addr.arpa"];
    };
    for (file, message, wanted) in messages {
        let (names, end) = read(message);
        assert_eq!(lines(&names), wanted, "{file}");
        assert_eq!(end, DnsEnd::Whole, "{file}");
        compare(message);
    }
}

#[test]
fn tcp_streams_yield_their_names_however_they_are_cut() {
    let streams: [(&str, &[u8], &[&str]); _] = messages! {
        "tcp-three-queries" => ["?1 one.example", "?28 two.example", "?65 vendor.example"];
        "tcp-three-responses" => [
            "?1 one.example", ">1 two.example", ">1 www.customer.example", ">1 vendor.example",
            "?28 two.example", ">28 www.customer.example", ">28 vendor.example",
            "?65 vendor.example"
        ];
        "tcp-any-queries" => ["?255 vendor.example"];
        "tcp-any-responses" => ["?255 vendor.example"];
    };
    for (file, stream, wanted) in streams {
        for first in 0..=stream.len() {
            let (mut from, mut found) = (0, Vec::new());
            for arrived in [first, stream.len()] {
                while let Probe::Found((message, used)) = next_tcp_message(&stream[from..arrived]) {
                    found.extend(lines(&read(message).0));
                    from += used;
                }
            }
            assert_eq!(found, wanted, "{file} cut at {first}");
            assert_eq!(from, stream.len());
        }
    }
}
