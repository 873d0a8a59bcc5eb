//! A connector's settings against the schema in its plugin's manifest.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Broken};
use lienthong_core::id::PluginName;
use lienthong_core::manifest::settings_validator;
use serde_json::Value;

use super::draft::DraftConnector;
use super::findings::Findings;
use super::node::Node;
use super::problem::{Problem, SettingFault};
use super::source::{At, Place};
use super::suggest;

/// Reports every setting that breaks the schema, at the value or key that does.
pub(super) fn check(connector: &DraftConnector, plugin: &At<PluginName>, schema: &Value, findings: &mut Findings) {
    let (settings, place) = (&connector.settings.0, connector.settings.1);
    if !connector.settings_read || settings.as_ref().is_some_and(Node::is_broken) {
        return;
    }
    let validator = match settings_validator(schema) {
        Ok(validator) => validator,
        Err(why) => {
            findings.error(plugin.place, Problem::SettingsSchema { plugin: plugin.value.clone(), why });
            return;
        }
    };
    let value = connector.settings_json();
    for error in validator.iter_errors(&value) {
        report(&error, settings.as_ref(), place, plugin, schema, findings);
    }
}

/// What is wrong with settings that stand in no city's file, each with its place in them.
pub fn wrong_settings(schema: &Value, settings: &Value) -> Vec<String> {
    match settings_validator(schema) {
        Err(why) => vec![format!("the plugin's settings schema cannot be used: {why}")],
        Ok(validator) => validator
            .iter_errors(settings)
            .map(|error| match error.instance_path().as_str() {
                "" => error.to_string(),
                pointer => format!("{pointer}: {error}"),
            })
            .collect(),
    }
}

fn report(
    error: &ValidationError<'_>,
    settings: Option<&Node>,
    place: Place,
    plugin: &At<PluginName>,
    schema: &Value,
    findings: &mut Findings,
) {
    let pointer = error.instance_path().as_str();
    let node = settings.map(|root| root.at(pointer));
    // The whole map is shown by the key before it; its parts by themselves.
    let at = node.filter(|_| !pointer.is_empty()).map_or(place, |node| node.place);
    let mut say = |place: Place, fault: SettingFault, hint| {
        findings.error_with(place, Problem::Setting { plugin: plugin.value.clone(), fault }, hint);
    };
    match error.kind() {
        Broken::AdditionalProperties { unexpected } | Broken::UnevaluatedProperties { unexpected } => {
            for key in unexpected {
                let entry = node.and_then(|node| node.entry(key));
                // The settings' own properties are proposed; what a nested object allows is left to its vendor's words.
                let known = schema.get("properties").and_then(Value::as_object).filter(|_| pointer.is_empty());
                let hint = known.and_then(|known| suggest::hint(key, known.keys().map(String::as_str)));
                say(entry.map_or(at, |entry| entry.key_place), SettingFault::Unknown(key.clone()), hint);
            }
        }
        Broken::Required { property } => say(at, SettingFault::Missing(plain(property)), None),
        Broken::Type { kind } => {
            let wanted = match kind {
                TypeKind::Single(kind) => kind.to_string(),
                TypeKind::Multiple(kinds) => kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(" | "),
            };
            say(at, SettingFault::Type(wanted), None);
        }
        Broken::Enum { options } => {
            let allowed: Vec<String> = options.as_array().map(|options| options.iter().map(plain).collect()).unwrap_or_default();
            let hint = node.map(Node::to_json).and_then(|given| suggest::hint(given.as_str()?, allowed.iter().map(String::as_str)));
            let hint = hint.filter(|hint| matches!(hint, super::findings::Hint::Nearest(_)));
            say(at, SettingFault::NotOneOf(allowed), hint);
        }
        Broken::Constant { expected_value } => say(at, SettingFault::NotOneOf(vec![plain(expected_value)]), None),
        Broken::Pattern { pattern } => say(at, SettingFault::Pattern(pattern.clone()), None),
        Broken::Format { format } => say(at, SettingFault::Format(format.clone()), None),
        Broken::Minimum { limit } | Broken::ExclusiveMinimum { limit } => say(at, SettingFault::TooSmall(limit.to_string()), None),
        Broken::Maximum { limit } | Broken::ExclusiveMaximum { limit } => say(at, SettingFault::TooLarge(limit.to_string()), None),
        Broken::MinLength { limit } | Broken::MinItems { limit } | Broken::MinProperties { limit } => {
            say(at, SettingFault::TooSmall(limit.to_string()), None);
        }
        Broken::MaxLength { limit } | Broken::MaxItems { limit } | Broken::MaxProperties { limit } => {
            say(at, SettingFault::TooLarge(limit.to_string()), None);
        }
        other => say(at, SettingFault::Other(other.keyword().to_owned()), None),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
