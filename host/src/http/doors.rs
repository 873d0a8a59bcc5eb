//! Every door of the hub, with what the OpenAPI document says of it.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::intake::POST_BYTES;
use super::openapi::{Door, Parameter};
use super::permission::Open;
use super::problem::Problem;

use super::routes::Routes;
use super::state::Api;
use super::{attachments, channels, keys, messages, metrics, operators, records};
use crate::ops::status;
use crate::store::Store;

const JSON: &str = "application/json";
const IDEMPOTENCY_KEY: Parameter = Parameter {
    place: "header",
    name: "Idempotency-Key",
    description: "the same key with the same body gives the same answer for seven days",
};

const FILE_NAME: Parameter = Parameter {
    place: "header",
    name: "Content-Disposition",
    description: "the message's name, `attachment; filename=\"…\"` (RFC 6266), where its plugin reads one, as of station files",
};

const fn get(path: &'static str, summary: &'static str, gives: &'static [(&'static str, Option<&'static str>)]) -> Door {
    Door { method: "get", path, summary, parameters: &[], takes: &[], gives }
}

/// All doors, ready to serve.
pub fn router(api: Api) -> Router {
    let routes = Routes::new()
        .door(get("/healthz", "The hub runs", &[("text/plain", None)]), healthz)
        .door(get("/readyz", "The hub takes data", &[("text/plain", None)]), readyz)
        .door(get("/v1/channels", "Channels that this key may read or write", &[(JSON, Some("ChannelInfo"))]), channels::list)
        .door(get("/v1/channels/{domain}/{name}", "One channel", &[(JSON, Some("ChannelInfo"))]), channels::show)
        .door(
            get(
                "/v1/channels/{domain}/{name}/schema",
                "Its JSON Schema; as a page in English or Vietnamese where Accept asks for one",
                &[("application/schema+json", None), ("text/html", None), ("text/markdown", None)],
            ),
            channels::schema,
        )
        .door(
            Door {
                method: "post",
                path: "/v1/channels/{domain}/{name}/records",
                summary: "Post records; each is validated, then stored or quarantined, before the answer",
                parameters: &[IDEMPOTENCY_KEY],
                takes: &["application/x-ndjson", JSON, "application/cloudevents+json", "application/cloudevents-batch+json"],
                gives: &[(JSON, Some("Posted"))],
            },
            records::post_records,
        )
        .door(
            Door {
                method: "get",
                path: "/v1/channels/{domain}/{name}/records",
                summary: "Read records in order",
                parameters: &[
                    Parameter { place: "query", name: "after", description: "the cursor of the last page (header Lienthong-Cursor)" },
                    Parameter { place: "query", name: "limit", description: "records a page, 1 to 10000; 1000 unless given" },
                    Parameter { place: "query", name: "wait", description: "wait for news at most so long, up to 60s" },
                ],
                takes: &[],
                gives: &[("application/cloudevents-batch+json", None), ("application/x-ndjson", None)],
            },
            records::read_records,
        )
        .door(
            get(
                "/v1/channels/{domain}/{name}/attachments/{sha256}",
                "The file that a record names by its SHA-256",
                &[(attachments::MEDIA_TYPE, None)],
            ),
            attachments::attachment,
        )
        .door(
            Door {
                method: "post",
                path: "/v1/connectors/{domain}/{name}/messages",
                summary: "Send a message in the system's own format to its webhook connector",
                parameters: &[IDEMPOTENCY_KEY, FILE_NAME],
                takes: &["application/octet-stream"],
                gives: &[(JSON, Some("Taken"))],
            },
            messages::post_message,
        )
        .door(get("/v1/status", "The whole hub at one glance", &[(JSON, Some("Status"))]), operators::show_status)
        .door(get("/v1/connectors", "Connectors and how they fare", &[(JSON, Some("Condition"))]), operators::connectors)
        .door(
            Door {
                method: "get",
                path: "/v1/quarantine",
                summary: "Rejections, newest first",
                parameters: &[
                    Parameter { place: "query", name: "channel", description: "of this channel" },
                    Parameter { place: "query", name: "connector", description: "through this connector" },
                    Parameter { place: "query", name: "keyword", description: "for this reason" },
                    Parameter { place: "query", name: "message_name", description: "of the file or message of this name" },
                    Parameter { place: "query", name: "before", description: "older than this id" },
                    Parameter { place: "query", name: "limit", description: "1 to 1000; 50 unless given" },
                ],
                takes: &[],
                gives: &[(JSON, Some("QuarantinePage"))],
            },
            operators::quarantine,
        )
        .door(get("/v1/quarantine/{id}", "One rejection with its bytes", &[(JSON, Some("QuarantineDetail"))]), operators::quarantine_entry)
        .door(get("/v1/keys", "All keys, never their secrets", &[(JSON, Some("KeyInfo"))]), keys::list)
        .door(
            Door {
                method: "post",
                path: "/v1/keys",
                summary: "Make a key",
                parameters: &[],
                takes: &[JSON],
                gives: &[(JSON, Some("MadeKey"))],
            },
            keys::create,
        )
        .door(
            Door { method: "delete", path: "/v1/keys/{id}", summary: "Revoke a key", parameters: &[], takes: &[], gives: &[(JSON, None)] },
            keys::revoke,
        )
        .door(get("/metrics", "Prometheus metrics", &[("application/openmetrics-text", None)]), metrics::metrics);
    // The document tells of itself too; its text is known only when all doors are.
    let document = Arc::new(OnceLock::new());
    let text = document.clone();
    let openapi = move |_: Open, (): ()| {
        let text: String = text.get().cloned().unwrap_or_default();
        async move { ([(CONTENT_TYPE, JSON)], text) }
    };
    let (router, value) = routes.door(get("/openapi.json", "This document", &[(JSON, None)]), openapi).finish();
    let _ = document.set(value.to_string());
    router
        .fallback(|| async { Problem::absent("page") })
        .method_not_allowed_fallback(|| async {
            Problem::new(axum::http::StatusCode::METHOD_NOT_ALLOWED, "this page does not take this method; see /openapi.json")
        })
        .layer(DefaultBodyLimit::max(POST_BYTES))
        .with_state(api)
}

async fn healthz(_: Open, (): ()) -> impl IntoResponse {
    "ok\n"
}

async fn readyz(_: Open, State(store): State<Store>) -> Result<impl IntoResponse, Problem> {
    match status::health(&store) {
        ready if ready == "ready" => Ok("ready\n"),
        why => Err(Problem::unavailable(why)),
    }
}
