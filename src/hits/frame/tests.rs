//! Frames by value; tests/frames.rs has them read by tshark.
