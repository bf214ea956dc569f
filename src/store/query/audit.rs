//! x
#![allow(unused, missing_docs)]
use crate::base::Timestamp;
use crate::hits::SubjectId;
use crate::record::{Coverage, Kind};
use crate::store::filter::{CaseFilter, HitFilter};
use crate::store::shown::*;
use rusqlite::{Connection, Result};
pub fn list(_: &Connection, _: &AuditFilter, _: Page) -> Result<Listing<AuditRow>> {
    Err(rusqlite::Error::InvalidQuery)
}
pub fn requests(_: &Connection, _: Option<&str>, _: bool) -> Result<Vec<Request>> {
    Err(rusqlite::Error::InvalidQuery)
}
