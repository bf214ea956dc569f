//! The identity messages of a capture, read by tshark, which shares nothing with their maker.
