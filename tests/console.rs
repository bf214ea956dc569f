//! The console over real sockets: who gets in, and what everybody else is told.
//!
//! Enters: requests, good and hostile. Leaves: a verdict. Never: a network beyond loopback.

#[path = "console/daemon.rs"]
mod daemon;
#[path = "console/figures.rs"]
mod figures;
#[path = "console/limits.rs"]
mod limits;
#[path = "console/provider.rs"]
mod provider;
#[path = "console/refusals.rs"]
mod refusals;
#[path = "console/sign_in.rs"]
mod sign_in;
#[path = "console/stand.rs"]
mod stand;
#[path = "console/tokens.rs"]
mod tokens;
#[path = "console/vouched.rs"]
mod vouched;
