//! One plugin, ready to be called, and what came of a call.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, bail};
use lienthong_core::city::{self, Limits};
use lienthong_core::id::{AgencyId, ChannelId, ConnectorId, Port, SchemaId};
use lienthong_core::log::Origin;
use lienthong_core::ports::Emit;
use lienthong_core::schema::ChannelSchema;
use lienthong_core::time::Timestamp;
use serde_json::Value;

use super::fixture::{Fixture, Input};
use super::line;
use crate::config;
use crate::net::Door;
use crate::pipeline::channels::{Channel, Channels};
use crate::pipeline::intake::Intake;
use crate::store::{Options, Store};
use crate::wasm::{Batch, Call, Cause, Engine, EngineOptions, Facts, Message, Outcome, Plugin, Recorder, Replay, Tape, Usage};

/// What a call finds outside of itself.
#[derive(Clone)]
pub enum World {
    /// A recording, and nothing else.
    Recorded(Replay),
    /// The real one, as far as the door lets it; what happens is kept.
    Live(Door, Recorder),
}

/// What came of a call.
pub struct Ran {
    /// Everything, as [`super::line`] writes it.
    pub lines: Vec<Value>,
    /// Records that their schemas accepted.
    pub records: u64,
    /// What it used.
    pub used: Usage,
    /// Why it failed, if it did.
    pub cause: Option<Cause>,
    /// The end of what a failed call said.
    pub said: String,
}

/// One plugin, compiled, with a channel for each of its ports.
pub struct Rehearsal {
    plugin: Plugin,
    channels: Channels,
    emits: BTreeMap<Port, ChannelId>,
    agency: AgencyId,
    limits: Limits,
    store: Store,
    calls: AtomicU64,
    // Dropped last: calls run on its threads, and attachments lie in its folder.
    _engine: Engine,
    _folder: tempfile::TempDir,
}

impl Rehearsal {
    /// Checks and compiles a component. `own` are schemas of its ports that do not come with the hub; machine code is kept in
    /// `machine_code`, for it takes JavaScript and Python a minute.
    pub async fn open(component: Vec<u8>, own: &BTreeMap<SchemaId, Value>, machine_code: &Path) -> anyhow::Result<Self> {
        let engine = Engine::new(EngineOptions { compile_in_parallel: true, ..EngineOptions::new(machine_code) })?;
        let plugin = engine.load(component).await?;
        let manifest = &plugin.facts().manifest;
        let (mut channels, mut emits) = (Vec::new(), BTreeMap::new());
        for (port, spec) in &manifest.ports {
            let id = ChannelId::new(&format!("rehearsal/{port}"))?;
            let schema = Arc::new(schema(&spec.schema, own)?);
            let config = city::Channel { schema: spec.schema.clone(), key: Vec::new(), time: None, retention: None };
            channels.push(Channel { id: id.clone(), config, schema });
            emits.insert(port.clone(), id);
        }
        let folder = tempfile::tempdir().context("no folder for what a call attaches")?;
        let store = Store::open(Options::new(folder.path().join("data"))).await?;
        Ok(Self {
            plugin,
            channels: Channels::new(channels),
            emits,
            agency: AgencyId::new("vendor")?,
            limits: Limits::default(),
            store,
            calls: AtomicU64::new(0),
            _engine: engine,
            _folder: folder,
        })
    }

    /// What is known of the component.
    pub fn facts(&self) -> &Facts {
        self.plugin.facts()
    }

