//! Every door of the hub, with what the OpenAPI document says of it.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::intake::POST_BYTES;
use super::openapi::{Allowed, Content, Door, Parameter};
use super::permission::Open;
use super::problem::Problem;

use super::routes::Routes;
use super::state::Api;
use super::{attachments, channels, connectors, dead_letters, keys, messages, metrics, operators, plugins, records, runs};
use crate::ops::status::Sources;
use crate::store::Health;

const JSON: &str = "application/json";
const EVENTS: &str = "application/cloudevents-batch+json";
const LINES: &str = "application/x-ndjson";

const fn get(path: &'static str, summary: &'static str, gives: &'static [(&'static str, Content)]) -> Door {
    Door { method: "get", path, summary, parameters: &[], takes: &[], gives, headers: &[], besides: &[] }
}

const fn query(name: &'static str, description: &'static str, value: Allowed) -> Parameter {
    Parameter { place: "query", name, description, value }
}

const fn header(name: &'static str, description: &'static str, value: Allowed) -> Parameter {
    Parameter { place: "header", name, description, value }
}

const IDEMPOTENCY_KEY: Parameter =
    header("Idempotency-Key", "the same key with the same body gives the same answer for seven days", Allowed::Length(1, 255));

const CONTENT_ENCODING: Parameter = header("Content-Encoding", "`gzip`: the body is packed", Allowed::Text);

const POST_RECORDS: Door = Door {
    method: "post",
    parameters: &[
        IDEMPOTENCY_KEY,
        CONTENT_ENCODING,
        header("ce-specversion", "`1.0`: the body is the data of a CloudEvent in binary mode, whose attributes are headers", Allowed::Text),
        header("ce-id", "the event's id", Allowed::Text),
        header("ce-source", "where it is from", Allowed::Text),
        header("ce-type", "what kind it is", Allowed::Text),
        header("ce-subject", "what it is about", Allowed::Text),
        header("ce-time", "when it happened, RFC 3339", Allowed::Text),
    ],
    takes: &[
        (LINES, Content::Text),
        (JSON, Content::ObjectOrObjects),
        ("application/cloudevents+json", Content::Object),
        (EVENTS, Content::Objects),
    ],
    headers: &[("Idempotent-Replayed", "`true` where the key was known: this is its first answer")],
    besides: &[400, 408, 409, 413, 415],
    ..get(
        "/v1/channels/{domain}/{name}/records",
        "Post records; each is validated, then stored or quarantined, before the answer",
        &[(JSON, Content::One("Posted"))],
    )
};

const READ_RECORDS: Door = Door {
    parameters: &[
        query("after", "the cursor of the last page (header Lienthong-Cursor)", Allowed::Text),
        query("limit", "records a page; 1000 unless given", Allowed::Number(1, Some(10_000))),
        query("wait", "wait for news at most so long, up to 60s", Allowed::Text),
    ],
    headers: &[
        ("Lienthong-Cursor", "the position behind this page: the `after` of the next"),
        ("Link", "the next page (RFC 8288, rel=\"next\")"),
    ],
    besides: &[400, 406],
    ..get(
        "/v1/channels/{domain}/{name}/records",
        "Read records in order, as CloudEvents or as they were posted, a record a line",
        &[(EVENTS, Content::List("CloudEvent")), (LINES, Content::Text)],
    )
};

const SCHEMA: Door = Door {
    parameters: &[header("Accept-Language", "the language of a page: `en` or `vi`", Allowed::Text)],
    headers: &[("Vary", "`accept, accept-language`")],
    ..get(
        "/v1/channels/{domain}/{name}/schema",
        "Its JSON Schema; as a page in English or Vietnamese where Accept asks for one",
        &[("application/schema+json", Content::Object), ("text/html", Content::Text), ("text/markdown", Content::Text)],
    )
};

const ATTACHMENT: Door = Door {
    parameters: &[header("If-None-Match", "the ETag of a copy that is known", Allowed::Text)],
    headers: &[("ETag", "the SHA-256"), ("Content-Disposition", "`attachment`"), ("X-Content-Type-Options", "`nosniff`")],
    besides: &[304, 500],
    ..get(
        "/v1/channels/{domain}/{name}/attachments/{sha256}",
        "The file that a record names by its SHA-256",
        &[(attachments::MEDIA_TYPE, Content::Bytes)],
    )
};

