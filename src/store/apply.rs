//! An entry becomes rows.
//!
//! Enters: entries in the order of the ledger. Leaves: rows, in one transaction. Never: reads back
//! what an earlier program wrote otherwise than as [`record`](crate::record) has it.

use rusqlite::{Connection, Result, params};
use serde::Serialize;

use super::words::Words;
use super::{Numbered, Store, schema, triage};
use crate::cases::Alert;
use crate::record::act::Act;
use crate::record::{
    Acted, Body, CaseAttribution, CaseHead, CaseStep, Coverage, Entry, Evidence, Frame, Hit,
};

/// Nanoseconds of an hour.
pub(super) const HOUR_NS: i64 = 3600 * 1_000_000_000;

pub(super) fn apply(store: &mut Store, entries: &[Numbered]) -> std::result::Result<(), String> {
    let mut next = store.through;
    let fresh: Vec<&Numbered> = entries.iter().filter(|it| it.number >= next).collect();
    for it in &fresh {
        if it.number != next {
            return Err(format!(
                "entry {} came where the store {} expects {next}: entries are missing; read the \
                 ledger from {next} on, or type `poortwacht rebuild`",
                it.number,
                store.path.display()
            ));
        }
        next += 1;
    }
    if fresh.is_empty() {
        return Ok(());
    }
    let taken = take_all(&mut store.db, &mut store.words, &fresh);
    if let Err(e) = taken {
        // What it remembers may have been taken back.
        store.words.clear();
        return Err(schema::fault(&store.path, &e));
    }
    store.through = next;
    Ok(())
}

fn take_all(db: &mut Connection, words: &mut Words, entries: &[&Numbered]) -> Result<()> {
    let change = db.transaction()?;
    for it in entries {
        take(&change, words, it)?;
    }
    words.flush(&change)?;
    change.commit()
}

fn take(db: &Connection, words: &mut Words, it: &Numbered) -> Result<()> {
    let number = it.number.cast_signed();
    let hour = it.hour.nanos().div_euclid(HOUR_NS);
    // Of a hit all this stands in its series.
    let own = it
        .entry
        .as_ref()
        .filter(|entry| !matches!(entry.body, Body::Hit(_)));
    db.prepare_cached(
        "INSERT INTO entries (number, kind, hour, time, case_id, subject, vendor, deleted)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        number,
        it.kind,
        hour,
        own.map(|entry| entry.time.nanos()),
        own.and_then(Entry::case),
        own.and_then(Entry::subject).map(|it| it.as_str()),
        own.and_then(vendor),
        it.entry.is_none(),
    ])?;
    let Some(entry) = &it.entry else {
        return Ok(());
    };
    let time = entry.time.nanos();
    match &entry.body {
        Body::Hit(hit) => take_hit(db, words, number, time, hit),
        Body::Case(head) => take_head(db, number, head),
        Body::Evidence(evidence) => take_evidence(db, number, evidence),
        Body::Step(step) => take_step(db, number, step),
        Body::Attribution(it) => take_attribution(db, number, it),
        Body::Alert(alert) => take_alert(db, number, alert),
        Body::Coverage(hour) => take_coverage(db, number, hour),
        Body::List(it) => take_happening(db, number, &json(it)?),
        Body::Life(it) => take_happening(db, number, &json(it)?),
        Body::Loss(it) => take_happening(db, number, &json(it)?),
        Body::Act(acted) => take_act(db, number, time, acted),
        Body::Sealed(_) => Ok(()),
        Body::Frame(frame) => take_frame(db, number, frame),
    }
}

fn vendor(entry: &Entry) -> Option<&str> {
    match &entry.body {
        Body::Case(it) => Some(&it.vendor),
        Body::Alert(it) => Some(&it.vendor),
        Body::Frame(it) => Some(&it.vendor),
        _ => None,
    }
}

fn take_hit(db: &Connection, words: &mut Words, number: i64, time: i64, hit: &Hit) -> Result<()> {
    let series = words.series(db, hit, time)?;
    let own = &hit.record.poortwacht;
    db.prepare_cached(
        "INSERT INTO hits (number, time, series, frame, repeats, id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        number,
        time,
        series,
        own.frame.cast_signed(),
        own.fold
            .as_ref()
            .map_or(0, |fold| fold.repeats.cast_signed()),
        id_of(&hit.record.event.id),
    ])?;
    Ok(())
}

/// An `event.id` as it is kept: its bytes when it is hex, as ours are; else the text.
pub(super) fn id_of(text: &str) -> rusqlite::types::Value {
    let digit = |b: &u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    match pairs.collect::<Option<Vec<u8>>>() {
        Some(bytes) if !bytes.is_empty() => bytes.into(),
        _ => text.to_owned().into(),
    }
}

