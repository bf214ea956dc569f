//! `list export` and `list import`: from and to the lists of other programs.
//!
//! Enters: arguments, lists. Leaves: a list, and on standard error what it does not hold and why.
//! Never: a file half written.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::{ListError, counted, unwritable};
use crate::blocklist::exchange::{Entry, Format, Imported, Plan, Selection, guess, read, write};
use crate::blocklist::{Catalogue, MatchKind, Role, Severity, read_text};
use crate::daemon::Exit;
use crate::updates::swap;

/// A member of a closed set, by its label.
fn member<T: Copy + Send + Sync + 'static>(
    set: &'static [T],
    label: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(set.iter().map(|&member| label(member)))
        // The parser above lets labels of the set through only.
        .map(move |text| {
            set.iter()
                .copied()
                .find(|&m| label(m) == text)
                .unwrap_or(set[0])
        })
}

/// `list export`
#[derive(Args, Clone, Debug)]
pub(super) struct ExportArgs {
    /// Form of the list
    #[arg(long, value_name = "F", value_parser = member(Format::ALL, Format::label))]
    format: Format,
    /// Only hosts with these main roles, commas between
    #[arg(long, value_name = "ROLES", value_delimiter = ',',
          value_parser = member(Role::ALL, Role::label))]
    roles: Vec<Role>,
    /// Only these vendors (ids), commas between
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    vendors: Vec<String>,
    /// Only rules of these severities, commas between [default: high,medium,low]
    #[arg(long, value_name = "SEVERITIES", value_delimiter = ',',
          value_parser = member(Severity::ALL, Severity::label))]
    severity: Vec<Severity>,
    /// Dual-use hosts too, marked: harmless uses share them
    #[arg(long)]
    dual_use: bool,
    /// Suppliers' hosts too, marked: many others use them
    #[arg(long)]
    suppliers: bool,
    /// File to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// `list import`
