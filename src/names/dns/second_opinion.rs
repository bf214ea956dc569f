//! Differential tests: dns-parser (in the oracle) and NLnet Labs' `domain` read the same names.

use domain::base::iana::Rtype;
use domain::base::{Message, ParsedName};
use domain::rdata::{Cname, Https, Svcb};
use proptest::collection::vec;
use proptest::prelude::*;

use super::build::{Build, Labels, Part, QUERY, RESPONSE};
use super::message::Header;
use super::oracle::{Read, check, read};
use super::{DnsEnd, NAMES_MAX, next_tcp_message};
use crate::base::{NameBuf, RawName, Seen};
use crate::names::Probe;

/// Questions, CNAME and HTTPS/SVCB targets by `domain`; `None` when it refuses the message.
fn by_domain(message: &[u8]) -> Option<Vec<Read>> {
    let message = Message::from_slice(message).ok()?;
    let response = message.header().qr();
    let mut found = Vec::new();
    let mut first_type = None;
    for question in message.question() {
        let question = question.ok()?;
        let qtype = question.qtype().to_int();
        first_type.get_or_insert(qtype);
        let seen = Seen::DnsQuery;
        push(&mut found, question.qname(), seen, qtype, true);
    }
    if !response {
        return Some(found);
    }
    let qtype = first_type.unwrap_or(0);
    for record in message.answer().ok()? {
        let record = record.ok()?;
        match record.rtype() {
            Rtype::CNAME => {
                let record = record.to_record::<Cname<ParsedName<_>>>().ok()??;
                push(
                    &mut found,
                    record.data().cname(),
                    Seen::DnsCname,
                    qtype,
                    false,
                );
            }
            Rtype::SVCB => {
                let record = record.to_record::<Svcb<_, ParsedName<_>>>().ok()??;
                push(
                    &mut found,
                    record.data().target(),
                    Seen::DnsSvcb,
                    qtype,
                    false,
                );
            }
            Rtype::HTTPS => {
                let record = record.to_record::<Https<_, ParsedName<_>>>().ok()??;
                push(
                    &mut found,
                    record.data().target(),
                    Seen::DnsSvcb,
                    qtype,
                    false,
                );
            }
            _ => {}
        }
    }
    Some(found)
}

fn push(found: &mut Vec<Read>, name: &ParsedName<&[u8]>, seen: Seen, qtype: u16, question: bool) {
    let mut wire = Vec::new();
    for label in name.iter() {
        wire.push(label.len() as u8);
        wire.extend(label.as_slice());
    }
    let mut buf = NameBuf::new();
    if (RawName::Wire { msg: &wire, at: 0 })
        .normalise(&mut buf)
        .is_ok()
    {
        found.push((buf.as_str().to_owned(), seen, qtype, question));
    }
}

/// Both opinions on one message. `domain` also takes a pointer that leads into the name it ends.
pub fn compare(message: &[u8]) {
    check(message);
    let is_lookup = message.get(2).is_some_and(|flags| flags & 0x78 == 0);
    let Some(theirs) = by_domain(message).filter(|_| is_lookup) else {
        return;
    };
    let (ours, end) = read(message);
    match end {
        DnsEnd::Whole => assert_eq!(ours, theirs),
        DnsEnd::Limit => assert!(theirs.starts_with(&ours) && theirs.len() > NAMES_MAX),
        DnsEnd::Broken(_) => assert!(theirs.starts_with(&ours) && leads_into_itself(message)),
        // It does not read the authority and additional sections, so it misses counts that lie.
        DnsEnd::NotDns => assert!(!Header::read(message).unwrap().fits(message.len())),
    }
}

/// Is there a pointer to within the 255 bytes before it?
fn leads_into_itself(message: &[u8]) -> bool {
    message.windows(2).enumerate().any(|(at, pair)| {
        let target = usize::from(u16::from_be_bytes([pair[0] & 0x3f, pair[1]]));
        pair[0] & 0xc0 == 0xc0 && target < at && target + 255 >= at
    })
}

fn a_label() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => "[a-zA-Z0-9_-]{1,12}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 1..8),
        1 => vec(b'a'..=b'z', 63),
    ]
}

/// Names that share endings, so that compression has something to do.
fn a_name() -> impl Strategy<Value = Labels> {
    let ending = prop::sample::select(&["example", "b.example", "cdn.b.example", ""][..]);
    (vec(a_label(), 0..4), ending).prop_map(|(mut name, ending)| {
        name.truncate(3);
        name.extend(super::build::labels(ending));
        name
    })
}

#[derive(Clone, Debug)]
struct Answer {
    section: usize,
    owner: Labels,
    rtype: u16,
    data: Vec<Part>,
}

