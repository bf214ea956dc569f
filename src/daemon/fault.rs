//! How a run ends when it cannot go on: an exit code from a closed set, and one clear message.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

/// Exit codes, as documented in the manual page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 1: the answer is no (lint found errors, no such hit, a reload was refused).
    No = 1,
    /// 2: the command line is wrong.
    Usage = 2,
    /// 3: the configuration or the key file is refused.
    Config = 3,
    /// 4: an input file is missing, broken, cut short or of a link type that is not decoded; what
    /// could be read is out.
    Input = 4,
    /// 5: a permission is missing.
    Permission = 5,
    /// 6: a list is refused.
    List = 6,
    /// 7: an address or socket is in use or cannot be had.
    Listen = 7,
    /// 8: an output cannot be written.
    Output = 8,
    /// 9: an interface is missing or failed.
    Interface = 9,
    /// 70: one of our own processes ended unexpectedly.
    Internal = 70,
}

impl Exit {
    /// Every code.
    pub const ALL: &'static [Self] = &[
        Self::No,
        Self::Usage,
        Self::Config,
        Self::Input,
        Self::Permission,
        Self::List,
        Self::Listen,
        Self::Output,
        Self::Interface,
        Self::Internal,
    ];
}

/// The end of a run: what, where, what next.
#[derive(Debug)]
pub struct Fault {
    /// The code.
    pub exit: Exit,
    /// The message; empty when it was told already.
    pub message: String,
}

impl Fault {
    /// A fault with its message.
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self {
            exit,
            message: message.to_string(),
        }
    }

    /// The end of a run of which the reason was told already.
    pub fn told(exit: Exit) -> Self {
        Self {
            exit,
            message: String::new(),
        }
    }

    /// Prints the message, if there is one, to standard error and gives the code.
    pub fn report(&self) -> ExitCode {
        if !self.message.is_empty() {
            say(&self.message);
        }
        ExitCode::from(self.exit as u8)
    }
}

/// A message to standard error. Where that cannot be written there is nobody left to tell.
pub fn say(message: &str) {
    let _ = writeln!(std::io::stderr(), "poortwacht: {message}");
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for Fault {}
