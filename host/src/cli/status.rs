//! `lienthong status`

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets::NOTHING};
use serde_json::Value;

use super::local::ask;
use super::output::print;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The hub's own folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Print the whole status as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Some(status) = super::block_on(ask(&arguments.data, "GET", "/v1/status", None))? else {
        bail!("no hub runs on {}: start it with `lienthong serve --city DIR --data {0}`", arguments.data.display());
    };
    if arguments.json {
        print(format_args!("{status:#}"))?;
    } else {
        print(page(&status))?;
    }
    let healthy = status["ready"] == true && rows(&status, "channels").iter().all(|channel| channel["sums_hold"] == true);
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn page(status: &Value) -> String {
    let title = format!("{} · {} · since {}", plain(&status["city"]), plain(&status["health"]), plain(&status["started_at"]));
    let (listed, others): (Vec<_>, Vec<_>) = rows(status, "channels").iter().partition(|channel| channel["listed"] == true);
    let mut page = format!("{title}\n\n{}", channels("CHANNEL", &listed));
    if !others.is_empty() {
        page = format!("{page}\n\n{}", channels("NOT IN THE CITY'S FILES", &others));
    }
    page = format!("{page}\n\n{}", connectors(rows(status, "connectors")));
    if !rows(status, "connectors").is_empty() {
        page = format!("{page}\n\n{}", scorecards(rows(status, "connectors")));
    }
    if !rows(status, "routes").is_empty() {
        page = format!("{page}\n\n{}", routes(rows(status, "routes")));
    }
    for (error, channels) in lake_errors(status) {
        page = format!("{page}\nthe lake ({}) does not take {channels}: {error}", plain(&status["lake"]));
    }
    for note in rows(status, "connectors").iter().flat_map(notes) {
        page = format!("{page}\n{note}");
    }
    page
}

/// Why channels do not land, each reason with the channels it holds for.
fn lake_errors(status: &Value) -> BTreeMap<String, String> {
    let mut errors: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for channel in rows(status, "channels").iter().filter(|channel| !channel["lake_error"].is_null()) {
        errors.entry(plain(&channel["lake_error"])).or_default().push(plain(&channel["channel"]));
    }
    errors.into_iter().map(|(error, channels)| (error, channels.join(", "))).collect()
}

/// What waits for people.
fn notes(connector: &Value) -> Vec<String> {
    let (name, passed) = (plain(&connector["connector"]), &connector["passed_over"]);
    let mut notes = Vec::new();
    if !connector["hold"].is_null() {
        notes.push(format!("{name} is not called: {}", plain(&connector["hold"]["text"])));
    }
    let card = &connector["scorecard"];
    if card["fresh"] == false {
        let newest = card["newest_record_at"]
            .as_str()
            .map_or_else(|| "it stored none in the last week".into(), |at| format!("its newest is of {at}"));
        notes.push(format!("{name} is late: the city's files promise a record every {} s, and {newest}", card["fresh_within_s"]));
    }
    if connector["set_aside"].as_u64().is_some_and(|count| count > 0) {
        let (count, folder) = (&connector["set_aside"], plain(&connector["failed_folder"]));
        notes.push(format!("{name}: {count} set aside in {folder}, each with its reason beside it"));
    }
    if !passed.is_null() {
        let (example, reason) = (plain(&passed["example"]), plain(&passed["reason"]));
        notes.push(format!("{name}: {} passed over in its inbox, for example {example}: {reason}", passed["count"]));
    }
    notes
}

fn channels(title: &'static str, channels: &[&Value]) -> Table {
    let numbers = ["accepted", "stored", "quarantined", "discarded", "landed", "pending"];
    let mut table = table([title, "IN", "STORED", "QUARANTINED", "DISCARDED", "IN THE LAKE", "PENDING", "SUMS"]);
    for channel in channels {
        let mut row = vec![Cell::new(plain(&channel["channel"]))];
        row.extend(numbers.map(|name| Cell::new(plain(&channel[name])).set_alignment(CellAlignment::Right)));
        row.push(Cell::new(if channel["sums_hold"] == true { "hold" } else { "DO NOT HOLD" }));
        table.add_row(row);
    }
    table
}

