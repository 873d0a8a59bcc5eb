//! M4: bytes to verdict, on one core: the tape and its validator, `serde_json::Value` with the same validator, ajv.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use jsonschema::{PatternOptions, Validator};
use lienthong_core::decode::{DecodeLimits, Decoder};
use lienthong_core::id::SchemaId;
use lienthong_core::schema::ChannelSchema;
use lienthong_examples::corpus::SCHEMA;
use lienthong_tests::measure::own_cpu;
use serde_json::Value;

use crate::Bench;
use crate::lineup::{About, Contender, Figures, Lineup, Run};
use crate::load::{Posts, SCHEMA_ID};
use crate::peers::AJV;
use crate::report::Measure;
use crate::row::{Better, Row};
use crate::worker::{Worker, rates};

const M: &str = "M4";

/// Ours against `serde_json` with jsonschema, and against ajv.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Measure> {
    let posts = Posts::new(bench.records, 1, bench.mixed);
    let (corpus, schema) = posts.write(bench.scratch())?;
    let ajv = AJV.installed(bench.cache()).map(|_| Ajv {
        cache: bench.cache().to_owned(),
        script: bench.script("verdicts.js"),
        log: bench.scratch().join("ajv.log"),
        posts: posts.clone(),
        corpus,
        schema,
        worker: None,
    });
    let lineup = Lineup::new(M, Tape::new(posts.clone())?).against(TREE, Tree::new(posts)).against("JSON.parse + ajv", ajv);
    let measured = lineup.run(bench.pairs).await?;
    let [ours, tree, ajv] = &measured.series[..] else { bail!("a contender is gone") };
    let figure = ("records/CPU-s", "records/s/core");
    let rows = vec![Row::new(M, "bytes to verdict", figure, Better::More, ours).against(figure.0, tree, Some(2.0)).against(
        figure.0,
        ajv,
        Some(3.0),
    )];
    Ok(Measure::new(M, "each record decoded and validated, in one thread", rows, [measured]))
}

const TREE: &str = "serde_json + jsonschema";

/// Judges all records in this thread.
fn judge(posts: &Posts, mut fits: impl FnMut(&[u8]) -> bool) -> anyhow::Result<Figures> {
    let (before, started) = (own_cpu(), Instant::now());
    let accepted = posts.bodies.iter().filter(|record| fits(black_box(record))).count() as u64;
    let (wall, cpu) = (started.elapsed().as_secs_f64(), own_cpu() - before);
    ensure!(accepted == posts.good, "{} of {} records are valid, it accepted {accepted}", posts.good, posts.records);
    Ok(Figures::from([("records/s", posts.records as f64 / wall), ("records/CPU-s", posts.records as f64 / cpu)]))
}

struct Tape {
    schema: Arc<ChannelSchema>,
    decoder: Decoder,
    posts: Posts,
}

impl Tape {
    fn new(posts: Posts) -> anyhow::Result<Self> {
        let schema = ChannelSchema::compile(SchemaId::new(SCHEMA_ID)?, serde_json::from_str(SCHEMA)?, &[])?;
        Ok(Self { schema: Arc::new(schema), decoder: Decoder::new(DecodeLimits::default()), posts })
    }
}

impl Contender for Tape {
    fn about(&self) -> About {
        About { name: "lienthong".into(), version: format!("{}: a tape, jsonschema on it", crate::hub_version()), durability: "none asked" }
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async { judge(&self.posts, |record| self.schema.validate(&mut self.decoder, record).is_ok()) })
    }
}

struct Tree {
    validator: Validator,
    posts: Posts,
}

impl Tree {
    fn new(posts: Posts) -> anyhow::Result<Self> {
        let document: Value = serde_json::from_str(SCHEMA)?;
        let options = jsonschema::options().should_validate_formats(true).with_pattern_options(PatternOptions::regex());
        Ok(Self { validator: options.build(&document).map_err(|error| anyhow::anyhow!("{error}"))?, posts })
    }
}

impl Contender for Tree {
    fn about(&self) -> About {
        About { name: TREE.into(), version: "the same release of jsonschema, on serde_json::Value".into(), durability: "none asked" }
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            // The same two steps as ours: a verdict, and a reason where it is a refusal.
            let fits =
                |record: &Value| self.validator.is_valid(record) || self.validator.validate(record).map_err(|e| e.to_string()).is_ok();
            judge(&self.posts, |record| serde_json::from_slice(record).is_ok_and(|record| fits(&record)))
        })
    }
}

struct Ajv {
    cache: PathBuf,
    script: PathBuf,
    log: PathBuf,
    posts: Posts,
    corpus: PathBuf,
    schema: PathBuf,
    worker: Option<Worker>,
}

impl Contender for Ajv {
    fn about(&self) -> About {
        About { name: "JSON.parse + ajv".into(), version: AJV.version(), durability: "none asked" }
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            if self.worker.is_none() {
                let mut node = AJV.node(&self.cache)?;
                node.arg(&self.script).arg(&self.corpus).arg(&self.schema);
                self.worker = Some(Worker::start(node, &self.log).await?);
            }
            let worker = self.worker.as_mut().context("no worker")?;
            rates(&worker.work("go").await?, self.posts.records, self.posts.good)
        })
    }
}
