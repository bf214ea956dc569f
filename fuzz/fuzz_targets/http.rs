#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| poortwacht::names::http::oracle::check(data));
