//! Alerts: what is said of a case, once per stage and standing.
//!
//! Enters: a judged case. Leaves: [`Alert`]s. Never: a pseudonym in the text, a word on guilt or
//! on a law; more than the vendor's proof allows.

use ring::digest;

use super::standing;
use super::{Alert, AlertKind, Case, Step, Told};
use crate::base::{Timestamp, hex};
use crate::blocklist::{Proof, Stage};
use crate::identity::{Grade, SubjectKind};
use crate::organisation::Standing;

/// Most items listed in a text; the case has them all.
const ITEMS_TOLD: usize = 12;

/// Alerts for the steps that nobody has been told of. An alert names somebody: it waits while a
/// source of identity may still contradict what is `known` of the evidence behind the step. Says
/// whether one waits.
pub(super) fn raise(
    case: &mut Case,
    proof: &Proof,
    (now, known): (Timestamp, Timestamp),
    out: &mut Vec<Alert>,
) -> bool {
    if !standing::alerts(case.ruling.standing) || case.kind() == SubjectKind::Ambiguous {
        return false;
    }
    let mut waits = false;
    for step in case.steps.clone() {
        if step.stage < Stage::Visited {
            continue;
        }
        let mut told = case
            .grounds
            .told
            .iter()
            .filter(|told| told.stage == step.stage);
        let is_told = told.any(|told| {
            // Told under another standing: again only when it is worse now, and for the stage shown.
            !standing::is_worse(case.ruling.standing, told.standing) || step.stage != case.stage
        });
        if is_told {
            continue;
        }
        let mut behind = case
            .items
            .iter()
            .filter(|item| step.items.contains(&item.number) && item.trace.is_some());
        if behind.any(|item| item.time > known) {
            waits = true;
            continue;
        }
        let told = Told::of(case, step.stage);
        let time = if step.time > now { now } else { step.time };
        out.push(alert(
            case,
            &told,
            AlertKind::Raised,
            Some(&step),
            proof,
            time,
            "",
        ));
        let ever = case.grounds.told_ever.entry(told.stage).or_default();
        ever.insert(told.standing, told.number);
        case.grounds.told.push(told);
        case.grounds
            .told
            .sort_by_key(|told| (told.stage, told.standing));
    }
    waits
}

/// Takes back what no longer stands after evidence went to another case, or after the register
/// turned out to cover the use.
pub(super) fn take_back(case: &mut Case, proof: &Proof, now: Timestamp, out: &mut Vec<Alert>) {
    let stands = |told: &Told| {
        case.steps.iter().any(|step| step.stage == told.stage)
            && standing::alerts(case.ruling.standing)
            && case.kind() != SubjectKind::Ambiguous
    };
    let (keep, fallen): (Vec<Told>, Vec<Told>) =
        case.grounds.told.clone().into_iter().partition(stands);
    for told in &fallen {
        let why = if standing::alerts(case.ruling.standing) {
            "the evidence behind it turned out to belong to another subject"
        } else {
            "the use turned out to stand otherwise to the register"
        };
        out.push(alert(
            case,
            told,
            AlertKind::Retracted,
            None,
            proof,
            now,
            why,
        ));
    }
    case.grounds.told = keep;
}

/// The end of an alert: taken back, or resolved.
pub(super) fn end(
    case: &Case,
    told: &Told,
    kind: AlertKind,
    why: &str,
    proof: &Proof,
    now: Timestamp,
) -> Alert {
    alert(case, told, kind, None, proof, now, why)
}

/// The newest word on each alert that the record says went out: those that stand, and the end of
/// those that do not.
pub(super) fn again(case: &Case, proof: &Proof) -> Vec<Alert> {
    let ended = case.ended.unwrap_or(AlertKind::Resolved);
    let mut out = Vec::new();
    for told in &case.grounds.told {
        let step = case.steps.iter().find(|step| step.stage == told.stage);
        let time = step.map_or(case.updated, |step| step.time);
        out.push(match &case.closed {
            None => alert(case, told, AlertKind::Raised, step, proof, time, ""),
            Some(why) => alert(case, told, ended, None, proof, case.updated, why),
        });
    }
    for (stage, ever) in &case.grounds.told_ever {
        for (standing, number) in ever {
            let stands = case
                .grounds
                .told
                .iter()
                .any(|told| (told.stage, told.standing) == (*stage, *standing));
            if !stands {
                let told = Told {
                    stage: *stage,
                    standing: *standing,
                    subject: case.subject.clone(),
                    number: *number,
                };
                let why = "it turned out not to stand";
                let kind = AlertKind::Retracted;
                out.push(alert(case, &told, kind, None, proof, case.updated, why));
            }
        }
    }
    out
}

fn alert(
    case: &Case,
    told: &Told,
    kind: AlertKind,
    step: Option<&Step>,
    proof: &Proof,
    time: Timestamp,
    why: &str,
) -> Alert {
    let who = case.who();
    let place = who.map(|who| &who.place);
    let confidence = step.map_or(case.confidence, |step| step.confidence);
    let says = says(told.stage, &case.vendor_name, case.kind());
    let summary = match kind {
        AlertKind::Raised => format!(
            "{}: {says} ({}, {confidence} of 100 points)",
            case.vendor_name, told.standing
        ),
        AlertKind::Retracted => format!("{}: taken back: {says}", case.vendor_name),
        AlertKind::Resolved => format!("{}: closed: {says}", case.vendor_name),
    };
    let description = match step {
        Some(step) => description(case, step, proof),
        None => format!(
            "{}: {why}.\nThe case's record says what it rested on.",
            match kind {
                AlertKind::Retracted => "An earlier alert is taken back",
                _ => "The case is closed",
            }
        ),
    };
    Alert {
        id: id(case, told, kind),
        kind,
        case: case.id.clone(),
        vendor: case.vendor.clone(),
        vendor_name: case.vendor_name.clone(),
        stage: told.stage,
        standing: told.standing,
        subject: told.subject.clone(),
        grade: who.map_or(Grade::None, |who| who.grade).label().into(),
        confidence,
        unit: place.and_then(|place| place.unit.clone()),
        site: place.and_then(|place| place.site.clone()),
        time,
        summary,
        description,
    }
}

