//! The identity messages of a capture, read by tshark, which shares nothing with their maker.

use std::process::Command;

use super::report;
use poortwacht::simulate::plan::{Session, What};

#[test]
fn identity_messages_are_what_tshark_reads() {
    if Command::new("tshark").arg("--version").output().is_err() {
        return println!("skipped: tshark is not installed");
    }
    report(|played| {
        let mut command = Command::new("tshark");
        command.args(["-r".as_ref(), played.capture().as_os_str()]);
        command.args(["-Y", "dhcp or radius or kerberos"]);
        command.args(["-T", "fields", "-E", "separator=/t", "-E", "occurrence=f"]);
        for field in [
            "dhcp.option.dhcp",
            "dhcp.ip.your",
            "radius.code",
            "radius.User_Name",
            "radius.Framed-IP-Address",
            "kerberos.msg_type",
            "kerberos.CNameString",
            "_ws.malformed",
        ] {
            command.args(["-e", field]);
        }
        let output = command.output().map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut found: Vec<String> = Vec::new();
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let [dhcp, yours, code, user, framed, kerberos, cname, malformed] = fields[..] else {
                return Err(format!("not eight columns: {line}"));
            };
            if !malformed.is_empty() {
                return Err(format!("malformed: {line}"));
            }
            match (dhcp, code, kerberos) {
                ("5", ..) => found.push(format!("lease {yours}")),
                (_, "4", _) => found.push(format!("session {user} {framed}")),
                (_, _, "11") => found.push(format!("ticket {cname}")),
                _ => {}
            }
        }
        let mut expected: Vec<String> = Vec::new();
        for it in &played.plan.moves {
            let client = &played.plan.clients[it.client];
            let user = client.user.as_deref().unwrap_or_default();
            match &it.what {
                What::Dhcp { act, .. } if *act != Session::Stop => {
                    expected.push(format!("lease {}", client.address));
                }
                What::Radius { .. } => {
                    expected.push(format!("session {user} {}", client.address));
                }
                What::Kerberos => expected.push(format!("ticket {user}")),
                _ => {}
            }
        }
        found.sort_unstable();
        expected.sort_unstable();
        if found != expected {
            return Err(format!("\n  expected {expected:?}\n  tshark {found:?}"));
        }
        Ok(())
    });
}
