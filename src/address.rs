//! Other spellings of an address, turned into the one that the router knows, before anything looks at the path. So
//! routing, rate limits, cache keys, metrics and deprecation headers see one address, whatever its spelling.
//!
//! A redirect would do less: clients' libraries repeat a redirected POST as a GET (301, 302) or not at all (307, 308,
//! which curl and Python's urllib do not follow for a POST), and drop `Authorization` where the host seems to change.

use axum::body::Body;
use http::Request;
use http::uri::{PathAndQuery, Uri};

/// Where the application that this service replaces had its todos, and all that is below them.
pub const REPLACED: &str = "/todos";
/// Where version 1 has them.
pub const REPLACING: &str = "/api/v1/todos";

/// The address that the client wrote, in the extensions of a request whose address was another one.
#[derive(Debug, Clone)]
pub struct WrittenUri(pub Uri);

/// Gives the request its usual address. The query is kept as it is.
pub fn normalise(mut request: Request<Body>, unversioned: bool) -> Request<Body> {
    let uri = request.uri();
    let Some(path) = usual(uri.path(), unversioned) else {
        return request;
    };
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(target).ok();
    // What was a path stays one without its end and with another beginning; if not, the router answers for what was
    // written.
    if let Ok(usual) = Uri::from_parts(parts) {
        let written = WrittenUri(std::mem::replace(request.uri_mut(), usual));
        request.extensions_mut().insert(written);
    }
    request
}

/// The usual spelling of a path; `None` if that is how it is written. `unversioned`: the addresses of the application
/// that this service replaced are those of version 1.
fn usual(path: &str, unversioned: bool) -> Option<String> {
    let trimmed = path.trim_end_matches('/');
    let below = trimmed.strip_prefix(REPLACED).filter(|below| below.is_empty() || below.starts_with('/'));
    match (below.filter(|_| unversioned), trimmed) {
        (Some(below), _) => Some(format!("{REPLACING}{below}")),
        (None, "") if path == "/" => None,
        (None, "") => Some("/".to_owned()),
        (None, trimmed) => (trimmed.len() < path.len()).then(|| trimmed.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(written: &str, unversioned: bool) -> String {
        let request = Request::get(written).body(Body::empty()).unwrap();
        let request = normalise(request, unversioned);
        let told = request.extensions().get::<WrittenUri>().map(|written| written.0.to_string());
        assert_eq!(told.is_some(), request.uri() != written, "{written}");
        assert!(told.is_none_or(|told| told == written), "{written}");
        request.uri().to_string()
    }

    #[test]
    fn a_trailing_slash_makes_no_difference() {
        for (written, usual) in [
            ("/", "/"),
            ("//", "/"),
            ("/health/", "/health"),
            ("/api/v2/todos/", "/api/v2/todos"),
            ("/api/v2/todos//?a=/&b=%2F", "/api/v2/todos?a=/&b=%2F"),
            ("/api/v2//todos", "/api/v2//todos"),
            ("http://host:3000/api/v1/todos/7/?x", "http://host:3000/api/v1/todos/7?x"),
        ] {
            assert_eq!(address(written, true), usual);
            assert_eq!(address(written, false), usual);
        }
    }

    #[test]
    fn addresses_without_a_version_are_those_of_version_1() {
        for (written, usual) in [
            ("/todos", "/api/v1/todos"),
            ("/todos/?skip=1&limit=2", "/api/v1/todos?skip=1&limit=2"),
            ("/todos/7/", "/api/v1/todos/7"),
            ("/todosx", "/todosx"),
            ("/x/todos", "/x/todos"),
        ] {
            assert_eq!(address(written, true), usual);
        }
        assert_eq!(address("/todos/7/?a", false), "/todos/7?a");
        assert_eq!(address("/todos/7", false), "/todos/7");
    }
}
