//! What fuzzing found, read again by plain tests. Compiled into each crate that has targets.

use std::path::Path;

/// Hands every input that is kept for a target to `read`, which panics where one is not borne.
pub(crate) fn kept(target: &str, read: impl Fn(&[u8])) {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let corpus = above.map(|folder| folder.join("tests/fuzz/corpus")).find(|corpus| corpus.is_dir());
    let folder = corpus.expect("the corpus is part of the sources").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds nothing: a target that finds nothing odd has no seeds", folder.display());
    for file in files {
        // Shown where the test fails.
        println!("{}", file.display());
        read(&std::fs::read(&file).unwrap());
    }
}
