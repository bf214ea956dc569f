//! How often, in bands: no more precision than metadata has.
//!
//! Enters: an estimate of search-like uploads. Leaves: a band. Two bands (51-100, 101-500) are
//! those of the published figures, the others are our choice. Never: the number.

/// The band; empty for none.
pub const fn label(uploads: u64) -> &'static str {
    match uploads {
        0 => "",
        1..=5 => "1-5",
        6..=10 => "6-10",
        11..=50 => "11-50",
        51..=100 => "51-100",
        101..=500 => "101-500",
        501..=1000 => "501-1000",
        _ => "more",
    }
}
