//! The pages over real sockets on the loopback.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::event::{Event, ListInfo};

struct Server {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    stop: oneshot::Sender<()>,
    done: JoinHandle<io::Result<()>>,
}

fn start(limits: Limits) -> Server {
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let (metrics, readiness) = (Arc::new(Metrics::new()), Arc::new(Readiness::default()));
    let (stop, stopped) = oneshot::channel();
    let (m, r) = (Arc::clone(&metrics), Arc::clone(&readiness));
    let done = tokio::spawn(serve_within(limits, listener, m, (r, None), async {
        let _ = stopped.await;
    }));
    Server {
        address,
        metrics,
        readiness,
        stop,
        done,
    }
}

/// Status line and headers in lower case, and body.
async fn ask(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.into())
}

async fn get(address: SocketAddr, path: &str) -> (String, String) {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await
}

#[tokio::test]
async fn each_page_answers_with_strict_headers() {
    let server = start(LIMITS);
    for (path, status, kind) in [
        ("/", "200 ok", "text/html; charset=utf-8"),
        (
            "/metrics",
            "200 ok",
            "text/plain; version=0.0.4; charset=utf-8",
        ),
        (
            "/metrics?x=y",
            "200 ok",
            "text/plain; version=0.0.4; charset=utf-8",
        ),
        ("/healthz", "200 ok", "text/plain; charset=utf-8"),
        (
            "/readyz",
            "503 service unavailable",
            "text/plain; charset=utf-8",
        ),
        ("/nothing", "404 not found", "text/plain; charset=utf-8"),
        ("/metrics/", "404 not found", "text/plain; charset=utf-8"),
    ] {
        let (head, body) = get(server.address, path).await;
        assert!(
            head.starts_with(&format!("http/1.1 {status}\r\n")),
            "{path}: {head}"
        );
        assert!(
            head.contains(&format!("content-type: {kind}\r\n")),
            "{path}: {head}"
        );
        assert!(
            head.contains("content-security-policy: default-src 'none'"),
            "{head}"
        );
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        assert!(head.contains("connection: close"), "{head}");
        assert!(!body.is_empty());
        assert!(
            !body.contains('{') || path.starts_with("/metrics"),
            "{body}"
        );
    }
    let (_, body) = get(server.address, "/metrics").await;
    assert!(body.contains("poortwacht_http_requests_total{code=\"200\",page=\"metrics\"} 2\n"));
    assert!(body.contains("poortwacht_http_requests_total{code=\"404\",page=\"other\"} 2\n"));
}

#[tokio::test]
async fn head_gives_no_body_and_other_methods_nothing() {
    let server = start(LIMITS);
    let (head, body) = ask(server.address, "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(
        head.starts_with("http/1.1 200") && body.is_empty(),
        "{head} {body}"
    );
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let request = format!("{method} /metrics HTTP/1.1\r\nHost: x\r\ncontent-length: 0\r\n\r\n");
        let (head, _) = ask(server.address, &request).await;
        assert!(head.starts_with("http/1.1 405"), "{head}");
        assert!(head.contains("allow: get, head"), "{head}");
    }
}

#[tokio::test]
async fn readyz_tells_the_reasons_until_there_is_none() {
    let server = start(LIMITS);
    let (_, body) = get(server.address, "/readyz").await;
    assert_eq!(
        body,
        "not ready: the sensor has not reported yet that its list is loaded and its sources are \
         open\nnot ready: the hit log is not open yet\n"
    );
    let list = ListInfo {
        version: "v".into(),
        rules: 1,
        vendors: 1,
        modified: 0,
        ..ListInfo::default()
    };
    server.readiness.observe(&Event::Ready(list));
    let folder = tempfile::tempdir().unwrap();
    let settings = crate::hits::log::Settings::new(folder.path().join("hits.jsonl"));
    let log = crate::hits::HitLog::open(settings, std::time::Instant::now()).unwrap();
    server.readiness.hit_log(&log.state());
    let (head, body) = get(server.address, "/readyz").await;
    assert!(
        head.starts_with("http/1.1 200") && body == "ready\n",
        "{head} {body}"
    );
    let (_, body) = get(server.address, "/metrics").await;
    assert!(body.contains("\npoortwacht_ready 1\n"));
    server.readiness.sensor_gone("it was killed by signal 9");
    let (head, body) = get(server.address, "/readyz").await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
    assert_eq!(
        body,
        "not ready: the sensor has ended: it was killed by signal 9\n"
    );
}

#[tokio::test]
async fn a_slow_client_is_shut_and_one_too_many_is_counted() {
    let limits = Limits {
        connections_max: 2,
        head_time_max: Duration::from_millis(300),
        connection_time_max: Duration::from_secs(5),
    };
    let server = start(limits);
    let mut slow = [
        TcpStream::connect(server.address).await.unwrap(),
        TcpStream::connect(server.address).await.unwrap(),
    ];
    slow[0].write_all(b"GET /metrics HT").await.unwrap();
    let mut more = TcpStream::connect(server.address).await.unwrap();
    let mut answer = Vec::new();
    let _ = more.read_to_end(&mut answer).await;
    assert!(answer.is_empty(), "the third is closed without a word");
    let refused = server
        .metrics
        .families()
        .http_refused
        .with_label_values::<&str>(&[]);
    assert_eq!(refused.get(), 1);
    for stream in &mut slow {
        let _ = stream.read_to_end(&mut answer).await;
    }
    let (head, _) = get(server.address, "/healthz").await;
    assert!(
        head.starts_with("http/1.1 200"),
        "there is room again: {head}"
    );
}

#[tokio::test]
async fn rubbish_and_long_heads_end_their_own_connection_only() {
    let server = start(LIMITS);
    let long = format!(
        "GET /healthz HTTP/1.1\r\nX: {}\r\n\r\n",
        "y".repeat(64 * 1024)
    );
    for request in [
        long.as_bytes(),
        b"\0\xff\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01",
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let _ = stream.write_all(request).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    assert!(
        get(server.address, "/healthz")
            .await
            .0
            .starts_with("http/1.1 200")
    );
}

#[tokio::test]
async fn shutdown_frees_the_port_and_lets_an_open_request_finish() {
    let server = start(LIMITS);
    let mut open = TcpStream::connect(server.address).await.unwrap();
    open.write_all(b"GET /healthz HTTP/1.1\r\n").await.unwrap();
    // once the server answers another, it has surely taken this one
    get(server.address, "/healthz").await;
    server.stop.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    open.write_all(b"Host: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.done.await.unwrap().unwrap();
    bind(server.address).unwrap();
}

#[test]
fn an_address_that_cannot_be_had_is_explained() {
    let taken = bind("127.0.0.1:0".parse().unwrap())
        .unwrap()
        .local_addr()
        .unwrap();
    let holder = bind(taken).unwrap();
    let error = bind(taken).err().unwrap().to_string();
    assert!(
        error.contains(&format!("ss -ltnp sport = :{}", taken.port())),
        "{error}"
    );
    drop(holder);
    let error = bind("192.0.2.1:9".parse().unwrap())
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("192.0.2.1 is no address of this machine"),
        "{error}"
    );
}
