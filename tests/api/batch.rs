//! Several creates, updates and deletes at once: all or nothing.

use serde_json::{Value, json};

use crate::harness::{Answer, Workspace, suite, uuid};

suite![
    results_come_in_request_order,
    an_id_stands_in_one_operation_only,
    a_new_tag_has_the_spelling_of_the_first_operation,
    a_failure_names_its_index_and_undoes_everything,
    a_stale_version_fails_the_batch,
    shapes_are_checked_before_anything_happens,
    a_batch_has_one_to_a_hundred_operations,
    another_workspaces_ids_are_not_found,
    a_batch_of_a_hundred_is_one_statement,
];

async fn batch(ws: &Workspace, operations: Value) -> Answer {
    ws.post("/api/v2/todos/batch").json(json!({ "operations": operations })).send().await
}

async fn a_new_tag_has_the_spelling_of_the_first_operation() {
    let spellings = ["Home", "HOME", "home", "hOmE"];
    for first in spellings {
        let ws = Workspace::new().await;
        let old = ws.titled("old").await;
        // As many as it takes for a sort by name to leave equal ones in any order.
        let mut operations = vec![json!({ "op": "create", "todo": { "title": "x", "tags": [first] } })];
        operations.extend((0..40).map(|number| {
            let tags = [spellings[number % 4].to_owned(), format!("tag-{:02}", 40 - number)];
            json!({ "op": "create", "todo": { "title": "x", "tags": tags } })
        }));
        operations.push(json!({ "op": "update", "id": old, "todo": { "tags": ["HoMe"] } }));
        let results = batch(&ws, json!(operations)).await.ok()["results"].clone();
        for result in results.as_array().unwrap() {
            assert_eq!(result["todo"]["tags"][0], first, "{result}");
        }
        let tags = ws.all("/api/v2/tags", &[]).await;
        assert_eq!(tags.iter().filter(|tag| tag["name"] == first).count(), 1, "{tags:?}");
        assert_eq!(tags.len(), 41);
    }
}

async fn results_come_in_request_order() {
    let ws = Workspace::new().await;
    let (old, gone) = (ws.titled("old").await, ws.titled("gone").await);
    let answer = batch(
        &ws,
        json!([
            { "op": "delete", "id": gone },
            { "op": "create", "todo": { "title": "one", "tags": ["a"] } },
            { "op": "update", "id": old, "if_version": 1, "todo": { "title": "new", "description": null } },
            { "op": "create", "todo": { "title": "two" } },
        ]),
    )
    .await;
    let results = answer.ok()["results"].clone();
    assert_eq!(results[0], json!({ "status": 204, "id": gone }));
    assert_eq!(results[1]["status"], 201);
    assert_eq!(results[1]["todo"]["title"], "one");
    assert_eq!(results[1]["todo"]["tags"], json!(["a"]));
    assert_eq!(results[2]["status"], 200);
    assert_eq!(results[2]["todo"]["title"], "new");
    assert_eq!(results[2]["todo"]["version"], 2);
    assert_eq!(results[3]["todo"]["title"], "two");
    assert_eq!(results.as_array().unwrap().len(), 4);
    for result in [&results[1], &results[2], &results[3]] {
        let path = format!("/api/v2/todos/{}", result["todo"]["id"].as_str().unwrap());
        assert_eq!(ws.get(&path).send().await.ok(), result["todo"], "a whole todo, as a read shows it");
    }
    ws.get(&format!("/api/v2/todos/{gone}")).send().await.problem(404, "todo_not_found");
}

async fn an_id_stands_in_one_operation_only() {
    let ws = Workspace::new().await;
    let (id, other) = (ws.titled("x").await, ws.titled("other").await);
    let upper = id.to_uppercase();
    for second in [
        json!({ "op": "update", "id": id, "todo": { "priority": "high" } }),
        json!({ "op": "update", "id": upper, "if_version": 2, "todo": {} }),
        json!({ "op": "delete", "id": id }),
    ] {
        let first = json!({ "op": "update", "id": id, "todo": { "title": "y" } });
        let answer = batch(&ws, json!([first, { "op": "delete", "id": other }, second])).await;
        answer.problem(422, "invalid_body").at("/operations/2/id", "duplicate").faults_are(1);
    }
    let mut titles = ws.titles(&[]).await;
    titles.sort_unstable();
    assert_eq!(titles, ["other", "x"]);
    batch(&ws, json!([{ "op": "delete", "id": id }])).await.ok();
    let again = batch(&ws, json!([{ "op": "delete", "id": id }])).await;
    again.problem(422, "invalid_body").at("/operations/0/id", "not_found");
}

