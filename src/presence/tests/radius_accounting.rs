//! Accounting packets, and the answers without which they tell nothing.

use super::*;

const NAS: [u8; 4] = [192, 0, 2, 2];

fn attribute(kind: u8, value: &[u8]) -> Vec<u8> {
    let len = u8::try_from(value.len() + 2).unwrap();
    [&[kind, len], value].concat()
}

fn packet(code: u8, id: u8, attributes: &[Vec<u8>]) -> Vec<u8> {
    let body = attributes.concat();
    let len = u16::try_from(20 + body.len()).unwrap().to_be_bytes();
    [&[code, id], &len[..], &[7; 16], &body].concat()
}

fn status(n: u8) -> Vec<u8> {
    attribute(40, &[0, 0, 0, n])
}

fn start(id: u8, more: &[Vec<u8>]) -> Vec<u8> {
    let user = attribute(1, b"anna@corp.example");
    let address = attribute(8, &[192, 0, 2, 77]);
    packet(4, id, &[&[status(1), user, address], more].concat())
}

impl Seat {
    fn account(&mut self, bytes: &[u8]) -> Vec<Fact> {
        self.take((NAS, 40_000), (SERVER, 1813), bytes)
    }

    fn confirm(&mut self, id: u8) -> Vec<Fact> {
        self.take((SERVER, 1813), (NAS, 40_000), &packet(5, id, &[]))
    }

    fn both(&mut self, bytes: &[u8]) -> Vec<Fact> {
        assert!(
            self.account(bytes).is_empty(),
            "told before it was answered"
        );
        self.confirm(bytes[1])
    }
}

#[test]
fn a_start_counts_once_its_server_answers() {
    let mut seat = Seat::new();
    assert!(seat.confirm(9).is_empty(), "an answer to nothing");
    let station = attribute(31, b"00-1A-2B-3C-4D-5E");
    let bytes = start(9, &[station, attribute(44, b"0A1B"), attribute(4, &NAS)]);
    assert!(seat.account(&bytes).is_empty());
    let stranger = seat.take(([192, 0, 2, 66], 1813), (NAS, 40_000), &packet(5, 9, &[]));
    assert!(stranger.is_empty(), "another server's answer");
    assert!(seat.confirm(8).is_empty(), "the answer to another request");
    let fact = one(seat.confirm(9));
    assert_eq!(fact.net.unwrap().to_string(), "192.0.2.77/32");
    assert_eq!(fact.user.as_deref(), Some("anna@corp.example"));
    assert_eq!(
        (fact.session.as_deref(), &*fact.origin),
        (Some("0A1B"), "192.0.2.2")
    );
    assert!(fact.mac == Some([0, 0x1a, 0x2b, 0x3c, 0x4d, 0x5e]) && fact.until.is_none());
    assert!(seat.confirm(9).is_empty(), "the answer sent again");
}

#[test]
fn without_an_answer_nobody_is_named() {
    let mut seat = Seat::new();
    seat.account(&start(1, &[]));
    seat.account(&start(1, &[]));
    seat.secs += 11;
    assert!(seat.confirm(1).is_empty(), "too late");
    assert_eq!(seat.withheld(Withheld::Unanswered), 1);
    for id in 0..=255 {
        seat.take((CLIENT, 50_000), (SERVER, 1813), &start(id, &[]));
    }
    seat.take((CLIENT, 50_001), (SERVER, 1813), &start(0, &[]));
    assert_eq!(
        seat.withheld(Withheld::Unanswered),
        2,
        "the oldest gave way"
    );
    seat.watch.flush();
    assert_eq!(seat.withheld(Withheld::Unanswered), 2 + 256);
    // A client cannot answer itself: requests go to the server's port.
    seat.take((SERVER, 1813), (CLIENT, 50_000), &start(3, &[]));
    assert!(
        seat.take((CLIENT, 50_000), (SERVER, 1813), &packet(5, 3, &[]))
            .is_empty()
    );
}

