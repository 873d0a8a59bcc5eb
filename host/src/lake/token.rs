//! Names that nobody else gives: of commits, of the files in them, and of the log that a table belongs to.

use std::time::SystemTime;

/// 96 random bits, as hexadecimal digits.
pub(crate) fn token() -> String {
    let mut random = [0_u8; 12];
    if getrandom::fill(&mut random).is_err() {
        // Without randomness the moment has to do; a clash would be refused by the put of the same version.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        random.copy_from_slice(&since.as_nanos().to_le_bytes()[..12]);
    }
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}
