//! The operator's egress list, and a request's target in the same canonical form, so that both are compared as they are.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

/// Why a line of `egress:` (or a URL) cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no egress rule: {why}")]
pub struct InvalidRule {
    /// The text, cut to 200 characters, control characters escaped.
    pub given: String,
    /// What is wrong and how to write it.
    pub why: String,
}

/// How a target is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// As in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Scheme, host and port of a request, canonical: the host lower-case, in ASCII (IDNA), without a final dot; addresses in
/// any disguise (`0x7f.1`, `2130706433`, `[::ffff:127.0.0.1]`) written as addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Scheme.
    pub scheme: Scheme,
    /// Name or address.
    pub host: HostName,
    /// Port, the scheme's own unless given.
    pub port: u16,
}

/// A name that must be resolved, or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostName {
    /// Lower-case ASCII, no final dot.
    Name(String),
    /// An address; IPv4 in IPv6 (`::ffff:0:0/96`) is IPv4.
    Address(IpAddr),
}

impl Target {
    /// Reads `scheme://host[:port]` as browsers do (WHATWG URL). A path, query or fragment is passed over.
    pub fn parse(text: &str) -> Result<Self, InvalidRule> {
        let invalid = |why: String| InvalidRule { given: text.chars().take(200).flat_map(char::escape_default).collect(), why };
        let url = Url::parse(text).map_err(|error| invalid(format!("{error}; write it as https://host[:port]")))?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => return Err(invalid(format!("the scheme `{other}` is not http or https"))),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("a user name or password has no place here".into()));
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                let label = |l: &str| (1..=63).contains(&l.len()) && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
                if name.len() > 253 || !name.split('.').all(label) {
                    return Err(invalid("the host is no name that can be looked up".into()));
                }
                HostName::Name(name.to_ascii_lowercase())
            }
            Some(Host::Ipv4(address)) => HostName::Address(address.into()),
            Some(Host::Ipv6(address)) => HostName::Address(IpAddr::V6(address).to_canonical()),
            None => return Err(invalid("it has no host".into())),
        };
        let port = url.port_or_known_default().filter(|port| *port != 0).ok_or_else(|| invalid("port 0 cannot be dialled".into()))?;
        Ok(Self { scheme, host, port })
    }

    /// `host` or `host:port`, as the Host header and a URL have it.
    pub fn authority(&self) -> String {
        match (self.scheme, self.port) {
            (Scheme::Http, 80) | (Scheme::Https, 443) => self.host.to_string(),
            _ => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

/// One line of a connector's `egress:`: `https://host[:port]`, or `http://ip:port` and `https://ip[:port]` of one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule(Target);

impl Rule {
    /// Checks and takes a line.
    pub fn parse(text: &str) -> Result<Self, InvalidRule> {
        let target = Target::parse(text)?;
        let invalid = |why: String| Err(InvalidRule { given: text.chars().take(200).flat_map(char::escape_default).collect(), why });
        let url = Url::parse(text).map_err(|error| InvalidRule { given: text.to_owned(), why: error.to_string() })?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return invalid(format!("it names a whole host; write {target}"));
        }
        match &target.host {
            HostName::Name(name) if name == "localhost" || name.ends_with(".localhost") => invalid(format!(
                "a machine of one's own is named by its address; write {}://127.0.0.1:{}",
                target.scheme.as_str(),
                target.port
            )),
            HostName::Name(name) if target.scheme == Scheme::Http => {
                invalid(format!("without TLS nobody knows who answers to a name; write https://{name}, or the address as http://ip:port"))
            }
            _ => Ok(Self(target)),
        }
    }

    #[cfg(test)]
    pub(super) fn unchecked(target: Target) -> Self {
        Self(target)
    }

    /// Whether a request may go there, by its URL.
    pub fn matches(&self, target: &Target) -> bool {
        self.0 == *target
    }

    /// Whether this line names the very address and port, which makes a private address reachable.
    pub fn names(&self, address: SocketAddr) -> bool {
        self.0.host == HostName::Address(address.ip().to_canonical()) && self.0.port == address.port()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_has_one_form() {
        for (given, canonical) in [
            ("https://Api.Example.VN", "https://api.example.vn"),
            ("https://api.example.vn.", "https://api.example.vn"),
            ("https://api.example.vn:443/path?q#f", "https://api.example.vn"),
            ("https://api.example.vn:8443", "https://api.example.vn:8443"),
            ("http://api.example.vn:80/", "http://api.example.vn"),
            ("https://bảolộc.vn", "https://xn--bolc-sq5a9l.vn"),
            ("http://127.0.0.1:8790", "http://127.0.0.1:8790"),
            ("http://127.1:8790", "http://127.0.0.1:8790"),
            ("http://0x7f.0.0.1:8790", "http://127.0.0.1:8790"),
            ("http://0177.0.0.1:8790", "http://127.0.0.1:8790"),
            ("http://2130706433:8790", "http://127.0.0.1:8790"),
            ("http://127.0.0.1.:8790", "http://127.0.0.1:8790"),
            ("http://１２７.0.0.1:8790", "http://127.0.0.1:8790"),
            ("http://[::ffff:127.0.0.1]:8790", "http://127.0.0.1:8790"),
            ("http://[::1]:8790", "http://[::1]:8790"),
            ("HTTPS://EXAMPLE.com", "https://example.com"),
        ] {
            let target = Target::parse(given).unwrap_or_else(|error| panic!("{error}"));
            if !given.contains('ả') {
                assert_eq!(target.to_string(), canonical, "{given}");
            } else {
                assert!(target.to_string().starts_with("https://xn--"), "{target}");
            }
        }
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for bad in [
            "",
            "example.com",
            "ftp://example.com",
            "file:///etc/passwd",
            "https://",
            "https://user@example.com",
            "https://user:pw@example.com",
            "https://example.com:0",
            "https://example.com:65536",
            "https://exa mple.com",
            "https://example..com",
            "http://[::1",
            "http://256.1.1.1",
            "https://a%00b.com",
            "data:text/plain,x",
            "https://example.com..",
            "http://1.2.3.4.5",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad:?} gave {:?}", Target::parse(bad));
        }
    }

    #[test]
    fn a_rule_names_a_host_by_https_or_an_address() {
        for good in
            ["https://api.example.vn", "https://api.example.vn/", "https://10.1.2.3:8443", "http://10.1.2.3:8080", "http://[fd00::1]:80"]
        {
            assert!(Rule::parse(good).is_ok(), "{good}");
        }
        for (bad, remedy) in [
            ("http://localhost:8790", "write http://127.0.0.1:8790"),
            ("https://x.localhost", "write https://127.0.0.1:443"),
            ("http://api.example.vn", "write https://api.example.vn"),
            ("https://api.example.vn/v1", "write https://api.example.vn"),
            ("*.example.vn", "write it as https://host[:port]"),
        ] {
            let error = Rule::parse(bad).unwrap_err().to_string();
            assert!(error.contains(remedy), "{error}");
        }
        assert!(Rule::parse("https://*.example.vn").is_err(), "no wildcards");
    }

    #[test]
    fn scheme_host_and_port_must_all_match() {
        let rule = Rule::parse("https://api.example.vn:8443").unwrap();
        let matches = |text: &str| rule.matches(&Target::parse(text).unwrap());
        assert!(matches("https://API.example.vn.:8443/any?thing"));
        for other in
            ["http://api.example.vn:8443", "https://api.example.vn", "https://example.vn:8443", "https://api.example.vn.evil.org:8443"]
        {
            assert!(!matches(other), "{other}");
        }
        let rule = Rule::parse("http://10.1.2.3:80").unwrap();
        assert!(rule.names("10.1.2.3:80".parse().unwrap()));
        assert!(rule.names("[::ffff:10.1.2.3]:80".parse().unwrap()));
        assert!(!rule.names("10.1.2.3:81".parse().unwrap()));
        assert!(!rule.names("10.1.2.4:80".parse().unwrap()));
    }
}
