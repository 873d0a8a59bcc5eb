//! The one way out of the hub, for plugins and webhooks alike: which hosts were granted, which addresses may be dialled,
//! and a request that goes to the very address that was checked. And TLS, out and in.

#[cfg(any(test, fuzzing))]
pub mod bad_input;
mod dial;
mod door;
mod guard;
mod rule;
#[cfg(test)]
mod tests;
mod tls;

pub use door::{Body, Caps, Denial, Door, Error};
pub use guard::{Private, check_address};
pub use rule::{HostName, InvalidRule, Rule, Scheme, Target};
pub use tls::server_tls;
