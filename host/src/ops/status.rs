//! The hub at one glance: each channel's sum, each connector's condition and each route's.

use lienthong_core::id::{ChannelId, SchemaId};
use lienthong_core::log::Position;
use lienthong_core::time::Timestamp;
use serde::Serialize;

use crate::pipeline::channels::Channels;
use crate::pipeline::landing::Progress;
use crate::pipeline::routes::{Conditions, RouteCondition};
use crate::pipeline::supervision::{Condition, Supervision};
use crate::store::{self, DiskRoom, Health, Store};

/// What status reads.
#[derive(Clone)]
pub struct Sources {
    /// The city's name.
    pub city: String,
    /// When the hub started.
    pub started_at: Timestamp,
    /// The log's counters.
    pub store: Store,
    /// The city's channels.
    pub channels: Channels,
    /// Where the lake lies.
    pub lake: String,
    /// How far they have landed.
    pub progress: Progress,
    /// How connectors fare.
    pub supervision: Supervision,
    /// How routes fare.
    pub routes: Conditions,
}

/// The whole status.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Status {
    /// The city's name.
    pub city: String,
    /// The hub's version.
    pub version: &'static str,
    /// When it started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// Data is taken.
    pub ready: bool,
    /// `ready`, or why data is refused.
    #[serde(serialize_with = "text")]
    #[schema(value_type = String)]
    pub health: Health,
    /// The disk that holds the data folder.
    pub disk: DiskRoom,
    /// Where the lake's tables lie.
    pub lake: String,
    /// Channels whose records do not land at the moment. They are taken and kept all the same.
    pub lake_failing: u64,
    /// Every channel of the city, and every other one whose data lies here.
    pub channels: Vec<ChannelStatus>,
    /// Every connector of the city.
    pub connectors: Vec<Condition>,
    /// Every part of every route of the city.
    pub routes: Vec<RouteCondition>,
}

/// One channel. At any time accepted = stored + quarantined + discarded, and stored = landed + pending.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ChannelStatus {
    /// Its name.
    #[schema(value_type = String)]
    pub channel: ChannelId,
    /// The schema its records fit; null where no file of the city names the channel (any more).
    #[schema(value_type = Option<String>)]
    pub schema: Option<SchemaId>,
    /// The city's files name it. Nobody can read or fill another, and it does not land; what it has is kept.
    pub listed: bool,
    /// Its current epoch.
    pub epoch: u32,
    /// The next offset of that epoch.
    pub next_offset: u64,
    /// Records and items taken in.
    pub accepted: u64,
    /// Records in the log.
    pub stored: u64,
    /// Items that wait in quarantine.
    pub quarantined: u64,
    /// Items discarded from quarantine.
    pub discarded: u64,
    /// Rows in the lake.
    pub landed: u64,
    /// Records that still have to land.
    pub pending: u64,
    /// Bytes of the stored records.
    pub bytes: u64,
    /// Attachments, which are no part of the sums.
    pub attachments: u64,
    /// Their bytes.
    pub attachment_bytes: u64,
    /// Why it does not land at the moment.
    pub lake_error: Option<String>,
    /// Both sums hold.
    pub sums_hold: bool,
}

/// Reads everything.
pub async fn status(sources: &Sources) -> Result<Status, store::Error> {
    // How far the lake is must be read first: landing goes on meanwhile, and the lake is never ahead of the log.
    let landed = sources.progress.all();
    let sums = sources.store.sums().await?;
    let channels = sums.into_iter().map(|sum| {
        let landed = landed.get(&sum.channel).cloned().unwrap_or_default();
        let channel = sources.channels.get(&sum.channel);
        (channel, landed, sum)
    });
    // A channel that never held anything is forgotten with its last mention.
    let channels = channels.filter(|(channel, _, sum)| channel.is_some() || sum.accepted > 0).map(|(channel, landed, sum)| ChannelStatus {
        channel: sum.channel,
        schema: channel.map(|channel| channel.config.schema.clone()),
        listed: channel.is_some(),
        epoch: sum.next.epoch,
        next_offset: sum.next.offset,
        accepted: sum.accepted,
        stored: sum.stored,
        quarantined: sum.open,
        discarded: sum.discarded,
        landed: landed.rows,
        pending: sum.stored.saturating_sub(landed.rows),
        bytes: sum.bytes,
        attachments: sum.attachments,
        attachment_bytes: sum.attachment_bytes,
        lake_error: landed.last_error,
        sums_hold: sum.accepted == sum.stored + sum.open + sum.discarded && landed.rows <= sum.stored,
    });
    let health = sources.store.health();
    Ok(Status {
        city: sources.city.clone(),
        version: env!("CARGO_PKG_VERSION"),
        started_at: sources.started_at,
        ready: health == Health::Ready,
        health,
        disk: sources.store.room(),
        lake: sources.lake.clone(),
        lake_failing: sources.progress.failing(),
        channels: channels.collect(),
        connectors: sources.supervision.all().await,
        routes: routes(sources).await?,
    })
}

/// Every part of every route, with what waits for it and what it gave up.
pub async fn routes(sources: &Sources) -> Result<Vec<RouteCondition>, store::Error> {
    let letters = sources.store.dead_letter_counts().await?;
    let all = sources.routes.all().into_iter().map(|((route, sink), mut condition)| {
        let end = sources.store.end(&condition.from);
        let at = condition.checkpoint.unwrap_or(Position::START);
        condition.behind = end.map_or(0, |end| if end.epoch == at.epoch { end.offset.saturating_sub(at.offset) } else { end.offset });
        let own = letters.iter().find(|(of, by, _)| *of == route && Some(by) == sink.as_ref());
        condition.dead_letters = own.map_or(0, |(.., count)| *count);
        condition
    });
    Ok(all.collect())
}

fn text<S: serde::Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
