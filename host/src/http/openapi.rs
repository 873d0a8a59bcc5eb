//! The OpenAPI 3.1 document, made from the doors that are really there and the types they really answer with.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::channels::ChannelInfo;
use super::cloud_events::CloudEvent;
use super::connectors::{ConnectorTold, NewPause};
use super::dead_letters::RedrivenLetters;
use super::keys::{MadeKey, Revoked};
use super::messages::{RefusedItem, Taken};
use super::operators::{QuarantineDetail, QuarantineItem, QuarantinePage};
use super::problem::ProblemBody;
use super::records::{Posted, RefusedRecord};
use crate::ops::dead_letters::{LetterPage, WantedLetters};
use crate::ops::keys::{KeyInfo, NewKey};
use crate::ops::plugins::runs::{ReplayBy, Replayed, RunFixture};
use crate::ops::plugins::versions::Choice;
use crate::ops::plugins::{ConnectorVersions, Install, Installed, Rollback, RolledBack};
use crate::ops::status::Status;
use crate::pipeline::recording::Head;
use crate::pipeline::routes::RouteCondition;
use crate::pipeline::supervision::Condition;

/// One door, as the document tells it.
#[derive(Clone, Copy)]
pub struct Door {
    /// Lower case.
    pub method: &'static str,
    /// Axum's path, which is OpenAPI's too.
    pub path: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Query and header parameters.
    pub parameters: &'static [Parameter],
    /// Media types that it takes, and what stands in them.
    pub takes: &'static [(&'static str, Content)],
    /// Media types that it gives, and what stands in them.
    pub gives: &'static [(&'static str, Content)],
    /// Headers of what it gives.
    pub headers: &'static [(&'static str, &'static str)],
    /// What else it answers than 200; the refusals of its permission come by themselves.
    pub besides: &'static [u16],
}

/// What a body is.
#[derive(Clone, Copy)]
pub enum Content {
    /// Bytes or text that JSON Schema says nothing of.
    Bytes,
    /// Text: lines, a page, metrics.
    Text,
    /// One JSON object of any kind.
    Object,
    /// A list of them.
    Objects,
    /// One object, or a list of them.
    ObjectOrObjects,
    /// One component, by its name.
    One(&'static str),
    /// A list of one component.
    List(&'static str),
}

/// One parameter.
pub struct Parameter {
    /// `query` or `header`.
    pub place: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub description: &'static str,
    /// What it may be.
    pub value: Allowed,
}

/// What a parameter may be.
pub enum Allowed {
    /// Any text.
    Text,
    /// A text of so many characters.
    Length(u32, u32),
    /// A whole number within this range.
    Number(u64, Option<u64>),
}

/// The document under construction.
pub struct Document {
    paths: Map<String, Value>,
}

impl Document {
    /// Without doors.
    pub fn new() -> Self {
        Self { paths: Map::new() }
    }

    /// Adds a door with its permission.
    pub fn add(&mut self, door: &Door, permission: &str) {
        let mut parameters: Vec<Value> = door
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .collect();
        parameters.extend(door.parameters.iter().map(
            |p| json!({ "name": p.name, "in": p.place, "required": false, "description": p.description, "schema": p.value.schema() }),
        ));
        let mut responses = Map::new();
        let mut done = json!({ "description": "done", "content": content(door.gives) });
        if !door.headers.is_empty() {
            done["headers"] = headers(door.headers);
        }
        responses.insert("200".to_owned(), done);
        let by_permission: &[u16] = match permission {
            "open" => &[429],
            "key" => &[401, 429, 503],
            _ => &[401, 404, 429, 503],
        };
        for status in by_permission.iter().chain(door.besides) {
            responses.insert(status.to_string(), refusal(*status));
        }
        let mut operation = json!({
            "summary": door.summary,
            "operationId": operation_id(door),
            "x-permission": permission,
            "parameters": parameters,
            "responses": responses,
            "security": if permission == "open" { json!([]) } else { json!([{ "key": [] }]) },
        });
        if !door.takes.is_empty() {
            operation["requestBody"] = json!({ "required": true, "content": content(door.takes) });
        }
        let path = self.paths.entry(door.path).or_insert_with(|| json!({}));
        path[door.method] = operation;
    }

    /// The whole document.
    pub fn finish(self) -> Value {
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Lienthong",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "The integration hub of a city: post records to channels, read what you were granted, see what is wrong.",
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "paths": self.paths,
            "components": {
                "schemas": schemas(),
                "securitySchemes": { "key": { "type": "http", "scheme": "bearer", "description": "an API key, `lt_…`" } },
            },
        })
    }
}

