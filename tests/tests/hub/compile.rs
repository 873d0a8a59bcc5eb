//! Compiling happens in a process of its own, and a component that is made to break it is refused.

use std::os::unix::process::ExitStatusExt;
use std::process::{Output, Stdio};

use lienthong_tests::guest;
use lienthong_tests::hub::{Hub, connector_status};
use lienthong_tests::ledger;
use lienthong_tests::neighbours::Neighbours;
use lienthong_tests::program::{argument, lienthong, run};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use wasm_encoder::{
    CodeSection, Component, ConstExpr, Function, FunctionSection, GlobalSection, GlobalType, InstanceSection, Module, ModuleArg,
    ModuleSection, StartSection, TypeSection, ValType,
};

/// A valid component whose one function multiplies so many times, with so many values that are all needed to the end.
fn bomb(products: u32, values: u32) -> Vec<u8> {
    let (mut types, mut functions, mut globals, mut code) =
        (TypeSection::new(), FunctionSection::new(), GlobalSection::new(), CodeSection::new());
    types.ty().function([], []);
    functions.function(0);
    globals.global(GlobalType { val_type: ValType::I64, mutable: true, shared: false }, &ConstExpr::i64_const(1));
    let mut function = Function::new([(values, ValType::I64)]);
    let mut body = function.instructions();
    for nth in 0..values {
        body.global_get(0).local_set(nth);
    }
    for nth in 0..products {
        body.local_get(nth % values).local_get((nth * 7 + 1) % values).i64_mul().local_set((nth * 13 + 5) % values);
    }
    body.i64_const(7);
    for nth in 0..values {
        body.local_get(nth).i64_add();
    }
    body.global_set(0).end();
    code.function(&function);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&globals).section(&StartSection { function_index: 0 }).section(&code);
    let (mut component, mut instances) = (Component::new(), InstanceSection::new());
    instances.instantiate::<[(&str, ModuleArg); 0], &str>(0, []);
    component.section(&ModuleSection(&module)).section(&instances);
    component.finish()
}

async fn compile(component: Vec<u8>, limits: &[&str]) -> (Output, String) {
    let mut command = Command::new(lienthong());
    command.arg("compile").args(limits).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let sending = tokio::spawn(async move {
        // It may have ended already.
        let _ = stdin.write_all(&component).await;
    });
    let output = child.wait_with_output().await.unwrap();
    sending.await.unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, words)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_that_takes_the_compiler_too_much_is_ended_by_the_system() {
    let (small, words) = compile(bomb(100, 100), &["--memory-mib", "192", "--cpu-seconds", "60"]).await;
    assert!(small.status.success() && !small.stdout.is_empty(), "{words}");
    let (memory, words) = compile(bomb(100_000, 100), &["--memory-mib", "192", "--cpu-seconds", "60"]).await;
    assert!(!memory.status.success() && memory.stdout.is_empty() && words.contains("memory"), "{words}");
    let (time, words) = compile(bomb(50_000, 2_000), &["--cpu-seconds", "1"]).await;
    assert_eq!(time.status.signal(), Some(24), "SIGXCPU: {words}");
    let (none, words) = compile(b"no component".to_vec(), &[]).await;
    assert_eq!(none.status.code(), Some(1), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_cannot_be_made_ready_stops_no_other() {
    let city = Neighbours::city("{}");
    // A table larger than any place for one: nothing finds out before it is compiled.
    let text = format!("{}\n(table 70000 funcref)", guest::receiver_text(include_str!("../../plugins/endless.wat")));
    let component = guest::component_of(&text, "lienthong:connector/receiver-plugin", guest::CONNECTOR);
    let broken = guest::with_manifest(component, &guest::manifest("receiver").replace("test-guest", "endless"));
    std::fs::write(city.path().join("plugins/endless.wasm"), broken).unwrap();

    let hub = Hub::start(city).await;
    let (honest, hostile, operator) = (hub.agency("honest").await, hub.agency("hostile").await, hub.operator().await);
    let message = r#"{"id":"c0-0-0","n":0,"value":1}"#;
    honest.post("/v1/connectors/trial/honest/messages", "application/json", message).send().await.expect(200);
    assert_eq!(ledger::read_log(&honest, "trial/two").await.len(), 1);
    let broken = connector_status(&operator, "trial/endless").await;
    assert_eq!(broken["state"], "failing");
    let why = broken["last_error"].as_str().unwrap();
    assert!(why.contains("the plugin endless: the component cannot be made ready"), "{why}");
    hostile.post("/v1/connectors/trial/endless/messages", "text/plain", "?").send().await.problem(404, "connector");
    // All were compiled, each by a process of its own, and none again at the next start.
    let cached = std::fs::read_dir(hub.city().data().join("cache/plugins")).unwrap();
    let code = cached.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "cwasm"));
    assert_eq!(code.count(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_of_another_version_is_told_alike_wherever_it_is_looked_at() {
    let city = Neighbours::city("{}");
    let newer = guest::CONNECTOR
        .replace("connector@1.0.0", "connector@1.7.0")
        .replace("write: func(level: level, message: string);", "write: func(level: level, message: string);\n  flush: func();");
    let text = guest::receiver_text(
        "(import \"lienthong:connector/log@1.0.0\" \"flush\" (func $flush))\nPRELUDE\n(func $main (param i32) (result i32) (call $flush) (i32.const 0))",
    );
    let component = guest::component_of(&text.replace("@1.0.0", "@1.7.0"), "lienthong:connector/receiver-plugin", &newer);
    let file = city.path().join("plugins/endless.wasm");
    std::fs::write(&file, guest::with_manifest(component, &guest::manifest("receiver").replace("test-guest", "endless"))).unwrap();
    let said = "the plugin imports `flush` of `lienthong:connector/log@1.7.0`; this hub has lienthong:connector@1.0 (config, io, log, types) and WASI 0.2; \
                ask its vendor for a build for 1.0, or run it on a hub that has 1.7 or later";
    let (path, data) = (city.path(), city.data());
    for arguments in [
        &["plugin", "inspect", argument(&file)][..],
        &["check", "--lang", "en", argument(&path)],
        &["serve", "--city", argument(&path), "--data", argument(&data), "--listen", "127.0.0.1:0"],
    ] {
        let heard = run(arguments).await;
        let words = format!("{}{}", heard.stdout, heard.stderr);
        assert!(heard.code == Some(1) && words.contains(said), "{arguments:?}: {words}");
    }
}
