//! Lists of other programs: read as a user list, written from the catalogue.
//!
//! Enters: the text of a foreign list, or a catalogue and what of it is wanted. Leaves: entries and
//! exceptions with their lines, or the text of a list and a [`Tally`] of what it could not hold.
//! Never: touches a file; widens an entry (`0.0.0.0 x` is `x` alone, never what lies below it).
//!
//! ```text
//! text -> format's read -> Draft -> Imported        Catalogue -> Plan -> format's write -> text
//! ```

mod adblock;
mod dnsmasq;
mod draft;
mod guess;
mod hosts;
mod misp;
#[doc(hidden)]
pub mod oracle;
mod plain_names;
mod plan;
mod rpz;
mod suricata;
mod tally;
#[cfg(test)]
mod tests;
mod unbound;
mod zeek;

use std::io::{self, Write};

use crate::base::seen::closed_set;

pub use draft::{ENTRIES_MAX, Entry, Imported, Unused};
pub use guess::guess;
pub use plan::{Plan, Selection};
pub use tally::{LeftOut, Tally};

use draft::Draft;

closed_set! {
    /// The form of a list.
    Format {
        /// A user list of this program: `name` covers it and all below, `=name` itself alone.
        Plain = "plain",
        /// Bare names, each for itself.
        Domains = "domains",
        /// hosts(5): an unspecified or loopback address, then names.
        Hosts = "hosts",
        /// A response policy zone with QNAME triggers (draft-vixie-dnsop-dns-rpz).
        Rpz = "rpz",
        /// `||name^` of browser blockers, AdGuard Home and the like.
        Adblock = "adblock",
        /// dnsmasq, `address=/name/`.
        Dnsmasq = "dnsmasq",
        /// dnsmasq, `local=/name/`.
        DnsmasqLocal = "dnsmasq-local",
        /// dnsmasq, `server=/name/`.
        DnsmasqServer = "dnsmasq-server",
        /// Unbound, `local-zone:`.
        Unbound = "unbound",
        /// The strings of a Suricata dataset, in base64.
        Suricata = "suricata",
        /// Suricata rules that use such a dataset, and one rule for each suffix. Written only.
        SuricataRules = "suricata-rules",
        /// An intelligence file of Zeek.
        Zeek = "zeek",
        /// A MISP event.
        MispJson = "misp-json",
        /// A MISP export as CSV.
        MispCsv = "misp-csv",
    }
}

impl Format {
    /// Can it be read?
    pub const fn is_readable(self) -> bool {
        !matches!(self, Self::SuricataRules)
    }
}

/// Reads a list. `file` stands for it in problems, which are bounded.
pub fn read(format: Format, file: &str, text: &str) -> Imported {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut draft = Draft::new(format, file, text);
    match format {
        Format::Plain => plain_names::read_plain(text, &mut draft),
        Format::Domains => plain_names::read_domains(text, &mut draft),
        Format::Hosts => hosts::read(text, &mut draft),
        Format::Rpz => rpz::read(text, &mut draft),
        Format::Adblock => adblock::read(text, &mut draft),
        Format::Dnsmasq | Format::DnsmasqLocal | Format::DnsmasqServer => {
            dnsmasq::read(text, &mut draft);
        }
        Format::Unbound => unbound::read(text, &mut draft),
        Format::Suricata => suricata::read(text, &mut draft),
        Format::SuricataRules => draft.bad(
            0,
            "Suricata rules cannot be read",
            "give the dataset file that they load, with `--format suricata`",
        ),
        Format::Zeek => zeek::read(text, &mut draft),
        Format::MispJson => misp::read_json(text, &mut draft),
        Format::MispCsv => misp::read_csv(text, &mut draft),
    }
    draft.finish()
}

/// Writes what a plan holds and says what did not fit.
///
/// # Errors
/// Those of `out`.
pub fn write(format: Format, plan: &Plan<'_>, out: &mut dyn Write) -> io::Result<Tally> {
    match format {
        Format::Plain => plain_names::write_plain(plan, out),
        Format::Domains => plain_names::write_domains(plan, out),
        Format::Hosts => hosts::write(plan, out),
        Format::Rpz => rpz::write(plan, out),
        Format::Adblock => adblock::write(plan, out),
        Format::Dnsmasq => dnsmasq::write("address", plan, out),
        Format::DnsmasqLocal => dnsmasq::write("local", plan, out),
        Format::DnsmasqServer => dnsmasq::write("server", plan, out),
        Format::Unbound => unbound::write(plan, out),
        Format::Suricata => suricata::write(plan, out),
        Format::SuricataRules => suricata::write_rules(plan, out),
        Format::Zeek => zeek::write(plan, out),
        Format::MispJson => misp::write_json(plan, out),
        Format::MispCsv => misp::write_csv(plan, out),
    }
}
