#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| poortwacht::presence::oracle::check(data));
