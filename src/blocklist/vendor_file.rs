//! Reads one vendor file.
//!
//! Enters: the text of `blocklists/ID.toml`. Leaves: a checked [`Vendor`]. Never: a vendor with a
//! problem; a default for something that the file should say.

use std::ops::Range;

use super::fields::{Fields, domain, parse_date, pick};
use super::problem::{ListProblem, Problems};
use super::proof;
use super::schema::{
    Category, Confidence, Flow, Host, MatchKind, Provenance, Relation, Role, Severity, Stage,
    Status, Vendor,
};

/// Parses the text of `path`; the vendor's id must be the file's stem.
///
/// # Errors
/// Every problem found, with line and column.
pub(crate) fn parse(path: &str, text: &str) -> Result<Vendor, Vec<ListProblem>> {
    let mut problems = Problems::new(path, text);
    let vendor = vendor(path, text, &mut problems);
    match vendor {
        Some(vendor) if !problems.any() => Ok(vendor),
        _ => Err(problems.into_found()),
    }
}

fn vendor(path: &str, text: &str, problems: &mut Problems<'_>) -> Option<Vendor> {
    let mut fields = Fields::parse(text, "the vendor", problems)?;
    let file = path.rsplit('/').next().unwrap_or(path).to_owned();
    let id = fields.need_text("id", problems);
    if let Some((id, span)) = &id {
        check_id(id, span, &file, problems);
    }
    let name = fields.need_text("name", problems);
    let category = fields.need_choice("category", Category::ALL, Category::label, problems);
    let severity = fields.need_choice("severity", Severity::ALL, Severity::label, problems);
    let status = fields.need_choice("status", Status::ALL, Status::label, problems);
    let stage = fields.choice("highest_stage", Stage::ALL, Stage::label, problems);
    let aliases = fields.plain_texts("aliases", problems);
    let legal_entity = fields.text("legal_entity", problems).map(|(text, _)| text);
    let country = fields.text("country", problems).map(|(text, _)| text);
    let note = fields.text("note", problems).map(|(text, _)| text);
    let sources = fields.plain_texts("source", problems);
    let unverified_sources = fields.plain_texts("unverified_source", problems);
    let flow = fields
        .table("flow", "[flow]", problems)
        .map(|table| flow(table, problems));
    let proof = fields
        .table("proof", "[proof]", problems)
        .and_then(|table| proof::parse(table, problems));
    let host_tables = fields.tables("host", "this [[host]]", problems);
    let relations = relations(&mut fields, problems);
    let span = fields.span.clone();
    fields.end(problems);

    let ((category, category_span), (severity, severity_span)) = (category?, severity?);
    check_category(category, &category_span, severity, &severity_span, problems);
    match (&stage, category) {
        (None, category) if category != Category::Supplier => problems.at(
            &span,
            "the vendor has no `highest_stage`",
            "say what metadata can prove; `visited` unless the flow shows more",
        ),
        (Some((_, span)), Category::Supplier) => {
            problems.at(span, "a supplier has no `highest_stage`", "remove the key");
        }
        _ => {}
    }
    if let Some((proof, proof_span)) = &proof {
        proof::check(proof, proof_span, stage.as_ref(), category, problems);
    }
    if host_tables.is_empty() {
        problems.at(&span, "the vendor has no [[host]]", "add at least one");
    }
    let mut hosts: Vec<Host> = Vec::with_capacity(host_tables.len());
    for table in host_tables {
        let span = table.span.clone();
        let Some(host) = host(table, category, severity, problems) else {
            continue;
        };
        if let Some(twin) = hosts
            .iter()
            .find(|h| h.name == host.name && h.kind == host.kind)
        {
            let said = format!("`{}` ({}) stands here twice", host.name, host.kind);
            problems.at(&span, said, format!("merge it with line {}", twin.line));
        }
        hosts.push(host);
    }
    Some(Vendor {
        id: id?.0,
        name: name?.0,
        aliases,
        legal_entity,
        country,
        category,
        severity,
        status: status?.0,
        highest_stage: stage.map(|(stage, _)| stage),
        note,
        sources,
        unverified_sources,
        flow,
        proof: proof.map(|(proof, _)| proof),
        hosts,
        relations,
        file,
    })
}

