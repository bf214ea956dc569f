//! From a plan to the events that a sensor and the feeds would make of it, without frames.
