//! The schemas of the ports, as the hub has them.

use std::path::Path;
use std::sync::LazyLock;

use health_bhyt::{EPISODES, ITEMS};
use jsonschema::Validator;
use lienthong_sdk::testing::Hub;
use serde_json::Value;

static VALIDATORS: LazyLock<[(&str, Validator); 2]> = LazyLock::new(|| {
    [EPISODES, ITEMS].map(|port| (port, jsonschema::options().should_validate_formats(true).build(&schema(port)).unwrap()))
});

/// The schema of a port.
pub(crate) fn schema(port: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../schemas/health/insurance-{port}.v1.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The first record that its schema refuses.
pub(crate) fn misfit(hub: &Hub) -> Option<String> {
    VALIDATORS.iter().find_map(|(port, validator)| {
        let records = hub.records(port);
        records
            .iter()
            .find_map(|record| validator.validate(record).err().map(|e| format!("{port}: {e} at {} in {record}", e.instance_path())))
    })
}
