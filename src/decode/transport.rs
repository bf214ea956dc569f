//! TCP (RFC 9293) and UDP (RFC 768, RFC 2675) headers.
//!
//! Enters: a span behind the IP headers. Leaves: ports, TCP's numbers, the payload. Never:
//! verifies a checksum.

use pnet::packet::tcp::TcpPacket;
use pnet::packet::udp::UdpPacket;

use super::span::Span;
use super::{End, Malformed, NotForUs, TcpMeta};
use crate::base::Transport;

const TCP_LEN: usize = 20;
const UDP_LEN: usize = 8;

pub(super) const TCP: u8 = Transport::Tcp.number();
pub(super) const UDP: u8 = Transport::Udp.number();

/// A transport header taken apart.
pub(super) struct Segment<'f> {
    pub sport: u16,
    pub dport: u16,
    pub transport: Transport,
    pub tcp: Option<TcpMeta>,
    pub payload: Span<'f>,
    /// Header and payload in one, as captured.
    pub whole: &'f [u8],
}

/// Reads the header that IP protocol `proto` announces.
#[inline]
pub(super) fn open(proto: u8, span: Span<'_>) -> Result<Segment<'_>, End> {
    match proto {
        TCP => Ok(tcp(span)?),
        UDP => Ok(udp(span)?),
        _ => Err(NotForUs::OtherTransport.into()),
    }
}

#[inline]
fn tcp(span: Span<'_>) -> Result<Segment<'_>, Malformed> {
    let Some(header) = TcpPacket::new(span.bytes) else {
        return Err(span.short(TCP_LEN));
    };
    let header_len = usize::from(header.get_data_offset()).saturating_mul(4);
    if header_len < TCP_LEN {
        return Err(Malformed::BadLength);
    }
    Ok(Segment {
        sport: header.get_source(),
        dport: header.get_destination(),
        transport: Transport::Tcp,
        tcp: Some(TcpMeta {
            seq: header.get_sequence(),
            ack: header.get_acknowledgement(),
            flags: header.get_flags(),
        }),
        payload: span.after(header_len)?,
        whole: span.bytes,
    })
}

#[inline]
fn udp(span: Span<'_>) -> Result<Segment<'_>, Malformed> {
    let Some(header) = UdpPacket::new(span.bytes) else {
        return Err(span.short(UDP_LEN));
    };
    let datagram = match usize::from(header.get_length()) {
        // A jumbogram, or what offload leaves there: as long as IP says.
        0 => span,
        len if len < UDP_LEN || len > span.wire_len => return Err(Malformed::BadLength),
        // What lies behind is not payload (RFC 9868 puts options there).
        len => span.up_to(len),
    };
    Ok(Segment {
        sport: header.get_source(),
        dport: header.get_destination(),
        transport: Transport::Udp,
        tcp: None,
        payload: datagram.after(UDP_LEN)?,
        whole: datagram.bytes,
    })
}
