//! Hits for people: folded, pseudonymised, one ECS line each.

pub mod community;
pub mod show;
