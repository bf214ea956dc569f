//! `poortwacht read FILE...`: the same stages as the daemon, in one process, for capture files.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::report::{Printer, Style, Tally, summary};
use super::{Common, unwritable};
use crate::base::Timestamp;
use crate::capture::CaptureError;
use crate::capture::file::FileSource;
use crate::config::Config;
use crate::daemon::fault::say;
use crate::daemon::sources::{self, Files};
use crate::daemon::{Exit, Fault, desk, people, replay};
use crate::desk::Twice;
use crate::desk::twice::HOLD_REPLAY;
use crate::event::{Event, Hit};
use crate::hits::{Finding, Folder, Key, Scribe};
use crate::sensor::{NameLine, Sink, Worker};

/// Windows of repeats kept open at a time.
const FOLDS_MAX: usize = 65_536;
/// Frames between two looks at the progress bar.
const PROGRESS_EVERY: u64 = 1 << 14;

/// Read capture files and print the hits: a table on a terminal, JSON lines in a pipe.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht read day.pcapng                         hits, and a summary on standard error
  poortwacht read mon.pcap.gz tue.pcap.zst           several files, in time order
  tcpdump -w - -i eth0 | poortwacht read -           a pipe
  poortwacht read --names day.pcapng                 every name in the file, matched or not

Client addresses are written as pseudonyms; without --config under a key made for this run. The
column of --names shows addresses: it is for those who hold the capture anyway.")]
pub struct ReadArgs {
    /// pcap or pcapng, plain, gzip or zstd; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    common: Common,
    /// Print every name, matched or not, one line each, instead of the hits
    #[arg(long)]
    names: bool,
    /// Print the cases that the daemon would have made, instead of the hits
    #[arg(long, conflicts_with = "names")]
    cases: bool,
    /// JSON lines, also on a terminal
    #[arg(long)]
    json: bool,
    /// No progress and no summary
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(args: &ReadArgs) -> Result<(), Fault> {
    let mut config = args.common.load()?;
    config.sensor.read.clone_from(&args.files);
    config.sensor.interfaces.clear();
    config
        .check()
        .map_err(|why| Fault::new(Exit::Config, why))?;
    if args.cases {
        return cases(&config, args);
    }
    let list = sources::catalogue(&config.lists)?;
    let refuse = |e| Fault::new(sources::input_exit(&e), e);
    let (source, closed) = FileSource::open_each(&args.files).map_err(refuse)?;
    let mut files = Files::new(source);
    files.narrow(&config.sensor.filter)?;

    let style = match (args.names, args.json, io::stdout().is_terminal()) {
        (true, true, _) => Style::NamesJson,
        (true, false, _) => Style::Names,
        (false, false, true) => Style::Table,
        (false, ..) => Style::Json,
    };
    let mut worker = Worker::new(&sources::settings(&config.sensor), 0, "files");
    let key = key(&config, &args.common)?;
    let mut sink = Output {
        twice: people::twice(&config, &key, HOLD_REPLAY)?,
        ready: Vec::new(),
        newest: Timestamp(0),
        folder: Folder::new(
            Duration::from_secs(config.hits.fold_seconds.into()),
            FOLDS_MAX,
        ),
        scribe: desk::scribe_with(&config, key),
        printer: Printer::new(style, BufWriter::new(io::stdout().lock())),
        names: args.names,
        findings: Vec::new(),
        tally: Tally::default(),
        fault: None,
    };
    sink.printer.head().map_err(|e| unwritable(&e))?;
    let bar = progress(args, &files);
    let mut troubles = Troubles::default();
    for e in closed {
        troubles.fault(&e, &bar);
    }
    let mut seen = 0u64;
    loop {
        let step = files.step(|frame, point| worker.frame(frame, point, &list, &mut sink));
        match step {
            Ok(true) => {}
            Ok(false) => break,
            Err(e) => {
                // What was read before stays; the other files go on.
                troubles.fault(&e, &bar);
            }
        }
        seen += 1;
        if seen.is_multiple_of(PROGRESS_EVERY) {
            bar.set_position(files.progress().0);
        }
        if sink.fault.is_some() {
            break;
        }
    }
    worker.flush("files", &list, &mut sink);
    for unread in files.undecoded() {
        troubles.note(&unread.place, Exit::Input, &unread, &bar);
    }
    bar.finish_and_clear();
    let tally = sink.finish()?;
    if !args.quiet {
        let text = summary(worker.stats(), &tally, &sources::info(&list));
        // With standard error gone there is nobody left to tell.
        let _ = io::stderr().write_all(text.as_bytes());
    }
    troubles.end(args.files.len())
}

/// Files of which not everything could be read, and the code of the first.
#[derive(Default)]
struct Troubles {
    places: BTreeSet<String>,
    first: Option<Exit>,
}

impl Troubles {
    fn fault(&mut self, e: &CaptureError, bar: &ProgressBar) {
        self.note(e.place(), sources::input_exit(e), e, bar);
    }

