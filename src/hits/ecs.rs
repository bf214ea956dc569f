//! One line of the hit log: Elastic Common Schema 8.17 names, and our own under `poortwacht`.
//!
//! Enters: values from [`Scribe`](super::Scribe), or a line read back. Leaves: JSON as described by
//! `docs/hit.schema.json`, which tests hold against every record. No `Debug` on what may hold an
//! address.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The version of the Elastic Common Schema whose names are used.
pub const ECS_VERSION: &str = "8.17.0";

/// One record, one line.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Packet time, RFC 3339 in UTC with nanoseconds; of the latest repeat in a summary.
    #[serde(rename = "@timestamp")]
    pub timestamp: String,
    /// Version of the common schema.
    pub ecs: EcsVersion,
    /// What kind of record this is.
    pub event: EventFields,
    /// One sentence for people.
    pub message: String,
    /// The rule that matched.
    pub rule: Rule,
    /// Where the rule comes from.
    pub threat: Threat,
    /// The client.
    pub source: Source,
    /// The other end.
    pub destination: Destination,
    /// The flow.
    pub network: Network,
    /// Present when the name came from DNS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<Dns>,
    /// Present when the name came from a ClientHello.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Who saw it.
    pub observer: Observed,
    /// What the common schema has no name for.
    pub poortwacht: Own,
}

/// `ecs.*`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EcsVersion {
    /// [`ECS_VERSION`] of the program that wrote it.
    pub version: String,
}

/// `event.*`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct EventFields {
    /// Keyed and the same in each replay: what `hits show` takes.
    pub id: String,
    /// `alert`; `event` for a rule of severity informational.
    pub kind: String,
    /// `network`.
    pub category: Vec<String>,
    /// `info`, with `protocol` for DNS and `connection` for a ClientHello.
    #[serde(rename = "type")]
    pub types: Vec<String>,
    /// `name-seen`, or `name-seen-again` for the summary of repeats.
    pub action: String,
    /// `poortwacht`.
    pub module: String,
    /// `poortwacht.hit`.
    pub dataset: String,
    /// 1 informational, 21 low, 47 medium, 73 high.
    pub severity: u8,
    /// Summary only: packet time of the first hit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// Summary only: packet time of the latest repeat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
}

/// `rule.*`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// `vendor/kind/text`.
    pub id: String,
    /// The rule's text.
    pub name: String,
    /// The vendor's category.
    pub category: String,
    /// The list file it stands in.
    pub ruleset: String,
    /// Version of the list in force.
    pub version: String,
}

/// `threat.*`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threat {
    /// The feed.
    pub feed: Feed,
}

/// `threat.feed.*`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feed {
    /// `Poortwacht catalogue`, or the file of the user's own list.
    pub name: String,
}

/// `source.*`: in clear mode address, port and link-layer address; else a pseudonym alone.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// `ip-` and hex digits, or the address.
    pub address: String,
    /// Clear mode only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// Clear mode only: behind NAT a port and a time name one device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Clear mode only: RFC 7042 form, upper case with hyphens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
}

/// `destination.*`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Destination {
    /// Left out under pseudonyms when it is the client's own address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// Its port.
    pub port: u16,
    /// The server_name, for a ClientHello.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
}

/// `network.*`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// `tcp` or `udp`.
    pub transport: String,
    /// `dns`, `tls` or `quic`.
    pub protocol: String,
    /// `ipv4` or `ipv6`.
    #[serde(rename = "type")]
    pub family: String,
    /// `outbound`, or `internal` when the other end has a private address.
    pub direction: String,
    /// Community ID in clear mode; else a keyed id of the same shape that joins within this log.
    pub community_id: String,
    /// Outermost VLAN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<Vlan>,
}

/// `network.vlan.*`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Vlan {
    /// The 12-bit id, as text.
    pub id: String,
}

/// `dns.*`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Dns {
    /// `query` or `answer`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The question.
    pub question: Question,
}

