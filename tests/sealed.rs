//! People on disk: under seal, or not at all. The real daemon plays a kept day with officers named,
//! is started again over the same folders, and everything it wrote is searched.
//!
//! Enters: `tests/data/office` (a recorded day with known people). Leaves: a failure that names the
//! file. Never: needs root or the network.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use age::secrecy::ExposeSecret;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// User, host and link-layer address of those who had something to do with a vendor, and of the one
/// who had not (last).
const PEOPLE: [[&str; 3]; 5] = [
    ["adevries", "laptop-adevries", "00:00:5e:00:53:01"],
    ["bjansen", "laptop-bjansen", "00:00:5e:00:53:02"],
    ["cbakker", "pc-cbakker", "00:00:5e:00:53:03"],
    ["doosterhuis", "laptop-doosterhuis", "00:00:5e:00:53:04"],
    ["emeijer", "pc-emeijer", "00:00:5e:00:53:05"],
];
const ADDRESSES: [&str; 4] = ["192.0.2.101", "192.0.2.102", "192.0.2.104", "192.0.2.105"];

struct Bench {
    dir: TempDir,
}

impl Bench {
    fn new(captures: &[PathBuf], organisation: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let officers = [(); 3].map(|()| age::x25519::Identity::generate());
        let list: Vec<String> = officers
            .iter()
            .enumerate()
            .map(|(n, it)| format!("{{ name = \"o{n}\", recipient = \"{}\" }}", it.to_public()))
            .collect();
        let read: Vec<String> = captures.iter().map(|path| format!("{path:?}")).collect();
        let config = format!(
            "[sensor]\nread = [{}]\n[identity]\nthreshold = 2\nofficers = [{}]\n\
             [organisation]\nmap = {organisation:?}\n[http]\nlisten = \"127.0.0.1:0\"\n",
            read.join(", "),
            list.join(", ")
        );
        fs::write(dir.path().join("poortwacht.toml"), config).unwrap();
        for (n, officer) in officers.iter().enumerate() {
            let path = dir.path().join(format!("officer-{n}.key"));
            fs::write(path, officer.to_string().expose_secret()).unwrap();
        }
        Self { dir }
    }

    fn program(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_poortwacht"));
        command
            .args(args)
            .current_dir(self.dir.path())
            .env_remove("POORTWACHT_CONFIG")
            .env("POORTWACHT_LOG", "trace")
            .stdin(Stdio::null());
        command
    }

