//! The single requests of the comparison, the unhappy ones above all, and what version 1 may answer that the old
//! application answered otherwise.

use super::difference::Difference;
use Difference::{
    Accept, Controls, Doubled, DueDates, Lengths, Limit, Malformed, MediaType, Methods, Numbers, Sanitised, Size,
    UnknownBody, UnknownQuery,
};

/// JSON, as most clients declare it.
pub const JSON: &str = "application/json";

/// The status that version 1 may give instead of the old one, and why.
pub type Allowed = Option<(u16, Difference)>;

/// A request to both.
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// Path and query below the address of the application.
    pub path: String,
    /// The media type and the body.
    pub body: Option<(&'static str, String)>,
    /// What the client accepts.
    pub accept: &'static str,
    /// The only other status that version 1 may give.
    pub allowed: Allowed,
}

impl Request {
    /// A read that both answer alike.
    pub fn get(path: &str) -> Self {
        Self::read(path, None)
    }

    fn read(path: &str, allowed: Allowed) -> Self {
        Self { method: "GET", path: path.to_owned(), body: None, accept: JSON, allowed }
    }

    fn post(media: &'static str, body: &str, allowed: Allowed) -> Self {
        Self { body: Some((media, body.to_owned())), method: "POST", ..Self::read("/todos", allowed) }
    }

    /// Whether it asks for a page.
    pub fn is_list(&self) -> bool {
        self.path.starts_with("/todos?") || self.path.starts_with("/todos/?")
    }
}

/// Reads. `highest`: the highest id there is.
pub fn reads(highest: i64) -> Vec<Request> {
    let get = Request::read;
    let mut all =
        vec![get(&format!("/todos/{}", highest + 1_000_000), None), get(&format!("/todos/{}", i64::MAX), None)];
    for id in ["0", "-1", "abc", "1.5", "9223372036854775808", "%00"] {
        all.push(get(&format!("/todos/{id}"), Some((400, Malformed))));
    }
    for spelling in [format!("+{highest}"), format!("{highest}.0"), format!("0{highest}"), format!("%20{highest}")] {
        all.push(get(&format!("/todos/{spelling}"), Some((400, Numbers))));
    }
    for query in ["limit=+2", "limit=2.0", "limit=%2B2", "skip=1.0", "skip=%2B1"] {
        all.push(get(&format!("/todos?{query}"), Some((400, Numbers))));
    }
    all.push(get("/todos?limit=02", None));
    for query in ["limit=abc", "limit=", "limit=-1", "skip=-1", "skip=abc", "skip=", "skip=9223372036854775808"] {
        all.push(get(&format!("/todos?{query}"), Some((400, Malformed))));
    }
    for limit in [0, 101, 1000] {
        all.push(get(&format!("/todos?limit={limit}"), Some((400, Limit))));
    }
    for query in ["limit=2&limit=1", "skip=1&skip=2"] {
        all.push(get(&format!("/todos?{query}"), Some((400, Doubled))));
    }
    for query in
        ["status=done", "status=PENDING", "priority=immediate", "status=", "priority=", "surprise=1", "status=%FF"]
    {
        all.push(get(&format!("/todos?{query}"), Some((400, UnknownQuery))));
    }
    all.push(get(&format!("/todos/{highest}?surprise=1"), Some((400, UnknownQuery))));
    all.push(get("/todos/stats?surprise=1", Some((400, UnknownQuery))));
    for path in ["/todos?status=%00", "/todos/?limit=2", "/todos/stats/", "/no-such-path"] {
        all.push(get(path, None));
    }
    for method in ["PUT", "DELETE"] {
        all.push(Request { method, ..Request::get("/todos") });
    }
    all.push(Request { accept: "text/html", ..get("/todos/stats", Some((406, Accept))) });
    all.push(Request { accept: "text/html, */*;q=0.8", ..get("/todos/stats", None) });
    all.push(Request { method: "HEAD", allowed: Some((200, Methods)), ..Request::get("/todos/stats") });
    all
}

/// Bodies of a todo, as JSON or nearly so, that both answer alike.
const BODIES: [&str; 27] = [
    r#"{"title":"Compared"}"#,
    r#"{"title":"Compared","description":"Both","priority":"high","due_date":"2030-01-01T12:00:00+02:00"}"#,
    r#"{"title":"Compared","due_date":"2030-01-01t12:00:00.123456789z"}"#,
    r#"{"title":"Compared","description":null,"due_date":null}"#,
    r#"{"title":"Compared","description":"a & b\r\nc"}"#,
    r#"{"title":"Compared","description":"   "}"#,
    r#"{"title":"Compared","status":"completed","completed":true,"tags":["compared"]}"#,
    r#"{"title":"  Compared  "}"#,
    r#"{"title":"this & that"}"#,
    r#"{"title":"<b>Compared</b> & <i>cleaned</i>"}"#,
    r#"{"title":"Ünïcode 日本語 🎉"}"#,
    r#"{"title":"e\u0301"}"#,
    "{}",
    "[]",
    "null",
    r#""text""#,
    r#"{"title":""}"#,
    r#"{"title":null}"#,
    r#"{"title":5}"#,
    r#"{"title":"\ud800"}"#,
    r#"{"title":"Compared","description":5}"#,
    r#"{"title":"Compared","priority":5}"#,
    r#"{"title":"Compared","priority":null}"#,
    r#"{"title":"Compared","due_date":"soon"}"#,
    r#"{"title":"Compared","due_date":""}"#,
    r#"{"title":"Compared","due_date":"2016-12-31T23:59:60Z"}"#,
    r#"{"title":"Compared","due_date":true}"#,
];

