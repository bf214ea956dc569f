//! A client's first flight: Initial packets opened, CRYPTO pieces put in order, hello read.
//!
//! Enters: the datagrams of one UDP flow. Leaves: [`Hello`]. Never: changes its state for a packet
//! that is not authentic; holds more than two buffers of the pool.
//!
//! Keys come from the destination id of the client's first Initial and stay the same when the
//! client changes that id later. A Retry starts over with the id that the server chose, which is
//! then the packet's own: so a packet that the known keys do not open is tried with its own id,
//! and what that opens is a connection of its own. The Retry itself need not be seen. Two
//! connections are kept: a stranger's datagram on the same ports does not disturb the first.

use super::CLIENT_DATAGRAM_LEN_MIN;
use super::chlo;
use super::frames::CryptoFrames;
use super::google::{self, Clear, GoogleFrames, Layout};
use super::header::{CID_LEN_MAX, CLIENT_CID_LEN_MIN, Class, Kind, Long, classify};
use super::keys::{Keys, Opened, Side, Speech, Version};
use crate::base::Outcome;
use crate::flow::pool::SLOT_LEN;
use crate::flow::{Assembly, Insert, Pool};
use crate::names::tls::{Hello, message_len, parse_hello, peek_hello};
use crate::names::{Malformed, Probe};

/// Connections kept apart on one pair of ports.
const CONNECTIONS_MAX: usize = 2;

/// Initial packets opened in one datagram. Clients send one, seldom two; GRO glues some together.
const INITIALS_MAX: usize = 16;

/// The first flight of the client of one UDP flow. Some 500 bytes; must end in
/// [`release`](Self::release), else its buffers are lost to the pool.
pub struct Flight {
    connections: [Option<Connection>; CONNECTIONS_MAX],
    /// Authentic packets so far; also says which connection was touched last.
    opened: u32,
    copied: u64,
    over_limit: bool,
    undecryptable: bool,
    unknown_version: bool,
    late: bool,
    malformed: bool,
}

/// What the packets of one first destination id bring.
struct Connection {
    /// With its keys; `None` for one in clear.
    sealed: Option<(Version, Keys)>,
    speech: Speech,
    dcid: Cid,
    largest: Option<u64>,
    stream: Option<Assembly>,
    touched: u32,
}

#[derive(Clone, Copy)]
struct Cid {
    len: u8,
    bytes: [u8; CID_LEN_MAX],
}

