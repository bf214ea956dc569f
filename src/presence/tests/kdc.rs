//! Kerberos replies, built byte by byte; kerberos-parser is the second opinion.

use kerberos_parser::krb5_parser::parse_as_rep;

use super::*;
use crate::names::Probe;

fn tlv(tag: u8, body: &[u8]) -> Vec<u8> {
    let len = body.len();
    let head = match len {
        0..=127 => vec![tag, len as u8],
        _ => vec![tag, 0x82, (len >> 8) as u8, len as u8],
    };
    [head.as_slice(), body].concat()
}

fn field(n: u8, body: &[u8]) -> Vec<u8> {
    tlv(0xa0 + n, body)
}

fn int(n: u8) -> Vec<u8> {
    tlv(2, &[n])
}

fn string(text: &[u8]) -> Vec<u8> {
    tlv(27, text)
}

fn principal(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let parts: Vec<u8> = parts.iter().flat_map(|part| string(part)).collect();
    tlv(
        0x30,
        &[field(0, &int(kind)), field(1, &tlv(0x30, &parts))].concat(),
    )
}

fn encrypted(len: usize) -> Vec<u8> {
    tlv(
        0x30,
        &[field(0, &int(18)), field(2, &tlv(4, &vec![7; len]))].concat(),
    )
}

/// AS-REP (tag 11) or TGS-REP (13).
fn reply(tag: u8, realm: &[u8], name: &[u8], ticket_len: usize) -> Vec<u8> {
    let service = principal(2, &[b"krbtgt", b"CORP.EXAMPLE"]);
    let ticket = [
        field(0, &int(5)),
        field(1, &string(b"CORP.EXAMPLE")),
        field(2, &service),
        field(3, &encrypted(ticket_len)),
    ];
    let body = [
        field(0, &int(5)),
        field(1, &int(tag)),
        field(3, &string(realm)),
        field(4, name),
        field(5, &tlv(0x61, &tlv(0x30, &ticket.concat()))),
        field(6, &encrypted(40)),
    ];
    tlv(0x60 + tag, &tlv(0x30, &body.concat()))
}

/// AS-REQ up to its body, with these kinds of pre-authentication.
fn request(kinds: &[u8]) -> Vec<u8> {
    let list: Vec<u8> = kinds
        .iter()
        .flat_map(|kind| {
            let number = if *kind > 127 {
                tlv(2, &[0, *kind])
            } else {
                int(*kind)
            };
            tlv(0x30, &[field(1, &number), field(2, &tlv(4, b"x"))].concat())
        })
        .collect();
    let mut body = [field(1, &int(5)), field(2, &int(10))].concat();
    if !kinds.is_empty() {
        body.extend(field(3, &tlv(0x30, &list)));
    }
    body.extend(field(4, &tlv(0x30, &field(1, &principal(1, &[b"anna"])))));
    tlv(0x6a, &tlv(0x30, &body))
}

fn anna() -> Vec<u8> {
    principal(1, &[b"anna"])
}

impl Seat {
    fn asks_kdc(&mut self, bytes: &[u8]) -> Vec<Fact> {
        self.take((CLIENT, 40_000), (SERVER, 88), bytes)
    }

    fn kdc(&mut self, bytes: &[u8]) -> Vec<Fact> {
        self.take((SERVER, 88), (CLIENT, 40_000), bytes)
    }

    fn name(&mut self, realm: &[u8], name: &[u8]) -> Option<String> {
        let facts = self.kdc(&reply(13, realm, name, 200));
        facts.into_iter().next().map(|fact| fact.user.unwrap())
    }
}

#[test]
fn a_first_ticket_needs_a_proof_and_a_further_one_is_one() {
    let first = reply(11, b"CORP.EXAMPLE", &anna(), 200);
    let (_, other) = parse_as_rep(&first).unwrap();
    assert_eq!(other.cname.name_string, ["anna"], "the second opinion");
    let mut seat = Seat::new();
    assert!(
        seat.asks_kdc(&request(&[2])).is_empty(),
        "a request names nobody"
    );
    let fact = one(seat.kdc(&first));
    assert_eq!(fact.user.as_deref(), Some("anna@CORP.EXAMPLE"));
    assert_eq!(
        fact.net.unwrap().to_string(),
        "192.0.2.10/32",
        "who gets the reply"
    );
    assert!(fact.origin == "192.0.2.1" && fact.until.is_none() && fact.mac.is_none());
    for kinds in [&[][..], &[128, 149]] {
        let mut seat = Seat::new();
        seat.asks_kdc(&request(kinds));
        assert!(seat.kdc(&first).is_empty(), "given to everybody who asks");
        assert_eq!(seat.withheld(Withheld::Unproved), 1);
    }
    for kinds in [&[149, 2][..], &[136], &[16]] {
        let mut seat = Seat::new();
        seat.asks_kdc(&request(kinds));
        assert_eq!(seat.kdc(&first).len(), 1);
    }
    let mut seat = Seat::new();
    let further = reply(13, b"CORP.EXAMPLE", &anna(), 200);
    assert_eq!(seat.kdc(&further).len(), 1);
    assert!(seat.kdc(&further).is_empty(), "told a moment ago");
    assert!(
        seat.take((CLIENT, 40_000), (SERVER, 88), &further)
            .is_empty(),
        "from a client"
    );
}

