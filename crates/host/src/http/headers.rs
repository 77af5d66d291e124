//! The headers a component receives: the client's, then what the host knows, in Spin's words.
//!
//! This version of wasmtime keeps `host`, `transfer-encoding` and `upgrade` from the guest; Spin 4.1, on the version
//! before, passes them on. A component must do with either: the authority is in the request's URI as well.

use std::net::SocketAddr;

use anyhow::Context;
use http::header::{CONNECTION, HOST};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};

use crate::router::Match;

/// The domain of calls between components.
const INTERNAL_DOMAIN: &str = "spin.internal";

/// Removes what only concerns the transport, and a `Host` that names a component.
pub(super) fn strip(headers: &mut HeaderMap) {
    let internal =
        headers.get(HOST).and_then(|host| host.to_str().ok()).is_some_and(|host| internal_target(host).is_some());
    if internal {
        headers.remove(HOST);
    }
    headers.remove(CONNECTION);
}

/// The component that an authority such as `worker.spin.internal` names.
pub(super) fn internal_target(authority: &str) -> Option<&str> {
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let (component, domain) = host.trim().split_once('.')?;
    (domain == INTERNAL_DOMAIN).then_some(component)
}

/// Makes the request's URI absolute; `Host` and the URI's authority must agree. CONNECT has no path and is refused.
pub(super) fn absolute_uri<B>(request: &mut Request<B>, scheme: Scheme) -> anyhow::Result<()> {
    let host = match request.headers().get(HOST) {
        Some(host) => {
            let host = host.to_str().context("'Host' header is not valid UTF-8")?;
            Some(host.parse::<Authority>().context("'Host' header contains an invalid authority")?)
        }
        None => None,
    };
    let mut parts = request.uri().clone().into_parts();
    if let (Some(host), Some(authority)) = (&host, &parts.authority) {
        anyhow::ensure!(host == authority, "authority in 'Host' header does not match authority in URI");
    }
    parts.authority = Some(host.or(parts.authority).context("no 'Host' header present in request")?);
    parts.scheme = Some(scheme);
    *request.uri_mut() = Uri::from_parts(parts)?;
    Ok(())
}

/// Appends the `spin-*` headers. What the client sent under these names stays before ours: read the last.
///
/// A header that is not UTF-8 is an error, for Spin reads all of them as text.
pub(super) fn append(request: &mut Request<impl Sized>, matched: &Match<'_>, client: SocketAddr) -> anyhow::Result<()> {
    for (name, value) in request.headers() {
        std::str::from_utf8(value.as_bytes()).with_context(|| format!("the header `{name}` is not UTF-8"))?;
    }
    let uri = request.uri();
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let full_url = format!("{}://{host}{path}", uri.scheme_str().unwrap_or("http"));
    let client = client.to_string();
    let fixed = [
        ("spin-path-info", matched.trailing.as_str()),
        ("spin-full-url", &full_url),
        ("spin-matched-route", &matched.route.raw),
        ("spin-base-path", "/"),
        ("spin-raw-component-route", &matched.route.raw),
        ("spin-component-route", matched.route.prefix()),
        ("spin-client-addr", &client),
    ]
    .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value)));
    let headers = request.headers_mut();
    for (name, value) in fixed {
        headers.append(name, value?);
    }
    for (name, value) in &matched.named {
        let name = format!("spin-path-match-{}", name.to_ascii_lowercase().replace('_', "-"));
        headers.append(name.parse::<HeaderName>()?, HeaderValue::from_str(value)?);
    }
    Ok(())
}
