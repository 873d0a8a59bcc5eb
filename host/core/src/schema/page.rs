//! A schema as people read it: one page a language, from the schema's own titles and descriptions.

mod html;
mod markdown;
mod words;

use serde_json::Value;

use super::refs::{Documents, Place};
use crate::id::SchemaId;
use crate::lang::Lang;

pub use html::{Among, html, index};
pub use markdown::markdown;

/// Levels of objects within objects that a page shows; what lies deeper is in the schema.
const MAX_DEPTH: usize = 8;

/// What a page says of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The schema.
    pub id: SchemaId,
    /// The language its texts are in, where the schema has them.
    pub lang: Lang,
    /// Its title, else its id.
    pub title: String,
    /// What a record is.
    pub description: String,
    /// Every field, those of nested objects behind their parent.
    pub fields: Vec<Field>,
    /// Whether a field that the schema does not name is refused.
    pub closed: bool,
    /// Examples, as JSON with line breaks.
    pub examples: Vec<String>,
}

/// One field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its path: `address.ward`, and `items[].code` within an array.
    pub path: String,
    /// What it holds, in words.
    pub kind: String,
    /// It must be there (in its parent, where that is there).
    pub required: bool,
    /// It holds a person's data or identifies one (`x-personal`).
    pub personal: bool,
    /// Its title.
    pub title: String,
    /// What it means.
    pub description: String,
    /// The field of the system's own format that it comes from (`x-source`).
    pub source: Option<String>,
    /// What else the schema asks of it, in words.
    pub limits: Vec<String>,
}

impl Page {
    /// Reads a schema document. What it does not say stays empty: a page can be made of every schema.
    pub fn of(id: &SchemaId, document: &Value, lang: Lang) -> Self {
        let documents = Documents::new(document, &[]);
        let root = documents.root();
        let mut fields = Vec::new();
        Reader { documents: &documents, lang }.object(root, "", 0, &mut fields);
        let examples = document.get("examples").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Self {
            id: id.clone(),
            lang,
            title: text(root, "title", lang).unwrap_or_else(|| id.to_string()),
            description: text(root, "description", lang).unwrap_or_default(),
            fields,
            closed: document.get("additionalProperties") == Some(&Value::Bool(false)),
            examples: examples.iter().filter_map(|example| serde_json::to_string_pretty(example).ok()).collect(),
        }
    }

    /// Whether any field holds personal data.
    pub fn is_personal(&self) -> bool {
        self.fields.iter().any(|field| field.personal)
    }
}

/// A text of a schema in a language: `x-title-vi` before `title`.
fn text(place: Place<'_>, key: &str, lang: Lang) -> Option<String> {
    let own = match lang {
        Lang::Vi => place.node.get(format!("x-{key}-vi")),
        Lang::En => None,
    };
    own.or_else(|| place.node.get(key)).and_then(Value::as_str).map(str::to_owned)
}

struct Reader<'a> {
    documents: &'a Documents<'a>,
    lang: Lang,
}