impl Cid {
    fn new(id: &[u8]) -> Option<Self> {
        let mut bytes = [0; CID_LEN_MAX];
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        let len = u8::try_from(id.len()).ok()?;
        Some(Self { len, bytes })
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Where a whole hello lies.
#[derive(Clone, Copy)]
enum Place {
    /// In one CRYPTO frame, at this offset of the scratch buffer, this long.
    Scratch(usize, usize),
    /// The same, in Google's form.
    GoogleScratch(usize, usize),
    /// In the buffer of this connection.
    Stream(usize),
}

/// What a datagram brought.
#[derive(Clone, Copy)]
enum Step {
    Hello(Place),
    Progress,
    Nothing,
    Malformed(Malformed),
}

impl Default for Flight {
    fn default() -> Self {
        Self::new()
    }
}

impl Flight {
    /// Nothing seen yet. Takes no buffer before there is a piece to keep.
    pub const fn new() -> Self {
        Self {
            connections: [None, None],
            opened: 0,
            copied: 0,
            over_limit: false,
            undecryptable: false,
            unknown_version: false,
            late: false,
            malformed: false,
        }
    }

    /// Takes one datagram of the flow, in the order seen.
    ///
    /// `from_client`: does the side that sent the first long header send this? `Some(false)` is
    /// `NotForUs` at once; `None` when unknown. `scratch`: at least as long as the datagram.
    ///
    /// `Found`: the hello is whole (again, for a duplicate). `NeedMore`: authentic, but pieces are
    /// missing. `NotForUs`: nothing in it that could be opened; [`cause`](Self::cause) says more.
    /// `Malformed`: authentic, but its frames or the hello are broken.
    pub fn push<'a>(
        &mut self,
        datagram: &[u8],
        from_client: Option<bool>,
        pool: &'a mut Pool,
        scratch: &'a mut [u8],
    ) -> Probe<Hello<'a>> {
        let fits = |first: &u8| first & 0x80 != 0 || google::may_begin(*first);
        if !datagram.first().is_some_and(fits) || from_client == Some(false) {
            return Probe::NotForUs;
        }
        let answer = match self.take(datagram, pool, scratch) {
            Step::Nothing => return Probe::NotForUs,
            Step::Progress => return Probe::NeedMore,
            Step::Malformed(why) => Probe::Malformed(why),
            Step::Hello(Place::Scratch(at, len)) => {
                let scratch: &'a [u8] = scratch;
                let end = at.saturating_add(len);
                parse_hello(scratch.get(at..end).unwrap_or_default())
            }
            Step::Hello(Place::GoogleScratch(at, len)) => {
                let message = scratch.get(at..at.saturating_add(len));
                match chlo::Kept::of(message.unwrap_or_default()) {
                    Ok(kept) => kept.hello(scratch),
                    Err(why) => Probe::Malformed(why),
                }
            }
            Step::Hello(Place::Stream(index)) => {
                let pool: &'a Pool = pool;
                let prefix = self.prefix(index, pool);
                match self.speech(index) {
                    Speech::Google => match chlo::Kept::of(prefix) {
                        Ok(kept) => kept.hello(scratch),
                        Err(why) => Probe::Malformed(why),
                    },
                    Speech::Ietf | Speech::GoogleTls => parse_hello(prefix),
                }
            }
        };
        self.malformed |= matches!(answer, Probe::Malformed(_));
        answer
    }

    /// Was any packet authentic?
    pub const fn decrypted_any(&self) -> bool {
        self.opened > 0
    }

    /// The first destination id of the connection that sent the newest authentic packet: it tells
    /// that connection from later ones on the same ports.
    pub fn first_id(&self) -> Option<&[u8]> {
        let connections = self.connections.iter().flatten();
        let newest = connections.max_by_key(|connection| connection.touched)?;
        Some(newest.dcid.as_bytes())
    }

    /// Bytes copied to pool buffers so far.
    pub const fn copied_bytes(&self) -> u64 {
        self.copied
    }

    /// Is something known behind a hole?
    pub fn has_gap(&self) -> bool {
        self.streams().any(Assembly::has_gap)
    }

    /// Did two copies of one byte differ?
    pub fn conflict(&self) -> bool {
        self.streams().any(Assembly::conflict)
    }

    /// Why there is no name, when the flow ends without one. (That the capture cut the frames is
    /// for the caller to know.)
    pub fn cause(&self) -> Outcome {
        if self.over_limit {
            Outcome::ReassemblyLimit
        } else if self.malformed {
            Outcome::Malformed
        } else if self.decrypted_any() {
            Outcome::Gap
        } else if self.undecryptable {
            Outcome::QuicUndecryptable
        } else if self.late {
            Outcome::Midstream
        } else if self.unknown_version {
            Outcome::QuicVersion
        } else {
            Outcome::OtherProtocol
        }
    }

