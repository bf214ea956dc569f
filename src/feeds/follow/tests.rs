//! Rotation and loss, on real files.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// A folder with a file and its follower, and what was handed out: bytes, and marks in brackets.
struct Lab {
    folder: tempfile::TempDir,
    follower: Follower,
    got: String,
    last: Option<Polled>,
}

impl Lab {
    fn new(name: &str, from: StartAt) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let follower = Follower::new(&folder.path().join(name), from);
        Self {
            folder,
            follower,
            got: String::new(),
            last: None,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let mut options = OpenOptions::new();
        let mut file = options
            .create(true)
            .append(true)
            .open(self.path(name))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// What the next polls hand out.
    fn polls(&mut self, count: usize) -> String {
        for _ in 0..count {
            let got = &mut self.got;
            self.last = Some(self.follower.poll(&mut |piece| match piece {
                Piece::Begin { old } => got.push_str(if old { "[old]" } else { "[begin]" }),
                Piece::Bytes(bytes) => got.push_str(&String::from_utf8_lossy(bytes)),
                Piece::Live => got.push_str("[live]"),
                Piece::Left => got.push_str("[left]"),
            }));
        }
        std::mem::take(&mut self.got)
    }

    fn problem(&self) -> String {
        let last = self.last.as_ref().unwrap();
        last.problem.clone().unwrap_or_default()
    }
}

#[test]
fn grows() {
    let mut lab = Lab::new("a", StartAt::Start);
    lab.append("a", "one\n");
    assert_eq!(lab.polls(2), "[begin]one\n[live]");
    lab.append("a", "two\nthr");
    assert_eq!(lab.polls(2), "two\nthr");
    lab.append("a", "ee\n");
    assert_eq!(lab.polls(1), "ee\n");
}

#[test]
fn begun_at_its_end_what_was_there_is_marked() {
    let mut lab = Lab::new("a", StartAt::End);
    lab.append("a", "one\n");
    assert_eq!(lab.polls(1), "[old]one\n[live]");
    lab.append("a", "two\n");
    assert_eq!(lab.polls(1), "two\n");
}

#[test]
fn a_file_that_appears_late_is_new_from_its_first_byte() {
    let mut lab = Lab::new("a", StartAt::End);
    assert_eq!(lab.polls(2), "");
    assert!(lab.problem().contains("as soon as it appears"));
    lab.append("a", "one\n");
    assert_eq!(lab.polls(1), "[begin]one\n[live]");
    assert_eq!(lab.problem(), "");
}

#[test]
fn rename_and_create_loses_nothing() {
    let mut lab = Lab::new("a", StartAt::Start);
    lab.append("a", "one\n");
    lab.polls(1);
    fs::rename(lab.path("a"), lab.path("a.1")).unwrap();
    lab.append("a.1", "two\n");
    assert_eq!(lab.polls(1), "two\n");
    assert_eq!(lab.polls(1), "");
    assert!(lab.problem().contains("there is no file"));
    lab.append("a", "four\n");
    // The old writer is slow.
    lab.append("a.1", "three\n");
    assert_eq!(lab.polls(4), "three\n[left][begin]four\n[live]");
}

#[test]
fn copy_and_truncate() {
    let mut lab = Lab::new("a", StartAt::Start);
    lab.append("a", "one\ntwo\n");
    lab.polls(1);
    fs::write(lab.path("a"), "three\n").unwrap();
    assert_eq!(lab.polls(1), "[left][begin]three\n[live]");
    // Grown past the old length before we looked: its head is another.
    fs::write(lab.path("a"), "four, and a good deal more than before\n").unwrap();
    assert_eq!(
        lab.polls(1),
        "[left][begin]four, and a good deal more than before\n[live]"
    );
}

#[test]
fn permission_lost_and_back() {
    if nix::unistd::geteuid().is_root() {
        return permission_lost_as_another_user();
    }
    permission_lost();
}

/// Root reads everything: one thread gives its capabilities up (they belong to threads).
fn permission_lost_as_another_user() {
    let thread = std::thread::spawn(|| {
        caps::clear(None, caps::CapSet::Effective).unwrap();
        permission_lost();
    });
    thread.join().unwrap();
}

fn permission_lost() {
    let mode =
        |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let mut lab = Lab::new("a", StartAt::End);
    lab.append("a", "one\n");
    mode(&lab.path("a"), 0o000);
    assert_eq!(lab.polls(2), "");
    assert!(
        lab.problem().contains("may not be read"),
        "{}",
        lab.problem()
    );
    mode(&lab.path("a"), 0o644);
    // It was there before us: what it holds is not new.
    assert_eq!(lab.polls(1), "[old]one\n[live]");
    // An open file stays readable; the next one is not.
    fs::rename(lab.path("a"), lab.path("a.1")).unwrap();
    lab.append("a", "two\n");
    mode(&lab.path("a"), 0o000);
    assert_eq!(lab.polls(3), "[left]");
    assert!(
        lab.problem().contains("may not be read"),
        "{}",
        lab.problem()
    );
    mode(&lab.path("a"), 0o644);
    assert_eq!(lab.polls(1), "[begin]two\n[live]");
}

#[test]
fn a_passing_error_of_reading_repeats_and_loses_nothing() {
    let mut lab = Lab::new("a", StartAt::Start);
    let fail = |lab: &mut Lab| {
        // A file that is open for writing alone cannot be read.
        let file = File::options().append(true).open(lab.path("a")).unwrap();
        lab.follower.open.as_mut().unwrap().file = file;
    };
    lab.append("a", "one\ntw");
    lab.polls(1);
    fail(&mut lab);
    lab.append("a", "o\n");
    assert_eq!(lab.polls(1), "");
    assert!(
        lab.problem().contains("cannot be read"),
        "{}",
        lab.problem()
    );
    // The half of a line goes on where it was cut.
    assert_eq!(lab.polls(1), "o\n");
    assert_eq!(lab.problem(), "");
    // Another file by then, and the same one with another text.
    fail(&mut lab);
    lab.polls(1);
    fs::rename(lab.path("a"), lab.path("a.1")).unwrap();
    lab.append("a", "three\n");
    assert_eq!(lab.polls(1), "[left][begin]three\n[live]");
    fail(&mut lab);
    lab.polls(1);
    fs::write(lab.path("a"), "4\n").unwrap();
    assert_eq!(lab.polls(1), "[left][begin]4\n[live]");
}

#[test]
fn the_newest_of_many() {
    let mut lab = Lab::new("MSG2*.LOG", StartAt::Start);
    lab.append("MSG20261121-1.LOG", "one\n");
    lab.append("MSGOTHER.LOG", "other\n");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    let file = File::options()
        .append(true)
        .open(lab.path("MSG20261121-1.LOG"))
        .unwrap();
    file.set_modified(old).unwrap();
    assert_eq!(lab.polls(1), "[begin]one\n[live]");
    lab.append("MSG20261122-1.LOG", "two\n");
    assert_eq!(lab.polls(24), "[left][begin]two\n[live]");
}

/// Two rotations between two looks, and a straggler: every line is read, and read once.
#[test]
fn none_of_many_is_left_out() {
    let mut lab = Lab::new("MSG*.LOG", StartAt::Start);
    let aged = |lab: &Lab, name: &str, seconds: u64| {
        let time = SystemTime::now() - std::time::Duration::from_secs(seconds);
        let file = File::options().append(true).open(lab.path(name)).unwrap();
        file.set_modified(time).unwrap();
    };
    lab.append("MSG0.LOG", "long ago\n");
    aged(&lab, "MSG0.LOG", 900);
    lab.append("MSG1.LOG", "one\n");
    aged(&lab, "MSG1.LOG", 600);
    assert_eq!(lab.polls(1), "[begin]one\n[live]");
    for (n, name) in ["MSG2.LOG", "MSG3.LOG", "MSG4.LOG"].into_iter().enumerate() {
        lab.append(name, &format!("{}\n", n + 2));
        aged(&lab, name, 500 - n as u64);
    }
    let all = "[left][begin]2\n[live][left][begin]3\n[live][left][begin]4\n[live]";
    assert_eq!(lab.polls(60), all);
    assert_eq!(lab.polls(30), "");
    // Written late into those that were left, one of which was never opened.
    lab.append("MSG2.LOG", "2 late\n");
    aged(&lab, "MSG2.LOG", 100);
    lab.append("MSG0.LOG", "now\n");
    assert_eq!(
        lab.polls(60),
        "[left][begin]2 late\n[live][left][begin]now\n[live]"
    );
    // A new file under an old name.
    fs::remove_file(lab.path("MSG3.LOG")).unwrap();
    lab.append("x", "three\n");
    fs::rename(lab.path("x"), lab.path("MSG3.LOG")).unwrap();
    assert_eq!(lab.polls(30), "[left][begin]three\n[live]");
    assert_eq!(lab.polls(30), "");
}

#[test]
fn what_is_no_file_is_told() {
    let mut lab = Lab::new("a", StartAt::Start);
    fs::create_dir(lab.path("a")).unwrap();
    lab.polls(1);
    assert!(lab.problem().contains("not a regular file"));
    fs::remove_dir(lab.path("a")).unwrap();
    nix::unistd::mkfifo(&lab.path("a"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    lab.polls(1);
    assert!(lab.problem().contains("not a regular file"));
}

#[test]
fn a_large_file_comes_in_portions() {
    let mut lab = Lab::new("a", StartAt::Start);
    let text = "0123456789abcde\n".repeat(POLL_LEN_MAX / 8);
    lab.append("a", &text);
    let first = lab.polls(1);
    let last = lab.last.as_ref().unwrap();
    assert!(last.more && last.lag_bytes > 0 && first.len() < text.len());
    let all = first + &lab.polls(3);
    assert_eq!(all, format!("[begin]{text}[live]"));
}

#[test]
fn a_whole_file_is_read_when_it_rests() {
    let lab = Lab::new("a", StartAt::Start);
    let mut whole = Whole::new(&lab.path("a"));
    assert!(whole.poll().unwrap_err().contains("as soon as it appears"));
    let read = |whole: &mut Whole| whole.poll().unwrap().map(|t| String::from_utf8(t).unwrap());
    fs::write(lab.path("a"), "one").unwrap();
    assert_eq!(read(&mut whole), None);
    // Still being written.
    fs::write(lab.path("a"), "one, two").unwrap();
    assert_eq!(read(&mut whole), None);
    assert_eq!(read(&mut whole).as_deref(), Some("one, two"));
    assert_eq!(read(&mut whole), None);
    // An editor's rename.
    fs::write(lab.path("b"), "one, 2").unwrap();
    fs::rename(lab.path("b"), lab.path("a")).unwrap();
    assert_eq!(read(&mut whole), None);
    assert_eq!(read(&mut whole).as_deref(), Some("one, 2"));
}
