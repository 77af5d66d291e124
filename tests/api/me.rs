//! The caller's own workspace.

use serde_json::json;

use crate::harness::{Workspace, suite};

suite![me_shows_workspace_scopes_and_limits, me_needs_no_scope_of_its_own];

async fn me_shows_workspace_scopes_and_limits() {
    let ws = Workspace::new().await;
    let answer = ws.get("/api/v2/me").send().await;
    let me = answer.ok();
    assert_eq!(me["workspace"]["id"], ws.id.as_str(), "{answer}");
    assert!(me["workspace"]["name"].as_str().is_some_and(|name| name.starts_with("test ")), "{answer}");
    assert_eq!(me["scopes"], json!(["todos:read", "todos:write"]));
    assert!(me["limits"].is_object(), "{answer}");
    assert!(!answer.text().contains("tdo_"), "{answer}");
}

async fn me_needs_no_scope_of_its_own() {
    let ws = Workspace::new().await;
    for scope in ["todos:read", "todos:write", "admin"] {
        let me = ws.with_scopes(&[scope]).await.get("/api/v2/me").send().await.ok();
        assert_eq!(me["scopes"], json!([scope]));
    }
}
