//! What must hold for any bytes on the socketpair: no panic, no allocation beyond the bound, and
//! every event that can be read can be written and read back as itself.

use super::{Command, Event, wire};

/// Reads `data` as a stream of events (or commands), as either process would.
pub fn check(data: &[u8]) {
    let mut input = data;
    while let Ok(Some(event)) = wire::read::<Event>(&mut input) {
        let mut again = Vec::new();
        // Only an event longer than the bound cannot be written; it could not be read either.
        assert!(wire::encode(&event, &mut again).is_ok());
        let back = wire::read::<Event>(&mut again.as_slice());
        assert!(matches!(back, Ok(Some(same)) if same == event));
    }
    let mut input = data;
    while let Ok(Some(command)) = wire::read::<Command>(&mut input) {
        let mut again = Vec::new();
        assert!(wire::encode(&command, &mut again).is_ok());
        let back = wire::read::<Command>(&mut again.as_slice());
        assert!(matches!(back, Ok(Some(same)) if same == command));
    }
}