    /// Plays the files from beginning to end; what the daemon said goes to a file of the bench.
    fn play(&self, run: u32) {
        let path = self.dir.path().join(format!("said-{run}.log"));
        let said = fs::File::create(&path).unwrap();
        let mut daemon = self
            .program(&["run", "--config", "poortwacht.toml"])
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        while !fs::read_to_string(&path)
            .unwrap()
            .contains("came to its end")
        {
            assert!(Instant::now() < until && running(&mut daemon), "{path:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        let pid = Pid::from_raw(i32::try_from(daemon.id()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        assert!(daemon.wait().unwrap().success(), "{path:?}");
    }

    /// Everything that the daemon wrote or said.
    fn written(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        walk(self.dir.path(), &mut files);
        files.retain(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name != "poortwacht.toml" && !name.ends_with(".key")
        });
        files
    }

    /// The first file that holds `needle`, whatever the case of its letters.
    fn holding(&self, needle: &str) -> Option<PathBuf> {
        let needle = needle.to_ascii_lowercase();
        self.written().into_iter().find(|path| {
            let bytes = fs::read(path).unwrap().to_ascii_lowercase();
            holds(&bytes, &needle)
        })
    }

    fn records(&self) -> Vec<String> {
        let folder = self.dir.path().join("cases/subjects");
        let entries = fs::read_dir(folder).unwrap().flatten();
        let paths = entries.map(|entry| entry.path().display().to_string());
        paths.filter(|path| path.contains("person-")).collect()
    }

    fn share(&self, record: &str, officer: usize) -> String {
        let key = format!("officer-{officer}.key");
        let name = format!("o{officer}");
        let output = self
            .program(&[
                "officer",
                "share",
                record,
                "--name",
                &name,
                "--identity",
                &key,
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let path = self.dir.path().join(format!("share-{officer}.key"));
        fs::write(&path, &output.stdout).unwrap();
        path.display().to_string()
    }

    fn open(&self, record: &str, shares: &[String]) -> Output {
        let mut args = vec!["officer", "open", record];
        for share in shares {
            args.extend(["--share", share]);
        }
        self.program(&args).output().unwrap()
    }
}

fn holds(bytes: &[u8], needle: &str) -> bool {
    let mut parts = bytes.windows(needle.len());
    parts.any(|part| part == needle.as_bytes())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn running(daemon: &mut Child) -> bool {
    daemon.try_wait().unwrap().is_none()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), files),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
}

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(path)
}

/// How a person may stand in a file.
fn forms([user, host, mac]: [&str; 3]) -> Vec<String> {
    let bare = mac.replace(':', "");
    vec![
        user.into(),
        host.into(),
        mac.into(),
        mac.replace(':', "-"),
        bare,
    ]
}

#[test]
fn people_are_under_seal_or_nowhere_also_after_a_restart() {
    let day = data("office/radius-h2");
    let bench = Bench::new(
        &[day.join("capture.pcap.gz")],
        &day.join("organisation.toml"),
    );
    // All five are in what the sensor reads, the last one without a vendor.
    let played = fs::File::open(day.join("capture.pcap.gz")).unwrap();
    let mut bytes = Vec::new();
    let mut unpacked = flate2::read::MultiGzDecoder::new(played);
    unpacked.read_to_end(&mut bytes).unwrap();
    for user in PEOPLE.map(|[user, ..]| user) {
        assert!(holds(&bytes, user), "{user}");
    }
    for run in [1, 2] {
        bench.play(run);
        assert!(bench.written().len() > 5, "{:?}", bench.written());
        let clear = PEOPLE.iter().flat_map(|person| forms(*person));
        for needle in clear.chain(ADDRESSES.map(str::to_owned)) {
            let held = bench.holding(&needle);
            assert!(held.is_none(), "run {run}: `{needle}` stands in {held:?}");
        }
    }
    // The search can find: what is allowed to be there, is.
    assert!(bench.holding("kairos").is_some());

    // Anna, Chris and Daan have a record; two officers of three open it, one does not.
    let records = bench.records();
    assert!(records.len() >= 3, "{records:?}");
    let mut opened = String::new();
    for record in &records {
        let shares = [bench.share(record, 0), bench.share(record, 2)];
        let alone = bench.open(record, &shares[..1]);
        assert_eq!(alone.status.code(), Some(1), "{}", said(&alone));
        assert!(
            said(&alone).contains("1 of the 2 shares"),
            "{}",
            said(&alone)
        );
        let output = bench.open(record, &shares);
        assert!(output.status.success(), "{}", said(&output));
        opened += &String::from_utf8(output.stdout).unwrap();
    }
    for user in ["adevries", "cbakker", "doosterhuis"] {
        assert!(opened.contains(user), "{user}: {opened}");
    }
    let opened = opened.to_ascii_lowercase();
    for form in forms(PEOPLE[4]) {
        assert!(!opened.contains(&form), "{form}: {opened}");
    }
}

/// DHCP, accounting, Kerberos, ARP and mail of an office, and not one name of a vendor: nothing is
/// written about anybody, and no case is opened.
#[test]
fn a_day_without_vendors_leaves_nothing_about_anybody() {
    let names = ["dhcpv4", "radius", "kerberos", "arp-ndp", "dhcpv6"];
    let folders = fs::read_dir(data("presence")).unwrap().flatten();
    let captures: Vec<PathBuf> = folders
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            names.iter().any(|wanted| name.starts_with(wanted))
        })
        .map(|entry| entry.path().join("capture.pcapng"))
        .collect();
    assert!(captures.len() >= 4, "{captures:?}");
    let day = data("office/radius-h2");
    let bench = Bench::new(&captures, &day.join("organisation.toml"));
    bench.play(1);
    assert_eq!(fs::read(bench.dir.path().join("hits.jsonl")).unwrap(), b"");
    let journal = fs::read(bench.dir.path().join("cases/cases.jsonl")).unwrap();
    assert_eq!(String::from_utf8_lossy(&journal), "");
    assert!(bench.records().is_empty());
    let mut facts = 0;
    for path in &captures {
        let table = path.with_file_name("facts.tsv");
        let text = fs::read_to_string(&table).unwrap_or_default();
        let words = text
            .lines()
            .skip(1)
            .flat_map(|line| line.split(['\t', '/']));
        for word in words.filter(|word| word.len() >= 7 && is_personal(word)) {
            facts += 1;
            let held = bench.holding(word);
            assert!(
                held.is_none(),
                "`{word}` of {} stands in {held:?}",
                table.display()
            );
        }
    }
    assert!(facts > 20, "{facts}");
}

/// Addresses, link-layer addresses and principals; not the words of the table's own columns.
fn is_personal(word: &str) -> bool {
    word.parse::<std::net::IpAddr>().is_ok() || word.matches(':').count() == 5 || word.contains('@')
}
