//! HL7's way in: one sender on one MLLP connection, in windows and one message at a time. Each message goes through a plugin and
//! is answered when it is on the disk. No peer takes HL7 and keeps it.
//!
//! With `health-hl7v2` among the compiled plugins the messages are admissions of a hospital; without it a receiver of the
//! trials' own takes records.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, ensure};
use lienthong_tests::city::City;
use lienthong_tests::client::Client;
use lienthong_tests::hub::{Hub, connector_status};
use lienthong_tests::ledger::SCHEMA;
use lienthong_tests::measure::{cpu, quantile};
use lienthong_tests::mllp::{Sender, write_acknowledge};

use crate::Bench;
use crate::lineup::{About, Contender, Figures, Lineup, Run};
use crate::report::Measure;
use crate::row::{Better, Row};

/// The trials' own.
const OWN: &str = "test-guest";
const HL7: &str = "health-hl7v2";
const CONNECTOR: &str = "health/hospital";
/// Messages sent before the first is answered.
const WINDOW: usize = 50;

/// Ours alone.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Measure> {
    let messages = if bench.quick { 1_000 } else { 5_000 };
    let lineup = Lineup::new("mllp", Hospital::start(bench, messages).await?).with_fsyncs(bench.scratch().to_owned());
    let measured = lineup.run(bench.pairs).await?;
    let ours = &measured.series[0];
    let row = |what, figure, unit, better| Row::new("mllp", what, (figure, unit), better, ours);
    let rows = vec![
        row("acknowledged, 50 under way", "messages/s in windows", "messages/s", Better::More),
        row("acknowledged, 50 under way", "messages/CPU-s in windows", "messages/s/core", Better::More),
        row("acknowledged, one at a time", "messages/s alone", "messages/s", Better::More),
    ];
    Ok(Measure::new("mllp", "messages by one sender on one connection, each durable before its acknowledgement", rows, [measured]))
}

/// A hub with a connector for a hospital, for all rounds.
struct Hospital {
    hub: Hub,
    operator: Client,
    address: std::net::SocketAddr,
    real: bool,
    messages: usize,
    sent: usize,
}

impl Hospital {
    async fn start(bench: &Bench, messages: usize) -> anyhow::Result<Self> {
        let named = std::env::var_os("LIENTHONG_PLUGINS").map(PathBuf::from);
        let hl7 = named.unwrap_or_else(|| "target/plugins".into()).join(format!("{HL7}.wasm"));
        let real = hl7.is_file();
        let city = city(bench, real);
        write_acknowledge(&city);
        if real {
            std::fs::copy(&hl7, city.path().join("plugins").join(format!("{HL7}.wasm"))).with_context(|| hl7.display().to_string())?;
        }
        let hub = Hub::start(city).await;
        let operator = hub.operator().await;
        let address = connector_status(&operator, CONNECTOR).await["port"]["address"].as_str().context("no port")?.parse()?;
        Ok(Self { hub, operator, address, real, messages, sent: 0 })
    }
}

impl Contender for Hospital {
    fn about(&self) -> About {
        let name = if self.real { "lienthong, health-hl7v2" } else { "lienthong, a receiver of the trials" };
        About { name: name.into(), version: crate::hub_version(), durability: "fsync before each acknowledgement" }
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            let pid = self.hub.pid().as_raw_nonzero();
            let mut figures = Figures::new();
            let windows = [(WINDOW, self.messages, ["messages/s in windows", "messages/CPU-s in windows", "ms p99 in windows"])];
            let alone = [(1, self.messages / 10, ["messages/s alone", "messages/CPU-s alone", "ms p99 alone"])];
            for (window, messages, [rate, core, p99]) in windows.into_iter().chain(alone) {
                let mut sender = Sender::connect(self.address).await?;
                let before = cpu(pid)?;
                let (per_second, waits) = run(&mut sender, self.real, self.sent, messages, window).await?;
                figures.extend([(rate, per_second), (core, messages as f64 / (cpu(pid)? - before)), (p99, quantile(&waits, 0.99) * 1e3)]);
                self.sent += messages;
            }
            let status = connector_status(&self.operator, CONNECTOR).await;
            let well = status["calls"] == self.sent && status["failures"] == 0 && status["rejected"] == 0;
            ensure!(well, "{} messages were sent: {status}", self.sent);
            Ok(figures)
        })
    }
}

