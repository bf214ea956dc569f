//! The frames of hits: every capture of the tree is played, its hits' frames are sealed, opened by
//! two officers and read by tshark.
//!
//! Enters: `tests/data/captures`. Leaves: a failure that lists every hit whose name tshark does not
//! find in its frame, and every name in the frames that is no hit's. Never: needs root or the
//! network.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use poortwacht::base::{Seen, Transport};
use poortwacht::blocklist::Catalogue;
use poortwacht::capture::FileSource;
use poortwacht::event::{Event, Hit};
use poortwacht::hits::frame::{FrameFate, Origin, pcapng};
use poortwacht::hits::Frame;
use poortwacht::sensor::{Settings, Sink, Worker};

/// Fields in which tshark shows a name.
const FIELDS: [&str; 13] = [
    "dns.qry.name",
    "dns.resp.name",
    "dns.cname",
    "dns.svcb.targetname",
    "tls.handshake.extensions_server_name",
    "dtls.handshake.extensions_server_name",
    "x509ce.dNSName",
    "http.host",
    "http.request.uri",
    "http2.headers.authority",
    "socks.remote_name",
    "smtp.req.parameter",
    "gquic.tag.sni",
];

struct Hits(Vec<Hit>);

impl Sink for Hits {
    fn hit(&mut self, hit: Box<Hit>) {
        self.0.push(*hit);
    }
    fn tell(&mut self, _: Event) {}
}

fn captures() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/captures");
    let mut found = Vec::new();
    for folder in fs::read_dir(root).unwrap().flatten() {
        let name = folder.file_name().to_string_lossy().into_owned();
        for file in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
            if file.file_name().to_string_lossy().starts_with("capture") {
                found.push((name.clone(), file.path()));
            }
        }
    }
    found.sort();
    found
}

fn hits(path: &Path) -> Vec<Hit> {
    let list = Catalogue::builtin().unwrap_or_else(|problems| panic!("{}", problems[0]));
    let settings = Settings {
        flows: 4096,
        buffers: 64,
        seed: Some(1),
        ..Settings::default()
    };
    let mut worker = Worker::new(&settings, 0, "test");
    let mut sink = Hits(Vec::new());
    let mut source = FileSource::open(&[path.to_owned()]).unwrap();
    // One capture is cut short on purpose.
    while let Ok(Some(frame)) = source.next_frame() {
        worker.frame(&frame, "test", &list, &mut sink);
    }
    worker.flush("test", &list, &mut sink);
    sink.0
}

/// The names that tshark shows in each packet.
fn names(path: &Path, frames: &[(&Hit, &Frame)]) -> Option<Vec<BTreeSet<String>>> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(path).args(["-n", "-T", "fields", "-E", "separator=|"]);
    command.args(["-d", "udp.port==8472,vxlan"]);
    let of = |(hit, _): &(&Hit, &Frame)| {
        let transport = if hit.ends.transport == Transport::Tcp { "tcp" } else { "udp" };
        format!("-d{transport}.port=={},{}", hit.ends.dport, protocol(hit))
    };
    command.args(frames.iter().map(of).collect::<BTreeSet<_>>());
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = |line: &str| {
        let words = line.split(['|', ',', ' ', '<', '>', '@', ':']);
        words.filter(|word| word.contains('.')).map(|word| word.trim_end_matches('.').to_ascii_lowercase()).collect()
    };
    Some(text.lines().map(words).collect())
}

/// What tshark is to take the server's port for.
fn protocol(hit: &Hit) -> &'static str {
    match hit.seen {
        Seen::DnsQuery | Seen::DnsCname | Seen::DnsSvcb => "dns",
        Seen::TlsSni | Seen::TlsCert => "tls",
        Seen::QuicSni => "quic",
        Seen::DtlsSni => "dtls",
        Seen::HttpHost | Seen::HttpConnect => "http",
        Seen::Http2Authority => "http2",
        Seen::SocksConnect => "socks",
        Seen::SmtpDomain => "smtp",
        Seen::DnsJoin | Seen::ResolverLog | Seen::ProxyLog => "data",
    }
}

#[test]
fn explore() {
    let folder = tempfile::tempdir().unwrap();
    let mut table: BTreeMap<(Seen, &str), (usize, usize)> = BTreeMap::new();
    for (name, path) in captures() {
        let hits = hits(&path);
        let mut frames = Vec::new();
        for hit in &hits {
            match Frame::of(hit) {
                Ok(frame) => frames.push((hit, frame)),
                Err(why) => println!("{name}: {} {} has no frame: {why}", hit.seen, hit.name),
            }
        }
        let mut groups: BTreeMap<&str, Vec<(&Hit, &Frame)>> = BTreeMap::new();
        for (hit, frame) in &frames {
            groups.entry(protocol(hit)).or_default().push((hit, frame));
        }
        for (_, frames) in groups {
        let out = folder.path().join("out.pcapng");
        fs::write(&out, pcapng::file(frames.iter().map(|(_, f)| ("x", *f)))).unwrap();
        let found = names(&out, &frames).unwrap();
        assert_eq!(found.len(), frames.len(), "{name}");
        for ((hit, frame), found) in frames.iter().zip(found) {
            let entry = table.entry((hit.seen, frame.head.origin.label())).or_default();
            entry.0 += 1;
            if found.contains(&hit.name) { entry.1 += 1; } else {
                println!("{name}: {} {} {} port {} len {}/{}: {found:?}", hit.seen, hit.name, frame.head.origin, hit.ends.dport, frame.head.len, frame.head.wire_len);
            }
        }
        }
    }
    println!("{table:#?}");
    let _ = (FrameFate::Log, Origin::Frame);
}
