//! The single requests of the comparison, the unhappy ones above all, and what version 1 may refuse that the old application
//! accepted.

use super::difference::Difference;
use Difference::{Limit, Malformed, MediaType, Sanitised, UnknownBody, UnknownQuery};

/// JSON, as most clients declare it.
pub const JSON: &str = "application/json";

/// A request to both.
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// Path and query below the address of the application.
    pub path: String,
    /// The media type and the body.
    pub body: Option<(&'static str, String)>,
    /// The difference if version 1 refuses what the old application accepted.
    pub refused: Option<Difference>,
}

/// Reads. `highest`: the highest id there is.
pub fn reads(highest: i64) -> Vec<Request> {
    let get = |path: String, refused| Request { method: "GET", path, body: None, refused };
    let mut all = Vec::new();
    for id in [highest + 1_000_000, 0, -1, i64::MAX] {
        all.push(get(format!("/todos/{id}"), None));
    }
    for id in ["abc", "1.5", "9223372036854775808", "%00"] {
        all.push(get(format!("/todos/{id}"), None));
    }
    for query in ["limit=abc", "limit=-1", "skip=-1", "skip=abc", "skip=9223372036854775808"] {
        all.push(get(format!("/todos?{query}"), None));
    }
    for limit in [0, 101, 1000] {
        all.push(get(format!("/todos?limit={limit}"), Some(Limit)));
    }
    for query in ["status=done", "priority=immediate", "status=", "surprise=1", "status=%00"] {
        all.push(get(format!("/todos?{query}"), Some(UnknownQuery)));
    }
    for path in ["/todos/?limit=2", "/todos/stats/", "/no-such-path"] {
        all.push(get(path.to_owned(), None));
    }
    for method in ["PUT", "DELETE"] {
        all.push(Request { method, ..get("/todos".to_owned(), None) });
    }
    all
}

/// Attempts to write, most of which both refuse.
pub fn writes() -> Vec<Request> {
    let post = |media: &'static str, body: &str, refused| Request {
        method: "POST",
        path: "/todos".to_owned(),
        body: Some((media, body.to_owned())),
        refused,
    };
    let long = format!(r#"{{"title":"{}"}}"#, "x".repeat(201));
    let mut all = vec![post(JSON, &long, None), post(JSON, "{", Some(Malformed)), post(JSON, "", Some(Malformed))];
    for body in [
        r#"{"title":"Compared"}"#,
        r#"{"title":"Compared","description":"Both","priority":"high","due_date":"2030-01-01T12:00:00+02:00"}"#,
        r#"{"title":"Compared","description":null,"due_date":null}"#,
        r#"{"title":"  Compared  "}"#,
        r#"{"title":"<b>Compared</b> & <i>cleaned</i>"}"#,
        r#"{"title":"Ünïcode 日本語 🎉"}"#,
        "{}",
        "[]",
        "null",
        r#""text""#,
        r#"{"title":""}"#,
        r#"{"title":null}"#,
        r#"{"title":5}"#,
        r#"{"title":"Compared","description":5}"#,
        r#"{"title":"Compared","priority":5}"#,
        r#"{"title":"Compared","priority":null}"#,
        r#"{"title":"Compared","due_date":"soon"}"#,
        r#"{"title":"Compared\u0000"}"#,
    ] {
        all.push(post(JSON, body, None));
    }
    for body in [
        r#"{"title":"Compared","priority":"immediate"}"#,
        r#"{"title":"Compared","surprise":1}"#,
        r#"{"title":"Compared","due_date":"2030-01-01T12:00:00"}"#,
        r#"{"title":"Compared","due_date":"2030-01-01"}"#,
        r#"{"title":"Compared","due_date":1893456000}"#,
    ] {
        all.push(post(JSON, body, Some(UnknownBody)));
    }
    for body in [r#"{"title":"   "}"#, r#"{"title":"<b></b>"}"#, r#"{"title":"a <b"}"#] {
        all.push(post(JSON, body, Some(Sanitised)));
    }
    all.push(post("text/plain", r#"{"title":"Compared"}"#, Some(MediaType)));
    all
}
