#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| poortwacht::blocklist::oracle::check(data));
