#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| poortwacht::capture::oracle::check(data));
