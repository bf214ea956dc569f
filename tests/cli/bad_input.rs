//! Each bad input, what it is told, and the code that it ends with: a table.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::{CAPTURE, CAPTURE_LINES, RUN, program, said};

/// A folder with every broken thing that a case may name.
pub fn bench() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    let whole = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(CAPTURE)).unwrap();
    put("whole.pcapng", &whole);
    put("cut.pcapng", &whole[..40_000]);
    put("empty.pcap", b"");
    put("text.pcap", b"this is no capture\n");
    put("user0.pcap", &user0_capture(5));
    put(
        "unknown-key.toml",
        b"[sensor]\ninterfaces = []\ncolour = 3\n",
    );
    put("no-toml.toml", b"[sensor\n");
    put("no-text.toml", b"\xff\xfe");
    put("no-reason.toml", b"[privacy]\naddresses = \"clear\"\n");
    put("filter.toml", b"[sensor]\nfilter = \"tcp prot 5\"\n");
    let register = b"[[authorised]]\nreference = \"R1\"\nowner = \"chief\"\nvendor = \"kairos\"\n\
        hosts = [\"*\"]\nunits = [\"lab\"]\npurpose = \"a test\"\nlegal_basis = \"law\"\n\
        review = \"r\"\nimpact_assessment = \"d\"\n[[unit]]\nname = \"lab\"\n";
    put("no-validity.toml", register);
    put(
        "no-officer.toml",
        b"[identity]\nthreshold = 1\nofficers = [{ name = \"o\", recipient = \"age1nonsense\" }]\n",
    );
    put(
        "no-feed.toml",
        b"[[feed]]\nname = \"x\"\nkind = \"keaa\"\npath = \"y\"\n",
    );
    put(
        "gone-feed.toml",
        b"[[feed]]\nname = \"leases\"\nkind = \"kea\"\npath = \"gone\"\n",
    );
    put("no-rules.toml", b"[[rule]]\nname = \"hunch\"\n");
    put("bad.txt", b"good.example\nbad..line\n");
    let key: String = (0..32u8)
        .map(|n| format!("{:02x}", n.wrapping_mul(151)))
        .collect();
    put("key", key.as_bytes());
    put("open-key", key.as_bytes());
    put("short-key", b"5a5a");
    for (name, mode) in [("key", 0o600), ("open-key", 0o644), ("short-key", 0o600)] {
        fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::create_dir(dir.path().join("folder")).unwrap();
    dir
}

/// A pcap with frames of link type 147 (DLT_USER0).
fn user0_capture(frames: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 147u32] {
        out.extend(word.to_le_bytes());
    }
    for n in 0..frames {
        for word in [1000 + n, 0, 60, 60u32] {
            out.extend(word.to_le_bytes());
        }
        out.extend([0; 60]);
    }
    out
}

