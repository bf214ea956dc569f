//! Verdicts on hellos, with and without what the DNS told before.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::*;

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 10));
const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 11));
const OUTER: Option<Offer> = Some(Offer::Outer(7));

fn at(s: i64) -> Timestamp {
    Timestamp((1_700_000_000 + s) * 1_000_000_000)
}

fn name(text: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in text.split('.') {
        wire.push(label.len() as u8);
        wire.extend(label.as_bytes());
    }
    wire.push(0);
    wire
}

/// An ECHConfigList with configurations of these ids, all with one public name.
fn configs(ids: &[u8], public_name: &str) -> Vec<u8> {
    let mut list = Vec::new();
    for id in ids {
        let mut config = vec![*id, 0, 0x20, 0, 32];
        config.extend([5; 32]);
        config.extend([0, 4, 0, 1, 0, 1, 64, public_name.len() as u8]);
        config.extend(public_name.as_bytes());
        config.extend([0, 0]);
        list.extend(0xfe0d_u16.to_be_bytes());
        list.extend((config.len() as u16).to_be_bytes());
        list.extend(config);
    }
    [&(list.len() as u16).to_be_bytes()[..], &list].concat()
}

/// A response: flags, question, and HTTPS records with these parameters.
fn response(flags: u16, asked: &str, qtype: u16, records: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut message = vec![0, 1];
    message.extend(flags.to_be_bytes());
    message.extend([0, 1, 0, records.len() as u8, 0, 0, 0, 0]);
    message.extend(name(asked));
    message.extend(qtype.to_be_bytes());
    message.extend([0, 1]);
    for (ttl, params) in records {
        message.extend([0xc0, 12, 0, 65, 0, 1]);
        message.extend(ttl.to_be_bytes());
        message.extend((params.len() as u16 + 3).to_be_bytes());
        message.extend([0, 1, 0]);
        message.extend(params);
    }
    message
}

fn ech_param(configs: &[u8]) -> Vec<u8> {
    let alpn = [0, 1, 0, 3, 2, b'h', b'2'];
    let head = [0, 5, 0, configs.len() as u8];
    [&alpn[..], &head, configs].concat()
}

fn told(messages: &[Vec<u8>]) -> Memory {
    let mut memory = Memory::new(64);
    for message in messages {
        read_answer(message, &mut |answer| memory.note(CLIENT, &answer, at(0)));
    }
    memory
}

fn plain(asked: &str) -> Vec<u8> {
    response(0x8180, asked, 65, &[])
}

#[test]
fn the_extension_is_read() {
    let outer = [0, 0, 1, 0, 1, 42, 0, 0, 0, 0];
    assert_eq!(Offer::read(&outer), Offer::Outer(42));
    assert_eq!(Offer::read(&[1]), Offer::Inner);
    for broken in [&[][..], &[0], &[0, 0, 1, 0, 1], &[1, 0], &[2]] {
        assert_eq!(Offer::read(broken), Offer::Broken);
    }
}

#[test]
fn without_dns_only_a_known_public_name_is_real() {
    let memory = told(&[]);
    let cases: [(&[u8], Option<Offer>, EchVerdict); 8] = [
        (b"cloudflare-ech.com", OUTER, EchVerdict::PublicName),
        (b"Cloudflare-ECH.com.", OUTER, EchVerdict::PublicName),
        (b"cover.defo.ie", OUTER, EchVerdict::PublicName),
        (b"cloudflare-ech.com", None, EchVerdict::None),
        (b"www.cloudflare-ech.com", OUTER, EchVerdict::DnsNotSeen),
        (b"app.clearview.ai", OUTER, EchVerdict::DnsNotSeen),
        (
            b"app.clearview.ai",
            Some(Offer::Inner),
            EchVerdict::InnerForm,
        ),
        (
            b"app.clearview.ai",
            Some(Offer::Broken),
            EchVerdict::DnsNotSeen,
        ),
    ];
    for (outer, offer, want) in cases {
        assert_eq!(verdict(outer, offer, &memory, CLIENT, at(1)), want);
    }
}

