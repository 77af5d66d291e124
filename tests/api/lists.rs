//! Lists of todos: what they are, what is in them, and what an archived one refuses.

use serde_json::{Value, json};

use crate::harness::follower::Follower;
use crate::harness::{Workspace, database, id, suite, uuid};
use crate::jobs::{done, ended};

suite![
    a_list_lives_from_creation_to_deletion,
    a_client_may_choose_the_id_of_a_list,
    #[database]
    the_id_of_a_deleted_list_is_not_given_again,
    a_list_is_replaced_only_in_the_state_that_is_known,
    a_name_of_a_list_is_taken_once_in_any_case,
    a_repeated_creation_happens_once,
    lists_come_by_the_page,
    what_is_wrong_with_a_list_is_told_by_pointer,
    a_workspace_has_a_bounded_number_of_lists,
    open_todos_are_counted,
    a_list_that_holds_todos_stays,
    todos_of_a_deleted_list_come_back_into_the_inbox,
    todos_are_filtered_by_list,
    a_put_of_a_client_that_knows_no_lists_leaves_them_alone,
    references_to_lists_must_exist,
    todos_of_an_archived_list_are_shown_only_with_archived,
    nothing_is_written_in_an_archived_list,
    a_bulk_change_moves_todos_with_their_trees,
    a_bulk_move_of_the_bin_leaves_live_trees_alone,
    a_bulk_change_leaves_archived_lists_alone,
    a_batch_writes_into_lists,
    version_1_sees_todos_of_lists_and_keeps_them_there,
    an_export_tells_lists_and_parents,
    statistics_count_all_todos_that_are_not_in_the_bin,
    counts_are_seen_at_once,
    #[database]
    kept_counts_of_lists_are_right_after_many_writers,
    nothing_comes_into_a_list_after_it_was_archived,
    archiving_while_a_bulk_change_runs_leaves_the_rest_alone,
    a_bulk_change_into_a_list_that_is_archived_ends,
];

/// Creates a list and returns it.
async fn list(ws: &Workspace, name: &str) -> Value {
    ws.post("/api/v2/lists").json(json!({ "name": name })).send().await.created()
}

fn path(list: &Value) -> String {
    format!("/api/v2/lists/{}", list["id"].as_str().unwrap())
}

fn todo_path(todo: &Value) -> String {
    format!("/api/v2/todos/{}", todo["id"].as_str().unwrap())
}

async fn archive(ws: &Workspace, list: &Value, archived: bool) {
    ws.patch(&path(list)).json(json!({ "archived": archived })).send().await.ok();
}

async fn count(ws: &Workspace, list: &Value) -> i64 {
    ws.get(&path(list)).send().await.ok()["count"].as_i64().unwrap()
}

async fn finished(ws: &Workspace, accepted: &Value) -> Value {
    ended(ws, &format!("/api/v2/jobs/{}", accepted["job_id"].as_str().unwrap())).await
}

async fn a_list_lives_from_creation_to_deletion() {
    let ws = Workspace::new().await;
    let body = json!({ "name": " House<b>hold</b> ", "color": "#FF8800", "position": 3 });
    let made = ws.post("/api/v2/lists").json(body).send().await;
    let list = made.created();
    let path = path(&list);
    assert_eq!(made.header("location"), path);
    let expected = json!({
        "id": list["id"], "name": "Household", "color": "#ff8800", "position": 3, "archived": false, "archived_at": null,
        "count": 0, "created_at": list["created_at"], "updated_at": list["created_at"], "version": 1,
    });
    assert_eq!(list, expected);
    let read = ws.get(&path).send().await;
    assert_eq!(read.ok(), list);
    assert!(read.header("etag").starts_with("\"1-"));
    let patched = ws.patch(&path).json(json!({ "name": "Home", "color": null, "archived": true })).send().await.ok();
    assert_eq!((&patched["name"], &patched["color"], &patched["version"]), (&json!("Home"), &Value::Null, &json!(2)));
    assert_eq!((&patched["archived"], &patched["position"]), (&json!(true), &json!(3)));
    assert!(patched["archived_at"].is_string());
    let same = ws.patch(&path).json(json!({ "archived": true })).send().await.ok();
    assert_eq!(same, patched, "a change that changes nothing leaves the version");
    assert_eq!(ws.all("/api/v2/lists", &[]).await, std::slice::from_ref(&patched));
    ws.delete(&path).header("if-match", "\"1-x\"").send().await.problem(412, "stale_version");
    ws.delete(&path).header("if-match", "\"2-x\"").send().await.no_content();
    ws.get(&path).send().await.problem(404, "list_not_found");
    ws.delete(&path).send().await.problem(404, "list_not_found");
    ws.patch(&path).json(json!({})).send().await.problem(404, "list_not_found");
    assert_eq!(ws.all("/api/v2/lists", &[]).await, [Value::Null; 0]);
}

