//! Agency XML, read as a stream and with distrust.
//!
//! [`Reader`] pulls over any [`BufRead`](std::io::BufRead), so that a body of any size passes through a small sandbox. It reads XML 1.0 with
//! namespaces and refuses what is not well-formed. It has no document types: no DTD, no entities but the five that XML predefines, nothing
//! external. So there is nothing to expand and nothing to fetch. Text is UTF-8; whoever sends or declares another encoding is told so.
//!
//! What both record-shaped formats and their rejections need is a walk:
//!
//! ```
//! use std::io::Cursor;
//! use lienthong_sdk::xml::Reader;
//!
//! let document = "<trips><trip id='7'><stop>Chợ Bảo Lộc</stop><note>new</note></trip></trips>";
//! let mut xml = Reader::new(Cursor::new(document));
//! let root = xml.root()?;
//! while let Some(trip) = xml.child(&root)? {
//!     assert_eq!(trip.attribute("id"), Some("7"));
//!     while let Some(field) = xml.child(&trip)? {
//!         match field.name() {
//!             "stop" => assert_eq!(xml.text(&field)?, "Chợ Bảo Lộc"),
//!             _ => {} // The next `child` skips what was not read.
//!         }
//!     }
//!     let place = xml.place(trip.offset()).unwrap();
//!     assert_eq!(place.to_string(), "line 1, column 8");
//! }
//! # Ok::<(), lienthong_sdk::xml::Error>(())
//! ```

mod character;
mod element;
mod error;
mod place;
mod reader;
mod source;
mod tag;
mod text;

pub use element::Element;
pub use error::Error;
pub use place::{Place, place};
pub use reader::{Limits, Reader};
