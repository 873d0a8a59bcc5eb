//! The form of an egress rule. Whether an address is really reached is decided again at each request.

use std::net::IpAddr;

use super::problem::EgressFault;

/// Checks `https://host[:port]` or `http://<private ip>:<port>`.
pub(super) fn check(rule: &str) -> Result<(), EgressFault> {
    let (scheme, rest) = rule.split_once("://").ok_or(EgressFault::Form)?;
    if !matches!(scheme, "https" | "http") || rest.is_empty() {
        return Err(EgressFault::Form);
    }
    if rest.contains(['/', '?', '#', '\\']) {
        return Err(EgressFault::Extra);
    }
    if rest.contains('@') {
        return Err(EgressFault::UserInfo);
    }
    if rest.contains('*') {
        return Err(EgressFault::Wildcard);
    }
    let (host, port) = split(rest)?;
    let ip = match host.strip_prefix('[') {
        Some(inner) => Some(IpAddr::V6(inner.strip_suffix(']').and_then(|ip| ip.parse().ok()).ok_or(EgressFault::Host)?)),
        None => host.parse().ok(),
    };
    if ip.is_none() && !is_name(host) {
        return Err(EgressFault::Host);
    }
    match (scheme, ip) {
        ("http", None) => Err(EgressFault::PlainName),
        ("http", Some(ip)) if !is_private(ip) => Err(EgressFault::PlainPublic),
        (_, Some(ip)) if is_private(ip) && port.is_none() => Err(EgressFault::PlainNeedsPort),
        _ => Ok(()),
    }
}

fn split(rest: &str) -> Result<(&str, Option<u16>), EgressFault> {
    let after_host = match rest.find(']') {
        Some(end) => end + 1,
        None if rest.starts_with('[') => return Err(EgressFault::Host),
        None => rest.find(':').unwrap_or(rest.len()),
    };
    let (host, port) = rest.split_at(after_host);
    if port.is_empty() {
        return Ok((host, None));
    }
    let digits = port.strip_prefix(':').ok_or(EgressFault::Host)?;
    let canonical = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    match digits.parse() {
        Ok(port) if canonical => Ok((host, Some(port))),
        _ => Err(EgressFault::Port),
    }
}

/// A DNS name in lower case (RFC 1123). A last label of digits would be read as a number in an address.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= 253 && host.split('.').all(label) && last.bytes().any(|b| b.is_ascii_alphabetic()) && !last.starts_with("0x")
}

/// Machines of one's own: loopback, RFC 1918, RFC 4193. What else is not public cannot be granted over plain HTTP.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_hosts_in_one_spelling_are_granted() {
        for good in [
            "https://data.lamdong.gov.vn",
            "https://data.lamdong.gov.vn:8443",
            "https://xn--bo-lc-dta4e.vn",
            "https://203.113.1.2",
            "https://10.0.0.5:8443",
            "http://127.0.0.1:8790",
            "http://10.0.0.5:80",
            "http://[::1]:8790",
            "http://[fd00::1]:80",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
            // What is granted here must be something the door can be opened for.
            crate::net::Rule::parse(good).unwrap();
        }
        use EgressFault::*;
        for (bad, fault) in [
            ("", Form),
            ("data.gov.vn", Form),
            ("ftp://data.gov.vn", Form),
            ("https://", Form),
            ("HTTPS://data.gov.vn", Form),
            ("https://data.gov.vn/", Extra),
            ("https://data.gov.vn?x", Extra),
            ("https://data.gov.vn\\@10.0.0.1", Extra),
            ("https://a:b@data.gov.vn", UserInfo),
            ("https://*.gov.vn", Wildcard),
            ("https://Data.gov.vn", Host),
            ("https://data.gov.vn.", Host),
            ("https://bảo-lộc.vn", Host),
            ("https://0x7f000001", Host),
            ("https://2130706433", Host),
            ("https://127.1", Host),
            ("https://[::1", Host),
            ("https://[::1]8790", Host),
            ("https://data.gov.vn:", Port),
            ("https://data.gov.vn:0", Port),
            ("https://data.gov.vn:+80", Port),
            ("https://data.gov.vn:65536", Port),
            ("http://data.gov.vn", PlainName),
            ("http://localhost:8790", PlainName),
            ("http://8.8.8.8:80", PlainPublic),
            ("http://169.254.169.254:80", PlainPublic),
            ("http://127.0.0.1", PlainNeedsPort),
            ("https://192.168.1.1", PlainNeedsPort),
        ] {
            assert_eq!(check(bad), Err(fault), "{bad}");
        }
    }
}
