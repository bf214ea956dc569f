//! Reads the `[proof]` of a vendor file: what its names, sizes and times can prove.
//!
//! Enters: the table, while its keys are taken. Leaves: a [`Proof`] that agrees with the vendor's
//! highest stage. Never: a proof without a reason.

use std::ops::Range;

use super::fields::{Fields, Placed};
use super::problem::Problems;
use super::schema::{Category, LoginMail, OwnThreshold, Proof, SignupProof, Stage, Threshold};

/// Takes the table; `None` when it lacks what it must have, with the problems noted.
pub(super) fn parse(mut fields: Fields<'_>, problems: &mut Problems<'_>) -> Option<Placed<Proof>> {
    let span = fields.span.clone();
    let signup = fields.need_choice("signup", SignupProof::ALL, SignupProof::label, problems);
    let login_mail = fields.choice("login_mail", LoginMail::ALL, LoginMail::label, problems);
    let login_mail_reason = fields.text("login_mail_reason", problems);
    let login_mail_sources = fields.plain_texts("login_mail_source", problems);
    let search = fields.flag("search", problems);
    let integration = fields.flag("integration", problems);
    let reason = fields.need_text("reason", problems);
    let use_hosts = globs(&mut fields, "use_hosts", problems);
    let demo_hosts = globs(&mut fields, "demo_hosts", problems);
    let also = fields.plain_texts("also", problems);
    let tables = fields.tables("threshold", "this [[proof.threshold]]", problems);
    fields.end(problems);
    let mut thresholds: Vec<OwnThreshold> = Vec::new();
    for table in tables {
        let span = table.span.clone();
        let Some(own) = threshold(table, problems) else {
            continue;
        };
        if thresholds.iter().any(|other| other.name == own.name) {
            problems.at(
                &span,
                format!("`{}` stands here twice", own.name),
                "keep one",
            );
        }
        thresholds.push(own);
    }
    let proof = Proof {
        signup: signup?.0,
        login_mail: login_mail.map_or(LoginMail::Unknown, |(mail, _)| mail),
        login_mail_reason: login_mail_reason.map_or_else(String::new, |(text, _)| text),
        login_mail_sources,
        search,
        integration,
        reason: reason?.0,
        use_hosts,
        demo_hosts,
        also,
        thresholds,
    };
    Some((proof, span))
}

fn globs(fields: &mut Fields<'_>, key: &str, problems: &mut Problems<'_>) -> Vec<String> {
    let texts = fields.texts(key, problems);
    for (text, span) in &texts {
        let labels: Vec<&str> = text.split('.').collect();
        let plain = |label: &&str| !label.is_empty() && label.matches('*').count() <= 1;
        let fixed = |label: &&&str| !label.contains('*');
        if labels.len() < 2
            || !labels.iter().all(plain)
            || labels.iter().rev().take_while(fixed).count() < 2
        {
            let said = format!("`{}` names no host in `{key}`", text.escape_debug());
            let next = "write a name; one `*` may stand within a label before the last two";
            problems.at(span, said, next);
        }
    }
    texts
        .into_iter()
        .map(|(text, _)| text.to_ascii_lowercase())
        .collect()
}

fn threshold(mut fields: Fields<'_>, problems: &mut Problems<'_>) -> Option<OwnThreshold> {
    let name = fields.need_choice("name", Threshold::ALL, Threshold::label, problems);
    let value = fields.need_number("value", problems);
    let reason = fields.need_text("reason", problems);
    let measured = fields.flag("measured", problems);
    fields.end(problems);
    Some(OwnThreshold {
        name: name?.0,
        value: value?,
        reason: reason?.0,
        measured,
    })
}

/// The highest stage and the proof say the same, and a supplier proves nothing.
pub(super) fn check(
    proof: &Proof,
    span: &Range<usize>,
    highest: Option<&Placed<Stage>>,
    category: Category,
    problems: &mut Problems<'_>,
) {
    if category == Category::Supplier {
        problems.at(span, "a supplier has no [proof]", "remove the table");
    }
    if let Some((stage, stage_span)) = highest
        && *stage != proof.highest()
    {
        let said = format!(
            "`highest_stage` is `{stage}`, but [proof] reaches `{}`",
            proof.highest()
        );
        problems.at(stage_span, said, "make the two agree");
    }
    if proof.signup == SignupProof::SignedUp && proof.login_mail_reason.is_empty() {
        let said = "[proof] has no `login_mail_reason`";
        let next = "say what the sources tell of mail at log-in, and set `login_mail`";
        problems.at(span, said, next);
    }
    if proof.login_mail == LoginMail::None && proof.login_mail_sources.is_empty() {
        let next = "give a `login_mail_source` that anybody can open, or write `unknown`";
        problems.at(span, "`login_mail = \"none\"` without a source", next);
    }
    if proof.integration && !proof.search {
        let next = "a host for programs tells use by people too: set `search = true`";
        problems.at(span, "`integration` without `search`", next);
    }
}
