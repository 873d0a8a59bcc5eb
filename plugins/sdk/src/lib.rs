//! Write a connector for Lienthong.
//!
//! A connector turns the bytes of one agency system into canonical records. Implement one trait an interface on a unit
//! struct and export it; a component may export several:
//!
//! ```
//! use lienthong_sdk::{Call, Failure, Message, Receiver, Reply};
//!
//! #[derive(Default)]
//! struct Lines;
//!
//! impl Receiver for Lines {
//!     fn receive(&self, call: &mut Call<'_>, message: Message) -> Result<Option<Reply>, Failure> {
//!         for (number, line) in std::io::BufRead::lines(message.body).enumerate() {
//!             let line = line?;
//!             match line.trim().parse::<f64>() {
//!                 Ok(value) => call.emit("values", &serde_json::json!({ "value": value }))?,
//!                 Err(e) => call.reject("values", line.as_bytes(), &e.to_string(), Some(&format!("line {}", number + 1)))?,
//!             }
//!         }
//!         Ok(None)
//!     }
//! }
//!
//! lienthong_sdk::export_receiver!(Lines);
//!
//! // The same code runs natively, so a test is a plain test.
//! let mut hub = lienthong_sdk::testing::Hub::new();
//! hub.receive(&Lines, b"1.5\nx\n").unwrap();
//! assert_eq!(hub.records("values"), [serde_json::json!({ "value": 1.5 })]);
//! assert_eq!(hub.rejects()[0].at.as_deref(), Some("line 2"));
//! ```
//!
//! A plugin keeps nothing between calls, sees no clock, no disk and no environment. With the feature `http` it may send
//! HTTP requests to the hosts that the operator listed. With the feature `tables` it has a reader of CSV files and of zip
//! archives of them, with `xml` a safe reader of XML, with `base64` a decoder that takes pieces of any size.

mod attachment;
#[cfg(feature = "base64")]
pub mod base64;
#[doc(hidden)]
pub mod bindings;
mod blob;
mod call;
mod export;
mod failure;
#[doc(hidden)]
pub mod guest;
#[cfg(feature = "http")]
pub mod http;
mod interfaces;
#[cfg(feature = "tables")]
pub mod tables;
pub mod testing;
pub mod vietnam;
#[cfg(feature = "xml")]
pub mod xml;

pub use attachment::{Attached, Attachment, AttachmentWriter};
pub use blob::{Blob, ReadAt};
pub use call::{Call, Context, Environment, Level, Output, Refusal, Stopped, Verdict};
pub use failure::Failure;
pub use interfaces::{Batch, Folded, ItemStatus, Keyed, Message, Poll, Progress, Receiver, Rejected, Reply, Sink, Source, Transform};
