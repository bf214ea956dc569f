//! A console of one's own on the loopback, and clients for it: raw, and like a browser.
//!
//! Enters: settings. Leaves: answers as they came over the socket. Never: another machine.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use axum::Router;
use poortwacht::base::Timestamp;
use poortwacht::console::{Audit, Doors, Limits, Role, Settings, Shell, serve};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Acts that may wait to be read.
pub const AUDITS_MAX: usize = 128;
pub const PASSWORD: &str = "a long sentence about nothing";

/// A console that is served until it is dropped.
pub struct Stand {
    pub at: SocketAddr,
    pub shell: Shell,
    pub folder: TempDir,
    audits: Receiver<Audit>,
    later_ns: Arc<AtomicI64>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Stand {
    pub fn new() -> Self {
        Self::with(|_, _| {}, Limits::default(), |_| Router::new())
    }

    pub fn with(
        set: impl FnOnce(&mut Settings, &TempDir),
        limits: Limits,
        pages: impl FnOnce(&Shell) -> Router,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings {
            listen: "127.0.0.1:0".into(),
            folder: folder.path().join("console"),
            zone: "Europe/Amsterdam".into(),
            ..Settings::default()
        };
        set(&mut settings, &folder);
        let doors = Doors::open(&settings).unwrap().unwrap().within(limits);
        let at = doors.address().unwrap();
        let (audit, audits) = sync_channel(AUDITS_MAX);
        let later_ns = Arc::new(AtomicI64::new(0));
        let later = Arc::clone(&later_ns);
        let clock = move || {
            let now = SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap();
            Timestamp(now.as_nanos() as i64 + later.load(Ordering::Relaxed))
        };
        let shell = Shell::open_at(settings, Vec::new(), audit, Box::new(clock)).unwrap();
        let router = shell.router(pages(&shell));
        let (end, ended) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let ended = async move { drop(ended.await) };
            runtime
                .unwrap()
                .block_on(serve(doors, router, ended))
                .unwrap();
        });
        let (end, thread) = (Some(end), Some(thread));
        Self {
            at,
            shell,
            folder,
            audits,
            later_ns,
            end,
            thread,
        }
    }

    /// Lets time pass.
    pub fn later(&self, by: Duration) {
        self.later_ns
            .fetch_add(by.as_nanos() as i64, Ordering::Relaxed);
    }

    /// The seconds that the console believes it is.
    pub fn now_s(&self) -> u64 {
        (self.shell.now().nanos() / 1_000_000_000) as u64
    }

    /// What was recorded since the last time, as JSON.
    pub fn audits(&self) -> Vec<serde_json::Value> {
        self.audits
            .try_iter()
            .map(|audit| serde_json::to_value(audit).unwrap())
            .collect()
    }

    /// One request on a connection of its own.
    pub fn ask(&self, request: &str) -> Answer {
        Answer::of(TcpStream::connect(self.at).unwrap(), request.as_bytes())
    }

    /// Somebody who came in by an invitation.
    pub fn person(&self, name: &str, roles: &[Role]) -> Browser<'_> {
        let link = self
            .shell
            .invite(None, name, roles.iter().copied().collect())
            .unwrap();
        let mut browser = Browser::new(self);
        browser.get(path_of(&link));
        let display = format!("{name} <b>&\"'");
        let form = [
            ("display", display.as_str()),
            ("password", PASSWORD),
            ("again", PASSWORD),
        ];
        let answer = browser.post(path_of(&link), &form);
        assert_eq!(answer.status, 303, "{}", answer.body);
        browser.get("/");
        browser
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        drop(self.end.take());
        self.thread.take().map(JoinHandle::join);
    }
}

/// The path of an address.
pub fn path_of(link: &str) -> &str {
    let after = link.split_once("://").unwrap().1;
    &after[after.find('/').unwrap()..]
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// Every byte of it.
    pub raw: String,
}

impl Answer {
    pub fn of(mut stream: impl Read + Write, request: &[u8]) -> Self {
        // A server that refuses early may close before all is sent.
        let _ = stream.write_all(request);
        Self::read(stream)
    }