fn connectors(connectors: &[Value]) -> Table {
    let mut table =
        table(["CONNECTOR", "PLUGIN", "TRANSPORT", "STATE", "WAITING", "CALLS", "FAILURES", "RECORDS", "REJECTED", "LAST ERROR"]);
    for connector in connectors {
        let mut row = vec![Cell::new(plain(&connector["connector"]))];
        row.push(Cell::new(format!("{} {}", plain(&connector["plugin"]), plain(&connector["plugin_version"]))));
        row.push(Cell::new(transport(connector)));
        row.push(Cell::new(plain(&connector["state"])));
        row.extend(
            ["waiting", "calls", "failures", "records", "rejected"]
                .map(|n| Cell::new(plain(&connector[n])).set_alignment(CellAlignment::Right)),
        );
        row.push(Cell::new(plain(&connector["last_error"])));
        table.add_row(row);
    }
    table
}

/// How well each serves: over 24 hours, and over seven days behind the stroke.
fn scorecards(connectors: &[Value]) -> Table {
    let mut table = table(["24 HOURS / 7 DAYS", "VALID", "FAILED", "CALLS", "PROCESSOR", "HTTP BYTES", "NEWEST RECORD", "BUDGET OF TODAY"]);
    for connector in connectors {
        let card = &connector["scorecard"];
        let both = |show: &dyn Fn(&Value) -> String| match [&card["day"], &card["week"]].map(show) {
            [day, week] => Cell::new(format!("{day} / {week}")).set_alignment(CellAlignment::Right),
        };
        let percent = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", share * 100.0));
        let failed = |score: &Value| Some(score["failures"].as_f64()? / score["calls"].as_f64().filter(|calls| *calls > 0.0)?);
        table.add_row([
            Cell::new(plain(&connector["connector"])),
            both(&|score| percent(score["validity"].as_f64())),
            both(&|score| percent(failed(score))),
            both(&|score| plain(&score["calls"])),
            both(&|score| format!("{:.1} s", score["cpu_s"].as_f64().unwrap_or_default())),
            both(&|score| plain(&score["egress_bytes"])),
            Cell::new(card["newest_record_at"].as_str().unwrap_or("none in 7 days")),
            Cell::new(budget(&connector["budget"])),
        ]);
    }
    table
}

/// `calls 3 of 10, cpu 0.2 of 60 s`
fn budget(budget: &Value) -> String {
    let part = |name: &str, used: &str, of: &str, unit: &str| {
        let part = &budget[name];
        part.is_object().then(|| format!("{name} {} of {}{unit}", part[used], part[of]))
    };
    let parts = [part("calls", "used", "of", ""), part("cpu", "used_s", "of_s", " s"), part("egress", "used_bytes", "of_bytes", " bytes")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn routes(routes: &[Value]) -> Table {
    let numbers = ["behind", "calls", "failures", "records", "rejected", "dead_letters"];
    let mut table =
        table(["ROUTE", "FROM", "TO", "STATE", "BEHIND", "CALLS", "FAILURES", "RECORDS", "REJECTED", "DEAD LETTERS", "LAST ERROR"]);
    for route in routes {
        let to: Vec<String> = rows(route, "to").iter().map(plain).collect();
        let by = if route["plugin"].is_null() { plain(&route["kind"]) } else { plain(&route["plugin"]) };
        let mut row =
            vec![Cell::new(plain(&route["route"])), Cell::new(plain(&route["from"])), Cell::new(format!("{by} → {}", to.join(", ")))];
        row.push(Cell::new(plain(&route["state"])));
        row.extend(numbers.map(|name| Cell::new(plain(&route[name])).set_alignment(CellAlignment::Right)));
        row.push(Cell::new(plain(&route["last_error"])));
        table.add_row(row);
    }
    table
}

/// `mllp 127.0.0.1:2575, 3 open` where the connector has a port of its own.
fn transport(connector: &Value) -> String {
    let (name, port) = (plain(&connector["transport"]), &connector["port"]);
    if port.is_null() { name } else { format!("{name} {}, {} open", plain(&port["address"]), plain(&port["connections"])) }
}

fn table(header: impl IntoIterator<Item = &'static str>) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    table
}

fn rows<'a>(status: &'a Value, name: &str) -> &'a [Value] {
    status[name].as_array().map_or(&[], Vec::as_slice)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
