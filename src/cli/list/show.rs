//! `list show` and `list stats`: for people in tables, for programs in plain lines or JSON.

use std::io::{self, Write};

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};

use super::Look;
use crate::blocklist::schema::{Provenance, Stage, Status};
use crate::blocklist::{
    Catalogue, Category, Class, Confidence, Host, Match, MatchKind, Role, Severity, Vendor,
};

/// The vendor with this id, name or alias, in any case.
pub(super) fn pick<'c>(catalogue: &'c Catalogue, wanted: &str) -> Option<&'c Vendor> {
    let is = |text: &str| text.eq_ignore_ascii_case(wanted);
    let vendors = catalogue.vendors();
    let by_id = vendors.iter().find(|vendor| is(&vendor.id));
    by_id.or_else(|| {
        vendors
            .iter()
            .find(|v| is(&v.name) || v.aliases.iter().any(|a| is(a)))
    })
}

/// Writes rows as a table on a terminal and as TSV, without a header line, elsewhere.
pub(super) fn rows(
    header: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    look: Look,
    out: &mut dyn Write,
) -> io::Result<()> {
    if !look.terminal {
        for row in rows {
            writeln!(out, "{}", row.join("\t"))?;
        }
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // A terminal that does not know its width says 0.
    if table.width().is_some_and(|width| width >= 40) {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    let bold = |text: &&str| Cell::new(text).add_attribute(Attribute::Bold);
    table.set_header(header.iter().map(bold).collect::<Vec<_>>());
    for row in rows {
        table.add_row(row.into_iter().map(coloured).collect::<Vec<_>>());
    }
    writeln!(out, "{table}")
}

/// Colour for words that should catch the eye. comfy-table leaves colours out when standard output
/// is no terminal; NO_COLOR is honoured here.
fn coloured(text: String) -> Cell {
    let colour = match text.as_str() {
        "high" | "hit" | "removed" => Some(Color::Red),
        "unverified" | "changed" | "dual-use" => Some(Color::Yellow),
        "added" => Some(Color::Green),
        _ => None,
    };
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match colour {
        Some(colour) if !plain => Cell::new(text).fg(colour),
        _ => Cell::new(text),
    }
}

/// One vendor with all that its file says, and who serves it.
pub(super) fn vendor(
    catalogue: &Catalogue,
    vendor: &Vendor,
    look: Look,
    out: &mut dyn Write,
) -> io::Result<()> {
    if look.json {
        let mut value = serde_json::to_value(vendor)?;
        value["served_by"] = served_by(catalogue, vendor).map(|(id, _)| id).collect();
        return writeln!(out, "{value}");
    }
    let relations = vendor.relations.iter().map(|relation| {
        vec![
            "serves".into(),
            format!("{}: {}", relation.serves, relation.what),
        ]
    });
    let served = served_by(catalogue, vendor)
        .map(|(id, what)| vec!["served_by".to_owned(), format!("{id}: {what}")]);
    let facts = facts(vendor).into_iter().chain(relations).chain(served);
    rows(&["field", "value"], facts, look, out)?;
    // In a pipe each line says in its first field what it is.
    let skip = usize::from(look.terminal);
    let header = [
        "host",
        "name",
        "match",
        "role",
        "severity",
        "confidence",
        "class",
        "proof",
        "seen",
        "note",
    ];
    let lines = hosts(catalogue, vendor).map(|row| row.into_iter().skip(skip).collect());
    rows(&header[skip..], lines, look, out)?;
    let lines = vendor.hosts.iter().flat_map(sources);
    let lines = lines.map(|row| row.into_iter().skip(skip).collect());
    rows(&["source", "of", "proof", "text"][skip..], lines, look, out)
}

fn served_by<'c>(
    catalogue: &'c Catalogue,
    vendor: &'c Vendor,
) -> impl Iterator<Item = (&'c str, &'c str)> {
    catalogue.vendors().iter().flat_map(|supplier| {
        let serves = supplier.relations.iter().filter(|r| r.serves == vendor.id);
        serves.map(|relation| (supplier.id.as_str(), relation.what.as_str()))
    })
}

fn facts(vendor: &Vendor) -> Vec<Vec<String>> {
    let mut facts = vec![
        ("id", vendor.id.clone()),
        ("name", vendor.name.clone()),
        ("category", vendor.category.to_string()),
        ("severity", vendor.severity.to_string()),
        ("status", vendor.status.to_string()),
        ("file", vendor.file.clone()),
    ];
    facts.extend(vendor.aliases.iter().map(|alias| ("alias", alias.clone())));
    facts.extend(
        vendor
            .legal_entity
            .iter()
            .map(|text| ("legal_entity", text.clone())),
    );
    facts.extend(vendor.country.iter().map(|text| ("country", text.clone())));
    facts.extend(
        vendor
            .highest_stage
            .iter()
            .map(|stage| ("highest_stage", stage.to_string())),
    );
    facts.extend(vendor.note.iter().map(|text| ("note", text.clone())));
    facts.extend(vendor.sources.iter().map(|text| ("source", text.clone())));
    facts.extend(
        vendor
            .unverified_sources
            .iter()
            .map(|t| ("unverified_source", t.clone())),
    );
    if let Some(flow) = &vendor.flow {
        for (key, texts) in [
            ("flow.visit", &flow.visit),
            ("flow.signup", &flow.signup),
            ("flow.mail_verify", &flow.mail_verify),
            ("flow.login", &flow.login),
            ("flow.search_upload", &flow.search_upload),
            ("flow.third_party", &flow.third_party),
        ] {
            facts.extend(texts.iter().map(|text| (key, text.clone())));
        }
        facts.extend(flow.trial.iter().map(|t| ("flow.trial", t.clone())));
        let signature = flow.metadata_signature.iter();
        facts.extend(signature.map(|t| ("flow.metadata_signature", t.clone())));
        facts.extend(flow.evidence.iter().map(|t| ("flow.evidence", t.clone())));
    }
    facts.extend(proof_facts(vendor));
    facts
        .into_iter()
        .map(|(key, value)| vec![key.to_owned(), value])
        .collect()
}

/// What can be proved of it, as it holds: also when the file has no `[proof]`.
fn proof_facts(vendor: &Vendor) -> Vec<(&'static str, String)> {
    if vendor.highest_stage.is_none() {
        return Vec::new();
    }
    let proof = vendor.proof();
    let mut facts = vec![
        ("proof.signup", proof.signup.to_string()),
        ("proof.search", proof.search.to_string()),
        ("proof.integration", proof.integration.to_string()),
        ("proof.reason", proof.reason),
    ];
    for (key, texts) in [
        ("proof.use_host", proof.use_hosts),
        ("proof.demo_host", proof.demo_hosts),
        ("proof.also", proof.also),
    ] {
        facts.extend(texts.into_iter().map(|text| (key, text)));
    }
    facts.extend(proof.thresholds.into_iter().map(|own| {
        let how = if own.measured {
            "measured"
        } else {
            "a design guess"
        };
        let text = format!("{} = {} ({how}): {}", own.name, own.value, own.reason);
        ("proof.threshold", text)
    }));
    facts
}

fn hosts<'c>(
    catalogue: &'c Catalogue,
    vendor: &'c Vendor,
) -> impl Iterator<Item = Vec<String>> + 'c {
    let own = catalogue
        .all()
        .filter(|found| found.vendor().id == vendor.id);
    own.filter_map(|found| {
        let host = found.host()?;
        let roles = std::iter::once(&host.role).chain(&host.also_roles);
        let roles: Vec<&str> = roles.map(|role| role.label()).collect();
        Some(vec![
            "host".into(),
            host.name.clone(),
            host.kind.to_string(),
            roles.join(","),
            host.severity.to_string(),
            host.confidence.to_string(),
            found.class().to_string(),
            proof(host.verified()).into(),
            host.seen.clone().unwrap_or_else(|| "-".into()),
            host.note.clone().unwrap_or_else(|| "-".into()),
        ])
    })
}

