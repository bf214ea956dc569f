//! The general way into a frame: every layer, tunnels and fragments included.
//!
//! Enters: a frame. Leaves: the innermost TCP segment or UDP datagram, or what a device says of its
//! address. Never: passes an IP header, outer or inner, without asking the exclusions; takes off
//! more than [`DEPTH_MAX`](super::tunnel::DEPTH_MAX) layers or puts together more than
//! [`HALLS`] datagrams on the way.
//!
//! Each turn of the loop takes off one layer, at a cost that does not grow with the frame, so that
//! a frame costs its depth and nothing else.

use std::mem;
use std::net::IpAddr;

use super::exclude::Excluded;
use super::fragment::{DATAGRAM_LEN_MAX, Key, Piece, Table};
use super::ipv6::{self, Chain};
use super::layer::{self, Inside, Layer};
use super::link::Link;
use super::neighbour::{self, Neighbour};
use super::outsiders::Outsiders;
use super::span::Span;
use super::transport::{self, Segment};
use super::tunnel::{Tunnel, Way};
use super::{End, Journey, Malformed, NotForUs, Pair, gre, ipv4, udp_tunnel};
use crate::base::Timestamp;

/// Datagrams put together on the way into one frame: one that carries a tunnel, and one in it.
pub(super) const HALLS: usize = 2;

const IPV4: u8 = 4;
const IPV6: u8 = 41;
const GRE: u8 = 47;
const ESP: u8 = 50;
const ETHERIP: u8 = 97;
const L2TP: u8 = 115;
const MPLS: u8 = 137;
const ETHERNET: u8 = 143;

/// Room for [`HALLS`] datagrams, outside the table: while one is looked into, the table has to take
/// a fragment that was found in it.
pub(super) fn halls() -> Vec<Vec<u8>> {
    vec![vec![0; DATAGRAM_LEN_MAX]; HALLS]
}

/// What lies at the end of the way.
pub(super) enum Reached<'a> {
    Segment(Link<'a>, Pair, Journey, Segment<'a>),
    Neighbour(Neighbour),
}

/// What an IP packet turned out to be: its ends, its journey, the protocol it carries, and that.
type Opened<'a> = (Pair, Journey, u8, Span<'a>);

/// What the way needs of the decoder.
pub(super) struct Walk<'a> {
    pub excluded: &'a Excluded,
    pub outsiders: &'a Outsiders,
    pub fragments: &'a mut Table,
    /// Those that are still free.
    pub halls: &'a mut [Vec<u8>],
    pub now: Timestamp,
}

