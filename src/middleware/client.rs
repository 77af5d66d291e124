//! The client's address, for the rate limit and the log.
//!
//! Spin appends the peer's address to whatever the client sent as `spin-client-addr`, so only the *last* value is true
//! (ARCHITECTURE.md, *The platform*). `X-Forwarded-For` is believed only from proxies that the settings name, and then
//! from the right.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// The client's address, or `0.0.0.0` where the host gives none.
pub fn address(headers: &HeaderMap, trusted_proxies: &[IpNet]) -> IpAddr {
    let trusted = |address: &IpAddr| trusted_proxies.iter().any(|network| network.contains(address));
    let peer =
        headers.get_all("spin-client-addr").iter().next_back().and_then(|value| last_address(value.to_str().ok()?));
    let Some(peer) = peer else {
        return IpAddr::from([0, 0, 0, 0]);
    };
    if !trusted(&peer) {
        return peer;
    }
    // The outermost hop that a trusted proxy has told, where a chain consists of trusted ones alone.
    let mut client = peer;
    for line in headers.get_all("x-forwarded-for").iter().rev() {
        let Ok(line) = line.to_str() else { return client };
        for hop in line.rsplit(',').map(str::trim) {
            match parse(hop) {
                Some(address) if trusted(&address) => client = address,
                Some(address) => return address,
                None => return client,
            }
        }
    }
    client
}

/// The owner of the rate limits of an address: an IPv4 address, or the /64 of an IPv6 one, which a single customer has
/// whole.
pub fn rate_key(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{}/64", Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
    }
}

fn last_address(value: &str) -> Option<IpAddr> {
    value.rsplit(',').next().and_then(|last| parse(last.trim()))
}

/// An address, with or without a port; IPv6 also in brackets.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = text.parse::<SocketAddr>().map(|socket| socket.ip()).or_else(|_| bare.parse::<IpAddr>()).ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn network(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_sent_address_is_not_believed() {
        let sent = headers(&[("spin-client-addr", "1.2.3.4:5"), ("spin-client-addr", "10.0.0.9:4000")]);
        assert_eq!(address(&sent, &[]), ip("10.0.0.9"));
        let forwarded = headers(&[("spin-client-addr", "10.0.0.9:4000"), ("x-forwarded-for", "1.2.3.4")]);
        assert_eq!(address(&forwarded, &[]), ip("10.0.0.9"));
    }

    #[test]
    fn a_trusted_proxy_is_believed_from_the_right() {
        let proxies = [network("10.0.0.1/32"), network("10.0.0.2/32")];
        let chain = headers(&[("spin-client-addr", "10.0.0.1:4"), ("x-forwarded-for", "6.6.6.6, 7.7.7.7, 10.0.0.2")]);
        assert_eq!(address(&chain, &proxies), ip("7.7.7.7"));
        let broken = headers(&[("spin-client-addr", "10.0.0.1:4"), ("x-forwarded-for", "6.6.6.6, nonsense")]);
        assert_eq!(address(&broken, &proxies), ip("10.0.0.1"));
    }

    #[test]
    fn six_and_mapped_four_are_one_address() {
        assert_eq!(address(&headers(&[("spin-client-addr", "[::ffff:10.0.0.9]:80")]), &[]), ip("10.0.0.9"));
        assert_eq!(address(&headers(&[]), &[]), ip("0.0.0.0"));
    }

    #[test]
    fn networks_are_trusted_and_several_hops_are_walked_from_the_right() {
        let proxies = [network("10.0.0.0/8"), network("fd00::/8")];
        let peer = ("spin-client-addr", "10.1.2.3:4");
        let chain =
            headers(&[peer, ("x-forwarded-for", "6.6.6.6, 7.7.7.7, 10.9.9.9"), ("x-forwarded-for", "[fd00::7]:80")]);
        assert_eq!(address(&chain, &proxies), ip("7.7.7.7"));
        let broken = headers(&[peer, ("x-forwarded-for", "6.6.6.6, nonsense, 10.9.9.9")]);
        assert_eq!(address(&broken, &proxies), ip("10.9.9.9"), "what stands before nonsense is not believed");
        let inside = headers(&[peer, ("x-forwarded-for", "10.4.4.4, [fd00::1]")]);
        assert_eq!(address(&inside, &proxies), ip("10.4.4.4"), "a client in a trusted network");
        let outside = headers(&[("spin-client-addr", "11.0.0.1:4"), ("x-forwarded-for", "6.6.6.6")]);
        assert_eq!(address(&outside, &proxies), ip("11.0.0.1"));
    }

    #[test]
    fn six_is_counted_by_its_network() {
        assert_eq!(rate_key(ip("2001:db8:1:2:3:4:5:6")), "2001:db8:1:2::/64");
        assert_eq!(rate_key(ip("2001:db8:1:2::")), rate_key(ip("2001:db8:1:2:ffff::1")));
        assert_ne!(rate_key(ip("2001:db8:1:2::1")), rate_key(ip("2001:db8:1:3::1")));
        assert_eq!(rate_key(ip("10.0.0.9")), "10.0.0.9");
    }
}
