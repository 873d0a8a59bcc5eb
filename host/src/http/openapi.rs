//! The OpenAPI 3.1 document, made from the doors that are really there and the types they really answer with.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::channels::ChannelInfo;
use super::keys::MadeKey;
use super::messages::Taken;
use super::operators::{QuarantineDetail, QuarantineItem, QuarantinePage};
use super::problem::ProblemBody;
use super::records::Posted;
use crate::ops::keys::{KeyInfo, NewKey};
use crate::ops::status::Status;
use crate::pipeline::supervision::Condition;

/// One door, as the document tells it.
pub struct Door {
    /// Lower case.
    pub method: &'static str,
    /// Axum's path, which is OpenAPI's too.
    pub path: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Query and header parameters.
    pub parameters: &'static [Parameter],
    /// Media types it takes.
    pub takes: &'static [&'static str],
    /// Media type and the name of the schema, if it has one.
    pub gives: &'static [(&'static str, Option<&'static str>)],
}

/// One parameter.
pub struct Parameter {
    /// `query` or `header`.
    pub place: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub description: &'static str,
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
            |p| json!({ "name": p.name, "in": p.place, "required": false, "description": p.description, "schema": { "type": "string" } }),
        ));
        let content = |types: &[(&str, Option<&str>)]| -> Map<String, Value> {
            types
                .iter()
                .map(|(media, name)| {
                    let schema = name.map_or_else(|| json!({}), |name| json!({ "$ref": format!("#/components/schemas/{name}") }));
                    ((*media).to_owned(), json!({ "schema": schema }))
                })
                .collect()
        };
        let problem =
            json!({ "description": "a problem (RFC 9457)", "content": content(&[("application/problem+json", Some("ProblemBody"))]) });
        let mut operation = json!({
            "summary": door.summary,
            "operationId": operation_id(door),
            "x-permission": permission,
            "parameters": parameters,
            "responses": { "200": { "description": "done", "content": content(door.gives) }, "default": problem },
            "security": if permission == "open" { json!([]) } else { json!([{ "key": [] }]) },
        });
        if !door.takes.is_empty() {
            let types: Vec<_> = door.takes.iter().map(|media| (*media, None)).collect();
            operation["requestBody"] = json!({ "required": true, "content": content(&types) });
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
        Taken,
        ChannelInfo,
        Status,
        Condition,
        QuarantinePage,
        QuarantineItem,
        QuarantineDetail,
        NewKey,
        KeyInfo,
        MadeKey
    );
    found.into_iter().filter_map(|(name, schema)| Some((name, serde_json::to_value(schema).ok()?))).collect()
}
