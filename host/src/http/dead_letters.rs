//! Dead letters, for operators.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use lienthong_core::id::{ConnectorId, RouteId};
use serde::{Deserialize, Serialize};

use super::permission::Operator;
use super::problem::Problem;
use crate::ops::dead_letters::{self, WantedLetters};
use crate::store::Store;

/// Which of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    route: Option<RouteId>,
    sink: Option<ConnectorId>,
    before: Option<u64>,
    limit: Option<u32>,
}

/// How many will be delivered once more.
#[derive(Serialize, utoipa::ToSchema)]
pub struct RedrivenLetters {
    redriven: u64,
}

/// `GET /v1/dead-letters`
pub async fn list(
    _: Operator,
    (State(store), query): (State<Store>, Result<Query<Page>, QueryRejection>),
) -> Result<impl IntoResponse, Problem> {
    let Query(Page { route, sink, before, limit }) = query.map_err(|error| Problem::bad_request(error.body_text()))?;
    let limit = limit.unwrap_or(50);
    if !(1..=1000).contains(&limit) {
        return Err(Problem::bad_request("`limit` must be 1 to 1000"));
    }
    Ok(Json(dead_letters::list(&store, route, sink, before, limit).await?))
}

/// `POST /v1/dead-letters/redrive`
pub async fn redrive(
    _: Operator,
    (State(store), wanted): (State<Store>, Result<Json<WantedLetters>, JsonRejection>),
) -> Result<impl IntoResponse, Problem> {
    let Json(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    let which = wanted.which().map_err(Problem::bad_request)?;
    Ok(Json(RedrivenLetters { redriven: dead_letters::redrive(&store, which).await? }))
}
