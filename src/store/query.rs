//! The questions that a reader asks, as SQL.
//!
//! Enters: a connection, filters. Leaves: rows as [`shown`](super::shown) has them. Never: puts
//! text of a filter into a statement; it is always bound.

pub(super) mod audit;
pub(super) mod cases;
pub(super) mod coverage;
pub(super) mod hits;
pub(super) mod search;
pub(super) mod subjects;
pub(super) mod vendors;
