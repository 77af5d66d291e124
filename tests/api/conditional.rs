//! ETags and the conditions that use them.

use serde_json::json;

use super::tenancy::Things;
use crate::harness::contract::{Document, Operation};
use crate::harness::{Workspace, suite, uuid};

suite![
    an_unchanged_todo_is_not_sent_again,
    a_list_is_not_sent_again_while_it_is_unchanged,
    a_stale_patch_is_refused,
    a_stale_delete_is_refused,
    a_current_version_may_be_written,
    a_star_means_that_it_exists,
    one_of_several_tags_is_enough,
    a_weak_tag_never_matches_a_write,
    a_put_needs_a_condition,
    a_put_that_creates_refuses_what_exists,
    a_stale_put_is_refused,
    if_match_compares_the_version_part,
    if_none_match_compares_the_whole_tag,
    a_malformed_condition_never_holds,
    every_write_that_takes_a_condition_keeps_it,
    every_read_that_takes_a_condition_keeps_it,
];

async fn an_unchanged_todo_is_not_sent_again() {
    let ws = Workspace::new().await;
    let path = format!("/api/v2/todos/{}", ws.titled("Same").await);
    let first = ws.get(&path).send().await;
    for condition in
        [first.etag(), "*".to_owned(), format!("W/{}", first.etag()), format!("\"other\", {}", first.etag())]
    {
        let second = ws.get(&path).header("if-none-match", &condition).send().await;
        second.has_status(304);
        assert!(second.body.is_empty(), "{second}");
        assert_eq!(second.etag(), first.etag());
    }
    let head = ws.call("HEAD", &path).header("if-none-match", first.etag()).send().await;
    head.has_status(304);
    ws.patch(&path).json(json!({ "title": "Changed" })).send().await.ok();
    let third = ws.get(&path).header("if-none-match", first.etag()).send().await;
    assert_eq!(third.ok()["title"], "Changed");
    assert_ne!(third.etag(), first.etag());
}

async fn a_list_is_not_sent_again_while_it_is_unchanged() {
    let ws = Workspace::new().await;
    let id = ws.titled("One").await;
    let first = ws.get("/api/v2/todos?limit=5").send().await;
    ws.get("/api/v2/todos?limit=5").header("if-none-match", first.etag()).send().await.has_status(304);
    ws.delete(&format!("/api/v2/todos/{id}")).send().await.no_content();
    let second = ws.get("/api/v2/todos?limit=5").header("if-none-match", first.etag()).send().await;
    assert_eq!(second.ok()["items"], json!([]));
}

async fn a_stale_patch_is_refused() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v2/todos").json(json!({ "title": "A" })).send().await;
    let path = made.header("location");
    ws.patch(path).json(json!({ "title": "B" })).send().await.ok();
    let stale = ws.patch(path).header("if-match", made.etag()).json(json!({ "title": "C" })).send().await;
    stale.problem(412, "stale_version");
    assert_eq!(ws.get(path).send().await.ok()["title"], "B");
}

async fn a_stale_delete_is_refused() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v2/todos").json(json!({ "title": "A" })).send().await;
    let path = made.header("location");
    let current = ws.patch(path).json(json!({ "title": "B" })).send().await;
    ws.delete(path).header("if-match", made.etag()).send().await.problem(412, "stale_version");
    ws.delete(path).header("if-match", current.etag()).send().await.no_content();
}

async fn a_current_version_may_be_written() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v2/todos").json(json!({ "title": "A" })).send().await;
    let path = made.header("location");
    let second = ws.patch(path).header("if-match", made.etag()).json(json!({ "title": "B" })).send().await;
    assert_eq!(second.ok()["version"], 2);
    let third = ws.put(path).header("if-match", second.etag()).json(json!({ "title": "C" })).send().await;
    assert_eq!(third.ok()["version"], 3);
}

async fn a_star_means_that_it_exists() {
    let ws = Workspace::new().await;
    let path = format!("/api/v2/todos/{}", ws.titled("A").await);
    ws.patch(&path).header("if-match", "*").json(json!({ "title": "B" })).send().await.ok();
    ws.put(&path).header("if-match", "*").json(json!({ "title": "C" })).send().await.ok();
    ws.delete(&path).header("if-match", "*").send().await.no_content();
    ws.delete(&path).header("if-match", "*").send().await.problem(404, "todo_not_found");
}

async fn one_of_several_tags_is_enough() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v2/todos").json(json!({ "title": "A" })).send().await;
    let several = format!("\"99-aaaa\", {}, \"98-bbbb\"", made.etag());
    ws.patch(made.header("location")).header("if-match", several).json(json!({ "title": "B" })).send().await.ok();
}

async fn a_weak_tag_never_matches_a_write() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v2/todos").json(json!({ "title": "A" })).send().await;
    let weak = format!("W/{}", made.etag());
    let refused = ws.patch(made.header("location")).header("if-match", weak).json(json!({ "title": "B" })).send().await;
    refused.problem(412, "stale_version");
}

