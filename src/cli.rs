//! The command line.

pub mod list;