/// Due dates that version 1 may refuse.
const OLD_DUE_DATES: [&str; 10] = [
    "1969-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "2030-01-01T12:00:00",
    "2030-01-01",
    "1893456000",
    "2030-01-01T12:00Z",
    "2030-01-01 12:00:00Z",
    "2030-01-01_12:00:00Z",
    "2030-01-01T12:00:00+0200",
    "2030-01-01T12:00:00,5Z",
];

/// Media types that version 1 may refuse.
const OLD_MEDIA: [&str; 5] = [
    "text/plain",
    "text/json",
    "application/x-www-form-urlencoded",
    "application/x+json",
    "application/json; charset=latin1",
];

/// Attempts to write, most of which both refuse.
pub fn writes(highest: i64) -> Vec<Request> {
    let post = Request::post;
    let titled = |title: &str| format!(r#"{{"title":"{title}"}}"#);
    let described = |text: &str| format!(r#"{{"title":"Compared","description":"{text}"}}"#);
    let due = |text: &str| format!(r#"{{"title":"Compared","due_date":"{text}"}}"#);
    let [long, clean] = [201, 198].map(|letters| "x".repeat(letters));
    let mut all = vec![
        post(JSON, &titled(&long), None),
        post(JSON, &titled(&"🎉".repeat(200)), None),
        post(JSON, &titled(&format!("<b>{clean}</b>")), Some((201, Lengths))),
        post(JSON, &titled(&format!("   {clean}")), Some((201, Lengths))),
        post(JSON, &described(&"x".repeat(10_001)), Some((422, Lengths))),
        post(JSON, &described(&"&".repeat(9_990)), Some((422, Lengths))),
        post(JSON, &format!(r#"{{"title":"Compared","x":"{}"}}"#, "x".repeat(1 << 20)), Some((413, Size))),
    ];
    for body in
        ["{", "", r#"{"title":"Compared"}x"#, r#"{"title":"Compared","x":NaN}"#, "\u{feff}{\"title\":\"Compared\"}"]
    {
        all.push(post(JSON, body, Some((400, Malformed))));
    }
    for body in BODIES {
        all.push(post(JSON, body, None));
    }
    for title in [r"Compared\u0000", r"Compared\u0001", r"Com\tpared", r"Com\npared"] {
        all.push(post(JSON, &titled(title), Some((422, Controls))));
    }
    all.push(post(JSON, &described(r"Compared\u0001"), Some((422, Controls))));
    for text in OLD_DUE_DATES {
        all.push(post(JSON, &due(text), Some((422, DueDates))));
    }
    all.push(post(JSON, r#"{"title":"Compared","due_date":1893456000}"#, Some((422, DueDates))));
    all.push(post(JSON, r#"{"title":"First","title":"Last"}"#, Some((422, Doubled))));
    for more in
        [r#""priority":"immediate""#, r#""priority":"High""#, r#""priority":"""#, r#""surprise":1"#, r#""id":5"#]
    {
        all.push(post(JSON, &format!(r#"{{"title":"Compared",{more}}}"#), Some((422, UnknownBody))));
    }
    for body in [r#"{"title":"   "}"#, r#"{"title":"<b></b>"}"#, r#"{"title":"a <b"}"#] {
        all.push(post(JSON, body, Some((422, Sanitised))));
    }
    for media in OLD_MEDIA {
        all.push(post(media, r#"{"title":"Compared"}"#, Some((415, MediaType))));
    }
    all.push(post("application/json;charset=utf-8", r#"{"title":"Compared"}"#, None));
    all.push(Request { path: "/todos/".to_owned(), ..post(JSON, r#"{"title":"Compared"}"#, None) });
    for method in ["PUT", "PATCH", "DELETE"] {
        let path = format!("/todos/{}", highest + 1_000_000);
        let body = (method != "DELETE").then(|| (JSON, r#"{"title":"Compared"}"#.to_owned()));
        all.push(Request { method, body, ..Request::read(&path, Some((404, Methods))) });
    }
    all
}
