//! Log and lease files of the made-up organisation, as its servers would write them.
//!
//! Enters: a plan. Leaves: the text of a Postfix log (RFC 3339 times, as rsyslog writes by default
//! since Debian 12) and of Kea's lease file. Never: a line that the plan does not have.

use std::net::IpAddr;

use super::case::CaseFile;
use super::plan::{Move, Plan, Session, What};
use crate::base::Timestamp;

/// Name of the mail log as a feed.
pub const MAIL_FEED: &str = "mail";
/// Name of the lease file as a feed.
pub const LEASE_FEED: &str = "leases";

/// Files beside the capture, by name: the organisation's map and register, the feeds and the file
/// that lists them. A feed without a line is left out.
pub fn files(case: &CaseFile, plan: &Plan) -> Vec<(&'static str, String)> {
    let mut files = vec![("organisation.toml", case.organisation.to_string())];
    let mut list = String::new();
    let feeds = [
        (MAIL_FEED, "postfix", "mail.log", mail_log(plan)),
        (LEASE_FEED, "kea", "leases.csv", leases(plan)),
    ];
    for (name, kind, file, text) in feeds {
        // A lease file's first line are its columns.
        if text.lines().count() < 2 {
            continue;
        }
        list += &format!("[[feed]]\nname = \"{name}\"\nkind = \"{kind}\"\npath = \"{file}\"\n");
        if kind == "postfix" {
            list += "from = \"start\"\n";
        }
        list.push('\n');
        files.push((file, text));
    }
    files.push(("feeds.toml", list));
    files
}

/// The mail server's log, empty when there was no mail.
pub fn mail_log(plan: &Plan) -> String {
    let mut text = String::new();
    for it in &plan.moves {
        let What::Mail { from, to } = &it.what else {
            continue;
        };
        let id = mail_id(it);
        let at = time(plan, it.at);
        let later = time(plan, it.at + 400_000);
        let head = "mail postfix";
        text +=
            &format!("{at} {head}/smtpd[811]: {id}: client=out.sender.example[198.51.100.25]\n");
        text += &format!("{at} {head}/cleanup[812]: {id}: message-id=<{id}@sender.example>\n");
        text += &format!(
            "{at} {head}/qmgr[813]: {id}: from=<{from}>, size=4312, nrcpt=1 (queue active)\n"
        );
        text += &format!(
            "{later} {head}/lmtp[814]: {id}: to=<{to}>, relay=mail.agency.example[/run/lmtp], \
             delay=0.4, delays=0.1/0/0.1/0.2, dsn=2.0.0, status=sent (250 2.0.0 Ok)\n"
        );
        text += &format!("{later} {head}/qmgr[813]: {id}: removed\n");
    }
    text
}

/// The queue id of a mail.
pub fn mail_id(it: &Move) -> String {
    format!("4F{:08X}", it.number)
}

/// Kea's lease file (DHCPv4, as version 2.2 writes it).
pub fn leases(plan: &Plan) -> String {
    let mut text = String::from(
        "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,\
         state,user_context\n",
    );
    for it in &plan.moves {
        let client = &plan.clients[it.client];
        let (What::Dhcp { act, lease }, IpAddr::V4(address)) = (&it.what, client.address) else {
            continue;
        };
        let mac: Vec<String> = client
            .mac
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let host = client.host.as_deref().unwrap_or_default();
        let mac = mac.join(":");
        let begin = plan.start + it.at / 1_000_000;
        let (lease, end) = match act {
            Session::Stop => (0, begin),
            _ => (*lease, begin + u64::from(*lease)),
        };
        text += &format!("{address},{mac},01:{mac},{lease},{end},1,0,0,{host},0,\n");
    }
    text
}

fn time(plan: &Plan, at: u64) -> String {
    let nanos = at as i64 * 1_000;
    let at = Timestamp::from_secs_nanos(plan.start as i64, nanos);
    // Six digits after the second and the offset, as rsyslog does.
    format!("{}+00:00", &at.to_string()[..26])
}
