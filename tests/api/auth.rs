//! Authentication and scopes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Server, Workspace, database, raw, suite, unique};

suite![
    without_a_token_there_is_no_entry,
    a_wrong_token_is_no_token,
    the_scheme_is_bearer_in_any_case,
    a_reader_may_not_write,
    a_writer_may_not_read,
    only_an_administrator_may_administer,
    an_administrator_needs_the_other_scopes_too,
    an_expired_token_is_refused,
    a_token_is_refused_within_a_second_of_its_revocation,
    a_token_is_shown_once,
    a_used_token_shows_when,
    #[database]
    a_use_from_the_future_is_none,
    tokens_are_listed_by_workspace,
    bad_tokens_and_workspaces_are_refused_with_reasons,
    a_scope_that_is_named_twice_is_one,
    a_workspace_name_is_taken_once,
    revoking_twice_finds_nothing,
    v1_answers_in_its_envelope,
];

async fn without_a_token_there_is_no_entry() {
    let client = Server::shared().await.anonymous();
    for (method, path) in [
        ("GET", "/api/v2/todos"),
        ("POST", "/api/v2/todos"),
        ("GET", "/api/v2/todos/01890a5d-ac96-774b-bcce-b302099a8057"),
        ("GET", "/api/v2/me"),
        ("GET", "/api/v2/admin/workspaces"),
        ("GET", "/metrics"),
    ] {
        let answer = client.call(method, path).send().await;
        answer.problem(401, "unauthenticated");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer}");
    }
}

async fn a_wrong_token_is_no_token() {
    let server = Server::shared().await;
    let own = Workspace::new().await.token.clone().unwrap();
    let mut almost = own.clone();
    almost.pop();
    for token in ["", "tdo_", "nonsense", &almost, &format!("{own}x"), &own.to_uppercase(), &"x".repeat(4000)] {
        let answer =
            server.anonymous().get("/api/v2/todos").header("authorization", format!("Bearer {token}")).send().await;
        answer.problem(401, "unauthenticated");
        assert!(answer.header("www-authenticate").contains("Bearer"), "{answer}");
        let text = answer.text();
        assert!(token.len() < 5 || !text.contains(token), "a token is never repeated: {answer}");
    }
    // Two of them leave open which one is meant.
    let request = format!(
        "GET /api/v2/todos HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: Bearer \
         nonsense\r\nAuthorization: Bearer {own}\r\n\r\n"
    );
    let answer = raw::exchange(&server, request.as_bytes()).await;
    answer.problem(401, "unauthenticated");
}

async fn the_scheme_is_bearer_in_any_case() {
    let ws = Workspace::new().await;
    let token = ws.token.clone().unwrap();
    let client = ws.server.anonymous();
    for scheme in ["bearer", "BEARER", "Bearer"] {
        client.get("/api/v2/todos").header("authorization", format!("{scheme} {token}")).send().await.ok();
    }
    for wrong in [format!("Basic {token}"), token.clone(), format!("Token {token}"), format!("Bearer{token}")] {
        client.get("/api/v2/todos").header("authorization", wrong).send().await.problem(401, "unauthenticated");
    }
    // A token in the URL would end up in logs.
    let query = client.get("/api/v2/todos").query(&[("access_token", &token)]).send().await;
    query.problem(401, "unauthenticated");
}

async fn a_reader_may_not_write() {
    let ws = Workspace::new().await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    let reader = ws.with_scopes(&["todos:read"]).await;
    reader.get(&path).send().await.ok();
    reader.get("/api/v2/todos").send().await.ok();
    for call in [
        reader.post("/api/v2/todos").json(json!({ "title": "y" })),
        reader.patch(&path).json(json!({ "title": "y" })),
        reader.put(&path).header("if-match", "*").json(json!({ "title": "y" })),
        reader.delete(&path),
    ] {
        let answer = call.send().await;
        answer.problem(403, "insufficient_scope");
        assert!(answer.header("www-authenticate").contains("insufficient_scope"), "RFC 6750: {answer}");
    }
    assert_eq!(ws.get(&path).send().await.ok()["version"], 1);
}

