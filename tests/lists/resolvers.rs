//! Debian's resolvers are given the lists and asked: what they refuse is what the form says.
//!
//! Behind each stands a dnsmasq that answers every name with 192.0.2.1; so an answer with that
//! address went through, anything else was refused.

use std::net::UdpSocket;
use std::process::Child;
use std::time::{Duration, Instant};

use super::*;

/// What was let through.
const THROUGH: &str = "192.0.2.1";

/// Names, and who refuses them: `r` a policy zone, `u` Unbound's zones, `d` dnsmasq's lines. Where
/// they differ the form cannot say it, and the export counts it.
const NAMES: &[(&str, &str)] = &[
    ("face-a.com", "rud"),
    ("www.face-a.com", "rud"),
    ("app.face-a.com", "rud"),
    ("x.app.face-a.com", "rud"),
    ("rights.face-a.com", ""),
    ("x.rights.face-a.com", "r"),
    ("shared.face-a.com", ""),
    ("x.shared.face-a.com", ""),
    ("eu.shared.face-a.com", ""),
    ("x.eu.shared.face-a.com", ""),
    ("faces.eu.shared.face-a.com", "ru"),
    ("x.faces.eu.shared.face-a.com", ""),
    ("xn--gesichtsbcher-4ob.de", "rud"),
    ("www.xn--gesichtsbcher-4ob.de", "rud"),
    ("login.face-b.org", "ru"),
    ("x.login.face-b.org", ""),
    ("face-b.org", ""),
    ("api.eu.face-a.net", ""),
    ("cdn-c.net", ""),
    ("notface-a.com", ""),
    ("example.com", ""),
];

