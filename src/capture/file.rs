//! Capture files: pcap and pcapng, plain or compressed, one or several, from disk or a pipe.
//!
//! Enters: paths. Leaves: frames in time order, borrowed from the buffer, and one [`CaptureError`]
//! for each file that is not whole. Never: copies a frame in user space; lets one broken file end
//! the others.
//!
//! The observation point of a frame is the number of its file.

use std::path::{Path, PathBuf};

use super::Frame;
use super::error::{At, CaptureError, FaultKind, printable};
use super::input::Input;
use super::merge::Merge;
use super::pcap_file::{self, PcapFile};
use super::pcapng::{self, Pcapng};
use super::record::{Fault, Record};
use super::window::Window;

/// Frames of one or more capture files, in time order.
pub struct FileSource {
    files: Vec<OneFile>,
    /// `None` for a single file, which needs no merging.
    merge: Option<Merge>,
}

impl FileSource {
    /// Opens all of `paths` and checks their headers. `-` is standard input, read as it comes;
    /// opening a FIFO, or a pipe that has not delivered its header yet, waits.
    ///
    /// # Errors
    /// The first file that cannot be opened or is no capture. A capture with an unknown link type,
    /// or without a frame, is none of these.
    pub fn open(paths: &[PathBuf]) -> Result<Self, CaptureError> {
        let (source, faults) = Self::open_each(paths)?;
        faults.into_iter().next().map_or(Ok(source), Err)
    }

    /// Opens those of `paths` that can be opened, in their order, and says why the others cannot.
    ///
    /// # Errors
    /// Standard input is named twice, there are too many files, or none can be opened (then the
    /// fault of the first).
    pub fn open_each(paths: &[PathBuf]) -> Result<(Self, Vec<CaptureError>), CaptureError> {
        let stdin = Path::new("-");
        if paths.iter().filter(|path| *path == stdin).count() > 1 {
            // The second reading would find nothing, hence the kind.
            return Err(CaptureError::new(
                FaultKind::Empty,
                place_of(stdin),
                "it is named twice, but can be read only once",
                "Name it once.",
            ));
        }
        let open = |path: &PathBuf| {
            let place = place_of(path);
            let input = Input::open(path, &place)?;
            OneFile::new(place, point_name_of(path), input)
        };
        let (mut files, mut faults) = (Vec::new(), Vec::new());
        for path in paths {
            match open(path) {
                Ok(file) => files.push(file),
                Err(fault) => faults.push(fault),
            }
        }
        if files.is_empty() && !faults.is_empty() {
            return Err(faults.swap_remove(0));
        }
        Self::from_files(files).map(|source| (source, faults))
    }

    pub(super) fn from_files(files: Vec<OneFile>) -> Result<Self, CaptureError> {
        let Ok(count) = u16::try_from(files.len()) else {
            let what = format!(
                "{} are too many, {} can be read at once",
                files.len(),
                u16::MAX
            );
            let next = "Read them in several runs, or join them with `mergecap` first.";
            return Err(CaptureError::new(
                FaultKind::Io,
                "capture files",
                what,
                next,
            ));
        };
        Ok(Self {
            files,
            merge: (count != 1).then(|| Merge::new(count)),
        })
    }

    /// The next frame over all files: the earliest of the next frames of each, the file named first
    /// on a tie. Within a file its own order stays. `None` once all files have ended. Waits for the
    /// next frame of each pipe among them.
    ///
    /// # Errors
    /// The fault that ends **one** file, once: the frames before it were delivered, and the next
    /// call goes on with the other files.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        let next = match &mut self.merge {
            None => self.files[0].next()?.map(|record| (0, record)),
            Some(merge) => merge.next(&mut self.files)?,
        };
        Ok(next.map(|(file, record)| self.files[usize::from(file)].frame(record, file)))
    }

    /// How many files were opened; they number the observation points.
    pub fn len(&self) -> u16 {
        u16::try_from(self.files.len()).unwrap_or(u16::MAX)
    }

    /// Was no file opened?
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The file of an observation point as it was named; empty for a number that no frame has.
    pub fn place(&self, point: u16) -> &str {
        self.files
            .get(usize::from(point))
            .map_or("", |file| &file.place)
    }

    /// Name of an observation point: the file's name without its folder, `stdin` for standard
    /// input; empty for a number that no frame has.
    pub fn point_name(&self, point: u16) -> &str {
        self.files
            .get(usize::from(point))
            .map_or("", |file| &file.name)
    }

    /// Bytes read so far and in total, as they lie on disk (compressed). No total when one of the
    /// files is a stream. A file that ended in a fault counts as read.
    pub fn progress(&self) -> (u64, Option<u64>) {
        let read = self.files.iter().map(OneFile::consumed).sum();
        (read, self.files.iter().map(|file| file.len).sum())
    }
}

/// One capture file behind its header.
pub(super) struct OneFile {
    /// As the user named it, for messages.
    place: String,
    /// Without its folder.
    name: String,
    window: Window,
    format: Format,
    /// Frames delivered.
    frames: u64,
    /// Bytes on disk.
    len: Option<u64>,
    ended: bool,
}

enum Format {
    Pcap(PcapFile),
    Pcapng(Pcapng),
}

