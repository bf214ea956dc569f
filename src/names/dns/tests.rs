//! The traps of DNS, one built message each, and real messages from dig and dnsmasq.

use super::build::{Build, Labels, Part, QUERY, RESPONSE, labels};
use super::oracle::{Read, check, read};
use super::{DnsEnd, NAMES_MAX, next_tcp_message};
use crate::base::Seen;
use crate::names::{Malformed, Probe};

const Q: Seen = Seen::DnsQuery;
const C: Seen = Seen::DnsCname;
const S: Seen = Seen::DnsSvcb;

/// `(name, seen, qtype, question)` as text for short tables.
fn names(read: &[Read]) -> Vec<(&str, Seen, u16, bool)> {
    read.iter().map(|r| (r.0.as_str(), r.1, r.2, r.3)).collect()
}

/// Runs the oracle too: each message of the tables also stands for its prefixes.
#[track_caller]
fn expect(message: &Build, wanted: &[(&str, Seen, u16, bool)], end: DnsEnd) {
    expect_bytes(&message.bytes, wanted, end);
}

#[track_caller]
fn expect_bytes(message: &[u8], wanted: &[(&str, Seen, u16, bool)], end: DnsEnd) {
    let (found, found_end) = read(message);
    assert_eq!(names(&found), wanted);
    assert_eq!(found_end, end);
    check(message);
}

#[test]
fn a_query_of_every_type_yields_its_question() {
    for qtype in [1, 2, 5, 12, 15, 16, 28, 33, 64, 65, 255, 256, 65_535] {
        let message = Build::new(QUERY).ask("App.ClearView.ai", qtype);
        expect(
            &message,
            &[("app.clearview.ai", Q, qtype, true)],
            DnsEnd::Whole,
        );
    }
}

#[test]
fn every_class_counts_when_the_message_is_sound() {
    for class in [1, 3, 4, 255, 0, 77] {
        let message = Build::new(QUERY).question(&labels("a.example"), 1, class);
        expect(&message, &[("a.example", Q, 1, true)], DnsEnd::Whole);
    }
}

#[test]
fn edns_and_flags_change_nothing() {
    let opt = b"\0\0\x29\x10\0\0\0\x80\0\0\x0c\0\x0a\0\x08abcdefgh";
    let edns = Build::new(QUERY).ask("a.example", 1).raw(opt).count(3, 1);
    expect(&edns, &[("a.example", Q, 1, true)], DnsEnd::Whole);
    // TC, AA, AD, CD, Z, RCODE
    for flags in [0x0200, 0x0400, 0x0020, 0x0010, 0x0040, 0x0003] {
        let message = Build::new(flags).ask("a.example", 1);
        expect(&message, &[("a.example", Q, 1, true)], DnsEnd::Whole);
    }
}

#[test]
fn several_questions_yield_each() {
    let message = Build::new(QUERY)
        .compressed()
        .ask("a.example", 1)
        .ask("b.example", 28);
    let wanted = [("a.example", Q, 1, true), ("b.example", Q, 28, true)];
    expect(&message, &wanted, DnsEnd::Whole);
}

#[test]
fn the_root_is_no_name() {
    expect(&Build::new(QUERY).ask(".", 2), &[], DnsEnd::Whole);
    let message = Build::new(QUERY).ask(".", 2).ask("a.example", 1);
    expect(&message, &[("a.example", Q, 1, true)], DnsEnd::Whole);
}

#[test]
fn a_response_yields_question_and_cname_chain() {
    let message = Build::new(RESPONSE)
        .compressed()
        .ask("www.customer.example", 28)
        .cname("www.customer.example", "vendor.cdn.example")
        .cname("vendor.cdn.example", "edge.cdn.example")
        .a("edge.cdn.example");
    let wanted = [
        ("www.customer.example", Q, 28, true),
        ("vendor.cdn.example", C, 28, false),
        ("edge.cdn.example", C, 28, false),
    ];
    expect(&message, &wanted, DnsEnd::Whole);
}

