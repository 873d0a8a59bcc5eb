//! Components from the texts beside this file. The sandbox's tests and the trials of the whole hub both take it in as a
//! source, for neither knows the other.

use wasm_encoder::{
    ComponentSection, ConstExpr, CustomSection, DataSection, InstanceSection, MemorySection, MemoryType, Module, ModuleArg, RawSection,
};
use wit_component::{ComponentEncoder, StringEncoding};

/// The contract as it is.
pub const CONNECTOR: &str = include_str!("../../wit/connector.wit");
const WASI: &str = include_str!("wit/wasi-http.wit");
/// What stands around the guest of a receiver.
pub const PRELUDE: &str = include_str!("prelude.wat");
/// Where a component keeps its manifest.
const SECTION: &str = "lienthong:plugin.toml";

/// A receiver with its manifest: the prelude around a guest's `$main`.
pub fn receiver(source: &str, world: &str) -> Vec<u8> {
    receiver_named("test-guest", source, world)
}

/// The same under a name of its own.
pub fn receiver_named(name: &str, source: &str, world: &str) -> Vec<u8> {
    let component = component_of(&receiver_text(source), world, CONNECTOR);
    with_manifest(component, &manifest("receiver").replace("test-guest", name))
}

/// The fields of the module around a guest's `$main`.
pub fn receiver_text(source: &str) -> String {
    if source.contains("PRELUDE") { source.replace("PRELUDE", PRELUDE) } else { format!("{PRELUDE}\n{source}") }
}

/// A component without a manifest, from the text of a core module's fields and a text of the connector package.
pub fn component_of(fields: &str, world: &str, connector: &str) -> Vec<u8> {
    let mut module = wat::parse_str(format!("(module {fields})")).unwrap_or_else(|error| panic!("{error}"));
    let mut resolve = wit_parser::Resolve::default();
    let mut packages = vec![resolve.push_str("connector.wit", connector).unwrap_or_else(|error| panic!("{error:?}"))];
    if world.starts_with("lienthong:guests") {
        packages.push(resolve.push_str("wasi-http.wit", WASI).unwrap_or_else(|error| panic!("{error:?}")));
    }
    let world = resolve.select_world(&packages, Some(world)).unwrap_or_else(|error| panic!("{error:?}"));
    let embedded = wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8);
    let component = embedded.and_then(|()| ComponentEncoder::default().validate(true).module(&module)?.encode());
    component.unwrap_or_else(|error| panic!("{error:?}"))
}

/// The manifest of a plugin `test-guest` with one port, `out`.
pub fn manifest(interface: &str) -> String {
    format!(
        "[plugin]\nname = \"test-guest\"\nversion = \"0.1.0\"\nvendor = \"Tests\"\nlicense = \"Apache-2.0\"\n\
         description = \"A guest of the tests.\"\ninterfaces = [\"{interface}\"]\n[ports.out]\nschema = \"tests/things.v1\"\n"
    )
}

/// Puts a manifest into a component.
pub fn with_manifest(mut component: Vec<u8>, manifest: &str) -> Vec<u8> {
    CustomSection { name: SECTION.into(), data: manifest.as_bytes().into() }.append_to_component(&mut component);
    component
}

/// The component, and so many instances of one more module in it, which nothing calls.
pub fn beside(mut component: Vec<u8>, module: &[u8], instances: u32) -> Vec<u8> {
    let (mut depth, mut modules) = (0, 0);
    for payload in wasmparser::Parser::new(0).parse_all(&component) {
        match payload.unwrap_or_else(|error| panic!("{error}")) {
            wasmparser::Payload::Version { .. } => depth += 1,
            wasmparser::Payload::End(_) => depth -= 1,
            wasmparser::Payload::ModuleSection { .. } if depth == 1 => modules += 1,
            _ => {}
        }
    }
    RawSection { id: 1, data: module }.append_to_component(&mut component);
    let mut section = InstanceSection::new();
    for _ in 0..instances {
        section.instantiate::<[(&str, ModuleArg); 0], &str>(modules, []);
    }
    section.append_to_component(&mut component);
    component
}

/// A module of about so many bytes, which fill its memory.
pub fn module_of(bytes: u32) -> Vec<u8> {
    let (mut module, mut memories, mut data) = (Module::new(), MemorySection::new(), DataSection::new());
    memories.memory(MemoryType {
        minimum: u64::from(bytes.div_ceil(65_536)),
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    data.active(0, &ConstExpr::i32_const(0), vec![7; bytes as usize]);
    module.section(&memories).section(&data);
    module.finish()
}