/// A server that ends with the test.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn start(program: &str, args: &[&str], port: u16, dir: &Path) -> Server {
    let log = fs::File::create(dir.join("log")).unwrap();
    let child = Command::new(program)
        .args(args)
        .current_dir(dir)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut server = Server { child, port };
    let until = Instant::now() + Duration::from_secs(30);
    while dig(port, "ready.example") != THROUGH {
        let ended = server.child.try_wait().unwrap();
        let said = || fs::read_to_string(dir.join("log")).unwrap_or_default();
        assert!(
            ended.is_none() && Instant::now() < until,
            "{program}: {ended:?}: {}",
            said()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    server
}

/// The address that a server gives for a name; empty when it refuses.
fn dig(port: u16, name: &str) -> String {
    let port = port.to_string();
    let args = [
        "@127.0.0.1",
        "-p",
        &port,
        "+short",
        "+tries=2",
        "+time=3",
        name,
        "A",
    ];
    let out = Command::new("dig").args(args).output().unwrap();
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// A dnsmasq that answers every name.
fn upstream(dir: &Path) -> Server {
    let port = free_port();
    let port_text = port.to_string();
    let args = [
        "-d",
        "-C",
        "/dev/null",
        "-p",
        &port_text,
        "--listen-address=127.0.0.1",
        "--bind-interfaces",
        "-R",
        "-h",
        "--user=",
        "--pid-file=",
        "--address=/#/192.0.2.1",
    ];
    start("dnsmasq", &args, port, dir)
}

fn golden(form: &str, to: &Path) {
    fs::copy(data("golden").join(form), to).unwrap();
}

#[track_caller]
fn ask(server: &Server, letter: char) {
    let mut refused = 0;
    for (name, by) in NAMES {
        let answer = dig(server.port, name);
        let went = answer == THROUGH;
        assert_eq!(went, !by.contains(letter), "{letter}: {name}: `{answer}`");
        refused += u32::from(!went);
    }
    assert!(refused > 5, "{refused}");
}

fn ready(programs: &[&str]) -> bool {
    programs
        .iter()
        .chain(&["dnsmasq", "dig"])
        .all(|program| has(program))
}

#[test]
fn unbound_refuses_what_its_zones_say() {
    if !ready(&["unbound", "unbound-checkconf"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let behind = upstream(at);
    golden("unbound", &at.join("list.conf"));
    let port = free_port();
    let text = format!(
        "server:\n  interface: 127.0.0.1\n  port: {port}\n  chroot: \"\"\n  username: \"\"\n  \
         directory: \"{0}\"\n  pidfile: \"\"\n  use-syslog: no\n  do-daemonize: no\n  \
         do-not-query-localhost: no\n  module-config: \"iterator\"\nremote-control:\n  \
         control-enable: no\ninclude: \"{0}/list.conf\"\nforward-zone:\n  name: \".\"\n  \
         forward-addr: 127.0.0.1@{1}\n",
        at.display(),
        behind.port
    );
    fs::write(at.join("unbound.conf"), text).unwrap();
    let check = Command::new("/usr/sbin/unbound-checkconf")
        .arg(at.join("unbound.conf"))
        .output();
    let check = check.unwrap();
    assert!(check.status.success(), "{check:?}");
    let own = at.join("unbound");
    fs::create_dir(&own).unwrap();
    let config = at.join("unbound.conf");
    ask(
        &start(
            "unbound",
            &["-d", "-c", config.to_str().unwrap()],
            port,
            &own,
        ),
        'u',
    );
}

#[test]
fn bind_and_unbound_refuse_what_the_policy_zone_says() {
    if !ready(&["named", "named-checkzone"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let behind = upstream(at);
    golden("rpz", &at.join("rpz.zone"));
    let check = Command::new("named-checkzone")
        .args(["rpz.local"])
        .arg(at.join("rpz.zone"))
        .output();
    let check = check.unwrap();
    assert!(check.status.success(), "{check:?}");
    let port = free_port();
    let text = format!(
        "options {{ directory \"{0}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         pid-file none; session-keyfile none; recursion yes; dnssec-validation no; forward only;\n\
         forwarders {{ 127.0.0.1 port {1}; }}; qname-minimization off;\n\
         response-policy {{ zone \"rpz.local\"; }} qname-wait-recurse no; }};\n\
         controls {{ }};\n\
         zone \"rpz.local\" {{ type primary; file \"{0}/rpz.zone\"; allow-query {{ none; }}; }};\n",
        at.display(),
        behind.port
    );
    fs::write(at.join("named.conf"), text).unwrap();
    let own = at.join("named");
    fs::create_dir(&own).unwrap();
    let config = at.join("named.conf");
    ask(
        &start("named", &["-g", "-c", config.to_str().unwrap()], port, &own),
        'r',
    );

    if !has("unbound") {
        return;
    }
    let port = free_port();
    let text = format!(
        "server:\n  interface: 127.0.0.1\n  port: {port}\n  chroot: \"\"\n  username: \"\"\n  \
         directory: \"{0}\"\n  pidfile: \"\"\n  use-syslog: no\n  do-daemonize: no\n  \
         do-not-query-localhost: no\n  module-config: \"respip iterator\"\nremote-control:\n  \
         control-enable: no\nrpz:\n  name: rpz.local\n  zonefile: \"{0}/rpz.zone\"\n\
         forward-zone:\n  name: \".\"\n  forward-addr: 127.0.0.1@{1}\n",
        at.display(),
        behind.port
    );
    fs::write(at.join("unbound.conf"), text).unwrap();
    let own = at.join("unbound");
    fs::create_dir(&own).unwrap();
    let config = at.join("unbound.conf");
    ask(
        &start(
            "unbound",
            &["-d", "-c", config.to_str().unwrap()],
            port,
            &own,
        ),
        'r',
    );
}

#[test]
fn dnsmasq_refuses_what_its_lines_say() {
    if !ready(&[]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let behind = upstream(at);
    for form in ["dnsmasq", "dnsmasq-local", "dnsmasq-server"] {
        let own = at.join(form);
        fs::create_dir(&own).unwrap();
        let config = own.join("list.conf");
        golden(form, &config);
        let file = format!("--conf-file={}", config.display());
        let test = Command::new("/usr/sbin/dnsmasq")
            .args(["--test", &file])
            .output()
            .unwrap();
        assert!(test.status.success(), "{form}: {test:?}");
        let (port, server) = (free_port(), format!("--server=127.0.0.1#{}", behind.port));
        let port_text = port.to_string();
        let args = [
            "-d",
            &file,
            "-p",
            &port_text,
            "--listen-address=127.0.0.1",
            "--bind-interfaces",
            "-R",
            "-h",
            "--user=",
            "--pid-file=",
            &server,
        ];
        ask(&start("dnsmasq", &args, port, &own), 'd');
    }
}
