//! Who may enter which door. A handler names its permission as the type of its first argument; the router takes no other.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, Path};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use lienthong_core::city::Access;
use lienthong_core::id::{AgencyId, ChannelId, ConnectorId};
use lienthong_core::log::Origin;
use tokio::sync::OwnedSemaphorePermit;

use super::admission::Admission;
use super::problem::Problem;
use super::state::{Api, Gate};
use crate::ops::keys::Principal;
use crate::pipeline::channels::{Channel, Channels};
use crate::pipeline::messages::Messages;
use crate::store::KeyOwner;

/// A permission that a handler can ask for.
pub trait Permission: FromRequestParts<Api, Rejection = Problem> + Send + 'static {
    /// Its name in the OpenAPI document.
    const NAME: &'static str;
}

/// Marks requests that came through the hub's own socket: only its user can open it.
#[derive(Debug, Clone, Copy)]
pub struct LocalOperator;

/// No key is needed.
pub struct Open;

/// Any valid key.
pub struct Caller(pub Principal);

/// An agency's key with the right to read the channel in the path.
pub struct Reader {
    /// Whose key.
    pub principal: Principal,
    /// Which channel.
    pub channel: Arc<Channel>,
}

/// An agency's key with the right to write to the channel in the path.
pub struct Writer {
    /// Who writes.
    pub origin: Origin,
    /// Which channel.
    pub channel: Arc<Channel>,
}

/// A key of the agency whose system the webhook connector in the path is, with the right to write to every channel that the
/// connector emits to.
pub struct Messenger(pub Messages);

/// An operator's key, or the hub's own socket; and an operator's place, held for as long as this is.
pub struct Operator {
    who: String,
    _place: OwnedSemaphorePermit,
}

impl Permission for Open {
    const NAME: &'static str = "open";
}

impl FromRequestParts<Api> for Open {
    type Rejection = Problem;
    async fn from_request_parts(_: &mut Parts, _: &Api) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl Permission for Caller {
    const NAME: &'static str = "key";
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        principal(parts, api).map(Self)
    }
}

impl Permission for Reader {
    const NAME: &'static str = "read";
}

impl FromRequestParts<Api> for Reader {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let (principal, channel) = granted(parts, api, Access { read: true, write: false }).await?;
        Ok(Self { principal, channel })
    }
}

impl Permission for Writer {
    const NAME: &'static str = "write";
}

impl FromRequestParts<Api> for Writer {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let (principal, channel) = granted(parts, api, Access { read: false, write: true }).await?;
        let agency: AgencyId = principal.agency().cloned().ok_or_else(|| Problem::absent("channel"))?;
        Ok(Self { origin: Origin { agency, connector: None }, channel })
    }
}

impl Permission for Messenger {
    const NAME: &'static str = "message";
}

impl FromRequestParts<Api> for Messenger {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let principal = principal(parts, api)?;
        let connectors = <Arc<BTreeMap<ConnectorId, Messages>>>::from_ref(api);
        let found = path(parts, api).await.and_then(|path| ConnectorId::new(&path).ok()).and_then(|id| connectors.get(&id).cloned());
        let (gate, channels) = (Gate::from_ref(api), Channels::from_ref(api));
        let write = Access { read: false, write: true };
        let writes = |id: &ChannelId| channels.get(id).is_some_and(|channel| gate.allows(&principal, channel, write));
        found
            .filter(|messages| principal.agency() == Some(&messages.connector().config.agency))
            .filter(|messages| messages.connector().config.emits.values().all(writes))
            .map(Self)
            .ok_or_else(|| Problem::absent("webhook connector"))
    }
}

impl Operator {
    /// The key that came, for the record; `local` for the hub's own socket.
    pub fn who(&self) -> &str {
        &self.who
    }
}

impl Permission for Operator {
    const NAME: &'static str = "operator";
}

impl FromRequestParts<Api> for Operator {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let principal = principal(parts, api)?;
        match principal.owner {
            KeyOwner::Operator => Ok(Self { who: principal.key_id, _place: Admission::from_ref(api).operator().await? }),
            KeyOwner::Agency(_) => Err(Problem::absent("page")),
        }
    }
}

fn principal(parts: &Parts, api: &Api) -> Result<Principal, Problem> {
    if parts.extensions.get::<LocalOperator>().is_some() {
        return Ok(Principal::local_operator());
    }
    let Some(header) = parts.headers.get(AUTHORIZATION) else {
        return Err(Problem::unauthorized("send your key as `Authorization: Bearer lt_…`"));
    };
    let key = header.to_str().ok().and_then(|text| text.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match key {
        Some((_, key)) => Gate::from_ref(api).principal(key.trim()),
        None => Err(Problem::unauthorized("the Authorization header must be `Bearer lt_…`")),
    }
}

async fn granted(parts: &mut Parts, api: &Api, wanted: Access) -> Result<(Principal, Arc<Channel>), Problem> {
    let principal = principal(parts, api)?;
    let id = path(parts, api).await.and_then(|path| ChannelId::new(&path).ok());
    let channel = id.and_then(|id| Channels::from_ref(api).get(&id).cloned());
    channel
        .filter(|channel| Gate::from_ref(api).allows(&principal, channel, wanted))
        .map(|channel| (principal, channel))
        .ok_or_else(|| Problem::absent("channel"))
}

/// `domain/name` from the path.
async fn path(parts: &mut Parts, api: &Api) -> Option<String> {
    let Path(segments) = Path::<BTreeMap<String, String>>::from_request_parts(parts, api).await.ok()?;
    Some(format!("{}/{}", segments.get("domain")?, segments.get("name")?))
}