#[test]
fn a_response_without_question_is_read() {
    let message = Build::new(RESPONSE).cname("a.example", "b.example");
    expect(&message, &[("b.example", C, 0, false)], DnsEnd::Whole);
}

#[test]
fn svcb_targets_are_read_and_the_dot_is_none() {
    let message = Build::new(RESPONSE)
        .ask("a.example", 65)
        .https("a.example", 0, "alias.example")
        .https("a.example", 1, ".")
        .https("a.example", 2, "service.example")
        .record(
            1,
            &labels("_dns.example"),
            64,
            &[
                Part::Bytes(vec![0, 1]),
                Part::PlainName(labels("doh.example")),
            ],
        );
    let wanted = [
        ("a.example", Q, 65, true),
        ("alias.example", S, 65, false),
        ("service.example", S, 65, false),
        ("doh.example", S, 65, false),
    ];
    expect(&message, &wanted, DnsEnd::Whole);
}

#[test]
fn dname_authority_additional_and_answers_of_a_query_are_not_read() {
    let target = [Part::Name(labels("other.example"))];
    let message = Build::new(RESPONSE)
        .ask("a.example", 1)
        .record(1, &labels("example"), 39, &target)
        .record(2, &labels("a.example"), 5, &target)
        .record(3, &labels("a.example"), 5, &target);
    expect(&message, &[("a.example", Q, 1, true)], DnsEnd::Whole);
    let query = Build::new(QUERY)
        .ask("a.example", 1)
        .cname("a.example", "b.example");
    expect(&query, &[("a.example", Q, 1, true)], DnsEnd::Whole);
}

#[test]
fn other_opcodes_are_no_look_up() {
    for (opcode, end) in [
        (1, DnsEnd::Whole),
        (2, DnsEnd::Whole),
        (3, DnsEnd::NotDns),
        (4, DnsEnd::Whole),
        (5, DnsEnd::Whole),
        (6, DnsEnd::Whole),
        (7, DnsEnd::NotDns),
        (15, DnsEnd::NotDns),
    ] {
        let message = Build::new(opcode << 11).ask("zone.example", 6);
        expect(&message, &[], end);
    }
}

#[test]
fn any_bytes_may_stand_in_a_label() {
    let name: Labels = vec![
        b"caf\xc3\xa9".to_vec(),
        b"a.b\0\\".to_vec(),
        b"example".to_vec(),
    ];
    let message = Build::new(QUERY).question(&name, 1, 1);
    let wanted = r"caf\195\169.a\.b\000\\.example";
    expect(&message, &[(wanted, Q, 1, true)], DnsEnd::Whole);
}

#[test]
fn a_name_of_255_bytes_is_read_and_one_of_256_is_not() {
    let mut name: Labels = vec![vec![b'a'; 63]; 3];
    name.push(vec![b'b'; 61]);
    let text = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(61));
    let message = Build::new(QUERY).question(&name, 1, 1);
    assert_eq!(message.bytes.len(), 12 + 255 + 4);
    expect(&message, &[(text.as_str(), Q, 1, true)], DnsEnd::Whole);
    name[3].push(b'b');
    let message = Build::new(QUERY).question(&name, 1, 1);
    expect(&message, &[], DnsEnd::Broken(Malformed::DnsName));
    // 127 labels of one byte
    let name: Labels = vec![vec![b'x']; 127];
    let message = Build::new(QUERY).question(&name, 1, 1);
    expect(
        &message,
        &[(["x"; 127].join(".").as_str(), Q, 1, true)],
        DnsEnd::Whole,
    );
}

#[test]
fn pointers_lead_backwards_or_nowhere() {
    let broken = DnsEnd::Broken(Malformed::DnsName);
    for (name, why) in [
        (&b"\xc0\x0c"[..], "to itself"),
        (b"\x01a\xc0\x0c", "back into the same name: a loop"),
        (
            b"\x03\x01b\0\xc0\x0d",
            "into its own label, where a name would end",
        ),
        (b"\xc0\x10\xc0\x0c", "a pair that points at each other"),
        (b"\xc0\x12\0\x01\0\x01\x01b\0", "forwards"),
        (b"\xc0\xff", "past the end"),
        (b"\x40aa\0", "label type 01"),
        (b"\x80aa\0", "label type 10"),
    ] {
        let message = Build::new(QUERY)
            .raw(name)
            .raw(&[0, 1, 0, 1, 0, 0, 0, 0])
            .count(0, 1);
        let (found, end) = read(&message.bytes);
        assert_eq!((found.len(), end), (0, broken), "{why}");
        check(&message.bytes);
    }
}