async fn a_client_may_choose_the_id_of_a_list() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let chosen = uuid();
    let path = format!("/api/v2/lists/{chosen}");
    let put = |ws: &Workspace, name: &str| ws.put(&path).header("if-none-match", "*").json(json!({ "name": name }));
    let made = put(&ws, "Home").send().await;
    assert_eq!((made.created()["id"].as_str(), made.header("location")), (Some(chosen.as_str()), path.as_str()));
    put(&ws, "Other").send().await.problem(412, "list_exists");
    put(&other, "Home").send().await.created();
    ws.put(&path).json(json!({ "name": "x" })).send().await.problem(428, "precondition_required");
}

/// A client that sends its creation again would bring back what somebody has deleted, and the feed would tell smaller versions of it.
async fn the_id_of_a_deleted_list_is_not_given_again() {
    let ws = Workspace::new().await;
    let database = database::connect().await;
    let chosen = uuid();
    let path = format!("/api/v2/lists/{chosen}");
    let put = async || ws.put(&path).header("if-none-match", "*").json(json!({ "name": "Home" })).send().await;
    let mut follower = Follower::default();
    let mut told = async || {
        let items = follower.catch_up(&ws, &[("types", "list")]).await;
        items.iter().map(|item| (item["version"].as_i64().unwrap(), item["deleted"] == true)).collect::<Vec<_>>()
    };
    put().await.created();
    ws.patch(&path).json(json!({ "color": "#ff8800" })).send().await.ok();
    assert_eq!(told().await, [(2, false)]);
    ws.delete(&path).send().await.no_content();
    assert_eq!(told().await, [(3, true)]);
    put().await.problem(409, "list_deleted");
    ws.get(&path).send().await.problem(404, "list_not_found");
    assert!(told().await.is_empty());
    ws.post("/api/v2/lists").json(json!({ "name": "Home" })).send().await.created();

    // The log forgets after 31 days.
    assert_eq!(database.execute("delete from events where subject = $1::text::uuid", &[&chosen]).await.unwrap(), 3);
    put().await.problem(409, "list_name_taken");
    let other = json!({ "name": "Other" });
    assert_eq!(ws.put(&path).header("if-none-match", "*").json(other).send().await.created()["version"], 1);
}

async fn a_list_is_replaced_only_in_the_state_that_is_known() {
    let ws = Workspace::new().await;
    let body = json!({ "name": "Home", "color": "#112233", "position": 3 });
    let list = ws.post("/api/v2/lists").json(body).send().await.created();
    let put =
        |tag: &str| ws.put(&path(&list)).header("if-match", tag).json(json!({ "name": "House", "archived": true }));
    put("\"7-x\"").send().await.problem(412, "stale_version");
    let replaced = put("\"1-x\"").send().await.ok();
    assert_eq!((&replaced["name"], &replaced["color"]), (&json!("House"), &Value::Null));
    assert!(replaced["position"].as_f64().unwrap() > 1e9, "the seconds of its creation: {replaced}");
    assert_eq!((&replaced["archived"], &replaced["version"]), (&json!(true), &json!(2)));
    let missing = format!("/api/v2/lists/{}", uuid());
    ws.put(&missing).header("if-match", "*").json(json!({ "name": "x" })).send().await.problem(404, "list_not_found");
}

async fn a_name_of_a_list_is_taken_once_in_any_case() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let home = list(&ws, "Küche").await;
    let again = ws.post("/api/v2/lists").json(json!({ "name": "kÜCHE" })).send().await;
    again.problem(409, "list_name_taken");
    let work = list(&ws, "Work").await;
    ws.patch(&path(&work)).json(json!({ "name": "KÜCHE" })).send().await.problem(409, "list_name_taken");
    // Its own name in another spelling is no clash, and other workspaces are another world.
    ws.patch(&path(&home)).json(json!({ "name": "KÜCHE" })).send().await.ok();
    list(&other, "Küche").await;
}

async fn a_repeated_creation_happens_once() {
    let ws = Workspace::new().await;
    let create = |name: &str| ws.post("/api/v2/lists").header("idempotency-key", "k").json(json!({ "name": name }));
    let first = create("Home").send().await;
    let second = create("Home").send().await;
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!((second.created(), second.header("location")), (first.created(), first.header("location")));
    create("Other").send().await.problem(422, "idempotency_key_reused");
    assert_eq!(ws.all("/api/v2/lists", &[]).await.len(), 1);
}

async fn lists_come_by_the_page() {
    let ws = Workspace::new().await;
    for (name, position) in [("a", 3), ("b", 2), ("c", 1)] {
        ws.post("/api/v2/lists").json(json!({ "name": name, "position": position })).send().await.created();
    }
    let page = ws.get("/api/v2/lists?limit=2").send().await;
    assert!(page.header("link").contains("rel=\"next\""), "{page}");
    let names: Vec<Value> = page.ok()["items"].as_array().unwrap().iter().map(|list| list["name"].clone()).collect();
    assert_eq!(names, ["a", "b"], "by age: what is moved meanwhile is neither missed nor shown twice");
    assert_eq!(ws.all("/api/v2/lists", &[("limit", "2")]).await.len(), 3);
    let other = Workspace::new().await;
    let cursor = page.ok()["next_cursor"].as_str().unwrap().to_owned();
    other.get("/api/v2/lists").query(&[("cursor", &cursor)]).send().await.problem(400, "invalid_cursor");
}

