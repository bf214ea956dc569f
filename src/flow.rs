//! Streams and flights put back in order under fixed bounds.
//!
//! Enters: segments with their place. Leaves: the in-order prefix that is known so far. Never:
//! grows; everything lies in a [`Pool`] made at start and a table of fixed size.

pub mod arrival;
pub mod assembly;
pub mod begun;
pub mod exchange;
pub mod front;
pub mod pool;
pub mod shelf;
pub mod table;
pub mod tcp;
pub mod watch;

pub use assembly::{Assembly, Insert};
pub use begun::Begun;
pub use exchange::Exchange;
pub use front::Front;
pub use pool::{Pool, Slot};
pub use shelf::{Kept, Shelf};
pub use table::{Key, Side, Table};
pub use tcp::{Desync, Reader, Said, Streams, Verdict};
pub use watch::{Opening, Watch};
