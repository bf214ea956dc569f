//! `poortwacht list`: check, show, count, compare, try, exchange and update the lists.
//!
//! Enters: arguments, names on standard input. Leaves: lines (tables on a terminal, JSON on
//! request) and an exit code. Never: decides what matches; that is the catalogue's.

mod exchange;
mod show;
mod try_names;
mod update;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::counted;
use crate::blocklist::diff::{Change, diff};
use crate::blocklist::{Catalogue, ListProblem, lint};
use crate::daemon::Exit;

const EXAMPLES: &str = "\
Examples:
  poortwacht list test app.clearview.ai                      what would this name be?
  poortwacht list export --format rpz --output db.faces      for BIND, Unbound, Knot, PowerDNS
  poortwacht list export --format suricata --vendors pimeyes,facecheck-id
  poortwacht list import hosts.txt --output own.txt          the form is found out
  poortwacht list bundle --lists blocklists --output catalogue.json
  poortwacht list verify catalogue.json --key RWQ...
  poortwacht list update --from https://lists.example/catalogue.json --dry-run
  poortwacht list update --config /etc/poortwacht/poortwacht.toml --reload
  poortwacht list rollback --to catalogue.json";

/// Where the lists are.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ListSources {
    /// Folder of vendor files [default: the catalogue that is built in]
    #[arg(long = "lists", value_name = "DIR", global = true)]
    pub lists: Option<PathBuf>,
    /// Plain list of your own, one domain a line; may be given several times
    #[arg(long = "user-list", value_name = "FILE", global = true)]
    pub user_lists: Vec<PathBuf>,
    /// Allow-list (TOML: name, reason, expires)
    #[arg(long = "allow", value_name = "FILE", global = true)]
    pub allow: Option<PathBuf>,
}

impl ListSources {
    /// Loads them.
    ///
    /// # Errors
    /// Every problem of every file.
    pub fn load(&self) -> Result<Catalogue, Vec<ListProblem>> {
        Catalogue::load(
            self.lists.as_deref(),
            &self.user_lists,
            self.allow.as_deref(),
        )
    }
}

/// Look at the lists of names that make a hit, take them over and hand them on
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ListArgs {
    #[command(flatten)]
    sources: ListSources,
    /// Write JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    what: ListCommand,
}

#[derive(clap::Subcommand, Clone, Debug)]
enum ListCommand {
    /// Report every problem and every weak spot; exit code 1 if a list cannot be loaded
    Lint,
    /// Show a vendor with its hosts, sources and relations
    Show {
        /// Id, name or alias, e.g. `clearview-ai`
        vendor: String,
    },
    /// Count vendors and rules
    Stats,
    /// Show which rules two lists differ in
    Diff {
        /// Folder of vendor files, bundle (.json), user list, or `builtin`
        old: PathBuf,
        /// Folder of vendor files, bundle (.json), user list, or `builtin`
        new: PathBuf,
    },
    /// Tell for each name what the lists say: name, verdict, vendor, rule, match, role
    Test {
        /// Names; `-` reads them from standard input, one a line
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
    /// Write the catalogue as a list for another program; standard error says what it cannot hold
    Export(exchange::ExportArgs),
    /// Take a list of another program over as a user list
    Import(exchange::ImportArgs),
    /// Put a catalogue (--lists DIR, or the built-in one) into one file, to be signed
    Bundle(update::BundleArgs),
    /// Check the signature of a file
    Verify(update::VerifyArgs),
    /// Fetch a newer bundle, check it, show what changes, put it in force
    Update(update::UpdateArgs),
    /// Take the bundle before the last update back
    Rollback(update::RollbackArgs),
}

/// Why a `list` command did not do what was asked.
enum ListError {
    /// A list cannot be loaded.
    Lists(Vec<ListProblem>),
    /// No vendor goes by this name; ids that come near.
    NoVendor(String, Vec<String>),
    /// Anything else: what, where, what next.
    Said(Exit, String),
    /// Input or output failed.
    Io(io::Error),
}

impl From<io::Error> for ListError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Vec<ListProblem>> for ListError {
    fn from(problems: Vec<ListProblem>) -> Self {
        Self::Lists(problems)
    }
}

/// Runs `poortwacht list ...`. Exit codes as of the whole program: `lint` says 1 of a list that
/// cannot be loaded, the other commands 6.
pub fn run(args: &ListArgs) -> ExitCode {
    let stdout = io::stdout();
    let look = Look {
        json: args.json,
        terminal: stdout.is_terminal(),
    };
    let mut out = io::BufWriter::with_capacity(1 << 16, stdout.lock());
    let done = execute(
        args,
        look,
        &mut io::stdin().lock(),
        &mut out,
        &mut io::stderr().lock(),
    );
    match done.and_then(|()| out.flush().map_err(ListError::Io)) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has seen enough (`| head`): nothing is wrong.
        Err(ListError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error gone there is nobody left to tell.
            let _ = report(&error, &mut io::stderr().lock());
            let exit = match (&error, &args.what) {
                (ListError::NoVendor(..), _) | (ListError::Lists(_), ListCommand::Lint) => Exit::No,
                (ListError::Lists(_), _) => Exit::List,
                (ListError::Said(exit, _), _) => *exit,
                (ListError::Io(_), _) => Exit::Output,
            };
            ExitCode::from(exit as u8)
        }
    }
}

/// How the output should look.
#[derive(Clone, Copy)]
struct Look {
    json: bool,
    terminal: bool,
}

