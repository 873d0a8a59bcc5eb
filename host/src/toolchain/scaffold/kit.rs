//! The texts that projects are made of, as they were when the hub was compiled: templates, the SDKs, and what they are built with.

// `KIT: &[(&str, &str)]`: the path within the repository, and the text. `build.rs` lists them.
include!(concat!(env!("OUT_DIR"), "/kit.rs"));

/// Everything below a folder of the repository: the path within it, and the text.
pub(super) fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static str)> + use<'_> {
    KIT.iter().filter_map(move |(path, text)| Some((path.strip_prefix(folder)?.strip_prefix('/')?, *text)))
}

/// One file of the repository; empty where there is none, which a test would notice.
pub(super) fn text(path: &str) -> &'static str {
    KIT.iter().find(|(own, _)| *own == path).map_or("", |(_, text)| text)
}
