//! Offices with known truth.
