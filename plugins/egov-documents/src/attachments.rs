use serde_json::Value;

use crate::walk::Object;

/// What the manifest lists, in its order, each with the content of its id; then what it does not list. Where both say something of a
/// file, the manifest goes first.
pub(crate) fn matched(references: Vec<Object>, contents: Vec<Object>) -> Vec<Value> {
    let mut contents: Vec<Option<Object>> = contents.into_iter().map(Some).collect();
    let mut listed = Vec::with_capacity(references.len().max(contents.len()));
    for mut reference in references {
        let id = reference.get("content_id");
        let is_its = |content: &&mut Option<Object>| content.as_ref().is_some_and(|c| id.is_some() && c.get("content_id") == id);
        if let Some(content) = contents.iter_mut().find(is_its).and_then(Option::take) {
            for (property, value) in content {
                reference.entry(property).or_insert(value);
            }
        }
        listed.push(with_state(reference, "complete"));
    }
    listed.extend(contents.into_iter().flatten().map(|content| with_state(content, "unlisted")));
    listed
}

fn with_state(mut attachment: Object, with_content: &str) -> Value {
    let state = if attachment.contains_key("size_bytes") { with_content } else { "content_missing" };
    attachment.insert("state".to_owned(), state.into());
    attachment.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_and_contents_are_matched_by_their_ids() {
        let objects = |value: Value| serde_json::from_value::<Vec<Object>>(value).unwrap();
        let references = objects(json!([
            { "content_id": "2", "name": "b" }, { "content_id": "1", "name": "a" }, { "content_id": "3", "name": "c" }, { "name": "d" },
            { "content_id": "1", "name": "again" }, { "content_id": "5", "name": "empty" },
        ]));
        let contents = objects(json!([
            { "content_id": "1", "name": "other", "description": "first", "size_bytes": 1 }, { "content_id": "2", "size_bytes": 2 },
            { "content_id": "4", "size_bytes": 4 }, { "size_bytes": 5 }, { "content_id": "1", "size_bytes": 6 }, { "content_id": "5" },
        ]));
        assert_eq!(
            Value::from(matched(references, contents)),
            json!([
                { "state": "complete", "content_id": "2", "name": "b", "size_bytes": 2 },
                { "state": "complete", "content_id": "1", "name": "a", "description": "first", "size_bytes": 1 },
                { "state": "content_missing", "content_id": "3", "name": "c" },
                { "state": "content_missing", "name": "d" },
                { "state": "complete", "content_id": "1", "name": "again", "size_bytes": 6 },
                { "state": "content_missing", "content_id": "5", "name": "empty" },
                { "state": "unlisted", "content_id": "4", "size_bytes": 4 },
                { "state": "unlisted", "size_bytes": 5 },
            ])
        );
    }
}