#[test]
fn a_pointer_into_the_header_reads_what_a_resolver_reads() {
    // Byte 4 is the upper half of QDCOUNT: a zero, and so an end of the name.
    let message = Build::new(QUERY)
        .raw(b"\x09clearview\x02ai\xc0\x04\0\x01\0\x01")
        .count(0, 1);
    expect(&message, &[("clearview.ai", Q, 1, true)], DnsEnd::Whole);
}

#[test]
fn a_chain_of_pointers_is_followed_within_the_budget() {
    // The second question points to a chain of pointers in the first one's label.
    let chain = |links: usize| {
        let mut message = Build::new(QUERY).raw(b"\x01z\0\0\x01\0\x01");
        for link in 0..links {
            let to = if link == 0 {
                12
            } else {
                message.bytes.len() - 2 - 4
            };
            message = message
                .raw(&(0xc000 | to as u16).to_be_bytes())
                .raw(&[0, 1, 0, 1]);
        }
        message.count(0, links as u16 + 1)
    };
    let (found, end) = read(&chain(20).bytes);
    assert_eq!((found.len(), end), (21, DnsEnd::Whole));
    assert!(found.iter().all(|name| name.0 == "z"));
    let (found, end) = read(&chain(200).bytes);
    assert_eq!(end, DnsEnd::Limit);
    assert!((21..200).contains(&found.len()), "{}", found.len());
    check(&chain(200).bytes);
}

#[test]
fn a_message_hands_out_a_bounded_number_of_names() {
    let asks = |n: usize| {
        let message = Build::new(QUERY).raw(&b"\x01z\0\0\x01\0\x01".repeat(n));
        message.count(0, n as u16)
    };
    let (found, end) = read(&asks(NAMES_MAX).bytes);
    assert_eq!((found.len(), end), (NAMES_MAX, DnsEnd::Whole));
    let (found, end) = read(&asks(NAMES_MAX + 1).bytes);
    assert_eq!((found.len(), end), (NAMES_MAX, DnsEnd::Limit));
}

#[test]
fn a_hostile_message_costs_a_bounded_number_of_steps() {
    // Pointers to pointers through 12,000 bytes of record data, then a CNAME at their end.
    let mut chain = b"\x01z\0".to_vec();
    let base = 12 + 11;
    let mut last = base;
    while chain.len() < 12_000 {
        let here = base + chain.len();
        chain.extend((0xc000 | last as u16).to_be_bytes());
        last = here;
    }
    let message = Build::new(RESPONSE)
        .record(1, &[], 16, &[Part::Bytes(chain)])
        .record(
            1,
            &[],
            5,
            &[Part::Bytes((0xc000 | last as u16).to_be_bytes().to_vec())],
        );
    expect(&message, &[], DnsEnd::Limit);
}

