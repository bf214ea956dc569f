//! What the record has of each vendor.
//!
//! Enters: nothing. Leaves: a line for each vendor. Never: a vendor of the catalogue of which
//! nothing was seen; the catalogue has those.

use std::collections::BTreeMap;

use rusqlite::{Connection, Result, Row};

use crate::base::Timestamp;
use crate::blocklist::Stage;
use crate::store::shown::VendorSummary;
use crate::store::triage::STATE;
use crate::store::written::label;

pub fn all(db: &Connection) -> Result<Vec<VendorSummary>> {
    let mut all: BTreeMap<String, VendorSummary> = BTreeMap::new();
    let mut of_hits = db.prepare_cached(
        "SELECT v.text, max(n.text), sum(s.count), count(DISTINCT s.subject),
            count(DISTINCT s.name), min(s.first), max(s.last)
         FROM series s JOIN words v ON v.id = s.vendor JOIN words n ON n.id = s.vendor_name
         GROUP BY s.vendor",
    )?;
    let mut rows = of_hits.query([])?;
    while let Some(row) = rows.next()? {
        let it = entry(&mut all, row)?;
        it.hits = row.get::<_, i64>(2)?.unsigned_abs();
        it.subjects = row.get::<_, i64>(3)?.unsigned_abs();
        it.names = row.get::<_, i64>(4)?.unsigned_abs();
        it.first = Some(Timestamp(row.get(5)?));
        it.last = Some(Timestamp(row.get(6)?));
    }
    let mut of_cases = db.prepare_cached(&format!(
        "SELECT h.vendor, max(h.vendor_name), h.stage, {STATE} <> 'closed', count(*)
         FROM cases c JOIN heads h ON h.number = c.head GROUP BY h.vendor, h.stage, 4"
    ))?;
    let mut rows = of_cases.query([])?;
    while let Some(row) = rows.next()? {
        let stage = label(row, 2, Stage::ALL, Stage::label)?;
        let count = row.get::<_, i64>(4)?.unsigned_abs();
        let open: bool = row.get(3)?;
        let it = entry(&mut all, row)?;
        it.cases += count;
        it.open += if open { count } else { 0 };
        match it.stages.iter_mut().find(|(other, _)| *other == stage) {
            Some((_, sum)) => *sum += count,
            None => it.stages.push((stage, count)),
        }
        it.stages.sort();
    }
    Ok(all.into_values().collect())
}

fn entry<'a>(
    all: &'a mut BTreeMap<String, VendorSummary>,
    row: &Row<'_>,
) -> Result<&'a mut VendorSummary> {
    let vendor: String = row.get(0)?;
    let vendor_name: String = row.get(1)?;
    Ok(all.entry(vendor.clone()).or_insert_with(|| VendorSummary {
        vendor,
        vendor_name,
        ..VendorSummary::default()
    }))
}