const POST_MESSAGE: Door = Door {
    method: "post",
    parameters: &[
        IDEMPOTENCY_KEY,
        CONTENT_ENCODING,
        header(
            "Content-Disposition",
            "`attachment; filename=\"…\"` (RFC 6266): the message's name, where its plugin reads one, as of station files",
            Allowed::Text,
        ),
    ],
    takes: &[("*/*", Content::Bytes)],
    besides: &[400, 408, 409, 413, 415, 422, 500, 502, 504],
    ..get(
        "/v1/connectors/{domain}/{name}/messages",
        "Send a message in the system's own format to its webhook connector; the plugin may answer in that format, too",
        &[(JSON, Content::One("Taken")), ("*/*", Content::Bytes)],
    )
};

const QUARANTINE: Door = Door {
    parameters: &[
        query("channel", "of this channel", Allowed::Text),
        query("connector", "through this connector", Allowed::Text),
        query("keyword", "for this reason", Allowed::Text),
        query("message_name", "of the file or message of this name", Allowed::Text),
        query("before", "older than this id", Allowed::Number(0, None)),
        query("limit", "entries a page; 50 unless given", Allowed::Number(1, Some(1_000))),
    ],
    besides: &[400],
    ..get("/v1/quarantine", "Rejections, newest first", &[(JSON, Content::One("QuarantinePage"))])
};

const DEAD_LETTERS: Door = Door {
    parameters: &[
        query("route", "of this route", Allowed::Text),
        query("sink", "of this connector", Allowed::Text),
        query("before", "older than this id", Allowed::Number(0, None)),
        query("limit", "letters a page; 50 unless given", Allowed::Number(1, Some(1_000))),
    ],
    besides: &[400],
    ..get("/v1/dead-letters", "Deliveries that were given up, newest first", &[(JSON, Content::One("LetterPage"))])
};

const REDRIVE: Door = Door {
    method: "post",
    takes: &[(JSON, Content::One("WantedLetters"))],
    besides: &[400],
    ..get("/v1/dead-letters/redrive", "Deliver dead letters once more", &[(JSON, Content::One("RedrivenLetters"))])
};

const CREATE_KEY: Door = Door {
    method: "post",
    takes: &[(JSON, Content::One("NewKey"))],
    besides: &[400],
    ..get("/v1/keys", "Make a key", &[(JSON, Content::One("MadeKey"))])
};

const INSTALL: Door = Door {
    method: "post",
    takes: &[(JSON, Content::One("Install"))],
    besides: &[400, 409],
    ..get("/v1/plugins/install", "Let connectors run another version of their plugin", &[(JSON, Content::One("Installed"))])
};

const ROLL_BACK: Door = Door {
    method: "post",
    takes: &[(JSON, Content::One("Rollback"))],
    besides: &[400, 409],
    ..get("/v1/plugins/rollback", "Let connectors run again the version before", &[(JSON, Content::List("RolledBack"))])
};

const RUNS: Door = Door {
    parameters: &[
        query("connector", "of this connector", Allowed::Text),
        query("limit", "runs at most; 50 unless given", Allowed::Number(1, Some(1_000))),
    ],
    besides: &[400],
    ..get("/v1/runs", "Recorded runs of connectors, newest first", &[(JSON, Content::List("Head"))])
};

const REPLAY: Door = Door {
    method: "post",
    takes: &[(JSON, Content::One("ReplayBy"))],
    besides: &[400, 409],
    ..get("/v1/runs/{id}/replay", "Perform a recorded run again; nothing of it is stored", &[(JSON, Content::One("Replayed"))])
};

const FIXTURE: Door = Door {
    besides: &[409],
    ..get(
        "/v1/runs/{id}/fixture",
        "A recorded run for its vendor, where nothing of its channels is personal",
        &[(JSON, Content::One("RunFixture"))],
    )
};

const REVOKE_KEY: Door = Door { method: "delete", ..get("/v1/keys/{id}", "Revoke a key", &[(JSON, Content::One("Revoked"))]) };

