//! Who held what, as it goes in an office.
