//! Whose certificate a server showed, when the client's hello told no name.
//!
//! Enters: a leaf certificate. Leaves: at most one sighting that may become a hit. Never: makes
//! somebody a vendor's client because a vendor's name stands among others.
//!
//! A certificate says who holds the keys of a server, not which host was asked for. So it counts
//! as a sighting only when **all** its names belong to one vendor: one that names several owners (a
//! content network's, a web agency's) proves little, and accuses nobody. Of a vendor's names the
//! one with the fewest labels is told, for the certificate does not say which of them was meant. A
//! wildcard `*.example.com` stands for `example.com`: it is issued to that domain's holder.

use super::Sink;
use super::context::Context;
use crate::base::{EchVerdict, Outcome, RawName, Seen};
use crate::blocklist::Verdict;
use crate::names::Sighting;
use crate::names::cert::{CertName, Leaf};

/// Names by which content networks mark their certificates, beside the customer's own.
const MARKS: &[&[u8]] = &[b".cloudflaressl.com"];

/// What the list says of the names so far.
#[derive(Default)]
struct Tally<'a, 'c> {
    /// The name with the fewest labels that matched, and what it matched.
    broadest: Option<(CertName<'a>, Verdict<'c>)>,
    vendor: Option<&'c str>,
    /// Names of which the list says nothing.
    strangers: usize,
    /// Names of a second vendor.
    mixed: bool,
}

impl<'a, 'c> Tally<'a, 'c> {
    fn take(&mut self, name: CertName<'a>, verdict: Verdict<'c>) {
        let (Verdict::Hit(found) | Verdict::Context(found) | Verdict::Allowed(found)) = verdict
        else {
            self.strangers = self.strangers.saturating_add(1);
            return;
        };
        let vendor = found.vendor().id.as_str();
        self.mixed |= self.vendor.is_some_and(|first| first != vendor);
        self.vendor = Some(vendor);
        let broader = |(other, _): &(CertName<'_>, Verdict<'_>)| labels(&name) < labels(other);
        if self.broadest.as_ref().is_none_or(broader) {
            self.broadest = Some((name, verdict));
        }
    }
}

fn labels(name: &CertName<'_>) -> usize {
    name.text.iter().filter(|byte| **byte == b'.').count()
}

fn is_mark(name: &CertName<'_>) -> bool {
    let ends = |mark: &&[u8]| {
        let start = name.text.len().checked_sub(mark.len());
        start
            .and_then(|at| name.text.get(at..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(mark))
    };
    MARKS.iter().any(ends)
}

impl<S: Sink> Context<'_, S> {
    /// The certificate that the sender of this packet showed. `None`: it does not tell a name.
    #[cold]
    pub fn certificate(&mut self, leaf: &Leaf<'_>) -> Option<Outcome> {
        let mut tally = Tally::default();
        let (mut names, mut read) = (leaf.names(), 0usize);
        for name in names.by_ref() {
            read = read.saturating_add(1);
            let sighting = sighting(name, leaf);
            self.seen(&sighting);
            let verdict = self.list.find_at(&sighting.name, self.around.time);
            if !matches!(verdict, Verdict::None) || !is_mark(&name) {
                tally.take(name, verdict);
            }
        }
        match tally.broadest {
            // It names a vendor beside somebody else: the name cannot be told.
            Some(_) if tally.mixed || tally.strangers > 0 || !names.is_whole() => None,
            Some((name, verdict)) => {
                self.matched(&sighting(name, leaf), verdict);
                Some(Outcome::Named)
            }
            None => (read > 0 && names.is_whole()).then_some(Outcome::Named),
        }
    }
}

const fn sighting<'f>(name: CertName<'f>, leaf: &Leaf<'f>) -> Sighting<'f> {
    Sighting {
        name: RawName::Text(name.text),
        seen: Seen::TlsCert,
        ech: EchVerdict::None,
        qtype: 0,
        client_is_src: false,
        evidence: leaf.der,
    }
}
