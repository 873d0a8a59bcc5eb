#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lienthong::config::bad_input::city(data));
