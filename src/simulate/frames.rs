//! From a plan to frames.
//!
//! Enters: a [`Plan`]. Leaves: Ethernet frames with their times, built with pnet. Never: uses the
//! parsers of the program, or sends anything.

pub mod hello;
pub mod identity;
pub mod segments;
mod smtp;
pub mod wire;

use std::net::{IpAddr, Ipv4Addr};

use super::case::SERVICES;
use super::plan::{Move, Plan, What, resolver, server};
use segments::segments;
use wire::{Ends, Wire};

/// A mail server outside.
pub const OUTSIDE_MAIL: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 25);

/// The plan's frames: microseconds since its start, bytes; in the order of time.
pub fn frames(plan: &Plan) -> Vec<(u64, Vec<u8>)> {
    let mut wire = Wire::default();
    for it in &plan.moves {
        play(it, plan, &mut wire);
    }
    wire.into_frames()
}

fn play(it: &Move, plan: &Plan, wire: &mut Wire) {
    let client = &plan.clients[it.client];
    wire.client(client.address, client.mac);
    match &it.what {
        What::LookUp { name, qtype, chain } => {
            let ends = Ends {
                client: (client.address, it.port),
                server: (resolver(client.address), 53),
            };
            let id = it.number as u16;
            wire.datagram(it.at, ends, true, &hello::dns(id, name, *qtype, None));
            let answer = hello::dns(id, name, *qtype, Some(chain));
            wire.datagram(it.at + 700, ends, false, &answer);
        }
        What::Flow(flow) => {
            let ends = Ends {
                client: (client.address, it.port),
                server: (server(&flow.name, client.address), flow.port),
            };
            let hello = segments::hello(flow, it.number);
            wire.flow(it.at, ends, flow.transport, &hello, &segments(flow));
        }
        // Written by `logs`.
        What::Mail { .. } => {}
        What::Smtp { from, to } => {
            let ends = Ends {
                client: (IpAddr::V4(OUTSIDE_MAIL), it.port),
                server: (IpAddr::V4(SERVICES), 25),
            };
            smtp::delivery(wire, it.at, ends, (from, to));
        }
        What::Dhcp { act, lease } => identity::dhcp(wire, it, client, *act, *lease),
        What::Radius { act } => identity::radius(wire, it, client, *act),
        What::Kerberos => identity::kerberos(wire, it, client),
    }
}
