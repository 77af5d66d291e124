//! Who is at the other end of the connection.
//!
//! Spin appends the peer's address to whatever the client sent as `spin-client-addr`, so only the *last* value is true
//! (ARCHITECTURE.md, *The platform*). `X-Forwarded-For` is believed only from proxies that the settings name, and then
//! from the right.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// The client's address, or `0.0.0.0` where the host gives none.
pub fn address(headers: &HeaderMap, trusted_proxies: &[IpAddr]) -> IpAddr {
    let peer =
        headers.get_all("spin-client-addr").iter().next_back().and_then(|value| last_address(value.to_str().ok()?));
    let Some(peer) = peer else {
        return IpAddr::from([0, 0, 0, 0]);
    };
    if !trusted_proxies.contains(&peer) {
        return peer;
    }
    let hops = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = hops.flat_map(|line| line.split(',')).map(str::trim).collect();
    for hop in hops.iter().rev() {
        match parse(hop) {
            Some(address) if trusted_proxies.contains(&address) => {}
            Some(address) => return address,
            None => return peer,
        }
    }
    peer
}

fn last_address(value: &str) -> Option<IpAddr> {
    value.rsplit(',').next().and_then(|last| parse(last.trim()))
}

fn parse(text: &str) -> Option<IpAddr> {
    let address = text.parse::<SocketAddr>().map(|socket| socket.ip()).or_else(|_| text.parse::<IpAddr>()).ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
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
        let proxies = [ip("10.0.0.1"), ip("10.0.0.2")];
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
}