impl<'a> Walk<'a> {
    /// Goes all the way in from a layer.
    pub fn walk(
        mut self,
        mut way: Way<'a, '_>,
        (mut layer, mut span): Inside<'a>,
    ) -> Result<Reached<'a>, End> {
        let mut in_tunnel = false;
        loop {
            let (ends, journey, proto, body) = match layer {
                Layer::V4 => self.open_v4(span, &way)?,
                Layer::V6 if neighbour::may_be_discovery(span) => {
                    self.outsiders.ask_neighbour(way.outer)?;
                    // Over a tunnel without links anybody could say so from afar.
                    if in_tunnel && way.link.src_mac.is_none() {
                        ipv6::open(span, self.excluded)?;
                        return Err(NotForUs::OtherTransport.into());
                    }
                    let told = neighbour::discovery(span, self.excluded, self.now)?;
                    return Ok(Reached::Neighbour(told));
                }
                Layer::V6 => self.open_v6(span, &way)?,
                Layer::Arp => {
                    self.outsiders.ask_neighbour(way.outer)?;
                    let told = neighbour::arp(span, self.excluded, self.now)?;
                    return Ok(Reached::Neighbour(told));
                }
                other => {
                    (layer, span) = layer::open(other, span, &mut way)?;
                    continue;
                }
            };
            if matches!(proto, transport::TCP | transport::UDP) {
                let segment = transport::open(proto, body)?;
                let tunnel = match udp_tunnel::may_be(&segment) {
                    true => udp_tunnel::find(&segment),
                    false => None,
                };
                let Some((named, inside)) = tunnel else {
                    self.outsiders.ask(way.outer, ends)?;
                    return Ok(Reached::Segment(way.link, ends, journey, segment));
                };
                way.leave_ip(ends);
                if let Some((kind, id)) = named {
                    way.enter(kind, id)?;
                }
                (layer, span) = inside;
            } else {
                way.leave_ip(ends);
                (layer, span) = behind_ip(proto, layer == Layer::V6, body, &mut way)?;
            }
            in_tunnel = true;
        }
    }

    /// To what an IPv4 packet carries. Fragments of protocols that we do not read take no room in
    /// the table.
    fn open_v4(&mut self, span: Span<'a>, way: &Way<'_, '_>) -> Result<Opened<'a>, End> {
        let ip = ipv4::open(span, self.excluded)?;
        let (src, dst) = (IpAddr::V4(ip.src.into()), IpAddr::V4(ip.dst.into()));
        if ip.proto == ESP {
            return Err(NotForUs::Encrypted.into());
        }
        if !is_read(ip.proto) {
            return Err(NotForUs::OtherTransport.into());
        }
        let body = match ip.piece() {
            None => ip.body,
            Some(piece) => {
                let key = Key {
                    src,
                    dst,
                    proto: ip.proto,
                    id: piece.id,
                    vlan: way.link.vlan,
                    within: way.within,
                };
                self.whole(key, piece, ip.proto, ip.body)?.1
            }
        };
        let (proto, body) = Chain::authentication(ip.proto, body)?;
        let journey = Journey {
            hops: ip.hops,
            extended: ip.has_options() || proto != ip.proto,
        };
        Ok(((src, dst), journey, proto, body))
    }

    /// To what an IPv6 packet carries.
    fn open_v6(&mut self, span: Span<'a>, way: &Way<'_, '_>) -> Result<Opened<'a>, End> {
        let ip = ipv6::open(span, self.excluded)?;
        let (src, dst) = (IpAddr::V6(ip.src.into()), IpAddr::V6(ip.dst.into()));
        let mut chain = Chain::new(ip.next, ip.body).walk(self.excluded)?;
        if let Some(piece) = chain.piece {
            let key = Key {
                src,
                dst,
                proto: 0,
                id: piece.id,
                vlan: way.link.vlan,
                within: way.within,
            };
            let (next, body) = self.whole(key, piece, chain.next, chain.body)?;
            chain = chain.reassembled(next, body).walk(self.excluded)?;
            if chain.piece.is_some() {
                // No sender fragments a fragment, and following it would have no end.
                return Err(Malformed::BadFragment.into());
            }
        }
        let dst = chain.final_dst.map_or(dst, |last| IpAddr::V6(last.into()));
        let journey = Journey {
            hops: ip.hops,
            extended: chain.next != ip.next,
        };
        Ok(((src, dst), journey, chain.next, chain.body))
    }

    /// The datagram that a piece completes, and what it begins with. It moves out of the table,
    /// whose slot is free.
    fn whole(
        &mut self,
        key: Key,
        piece: Piece,
        next: u8,
        body: Span<'a>,
    ) -> Result<(u8, Span<'a>), End> {
        let (next, bytes) = match self.fragments.insert(key, piece, next, body, self.now) {
            Ok(found) => found,
            Err(end) => return Ok((next, piece.cut_head(next, body, end)?)),
        };
        let halls = mem::take(&mut self.halls);
        let Some((hall, rest)) = halls.split_first_mut() else {
            return Err(Malformed::TooDeep.into());
        };
        self.halls = rest;
        let Some(room) = hall.get_mut(..bytes.len()) else {
            return Err(Malformed::BadFragment.into());
        };
        room.copy_from_slice(bytes);
        Ok((next, Span::whole(room)))
    }
}

/// Does an IP protocol carry something that is read?
const fn is_read(proto: u8) -> bool {
    matches!(
        proto,
        transport::TCP
            | transport::UDP
            | ipv6::AUTHENTICATION
            | IPV4
            | IPV6
            | GRE
            | ETHERIP
            | L2TP
            | MPLS
            | ETHERNET
    )
}

/// What an IP protocol other than TCP and UDP announces.
fn behind_ip<'a>(
    proto: u8,
    in_six: bool,
    body: Span<'a>,
    way: &mut Way<'a, '_>,
) -> Result<Inside<'a>, End> {
    let (kind, layer) = match (proto, in_six) {
        (IPV4, false) => (Tunnel::IpIp, Layer::V4),
        (IPV4, true) => (Tunnel::FourInSix, Layer::V4),
        (IPV6, false) => (Tunnel::SixInFour, Layer::V6),
        (IPV6, true) => (Tunnel::SixInSix, Layer::V6),
        (ETHERNET, _) => (Tunnel::EtherIp, Layer::Ethernet),
        (GRE, _) => return Ok((Layer::Gre, body)),
        (MPLS, _) => return Ok((Layer::Mpls, body)),
        (ETHERIP, _) => return gre::etherip(body, way),
        (L2TP, _) => return gre::l2tp(body, way),
        (ESP, _) => return Err(NotForUs::Encrypted.into()),
        _ => return Err(NotForUs::OtherTransport.into()),
    };
    way.enter(kind, 0)?;
    Ok((layer, body))
}
