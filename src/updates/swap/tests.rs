//! A crash at each moment.

use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, raise};

use super::*;

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    hold(path)?.replace(bytes)
}

fn roll_back(path: &Path) -> io::Result<()> {
    let held = hold(path)?;
    held.replace(&held.previous()?)
}

const MOMENTS: [Moment; 5] = [
    Moment::Begun,
    Moment::HalfWritten,
    Moment::Written,
    Moment::Kept,
    Moment::Renamed,
];

/// Not a test by itself: started by the one below, it kills itself at a moment.
#[test]
fn child_that_dies() {
    let Ok(path) = std::env::var("POORTWACHT_SWAP_PATH") else {
        return;
    };
    let die: usize = std::env::var("POORTWACHT_SWAP_MOMENT")
        .unwrap()
        .parse()
        .unwrap();
    let new = vec![b'n'; 100_000];
    let held = hold(Path::new(&path)).unwrap();
    let done = replace_watched(&held, &new, &mut |moment| {
        if moment == MOMENTS[die] {
            raise(Signal::SIGKILL).unwrap();
        }
        Ok(())
    });
    panic!("nobody died: {done:?}");
}

#[test]
fn a_killed_update_leaves_the_old_file_or_the_new_one() {
    for (number, moment) in MOMENTS.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalogue.json");
        fs::write(&path, "old").unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "updates::swap::tests::child_that_dies"])
            .env("POORTWACHT_SWAP_PATH", &path)
            .env("POORTWACHT_SWAP_MOMENT", number.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(status.signal(), Some(9), "{moment:?}: {status}");
        let held = fs::read(&path).unwrap();
        let renamed = moment == Moment::Renamed;
        assert_eq!(
            held,
            if renamed {
                vec![b'n'; 100_000]
            } else {
                b"old".to_vec()
            },
            "{moment:?}"
        );
        let kept = fs::read(previous(&path)).ok();
        let keeps = matches!(moment, Moment::Kept | Moment::Renamed);
        assert_eq!(kept, keeps.then(|| b"old".to_vec()), "{moment:?}");
        // What a crash left behind is in nobody's way.
        replace(&path, b"newer").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"newer");
    }
}

#[test]
fn the_one_before_is_kept_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.json");
    assert!(roll_back(&path).is_err());
    replace(&path, b"one").unwrap();
    assert!(!previous(&path).exists());
    replace(&path, b"two").unwrap();
    roll_back(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one");
    roll_back(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
}

#[test]
fn two_at_once_are_one_too_many() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.json");
    replace(&path, b"one").unwrap();
    let held = hold(&path).unwrap();
    let second = replace(&path, b"three").unwrap_err().to_string();
    assert!(second.contains("another update"), "no lock: {second}");
    held.replace(b"two").unwrap();
    assert!(hold(&path).is_err(), "held until it is dropped");
    drop(held);
    assert_eq!(fs::read(&path).unwrap(), b"two");
    replace(&path, b"four").unwrap();
}

#[test]
fn links_laid_beside_the_file_lead_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.json");
    let other = dir.path().join("of-somebody-else");
    fs::write(&path, "old").unwrap();
    fs::write(&other, "precious").unwrap();
    let links = [".new", ".keep", ".previous"];
    for end in links {
        std::os::unix::fs::symlink(&other, beside(&path, end)).unwrap();
    }
    replace(&path, b"one").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one");
    assert_eq!(fs::read(previous(&path)).unwrap(), b"old");
    assert_eq!(fs::read(&other).unwrap(), b"precious");
    std::os::unix::fs::symlink(&other, beside(&path, ".new")).unwrap();
    write_whole(&path, b"two").unwrap();
    assert_eq!(fs::read(&other).unwrap(), b"precious");
    fs::remove_file(beside(&path, ".lock")).unwrap();
    std::os::unix::fs::symlink(&other, beside(&path, ".lock")).unwrap();
    assert!(replace(&path, b"three").is_err());
    assert_eq!(fs::read(&other).unwrap(), b"precious");
    assert_eq!(fs::read(&path).unwrap(), b"two");
}

#[test]
fn standard_output_by_its_name_is_written_to_and_not_replaced() {
    // As `--output /dev/stdout > file`: a link to an open file.
    use std::os::fd::AsRawFd;
    let dir = tempfile::tempdir().unwrap();
    let file = File::create(dir.path().join("out")).unwrap();
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    write_whole(&path, b"list").unwrap();
    assert_eq!(fs::read(dir.path().join("out")).unwrap(), b"list");
}