async fn what_is_wrong_with_a_list_is_told_by_pointer() {
    let ws = Workspace::new().await;
    let body = json!({ "name": "", "color": "red", "position": 1e16, "archived": 1, "count": 3, "x": 1 });
    let answer = ws.post("/api/v2/lists").json(body).send().await;
    let problem = answer.problem(422, "invalid_body");
    for (pointer, code) in [
        ("/archived", "type"),
        ("/color", "invalid_format"),
        ("/count", "read_only"),
        ("/name", "too_short"),
        ("/position", "out_of_range"),
        ("/x", "unknown_field"),
    ] {
        problem.at(pointer, code);
    }
    problem.faults_are(6);
    ws.get("/api/v2/lists/7").send().await.problem(400, "invalid_parameter");
    ws.get(&format!("/api/v2/lists/{}", uuid())).send().await.problem(404, "list_not_found");
}

async fn a_workspace_has_a_bounded_number_of_lists() {
    let ws = Workspace::new().await;
    let numbers: Vec<usize> = (0..1000).collect();
    for chunk in numbers.chunks(25) {
        let calls: Vec<_> = chunk
            .iter()
            .map(|number| ws.post("/api/v2/lists").json(json!({ "name": number.to_string() })))
            .map(|call| tokio::spawn(call.send()))
            .collect();
        for call in calls {
            call.await.unwrap().created();
        }
    }
    let most = ws.post("/api/v2/lists").json(json!({ "name": "one more" })).send().await;
    most.problem(409, "too_many_lists");
}

async fn open_todos_are_counted() {
    let ws = Workspace::new().await;
    let (home, work) = (list(&ws, "Home").await, list(&ws, "Work").await);
    let todo = ws.todo(json!({ "title": "x", "list_id": home["id"] })).await;
    ws.todo(json!({ "title": "done", "status": "completed", "list_id": home["id"] })).await;
    ws.todo(json!({ "title": "inbox" })).await;
    assert_eq!(count(&ws, &home).await, 1);
    let path = todo_path(&todo);
    let patch = async |body: Value| ws.patch(&path).json(body).send().await.ok();
    for (status, expected) in [("completed", 0), ("in_progress", 1), ("cancelled", 0), ("pending", 1)] {
        patch(json!({ "status": status })).await;
        assert_eq!(count(&ws, &home).await, expected, "{status}");
    }
    patch(json!({ "list_id": work["id"] })).await;
    assert_eq!((count(&ws, &home).await, count(&ws, &work).await), (0, 1));
    patch(json!({ "list_id": home["id"], "status": "completed" })).await;
    assert_eq!((count(&ws, &home).await, count(&ws, &work).await), (0, 0));
    patch(json!({ "status": "pending" })).await;
    ws.delete(&path).send().await.no_content();
    assert_eq!(count(&ws, &home).await, 0);
    ws.post(&format!("{path}/restore")).send().await.ok();
    assert_eq!(count(&ws, &home).await, 1);
    patch(json!({ "list_id": null })).await;
    assert_eq!(count(&ws, &home).await, 0);
}

async fn a_list_that_holds_todos_stays() {
    let ws = Workspace::new().await;
    let (home, work) = (list(&ws, "Home").await, list(&ws, "Work").await);
    let todo = ws.todo(json!({ "title": "x", "list_id": home["id"], "status": "completed" })).await;
    ws.delete(&path(&home)).send().await.problem(409, "list_not_empty");
    let body = json!({ "filter": { "list": [home["id"]] }, "action": "move", "list_id": work["id"] });
    assert_eq!(done(&ws, body).await["status"], "succeeded");
    assert_eq!(ws.get(&todo_path(&todo)).send().await.ok()["list_id"], work["id"]);
    ws.delete(&path(&home)).send().await.no_content();
    done(&ws, json!({ "filter": { "list": [work["id"]] }, "action": "delete" })).await;
    ws.delete(&path(&work)).send().await.no_content();
}

async fn todos_of_a_deleted_list_come_back_into_the_inbox() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    let todo = ws.todo(json!({ "title": "x", "list_id": home["id"] })).await;
    ws.delete(&todo_path(&todo)).send().await.no_content();
    ws.delete(&path(&home)).send().await.no_content();
    for filter in [&[("deleted", "true")][..], &[("deleted", "true"), ("list", "none")]] {
        assert_eq!(ws.all("/api/v2/todos", filter).await[0]["list_id"], Value::Null);
    }
    let restored = ws.post(&format!("{}/restore", todo_path(&todo))).send().await.ok();
    assert_eq!(restored["list_id"], Value::Null);
    assert_eq!(ws.titles(&[("list", "none")]).await, ["x"]);
}

