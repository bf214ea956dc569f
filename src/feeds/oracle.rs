//! What must hold for any bytes in a feed: no panic, and no event that says more than the bytes do.
