//! What a schema's keywords ask, in the words of a person's language.

use serde_json::Value;

use crate::lang::Lang;

/// The headings and fixed words of a page.
pub(super) struct Words {
    pub(super) field: &'static str,
    pub(super) holds: &'static str,
    pub(super) meaning: &'static str,
    pub(super) required: &'static str,
    pub(super) personal: &'static str,
    pub(super) source: &'static str,
    pub(super) fields: &'static str,
    pub(super) examples: &'static str,
    pub(super) closed: &'static str,
    pub(super) has_personal: &'static str,
    pub(super) schemas: &'static str,
    pub(super) other_language: &'static str,
}

pub(super) const fn words(lang: Lang) -> &'static Words {
    match lang {
        Lang::En => &Words {
            field: "field",
            holds: "holds",
            meaning: "meaning",
            required: "required",
            personal: "personal",
            source: "from",
            fields: "Fields",
            examples: "Example",
            closed: "A field that is not listed here is refused.",
            has_personal: "Records hold personal data (Law 91/2025/QH15): the fields marked so.",
            schemas: "Schemas",
            other_language: "Tiếng Việt",
        },
        Lang::Vi => &Words {
            field: "trường",
            holds: "kiểu",
            meaning: "ý nghĩa",
            required: "bắt buộc",
            personal: "cá nhân",
            source: "nguồn",
            fields: "Các trường",
            examples: "Ví dụ",
            closed: "Trường không có trong danh sách này bị từ chối.",
            has_personal: "Bản ghi chứa dữ liệu cá nhân (Luật 91/2025/QH15): các trường được đánh dấu.",
            schemas: "Lược đồ dữ liệu",
            other_language: "English",
        },
    }
}

/// What a field holds. `items` is what an array's items are held against.
pub(super) fn kind(node: &Value, items: Option<&Value>, lang: Lang) -> String {
    if let Some(values) = node.get("enum").and_then(Value::as_array) {
        let values = values.iter().map(plain).collect::<Vec<_>>().join(", ");
        return pick(lang, format!("one of: {values}"), format!("một trong: {values}"));
    }
    if let Some(value) = node.get("const") {
        return pick(lang, format!("always {}", plain(value)), format!("luôn là {}", plain(value)));
    }
    let types: Vec<&str> = match node.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let named = types.iter().filter(|name| **name != "null").map(|name| type_name(name, node, items, lang));
    let or = pick(lang, " or ", " hoặc ");
    let mut text = named.collect::<Vec<_>>().join(or);
    if text.is_empty() {
        text = pick(lang, "anything", "bất kỳ").to_owned();
    }
    if types.contains(&"null") {
        text.push_str(pick(lang, ", or null", ", hoặc null"));
    }
    text
}

fn type_name(name: &str, node: &Value, items: Option<&Value>, lang: Lang) -> String {
    let one = |en: &str, vi: &str| pick(lang, en, vi).to_owned();
    match (name, node.get("format").and_then(Value::as_str)) {
        ("string", Some("date-time")) => one("time (RFC 3339)", "thời điểm (RFC 3339)"),
        ("string", Some("date")) => one("date", "ngày"),
        ("string", Some("time")) => one("time of day", "giờ"),
        ("string", Some("email")) => one("e-mail address", "địa chỉ thư điện tử"),
        ("string", Some("uri")) => one("URI", "URI"),
        ("string", Some("uuid")) => one("UUID", "UUID"),
        ("string", _) => one("text", "văn bản"),
        ("integer", _) => one("whole number", "số nguyên"),
        ("number", _) => one("number", "số"),
        ("boolean", _) => one("true or false", "đúng hoặc sai"),
        ("object", _) => one("object", "đối tượng"),
        ("array", _) => match items {
            Some(items) => format!("{} {}", pick(lang, "list of", "danh sách"), kind(items, None, lang)),
            None => one("list", "danh sách"),
        },
        (other, _) => other.to_owned(),
    }
}

/// What else is asked of a field.
pub(super) fn limits(node: &Value, items: Option<&Value>, lang: Lang) -> Vec<String> {
    let mut limits = own_limits(node, lang);
    // An object's own fields have lines of their own.
    if let Some(items) = items.filter(|items| items.get("properties").is_none()) {
        let each = pick(lang, "each: ", "mỗi mục: ");
        limits.extend(own_limits(items, lang).into_iter().map(|limit| format!("{each}{limit}")));
    }
    limits
}

fn own_limits(node: &Value, lang: Lang) -> Vec<String> {
    let number = |key: &str| node.get(key).filter(|value| value.is_number());
    let range = |least: &str, most: &str, en: &str, vi: &str| {
        let unit = pick(lang, en, vi);
        let text = match (number(least), number(most)) {
            (Some(least), Some(most)) if least == most => least.to_string(),
            (Some(least), Some(most)) => format!("{least}–{most}"),
            (Some(least), None) => format!("≥ {least}"),
            (None, Some(most)) => format!("≤ {most}"),
            (None, None) => return None,
        };
        Some(format!("{text}{unit}"))
    };
    let mut limits: Vec<String> = [
        range("minLength", "maxLength", " characters", " ký tự"),
        range("minimum", "maximum", "", ""),
        range("exclusiveMinimum", "exclusiveMaximum", " (exclusive)", " (không kể đầu mút)"),
        range("minItems", "maxItems", " items", " mục"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let Some(pattern) = node.get("pattern").and_then(Value::as_str) {
        limits.push(format!("{} `{pattern}`", pick(lang, "pattern", "theo mẫu")));
    }
    limits
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn pick<T>(lang: Lang, en: T, vi: T) -> T {
    match lang {
        Lang::En => en,
        Lang::Vi => vi,
    }
}
