//! `allowed_outbound_hosts`: which addresses a component may open. Nothing is allowed that the manifest does not name.
//!
//! Entries are `<scheme>://<host>[:<port>]`; scheme, host and port may be `*`, a host may be `*.domain`, a port may be
//! a range `from..to` (without its end). Two forms of Spin's are refused: address ranges (CIDR) and `self`.

use anyhow::{Context, bail, ensure};
use url::{Host, Url};

/// What one component may open.
#[derive(Debug, Default)]
pub(crate) struct AllowedHosts {
    entries: Vec<Entry>,
}

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// `None` is any.
    scheme: Option<String>,
    host: HostPattern,
    ports: Ports,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Any,
    /// With its leading dot.
    Suffix(String),
    Literal(Host),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Ports {
    Any,
    /// The end is not included.
    Range(u32, u32),
}

impl AllowedHosts {
    /// Reads resolved entries. An empty one is skipped: an optional endpoint whose variable is empty.
    pub(crate) fn parse(entries: &[String]) -> anyhow::Result<Self> {
        let present = entries.iter().filter(|entry| !matches!(entry.as_str(), "" | "http://" | "https://"));
        let entries = present.map(|entry| parse_entry(entry)).collect::<anyhow::Result<_>>()?;
        Ok(Self { entries })
    }

    /// Whether `address`, a URL or a bare `host[:port]` of `scheme`, may be opened. What cannot be read may not.
    pub(crate) fn allow(&self, address: &str, scheme: &str) -> bool {
        let Some(url) = read_address(address, scheme) else {
            return false;
        };
        let Some(host) = url.host_str().and_then(|host| Host::parse(host).ok()) else {
            return false;
        };
        let port = url.port().or_else(|| default_port(url.scheme()));
        self.entries.iter().any(|entry| entry.allows(url.scheme(), &host, port))
    }
}

impl Entry {
    fn allows(&self, scheme: &str, host: &Host, port: Option<u16>) -> bool {
        self.scheme.as_deref().is_none_or(|own| own == scheme) && self.host.allows(host) && self.ports.allow(port)
    }
}

impl HostPattern {
    fn allows(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Suffix(suffix), Host::Domain(domain)) => domain.ends_with(suffix.as_str()),
            (Self::Literal(literal), host) => literal == host,
            (Self::Suffix(_), _) => false,
        }
    }
}

impl Ports {
    fn allow(&self, port: Option<u16>) -> bool {
        match self {
            Self::Any => true,
            Self::Range(from, to) => port.is_some_and(|port| (*from..*to).contains(&port.into())),
        }
    }
}

/// Reads one entry.
pub(crate) fn parse_entry(text: &str) -> anyhow::Result<Entry> {
    let text = text.trim();
    ensure!(text != "insecure:allow-all", "'insecure:allow-all' is not allowed: '*://*:*' allows everything");
    let (scheme, rest) = text
        .split_once("://")
        .with_context(|| format!("{text:?} does not contain a scheme (such as 'http://' or '*://')"))?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    ensure!(!rest.contains('/'), "{text:?} has a path or an address range, which is not supported");
    // A colon inside brackets belongs to an IPv6 address.
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (rest, ""),
    };
    Ok(Entry {
        scheme: parse_scheme(scheme).with_context(|| format!("in {text:?}"))?,
        host: parse_host(host).with_context(|| format!("in {text:?}"))?,
        ports: parse_ports(port, scheme).with_context(|| format!("in {text:?}"))?,
    })
}

fn parse_scheme(scheme: &str) -> anyhow::Result<Option<String>> {
    if scheme == "*" {
        return Ok(None);
    }
    ensure!(
        !scheme.is_empty() && scheme.chars().all(char::is_alphabetic),
        "the scheme {scheme:?} may contain only letters"
    );
    Ok(Some(scheme.to_owned()))
}

