//! A real Alertmanager on loopback, and a receiver of its notifications.
//!
//! Enters: a folder. Leaves: processes that end with the test. Never: a port beyond loopback.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Alertmanager with a folder and port of its own; not running at first.
pub struct Alertmanager {
    pub folder: tempfile::TempDir,
    pub port: u16,
    pub notified: Notified,
    child: Option<Child>,
}

/// Notifications as they came: `name case status`.
#[derive(Clone, Default)]
pub struct Notified(Arc<Mutex<Vec<String>>>);

impl Notified {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// `None`, with the reason printed, where there is no Alertmanager.
pub fn alertmanager() -> Option<Alertmanager> {
    if Command::new("prometheus-alertmanager")
        .arg("--version")
        .output()
        .is_err()
    {
        println!("skipped: no prometheus-alertmanager (Debian package prometheus-alertmanager)");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let notified = Notified::default();
    let hook = receiver(notified.clone());
    let config = format!(
        "route: {{receiver: hook, group_by: ['...'], group_wait: 100ms, group_interval: 300ms, \
         repeat_interval: 1h}}\nreceivers:\n- name: hook\n  webhook_configs:\n  \
         - {{url: 'http://127.0.0.1:{hook}/', send_resolved: true}}\n"
    );
    fs::write(folder.path().join("am.yml"), config).unwrap();
    Some(Alertmanager {
        folder,
        port: free_port(),
        notified,
        child: None,
    })
}

impl Alertmanager {
    /// Starts it with an empty memory, and waits until it is ready.
    pub fn start(&mut self, more: &[&str]) {
        let data = self.folder.path().join("data");
        let _ = fs::remove_dir_all(&data);
        let log = fs::File::create(self.folder.path().join("am.log")).unwrap();
        let child = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", self.path("am.yml").display()))
            .arg(format!("--storage.path={}", data.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
            .arg("--cluster.listen-address=")
            .args(more)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        wait("Alertmanager listens", || {
            TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
    }

    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The alerts that it shows, as its API gives them.
    pub fn alerts(&self) -> Vec<Value> {
        let answer = get(self.port, "/api/v2/alerts").unwrap_or_default();
        serde_json::from_str(&answer).unwrap_or_default()
    }

    /// Those as `name case` with how many there are of each.
    pub fn shown(&self) -> BTreeMap<String, usize> {
        let mut shown = BTreeMap::new();
        for alert in self.alerts() {
            *shown.entry(title(&alert)).or_insert(0) += 1;
        }
        shown
    }

    /// Waits until it shows exactly these, each once.
    pub fn shows(&self, wanted: &[&str]) {
        let wanted: BTreeMap<String, usize> = wanted
            .iter()
            .map(|title| ((*title).to_owned(), 1))
            .collect();
        let mut seen = BTreeMap::new();
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            seen = self.shown();
            if seen == wanted {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("wanted {wanted:#?}\nshown {seen:#?}");
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.stop();
    }
}

fn title(alert: &Value) -> String {
    let label = |name: &str| {
        alert["labels"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    format!("{} {}", label("alertname"), label("case"))
}

/// Waits up to twenty seconds.
pub fn wait(what: &str, is: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn get(port: u16, page: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    // HTTP/1.0: the body comes in one piece, without chunks.
    write!(stream, "GET {page} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.contains(" 200 ").then(|| body.to_owned())
}

/// Takes webhooks (payload version 4) and keeps what they say; ends with the process.
fn receiver(notified: Notified) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let notified = notified.clone();
            std::thread::spawn(move || take(stream, &notified));
        }
    });
    port
}

fn take(mut stream: TcpStream, notified: &Notified) -> Option<()> {
    let mut bytes = Vec::new();
    let mut part = [0; 16384];
    loop {
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let len = head.to_ascii_lowercase();
        let len = len
            .split("content-length: ")
            .nth(1)?
            .lines()
            .next()?
            .parse();
        if body.len() < len.ok()? {
            continue;
        }
        let payload: Value = serde_json::from_str(body).ok()?;
        for alert in payload["alerts"].as_array()? {
            let status = alert["status"].as_str().unwrap_or_default();
            let line = format!("{} {status}", title(alert));
            notified.0.lock().unwrap().push(line);
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .ok()?;
        return Some(());
    }
}