fn execute(
    args: &ListArgs,
    look: Look,
    input: &mut dyn io::BufRead,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), ListError> {
    match &args.what {
        ListCommand::Lint => lint(&args.sources.load()?, look, out, notes),
        ListCommand::Show { vendor } => {
            let catalogue = args.sources.load()?;
            let found = show::pick(&catalogue, vendor)
                .ok_or_else(|| ListError::NoVendor(vendor.clone(), near(&catalogue, vendor)))?;
            Ok(show::vendor(&catalogue, found, look, out)?)
        }
        ListCommand::Stats => Ok(show::stats(&args.sources.load()?, look, out)?),
        ListCommand::Diff { old, new } => {
            let changes = diff(&load_any(old)?, &load_any(new)?);
            Ok(write_diff(&changes, look, out)?)
        }
        ListCommand::Test { names } => {
            let catalogue = args.sources.load()?;
            for name in names {
                if name == "-" {
                    try_names::lines(&catalogue, look.json, input, out)?;
                } else {
                    try_names::one(&catalogue, look.json, name.as_bytes(), out)?;
                }
            }
            Ok(())
        }
        ListCommand::Export(export) => exchange::export(export, &args.sources.load()?, out, notes),
        ListCommand::Import(import) => exchange::import(import, out, notes),
        ListCommand::Bundle(bundle) => update::bundle(bundle, args.sources.lists.as_deref(), out),
        ListCommand::Verify(verify) => update::verify_file(verify, look, out),
        ListCommand::Update(update) => update::update(update, look, out, notes),
        ListCommand::Rollback(rollback) => update::rollback(rollback, notes),
    }
}

fn report(error: &ListError, to: &mut dyn Write) -> io::Result<()> {
    match error {
        ListError::Lists(problems) => {
            for problem in problems {
                writeln!(to, "error: {problem}")?;
            }
            let problems = counted(problems.len() as u64, "problem");
            writeln!(to, "{problems}; no list was loaded")
        }
        ListError::NoVendor(name, near) => {
            let name = name.escape_debug();
            writeln!(
                to,
                "error: no vendor goes by `{name}`; write its id, name or alias"
            )?;
            if near.is_empty() {
                Ok(())
            } else {
                writeln!(to, "near: {}", near.join(", "))
            }
        }
        ListError::Said(_, what) => writeln!(to, "error: {what}"),
        ListError::Io(error) => writeln!(to, "error: {error}; check the input and the output"),
    }
}

fn lint(
    catalogue: &Catalogue,
    look: Look,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), ListError> {
    let warnings = lint::warnings(catalogue);
    for warning in &warnings {
        if look.json {
            let value = serde_json::json!({
                "level": "warning", "file": warning.file, "line": warning.line,
                "column": warning.column, "what": warning.what, "next": warning.next,
            });
            writeln!(out, "{value}")?;
        } else {
            writeln!(out, "warning: {warning}")?;
        }
    }
    out.flush()?;
    let info = catalogue.info();
    writeln!(
        notes,
        "{} of {}, version {}: no errors, {}",
        counted(info.rules, "rule"),
        counted(info.vendors, "vendor"),
        info.version,
        counted(warnings.len() as u64, "warning")
    )?;
    Ok(())
}

/// A file that was to be written could not be.
fn unwritable(path: &Path, e: &io::Error) -> ListError {
    let said = format!(
        "cannot write {}: {e}; check folder and space",
        path.display()
    );
    ListError::Said(Exit::Output, said)
}

fn near(catalogue: &Catalogue, wanted: &str) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let head: String = wanted.chars().take(4).collect();
    let ids = catalogue.vendors().iter().map(|vendor| &vendor.id);
    ids.filter(|id| id.contains(&wanted) || id.starts_with(&head))
        .take(8)
        .cloned()
        .collect()
}

/// Loads what a `diff` argument names.
fn load_any(path: &Path) -> Result<Catalogue, ListError> {
    if path == Path::new("builtin") {
        return Ok(Catalogue::builtin()?);
    }
    let name = path.display().to_string();
    if path.is_dir() || name.ends_with(".json") || name.ends_with(".json.previous") {
        return Ok(Catalogue::load(Some(path), &[], None)?);
    }
    if name.ends_with(".toml") {
        let next = "compare whole folders, plain lists, or `builtin`";
        return Err(vec![ListProblem::of_file(&name, "is one vendor file", next)].into());
    }
    let (text, _) = crate::blocklist::read_text(path).map_err(|problem| vec![problem])?;
    // Both sides get the same id, whatever the files are called: it is the rules that count.
    let source = crate::blocklist::SourceText::UserList("list", &text);
    let compiled = Catalogue::compile(&[source], crate::base::Timestamp(0));
    Ok(compiled.map_err(|mut problems| {
        problems
            .iter_mut()
            .for_each(|problem| problem.file.clone_from(&name));
        problems
    })?)
}

fn write_diff(changes: &[Change], look: Look, out: &mut dyn Write) -> io::Result<()> {
    if look.json {
        for change in changes {
            writeln!(out, "{}", serde_json::to_string(change)?)?;
        }
        return Ok(());
    }
    let rows = changes.iter().map(|change| {
        let fields = if change.fields.is_empty() {
            "-".into()
        } else {
            change.fields.join("; ")
        };
        let cells = [
            change.change,
            &change.vendor,
            &change.rule,
            change.kind,
            &fields,
        ];
        cells.map(str::to_owned).to_vec()
    });
    show::rows(
        &["change", "vendor", "rule", "match", "fields"],
        rows,
        look,
        out,
    )
}

#[cfg(test)]
mod tests;
