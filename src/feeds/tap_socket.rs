//! The Unix socket at which resolvers hand over dnstap.
//!
//! Enters: connections. Leaves: events, as [`super::reader::drain`] makes them, and the answers
//! that Frame Streams needs. Never: waits for one writer while others write; keeps a broken stream.

use std::fs::Permissions;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::frames::Frames;
use super::reader::{Take, drain};

/// Writers at a time; Unbound opens one connection a thread.
const WRITERS_MAX: usize = 64;

/// Listens, and serves those who connected.
pub struct TapSocket {
    listener: UnixListener,
    writers: Vec<(UnixStream, Frames)>,
    buffer: Vec<u8>,
}

impl TapSocket {
    /// Binds the socket, mode 0660: the resolver's user must be in the socket's group. A socket
    /// that a run before left behind is taken away; a file is not.
    ///
    /// # Errors
    /// A sentence with the path and a way out.
    pub fn bind(path: &Path) -> Result<Self, String> {
        let failed = |error: io::Error| {
            format!(
                "cannot listen at {}: {error}; does its folder exist, and may the daemon write \
                 there?",
                path.display()
            )
        };
        let stale = path
            .symlink_metadata()
            .is_ok_and(|meta| meta.file_type().is_socket());
        if stale {
            if UnixStream::connect(path).is_ok() {
                return Err(format!(
                    "another program listens at {}; give this feed a socket of its own",
                    path.display()
                ));
            }
            std::fs::remove_file(path).map_err(failed)?;
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            listener,
            writers: Vec::new(),
            buffer: vec![0; 64 * 1024],
        })
    }

    /// Waits up to `wait_ms` for something to come, and takes it.
    pub fn serve(&mut self, wait_ms: u16, to: &mut impl Take) {
        let mut fds = vec![PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
        let writers = self.writers.iter();
        fds.extend(writers.map(|(stream, _)| PollFd::new(stream.as_fd(), PollFlags::POLLIN)));
        if poll(&mut fds, PollTimeout::from(wait_ms)).unwrap_or(0) == 0 {
            return;
        }
        self.accept();
        let buffer = &mut self.buffer;
        self.writers
            .retain_mut(|(stream, frames)| stays(stream, frames, buffer, to));
    }

    fn accept(&mut self) {
        // One that is over the bound is closed at once: it will try again.
        while let Ok((stream, _)) = self.listener.accept() {
            if self.writers.len() < WRITERS_MAX && stream.set_nonblocking(true).is_ok() {
                self.writers.push((stream, Frames::default()));
            }
        }
    }
}

/// Reads what one writer sent; does it stay?
fn stays(
    stream: &mut UnixStream,
    frames: &mut Frames,
    buffer: &mut [u8],
    to: &mut impl Take,
) -> bool {
    let read = match stream.read(buffer) {
        Ok(0) => return false,
        Ok(read) => read,
        Err(error) => {
            return matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
        }
    };
    frames.push(buffer.get(..read).unwrap_or_default());
    // Answers are a few bytes; a writer that does not take them has gone.
    let mut answered = true;
    let drained = drain(frames, true, to, &mut |bytes| {
        answered &= stream.write_all(bytes).is_ok();
    });
    match drained {
        Ok(()) => answered,
        Err(foreign) => {
            to.take(frames.count + 1, Err(foreign), &mut Vec::new());
            false
        }
    }
}
