//! x
#![allow(unused, missing_docs)]
use crate::base::Timestamp;
use crate::hits::SubjectId;
use crate::record::{Coverage, Kind};
use crate::store::filter::{CaseFilter, HitFilter};
use crate::store::shown::*;
use rusqlite::{Connection, Result};
pub fn entries_of(_: &Connection, _: &str) -> Result<Vec<u64>> {
    Err(rusqlite::Error::InvalidQuery)
}
pub fn of_subject(_: &Connection, _: &SubjectId) -> Result<SubjectEntries> {
    Err(rusqlite::Error::InvalidQuery)
}
pub fn due(_: &Connection, _: Kind, _: Timestamp, _: Timestamp, _: u32) -> Result<Vec<u64>> {
    Err(rusqlite::Error::InvalidQuery)
}
pub fn sealed(_: &Connection, _: &SubjectId) -> Result<Vec<u64>> {
    Err(rusqlite::Error::InvalidQuery)
}
pub fn frames(_: &Connection, _: &str) -> Result<Vec<u64>> {
    Err(rusqlite::Error::InvalidQuery)
}
