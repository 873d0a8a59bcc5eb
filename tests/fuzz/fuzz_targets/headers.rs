#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lienthong::http::bad_input::headers(data));
