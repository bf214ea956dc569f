//! Sockets: UDP (RFC 5426), TCP (RFC 6587 section 3.4.1, octet counting), TLS (RFC 5425), Unix.
//!
//! Enters: parcels. Leaves: them on the wire, syslog with its length before it, lines with `\n`
//! behind. Never: a connection kept for the next attempt.
//!
//! Neither protocol answers, so bytes that the kernel took may die with the peer. We close our
//! half and wait for the peer to close its own: a receiver that saw our end has read all before
//! it. A reset says that it has not, and all is sent again. A peer that stays silent for the
//! sink's time is believed.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::super::settings::{Kind, SinkSettings};
use super::address::{Address, Host};
use super::{Parcel, Reason, Sent, tls, wait};

/// A socket to be opened.
pub struct Socket {
    address: Address,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    syslog: bool,
    wait: Duration,
}

impl Socket {
    pub(super) fn new(settings: &SinkSettings, address: Address) -> Result<Self, String> {
        let tls = match &address {
            Address::Tls(host) => {
                let name = ServerName::try_from(host.name.clone())
                    .map_err(|_| format!("{:?} is no name for a certificate", host.name))?;
                Some((tls::client(settings)?, name))
            }
            _ => None,
        };
        Ok(Self {
            address,
            tls,
            syslog: settings.kind == Kind::Syslog,
            wait: wait(settings),
        })
    }

    pub(super) fn send(&self, parcels: &[Parcel]) -> Sent {
        match self.try_send(parcels) {
            Ok(()) => Sent::all(parcels.len()),
            Err(e) => Sent::later(reason(&e), e.to_string()),
        }
    }

    fn try_send(&self, parcels: &[Parcel]) -> io::Result<()> {
        match &self.address {
            Address::Udp(host) => self.datagrams(host, parcels),
            Address::Unix(path) if self.syslog => {
                let socket = UnixDatagram::unbound()?;
                socket.set_write_timeout(Some(self.wait))?;
                socket.connect(path)?;
                parcels
                    .iter()
                    .try_for_each(|it| socket.send(&it.bytes).map(drop))
            }
            Address::Unix(path) => {
                let mut stream = UnixStream::connect(path)?;
                stream.set_write_timeout(Some(self.wait))?;
                stream.set_read_timeout(Some(self.wait))?;
                stream.write_all(&self.framed(parcels))?;
                stream.shutdown(Shutdown::Write)?;
                drain(&mut stream)
            }
            Address::Tcp(host) => {
                let mut stream = self.connect(host)?;
                stream.write_all(&self.framed(parcels))?;
                stream.shutdown(Shutdown::Write)?;
                drain(&mut stream)
            }
            Address::Tls(host) => self.under_tls(host, parcels),
            _ => Err(io::Error::other("no socket leads there")),
        }
    }

    fn under_tls(&self, host: &Host, parcels: &[Parcel]) -> io::Result<()> {
        let Some((config, name)) = &self.tls else {
            return Err(io::Error::other("no TLS was set up"));
        };
        let mut stream = self.connect(host)?;
        let mut session =
            ClientConnection::new(Arc::clone(config), name.clone()).map_err(io::Error::other)?;
        let mut tls = rustls::Stream::new(&mut session, &mut stream);
        // The handshake to its end first: an alert about our certificate comes after it in TLS 1.3.
        tls.write_all(&self.framed(parcels))?;
        tls.flush()?;
        tls.conn.send_close_notify();
        tls.conn.write_tls(tls.sock)?;
        tls.sock.shutdown(Shutdown::Write)?;
        match drain(&mut tls) {
            // Its end without `close_notify` is an end all the same.
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            other => other,
        }
    }

    fn datagrams(&self, host: &Host, parcels: &[Parcel]) -> io::Result<()> {
        let to = resolve(host)?.next();
        let to = to.ok_or_else(|| io::Error::other("its name has no address"))?;
        let from = if to.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
        let socket = UdpSocket::bind(from)?;
        socket.connect(to)?;
        socket.set_write_timeout(Some(self.wait))?;
        for parcel in parcels {
            socket.send(&parcel.bytes)?;
        }
        // On a near network "port unreachable" comes back in a moment.
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        match socket.recv(&mut [0; 16]) {
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => Err(e),
            _ => Ok(()),
        }
    }

    fn connect(&self, host: &Host) -> io::Result<TcpStream> {
        let mut last = io::Error::other("its name has no address");
        for to in resolve(host)?.take(4) {
            match TcpStream::connect_timeout(&to, self.wait) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(self.wait))?;
                    stream.set_write_timeout(Some(self.wait))?;
                    return Ok(stream);
                }
                Err(e) => last = e,
            }
        }
        Err(last)
    }

    fn framed(&self, parcels: &[Parcel]) -> Vec<u8> {
        let mut out = Vec::new();
        for parcel in parcels {
            if self.syslog {
                out.extend_from_slice(format!("{} ", parcel.bytes.len()).as_bytes());
                out.extend_from_slice(&parcel.bytes);
            } else {
                out.extend_from_slice(&parcel.bytes);
                out.push(b'\n');
            }
        }
        out
    }
}

fn resolve(host: &Host) -> io::Result<impl Iterator<Item = std::net::SocketAddr>> {
    (host.name.as_str(), host.port).to_socket_addrs()
}

/// Reads until the peer ends, or its time is over.
fn drain(stream: &mut impl Read) -> io::Result<()> {
    let began = Instant::now();
    let mut bytes = [0; 512];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(_) if began.elapsed() > Duration::from_secs(120) => return Ok(()),
            Ok(_) => {}
            Err(e) if is_timeout(&e) => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

fn is_timeout(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn reason(e: &io::Error) -> Reason {
    if e.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
        Reason::Tls
    } else if is_timeout(e) {
        Reason::Timeout
    } else {
        Reason::Unreachable
    }
}
