//! A validation error in the words of a violation. Values never appear: what was expected does.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use super::refs::{Documents, below, in_place};
use crate::record::Violation;

/// Characters of a message that come from the schema (a pattern, a list of values) at most.
const QUOTED: usize = 200;

/// For a record whose schema recurses so often that explaining would take too long, or gives no reason.
pub(super) fn unexplained() -> Violation {
    let message = "the record does not fit its schema, which nests too deep to say where".into();
    Violation { pointer: String::new(), keyword: "schema".into(), message }
}

/// The violation for an error.
pub(super) fn of_error(error: &ValidationError<'_>, documents: &Documents<'_>) -> Violation {
    let full = error.instance_path().to_string();
    let pointer = public_part(&full, documents);
    let names = pointer.len() == full.len() && !is_personal(documents, &full);
    let keyword = keyword(error).to_owned();
    let message = match keyword.as_str() {
        "additionalProperties" | "unevaluatedProperties" if matches!(error.kind(), Kind::FalseSchema) => {
            "the schema does not know this property".into()
        }
        _ => message(error.kind(), names),
    };
    Violation { pointer, keyword, message }
}

/// The keyword at fault; for a `false` schema the one that it stands under, which is what people look for.
fn keyword<'e>(error: &'e ValidationError<'_>) -> &'e str {
    match error.kind() {
        Kind::FalseSchema => {
            let above = error.schema_path().as_str().rsplit('/').find(|part| !part.bytes().all(|b| b.is_ascii_digit()));
            above.filter(|part| REFUSING.contains(part)).unwrap_or("false")
        }
        other => other.keyword(),
    }
}

/// Keywords that are often `false`.
const REFUSING: [&str; 5] = ["additionalProperties", "unevaluatedProperties", "additionalItems", "unevaluatedItems", "items"];

/// The pointer down to the first property tagged `x-personal`: keys below it may be personal data themselves.
fn public_part(pointer: &str, documents: &Documents<'_>) -> String {
    let mut places = vec![documents.root()];
    let mut kept = 0;
    for token in pointer.split('/').skip(1) {
        places = below(documents, &places, token);
        kept += 1 + token.len();
        if tagged(documents, &places) {
            break;
        }
    }
    pointer[..kept].to_owned()
}

fn is_personal(documents: &Documents<'_>, pointer: &str) -> bool {
    let places = pointer.split('/').skip(1).fold(vec![documents.root()], |places, token| below(documents, &places, token));
    tagged(documents, &places)
}

fn tagged(documents: &Documents<'_>, places: &[super::refs::Place<'_>]) -> bool {
    in_place(documents, places).iter().any(|place| place.node.get("x-personal") == Some(&Value::Bool(true)))
}

fn message(kind: &Kind, names: bool) -> String {
    match kind {
        Kind::Required { property } => format!("the property {property} is missing"),
        Kind::Type { kind: TypeKind::Single(one) } => format!("expected {one}"),
        Kind::Type { kind: TypeKind::Multiple(several) } => {
            format!("expected one of {}", several.iter().map(|one| one.to_string()).collect::<Vec<_>>().join(", "))
        }
        Kind::Enum { options } => match options.as_array() {
            Some(list) => format!("expected one of {}", shortened(&list.iter().map(Value::to_string).collect::<Vec<_>>().join(", "))),
            None => "expected one of the listed values".into(),
        },
        Kind::Constant { expected_value } => format!("expected {}", shortened(&expected_value.to_string())),
        Kind::Pattern { pattern } => format!("expected text of the pattern {}", shortened(pattern)),
        Kind::Format { format } => format!("expected text of the format {format}"),
        Kind::Minimum { limit } => format!("expected {limit} or more"),
        Kind::Maximum { limit } => format!("expected {limit} or less"),
        Kind::ExclusiveMinimum { limit } => format!("expected more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("expected less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("expected a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("expected {limit} characters or more"),
        Kind::MaxLength { limit } => format!("expected {limit} characters or fewer"),
        Kind::MinItems { limit } => format!("expected {limit} elements or more"),
        Kind::MaxItems { limit } => format!("expected {limit} elements or fewer"),
        Kind::AdditionalItems { limit } => format!("expected {limit} elements or fewer"),
        Kind::MinProperties { limit } => format!("expected {limit} properties or more"),
        Kind::MaxProperties { limit } => format!("expected {limit} properties or fewer"),
        Kind::UniqueItems => "expected elements that all differ".into(),
        Kind::Contains => "expected an element that fits the schema under contains, or another number of them".into(),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } if names => {
            let list = unexpected.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
            format!("the schema knows no property {}", shortened(&list))
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!("the schema does not know {} of the properties", unexpected.len())
        }
        Kind::UnevaluatedItems { unexpected } => format!("the schema does not know {} of the elements", unexpected.len()),
        Kind::PropertyNames { error } => format!("a property's name does not fit: {}", message(error.kind(), false)),
        Kind::AnyOf { context } => format!("fits none of the alternatives: {}", branches(context)),
        Kind::OneOfNotValid { context } => format!("fits none of the alternatives: {}", branches(context)),
        Kind::OneOfMultipleValid { context } => {
            let fitting = context.iter().enumerate().filter(|(_, errors)| errors.is_empty()).map(|(nth, _)| nth.to_string());
            format!("fits more than one of the alternatives ({}), expected exactly one", fitting.collect::<Vec<_>>().join(", "))
        }
        Kind::Not { .. } => "fits the schema under not, which it must not".into(),
        Kind::FalseSchema => "nothing is allowed here".into(),
        Kind::ContentEncoding { content_encoding } => format!("expected text in the encoding {content_encoding}"),
        Kind::ContentMediaType { content_media_type } => format!("expected content of the type {content_media_type}"),
        Kind::FromUtf8 { .. } => "expected encoded text in UTF-8".into(),
        Kind::BacktrackLimitExceeded { .. } | Kind::RegexEngineFailure { .. } => "the pattern could not be evaluated on this text".into(),
        Kind::Custom { .. } | Kind::Referencing(_) => "does not fit its schema".into(),
    }
}

/// Why each alternative of `anyOf` or `oneOf` failed, in short.
fn branches(context: &[Vec<ValidationError<'static>>]) -> String {
    let reasons = context.iter().enumerate().filter_map(|(nth, errors)| {
        let first = errors.first()?;
        let why = match first.kind() {
            Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => "fits none of its own alternatives".into(),
            kind => message(kind, false),
        };
        Some(format!("alternative {nth}: {why}"))
    });
    let all = reasons.take(8).collect::<Vec<_>>().join("; ");
    if all.is_empty() { "each was tried".into() } else { shortened(&all) }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
