//! `poortwacht console`: links for people, asked of a running daemon.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Common, desk};
use crate::console::Role;
use crate::daemon::Fault;

/// Let people into the console: make one-time links.
#[derive(Args)]
#[command(after_help = "\
Examples:
  poortwacht console invite eva --role analyst       a link for a new account
  poortwacht console invite jan --role lead --role auditor
  poortwacht console reset eva                       a link for a new password
  poortwacht console invite eva --role analyst --json

A link works once: an invitation for three days, a reset for one. Hand it over by a safe way.")]
pub struct ConsoleArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Invite(InviteArgs),
    Reset(ResetArgs),
}

/// A link by which somebody makes their account.
#[derive(Args)]
struct InviteArgs {
    /// Name of the account: lower-case letters, digits and . _ - @
    #[arg(value_name = "NAME")]
    name: String,
    /// What they are there for; may be given several times
    #[arg(long, value_name = "ROLE", required = true, value_parser = role)]
    role: Vec<Role>,
    #[command(flatten)]
    asked: Asked,
}

/// A link by which somebody sets a new password; their second factor is taken away.
#[derive(Args)]
struct ResetArgs {
    /// Name of the account
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Args)]
struct Asked {
    #[command(flatten)]
    common: Common,
    /// Control socket of the daemon; without it, the one in the configuration
    #[arg(long, value_name = "FILE")]
    control: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

fn role(text: &str) -> Result<Role, String> {
    let all = || Role::ALL.map(Role::name).join(", ");
    Role::named(text).ok_or_else(|| format!("roles are {}", all()))
}

pub(super) fn run(args: &ConsoleArgs) -> Result<(), Fault> {
    let (asked, name, request) = match &args.command {
        Command::Invite(invite) => {
            let roles: Vec<&str> = invite.role.iter().map(|role| role.name()).collect();
            let request = format!("invite {} {}", invite.name, roles.join(","));
            (&invite.asked, &invite.name, request)
        }
        Command::Reset(reset) => (&reset.asked, &reset.name, format!("reset {}", reset.name)),
    };
    let link = desk::answer(&asked.common, asked.control.as_deref(), &request)?;
    if asked.json {
        let told = serde_json::json!({ "account": name, "link": link });
        return super::print(&format!("{told}\n"));
    }
    super::print(&format!("{link}\n"))
}