impl OneFile {
    /// Reads the header.
    pub(super) fn new(place: String, name: String, input: Input) -> Result<Self, CaptureError> {
        let Input { mut window, len } = input;
        match Format::open(&mut window) {
            Ok(format) => Ok(Self {
                place,
                name,
                window,
                format,
                frames: 0,
                len,
                ended: false,
            }),
            Err(fault) => {
                let next = match fault.kind {
                    FaultKind::Empty => "Was the capture started, and has it seen a frame?",
                    FaultKind::NotACapture => {
                        "pcap and pcapng are read, plain or packed with gzip or zstd; others can \
                         be converted with `editcap IN OUT.pcapng`."
                    }
                    FaultKind::Truncated => "Copy it again; there is no frame in it.",
                    _ => "Copy it again, or check the disk.",
                };
                Err(CaptureError::new(fault.kind, place, fault.what, next))
            }
        }
    }

    /// The next record; after a fault or the end there is none.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Record>, CaptureError> {
        let step = match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.window),
            Format::Pcapng(pcapng) => pcapng.next(&mut self.window),
        };
        if let Ok(Some(record)) = step {
            self.frames += 1;
            return Ok(Some(record));
        }
        self.end(step.err())
    }

    /// The frame of the newest record.
    #[inline]
    pub(super) fn frame(&self, record: Record, point: u16) -> Frame<'_> {
        Frame {
            bytes: self.window.bytes(record.start, record.len as usize),
            wire_len: record.wire_len,
            time: record.time,
            vlan: None,
            link: record.link,
            point,
        }
    }

    /// Where in the file, after decompression, the newest record's frame begins.
    pub(super) fn place_of(&self, record: Record) -> u64 {
        self.window.place_of(record.start)
    }

    #[cold]
    fn end(&mut self, fault: Option<Box<Fault>>) -> Result<Option<Record>, CaptureError> {
        self.ended = true;
        // A closed window is at its clean end: the fault comes once.
        self.window.close();
        let Some(fault) = fault else {
            return Ok(None);
        };
        let before = match self.frames {
            0 => "No frame comes before it".to_owned(),
            1 => "The frame before it was read".to_owned(),
            n => format!("The {n} frames before it were read"),
        };
        let next = match fault.kind {
            FaultKind::Truncated => "if the file is still being written, read it again later",
            FaultKind::Corrupt => "copy the file again, what follows cannot be trusted",
            _ => "check the disk or the other end of the pipe",
        };
        let at = At {
            byte: fault.byte,
            frame: self.frames + 1,
        };
        let next = format!("{before}; {next}.");
        Err(CaptureError::new(fault.kind, &self.place, fault.what, next).located(at))
    }

    fn consumed(&self) -> u64 {
        self.len
            .filter(|_| self.ended)
            .unwrap_or_else(|| self.window.consumed())
    }
}

impl Format {
    fn open(window: &mut Window) -> Result<Self, Box<Fault>> {
        let have = window.fill(4).map_err(|e| Fault::read(window, &e))?;
        let Some(magic) = window.head::<4>() else {
            let start = window.ahead(have);
            let known = || pcap_file::MAGICS.iter().chain([&pcapng::MAGIC]);
            if have == 0 {
                return Err(refused(FaultKind::Empty, "it is empty"));
            } else if known().any(|magic| magic.starts_with(start)) {
                return Err(Fault::truncated(window, "the file header", 24));
            }
            return Err(refused(FaultKind::NotACapture, "it is not a capture file"));
        };
        if magic == pcapng::MAGIC {
            Pcapng::open(window).map(Self::Pcapng)
        } else if pcap_file::MAGICS.contains(&magic) {
            PcapFile::open(window).map(Self::Pcap)
        } else {
            Err(refused(FaultKind::NotACapture, other_format(magic)))
        }
    }
}

fn refused(kind: FaultKind, what: &str) -> Box<Fault> {
    Box::new(Fault {
        kind,
        byte: 0,
        what: what.to_owned(),
    })
}

/// What a file is that is no capture, as far as its magic number tells.
fn other_format(magic: [u8; 4]) -> &'static str {
    match magic {
        [0xfd, b'7', b'z', b'X'] => "it is packed with xz; unpack it first",
        [b'B', b'Z', b'h', _] => "it is packed with bzip2; unpack it first",
        [0x04, 0x22, 0x4d, 0x18] => "it is packed with lz4; unpack it first",
        [b'P', b'K', ..] => "it is a zip archive; unpack it first",
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd] => "it is packed twice; unpack it once first",
        [b's', b'n', b'o', b'o'] => "it is a snoop capture",
        [b'G', b'M', b'B', b'U'] | [b'R', b'T', b'S', b'S'] => "it is a Network Monitor capture",
        _ => "it is not a capture file",
    }
}

fn place_of(path: &Path) -> String {
    if path.as_os_str() == "-" {
        "standard input".to_owned()
    } else {
        path.to_string_lossy().into_owned()
    }
}

fn point_name_of(path: &Path) -> String {
    if path.as_os_str() == "-" {
        return "stdin".to_owned();
    }
    printable(
        &path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy(),
    )
}

#[cfg(test)]
mod tests;
