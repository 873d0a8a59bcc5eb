//! Any text where an address is expected: what must hold of it, for fuzzing and for the inputs that it found.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::{Door, HostName, Rule, Target, check_address};

/// A line of `egress:` and a request's URL, with a line feed between; and each sixteen bytes as an address.
pub fn egress(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let (rule, url) = text.split_once('\n').unwrap_or((text, text));
        texts(rule, url);
    }
    data.as_chunks::<16>().0.iter().for_each(|octets| address(Ipv6Addr::from(*octets)));
}

fn texts(rule: &str, url: &str) {
    let canonical = |text: &str| {
        let target = Target::parse(text).ok()?;
        // One form: what is written is read as the same, and holds nothing that would end a header.
        assert_eq!(Target::parse(&target.to_string()).as_ref(), Ok(&target), "{text}");
        assert!(target.to_string().bytes().all(|b| b.is_ascii_graphic() && !b"/\\@".contains(&b) || b == b'/'), "{text}");
        Some(target)
    };
    let target = canonical(url);
    match Rule::parse(rule) {
        Ok(parsed) => {
            let own = canonical(rule).unwrap();
            assert!(parsed.matches(&own));
            if let HostName::Address(address) = own.host {
                assert!(parsed.names(SocketAddr::new(address, own.port)));
            }
            let door = Door::new(&[rule.to_owned()]).unwrap();
            assert_eq!(door.check(url).is_ok(), target.is_some_and(|target| target == own), "{rule} {url}");
        }
        Err(error) => {
            let told = error.to_string();
            assert!(!told.chars().any(|c| c == '\n' || c == '\r' || c == '\0'), "{told:?}");
            assert!(Door::new(&[rule.to_owned()]).is_err());
        }
    }
    assert!(Door::closed().check(url).is_err());
}

/// What the standard library knows to be no public address is none; and clothes do not make one.
fn address(v6: Ipv6Addr) {
    let verdict = check_address(IpAddr::V6(v6));
    let known = v6.is_loopback() || v6.is_multicast() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local();
    assert!(!known || verdict.is_err(), "{v6}");
    let [.., a, b, c, d] = v6.octets();
    let v4 = std::net::Ipv4Addr::new(a, b, c, d);
    let plain = check_address(IpAddr::V4(v4));
    let known = v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_broadcast()
        || v4.is_documentation()
        || v4.is_multicast()
        || v4.is_unspecified();
    assert!(!known || plain.is_err(), "{v4}");
    assert_eq!(check_address(IpAddr::V6(v4.to_ipv6_mapped())), plain);
    let translated = Ipv6Addr::from([0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]);
    assert_eq!(check_address(IpAddr::V6(translated)), plain);
}

#[cfg(test)]
#[path = "../../../tests/fuzz/kept.rs"]
mod kept;

#[cfg(test)]
mod tests {
    #[test]
    fn kept_addresses_are_what_they_are() {
        super::kept::kept("egress", super::egress);
    }
}