/// Messages a second, and how long each acknowledgement took, seconds.
async fn run(sender: &mut Sender, real: bool, first: usize, messages: usize, window: usize) -> anyhow::Result<(f64, Vec<f64>)> {
    let bodies: Vec<_> = (first..first + messages).map(|number| message(real, number)).collect();
    let (mut sent, mut waits) = (Vec::with_capacity(messages), Vec::with_capacity(messages));
    let started = Instant::now();
    while waits.len() < messages {
        while sent.len() < messages && sent.len() < waits.len() + window {
            sent.push(Instant::now());
            sender.out.send(&bodies[sent.len() - 1]).await?;
        }
        let reply = sender.replies.next().await?.context("the hub hung up")?;
        let number = first + waits.len();
        ensure!(acknowledges(real, &reply, number, &bodies[waits.len()]), "{number}: {}", String::from_utf8_lossy(&reply));
        waits.push(sent[waits.len()].elapsed().as_secs_f64());
    }
    Ok((messages as f64 / started.elapsed().as_secs_f64(), waits))
}

fn acknowledges(real: bool, reply: &[u8], number: usize, message: &[u8]) -> bool {
    if !real {
        return reply.ends_with(message);
    }
    String::from_utf8_lossy(reply).split('\r').any(|segment| segment.starts_with(&format!("MSA|AA|M{number}")))
}

/// An admission of an invented patient, or a record of the trials.
fn message(real: bool, number: usize) -> Vec<u8> {
    if !real {
        let note = "phiếu nhập viện ".repeat(12);
        return format!(r#"{{"id":"c0-0-{number}","n":{number},"value":1,"note":"{note}"}}"#).into_bytes();
    }
    let (patient, minute) = (number % 9_000, number / 60 % 60);
    let segments = [
        format!(
            "MSH|^~\\&|HIS|BENHVIEN|LIENTHONG|SOYTE|20261124{:02}{minute:02}{:02}||ADT^A01^ADT_A01|M{number}|T|2.5||||||UNICODE UTF-8",
            number / 3_600 % 24,
            number % 60
        ),
        format!("EVN|A01|2026112408{minute:02}00"),
        format!("PID|1||{patient:06}^^^BENHVIEN^MR||THỬ^NGHIỆM {patient}||19900101|F|||1 Đường Thử^^Bảo Lộc^Lâm Đồng^^VNM"),
        format!(
            "PV1|1|I|KHOA1^P{}^G1||||BS01^THỬ^BÁC SĨ|||||||||||V{number}|||||||||||||||||||||||||2026112408{minute:02}00",
            patient % 40
        ),
    ];
    (segments.join("\r") + "\r").into_bytes()
}

fn city(bench: &Bench, real: bool) -> City {
    // A port, and the channel and schema of its name.
    let ports: &[(&str, &str, &str)] = if real {
        &[
            ("patients", "patients", "health/patients.v1"),
            ("encounters", "encounters", "health/encounters.v1"),
            ("observations", "observations", "health/observations.v1"),
            ("appointments", "appointments", "health/appointments.v1"),
            ("immunizations", "immunizations", "health/immunizations.v1"),
        ]
    } else {
        &[("out", "posts", "tests/things.v1")]
    };
    let plugin = if real { HL7 } else { OWN };
    let emits = ports.iter().map(|(port, channel, _)| format!("{port}: health/{channel}")).collect::<Vec<_>>().join(", ");
    let channels: String = ports.iter().map(|(_, channel, schema)| format!("  health/{channel}: {{ schema: {schema} }}\n")).collect();
    let grant = |channel| format!("  - {{ agency: hospital, channel: health/{channel}, access: [write], purpose: bench }}\n");
    let grants: String = ports.iter().map(|(_, channel, _)| grant(*channel)).collect();
    let health = format!(
        "connectors:\n  {CONNECTOR}:\n    plugin: {plugin}\n    agency: hospital\n    mllp: {{ listen: 127.0.0.1:0 }}\n    \
         emits: {{ {emits} }}\nchannels:\n{channels}grants:\n{grants}"
    );
    let files = [
        ("city.yaml", "title: Bench\nagencies:\n  hospital: { title: Hospital }\nlake: { flush: { every: 1s, bytes: 16MiB } }\n"),
        ("health.yaml", health.as_str()),
        ("schemas/tests/things.v1.json", SCHEMA),
    ];
    City::within(bench.scratch(), &files)
}
