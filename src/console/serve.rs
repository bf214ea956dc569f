//! Connections: over TCP, TLS, or the Unix socket of a proxy.
//!
//! Enters: connections. Leaves: requests to the router, each with its [`Peer`]. Never: more than a
//! bounded number at a time; waits for ever for a head, a handshake or a slow reader.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use nix::sys::stat::{Mode, umask};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::audit::Way;
use super::brake::block;
use super::patient::Patient;
use super::settings::Settings;
use super::tls::Tls;

/// What one client, or all of them, may take.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Connections at a time; more are closed at once.
    pub connections_max: usize,
    /// Connections of one address at a time; of IPv6, of one /64.
    pub per_address_max: usize,
    /// Time for a request's head to arrive, which also bounds the rest between two requests.
    pub head_time_max: Duration,
    /// Time for a TLS handshake.
    pub handshake_time_max: Duration,
    /// Time that a client may leave an answer unread.
    pub unread_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 512,
            per_address_max: 128,
            head_time_max: Duration::from_secs(15),
            handshake_time_max: Duration::from_secs(10),
            unread_time_max: Duration::from_secs(30),
        }
    }
}

/// Most bytes of a request's head.
const HEAD_LEN_MAX: usize = 16 * 1024;
/// Most headers of a request.
const HEADERS_MAX: usize = 64;
/// Time that open connections get at the end.
const GRACE: Duration = Duration::from_secs(1);
/// Pause after a failed `accept` (no file descriptors, for one): it is no reason to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the connection itself tells of whoever is at its other end.
#[derive(Clone, Default)]
pub struct Peer {
    address: Option<IpAddr>,
    unix: bool,
    certificate: Option<String>,
}

impl Peer {
    /// The client's address. Behind the proxy's socket, what the proxy added last.
    pub(super) fn address_of(&self, headers: &HeaderMap) -> Option<IpAddr> {
        if !self.unix {
            return self.address;
        }
        let forwarded = headers.get_all("x-forwarded-for").into_iter().next_back()?;
        forwarded
            .to_str()
            .ok()?
            .rsplit(',')
            .next()?
            .trim()
            .parse()
            .ok()
    }

    /// Whom the connection vouches for.
    pub(super) fn vouches(
        &self,
        headers: &HeaderMap,
        settings: &Settings,
    ) -> Option<(Way, String)> {
        if let Some(name) = &self.certificate {
            return Some((Way::Certificate, name.clone()));
        }
        let header = &settings.proxy.header;
        if !self.unix || header.is_empty() {
            return None;
        }
        let mut all = headers.get_all(header.as_str()).into_iter();
        // Two of them: one may be the client's own. Neither is believed.
        let (Some(name), None) = (all.next(), all.next()) else {
            return None;
        };
        let name = name.to_str().ok().filter(|name| !name.is_empty())?;
        Some((Way::Proxy, name.to_lowercase()))
    }
}

/// Where the console is open.
pub struct Doors {
    tcp: Option<std::net::TcpListener>,
    unix: Option<(std::os::unix::net::UnixListener, PathBuf)>,
    tls: Option<Arc<Tls>>,
    limits: Limits,
}

/// Why it cannot be opened.
#[derive(Debug)]
pub enum Shut {
    /// The certificate or another setting cannot be used.
    Unfit(String),
    /// The address or socket cannot be had.
    Taken(String),
}

impl Doors {
    /// Binds what the settings name. `None` when no console is wanted.
    ///
    /// # Errors
    /// [`Shut`], with what to do.
    pub fn open(settings: &Settings) -> Result<Option<Self>, Shut> {
        if !settings.is_on() {
            return Ok(None);
        }
        settings.check().map_err(Shut::Unfit)?;
        let tls = Tls::load(settings).map_err(Shut::Unfit)?.map(Arc::new);
        let tcp = settings
            .address()
            .map_err(Shut::Unfit)?
            .map(bind)
            .transpose()?;
        let socket = &settings.proxy.socket;
        let unix = match socket.as_os_str().is_empty() {
            true => None,
            false => Some((bind_unix(socket)?, socket.clone())),
        };
        Ok(Some(Self {
            tcp,
            unix,
            tls,
            limits: Limits::default(),
        }))
    }

    /// With other limits.
    #[must_use]
    pub fn within(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The address over TCP, with the port that the system chose.
    pub fn address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref().and_then(|tcp| tcp.local_addr().ok())
    }

    /// To load the certificate again.
    pub fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.clone()
    }
}

fn bind(address: SocketAddr) -> Result<std::net::TcpListener, Shut> {
    let port = address.port();
    std::net::TcpListener::bind(address).map_err(|e| {
        Shut::Taken(format!(
            "cannot serve the console on {address}: {e}; `ss -ltnp sport = :{port}` shows who has \
             it, or choose another address under [console] listen"
        ))
    })
}

