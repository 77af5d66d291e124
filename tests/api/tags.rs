//! Tags: counts, renaming, merging, removing.

use serde_json::{Value, json};

use crate::harness::{Workspace, database, suite, uuid};

suite![
    tags_are_listed_with_their_counts,
    a_tag_can_be_renamed,
    #[database]
    a_rename_counts_nothing_anew,
    a_spelling_can_be_changed,
    renaming_to_an_existing_name_merges,
    a_removed_tag_leaves_its_todos,
    renaming_changes_etags_but_not_versions,
    unknown_tags_are_not_found,
    bad_names_are_refused,
];

/// Name and count of every tag, in the order of the list.
async fn counts(ws: &Workspace) -> Vec<(String, i64)> {
    let tags = ws.all("/api/v2/tags", &[]).await;
    tags.iter().map(|tag| (tag["name"].as_str().unwrap().to_owned(), tag["count"].as_i64().unwrap())).collect()
}

async fn tag_path(ws: &Workspace, name: &str) -> String {
    let tags = ws.all("/api/v2/tags", &[]).await;
    let tag = tags.iter().find(|tag| tag["name"] == name).unwrap_or_else(|| panic!("no tag {name} in {tags:?}"));
    format!("/api/v2/tags/{}", tag["id"].as_str().unwrap())
}

async fn tags_are_listed_with_their_counts() {
    let ws = Workspace::new().await;
    ws.todo(json!({ "title": "1", "tags": ["b", "A"] })).await;
    ws.todo(json!({ "title": "2", "tags": ["b"] })).await;
    let gone = ws.todo(json!({ "title": "3", "tags": ["b", "c"] })).await;
    ws.delete(&format!("/api/v2/todos/{}", gone["id"].as_str().unwrap())).send().await.no_content();
    let mut counted = counts(&ws).await;
    counted.retain(|(name, _)| name != "c");
    assert_eq!(counted, [("A".to_owned(), 1), ("b".to_owned(), 2)], "only live todos count");
    let page = ws.get("/api/v2/tags?limit=1").send().await;
    let tag = page.ok()["items"][0].clone();
    assert!(tag["id"].as_str().is_some_and(|id| id.len() == 36), "{page}");
}

async fn a_tag_can_be_renamed() {
    let ws = Workspace::new().await;
    let todo = ws.todo(json!({ "title": "1", "tags": ["old"] })).await;
    let path = tag_path(&ws, "old").await;
    let renamed = ws.patch(&path).json(json!({ "name": " new " })).send().await.ok();
    assert_eq!((&renamed["name"], &renamed["count"]), (&json!("new"), &json!(1)));
    let read = ws.get(&format!("/api/v2/todos/{}", todo["id"].as_str().unwrap())).send().await.ok();
    assert_eq!(read["tags"], json!(["new"]));
    assert_eq!(ws.titles(&[("tag", "old")]).await, [""; 0]);
    assert_eq!(ws.titles(&[("tag", "new")]).await, ["1"]);
}

async fn a_rename_counts_nothing_anew() {
    let database = database::connect().await;
    let ws = Workspace::new().await;
    let id = database::workspace(&database, &ws).await;
    ws.todo(json!({ "title": "1", "tags": ["old"] })).await;
    let path = tag_path(&ws, "old").await;
    let renamed = ws.patch(&path).json(json!({ "name": "new" })).send().await.ok();
    assert_eq!((&renamed["name"], &renamed["count"]), (&json!("new"), &json!(1)), "{renamed}");
    // A number that no count gives shows that the kept one is read. Nobody else may see it.
    database.batch_execute("begin").await.unwrap();
    let keep = "update tag_counts set todos = todos + 41 where workspace_id = $1";
    assert_eq!(database.execute(keep, &[&id]).await.unwrap(), 1);
    let rename = "select (r.body::json ->> 'count')::bigint from tags g cross join lateral tag_rename_v1( \
        g.workspace_id, null, null, null, false, g.id, null, null, 'newer', 'newer', gen_random_uuid()) r \
        where g.workspace_id = $1";
    assert_eq!(database::number(&database, rename, &[&id]).await, 42);
    database.batch_execute("rollback").await.unwrap();
}