async fn todos_are_filtered_by_list() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let (home, work) = (list(&ws, "Home").await, list(&ws, "Work").await);
    for (title, list) in [("a", id(&home)), ("b", id(&work)), ("c", id(&home))] {
        ws.todo(json!({ "title": title, "list_id": list })).await;
    }
    ws.titled("inbox").await;
    let sort = ("sort", "title");
    assert_eq!(ws.titles(&[("list", id(&home)), sort]).await, ["a", "c"]);
    assert_eq!(ws.titles(&[("list", id(&home)), ("list", id(&work)), sort]).await, ["a", "b", "c"]);
    assert_eq!(ws.titles(&[("list", "none"), sort]).await, ["inbox"]);
    assert_eq!(ws.titles(&[("list", "none"), ("list", id(&work)), sort]).await, ["b", "inbox"]);
    for sort in ["created_at", "-updated_at", "due_date", "-priority", "title", "position", "-position"] {
        let mut titles = ws.titles(&[("list", id(&home)), ("sort", sort), ("limit", "1")]).await;
        titles.sort_unstable();
        assert_eq!(titles, ["a", "c"], "{sort}");
        assert_eq!(ws.titles(&[("list", "none"), ("sort", sort), ("limit", "1")]).await, ["inbox"], "{sort}");
    }
    let foreign = list(&other, "Home").await;
    assert_eq!(ws.titles(&[("list", id(&foreign))]).await, [""; 0]);
    let summary = &ws.all("/api/v2/todos", &[("list", id(&work))]).await[0];
    assert_eq!(summary["list_id"], work["id"]);
    assert_eq!((&summary["parent_id"], &summary["subtasks"]), (&Value::Null, &json!({ "total": 0, "completed": 0 })));
    ws.get("/api/v2/todos?list=7").send().await.problem(400, "invalid_parameter").in_parameter("list");
}

async fn a_put_of_a_client_that_knows_no_lists_leaves_them_alone() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    let parent = ws.todo(json!({ "title": "p", "list_id": home["id"] })).await;
    let todo = ws.todo(json!({ "title": "x", "parent_id": parent["id"], "position": 7.25 })).await;
    assert_eq!(todo["list_id"], home["id"]);
    let path = todo_path(&todo);
    let put = async |body: Value| ws.put(&path).header("if-match", "*").json(body).send().await.ok();
    let kept = put(json!({ "title": "y" })).await;
    for field in ["list_id", "parent_id", "position"] {
        assert_eq!(kept[field], todo[field], "{field}");
    }
    let cleared = put(json!({ "title": "y", "parent_id": null, "list_id": null, "position": null })).await;
    assert_eq!((&cleared["list_id"], &cleared["parent_id"]), (&Value::Null, &Value::Null));
    assert!(cleared["position"].as_f64().unwrap() > 1e9, "the seconds of its creation: {cleared}");
}

async fn references_to_lists_must_exist() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let foreign = list(&other, "Home").await;
    for missing in [json!(uuid()), foreign["id"].clone()] {
        let created = ws.post("/api/v2/todos").json(json!({ "title": "x", "list_id": missing })).send().await;
        created.problem(422, "invalid_body").at("/list_id", "not_found");
        let todo = ws.todo(json!({ "title": "x" })).await;
        let patched = ws.patch(&todo_path(&todo)).json(json!({ "list_id": missing })).send().await;
        patched.problem(422, "invalid_body").at("/list_id", "not_found");
        let moved = ws.post(&format!("{}/move", todo_path(&todo))).json(json!({ "list_id": missing })).send().await;
        moved.problem(422, "invalid_body").at("/list_id", "not_found");
        let body = json!({ "filter": { "completed": false }, "action": "move", "list_id": missing });
        let accepted = ws.post("/api/v2/todos/bulk-process").json(body).send().await;
        accepted.problem(422, "invalid_body").at("/list_id", "not_found");
        let batch = json!({ "operations": [{ "op": "create", "todo": { "title": "x", "list_id": missing } }] });
        let batch = ws.post("/api/v2/todos/batch").json(batch).send().await;
        batch.problem(422, "invalid_body").at("/operations/0/todo/list_id", "not_found");
    }
    let wrong = ws.post("/api/v2/todos").json(json!({ "title": "x", "list_id": 7, "position": "first" })).send().await;
    wrong.problem(422, "invalid_body").at("/list_id", "type").at("/position", "type").faults_are(2);
}

