//! The words of a schema that mean something, to tell those that are mistyped: JSON Schema itself passes over what it does not know.

use serde_json::Value;

use super::refs::subschemas_deep;
use crate::tape::escape;

/// The keywords of 2020-12 and draft 7, and the annotations that the hub reads.
pub const KEYWORDS: [&str; 65] = [
    // Core
    "$anchor",
    "$comment",
    "$defs",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$ref",
    "$schema",
    "$vocabulary",
    "definitions",
    // Applicators
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "contains",
    "dependencies",
    "dependentSchemas",
    "else",
    "if",
    "items",
    "not",
    "oneOf",
    "patternProperties",
    "prefixItems",
    "properties",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    // Validation
    "const",
    "dependentRequired",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "required",
    "type",
    "uniqueItems",
    // Content
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    // Annotations
    "default",
    "deprecated",
    "description",
    "examples",
    "readOnly",
    "title",
    "writeOnly",
    // The hub's
    "x-description-vi",
    "x-personal",
    "x-source",
    "x-title-vi",
    "x-unit",
];

/// Each word that is none of them, with the JSON pointer to it. Annotations of one's own (`x-…`) are in the list too: who asks knows
/// best which are mistyped.
pub fn unknown(document: &Value) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    for (pointer, node) in subschemas_deep(document) {
        let words = node.as_object().into_iter().flat_map(|node| node.keys()).filter(|word| !KEYWORDS.contains(&word.as_str()));
        found.extend(words.map(|word| (format!("{pointer}/{}", escape(word)), word.as_str())));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_are_looked_for_in_schemas_and_nowhere_else() {
        let document = json!({
            "type": "object",
            "propertys": {},
            "properties": { "maxLenght": { "type": "string", "maxLenght": 5, "default": { "tpye": 1 } }, "a/b": { "x-personnal": true } },
            "$defs": { "d": { "items": [{ "enmu": [] }] } },
            "examples": [{ "anything": 1 }],
        });
        let expected = ["/properties/a~1b/x-personnal", "/properties/maxLenght/maxLenght", "/propertys", "/$defs/d/items/0/enmu"];
        let mut found: Vec<_> = unknown(&document).into_iter().map(|(pointer, _)| pointer).collect();
        found.sort();
        let mut expected = expected.map(str::to_owned);
        expected.sort();
        assert_eq!(found, expected);
    }
}