#[test]
fn every_address_of_a_session_and_its_end() {
    let mut seat = Seat::new();
    let address: std::net::Ipv6Addr = "2001:db8:1:77::9".parse().unwrap();
    let nets = [
        attribute(168, &address.octets()),
        attribute(97, &[&[0, 64][..], &address.octets()[..8]].concat()),
        attribute(123, &[&[0, 56][..], &address.octets()[..8]].concat()),
    ];
    let facts = seat.both(&start(1, &nets));
    let told: Vec<String> = facts
        .iter()
        .map(|fact| fact.net.unwrap().to_string())
        .collect();
    assert_eq!(
        told,
        [
            "192.0.2.77/32",
            "2001:db8:1:77::9/128",
            "2001:db8:1:77::/64",
            "2001:db8:1::/56"
        ]
    );
    let stop = packet(4, 2, &[status(2), attribute(44, b"0A1B")]);
    let fact = one(seat.both(&stop));
    assert!(
        fact.act == FactAct::Ends && fact.net.is_none(),
        "by its id, without a start"
    );
    assert!(
        seat.both(&packet(4, 3, &[status(2)])).is_empty(),
        "a stop of nothing"
    );
    for (id, kind) in [(4, 7), (5, 8)] {
        let fact = one(seat.both(&packet(
            4,
            id,
            &[status(kind), attribute(8, &[192, 0, 2, 77])],
        )));
        assert!(fact.act == FactAct::AllEnd && fact.net.is_none() && fact.user.is_none());
        assert_eq!(
            fact.origin, "192.0.2.2",
            "the sender, when it does not name itself"
        );
    }
    assert!(
        seat.both(&packet(4, 6, &[status(15), attribute(8, &[192, 0, 2, 77])]))
            .is_empty()
    );
}

#[test]
fn a_person_before_the_address() {
    let mut seat = Seat::new();
    let user = attribute(1, b"anna");
    let bytes = packet(
        4,
        1,
        &[status(1), user.clone(), attribute(31, b"001a.2b3c.4d5e")],
    );
    let fact = one(seat.both(&bytes));
    assert!(fact.net.is_none() && fact.mac.is_some() && fact.user.as_deref() == Some("anna"));
    assert!(
        seat.both(&packet(4, 2, &[status(1), user])).is_empty(),
        "neither address nor device"
    );
}

#[test]
fn machines_are_no_persons() {
    let mut seat = Seat::new();
    for (id, (name, host)) in (1u8..).zip([
        ("host/pc-7.corp.example", Some("pc-7.corp.example")),
        ("PC-7$", None),
        ("CORP\\PC-7$", None),
        ("PC-7$@corp.example", None),
        ("00-1a-2b-3c-4d-5e", None),
        ("001a2b3c4d5e", None),
        ("anna\nb", None),
    ]) {
        let address = attribute(8, &[192, 0, 2, 77]);
        let fact = one(seat.both(&packet(
            4,
            id,
            &[status(1), attribute(1, name.as_bytes()), address],
        )));
        assert!(fact.user.is_none(), "{name}");
        assert_eq!(fact.host.as_deref(), host, "{name}");
    }
}

#[test]
fn late_news_is_dated_back_and_very_late_news_refused() {
    let mut seat = Seat::new();
    let fact = one(seat.both(&start(1, &[attribute(41, &[0, 0, 0, 90])])));
    assert_eq!(fact.time, Timestamp::from_secs_nanos(START - 90, 0));
    assert!(
        seat.both(&start(2, &[attribute(41, &[0xff; 4])]))
            .is_empty()
    );
    assert_eq!(seat.broken(Malformed::RadiusAttribute), 1);
}

#[test]
fn lying_lengths_are_counted_and_tell_nothing() {
    let mut seat = Seat::new();
    let mut id = 0;
    for odd in [
        attribute(8, &[192, 0, 2]),
        attribute(8, &[192, 0, 2, 77, 1]),
        attribute(168, &[0; 15]),
        attribute(97, &[0]),
        attribute(97, &[0, 129, 0x20]),
        attribute(97, &[0, 64, 0x20, 1]),
        attribute(97, &[0x20; 19]),
        attribute(41, &[1]),
        vec![1, 1],
        vec![1, 40, b'a'],
        vec![1],
    ] {
        id += 1;
        assert!(seat.both(&start(id, &[odd])).is_empty(), "{id}");
    }
    assert_eq!(seat.broken(Malformed::RadiusAttribute), 11);
    let good = start(99, &[]);
    for cut in [0, 3, 19, good.len() - 1] {
        assert!(seat.account(&good[..cut]).is_empty());
    }
    assert_eq!(seat.broken(Malformed::RadiusHeader), 4);
    for ip in [[255, 255, 255, 254], [255; 4], [0; 4]] {
        id += 1;
        let bytes = packet(
            4,
            id,
            &[status(1), attribute(1, b"anna"), attribute(8, &ip)],
        );
        assert!(seat.both(&bytes).is_empty(), "an address to be chosen");
    }
}
