//! What an operator does with a connector: let it rest, and let it go on.

use lienthong_core::id::ConnectorId;
use lienthong_core::time::Timestamp;

use crate::pipeline::gate::Gate;
use crate::store::{Error, Pause, Store};

/// The most of an operator's reason that is kept, bytes.
const NOTE_BYTES: usize = 1_000;

/// Pauses a connector until it is resumed, also over restarts. A call under way ends as it would; files and sources wait, and
/// messages are refused. Without a gate, where no hub runs, it holds from the next start on.
pub async fn pause(store: &Store, gate: Option<&Gate>, connector: &ConnectorId, mut note: String, now: Timestamp) -> Result<(), Error> {
    note.truncate(note.floor_char_boundary(NOTE_BYTES));
    let pause = Pause { at: now, note };
    store.pause(connector, Some(pause.clone())).await?;
    if let Some(gate) = gate {
        gate.pause(pause);
    }
    tracing::info!(%connector, "an operator paused the connector");
    Ok(())
}

/// Lets a connector go on: ends its pause, and closes its breaker.
pub async fn resume(store: &Store, gate: Option<&Gate>, connector: &ConnectorId) -> Result<(), Error> {
    store.pause(connector, None).await?;
    if let Some(gate) = gate {
        gate.resume();
    }
    tracing::info!(%connector, "an operator resumed the connector");
    Ok(())
}
