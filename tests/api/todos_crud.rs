//! Creating, reading, replacing, patching and deleting one todo.

use serde_json::{Value, json};

use crate::harness::{Workspace, suite, uuid};

suite![
    a_todo_is_created_from_a_title_alone,
    a_todo_is_created_with_everything,
    what_was_created_is_read_back,
    the_location_of_a_new_todo_leads_to_it,
    a_put_replaces_every_field,
    a_put_can_create_under_a_chosen_id,
    a_put_refuses_ids_of_other_versions,
    a_patch_changes_only_what_it_names,
    a_patch_with_null_clears,
    a_patch_that_changes_nothing_leaves_the_version,
    completing_and_reopening_moves_completed_at,
    a_deleted_todo_is_gone,
    the_contents_of_an_unknown_id_are_not_found,
    tags_merge_without_regard_to_case,
    tags_come_ordered_by_name,
    the_first_spelling_of_a_tag_stays,
    instants_come_out_in_utc,
    instants_of_all_accepted_years_survive,
    other_years_are_refused,
    ids_are_uuids_of_version_7,
];

#[track_caller]
fn assert_shape(todo: &Value) {
    let mut keys: Vec<&str> = todo.as_object().expect("a todo is an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    let expected = [
        "assignee",
        "completed",
        "completed_at",
        "created_at",
        "description",
        "due_date",
        "id",
        "list_id",
        "parent_id",
        "position",
        "priority",
        "status",
        "subtasks",
        "tags",
        "title",
        "updated_at",
        "version",
    ];
    assert_eq!(keys, expected, "{todo}");
}

async fn a_todo_is_created_from_a_title_alone() {
    let ws = Workspace::new().await;
    let answer = ws.post("/api/v2/todos").json(json!({ "title": "Buy milk" })).send().await;
    let todo = answer.created();
    assert_shape(&todo);
    for (field, value) in [
        ("title", json!("Buy milk")),
        ("description", Value::Null),
        ("status", json!("pending")),
        ("completed", json!(false)),
        ("priority", json!("medium")),
        ("due_date", Value::Null),
        ("tags", json!([])),
        ("assignee", Value::Null),
        ("completed_at", Value::Null),
        ("version", json!(1)),
    ] {
        assert_eq!(todo[field], value, "{field} of {answer}");
    }
    assert_eq!(todo["created_at"], todo["updated_at"], "{answer}");
    assert!(answer.etag().starts_with("\"1-"), "the tag begins with the version: {answer}");
}

async fn a_todo_is_created_with_everything() {
    let ws = Workspace::new().await;
    let body = json!({
        "title": "Ship the release",
        "description": "<p>All <strong>three</strong> components.</p>",
        "status": "in_progress",
        "priority": "urgent",
        "due_date": "2031-05-06T07:08:09.25+02:00",
        "tags": ["work", "release"],
        "assignee_id": null,
    });
    let todo = ws.todo(body).await;
    assert_shape(&todo);
    assert_eq!(todo["description"], "<p>All <strong>three</strong> components.</p>");
    assert_eq!(todo["status"], "in_progress");
    assert_eq!(todo["priority"], "urgent");
    assert_eq!(todo["due_date"], "2031-05-06T05:08:09.25Z");
    assert_eq!(todo["tags"], json!(["release", "work"]));
}

async fn what_was_created_is_read_back() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v2/todos").json(json!({ "title": "Read me", "tags": ["a"] })).send().await;
    let todo = made.created();
    let read = ws.get(&format!("/api/v2/todos/{}", todo["id"].as_str().unwrap())).send().await;
    assert_eq!(read.ok(), todo);
    assert_eq!(read.etag(), made.etag(), "creating and reading give one representation, hence one tag");
}

async fn the_location_of_a_new_todo_leads_to_it() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v2/todos").json(json!({ "title": "Find me" })).send().await;
    let id = made.created()["id"].clone();
    assert_eq!(made.header("location"), format!("/api/v2/todos/{}", id.as_str().unwrap()));
    assert_eq!(ws.get(made.header("location")).send().await.ok()["id"], id);
}

async fn a_put_replaces_every_field() {
    let ws = Workspace::new().await;
    let body = json!({ "title": "Old", "description": "old", "priority": "high", "tags": ["old"],
        "due_date": "2030-01-01T00:00:00Z" });
    let made = ws.post("/api/v2/todos").json(body).send().await;
    let path = made.header("location").to_owned();
    let put = ws.put(&path).header("if-match", made.etag()).json(json!({ "title": "New" })).send().await;
    let todo = put.ok();
    assert_shape(&todo);
    assert_eq!(todo["title"], "New");
    assert_eq!(todo["description"], Value::Null);
    assert_eq!(todo["priority"], "medium");
    assert_eq!(todo["tags"], json!([]));
    assert_eq!(todo["due_date"], Value::Null);
    assert_eq!(todo["version"], 2);
    assert_eq!(todo["created_at"], made.created()["created_at"]);
    let read = ws.get(&path).send().await;
    assert_eq!(read.ok(), todo);
    assert_eq!(read.etag(), put.etag());
}

