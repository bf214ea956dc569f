//! A MISP event as JSON, and MISP's export as CSV.
//!
//! `domain` (and `domain|ip`) is taken for the name and all below it, `hostname` (and
//! `hostname|port`) for the name alone: MISP itself says of neither how far it reaches. An attribute
//! that is not marked for detection (`to_ids`), or deleted, gives no entry. Identifiers are made from
//! the names (RFC 9562 section 5.5), so that a later export updates the same event.

use std::io::{self, Write};

use ring::digest;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::adblock::clipped;
use super::draft::{Draft, Unused};
use super::plan::{Plan, Single, mark};
use super::tally::{LeftOut, Tally};
use crate::base::hex;
use crate::blocklist::schema::MatchKind;

/// Name space of DNS names (RFC 9562 section 6.6).
const DNS_NAMES: [u8; 16] = [
    0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8,
];
const CATEGORY: &str = "Network activity";
/// The columns of MISP's own export.
const COLUMNS: &str = "uuid,event_id,category,type,value,comment,to_ids,date,object_relation,\
                       attribute_tag,object_uuid,object_name,object_meta_category";

pub(super) fn read_json(text: &str, draft: &mut Draft<'_>) {
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => {
            let line = u32::try_from(error.line()).unwrap_or(u32::MAX);
            return draft.bad(
                line,
                format!("this is no JSON: {error}"),
                "export the event again",
            );
        }
    };
    let mut attributes = Vec::new();
    collect(&value, &mut attributes);
    for (number, attribute) in (1u32..).zip(attributes) {
        let text = |key: &str| attribute.get(key).and_then(Value::as_str);
        let flag = |key: &str| match attribute.get(key) {
            Some(Value::Bool(flag)) => Some(*flag),
            Some(Value::String(flag)) => Some(flag == "1" || flag == "true"),
            Some(Value::Number(flag)) => Some(flag.as_u64() != Some(0)),
            _ => None,
        };
        let (Some(kind), Some(value)) = (text("type"), text("value")) else {
            let what = format!("attribute {number} has no `type` and `value`");
            draft.bad(0, what, "export the event again");
            continue;
        };
        let deleted = flag("deleted") == Some(true);
        attribute_of(
            number,
            kind,
            value,
            flag("to_ids").unwrap_or(false) && !deleted,
            draft,
        );
    }
}

/// Every element of an `Attribute` array, in events, their objects and lists of these.
fn collect<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(map) => {
            if let Some(Value::Array(attributes)) = map.get("Attribute") {
                found.extend(attributes);
            }
            for key in ["Event", "Object", "response"] {
                if let Some(inner) = map.get(key) {
                    collect(inner, found);
                }
            }
        }
        _ => {}
    }
}

fn attribute_of(line: u32, kind: &str, value: &str, detect: bool, draft: &mut Draft<'_>) {
    let (name, kind) = match kind {
        "domain" => (value, MatchKind::Suffix),
        "hostname" => (value, MatchKind::Exact),
        "domain|ip" => (
            value.split('|').next().unwrap_or_default(),
            MatchKind::Suffix,
        ),
        "hostname|port" => (
            value.split('|').next().unwrap_or_default(),
            MatchKind::Exact,
        ),
        _ => return draft.skip(Unused::OtherType),
    };
    if detect {
        draft.entry(line, name, kind);
    } else {
        draft.skip(Unused::NotForDetection);
    }
}

pub(super) fn read_csv(text: &str, draft: &mut Draft<'_>) {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(text.as_bytes());
    let place = match reader.headers() {
        Ok(headers) => {
            let at = |name: &str| headers.iter().position(|header| header == name);
            at("type").zip(at("value")).zip(at("to_ids"))
        }
        Err(_) => None,
    };
    let Some(((kind, value), to_ids)) = place else {
        let what = "the first line does not name the columns type, value and to_ids";
        return draft.bad(1, what, "export it again, with the header");
    };
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                let line = u32::try_from(line).unwrap_or(u32::MAX);
                match (record.get(kind), record.get(value), record.get(to_ids)) {
                    (Some(kind), Some(value), Some(flag)) => {
                        attribute_of(line, kind, value, flag == "1" || flag == "true", draft);
                    }
                    _ => {
                        let said: String = record.iter().collect::<Vec<_>>().join(",");
                        let what = format!("`{}` has too few columns", clipped(&said));
                        draft.bad(line, what, "export it again");
                    }
                }
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                let line = u32::try_from(line).unwrap_or(u32::MAX);
                draft.bad(line, "this is no row of a CSV file", "export it again");
            }
        }
    }
}

