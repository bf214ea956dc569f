//! Method and limits of one case in plain words.
//!
//! Enters: facts, a language. Leaves: sentences. Never: leaves a limit out because it is awkward.

use super::facts::Facts;
use super::words::ReportTexts;
use crate::blocklist::Stage;
use crate::console::Language;
use crate::console::words::fill;

/// The sentences, the most important first.
pub fn lines(language: Language, facts: &Facts) -> Vec<String> {
    let t = ReportTexts::of(language);
    let stage = facts.case.stage;
    let mut lines = vec![t.m_networks.to_owned()];
    lines.push(match facts.coverage.share_percent {
        Some(share) => fill(t.m_share, share),
        None => t.m_no_share.to_owned(),
    });
    if facts.coverage.hours_without > 0 {
        lines.push(fill(t.hours_without, facts.coverage.hours_without));
    }
    lines.push(t.m_names.to_owned());
    lines.push(t.m_sizes.to_owned());
    let reached = |wanted: Stage| facts.steps.iter().any(|step| step.stage == wanted);
    if stage == Stage::AccountOrLogin || reached(Stage::AccountOrLogin) {
        lines.push(t.m_account.to_owned());
    }
    if stage == Stage::AccountOrRightsRequest || reached(Stage::AccountOrRightsRequest) {
        lines.push(t.m_rights.to_owned());
    }
    for text in [t.m_points, t.m_attribution, t.m_list, t.m_law] {
        lines.push(text.to_owned());
    }
    lines
}
