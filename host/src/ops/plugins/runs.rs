//! Recorded runs: what there is, one of them once more, and one of them as a fixture for its vendor.

use std::sync::Arc;

use lienthong_core::hash::ContentHash;
use lienthong_core::id::ConnectorId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Plugins, Refused, beside};
use crate::pipeline::call::Connector;
use crate::pipeline::fault::Fault;
use crate::pipeline::recording::{Head, Input, Recording};
use crate::pipeline::replay::compare;
use crate::wasm::{Exchange, Octets, Plugin};

/// Recorded runs of one connector that a new version is tried on.
const TRIED: usize = 50;

/// By which version a run is performed again.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayBy {
    /// SHA-256 of a component in the data folder; the version that ran then unless given.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// A run that was performed again.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Replayed {
    /// Which.
    pub run: Head,
    /// The version that performed it now.
    pub version: String,
    /// Records and rejected items that are the same to the byte; of a run whose output was not kept, those that came now.
    pub same: u64,
    /// What is not the same, in words; empty where nothing differs.
    pub differences: Vec<String>,
}

/// A run as it may leave the hub.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunFixture {
    /// Which.
    pub run: Head,
    /// The message's bytes; null of a poll.
    #[schema(value_type = Option<Value>)]
    pub message: Option<Octets>,
    /// Its file's name.
    pub name: Option<String>,
    /// Its media type.
    pub content_type: Option<String>,
    /// Where a poll resumed.
    #[schema(value_type = Option<Value>)]
    pub cursor: Option<Octets>,
    /// Records that a poll was asked for.
    pub max_records: Option<u32>,
    /// The connector's settings.
    pub settings: Value,
    /// What the network answered.
    #[schema(value_type = Vec<Value>)]
    pub exchanges: Vec<Exchange>,
}

impl Plugins {
    /// Recorded runs, the newest first.
    ///
    /// # Errors
    /// The disk's.
    pub async fn runs(&self, connector: Option<ConnectorId>, limit: usize) -> Result<Vec<Head>, Refused> {
        let recordings = self.parts().recordings.clone();
        beside(move || Ok(recordings.list(connector.as_ref(), limit)?)).await
    }

    async fn recorded(&self, run: &str) -> Result<(Head, Recording, Arc<Connector>), Refused> {
        let (recordings, name) = (self.parts().recordings.clone(), run.to_owned());
        let found = beside(move || Ok(recordings.get(&name)?)).await?;
        let (head, recording) = found.ok_or(Refused::NoRun)?;
        let connector = self.connector(&head.connector)?.clone();
        Ok((head, recording, connector))
    }

    /// Performs a run again. Nothing of it is stored.
    ///
    /// # Errors
    /// There is no such run, or no such version.
    pub async fn replay(&self, run: &str, by: ReplayBy) -> Result<Replayed, Refused> {
        let (head, recording, connector) = self.recorded(run).await?;
        let text = by.sha256.as_ref().unwrap_or(&head.sha256);
        let hash = text.parse().map_err(|_| Refused::Absent(text.clone()))?;
        let plugin = self.version_for_replay(&connector, hash).await?;
        let performed = self.parts().caller.replay(&connector, &plugin, &head, &recording).await.map_err(not_performed)?;
        let then = (recording.emitted.as_deref(), &recording.ending);
        let compared = compare(&connector.config, &self.parts().channels, then, &performed);
        let version = plugin.facts().manifest.plugin.version.clone();
        Ok(Replayed { run: head, version, same: compared.same, differences: compared.differences })
    }

    /// A version that runs, or ran, or was put into the data folder to be tried.
    async fn version_for_replay(&self, connector: &Connector, hash: ContentHash) -> Result<Plugin, Refused> {
        if let Some(ready) = connector.version.ready(&hash) {
            return Ok(ready.plugin);
        }
        let bytes = match self.parts().folder.get(&hash) {
            Some(component) => component.bytes.clone(),
            None => self.candidate(hash).await?.0.bytes.into(),
        };
        Ok(self.engine()?.load(bytes).await?)
    }

    /// Tries a version on recorded runs of connectors, against the one that runs, and tells every difference.
    ///
    /// # Errors
    /// The hub could not run it; there is nothing to try it on.
    pub(super) async fn shadow(&self, connectors: &[ConnectorId], new: &Plugin) -> Result<(Vec<String>, Vec<String>), Refused> {
        let (mut told, mut differences) = (Vec::new(), Vec::new());
        for id in connectors {
            let connector = self.connector(id)?.clone();
            let running = connector.version.running().plugin;
            let heads = self.runs(Some(id.clone()), TRIED).await?;
            let (mut tried, mut equal, mut same) = (0_u64, 0_u64, 0);
            for head in heads {
                let Ok((head, recording, _)) = self.recorded(&head.run).await else { continue };
                let caller = &self.parts().caller;
                let old = caller.replay(&connector, &running, &head, &recording).await.map_err(not_performed)?;
                let now = caller.replay(&connector, new, &head, &recording).await.map_err(not_performed)?;
                let compared = compare(&connector.config, &self.parts().channels, (Some(&old.emitted), &old.ending), &now);
                tried += 1;
                equal += u64::from(compared.differences.is_empty());
                same += compared.same;
                differences.extend(compared.differences.into_iter().map(|difference| format!("{id}, run {}: {difference}", head.run)));
            }
            if tried == 0 {
                differences
                    .push(format!("{id}: nothing is recorded to try it on; `record: all` in the connector's YAML records every run"));
            }
            told.push(format!("{id}: {equal} of {tried} recorded runs come out the same, with {same} records and rejected items"));
        }
        Ok((told, differences))
    }

    /// A run for its vendor, where nothing of it can be personal.
    ///
    /// # Errors
    /// A channel of its connector holds personal data.
    pub async fn fixture(&self, run: &str) -> Result<RunFixture, Refused> {
        let (head, recording, connector) = self.recorded(run).await?;
        let channels = connector.config.emits.values();
        let personal = channels.filter(|id| self.parts().channels.get(id).is_none_or(|channel| channel.schema.is_personal()));
        let personal: Vec<_> = personal.map(ToString::to_string).collect();
        if !personal.is_empty() {
            return Err(Refused::Personal { run: head.run, channels: personal.join(", ") });
        }
        let (message, name, content_type, cursor, max_records) = match recording.input {
            Input::Message { body, name, content_type, .. } => (Some(body), name, content_type, None, None),
            Input::Poll { since, max_records, .. } => (None, None, None, since, Some(max_records)),
        };
        let settings = serde_json::from_str(&recording.settings).unwrap_or(Value::Null);
        Ok(RunFixture { run: head, message, name, content_type, cursor, max_records, settings, exchanges: recording.exchanges })
    }
}

fn not_performed(fault: Fault) -> Refused {
    Refused::NotPerformed(fault.text)
}