async fn todos_of_an_archived_list_are_shown_only_with_archived() {
    let ws = Workspace::new().await;
    let (home, old) = (list(&ws, "Home").await, list(&ws, "Old").await);
    let hidden = ws.todo(json!({ "title": "old thing", "list_id": old["id"] })).await;
    ws.todo(json!({ "title": "home thing", "list_id": home["id"] })).await;
    ws.titled("inbox thing").await;
    archive(&ws, &old, true).await;
    let read = ws.get(&todo_path(&hidden)).send().await.ok();
    assert_eq!(read["title"], "old thing", "it is readable");
    for sort in ["created_at", "updated_at", "due_date", "priority", "title", "position"] {
        let titles = ws.titles(&[("sort", sort), ("limit", "1")]).await;
        assert_eq!(titles.len(), 2, "{sort}: {titles:?}");
        assert_eq!(ws.titles(&[("sort", sort), ("archived", "true")]).await.len(), 3, "{sort}");
        assert_eq!(ws.titles(&[("sort", sort), ("list", id(&old))]).await, [""; 0], "{sort}");
        let with = [("sort", sort), ("list", id(&old)), ("archived", "true")];
        assert_eq!(ws.titles(&with).await, ["old thing"], "{sort}");
    }
    assert_eq!(ws.titles(&[("q", "thing")]).await.len(), 2);
    assert_eq!(ws.titles(&[("q", "old")]).await, [""; 0]);
    assert_eq!(ws.titles(&[("q", "old"), ("archived", "true")]).await, ["old thing"]);
    let several = [("list", "none"), ("list", id(&old)), ("list", id(&home)), ("sort", "title")];
    assert_eq!(ws.titles(&several).await, ["home thing", "inbox thing"]);
    let with = [&several[..], &[("archived", "true")]].concat();
    assert_eq!(ws.titles(&with).await, ["home thing", "inbox thing", "old thing"]);
    assert_eq!(ws.titles(&[&with[..2], &with[3..]].concat()).await, ["inbox thing", "old thing"]);
    archive(&ws, &old, false).await;
    assert_eq!(ws.titles(&[("q", "thing")]).await.len(), 3);
}

async fn nothing_is_written_in_an_archived_list() {
    let ws = Workspace::new().await;
    let (home, old) = (list(&ws, "Home").await, list(&ws, "Old").await);
    let inside = ws.todo(json!({ "title": "inside", "list_id": old["id"] })).await;
    let gone = ws.todo(json!({ "title": "gone", "list_id": old["id"] })).await;
    let outside = ws.todo(json!({ "title": "outside" })).await;
    ws.delete(&todo_path(&gone)).send().await.no_content();
    archive(&ws, &old, true).await;
    let (inside, outside) = (todo_path(&inside), todo_path(&outside));
    let put = ws.put(&format!("/api/v2/todos/{}", uuid())).header("if-none-match", "*");
    let operation = json!({ "operations": [{ "op": "create", "todo": { "title": "x", "list_id": old["id"] } }] });
    for refused in [
        ws.post("/api/v2/todos").json(json!({ "title": "x", "list_id": old["id"] })),
        ws.post("/api/v2/todos").json(json!({ "title": "x", "parent_id": inside.rsplit('/').next() })),
        put.json(json!({ "title": "x", "list_id": old["id"] })),
        ws.patch(&outside).json(json!({ "list_id": old["id"] })),
        ws.post(&format!("{outside}/move")).json(json!({ "list_id": old["id"] })),
        ws.post(&format!("{outside}/move")).json(json!({ "parent_id": inside.rsplit('/').next() })),
        ws.patch(&inside).json(json!({ "title": "y" })),
        ws.put(&inside).header("if-match", "*").json(json!({ "title": "y" })),
        ws.post(&format!("{inside}/complete")).json(json!({})),
        ws.post(&format!("{inside}/move")).json(json!({ "place": "first" })),
        ws.post(&format!("{}/restore", todo_path(&gone))),
        ws.post("/api/v2/todos/bulk-process")
            .json(json!({ "filter": { "completed": false }, "action": "move", "list_id": old["id"] })),
    ] {
        refused.send().await.problem(409, "list_archived").faults_are(0);
    }
    let refused = ws.post("/api/v2/todos/batch").json(operation).send().await;
    refused.problem(409, "list_archived").at("/operations/0", "list_archived");
    // It may leave the list, by going elsewhere or into the bin.
    let moved = ws.patch(&inside).json(json!({ "list_id": home["id"], "title": "y" })).send().await.ok();
    assert_eq!((&moved["list_id"], &moved["title"]), (&home["id"], &json!("y")));
    archive(&ws, &home, true).await;
    let out = json!({ "list_id": null, "after": outside.rsplit('/').next() });
    assert_eq!(ws.post(&format!("{inside}/move")).json(out).send().await.ok()["list_id"], Value::Null);
    archive(&ws, &home, false).await;
    ws.patch(&inside).json(json!({ "list_id": home["id"] })).send().await.ok();
    archive(&ws, &home, true).await;
    ws.delete(&inside).send().await.no_content();
    ws.delete(&path(&home)).send().await.no_content();
}

async fn a_bulk_change_moves_todos_with_their_trees() {
    let ws = Workspace::new().await;
    let (home, work) = (list(&ws, "Home").await, list(&ws, "Work").await);
    let root = ws.todo(json!({ "title": "root", "list_id": home["id"] })).await;
    let child = ws.todo(json!({ "title": "child", "parent_id": root["id"], "tags": ["x"] })).await;
    ws.todo(json!({ "title": "other", "list_id": home["id"] })).await;
    let body = json!({ "filter": { "tag": ["x"] }, "action": "move", "list_id": work["id"] });
    let job = done(&ws, body).await;
    assert_eq!((&job["status"], &job["total"], &job["processed"]), (&json!("succeeded"), &json!(1), &json!(1)));
    assert_eq!(ws.titles(&[("list", id(&work)), ("sort", "title")]).await, ["child", "root"]);
    assert_eq!(ws.get(&todo_path(&child)).send().await.ok()["parent_id"], root["id"]);
    assert_eq!((count(&ws, &home).await, count(&ws, &work).await), (1, 2));
    done(&ws, json!({ "filter": { "root": root["id"] }, "action": "move", "list_id": null })).await;
    assert_eq!(ws.titles(&[("list", "none"), ("sort", "title")]).await, ["child", "root"]);
    assert_eq!((count(&ws, &home).await, count(&ws, &work).await), (1, 0));
}

