//! The map, the names and the register as their keepers meet them.

mod map;
mod names;
mod rulings;
