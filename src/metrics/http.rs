//! The pages: `/metrics`, `/healthz`, `/readyz`, and a landing page at `/`.
//!
//! Enters: HTTP/1 requests. Leaves: text. Never: reads a request's body, keeps a connection open
//! for a second request, lets one client take all the room for long.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::web::Web;
use super::{Metrics, Readiness};
use crate::base::Timestamp;

/// What one client, or all of them, may take.
#[derive(Clone, Copy)]
struct Limits {
    /// Connections open at a time; more are closed at once, and counted.
    connections_max: usize,
    /// Time for a client to send its request's head.
    head_time_max: Duration,
    /// Time for a whole connection; a scrape takes milliseconds.
    connection_time_max: Duration,
}

const LIMITS: Limits = Limits {
    connections_max: 64,
    head_time_max: Duration::from_secs(5),
    connection_time_max: Duration::from_secs(10),
};

/// Most bytes of a request's head.
const HEAD_LEN_MAX: usize = 16 * 1024;
/// Time that open connections get at the end.
const GRACE: Duration = Duration::from_secs(2);
/// Pause after a failed `accept` (no file descriptors, for one): it is no reason to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Every pair of page and status code that is counted.
pub(super) const ANSWERS: &[(&str, &str)] = &[
    ("index", "200"),
    ("metrics", "200"),
    ("healthz", "200"),
    ("readyz", "200"),
    ("readyz", "503"),
    ("other", "401"),
    ("other", "404"),
    ("other", "405"),
];

/// Listens on `address`.
///
/// # Errors
/// [`BindError`], which says what to do next.
pub fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).map_err(|error| BindError { address, error })
}

/// Why the pages cannot be served.
#[derive(Debug)]
pub struct BindError {
    /// Where.
    pub address: SocketAddr,
    /// Why.
    pub error: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, error } = self;
        write!(f, "cannot serve the metrics on {address}: {error}; ")?;
        let port = address.port();
        match error.kind() {
            io::ErrorKind::AddrInUse => write!(
                f,
                "another program (another poortwacht?) has the port: `ss -ltnp sport = :{port}` \
                 shows which; stop it, or choose another address"
            ),
            io::ErrorKind::PermissionDenied => {
                write!(
                    f,
                    "ports below 1024 need root; choose a higher one than {port}"
                )
            }
            io::ErrorKind::AddrNotAvailable => {
                write!(
                    f,
                    "{} is no address of this machine; choose one that is",
                    address.ip()
                )
            }
            _ => write!(f, "choose another address"),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Serves the pages until `shutdown` is done; then open connections get two seconds. `web` says
/// who may in, and by which certificate.
///
/// # Errors
/// Only when the listener cannot be handed to tokio.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    (readiness, web): (Arc<Readiness>, Option<Arc<Web>>),
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    serve_within(LIMITS, listener, metrics, (readiness, web), shutdown).await
}

async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    metrics: Arc<Metrics>,
    (readiness, web): (Arc<Readiness>, Option<Arc<Web>>),
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let pages = Router::new().fallback(answer).with_state(Pages {
        metrics: Arc::clone(&metrics),
        readiness,
        web: web.clone(),
    });
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok(_) if connections.len() >= limits.connections_max => {
                    metrics.families().http_refused.with_label_values::<&str>(&[]).inc();
                }
                Ok((stream, _)) => {
                    let tls = web.as_ref().and_then(|web| web.acceptor());
                    connections.spawn(connection(limits, (stream, tls), pages.clone()));
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    Ok(())
}

async fn connection(
    limits: Limits,
    (stream, tls): (TcpStream, Option<TlsAcceptor>),
    pages: Router,
) {
    let Some(tls) = tls else {
        return answered(limits, stream, pages).await;
    };
    // What a client does wrong in the handshake is its own affair too.
    if let Ok(Ok(stream)) = tokio::time::timeout(limits.head_time_max, tls.accept(stream)).await {
        answered(limits, stream, pages).await;
    }
}

async fn answered(
    limits: Limits,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    pages: Router,
) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time_max)
        .max_buf_size(HEAD_LEN_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(pages));
    // What a client does wrong is its own affair: neither logged nor answered further.
    let _ = tokio::time::timeout(limits.connection_time_max, served).await;
}

#[derive(Clone)]
struct Pages {
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    web: Option<Arc<Web>>,
}

/// One page: its label, status, content type and text.
type Page = (&'static str, StatusCode, &'static str, String);

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

async fn answer(
    State(pages): State<Pages>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let admitted = match &pages.web {
        Some(web) => web.admits(&headers).await,
        None => true,
    };
    let (label, status, kind, text) = if admitted {
        pages.page(&method, uri.path())
    } else {
        let text = "user and password are asked for here\n".into();
        ("other", StatusCode::UNAUTHORIZED, TEXT, text)
    };
    let requests = &pages.metrics.families().http_requests;
    requests.with_label_values(&[label, status.as_str()]).inc();
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if status == StatusCode::UNAUTHORIZED {
        let ask = HeaderValue::from_static("Basic realm=\"Poortwacht\"");
        headers.insert(header::WWW_AUTHENTICATE, ask);
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

/// The landing page needs nothing from anywhere, and may be put into no frame.
const HEADERS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

impl Pages {
    fn page(&self, method: &Method, path: &str) -> Page {
        if method != Method::GET && method != Method::HEAD {
            let text = "only GET and HEAD are answered here\n".into();
            return ("other", StatusCode::METHOD_NOT_ALLOWED, TEXT, text);
        }
        match path {
            "/" => (
                "index",
                StatusCode::OK,
                HTML,
                INDEX.replace("{version}", VERSION),
            ),
            "/metrics" => ("metrics", StatusCode::OK, EXPOSITION, self.metrics()),
            "/healthz" => ("healthz", StatusCode::OK, TEXT, "alive\n".into()),
            "/readyz" => self.readyz(),
            _ => {
                let text = "no such page; / lists those there are\n".into();
                ("other", StatusCode::NOT_FOUND, TEXT, text)
            }
        }
    }

    fn metrics(&self) -> String {
        let ready = if self.readiness.reasons(now()).is_empty() {
            1.0
        } else {
            0.0
        };
        self.metrics
            .families()
            .ready
            .with_label_values::<&str>(&[])
            .set(ready);
        self.metrics.text()
    }

    fn readyz(&self) -> Page {
        let reasons = self.readiness.reasons(now());
        if reasons.is_empty() {
            return ("readyz", StatusCode::OK, TEXT, "ready\n".into());
        }
        let text = format!("not ready: {}\n", reasons.join("\nnot ready: "));
        ("readyz", StatusCode::SERVICE_UNAVAILABLE, TEXT, text)
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

const INDEX: &str = "<!doctype html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>Poortwacht</title></head>
<body>
<h1>Poortwacht {version}</h1>
<p>The watch at the gate: names of face recognition vendors in network traffic.</p>
<ul>
<li><a href=\"metrics\">Metrics</a>, for Prometheus</li>
<li><a href=\"healthz\">Alive?</a></li>
<li><a href=\"readyz\">Ready?</a> With reasons if not</li>
</ul>
</body>
</html>
";

/// The wall clock.
fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
