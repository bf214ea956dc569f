//! DNS on a port that is not its own: DNSCrypt's certificate look-ups on 443, resolvers on
//! 8053, ways round a filter on port 53.
//!
//! Enters: a whole UDP payload of any port. Leaves: is it a look-up or its answer, beyond doubt?
//! Never: hands out a name; believes a header alone. A false yes would put a name in somebody's
//! mouth, so the test is far narrower than what port 53 is granted: one question of an assigned
//! type in class IN, a name of two labels or more in the letters of host names, flags that such a
//! message can have, every record whole, and not one byte over.

use super::message::{Header, OPCODE_QUERY, Question, Record, Steps};

/// RD, AD, CD: all that a query sets.
const QUERY_FLAGS: u16 = 0x0100 | 0x0020 | 0x0010;
/// Must be zero (RFC 1035 section 4.1.1, RFC 4035 section 3.1.6).
const Z: u16 = 0x0040;
const RCODE: u16 = 0x000f;
/// Highest code of a look-up's answer: YXDOMAIN and above belong to UPDATE.
const RCODE_MAX: u16 = 5;
/// EDNS and a signature.
const QUERY_ADDITIONALS_MAX: u16 = 2;
const CLASS_IN: u16 = 1;
/// Labels of the names checked: one name of 127 labels and its root.
const STEPS: u32 = 128;
/// A NetBIOS name in first-level encoding (RFC 1001 section 14.1), whose types overlap with DNS.
const NETBIOS_LABEL_LEN: usize = 32;

/// Could [`is_lookup`] be true of a payload with this head? One look at two bytes: QDCOUNT is 1.
#[inline(always)]
pub const fn may_be_lookup(head: &[u8]) -> bool {
    matches!(head, [_, _, _, _, 0, 1, ..])
}

/// Is this UDP payload, on whatever port, one whole DNS look-up or answer?
pub fn is_lookup(message: &[u8]) -> bool {
    // Almost everything ends here.
    if !may_be_lookup(message) {
        return false;
    }
    let Some(header) = Header::read(message) else {
        return false;
    };
    if header.opcode() != OPCODE_QUERY || header.flags & Z != 0 || !header.fits(message.len()) {
        return false;
    }
    let possible = if header.is_response() {
        header.flags & RCODE <= RCODE_MAX
    } else {
        header.flags & !QUERY_FLAGS == 0
            && header.answers == 0
            && header.authorities == 0
            && header.additionals <= QUERY_ADDITIONALS_MAX
    };
    possible && question(message).is_some_and(|at| ends_with_records(message, header, at))
}

/// Where the question ends, when it is one of a host's name.
fn question(message: &[u8]) -> Option<usize> {
    let mut at = Header::LEN;
    let mut labels = 0usize;
    loop {
        let len = usize::from(*message.get(at)?);
        at = at.checked_add(1)?;
        if len == 0 {
            break;
        }
        let end = at.checked_add(len)?;
        // A length above 63 is a pointer, and there is nothing before to point at.
        let label = message.get(at..end).filter(|label| label.len() <= 63)?;
        if !label
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        {
            return None;
        }
        if labels == 0 && is_netbios(label) {
            return None;
        }
        labels = labels.checked_add(1)?;
        at = end;
    }
    let question = Question::read(message, Header::LEN, &mut Steps(STEPS)).ok()?;
    (labels >= 2 && question.qclass == CLASS_IN && type_is_assigned(question.qtype))
        .then_some(question.end)
}

fn is_netbios(label: &[u8]) -> bool {
    label.len() == NETBIOS_LABEL_LEN && label.iter().all(|b| matches!(b, b'A'..=b'P'))
}

/// Types that IANA has assigned for look-ups, in its ranges.
const fn type_is_assigned(qtype: u16) -> bool {
    matches!(qtype, 1..=66 | 99..=109 | 128 | 249..=263)
}

/// Do the records behind the question fill the message to its last byte?
fn ends_with_records(message: &[u8], header: Header, mut at: usize) -> bool {
    let records = [header.answers, header.authorities, header.additionals];
    for _ in 0..records.into_iter().map(u32::from).sum::<u32>() {
        match Record::read(message, at) {
            Ok(record) => at = record.data.end,
            Err(_) => return false,
        }
    }
    at == message.len()
}

#[cfg(test)]
mod tests {
    use super::super::build::{Build, QUERY, RESPONSE, labels};
    use super::is_lookup;

    fn query(name: &str, qtype: u16) -> Build {
        Build::new(QUERY).question(&labels(name), qtype, 1)
    }

    #[test]
    fn look_ups_and_answers_are_known_on_any_port() {
        for (name, qtype) in [("2.dnscrypt-cert.resolver.example", 16), ("a.b", 65)] {
            assert!(is_lookup(&query(name, qtype).bytes), "{name}");
        }
        let answer = Build::new(RESPONSE)
            .question(&labels("www.example.nl"), 1, 1)
            .a("www.example.nl");
        assert!(is_lookup(&answer.bytes));
        let edns = query("www.example.nl", 1).record(3, &labels("."), 41, &[]);
        assert!(is_lookup(&edns.bytes));
    }

    #[test]
    fn whatever_is_in_doubt_is_something_else() {
        let sound = query("app.clearview.ai", 1).bytes;
        assert!(is_lookup(&sound));
        // Each byte of header and tail, turned so that it cannot be meant.
        for (at, byte) in [
            (2, 0x29),
            (2, 0x05),
            (3, 0x40),
            (4, 1),
            (5, 2),
            (7, 1),
            (9, 1),
            (11, 9),
        ] {
            let mut other = sound.clone();
            other[at] = byte;
            assert!(!is_lookup(&other), "byte {at}");
        }
        for len in 0..sound.len() {
            assert!(!is_lookup(&sound[..len]), "cut to {len}");
        }
        let mut longer = sound.clone();
        longer.push(0);
        assert!(!is_lookup(&longer));
        for (name, qtype, class) in [
            ("localhost", 1, 1),
            (".", 2, 1),
            ("CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.scope", 33, 1),
            ("a b.example", 1, 1),
            ("www.example.nl", 0, 1),
            ("www.example.nl", 4000, 1),
            ("www.example.nl", 1, 3),
            ("www.example.nl", 1, 0x8001),
        ] {
            let other = Build::new(QUERY).question(&labels(name), qtype, class);
            assert!(!is_lookup(&other.bytes), "{name} {qtype} {class}");
        }
        let pointer = [&sound[..12], &[0xc0, 12, 0, 1, 0, 1]].concat();
        assert!(!is_lookup(&pointer));
    }
}
