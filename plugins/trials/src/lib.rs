//! Any bytes at every connector, natively. Each function hands a body over and panics where a promise is broken: the same bytes give
//! the same output, records fit their schemas, and every item of the body is a record, or a rejection that holds it as it came, or
//! the body is refused as a whole. How many items there are is counted in the plainest way, beside the connector.
//!
//! Fuzzing calls them (`make fuzz`), and the tests below with what it found.

#![allow(clippy::missing_panics_doc, clippy::unwrap_used, clippy::expect_used)] // Panics are what these are for.

mod egov;
mod health;
mod received;
mod sdk;
mod sheets;
mod stations;

pub use egov::{documents, dossiers};
pub use health::{bhyt, hl7v2};
pub use sdk::{tables, vietnam, xml};
pub use sheets::{gtfs, oneroster};
pub use stations::stations;

#[cfg(test)]
#[path = "../../../tests/fuzz/kept.rs"]
mod kept;

#[cfg(test)]
mod tests {
    use super::kept::kept;

    #[test]
    fn kept_messages_of_the_sdk() {
        kept("sdk-xml", super::xml);
        kept("sdk-tables", super::tables);
        kept("sdk-vietnam", super::vietnam);
    }

    #[test]
    fn kept_messages_of_the_connectors() {
        kept("education-oneroster", super::oneroster);
        kept("egov-documents", super::documents);
        kept("egov-dossiers", super::dossiers);
        kept("environment-tt10", super::stations);
        kept("health-bhyt", super::bhyt);
        kept("health-hl7v2", super::hl7v2);
        kept("transport-gtfs", super::gtfs);
    }
}