async fn a_bulk_move_of_the_bin_leaves_live_trees_alone() {
    let ws = Workspace::new().await;
    let (home, work) = (list(&ws, "Home").await, list(&ws, "Work").await);
    let root = ws.todo(json!({ "title": "root", "list_id": home["id"] })).await;
    ws.todo(json!({ "title": "kept", "parent_id": root["id"] })).await;
    let gone = ws.todo(json!({ "title": "gone", "parent_id": root["id"] })).await;
    ws.delete(&todo_path(&gone)).send().await.no_content();
    archive(&ws, &home, true).await;
    let body = json!({ "filter": { "deleted": true, "q": "gone" }, "action": "move", "list_id": work["id"] });
    let job = done(&ws, body).await;
    assert_eq!((&job["status"], &job["processed"]), (&json!("succeeded"), &json!(1)));
    let of_home = [("archived", "true"), ("list", id(&home)), ("sort", "title")];
    assert_eq!(ws.titles(&of_home).await, ["kept", "root"]);
    assert_eq!(ws.titles(&[("deleted", "true"), ("list", id(&work))]).await, ["gone"]);
}

async fn a_bulk_change_leaves_archived_lists_alone() {
    let ws = Workspace::new().await;
    let old = list(&ws, "Old").await;
    let inside = ws.todo(json!({ "title": "inside", "list_id": old["id"] })).await;
    let outside = ws.todo(json!({ "title": "outside" })).await;
    archive(&ws, &old, true).await;
    let complete = json!({ "filter": { "completed": false }, "action": "complete" });
    assert_eq!(done(&ws, complete).await["processed"], 1);
    assert_eq!(ws.get(&todo_path(&inside)).send().await.ok()["status"], "pending");
    assert_eq!(ws.get(&todo_path(&outside)).send().await.ok()["status"], "completed");
    let with = json!({ "filter": { "completed": false, "archived": true }, "action": "complete" });
    let refused = ws.post("/api/v2/todos/bulk-process").json(with).send().await;
    refused.problem(422, "invalid_body").at("/filter/archived", "invalid_value");
    let other = ws.todo(json!({ "title": "other" })).await;
    archive(&ws, &old, false).await;
    ws.post(&format!("{}/move", todo_path(&other))).json(json!({ "list_id": old["id"] })).send().await.ok();
    archive(&ws, &old, true).await;
    let of_old = |q: &str| json!({ "list": [old["id"]], "archived": true, "q": q });
    let out = json!({ "filter": of_old("other"), "action": "move", "list_id": null });
    assert_eq!(done(&ws, out).await["processed"], 1);
    assert_eq!(ws.titles(&[("list", "none"), ("sort", "title")]).await, ["other", "outside"]);
    assert_eq!(done(&ws, json!({ "filter": of_old("inside"), "action": "delete" })).await["processed"], 1);
    ws.delete(&path(&old)).send().await.no_content();
}

async fn a_batch_writes_into_lists() {
    let ws = Workspace::new().await;
    let (home, work) = (list(&ws, "Home").await, list(&ws, "Work").await);
    let todo = ws.todo(json!({ "title": "x", "list_id": home["id"] })).await;
    let gone = ws.todo(json!({ "title": "z", "list_id": work["id"] })).await;
    let batch = json!({ "operations": [
        { "op": "create", "todo": { "title": "y", "list_id": work["id"], "position": 1 } },
        { "op": "update", "id": todo["id"], "todo": { "list_id": work["id"] } },
        { "op": "delete", "id": gone["id"] },
    ] });
    let results = ws.post("/api/v2/todos/batch").json(batch).send().await.ok()["results"].clone();
    assert_eq!((&results[0]["todo"]["list_id"], &results[0]["todo"]["position"]), (&work["id"], &json!(1)));
    assert_eq!(results[1]["todo"]["list_id"], work["id"]);
    assert_eq!((count(&ws, &home).await, count(&ws, &work).await), (0, 2));
    assert_eq!(ws.titles(&[("list", id(&work)), ("sort", "position")]).await, ["y", "x"]);
}

