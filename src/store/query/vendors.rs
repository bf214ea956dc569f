//! x
#![allow(unused, missing_docs)]
use crate::base::Timestamp;
use crate::hits::SubjectId;
use crate::record::{Coverage, Kind};
use crate::store::filter::{CaseFilter, HitFilter};
use crate::store::shown::*;
use rusqlite::{Connection, Result};
pub fn all(_: &Connection) -> Result<Vec<VendorSummary>> {
    Err(rusqlite::Error::InvalidQuery)
}
