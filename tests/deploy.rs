//! What stands in `deploy/` for networks and packages, tried: the script for interfaces on a veth pair
//! of a namespace, the rules by nft, the scripts by shellcheck, the bill of materials.
//!
//! Enters: root and the tools, where they are; without them a test prints `skipped:`. Leaves: a failure
//! with what the tool said. Never: touches an interface of this machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(file)
}

fn has(tool: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {tool}")])
        .output();
    let there = found.is_ok_and(|it| it.status.success());
    if !there {
        println!("skipped: {tool} is not here");
    }
    there
}

fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        println!("skipped: a namespace takes root");
    }
    root
}

fn said(run: &Output) -> String {
    let (out, err) = (&run.stdout, &run.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

#[test]
fn scripts_are_clean() {
    if !has("shellcheck") {
        return;
    }
    let scripts = [
        "network/nic",
        "debian/build",
        "debian/postinst",
        "debian/prerm",
        "debian/postrm",
    ];
    let run = Command::new("shellcheck")
        .args(scripts.map(deploy))
        .output()
        .expect("run");
    assert!(run.status.success(), "{}", said(&run));
}

#[test]
fn an_interface_is_shown_changed_and_put_back() {
    if !is_root() || !has("ethtool") || !has("ip") {
        return;
    }
    let state = tempfile::tempdir().expect("a folder");
    // One namespace for all, gone with its last process.
    let script = format!(
        "set -e; export STATE={}; nic={}\n\
         ip link add name pw0 type veth peer name pw1\n\
         look() {{ ethtool -k pw0; ip -o link show pw0; sysctl -n net.ipv6.conf.pw0.disable_ipv6; }}\n\
         before=$(look)\n\
         $nic --mirror pw0 | grep -q 'would be changed'; test \"$(look)\" = \"$before\"; echo shown\n\
         $nic --apply --mirror pw0 >/dev/null; test \"$(look)\" != \"$before\"\n\
         ip -o link show pw0 | grep -q NOARP; echo changed\n\
         ! $nic --apply --mirror pw0 2>/dev/null; echo once\n\
         $nic --undo pw0 >/dev/null; test \"$(look)\" = \"$before\"; echo back\n\
         ! $nic --undo pw0 2>/dev/null; ! $nic nosuch0 2>/dev/null; echo refused",
        state.path().display(),
        deploy("network/nic").display()
    );
    let run = Command::new("unshare")
        .args(["--net", "bash", "-c", &script])
        .output()
        .expect("run");
    assert_eq!(said(&run).trim(), "shown\nchanged\nonce\nback\nrefused");
}

#[test]
fn the_rules_for_a_router_are_taken() {
    if !is_root() || !has("nft") {
        return;
    }
    let rules = std::fs::read_to_string(deploy("network/poortwacht.nft")).expect("read");
    // The package's user is not on every machine; 65534 is.
    let here = rules.replace("\"poortwacht-sensor\"", "65534");
    assert_ne!(here, rules);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), here).expect("written");
    let check = format!(
        "nft -c -f {0} && nft -f {0} && nft -f {0} && nft list ruleset",
        file.path().display()
    );
    let run = Command::new("unshare")
        .args(["--net", "sh", "-c", &check])
        .output()
        .expect("run");
    assert!(run.status.success(), "{}", said(&run));
    // Loaded twice, it stands once.
    assert_eq!(
        said(&run).matches("dport 9477").count(),
        2,
        "{}",
        said(&run)
    );
}

#[test]
fn the_bill_of_materials_lists_each_crate_with_licence_and_hash() {
    if !has("python3") {
        return;
    }
    let make = || Command::new(deploy("sbom")).output().expect("run");
    let run = make();
    assert!(run.status.success(), "{}", said(&run));
    assert_eq!(
        run.stdout,
        make().stdout,
        "it differs from one run to the next"
    );
    let bill: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert_eq!(bill["specVersion"], "1.5");
    let parts = bill["components"].as_array().expect("components");
    assert!(parts.len() > 100, "{}", parts.len());
    for part in parts {
        assert!(part["licenses"][0]["expression"].is_string(), "{part}");
        assert!(
            part["hashes"][0]["content"]
                .as_str()
                .is_some_and(|it| it.len() == 64),
            "{part}"
        );
    }
    let has = |name: &str| parts.iter().any(|part| part["name"] == name);
    assert!(has("ring") && !has("proptest"), "what ships, and only that");
}
