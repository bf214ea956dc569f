//! Hits for people: folded, pseudonymised, one ECS line each.
