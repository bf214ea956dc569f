//! Could this come from a sound sensor? The sensor parses hostile bytes, so the desk takes nothing
//! from it on trust.
//!
//! Enters: an [`Event`]. Leaves: yes or no. Never: mends what is wrong.

use crate::event::{Burst, Event, Fact, Guard, Mail, Support, Translation};
use crate::hits::scribe::{self, is_plausible_name, is_plausible_rule, is_short_text};

/// Longest user, host, session or mailbox text taken, in bytes. RADIUS allows 253, a mailbox 254.
const TEXT_LEN_MAX: usize = 256;
/// Longest client identifier or relay information taken, in bytes (an option holds 255).
const BYTES_LEN_MAX: usize = 255;
/// A burst that claims to have lasted longer than this cannot be one: they are cut far earlier.
const BURST_NS_MAX: u64 = 3_600_000_000_000;

/// Names, lengths and order in time within their bounds.
pub fn is_plausible(event: &Event) -> bool {
    match event {
        Event::Hit(hit) => scribe::is_plausible(hit),
        Event::Burst(burst) => is_burst(burst),
        Event::Support(support) => is_support(support),
        Event::Mail(mail) => is_mail(mail),
        Event::Fact(fact) => is_fact(fact),
        Event::Translation(it) => is_translation(it),
        Event::Ready(_)
        | Event::Stats(_)
        | Event::ListLoaded(_)
        | Event::ListRefused(_)
        | Event::SourceEnded(_) => true,
        Event::Confined(guards) => guards.len() <= Guard::ALL.len(),
    }
}

const SEVERITIES: [&str; 4] = ["high", "medium", "low", "informational"];

fn is_burst(burst: &Burst) -> bool {
    is_short_text(&burst.point, 255)
        && is_plausible_name(&burst.name)
        && is_plausible_rule(&burst.rule, &SEVERITIES)
        && burst.opened <= burst.start
        && burst.start <= burst.end
        && burst.end.since_ns(burst.start) <= BURST_NS_MAX
        && burst.frames.0 <= burst.frames.1
}

fn is_support(support: &Support) -> bool {
    let mut severities = SEVERITIES.to_vec();
    severities.push("context-only");
    is_short_text(&support.point, 255)
        && is_plausible_name(&support.name)
        && is_plausible_rule(&support.rule, &severities)
}

fn is_mail(mail: &Mail) -> bool {
    is_short_text(&mail.point, 255)
        && is_plausible_name(&mail.name)
        && is_plausible_rule(&mail.rule, &SEVERITIES)
        && is_short_text(&mail.recipient, TEXT_LEN_MAX)
        && (mail.id.is_empty() || is_short_text(&mail.id, 1024))
}

fn is_fact(fact: &Fact) -> bool {
    let text = |text: &Option<String>| {
        text.as_ref()
            .is_none_or(|text| is_short_text(text, TEXT_LEN_MAX))
    };
    let bytes = |bytes: &Option<Vec<u8>>| bytes.as_ref().is_none_or(|b| b.len() <= BYTES_LEN_MAX);
    is_short_text(&fact.origin, 255)
        && text(&fact.user)
        && text(&fact.host)
        && text(&fact.session)
        && bytes(&fact.client_id)
        && bytes(&fact.circuit)
}

fn is_translation(it: &Translation) -> bool {
    is_short_text(&it.origin, 255) && it.inside.transport == it.outside.transport
}
