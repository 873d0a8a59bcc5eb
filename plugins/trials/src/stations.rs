//! Files of monitoring stations.

use std::sync::LazyLock;

use environment_tt10::{PORT, Stations};
use lienthong_sdk::testing::Hub;
use serde_json::json;

use crate::received::{Ports, received};

static PORTS: LazyLock<Ports> = LazyLock::new(|| Ports::new(&[(PORT, include_str!("../../../schemas/environment/observations.v1.json"))]));

/// Every line that holds anything is a reading or a rejection.
pub fn stations(body: &[u8]) {
    let hub = || Hub::new().named("LamDong_Tram_KK01_20261123090500.txt").settings(json!({ "station": "KK01" }));
    let outcome = received(&Stations, hub, &PORTS, body);
    outcome.rejects_are_of(body);
    if outcome.result.is_ok() {
        let lines = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).split(|byte| *byte == b'\n');
        let written = lines.filter(|line| !line.iter().all(u8::is_ascii_whitespace)).count();
        assert_eq!(PORTS.count(&outcome.hub) + outcome.hub.rejects().len(), written);
    }
}