fn sources(host: &Host) -> impl Iterator<Item = Vec<String>> {
    let line = |open: bool, text: &String| {
        vec![
            "source".into(),
            host.name.clone(),
            proof(open).into(),
            text.clone(),
        ]
    };
    let open = host.sources.iter().map(move |text| line(true, text));
    open.chain(
        host.unverified_sources
            .iter()
            .map(move |text| line(false, text)),
    )
}

const fn proof(verified: bool) -> &'static str {
    if verified { "verified" } else { "unverified" }
}

/// Counts by every closed set.
pub(super) fn stats(catalogue: &Catalogue, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let info = catalogue.info();
    let counts = counts(catalogue);
    if look.json {
        let mut groups = serde_json::Map::new();
        for (group, member, count) in counts {
            let members = groups.entry(group).or_insert_with(|| serde_json::json!({}));
            members[member] = count.into();
        }
        let value = serde_json::json!({
            "version": info.version, "vendors": info.vendors, "rules": info.rules,
            "modified": info.modified, "counts": groups,
        });
        return writeln!(out, "{value}");
    }
    let totals = [
        ("list", "version", info.version),
        ("list", "vendors", info.vendors.to_string()),
        ("list", "rules", info.rules.to_string()),
        ("list", "modified", info.modified.to_string()),
        ("list", "allowed", catalogue.allowed().len().to_string()),
        (
            "list",
            "allowed-expired",
            catalogue.expired().len().to_string(),
        ),
    ];
    let totals = totals
        .into_iter()
        .map(|(a, b, c)| vec![a.to_owned(), b.to_owned(), c]);
    let counts = counts
        .into_iter()
        .map(|(a, b, c)| vec![a.to_owned(), b.to_owned(), c.to_string()]);
    rows(&["of", "what", "count"], totals.chain(counts), look, out)
}