fn check_id(id: &str, span: &Range<usize>, file: &str, problems: &mut Problems<'_>) {
    let plain = id
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !plain || id.len() > 64 {
        let said = format!("the id `{}` is not plain", id.escape_debug());
        problems.at(span, said, "use at most 64 of a-z, 0-9 and `-`");
    } else if file.strip_suffix(".toml") != Some(id) {
        problems.at(
            span,
            format!("the id `{id}` is not the file's name"),
            "rename the file or it",
        );
    }
}

fn check_category(
    category: Category,
    category_span: &Range<usize>,
    severity: Severity,
    severity_span: &Range<usize>,
    problems: &mut Problems<'_>,
) {
    if category == Category::UserList {
        let next = "use a vendor category, or put plain names into a user list";
        problems.at(category_span, "`user-list` is for plain lists", next);
    }
    let supplier = category == Category::Supplier;
    if supplier != (severity == Severity::ContextOnly) {
        let next = "a supplier is `context-only`, and nothing else is";
        problems.at(
            severity_span,
            format!("{category} with severity {severity}"),
            next,
        );
    }
}

fn host(
    mut fields: Fields<'_>,
    category: Category,
    vendor_severity: Severity,
    problems: &mut Problems<'_>,
) -> Option<Host> {
    let line = problems.line_of(fields.span.start);
    let name = fields.need_text("name", problems);
    let kind = fields.need_choice("match", MatchKind::ALL, MatchKind::label, problems);
    let wildcard_not = fields.texts("wildcard_not", problems);
    let role = fields.need_choice("role", Role::ALL, Role::label, problems);
    let also = fields.texts("also_roles", problems);
    let also_roles = also
        .iter()
        .filter_map(|(text, span)| pick("also_roles", text, span, Role::ALL, Role::label, problems))
        .collect();
    let severity = fields.choice("severity", Severity::ALL, Severity::label, problems);
    let confidence = fields.need_choice("confidence", Confidence::ALL, Confidence::label, problems);
    let provenance = fields.need_choice("provenance", Provenance::ALL, Provenance::label, problems);
    let dual_use = fields.flag("dual_use", problems);
    let sources = fields.plain_texts("source", problems);
    let unverified_sources = fields.plain_texts("unverified_source", problems);
    let seen = fields.text("seen", problems);
    let note = fields.text("note", problems).map(|(text, _)| text);
    let span = fields.span.clone();
    fields.end(problems);

    if sources.is_empty() && unverified_sources.is_empty() {
        let next = "give `source`, or `unverified_source` when nobody else can open it";
        problems.at(&span, "this [[host]] has no source", next);
    }
    if let Some((seen, span)) = &seen {
        let day = if seen.len() == 7 {
            format!("{seen}-01")
        } else {
            seen.clone()
        };
        if parse_date(&day).is_none() {
            problems.at(span, "`seen` is no date", "write 2026-04-14 or 2026-04");
        }
    }
    if let Some((severity, span)) = &severity {
        check_host_severity(*severity, span, category, problems);
    }
    let kind = kind?.0;
    let name = rule_name(&name?, kind, problems)?;
    for (prefix, span) in &wildcard_not {
        if kind != MatchKind::Pattern || prefix.contains(['.', '*']) {
            let next = "it lists beginnings of a label, in a pattern only";
            problems.at(span, "`wildcard_not` cannot stand here", next);
        }
    }
    let wildcard_not = wildcard_not
        .into_iter()
        .map(|(p, _)| p.to_ascii_lowercase())
        .collect();
    let role = role?.0;
    let severity = match (severity, role) {
        (Some((severity, _)), _) => severity,
        (None, Role::Rights) if category != Category::Supplier => Severity::Informational,
        (None, _) => vendor_severity,
    };
    if role == Role::Rights && severity != Severity::Informational && category != Category::Supplier
    {
        let next = "the exercise of a privacy right is `informational`";
        problems.at(&span, format!("role rights with severity {severity}"), next);
    }
    Some(Host {
        name,
        kind,
        wildcard_not,
        role,
        also_roles,
        severity,
        confidence: confidence?.0,
        provenance: provenance?.0,
        dual_use,
        sources,
        unverified_sources,
        seen: seen.map(|(seen, _)| seen),
        note,
        line,
    })
}

