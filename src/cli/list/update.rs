//! `list bundle`, `verify`, `update` and `rollback`: the catalogue as one signed file.
//!
//! Enters: arguments, the configuration. Leaves: a bundle on disk; on standard output what changed.
//! Never: puts a list in force that `updates` refuses.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{ListError, Look, counted, unwritable, write_diff};
use crate::blocklist::{Bundle, BundledFile, Catalogue, builtin_files, read_text};
use crate::config::Config;
use crate::daemon::Exit;
use crate::updates::signature::{Key, Signed, verify};
use crate::updates::{self, Leave, Refusal, Settings, fetch, swap};

/// What several commands share.
#[derive(Args, Clone, Debug)]
struct Setting {
    /// Configuration file, for `dir` and the keys under [lists.update]
    #[arg(short, long, value_name = "FILE", env = "POORTWACHT_CONFIG")]
    config: Option<PathBuf>,
}

impl Setting {
    fn load(&self) -> Result<Config, ListError> {
        let Some(path) = &self.config else {
            return Ok(Config::default());
        };
        let mut config =
            Config::load(path).map_err(|e| ListError::Said(Exit::Config, e.to_string()))?;
        if let Some(folder) = path.parent() {
            config.rebase(folder);
        }
        Ok(config)
    }
}

/// `list bundle`
#[derive(Args, Clone, Debug)]
pub(super) struct BundleArgs {
    /// Bundle to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// When it was made, as 2026-11-22T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    created: Option<OffsetDateTime>,
}

fn moment(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| "write it as 2026-11-22T12:00:00Z".into())
}

/// `list verify`
#[derive(Args, Clone, Debug)]
pub(super) struct VerifyArgs {
    /// The signed file
    file: PathBuf,
    /// Its signature [default: the file's name with .minisig behind]
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Public key that is trusted, beside those of the configuration; may be given several times
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    #[command(flatten)]
    setting: Setting,
}

/// `list update`
#[derive(Args, Clone, Debug)]
pub(super) struct UpdateArgs {
    /// File or address of the new bundle [default: `from` under [lists.update]]
    #[arg(long, value_name = "FILE|URL")]
    from: Option<String>,
    /// File or address of its signature [default: the bundle's with .minisig behind]
    #[arg(long, value_name = "FILE|URL")]
    signature: Option<String>,
    /// Bundle in force, to be replaced [default: `dir` under [lists]]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Public key that is trusted, beside those of the configuration; may be given several times
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    /// Show what would change, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Take a list without signature, for this reason
    #[arg(long, value_name = "REASON", conflicts_with = "signature")]
    unsigned: Option<String>,
    /// Take a list that is older than the one in force
    #[arg(long)]
    allow_older: bool,
    /// Take a list that has lost most of its rules
    #[arg(long)]
    allow_shrink: bool,
    /// Take http from another machine; the signature is checked all the same
    #[arg(long)]
    insecure_http: bool,
    /// Have the running daemon read its lists again
    #[arg(long)]
    reload: bool,
    #[command(flatten)]
    setting: Setting,
}

/// `list rollback`
#[derive(Args, Clone, Debug)]
pub(super) struct RollbackArgs {
    /// Bundle in force [default: `dir` under [lists]]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Have the running daemon read its lists again
    #[arg(long)]
    reload: bool,
    #[command(flatten)]
    setting: Setting,
}

/// Makes a bundle of a folder, or of the catalogue that is built in.
pub(super) fn bundle(
    args: &BundleArgs,
    folder: Option<&Path>,
    out: &mut dyn Write,
) -> Result<(), ListError> {
    // What cannot be loaded is not handed on.
    let info = Catalogue::load(folder, &[], None)?.info();
    let files = match folder {
        None => builtin_files()
            .map(|(name, text)| BundledFile {
                name: name.into(),
                text: text.into(),
            })
            .collect(),
        Some(folder) => files_of(folder)?,
    };
    let created = args.created.unwrap_or_else(OffsetDateTime::now_utc);
    let created = created.replace_nanosecond(0).unwrap_or(created);
    let bundle = Bundle::new(created, files);
    let text = bundle.to_text();
    swap::write_whole(&args.output, text.as_bytes()).map_err(|e| unwritable(&args.output, &e))?;
    let (at, made) = (args.output.display(), bundle.created_text());
    writeln!(
        out,
        "{at}: list {} with {}, made {made}",
        info.version,
        counted(info.rules, "rule")
    )?;
    writeln!(out, "sign it: minisign -S -m {at}")?;
    Ok(())
}

