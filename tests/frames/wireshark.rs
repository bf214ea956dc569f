//! What tshark reads in a file.
//!
//! Enters: a capture. Leaves: of each packet names, protocols, comment.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use poortwacht::base::{Seen, Transport};
use poortwacht::event::Hit;

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
    "socks.v4a_dns_name",
    "smtp.req.parameter",
    "gquic.tag.sni",
];

/// One packet.
pub struct Shown {
    pub names: BTreeSet<String>,
    pub protocols: String,
    pub comment: String,
}

pub fn is_missing() -> bool {
    Command::new("tshark").arg("--version").output().is_err()
}

/// What tshark is to take the server's port for.
pub fn protocol(hit: &Hit) -> &'static str {
    match hit.seen {
        Seen::DnsQuery | Seen::DnsCname | Seen::DnsSvcb | Seen::DnsJoin => "dns",
        Seen::TlsSni | Seen::TlsCert => "tls",
        Seen::QuicSni if is_old_quic(hit) => "gquic",
        Seen::QuicSni => "quic",
        Seen::DtlsSni => "dtls",
        Seen::HttpHost | Seen::HttpConnect => "http",
        Seen::Http2Authority => "http2",
        Seen::SocksConnect => "socks",
        Seen::SmtpDomain => "smtp",
        Seen::ResolverLog | Seen::ProxyLog => panic!("a log has no frame"),
    }
}

/// Google's own, up to Q046; behind it tshark takes it for QUIC.
fn is_old_quic(hit: &Hit) -> bool {
    let bytes = hit.carrier.as_ref().map_or(&[][..], |it| &it.bytes);
    hit.evidence.starts_with(b"CHLO") && !bytes.windows(4).any(|it| it == b"Q050")
}

fn fields(file: &Path, more: &[String]) -> Vec<Shown> {
    let mut command = Command::new("tshark");
    command
        .arg("-r")
        .arg(file)
        .arg("-n")
        .args(more)
        .env("LC_ALL", "C");
    command.args(["-T", "fields", "-E", "separator=/t"]);
    command.args(["-e", "frame.comment", "-e", "frame.protocols"]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    // A capture cut short on purpose is told as an error behind what was read.
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(shown).collect()
}

fn shown(line: &str) -> Shown {
    let (comment, rest) = line.split_once('\t').unwrap();
    let (protocols, rest) = rest.split_once('\t').unwrap();
    let words = rest.split(['\t', ',', ' ', '<', '>', '@', ':']);
    let names = words.map(|word| word.trim_end_matches('.').to_ascii_lowercase());
    Shown {
        // No file name, no path: a name has a dot and no slash.
        names: names
            .filter(|word| word.contains('.') && !word.contains('/'))
            .collect(),
        protocols: protocols.into(),
        comment: comment.into(),
    }
}

/// The server's port, as tshark is told of it.
pub fn port(hit: &Hit) -> String {
    let transport = match hit.ends.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    format!("{transport}.port=={}", hit.ends.dport)
}

/// Each packet of a file of frames.
pub fn read(file: &Path, hits: &[&Hit]) -> Vec<Shown> {
    let of = |hit: &&Hit| format!("-d{},{}", port(hit), protocol(hit));
    let mut more: Vec<String> = hits.iter().map(of).collect();
    // The old port of Linux' VXLAN.
    more.push("-dudp.port==8472,vxlan".into());
    more.sort();
    more.dedup();
    fields(file, &more)
}

/// Each packet of a whole capture.
pub fn read_whole(capture: &Path) -> Vec<Shown> {
    fields(capture, &["-dudp.port==8472,vxlan".into()])
}