/// The same in each attempt: from what the alert is about, and from nothing else.
fn id(case: &Case, told: &Told, kind: AlertKind) -> String {
    let Told {
        stage,
        standing,
        number,
        ..
    } = told;
    let text = format!("{}/{stage}/{standing}/{number}/{kind}", case.id);
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    format!(
        "alert-{}",
        hex::encode(hash.as_ref().get(..8).unwrap_or_default())
    )
}

/// A stage in words, no stronger than it is.
pub(super) fn says(stage: Stage, vendor: &str, kind: SubjectKind) -> String {
    let who = match kind {
        SubjectKind::Person => "an employee",
        SubjectKind::Device => "somebody at a device of which the user is not known",
        SubjectKind::Address => "somebody at an address of which nothing more is known",
        SubjectKind::Machine => "a machine",
        SubjectKind::Organisation => "somebody behind a shared address of the organisation",
        SubjectKind::Ambiguous => "one of several who may be meant",
    };
    match stage {
        Stage::LookedUp => format!("a name of {vendor} was seen of {who}"),
        Stage::Visited => format!("{who} visited the site"),
        Stage::AccountOrRightsRequest => {
            format!("account use or rights request by {who}")
        }
        Stage::AccountOrLogin => format!("an account was made or used by {who}"),
        Stage::SignedUp => format!("a trial account was very likely made by {who}"),
        Stage::Searching => format!("the service was very likely used by {who}"),
        Stage::Integrated => format!("{who} uses the service regularly"),
    }
}

fn description(case: &Case, step: &Step, proof: &Proof) -> String {
    let mut text = String::new();
    let mut line = |it: &str| {
        text.push_str(it);
        text.push('\n');
    };
    line(&format!(
        "Known, on monitored networks: {}.",
        says(step.stage, &case.vendor_name, case.kind())
    ));
    line(&format!(
        "Standing: {}: {}.",
        case.ruling.standing, case.ruling.reason
    ));
    if let Some(who) = case.who() {
        line(&format!(
            "Attribution: grade {}: {}.",
            who.grade, who.reason
        ));
    }
    if !case.band.is_empty() {
        line(&format!("Estimate of search-like uploads: {}.", case.band));
    }
    line("Not known:");
    for it in unknown(step.stage, proof) {
        line(&format!("- {it}"));
    }
    line(&format!(
        "Confidence {} of 100 points (a sum of weights, no probability):",
        step.confidence
    ));
    for it in &step.sum {
        line(&format!("  {it}"));
    }
    line("Evidence:");
    let of_step = case
        .items
        .iter()
        .filter(|it| step.items.contains(&it.number));
    for it in of_step.take(ITEMS_TOLD) {
        line(&format!(
            "  {} {} at {}: {}",
            it.number, it.time, it.point, it.text
        ));
    }
    line("Next:");
    for it in next(step.stage, case.ruling.standing) {
        line(&format!("- {it}"));
    }
    text.truncate(text.trim_end().len());
    text
}

/// What this stage leaves open.
pub(super) fn unknown(stage: Stage, proof: &Proof) -> Vec<String> {
    let mut open = vec!["What was sent or shown: content is encrypted and not read.".to_owned()];
    let more = match stage {
        Stage::LookedUp => {
            "Whether anybody meant to: prefetching, previews and scanners do it too."
        }
        Stage::Visited => "Why: reading about the vendor looks the same.",
        Stage::AccountOrRightsRequest => {
            "Whether an account was made or used, a search was run, or a data subject's rights were exercised: one host carries all of it."
        }
        Stage::AccountOrLogin => {
            "Whether the account is new, or was made earlier or elsewhere: one host carries sign-up and log-in."
        }
        Stage::SignedUp => {
            "Whether the account is personal or official, and whether the mail confirmed it; a log-in that sends a code by mail, to an account made elsewhere, can look alike."
        }
        Stage::Searching => "Whose picture was searched, and what came of it.",
        Stage::Integrated => "What the machine sends, and on whose behalf.",
    };
    open.push(more.into());
    open.push(format!(
        "More than this vendor's proof reaches: {}",
        proof.reason
    ));
    open.extend(proof.also.iter().cloned());
    open
}

const fn next(stage: Stage, standing: Standing) -> &'static [&'static str] {
    match (stage, standing) {
        (_, Standing::OutOfScope) => &[
            "Compare the entry of the register named above with unit, purpose and validity.",
            "Ask the owner of the entry before anybody else.",
        ],
        (Stage::Visited | Stage::LookedUp, _) => &[
            "Look at the timeline; a single visit seldom needs more.",
            "Check whether it is research, press work or a request for one's own data.",
        ],
        (Stage::Integrated, _) => &[
            "Find the machine's owner in the inventory.",
            "Check whether a system was put into service without review.",
        ],
        _ => &[
            "Check the register and ask the unit whether the use is known.",
            "Unsealing needs the officers, a reason and their number; look at the evidence first.",
            "Ask before concluding: a data subject's request or research may explain it.",
        ],
    }
}
