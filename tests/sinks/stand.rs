//! Real receivers on loopback: rsyslog, postfix, an HTTP server, and certificates for them.
//!
//! Enters: a folder. Leaves: processes that end with the test, what each receiver got. Never: a port
//! beyond loopback.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Waits up to thirty seconds.
pub fn wait(what: &str, is: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !is() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// A folder, with an authority and a certificate of it for 127.0.0.1.
pub struct Folder(pub tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        // A mail server delivers as another user.
        fs::set_permissions(folder.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn here(&self) -> String {
        self.0.path().display().to_string()
    }

    pub fn secret(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// `ca.pem`, `cert.pem`, `key.pem`; `false` where there is no openssl.
    pub fn certify(&self) -> bool {
        let script = "
            set -e; cd \"$1\"
            openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority \
                -keyout ca.key -out ca.pem
            openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout key.pem -out cert.csr
            printf 'subjectAltName=IP:127.0.0.1\\nextendedKeyUsage=serverAuth,clientAuth\\n' > ext
            openssl x509 -req -days 2 -in cert.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
                -extfile ext -out cert.pem
            chmod 600 key.pem";
        let made = Command::new("sh")
            .args(["-c", script, "sh", &self.here()])
            .output();
        made.is_ok_and(|made| made.status.success())
    }

    pub fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.path(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// A process that ends with the test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn has(program: &str) -> bool {
    let there = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    there.is_ok() || Path::new(program).exists()
}

/// rsyslog with a TLS port that asks for a certificate, a TCP and a UDP port, a Unix socket; all
/// into `syslog.out`.
pub fn rsyslog(folder: &Folder, tls: u16, tcp: u16, udp: u16) -> Running {
    let here = folder.here();
    let config = format!(
        r#"global(workDirectory="{here}" defaultNetstreamDriver="gtls"
  defaultNetstreamDriverCAFile="{here}/ca.pem" defaultNetstreamDriverCertFile="{here}/cert.pem"
  defaultNetstreamDriverKeyFile="{here}/key.pem")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1"
  streamDriver.authMode="x509/certvalid")
input(type="imtcp" name="tls" port="{tls}" address="127.0.0.1")
module(load="imptcp")
input(type="imptcp" name="tcp" port="{tcp}" address="127.0.0.1")
module(load="imudp")
input(type="imudp" name="udp" port="{udp}" address="127.0.0.1")
module(load="imuxsock" sysSock.use="off")
input(type="imuxsock" socket="{here}/log.sock" useSpecialParser="off" parseHostname="on")
template(name="all" type="string"
  string="%inputname%|%timereported:::date-rfc3339%|%pri%|%hostname%|%app-name%|%msgid%|%structured-data%|%msg%\n")
action(type="omfile" file="{here}/syslog.out" template="all" asyncWriting="off")
"#
    );
    fs::write(folder.path("rsyslog.conf"), config).unwrap();
    let log = fs::File::create(folder.path("rsyslog.log")).unwrap();
    let child = Command::new("rsyslogd")
        .args(["-n", "-f"])
        .arg(folder.path("rsyslog.conf"))
        .arg("-i")
        .arg(folder.path("rsyslog.pid"))
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let running = Running(child);
    wait("rsyslog listens", || listens(tls) && listens(tcp));
    running
}

/// Debian's postfix with a configuration of its own, into `mail/soc/`.
pub struct Postfix {
    config: PathBuf,
}

impl Postfix {
    /// Root only.
    pub fn start(folder: &Folder, port: u16) -> Self {
        let here = folder.here();
        for name in ["postfix", "queue", "pdata", "mail"] {
            fs::create_dir_all(folder.path(name)).unwrap();
        }
        let owned = |name: &str, who: &str| {
            let done = Command::new("chown")
                .arg(who)
                .arg(folder.path(name))
                .status();
            assert!(done.unwrap().success());
        };
        owned("pdata", "postfix");
        owned("mail", "nobody");
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {here}/queue\ndata_directory = \
             {here}/pdata\nmaillog_file = {here}/postfix.log\nmaillog_file_prefixes = \
             {here}\nmyhostname = mail.example.org\nmydestination =\ninet_protocols = \
             ipv4\ninet_interfaces = 127.0.0.1\nvirtual_mailbox_domains = \
             example.org\nvirtual_mailbox_base = {here}/mail\nvirtual_mailbox_maps = \
             static:soc/\nvirtual_uid_maps = static:65534\nvirtual_gid_maps = \
             static:65534\nvirtual_minimum_uid = 100\nsmtpd_tls_cert_file = \
             {here}/cert.pem\nsmtpd_tls_key_file = {here}/key.pem\nsmtpd_tls_security_level = \
             encrypt\nsmtpd_peername_lookup = no\nsmtpd_relay_restrictions = \
             reject_unauth_destination\nalias_maps =\nbiff = no\n"
        );
        fs::write(folder.path("postfix/main.cf"), main).unwrap();
        let dist = fs::read_to_string("/usr/share/postfix/master.cf.dist").unwrap();
        let mut master = String::new();
        for line in dist.lines() {
            let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            if words.len() >= 8 && !line.starts_with(['#', ' ']) {
                words[4] = "n".into();
                if words[0] == "smtp" && words[1] == "inet" {
                    words[0] = format!("127.0.0.1:{port}");
                }
                master += &words.join("\t");
            } else {
                master += line;
            }
            master.push('\n');
        }
        fs::write(folder.path("postfix/master.cf"), master).unwrap();
        let postfix = Self {
            config: folder.path("postfix"),
        };
        postfix.run("start");
        wait("postfix listens", || listens(port));
        postfix
    }

    fn run(&self, what: &str) {
        let done = Command::new("postfix")
            .arg("-c")
            .arg(&self.config)
            .arg(what)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success() || what == "stop", "{said}");
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        self.run("stop");
    }
}

