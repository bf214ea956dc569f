//! x
#![allow(unused, missing_docs)]
use crate::base::Timestamp;
use crate::hits::SubjectId;
use crate::record::{Coverage, Kind};
use crate::store::filter::{CaseFilter, HitFilter};
use crate::store::shown::*;
use rusqlite::{Connection, Result};
pub fn list(_: &Connection, _: &CaseFilter, _: CasePage, _: Timestamp) -> Result<Listing<CaseRow>> {
    Err(rusqlite::Error::InvalidQuery)
}
pub fn whole(_: &Connection, _: &str, _: Timestamp) -> Result<Option<CaseView>> {
    Err(rusqlite::Error::InvalidQuery)
}
pub fn counts(_: &Connection, _: Timestamp) -> Result<InboxCounts> {
    Err(rusqlite::Error::InvalidQuery)
}
pub fn suppressions(_: &Connection, _: Timestamp) -> Result<Vec<Suppression>> {
    Err(rusqlite::Error::InvalidQuery)
}
