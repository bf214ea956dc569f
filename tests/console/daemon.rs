//! The real program with a console: its first link, invitations by the command line, its end.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::stand::{Answer, path_of};

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_daemon_serves_the_console_and_makes_links() {
    let folder = tempfile::tempdir().unwrap();
    let free = || {
        TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
    };
    let (console, pages) = (free(), free());
    let config = folder.path().join("poortwacht.toml");
    let text = format!(
        "[console]\nlisten = \"{console}\"\n[http]\nlisten = \"{pages}\"\n\
         [control]\nsocket = \"control.sock\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let program = || {
        let mut program = Command::new(env!("CARGO_BIN_EXE_poortwacht"));
        program.current_dir(folder.path());
        program
    };
    let capture = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/captures/first-day/capture.pcapng"
    );
    let mut child = program()
        .args(["run", "--config", "poortwacht.toml", "--read", capture])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let errors = child.stderr.take().unwrap();
    let mut daemon = Daemon(child);
    let mut lines = BufReader::new(errors).lines().map_while(Result::ok);
    let line = lines
        .find(|line| line.contains("no administrator yet"))
        .unwrap();
    let link = line.split_whitespace().last().unwrap().to_owned();
    assert!(
        link.starts_with(&format!("http://{console}/link/")),
        "{link}"
    );
    // Read on, or the daemon waits for us.
    std::thread::spawn(move || lines.for_each(drop));

    let get = |path: &str| {
        let stream = std::net::TcpStream::connect(console).unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {console}\r\nConnection: close\r\n\r\n");
        Answer::of(stream, request.as_bytes())
    };
    assert!(get(path_of(&link)).body.contains("The first administrator"));
    let ask = |args: &[&str]| {
        let out = program()
            .arg("console")
            .args(args)
            .args(["--control", "control.sock"])
            .output();
        let out = out.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (out.status.code(), text(out.stdout), text(out.stderr))
    };
    let (code, told, _) = ask(&[
        "invite", "eva", "--role", "analyst", "--role", "lead", "--json",
    ]);
    assert_eq!(code, Some(0));
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["account"], "eva");
    assert!(
        get(path_of(told["link"].as_str().unwrap()))
            .body
            .contains("Account eva")
    );
    let (code, _, why) = ask(&["invite", "Eva", "--role", "analyst"]);
    assert!(
        code == Some(1) && why.contains("lower-case letters"),
        "{why}"
    );
    let (code, _, why) = ask(&["invite", "jan", "--role", "root"]);
    assert!(code == Some(2) && why.contains("officer"), "{why}");
    let (code, _, why) = ask(&["reset", "nobody"]);
    assert!(code == Some(1) && why.contains("invite it"), "{why}");

    let begun = Instant::now();
    let pid = nix::unistd::Pid::from_raw(daemon.0.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(daemon.0.wait().unwrap().success());
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
}
