//! Cases: what `poortwacht read --cases` must say of each seed.
