#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lienthong::transport::mllp::bad_input::frames(data));
