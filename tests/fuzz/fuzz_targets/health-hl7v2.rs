#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lienthong_trials::hl7v2(data));