/// Messages that were delivered, whole.
pub fn mails(folder: &Folder) -> Vec<String> {
    let files = fs::read_dir(folder.path("mail/soc/new"));
    let files = files.into_iter().flatten().flatten();
    files
        .map(|file| fs::read_to_string(file.path()).unwrap())
        .collect()
}

/// One request: head in lower case but for values, body.
#[derive(Clone)]
pub struct Request {
    pub head: String,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> String {
        let of = |line: &str| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        };
        self.head.lines().find_map(of).unwrap_or_default()
    }
}

/// Answers POSTs with a status, and a bulk request as a cluster does.
pub struct Hook {
    pub status: Arc<AtomicU16>,
    pub got: Arc<Mutex<Vec<Request>>>,
}

impl Hook {
    /// Ends with the process.
    pub fn start(port: u16, status: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let hook = Self {
            status: Arc::new(status.into()),
            got: Arc::default(),
        };
        let (status, got) = (Arc::clone(&hook.status), Arc::clone(&hook.got));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = serve(stream, status.load(Ordering::Relaxed), &got);
            }
        });
        hook
    }

    pub fn requests(&self) -> Vec<Request> {
        self.got.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, status: u16, got: &Mutex<Vec<Request>>) -> Option<()> {
    let (mut bytes, mut part) = (Vec::new(), [0; 16384]);
    loop {
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let request = Request {
            head: head.into(),
            body: body.into(),
        };
        if body.len() < request.header("content-length").parse().ok()? {
            continue;
        }
        let answer = match head.starts_with("POST /_bulk") {
            true => {
                let items = body.lines().count() / 2;
                let item = r#"{"create":{"status":201}}"#;
                format!(
                    r#"{{"errors":false,"items":[{}]}}"#,
                    vec![item; items].join(",")
                )
            }
            false => "said".into(),
        };
        got.lock().unwrap().push(request);
        let len = answer.len();
        let text = format!(
            "HTTP/1.1 {status} x\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{answer}"
        );
        return stream.write_all(text.as_bytes()).ok();
    }
}
