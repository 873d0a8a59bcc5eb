//! Prometheus metrics, made from the status at each scrape so that both always agree.

use std::sync::atomic::AtomicU64;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::permission::Operator;
use super::problem::Problem;
use crate::ops::status::{self, Sources, Status};
use crate::pipeline::gate::Reason;
use crate::pipeline::routes::RouteCondition;
use crate::pipeline::supervision::Condition;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByChannel {
    channel: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByConnector {
    connector: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByRoute {
    route: String,
    sink: String,
}

/// `GET /metrics`
pub async fn metrics(_: Operator, State(sources): State<Sources>) -> Result<impl IntoResponse, Problem> {
    let status = status::status(&sources).await?;
    let mut text = String::new();
    encode(&mut text, &registry(&status)).map_err(|_| Problem::unavailable("the metrics could not be written"))?;
    Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}

fn registry(status: &Status) -> Registry {
    let mut registry = Registry::with_prefix("lienthong");
    let mut by_channel = |name: &str, help: &str, value: fn(&status::ChannelStatus) -> u64| {
        let family = Family::<ByChannel, Counter>::default();
        for channel in &status.channels {
            family.get_or_create(&ByChannel { channel: channel.channel.to_string() }).inc_by(value(channel));
        }
        registry.register(name, help, family);
    };
    by_channel("channel_accepted", "Records and items taken in", |c| c.accepted);
    by_channel("channel_stored", "Records in the log", |c| c.stored);
    by_channel("channel_landed", "Rows in the lake", |c| c.landed);
    by_channel("channel_discarded", "Items discarded from quarantine", |c| c.discarded);
    by_channel("channel_stored_bytes", "Bytes of stored records", |c| c.bytes);
    let mut channel_gauge = |name: &str, help: &str, value: fn(&status::ChannelStatus) -> i64| {
        let family = Family::<ByChannel, Gauge>::default();
        for channel in &status.channels {
            family.get_or_create(&ByChannel { channel: channel.channel.to_string() }).set(value(channel));
        }
        registry.register(name, help, family);
    };
    channel_gauge("channel_quarantined", "Items that wait in quarantine", |c| c.quarantined.cast_signed());
    channel_gauge("channel_pending", "Records that still have to land", |c| c.pending.cast_signed());
    channel_gauge("channel_attachments", "Attachments kept", |c| c.attachments.cast_signed());
    channel_gauge("channel_attachment_bytes", "Bytes of attachments kept", |c| c.attachment_bytes.cast_signed());
    channel_gauge("channel_sums_hold", "1 while accepted = stored + quarantined + discarded", |c| i64::from(c.sums_hold));
    channel_gauge("channel_lake_failing", "1 while its records do not land", |c| i64::from(c.lake_error.is_some()));
    channel_gauge("channel_listed", "1 while the city's files name it", |c| i64::from(c.listed));
    let mut by_connector = |name: &str, help: &str, value: fn(&Condition) -> u64| {
        let family = Family::<ByConnector, Counter>::default();
        for condition in &status.connectors {
            family.get_or_create(&ByConnector { connector: condition.connector.to_string() }).inc_by(value(condition));
        }
        registry.register(name, help, family);
    };
    by_connector("connector_calls", "Calls that ended", |c| c.calls);
    by_connector("connector_failures", "Calls of which nothing counts", |c| c.failures);
    by_connector("connector_records", "Records stored", |c| c.records);
    by_connector("connector_rejected", "Items that went to quarantine", |c| c.rejected);
    let open = Family::<ByConnector, Gauge>::default();
    let [refused, skipped] = [(); 2].map(|()| Family::<ByConnector, Counter>::default());
    for condition in &status.connectors {
        let Some(port) = &condition.port else { continue };
        let label = ByConnector { connector: condition.connector.to_string() };
        open.get_or_create(&label).set(port.connections.cast_signed());
        refused.get_or_create(&label).inc_by(port.refused);
        skipped.get_or_create(&label).inc_by(port.skipped_bytes);
    }
    registry.register("connector_connections", "Connections that are open", open);
    registry.register("connector_connections_refused", "Connections that were closed at once", refused);
    registry.register("connector_skipped_bytes", "Bytes that belong to no message", skipped);
    let mut connector_gauge = |name: &str, help: &str, value: fn(&Condition) -> u64| {
        let family = Family::<ByConnector, Gauge>::default();
        for condition in &status.connectors {
            family.get_or_create(&ByConnector { connector: condition.connector.to_string() }).set(value(condition).cast_signed());
        }
        registry.register(name, help, family);
    };
    connector_gauge("connector_waiting", "Messages that wait to be consumed", |c| c.waiting);
    connector_gauge("connector_set_aside", "Messages that no try will help, in the connector's folder `failed`", |c| {
        c.set_aside.unwrap_or(0)
    });
    connector_gauge("connector_passed_over", "Files of an inbox that are no messages", |c| c.passed_over.as_ref().map_or(0, |p| p.count));
    supervised(&mut registry, &status.connectors);
    let route =
        |condition: &RouteCondition| ByRoute { route: condition.route.to_string(), sink: condition.sink().unwrap_or_default().to_owned() };
    let mut by_route = |name: &str, help: &str, value: fn(&RouteCondition) -> u64| {
        let family = Family::<ByRoute, Counter>::default();
        for condition in &status.routes {
            family.get_or_create(&route(condition)).inc_by(value(condition));
        }
        registry.register(name, help, family);
    };
    by_route("route_calls", "Calls that ended", |c| c.calls);
    by_route("route_failures", "Calls of which nothing counts", |c| c.failures);
    by_route("route_records", "Records written, or delivered", |c| c.records);
    by_route("route_rejected", "Items that went to quarantine", |c| c.rejected);
    let mut route_gauge = |name: &str, help: &str, value: fn(&RouteCondition) -> u64| {
        let family = Family::<ByRoute, Gauge>::default();
        for condition in &status.routes {
            family.get_or_create(&route(condition)).set(value(condition).cast_signed());
        }
        registry.register(name, help, family);
    };
    route_gauge("route_behind", "Records that are not settled yet", |c| c.behind);
    route_gauge("route_failing", "1 while its last call failed", |c| u64::from(c.failures_in_a_row > 0));
    route_gauge("route_dead_letters", "Deliveries that were given up", |c| c.dead_letters);
    let disk = status.disk;
    for (name, help, bytes) in [
        ("disk_free_bytes", "Free on the disk that holds the data folder", disk.free_bytes),
        ("disk_keep_free_bytes", "New data is refused while less is free", disk.keep_free_bytes),
        ("disk_ballast_bytes", "Held back for an emergency; 0 after it was given up", disk.ballast_bytes),
    ] {
        let gauge = Gauge::<i64>::default();
        gauge.set(bytes.cast_signed());
        registry.register(name, help, gauge);
    }
    let ready = Gauge::<i64>::default();
    ready.set(i64::from(status.ready));
    registry.register("ready", "1 while data is taken", ready);
    registry
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Held {
    connector: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Over {
    connector: String,
    over: &'static str,
}

/// What holds connectors back, what they may still use today, and their scorecards.
fn supervised(registry: &mut Registry, connectors: &[Condition]) {
    let held = Family::<Held, Gauge>::default();
    let [validity, cpu, failures] = [(); 3].map(|()| Family::<Over, Gauge<f64, AtomicU64>>::default());
    let [calls, egress] = [(); 2].map(|()| Family::<Over, Gauge>::default());
    let [age, used] = [(); 2].map(|()| Family::<ByConnector, Gauge<f64, AtomicU64>>::default());
    let fresh = Family::<ByConnector, Gauge>::default();
    for condition in connectors {
        let connector = condition.connector.to_string();
        for (reason, name) in [(Reason::Paused, "paused"), (Reason::Tripped, "tripped"), (Reason::Spent, "spent")] {
            let holds = condition.hold.as_ref().is_some_and(|hold| hold.reason == reason);
            held.get_or_create(&Held { connector: connector.clone(), reason: name }).set(i64::from(holds));
        }
        let card = &condition.scorecard;
        for (over, score) in [("day", card.day), ("week", card.week)] {
            let label = Over { connector: connector.clone(), over };
            calls.get_or_create(&label).set(score.calls.cast_signed());
            egress.get_or_create(&label).set(score.egress_bytes.cast_signed());
            cpu.get_or_create(&label).set(score.cpu_s);
            if let Some(share) = score.validity {
                validity.get_or_create(&label).set(share);
            }
            if score.calls > 0 {
                failures.get_or_create(&label).set(score.failures as f64 / score.calls as f64);
            }
        }
        let label = ByConnector { connector };
        if let Some(seconds) = card.newest_record_age_s {
            age.get_or_create(&label).set(seconds as f64);
        }
        if let Some(holds) = card.fresh {
            fresh.get_or_create(&label).set(i64::from(holds));
        }
        if let Some(budget) = &condition.budget {
            used.get_or_create(&label).set(budget.share());
        }
    }
    registry.register("connector_held", "1 while nothing is called, by the reason", held);
    registry.register("connector_validity_ratio", "Records by records and rejected items, over the last 24 hours and seven days", validity);
    registry.register("connector_failure_ratio", "Failed calls by calls, over the last 24 hours and seven days", failures);
    registry.register("connector_window_calls", "Calls in the last 24 hours and seven days", calls);
    registry.register("connector_window_cpu_seconds", "Time in the plugin's code in the last 24 hours and seven days", cpu);
    registry.register("connector_window_egress_bytes", "Bytes of HTTP, both ways, in the last 24 hours and seven days", egress);
    registry.register("connector_newest_record_age_seconds", "Since it last stored a record", age);
    registry.register("connector_fresh", "1 while its newest record is as young as the city's files promise", fresh);
    registry.register("connector_budget_used_ratio", "The most used part of its budget of the day", used);
}
