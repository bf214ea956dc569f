//! `poortwacht doctor` on real state: namespaces, veth pairs, address translation, offloads, users
//! and limits of the tests' own. Those that need root are skipped, and say so, elsewhere.

#[path = "doctor/lab.rs"]
mod lab;
#[path = "doctor/run.rs"]
mod run;

use std::path::Path;

use lab::Lab;
use poortwacht::doctor::Id;
use run::{Answer, doctor, root_folder};

#[test]
fn every_check_has_a_row_in_the_documentation_and_every_row_is_a_check() {
    let text = std::fs::read_to_string(root_folder().join("docs/doctor.md")).unwrap();
    let rows: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let ids: Vec<&str> = Id::ALL.iter().map(|id| id.label()).collect();
    assert_eq!(rows, ids);
}

#[test]
fn a_broken_configuration_is_the_finding_and_the_rest_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.toml");
    std::fs::write(&path, "[sensor]\ninterfaces = [\"lo\"]\nworkerz = 2\n").unwrap();
    let answer = doctor(&["--listen", "0", "--config", path.to_str().unwrap()]);
    assert_eq!(answer.code, 1);
    assert_eq!(answer.level("config"), "failure");
    let what = answer.what("config");
    assert!(
        what.contains("p.toml:3") && what.contains("workerz"),
        "{what}"
    );
    assert_eq!(answer.level("list"), "ok");
}

#[test]
fn without_an_interface_there_is_nothing_to_watch() {
    let answer = doctor(&[]);
    assert_eq!((answer.code, answer.level("sources")), (1, "failure"));
    assert_eq!(answer.json["listened_seconds"], 0);
}

#[test]
fn a_missing_interface_is_told_with_those_that_are_there() {
    let answer = doctor(&["--interface", "nosuch0", "--listen", "0"]);
    assert_eq!(answer.level("interface-exists"), "failure");
    assert!(answer.what("interface-exists").contains("lo"), "{answer:?}");
}

#[test]
fn files_that_others_can_read_or_that_are_stale_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("key"), "0123456789abcdef".repeat(4)).unwrap();
    run::tool("chmod", &["0644", &at("key")]);
    std::fs::write(at("user.txt"), "vendor.example\n").unwrap();
    std::fs::write(at("leases"), "no lease at all\n").unwrap();
    run::tool("touch", &["-d", "3 days ago", &at("leases")]);
    let config = format!(
        "[lists]\nuser = [{:?}]\n[privacy]\nkey_file = {:?}\n[hits]\npath = {:?}\n\
         [[feed]]\nkind = \"dnsmasq\"\nname = \"leases\"\npath = {:?}\n\
         [[feed]]\nkind = \"squid\"\nname = \"proxy\"\npath = {:?}\n",
        at("user.txt"),
        at("key"),
        at("nowhere/hits.jsonl"),
        at("leases"),
        at("missing.log"),
    );
    std::fs::write(at("p.toml"), config).unwrap();
    let answer = doctor(&[
        "--config",
        &at("p.toml"),
        "--interface",
        "lo",
        "--listen",
        "0",
    ]);
    assert_eq!(answer.level("key-file"), "failure");
    assert_eq!(answer.level("hit-log"), "failure");
    assert_eq!(answer.of("feed-fresh", "leases"), "warning");
    assert_eq!(answer.of("feed-format", "leases"), "failure");
    assert_eq!(answer.of("feed-file", "proxy"), "failure");
    // The folder's newest file counts, and that is the user list, of now.
    assert_eq!(answer.level("list-age"), "ok");
    run::tool("touch", &["-d", "200 days ago", &at("user.txt")]);
    run::tool("chmod", &["0600", &at("key")]);
    let words = [
        "--config",
        &at("p.toml"),
        "--lists",
        &at("v"),
        "--listen",
        "0",
    ];
    let vendors = root_folder().join("blocklists");
    run::tool("cp", &["-r", vendors.to_str().unwrap(), &at("v")]);
    run::tool(
        "find",
        &[&at("v"), "-exec", "touch", "-d", "200 days ago", "{}", "+"],
    );
    let answer = doctor(&words);
    assert_eq!(answer.level("list-age"), "warning");
    assert_eq!(answer.level("key-file"), "ok");
    let patient = doctor(&[&words[..], &["--list-days", "400"]].concat());
    assert_eq!(patient.level("list-age"), "ok");
}

