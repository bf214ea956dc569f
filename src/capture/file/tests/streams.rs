//! Pipes that grow, memory that does not.

use std::fs::OpenOptions;
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::Mode;

use super::*;

fn header() -> Vec<u8> {
    Build::pcap(Order::Little, 0xa1b2_c3d4, 0, 1).bytes
}

fn frame(label: &[u8]) -> Vec<u8> {
    Build::new(Order::Little).frame(1, 0, 2, label).bytes
}

/// Reads `path` in a thread and hands on each label the moment it is there.
fn reader(path: PathBuf) -> mpsc::Receiver<String> {
    let (send, labels) = mpsc::channel();
    std::thread::spawn(move || {
        let mut source = FileSource::open(&[path]).unwrap();
        assert_eq!(source.progress().1, None, "a stream has no known length");
        while let Some(frame) = source.next_frame().unwrap() {
            send.send(String::from_utf8(frame.bytes.to_vec()).unwrap())
                .unwrap();
        }
    });
    labels
}

/// Each frame must come out of the FIFO before the next is written into it.
fn check_prompt(pack: impl Fn(Box<dyn Write>) -> Box<dyn Write>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
    let labels = reader(path.clone());
    let mut pipe = pack(Box::new(
        OpenOptions::new().write(true).open(&path).unwrap(),
    ));
    let mut put = |bytes: &[u8]| {
        pipe.write_all(bytes).unwrap();
        pipe.flush().unwrap();
    };
    put(&header());
    for label in ["f0", "f1", "f2"] {
        put(&frame(label.as_bytes()));
        let got = labels.recv_timeout(Duration::from_secs(20));
        assert_eq!(
            got.as_deref(),
            Ok(label),
            "out before the pipe grows or ends"
        );
    }
    drop(pipe);
    assert!(
        labels.recv_timeout(Duration::from_secs(20)).is_err(),
        "and then the end"
    );
}

#[test]
fn a_growing_fifo_delivers_each_frame_at_once() {
    check_prompt(|pipe| pipe);
}

#[test]
fn a_growing_gzip_stream_delivers_each_frame_at_once() {
    check_prompt(|pipe| Box::new(flate2::write::GzEncoder::new(pipe, Default::default())));
}

#[test]
fn a_growing_zstd_stream_delivers_each_frame_at_once() {
    check_prompt(|pipe| Box::new(zstd::Encoder::new(pipe, 1).unwrap().auto_finish()));
}

#[test]
fn a_pipe_set_to_non_blocking_is_waited_for() {
    let (out, mut into) = std::io::pipe().unwrap();
    fcntl(out.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    let path = PathBuf::from(format!(
        "/proc/self/fd/{}",
        std::os::fd::AsRawFd::as_raw_fd(&out)
    ));
    // Opening through /proc makes a new description; put the flag on that as well.
    let file = File::open(path).unwrap();
    fcntl(file.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    let writer = std::thread::spawn(move || {
        for bytes in [header(), frame(b"f0"), frame(b"f1")] {
            std::thread::sleep(Duration::from_millis(20));
            into.write_all(&bytes).unwrap();
        }
    });
    let got = outcome(Input::from_pipe(file));
    writer.join().unwrap();
    assert_eq!((got.frames.len(), got.fault), (2, None));
}

/// Fails every other read as a signal would make it fail.
struct Interrupted(std::io::Cursor<Vec<u8>>, bool);

impl std::io::Read for Interrupted {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let len = out.len().min(10);
        self.0.read(&mut out[..len])
    }
}

#[test]
fn a_signal_during_a_read_loses_nothing() {
    let plain = [header(), frame(b"f0"), frame(b"f1")].concat();
    for bytes in [
        gzip(&plain).unwrap(),
        zstd::encode_all(&*plain, 1).unwrap(),
        plain,
    ] {
        let got = outcome(Input::piped(Interrupted(
            std::io::Cursor::new(bytes),
            false,
        )));
        assert_eq!((got.frames.len(), got.fault), (2, None));
    }
}

#[test]
fn a_packed_giant_block_is_passed_over_in_a_small_buffer() {
    const GIANT: u32 = 256 << 20;
    let head = Build::new(Order::Little)
        .section(Order::Little)
        .interface(1, 0, &[]);
    let mut packer = zstd::Encoder::new(Vec::new(), 1).unwrap();
    packer
        .write_all(&head.u32(0xbad).u32(GIANT + 12).bytes)
        .unwrap();
    for _ in 0..GIANT >> 20 {
        packer.write_all(&[0; 1 << 20]).unwrap();
    }
    let tail = Build::new(Order::Little)
        .u32(GIANT + 12)
        .enhanced(0, 1, 2, b"in");
    packer.write_all(&tail.bytes).unwrap();
    let packed = packer.finish().unwrap();
    assert!(
        packed.len() < 1 << 20,
        "{} bytes are a small file",
        packed.len()
    );

    let mut file = oracle::one_file(Input::in_memory(&packed)).unwrap();
    let record = file.next().unwrap().unwrap();
    assert_eq!(file.frame(record, 0).bytes, b"in");
    assert_eq!(file.window.buffer_len(), 256 << 10);
}

#[test]
fn a_claimed_length_costs_nothing_until_the_bytes_come() {
    let claim = Build::pcap(Order::Little, 0xa1b2_c3d4, u32::MAX, 1);
    let claim = claim
        .u32(1)
        .u32(0)
        .u32(64 << 20)
        .u32(64 << 20)
        .raw(&[0; 1_000])
        .bytes;
    let mut file = oracle::one_file(Input::piped(std::io::Cursor::new(claim))).unwrap();
    let have = file.window.fill(64 << 20).unwrap();
    assert_eq!(have, 1_016, "all there is");
    assert_eq!(file.window.buffer_len(), 256 << 10);
    assert_eq!(file.next().err().unwrap().kind(), FaultKind::Truncated);
}
