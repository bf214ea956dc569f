//! The catalogue of vendors, compiled for matching.
//!
//! Enters: `blocklists/*.toml`, the user's plain lists, the allow-list; then names. Leaves:
//! [`Match`]. Never: grows slower with the list; sees a packet.