fn files_of(folder: &Path) -> Result<Vec<BundledFile>, ListError> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "toml") {
            let (text, _) = read_text(&path).map_err(|problem| vec![problem])?;
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            files.push(BundledFile { name, text });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn keys(more: &[String], settings: &Settings) -> Result<Vec<Key>, ListError> {
    let all = more.iter().chain(&settings.keys);
    all.map(|text| Key::parse(text).map_err(|why| ListError::Said(Exit::Config, why)))
        .collect()
}

fn input(why: String) -> ListError {
    ListError::Said(Exit::Input, why)
}

/// Says who signed a file.
pub(super) fn verify_file(
    args: &VerifyArgs,
    look: Look,
    out: &mut dyn Write,
) -> Result<(), ListError> {
    let settings = args.setting.load()?.lists.update;
    let keys = keys(&args.key, &settings)?;
    let file = args.file.display().to_string();
    let signature = match &args.signature {
        Some(path) => path.display().to_string(),
        None => format!("{file}.minisig"),
    };
    let bytes = fetch::fetch(&file, &settings, false).map_err(input)?;
    let signed = checked(&file, &bytes, &signature, &settings, false, &keys)?;
    if look.json {
        let value = serde_json::json!({
            "file": file, "key": signed.by.to_string(), "trusted_comment": signed.trusted_comment,
        });
        writeln!(out, "{value}")?;
    } else {
        told(&file, &signed, out)?;
    }
    Ok(())
}

fn checked(
    what: &str,
    bytes: &[u8],
    signature: &str,
    settings: &Settings,
    insecure_http: bool,
    keys: &[Key],
) -> Result<Signed, ListError> {
    let text = fetch::fetch(signature, settings, insecure_http)
        .map_err(|why| input(format!("the signature is missing: {why}")))?;
    let text = String::from_utf8_lossy(&text);
    verify(what, bytes, &text, keys).map_err(|why| ListError::Said(Exit::List, why))
}

fn told(what: &str, signed: &Signed, out: &mut dyn Write) -> std::io::Result<()> {
    let comment: String = signed.trusted_comment.replace(char::is_control, " ");
    writeln!(
        out,
        "{what}: signed by key {}; it says: {comment}",
        signed.by
    )
}

/// The file that is replaced.
fn target(given: Option<&Path>, config: &Config) -> Result<PathBuf, ListError> {
    let path = given.map_or_else(|| config.lists.dir.clone(), Path::to_owned);
    let what = if path.as_os_str().is_empty() {
        "no bundle is in use: set `dir` under [lists] to a file such as \
         /var/lib/poortwacht/catalogue.json, or give --to FILE"
            .to_owned()
    } else if path.is_dir() {
        format!(
            "{} is a folder, and only one file can be swapped whole: set `dir` under [lists] to a \
             file beside it, or give --to FILE",
            path.display()
        )
    } else {
        return Ok(path);
    };
    Err(ListError::Said(Exit::Config, what))
}

/// Fetches, checks, shows, and puts in force.
pub(super) fn update(
    args: &UpdateArgs,
    look: Look,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), ListError> {
    let config = args.setting.load()?;
    let settings = &config.lists.update;
    let target = target(args.to.as_deref(), &config)?;
    let from = args.from.clone().unwrap_or_else(|| settings.from.clone());
    if from.is_empty() {
        let what = "give --from FILE or URL, or set `from` under [lists.update]";
        return Err(ListError::Said(Exit::Usage, what.into()));
    }
    let keys = keys(&args.key, settings)?;
    let bytes = fetch::fetch(&from, settings, args.insecure_http).map_err(input)?;
    match &args.unsigned {
        Some(reason) if reason.trim().is_empty() => {
            let what = "--unsigned needs a reason: it is printed with the update";
            return Err(ListError::Said(Exit::Usage, what.into()));
        }
        Some(reason) => {
            let reason = reason.replace(char::is_control, " ");
            writeln!(notes, "note: no signature was checked, because: {reason}")?;
        }
        None => {
            let signature = args
                .signature
                .clone()
                .unwrap_or_else(|| format!("{from}.minisig"));
            let signed = checked(
                &from,
                &bytes,
                &signature,
                settings,
                args.insecure_http,
                &keys,
            )?;
            told(&from, &signed, notes)?;
        }
    }
    let leave = Leave {
        older: args.allow_older,
        shrink: args.allow_shrink,
    };
    // Held from before the comparison: what was compared with is what is replaced.
    let held = match args.dry_run {
        true => None,
        false => Some(swap::hold(&target).map_err(|e| unwritable(&target, &e))?),
    };
    let new = updates::check(&from, bytes, &target, leave, OffsetDateTime::now_utc())?;
    write_diff(&new.changes, look, out)?;
    out.flush()?;
    for warning in &new.warnings {
        writeln!(notes, "warning: {warning}")?;
    }
    let info = new.catalogue.info();
    let list = format!(
        "list {} with {}, made {}",
        info.version,
        counted(info.rules, "rule"),
        new.created
    );
    let changes = match new.changes.len() as u64 {
        0 => "no rule changes, only notes, sources or dates do".to_owned(),
        number => counted(number, "change"),
    };
    match held {
        _ if new.same => writeln!(notes, "{list} is in force already")?,
        None => {
            writeln!(notes, "{list}: {changes}; nothing was changed (--dry-run)")?;
            return Ok(());
        }
        Some(held) => {
            held.replace(new.text.as_bytes())
                .map_err(|e| unwritable(&target, &e))?;
            writeln!(notes, "{list}: {changes}, now {}", target.display())?;
        }
    }
    if !args.dry_run {
        reload(args.reload, &config, notes)?;
    }
    Ok(())
}

impl From<Refusal> for ListError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Broken(problems) => Self::Lists(problems),
            Refusal::Implausible(why) => Self::Said(Exit::List, why),
        }
    }
}

