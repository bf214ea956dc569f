//! What a person reads for real evidence, and that nothing the wire sends does harm.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{LINES_MAX, describe};
use crate::base::Seen;

macro_rules! dns {
    ($file:literal) => {
        include_bytes!(concat!("../../../tests/data/dns/", $file, ".bin"))
    };
}
const CHROMIUM: &[u8] = include_bytes!("../../../tests/data/evidence/chromium-hello.bin");
const OPENSSL: &[u8] = include_bytes!("../../../tests/data/evidence/openssl-hello.bin");

const CERTIFICATE: &[u8] = include_bytes!("../../../tests/data/certificates/wildcard.der");

#[test]
fn a_certificate_is_written_out() {
    let text = text(CERTIFICATE, Seen::TlsCert);
    assert_has(
        &text,
        &[
            "X.509 version 3, 482 bytes, as the server showed it",
            "O=Lab, CN=clearview.ai",
            "valid from              2026-11-22T",
            "valid until             2036-11-19T",
            "alternative name        \"*.clearview.ai\"",
            "alternative name        address c0000201",
            "No signature was checked",
        ],
    );
    assert!(!text.contains("x@y"), "a person's mail address:\n{text}");
    assert!(describe(b"\x30\x03abc", Seen::TlsCert)[0].contains("cannot be read"));
}

fn text(evidence: &[u8], seen: Seen) -> String {
    describe(evidence, seen).join("\n")
}