fn take_head(db: &Connection, number: i64, head: &CaseHead) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO heads (number, case_id, revision, vendor, vendor_name, subject, subject_kind,
            grade, unit, site, stage, standing, register_entry, reason, confidence, opened,
            updated, items_left_out, band, closed, ended)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
            ?19, ?20, ?21)",
    )?
    .execute(params![
        number,
        head.id,
        head.revision.cast_signed(),
        head.vendor,
        head.vendor_name,
        head.subject.as_str(),
        head.subject_kind.label(),
        head.grade.label(),
        head.unit,
        head.site,
        head.stage.label(),
        head.ruling.standing.label(),
        head.ruling.entry,
        head.ruling.reason,
        head.confidence,
        head.opened.nanos(),
        head.updated.nanos(),
        head.items_left_out.cast_signed(),
        head.band,
        head.closed,
        head.ended.map(|it| it.label()),
    ])?;
    triage::point_to_head(db, &head.id)
}

fn take_evidence(db: &Connection, number: i64, evidence: &Evidence) -> Result<()> {
    let item = evidence.item.as_ref();
    let trace = item
        .and_then(|it| it.trace.as_ref())
        .map(json)
        .transpose()?;
    db.prepare_cached(
        "INSERT INTO evidence (number, case_id, item, counts, kind, rule, weight, stage, time,
            point, name, flow, first_frame, last_frame, text, trace)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?
    .execute(params![
        number,
        evidence.case,
        evidence.number,
        item.is_some(),
        item.map(|it| it.kind.label()),
        item.map(|it| &it.rule),
        item.map(|it| it.weight),
        item.map(|it| it.stage.label()),
        item.map(|it| it.time.nanos()),
        item.map(|it| &it.point),
        item.map(|it| &it.name),
        item.and_then(|it| it.flow.as_ref()),
        item.map(|it| it.frames.0.cast_signed()),
        item.map(|it| it.frames.1.cast_signed()),
        item.map(|it| &it.text),
        trace,
    ])?;
    Ok(())
}

fn take_step(db: &Connection, number: i64, step: &CaseStep) -> Result<()> {
    let text = step.step.as_ref().map(json).transpose()?;
    db.prepare_cached("INSERT INTO steps (number, case_id, place, step) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![number, step.case, step.place, text])?;
    Ok(())
}

fn take_attribution(db: &Connection, number: i64, it: &CaseAttribution) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO attributions (number, case_id, place, subject, attribution)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        number,
        it.case,
        it.place,
        it.entry.attribution.subject.as_str(),
        json(&it.entry)?
    ])?;
    Ok(())
}

fn take_alert(db: &Connection, number: i64, alert: &Alert) -> Result<()> {
    db.prepare_cached("INSERT INTO alerts (number, case_id, alert) VALUES (?1, ?2, ?3)")?
        .execute(params![number, alert.case, json(alert)?])?;
    Ok(())
}

fn take_coverage(db: &Connection, number: i64, hour: &Coverage) -> Result<()> {
    db.prepare_cached("INSERT INTO coverage (number, begins, ends, hour) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![number, hour.from, hour.until, json(hour)?])?;
    Ok(())
}

fn take_happening(db: &Connection, number: i64, what: &str) -> Result<()> {
    db.prepare_cached("INSERT INTO happenings (number, what) VALUES (?1, ?2)")?
        .execute(params![number, what])?;
    Ok(())
}

fn take_frame(db: &Connection, number: i64, frame: &Frame) -> Result<()> {
    db.prepare_cached("INSERT INTO frames (number, hit) VALUES (?1, ?2)")?
        .execute(params![number, id_of(&frame.hit)])?;
    Ok(())
}

fn take_act(db: &Connection, number: i64, time: i64, acted: &Acted) -> Result<()> {
    let act = &acted.act;
    db.prepare_cached(
        "INSERT INTO acts (number, time, actor, means, act, case_id, request, acted)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        number,
        time,
        acted.by.name,
        acted.by.means.label(),
        triage::name(act),
        act.case(),
        request(act),
        json(acted)?,
    ])?;
    match act.case() {
        Some(case) => triage::settle(db, case),
        None => Ok(()),
    }
}

fn request(act: &Act) -> Option<&str> {
    match act {
        Act::RequestUnsealing { request, .. }
        | Act::ApproveUnsealing { request, .. }
        | Act::RefuseUnsealing { request, .. }
        | Act::ReleaseUnsealing { request, .. } => Some(request),
        _ => None,
    }
}

/// A value as JSON. Plain data: it serialises.
fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}