async fn a_writer_may_not_read() {
    let ws = Workspace::new().await;
    let writer = ws.with_scopes(&["todos:write"]).await;
    let made = writer.post("/api/v2/todos").json(json!({ "title": "x" })).send().await;
    made.created();
    writer.get(made.header("location")).send().await.problem(403, "insufficient_scope");
    writer.get("/api/v2/todos").send().await.problem(403, "insufficient_scope");
}

async fn only_an_administrator_may_administer() {
    let ws = Workspace::new().await;
    for call in [
        ws.get("/api/v2/admin/workspaces"),
        ws.post("/api/v2/admin/workspaces").json(json!({ "name": unique("no") })),
        ws.get("/api/v2/admin/tokens"),
        ws.post("/api/v2/admin/tokens").json(json!({ "workspace_id": ws.id, "name": "x", "scopes": ["admin"] })),
        ws.delete(&format!("/api/v2/admin/tokens/{}", ws.token_id)),
    ] {
        call.send().await.problem(403, "insufficient_scope");
    }
}

async fn an_administrator_needs_the_other_scopes_too() {
    let ws = Workspace::new().await;
    let admin = ws.with_scopes(&["admin"]).await;
    admin.get("/api/v2/admin/workspaces?limit=1").send().await.ok();
    admin.get("/api/v2/todos").send().await.problem(403, "insufficient_scope");
}

async fn an_expired_token_is_refused() {
    let ws = Workspace::new().await;
    let soon = expiring(2);
    let token = ws.token(json!(["todos:read"]), json!(soon)).await;
    assert!(token["expires_at"].is_string(), "{token}");
    let client = ws.server.bearer(token["token"].as_str().unwrap());
    client.get("/api/v2/todos").send().await.ok();
    tokio::time::sleep(Duration::from_millis(3100)).await;
    client.get("/api/v2/todos").send().await.problem(401, "unauthenticated");
}