    fn note(&mut self, place: &str, exit: Exit, what: &dyn fmt::Display, bar: &ProgressBar) {
        bar.suspend(|| say(&what.to_string()));
        self.places.insert(place.to_owned());
        self.first.get_or_insert(exit);
    }

    fn end(self, files: usize) -> Result<(), Fault> {
        match self.first {
            None => Ok(()),
            Some(exit) if files == 1 => Err(Fault::told(exit)),
            Some(exit) => Err(Fault::new(
                exit,
                format!(
                    "{} of {files} files were not read whole; the messages above name them",
                    self.places.len()
                ),
            )),
        }
    }
}

/// The configured key, else one that is forgotten with this run.
pub(super) fn key(config: &Config, common: &Common) -> Result<Key, Fault> {
    if common.config.is_some() {
        desk::key(config)
    } else {
        desk::key_for_one_run()
    }
}

/// Judges the files as the daemon would, and prints the cases instead of the hits.
fn cases(config: &Config, args: &ReadArgs) -> Result<(), Fault> {
    let outcome = replay::cases(config, &args.files, &key(config, &args.common)?)?;
    let json = args.json || !io::stdout().is_terminal();
    super::cases::print(outcome.cases.values().cloned(), json)?;
    replay::judge(&outcome)
}

fn progress(args: &ReadArgs, files: &Files) -> ProgressBar {
    if args.quiet || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (_, total) = files.progress();
    let style = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    match total {
        Some(total) => ProgressBar::new(total).with_style(
            ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
        ),
        None => ProgressBar::new_spinner(),
    }
}

/// Hits through fold and scribe to standard output, names straight there.
struct Output<W: Write> {
    twice: Twice,
    ready: Vec<Event>,
    newest: Timestamp,
    folder: Folder,
    scribe: Scribe,
    printer: Printer<W>,
    names: bool,
    findings: Vec<Finding>,
    tally: Tally,
    fault: Option<io::Error>,
}

impl<W: Write> Output<W> {
    /// Counts and folds what is no repeat.
    fn go_on(&mut self) {
        for event in self.ready.drain(..) {
            if let Event::Hit(hit) = event {
                self.tally.count(&hit.rule);
                self.folder.take(*hit, &mut self.findings);
            }
        }
        self.print_findings();
    }

    fn print_findings(&mut self) {
        for finding in self.findings.drain(..) {
            if self.fault.is_none() && !self.names {
                let record = self.scribe.record(&finding);
                self.fault = self.printer.record(&record).err();
            }
        }
    }

    fn finish(mut self) -> Result<Tally, Fault> {
        self.twice.flush(&mut self.ready);
        self.go_on();
        self.folder.flush(&mut self.findings);
        self.print_findings();
        let result = self.fault.take().map_or_else(|| self.printer.end(), Err);
        match result {
            // The reader of the pipe has seen enough.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(self.tally),
            Err(e) => Err(unwritable(&e)),
            Ok(()) => Ok(self.tally),
        }
    }
}

impl<W: Write> Sink for Output<W> {
    fn tell(&mut self, _event: Event) {}

    fn hit(&mut self, hit: Box<Hit>) {
        self.newest = self.newest.max(hit.time);
        self.twice
            .take(Event::Hit(hit), self.newest, &mut self.ready);
        self.go_on();
    }

    fn wants_names(&self) -> bool {
        self.names
    }

    fn name(&mut self, line: &NameLine<'_>) {
        if self.fault.is_none() {
            self.fault = self.printer.name(line).err();
        }
    }
}
