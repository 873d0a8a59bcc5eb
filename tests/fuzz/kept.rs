//! What fuzzing found, read again by plain tests. Compiled into each crate that has targets.

use std::path::Path;

/// Each kept input is also read in so many damaged forms, the same in every run; `DAMAGED` in the environment changes how many.
const DAMAGED: u64 = 200;

/// Hands every input that is kept for a target to `read`, which panics where one is not borne.
pub(crate) fn kept(target: &str, read: impl Fn(&[u8])) {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let corpus = above.map(|folder| folder.join("tests/fuzz/corpus")).find(|corpus| corpus.is_dir());
    let folder = corpus.expect("the corpus is part of the sources").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let inputs: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert!(!inputs.is_empty(), "{} holds nothing", folder.display());
    let damaged = std::env::var("DAMAGED").map_or(DAMAGED, |count| count.parse().unwrap());
    for (file, input) in files.iter().zip(&inputs) {
        // Shown where the test fails.
        println!("{}", file.display());
        read(input);
        for seed in 0..damaged {
            let damaged = Damage(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1).of(input, &inputs);
            let borne = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(&damaged)));
            if let Err(panic) = borne {
                let found = std::env::temp_dir().join(format!("{target}-{seed}"));
                std::fs::write(&found, &damaged).unwrap();
                println!("in its damaged form {seed}, now in {}", found.display());
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// A source of numbers (xorshift), none of them secret.
struct Damage(u64);

impl Damage {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end.max(1)
    }

    /// An input with a few bytes changed, added, taken away or repeated, or with a part of another one in it.
    fn of(&mut self, input: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
        const ODD: [&[u8]; 14] = [
            b"\0",
            b"\xff",
            b"\xef\xbb\xbf",
            b"\r\n",
            b"\"",
            b"\\u0000",
            b"-0",
            b"9223372036854775808",
            b"1e999",
            b"&#0;",
            b"<![CDATA[",
            b"../",
            b"%2e",
            b"\xe2\x80\xae",
        ];
        let mut bytes = input.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = (at + self.below(24)).min(bytes.len());
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 => drop(bytes.splice(at..at, ODD[self.below(ODD.len())].iter().copied())),
                2 => drop(bytes.drain(at..end)),
                3 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
                4 => {
                    let other = &others[self.below(others.len())];
                    let from = self.below(other.len());
                    let to = (from + self.below(40)).min(other.len());
                    drop(bytes.splice(at..end, other[from..to].iter().copied()));
                }
                _ => bytes.truncate(bytes.len().saturating_sub(self.below(8))),
            }
        }
        bytes
    }
}
