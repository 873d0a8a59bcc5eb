//! What is known of a component before it runs, and its machine code.

use std::os::unix::fs::PermissionsExt;

use lienthong_core::manifest::Interface;

use super::*;
use crate::wasm::component::inspect;
use crate::wasm::{Error, LoadError};

#[test]
fn facts_are_read_without_running() {
    let bytes = guests::receiver("honest");
    let facts = inspect(&bytes).unwrap();
    assert_eq!(facts.exports, [Interface::Receiver]);
    assert_eq!(facts.manifest.plugin.name.as_str(), "test-guest");
    assert_eq!(facts.size, bytes.len() as u64);
    assert_eq!(facts.sha256_hex().len(), 64);
    assert!(!facts.is_pure() && !facts.imports_http());
    let io = facts.imports.iter().find(|import| import.name == "lienthong:connector/io@1.0.0").unwrap();
    let functions = ["[method]blob.size", "[method]blob.read", "[method]attachment.write", "emit", "attach", "finish"];
    assert_eq!(io.functions, functions);
    assert!(inspect(&guests::receiver("fetch")).unwrap().imports_http());
    assert!(inspect(&guests::whole("echo", "transform")).unwrap().is_pure());
}

#[test]
fn what_cannot_run_here_is_said_in_our_words() {
    let error = |bytes: &[u8]| inspect(bytes).unwrap_err().to_string();
    let honest = guests::receiver("honest");
    insta::assert_snapshot!(error(b"PK\x03\x04"), @"the file is no component this hub accepts: it does not begin as one");
    insta::assert_snapshot!(error(&wat::parse_str("(module)").unwrap()), @"the file is a core module, not a component: build it with `lienthong plugin build`, or wrap it with wit-component");
    insta::assert_snapshot!(error(&wat::parse_str("(component)").unwrap()), @"the component carries no manifest: build it with `lienthong plugin build`, which embeds plugin.toml");
    assert!(matches!(inspect(&honest[..honest.len() / 2]), Err(LoadError::Invalid(_))));
    assert!(
        matches!(inspect(&guests::with_manifest(honest.clone(), &guests::manifest("receiver"))), Err(LoadError::Invalid(_))),
        "two manifests"
    );
    assert!(matches!(inspect(&vec![0; (64 << 20) + 1]), Err(LoadError::TooLarge { .. })));

    let of = |text: &str, interface: &str| guests::with_manifest(wat::parse_str(text).unwrap(), &guests::manifest(interface));
    insta::assert_snapshot!(error(&of("(component)", "receiver")), @r#"plugin.toml says `interfaces = ["receiver"]`, but the component exports []: make them equal and build again"#);
    let import = |name: &str| of(&format!("(component (import \"{name}\" (instance (export \"run\" (func)))))"), "receiver");
    insta::assert_snapshot!(error(&import("wasi:cli/run@0.3.0")), @"the plugin imports `wasi:cli/run@0.3.0`; this hub has lienthong:connector@1.0 (config, io, log, types) and WASI 0.2; build the plugin for WASI 0.2, or without what needs this");
    for bad in ["acme:vault/secrets@1.0.0", "lienthong:connector/io@1.0.0-rc1", "wasi:keyvalue/store@0.2.0", "lienthong:connector/io"] {
        assert!(matches!(inspect(&import(bad)), Err(LoadError::Mismatch { .. })), "{bad}");
    }
    let bare = of("(component (import \"run\" (func)))", "receiver");
    assert!(matches!(inspect(&bare), Err(LoadError::Mismatch { .. })));
}

#[test]
fn a_plugin_of_another_version_is_told_what_it_wants_and_what_this_hub_has() {
    let error = |bytes: &[u8]| inspect(bytes).unwrap_err().to_string();
    let of = |text: &str| guests::with_manifest(wat::parse_str(text).unwrap(), &guests::manifest("receiver"));
    let import = |name: &str, function: &str| of(&format!("(component (import \"{name}\" (instance (export \"{function}\" (func)))))"));
    insta::assert_snapshot!(error(&import("lienthong:connector/io@2.0.0", "emit")), @"the plugin imports `lienthong:connector/io@2.0.0`; this hub has lienthong:connector@1.0 (config, io, log, types) and WASI 0.2; ask its vendor for a build for 1.0, or run it on a hub that has 2.0 or later");
    insta::assert_snapshot!(error(&import("lienthong:connector/log@0.9.0", "write")), @"the plugin imports `lienthong:connector/log@0.9.0`; this hub has lienthong:connector@1.0 (config, io, log, types) and WASI 0.2; ask its vendor for a build for 1.0");
    insta::assert_snapshot!(error(&import("lienthong:connector/log@1.7.0", "flush")), @"the plugin imports `flush` of `lienthong:connector/log@1.7.0`; this hub has lienthong:connector@1.0 (config, io, log, types) and WASI 0.2; ask its vendor for a build for 1.0, or run it on a hub that has 1.7 or later");
    insta::assert_snapshot!(error(&import("lienthong:connector/state@1.1.0", "get")), @"the plugin imports `lienthong:connector/state@1.1.0`; this hub has lienthong:connector@1.0 (config, io, log, types) and WASI 0.2; ask its vendor for a build for 1.0, or run it on a hub that has 1.1 or later");
    insta::assert_snapshot!(error(&import("lienthong:connector/log@1.0.0", "flush")), @"the plugin imports `flush` of `lienthong:connector/log@1.0.0`; this hub has lienthong:connector@1.0 (config, io, log, types) and WASI 0.2; 1.0 has none: ask its vendor for a build with the contract as it was released");
    insta::assert_snapshot!(error(&import("lienthong:connector/source@1.0.0", "poll")), @"the plugin imports `lienthong:connector/source@1.0.0`; this hub has lienthong:connector@1.0 (config, io, log, types) and WASI 0.2; 1.0 has none: ask its vendor for a build with the contract as it was released");
    insta::assert_snapshot!(error(&import("lienthong:connector/config@1.0.0", "settings")), @"the plugin imports `settings` of `lienthong:connector/config@1.0.0` as `func()`; this hub has it as `func() -> string`, as every hub of lienthong:connector@1; ask its vendor for a build with the contract as it was released");

    // The same plugin, built from a contract that somebody changed: a whole package of version 2, and functions of another form.
    let honest = |from: &str, to: &str, text: String| {
        let connector = include_str!("../../../../wit/connector.wit").replace(from, to);
        guests::with_manifest(guests::component_of(&text, "lienthong:connector/receiver-plugin", &connector), &guests::manifest("receiver"))
    };
    let text = guests::receiver_text("honest");
    insta::assert_snapshot!(error(&honest("connector@1.0.0", "connector@2.0.0", text.replace("@1.0.0", "@2.0.0"))), @"the plugin imports `lienthong:connector/io@2.0.0`; this hub has lienthong:connector@1.0 (config, io, log, types) and WASI 0.2; ask its vendor for a build for 1.0, or run it on a hub that has 2.0 or later");
    let shorter = text
        .replace("[method]blob.size\" (func $size (param i32) (result i64))", "[method]blob.size\" (func $size32 (param i32) (result i32))")
        .replace("(call $size (local.get $body))", "(i64.extend_i32_u (call $size32 (local.get $body)))");
    insta::assert_snapshot!(error(&honest("size: func() -> u64", "size: func() -> u32", shorter)), @"the plugin imports `[method]blob.size` of `lienthong:connector/io@1.0.0` as `func(self: borrow<blob>) -> u32`; this hub has it as `func(self: borrow<blob>) -> u64`, as every hub of lienthong:connector@1; ask its vendor for a build with the contract as it was released");
    let longer = text.replace("(param i64) (result i32)", "(param i64) (param i64) (result i32)");
    let shaped = error(&honest("received-at: timestamp,\n", "received-at: timestamp,\n    size: u64,\n", longer));
    let message = "record { body: blob, name: option<string>, content-type: option<string>, received-at: u64";
    assert!(
        shaped.starts_with(&format!(
            "the plugin exports `receive` of `lienthong:connector/receiver@1.0.0` as `func(message: {message}, size: u64 }}"
        )),
        "{shaped}"
    );
    assert!(shaped.contains(&format!("; this hub has it as `func(message: {message} }}) -> result<option<record {{ ")), "{shaped}");
}

#[tokio::test]
async fn a_plugin_of_a_newer_minor_version_runs_where_it_wants_no_more_than_there_is() {
    let connector = include_str!("../../../../wit/connector.wit").replace("connector@1.0.0", "connector@1.7.0");
    let text = guests::receiver_text("honest").replace("@1.0.0", "@1.7.0");
    let newer = guests::component_of(&text, "lienthong:connector/receiver-plugin", &connector);
    let sandbox = Sandbox::new();
    let plugin = sandbox.engine.load(guests::with_manifest(newer, &guests::manifest("receiver"))).await.unwrap();
    let kept = Kept::default();
    plugin.receive(call(kept.clone(), Limits::default()), message("x")).await.unwrap();
    assert_eq!(kept.all("out"), b"x");
}

#[test]
fn a_transform_that_could_leak_is_refused() {
    // A transform of a world of its own making, which may log.
    let connector = include_str!("../../../../wit/connector.wit")
        .replace("world transform-plugin {", "world leaky { import log; export transform; }\nworld transform-plugin {");
    let text = "(import \"lienthong:connector/log@1.0.0\" \"write\" (func (param i32 i32 i32)))\n(memory (export \"memory\") 1)\n\
        (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 0))\n\
        (func (export \"lienthong:connector/transform@1.0.0#apply\") (param i64 i32 i32) (result i32) (i32.const 0))";
    let leaky = guests::component_of(text, "lienthong:connector/leaky", &connector);
    let error = inspect(&guests::with_manifest(leaky, &guests::manifest("transform"))).unwrap_err();
    insta::assert_snapshot!(error, @"a transform may import no function, but this one imports lienthong:connector/log@1.0.0#write: keep it pure, or build JavaScript and Python with WASI stubbed out");
}

#[test]
fn features_that_are_off_stay_off() {
    for module in ["(module (memory i64 1))", "(module (memory 1) (memory 1))", "(module (memory 1 1 shared))"] {
        let text = format!("(component (core {}", module.trim_start_matches('('));
        let bytes = guests::with_manifest(wat::parse_str(format!("{text})")).unwrap(), &guests::manifest("receiver"));
        assert!(matches!(inspect(&bytes), Err(LoadError::Invalid(_))), "{module}");
    }
}

fn code_files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn machine_code_is_kept_privately_and_made_again_when_it_is_bad() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let engine = Engine::new(EngineOptions::new(&cache)).unwrap();
    let works = async |engine: &Engine| {
        let kept = Kept::default();
        let plugin = engine.load(guests::receiver("honest")).await.unwrap();
        plugin.receive(call(kept.clone(), Limits::default()), message("x")).await.unwrap();
        assert_eq!(kept.all("out"), b"x");
    };
    works(&engine).await;
    let files = code_files(&cache);
    assert_eq!(files.len(), 2, "the code, and what is known of it: {files:?}");
    let modified = |file: &std::path::PathBuf| std::fs::metadata(file).unwrap().modified().unwrap();
    let written: Vec<_> = files.iter().map(modified).collect();
    works(&engine).await;
    assert_eq!(files.iter().map(modified).collect::<Vec<_>>(), written, "read, not made again");

    for file in &files {
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        let whole = std::fs::read(file).unwrap();
        for bad in [&whole[..whole.len() / 2], &[0; 10], &[], &[&whole[..whole.len() - 1], &[!whole[whole.len() - 1]]].concat()] {
            std::fs::write(file, bad).unwrap();
            works(&engine).await;
            assert!(std::fs::read(file).unwrap().len() > bad.len() / 2 + 100);
            assert_eq!(code_files(&cache).len(), 2, "no temporary file is left");
        }
    }
}

#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let Err(Error::Cache { source, .. }) = Engine::new(EngineOptions::new(folder.path())) else { panic!("accepted") };
    assert!(source.to_string().contains("chmod go-w"), "{source}");
}

#[tokio::test]
async fn without_address_space_for_a_pool_each_call_gets_its_own_memory() {
    let folder = tempfile::tempdir().unwrap();
    // Eight million memories of 4 GiB are more than any machine can address.
    let options = EngineOptions { concurrent_calls: 1_000_000, ..EngineOptions::new(folder.path().join("cache")) };
    let engine = Engine::new(options).unwrap();
    let kept = Kept::default();
    let plugin = engine.load(guests::receiver("honest")).await.unwrap();
    plugin.receive(call(kept.clone(), Limits::default()), message("x")).await.unwrap();
    assert_eq!(kept.all("out"), b"x");
    let bomb = engine.load(guests::receiver("memory")).await.unwrap();
    let failed = bomb.receive(call(kept, Limits::default()), message("x")).await.unwrap_err();
    assert!(matches!(failed.cause, crate::wasm::Cause::Memory(_)), "{:?}", failed.cause);
}