fn bind_unix(path: &Path) -> Result<std::os::unix::net::UnixListener, Shut> {
    let refuse = |why: &dyn std::fmt::Display| {
        Shut::Taken(format!("[console.proxy] socket {}: {why}", path.display()))
    };
    if let Ok(meta) = std::fs::symlink_metadata(path) {
        if !meta.file_type().is_socket() {
            return Err(refuse(&"a file that is no socket stands there"));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(refuse(&"another program answers there"));
        }
        std::fs::remove_file(path).map_err(|e| refuse(&e))?;
    }
    // Nobody else may connect even before the mode is set. No other thread runs yet.
    let before = umask(Mode::from_bits_truncate(0o177));
    let bound = std::os::unix::net::UnixListener::bind(path);
    umask(before);
    let bound = bound.map_err(|e| refuse(&e))?;
    let group = std::fs::Permissions::from_mode(0o660);
    std::fs::set_permissions(path, group).map_err(|e| refuse(&e))?;
    Ok(bound)
}

impl Drop for Doors {
    fn drop(&mut self) {
        if let Some((_, path)) = &self.unix {
            // Left over, it would only be replaced at the next start.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Serves `router` until `shutdown` is done; then open connections get a second.
///
/// # Errors
/// Only when a listener cannot be handed to tokio.
pub async fn serve(
    mut doors: Doors,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let tcp = doors.tcp.take().map(|tcp| {
        tcp.set_nonblocking(true)?;
        TcpListener::from_std(tcp)
    });
    let unix = doors.unix.as_ref().map(|(unix, _)| {
        unix.set_nonblocking(true)?;
        UnixListener::from_std(unix.try_clone()?)
    });
    let (tcp, unix) = (tcp.transpose()?, unix.transpose()?);
    let hall = Hall {
        router,
        tls: doors.tls.clone(),
        limits: doors.limits,
        each: Arc::default(),
    };
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let full = connections.len() >= hall.limits.connections_max;
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept_tcp(tcp.as_ref()) => accepted.map(|(stream, from)| {
                if !full && let Some(place) = hall.place(from.ip()) {
                    connections.spawn(hall.clone().tcp(stream, from.ip(), place));
                }
            }),
            accepted = accept_unix(unix.as_ref()) => accepted.map(|stream| {
                if !full {
                    let peer = Peer { unix: true, ..Peer::default() };
                    connections.spawn(hall.clone().requests(stream, peer));
                }
            }),
        };
        if let Err(error) = accepted {
            tracing::debug!(%error, "a connection to the console could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
    drop((tcp, unix));
    // Live pages never end by themselves: what is left is cut.
    let _ = timeout(GRACE, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    Ok(())
}

async fn accept_tcp(
    listener: Option<&TcpListener>,
) -> io::Result<(tokio::net::TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn accept_unix(listener: Option<&UnixListener>) -> io::Result<tokio::net::UnixStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

/// What connections share.
#[derive(Clone)]
struct Hall {
    router: Router,
    tls: Option<Arc<Tls>>,
    limits: Limits,
    each: Each,
}

/// Connections by address; an IPv6 host has a whole /64 to come from.
type Each = Arc<Mutex<HashMap<u128, usize>>>;

/// One connection of an address; gives its place back at the end.
struct Place(Each, u128);

impl Drop for Place {
    fn drop(&mut self) {
        let mut each = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = each.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                each.remove(&self.1);
            }
        }
    }
}

impl Hall {
    fn place(&self, from: IpAddr) -> Option<Place> {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        let from = block(from);
        let count = each.entry(from).or_default();
        if *count >= self.limits.per_address_max {
            return None;
        }
        *count += 1;
        Some(Place(Arc::clone(&self.each), from))
    }

    async fn tcp(self, stream: tokio::net::TcpStream, from: IpAddr, _place: Place) {
        // Small answers go out at once; without it they only go later.
        let _ = stream.set_nodelay(true);
        let address = Some(from);
        let Some(tls) = self.tls.clone() else {
            return self
                .requests(
                    stream,
                    Peer {
                        address,
                        ..Peer::default()
                    },
                )
                .await;
        };
        let handshake = tls.acceptor().accept(stream);
        // What a client does wrong is its own affair: neither logged nor answered further.
        if let Ok(Ok(stream)) = timeout(self.limits.handshake_time_max, handshake).await {
            let certificate = Tls::name_of(stream.get_ref().1);
            self.requests(
                stream,
                Peer {
                    address,
                    unix: false,
                    certificate,
                },
            )
            .await;
        }
    }

    async fn requests<S>(self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = Patient::new(stream, self.limits.unread_time_max);
        let router = self.router.layer(Extension(peer));
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_time_max)
            .max_buf_size(HEAD_LEN_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
        let _ = served.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_block_of_ipv6_is_one_client() {
        let hall = Hall {
            router: Router::new(),
            tls: None,
            limits: Limits {
                per_address_max: 3,
                ..Limits::default()
            },
            each: Arc::default(),
        };
        let place = |text: String| hall.place(text.parse().expect("an address"));
        let one: Vec<_> = (0..10)
            .filter_map(|n| place(format!("2001:db8::{n}")))
            .collect();
        assert_eq!(one.len(), 3, "a host has a whole /64");
        assert!(place("2001:db8:0:1::1".into()).is_some(), "another one");
        let four: Vec<_> = (0..10)
            .filter_map(|n| place(format!("192.0.2.{n}")))
            .collect();
        assert_eq!(four.len(), 10, "of IPv4 each address is a host");
        drop((one, four));
        assert!(hall.each.lock().expect("a lock").is_empty(), "given back");
    }
}
