#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| poortwacht::blocklist::exchange::oracle::check(data));
