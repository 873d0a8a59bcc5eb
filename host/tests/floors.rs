//! The hub's modules stand on floors, and every arrow runs down: read from the sources, for no compiler forbids it.
//!
//! The floors are the numbered list at the head of `src/lib.rs`, so that what is written there is what holds. Paths are
//! found in the tokens of each file (`use` trees, `crate::…` and `super::…` anywhere), comments and texts left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Crates that only one module may know.
const OWNED: &[(&str, &str)] = &[
    ("sqlx", "store"),
    ("wasmtime", "wasm"),
    ("wasmtime_wasi", "wasm"),
    ("wasmtime_wasi_http", "wasm"),
    ("deltalake_core", "lake"),
    ("object_store", "lake"),
    ("axum", "http"),
];

/// What the domain crate never names: no runtime, no wire, no database, no sandbox, no clock, no disk.
const NOT_IN_CORE: &[&[&str]] = &[
    &["tokio"],
    &["axum"],
    &["hyper"],
    &["sqlx"],
    &["wasmtime"],
    &["deltalake_core"],
    &["object_store"],
    &["std", "env"],
    &["std", "fs"],
    &["std", "process"],
    &["std", "thread"],
    &["std", "time", "Instant"],
    &["std", "time", "SystemTime"],
    &["std", "net", "TcpListener"],
    &["std", "net", "TcpStream"],
    &["std", "net", "UdpSocket"],
    &["chrono", "Local"],
    &["Utc", "now"],
    &["Instant", "now"],
    &["SystemTime", "now"],
];

#[test]
fn every_arrow_of_the_hub_runs_down() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let floors = floors(&fs::read_to_string(src.join("lib.rs")).unwrap());
    let mut wrong = Vec::new();
    let mut modules = BTreeSet::new();
    let mut arrows = 0;
    for (name, source) in sources(&src) {
        let module = module_of(&name);
        // The binary's own files are the roof: they see the library from outside.
        let Some(top) = module.first().filter(|top| !["main", "cli"].contains(&top.as_str())) else { continue };
        modules.insert(top.clone());
        arrows += paths(&source).iter().filter(|path| path.reaches(&module).is_some_and(|to| to != *top)).count();
        wrong.extend(violations(&module, &source, &floors).into_iter().map(|(line, what)| format!("src/{name}:{line}: {what}")));
    }
    assert!(wrong.is_empty(), "{} wrong arrows:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(modules, floors.keys().cloned().collect(), "the floors in src/lib.rs and the modules that exist differ");
    assert!(arrows > 40, "only {arrows} arrows were found: the scan has gone blind");
}

#[test]
fn the_domain_knows_no_machine() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("core/src");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (name, source) in sources(&src) {
        // Tests may read a folder of cases; what is shipped may not.
        if name.ends_with("tests.rs") {
            continue;
        }
        seen += paths(&source).len();
        wrong.extend(machine(&source).into_iter().map(|(line, what)| format!("core/src/{name}:{line}: {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 100, "only {seen} paths were found: the scan has gone blind");
}

/// A path in a source: its line, the inline modules around it, its segments. `*` stands for a glob.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    line: usize,
    inside: Vec<String>,
    segments: Vec<String>,
    /// Within an inline `#[cfg(test)]` module.
    in_test: bool,
}

impl Found {
    /// The top module this path leads to from a file's module, `*` for the crate itself; none where it leaves the crate.
    fn reaches(&self, module: &[String]) -> Option<String> {
        if !matches!(self.segments.first()?.as_str(), "crate" | "self" | "super") {
            return None;
        }
        let mut at: Vec<&String> = module.iter().chain(&self.inside).collect();
        for segment in &self.segments {
            match segment.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => drop(at.pop()),
                _ => at.push(segment),
            }
        }
        Some(at.first().map_or_else(|| "*".to_owned(), |top| (*top).clone()))
    }
}

fn violations(module: &[String], source: &str, floors: &BTreeMap<String, u32>) -> Vec<(usize, String)> {
    let Some(from) = module.first() else { return Vec::new() };
    let mut wrong = Vec::new();
    for path in paths(source) {
        let owner = OWNED.iter().find(|(name, _)| path.segments.first().is_some_and(|first| first == name));
        if let Some((name, owner)) = owner.filter(|(_, owner)| owner != from) {
            wrong.push((path.line, format!("`{from}` names `{name}`: only `{owner}` knows it")));
        }
        let Some(to) = path.reaches(module).filter(|to| to != from) else { continue };
        match (floors.get(from), floors.get(&to)) {
            (None, _) => wrong.push((path.line, format!("`{from}` has no floor in src/lib.rs"))),
            (_, None) => wrong.push((path.line, format!("`{from}` imports `{to}`, which has no floor in src/lib.rs"))),
            (Some(own), Some(other)) if other > own => wrong.push((path.line, format!("`{from}` imports `{to}`, which stands above it"))),
            (Some(own), Some(other)) if other == own => wrong.push((path.line, format!("`{from}` imports `{to}`, which stands beside it"))),
            _ => {}
        }
    }
    wrong
}

fn machine(source: &str) -> Vec<(usize, String)> {
    let mut wrong = Vec::new();
    for path in paths(source).iter().filter(|path| !path.in_test) {
        if let Some(forbidden) = NOT_IN_CORE
            .iter()
            .find(|forbidden| path.segments.iter().map(String::as_str).take(forbidden.len()).eq(forbidden.iter().copied()))
        {
            wrong.push((path.line, format!("the domain names `{}`", forbidden.join("::"))));
        }
    }
    wrong
}

/// The floors of the numbered list in a crate's head comment, lowest first.
fn floors(lib: &str) -> BTreeMap<String, u32> {
    let mut floors = BTreeMap::new();
    for line in lib.lines().filter_map(|line| line.strip_prefix("//! ")) {
        let Some((number, names)) = line.split_once(". ") else { continue };
        let Ok(number) = number.trim().parse::<u32>() else { continue };
        for name in names.split('`').skip(1).step_by(2) {
            assert!(floors.insert(name.to_owned(), number).is_none(), "`{name}` stands on two floors");
        }
    }
    floors
}

/// `http/keys.rs` is `http::keys`, `http/mod.rs` is `http`, `lib.rs` is the root.
fn module_of(name: &str) -> Vec<String> {
    let mut parts: Vec<String> = name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
        parts.pop();
    }
    parts
}

fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![(String::new(), folder.to_owned())];
    while let Some((prefix, folder)) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push((format!("{name}/"), entry.path()));
            } else if name.ends_with(".rs") {
                found.push((name, fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn paths(source: &str) -> Vec<Found> {
    let tokens = tokens(source);
    let text = |at: usize| tokens.get(at).map_or("", |(_, text)| text.as_str());
    let is_word = |at: usize| text(at).starts_with(|c: char| c.is_alphabetic() || c == '_');
    let mut found = Vec::new();
    // Inline modules with the depth of their braces.
    let mut inside: Vec<(String, usize, bool)> = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    while at < tokens.len() {
        match text(at) {
            "{" => depth += 1,
            "}" => {
                inside.retain(|(_, outer, _)| outer + 1 < depth);
                depth = depth.saturating_sub(1);
            }
            "mod" if is_word(at + 1) && text(at + 2) == "{" => {
                let test = at >= 7 && (at - 7..at).map(text).eq(["#", "[", "cfg", "(", "test", ")", "]"]);
                inside.push((text(at + 1).to_owned(), depth, test));
            }
            _ => {}
        }
        let continues = at >= 1 && text(at - 1) == "::" && at >= 2 && (is_word(at - 2) || text(at - 2) == ">");
        let imported = at >= 1 && text(at - 1) == "use";
        if is_word(at) && !continues && (imported || text(at + 1) == "::") {
            let mut trees = Vec::new();
            let end = tree(&tokens, at, &mut Vec::new(), &mut trees);
            let modules: Vec<String> = inside.iter().map(|(name, ..)| name.clone()).collect();
            let in_test = inside.iter().any(|(_, _, test)| *test);
            found.extend(trees.into_iter().map(|(line, segments)| Found { line, inside: modules.clone(), segments, in_test }));
            at = end;
        } else {
            at += 1;
        }
    }
    found
}

/// Reads one path or `use` tree from a token on; gives the place behind it.
fn tree(tokens: &[(usize, String)], mut at: usize, prefix: &mut Vec<String>, found: &mut Vec<(usize, Vec<String>)>) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |(_, text)| text.as_str());
    let line = tokens.get(at).map_or(0, |(line, _)| *line);
    let length = prefix.len();
    loop {
        match text(at) {
            "{" => {
                at += 1;
                while !matches!(text(at), "}" | "") {
                    at = tree(tokens, at, prefix, found);
                    while !matches!(text(at), "," | "}" | "") {
                        at += 1;
                    }
                    if text(at) == "," {
                        at += 1;
                    }
                }
                at += 1;
                break;
            }
            word if word == "*" || word.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                prefix.push(word.to_owned());
                at += 1;
                let goes_on = text(at) == "::" && text(at + 1).starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '{' | '*'));
                if !goes_on {
                    found.push((line, prefix.clone()));
                    break;
                }
                at += 1;
            }
            _ => {
                at += 1;
                break;
            }
        }
    }
    prefix.truncate(length);
    at
}

