#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| poortwacht::event::oracle::check(data));