fn check_host_severity(
    severity: Severity,
    span: &Range<usize>,
    category: Category,
    problems: &mut Problems<'_>,
) {
    if (category == Category::Supplier) != (severity == Severity::ContextOnly) {
        let said = format!("{category} with severity {severity}");
        problems.at(
            span,
            said,
            "a supplier's host is `context-only`, and nothing else is",
        );
    }
}

/// The rule's text in its normal form. A pattern has one `*` label and at least two labels to the
/// right of it, so that no rule reaches across owners.
pub(crate) fn rule_name(
    (text, span): &(String, Range<usize>),
    kind: MatchKind,
    problems: &mut Problems<'_>,
) -> Option<String> {
    if kind != MatchKind::Pattern {
        return domain(text, span, problems);
    }
    let labels: Vec<&str> = text.strip_suffix('.').unwrap_or(text).split('.').collect();
    let stand_in = "w".repeat(63);
    let stars = labels.iter().filter(|&&label| label == "*").count();
    if stars != 1 || text.matches('*').count() != 1 || text.contains(&stand_in) {
        let said = format!("`{}` is no pattern", text.escape_debug());
        problems.at(
            span,
            said,
            "write exactly one label as `*`, e.g. api.*.example.com",
        );
        return None;
    }
    if labels.iter().rev().take(2).any(|&label| label == "*") {
        let next = "put at least two labels to the right of the `*`";
        problems.at(
            span,
            format!("`{}` reaches too far", text.escape_debug()),
            next,
        );
        return None;
    }
    // The longest label stands in for the wildcard while the rest is checked.
    let filled: Vec<&str> = labels
        .iter()
        .map(|&l| if l == "*" { &*stand_in } else { l })
        .collect();
    let checked = domain(&filled.join("."), span, problems)?;
    let normal: Vec<&str> = checked
        .split('.')
        .map(|label| if label == stand_in { "*" } else { label })
        .collect();
    Some(normal.join("."))
}

fn flow(mut fields: Fields<'_>, problems: &mut Problems<'_>) -> Flow {
    let flow = Flow {
        visit: fields.plain_texts("visit", problems),
        signup: fields.plain_texts("signup", problems),
        mail_verify: fields.plain_texts("mail_verify", problems),
        login: fields.plain_texts("login", problems),
        search_upload: fields.plain_texts("search_upload", problems),
        third_party: fields.plain_texts("third_party", problems),
        trial: fields.text("trial", problems).map(|(text, _)| text),
        metadata_signature: fields
            .text("metadata_signature", problems)
            .map(|(text, _)| text),
        evidence: fields.text("evidence", problems).map(|(text, _)| text),
    };
    fields.end(problems);
    flow
}

fn relations(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> Vec<Relation> {
    let mut relations = Vec::new();
    for mut table in fields.tables("relation", "this [[relation]]", problems) {
        let line = problems.line_of(table.span.start);
        let serves = table.need_text("serves", problems);
        let what = table.need_text("what", problems);
        table.end(problems);
        if let (Some((serves, _)), Some((what, _))) = (serves, what) {
            relations.push(Relation { serves, what, line });
        }
    }
    relations
}
