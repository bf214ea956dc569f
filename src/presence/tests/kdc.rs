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
    let mut body = [field(1, &int(5)), field(2, &int(10))].concat();
    if !kinds.is_empty() {
        body.extend(field(3, &data_of(kinds)));
    }
    body.extend(field(4, &tlv(0x30, &field(1, &principal(1, &[b"anna"])))));
    tlv(0x6a, &tlv(0x30, &body))
}

/// TGS-REQ with these kinds of data and these options.
fn further_request(kinds: &[u8], options: u32) -> Vec<u8> {
    let bits = [&[0][..], &options.to_be_bytes()].concat();
    let body = [
        field(1, &int(5)),
        field(2, &int(12)),
        field(3, &data_of(kinds)),
        field(4, &tlv(0x30, &field(0, &tlv(3, &bits)))),
    ];
    tlv(0x6c, &tlv(0x30, &body.concat()))
}

/// A list of PA-DATA.
fn data_of(kinds: &[u8]) -> Vec<u8> {
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
    tlv(0x30, &list)
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
        self.asks_kdc(&further_request(&[1], FORWARDABLE));
        let facts = self.kdc(&reply(13, realm, name, 200));
        facts.into_iter().next().map(|fact| fact.user.unwrap())
    }
}

/// What clients ask for, bits 1, 3 and 8 (forwardable, proxiable, renewable).
const FORWARDABLE: u32 = 0x5080_0000;

#[test]
fn a_first_ticket_needs_a_proof() {
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
    seat.asks_kdc(&request(&[2]));
    seat.asks_kdc(&request(&[]));
    assert!(seat.kdc(&first).is_empty(), "the newest request counts");
    seat.asks_kdc(&further_request(&[1], FORWARDABLE));
    assert!(seat.kdc(&first).is_empty(), "another ticket was asked");
}

#[test]
fn a_further_ticket_needs_the_request_of_who_gets_it() {
    let further = reply(13, b"CORP.EXAMPLE", &anna(), 200);
    let mut seat = Seat::new();
    assert!(seat.kdc(&further).is_empty(), "nobody asked");
    seat.asks_kdc(&request(&[2]));
    assert!(seat.kdc(&further).is_empty(), "another ticket was asked");
    seat.take(
        (CLIENT, 40_001),
        (SERVER, 88),
        &further_request(&[1], FORWARDABLE),
    );
    assert!(seat.kdc(&further).is_empty(), "from another port");
    assert_eq!(seat.withheld(Withheld::Unproved), 3);
    assert!(
        seat.asks_kdc(&further_request(&[1, 136], FORWARDABLE))
            .is_empty(),
        "a request names nobody"
    );
    assert_eq!(one(seat.kdc(&further)).user.unwrap(), "anna@CORP.EXAMPLE");
    assert!(seat.kdc(&further).is_empty(), "told a moment ago");
    assert!(seat.asks_kdc(&further).is_empty(), "from a client");
    seat.secs += 61;
    assert!(seat.kdc(&further).is_empty(), "asked long ago");
}

/// A web server that asks in the name of its visitor is not where the visitor sits.
#[test]
fn a_service_that_asks_for_somebody_else_binds_nobody() {
    let further = reply(13, b"CORP.EXAMPLE", &anna(), 200);
    let in_additional_ticket = 1 << (31 - 14);
    for (kinds, options) in [
        (&[1, 129][..], FORWARDABLE),
        (&[129, 1], FORWARDABLE),
        (&[1, 130], FORWARDABLE),
        (&[1], FORWARDABLE | in_additional_ticket),
    ] {
        let mut seat = Seat::new();
        seat.asks_kdc(&further_request(&[1], FORWARDABLE));
        seat.asks_kdc(&further_request(kinds, options));
        assert!(seat.kdc(&further).is_empty(), "{kinds:?} {options:x}");
        assert_eq!(seat.withheld(Withheld::Unproved), 1);
        assert_eq!(seat.watch.malformed().total(), 0);
    }
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
