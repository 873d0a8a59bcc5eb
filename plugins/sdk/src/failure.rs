use std::fmt;

/// Why a call failed as a whole. Nothing that it emitted counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The message cannot be read at all; sending it again will not help.
    InvalidInput(String),
    /// The agency system did not accept the credentials.
    Unauthorized(String),
    /// The agency system asks for patience, for so many seconds if it said so.
    RateLimited(Option<u32>),
    /// The agency system failed or did not answer; trying again later may help.
    Upstream(String),
    /// The connector's settings are wrong; a person must mend them.
    Config(String),
    /// The plugin itself is at fault.
    Internal(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidInput(why) => write!(f, "invalid input: {why}"),
            Self::Unauthorized(why) => write!(f, "unauthorized: {why}"),
            Self::RateLimited(None) => f.write_str("rate limited"),
            Self::RateLimited(Some(seconds)) => write!(f, "rate limited for {seconds} s"),
            Self::Upstream(why) => write!(f, "upstream: {why}"),
            Self::Config(why) => write!(f, "settings: {why}"),
            Self::Internal(why) => write!(f, "internal: {why}"),
        }
    }
}

impl std::error::Error for Failure {}
