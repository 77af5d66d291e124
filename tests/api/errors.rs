//! Requests that are refused before their body matters: methods, media types, sizes, paths.

use serde_json::json;

use crate::harness::{Server, Workspace, raw, suite};

suite![
    broken_json_is_malformed,
    a_body_over_one_mebibyte_is_too_large,
    a_chunked_body_over_one_mebibyte_is_too_large,
    a_body_of_exactly_one_mebibyte_is_read,
    other_media_types_are_unsupported,
    a_compressed_body_is_unsupported,
    a_missing_body_is_malformed,
    bad_ids_are_bad_parameters,
    other_methods_are_not_allowed,
    what_cannot_be_delivered_is_not_acceptable,
    head_is_get_without_a_body,
    options_name_the_methods,
    a_long_url_is_refused,
    long_headers_are_refused,
    a_path_is_matched_exactly,
    deep_json_harms_nobody,
    bytes_that_are_not_utf8_are_malformed,
    half_a_body_is_malformed_and_changes_nothing,
    a_body_ends_where_its_length_says,
    a_chunked_body_is_read_whole,
];

async fn broken_json_is_malformed() {
    let ws = Workspace::new().await;
    for wrong in [
        "",
        "{",
        "{\"title\":}",
        "{\"title\":\"x\"",
        "{'title':'x'}",
        "{\"title\":\"x\"} trailing",
        "nul",
        "{\"title\":\"\u{1}\"}",
        "{\"title\":\"\\ud800\"}",
        "[1,]",
        "{\"title\":NaN}",
        "{\"title\":Infinity}",
        "\u{feff}{\"title\":\"x\"}",
        "{\"title\":\"\\udc00\\ud800\"}",
        "{\"title\":\"x\",}",
        "{\"title\":\"x\" /* why */}",
        "{\"\\u0000\":1",
    ] {
        let answer = ws.post("/api/v2/todos").body("application/json", wrong).send().await;
        answer.problem(400, "invalid_json").faults_are(0);
    }
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    ws.patch(&path).body("application/merge-patch+json", "{").send().await.problem(400, "invalid_json");
    ws.put(&path).header("if-match", "*").body("application/json", "{").send().await.problem(400, "invalid_json");
}

/// A body of exactly this many bytes with a description that is far too long.
fn body_of(bytes: usize) -> String {
    let frame = r#"{"title":"x","description":""}"#;
    frame.replace("\"\"", &format!("\"{}\"", "x".repeat(bytes - frame.len())))
}

async fn a_body_over_one_mebibyte_is_too_large() {
    let ws = Workspace::new().await;
    let answer = ws.post("/api/v2/todos").body("application/json", body_of((1 << 20) + 1)).send().await;
    answer.problem(413, "body_too_large");
}

async fn a_chunked_body_over_one_mebibyte_is_too_large() {
    let ws = Workspace::new().await;
    let token = ws.token.clone().unwrap();
    let mut request = format!(
        "POST /api/v2/todos HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for _ in 0..65 {
        request.extend(b"4000\r\n");
        request.extend([b' '; 0x4000]);
        request.extend(b"\r\n");
    }
    request.extend(b"0\r\n\r\n");
    raw::exchange(&ws.server, &request).await.problem(413, "body_too_large");
}

async fn a_body_of_exactly_one_mebibyte_is_read() {
    let ws = Workspace::new().await;
    let answer = ws.post("/api/v2/todos").body("application/json", body_of(1 << 20)).send().await;
    answer.problem(422, "invalid_body").at("/description", "too_long");
}