/// Arguments, exit code, what standard error must say, how many lines standard output has.
type Case = (&'static str, i32, &'static [&'static str], usize);

const CASES: &[Case] = &[
    ("", 2, &["Usage"], 0),
    ("nosuch", 2, &["nosuch"], 0),
    // Captures: what was read before the fault is out, and the other files are read.
    ("read whole.pcapng", 0, &["hits         17"], CAPTURE_LINES),
    (
        "read nosuch.pcap",
        4,
        &["nosuch.pcap", "No such file", "Check the path"],
        0,
    ),
    ("read empty.pcap", 4, &["empty.pcap", "empty"], 0),
    (
        "read text.pcap",
        4,
        &["text.pcap", "not a capture file", "editcap"],
        0,
    ),
    ("read folder", 4, &["folder", "is a directory"], 0),
    ("read -", 4, &["standard input", "empty"], 0),
    ("read - -", 4, &["named twice"], 0),
    (
        "read cut.pcapng",
        4,
        &["cut.pcapng", "frame 197", "196 frames"],
        4,
    ),
    (
        "read empty.pcap whole.pcapng nosuch.pcap user0.pcap",
        4,
        &[
            "empty.pcap: it is empty",
            "nosuch.pcap: cannot open it",
            "link type 147",
            "3 of 4 files",
            "hits         17",
        ],
        CAPTURE_LINES,
    ),
    (
        "read -q user0.pcap",
        4,
        &[
            "user0.pcap: 5 frames",
            "link type 147",
            "not decoded",
            "Ethernet",
        ],
        0,
    ),
    (
        "read user0.pcap whole.pcapng",
        4,
        &["link type 147", "1 of 2 files", "unknown_link 5"],
        CAPTURE_LINES,
    ),
    (
        "read whole.pcapng --filter bogus(",
        3,
        &["bogus(", "pcap-filter(7)"],
        0,
    ),
    // Configuration.
    ("config check", 0, &[], 4),
    (
        "config check -c nosuch.toml",
        3,
        &["nosuch.toml", "--config"],
        0,
    ),
    ("config check -c folder", 3, &["folder", "--config"], 0),
    (
        "config check -c no-text.toml",
        3,
        &["no-text.toml", "UTF-8"],
        0,
    ),
    (
        "config check -c no-toml.toml",
        3,
        &["no-toml.toml:1", "unclosed"],
        0,
    ),
    (
        "config check -c unknown-key.toml",
        3,
        &[
            "unknown-key.toml:3",
            "`colour`",
            "`interfaces`",
            "config show",
        ],
        0,
    ),
    (
        "config show -c unknown-key.toml",
        3,
        &["unknown-key.toml:3"],
        0,
    ),
    ("run -c unknown-key.toml", 3, &["unknown-key.toml:3"], 0),
    ("config check -c no-reason.toml", 3, &["clear_reason"], 0),
    (
        "config check -c filter.toml",
        3,
        &["tcp prot 5", "pcap-filter(7)"],
        0,
    ),
    // People and cases.
    (
        "config check --organisation no-validity.toml",
        3,
        &["no-validity.toml:1", "valid_from", "valid_to"],
        0,
    ),
    (
        "config check --organisation nosuch.toml",
        3,
        &["nosuch.toml"],
        0,
    ),
    (
        "config check -c no-officer.toml",
        3,
        &["identity", "age"],
        0,
    ),
    ("config check -c no-feed.toml", 3, &["keaa", "kea"], 0),
    (
        "read --cases whole.pcapng --feeds gone-feed.toml",
        4,
        &["feed `leases`", "gone"],
        0,
    ),
    (
        "cases what-if --rules no-rules.toml whole.pcapng",
        3,
        &["no-rules.toml"],
        0,
    ),
    (
        "cases list --folder folder",
        4,
        &["folder/cases.jsonl", "name the folder"],
        0,
    ),
    (
        "cases close case-1 --as research --why ticket-7",
        7,
        &["is the daemon running"],
        0,
    ),
    // Lists.
    (
        "config check --user-list bad.txt",
        6,
        &["bad.txt:2:1", "`bad..line`"],
        0,
    ),
    (
        "read whole.pcapng --user-list bad.txt",
        6,
        &["bad.txt:2:1"],
        0,
    ),
    ("list lint --user-list bad.txt", 1, &["bad.txt:2:1"], 0),
    (
        "list stats --user-list nosuch.txt",
        6,
        &["nosuch.txt", "check path"],
        0,
    ),
    (
        "list lint --lists folder",
        1,
        &["folder", "no vendor file"],
        0,
    ),
    ("list show nosuch", 1, &["nosuch", "id, name or alias"], 0),
    // The hit log.
    (
        "hits list --log nosuch.jsonl",
        4,
        &["nosuch.jsonl", "--log"],
        0,
    ),
    (
        "hits list --log text.pcap",
        4,
        &["1 lines of text.pcap are no hits"],
        0,
    ),
    // The daemon: everything it opens at its start.
    ("run", 3, &["nothing to watch", "--interface"], 0),
    ("RUN -i nosuch0", 9, &["`nosuch0`", "there are:"], 0),
    ("RUN -i nosuch0 --via pcap", 9, &["`nosuch0`"], 0),
    ("RUN --read nosuch.pcap", 4, &["nosuch.pcap"], 0),
    (
        "RUN --read whole.pcapng --user-list bad.txt",
        6,
        &["bad.txt:2:1"],
        0,
    ),
    (
        "RUN --read whole.pcapng --key open-key",
        3,
        &["open-key", "chmod 600"],
        0,
    ),
    (
        "RUN --read whole.pcapng --key short-key",
        3,
        &["short-key", "openssl rand"],
        0,
    ),
    (
        "RUN --read whole.pcapng --key folder",
        3,
        &["folder", "--key"],
        0,
    ),
    (
        "RUN --read whole.pcapng --key nosuch/key",
        3,
        &["nosuch/key", "folder exist"],
        0,
    ),
    (
        "RUN --read whole.pcapng --hits nosuch/hits",
        8,
        &["nosuch/hits", "folder exist"],
        0,
    ),
    (
        "RUN --read whole.pcapng --hits folder",
        8,
        &["folder", "regular file"],
        0,
    ),
    (
        "RUN --read whole.pcapng --hits text.pcap",
        8,
        &["text.pcap", "nothing was written"],
        0,
    ),
    (
        "RUN --read whole.pcapng --control text.pcap",
        7,
        &["text.pcap", "no socket"],
        0,
    ),
    (
        "RUN --read whole.pcapng --control nosuch/s",
        7,
        &["nosuch/s", "--control"],
        0,
    ),
    (
        "RUN --read whole.pcapng --listen 192.0.2.1:9",
        7,
        &["192.0.2.1", "no address of this"],
        0,
    ),
    (
        "reload --control nosuch",
        7,
        &["nosuch", "is the daemon running"],
        0,
    ),
    (
        "reload --control text.pcap",
        7,
        &["text.pcap", "is the daemon running"],
        0,
    ),
    ("sensor", 70, &["poortwacht run"], 0),
    ("manual /proc/nosuch", 8, &["/proc/nosuch"], 0),
];

#[test]
fn each_bad_input_says_what_where_and_what_next() {
    let mut wrong = Vec::new();
    for (line, exit, parts, lines) in CASES {
        let dir = bench();
        // The last of two options counts.
        let args = line.replace("RUN", RUN);
        let mut args: Vec<&str> = args.split_whitespace().collect();
        for option in ["--key", "--hits", "--control", "--listen"] {
            let at: Vec<usize> = (0..args.len()).filter(|i| args[*i] == option).collect();
            if let [first, _] = at[..] {
                args.drain(first..first + 2);
            }
        }
        let output = program(dir.path(), &args).output().unwrap();
        let told = said(&output);
        let missing: Vec<_> = parts.iter().filter(|part| !told.contains(**part)).collect();
        let out = output.stdout.iter().filter(|byte| **byte == b'\n').count();
        if output.status.code() != Some(*exit)
            || !missing.is_empty()
            || out != *lines
            || told.contains("panicked")
            || told.contains("the sensor ended: exit")
        {
            wrong.push(format!(
                "`{line}`: {}, not {exit}; {out} lines, not {lines}; without {missing:?}:\n{told}",
                output.status
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