impl<'a> Reader<'a> {
    /// Adds an object's fields.
    fn object(&self, place: Place<'a>, path: &str, depth: usize, fields: &mut Vec<Field>) {
        let Some(properties) = place.node.get("properties").and_then(Value::as_object).filter(|_| depth < MAX_DEPTH) else { return };
        let required: Vec<&str> =
            place.node.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, node) in properties {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.field(Place { document: place.document, node }, path, required.contains(&name.as_str()), depth, fields);
        }
    }

    fn field(&self, place: Place<'a>, path: String, required: bool, depth: usize, fields: &mut Vec<Field>) {
        // What a field says beside its `$ref` goes before what stands there.
        let target = self.documents.follow(place).unwrap_or(place);
        let said = |key: &str| text(place, key, self.lang).or_else(|| text(target, key, self.lang));
        let flag = |key: &str| [place, target].iter().any(|at| at.node.get(key) == Some(&Value::Bool(true)));
        let items = target.node.get("items").map(|node| Place { document: target.document, node });
        let items = items.map(|items| self.documents.follow(items).unwrap_or(items));
        fields.push(Field {
            kind: words::kind(target.node, items.map(|items| items.node), self.lang),
            required,
            personal: flag("x-personal"),
            title: said("title").unwrap_or_default(),
            description: said("description").unwrap_or_default(),
            source: [place, target].iter().find_map(|at| at.node.get("x-source")?.as_str()).map(str::to_owned),
            limits: words::limits(target.node, items.map(|items| items.node), self.lang),
            path: path.clone(),
        });
        match items {
            Some(items) => self.object(items, &format!("{path}[]"), depth + 1, fields),
            None => self.object(target, &path, depth + 1, fields),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(lang: Lang) -> Page {
        let document = json!({
            "title": "Visits", "x-title-vi": "Lượt khám", "description": "One visit <b>.", "x-description-vi": "Một lượt khám.",
            "type": "object", "additionalProperties": false, "required": ["code"],
            "properties": {
                "code": { "type": "string", "maxLength": 8, "pattern": "^a|b$", "title": "Code", "x-title-vi": "Mã", "x-source": "MA" },
                "person": { "$ref": "#/$defs/person", "title": "Whose", "x-personal": true },
                "items": { "type": "array", "maxItems": 5, "items": { "type": "object", "required": ["sum"],
                    "properties": { "sum": { "type": ["number", "null"], "minimum": 0 } } } },
                "kind": { "enum": ["in", "out"] },
                "tags": { "type": "array", "items": { "type": "string", "maxLength": 3 } }
            },
            "$defs": { "person": { "type": "object", "title": "A person", "properties": {
                "born": { "type": "string", "format": "date" }, "friend": { "$ref": "#/$defs/person" } } } },
            "examples": [{ "code": "a" }]
        });
        Page::of(&SchemaId::new("health/visits.v1").unwrap(), &document, lang)
    }

    fn field(page: &Page, path: &str) -> Field {
        page.fields.iter().find(|field| field.path == path).cloned().unwrap_or_else(|| panic!("{path}"))
    }

    #[test]
    fn every_field_is_there_with_what_the_schema_asks_of_it() {
        let page = page(Lang::En);
        let paths: Vec<_> = page.fields.iter().map(|f| f.path.as_str()).filter(|path| path.matches('.').count() < 2).collect();
        assert_eq!(paths, ["code", "items", "items[].sum", "kind", "person", "person.born", "person.friend", "tags"]);
        let code = field(&page, "code");
        assert_eq!((code.kind.as_str(), code.required, code.personal), ("text", true, false));
        assert_eq!((code.source.as_deref(), code.limits.len()), (Some("MA"), 2));
        assert_eq!(field(&page, "person").title, "Whose");
        assert!(field(&page, "person").personal && page.is_personal());
        assert_eq!(field(&page, "person.born").kind, "date");
        assert_eq!(field(&page, "items[].sum").kind, "number, or null");
        assert_eq!(field(&page, "tags").kind, "list of text");
        assert_eq!(field(&page, "kind").kind, "one of: in, out");
    }

    #[test]
    fn a_schema_that_contains_itself_ends() {
        assert!(page(Lang::En).fields.len() < 100);
    }

    #[test]
    fn vietnamese_stands_where_the_schema_has_it() {
        let page = page(Lang::Vi);
        assert_eq!((page.title.as_str(), field(&page, "code").title.as_str()), ("Lượt khám", "Mã"));
        assert_eq!(field(&page, "person").title, "Whose", "and English where it has not");
        assert_eq!(field(&page, "tags").kind, "danh sách văn bản");
    }

    #[test]
    fn a_page_is_text_that_breaks_neither_table_nor_markup() {
        let page = page(Lang::En);
        let markdown = markdown(&page);
        assert!(markdown.contains(r"^a\|b$"), "{markdown}");
        let html = html(&page, Among::Nothing);
        assert!(html.contains("One visit &lt;b&gt;.") && !html.contains("<b>."), "{html}");
        assert!(html.contains(r#"<html lang="en">"#) && html.contains("pattern <code>^a|b$</code>") && !html.contains("href"), "{html}");
        assert!(super::html(&page, Among::Pages).contains(r#"href="visits.v1.vi.html""#));
    }
}
