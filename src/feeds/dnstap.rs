//! dnstap messages (dnstap.proto), of which CLIENT_QUERY counts.
//!
//! Enters: the content of one frame. Leaves: hits on its question. Never: reads answers; takes a
//! resolver's own queries for a client's.

use std::net::IpAddr;

use prost::Message as _;

use super::lookup::Lookup;
use super::read::{At, Foreign, Read};
use crate::base::{Seen, Timestamp, Transport};
use crate::event::Event;
use crate::names::dns;

const FORMAT: Foreign = Foreign("a dnstap message (protobuf)");
const QUERY: Foreign = Foreign("client, time and a DNS message in a CLIENT_QUERY");

/// `Dnstap.type`: the only one there is.
const TYPE_MESSAGE: i32 = 1;
/// `Message.type`.
const CLIENT_QUERY: i32 = 5;
/// `Message.socket_protocol`: UDP, and DNSCrypt and DoQ over UDP. The others run over TCP.
const OVER_UDP: [i32; 3] = [1, 5, 7];

/// The fields that count, by their numbers in dnstap.proto.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
struct Dnstap {
    #[prost(message, optional, tag = "14")]
    message: Option<Message>,
    #[prost(int32, optional, tag = "15")]
    kind: Option<i32>,
}

#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
struct Message {
    #[prost(int32, optional, tag = "1")]
    kind: Option<i32>,
    #[prost(int32, optional, tag = "3")]
    socket_protocol: Option<i32>,
    #[prost(bytes = "vec", optional, tag = "4")]
    query_address: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    response_address: Option<Vec<u8>>,
    #[prost(uint32, optional, tag = "6")]
    query_port: Option<u32>,
    #[prost(uint32, optional, tag = "7")]
    response_port: Option<u32>,
    #[prost(uint64, optional, tag = "8")]
    query_time_sec: Option<u64>,
    #[prost(fixed32, optional, tag = "9")]
    query_time_nsec: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "10")]
    query_message: Option<Vec<u8>>,
}

/// One frame.
///
/// # Errors
/// [`Foreign`] for what is no dnstap.
pub fn frame(bytes: &[u8], at: &At<'_>, out: &mut Vec<Event>) -> Read {
    let tap = Dnstap::decode(bytes).map_err(|_| FORMAT)?;
    let Some(message) = tap.message.filter(|_| tap.kind == Some(TYPE_MESSAGE)) else {
        return Err(FORMAT);
    };
    if message.kind != Some(CLIENT_QUERY) {
        return Ok(());
    }
    query(&message, at, out).ok_or(QUERY)
}

fn query(message: &Message, at: &At<'_>, out: &mut Vec<Event>) -> Option<()> {
    let port = |port: Option<u32>, default| match port {
        Some(port) => u16::try_from(port).ok(),
        None => Some(default),
    };
    let udp = message
        .socket_protocol
        .is_none_or(|p| OVER_UDP.contains(&p));
    let seconds = i64::try_from(message.query_time_sec?).ok()?;
    let time = Timestamp::from_secs_nanos(seconds, message.query_time_nsec.unwrap_or(0).into());
    let client = address(message.query_address.as_deref()?)?;
    let server = message.response_address.as_deref().and_then(address);
    let client_port = port(message.query_port, 0)?;
    let server_port = port(message.response_port, 53)?;
    dns::walk(message.query_message.as_deref()?, &mut |found| {
        if found.question {
            let lookup = Lookup {
                time,
                client,
                client_port,
                server: server.filter(|server| !server.is_unspecified()),
                port: server_port,
                transport: if udp { Transport::Udp } else { Transport::Tcp },
                name: found.name,
                qtype: found.qtype,
                seen: Seen::ResolverLog,
            };
            lookup.find(at, out);
        }
    });
    Some(())
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