/// (group, member, count) for every member of every closed set, zeros included.
fn counts(catalogue: &Catalogue) -> Vec<(&'static str, &'static str, usize)> {
    let mut counts = Vec::new();
    let vendors = |test: &dyn Fn(&Vendor) -> bool| {
        catalogue
            .vendors()
            .iter()
            .filter(|vendor| test(vendor))
            .count()
    };
    for &set in Category::ALL {
        counts.push((
            "vendors-by-category",
            set.label(),
            vendors(&|v| v.category == set),
        ));
    }
    for &set in Status::ALL {
        counts.push((
            "vendors-by-status",
            set.label(),
            vendors(&|v| v.status == set),
        ));
    }
    for &set in Stage::ALL {
        let count = vendors(&|v| v.highest_stage == Some(set));
        counts.push(("vendors-by-highest-stage", set.label(), count));
    }
    let rules =
        |test: &dyn Fn(&Match<'_>) -> bool| catalogue.all().filter(|found| test(found)).count();
    for &set in Class::ALL {
        counts.push(("rules-by-class", set.label(), rules(&|m| m.class() == set)));
    }
    for &set in MatchKind::ALL {
        counts.push(("rules-by-match", set.label(), rules(&|m| m.kind() == set)));
    }
    for &set in Role::ALL {
        counts.push((
            "rules-by-role",
            set.label(),
            rules(&|m| m.role() == Some(set)),
        ));
    }
    for &set in Severity::ALL {
        counts.push((
            "rules-by-severity",
            set.label(),
            rules(&|m| m.severity() == set),
        ));
    }
    for &set in Confidence::ALL {
        counts.push((
            "rules-by-confidence",
            set.label(),
            rules(&|m| m.confidence() == set),
        ));
    }
    let hosts = |test: &dyn Fn(&Host) -> bool| {
        catalogue
            .vendors()
            .iter()
            .flat_map(|v| &v.hosts)
            .filter(|host| test(host))
            .count()
    };
    for &set in Provenance::ALL {
        counts.push((
            "hosts-by-provenance",
            set.label(),
            hosts(&|h| h.provenance == set),
        ));
    }
    counts.push(("hosts-by-proof", proof(true), hosts(&Host::verified)));
    counts.push((
        "hosts-by-proof",
        proof(false),
        hosts(&|host| !host.verified()),
    ));
    counts
}
