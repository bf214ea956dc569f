#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| poortwacht::names::bypass::oracle::check(data));
