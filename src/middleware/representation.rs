//! The representation of an answer: identity or gzip, whole or 304.

use std::io::{Read, Write};

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::document::{Document, GZIP_FROM};
use crate::extract::conditional::EntityTags;
use crate::extract::negotiation::weight;

/// Writes a [`Document`] out. Of the answers that carry none, whole ones (failures, metrics) are compressed where that
/// pays; streams pass.
pub async fn choose(request: Request, answer: impl AsyncFnOnce(Request) -> Response) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    let gzip = accepts_gzip(request.headers());
    let unless = EntityTags::parse(request.headers(), header::IF_NONE_MATCH);
    let mut response = answer(request).await;
    let Some(document) = response.extensions_mut().remove::<Document>() else {
        return whole(response, gzip).await;
    };
    let large = document.body.len() >= GZIP_FROM;
    let body = match document.gzip {
        Some(stored) if gzip => Some(stored),
        None if gzip && large => compress(&document.body),
        _ => None,
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Authorization, Accept-Encoding, Origin"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    if let Some(etag) = &document.etag {
        let suffix = if body.is_some() { "-gzip" } else { "" };
        if let Ok(value) = HeaderValue::try_from(format!("\"{etag}{suffix}\"")) {
            headers.insert(header::ETAG, value);
        }
        if safe && document.status == StatusCode::OK && unless.is_some_and(|tags| tags.matches(etag)) {
            headers.remove(header::CONTENT_TYPE);
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
    }
    if body.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    *response.body_mut() = Body::from(body.unwrap_or(document.body));
    response
}

/// Takes away the length that axum gives to an answer without a body: a 204 must have none, and that of a 304 is the
/// length of the answer that it stands for (RFC 9110, 8.6).
pub fn without_false_length(mut response: Response) -> Response {
    if matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    response
}

/// Compresses a body that is there already and large enough. A stream has no exact size and is left alone.
async fn whole(mut response: Response, gzip: bool) -> Response {
    let large = response.body().size_hint().exact().is_some_and(|bytes| bytes >= GZIP_FROM as u64);
    if !large || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if !gzip {
        return response;
    }
    // A body of known size that is in memory does not fail.
    let body = to_bytes(std::mem::take(response.body_mut()), usize::MAX).await.unwrap_or_default();
    match compress(&body) {
        Some(packed) => {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            *response.body_mut() = Body::from(packed);
        }
        None => *response.body_mut() = Body::from(body),
    }
    response
}

/// The gzip form. `None` cannot happen: writing into memory does not fail; if it did, identity is right too.
pub fn compress(body: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// The gzip form of a document of `openapi/`, which the build script has made.
macro_rules! packed {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz"))
    };
}
pub(crate) use packed;

/// The identity form of what was packed when the component was built. Empty cannot happen: that is whole.
pub fn unpack(packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let _ = GzDecoder::new(packed).read_to_end(&mut plain);
    plain
}

/// True unless `Accept-Encoding` leaves gzip out or gives it the weight zero (RFC 9110, 12.5.3).
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let mut any = None;
    for coding in lines.flat_map(|line| line.split(',')) {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = weight(parts);
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            return weight > 0.0;
        }
        if name == "*" {
            any = Some(weight > 0.0);
        }
    }
    any.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_only_when_accepted() {
        let accepts = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            accepts_gzip(&headers)
        };
        assert!(accepts("gzip") && accepts("br, GZIP;q=0.5") && accepts("*") && accepts("deflate, gzip;q=1.0, *;q=0"));
        for refused in ["br", "gzip;q=0", "gzip;Q=0", "*;q=0", "identity", ""] {
            assert!(!accepts(refused), "{refused}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