fn an_answer() -> impl Strategy<Value = Answer> {
    let params = prop_oneof![
        Just(vec![]),
        Just(b"\0\x01\0\x03\x02h2".to_vec()),
        Just(b"\0\x01\0\x03\x02h3\0\x05\0\x04\0\x02ab".to_vec()),
    ];
    let data = prop_oneof![
        3 => a_name().prop_map(|name| (5, vec![Part::Name(name)])),
        1 => a_name().prop_map(|name| (39, vec![Part::Name(name)])),
        1 => vec(any::<u8>(), 4).prop_map(|ip| (1, vec![Part::Bytes(ip)])),
        1 => vec(any::<u8>(), 16).prop_map(|ip| (28, vec![Part::Bytes(ip)])),
        1 => vec(any::<u8>(), 0..40).prop_map(|raw| (47, vec![Part::Bytes(raw)])),
        3 => (0..3u16, a_name(), params, prop::sample::select(&[64u16, 65][..])).prop_map(
            |(priority, target, params, rtype)| {
                let priority = Part::Bytes(priority.to_be_bytes().to_vec());
                (rtype, vec![priority, Part::PlainName(target), Part::Bytes(params)])
            },
        ),
    ];
    (0..3usize, a_name(), data).prop_map(|(section, owner, (rtype, data))| Answer {
        // mostly answers
        section: section.max(1),
        owner,
        rtype,
        data,
    })
}

fn a_message() -> impl Strategy<Value = Vec<u8>> {
    let qtype = prop::sample::select(&[1u16, 2, 5, 16, 28, 64, 65, 255][..]);
    let flags = prop_oneof![3 => Just(RESPONSE), 1 => Just(QUERY), 1 => any::<u16>()];
    let questions = prop_oneof![8 => 1..2usize, 1 => 0..4usize];
    (
        flags,
        any::<bool>(),
        questions,
        vec((a_name(), qtype), 4),
        vec(an_answer(), 0..8),
    )
        .prop_map(|(flags, compress, count, questions, mut answers)| {
            let mut message = Build::new(flags);
            if compress {
                message = message.compressed();
            }
            for (name, qtype) in questions.iter().take(count) {
                message = message.question(name, *qtype, 1);
            }
            answers.sort_by_key(|answer| answer.section);
            for answer in &answers {
                message = message.record(answer.section, &answer.owner, answer.rtype, &answer.data);
            }
            message.bytes
        })
}

/// A few bytes set, and perhaps the end cut off.
fn mutate(mut message: Vec<u8>, edits: &[(u16, u8)], cut: Option<u16>) -> Vec<u8> {
    for (at, value) in edits {
        let at = usize::from(*at) % message.len();
        message[at] = *value;
    }
    if let Some(cut) = cut {
        message.truncate(usize::from(cut) % (message.len() + 1));
    }
    message
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn a_valid_message_is_read_whole_and_as_domain_reads_it(message in a_message()) {
        compare(&message);
        if message[2] & 0x78 == 0 {
            prop_assert!(by_domain(&message).is_some());
            prop_assert_eq!(read(&message).1, DnsEnd::Whole);
        }
    }

    #[test]
    fn a_mutated_message_is_read_as_both_libraries_read_it(
        message in a_message(),
        edits in vec((any::<u16>(), any::<u8>()), 1..5),
        cut in prop::option::weighted(0.2, any::<u16>()),
    ) {
        compare(&mutate(message, &edits, cut));
    }

    #[test]
    fn any_segmentation_of_a_tcp_stream_gives_the_same_messages(
        messages in vec(a_message(), 1..5),
        cuts in vec(any::<u16>(), 0..12),
        empty in 0..3usize,
    ) {
        let messages: Vec<_> = messages.into_iter().filter(|m| m[2] & 0x78 == 0).collect();
        let mut stream = Vec::new();
        for message in &messages {
            stream.extend(std::iter::repeat_n(0, 2 * empty));
            stream.extend((message.len() as u16).to_be_bytes());
            stream.extend(message);
        }
        let mut cuts: Vec<_> = cuts.iter().map(|c| usize::from(*c) % (stream.len() + 1)).collect();
        cuts.push(stream.len());
        cuts.sort_unstable();
        let (mut from, mut found) = (0, Vec::new());
        for arrived in cuts {
            while let Probe::Found((message, used)) = next_tcp_message(&stream[from..arrived]) {
                found.push(message.to_vec());
                from += used;
            }
        }
        prop_assert_eq!(found, messages);
        prop_assert_eq!(from, stream.len());
    }
}
