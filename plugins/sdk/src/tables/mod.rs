//! Tables of text: files of comma-separated values, alone or in a zip archive, read row by row whatever their size.
//!
//! A connector declares its tables with [`table!`](crate::table), finds their files in an [`Archive`], opens each as [`Rows`], and
//! emits a record a row. A row that does not fit is rejected as it came, with its file and line, and the rest goes on.

mod archive;
mod fields;
mod lines;
mod rows;
mod table;
pub mod value;

pub use archive::Archive;
pub use rows::{Bad, Format, Row, Rows};
pub use table::{Absent, Column, Table};
