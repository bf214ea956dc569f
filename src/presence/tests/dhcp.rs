//! DHCP of both families, built by dhcproto, which is a second opinion on the format.

use dhcproto::v4::{self, DhcpOption, MessageType, Opcode};
use dhcproto::v6;
use dhcproto::{Encodable, Encoder};

use super::*;

const BROADCAST: [u8; 4] = [255; 4];
const YOURS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 50);

fn message(opcode: Opcode, xid: u32, options: &[DhcpOption]) -> v4::Message {
    let none = Ipv4Addr::UNSPECIFIED;
    let mut message = v4::Message::new_with_id(xid, none, none, none, none, &MAC);
    message.set_opcode(opcode);
    for option in options {
        message.opts_mut().insert(option.clone());
    }
    message
}

fn bytes(message: &v4::Message) -> Vec<u8> {
    let mut buffer = Vec::new();
    message.encode(&mut Encoder::new(&mut buffer)).unwrap();
    buffer
}

fn ack(xid: u32) -> v4::Message {
    let mut message = message(
        Opcode::BootReply,
        xid,
        &[
            DhcpOption::MessageType(MessageType::Ack),
            DhcpOption::AddressLeaseTime(600),
            DhcpOption::ServerIdentifier(SERVER.into()),
        ],
    );
    message.set_yiaddr(YOURS);
    message
}

fn request(xid: u32) -> v4::Message {
    message(
        Opcode::BootRequest,
        xid,
        &[
            DhcpOption::MessageType(MessageType::Request),
            DhcpOption::Hostname("laptop-anna".into()),
        ],
    )
}

fn of(kind: MessageType) -> DhcpOption {
    DhcpOption::MessageType(kind)
}

impl Seat {
    fn asks(&mut self, message: &v4::Message) -> Vec<Fact> {
        self.take(([0; 4], 68), (BROADCAST, 67), &bytes(message))
    }

    fn answers(&mut self, message: &v4::Message) -> Vec<Fact> {
        self.take((SERVER, 67), (YOURS.octets(), 68), &bytes(message))
    }
}

#[test]
fn the_answer_carries_the_name_of_the_request() {
    let mut seat = Seat::new();
    assert!(seat.asks(&request(7)).is_empty());
    let fact = one(seat.answers(&ack(7)));
    assert_eq!(fact.net.unwrap().to_string(), "192.0.2.50/32");
    assert!(fact.mac == Some(MAC) && fact.act == FactAct::Holds && fact.user.is_none());
    assert_eq!(
        (fact.host.as_deref(), &*fact.origin),
        (Some("laptop-anna"), "192.0.2.1")
    );
    assert_eq!(fact.until, Some(Timestamp::from_secs_nanos(START + 600, 0)));
    // The same answer again says the same.
    let again = one(seat.answers(&ack(7)));
    assert!(again == fact);
}

#[test]
fn a_name_goes_to_its_own_client_and_exchange() {
    let mut seat = Seat::new();
    seat.asks(&request(7));
    let mut other = ack(7);
    other.set_chaddr(&[2, 0, 0, 0, 0, 9]);
    assert_eq!(
        one(seat.answers(&other)).host,
        None,
        "another client, the same number"
    );
    assert_eq!(one(seat.answers(&ack(8))).host, None, "another exchange");
    seat.secs += 61;
    assert_eq!(one(seat.answers(&ack(7))).host, None, "long ago");
}

#[test]
fn offers_refusals_and_answers_to_inform_bind_nobody() {
    let mut seat = Seat::new();
    for kind in [MessageType::Offer, MessageType::Nak] {
        let mut message = ack(1);
        message.opts_mut().insert(of(kind));
        assert!(seat.answers(&message).is_empty());
    }
    let mut inform = ack(1);
    inform.set_yiaddr(Ipv4Addr::UNSPECIFIED).set_ciaddr(YOURS);
    inform.opts_mut().remove(v4::OptionCode::AddressLeaseTime);
    assert!(seat.answers(&inform).is_empty());
    // An answer that does not come from a server's port, or is no answer.
    assert!(
        seat.take((CLIENT, 68), (SERVER, 67), &bytes(&ack(1)))
            .is_empty()
    );
    let mut asked = ack(1);
    asked.set_opcode(Opcode::BootRequest);
    assert!(seat.answers(&asked).is_empty());
    for address in [[0; 4], [127, 0, 0, 1], [224, 0, 0, 1], [255; 4]] {
        let mut nobody = ack(1);
        nobody.set_yiaddr(address);
        assert!(seat.answers(&nobody).is_empty(), "{address:?}");
    }
}

#[test]
fn renewals_and_leases_without_end() {
    let mut seat = Seat::new();
    let mut renewal = ack(1);
    renewal.set_yiaddr(Ipv4Addr::UNSPECIFIED).set_ciaddr(YOURS);
    assert_eq!(
        one(seat.answers(&renewal)).net.unwrap().to_string(),
        "192.0.2.50/32"
    );
    let mut forever = ack(2);
    forever
        .opts_mut()
        .insert(DhcpOption::AddressLeaseTime(u32::MAX));
    assert_eq!(one(seat.answers(&forever)).until, None);
}

