#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lienthong::pipeline::post::bad_input::envelopes(data));