/// One attribute as it goes out.
struct Outgoing {
    uuid: String,
    kind: &'static str,
    value: String,
    comment: String,
    to_ids: bool,
}

fn outgoing(plan: &Plan<'_>, one: &Single<'_>, tally: &mut Tally) -> Outgoing {
    let cut = one.with_below && plan.has_exceptions(&one.name);
    if cut {
        tally.leave(LeftOut::HasExceptions);
    }
    tally.written += 1;
    let kind = if one.with_below && !cut {
        "domain"
    } else {
        "hostname"
    };
    let vendor = one.rule.map_or("", |rule| rule.vendor().name.as_str());
    let role = one
        .rule
        .and_then(|rule| rule.role())
        .map_or("user-list", |role| role.label());
    let mark = mark(one.rule);
    let marked = mark.map_or(String::new(), |mark| format!(", {mark}"));
    Outgoing {
        uuid: uuid(&format!("{kind}:{}", one.name)),
        kind,
        value: one.name.clone(),
        comment: format!("{vendor}, {role}{marked}"),
        to_ids: mark.is_none(),
    }
}

pub(super) fn write_json(plan: &Plan<'_>, out: &mut dyn Write) -> io::Result<Tally> {
    let mut tally = plan.tally.clone();
    let singles = plan.singles(&mut tally);
    let attributes: Vec<Value> = singles
        .iter()
        .map(|one| {
            let one = outgoing(plan, one, &mut tally);
            json!({
                "uuid": one.uuid, "type": one.kind, "category": CATEGORY, "value": one.value,
                "comment": one.comment, "to_ids": one.to_ids, "distribution": "5",
                "disable_correlation": false, "timestamp": plan.modified.to_string(),
            })
        })
        .collect();
    let date = OffsetDateTime::from_unix_timestamp(plan.modified).map(OffsetDateTime::date);
    let info = format!(
        "Poortwacht catalogue {}: facial-recognition services; `domain` covers all names below it, \
         `hostname` the name alone",
        plan.version
    );
    let event = json!({ "Event": {
        "uuid": uuid("event:catalogue"), "info": info,
        "date": date.map_or_else(|_| "1970-01-01".into(), |date| date.to_string()),
        "timestamp": plan.modified.to_string(), "threat_level_id": "4", "analysis": "2",
        "distribution": "0", "published": false, "Attribute": attributes,
    }});
    serde_json::to_writer_pretty(&mut *out, &event)?;
    writeln!(out)?;
    Ok(tally)
}

pub(super) fn write_csv(plan: &Plan<'_>, out: &mut dyn Write) -> io::Result<Tally> {
    let mut tally = plan.tally.clone();
    writeln!(out, "{COLUMNS}")?;
    let mut rows = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(out);
    for one in plan.singles(&mut tally) {
        let one = outgoing(plan, &one, &mut tally);
        let to_ids = if one.to_ids { "1" } else { "0" };
        let seconds = plan.modified.to_string();
        let row = [
            &one.uuid,
            "0",
            CATEGORY,
            one.kind,
            &one.value,
            &one.comment,
            to_ids,
            &seconds,
        ];
        rows.write_record(row.into_iter().chain([""; 5]))
            .map_err(io::Error::other)?;
    }
    rows.flush()?;
    drop(rows);
    Ok(tally)
}

/// A name-based identifier, version 5: MISP takes none above that.
fn uuid(name: &str) -> String {
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(&DNS_NAMES);
    hash.update(b"poortwacht:");
    hash.update(name.as_bytes());
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(hash.finish().as_ref()) {
        *to = *from;
    }
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(&bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}