    /// The name out of a hello whose end never came; see [`peek_hello`].
    pub fn peek<'p>(&self, pool: &'p Pool) -> Option<Hello<'p>> {
        (0..CONNECTIONS_MAX).find_map(|index| match self.speech(index) {
            Speech::Google => chlo::peek(self.prefix(index, pool)),
            Speech::Ietf | Speech::GoogleTls => peek_hello(self.prefix(index, pool)),
        })
    }

    /// Gives the buffers back.
    pub fn release(self, pool: &mut Pool) {
        for connection in self.connections.into_iter().flatten() {
            connection.release(pool);
        }
    }

    fn streams(&self) -> impl Iterator<Item = &Assembly> {
        let connections = self.connections.iter().flatten();
        connections.filter_map(|connection| connection.stream.as_ref())
    }

    fn speech(&self, index: usize) -> Speech {
        let connection = self.connections.get(index).and_then(Option::as_ref);
        connection.map_or(Speech::Ietf, |connection| connection.speech)
    }

    fn prefix<'p>(&self, index: usize, pool: &'p Pool) -> &'p [u8] {
        let connection = self.connections.get(index).and_then(Option::as_ref);
        connection
            .and_then(|connection| connection.stream.as_ref())
            .map_or(&[], |stream| stream.prefix(pool))
    }

    /// Goes through the packets of a datagram.
    fn take(&mut self, datagram: &[u8], pool: &mut Pool, scratch: &mut [u8]) -> Step {
        if let Some(clear) = Clear::read(datagram) {
            return self.clear(&clear, pool, scratch);
        }
        let mut step = Step::Nothing;
        let mut rest = datagram;
        let mut dcid = None;
        let mut initials = 0usize;
        while let Some(packet) = Long::next(rest) {
            // Packets with another id do not belong in one datagram (RFC 9000 section 12.2).
            if *dcid.get_or_insert(packet.dcid) != packet.dcid {
                break;
            }
            match packet.kind {
                Kind::Initial { .. } if initials < INITIALS_MAX => {
                    initials = initials.saturating_add(1);
                    let short = datagram.len() < CLIENT_DATAGRAM_LEN_MIN;
                    match (self.initial(&packet, short, pool, scratch), step) {
                        (hello @ Step::Hello(_), _) => return hello,
                        (new @ Step::Malformed(_), _) | (new, Step::Nothing) => step = new,
                        _ => {}
                    }
                }
                Kind::Handshake => self.late = true,
                _ => {}
            }
            // Zeros between packets: datagrams padded outside and glued together by GRO.
            rest = packet.after;
            while let [0, behind @ ..] = rest {
                rest = behind;
            }
        }
        if dcid.is_none() && matches!(classify(datagram), Class::UnknownVersion(_)) {
            self.unknown_version = true;
        }
        step
    }

    /// A packet that Google's versions send in clear.
    #[cold]
    fn clear(&mut self, clear: &Clear<'_>, pool: &mut Pool, scratch: &mut [u8]) -> Step {
        if !clear.is_sound() {
            self.undecryptable = true;
            return Step::Nothing;
        }
        let (frames, _) = clear.frames();
        let (Some(copy), Some(dcid)) = (scratch.get_mut(..frames.len()), Cid::new(clear.id)) else {
            return Step::Nothing;
        };
        copy.copy_from_slice(frames);
        self.opened = self.opened.saturating_add(1);
        let known = |place: &Option<Connection>| {
            let known = place.as_ref().filter(|known| known.sealed.is_none());
            known.is_some_and(|known| known.dcid.as_bytes() == clear.id)
        };
        let index = match self.connections.iter().position(known) {
            Some(index) => index,
            None => {
                let connection = Connection {
                    sealed: None,
                    speech: Speech::Google,
                    dcid,
                    largest: None,
                    stream: None,
                    touched: 0,
                };
                match self.admit(connection, pool) {
                    Some(index) => index,
                    None => return Step::Nothing,
                }
            }
        };
        if let Some(Some(connection)) = self.connections.get_mut(index) {
            connection.touched = self.opened;
        }
        self.pieces(index, (0, frames.len()), Some(clear.layout), pool, scratch)
    }

    fn initial(
        &mut self,
        packet: &Long<'_>,
        short: bool,
        pool: &mut Pool,
        scratch: &mut [u8],
    ) -> Step {
        // A server drops an Initial in a short datagram, so what it says does not count. It is
        // QUIC all the same.
        let opened = if short {
            None
        } else {
            self.open(packet, pool, scratch)
        };
        match opened {
            Some((index, opened)) => self.read(index, opened, pool, scratch),
            None => {
                self.undecryptable = true;
                Step::Nothing
            }
        }
    }

    /// Opens with the keys of a known connection, else with those of the packet's own id.
    fn open(
        &mut self,
        packet: &Long<'_>,
        pool: &mut Pool,
        scratch: &mut [u8],
    ) -> Option<(usize, Opened)> {
        let mut own_id_tried = false;
        for (index, connection) in self.connections.iter_mut().enumerate() {
            let Some(connection) = connection else {
                continue;
            };
            let version = connection.sealed.map(|(version, _)| version);
            own_id_tried |=
                version == Some(packet.version) && connection.dcid.as_bytes() == packet.dcid;
            let opened = connection
                .keys_for(packet)
                .and_then(|keys| keys.open(packet, connection.largest, scratch));
            if let Some(opened) = opened {
                self.opened = self.opened.saturating_add(1);
                connection.touch(opened, self.opened);
                return Some((index, opened));
            }
        }
        if own_id_tried || !may_be_first(packet) {
            return None;
        }
        let mut sealed_as = packet.version.sealed_as(packet.version_number);
        let (version, keys, opened) = sealed_as.find_map(|version| {
            let keys = Keys::derive(version, packet.dcid, Side::Client)?;
            Some((version, keys, keys.open(packet, None, scratch)?))
        })?;
        self.opened = self.opened.saturating_add(1);
        let mut connection = Connection {
            sealed: Some((version, keys)),
            speech: version.speech(),
            dcid: Cid::new(packet.dcid)?,
            largest: None,
            stream: None,
            touched: 0,
        };
        connection.touch(opened, self.opened);
        Some((self.admit(connection, pool)?, opened))
    }

    /// Puts a new connection in a free place, or in that of the one touched longest ago.
    fn admit(&mut self, connection: Connection, pool: &mut Pool) -> Option<usize> {
        let age = |place: &Option<Connection>| place.as_ref().map_or(0, |old| old.touched);
        let places = self.connections.iter_mut().enumerate();
        let (index, place) = places.min_by_key(|(_, place)| age(place))?;
        if let Some(old) = place.replace(connection) {
            old.release(pool);
        }
        Some(index)
    }

    /// What an authentic packet says.
    fn read(&mut self, index: usize, opened: Opened, pool: &mut Pool, scratch: &[u8]) -> Step {
        if !opened.reserved_clear {
            self.malformed = true;
            return Step::Malformed(Malformed::QuicHeader);
        }
        let layout = (self.speech(index) != Speech::Ietf).then_some(Layout {
            version: google::SEALED,
            number_len: opened.number_len,
        });
        let payload = (opened.payload_at, opened.payload_len);
        self.pieces(index, payload, layout, pool, scratch)
    }

    /// Takes the pieces of the handshake out of a payload, which lies in `scratch` at an offset
    /// with a length; `layout` when its frames are Google's.
    fn pieces(
        &mut self,
        index: usize,
        (payload_at, payload_len): (usize, usize),
        layout: Option<Layout>,
        pool: &mut Pool,
        scratch: &[u8],
    ) -> Step {
        let Some(connection) = self.connections.get_mut(index).and_then(Option::as_mut) else {
            return Step::Nothing;
        };
        let end = payload_at.saturating_add(payload_len);
        let payload = scratch.get(payload_at..end).unwrap_or_default();
        let mut ietf = layout.is_none().then(|| CryptoFrames::new(payload));
        let mut google = layout.map(|layout| GoogleFrames::new(payload, layout));
        let mut next = || match (&mut ietf, &mut google) {
            (Some(frames), _) => frames.next(),
            (_, Some(frames)) => frames.next(),
            _ => None,
        };
        let mut broken = false;
        while let Some(frame) = next() {
            let Ok(piece) = frame else {
                broken = true;
                break;
            };
            // A hello that lies in one piece is read where it is. Google's handshake may bring a
            // second one further on in the stream, after the server has refused the first.
            let first = piece.offset == 0 || connection.speech == Speech::Google;
            if connection.stream.is_none() && first && connection.whole(piece.data) {
                let at = payload_at.saturating_add(piece.at);
                return Step::Hello(match connection.speech {
                    Speech::Google => Place::GoogleScratch(at, piece.data.len()),
                    Speech::Ietf | Speech::GoogleTls => Place::Scratch(at, piece.data.len()),
                });
            }
            match connection.keep(piece.offset, piece.data, pool) {
                Insert::Stored => {}
                Insert::BeyondLimit | Insert::TooManyGaps => self.over_limit = true,
            }
            self.copied = self.copied.saturating_add(piece.data.len() as u64);
        }
        let start = connection
            .stream
            .as_ref()
            .map_or(&[][..], |stream| stream.prefix(pool));
        match connection.message_len(start) {
            Probe::Found(total) if total <= start.len() => {
                return Step::Hello(Place::Stream(index));
            }
            Probe::Found(total) if total > SLOT_LEN => self.over_limit = true,
            Probe::Found(_) | Probe::NeedMore if broken => {
                self.malformed = true;
                return Step::Malformed(Malformed::QuicFrame);
            }
            Probe::Found(_) | Probe::NeedMore => {}
            Probe::NotForUs | Probe::Malformed(_) => {
                self.malformed = true;
                return Step::Malformed(Malformed::TlsHello);
            }
        }
        Step::Progress
    }
}

