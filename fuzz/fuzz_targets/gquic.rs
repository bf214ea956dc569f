#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| poortwacht::names::quic::oracle::google::check(data));
