//! Signatures, updates from files and over HTTP, the way back, and a running daemon that takes both.

use tempfile::TempDir;

use super::server::{Answer, serve};
use super::*;

/// A folder with a key pair and a way to sign, or nothing without minisign.
struct Signer {
    dir: TempDir,
    key: String,
}

impl Signer {
    fn new() -> Option<Self> {
        if !has("minisign") {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let key = Self::pair(dir.path(), "own");
        Some(Self { dir, key })
    }

    fn pair(at: &Path, name: &str) -> String {
        let (public, secret) = (format!("{name}.pub"), format!("{name}.key"));
        let made = Command::new("minisign")
            .args(["-G", "-f", "-W", "-p", &public, "-s", &secret])
            .current_dir(at)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let text = fs::read_to_string(at.join(public)).unwrap();
        text.lines().nth(1).unwrap().to_owned()
    }

    fn at(&self) -> &Path {
        self.dir.path()
    }

    fn sign(&self, file: &str, with: &str, more: &[&str]) {
        let args = [
            "-S",
            "-W",
            "-s",
            with,
            "-m",
            file,
            "-t",
            "list of the tests",
        ];
        let signed = Command::new("minisign")
            .args(args)
            .args(more)
            .current_dir(self.at())
            .output()
            .unwrap();
        assert!(signed.status.success(), "{signed:?}");
    }

    /// A signed bundle of the catalogue with `hosts` more hosts.
    fn bundle(&self, file: &str, created: &str, hosts: usize) {
        let folder = self.at().join(format!("{file}.d"));
        fs::create_dir_all(&folder).unwrap();
        for entry in fs::read_dir(data("catalogue")).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
        let mut text = fs::read_to_string(folder.join("face-b.toml")).unwrap();
        for n in 0..hosts {
            text += &format!(
                "\n[[host]]\nname = \"n{n}.face-b.org\"\nmatch = \"exact\"\nrole = \"app\"\n\
                 confidence = \"high\"\nprovenance = \"sourced\"\nsource = [\"s\"]\n"
            );
        }
        fs::write(folder.join("face-b.toml"), text).unwrap();
        let folder = folder.to_str().unwrap();
        let args = [
            "bundle",
            "--lists",
            folder,
            "--created",
            created,
            "--output",
            file,
        ];
        let _ = done(self.at(), &args, "");
        self.sign(file, "own.key", &[]);
    }
}

#[test]
fn signatures_are_checked_with_the_trusted_keys_only() {
    let Some(signer) = Signer::new() else { return };
    let at = signer.at();
    let key = signer.key.as_str();
    fs::write(at.join("f"), "some list\n").unwrap();
    refused(
        at,
        &["verify", "f", "--key", key],
        4,
        "the signature is missing: cannot read f.minisig",
    );
    signer.sign("f", "own.key", &[]);
    let out = done(at, &["verify", "f", "--key", key], "");
    assert!(
        out.contains("f: signed by key ") && out.contains("list of the tests"),
        "{out}"
    );
    let id = out
        .split("by key ")
        .nth(1)
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let public = fs::read_to_string(at.join("own.pub")).unwrap();
    // minisign leaves out zeros at the front.
    assert!(
        public.contains(id.trim_start_matches('0')),
        "{id} is not the number minisign gives: {public}"
    );
    let json = done(at, &["verify", "f", "--key", key, "--json"], "");
    assert!(json.contains(&format!("\"key\":\"{id}\"")), "{json}");

    let other = Signer::pair(at, "other");
    refused(
        at,
        &["verify", "f", "--key", &other],
        6,
        &format!("signed by key {id}, which is not"),
    );
    refused(at, &["verify", "f"], 6, "(trusted: none)");
    refused(
        at,
        &["verify", "f", "--key", "RWQ"],
        3,
        "`RWQ` is no public key of minisign",
    );
    let config = format!("[lists.update]\nkeys = [\"{key}\"]\n");
    fs::write(at.join("c.toml"), config).unwrap();
    let _ = done(at, &["verify", "f", "--config", "c.toml"], "");

    signer.sign("f", "own.key", &["-l"]);
    refused(
        at,
        &["verify", "f", "--key", key],
        6,
        "was signed in the old way",
    );
    signer.sign("f", "own.key", &[]);
    fs::write(at.join("f"), "some other list\n").unwrap();
    refused(at, &["verify", "f", "--key", key], 6, "does not hold");
    fs::write(at.join("f"), "some list\n").unwrap();
    let signature = fs::read_to_string(at.join("f.minisig")).unwrap();
    fs::write(
        at.join("f.minisig"),
        signature.replace("list of", "gift of"),
    )
    .unwrap();
    refused(at, &["verify", "f", "--key", key], 6, "does not hold");
    fs::write(at.join("f.minisig"), "hello\n").unwrap();
    refused(
        at,
        &["verify", "f", "--key", key],
        6,
        "is not one of minisign",
    );
}

#[test]
fn updates_come_whole_signed_and_newer_or_not_at_all() {
    let Some(signer) = Signer::new() else { return };
    let (at, key) = (signer.at(), signer.key.as_str());
    signer.bundle("one.json", "2026-01-01T00:00:00Z", 20);
    signer.bundle("two.json", "2026-02-01T00:00:00Z", 21);
    signer.bundle("small.json", "2026-03-01T00:00:00Z", 0);
    signer.bundle("future.json", "2099-01-01T00:00:00Z", 21);
    let update = |from: &str, more: &[&str]| {
        let args = ["update", "--from", from, "--to", "now.json", "--key", key];
        args.into_iter()
            .chain(more.iter().copied())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let go = |from: &str, more: &[&str], wanted: &str| {
        let args = update(from, more);
        done(
            at,
            &args.iter().map(String::as_str).collect::<Vec<_>>(),
            wanted,
        )
    };
    let stop = |from: &str, more: &[&str], code: i32, wanted: &str| {
        let args = update(from, more);
        refused(
            at,
            &args.iter().map(String::as_str).collect::<Vec<_>>(),
            code,
            wanted,
        );
    };
    let held = || fs::read(at.join("now.json")).ok();
    // The first one, against the catalogue that is built in: it is older, and much smaller.
    let older = "before the newest entry of the catalogue that is built in";
    stop("one.json", &["--allow-shrink"], 6, older);
    stop("one.json", &["--allow-older"], 6, "too few to be an edit");
    let _ = go(
        "one.json",
        &["--allow-older", "--allow-shrink"],
        "now now.json",
    );
    let one = held().unwrap();
    let _ = go("one.json", &[], "is in force already");
    let out = go("two.json", &["--dry-run"], "1 change; nothing was changed");
    assert_eq!(out, "added\tface-b\tn20.face-b.org\texact\t-\n");
    assert_eq!(held().unwrap(), one);
    let _ = go(
        "two.json",
        &[],
        "1 change, now now.json\na running daemon takes it with",
    );
    signer.bundle("notes.json", "2026-02-02T00:00:00Z", 21);
    let _ = go(
        "notes.json",
        &["--dry-run"],
        "no rule changes, only notes, sources or dates do; nothing was changed",
    );
    let two = held().unwrap();
    stop(
        "one.json",
        &[],
        6,
        "not after the one in force (2026-02-01T00:00:00Z)",
    );
    stop("small.json", &[], 6, "too few to be an edit");
    stop("future.json", &[], 6, "still to come");
    stop("gone.json", &[], 4, "cannot read gone.json");
    stop("two.json", &["--unsigned", " "], 2, "needs a reason");
    fs::copy(at.join("two.json"), at.join("bare.json")).unwrap();
    stop("bare.json", &[], 4, "the signature is missing");
    let _ = go(
        "bare.json",
        &["--unsigned", "a test"],
        "no signature was checked, because: a test",
    );
    fs::write(at.join("odd.json"), "{}").unwrap();
    stop(
        "odd.json",
        &["--unsigned", "a test"],
        6,
        "odd.json:1: this is no catalogue bundle",
    );
    assert_eq!(held().unwrap(), two);
    // The bundle is a catalogue for every command.
    let out = done(at, &["test", "--lists", "now.json", "n20.face-b.org"], "");
    assert!(out.contains("\thit\tface-b\t"), "{out}");

    let _ = done(at, &["rollback", "--to", "now.json"], "is back");
    assert_eq!(held().unwrap(), one);
    let _ = done(at, &["rollback", "--to", "now.json"], "is back");
    assert_eq!(held().unwrap(), two);
    let _ = go("one.json", &["--allow-older"], "now now.json");
    refused(
        at,
        &["rollback", "--to", "other.json"],
        1,
        "nothing was updated yet",
    );
    refused(
        at,
        &["update", "--from", "one.json"],
        3,
        "no bundle is in use",
    );
    refused(
        at,
        &["update", "--from", "one.json", "--to", "."],
        3,
        "is a folder",
    );
    refused(at, &["update", "--to", "now.json"], 2, "give --from");

    // A disk that is full half way: the old list stays, and the next update is not disturbed.
    let before = held().unwrap();
    let program = env!("CARGO_BIN_EXE_poortwacht");
    let line = format!(
        "trap '' XFSZ; ulimit -f 4; exec {program} list update --from two.json --to now.json --key {key}"
    );
    let full = Command::new("bash")
        .args(["-c", &line])
        .current_dir(at)
        .output()
        .unwrap();
    let (exit, said) = told(&full);
    assert!(
        exit == 8 && said.contains("cannot write now.json"),
        "{exit}: {said}"
    );
    assert_eq!(held().unwrap(), before);
    let _ = go("two.json", &[], "now now.json");
}

#[test]
fn updates_are_fetched_with_bounds() {
    let Some(signer) = Signer::new() else { return };
    let (at, key) = (signer.at(), signer.key.as_str());
    signer.bundle("c.json", "2026-01-01T00:00:00Z", 3);
    let packed = zstd::encode_all(&fs::read(at.join("c.json")).unwrap()[..], 1).unwrap();
    fs::write(at.join("c.json.zst"), packed).unwrap();
    signer.sign("c.json.zst", "own.key", &[]);
    let root = at.to_owned();
    let server = serve(move |path| match path {
        "/moved" => Answer::Moved("/c.json".into()),
        "/moved.minisig" => Answer::Moved("/c.json.minisig".into()),
        "/round" => Answer::Moved("/round".into()),
        "/away" => Answer::Moved("http://lists.example/c.json".into()),
        "/endless" => Answer::Endless,
        "/silent" => Answer::Silent,
        _ => fs::read(root.join(&path[1..])).map_or(Answer::Missing, Answer::Body),
    });
    let go = |path: &str, more: &[&str]| {
        let from = format!("{server}{path}");
        // A busy machine needs more than a moment for 64 MiB.
        let seconds = if path == "/silent" { 2 } else { 60 };
        let config = format!("[lists.update]\ntimeout_seconds = {seconds}\n");
        fs::write(at.join("t.toml"), config).unwrap();
        let args = [
            "update",
            "--from",
            &from,
            "--to",
            "now.json",
            "--key",
            key,
            "--allow-older",
            "--allow-shrink",
            "--config",
            "t.toml",
        ];
        told(&list(
            at,
            &args
                .into_iter()
                .chain(more.iter().copied())
                .collect::<Vec<_>>(),
        ))
    };
    for path in ["/c.json", "/c.json.zst", "/moved"] {
        let _ = fs::remove_file(at.join("now.json"));
        let (exit, said) = go(path, &[]);
        assert!(
            exit == 0 && said.contains("now now.json"),
            "{path}: {exit}: {said}"
        );
        assert_eq!(
            fs::read(at.join("now.json")).unwrap(),
            fs::read(at.join("c.json")).unwrap()
        );
    }
    for (path, wanted) in [
        ("/none", "answered 404"),
        ("/round", "redirects more than 3 times"),
        ("/away", "http://lists.example/c.json is not https"),
        ("/endless", "is longer than 64 MiB"),
        ("/silent", "timeout"),
    ] {
        let (exit, said) = go(path, &[]);
        assert!(exit == 4 && said.contains(wanted), "{path}: {exit}: {said}");
    }
    let args = [
        "update",
        "--from",
        "http://lists.example/c",
        "--to",
        "now.json",
        "--key",
        key,
    ];
    refused(at, &args, 4, "is not https");
    let args = [
        "update",
        "--from",
        "ftp://lists.example/c",
        "--to",
        "now.json",
        "--key",
        key,
    ];
    refused(at, &args, 4, "neither https nor http");
}

/// A daemon that replays a capture with a bundle as its catalogue; ended when dropped.
struct Daemon(std::process::Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_running_daemon_takes_the_update_and_the_way_back() {
    let Some(signer) = Signer::new() else { return };
    let (at, key) = (signer.at(), signer.key.as_str());
    signer.bundle("now.json", "2026-01-01T00:00:00Z", 3);
    signer.bundle("two.json", "2026-02-01T00:00:00Z", 4);
    let config = format!(
        "[lists]\ndir = \"now.json\"\n[lists.update]\nfrom = \"two.json\"\nkeys = [\"{key}\"]\n\
         [control]\nsocket = \"sock\"\n[http]\nlisten = \"127.0.0.1:0\"\n"
    );
    fs::write(at.join("c.toml"), config).unwrap();
    let reload = ["--config", "c.toml", "--reload"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let capture = root.join("tests/data/captures/first-day/capture.pcapng");
    let child = Command::new(env!("CARGO_BIN_EXE_poortwacht"))
        .args(["run", "--config", "c.toml", "--read"])
        .arg(capture)
        .current_dir(at)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut daemon = Daemon(child);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !at.join("sock").exists() {
        let ended = daemon.0.try_wait().unwrap();
        assert!(
            ended.is_none() && std::time::Instant::now() < until,
            "no daemon: {ended:?}"
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let args: Vec<&str> = ["update"].iter().chain(&reload).copied().collect();
    let out = done(at, &args, "1 change, now ");
    let loaded = |out: &str| {
        let line = out.lines().find(|line| line.starts_with("loaded: "));
        line.unwrap_or_else(|| panic!("not loaded: {out}"))
            .to_owned()
    };
    let new = loaded(&out);
    let args: Vec<&str> = ["rollback"].iter().chain(&reload).copied().collect();
    let old = loaded(&done(at, &args, "is back"));
    assert_ne!(new, old);
    drop(daemon);
    let args: Vec<&str> = ["update"].iter().chain(&reload).copied().collect();
    let (exit, said) = told(&list(at, &args));
    let advised = said.contains("is the daemon running") && !said.contains("--control");
    assert!(exit == 7 && advised, "{exit}: {said}");
    // The list is there all the same.
    let out = done(at, &["test", "--lists", "now.json", "n3.face-b.org"], "");
    assert!(out.contains("\thit\t"), "{out}");
}
