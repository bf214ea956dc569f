//! `poortwacht manual`: man pages and shell completions, made from the command line's definition.

use std::path::PathBuf;

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell;

use crate::daemon::{Exit, Fault};

/// Write the man pages and shell completions into a folder.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht manual /usr/local/share                 man/man1/*.1 and completions/* below it")]
pub struct ManualArgs {
    /// Folder to write to
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub(super) fn run(args: &ManualArgs) -> Result<(), Fault> {
    let written = write(args).map_err(|e| {
        let next = "name a folder that this user may write to";
        Fault::new(
            Exit::Output,
            format!("cannot write below {}: {e}; {next}", args.dir.display()),
        )
    })?;
    super::print(&written)
}

fn write(args: &ManualArgs) -> std::io::Result<String> {
    let man = args.dir.join("man/man1");
    let completions = args.dir.join("completions");
    std::fs::create_dir_all(&man)?;
    std::fs::create_dir_all(&completions)?;
    clap_mangen::generate_to(super::Cli::command(), &man)?;
    for shell in Shell::value_variants() {
        let mut command = super::Cli::command();
        clap_complete::generate_to(*shell, &mut command, "poortwacht", &completions)?;
    }
    Ok(format!(
        "wrote {} and {}\n",
        man.display(),
        completions.display()
    ))
}