async fn version_1_sees_todos_of_lists_and_keeps_them_there() {
    let ws = Workspace::new().await;
    let old = list(&ws, "Old").await;
    let parent = ws.todo(json!({ "title": "parent", "list_id": old["id"] })).await;
    let child = ws.todo(json!({ "title": "child", "parent_id": parent["id"], "position": 2.5 })).await;
    archive(&ws, &old, true).await;
    let todos = ws.get("/api/v1/todos").send().await.ok();
    let titles: Vec<&Value> = todos.as_array().unwrap().iter().map(|todo| &todo["title"]).collect();
    assert_eq!(titles, ["parent", "child"], "it knows no archive");
    assert!(todos[1].get("list_id").is_none() && todos[1].get("subtasks").is_none(), "{}", todos[1]);
    let path = format!("/api/v1/todos/{}", todos[1]["id"]);
    let put = ws.put(&path).json(json!({ "title": "renamed" })).send().await.ok();
    assert_eq!(put["title"], "renamed");
    ws.patch(&path).json(json!({ "completed": true })).send().await.ok();
    let kept = ws.get(&todo_path(&child)).send().await.ok();
    assert_eq!((&kept["title"], &kept["status"]), (&json!("renamed"), &json!("completed")));
    for field in ["list_id", "parent_id", "position"] {
        assert_eq!(kept[field], child[field], "{field}");
    }
    for field in ["list_id", "parent_id", "position"] {
        ws.patch(&path).json(json!({ field: null })).send().await.v1_error(422, "invalid_body");
    }
    let body = json!({ "filter": { "completed": true }, "action": "reopen" });
    let accepted = ws.post("/api/v1/todos/bulk-process").json(body).send().await.json(202);
    assert_eq!(finished(&ws, &accepted).await["processed"], 1);
    let body = json!({ "filter": { "completed": false }, "action": "move", "list_id": null });
    ws.post("/api/v1/todos/bulk-process").json(body).send().await.v1_error(422, "invalid_body");
    let body = json!({ "filter": { "list": ["none"] }, "action": "complete" });
    ws.post("/api/v1/todos/bulk-process").json(body).send().await.v1_error(422, "invalid_body");
    ws.delete(&format!("/api/v1/todos/{}", todos[0]["id"])).send().await.no_content();
    assert_eq!(ws.get("/api/v1/todos").send().await.ok(), json!([]), "what is below it went with it");
}

async fn an_export_tells_lists_and_parents() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    let parent = ws.todo(json!({ "title": "parent", "list_id": home["id"], "position": -1.5 })).await;
    let child = ws.todo(json!({ "title": "child", "parent_id": parent["id"], "position": 978_307_202.5 })).await;
    let done = json!({ "title": "done", "parent_id": parent["id"], "position": 978_307_203, "status": "completed" });
    let done = ws.todo(done).await;
    ws.titled("inbox").await;
    let export = async |format: &str| {
        let query = [("format", format), ("list", id(&home)), ("sort", "position")];
        ws.get("/api/v2/todos/export").query(&query).send().await.text()
    };
    let csv = export("csv").await;
    let lines: Vec<&str> = csv.trim_end().split("\r\n").collect();
    let head = ",version,list_id,parent_id,position,subtasks_total,subtasks_completed";
    assert!(lines[0].ends_with(head), "{}", lines[0]);
    let (list, below) = (id(&home), id(&parent));
    assert!(lines[1].ends_with(&format!(",1,{list},,-1.5,2,1")), "{}", lines[1]);
    assert!(lines[2].ends_with(&format!(",1,{list},{below},978307202.5,0,0")), "{}", lines[2]);
    assert_eq!(lines.len(), 4);
    let lines: Vec<Value> = export("ndjson").await.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, [ws.get(&todo_path(&parent)).send().await.ok(), child, done]);
    let calendar = export("ics").await;
    assert_eq!(calendar.matches(&format!("RELATED-TO:{below}\r\n")).count(), 2, "{calendar}");
    let orders: Vec<&str> = calendar.lines().filter_map(|line| line.strip_prefix("X-APPLE-SORT-ORDER:")).collect();
    assert_eq!(orders, ["-978307202", "2", "3"], "whole seconds since 2001");
}

async fn statistics_count_all_todos_that_are_not_in_the_bin() {
    let ws = Workspace::new().await;
    let old = list(&ws, "Old").await;
    let parent = ws.todo(json!({ "title": "parent", "list_id": old["id"] })).await;
    ws.todo(json!({ "title": "child", "parent_id": parent["id"], "status": "completed" })).await;
    archive(&ws, &old, true).await;
    let stats = ws.get("/api/v2/todos/stats").send().await.ok();
    assert_eq!((&stats["total"], &stats["by_status"]["completed"]), (&json!(2), &json!(1)));
    ws.delete(&todo_path(&parent)).send().await.no_content();
    assert_eq!(ws.get("/api/v2/todos/stats").send().await.ok()["total"], 0);
}

async fn counts_are_seen_at_once() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    let lists = async || ws.all("/api/v2/lists", &[]).await[0]["count"].clone();
    for expected in 0..20 {
        assert_eq!((lists().await, count(&ws, &home).await), (json!(expected), expected));
        let todo = ws.todo(json!({ "title": "x", "list_id": home["id"] })).await;
        assert_eq!((lists().await, count(&ws, &home).await), (json!(expected + 1), expected + 1));
        ws.patch(&todo_path(&todo)).json(json!({ "status": "completed" })).send().await.ok();
        assert_eq!((lists().await, count(&ws, &home).await), (json!(expected), expected));
        ws.post(&format!("{}/move", todo_path(&todo))).json(json!({ "list_id": null })).send().await.ok();
        ws.todo(json!({ "title": "y", "list_id": home["id"] })).await;
    }
}