#[test]
fn a_broken_rest_still_yields_what_stood_before() {
    let good = Build::new(RESPONSE)
        .ask("a.example", 1)
        .cname("a.example", "b.example");
    let wanted = [("a.example", Q, 1, true), ("b.example", C, 1, false)];
    let record = DnsEnd::Broken(Malformed::DnsRecord);
    let more = |bytes: &[u8], answers| good.clone().raw(bytes).count(1, answers);
    expect(&good, &wanted, DnsEnd::Whole);
    expect(&more(&[], 2), &wanted, record);
    expect(&more(&[], 9999), &wanted, record);
    // RDLENGTH beyond the end
    expect(
        &more(b"\xc0\x0c\0\x05\0\x01\0\0\0\0\0\x09\x01c\0", 2),
        &wanted,
        record,
    );
    // a CNAME whose name runs out of its data into what follows
    expect(
        &more(b"\xc0\x0c\0\x05\0\x01\0\0\0\0\0\x02\x01c\0", 2),
        &wanted,
        record,
    );
    // a CNAME and an HTTPS record without data
    expect(
        &more(b"\xc0\x0c\0\x05\0\x01\0\0\0\0\0\0", 2),
        &wanted,
        record,
    );
    expect(
        &more(b"\xc0\x0c\0\x41\0\x01\0\0\0\0\0\0", 2),
        &wanted,
        record,
    );
    // an owner of a reserved label type
    expect(
        &more(b"\x80\0\x05\0\x01\0\0\0\0\0\x03\x01c\0", 2),
        &wanted,
        record,
    );
    // a question cut in its name, and in its type
    let query = Build::new(QUERY).ask("a.example", 1).ask("b.example", 1);
    let first = [("a.example", Q, 1, true)];
    let cut = DnsEnd::Broken(Malformed::DnsTruncated);
    let len = query.bytes.len();
    for back in [1, 4, 5, 10] {
        expect_bytes(&query.bytes[..len - back], &first, cut);
    }
}

#[test]
fn counts_that_promise_too_much_are_read_as_far_as_they_go() {
    let message = Build::new(QUERY)
        .ask("a.example", 1)
        .count(0, 65_535)
        .count(3, 65_535);
    let end = DnsEnd::Broken(Malformed::DnsTruncated);
    expect(&message, &[("a.example", Q, 1, true)], end);
}

#[test]
fn what_is_not_dns_yields_nothing() {
    expect_bytes(&[], &[], DnsEnd::NotDns);
    expect_bytes(&[0; 11], &[], DnsEnd::Broken(Malformed::DnsTruncated));
    expect_bytes(&[0; 12], &[], DnsEnd::Whole);
    expect_bytes(
        b"GET / HTTP/1.1\r\nHost: clearview.ai\r\n\r\n",
        &[],
        DnsEnd::NotDns,
    );
    expect_bytes(
        b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",
        &[],
        DnsEnd::NotDns,
    );
    expect_bytes(&[0xff; 600], &[], DnsEnd::NotDns);
    // counts that cannot be, and a first question of a class that nobody uses
    let odd = Build::new(QUERY)
        .question(&labels("a.example"), 1, 77)
        .count(2, 9999);
    expect(&odd, &[], DnsEnd::NotDns);
}

#[test]
fn random_bytes_yield_no_names() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut named = 0;
    for _ in 0..20_000 {
        let mut datagram = [0u8; 96];
        for chunk in datagram.chunks_mut(8) {
            // splitmix64
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_be_bytes()[..chunk.len()]);
        }
        named += read(&datagram).0.len();
    }
    assert_eq!(named, 0);
}

#[test]
fn tcp_messages_come_out_one_by_one() {
    let one = Build::new(QUERY).ask("a.example", 1).bytes;
    let two = Build::new(QUERY).ask("b.example", 65).bytes;
    let mut stream = vec![0, 0];
    for message in [&one, &two] {
        stream.extend((message.len() as u16).to_be_bytes());
        stream.extend(message);
    }
    assert_eq!(
        next_tcp_message(&stream),
        Probe::Found((&one[..], 4 + one.len()))
    );
    let rest = &stream[4 + one.len()..];
    assert_eq!(
        next_tcp_message(rest),
        Probe::Found((&two[..], 2 + two.len()))
    );
    assert_eq!(next_tcp_message(&rest[..rest.len() - 1]), Probe::NeedMore);
    assert_eq!(next_tcp_message(&[]), Probe::NeedMore);
    assert_eq!(next_tcp_message(&[0]), Probe::NeedMore);
    let short = Probe::Malformed(Malformed::DnsTruncated);
    assert_eq!(next_tcp_message(&[0, 11]), short);
    assert_eq!(next_tcp_message(&[0; 32]), Probe::NeedMore);
    assert_eq!(next_tcp_message(&[0; 64]), short);
    for other in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03abcdefgh",
    ] {
        assert_eq!(next_tcp_message(other), Probe::NotForUs);
    }
}