#[test]
fn a_release_ends_what_its_sender_held() {
    let mut seat = Seat::new();
    let mut release = message(Opcode::BootRequest, 3, &[of(MessageType::Release)]);
    release.set_ciaddr(YOURS);
    let forged = seat.take((CLIENT, 68), (SERVER, 67), &bytes(&release));
    assert!(forged.is_empty(), "sent by another address");
    let fact = one(seat.take((YOURS.octets(), 68), (SERVER, 67), &bytes(&release)));
    assert!(fact.act == FactAct::Ends && fact.origin == "192.0.2.1");
}

#[test]
fn a_client_declines_what_it_was_just_given() {
    let mut seat = Seat::new();
    let declined = |address| {
        let wanted = DhcpOption::RequestedIpAddress(address);
        message(Opcode::BootRequest, 4, &[of(MessageType::Decline), wanted])
    };
    assert!(seat.asks(&declined(YOURS)).is_empty(), "given to nobody");
    seat.answers(&ack(4));
    let mut other = declined(YOURS);
    other.set_chaddr(&[2, 0, 0, 0, 0, 9]);
    assert!(seat.asks(&other).is_empty(), "given to somebody else");
    let address = Ipv4Addr::new(192, 0, 2, 51);
    assert!(seat.asks(&declined(address)).is_empty(), "another address");
    seat.secs += 60;
    let fact = one(seat.asks(&declined(YOURS)));
    assert!(fact.act == FactAct::Ends && fact.net.unwrap().addr() == YOURS);
    seat.secs += 1;
    assert!(seat.asks(&declined(YOURS)).is_empty(), "given long ago");
}

#[test]
fn lying_lengths_are_counted_and_tell_nothing() {
    let mut seat = Seat::new();
    let good = bytes(&ack(1));
    let mut hardware = good.clone();
    hardware[2] = 200;
    assert!(seat.take((SERVER, 67), (CLIENT, 68), &hardware).is_empty());
    assert!(
        seat.take((SERVER, 67), (CLIENT, 68), &good[..200])
            .is_empty()
    );
    assert_eq!(seat.broken(Malformed::Dhcp4Header), 2);
    let mut option = good.clone();
    option[241] = 250;
    let mut short_lease = good.clone();
    let at = short_lease
        .windows(2)
        .position(|two| two == [51, 4])
        .unwrap();
    short_lease.drain(at + 5..at + 6);
    short_lease[at + 1] = 3;
    for bytes in [option, short_lease, good[..243].to_vec()] {
        assert!(seat.take((SERVER, 67), (CLIENT, 68), &bytes).is_empty());
    }
    assert_eq!(seat.broken(Malformed::Dhcp4Option), 3);
    let mut bootp = good;
    bootp[236] = 0;
    assert!(seat.take((SERVER, 67), (CLIENT, 68), &bootp).is_empty());
}

/// Options in the `file` field (RFC 2131 section 4.1).
#[test]
fn options_may_stand_in_other_fields() {
    let mut bytes = bytes(&request(9));
    let end = bytes.iter().rposition(|byte| *byte == 255).unwrap();
    bytes.truncate(end);
    let at = bytes.windows(2).position(|two| two == [12, 11]).unwrap();
    let name: Vec<u8> = bytes.drain(at..at + 13).collect();
    bytes.extend([52, 1, 1, 255]);
    bytes[108..121].copy_from_slice(&name);
    bytes[121] = 255;
    let mut seat = Seat::new();
    seat.take(([0; 4], 68), (BROADCAST, 67), &bytes);
    assert_eq!(
        one(seat.answers(&ack(9))).host.as_deref(),
        Some("laptop-anna")
    );
}

fn option(code: u16, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap();
    [&code.to_be_bytes(), &len.to_be_bytes(), body].concat()
}

const DUID: [u8; 10] = [0, 3, 0, 1, 0x02, 0, 0x5e, 0x10, 0, 0x0a];

fn association(code: u16, status: Option<u16>, valid: u32) -> Vec<u8> {
    let mut inside = if code == 4 { vec![0; 4] } else { vec![0; 12] };
    let address: std::net::Ipv6Addr = "2001:db8:1::50".parse().unwrap();
    if code == 25 {
        let prefix = [&[0; 4][..], &valid.to_be_bytes(), &[56], &address.octets()].concat();
        inside.extend(option(26, &prefix));
    } else {
        let held = [&address.octets()[..], &[0; 4], &valid.to_be_bytes()].concat();
        inside.extend(option(5, &held));
    }
    if let Some(status) = status {
        inside.extend(option(13, &status.to_be_bytes()));
    }
    option(code, &inside)
}

fn v6_message(kind: u8, associations: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![kind, 1, 2, 3];
    bytes.extend(option(1, &DUID));
    bytes.extend(option(2, &[0, 2, 0, 0, 1, 1, 9]));
    bytes.extend(associations.concat());
    bytes
}

fn relayed(kind: u8, extra: &[u8], inside: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 0];
    bytes.extend([0; 32]);
    bytes.extend(extra);
    bytes.extend(option(9, inside));
    bytes
}

