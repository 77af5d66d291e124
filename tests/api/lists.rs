//! Lists of todos: what they are, what is in them, and what an archived one refuses.

use serde_json::{Value, json};

use crate::harness::follower::Follower;
use crate::harness::{Workspace, database, id, suite, uuid};
use crate::jobs::done;

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
    a_bulk_change_moves_todos_with_their_trees,
    a_bulk_move_of_the_bin_leaves_live_trees_alone,
];

/// Creates a list and returns it.
pub async fn list(ws: &Workspace, name: &str) -> Value {
    ws.post("/api/v2/lists").json(json!({ "name": name })).send().await.created()
}

pub fn path(list: &Value) -> String {
    format!("/api/v2/lists/{}", list["id"].as_str().unwrap())
}

pub fn todo_path(todo: &Value) -> String {
    format!("/api/v2/todos/{}", todo["id"].as_str().unwrap())
}

pub async fn archive(ws: &Workspace, list: &Value, archived: bool) {
    ws.patch(&path(list)).json(json!({ "archived": archived })).send().await.ok();
}

pub async fn count(ws: &Workspace, list: &Value) -> i64 {
    ws.get(&path(list)).send().await.ok()["count"].as_i64().unwrap()
}

async fn a_list_lives_from_creation_to_deletion() {
    let ws = Workspace::new().await;
    let body = json!({ "name": " House<b>hold</b> ", "color": "#FF8800", "position": 3 });
    let made = ws.post("/api/v2/lists").json(body).send().await;
    let list = made.created();
    let path = path(&list);
    assert_eq!(made.header("location"), path);
    let expected = json!({
        "id": list["id"], "name": "Household", "color": "#ff8800", "position": 3, "archived": false,
        "archived_at": null,
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

/// A client that sends its creation again would bring back what somebody has deleted, and the feed would tell smaller
/// versions of it.
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