/// The instant this many seconds from now.
fn expiring(seconds: i64) -> String {
    (chrono::Utc::now() + chrono::TimeDelta::seconds(seconds)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

async fn a_token_is_refused_within_a_second_of_its_revocation() {
    let ws = Workspace::new().await;
    for _ in 0..5 {
        ws.get("/api/v2/todos").send().await.ok();
    }
    ws.server.admin().delete(&format!("/api/v2/admin/tokens/{}", ws.token_id)).send().await.no_content();
    let revoked = Instant::now();
    loop {
        let asked = revoked.elapsed();
        let answer = ws.get("/api/v2/todos").send().await;
        if answer.status == 401 {
            answer.problem(401, "unauthenticated");
            break;
        }
        assert!(asked < Duration::from_secs(1), "still served {asked:?} after the revocation: {answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // One instance knew; by now all must.
    tokio::time::sleep(Duration::from_secs(1).saturating_sub(revoked.elapsed())).await;
    for _ in 0..20 {
        ws.get("/api/v2/todos").send().await.problem(401, "unauthenticated");
    }
}

async fn a_token_is_shown_once() {
    let ws = Workspace::new().await;
    let token = ws.token(json!(["todos:read"]), Value::Null).await;
    let secret = token["token"].as_str().unwrap();
    assert!(secret.starts_with("tdo_") && secret.len() == 4 + 43, "256 bits in base64url: {}", secret.len());
    let list = ws.server.admin().get(&format!("/api/v2/admin/tokens?workspace={}", ws.id)).send().await;
    let items = list.ok()["items"].clone();
    let listed = items.as_array().unwrap().iter().find(|item| item["id"] == token["id"]).cloned();
    let listed = listed.unwrap_or_else(|| panic!("the token is not listed: {list}"));
    assert!(!list.text().contains(&secret[4..]), "{list}");
    assert!(listed.get("token").is_none() && listed.get("hash").is_none(), "{list}");
    assert_eq!(listed["scopes"], json!(["todos:read"]));
    assert_eq!(listed["workspace_id"], ws.id.as_str());
}

async fn a_used_token_shows_when() {
    let ws = Workspace::new().await;
    let token = ws.token(json!(["todos:read"]), Value::Null).await;
    assert_eq!(token["last_used_at"], Value::Null);
    ws.server.bearer(token["token"].as_str().unwrap()).get("/api/v2/todos").send().await.ok();
    let path = format!("/api/v2/admin/tokens?workspace={}", ws.id);
    for _ in 0..50 {
        let items = ws.server.admin().get(&path).send().await.ok()["items"].clone();
        let listed = items.as_array().unwrap().iter().find(|item| item["id"] == token["id"]).cloned().unwrap();
        if listed["last_used_at"].is_string() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("last_used_at is still null");
}

async fn a_use_from_the_future_is_none() {
    let ws = Workspace::new().await;
    let token = ws.token(json!(["todos:read"]), Value::Null).await;
    // Noted by a Postgres whose clock was ahead.
    let sql = "update tokens set last_used_at = now() + interval '1 hour' where uid = $1::text::uuid";
    let id = token["id"].as_str().unwrap();
    assert_eq!(database::connect().await.execute(sql, &[&id]).await.unwrap(), 1);
    ws.server.bearer(token["token"].as_str().unwrap()).get("/api/v2/todos").send().await.ok();
}

async fn tokens_are_listed_by_workspace() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let admin = ws.server.bearer(&ws.server.admin_token);
    let items = admin.get(&format!("/api/v2/admin/tokens?workspace={}", ws.id)).send().await.ok()["items"].clone();
    let ids: Vec<&str> = items.as_array().unwrap().iter().filter_map(|item| item["id"].as_str()).collect();
    assert_eq!(ids, [ws.token_id.as_str()], "and not {}", other.token_id);
}

async fn bad_tokens_and_workspaces_are_refused_with_reasons() {
    let ws = Workspace::new().await;
    let admin = ws.server.admin();
    let good = json!({ "workspace_id": ws.id, "name": "x", "scopes": ["todos:read"] });
    for (field, value, pointer, code) in [
        ("workspace_id", json!("x"), "/workspace_id", "invalid_format"),
        ("workspace_id", json!("01890a5d-ac96-774b-bcce-b302099a8057"), "/workspace_id", "not_found"),
        ("name", json!(7), "/name", "type"),
        ("scopes", json!(["todos:fly"]), "/scopes/0", "invalid_value"),
        ("scopes", json!([]), "/scopes", "too_short"),
        ("scopes", json!("admin"), "/scopes", "type"),
        ("expires_at", json!("soon"), "/expires_at", "invalid_format"),
        ("colour", json!(1), "/colour", "unknown_field"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        admin.post("/api/v2/admin/tokens").json(body).send().await.problem(422, "invalid_body").at(pointer, code);
    }
    let answer = admin.post("/api/v2/admin/workspaces").json(json!({ "name": "" })).send().await;
    answer.problem(422, "invalid_body").at("/name", "too_short");
    let answer = admin.get("/api/v2/admin/tokens?workspace=x").send().await;
    answer.problem(400, "invalid_parameter").in_parameter("workspace");
}

async fn a_scope_that_is_named_twice_is_one() {
    let ws = Workspace::new().await;
    let token = ws.token(json!(["todos:read", "todos:write", "todos:read", "admin"]), Value::Null).await;
    assert_eq!(token["scopes"].as_array().map(Vec::len), Some(3), "{token}");
}

async fn a_workspace_name_is_taken_once() {
    let admin = Server::shared().await.admin();
    let name = unique("taken");
    let made = admin.post("/api/v2/admin/workspaces").json(json!({ "name": name })).send().await.created();
    assert_eq!(made["name"], name.as_str());
    assert!(made["created_at"].is_string(), "{made}");
    let second = admin.post("/api/v2/admin/workspaces").json(json!({ "name": name })).send().await;
    second.problem(409, "workspace_name_taken");
}

async fn revoking_twice_finds_nothing() {
    let ws = Workspace::new().await;
    let path = format!("/api/v2/admin/tokens/{}", ws.token_id);
    ws.server.admin().delete(&path).send().await.no_content();
    ws.server.admin().delete(&path).send().await.problem(404, "token_not_found");
    ws.server.admin().delete("/api/v2/admin/tokens/x").send().await.problem(400, "invalid_parameter");
}

async fn v1_answers_in_its_envelope() {
    let ws = Workspace::new().await;
    let answer = ws.server.anonymous().get("/api/v1/todos").send().await;
    answer.v1_error(401, "unauthenticated");
    assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer}");
    let reader = ws.with_scopes(&["todos:read"]).await;
    reader.post("/api/v1/todos").json(json!({ "title": "x" })).send().await.v1_error(403, "insufficient_scope");
}
