//! Compiling happens in a process of its own, and a component that is made to break it is refused.

use std::process::Stdio;

use lienthong_tests::guest;
use lienthong_tests::hub::{Hub, connector_status};
use lienthong_tests::ledger;
use lienthong_tests::neighbours::Neighbours;
use lienthong_tests::program::lienthong;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use wasm_encoder::{CodeSection, Component, Function, FunctionSection, Module, ModuleSection, TypeSection, ValType};

/// A valid component with one function of so many instructions, each of which uses what came before.
fn bomb(instructions: u32) -> Vec<u8> {
    let (mut types, mut functions, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([ValType::I64], [ValType::I64]);
    functions.function(0);
    const LOCALS: u32 = 1_000;
    let mut function = Function::new([(LOCALS, ValType::I64)]);
    for nth in 0..instructions / 4 {
        let mut body = function.instructions();
        body.local_get(nth % LOCALS).local_get((nth * 7 + 1) % LOCALS).i64_mul().local_set((nth * 13 + 5) % LOCALS);
    }
    function.instructions().local_get(1).end();
    code.function(&function);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    let mut component = Component::new();
    component.section(&ModuleSection(&module));
    component.finish()
}

async fn compile(component: &[u8], limits: &[&str]) -> std::process::Output {
    let mut command = Command::new(lienthong());
    command.arg("compile").args(limits).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let component = component.to_vec();
    tokio::spawn(async move {
        // It may have ended already.
        let _ = stdin.write_all(&component).await;
    });
    child.wait_with_output().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_that_takes_too_much_is_ended_by_the_system() {
    let small = compile(&bomb(100), &[]).await;
    assert!(small.status.success() && !small.stdout.is_empty(), "{}", String::from_utf8_lossy(&small.stderr));
    let memory = compile(&bomb(2_000_000), &["--memory-mib", "400"]).await;
    assert!(!memory.status.success() && memory.stdout.is_empty());
    assert!(String::from_utf8_lossy(&memory.stderr).contains("memory allocation"), "{}", String::from_utf8_lossy(&memory.stderr));
    let time = compile(&bomb(2_000_000), &["--cpu-seconds", "1"]).await;
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&time.status), Some(24), "SIGXCPU: {time:?}");
    let none = compile(b"no component", &[]).await;
    assert_eq!(none.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_cannot_be_made_ready_stops_no_other() {
    let city = Neighbours::city("{}");
    // What it says of itself is sound; its code takes the compiler more than it may have.
    let mut endless = guest::receiver_named("endless", include_str!("../../plugins/endless.wat"));
    endless.extend(&bomb(7_000_000)[8..]);
    std::fs::write(city.path().join("plugins/endless.wasm"), endless).unwrap();
    let hub = Hub::start(city).await;
    let (honest, operator) = (hub.agency("honest").await, hub.operator().await);
    let message = r#"{"id":"c0-0-0","n":0,"value":1}"#;
    honest.post("/v1/connectors/trial/honest/messages", "application/json", message).send().await.expect(200);
    let broken = connector_status(&operator, "trial/endless").await;
    assert_eq!(broken["state"], "failing");
    let why = broken["last_error"].as_str().unwrap();
    println!("{why}");
    assert!(why.contains("compiling it takes more than") || why.contains("too large"), "{why}");
    assert_eq!(ledger::read_log(&honest, "trial/two").await.len(), 1);
    let cached = std::fs::read_dir(hub.city().data().join("cache/plugins")).unwrap().count();
    assert_eq!(cached, 4, "machine code of those that were made ready");
}
