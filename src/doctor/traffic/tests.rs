//! Counts over built frames.