#[track_caller]
fn assert_has(text: &str, wanted: &[&str]) {
    for part in wanted {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
}

#[test]
fn a_chain_of_cnames_is_written_out_and_dns_parser_reads_it_whole() {
    let text = text(dns!("cname-chain-response"), Seen::DnsCname);
    assert_has(
        &text,
        &[
            "DNS response, id 0xeb09, 143 bytes",
            "opcode QUERY, flags AA RD RA, NOERROR; 1 question(s), 4 answer(s)",
            "one.example IN A",
            "two.example 300 IN CNAME www.customer.example",
            "vendor.example 300 IN A 192.0.2.10",
            "EDNS version 0, UDP size 1232",
            "dns-parser reads it whole: 1 question(s), 4 answer(s), 0 authority, 1 additional",
        ],
    );
    assert!(
        !text.contains('*'),
        "nothing was left to our own walk:\n{text}"
    );
}

#[test]
fn every_kind_of_record_is_written_out() {
    for (message, wanted) in [
        (
            &dns!("mx-response")[..],
            "vendor.example 300 IN MX 10 mail.vendor.example",
        ),
        (
            dns!("txt-response"),
            r#"vendor.example 300 IN TXT "v=spf1 -all""#,
        ),
        (dns!("srv-response"), "SRV 0 0 5060 sip.vendor.example"),
        (
            dns!("noedns-aaaa-response"),
            "vendor.example 300 IN AAAA 2001:db8::10",
        ),
        (
            dns!("ptr-response"),
            "10.2.0.192.in-addr.arpa 300 IN PTR vendor.example",
        ),
        (dns!("chaos-response"), r#"CH TXT "dnsmasq-2.90""#),
        (dns!("a-query"), "COOKIE (8 bytes)"),
        (dns!("nxdomain-response"), "NXDOMAIN"),
        (dns!("root-query"), ". IN NS"),
    ] {
        assert_has(&text(message, Seen::DnsCname), &[wanted]);
    }
    // SOA, which needs two names and five numbers
    let soa = b"\0\x01\x81\x83\0\0\0\0\0\x01\0\0\x07example\0\0\x06\0\x01\0\0\0\x05\0\x21\
        \x02ns\xc0\x0c\x05admin\xc0\x0c\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05";
    let soa = text(soa, Seen::DnsCname);
    assert_has(
        &soa,
        &["example 5 IN SOA ns.example admin.example 1 2 3 4 5"],
    );
}

#[test]
fn what_dns_parser_refuses_our_own_walk_reads_and_says_so() {
    let https = text(dns!("https-target-response"), Seen::DnsSvcb);
    assert_has(
        &https,
        &[
            "target.example IN HTTPS *",
            "target.example 300 IN HTTPS 1 svc.vendor.example alpn=h2 ech=(6 bytes) *",
            "*                       dns-parser cannot read this line",
            "dns-parser refuses the message as a whole: query type 65 is invalid",
        ],
    );
    assert_has(
        &text(dns!("https-response"), Seen::DnsCname),
        &["HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.10 *"],
    );
    assert_has(
        &text(dns!("https-alias-response"), Seen::DnsCname),
        &["HTTPS 0 vendor.example *"],
    );
    let nonascii = text(dns!("nonascii-query"), Seen::DnsQuery);
    assert_has(
        &nonascii,
        &["caf\\195\\169.example IN A *", "LabelIsNotAscii"],
    );
    let dot = text(dns!("dot-in-label-query"), Seen::DnsQuery);
    assert_has(&dot, &["a\\.b.example IN A"]);
}

#[test]
fn a_browsers_hello_is_written_out() {
    assert_has(
        &text(CHROMIUM, Seen::QuicSni),
        &[
            "TLS ClientHello, 2017 bytes kept of 2017",
            "GREASE (0xfafa), TLS_AES_128_GCM_SHA256,",
            "server_name             \"app.vendor.example\"",
            "GREASE (0xdada), TLS 1.3, TLS 1.2",
            "X25519MLKEM768 (1216 bytes), x25519 (32 bytes)",
            "alpn                    \"h2\", \"http/1.1\"",
            "config id 76, 240 sealed bytes; real ECH and GREASE look alike",
            "compress_certificate    brotli",
        ],
    );
    let openssl = text(OPENSSL, Seen::TlsSni);
    assert_has(
        &openssl,
        &["\"app.vendor.example\"", "ffdhe8192", "key_share"],
    );
    assert!(!openssl.contains("broken"));
}

#[test]
fn cut_evidence_says_where_it_ends() {
    let hello = text(&CHROMIUM[..1000], Seen::TlsSni);
    assert_has(
        &hello,
        &[
            "1000 bytes kept of 2017",
            "cut off or contradictory from byte ",
        ],
    );
    let message = dns!("cname-chain-response");
    let cut = text(&message[..70], Seen::DnsCname);
    assert_has(
        &cut,
        &[
            "two.example",
            "answer 2 of 4 at byte",
            "runs past the end",
            "not asked of dns-parser",
        ],
    );
    assert_has(
        &text(&[1, 2, 3], Seen::DnsQuery),
        &["too short for DNS: 010203"],
    );
    assert_has(&text(&[], Seen::TlsSni), &["from byte 0 on"]);
}

#[test]
fn no_control_character_reaches_the_terminal() {
    let message = b"\0\x01\x81\x80\0\x01\0\x01\0\0\0\0\x05a\x1b[2J\0\0\x10\0\x01\
        \xc0\x0c\0\x10\0\x01\0\0\0\0\0\x08\x07\x1b]0;x\"\x07";
    let text = text(message, Seen::DnsQuery);
    assert_has(&text, &["a\\027[2j IN TXT", r#""\x1b]0;x\"\x07""#]);
    assert!(
        text.lines()
            .all(|line| line.bytes().all(|b| (0x20..0x7f).contains(&b)))
    );
}

#[test]
fn a_hostile_message_fills_no_screen_and_no_stack() {
    // 16 KiB of pointers to pointers, then records whose owner and data are their end.
    let mut message = b"\0\x01\x81\x80\0\0\xff\xff\0\0\0\0\0\0\x10\0\x01\0\0\0\0\x1f\x40".to_vec();
    let base = message.len() as u16;
    message.push(0);
    message.push(0);
    for link in 1..4000u16 {
        message.extend((0xc000 | (base + 2 * (link - 1))).to_be_bytes());
    }
    let last = 0xc000 | (base + 2 * 3999);
    while message.len() < 16_384 {
        message.extend(last.to_be_bytes());
        message.extend(b"\0\x05\0\x01\0\0\0\0\0\x02");
        message.extend(last.to_be_bytes());
    }
    let lines = describe(&message, Seen::DnsCname);
    assert_eq!(lines.len(), LINES_MAX + 1);
    assert!(lines[LINES_MAX].ends_with("more lines)"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn nothing_panics_and_every_line_is_printable(
        which in 0..6usize,
        edits in vec((any::<u16>(), any::<u8>()), 0..6),
        cut in prop::option::weighted(0.3, any::<u16>()),
    ) {
        let mut evidence = [
            &dns!("cname-chain-response")[..], dns!("https-response"), dns!("srv-response"),
            dns!("tcp-any-responses"), CHROMIUM, OPENSSL,
        ][which].to_vec();
        for (at, value) in edits {
            let at = usize::from(at) % evidence.len();
            evidence[at] = value;
        }
        if let Some(cut) = cut {
            evidence.truncate(usize::from(cut) % (evidence.len() + 1));
        }
        for seen in [Seen::DnsQuery, Seen::TlsSni] {
            for line in describe(&evidence, seen) {
                prop_assert!(line.bytes().all(|b| (0x20..0x7f).contains(&b)), "{}", line);
            }
        }
    }
}