    /// What each call may use: what a connector may that says nothing else.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Makes one call.
    ///
    /// # Errors
    /// Settings that the plugin's manifest does not allow. What becomes of the call itself is in [`Ran`].
    pub async fn run(&self, fixture: &Fixture, world: World) -> anyhow::Result<Ran> {
        let wrong = config::wrong_settings(&self.facts().manifest.settings, &fixture.settings);
        if !wrong.is_empty() {
            bail!("the settings do not fit the `[settings]` of plugin.toml: {}", wrong.join("; "));
        }
        // A name of its own for each call: what one call broke or used up does not slow the next one down.
        let connector = ConnectorId::new(&format!("rehearsal/call-{}", self.calls.fetch_add(1, Ordering::Relaxed)))?;
        let name: Arc<str> = fixture.name.as_str().into();
        let origin = Origin { agency: self.agency.clone(), connector: Some(connector.clone()) };
        let intake = Intake::new(self.store.clone(), &self.channels, &self.emits, origin, fixture.now, Arc::clone(&name)).holding_all();
        let (door, tape) = match world {
            World::Recorded(replay) => (None, Tape::Replaying(replay)),
            World::Live(door, recorder) => (Some(door), Tape::Recording(recorder)),
        };
        let call = Call {
            connector,
            message_name: name,
            settings: fixture.settings.to_string(),
            limits: self.limits,
            emit: Box::new(intake.clone()),
            door,
            tape: Some(tape),
        };
        let ran = self.call(fixture.now, &fixture.input, call, intake.clone()).await;
        intake.abandon().await;
        Ok(ran)
    }

    async fn call(&self, now: Timestamp, input: &Input, call: Call, mut intake: Intake) -> Ran {
        match input {
            Input::Message { body, name, content_type } => {
                let message =
                    Message { body: Arc::new(body.clone()), name: name.clone(), content_type: content_type.clone(), received_at: now };
                let ended = self.plugin.receive(call, message).await;
                ran(ended, &intake, |reply| reply.iter().map(line::of_reply).collect()).await
            }
            Input::Poll { since, max_records } => {
                let ended = self.plugin.poll(call, now, since.clone(), *max_records).await;
                ran(ended, &intake, |progress| vec![line::of_progress(progress)]).await
            }
            Input::Groups(groups) => {
                let ended = self.plugin.apply(call, now, groups.clone()).await;
                if let Ok((folded, _)) = &ended {
                    for output in folded.iter().flat_map(|folded| &folded.outputs) {
                        if let Err(stopped) = intake.emit(&output.port, output.records.clone()).await {
                            return Ran::stopped(stopped.to_string());
                        }
                    }
                }
                ran(ended, &intake, |folded| folded.iter().flat_map(line::of_folded).collect()).await
            }
            Input::Batch { channel, ids, records, key } => {
                let batch = Batch { channel: channel.clone(), ids: ids.clone(), records: records.clone() };
                let ended = self.plugin.deliver(call, batch, key.clone()).await;
                ran(ended, &intake, |all| ids.iter().zip(all).map(|(id, status)| line::of_status(id, status)).collect()).await
            }
        }
    }
}

impl Ran {
    fn stopped(why: String) -> Self {
        let lines = vec![serde_json::json!({ "failed": "stopped", "why": why })];
        Self { lines, records: 0, used: Usage::default(), cause: Some(Cause::Contract(why)), said: String::new() }
    }
}

async fn ran<T>(ended: Outcome<T>, intake: &Intake, answer: impl FnOnce(&T) -> Vec<Value>) -> Ran {
    match ended {
        Ok((answered, used)) => {
            let output = intake.finish().await;
            let mut lines = line::of_output(&output);
            lines.extend(answer(&answered));
            Ran { lines, records: output.accepted, used, cause: None, said: String::new() }
        }
        Err(failed) => {
            let lines = vec![line::of_failure(&failed)];
            Ran { lines, records: 0, used: failed.used, said: failed.stderr.clone(), cause: Some(failed.cause) }
        }
    }
}

/// One that comes with the hub, or one of the plugin's own.
fn schema(id: &SchemaId, own: &BTreeMap<SchemaId, Value>) -> anyhow::Result<ChannelSchema> {
    let built_in = || config::built_in().iter().find(|(name, _)| *name == id.to_string()).map(|(_, text)| serde_json::from_str(text));
    let document = match (own.get(id), built_in()) {
        (Some(document), _) => document.clone(),
        (None, Some(document)) => document?,
        (None, None) => bail!("the schema {id} neither comes with the hub nor lies in `schemas/` beside plugin.toml: put it there"),
    };
    Ok(ChannelSchema::compile(id.clone(), document, &[])?)
}
