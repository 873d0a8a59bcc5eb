#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lienthong::net::bad_input::egress(data));
