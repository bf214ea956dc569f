//! A case's reasoning, line by line.
//!
//! Enters: a case, the catalogue. Leaves: lines for people. Never: decides anything; a pseudonym
//! beyond those that the case shows.

use super::tell;
use super::{Case, EvidenceKind};
use crate::blocklist::{Catalogue, Proof, Stage};

/// Why the case stands where it stands.
pub fn explain(case: &Case, catalogue: &Catalogue) -> Vec<String> {
    let vendor = catalogue.vendor(&case.vendor);
    let proof = vendor.map_or_else(|| Proof::of_stage(None), crate::blocklist::Vendor::proof);
    let mut lines = vec![
        format!("{} {} ({})", case.id, case.vendor_name, case.vendor),
        format!("subject {}: {}", case.subject, case.kind()),
        format!("stage {}, {} of 100 points", case.stage, case.confidence),
        format!(
            "on monitored networks: {}",
            tell::says(case.stage, &case.vendor_name, case.kind())
        ),
        standing(case),
        format!("evidence from {} to {}", case.opened, case.updated),
    ];
    if !case.band.is_empty() {
        lines.push(format!("estimate of search-like uploads: {}", case.band));
    }
    lines.extend(case.closed.iter().map(|why| format!("closed: {why}")));
    items(case, &mut lines);
    steps(case, &mut lines);
    not_seen(case, &mut lines);
    reach(case, &proof, &mut lines);
    attribution(case, &mut lines);
    lines
}

fn standing(case: &Case) -> String {
    let entry = case.ruling.entry.as_ref();
    let entry = entry.map_or(String::new(), |entry| format!(" (entry {entry})"));
    format!(
        "standing {}{entry}: {}",
        case.ruling.standing, case.ruling.reason
    )
}

fn items(case: &Case, lines: &mut Vec<String>) {
    lines.push("evidence:".into());
    for it in &case.items {
        let frames = match it.frames {
            (0, _) => String::new(),
            (first, last) if first == last => format!(", frame {first}"),
            (first, last) => format!(", frames {first}-{last}"),
        };
        lines.push(format!(
            "  {} {} {} {} {:+} for {}, {}{frames}: {}",
            it.number, it.time, it.kind, it.rule, it.weight, it.stage, it.point, it.text
        ));
    }
    if case.items_left_out > 0 {
        lines.push(format!("  and {} more, not kept", case.items_left_out));
    }
}

fn steps(case: &Case, lines: &mut Vec<String>) {
    for step in &case.steps {
        lines.push(format!(
            "step to {} at {}, {} of 100 points:",
            step.stage, step.time, step.confidence
        ));
        lines.extend(step.sum.iter().map(|it| format!("  {it}")));
    }
}

/// Kinds of evidence whose absence matters to a reader.
fn not_seen(case: &Case, lines: &mut Vec<String>) {
    let seen = |kind: EvidenceKind| case.items.iter().any(|it| it.kind == kind);
    let tls = seen(EvidenceKind::Connection) || seen(EvidenceKind::UseHost);
    lines.push("not seen:".into());
    for &kind in EvidenceKind::ALL {
        if seen(kind) {
            continue;
        }
        let why = match kind {
            EvidenceKind::Mail | EvidenceKind::MailLookUp => {
                "private mail, or mail that no feed tells of, is not visible"
            }
            EvidenceKind::Payment => {
                "a payment from another network or on another day is not visible"
            }
            EvidenceKind::LookUp => "an internal resolver without a feed hides look-ups",
            EvidenceKind::FirstContact | EvidenceKind::UseHost | EvidenceKind::Upload if tls => {
                "a shared connection may hide further names"
            }
            _ => "none on monitored networks",
        };
        lines.push(format!("  {kind}: {why}"));
    }
    let payment = if seen(EvidenceKind::Payment) {
        "seen"
    } else if tls {
        "not seen"
    } else {
        "not visible"
    };
    lines.push(format!("payment: {payment}"));
}

fn reach(case: &Case, proof: &Proof, lines: &mut Vec<String>) {
    lines.push(format!(
        "metadata can prove at most {} of this vendor: {}",
        proof.highest(),
        proof.reason
    ));
    lines.extend(proof.also.iter().map(|it| format!("  {it}")));
    if case.stage < Stage::Integrated {
        lines.push("left open:".into());
        let open = tell::unknown(case.stage, proof);
        lines.extend(open.into_iter().take(2).map(|it| format!("  {it}")));
    }
}

fn attribution(case: &Case, lines: &mut Vec<String>) {
    lines.push("attribution:".into());
    for entry in &case.attribution {
        let who = &entry.attribution;
        let other = entry.other.as_ref();
        let other = other.map_or(String::new(), |id| format!(", with {id}"));
        lines.push(format!(
            "  {} {} {}, grade {}{other}: {}",
            entry.time, entry.act, who.kind, who.grade, who.reason
        ));
    }
}
