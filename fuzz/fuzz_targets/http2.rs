#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| poortwacht::names::http2::oracle::check(data));
