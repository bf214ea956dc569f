//! The pages of the record: inbox, cases, hits, coverage, and what belongs to them.
//!
//! Enters: requests of signed-in visitors, a [`Desk`]. Leaves: HTML; acts that go to the desk.
//! Never: shows a person to somebody who may not see persons ([`veil`]); says of a stage that it is
//! guilt; a link that leads outside; a page that needs a script to be read.
//!
//! The way of a page: handler (asks [`desk`]) -> [`model`] (rows, through the [`veil`]) -> template
//! (values through the [`lens`]: language, time). The API takes the same rows as JSON.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub mod audit;
pub mod case;
pub mod cases;
pub mod coverage;
pub mod desk;
pub mod export;
pub mod filterbox;
pub mod health;
pub mod hits;
pub mod lens;
pub mod live;
pub mod model;
pub mod readable;
pub mod suppressions;
mod tell;
#[doc(hidden)]
pub mod sample;
#[cfg(test)]
mod tests;
pub mod timeline;
pub mod unsealing;
pub mod veil;
pub mod vendors;
pub mod views;
pub mod wish;
pub mod words;

pub use desk::{Bundle, Changed, Desk, Health, Part, Readers};

use super::{NavEntry, Right};
use words::Texts;

/// What every handler is given.
pub type Shared = Arc<dyn Desk>;

/// The main menu of these pages.
pub fn nav() -> Vec<NavEntry> {
    macro_rules! entry {
        ($path:literal, $label:ident, $right:ident, $key:literal) => {
            NavEntry {
                path: $path,
                label: |language| Texts::of(language).$label,
                right: Right::$right,
                key: Some($key),
            }
        };
    }
    vec![
        entry!("/cases", nav_cases, SeeCases, 'i'),
        entry!("/hits", nav_hits, SeeCases, 'h'),
        entry!("/coverage", nav_coverage, SeeCases, 'c'),
        entry!("/vendors", nav_vendors, SeeCases, 'v'),
        entry!("/register", nav_register, SeeCases, 'r'),
        entry!("/unsealing", nav_unsealing, SeeCases, 'u'),
        entry!("/suppressions", nav_suppressions, SeeCases, 's'),
        entry!("/audit", nav_audit, ReadAudit, 'a'),
        entry!("/health", nav_health, SeeHealth, 'e'),
    ]
}

/// The pages.
pub fn router(desk: Shared) -> Router {
    Router::new()
        .route("/cases", get(cases::list).post(cases::bulk))
        .route("/cases/{id}", get(case::get).post(case::post))
        .route("/cases/{id}/export", post(export::post))
        .route("/hits", get(hits::list))
        .route("/hits/rows", get(hits::rows))
        .route("/hits/{id}", get(hits::one))
        .route("/coverage", get(coverage::get))
        .route("/vendors", get(vendors::list))
        .route("/vendors/{id}", get(vendors::one))
        .route("/register", get(vendors::register))
        .route("/unsealing", get(unsealing::list))
        .route("/unsealing/{id}", post(unsealing::post))
        .route("/unsealing/{id}/release", post(unsealing::release))
        .route(
            "/suppressions",
            get(suppressions::list).post(suppressions::make),
        )
        .route("/suppressions/{rule}", post(suppressions::end))
        .route("/audit", get(audit::list))
        .route("/health", get(health::get))
        .route("/views", post(views::change))
        .route("/events", get(live::events))
        .with_state(desk)
}