/// `dns.question.*`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The name asked for; absent when the hit is on a name in an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its type: `A`, `HTTPS`, or `TYPE123` (RFC 3597 section 5).
    #[serde(rename = "type")]
    pub kind: String,
}

/// `tls.*`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Tls {
    /// What the client said.
    pub client: TlsClient,
    /// The application protocol that the client would like best (RFC 7301); what the server chose
    /// is not seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_protocol: Option<String>,
}

/// `tls.client.*`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct TlsClient {
    /// server_name (RFC 6066 section 3).
    pub server_name: String,
}

/// `observer.*`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// The sensor's name from the config.
    pub name: String,
    /// `sensor`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `Poortwacht`.
    pub product: String,
    /// Version of the program.
    pub version: String,
    /// Where the frame came in.
    pub ingress: Ingress,
}

/// `observer.ingress.*`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Ingress {
    /// The observation point.
    pub interface: Interface,
}

/// `observer.ingress.interface.*`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// Interface, or file name without its folder.
    pub name: String,
}

/// `poortwacht.*`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Own {
    /// The name that was seen.
    pub name: String,
    /// How: a label of [`Seen`](crate::base::Seen).
    pub seen: String,
    /// Whose name it is.
    pub vendor: Vendor,
    /// What the vendor uses the host for.
    pub role: String,
    /// `exact`, `pattern` or `suffix`.
    pub rule_kind: String,
    /// How sure the list is that the name is the vendor's.
    pub confidence: String,
    /// Severity in words.
    pub severity: String,
    /// Number of the frame that completed the name.
    pub frame: u64,
    /// How the client's addresses are written.
    pub client: Client,
    /// ClientHello only: what could not be told by its name alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<OwnTls>,
    /// `dns-join` only: how sure it is that the connection was to this name, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join_percent: Option<u8>,
    /// Only when true: the connection's bytes came in more than one version, and the name stands
    /// in one of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub contested: bool,
    /// Summary only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fold: Option<FoldFields>,
    /// First hit only: the message that carried the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// `poortwacht.vendor.*`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vendor {
    /// Id in the list.
    pub id: String,
    /// Name for people.
    pub name: String,
}

/// `poortwacht.client.*`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Client {
    /// `pseudonym` or `clear`.
    pub addresses: String,
    /// Clear mode only: the reason from the config.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Pseudonym mode only: public id of the key; pseudonyms of two keys do not join.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Pseudonym mode only: `mac-` and hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
}

/// `poortwacht.tls.*`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnTls {
    /// JA4 of the ClientHello.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ja4: Option<String>,
    /// Encrypted Client Hello: `none`, `real`, `grease` or `unknown`.
    pub ech: String,
    /// Why: a label of [`EchVerdict`](crate::base::EchVerdict). Absent without the extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ech_reason: Option<String>,
}

/// `poortwacht.fold.*`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldFields {
    /// `event.id` of the first hit's record.
    pub first_id: String,
    /// Frame of the first hit.
    pub first_frame: u64,
    /// Hits after the first.
    pub repeats: u64,
}

/// `poortwacht.evidence.*`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// `dns-message` or `client-hello`.
    pub kind: String,
    /// Base64 (RFC 4648 section 4).
    pub data: String,
    /// Was it cut or zeroed where it could tell the client?
    pub redacted: bool,
}

impl super::Line for Record {
    fn to_line(&self) -> Vec<u8> {
        Self::to_line(self)
    }
}

impl Record {
    /// The record as one line, with its line feed. Cannot fail for what a [`Record`] can hold;
    /// an empty line stands for the impossible case.
    pub fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// The kept evidence, decoded; `None` without any.
    pub fn evidence_bytes(&self) -> Option<Vec<u8>> {
        use base64::Engine;
        let data = &self.poortwacht.evidence.as_ref()?.data;
        base64::engine::general_purpose::STANDARD.decode(data).ok()
    }
}