async fn a_spelling_can_be_changed() {
    let ws = Workspace::new().await;
    ws.todo(json!({ "title": "1", "tags": ["home"] })).await;
    let path = tag_path(&ws, "home").await;
    assert_eq!(ws.patch(&path).json(json!({ "name": "Home" })).send().await.ok()["name"], "Home");
    assert_eq!(counts(&ws).await, [("Home".to_owned(), 1)]);
}

async fn renaming_to_an_existing_name_merges() {
    let ws = Workspace::new().await;
    ws.todo(json!({ "title": "1", "tags": ["a"] })).await;
    ws.todo(json!({ "title": "2", "tags": ["b"] })).await;
    ws.todo(json!({ "title": "3", "tags": ["a", "b", "c"] })).await;
    let path = tag_path(&ws, "a").await;
    let merged = ws.patch(&path).json(json!({ "name": "B" })).send().await.ok();
    assert_eq!(merged["count"], 3, "{merged}");
    let counted = counts(&ws).await;
    assert_eq!(counted.len(), 2, "{counted:?}");
    assert_eq!(counted[0].1, 3, "a todo that had both has one: {counted:?}");
    assert_eq!(ws.titles(&[("tag", "b"), ("sort", "title")]).await, ["1", "2", "3"]);
    let survivor = format!("/api/v2/tags/{}", merged["id"].as_str().unwrap());
    if survivor != path {
        ws.patch(&path).json(json!({ "name": "x" })).send().await.problem(404, "tag_not_found");
    }
}

async fn a_removed_tag_leaves_its_todos() {
    let ws = Workspace::new().await;
    ws.todo(json!({ "title": "1", "tags": ["a", "b"] })).await;
    let path = tag_path(&ws, "a").await;
    ws.delete(&path).send().await.no_content();
    assert_eq!(ws.all("/api/v2/todos", &[]).await[0]["tags"], json!(["b"]));
    assert_eq!(counts(&ws).await, [("b".to_owned(), 1)]);
    ws.delete(&path).send().await.problem(404, "tag_not_found");
}

async fn renaming_changes_etags_but_not_versions() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v2/todos").json(json!({ "title": "1", "tags": ["a"] })).send().await;
    let path = made.header("location");
    ws.get(path).send().await.ok();
    let tag = tag_path(&ws, "a").await;
    ws.patch(&tag).json(json!({ "name": "z" })).send().await.ok();
    let read = ws.get(path).header("if-none-match", made.etag()).send().await;
    assert_eq!(read.ok()["version"], 1);
    assert_ne!(read.etag(), made.etag());
    // The version part still matches: nobody changed the todo.
    ws.patch(path).header("if-match", made.etag()).json(json!({ "title": "2" })).send().await.ok();
}

async fn unknown_tags_are_not_found() {
    let ws = Workspace::new().await;
    let path = format!("/api/v2/tags/{}", uuid());
    ws.patch(&path).json(json!({ "name": "x" })).send().await.problem(404, "tag_not_found");
    ws.delete(&path).send().await.problem(404, "tag_not_found");
    ws.delete("/api/v2/tags/7").send().await.problem(400, "invalid_parameter").in_parameter("id");
}

async fn bad_names_are_refused() {
    let ws = Workspace::new().await;
    ws.todo(json!({ "title": "1", "tags": ["a"] })).await;
    let path = tag_path(&ws, "a").await;
    for (name, code) in [
        (json!(""), "too_short"),
        (json!("x".repeat(51)), "too_long"),
        (json!(7), "type"),
        (Value::Null, "type"),
        (json!("a\u{0}b"), "control_character"),
    ] {
        ws.patch(&path).json(json!({ "name": name })).send().await.problem(422, "invalid_body").at("/name", code);
    }
    ws.patch(&path).json(json!({ "count": 9 })).send().await.problem(422, "invalid_body").at("/count", "read_only");
    assert_eq!(counts(&ws).await, [("a".to_owned(), 1)]);
}
