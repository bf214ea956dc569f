//! What a confined thread can do, and what it cannot. Landlock and seccomp hold for a thread, so
//! each test confines one of its own.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::thread;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::*;

/// Runs `work` confined, in a thread of its own.
fn inside<T: Send + 'static>(
    cell: Cell,
    grants: Grants,
    work: impl FnOnce(Confined) -> T + Send + 'static,
) -> T {
    let body = move || work(enter(cell, &grants).expect("confined"));
    thread::spawn(body).join().expect("no panic")
}

/// Does this kernel have Landlock? Without it the tests of files have nothing to see.
fn landlock() -> bool {
    let here = inside(Cell::Sensor, Grants::default(), |it| {
        it.guards.contains(&Guard::Files)
    });
    if !here {
        println!("skipped: this kernel has no Landlock");
    }
    here
}

fn refused<T>(did: io::Result<T>) -> bool {
    did.is_err_and(|e| e.kind() == ErrorKind::PermissionDenied)
}

#[test]
fn what_is_said_to_hold_was_tried() {
    let before = thread::spawn(seen).join().expect("no panic");
    assert!(!before.contains(&Guard::Calls), "{before:?}");
    assert!(!before.contains(&Guard::Files), "{before:?}");
    for cell in [Cell::Sensor, Cell::Desk] {
        let guards = inside(cell, Grants::default(), |it| it.guards);
        for guard in [Guard::Calls, Guard::Privileges, Guard::CoreDumps] {
            assert!(guards.contains(&guard), "{cell}: {guards:?}");
        }
    }
    // The thread that asked is as free as before.
    assert!(fs::File::open("/").is_ok());
}

#[test]
fn the_sensor_reads_its_lists_and_reaches_nothing_else() {
    if !landlock() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (lists, other) = (folder.path().join("lists"), folder.path().join("key"));
    fs::create_dir(&lists).expect("made");
    fs::write(lists.join("a.txt"), "x").expect("written");
    fs::write(&other, "secret").expect("written");
    let grants = Grants {
        read: vec![lists.clone()],
        ..Grants::default()
    };
    inside(Cell::Sensor, grants, move |_| {
        assert_eq!(fs::read(lists.join("a.txt")).expect("read"), b"x");
        assert!(refused(fs::read(&other)), "a file beside the lists");
        assert!(refused(fs::read("/etc/passwd")));
        assert!(refused(fs::write(lists.join("b.txt"), "y")));
        assert!(refused(fs::remove_file(lists.join("a.txt"))));
        assert!(refused(fs::rename(
            lists.join("a.txt"),
            lists.join("c.txt")
        )));
    });
}

#[test]
fn the_desk_keeps_its_folders_and_no_other() {
    if !landlock() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (own, config) = (folder.path().join("own"), folder.path().join("config"));
    for folder in [&own, &config] {
        fs::create_dir(folder).expect("made");
        fs::write(folder.join("a"), "x").expect("written");
    }
    let grants = Grants {
        read: vec![config.clone()],
        write: vec![own.clone()],
        connects: true,
        signals: true,
    };
    inside(Cell::Desk, grants, move |_| {
        keeps(&own);
        assert_eq!(fs::read(config.join("a")).expect("read"), b"x");
        assert!(refused(fs::write(config.join("a"), "y")));
        assert!(refused(fs::remove_file(config.join("a"))));
        assert!(refused(fs::rename(own.join("d"), config.join("d"))));
        assert!(refused(fs::write(config.with_file_name("stray"), "y")));
    });
}

/// All that ledger, store, logs and outbox do with a folder.
fn keeps(own: &Path) {
    fs::create_dir(own.join("d")).expect("a folder within");
    fs::write(own.join("d/b"), "y").expect("a new file");
    fs::rename(own.join("d/b"), own.join("b")).expect("moved up");
    fs::remove_file(own.join("b")).expect("removed");
    let file = fs::OpenOptions::new()
        .write(true)
        .open(own.join("a"))
        .expect("opened");
    file.set_len(0).expect("cut");
    file.sync_all().expect("forced");
    let database = rusqlite::Connection::open(own.join("x.sqlite")).expect("a store");
    database
        .execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES (1);")
        .expect("written");
}

#[test]
fn no_program_is_run_and_no_packet_is_taken() {
    for cell in [Cell::Sensor, Cell::Desk] {
        inside(cell, Grants::default(), move |_| {
            assert!(Command::new("/bin/true").status().is_err(), "{cell}");
            let packets = socket(
                AddressFamily::Packet,
                SockType::Raw,
                SockFlag::empty(),
                None,
            );
            assert_eq!(packets.map(drop), Err(Errno::EPERM), "{cell}");
            assert_eq!(nix::unistd::chroot("/"), Err(Errno::EPERM), "{cell}");
        });
    }
}

#[test]
fn the_sensor_has_no_network_and_the_desk_opens_no_port() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("its address");
    inside(Cell::Sensor, Grants::default(), move |_| {
        assert!(refused(TcpStream::connect(at)));
        assert!(refused(UdpSocket::bind("127.0.0.1:0")));
    });
    let grants = Grants {
        connects: true,
        ..Grants::default()
    };
    inside(Cell::Desk, grants, move |it| {
        TcpStream::connect(at).expect("sinks are reached");
        if it.guards.contains(&Guard::Files) && it.lacking.is_empty() {
            assert!(refused(TcpListener::bind("127.0.0.1:0")));
        }
    });
}

#[test]
fn a_worker_opens_nothing_and_starts_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a"), "x").expect("written");
    let grants = Grants {
        read: vec![folder.path().to_owned()],
        ..Grants::default()
    };
    inside(Cell::Sensor, grants, move |_| {
        let list = folder.path().join("a");
        assert!(fs::read(&list).is_ok());
        let worker = thread::spawn(move || {
            narrow(Cell::Worker).expect("narrowed");
            // Work goes on: memory, time, what is open.
            let grown: Vec<u8> = vec![1; 8 << 20];
            assert_eq!(
                grown.iter().map(|b| usize::from(*b)).sum::<usize>(),
                8 << 20
            );
            let thread = thread::Builder::new().spawn(|| ());
            (refused(fs::read(&list)), thread.is_err())
        });
        assert_eq!(worker.join().expect("no panic"), (true, true));
    });
}

#[test]
fn the_page_about_the_sandbox_lists_each_call_and_no_other() {
    let page = include_str!("../../docs/operations/sandbox.md");
    let (_, page) = page
        .split_once("## The calls that stay")
        .expect("the table");
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let name = cells.next()?.trim_end_matches('`');
        Some((
            name,
            cells.next()?,
            cells.next()?,
            cells.next()?.trim_end_matches(" |"),
        ))
    });
    let rows: Vec<_> = rows.collect();
    for call in Call::ALL {
        let cells: Vec<_> = call.cells.iter().map(|cell| cell.label()).collect();
        let row = rows.iter().find(|row| row.0 == call.name);
        let (_, who, seen, why) = row.unwrap_or_else(|| panic!("no row for {}", call.name));
        assert_eq!(*who, cells.join(", "), "{}", call.name);
        assert!(["yes", "no"].contains(seen), "{}: {seen}", call.name);
        assert_eq!(*why, call.why, "{}", call.name);
    }
    // Other processors lack some of them.
    if cfg!(target_arch = "x86_64") {
        assert_eq!(rows.len(), Call::ALL.len(), "a row of no call");
    }
}