/// Words, `::` and single signs with their lines; no comments, texts, characters or lifetimes.
fn tokens(source: &str) -> Vec<(usize, String)> {
    let chars: Vec<char> = source.chars().collect();
    let char_at = |at: usize| chars.get(at).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    while at < chars.len() {
        let start = at;
        match chars[at] {
            '/' if char_at(at + 1) == '/' => {
                while at < chars.len() && chars[at] != '\n' {
                    at += 1;
                }
            }
            '/' if char_at(at + 1) == '*' => {
                let mut open = 0;
                loop {
                    match (char_at(at), char_at(at + 1)) {
                        ('/', '*') => (open, at) = (open + 1, at + 2),
                        ('*', '/') => (open, at) = (open - 1, at + 2),
                        _ => at += 1,
                    }
                    if open == 0 || at >= chars.len() {
                        break;
                    }
                }
            }
            '"' => at = after_text(&chars, at),
            '\'' if char_at(at + 1) == '\\' => {
                at += 3;
                while at < chars.len() && chars[at] != '\'' {
                    at += 1;
                }
                at += 1;
            }
            '\'' if char_at(at + 2) == '\'' => at += 3,
            '\'' => {
                at += 1;
                while is_word(char_at(at)) {
                    at += 1;
                }
            }
            ':' if char_at(at + 1) == ':' => {
                found.push((line, "::".to_owned()));
                at += 2;
            }
            c if is_word(c) => {
                while is_word(char_at(at)) {
                    at += 1;
                }
                let word: String = chars[start..at].iter().collect();
                let mut hashes = at;
                while char_at(hashes) == '#' {
                    hashes += 1;
                }
                let raw = matches!(word.as_str(), "r" | "br" | "cr");
                match (raw, char_at(hashes)) {
                    (true, '"') => at = after_raw_text(&chars, hashes, hashes - at),
                    // A raw identifier: its name follows.
                    (true, _) if hashes > at => at = hashes,
                    // `b"…"` and `c"…"`: the text follows.
                    _ => found.push((line, word)),
                }
            }
            c if c.is_whitespace() => at += 1,
            c => {
                found.push((line, c.to_string()));
                at += 1;
            }
        }
        line += chars[start..at.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    found
}

fn after_text(chars: &[char], mut at: usize) -> usize {
    at += 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn after_raw_text(chars: &[char], mut at: usize, hashes: usize) -> usize {
    at += 1;
    while at < chars.len() {
        if chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    at
}

/// The scan itself, on texts: what it must find, and what it must leave alone.
mod on_texts {
    use super::*;

    const LIB: &str = "//! Floors:\n//!\n//! 1. `clock` `net`\n//! 2. `store` `wasm` `lake`\n//! 3. `pipeline`\n//! 4. `http`: doors\n";

    fn check(file: &str, source: &str, expected: &[&str]) {
        let module = module_of(file);
        let found: Vec<String> =
            violations(&module, source, &floors(LIB)).into_iter().map(|(line, what)| format!("{line}: {what}")).collect();
        assert_eq!(found, expected, "in {file}:\n{source}");
    }

    #[test]
    fn down_is_free() {
        check("pipeline/call.rs", "use crate::store::{Append, Group};\nuse crate::{clock, wasm::Plugin};", &[]);
        check("http/mod.rs", "pub fn f() -> crate::pipeline::Channels { crate::clock::now() }", &[]);
        check("store/read.rs", "use super::Error;\nuse crate::store::block::Block;\nuse std::fs;", &[]);
    }

    #[test]
    fn up_and_sideways_are_found_in_every_form() {
        const UP: &str = "1: `store` imports `http`, which stands above it";
        const BESIDE: &str = "1: `store` imports `lake`, which stands beside it";
        check("store/mod.rs", "use crate::http::Api;", &[UP]);
        check("store/mod.rs", "use crate::{clock, http::{self, Api}};", &[UP, UP]);
        check("store/mod.rs", "use crate::{\n    clock,\n    lake::Table,\n};", &["3: `store` imports `lake`, which stands beside it"]);
        check("store/mod.rs", "pub(crate) use crate::lake as water;", &[BESIDE]);
        check("store/mod.rs", "fn f(x: &crate::lake::Table) {}", &[BESIDE]);
        check("store/mod.rs", "fn f() { let x = g::<crate::lake::Table>(); }", &[BESIDE]);
        check("store/mod.rs", "use super::lake::Table;", &[BESIDE]);
        check("store/read.rs", "use super::super::lake::Table;", &[BESIDE]);
        check("store/read.rs", "use self::super::super::lake;", &[BESIDE]);
        check("store/read.rs", "mod tests { use super::super::super::lake::Table; }", &[BESIDE]);
        check("store.rs", "macro_rules! m { () => { $crate::lake::f() } }", &[BESIDE]);
        check("clock.rs", "use crate::net::Door;", &["1: `clock` imports `net`, which stands beside it"]);
    }

    #[test]
    fn the_crate_as_a_whole_cannot_be_smuggled_in() {
        const WHOLE: &str = "1: `store` imports `*`, which has no floor in src/lib.rs";
        check("store/mod.rs", "use crate::*;", &[WHOLE]);
        check("store/mod.rs", "use crate as hub;", &[WHOLE]);
        check("store/mod.rs", "use crate::{self as hub};", &[WHOLE]);
        check("store/mod.rs", "use super::*;", &[WHOLE]);
    }

    #[test]
    fn a_module_without_a_floor_is_found() {
        check("store/mod.rs", "use crate::attic::Box;", &["1: `store` imports `attic`, which has no floor in src/lib.rs"]);
        check("attic.rs", "use crate::clock;", &["1: `attic` has no floor in src/lib.rs"]);
    }

    #[test]
    fn words_that_only_look_like_arrows_are_left_alone() {
        check("store/mod.rs", "// use crate::http;\n/* crate::http /* nested crate::lake */ crate::http */ fn f() {}", &[]);
        check("store/mod.rs", "/// See [`crate::http`].\nconst T: &str = \"crate::http\"; const R: &str = r#\"a \" crate::lake\"#;", &[]);
        check("store/mod.rs", "fn f<'a>(x: &'a str) -> char { let q = '\"'; '\\'' } fn g() { lake::crate_(); }", &[]);
        check("store/read.rs", "mod tests { use super::super::Error; }\nuse super::lake_marker::X;", &[]);
        check("wasm/call.rs", "use super::http::Body;", &[]);
        check("wasm/mod.rs", "mod tests { use super::http::Body; }", &[]);
    }

    #[test]
    fn texts_do_not_shift_what_follows() {
        check(
            "store/mod.rs",
            "const Q: &[u8] = b\"\\\"\";\nconst C: char = '\"';\nuse crate::lake::Table;",
            &["3: `store` imports `lake`, which stands beside it"],
        );
        check("store/mod.rs", "mod a { fn f() { if x {} } }\nuse crate::lake;", &["2: `store` imports `lake`, which stands beside it"]);
    }

    #[test]
    fn a_crate_has_one_owner() {
        check("store/mod.rs", "use sqlx::SqlitePool;", &[]);
        check("http/mod.rs", "use sqlx::SqlitePool;", &["1: `http` names `sqlx`: only `store` knows it"]);
        check("pipeline/mod.rs", "fn f(e: ::wasmtime::Error) {}", &["1: `pipeline` names `wasmtime`: only `wasm` knows it"]);
        check("pipeline/mod.rs", "use wasmtime;", &["1: `pipeline` names `wasmtime`: only `wasm` knows it"]);
        // An error of the store that is called like the crate.
        check("http/mod.rs", "let e = store::sqlx::X;", &[]);
    }

    #[test]
    fn the_domain_is_watched() {
        let words = |source: &str| machine(source).into_iter().map(|(_, what)| what).collect::<Vec<_>>();
        assert_eq!(words("use std::fs;"), ["the domain names `std::fs`"]);
        assert_eq!(words("use std::{fmt, fs::File};"), ["the domain names `std::fs`"]);
        assert_eq!(words("use std::time::{Duration, SystemTime};"), ["the domain names `std::time::SystemTime`"]);
        assert_eq!(words("fn f() { chrono::Utc::now(); Utc::now() }"), ["the domain names `Utc::now`"]);
        assert_eq!(words("use tokio::sync::Mutex;"), ["the domain names `tokio`"]);
        assert_eq!(words("fn f() { std::env::var(\"HOME\") }"), ["the domain names `std::env`"]);
        assert!(words("use std::time::Duration;\nuse std::net::SocketAddr;\nuse std::io;").is_empty());
        assert!(words("#[cfg(test)]\nmod tests { use std::fs; }").is_empty());
        assert_eq!(words("#[cfg(test)]\nmod tests { fn f() {} }\nuse std::fs;"), ["the domain names `std::fs`"]);
    }
}
