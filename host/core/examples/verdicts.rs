//! Bytes to verdict: the tape against `serde_json::Value` with the same validator, on the benchmark's records.
//!
//! `cargo run --release -p lienthong-core --example verdicts [pairs]` prints records a second of one core, A/B pairs
//! after each other, the median of their ratios and the range.

use std::hint::black_box;
use std::time::Instant;

use jsonschema::PatternOptions;
use lienthong_core::decode::{DecodeLimits, Decoder};
use lienthong_core::id::SchemaId;
use lienthong_core::schema::ChannelSchema;
use serde_json::Value;

// Public in the examples' crate, which has too much below it for this program.
#[path = "../../../examples/src/corpus.rs"]
#[allow(unreachable_pub)]
mod corpus;
use corpus::{Corpus, RECORDS, SCHEMA, SEED};

fn rate(records: &[String], mut verdict: impl FnMut(&str) -> bool) -> (f64, usize) {
    let started = Instant::now();
    let valid = records.iter().filter(|line| verdict(black_box(line))).count();
    (records.len() as f64 / started.elapsed().as_secs_f64(), valid)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pairs = std::env::args().nth(1).map_or(Ok(9), |text| text.parse::<usize>())?.max(1);
    let document: Value = serde_json::from_str(SCHEMA)?;
    let plain = jsonschema::options().should_validate_formats(true).with_pattern_options(PatternOptions::regex()).build(&document)?;
    let schema = ChannelSchema::compile(SchemaId::new("bench/readings.v1")?, document, &[])?;
    let mut decoder = Decoder::new(DecodeLimits::default());

    for (mix, corpus) in [("all valid", Corpus::valid(SEED)), ("1 % invalid", Corpus::mixed(SEED)), ("all invalid", Corpus::spoilt(SEED))] {
        let records: Vec<String> = corpus.take(RECORDS).collect();
        let bytes: usize = records.iter().map(String::len).sum();
        println!("{mix}: {} records of {} bytes", records.len(), bytes / records.len());
        let mut ratios = Vec::with_capacity(pairs);
        for _ in 0..pairs {
            let (tape, accepted) = rate(&records, |line| schema.validate(&mut decoder, line.as_bytes()).is_ok());
            let (value, expected) = rate(&records, |line| {
                // The same two steps: a verdict, and a reason where it is a refusal.
                serde_json::from_str::<Value>(line)
                    .is_ok_and(|r| plain.is_valid(&r) || plain.validate(&r).map_err(|e| e.to_string()).is_ok())
            });
            assert_eq!(accepted, expected, "the verdicts differ");
            let (decoded, _) = rate(&records, |line| decoder.decode(line.as_bytes()).is_ok());
            println!("  tape {tape:>9.0}/s  value {value:>9.0}/s  ratio {:.2}   (decoding alone {decoded:.0}/s)", tape / value);
            ratios.push(tape / value);
        }
        ratios.sort_by(f64::total_cmp);
        println!("  median ratio {:.2}, range {:.2} to {:.2}", ratios[ratios.len() / 2], ratios[0], ratios[ratios.len() - 1]);
    }
    Ok(())
}
