//! The city's channels with their compiled schemas.

use std::collections::BTreeMap;
use std::sync::Arc;

use lienthong_core::city;
use lienthong_core::id::ChannelId;
use lienthong_core::schema::ChannelSchema;

/// One channel, ready to validate.
pub struct Channel {
    /// Its name.
    pub id: ChannelId,
    /// Its configuration.
    pub config: city::Channel,
    /// Its compiled schema.
    pub schema: Arc<ChannelSchema>,
}

/// All channels by name. Cheap to clone.
#[derive(Clone)]
pub struct Channels(Arc<BTreeMap<ChannelId, Arc<Channel>>>);

impl Channels {
    /// Takes the channels of a city.
    pub fn new(channels: impl IntoIterator<Item = Channel>) -> Self {
        Self(Arc::new(channels.into_iter().map(|channel| (channel.id.clone(), Arc::new(channel))).collect()))
    }

    /// One channel.
    pub fn get(&self, id: &ChannelId) -> Option<&Arc<Channel>> {
        self.0.get(id)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Channel>> {
        self.0.values()
    }
}