#[derive(Args, Clone, Debug)]
pub(super) struct ImportArgs {
    /// Form of the list, or `auto`
    #[arg(long, value_name = "F", default_value = "auto")]
    format: String,
    /// The list; may be packed with gzip or zstd
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Name to write at its head [default: the file's]
    #[arg(long)]
    name: Option<String>,
    /// User list to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Allow-list to write the list's exceptions to
    #[arg(long, value_name = "FILE", requires = "until")]
    exceptions: Option<PathBuf>,
    /// Last day on which the exceptions count, e.g. 2027-01-31
    #[arg(long, value_name = "DATE", value_parser = day)]
    until: Option<time::Date>,
    /// Leave wrong lines out, and entries that have exceptions
    #[arg(long)]
    skip_bad: bool,
}

fn day(text: &str) -> Result<time::Date, String> {
    let form = time::macros::format_description!("[year]-[month]-[day]");
    time::Date::parse(text, &form).map_err(|_| "write it as 2027-01-31".into())
}

pub(super) fn export(
    args: &ExportArgs,
    catalogue: &Catalogue,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), ListError> {
    for id in &args.vendors {
        if catalogue.vendor(id).is_none() {
            return Err(ListError::NoVendor(id.clone(), super::near(catalogue, id)));
        }
    }
    let mut selection = Selection {
        roles: args.roles.clone(),
        vendors: args.vendors.clone(),
        dual_use: args.dual_use,
        suppliers: args.suppliers,
        ..Selection::default()
    };
    if !args.severity.is_empty() {
        selection.severities.clone_from(&args.severity);
    }
    let plan = Plan::of(catalogue, &selection);
    let mut text = Vec::new();
    let tally = write(args.format, &plan, &mut text)?;
    if tally.written == 0 {
        let what = "nothing is left to write: no rule is of that kind, or the format cannot say it";
        return Err(ListError::Said(Exit::No, what.into()));
    }
    put(args.output.as_deref(), &text, out)?;
    out.flush()?;
    writeln!(
        notes,
        "{} written, {}",
        counted(tally.written, "rule"),
        counted(tally.exceptions, "exception")
    )?;
    for (why, count) in tally.all_left() {
        writeln!(notes, "left out: {count} {why}")?;
    }
    Ok(())
}

fn put(to: Option<&Path>, bytes: &[u8], out: &mut dyn Write) -> Result<(), ListError> {
    match to {
        None => Ok(out.write_all(bytes)?),
        Some(path) => swap::write_whole(path, bytes).map_err(|e| unwritable(path, &e)),
    }
}

pub(super) fn import(
    args: &ImportArgs,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), ListError> {
    let file = args.file.display().to_string();
    let (text, _) = read_text(&args.file).map_err(|problem| vec![problem])?;
    let format = match args.format.as_str() {
        "auto" => guess(&text),
        label => Format::ALL
            .iter()
            .copied()
            .find(|f| f.label() == label)
            .ok_or_else(|| {
                let known: Vec<&str> = Format::ALL.iter().map(|f| f.label()).collect();
                let said = format!(
                    "no form is called `{label}`; use auto or one of: {}",
                    known.join(", ")
                );
                ListError::Said(Exit::Usage, said)
            })?,
    };
    let mut list = read(format, &file, &text);
    let usable = args.skip_bad && !list.entries.is_empty();
    if list.bad > 0 && !usable {
        return Err(ListError::Lists(list.problems));
    }
    for problem in &list.problems {
        writeln!(notes, "skipped: {problem}")?;
    }
    let cut = settle_exceptions(args, &mut list)?;
    if list.entries.is_empty() {
        let said = format!("{file}: every entry has an exception; nothing is left");
        return Err(ListError::Said(Exit::No, said));
    }
    let name = args.name.as_deref().unwrap_or(&file);
    put(
        args.output.as_deref(),
        user_list(name, &file, &list).as_bytes(),
        out,
    )?;
    out.flush()?;
    if let (Some(path), Some(until), false) =
        (&args.exceptions, args.until, list.exceptions.is_empty())
    {
        let text = allow_list(&file, &list.exceptions, until);
        put(Some(path), text.as_bytes(), out)?;
    }
    writeln!(
        notes,
        "{} and {} taken over, read as {format}",
        counted(list.entries.len() as u64, "entry"),
        counted(list.exceptions.len() as u64, "exception")
    )?;
    for (why, count) in list.unused() {
        writeln!(notes, "not used: {count} {why}")?;
    }
    if list.bad > 0 {
        writeln!(notes, "not used: {}", counted(list.bad, "wrong line"))?;
    }
    if cut > 0 {
        writeln!(notes, "not used: {cut} entries that have exceptions")?;
    }
    Ok(())
}

/// Exceptions go to an allow-list, or the entries above them are left out.
fn settle_exceptions(args: &ImportArgs, list: &mut Imported) -> Result<usize, ListError> {
    if list.exceptions.is_empty() || args.exceptions.is_some() {
        return Ok(0);
    }
    if !args.skip_bad {
        let first = &list.exceptions[0];
        let said = format!(
            "{}:{}: the list has {} to wider entries (the first: {}), and a user list \
             has none; --exceptions FILE --until DATE writes an allow-list (it silences every \
             list, the catalogue too), --skip-bad leaves the wider entries out",
            args.file.display(),
            first.line,
            counted(list.exceptions.len() as u64, "exception"),
            first.name
        );
        return Err(ListError::Said(Exit::List, said));
    }
    Ok(list.leave_excepted())
}

fn user_list(name: &str, file: &str, list: &Imported) -> String {
    let one_line = |text: &str| text.replace(char::is_control, " ");
    let mut text = format!(
        "# {}\n# Taken over from {} ({}).\n",
        one_line(name),
        one_line(file),
        list.format
    );
    text.push_str("# `name` covers the name and all names below it, `=name` the name alone.\n");
    for entry in &list.entries {
        let sign = if entry.kind == MatchKind::Exact {
            "="
        } else {
            ""
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{sign}{}", entry.name);
    }
    text
}

fn allow_list(file: &str, exceptions: &[Entry], until: time::Date) -> String {
    let mut text =
        String::from("# Exceptions of a list. Each silences every list: look them through.\n");
    for entry in exceptions {
        let reason = toml::Value::String(format!("exception in {file}, line {}", entry.line));
        let (name, kind) = (&entry.name, entry.kind);
        let _ = write!(
            text,
            "\n[[allow]]\nname = \"{name}\"\nmatch = \"{kind}\"\nreason = {reason}\nexpires = {until}\n"
        );
    }
    text
}
