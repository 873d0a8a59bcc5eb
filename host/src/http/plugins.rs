//! The versions of plugins, for operators.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::IntoResponse;

use super::permission::Operator;
use super::problem::Problem;
use crate::ops::plugins::{Install, Plugins, Rollback};

/// `GET /v1/plugins`
pub async fn list(_: Operator, State(plugins): State<Plugins>) -> Result<impl IntoResponse, Problem> {
    Ok(Json(plugins.list()?))
}

/// `POST /v1/plugins/install`
pub async fn install(
    operator: Operator,
    (State(plugins), wanted): (State<Plugins>, Result<Json<Install>, JsonRejection>),
) -> Result<impl IntoResponse, Problem> {
    let Json(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    Ok(Json(plugins.install(wanted, operator.who()).await?))
}

/// `POST /v1/plugins/rollback`
pub async fn roll_back(
    operator: Operator,
    (State(plugins), wanted): (State<Plugins>, Result<Json<Rollback>, JsonRejection>),
) -> Result<impl IntoResponse, Problem> {
    let Json(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    Ok(Json(plugins.roll_back(wanted, operator.who()).await?))
}
