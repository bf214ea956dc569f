//! The ledger as others meet it: two verifiers that must agree on what was done to it, proofs, a
//! witness, a writer that is killed, a disk that is full.
//!
//! Enters: the built program, `tests/verifier.py`, ledgers made here. Leaves: a failure with what was
//! done and what was said. Never: reaches a network.

#[path = "ledger/bench.rs"]
mod bench;
#[path = "ledger/beside.rs"]
mod beside;
#[path = "ledger/crash.rs"]
mod crash;
#[path = "ledger/load.rs"]
mod load;
#[path = "ledger/tampered.rs"]
mod tampered;
#[path = "ledger/trust.rs"]
mod trust;
