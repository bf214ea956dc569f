//! Rights, files, and a daemon that runs.

use super::{Say, bytes};
use crate::config::Config;
use crate::doctor::facts::{Control, Daemon, Facts, Written};
use crate::doctor::finding::{Finding, Id, Level};

/// Below this a folder is as good as full.
const FREE_MIN: u64 = 16 << 20;

pub(super) fn rights(facts: &Facts, out: &mut Vec<Finding>) {
    let process = &facts.process;
    let next = "run as root, or `setcap cap_net_raw+ep` on the program, or put \
                `AmbientCapabilities=CAP_NET_RAW` into the systemd unit";
    match (process.net_raw, &process.packet_socket) {
        (true, None) => out.ok(
            Id::CaptureRight,
            "this process has CAP_NET_RAW and can open a packet socket",
        ),
        (true, Some(why)) => out.fail(
            Id::CaptureRight,
            format!("CAP_NET_RAW is there, but a packet socket cannot be opened: {why}"),
            "look for a seccomp filter (`RestrictAddressFamilies=` must allow AF_PACKET), and \
             whether the kernel has CONFIG_PACKET",
        ),
        (false, None) => out.info(
            Id::CaptureRight,
            "CAP_NET_RAW is missing, but a packet socket can be opened",
            "",
        ),
        (false, Some(_)) => out.fail(
            Id::CaptureRight,
            "this process may not capture: CAP_NET_RAW is missing",
            if process.no_new_privs {
                "no_new_privs is set, so `setcap` on the program has no effect here: give the right \
                 by `AmbientCapabilities=CAP_NET_RAW` in the systemd unit"
            } else {
                next
            },
        ),
    }
    match &process.capture {
        Some(Ok(())) => out.ok(
            Id::CaptureOpens,
            "the capture opens with the options of the configuration",
        ),
        Some(Err(why)) => out.fail(
            Id::CaptureOpens,
            format!("the capture does not open: {why}"),
            "mend what the message names; until then `poortwacht run` ends with it",
        ),
        None => {}
    }
    match (process.no_new_privs, process.seccomp) {
        (false, 0) => out.ok(Id::Confinement, "no seccomp filter, no_new_privs not set"),
        (nnp, mode) => out.info(
            Id::Confinement,
            format!(
                "no_new_privs is {}, seccomp mode {mode}",
                if nnp { "set" } else { "not set" }
            ),
            "capabilities must then come from the service manager, and the filter must allow \
             AF_PACKET sockets",
        ),
    }
    run_as(facts, out);
}

/// Root may do what the daemon's user may not.
fn run_as(facts: &Facts, out: &mut Vec<Finding>) {
    let other = [
        &facts.files.key_place,
        &facts.files.hits,
        &facts.files.cases,
    ]
    .into_iter()
    .find_map(|place| place.owner.filter(|owner| *owner != facts.process.uid));
    match other {
        Some(owner) if facts.process.uid == 0 => out.info(
            Id::RunAs,
            format!("this is root, but the files of the daemon belong to user id {owner}"),
            "what is said of rights and files holds for root: for the daemon's own view run \
             `setpriv --reuid=UID --regid=GID --init-groups --inh-caps=+net_raw \
             --ambient-caps=+net_raw poortwacht doctor`",
        ),
        Some(owner) => out.warn(
            Id::RunAs,
            format!(
                "this is user id {}, but files of the daemon belong to user id {owner}",
                facts.process.uid
            ),
            "run doctor as the user of the daemon",
        ),
        None => out.ok(
            Id::RunAs,
            format!("user id {} owns the files of the daemon", facts.process.uid),
        ),
    }
}

pub(super) fn files(facts: &Facts, config: &Config, out: &mut Vec<Finding>) {
    match &facts.config {
        Some((path, Ok(()))) => {
            out.ok(Id::Config, format!("{} is read, and sound", path.display()))
        }
        Some((_, Err(why))) => out.fail(
            Id::Config,
            why.clone(),
            "mend it; what follows was looked at with the defaults in its place",
        ),
        None => out.info(
            Id::Config,
            "no configuration file was given: the defaults count",
            "name the daemon's with --config",
        ),
    }
    for note in config.warnings() {
        // The first part says what is, the last what to do, as `run` logs them.
        match note.rsplit_once("; ") {
            Some((what, next)) => out.info(Id::ConfigNote, what, next),
            None => out.info(Id::ConfigNote, note, ""),
        }
    }
    let files = &facts.files;
    key(facts, out);
    let rotated = u64::from(config.hits.rotate_mib) << 20;
    let rotated = rotated.saturating_mul(u64::from(config.hits.rotate_keep) + 1);
    written(Id::HitLog, "the hit log", &files.hits, rotated, out);
    written(
        Id::CaseFolder,
        "the folder of the cases",
        &files.cases,
        0,
        out,
    );
    let spool = u64::from(config.alerts.mib_max) << 20;
    written(
        Id::AlertFolder,
        "the folder of the alerts",
        &files.alerts,
        spool,
        out,
    );
}

fn key(facts: &Facts, out: &mut Vec<Finding>) {
    let place = &facts.files.key_place;
    match (&facts.files.key, &place.problem) {
        (Some(Ok(())), _) => out.ok(
            Id::KeyFile,
            format!(
                "{} is there and nobody else can read it",
                place.path.display()
            ),
        ),
        (Some(Err(why)), _) => out.fail(
            Id::KeyFile,
            why.clone(),
            "mend it before the start: without its key the daemon does not begin",
        ),
        (None, None) => out.ok(
            Id::KeyFile,
            format!("{} will be made at the first start", place.path.display()),
        ),
        (None, Some(why)) => out.fail(
            Id::KeyFile,
            format!("{} cannot be made: {why}", place.path.display()),
            "make its folder writable for the daemon's user, or set `key_file` under [privacy]",
        ),
    }
}