fn parse_host(host: &str) -> anyhow::Result<HostPattern> {
    if host == "*" {
        return Ok(HostPattern::Any);
    }
    ensure!(!matches!(host, "self" | "self.alt"), "requests to the application itself are not supported by todo-host");
    if let Some(domain) = host.strip_prefix("*.") {
        match Host::parse(domain) {
            Ok(Host::Domain(domain)) if !domain.contains('*') => {
                return Ok(HostPattern::Suffix(format!(".{domain}")));
            }
            _ => bail!("{host:?}: a wildcard needs a domain after it"),
        }
    }
    ensure!(!host.contains('*'), "{host:?}: a wildcard may only be the first label");
    let literal = Host::parse(host).with_context(|| format!("invalid host {host:?}"))?;
    Ok(HostPattern::Literal(literal))
}

fn parse_ports(port: &str, scheme: &str) -> anyhow::Result<Ports> {
    let number =
        |text: &str| text.parse::<u16>().map(u32::from).with_context(|| format!("port {text:?} is not a number"));
    if port == "*" {
        return Ok(Ports::Any);
    }
    if port.is_empty() {
        let port =
            default_port(scheme).with_context(|| format!("the scheme {scheme:?} has no default port: give one"))?;
        return Ok(Ports::Range(port.into(), u32::from(port) + 1));
    }
    if let Some((from, to)) = port.split_once("..") {
        return Ok(Ports::Range(number(from)?, number(to)?));
    }
    let port = number(port)?;
    Ok(Ports::Range(port, port + 1))
}

/// Reads an address as a URL, adding the scheme where it has none.
fn read_address(address: &str, scheme: &str) -> Option<Url> {
    match Url::parse(address) {
        Ok(url) if url.has_host() => Some(url),
        _ => Url::parse(&format!("{scheme}://{address}")).ok().filter(Url::has_host),
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "postgres" => Some(5432),
        "redis" => Some(6379),
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(entry: &str, address: &str, scheme: &str) -> bool {
        AllowedHosts::parse(&[entry.to_owned()]).unwrap().allow(address, scheme)
    }

    #[test]
    fn scheme_host_and_port_must_all_match() {
        assert!(allow("postgres://127.0.0.1:5433", "127.0.0.1:5433", "postgres"));
        assert!(!allow("postgres://127.0.0.1:5433", "127.0.0.1:5432", "postgres"));
        assert!(!allow("postgres://127.0.0.1:5433", "127.0.0.2:5433", "postgres"));
        assert!(!allow("redis://127.0.0.1:5433", "127.0.0.1:5433", "postgres"));
    }

    #[test]
    fn a_missing_port_is_the_schemes() {
        assert!(allow("redis://cache", "redis://cache:6379", "redis"));
        assert!(allow("redis://cache:6379", "redis://user:pass@cache/0", "redis"));
        assert!(parse_entry("rediss://cache").is_err());
        assert!(allow("rediss://cache:6380", "rediss://cache:6380", "redis"));
        assert!(allow("http://worker.spin.internal", "http://worker.spin.internal/run", "http"));
    }

    #[test]
    fn wildcards_and_ranges() {
        assert!(allow("*://*:*", "redis://anything:1", "redis"));
        assert!(allow("http://*.example.com", "http://a.b.example.com/x", "http"));
        assert!(!allow("http://*.example.com", "http://example.com", "http"));
        assert!(allow("http://h:80..90", "http://h:89", "http"));
        assert!(!allow("http://h:80..90", "http://h:90", "http"));
    }

    #[test]
    fn an_empty_entry_allows_nothing_and_is_no_error() {
        let none = AllowedHosts::parse(&[String::new(), "http://".to_owned()]).unwrap();
        assert!(!none.allow("http://a", "http"));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in
            ["*", "host:80", "http://a/path", "http://10.0.0.0/8", "http://a*b", "http://self", "h2://x", "http://x:y"]
        {
            assert!(parse_entry(text).is_err(), "{text}");
        }
    }
}
