//! x
#![allow(unused, missing_docs)]
use crate::base::Timestamp;
use crate::hits::SubjectId;
use crate::record::{Coverage, Kind};
use crate::store::filter::{CaseFilter, HitFilter};
use crate::store::shown::*;
use rusqlite::{Connection, Result};
pub fn list(_: &Connection, _: &HitFilter, _: Page, _: Timestamp) -> Result<Listing<HitRow>> {
    Err(rusqlite::Error::InvalidQuery)
}
pub fn tail(
    _: &Connection,
    _: &HitFilter,
    _: u64,
    _: u32,
    _: Timestamp,
) -> Result<(Vec<HitRow>, u64)> {
    Err(rusqlite::Error::InvalidQuery)
}
pub fn one(_: &Connection, _: &str) -> Result<Option<HitRow>> {
    Err(rusqlite::Error::InvalidQuery)
}
