#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| poortwacht::names::dns::oracle::check(data));
