//! Connectors, for operators: how they fare, and letting one rest and go on.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use lienthong_core::id::ConnectorId;
use serde::{Deserialize, Serialize};

use super::permission::Operator;
use super::problem::Problem;
use crate::clock;
use crate::ops::connectors;
use crate::ops::status::Sources;
use crate::pipeline::gate::Gate;

/// Why a connector is to rest.
#[derive(Debug, Default, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPause {
    /// For whoever looks at the status; at most 1,000 bytes are kept.
    #[serde(default)]
    note: String,
}

/// Which connector was told what.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ConnectorTold {
    /// The connector.
    connector: String,
    /// What it is wanted to do from now on: `running` or `paused`.
    desired: &'static str,
}

/// `{domain}` and `{name}` of the path.
type Place = Path<(String, String)>;

/// `GET /v1/connectors`
pub async fn list(_: Operator, State(sources): State<Sources>) -> impl IntoResponse {
    Json(sources.supervision.all().await)
}

/// `POST /v1/connectors/{domain}/{name}/pause`
pub async fn pause(
    _: Operator,
    (Path(path), State(sources), new): (Place, State<Sources>, Result<Json<NewPause>, JsonRejection>),
) -> Result<impl IntoResponse, Problem> {
    let (id, gate) = find(&sources, &path)?;
    let Json(NewPause { note }) = new.map_err(|error| Problem::bad_request(error.body_text()))?;
    connectors::pause(&sources.store, Some(&gate), &id, note, clock::now()).await?;
    Ok(Json(ConnectorTold { connector: id.to_string(), desired: "paused" }))
}

/// `POST /v1/connectors/{domain}/{name}/resume`
pub async fn resume(_: Operator, (Path(path), State(sources)): (Place, State<Sources>)) -> Result<impl IntoResponse, Problem> {
    let (id, gate) = find(&sources, &path)?;
    connectors::resume(&sources.store, Some(&gate), &id).await?;
    Ok(Json(ConnectorTold { connector: id.to_string(), desired: "running" }))
}

fn find(sources: &Sources, (domain, name): &(String, String)) -> Result<(ConnectorId, Gate), Problem> {
    let id = ConnectorId::new(&format!("{domain}/{name}")).map_err(|_| Problem::absent("connector"))?;
    let gate = sources.supervision.gate(&id).ok_or_else(|| Problem::absent("connector"))?;
    Ok((id, gate))
}
