//! Extism's side of the measure of a plugin call: the same work behind its bare contract, which is that of its own kit: input
//! is loaded eight bytes at a time, output is stored eight bytes at a time.
#![cfg(target_arch = "wasm32")]
// A kit would hide it; there is none here.
#![allow(unsafe_code)]

#[path = "../../reading.rs"]
mod reading;

#[link(wasm_import_module = "extism:host/env")]
unsafe extern "C" {
    fn input_length() -> u64;
    fn input_load_u8(offset: u64) -> u8;
    fn input_load_u64(offset: u64) -> u64;
    fn alloc(length: u64) -> u64;
    fn store_u8(offset: u64, byte: u8);
    fn store_u64(offset: u64, bytes: u64);
    fn output_set(offset: u64, length: u64);
}

/// Gives back what it is sent.
#[unsafe(no_mangle)]
pub extern "C" fn echo() -> i32 {
    put(&input());
    0
}

/// Converts each line; a line that is no reading ends the call with 1.
#[unsafe(no_mangle)]
pub extern "C" fn convert() -> i32 {
    let input = input();
    let Ok(text) = str::from_utf8(&input) else { return 1 };
    let mut out = Vec::with_capacity(text.len());
    for line in text.lines() {
        let written = reading::convert(line).and_then(|record| serde_json::to_writer(&mut out, &record));
        if written.is_err() {
            return 1;
        }
        out.push(b'\n');
    }
    put(&out);
    0
}

fn input() -> Vec<u8> {
    // SAFETY: the host answers for any offset below the length that it gave.
    unsafe {
        let length = input_length();
        let mut bytes = Vec::with_capacity(length as usize);
        let whole = length & !7;
        for offset in (0..whole).step_by(8) {
            bytes.extend_from_slice(&input_load_u64(offset).to_le_bytes());
        }
        bytes.extend((whole..length).map(|offset| input_load_u8(offset)));
        bytes
    }
}

fn put(bytes: &[u8]) {
    // SAFETY: all offsets lie within what the host allocated.
    unsafe {
        let start = alloc(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        for (nth, word) in words.iter().enumerate() {
            store_u64(start + 8 * nth as u64, u64::from_le_bytes(*word));
        }
        for (nth, byte) in rest.iter().enumerate() {
            store_u8(start + (8 * words.len() + nth) as u64, *byte);
        }
        output_set(start, bytes.len() as u64);
    }
}
