#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lienthong_core::bad_input::decode(data));