/// A place that the daemon writes, which may grow to `most` bytes.
fn written(id: Id, what: &str, place: &Written, most: u64, out: &mut Vec<Finding>) {
    let path = place.path.display();
    match &place.problem {
        Some(why) => out.fail(
            id,
            format!("{what}, {path}, cannot be written: {why}"),
            "make it writable for the daemon's user (`ReadWritePaths=` in the unit), or name \
             another place",
        ),
        None => out.ok(id, format!("{what}, {path}, can be written")),
    }
    let Some(free) = place.free_bytes else { return };
    let have = format!("{} are free for {what}", bytes(free));
    let finding = if free < FREE_MIN {
        Finding::new(
            Id::FreeSpace,
            Level::Failure,
            have,
            "free room: without it records wait in memory, and the oldest are lost at its bound",
        )
    } else if free < most {
        Finding::new(
            Id::FreeSpace,
            Level::Warning,
            format!("{have}, which may grow to {}", bytes(most)),
            "free room, or lower the bounds in the configuration (`rotate_mib`, `rotate_keep`, \
             `mib_max`)",
        )
    } else {
        Finding::ok(Id::FreeSpace, have)
    };
    out.push(finding.about(place.path.display().to_string()));
}

pub(super) fn daemon(facts: &Facts, config: &Config, out: &mut Vec<Finding>) {
    let daemon = &facts.daemon;
    let socket = config.control.socket.display();
    match daemon.control {
        Control::Answers => out.ok(Id::DaemonRunning, format!("a daemon answers at {socket}")),
        Control::Absent => out.info(
            Id::DaemonRunning,
            format!("no daemon runs with this configuration: {socket} is not there"),
            "start it when the findings allow",
        ),
        Control::LeftOver => out.info(
            Id::DaemonRunning,
            format!("no daemon runs: {socket} was left over by one that did not end well"),
            "start it: it replaces the socket; its last messages say why it ended",
        ),
        Control::Forbidden => out.warn(
            Id::DaemonRunning,
            format!("this user may not ask at {socket}, so it is not known whether a daemon runs"),
            "run doctor as the user of the daemon, or as root",
        ),
    }
    if daemon.control == Control::Answers {
        ready(daemon, config, out);
        loss(daemon, out);
        list(facts, out);
    } else if let Some(Err(why)) = &daemon.address {
        out.fail(
            Id::PagesAddress,
            format!("the address of the pages cannot be had: {why}"),
            "end what listens there, or set `listen` under [http]",
        );
    } else if daemon.address.is_some() {
        out.ok(
            Id::PagesAddress,
            format!("{} is free for the pages", config.http.listen),
        );
    }
}

fn ready(daemon: &Daemon, config: &Config, out: &mut Vec<Finding>) {
    match &daemon.ready {
        Some(Ok(())) => out.ok(Id::DaemonReady, "the daemon says that it is ready"),
        Some(Err(why)) => out.fail(
            Id::DaemonReady,
            format!("the daemon is not ready: {}", why.join("; ")),
            "docs/operations.md says what to do for each reason",
        ),
        None if !config.http.web_config.as_os_str().is_empty() => out.warn(
            Id::DaemonReady,
            "the pages may ask for TLS or a password ([http] web_config), and were not read",
            "`curl --cacert CA --user NAME https://ADDRESS/readyz` tells whether it is ready",
        ),
        None => out.warn(
            Id::DaemonReady,
            format!("http://{}/readyz did not answer", config.http.listen),
            "is this the daemon's configuration, and is this its network namespace?",
        ),
    }
}

fn loss(daemon: &Daemon, out: &mut Vec<Finding>) {
    let count = |name: &str| {
        let name = format!("poortwacht_{name}");
        daemon.metrics.get(&name).map_or(0, |value| *value as u64)
    };
    if daemon.metrics.is_empty() {
        return;
    }
    let parts = [
        (
            "frames dropped by the kernel",
            "kernel_dropped_frames_total",
        ),
        ("events dropped before the desk", "events_dropped_total"),
        ("hit records lost", "hit_records_lost_total"),
        ("times without a buffer", "pool_empty_total"),
    ];
    let lost: Vec<String> = parts
        .iter()
        .filter(|(_, name)| count(name) > 0)
        .map(|(what, name)| format!("{} {what}", count(name)))
        .collect();
    if lost.is_empty() {
        out.ok(
            Id::DaemonLoss,
            format!(
                "the daemon has lost nothing of {} frames since its start",
                count("frames_total")
            ),
        );
    } else {
        out.warn(
            Id::DaemonLoss,
            format!(
                "since its start the daemon counts: {} (of {} frames)",
                lost.join(", "),
                count("frames_total")
            ),
            "more `workers`, then a larger `ring_mib`; for events and records look at the disk",
        );
    }
}

fn list(facts: &Facts, out: &mut Vec<Finding>) {
    let Some(Ok(disk)) = &facts.lists.list else {
        return;
    };
    match &facts.daemon.list_version {
        Some(version) if *version == disk.version => out.ok(
            Id::DaemonList,
            format!("the list in force is the one on the disk, {version}"),
        ),
        Some(version) => out.warn(
            Id::DaemonList,
            format!(
                "the daemon watches by list {version}, the disk holds {}",
                disk.version
            ),
            "`poortwacht reload`",
        ),
        None => {}
    }
}