async fn a_failure_names_its_index_and_undoes_everything() {
    let ws = Workspace::new().await;
    let kept = ws.titled("kept").await;
    let answer = batch(
        &ws,
        json!([
            { "op": "create", "todo": { "title": "never" } },
            { "op": "delete", "id": kept },
            { "op": "update", "id": uuid(), "todo": { "title": "nobody" } },
        ]),
    )
    .await;
    answer.problem(422, "invalid_body").at("/operations/2/id", "not_found").faults_are(1);
    assert_eq!(ws.titles(&[]).await, ["kept"]);
    assert_eq!(ws.titles(&[("deleted", "true")]).await, [""; 0]);
    let answer = batch(
        &ws,
        json!([
            { "op": "create", "todo": { "title": "never" } },
            { "op": "create", "todo": { "title": "never", "assignee_id": uuid() } },
        ]),
    )
    .await;
    answer.problem(422, "invalid_body").at("/operations/1/todo/assignee_id", "not_found");
    assert_eq!(ws.titles(&[]).await, ["kept"]);
}

async fn a_stale_version_fails_the_batch() {
    let ws = Workspace::new().await;
    let id = ws.titled("x").await;
    for operation in [
        json!({ "op": "update", "id": id, "if_version": 7, "todo": { "title": "y" } }),
        json!({ "op": "delete", "id": id, "if_version": 7 }),
    ] {
        let answer = batch(&ws, json!([{ "op": "create", "todo": { "title": "never" } }, operation])).await;
        let problem = answer.problem(412, "stale_version");
        let pointer = problem.faults()[0]["pointer"].as_str().unwrap_or_default();
        assert!(pointer.starts_with("/operations/1"), "{answer}");
    }
    assert_eq!(ws.titles(&[]).await, ["x"]);
}

async fn shapes_are_checked_before_anything_happens() {
    let ws = Workspace::new().await;
    let id = ws.titled("x").await;
    for (operation, pointer, code) in [
        (json!({ "op": "create", "todo": {} }), "/operations/1/todo/title", "required"),
        (json!({ "op": "create" }), "/operations/1/todo", "required"),
        (
            json!({ "op": "create", "todo": { "title": "a", "tags": ["ok", ""] } }),
            "/operations/1/todo/tags/1",
            "too_short",
        ),
        (json!({ "op": "update", "id": id, "todo": { "version": 2 } }), "/operations/1/todo/version", "read_only"),
        (json!({ "op": "update", "todo": {} }), "/operations/1/id", "required"),
        (json!({ "op": "update", "id": "x", "todo": {} }), "/operations/1/id", "invalid_format"),
        (json!({ "op": "update", "id": id, "if_version": "1", "todo": {} }), "/operations/1/if_version", "type"),
        (json!({ "op": "delete", "id": 7 }), "/operations/1/id", "type"),
        (json!({ "op": "delete", "id": id, "todo": {} }), "/operations/1/todo", "unknown_field"),
        (json!({ "op": "upsert" }), "/operations/1/op", "invalid_value"),
        (json!({ "id": id }), "/operations/1/op", "required"),
        (json!("delete"), "/operations/1", "type"),
    ] {
        let answer = batch(&ws, json!([{ "op": "delete", "id": id }, operation])).await;
        answer.problem(422, "invalid_body").at(pointer, code);
    }
    assert_eq!(ws.titles(&[]).await, ["x"]);
}

async fn a_batch_has_one_to_a_hundred_operations() {
    let ws = Workspace::new().await;
    batch(&ws, json!([])).await.problem(422, "invalid_body").at("/operations", "too_short");
    let create = json!({ "op": "create", "todo": { "title": "x" } });
    batch(&ws, json!(vec![create.clone(); 101])).await.problem(422, "invalid_body").at("/operations", "too_many");
    let answer = ws.post("/api/v2/todos/batch").json(json!({})).send().await;
    answer.problem(422, "invalid_body").at("/operations", "required");
    let answer = ws.post("/api/v2/todos/batch").json(json!({ "operations": [create], "atomic": false })).send().await;
    answer.problem(422, "invalid_body").at("/atomic", "unknown_field");
    assert_eq!(ws.titles(&[]).await, [""; 0]);
}

async fn another_workspaces_ids_are_not_found() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let foreign = other.titled("theirs").await;
    for operation in [
        json!({ "op": "update", "id": foreign, "todo": { "title": "mine" } }),
        json!({ "op": "delete", "id": foreign }),
    ] {
        batch(&ws, json!([operation])).await.problem(422, "invalid_body").at("/operations/0/id", "not_found");
    }
    assert_eq!(other.titles(&[]).await, ["theirs"]);
}

async fn a_batch_of_a_hundred_is_one_statement() {
    let ws = Workspace::new().await;
    let operations: Vec<Value> = (0..100)
        .map(|number| {
            let tags = json!(["all", format!("tag{}", number % 7)]);
            json!({ "op": "create", "todo": { "title": format!("t{number}"), "tags": tags } })
        })
        .collect();
    // So that the token's own statement is not counted.
    ws.get("/api/v2/me").send().await.ok();
    let answer = batch(&ws, json!(operations)).await;
    assert_eq!(answer.ok()["results"].as_array().unwrap().len(), 100);
    if let Some(timing) = answer.optional("server-timing") {
        assert!(timing.contains("db;desc=\"1\""), "{answer}");
    }
    assert_eq!(ws.titles(&[("tag", "all")]).await.len(), 100);
}
