//! The benchmark of MLLP: one sender on one connection, in windows and one message at a time. Each message goes through a plugin
//! and is answered when it is on the disk.
//!
//! With `health-hl7v2` among the compiled plugins the messages are admissions of a hospital; without it a receiver of the
//! trials' own takes records.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Parser;
use lienthong_tests::city::City;
use lienthong_tests::hub::{Hub, connector_status};
use lienthong_tests::ledger::SCHEMA;
use lienthong_tests::measure::{cpu, fsyncs, quantile};
use lienthong_tests::mllp::{Sender, write_acknowledge};

/// The trials' own.
const OWN: &str = "test-guest";
const HL7: &str = "health-hl7v2";
const CONNECTOR: &str = "health/hospital";

/// Sends messages over MLLP and waits for their acknowledgements.
#[derive(Parser)]
struct Arguments {
    /// Messages of a round in windows
    #[arg(long, default_value_t = 5_000)]
    messages: usize,
    /// Messages of a round one at a time
    #[arg(long, default_value_t = 500)]
    alone: usize,
    /// Messages sent before the first is answered
    #[arg(long, default_value_t = 50)]
    window: usize,
    /// Rounds of each
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The folder of compiled plugins; else the one in LIENTHONG_PLUGINS, else target/plugins
    #[arg(long)]
    plugins: Option<PathBuf>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.messages > 0 && arguments.alone > 0 && arguments.window > 0 && arguments.rounds > 0, "nothing to do");
    let named = arguments.plugins.or_else(|| std::env::var_os("LIENTHONG_PLUGINS").map(PathBuf::from));
    let hl7 = named.unwrap_or_else(|| "target/plugins".into()).join(format!("{HL7}.wasm"));
    let real = hl7.is_file();
    let city = city(real);
    write_acknowledge(&city);
    if real {
        std::fs::copy(&hl7, city.path().join("plugins").join(format!("{HL7}.wasm"))).with_context(|| hl7.display().to_string())?;
    }
    let mut hub = Hub::start(city).await;
    let operator = hub.operator().await;
    let (data, pid) = (hub.city().data(), hub.pid().as_raw_nonzero());
    let address = connector_status(&operator, CONNECTOR).await["port"]["address"].as_str().context("no port")?.parse()?;
    println!("plugin {}, {} bytes a message, one connection", if real { HL7 } else { OWN }, message(real, 0).len());
    println!("round  window  messages/s  messages/CPU s  ack p50 ms  p99 ms  fsync p50 ms  p99 ms");
    let mut sent = 0;
    for round in 1..=arguments.rounds {
        for (window, messages) in [(arguments.window, arguments.messages), (1, arguments.alone)] {
            let mut probes = fsyncs(&data)?;
            let mut sender = Sender::connect(address).await?;
            let before = cpu(pid)?;
            let (rate, waits) = run(&mut sender, real, sent, messages, window).await?;
            let took = cpu(pid)? - before;
            sent += messages;
            probes.extend(fsyncs(&data)?);
            println!(
                "{round:>5}  {window:>6}  {rate:>10.0}  {:>14.0}  {:>10.2}  {:>6.2}  {:>12.2}  {:>6.2}",
                messages as f64 / took,
                quantile(&waits, 0.5) * 1e3,
                quantile(&waits, 0.99) * 1e3,
                quantile(&probes, 0.5) * 1e3,
                quantile(&probes, 0.99) * 1e3
            );
        }
    }
    let status = connector_status(&operator, CONNECTOR).await;
    ensure!(status["calls"] == sent && status["failures"] == 0 && status["rejected"] == 0, "{sent} messages were sent: {status}");
    ensure!(hub.terminate().await.success(), "the hub did not stop well: {}", hub.log());
    Ok(())
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

fn city(real: bool) -> City {
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
    City::new(&[
        ("city.yaml", "title: Bench\nagencies:\n  hospital: { title: Hospital }\nlake: { flush: { every: 1s, bytes: 16MiB } }\n"),
        ("health.yaml", &health),
        ("schemas/tests/things.v1.json", SCHEMA),
    ])
}
