//! Messages that tell who holds an address: DHCPv4 (RFC 2131, 2132), RADIUS accounting (RFC 2866,
//! 6911), Kerberos (RFC 4120 section 5.4.2), byte by byte.
//!
//! Enters: a client and what happens to its session. Leaves: datagrams. Never: uses the parsers of
//! the program or the crates on which they stand.

use std::net::{IpAddr, Ipv4Addr};

use super::wire::{Ends, Wire};
use crate::simulate::case::SERVICES;
use crate::simulate::plan::{Client, Move, Session};

/// The switch or access point that reports sessions.
pub const ACCESS_SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 3);
/// Kerberos realm of the made-up organisation.
pub const REALM: &str = "AGENCY.EXAMPLE";

/// REQUEST and ACK, or RELEASE.
pub fn dhcp(wire: &mut Wire, it: &Move, client: &Client, act: Session, lease: u32) {
    let IpAddr::V4(address) = client.address else {
        return;
    };
    let ends = Ends {
        client: (client.address, 68),
        server: (SERVICES.into(), 67),
    };
    if act == Session::Stop {
        let bytes = dhcp_message(it, client, (1, 7), address, None);
        wire.datagram(it.at, ends, true, &bytes);
        return;
    }
    let request = dhcp_message(it, client, (1, 3), address, None);
    wire.datagram(it.at, ends, true, &request);
    let ack = dhcp_message(it, client, (2, 5), address, Some(lease));
    wire.datagram(it.at + DHCP_ANSWER, ends, false, &ack);
}

fn dhcp_message(
    it: &Move,
    client: &Client,
    (op, kind): (u8, u8),
    address: Ipv4Addr,
    lease: Option<u32>,
) -> Vec<u8> {
    let mut bytes = vec![op, 1, 6, 0];
    bytes.extend(it.number.to_be_bytes());
    bytes.extend([0; 4]);
    let none = Ipv4Addr::UNSPECIFIED;
    let (ciaddr, yiaddr) = if op == 2 {
        (none, address)
    } else {
        (address, none)
    };
    for it in [ciaddr, yiaddr, none, none] {
        bytes.extend(it.octets());
    }
    bytes.extend(client.mac);
    bytes.extend([0; 10 + 64 + 128]);
    bytes.extend([99, 130, 83, 99]);
    let mut option = |code: u8, body: &[u8]| {
        bytes.extend([code, body.len() as u8]);
        bytes.extend(body);
    };
    option(53, &[kind]);
    option(54, &SERVICES.octets());
    option(61, &[&[1][..], &client.mac].concat());
    if let Some(host) = &client.host {
        option(12, host.as_bytes());
    }
    if let Some(lease) = lease {
        option(51, &lease.to_be_bytes());
    }
    bytes.push(255);
    bytes
}

/// One accounting request, from the access server to the RADIUS server.
pub fn radius(wire: &mut Wire, it: &Move, client: &Client, act: Session) {
    let mut attributes = Vec::new();
    let mut attribute = |code: u8, body: &[u8]| {
        attributes.extend([code, body.len() as u8 + 2]);
        attributes.extend(body);
    };
    attribute(1, client.user.as_deref().unwrap_or_default().as_bytes());
    attribute(4, &ACCESS_SERVER.octets());
    match client.address {
        IpAddr::V4(address) => attribute(8, &address.octets()),
        IpAddr::V6(address) => attribute(168, &address.octets()),
    }
    let mac: Vec<String> = client
        .mac
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    attribute(31, mac.join("-").as_bytes());
    let status: u32 = match act {
        Session::Start => 1,
        Session::Stop => 2,
        Session::Interim => 3,
    };
    attribute(40, &status.to_be_bytes());
    attribute(44, session_id(client).as_bytes());
    let mut bytes = vec![4, it.number as u8];
    bytes.extend((20 + attributes.len() as u16).to_be_bytes());
    // The authenticator is keyed between the two servers; from outside it is sixteen bytes.
    bytes.extend([0x6b; 16]);
    bytes.extend(attributes);
    let ends = Ends {
        client: (ACCESS_SERVER.into(), it.port),
        server: (SERVICES.into(), 1813),
    };
    wire.datagram(it.at, ends, true, &bytes);
    // The answer: only now is the session on the server's books.
    let answer = [&[5, it.number as u8, 0, 20][..], &[0x6c; 16]].concat();
    wire.datagram(it.at + ACCOUNTING_ANSWER, ends, false, &answer);
}

