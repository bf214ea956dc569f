//! x
#![allow(unused, missing_docs)]
use crate::base::Timestamp;
use crate::hits::SubjectId;
use crate::record::{Coverage, Kind};
use crate::store::filter::{CaseFilter, HitFilter};
use crate::store::shown::*;
use rusqlite::{Connection, Result};
pub fn hours(_: &Connection, _: Timestamp, _: Timestamp) -> Result<Vec<(u64, Coverage)>> {
    Err(rusqlite::Error::InvalidQuery)
}