impl Connection {
    /// Its keys, also when the client changed to another version on the way: those come from the
    /// same first id (RFC 9369 section 4.1).
    fn keys_for(&self, packet: &Long<'_>) -> Option<Keys> {
        let (own, keys) = self.sealed?;
        let mut sealed_as = packet.version.sealed_as(packet.version_number);
        if sealed_as.any(|version| version == own) {
            Some(keys)
        } else if packet.version.speech() != self.speech {
            None
        } else {
            Keys::derive(packet.version, self.dcid.as_bytes(), Side::Client)
        }
    }

    /// Bytes of the whole hello that begins so.
    fn message_len(&self, start: &[u8]) -> Probe<usize> {
        match self.speech {
            Speech::Google => chlo::message_len(start),
            Speech::Ietf | Speech::GoogleTls => message_len(start),
        }
    }

    /// Does this hold all of a hello?
    fn whole(&self, start: &[u8]) -> bool {
        matches!(self.message_len(start), Probe::Found(total) if total <= start.len())
    }

    fn touch(&mut self, opened: Opened, now: u32) {
        self.largest = self.largest.max(Some(opened.number));
        self.touched = now;
    }

    /// Keeps a piece of the stream; a pool without a free buffer counts as a limit.
    fn keep(&mut self, offset: u64, data: &[u8], pool: &mut Pool) -> Insert {
        if data.is_empty() {
            return Insert::Stored;
        }
        if self.stream.is_none() {
            self.stream = Assembly::new(pool);
        }
        match (&mut self.stream, usize::try_from(offset)) {
            (Some(stream), Ok(offset)) => stream.insert(pool, offset, data),
            _ => Insert::BeyondLimit,
        }
    }

    fn release(self, pool: &mut Pool) {
        if let Some(stream) = self.stream {
            stream.release(pool);
        }
    }
}

/// Can keys come from this packet's own destination id? A client invents at least eight bytes
/// (RFC 9000 section 7.2); an id out of a Retry may be shorter and comes with a token.
const fn may_be_first(packet: &Long<'_>) -> bool {
    packet.dcid.len() >= CLIENT_CID_LEN_MIN || matches!(packet.kind, Kind::Initial { token: true })
}
