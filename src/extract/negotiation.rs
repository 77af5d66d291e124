//! `Accept`: the API answers in JSON; a client that accepts only other types gets 406.

use std::borrow::Cow;

use axum::extract::Request;
use http::{HeaderMap, Method, StatusCode, header};

use crate::error::Problem;
use crate::route::{Matched, Media};

/// What is said to a request that cannot be satisfied. Handlers with other types choose among them by themselves. An
/// assistant's client asks for a stream of events by GET, and goes on without one if it hears that there is no such
/// method.
pub fn unacceptable(request: &Request) -> Option<Problem> {
    let free = match Matched::of(request.extensions()).media() {
        Media::Json => false,
        Media::JsonWithoutStream => request.method() == Method::GET,
        Media::Chosen(_) => true,
    };
    if free || accepts(request.headers(), &["application/json", "application/problem+json"]) {
        return None;
    }
    Some(Problem::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", "only application/json can be had here"))
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

/// True if a range names just this media type, whatever its weight: browsers so ask for HTML, other clients for
/// anything.
pub fn names(headers: &HeaderMap, media_type: &str) -> bool {
    let lines = lines(headers);
    ranges(&lines).filter_map(|range| matching(range, media_type)).any(|(specificity, _)| specificity == EXACT)
}

/// How welcome a media type is, from 0 (refused) to 1.
fn quality(headers: &HeaderMap, media_type: &str) -> f32 {
    let lines = lines(headers);
    if lines.iter().all(|line| line.trim().is_empty()) {
        return 1.0;
    }
    // The most specific range decides about a type, so that `application/json;q=0, */*` refuses JSON.
    let matching = ranges(&lines).filter_map(|range| matching(range, media_type));
    matching.max_by_key(|(specificity, _)| *specificity).map_or(0.0, |(_, weight)| weight)
}

/// All `Accept` lines. One that is not ASCII names something, too, though nothing of ours.
fn lines(headers: &HeaderMap) -> Vec<Cow<'_, str>> {
    headers.get_all(header::ACCEPT).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect()
}

/// The media ranges of lines.
fn ranges<'a>(lines: &'a [Cow<'_, str>]) -> impl Iterator<Item = &'a str> {
    lines.iter().flat_map(|line| line.split(','))
}

/// The specificity of a range that is one media type.
const EXACT: u8 = 2;

/// How specifically a range names the type, and its weight.
fn matching(range: &str, media_type: &str) -> Option<(u8, f32)> {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let main = media_type.split('/').next().unwrap_or_default();
    let specificity = match name.as_str() {
        "*/*" => 0,
        name if name == media_type => EXACT,
        name if name.strip_suffix("/*") == Some(main) => 1,
        _ => return None,
    };
    Some((specificity, weight(parts)))
}

/// The weight among trimmed parameters, 1 where there is none (RFC 9110, 12.4.2).
pub fn weight<'a>(mut parameters: impl Iterator<Item = &'a str>) -> f32 {
    let named = parameters.find_map(|parameter| parameter.strip_prefix(['q', 'Q'])?.strip_prefix('='));
    named.and_then(|weight| weight.parse().ok()).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_most_specific_range_decides() {
        let json = |value: &str| {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            accepts(&HeaderMap::from_iter([(header::ACCEPT, value)]), &["application/json"])
        };
        assert!(json("*/*") && json("text/html, application/*;q=0.1") && json("application/json") && json(""));
        assert!(!json("application/json;Q=0") && !json("text/\u{fc}"));
        assert!(!json("text/html") && !json("application/json;q=0, */*") && !json("*/*;q=0"));
        assert!(accepts(&HeaderMap::new(), &["application/json"]));
    }
}
