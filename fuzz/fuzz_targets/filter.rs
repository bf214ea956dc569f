#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| poortwacht::store::filter::oracle::check(data));
