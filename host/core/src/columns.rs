//! What the lake makes of a schema: one typed column for each top-level property.

use serde::Serialize;

/// A column's type in the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// `type: boolean`
    Boolean,
    /// `type: integer`
    Integer,
    /// `type: number`
    Double,
    /// `type: string`, or anything of several types
    Text,
    /// `type: string` with `format: date-time`: microseconds, UTC
    Timestamp,
    /// `type: string` with `format: date`
    Date,
    /// `type: array` or `object`: its JSON text
    Json,
}

/// One typed column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// The property's name, which is the column's name.
    pub name: String,
    /// Its type; null is always allowed.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// Tagged `x-personal` in the schema: kept out of statistics.
    pub personal: bool,
    /// The property's `title`, else its `description`, for the column's comment.
    pub comment: Option<String>,
}
