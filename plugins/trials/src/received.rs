//! One body, handed to a connector twice.

use jsonschema::Validator;
use lienthong_sdk::testing::Hub;
use lienthong_sdk::{Failure, Receiver, Reply};
use serde_json::Value;

/// The schemas of a connector's ports, from the canonical ones.
pub(crate) struct Ports(Vec<(&'static str, Validator)>);

impl Ports {
    pub(crate) fn new(schemas: &[(&'static str, &str)]) -> Self {
        let compile = |text: &str| {
            let schema: Value = serde_json::from_str(text).unwrap();
            jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
        };
        Self(schemas.iter().map(|(port, text)| (*port, compile(text))).collect())
    }

    fn check(&self, hub: &Hub) {
        for (port, _) in hub.emits() {
            assert!(self.0.iter().any(|(known, _)| known == port), "{port} is none of the connector's ports");
        }
        for (port, schema) in &self.0 {
            for record in hub.records(port) {
                let fault = schema.validate(&record).err().map(|fault| format!("{fault} at {}", fault.instance_path()));
                assert_eq!(fault, None, "{port}: {record}");
            }
        }
    }

    /// Records of all ports.
    pub(crate) fn count(&self, hub: &Hub) -> usize {
        self.0.iter().map(|(port, _)| hub.count(port)).sum()
    }
}

/// What a body became: the hub after it, and the answer.
pub(crate) struct Received {
    pub(crate) hub: Hub,
    pub(crate) result: Result<Option<Reply>, Failure>,
}

/// Hands a body over in a fresh hub, and once more: the output is the same and fits, and what went wrong is told.
pub(crate) fn received(plugin: &impl Receiver, hub: impl Fn() -> Hub, ports: &Ports, body: &[u8]) -> Received {
    let (mut hub, mut again) = (hub(), hub());
    let result = hub.receive(plugin, body);
    assert_eq!(again.receive(plugin, body), result);
    assert!(hub.emits() == again.emits() && hub.rejects() == again.rejects() && hub.logs() == again.logs(), "not the same twice");
    ports.check(&hub);
    for reject in hub.rejects() {
        assert!(!reject.reason.is_empty() && reject.reason.len() < 16 << 10, "{}", reject.reason);
    }
    match &result {
        Ok(_) => {}
        // A body is the sender's; whatever it holds, neither the settings nor the plugin are at fault.
        Err(Failure::InvalidInput(why)) => assert!(!why.is_empty()),
        Err(other) => panic!("{other:?}"),
    }
    Received { hub, result }
}

impl Received {
    /// Every rejection holds bytes of the body as they came.
    pub(crate) fn rejects_are_of(&self, body: &[u8]) {
        for reject in self.hub.rejects() {
            let bytes = &reject.bytes;
            assert!(!bytes.is_empty() && memchr::memmem::find(body, bytes).is_some(), "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