/// Microseconds from an accounting request to its answer.
pub const ACCOUNTING_ANSWER: u64 = 1_500;
/// Microseconds from a DHCP request to its acknowledgement.
pub const DHCP_ANSWER: u64 = 2_000;

/// Accounting session id: one for each client.
pub fn session_id(client: &Client) -> String {
    format!(
        "S{}",
        client
            .mac
            .iter()
            .fold(0u64, |id, byte| id << 8 | u64::from(*byte))
    )
}

/// AS-REQ with pre-authentication (PA-ENC-TIMESTAMP), AS-REP: the KDC has authenticated the user.
pub fn kerberos(wire: &mut Wire, it: &Move, client: &Client) {
    let kdc = match client.address {
        IpAddr::V4(_) => IpAddr::V4(SERVICES),
        IpAddr::V6(_) => IpAddr::from([0x2001, 0xdb8, 1, 0, 0, 0, 0, 2]),
    };
    let ends = Ends {
        client: (client.address, it.port),
        server: (kdc, 88),
    };
    let user = client.user.as_deref().unwrap_or_default();
    wire.datagram(it.at, ends, true, &request(user));
    wire.datagram(it.at + KDC_ANSWER, ends, false, &reply(user));
}

/// Microseconds from a request to the KDC's reply.
pub const KDC_ANSWER: u64 = 3_000;

fn text(text: &str) -> Vec<u8> {
    der(0x1b, text.as_bytes())
}

fn principal(kind: u8, parts: &[&str]) -> Vec<u8> {
    let names: Vec<u8> = parts.iter().flat_map(|part| text(part)).collect();
    let body = [der(0xa0, &der(2, &[kind])), der(0xa1, &der(0x30, &names))];
    der(0x30, &body.concat())
}

/// EncryptedData with AES-256 (etype 18).
fn sealed(len: usize) -> Vec<u8> {
    let body = [
        der(0xa0, &der(2, &[18])),
        der(0xa2, &der(4, &vec![0x5a; len])),
    ];
    der(0x30, &body.concat())
}

fn request(user: &str) -> Vec<u8> {
    let proof = [der(0xa1, &der(2, &[2])), der(0xa2, &der(4, &sealed(56)))];
    let body = [
        der(0xa0, &der(3, &[0, 0x40, 0, 0, 0x10])),
        der(0xa1, &principal(1, &[user])),
        der(0xa2, &text(REALM)),
        der(0xa3, &principal(2, &["krbtgt", REALM])),
        der(0xa5, &der(0x18, b"20370913024805Z")),
        der(0xa7, &der(2, &[0x2a, 0x17, 0x33, 0x05])),
        der(0xa8, &der(0x30, &der(2, &[18]))),
    ];
    let whole = [
        der(0xa1, &der(2, &[5])),
        der(0xa2, &der(2, &[10])),
        der(0xa3, &der(0x30, &der(0x30, &proof.concat()))),
        der(0xa4, &der(0x30, &body.concat())),
    ];
    der(0x6a, &der(0x30, &whole.concat()))
}

fn reply(user: &str) -> Vec<u8> {
    let ticket = [
        der(0xa0, &der(2, &[5])),
        der(0xa1, &text(REALM)),
        der(0xa2, &principal(2, &["krbtgt", REALM])),
        der(0xa3, &sealed(200)),
    ];
    let whole = [
        der(0xa0, &der(2, &[5])),
        der(0xa1, &der(2, &[11])),
        der(0xa3, &text(REALM)),
        der(0xa4, &principal(1, &[user])),
        der(0xa5, &der(0x61, &der(0x30, &ticket.concat()))),
        der(0xa6, &sealed(180)),
    ];
    der(0x6b, &der(0x30, &whole.concat()))
}

/// Tag, length, value (X.690).
fn der(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match body.len() {
        short @ 0..0x80 => bytes.push(short as u8),
        len @ 0x80..0x100 => bytes.extend([0x81, len as u8]),
        len => bytes.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    bytes.extend(body);
    bytes
}
