//! Recorded runs, for operators.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;
use lienthong_core::id::ConnectorId;
use serde::Deserialize;

use super::permission::Operator;
use super::problem::Problem;
use crate::ops::plugins::Plugins;
use crate::ops::plugins::runs::ReplayBy;

/// Which recorded runs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    connector: Option<ConnectorId>,
    limit: Option<usize>,
}

/// `GET /v1/runs`
pub async fn list(
    _: Operator,
    (State(plugins), query): (State<Plugins>, Result<Query<Wanted>, QueryRejection>),
) -> Result<impl IntoResponse, Problem> {
    let Query(Wanted { connector, limit }) = query.map_err(|error| Problem::bad_request(error.body_text()))?;
    let limit = limit.unwrap_or(50);
    if !(1..=1000).contains(&limit) {
        return Err(Problem::bad_request("`limit` must be 1 to 1000"));
    }
    Ok(Json(plugins.runs(connector, limit).await?))
}

/// `POST /v1/runs/{id}/replay`
pub async fn replay(
    operator: Operator,
    (State(plugins), Path(run), by): (State<Plugins>, Path<String>, Result<Json<ReplayBy>, JsonRejection>),
) -> Result<impl IntoResponse, Problem> {
    let Json(by) = by.map_err(|error| Problem::bad_request(error.body_text()))?;
    tracing::info!(by = operator.who(), run, "a recorded run is replayed");
    Ok(Json(plugins.replay(&run, by).await?))
}

/// `GET /v1/runs/{id}/fixture`
pub async fn fixture(
    operator: Operator,
    (State(plugins), Path(run)): (State<Plugins>, Path<String>),
) -> Result<impl IntoResponse, Problem> {
    let fixture = plugins.fixture(&run).await?;
    tracing::warn!(by = operator.who(), run, connector = %fixture.run.connector, "a recorded run leaves the hub");
    Ok(Json(fixture))
}
