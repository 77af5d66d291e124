//! One request in, one response out: the whole of the component's behaviour, without the sandbox around it.

use crate::{
    assets::{self, Asset},
    settings::DocsSettings,
};
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use std::io::Read;

/// What a page may load: files of this origin, and nothing inline. Swagger UI draws its icons from `data:` images.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' \
    data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Answers a request by its method, path and headers.
pub fn respond(method: &Method, path: &str, headers: &HeaderMap, settings: DocsSettings) -> Response<Full<Bytes>> {
    let asset = match path.strip_suffix('/').unwrap_or(path) {
        _ if !settings.enabled => None,
        path if path.starts_with(':') => None,
        path => assets::find(path),
    };
    let mut response = match (asset, method) {
        (None, _) if !settings.enabled => bare(StatusCode::NOT_FOUND),
        (None, _) => error(StatusCode::NOT_FOUND, ":not-found", headers),
        (Some(asset), &Method::GET | &Method::HEAD) => conditional(asset, headers),
        (Some(_), &Method::OPTIONS) => allow(bare(StatusCode::NO_CONTENT)),
        (Some(_), _) => allow(error(StatusCode::METHOD_NOT_ALLOWED, ":method-not-allowed", headers)),
    };
    if method == Method::HEAD {
        *response.body_mut() = Full::default();
    }
    secure(response.headers_mut(), settings);
    response
}

/// The asset, or 304 if the client has it.
fn conditional(asset: &Asset, headers: &HeaderMap) -> Response<Full<Bytes>> {
    let gzip = accepts_gzip(headers);
    let mut response =
        if is_current(asset, headers) { bare(StatusCode::NOT_MODIFIED) } else { full(StatusCode::OK, asset, gzip) };
    let lifetime = if asset.immutable { "public, max-age=31536000, immutable" } else { "public, no-cache" };
    set(response.headers_mut(), header::CACHE_CONTROL, lifetime);
    set(response.headers_mut(), header::ETAG, &tag(asset, gzip));
    response
}

fn error(status: StatusCode, page: &str, headers: &HeaderMap) -> Response<Full<Bytes>> {
    let mut response = match assets::find(page) {
        Some(asset) => full(status, asset, accepts_gzip(headers)),
        None => bare(status),
    };
    set(response.headers_mut(), header::CACHE_CONTROL, "no-store");
    response
}

fn full(status: StatusCode, asset: &Asset, gzip: bool) -> Response<Full<Bytes>> {
    let (body, encoding) = if gzip {
        (Bytes::from_static(asset.gzip), Some("gzip"))
    } else {
        let mut plain = Vec::with_capacity(asset.length);
        match GzDecoder::new(asset.gzip).read_to_end(&mut plain) {
            Ok(_) => (Bytes::from(plain), None),
            // Cannot happen with bytes that the build has compressed; if it does, they are still good as they are.
            Err(_) => (Bytes::from_static(asset.gzip), Some("gzip")),
        }
    };
    let mut response = bare(status);
    set(response.headers_mut(), header::CONTENT_TYPE, asset.media_type);
    set(response.headers_mut(), header::CONTENT_LENGTH, &body.len().to_string());
    if let Some(encoding) = encoding {
        set(response.headers_mut(), header::CONTENT_ENCODING, encoding);
    }
    *response.body_mut() = Full::new(body);
    response
}

fn bare(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn allow(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    set(response.headers_mut(), header::ALLOW, "GET, HEAD, OPTIONS");
    response
}

fn secure(headers: &mut HeaderMap, settings: DocsSettings) {
    set(headers, header::VARY, "Accept-Encoding");
    set(headers, header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::X_FRAME_OPTIONS, "DENY");
    set(headers, header::REFERRER_POLICY, "no-referrer");
    set(headers, header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(headers, header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(headers, header::HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()");
    if settings.hsts {
        set(headers, header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains");
    }
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// A strong tag per representation, as the API gives them: the compressed one's ends in `-gzip`.
fn tag(asset: &Asset, gzip: bool) -> String {
    format!("\"{}{}\"", asset.digest, if gzip { "-gzip" } else { "" })
}

/// Whether `If-None-Match` names either representation (RFC 9110, section 13.1.2).
fn is_current(asset: &Asset, headers: &HeaderMap) -> bool {
    elements(headers, header::IF_NONE_MATCH).any(|element| {
        let element = element.strip_prefix("W/").unwrap_or(element);
        element == "*" || element == tag(asset, false) || element == tag(asset, true)
    })
}

/// Whether `Accept-Encoding` takes gzip (RFC 9110, section 12.5.3). What names gzip outweighs `*`.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut any = false;
    for element in elements(headers, header::ACCEPT_ENCODING) {
        let (coding, parameters) = element.split_once(';').unwrap_or((element, ""));
        let refused = parameters
            .split(';')
            .filter_map(|parameter| parameter.trim().strip_prefix("q="))
            .any(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight == 0.0));
        match coding.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => return !refused,
            "*" => any = !refused,
            _ => {}
        }
    }
    any
}

/// The elements of a list header, over all its lines.
fn elements(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).map(str::trim)
}

#[cfg(test)]
#[path = "respond_tests.rs"]
mod tests;