#[test]
fn machines_services_and_the_anonymous_are_nobody() {
    let mut seat = Seat::new();
    for (kind, parts) in [
        (1, &[&b"PC-7$"[..]][..]),
        (3, &[b"host", b"pc-7"]),
        (1, &[b"host", b"pc-7"]),
        (2, &[b"krbtgt"]),
        (3, &[b"http"]),
        (1, &[b"anna/admin"]),
        (1, &[b"anna", b"admin"]),
        (11, &[b"WELLKNOWN", b"ANONYMOUS"]),
        (1, &[b"WELLKNOWN"]),
        (1, &[b""]),
        (1, &[]),
        (1, &[b"an\xffna"]),
        (1, &[b"an\nna"]),
    ] {
        assert_eq!(
            seat.name(b"CORP.EXAMPLE", &principal(kind, parts)),
            None,
            "{parts:?}"
        );
    }
    assert_eq!(seat.name(b"WELLKNOWN:ANONYMOUS", &anna()), None);
    assert_eq!(seat.name(b"A@B", &anna()), None);
    assert_eq!(seat.watch.malformed().total(), 0, "odd, but not broken");
}

#[test]
fn names_beyond_ascii_and_with_borders_in_them() {
    let mut seat = Seat::new();
    let of = |name: &str| principal(1, &[name.as_bytes()]);
    assert_eq!(
        seat.name(b"CORP.EXAMPLE", &of("jörg")).unwrap(),
        "jörg@CORP.EXAMPLE"
    );
    let odd = of("a@b\\c");
    assert_eq!(seat.name(b"R", &odd).unwrap(), "a\\@b\\\\c@R");
}

#[test]
fn a_cut_reply_names_the_same_or_nobody() {
    for name in [anna(), principal(1, &[b"anna", b"admin"])] {
        let bytes = reply(13, b"CORP.EXAMPLE", &name, 3000);
        let whole = kerberos::read(&bytes).unwrap().unwrap();
        let mut told = 0;
        for cut in 0..bytes.len() {
            match kerberos::read(&bytes[..cut]) {
                Ok(Some(found)) => {
                    assert_eq!(found, whole, "{cut}");
                    told += 1;
                }
                Ok(None) | Err(Malformed::KerberosEncoding) => {}
                Err(why) => panic!("{why}"),
            }
        }
        assert!(told > 2900, "the name stands before the ticket");
    }
    let mut lies = reply(13, b"CORP.EXAMPLE", &anna(), 200);
    let at = lies.windows(4).position(|four| four == b"anna").unwrap();
    lies[at - 1] = 100;
    assert_eq!(kerberos::read(&lies), Err(Malformed::KerberosEncoding));
    assert_eq!(kerberos::read(b"\x30\x03\x02\x01\x05"), Ok(None));
    assert_eq!(kerberos::read(b""), Ok(None));
}

#[test]
fn messages_in_a_stream() {
    let message = reply(13, b"CORP.EXAMPLE", &anna(), 200);
    let len = u32::try_from(message.len()).unwrap().to_be_bytes();
    let stream = [&len[..], &message, &len].concat();
    let Probe::Found((found, used)) = next_tcp_message(&stream) else {
        panic!("whole");
    };
    assert!(found == message && used == message.len() + 4);
    for cut in 0..used {
        assert_eq!(next_tcp_message(&stream[..cut]), Probe::NeedMore, "{cut}");
    }
    for other in [
        &b"GET / HTTP/1.1"[..],
        b"\x16\x03\x01\x00\x05",
        b"\x00\x00\x00\x05\x30abcd",
        b"\0\0\0\0",
    ] {
        assert_eq!(next_tcp_message(other), Probe::NotForUs);
    }
}