#[test]
fn a_capture_file_tells_the_same_of_the_place_where_it_was_made() {
    let read = |name: &str| {
        let folder = root_folder().join("tests/data/captures").join(name);
        let files = std::fs::read_dir(&folder).unwrap().flatten();
        let mut found = files.map(|entry| entry.path());
        let is_capture = |path: &std::path::PathBuf| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("capture.")
        };
        let path = found.find(is_capture).unwrap();
        doctor(&["--read", path.to_str().unwrap()])
    };
    assert_eq!(read("curl-tls13").level("traffic-directions"), "ok");
    assert_eq!(read("curl-tls13").code, 0);
    let up = read("one-way-up");
    assert_eq!((up.level("traffic-directions"), up.code), ("failure", 1));
    assert!(
        up.what("traffic-directions").contains("no answers seen"),
        "{up:?}"
    );
    let down = read("one-way-down");
    assert_eq!(down.level("traffic-directions"), "failure");
    assert!(
        down.what("traffic-directions")
            .contains("only answers seen"),
        "{down:?}"
    );
    let cut = read("snaplen-96");
    assert_eq!(cut.level("traffic-cut"), "warning");
    assert!(
        cut.finding("interface-up").is_none(),
        "nothing of this machine"
    );
}

#[test]
fn warnings_fail_only_when_asked_to() {
    let path = root_folder().join("tests/data/captures/snaplen-96/capture.pcap");
    let path = path.to_str().unwrap();
    assert_eq!(doctor(&["--read", path]).code, 0);
    assert_eq!(doctor(&["--read", path, "--strict"]).code, 1);
}

#[test]
fn in_a_pipe_there_are_plain_lines() {
    let text = run::plain(&["--interface", "nosuch0", "--listen", "0"]);
    let line = text.lines().find(|line| line.contains("interface-exists"));
    assert!(
        line.unwrap()
            .starts_with("failure interface-exists [nosuch0]: it does not exist")
    );
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(
        text.lines().last().unwrap().starts_with("failures: "),
        "{text}"
    );
}

#[test]
fn alertmanager_is_asked_only_when_it_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.toml");
    // Bound, and closed again: nobody answers there.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let config = format!("[alerts.alertmanager]\nurl = \"http://127.0.0.1:{port}\"\n");
    std::fs::write(&path, config).unwrap();
    let words = ["--listen", "0", "--config", path.to_str().unwrap()];
    assert_eq!(doctor(&words).level("alertmanager"), "info");
    let asked = doctor(&[&words[..], &["--network"]].concat());
    assert_eq!(asked.level("alertmanager"), "failure");
}

#[test]
fn a_user_without_the_right_is_told_how_to_get_it_and_with_it_needs_no_locked_memory() {
    let Some(_lab) = Lab::new() else { return };
    let binary = run::for_everybody();
    let nobody = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let words = ["doctor", "--interface", "lo", "--listen", "0", "--json"];
    let of = |before: &[&str]| {
        let binary = [binary.to_str().unwrap()];
        run::ask(&[&nobody[..], before, &binary, &words].concat())
    };
    let answer = of(&["--inh-caps=-all", "--bounding-set=-all"]);
    assert_eq!((answer.code, answer.level("capture-right")), (1, "failure"));
    assert!(
        answer.next("capture-right").contains("CAP_NET_RAW"),
        "{answer:?}"
    );
    assert_eq!(answer.level("capture-opens"), "failure");

    let answer = of(&["--inh-caps=-all", "--no-new-privs"]);
    assert_eq!(answer.level("confinement"), "info");
    assert!(
        answer.next("capture-right").contains("has no effect here"),
        "{answer:?}"
    );

    let raw = ["--inh-caps=+net_raw", "--ambient-caps=+net_raw"];
    let answer = of(&[&raw[..], &["prlimit", "--memlock=0"]].concat());
    assert_eq!(answer.level("capture-right"), "ok");
    assert_eq!(answer.level("capture-opens"), "ok", "{answer:?}");
    assert!(
        answer.what("locked-memory").contains("0 bytes"),
        "{answer:?}"
    );

    // With the same right and room for nothing but the program, the ring's map fails.
    let answer = of(&[&raw[..], &["prlimit", "--as=150000000"]].concat());
    assert_eq!(answer.level("address-space"), "failure", "{answer:?}");
}

#[test]
fn a_gateway_watched_on_its_inner_and_on_its_outer_side() {
    let Some(lab) = Lab::new() else { return };
    let Some(_traffic) = lab.traffic() else {
        return;
    };
    let inside = lab.doctor(&["--interface", "lan0", "--listen", "3"]);
    assert_eq!(inside.level("traffic-side"), "ok", "{inside:?}");
    assert_eq!(inside.level("traffic-directions"), "ok", "{inside:?}");
    assert_eq!(inside.level("traffic-others"), "ok", "{inside:?}");
    assert!(
        inside.what("traffic-clients").contains("5 addresses"),
        "{inside:?}"
    );

    let outside = lab.doctor(&["--interface", "wan0", "--listen", "3"]);
    assert_eq!(
        (outside.code, outside.level("traffic-side")),
        (1, "failure"),
        "{outside:?}"
    );
    let what = outside.what("traffic-side");
    assert!(
        what.contains("you are on the wrong side of the NAT"),
        "{what}"
    );
    assert_eq!(outside.level("traffic-directions"), "ok", "{outside:?}");
    for answer in [&inside, &outside] {
        let text = answer.json.to_string();
        for address in ["10.99.", "192.0.2."] {
            assert!(!text.contains(address), "an address is told: {text}");
        }
    }
}