async fn kept_counts_of_lists_are_right_after_many_writers() {
    let ws = Workspace::new().await;
    let lists = [list(&ws, "a").await, list(&ws, "b").await, list(&ws, "c").await];
    let mut todos = Vec::new();
    for number in 0..12 {
        todos.push(ws.todo(json!({ "title": "x", "list_id": lists[number % 3]["id"] })).await);
    }
    for round in 0..6 {
        let mut calls = Vec::new();
        for (number, todo) in todos.iter().enumerate() {
            let path = todo_path(todo);
            let list = &lists[(number + round) % 3]["id"];
            calls.push(match (number + round) % 6 {
                0 => ws.patch(&path).json(json!({ "list_id": list, "status": "completed" })),
                1 => ws.post(&format!("{path}/move")).json(json!({ "list_id": list, "place": "last" })),
                2 => ws.delete(&path),
                3 => ws.post(&format!("{path}/restore")),
                4 => ws.patch(&path).json(json!({ "status": "pending" })),
                _ => ws.post("/api/v2/todos").json(json!({ "title": "new", "parent_id": todo["id"] })),
            });
        }
        let body = json!({ "filter": { "status": ["pending"] }, "action": "move", "list_id": lists[round % 3]["id"] });
        calls.push(ws.post("/api/v2/todos/bulk-process").json(body));
        let sent: Vec<_> = calls.into_iter().map(|call| tokio::spawn(call.send())).collect();
        for answer in sent {
            let answer = answer.await.unwrap();
            assert!([200, 201, 202, 204, 404, 422].contains(&answer.status), "{answer}");
            if answer.status == 202 {
                finished(&ws, &answer.value()).await;
            }
        }
        for list in &lists {
            let open = [("list", id(list)), ("status", "pending"), ("status", "in_progress")];
            assert_eq!(count(&ws, list).await, i64::try_from(ws.titles(&open).await.len()).unwrap(), "round {round}");
        }
    }
}

async fn nothing_comes_into_a_list_after_it_was_archived() {
    let ws = Workspace::new().await;
    for _ in 0..5 {
        let list = list(&ws, &crate::harness::unique("list")).await;
        let body = json!({ "title": "x", "list_id": list["id"] });
        let writers: Vec<_> =
            (0..12).map(|_| tokio::spawn(ws.post("/api/v2/todos").json(body.clone()).send())).collect();
        archive(&ws, &list, true).await;
        // What was created before is there; nothing is added from now on, whatever is still under way.
        let query = [("list", id(&list)), ("archived", "true"), ("limit", "100")];
        let before = ws.titles(&query).await.len();
        let mut made = 0;
        for answer in writers {
            let answer = answer.await.unwrap();
            if answer.status == 201 {
                made += 1;
            } else {
                answer.problem(409, "list_archived");
            }
        }
        assert_eq!((ws.titles(&query).await.len(), made), (before, before));
    }
}

async fn archiving_while_a_bulk_change_runs_leaves_the_rest_alone() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    for _ in 0..8 {
        let create = json!({ "op": "create", "todo": { "title": "x", "list_id": home["id"] } });
        let batch = json!({ "operations": vec![create; 100] });
        ws.post("/api/v2/todos/batch").json(batch).send().await.ok();
    }
    let body = json!({ "filter": { "list": [home["id"]] }, "action": "set_priority", "priority": "urgent" });
    let accepted = ws.post("/api/v2/todos/bulk-process").json(body).send().await.json(202);
    archive(&ws, &home, true).await;
    let urgent = [("list", id(&home)), ("archived", "true"), ("priority", "urgent"), ("limit", "100")];
    let before = ws.titles(&urgent).await.len();
    assert_eq!(finished(&ws, &accepted).await["status"], "succeeded");
    assert_eq!(ws.titles(&urgent).await.len(), before, "nothing was changed after the list was archived");
    assert_eq!(count(&ws, &home).await, 800);
}

async fn a_bulk_change_into_a_list_that_is_archived_ends() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    for _ in 0..10 {
        let create = json!({ "op": "create", "todo": { "title": "x" } });
        ws.post("/api/v2/todos/batch").json(json!({ "operations": vec![create; 100] })).send().await.ok();
    }
    let body = json!({ "filter": { "list": ["none"] }, "action": "move", "list_id": home["id"] });
    let accepted = ws.post("/api/v2/todos/bulk-process").json(body).send().await.json(202);
    archive(&ws, &home, true).await;
    let before = count(&ws, &home).await;
    let job = finished(&ws, &accepted).await;
    assert_eq!(count(&ws, &home).await, before, "nothing comes into an archived list");
    if before < 1000 {
        assert_eq!((&job["status"], &job["error"]), (&json!("failed"), &json!("the list is archived")));
    }
    assert_eq!(job["attempts"], 1, "another attempt is in vain");
}