async fn other_media_types_are_unsupported() {
    let ws = Workspace::new().await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/merge-patch+json",
        "json",
        "",
    ] {
        let answer = ws.post("/api/v2/todos").body(media, r#"{"title":"x"}"#).send().await;
        answer.problem(415, "unsupported_media_type");
    }
    for media in ["text/plain", "application/json-patch+json"] {
        let answer = ws.patch(&path).body(media, r#"{"title":"y"}"#).send().await;
        answer.problem(415, "unsupported_media_type");
    }
    for media in [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/json;charset=UTF-8",
        "application/json; charset=\"utf8\"",
    ] {
        ws.post("/api/v2/todos").body(media, r#"{"title":"x"}"#).send().await.created();
    }
}

async fn a_compressed_body_is_unsupported() {
    let ws = Workspace::new().await;
    let call = ws.post("/api/v2/todos").header("content-encoding", "gzip").body("application/json", &b"\x1f\x8b"[..]);
    call.send().await.problem(415, "unsupported_media_type");
}

async fn a_missing_body_is_malformed() {
    let ws = Workspace::new().await;
    let answer = ws.post("/api/v2/todos").header("content-type", "application/json").send().await;
    answer.problem(400, "invalid_json");
    let answer = ws.post("/api/v2/todos").send().await;
    answer.problem(415, "unsupported_media_type");
}

async fn bad_ids_are_bad_parameters() {
    let ws = Workspace::new().await;
    for wrong in [
        "1",
        "abc",
        "01890a5d-ac96-774b-bcce-b302099a805",
        "01890a5dac96774bbcceb302099a8057",
        "%00",
        "%7Bid%7D",
        "{01890a5d-ac96-774b-bcce-b302099a8057}",
    ] {
        let path = format!("/api/v2/todos/{wrong}");
        ws.get(&path).send().await.problem(400, "invalid_parameter").in_parameter("id");
        ws.delete(&path).send().await.problem(400, "invalid_parameter").in_parameter("id");
        let answer = ws.patch(&path).json(json!({ "title": "x" })).send().await;
        answer.problem(400, "invalid_parameter").in_parameter("id");
    }
    let path = format!("/api/v2/todos/{}?colour=red", ws.titled("x").await);
    ws.get(&path).send().await.problem(400, "invalid_parameter").in_parameter("colour");
}

async fn other_methods_are_not_allowed() {
    let ws = Workspace::new().await;
    for (method, path, allowed) in [
        ("DELETE", "/api/v2/todos", "GET POST"),
        ("PUT", "/api/v2/todos", "GET POST"),
        ("POST", "/api/v2/todos/01890a5d-ac96-774b-bcce-b302099a8057", "GET PUT PATCH DELETE"),
        ("TRACE", "/api/v2/todos", "GET POST"),
        ("BREW", "/api/v2/todos", "GET POST"),
    ] {
        let answer = ws.call(method, path).send().await;
        answer.problem(405, "method_not_allowed");
        let allow: Vec<String> = answer.header("allow").split(',').map(|method| method.trim().to_owned()).collect();
        for method in allowed.split(' ') {
            assert!(allow.contains(&method.to_owned()), "expected {method} in Allow: {answer}");
        }
        assert!(!allow.contains(&method.to_owned()), "{answer}");
    }
}

async fn what_cannot_be_delivered_is_not_acceptable() {
    let ws = Workspace::new().await;
    for accept in ["text/html", "application/xml", "image/*", "application/json;q=0", "text/*, application/json;q=0"] {
        let answer = ws.get("/api/v2/todos").header("accept", accept).send().await;
        answer.problem(406, "not_acceptable");
    }
    for accept in ["application/json", "application/*", "*/*", "text/html, */*;q=0.1", "application/json; q=0.5", ""] {
        ws.get("/api/v2/todos").header("accept", accept).send().await.ok();
    }
    // Nor from the cache, which has it by now.
    ws.get("/api/v2/todos").header("accept", "text/html").send().await.problem(406, "not_acceptable");
    let condition = ws.get("/api/v2/todos").header("if-none-match", "x".repeat(5000)).send().await;
    condition.problem(400, "invalid_parameter").in_parameter("if-none-match");
}

async fn head_is_get_without_a_body() {
    let ws = Workspace::new().await;
    let id = ws.titled("x").await;
    for path in ["/api/v2/todos".to_owned(), format!("/api/v2/todos/{id}"), "/health/live".to_owned()] {
        let (get, head) = (ws.get(&path).send().await, ws.call("HEAD", &path).send().await);
        head.has_status(200);
        assert!(head.body.is_empty(), "{head}");
        for name in ["content-type", "etag", "cache-control", "vary"] {
            assert_eq!(head.optional(name), get.optional(name), "{name} of {head}");
        }
        let length = head.optional("content-length");
        assert!(length.is_none() || length == get.optional("content-length"), "{head}");
    }
    let missing = ws.call("HEAD", "/api/v2/todos/01890a5d-ac96-774b-bcce-b302099a8057").send().await;
    missing.has_status(404);
    assert!(missing.body.is_empty(), "{missing}");
}

async fn options_name_the_methods() {
    let client = Server::shared().await.anonymous();
    for (path, method) in [("/api/v2/todos", "POST"), ("/api/v2/todos/01890a5d-ac96-774b-bcce-b302099a8057", "PATCH")] {
        let answer = client.call("OPTIONS", path).send().await;
        answer.has_status(204);
        let allow = answer.header("allow");
        assert!(allow.contains("GET") && allow.contains("HEAD") && allow.contains(method), "{answer}");
        assert!(answer.body.is_empty(), "{answer}");
    }
}

async fn a_long_url_is_refused() {
    let ws = Workspace::new().await;
    let q = "x".repeat(20_000);
    let answer = ws.get("/api/v2/todos").query(&[("q", &q)]).send().await;
    answer.problem(414, "uri_too_long");
}

async fn long_headers_are_refused() {
    let ws = Workspace::new().await;
    let answer = ws.get("/api/v2/todos").header("x-long", "x".repeat(60_000)).send().await;
    answer.problem(431, "headers_too_large");
}

async fn a_path_is_matched_exactly() {
    let ws = Workspace::new().await;
    for path in ["/api/v2//todos", "/API/v2/todos", "/api/v2/todos;x=1", "/api/v2/Todos"] {
        let token = ws.token.clone().unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n");
        let answer = raw::exchange(&ws.server, request.as_bytes()).await;
        answer.problem(404, "route_not_found");
    }
}

async fn deep_json_harms_nobody() {
    let ws = Workspace::new().await;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let answer = ws.post("/api/v2/todos").body("application/json", deep).send().await;
        answer.problem(400, "invalid_json");
    }
    ws.titled("still here").await;
}

async fn bytes_that_are_not_utf8_are_malformed() {
    let ws = Workspace::new().await;
    let answer = ws.post("/api/v2/todos").body("application/json", &b"{\"title\":\"\xff\xfe\"}"[..]).send().await;
    answer.problem(400, "invalid_json");
}

/// The head of a request to create a todo, with these fields.
fn head(ws: &Workspace, fields: &str) -> String {
    let token = ws.token.clone().unwrap();
    format!(
        "POST /api/v2/todos HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\n{fields}\r\n\r\n"
    )
}

async fn half_a_body_is_malformed_and_changes_nothing() {
    let ws = Workspace::new().await;
    // Whole JSON, but not the whole body.
    for (fields, sent) in [
        ("Content-Length: 100", "{\"title\":\"half\"}"),
        ("Transfer-Encoding: chunked", "10\r\n{\"title\":\"half\"}\r\n"),
    ] {
        let answer = raw::break_off(&ws.server, format!("{}{sent}", head(&ws, fields)).as_bytes()).await;
        answer.problem(400, "invalid_json").faults_are(0);
    }
    assert_eq!(ws.titles(&[]).await, [""; 0]);
}

async fn a_body_ends_where_its_length_says() {
    let ws = Workspace::new().await;
    let request = format!("{}{{\"title\":\"cut off\"}}", head(&ws, "Content-Length: 12"));
    raw::exchange(&ws.server, request.as_bytes()).await.problem(400, "invalid_json");
    // What follows is no second request in disguise.
    let request = format!("{}{{\"title\":\"one\"}}{}", head(&ws, "Content-Length: 15"), head(&ws, "Content-Length: 0"));
    raw::exchange(&ws.server, request.as_bytes()).await.created();
    assert_eq!(ws.titles(&[]).await, ["one"]);
}

async fn a_chunked_body_is_read_whole() {
    let ws = Workspace::new().await;
    let request =
        format!("{}9\r\n{{\"title\":\r\na\r\n\"chunked\"}}\r\n0\r\n\r\n", head(&ws, "Transfer-Encoding: chunked"));
    raw::exchange(&ws.server, request.as_bytes()).await.created();
    assert_eq!(ws.titles(&[]).await, ["chunked"]);
}
