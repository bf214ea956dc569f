//! Every layer by a table of built frames; then what must hold for all of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod build;
mod link;
mod neighbour;
mod ip;
mod transport;
mod fragments;
mod exclusion;
mod wrap;
mod tunnels;
mod ports;
mod outsiders;
mod inside;
mod whole;
mod tshark;