#[test]
fn a_mirror_of_one_direction() {
    let Some(lab) = Lab::new() else { return };
    let Some(_traffic) = lab.traffic() else {
        return;
    };
    if !lab.mirror_one_direction() {
        eprintln!("skipped: tc mirred does not work here");
        return;
    }
    let answer = lab.doctor(&["--interface", "mir1", "--listen", "3"]);
    assert_eq!(answer.level("traffic-directions"), "failure", "{answer:?}");
    let what = answer.what("traffic-directions");
    assert!(what.contains("no answers seen"), "{what}");
}

#[test]
fn an_interface_that_is_down_and_one_whose_other_end_is() {
    let Some(lab) = Lab::new() else { return };
    lab.ip_router(&["link", "set", "lan0", "down"]);
    let answer = lab.doctor(&["--interface", "lan0", "--listen", "0"]);
    assert_eq!((answer.code, answer.level("interface-up")), (1, "failure"));
    assert_eq!(answer.next("interface-up"), "`ip link set lan0 up`");
    lab.ip_router(&["link", "set", "lan0", "up"]);
    lab.ip_client(&["link", "set", "cl0", "down"]);
    let answer = lab.doctor(&["--interface", "lan0", "--listen", "0"]);
    assert_eq!(answer.level("interface-up"), "ok");
    assert_eq!(answer.level("interface-carrier"), "failure", "{answer:?}");
}

#[test]
fn offloads_as_ethtool_sets_them() {
    let Some(lab) = Lab::new() else { return };
    let look = || lab.doctor(&["--interface", "lan0", "--listen", "0"]);
    lab.ethtool(&["-K", "lan0", "gro", "off", "tso", "off", "gso", "off"]);
    let off = look();
    let levels = |answer: &Answer| {
        ["offload-gro", "offload-udp-gro", "offload-segmentation"]
            .map(|id| answer.level(id).to_owned())
    };
    assert_eq!(levels(&off), ["ok", "ok", "ok"], "{off:?}");
    lab.ethtool(&["-K", "lan0", "gro", "on", "tso", "on", "gso", "on"]);
    lab.ethtool(&["-K", "lan0", "rx-udp-gro-forwarding", "on"]);
    let on = look();
    assert_eq!(levels(&on), ["info", "warning", "info"], "{on:?}");
    assert_eq!(
        on.next("offload-udp-gro"),
        "`ethtool -K lan0 rx-udp-gro-forwarding off`"
    );
}

#[test]
fn a_port_of_a_bridge_and_a_mirror_port_without_an_address() {
    let Some(lab) = Lab::new() else { return };
    lab.ip_router(&["addr", "flush", "dev", "lan0"]);
    let look = || lab.doctor(&["--interface", "lan0", "--listen", "0"]);
    assert_eq!(look().level("promiscuous"), "warning");
    lab.ip_router(&["link", "add", "br0", "type", "bridge"]);
    lab.ip_router(&["link", "set", "lan0", "master", "br0"]);
    let answer = look();
    assert_eq!(answer.level("interface-member"), "info");
    assert!(
        answer.what("interface-member").contains("bridge br0"),
        "{answer:?}"
    );
}

#[test]
fn a_daemon_that_runs_and_one_that_does_not() {
    let Some(lab) = Lab::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = lab.config(folder.path());
    let words = ["--config", config.to_str().unwrap(), "--listen", "0"];
    let before = lab.doctor(&words);
    assert_eq!(before.level("daemon-running"), "info");
    assert_eq!(before.level("pages-address"), "ok");
    {
        let _daemon = lab.daemon(&config);
        let during = lab.doctor(&words);
        assert_eq!(during.level("daemon-running"), "ok", "{during:?}");
        assert_eq!(during.level("daemon-ready"), "ok", "{during:?}");
        assert_eq!(during.level("daemon-list"), "ok", "{during:?}");
        assert!(during.finding("pages-address").is_none());
    }
    // It was killed and left its socket.
    assert!(Path::new(&folder.path().join("control.sock")).exists());
    let after = lab.doctor(&words);
    assert_eq!(after.level("daemon-running"), "info");
    assert!(
        after.what("daemon-running").contains("left over"),
        "{after:?}"
    );
}
