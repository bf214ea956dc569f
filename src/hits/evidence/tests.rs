//! What is kept of evidence, byte by byte.

use super::*;

const MARK: &[u8] = &[198, 51, 100, 77];

fn name(text: &str) -> Vec<u8> {
    let mut wire: Vec<u8> = text
        .split('.')
        .flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat())
        .collect();
    wire.push(0);
    wire
}

fn header(counts: [u16; 4], response: bool) -> Vec<u8> {
    let flags = if response { [0x81, 0x80] } else { [0x01, 0x00] };
    [
        vec![0xab, 0xcd],
        flags.to_vec(),
        counts.map(u16::to_be_bytes).concat(),
    ]
    .concat()
}

fn question(text: &str, kind: u16) -> Vec<u8> {
    [name(text), kind.to_be_bytes().to_vec(), vec![0, 1]].concat()
}

/// A record whose owner is a pointer to the first question.
fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let len = (data.len() as u16).to_be_bytes();
    [
        &[0xc0, 12],
        &kind.to_be_bytes()[..],
        &[0, 1, 0, 0, 0, 60],
        &len,
        data,
    ]
    .concat()
}

/// OPT with client subnet, cookie, and the link-layer address that dnsmasq's `add-mac` puts in.
fn opt() -> Vec<u8> {
    let subnet = [&[0, 8, 0, 8, 0, 1, 32, 0], MARK].concat();
    let cookie = [&[0, 10, 0, 8], MARK, MARK].concat();
    let mac = [&[0xfd, 0xe9, 0, 6][..], &[2, 0xaa], MARK].concat();
    let options = [subnet, cookie, mac].concat();
    let len = (options.len() as u16).to_be_bytes();
    [&[0, 0, 41, 0x10, 0, 0, 0, 0, 0], &len[..], &options].concat()
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_query_keeps_its_question_and_loses_its_options() {
    let ask = question("app.acme.example", 65);
    let message = [header([1, 0, 0, 1], false), ask.clone(), opt()].concat();
    assert!(holds(&message, MARK));
    let kept = keep(&message, Seen::DnsQuery, "app.acme.example", true);
    assert!(kept.redacted);
    assert_eq!(kept.bytes, [header([1, 0, 0, 0], false), ask].concat());
    dns_parser_agrees(&kept.bytes, 0);
    let clear = keep(&message, Seen::DnsQuery, "app.acme.example", false);
    assert!(clear.bytes == message && !clear.redacted);
}

#[test]
fn a_query_without_options_stays_as_it_is() {
    let message = [header([1, 0, 0, 0], false), question("app.acme.example", 1)].concat();
    let kept = keep(&message, Seen::DnsQuery, "app.acme.example", true);
    assert!(kept.bytes == message && !kept.redacted);
}

#[test]
fn a_response_keeps_its_answers_and_loses_the_rest() {
    let ask = question("app.acme.example", 1);
    let answers = [
        record(5, &name("edge.acme.example")),
        record(1, &[203, 0, 113, 5]),
    ]
    .concat();
    let head = |counts| header(counts, true);
    let authority = record(2, &name("ns.acme.example"));
    let message = [
        head([1, 2, 1, 1]),
        ask.clone(),
        answers.clone(),
        authority,
        opt(),
    ]
    .concat();
    let kept = keep(&message, Seen::DnsCname, "edge.acme.example", true);
    assert_eq!(kept.bytes, [head([1, 2, 0, 0]), ask, answers].concat());
    dns_parser_agrees(&kept.bytes, 2);
}

#[test]
fn an_option_record_or_an_unknown_type_among_the_answers_ends_them() {
    let ask = question("app.acme.example", 1);
    let good = record(1, &[203, 0, 113, 5]);
    for bad in [
        opt(),
        record(250, MARK),
        record(24, MARK),
        record(65_300, MARK),
    ] {
        let message = [
            header([1, 3, 0, 0], true),
            ask.clone(),
            good.clone(),
            bad,
            good.clone(),
        ]
        .concat();
        let kept = keep(&message, Seen::DnsCname, "app.acme.example", true);
        assert_eq!(
            kept.bytes,
            [header([1, 1, 0, 0], true), ask.clone(), good.clone()].concat()
        );
    }
}

#[test]
fn bytes_behind_the_message_and_broken_messages_are_cut() {
    let ask = question("app.acme.example", 1);
    let message = [header([1, 0, 0, 0], false), ask.clone(), MARK.to_vec()].concat();
    let kept = keep(&message, Seen::DnsQuery, "app.acme.example", true);
    assert_eq!(kept.bytes, [header([1, 0, 0, 0], false), ask].concat());
    let broken = [header([1, 0, 0, 0], false), vec![63], MARK.to_vec()].concat();
    let kept = keep(&broken, Seen::DnsQuery, "app.acme.example", true);
    assert_eq!(kept.bytes, header([0; 4], false));
    assert!(keep(&MARK[..3], Seen::DnsQuery, "x", true).bytes.is_empty());
}

#[test]
fn of_several_questions_only_the_one_that_matched_stays_in_either_mode() {
    let private = question("private.example", 1);
    let ask = question("app.acme.example", 28);
    let message = [header([2, 0, 0, 0], false), private.clone(), ask.clone()].concat();
    for hide in [true, false] {
        let kept = keep(&message, Seen::DnsQuery, "app.acme.example", hide);
        assert!(kept.redacted);
        assert_eq!(
            kept.bytes,
            [header([1, 0, 0, 0], false), ask.clone()].concat()
        );
        // one that matched only through a pointer into the other cannot be moved
        let tail = [&[3][..], b"app", &[0xc0, 12, 0, 1, 0, 1]].concat();
        let message = [header([2, 0, 0, 0], false), private.clone(), tail].concat();
        let kept = keep(&message, Seen::DnsQuery, "app.private.example", hide);
        assert_eq!(kept.bytes, header([0; 4], false));
    }
}

#[test]
fn asks_for_reads_the_first_question() {
    let message = [header([1, 0, 0, 0], true), question("App.Acme.example", 1)].concat();
    assert!(asks_for(&message, "app.acme.example"));
    assert!(!asks_for(&message, "acme.example"));
    assert!(!asks_for(&header([0; 4], true), "acme.example"));
    assert!(!asks_for(b"", ""));
}

fn dns_parser_agrees(message: &[u8], answers: usize) {
    // dns-parser knows no type 65; ask it about the same message with type 1.
    let mut message = message.to_vec();
    let at = after_name(&message, 12).unwrap();
    message[at..at + 2].copy_from_slice(&[0, 1]);
    let packet = dns_parser::Packet::parse(&message).unwrap();
    assert_eq!((packet.questions.len(), packet.answers.len()), (1, answers));
    assert_eq!(packet.additional.len() + packet.nameservers.len(), 0);
    assert!(packet.opt.is_none());
}

fn extension(number: u16, body: &[u8]) -> Vec<u8> {
    [
        &number.to_be_bytes(),
        &(body.len() as u16).to_be_bytes()[..],
        body,
    ]
    .concat()
}

fn client_hello(session: &[u8], extensions: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([0x55; 32]);
    body.push(session.len() as u8);
    body.extend(session);
    body.extend([0, 2, 0x13, 0x01, 1, 0]);
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let len = (body.len() as u32).to_be_bytes();
    [&[1], &len[1..], &body].concat()
}

#[test]
fn a_hello_keeps_its_shape_and_loses_what_a_server_knows_the_client_by() {
    let sni = extension(0, b"\0\x13\0\0\x10app.acme.example");
    let groups = extension(10, &[0, 2, 0, 29]);
    let grease = extension(0x5a5a, &[0]);
    let secret = |number| extension(number, &[MARK, MARK].concat());
    let zeroed = |number| extension(number, &[0; 8]);
    // ticket, padding, pre-shared key, cookie, and one that nobody knows
    let numbers = [35, 21, 44, 0xfe01, 41];
    let build = |of: &dyn Fn(u16) -> Vec<u8>, session: &[u8]| {
        let rest: Vec<u8> = numbers.iter().flat_map(|number| of(*number)).collect();
        client_hello(
            session,
            &[sni.clone(), groups.clone(), grease.clone(), rest].concat(),
        )
    };
    let hello = build(&secret, &MARK.repeat(8));
    let kept = keep(&hello, Seen::TlsSni, "app.acme.example", true);
    assert!(kept.redacted);
    assert_eq!(kept.bytes, build(&zeroed, &[0; 32]));
    let clear = keep(&hello, Seen::QuicSni, "app.acme.example", false);
    assert!(clear.bytes == hello && !clear.redacted);
}

#[test]
fn a_plain_hello_stays_as_it_is_and_a_cut_one_ends_before_the_cut() {
    let extensions = [
        extension(0, b"\0\x13\0\0\x10app.acme.example"),
        extension(35, MARK),
    ]
    .concat();
    let whole = client_hello(&[], &extensions);
    let plain = client_hello(&[], &extension(0, b"\0\x13\0\0\x10app.acme.example"));
    assert!(!keep(&plain, Seen::TlsSni, "app.acme.example", true).redacted);
    // every cut: never a byte of the ticket, never a panic, a prefix with zeroes
    for len in 0..whole.len() {
        let kept = keep(&whole[..len], Seen::TlsSni, "app.acme.example", true).bytes;
        assert!(!holds(&kept, &MARK[..2]) && kept.len() <= len);
    }
    let behind = [plain.clone(), MARK.to_vec()].concat();
    assert_eq!(
        keep(&behind, Seen::TlsSni, "app.acme.example", true).bytes,
        plain
    );
}

proptest::proptest! {
    #[test]
    fn nothing_panics_and_nothing_grows(bytes: Vec<u8>, dns: bool, hide: bool) {
        let seen = if dns { Seen::DnsQuery } else { Seen::TlsSni };
        let kept = keep(&bytes, seen, "a.example", hide);
        proptest::prop_assert!(kept.bytes.len() <= bytes.len());
        let again = keep(&kept.bytes, seen, "a.example", hide);
        proptest::prop_assert!(again.bytes == kept.bytes, "keeping twice changes nothing");
    }
}
