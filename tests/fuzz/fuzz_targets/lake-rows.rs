#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lienthong::lake::bad_input::rows(data));
