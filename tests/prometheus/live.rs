//! The real daemon, a real Prometheus and the rules: an interface goes down, and the daemon is killed.
//!
//! Enters: root, `ip`, `prometheus`, `curl`, `pgrep`; without them the test prints `skipped:`. Leaves: how long each alert
//! took. Never: the rules' own waiting times (`for` is cut to a second); a network beyond its namespace.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::files;

/// A namespace with a pair of interfaces, removed at the end.
struct Space(String);

impl Drop for Space {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

impl Space {
    fn new() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            println!("skipped: needs root");
            return None;
        }
        for tool in ["prometheus", "curl", "pgrep"] {
            if Command::new(tool).arg("--version").output().is_err() {
                println!("skipped: no {tool}");
                return None;
            }
        }
        let space = Self(format!("pwrules{}", std::process::id()));
        let made = Command::new("ip").args(["netns", "add", &space.0]).status();
        if !made.is_ok_and(|made| made.success()) {
            println!("skipped: `ip netns add` does not work here");
            return None;
        }
        space.ip("link set lo up");
        space.ip("link add cap0 type veth peer name far0");
        space.ip("link set far0 up");
        space.ip("link set cap0 up");
        Some(space)
    }

    fn ip(&self, words: &str) {
        let mut command = Command::new("ip");
        command.args(["-n", &self.0]).args(words.split(' '));
        assert!(command.status().unwrap().success(), "ip {words}");
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, program]);
        command
    }

    fn start(&self, program: &str, folder: &Path, arguments: &[&str]) -> Running {
        let log = fs::File::create(folder.join(format!("{}.log", arguments.len()))).unwrap();
        let mut command = self.command(program);
        command.args(arguments).current_dir(folder);
        let child = command.stdout(Stdio::null()).stderr(log).spawn();
        Running(child.unwrap())
    }

    /// Names of the alerts that fire.
    fn firing(&self) -> Vec<String> {
        let url = "http://127.0.0.1:9090/api/v1/alerts";
        let answer = self.command("curl").args(["-s", url]).output().unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap_or_default();
        let alerts = answer["data"]["alerts"].as_array();
        let firing = alerts
            .into_iter()
            .flatten()
            .filter(|alert| alert["state"] == "firing");
        firing
            .map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned())
            .collect()
    }

    fn wait(&self, what: &str, is: impl Fn(&[String]) -> bool) {
        let start = Instant::now();
        loop {
            let firing = self.firing();
            if is(&firing) {
                return println!("{what}: after {:.1} s", start.elapsed().as_secs_f64());
            }
            assert!(
                start.elapsed() < Duration::from_secs(40),
                "{what}; firing: {firing:?}"
            );
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The rules with every waiting time cut, and a configuration that looks each second.
fn write_rules(folder: &Path) {
    let rules = folder.join("rules");
    fs::create_dir(&rules).unwrap();
    for file in files::files("deploy/prometheus/rules", ".yml") {
        let text = files::read(&file);
        let hasty = |line: &str| match line.split_once("    for: ") {
            Some(("", _)) => "    for: 1s".to_owned(),
            _ => line.to_owned(),
        };
        let text: Vec<String> = text.lines().map(hasty).collect();
        fs::write(rules.join(file.file_name().unwrap()), text.join("\n")).unwrap();
    }
    let config = "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules/*.yml]\n\
                  scrape_configs:\n- job_name: poortwacht\n  static_configs:\n  \
                  - {targets: ['127.0.0.1:9477'], labels: {instance: gate}}\n";
    fs::write(folder.join("prometheus.yml"), config).unwrap();
}

#[test]
fn real_faults_fire_the_rules() {
    let Some(space) = Space::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_rules(folder);
    let arguments = "run --interface cap0 --listen 127.0.0.1:9477 --hits hits.jsonl --key key \
                     --control sock --cases cases";
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let daemon = space.start(env!("CARGO_BIN_EXE_poortwacht"), folder, &arguments);
    let _prometheus = space.start(
        "prometheus",
        folder,
        &[
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            "--web.listen-address=127.0.0.1:9090",
        ],
    );
    let has = |firing: &[String], name: &str| firing.iter().any(|f| f == name);
    space.wait("awake, and nothing is down", |firing| {
        has(firing, "PoortwachtAwake")
            && !has(firing, "PoortwachtInterfaceDown")
            && !has(firing, "PoortwachtDown")
    });
    space.ip("link set cap0 down");
    space.wait("the interface is down", |firing| {
        has(firing, "PoortwachtInterfaceDown") && has(firing, "PoortwachtNotReady")
    });
    space.ip("link set cap0 up");
    space.wait("it is up again", |firing| {
        has(firing, "PoortwachtAwake") && !has(firing, "PoortwachtInterfaceDown")
    });
    // The sensor is the desk's child; without it the desk ends too.
    let desk = daemon.0.id().to_string();
    let sensor = Command::new("pgrep").args(["-P", &desk]).output().unwrap();
    let sensor = String::from_utf8(sensor.stdout).unwrap();
    let sensor = nix::unistd::Pid::from_raw(sensor.trim().parse().unwrap());
    nix::sys::signal::kill(sensor, nix::sys::signal::Signal::SIGKILL).unwrap();
    space.wait("the sensor was killed", |firing| {
        has(firing, "PoortwachtDown") && !has(firing, "PoortwachtAwake")
    });
}
