#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| poortwacht::sealing::oracle::check(data));