async fn a_put_can_create_under_a_chosen_id() {
    let ws = Workspace::new().await;
    for id in [uuid(), "01890a5d-ac96-774b-bcce-b302099a8057".to_owned()] {
        let path = format!("/api/v2/todos/{id}");
        let put = ws.put(&path).header("if-none-match", "*").json(json!({ "title": "Mine" })).send().await;
        assert_eq!(put.created()["id"], id.as_str());
        assert_eq!(put.header("location"), path);
        assert_eq!(ws.get(&path).send().await.ok(), put.created());
        // The retry of an offline client finds that the first attempt went through.
        let again = ws.put(&path).header("if-none-match", "*").json(json!({ "title": "Mine" })).send().await;
        again.problem(412, "todo_exists");
    }
}

async fn a_put_refuses_ids_of_other_versions() {
    let ws = Workspace::new().await;
    for id in ["3d813cbb-47fb-11f0-91df-3d813cbb47fb", "00000000-0000-0000-0000-000000000000", "7", "abc"] {
        let put = ws.put(&format!("/api/v2/todos/{id}")).header("if-none-match", "*").json(json!({ "title": "No" }));
        put.send().await.problem(400, "invalid_parameter").in_parameter("id");
    }
}

async fn a_patch_changes_only_what_it_names() {
    let ws = Workspace::new().await;
    let body = json!({ "title": "Before", "description": "kept", "tags": ["kept"], "priority": "low" });
    let before = ws.todo(body).await;
    let path = format!("/api/v2/todos/{}", before["id"].as_str().unwrap());
    let after = ws.patch(&path).json(json!({ "title": "After" })).send().await.ok();
    assert_eq!(after["title"], "After");
    for field in ["description", "tags", "priority", "status", "due_date", "created_at", "id"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    assert_eq!(after["version"], 2);
    assert!(after["updated_at"].as_str() > before["updated_at"].as_str(), "{after}");
    // Both media types are a merge patch.
    let plain = ws.patch(&path).body("application/json", r#"{"priority":"high"}"#).send().await.ok();
    assert_eq!(plain["priority"], "high");
    assert_eq!(plain["title"], "After");
}

async fn a_patch_with_null_clears() {
    let ws = Workspace::new().await;
    let body = json!({ "title": "T", "description": "d", "due_date": "2030-01-01T00:00:00Z", "tags": ["x"] });
    let path = format!("/api/v2/todos/{}", ws.todo(body).await["id"].as_str().unwrap());
    let todo = ws.patch(&path).json(json!({ "description": null, "due_date": null, "tags": [] })).send().await.ok();
    assert_eq!(todo["description"], Value::Null);
    assert_eq!(todo["due_date"], Value::Null);
    assert_eq!(todo["tags"], json!([]));
    let refused = ws.patch(&path).json(json!({ "title": null, "status": null, "priority": null })).send().await;
    let problem = refused.problem(422, "invalid_body");
    problem.at("/title", "type").at("/status", "type").at("/priority", "type");
}

async fn a_patch_that_changes_nothing_leaves_the_version() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v2/todos").json(json!({ "title": "Same", "tags": ["One", "two"] })).send().await;
    let path = made.header("location");
    for patch in [json!({}), json!({ "title": "Same" }), json!({ "title": " Same ", "tags": ["TWO", "one"] })] {
        let answer = ws.patch(path).json(patch).send().await;
        assert_eq!(answer.ok(), made.created());
        assert_eq!(answer.etag(), made.etag());
    }
}

async fn completing_and_reopening_moves_completed_at() {
    let ws = Workspace::new().await;
    let path = format!("/api/v2/todos/{}", ws.titled("Finish").await);
    let done = ws.patch(&path).json(json!({ "status": "completed" })).send().await.ok();
    assert_eq!(done["completed"], true);
    assert_eq!(done["completed_at"], done["updated_at"]);
    let renamed = ws.patch(&path).json(json!({ "title": "Finished" })).send().await.ok();
    assert_eq!(renamed["completed_at"], done["completed_at"], "a later change does not complete it again");
    let open = ws.patch(&path).json(json!({ "status": "in_progress" })).send().await.ok();
    assert_eq!(open["completed"], false);
    assert_eq!(open["completed_at"], Value::Null);
    let born_done = ws.todo(json!({ "title": "Late entry", "status": "completed" })).await;
    assert_eq!(born_done["completed"], true);
    assert_eq!(born_done["completed_at"], born_done["created_at"]);
}

async fn a_deleted_todo_is_gone() {
    let ws = Workspace::new().await;
    let path = format!("/api/v2/todos/{}", ws.titled("Delete me").await);
    ws.delete(&path).send().await.no_content();
    ws.get(&path).send().await.problem(404, "todo_not_found");
    ws.patch(&path).json(json!({ "title": "x" })).send().await.problem(404, "todo_not_found");
    ws.delete(&path).send().await.problem(404, "todo_not_found");
    assert_eq!(ws.get("/api/v2/todos").send().await.ok()["items"], json!([]));
}

async fn the_contents_of_an_unknown_id_are_not_found() {
    let ws = Workspace::new().await;
    let path = format!("/api/v2/todos/{}", uuid());
    ws.get(&path).send().await.problem(404, "todo_not_found");
    ws.patch(&path).json(json!({ "title": "x" })).send().await.problem(404, "todo_not_found");
    ws.delete(&path).send().await.problem(404, "todo_not_found");
    let put = ws.put(&path).header("if-match", "\"1-x\"").json(json!({ "title": "x" })).send().await;
    put.problem(404, "todo_not_found");
}

async fn tags_merge_without_regard_to_case() {
    let ws = Workspace::new().await;
    let todo = ws.todo(json!({ "title": "T", "tags": ["Home", "home", " HOME ", "garden"] })).await;
    assert_eq!(todo["tags"], json!(["garden", "Home"]), "duplicates merge and the first spelling stays");
}

async fn tags_come_ordered_by_name() {
    let ws = Workspace::new().await;
    let todo = ws.todo(json!({ "title": "T", "tags": ["b", "C", "a", "D"] })).await;
    assert_eq!(todo["tags"], json!(["a", "b", "C", "D"]));
}

async fn the_first_spelling_of_a_tag_stays() {
    let ws = Workspace::new().await;
    ws.todo(json!({ "title": "One", "tags": ["Übung"] })).await;
    let second = ws.todo(json!({ "title": "Two", "tags": ["übung"] })).await;
    assert_eq!(second["tags"], json!(["Übung"]), "a workspace has each name once, in the spelling it was first given");
}

async fn instants_come_out_in_utc() {
    let ws = Workspace::new().await;
    for (given, shown) in [
        ("2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z"),
        ("2030-01-01T00:00:00+00:00", "2030-01-01T00:00:00Z"),
        ("2030-01-01T00:30:00+01:00", "2029-12-31T23:30:00Z"),
        ("2030-01-01T00:00:00-05:30", "2030-01-01T05:30:00Z"),
        ("2030-01-01T00:00:00.500Z", "2030-01-01T00:00:00.5Z"),
        ("2030-01-01T00:00:00.123456Z", "2030-01-01T00:00:00.123456Z"),
        ("2030-01-01t00:00:00z", "2030-01-01T00:00:00Z"),
    ] {
        let todo = ws.todo(json!({ "title": "T", "due_date": given })).await;
        assert_eq!(todo["due_date"], shown, "{given}");
    }
    for wrong in [
        "2030-01-01",
        "2030-01-01T00:00:00",
        "tomorrow",
        "2030-02-30T00:00:00Z",
        "2030-01-01T25:00:00Z",
        "2016-12-31T23:59:60Z",
        "2030-01-01 00:00:00Z",
        "2030-01-01T00:00:00+25:00",
        "2030-01-01T00:00:00.Z",
        "20300101T000000Z",
        "+2030-01-01T00:00:00Z",
        "",
    ] {
        let answer = ws.post("/api/v2/todos").json(json!({ "title": "T", "due_date": wrong })).send().await;
        answer.problem(422, "invalid_body").at("/due_date", "invalid_format");
    }
}

async fn instants_of_all_accepted_years_survive() {
    let ws = Workspace::new().await;
    for instant in ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"] {
        let todo = ws.todo(json!({ "title": "T", "due_date": instant })).await;
        assert_eq!(todo["due_date"], instant);
        let read = ws.get(&format!("/api/v2/todos/{}", todo["id"].as_str().unwrap())).send().await.ok();
        assert_eq!(read["due_date"], instant);
    }
}

async fn other_years_are_refused() {
    let ws = Workspace::new().await;
    // The year counts in UTC: the last one is still in 1969 there.
    for instant in
        ["1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"]
    {
        let answer = ws.post("/api/v2/todos").json(json!({ "title": "T", "due_date": instant })).send().await;
        answer.problem(422, "invalid_body").at("/due_date", "out_of_range");
    }
}

async fn ids_are_uuids_of_version_7() {
    let ws = Workspace::new().await;
    let (first, second) = (ws.titled("first").await, ws.titled("second").await);
    for id in [&first, &second] {
        assert_eq!(id.len(), 36, "{id}");
        assert_eq!(&id[14..15], "7", "{id}");
    }
    assert!(first < second, "they grow with time: {first} {second}");
    // A UUID names the same todo in capitals.
    assert_eq!(ws.get(&format!("/api/v2/todos/{}", first.to_uppercase())).send().await.ok()["id"], first.as_str());
}