impl Seat {
    fn replies(&mut self, bytes: &[u8]) -> Vec<Fact> {
        self.take((SERVER, 547), (CLIENT, 546), bytes)
    }
}

#[test]
fn a_reply_binds_addresses_and_prefixes() {
    let mut seat = Seat::new();
    let reply = v6_message(
        7,
        &[
            association(3, None, 600),
            association(4, Some(0), 300),
            association(25, None, u32::MAX),
        ],
    );
    assert_eq!(
        v6::Message::from_bytes_ok(&reply),
        5,
        "dhcproto reads as many options"
    );
    let facts = seat.replies(&reply);
    let nets: Vec<String> = facts
        .iter()
        .map(|fact| fact.net.unwrap().to_string())
        .collect();
    assert_eq!(
        nets,
        [
            "2001:db8:1::50/128",
            "2001:db8:1::50/128",
            "2001:db8:1::/56"
        ]
    );
    assert!(
        facts
            .iter()
            .all(|fact| fact.mac == Some(MAC) && fact.act == FactAct::Holds)
    );
    assert!(
        facts
            .iter()
            .all(|fact| fact.client_id.as_deref() == Some(&DUID[..]))
    );
    let until = |secs| Some(Timestamp::from_secs_nanos(START + secs, 0));
    assert_eq!(
        [facts[0].until, facts[1].until, facts[2].until],
        [until(600), until(300), None]
    );
    assert_eq!(facts[0].origin, "duid:00020000010109");
}

trait Second {
    fn from_bytes_ok(bytes: &[u8]) -> usize;
}

impl Second for v6::Message {
    fn from_bytes_ok(bytes: &[u8]) -> usize {
        use dhcproto::Decodable;
        Self::from_bytes(bytes).unwrap().opts().iter().count()
    }
}

#[test]
fn advertised_refused_and_given_up_addresses() {
    let mut seat = Seat::new();
    assert!(
        seat.replies(&v6_message(2, &[association(3, None, 600)]))
            .is_empty(),
        "ADVERTISE"
    );
    assert!(
        seat.replies(&v6_message(7, &[association(3, Some(2), 600)]))
            .is_empty(),
        "a status"
    );
    assert!(one(seat.replies(&v6_message(7, &[association(3, None, 0)]))).act == FactAct::Ends);
    let release = v6_message(8, &[association(3, None, 0)]);
    let fact = one(seat.take((CLIENT, 546), (SERVER, 547), &release));
    assert!(fact.act == FactAct::Ends && fact.until.is_none());
    assert_eq!(
        fact.origin, "duid:00020000010109",
        "the origin of its lease"
    );
    let own = v6_message(7, &[association(3, None, 600)]);
    assert!(
        seat.take((CLIENT, 546), (SERVER, 547), &own).is_empty(),
        "a client's own reply"
    );
}

#[test]
fn relays_are_followed_up_to_their_bound() {
    let mut seat = Seat::new();
    let seen = [0, 1, 2, 0, 0, 0, 0, 7];
    let name = option(39, b"\x01\x06laptop\x04corp\x00");
    let mut asked = v6_message(3, &[]);
    asked.extend(name);
    let forward = relayed(12, &option(79, &seen), &asked);
    assert!(seat.take((CLIENT, 547), (SERVER, 547), &forward).is_empty());
    let reply = v6_message(7, &[association(3, None, 600)]);
    let fact = one(seat.take(
        (SERVER, 547),
        (CLIENT, 547),
        &relayed(13, &option(18, b"ge-0/1"), &reply),
    ));
    assert!(
        fact.mac == Some([2, 0, 0, 0, 0, 7]),
        "the relay knows better than the DUID"
    );
    assert_eq!(
        (fact.host.as_deref(), fact.circuit.as_deref()),
        (Some("laptop.corp"), Some(&b"ge-0/1"[..]))
    );
    let mut deep = reply;
    for depth in 1..=20 {
        deep = relayed(13, &[], &deep);
        let facts = seat.take((SERVER, 547), (CLIENT, 547), &deep);
        assert_eq!(facts.len(), usize::from(depth <= 8), "{depth} relays");
    }
    assert_eq!(seat.broken(Malformed::Dhcp6Nesting), 12);
    // As deep as a datagram can be: ends at the bound, not at the end of the stack.
    let mut deepest = Vec::new();
    for left in (0..1700u16).rev() {
        let len = (left * 38).to_be_bytes();
        deepest.extend([&[13, 0][..], &[0; 32], &[0, 9], &len].concat());
    }
    assert!(seat.replies(&deepest).is_empty());
}

#[test]
fn broken_options_tell_nothing() {
    let mut seat = Seat::new();
    let good = v6_message(7, &[association(3, None, 600)]);
    for cut in 4..good.len() {
        assert!(seat.replies(&good[..cut]).is_empty(), "{cut}");
    }
    let mut behind = good;
    behind.extend([0, 3, 0]);
    assert!(
        seat.replies(&behind).is_empty(),
        "a good one, and a broken one behind it"
    );
    assert!(seat.broken(Malformed::Dhcp6Option) > 20);
}