const PAUSE: Door = Door {
    method: "post",
    takes: &[(JSON, Content::One("NewPause"))],
    besides: &[400],
    ..get("/v1/connectors/{domain}/{name}/pause", "Let a connector rest until it is resumed", &[(JSON, Content::One("ConnectorTold"))])
};

const RESUME: Door = Door {
    method: "post",
    ..get(
        "/v1/connectors/{domain}/{name}/resume",
        "Let a connector go on: end its pause, close its breaker",
        &[(JSON, Content::One("ConnectorTold"))],
    )
};

/// All doors, ready to serve.
pub fn router(api: Api) -> Router {
    let one_channel = get("/v1/channels/{domain}/{name}", "One channel", &[(JSON, Content::One("ChannelInfo"))]);
    let all_channels = get("/v1/channels", "Channels that this key may read or write", &[(JSON, Content::List("ChannelInfo"))]);
    let all_connectors = get("/v1/connectors", "Connectors and how they fare", &[(JSON, Content::List("Condition"))]);
    let versions = get("/v1/plugins", "What each connector runs, and ran before", &[(JSON, Content::List("ConnectorVersions"))]);
    let one_rejection = get("/v1/quarantine/{id}", "One rejection with its bytes", &[(JSON, Content::One("QuarantineDetail"))]);
    let scrape = get("/metrics", "Prometheus metrics", &[("application/openmetrics-text", Content::Text)]);
    let ready = Door { besides: &[503], ..get("/readyz", "The hub takes data", &[("text/plain", Content::Text)]) };
    let routes = Routes::new()
        .door(get("/healthz", "The hub runs", &[("text/plain", Content::Text)]), healthz)
        .door(ready, readyz)
        .door(all_channels, channels::list)
        .door(one_channel, channels::show)
        .door(SCHEMA, channels::schema)
        .door(POST_RECORDS, records::post_records)
        .door(READ_RECORDS, records::read_records)
        .door(ATTACHMENT, attachments::attachment)
        .door(POST_MESSAGE, messages::post_message)
        .door(get("/v1/status", "The whole hub at one glance", &[(JSON, Content::One("Status"))]), operators::show_status)
        .door(all_connectors, connectors::list)
        .door(PAUSE, connectors::pause)
        .door(RESUME, connectors::resume)
        .door(get("/v1/routes", "Routes and how they fare", &[(JSON, Content::List("RouteCondition"))]), operators::routes)
        .door(DEAD_LETTERS, dead_letters::list)
        .door(REDRIVE, dead_letters::redrive)
        .door(QUARANTINE, operators::quarantine)
        .door(one_rejection, operators::quarantine_entry)
        .door(get("/v1/keys", "All keys, never their secrets", &[(JSON, Content::List("KeyInfo"))]), keys::list)
        .door(CREATE_KEY, keys::create)
        .door(REVOKE_KEY, keys::revoke)
        .door(versions, plugins::list)
        .door(INSTALL, plugins::install)
        .door(ROLL_BACK, plugins::roll_back)
        .door(RUNS, runs::list)
        .door(REPLAY, runs::replay)
        .door(FIXTURE, runs::fixture)
        .door(scrape, metrics::metrics);
    // The document tells of itself too; its text is known only when all doors are.
    let document = Arc::new(OnceLock::new());
    let text = document.clone();
    let openapi = move |_: Open, (): ()| {
        let text: String = text.get().cloned().unwrap_or_default();
        async move { ([(CONTENT_TYPE, JSON)], text) }
    };
    let (router, value) = routes.door(get("/openapi.json", "This document", &[(JSON, Content::Object)]), openapi).finish();
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

/// Data is taken as long as the log takes it; a lake that lags is told of, and no reason to send nothing.
async fn readyz(_: Open, State(sources): State<Sources>) -> Result<impl IntoResponse, Problem> {
    match (sources.store.health(), sources.progress.failing()) {
        (Health::Ready, 0) => Ok("ready\n".to_owned()),
        (Health::Ready, failing) => {
            Ok(format!("ready; {failing} of the channels do not land in the lake now, and are kept until they can\n"))
        }
        (why, _) => Err(Problem::unavailable(why.to_string())),
    }
}