#[test]
fn an_answer_with_a_configuration_makes_its_public_name_real() {
    let record = ech_param(&configs(&[3, 7], "cover.example"));
    let memory = told(&[response(0x8180, "hidden.example", 65, &[(300, record)])]);
    let says = |outer: &[u8], id, client, s| {
        verdict(outer, Some(Offer::Outer(id)), &memory, client, at(s))
    };
    assert_eq!(
        says(b"cover.example", 7, CLIENT, 1),
        EchVerdict::HttpsRecord
    );
    assert_eq!(
        says(b"Cover.Example.", 3, CLIENT, 299),
        EchVerdict::HttpsRecord
    );
    assert_eq!(
        says(b"cover.example", 8, CLIENT, 1),
        EchVerdict::ConfigMismatch
    );
    // Another client, another name, the name hidden, and after the answer's life.
    assert_eq!(says(b"cover.example", 7, OTHER, 1), EchVerdict::DnsNotSeen);
    assert_eq!(
        says(b"www.cover.example", 7, CLIENT, 1),
        EchVerdict::DnsNotSeen
    );
    assert_eq!(
        says(b"hidden.example", 7, CLIENT, 1),
        EchVerdict::DnsNotSeen
    );
    assert_eq!(
        says(b"cover.example", 7, CLIENT, 400),
        EchVerdict::DnsNotSeen
    );
    assert!(says(b"cover.example", 7, CLIENT, 1).is_real());
}

#[test]
fn an_answer_without_one_makes_the_extension_grease() {
    let no_ech = vec![0, 1, 0, 3, 2, b'h', b'2'];
    let records = response(0x8180, "shop.example", 65, &[(120, no_ech)]);
    let memory = told(&[
        records,
        plain("Bank.Example"),
        response(0x8183, "nx.example", 65, &[]),
    ]);
    let says = |outer: &[u8], client, s| verdict(outer, OUTER, &memory, client, at(s));
    assert_eq!(says(b"shop.example", CLIENT, 1), EchVerdict::NoEchInDns);
    assert_eq!(says(b"bank.example", CLIENT, 200), EchVerdict::NoEchInDns);
    assert_eq!(says(b"nx.example", CLIENT, 1), EchVerdict::NoEchInDns);
    assert_eq!(says(b"shop.example", CLIENT, 151), EchVerdict::DnsNotSeen);
    assert_eq!(says(b"shop.example", OTHER, 1), EchVerdict::DnsNotSeen);
    assert_eq!(says(b"www.shop.example", CLIENT, 1), EchVerdict::DnsNotSeen);
}

/// Each of these says nothing about ECH: not asked, refused, cut, or broken.
#[test]
fn other_answers_say_nothing() {
    let record = ech_param(&configs(&[7], "cover.example"));
    let whole = response(0x8180, "a.example", 65, &[(300, record.clone())]);
    let mut broken = whole.clone();
    let end = broken.len();
    broken.truncate(end - 1);
    let silent = [
        response(0x8180, "a.example", 1, &[]),
        response(0x8182, "a.example", 65, &[]),
        response(0x8380, "a.example", 65, &[]),
        response(0x0100, "a.example", 65, &[]),
        broken,
        vec![0; 12],
        Vec::new(),
    ];
    assert!(told(&silent).is_empty());
    assert!(!told(std::slice::from_ref(&whole)).is_empty());
    for end in 0..whole.len() {
        assert!(told(&[whole[..end].to_vec()]).is_empty(), "cut at {end}");
    }
    // A configuration of another version cannot be compared, but it is one: no GREASE is claimed.
    let mut newer = configs(&[7], "cover.example");
    newer[2..4].copy_from_slice(&[0xfe, 0x0e]);
    let newer = response(0x8180, "a.example", 65, &[(300, ech_param(&newer))]);
    assert!(told(&[newer]).is_empty());
}

#[test]
fn the_table_keeps_its_size_and_the_newest() {
    let mut memory = Memory::new(4);
    for n in 0..100 {
        let message = plain(&format!("n{n}.example"));
        read_answer(&message, &mut |answer| memory.note(CLIENT, &answer, at(n)));
    }
    let last = verdict(b"n99.example", OUTER, &memory, CLIENT, at(100));
    assert_eq!(last, EchVerdict::NoEchInDns);
    let first = verdict(b"n0.example", OUTER, &memory, CLIENT, at(100));
    assert_eq!(first, EchVerdict::DnsNotSeen);
}
