//! API keys, for operators.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use serde::Serialize;

use super::permission::Operator;
use super::problem::Problem;
use super::state::Gate;
use crate::clock;
use crate::ops::keys::{self, KeyInfo, NewKey};
use crate::ops::roster::Roster;
use crate::store::Store;

/// A new key: the only time anyone sees it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct MadeKey {
    #[serde(flatten)]
    info: KeyInfo,
    /// The key itself.
    key: String,
    /// What it does not open today.
    warnings: Vec<String>,
}

/// A key that lets nobody in any more.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Revoked {
    /// Its public part.
    revoked: String,
}

/// `POST /v1/keys`
pub async fn create(
    _: Operator,
    (State(store), State(gate), new): (State<Store>, State<Gate>, Result<Json<NewKey>, JsonRejection>),
) -> Result<impl IntoResponse, Problem> {
    let Json(new) = new.map_err(|error| Problem::bad_request(error.body_text()))?;
    let made = keys::create(&store, gate.pepper(), Some(&Roster::of(gate.city())), new, clock::now()).await?;
    Ok(Json(MadeKey { info: made.info, key: made.key, warnings: made.warnings }))
}

/// `GET /v1/keys`
pub async fn list(_: Operator, State(store): State<Store>) -> Result<impl IntoResponse, Problem> {
    Ok(Json(keys::list(&store).await?))
}

/// `DELETE /v1/keys/{id}`
pub async fn revoke(_: Operator, (State(store), Path(id)): (State<Store>, Path<String>)) -> Result<impl IntoResponse, Problem> {
    if keys::revoke(&store, &id, clock::now()).await? { Ok(Json(Revoked { revoked: id })) } else { Err(Problem::absent("key")) }
}
