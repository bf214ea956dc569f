//! The addresses that a DNS response gives for the name that was asked (RFC 1035 section 3.4.1,
//! RFC 3596, RFC 9460 section 7.3).
//!
//! Enters: one whole message. Leaves: each A and AAAA of the answer section, and the address hints
//! of HTTPS and SVCB records, with their time to live. Never: reads anything but a response to a
//! single question that went well; allocates; looks into the additional section.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::message::{Header, Name, OPCODE_QUERY, Question, Record, Steps, rtype};
use super::{NAMES_MAX, STEPS_MAX};

/// Bits of the flags that hold the response code (RFC 1035 section 4.1.1).
const RCODE: u16 = 0x000f;
/// SvcParamKeys of the hints (RFC 9460 section 14.3.2).
const IPV4HINT: u16 = 4;
const IPV6HINT: u16 = 6;
const CLASS_IN: u16 = 1;

/// An address that the answer gives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// For how many seconds it may be used.
    pub ttl: u32,
}

/// Calls `each` for every address in the answer of a response; at most [`NAMES_MAX`] records are
/// looked at. A CNAME chain ends in the addresses of the name that was asked, so all of them
/// belong to it.
pub fn addresses(message: &[u8], each: &mut impl FnMut(Address)) {
    let Some(header) = Header::read(message) else {
        return;
    };
    let answered = header.is_response()
        && header.opcode() == OPCODE_QUERY
        && header.flags & RCODE == 0
        && header.questions == 1;
    if !answered || header.answers == 0 {
        return;
    }
    let mut steps = Steps(STEPS_MAX);
    let Ok(question) = Question::read(message, Header::LEN, &mut steps) else {
        return;
    };
    let mut at = question.end;
    for _ in 0..usize::from(header.answers).min(NAMES_MAX) {
        let Ok(record) = Record::read(message, at) else {
            return;
        };
        at = record.data.end;
        if record.class != CLASS_IN {
            continue;
        }
        let data = message.get(record.data.clone()).unwrap_or_default();
        let mut give = |ip| {
            each(Address {
                ip,
                ttl: record.ttl,
            });
        };
        match record.rtype {
            rtype::A | rtype::AAAA => address(data).into_iter().for_each(give),
            rtype::HTTPS | rtype::SVCB => hints(message, &record, &mut steps, &mut give),
            _ => {}
        }
    }
}

fn address(data: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(data) {
        return Some(Ipv4Addr::from(four).into());
    }
    let sixteen = <[u8; 16]>::try_from(data).ok()?;
    Some(Ipv6Addr::from(sixteen).into())
}

/// The hints of one service record: priority, target, then parameters of key, length, value.
fn hints(message: &[u8], record: &Record, steps: &mut Steps, give: &mut impl FnMut(IpAddr)) {
    let target = record.data.start.saturating_add(2);
    let Ok(name) = Name::read(message, target, steps) else {
        return;
    };
    let mut rest = message.get(name.end..record.data.end).unwrap_or_default();
    while let Some((&[k, l, n, m], tail)) = rest.split_first_chunk::<4>() {
        let Some((value, after)) = tail.split_at_checked(usize::from(u16::from_be_bytes([n, m])))
        else {
            return;
        };
        let each = match u16::from_be_bytes([k, l]) {
            IPV4HINT => 4,
            IPV6HINT => 16,
            _ => value.len().max(1),
        };
        if each == 4 || each == 16 {
            value
                .chunks_exact(each)
                .filter_map(address)
                .for_each(&mut *give);
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::super::build::{Build, Part, QUERY, RESPONSE, labels};
    use super::*;

    fn given(message: &[u8]) -> Vec<(String, u32)> {
        let mut found = Vec::new();
        addresses(message, &mut |a| found.push((a.ip.to_string(), a.ttl)));
        found
    }

    fn aaaa() -> Vec<u8> {
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7)
            .octets()
            .to_vec()
    }

    #[test]
    fn every_address_of_the_answer_belongs_to_the_question() {
        let message = Build::new(RESPONSE)
            .compressed()
            .ask("www.customer.example", 1)
            .cname("www.customer.example", "edge.vendor.example")
            .a("edge.vendor.example")
            .record(
                1,
                &labels("edge.vendor.example"),
                28,
                &[Part::Bytes(aaaa())],
            );
        let want = [("192.0.2.1".into(), 300), ("2001:db8::7".into(), 300)];
        assert_eq!(given(&message.bytes), want);
    }

    #[test]
    fn address_hints_of_service_records_count() {
        let mut parameters = b"\0\x01\0\x03\x02h2".to_vec();
        parameters.extend([0, 4, 0, 8, 192, 0, 2, 1, 192, 0, 2, 2, 0, 6, 0, 16]);
        parameters.extend(aaaa());
        let data = [
            Part::Bytes(vec![0, 1]),
            Part::PlainName(labels("svc.vendor.example")),
            Part::Bytes(parameters),
        ];
        let ask = Build::new(RESPONSE).ask("vendor.example", 65);
        let message = ask.record(1, &labels("vendor.example"), 65, &data);
        let ips: Vec<String> = given(&message.bytes)
            .into_iter()
            .map(|(ip, _)| ip)
            .collect();
        assert_eq!(ips, ["192.0.2.1", "192.0.2.2", "2001:db8::7"]);
    }

    #[test]
    fn no_address_out_of_what_is_no_answer() {
        let query = Build::new(QUERY).ask("vendor.example", 1);
        let refused = Build::new(RESPONSE | 5)
            .ask("vendor.example", 1)
            .a("vendor.example");
        let two = Build::new(RESPONSE)
            .ask("a.example", 1)
            .ask("b.example", 1)
            .a("a.example");
        let odd = [Part::Bytes(vec![192, 0, 2])];
        let short = Build::new(RESPONSE).ask("vendor.example", 1).record(
            1,
            &labels("vendor.example"),
            1,
            &odd,
        );
        let additional = Build::new(RESPONSE).ask("vendor.example", 15).record(
            3,
            &labels("mail.example"),
            1,
            &[Part::Bytes(vec![192, 0, 2, 9])],
        );
        for message in [query, refused, two, short, additional] {
            assert_eq!(given(&message.bytes), []);
        }
    }

    #[test]
    fn a_cut_message_gives_what_is_whole() {
        let whole = Build::new(RESPONSE)
            .ask("vendor.example", 1)
            .a("vendor.example")
            .a("vendor.example")
            .bytes;
        for len in 0..whole.len() {
            let found = given(&whole[..len]).len();
            assert!(found < 2, "{len} of {} bytes gave {found}", whole.len());
        }
        assert_eq!(given(&whole).len(), 2);
    }
}
