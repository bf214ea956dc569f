//! Three network namespaces: clients, a gateway that translates their addresses, a server.
//!
//! `cl0` (10.99.0.11 to 15) -- `lan0` (10.99.0.1) gateway `wan0` (192.0.2.1) -- `srv0` (192.0.2.2)

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::run::{self, Answer, BINARY};

/// Answers what comes to TCP port 443 and UDP port 53.
const SERVER: &str = r"
import socket, threading
def tcp(c):
    while d := c.recv(4096): c.sendall(d)
def udp():
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('192.0.2.2', 53))
    while True:
        d, a = u.recvfrom(4096); u.sendto(d, a)
threading.Thread(target=udp, daemon=True).start()
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('192.0.2.2', 443)); s.listen(64); print('ready', flush=True)
while True: threading.Thread(target=tcp, args=(s.accept()[0],), daemon=True).start()
";

/// Five clients that connect and look up, twenty times a second in all.
const CLIENTS: &str = r"
import itertools, socket, time
for n in itertools.count():
    me = ('10.99.0.%d' % (11 + n % 5), 0)
    with socket.create_connection(('192.0.2.2', 443), 2, me) as c:
        for _ in range(3): c.sendall(b'hello'); c.recv(100)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
        u.bind(me); u.settimeout(2); u.sendto(b'%06d' % n, ('192.0.2.2', 53)); u.recv(100)
    if n == 0: print('ready', flush=True)
    time.sleep(0.05)
";

pub struct Lab {
    client: String,
    router: String,
    server: String,
}

impl Lab {
    /// `None`, and a line that says so, where namespaces cannot be made.
    pub fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: needs root");
            return None;
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = |which| format!("pwdoc{}n{number}{which}", std::process::id());
        let lab = Self {
            client: name("c"),
            router: name("r"),
            server: name("s"),
        };
        for space in [&lab.client, &lab.router, &lab.server] {
            if !succeeds("ip", &["netns", "add", space]) {
                eprintln!("skipped: `ip netns add` does not work here");
                return None;
            }
            ip(&["-n", space, "link", "set", "lo", "up"]);
        }
        lab.pair("lan0", &lab.client, "cl0");
        lab.pair("wan0", &lab.server, "srv0");
        lab.ip_router(&["addr", "add", "10.99.0.1/24", "dev", "lan0"]);
        lab.ip_router(&["addr", "add", "192.0.2.1/24", "dev", "wan0"]);
        for last in 11..=15 {
            lab.ip_client(&["addr", "add", &format!("10.99.0.{last}/24"), "dev", "cl0"]);
        }
        lab.ip_client(&["route", "add", "default", "via", "10.99.0.1"]);
        ip(&[
            "-n",
            &lab.server,
            "addr",
            "add",
            "192.0.2.2/24",
            "dev",
            "srv0",
        ]);
        Some(lab)
    }

    fn pair(&self, here: &str, space: &str, there: &str) {
        let peer = ["peer", "name", there, "netns", space];
        self.ip_router(&[&["link", "add", here, "type", "veth"], &peer[..]].concat());
        self.ip_router(&["link", "set", here, "up"]);
        ip(&["-n", space, "link", "set", there, "up"]);
    }

    pub fn ip_router(&self, words: &[&str]) {
        ip(&[&["-n", &self.router][..], words].concat());
    }

    pub fn ip_client(&self, words: &[&str]) {
        ip(&[&["-n", &self.client][..], words].concat());
    }

    fn router(&self, words: &[&str]) -> bool {
        succeeds("ip", &[&["netns", "exec", &self.router], words].concat())
    }

    pub fn ethtool(&self, words: &[&str]) {
        assert!(
            self.router(&[&["ethtool"], words].concat()),
            "ethtool {words:?}"
        );
    }

    /// Address translation in force, server and clients at work; `None` where that does not go.
    pub fn traffic(&self) -> Option<[Process; 2]> {
        let rules = "table ip doctor { chain out { type nat hook postrouting priority 100; \
                     oifname wan0 masquerade; }; }";
        if !self.router(&["sysctl", "-qw", "net.ipv4.ip_forward=1"])
            || !self.router(&["nft", rules])
        {
            eprintln!("skipped: no nftables, or no translation in this kernel");
            return None;
        }
        let python = |space: &str, program: &str| {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", space, "python3", "-c", program]);
            Process::ready(command.stdout(Stdio::piped()))
        };
        let server = python(&self.server, SERVER);
        Some([server, python(&self.client, CLIENTS)])
    }

    /// What clients send, and only that, is copied to `mir1`.
    pub fn mirror_one_direction(&self) -> bool {
        self.ip_router(&[
            "link", "add", "mir0", "type", "veth", "peer", "name", "mir1",
        ]);
        self.ip_router(&["link", "set", "mir0", "up"]);
        self.ip_router(&["link", "set", "mir1", "up"]);
        let filter =
            "filter add dev lan0 parent ffff: matchall action mirred egress mirror dev mir0";
        let filter: Vec<&str> = filter.split(' ').collect();
        self.router(&[
            "tc", "qdisc", "add", "dev", "lan0", "handle", "ffff:", "ingress",
        ]) && self.router(&[&["tc"], &filter[..]].concat())
    }

    /// `poortwacht doctor ... --json` on the gateway.
    pub fn doctor(&self, words: &[&str]) -> Answer {
        let before = [
            "ip",
            "netns",
            "exec",
            &self.router,
            BINARY,
            "doctor",
            "--json",
        ];
        run::ask(&[&before[..], words].concat())
    }

    /// A configuration that keeps everything in `folder`.
    pub fn config(&self, folder: &Path) -> PathBuf {
        let path = folder.join("poortwacht.toml");
        let text = "[sensor]\ninterfaces = [\"lan0\"]\nring_mib = 4\nflows_max = 1024\n\
                    [privacy]\nimpact_assessment = \"test\"\n\
                    [control]\nsocket = \"control.sock\"\n";
        std::fs::write(&path, text).expect("the configuration can be written");
        path
    }

    /// The daemon on the gateway, once its pages answer that it is ready.
    pub fn daemon(&self, config: &Path) -> Process {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.router, BINARY, "run", "--config"]);
        let child = command.arg(config).stderr(Stdio::null()).spawn();
        let process = Process(child.expect("the daemon starts"));
        let until = Instant::now() + Duration::from_secs(60);
        let page = "http://127.0.0.1:9477/readyz";
        while !self.router(&["curl", "-sSf", "-o", "/dev/null", page]) {
            assert!(Instant::now() < until, "the daemon is not ready");
            std::thread::sleep(Duration::from_millis(200));
        }
        process
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for space in [&self.client, &self.router, &self.server] {
            succeeds("ip", &["netns", "del", space]);
        }
    }
}

/// A program that ends with its value.
pub struct Process(Child);

impl Process {
    /// Waits for its first line.
    fn ready(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("it starts");
        let mut byte = [0];
        let out = child.stdout.as_mut().expect("a pipe");
        std::io::Read::read_exact(out, &mut byte).expect("it says that it is ready");
        Self(child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ip(words: &[&str]) {
    assert!(succeeds("ip", words), "ip {}", words.join(" "));
}

fn succeeds(program: &str, words: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(words).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