async fn a_put_needs_a_condition() {
    let ws = Workspace::new().await;
    let path = format!("/api/v2/todos/{}", ws.titled("A").await);
    ws.put(&path).json(json!({ "title": "B" })).send().await.problem(428, "precondition_required");
    let unknown = format!("/api/v2/todos/{}", uuid());
    ws.put(&unknown).json(json!({ "title": "B" })).send().await.problem(428, "precondition_required");
    // One of two: neither both, nor a tag where only `*` says something.
    for (if_match, if_none_match) in [(Some("*"), "*"), (Some("\"1-x\""), "*"), (None, "\"1-x\""), (None, "nonsense")] {
        let call = ws.put(&unknown).header("if-none-match", if_none_match).json(json!({ "title": "B" }));
        let call = if_match.into_iter().fold(call, |call, value| call.header("if-match", value));
        call.send().await.problem(400, "invalid_parameter").in_parameter("If-None-Match");
    }
    ws.get(&unknown).send().await.problem(404, "todo_not_found");
    assert_eq!(ws.get(&path).send().await.ok()["title"], "A");
}

async fn a_put_that_creates_refuses_what_exists() {
    let ws = Workspace::new().await;
    let path = format!("/api/v2/todos/{}", ws.titled("A").await);
    let refused = ws.put(&path).header("if-none-match", "*").json(json!({ "title": "B" })).send().await;
    refused.problem(412, "todo_exists");
    assert_eq!(ws.get(&path).send().await.ok()["title"], "A");
}

async fn a_stale_put_is_refused() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v2/todos").json(json!({ "title": "A" })).send().await;
    let path = made.header("location");
    ws.patch(path).json(json!({ "title": "B" })).send().await.ok();
    ws.put(path)
        .header("if-match", made.etag())
        .json(json!({ "title": "C" }))
        .send()
        .await
        .problem(412, "stale_version");
    assert_eq!(ws.get(path).send().await.ok()["title"], "B");
}

async fn if_match_compares_the_version_part() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v2/todos").json(json!({ "title": "A", "tags": ["old"] })).send().await;
    let path = made.header("location");
    // Another digest of the same version: the compressed form, or a tag renamed meanwhile.
    let gzip = format!("{}-gzip\"", made.etag().trim_end_matches('"'));
    ws.patch(path).header("if-match", gzip).json(json!({ "title": "B" })).send().await.ok();
    ws.patch(path).header("if-match", "\"2-0000\"").json(json!({ "title": "C" })).send().await.ok();
}

async fn if_none_match_compares_the_whole_tag() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v2/todos").json(json!({ "title": "A" })).send().await;
    let path = made.header("location");
    ws.get(path).header("if-none-match", "\"1-0000\"").send().await.has_status(200);
    let gzip = format!("{}-gzip\"", made.etag().trim_end_matches('"'));
    ws.get(path).header("if-none-match", gzip).send().await.has_status(304);
}

async fn a_malformed_condition_never_holds() {
    let ws = Workspace::new().await;
    let path = format!("/api/v2/todos/{}", ws.titled("A").await);
    for wrong in ["unquoted", "\"open", "3"] {
        let answer = ws.patch(&path).header("if-match", wrong).json(json!({ "title": "B" })).send().await;
        answer.problem(412, "stale_version");
        assert_eq!(ws.get(&path).send().await.ok()["title"], "A");
    }
}

fn takes(document: &Document, operation: &Operation, header: &str) -> bool {
    let parameters = operation.value["parameters"].as_array().into_iter().flatten();
    parameters.map(|parameter| document.resolve(parameter)).any(|one| one["in"] == "header" && one["name"] == header)
}

async fn every_write_that_takes_a_condition_keeps_it() {
    let things = Things::new("own").await;
    let mut called = 0;
    for document in Document::both(&things.workspace.server).await {
        for operation in document.operations.iter().filter(|operation| takes(&document, operation, "If-Match")) {
            for stale in ["\"99-x\"", "W/\"1-x\"", "\"98-x\", \"99-x\"", "nonsense"] {
                let mut call = things.workspace.call(&operation.method, &things.path(document.version, operation));
                let example = &operation.value["requestBody"]["content"]["application/json"]["example"];
                if example.is_object() {
                    call = call.json(example.clone());
                }
                let answer = call.header("if-match", stale).send().await;
                match document.version {
                    "v1" => drop(answer.v1_error(412, "stale_version")),
                    _ => drop(answer.problem(412, "stale_version")),
                }
                called += 1;
            }
        }
    }
    assert!(called >= 40, "only {called} calls had a condition");
    things.is_untouched().await;
}

async fn every_read_that_takes_a_condition_keeps_it() {
    let things = Things::new("own").await;
    let mut called = 0;
    for document in Document::both(&things.workspace.server).await {
        for operation in document.operations.iter().filter(|operation| takes(&document, operation, "If-None-Match")) {
            // What administrators see changes with every other test.
            if operation.path.contains("/admin/") {
                continue;
            }
            let path = things.path(document.version, operation);
            let tag = things.workspace.get(&path).send().await.etag();
            let gzip = format!("{}-gzip\"", tag.trim_end_matches('"'));
            for condition in [tag.clone(), gzip, format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
                let answer = things.workspace.get(&path).header("if-none-match", &condition).send().await;
                assert!(answer.has_status(304).body.is_empty() && answer.etag() == tag, "{condition}: {answer}");
            }
            things.workspace.get(&path).header("if-none-match", "\"other\"").send().await.ok();
            called += 1;
        }
    }
    assert!(called >= 12, "only {called} reads take a condition");
}
