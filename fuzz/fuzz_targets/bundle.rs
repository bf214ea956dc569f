#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| poortwacht::evidence::oracle::check(data));
