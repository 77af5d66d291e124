//! `Accept`: the API speaks JSON; whoever accepts only something else hears 406.

use axum::extract::Request;
use http::{HeaderMap, Method, StatusCode, header};

use crate::error::Failure;

/// What is said to a request that cannot be satisfied. Exports have other types and choose among them by themselves. An assistant's
/// client asks for a stream of events by GET, and goes on without one if it hears that there is no such method.
pub fn unacceptable(request: &Request) -> Option<Failure> {
    let path = request.uri().path();
    let export = path.ends_with("/export");
    let stream = path == "/mcp" && request.method() == Method::GET;
    if export || stream || accepts(request.headers(), &["application/json", "application/problem+json"]) {
        return None;
    }
    Some(Failure::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", "only application/json can be had here"))
}

/// True if one of the media types is acceptable (RFC 9110, 12.5.1). No header accepts everything.
pub fn accepts(headers: &HeaderMap, types: &[&str]) -> bool {
    types.iter().any(|media_type| quality(headers, media_type) > 0.0)
}

/// The one of `choices` whose media type is preferred, the first of equals; `None` where none is acceptable.
pub fn most_acceptable<T: Copy, const N: usize>(
    headers: &HeaderMap,
    choices: [T; N],
    media_type: impl Fn(T) -> &'static str,
) -> Option<T> {
    let mut best = (0.0, None);
    for choice in choices {
        let quality = quality(headers, media_type(choice));
        if quality > best.0 {
            best = (quality, Some(choice));
        }
    }
    best.1
}

/// True if a range names just this media type, whatever its weight: browsers so ask for HTML, other clients for anything.
pub fn names(headers: &HeaderMap, media_type: &str) -> bool {
    ranges(headers).filter_map(|range| weight(range, media_type)).any(|(specificity, _)| specificity == EXACT)
}

/// How welcome a media type is, from 0 (refused) to 1.
fn quality(headers: &HeaderMap, media_type: &str) -> f32 {
    if lines(headers).all(|line| line.trim().is_empty()) {
        return 1.0;
    }
    // The most specific range decides about a type, so that `application/json;q=0, */*` refuses JSON.
    let matching = ranges(headers).filter_map(|range| weight(range, media_type));
    matching.max_by_key(|(specificity, _)| *specificity).map_or(0.0, |(_, weight)| weight)
}

/// The media ranges of all `Accept` lines.
fn ranges(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    lines(headers).flat_map(|line| line.split(','))
}

fn lines(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok())
}

/// The specificity of a range that is one media type.
const EXACT: u8 = 2;

/// How specifically a range names the type, and its weight.
fn weight(range: &str, media_type: &str) -> Option<(u8, f32)> {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let main = media_type.split('/').next().unwrap_or_default();
    let specificity = match name.as_str() {
        "*/*" => 0,
        name if name == media_type => EXACT,
        name if name.strip_suffix("/*") == Some(main) => 1,
        _ => return None,
    };
    let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse().ok()).unwrap_or(1.0);
    Some((specificity, weight))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_most_specific_range_decides() {
        let json = |value: &'static str| {
            accepts(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))]), &["application/json"])
        };
        assert!(json("*/*") && json("text/html, application/*;q=0.1") && json("application/json") && json(""));
        assert!(!json("text/html") && !json("application/json;q=0, */*") && !json("*/*;q=0"));
        assert!(accepts(&HeaderMap::new(), &["application/json"]));
    }
}