/// Takes the list before the one in force back.
pub(super) fn rollback(args: &RollbackArgs, notes: &mut dyn Write) -> Result<(), ListError> {
    let config = args.setting.load()?;
    let target = target(args.to.as_deref(), &config)?;
    let previous = swap::previous(&target);
    if !previous.exists() {
        let what = format!(
            "there is no {}: nothing was updated yet",
            previous.display()
        );
        return Err(ListError::Said(Exit::No, what));
    }
    let held = swap::hold(&target).map_err(|e| unwritable(&target, &e))?;
    let bytes = held
        .previous()
        .map_err(|e| input(format!("cannot read {}: {e}", previous.display())))?;
    let info = updates::recompile(&previous.display().to_string(), bytes.clone())?.info();
    held.replace(&bytes).map_err(|e| unwritable(&target, &e))?;
    writeln!(
        notes,
        "list {} with {} is back; the one that was in force is now {}",
        info.version,
        counted(info.rules, "rule"),
        previous.display()
    )?;
    reload(args.reload, &config, notes)
}

fn reload(wanted: bool, config: &Config, notes: &mut dyn Write) -> Result<(), ListError> {
    if wanted {
        return crate::cli::desk::reload_at(&config.control.socket)
            .map_err(|fault| ListError::Said(fault.exit, fault.message));
    }
    writeln!(
        notes,
        "a running daemon takes it with `poortwacht reload`, or --reload here"
    )?;
    Ok(())
}