fn content(types: &[(&str, Content)]) -> Map<String, Value> {
    types.iter().map(|(media, content)| ((*media).to_owned(), json!({ "schema": content.schema() }))).collect()
}

fn headers(headers: &[(&str, &str)]) -> Value {
    let header =
        |(name, description): &(&str, &str)| ((*name).to_owned(), json!({ "description": description, "schema": { "type": "string" } }));
    headers.iter().map(header).collect::<Map<_, _>>().into()
}

/// What is not 200: a problem, with the headers that [`Problem`](super::problem::Problem) gives one of this status.
fn refusal(status: u16) -> Value {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("refused");
    let mut response = json!({
        "description": format!("{reason}: a problem (RFC 9457)"),
        "content": content(&[("application/problem+json", Content::One("ProblemBody"))]),
    });
    match status {
        304 => response = json!({ "description": "what the sender knows has not changed", "headers": headers(&[("ETag", "the SHA-256")]) }),
        401 => response["headers"] = headers(&[("WWW-Authenticate", "`Bearer`")]),
        415 => response["headers"] = headers(&[("Accept-Encoding", "`gzip`: how bodies may be packed")]),
        429 | 503 => response["headers"] = headers(&[("Retry-After", "come back after so many seconds")]),
        _ => {}
    }
    response
}

impl Content {
    fn schema(self) -> Value {
        let component = |name| json!({ "$ref": format!("#/components/schemas/{name}") });
        match self {
            Self::Bytes => json!({}),
            Self::Text => json!({ "type": "string" }),
            Self::Object => json!({ "type": "object" }),
            Self::Objects => json!({ "type": "array", "items": { "type": "object" } }),
            Self::ObjectOrObjects => json!({ "oneOf": [Self::Object.schema(), Self::Objects.schema()] }),
            Self::One(name) => component(name),
            Self::List(name) => json!({ "type": "array", "items": component(name) }),
        }
    }
}

impl Allowed {
    fn schema(&self) -> Value {
        match self {
            Self::Text => json!({ "type": "string" }),
            Self::Length(least, most) => json!({ "type": "string", "minLength": least, "maxLength": most }),
            Self::Number(least, Some(most)) => json!({ "type": "integer", "minimum": least, "maximum": most }),
            Self::Number(least, None) => json!({ "type": "integer", "minimum": least }),
        }
    }
}

fn operation_id(door: &Door) -> String {
    let words = door.path.trim_start_matches("/v1").split(['/', '.', '{', '}']).filter(|word| !word.is_empty());
    std::iter::once(door.method).chain(words).collect::<Vec<_>>().join("-")
}

fn schemas() -> Map<String, Value> {
    let mut found: Vec<(String, RefOr<Schema>)> = Vec::new();
    macro_rules! with {
        ($($type:ty),*) => { $( found.push((<$type>::name().into_owned(), <$type as utoipa::PartialSchema>::schema())); <$type>::schemas(&mut found); )* };
    }
    with!(
        ProblemBody,
        Posted,
        RefusedRecord,
        Taken,
        RefusedItem,
        CloudEvent,
        ChannelInfo,
        Status,
        Condition,
        RouteCondition,
        LetterPage,
        WantedLetters,
        RedrivenLetters,
        QuarantinePage,
        QuarantineItem,
        QuarantineDetail,
        NewKey,
        KeyInfo,
        MadeKey,
        Revoked,
        ConnectorVersions,
        Choice,
        Install,
        Installed,
        Rollback,
        RolledBack,
        Head,
        ReplayBy,
        Replayed,
        RunFixture,
        NewPause,
        ConnectorTold
    );
    found.into_iter().filter_map(|(name, schema)| Some((name, serde_json::to_value(schema).ok()?))).collect()
}
