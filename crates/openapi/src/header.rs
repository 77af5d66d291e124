//! The header fields of responses.

use serde_json::{Map, Value, json};
use todo_api::route::Version;

/// A reference to a described field.
pub fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{name}")})
}

/// What every answer may carry.
pub fn of_every_answer(version: Version) -> Map<String, Value> {
    let mut names = vec!["X-Request-Id", "RateLimit", "RateLimit-Policy", "Access-Control-Allow-Origin"];
    if version == Version::V1 {
        names.extend(["Deprecation", "Sunset", "Link"]);
    }
    names.into_iter().map(|name| (name.to_owned(), reference(name))).collect()
}

/// Every field that a response of the version names.
#[expect(clippy::too_many_lines, reason = "one table: a row for each header")]
pub fn all(version: Version) -> Map<String, Value> {
    let text = |description: &str, longest: usize, pattern: &str, example: &str| {
        json!({
            "description": description,
            "schema": {"type": "string", "maxLength": longest, "pattern": pattern, "examples": [example]},
        })
    };
    let link = match version {
        Version::V1 => "The migration guide and the successor in version 2 (RFC 8288).",
        Version::V2 => "The next page, `rel=\"next\"` (RFC 8288), if there is one.",
    };
    let link_example = match version {
        Version::V1 => "</api/v2/todos>; rel=\"successor-version\"",
        Version::V2 => "</api/v2/todos?limit=50&cursor=AQ>; rel=\"next\"",
    };
    let mut all = Map::new();
    let mut put = |name: &str, header: Value| drop(all.insert(name.to_owned(), header));
    put(
        "X-Request-Id",
        text("The request's id: the client's, if it sent a sane one.", 128, "^[A-Za-z0-9._:-]{1,128}$", "order-4711"),
    );
    put(
        "RateLimit",
        text(
            "What is left of each limit that applies: requests and seconds. Absent where no limit applies.",
            200,
            r#"^"[a-z_]+";r=\d+;t=\d+(, "[a-z_]+";r=\d+;t=\d+)*$"#,
            "\"default\";r=99;t=1",
        ),
    );
    put(
        "RateLimit-Policy",
        text(
            "Each limit that applies: requests and the seconds they are counted over. Absent where no limit applies.",
            200,
            r#"^"[a-z_]+";q=\d+;w=\d+(, "[a-z_]+";q=\d+;w=\d+)*$"#,
            "\"default\";q=100;w=60",
        ),
    );
    put(
        "Access-Control-Allow-Origin",
        text("The origin that may read the answer in a browser, where the service allows any.", 300, "^[!-~]+$", "*"),
    );
    put(
        "ETag",
        text(
            "Names this state of the answer. The gzip form ends in `-gzip`; conditions accept either.",
            100,
            r#"^"[0-9a-f-]+(-gzip)?"$"#,
            "\"3-0123456789abcdef0123456789abcdef\"",
        ),
    );
    put("X-Cache", text("Where the answer comes from.", 10, "^(HIT|MISS|BYPASS)$", "HIT"));
    put(
        "Location",
        text(
            "Where it is found.",
            200,
            "^/api/v[12]/[a-z]+/[0-9a-f-]+$",
            match version {
                Version::V1 => "/api/v1/todos/7",
                Version::V2 => "/api/v2/todos/0190163d-8694-739b-aea5-966c26f8ad91",
            },
        ),
    );
    put(
        "Idempotent-Replayed",
        text("Present when the answer is that of an earlier request with the same key.", 4, "^true$", "true"),
    );
    put(
        "Retry-After",
        json!({
            "description": "Seconds to wait before the next attempt.",
            "schema": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 86_400, "examples": [1]},
        }),
    );
    put("WWW-Authenticate", text("How to authenticate (RFC 6750).", 200, "^Bearer .+$", "Bearer realm=\"todo\""));
    put("Accept", text("What is read instead.", 100, "^[ -~]+$", "application/json"));
    put("Link", text(link, 8192, "^<.+$", link_example));
    if version == Version::V1 {
        put("Deprecation", text("Since when the version is deprecated (RFC 9745).", 20, r"^@\d+$", "@1795392000"));
        put("Sunset", text("When the version ends (RFC 8594).", 29, "^[ -~]{29}$", "Tue, 23 Nov 2027 00:00:00 GMT"));
    } else {
        put(
            "Content-Disposition",
            text(
                "Suggests a file name.",
                100,
                "^attachment; filename=\"[a-z.]+\"$",
                "attachment; filename=\"todos.csv\"",
            ),
        );
    }
    all
}