    pub fn read(mut stream: impl Read) -> Self {
        let mut raw = Vec::new();
        let _ = stream.read_to_end(&mut raw);
        let raw = String::from_utf8_lossy(&raw).into_owned();
        let (head, body) = raw.split_once("\r\n\r\n").unwrap_or((&raw, ""));
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|first| first.split(' ').nth(1)?.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers
            .map(|(key, value)| (key.to_lowercase(), value.to_owned()))
            .collect();
        Self {
            status: status.unwrap_or(0),
            headers,
            body: body.to_owned(),
            raw,
        }
    }

    /// The first of that name; empty: none.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    pub fn all(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Keeps cookies and form marks as a browser does.
pub struct Browser<'s> {
    pub stand: &'s Stand,
    pub jar: BTreeMap<String, String>,
    pub csrf: String,
}

impl<'s> Browser<'s> {
    pub fn new(stand: &'s Stand) -> Self {
        Self {
            stand,
            jar: BTreeMap::new(),
            csrf: String::new(),
        }
    }

    pub fn cookies(&self) -> String {
        let pairs: Vec<_> = self
            .jar
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        pairs.join("; ")
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.get_with(path, "")
    }

    /// With further lines of the head, each with its end.
    pub fn get_with(&mut self, path: &str, lines: &str) -> Answer {
        let (at, cookies) = (self.stand.at, self.cookies());
        let answer = self.stand.ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: {at}\r\nCookie: {cookies}\r\n{lines}Connection: close\r\n\r\n"
        ));
        self.keep(&answer);
        answer
    }

    pub fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf.clone();
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend(form);
        self.post_raw(
            path,
            &encoded(&all),
            &format!("Origin: http://{}\r\n", self.stand.at),
        )
    }

    pub fn post_raw(&mut self, path: &str, body: &str, lines: &str) -> Answer {
        let (at, cookies, length) = (self.stand.at, self.cookies(), body.len());
        let answer = self.stand.ask(&format!(
            "POST {path} HTTP/1.1\r\nHost: {at}\r\nCookie: {cookies}\r\n{lines}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        ));
        self.keep(&answer);
        answer
    }

    fn keep(&mut self, answer: &Answer) {
        for cookie in answer.all("set-cookie") {
            let (key, rest) = cookie.split_once('=').unwrap();
            match rest.split(';').next().unwrap() {
                "" => self.jar.remove(key),
                value => self.jar.insert(key.to_owned(), value.to_owned()),
            };
        }
        if let Some((_, after)) = answer.body.split_once("data-csrf=\"") {
            self.csrf = after.split('"').next().unwrap().to_owned();
        }
    }

    /// Name and password, nothing more.
    pub fn sign_in(&mut self, name: &str, password: &str) -> Answer {
        self.get("/sign-in");
        self.post(
            "/sign-in",
            &[("name", name), ("password", password), ("next", "/account")],
        )
    }

    /// Is somebody signed in here?
    pub fn is_in(&mut self) -> bool {
        self.get("/account").status == 200
    }
}

pub fn encoded(pairs: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|b| match b {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(b).to_string(),
                b => format!("%{b:02X}"),
            })
            .collect()
    };
    let all: Vec<_> = pairs
        .iter()
        .map(|(k, v)| format!("{}={}", escape(k), escape(v)))
        .collect();
    all.join("&")
}

/// The code of an app for the key that a page shows, computed by another program.
pub fn app_code(page: &str, now_s: u64) -> String {
    let key = page
        .split_once("id=\"seed\">")
        .unwrap()
        .1
        .split('<')
        .next()
        .unwrap();
    let script = "import base64,hashlib,hmac,struct,sys\n\
        key=base64.b32decode(sys.argv[1].replace(' ',''))\n\
        d=hmac.new(key,struct.pack('>Q',int(sys.argv[2])//30),hashlib.sha1).digest()\n\
        at=d[-1]&15\n\
        print('%06d'%((struct.unpack('>I',d[at:at+4])[0]&0x7fffffff)%10**6),end='')";
    let now = now_s.to_string();
    let out = std::process::Command::new("python3")
        .args(["-c", script, key, &now])
        .output();
    String::from_utf8(out.unwrap().stdout).unwrap()
}
