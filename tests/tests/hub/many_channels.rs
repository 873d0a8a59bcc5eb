//! More channels than the hub has threads for.

use lienthong_tests::city::City;
use lienthong_tests::hub::{Hub, landed};
use lienthong_tests::ledger;

/// tokio keeps at most 512 threads for what blocks, and opening a table takes more than one of them.
const CHANNELS: usize = 600;

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_of_more_channels_than_threads_takes_data_and_lands_it() {
    let channels: String = (0..CHANNELS).map(|nth| format!("  trial/c{nth}: {{ schema: trial/posts.v1 }}\n")).collect();
    let last = format!("trial/c{}", CHANNELS - 1);
    let trial = format!("channels:\n{channels}grants:\n  - {{ agency: sender, channel: {last}, access: [write], purpose: trial }}\n");
    let city = "title: Trial\nagencies:\n  sender: { title: Sender }\nlake: { flush: { every: 100ms, bytes: 4MiB } }\n";
    let hub = Hub::start(City::new(&[("city.yaml", city), ("trial.yaml", &trial), ("schemas/trial/posts.v1.json", ledger::SCHEMA)])).await;
    let (sender, operator) = (hub.agency("sender").await, hub.operator().await);
    let record = r#"{"id":"c0-0-0","n":1,"value":1}"#;
    sender.post(&format!("/v1/channels/{last}/records"), "application/json", record).send().await.expect(200);
    landed(&operator, &last, 1).await;
}
