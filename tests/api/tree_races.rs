//! Two writers of one tree or list, of which the first is held open until the second waits for it: who wins is no
//! chance.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_postgres::Transaction;

use crate::harness::{Answer, Workspace, database, id, suite};
use crate::jobs::ended;
use crate::subtasks_at_once::assert_sound;

suite![
    #[database]
    a_todo_is_not_moved_below_one_that_is_being_deleted,
    #[database]
    what_is_being_moved_below_a_todo_goes_into_the_bin_with_it,
    #[database]
    a_todo_is_deleted_between_two_moves_below_it,
    #[database]
    a_change_that_waited_finds_its_list_archived,
    #[database]
    a_list_is_archived_after_the_change_that_is_under_way,
    #[database]
    a_chunk_that_waited_changes_nothing_in_an_archived_list,
    #[database]
    a_chunk_that_waited_takes_todos_out_of_an_archived_list,
    a_list_is_deleted_while_todos_come_into_it,
    #[database]
    a_chunk_that_waited_finds_its_list_deleted,
];

fn path(todo: &Value) -> String {
    format!("/api/v2/todos/{}", id(todo))
}

async fn parent(ws: &Workspace, has_subtasks: bool) -> Value {
    let parent = ws.todo(json!({ "title": "parent" })).await;
    if has_subtasks {
        ws.todo(json!({ "title": "there already", "parent_id": parent["id"] })).await;
    }
    parent
}

async fn list(ws: &Workspace) -> Value {
    ws.post("/api/v2/lists").json(json!({ "name": "Home" })).send().await.created()
}

fn archive(ws: &Workspace, list: &Value) -> JoinHandle<Answer> {
    tokio::spawn(ws.patch(&format!("/api/v2/lists/{}", id(list))).json(json!({ "archived": true })).send())
}

/// Moves a todo below another, as `POST /todos/{id}/move` does, in a transaction that is still open.
async fn hold_move(transaction: &Transaction<'_>, workspace: i64, todo: &Value, parent: &Value) {
    let held = "select outcome from todo_update_v1($1, null, null, null, false, null, $2::text::uuid, null, \
        jsonb_build_object('move', jsonb_build_object('parent', $3::text)))";
    let row = transaction.query_one(held, &[&workspace, &id(todo), &id(parent)]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "done");
}

/// The same of `DELETE /todos/{id}`.
async fn hold_delete(transaction: &Transaction<'_>, workspace: i64, todo: &Value) {
    let held = "select outcome from todo_delete_v1($1, null, null, null, false, null, $2::text::uuid, null)";
    let row = transaction.query_one(held, &[&workspace, &id(todo)]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "done");
}

/// Holds the rows of these todos and changes nothing.
async fn hold(transaction: &Transaction<'_>, todos: &[&Value]) {
    database::hold(transaction, &todos.iter().map(|todo| id(todo)).collect::<Vec<_>>()).await;
}

fn move_below(ws: &Workspace, todo: &Value, parent: &Value) -> JoinHandle<Answer> {
    tokio::spawn(ws.post(&format!("{}/move", path(todo))).json(json!({ "parent_id": parent["id"] })).send())
}

async fn a_todo_is_not_moved_below_one_that_is_being_deleted() {
    let ws = Workspace::new().await;
    let mut database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    for has_subtasks in [false, true] {
        let parent = parent(&ws, has_subtasks).await;
        let child = ws.todo(json!({ "title": "child" })).await;
        let transaction = database.transaction().await.unwrap();
        hold_delete(&transaction, workspace, &parent).await;
        let moving = move_below(&ws, &child, &parent);
        database::until_blocked(transaction.client(), 1).await;
        transaction.commit().await.unwrap();
        moving.await.unwrap().problem(422, "invalid_body").at("/parent_id", "not_found").faults_are(1);
        assert_eq!(ws.get(&path(&child)).send().await.ok(), child, "it stays where it was");
    }
    assert_sound(&ws).await;
}

async fn what_is_being_moved_below_a_todo_goes_into_the_bin_with_it() {
    let ws = Workspace::new().await;
    let mut database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    for has_subtasks in [false, true] {
        let parent = parent(&ws, has_subtasks).await;
        let child = ws.todo(json!({ "title": "child" })).await;
        let below = ws.todo(json!({ "title": "below", "parent_id": child["id"] })).await;
        let transaction = database.transaction().await.unwrap();
        hold_move(&transaction, workspace, &child, &parent).await;
        let deleting = tokio::spawn(ws.delete(&path(&parent)).send());
        database::until_blocked(transaction.client(), 1).await;
        transaction.commit().await.unwrap();
        deleting.await.unwrap().no_content();
        assert_eq!(ws.titles(&[]).await, [""; 0]);
        let together = "select count(distinct t.deleted_with) from todos t \
            join todos p on p.workspace_id = t.workspace_id and p.id = t.deleted_with and p.uid = $1::text::uuid \
            where t.uid = any (array[$1, $2, $3]::text[]::uuid[]) having count(*) = 3";
        let together = database.query(together, &[&id(&parent), &id(&child), &id(&below)]).await.unwrap();
        assert_eq!(together.len(), 1, "all went with the parent");
        ws.post(&format!("{}/restore", path(&parent))).send().await.ok();
        assert_eq!(ws.get(&path(&child)).send().await.ok()["parent_id"], parent["id"]);
        ws.delete(&path(&parent)).send().await.no_content();
    }
}

/// The deletion holds the parent's row and waits for the shape of trees, the second move mostly the other way round:
/// then Postgres ends one of them, and the service repeats it.
async fn a_todo_is_deleted_between_two_moves_below_it() {
    let ws = Workspace::new().await;
    let mut database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let parent = ws.todo(json!({ "title": "parent" })).await;
    let (one, two) = (ws.todo(json!({ "title": "one" })).await, ws.todo(json!({ "title": "two" })).await);
    let transaction = database.transaction().await.unwrap();
    hold_move(&transaction, workspace, &one, &parent).await;
    let deleting = tokio::spawn(ws.delete(&path(&parent)).send());
    database::until_blocked(transaction.client(), 1).await;
    let moving = move_below(&ws, &two, &parent);
    database::until_blocked(transaction.client(), 2).await;
    transaction.commit().await.unwrap();
    deleting.await.unwrap().no_content();
    let moved = moving.await.unwrap();
    let live = ws.titles(&[]).await;
    if moved.status == 200 {
        assert_eq!(live, [""; 0]);
    } else {
        moved.problem(422, "invalid_body").at("/parent_id", "not_found");
        assert_eq!(live, ["two"]);
    }
    ws.get(&path(&one)).send().await.problem(404, "todo_not_found");
    assert_sound(&ws).await;
    ws.post(&format!("{}/restore", path(&parent))).send().await.ok();
    assert_sound(&ws).await;
    assert_eq!(ws.titles(&[]).await.len(), 3, "nothing is lost");
}

async fn a_change_that_waited_finds_its_list_archived() {
    let ws = Workspace::new().await;
    let mut database = database::connect().await;
    let home = list(&ws).await;
    let inside = ws.todo(json!({ "title": "inside", "list_id": home["id"] })).await;
    let transaction = database.transaction().await.unwrap();
    hold(&transaction, &[&inside]).await;
    let changing = tokio::spawn(ws.patch(&path(&inside)).json(json!({ "title": "changed" })).send());
    database::until_blocked(transaction.client(), 1).await;
    archive(&ws, &home).await.unwrap().ok();
    transaction.rollback().await.unwrap();
    changing.await.unwrap().problem(409, "list_archived");
    assert_eq!(ws.get(&path(&inside)).send().await.ok(), inside);
}

/// The change has looked at its list and waits for the name of a tag that somebody else is making.
async fn a_list_is_archived_after_the_change_that_is_under_way() {
    let ws = Workspace::new().await;
    let mut database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let home = list(&ws).await;
    let inside = ws.todo(json!({ "title": "inside", "list_id": home["id"] })).await;
    let transaction = database.transaction().await.unwrap();
    let tag = "insert into tags (workspace_id, uid, name, folded) values ($1, gen_random_uuid(), 'new', 'new')";
    transaction.execute(tag, &[&workspace]).await.unwrap();
    let changing = tokio::spawn(ws.patch(&path(&inside)).json(json!({ "tags": ["new"] })).send());
    database::until_blocked(transaction.client(), 1).await;
    let archiving = archive(&ws, &home);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!archiving.is_finished(), "the list is archived, and the change that comes after it will succeed");
    transaction.rollback().await.unwrap();
    assert_eq!(changing.await.unwrap().ok()["tags"], json!(["new"]));
    archiving.await.unwrap().ok();
    let late = ws.patch(&path(&inside)).json(json!({ "title": "changed" })).send().await;
    late.problem(409, "list_archived");
}

/// Three todos of a list that is archived while the job's only chunk waits for the second of them. Gives the job and
/// the todos.
async fn archived_meanwhile(ws: &Workspace, change: Value) -> (Value, Vec<Value>) {
    let mut database = database::connect().await;
    let home = list(ws).await;
    let mut todos = Vec::new();
    for title in ["a", "b", "c"] {
        todos.push(ws.todo(json!({ "title": title, "list_id": home["id"] })).await);
    }
    let mut body = change;
    body["filter"] = json!({ "list": [home["id"]] });
    if body["list_id"] == "own" {
        body["list_id"] = home["id"].clone();
        body["filter"] = json!({ "list": ["none"] });
        todos = vec![ws.todo(json!({ "title": "outside" })).await];
    }
    let transaction = database.transaction().await.unwrap();
    hold(&transaction, &[todos.get(1).unwrap_or(&todos[0])]).await;
    let started = ws.post("/api/v2/todos/bulk-process").json(body).send().await;
    started.has_status(202);
    database::until_blocked(transaction.client(), 1).await;
    archive(ws, &home).await.unwrap().ok();
    transaction.rollback().await.unwrap();
    (ended(ws, started.header("location")).await, todos)
}

async fn a_chunk_that_waited_changes_nothing_in_an_archived_list() {
    for change in [
        json!({ "action": "complete" }),
        json!({ "action": "set_priority", "priority": "urgent" }),
        json!({ "action": "add_tag", "tag": "new" }),
        json!({ "action": "assign", "assignee_id": null }),
        json!({ "action": "move", "list_id": "own" }),
    ] {
        let ws = Workspace::new().await;
        let mut change = change;
        if change["action"] == "assign" {
            change["assignee_id"] = ws.employee("Ada").await["id"].clone();
        }
        let (job, todos) = archived_meanwhile(&ws, change.clone()).await;
        if change["action"] == "move" {
            assert_eq!((&job["status"], &job["error"]), (&json!("failed"), &json!("the list is archived")));
        } else {
            assert_eq!(job["status"], "succeeded", "{change}: {job}");
        }
        for todo in &todos {
            assert_eq!(ws.get(&path(todo)).send().await.ok(), *todo, "{change}");
        }
    }
}

async fn a_chunk_that_waited_takes_todos_out_of_an_archived_list() {
    let ws = Workspace::new().await;
    let (job, todos) = archived_meanwhile(&ws, json!({ "action": "delete" })).await;
    assert_eq!((&job["status"], &job["processed"]), (&json!("succeeded"), &json!(3)));
    for todo in &todos {
        ws.get(&path(todo)).send().await.problem(404, "todo_not_found");
    }
    let ws = Workspace::new().await;
    let (job, todos) = archived_meanwhile(&ws, json!({ "action": "move", "list_id": null })).await;
    assert_eq!((&job["status"], &job["processed"]), (&json!("succeeded"), &json!(3)));
    for todo in &todos {
        assert_eq!(ws.get(&path(todo)).send().await.ok()["list_id"], Value::Null);
    }
}

/// Either one came first, and the list stays, or they find no list.
async fn a_list_is_deleted_while_todos_come_into_it() {
    for _ in 0..10 {
        let ws = Workspace::new().await;
        let (list, todo, other) = (list(&ws).await, parent(&ws, true).await, parent(&ws, false).await);
        let into = json!({ "title": "x", "list_id": list["id"] });
        let calls = [
            ws.post("/api/v2/todos").json(into.clone()),
            ws.patch(&path(&other)).json(into),
            ws.post(&format!("{}/move", path(&todo))).json(json!({ "list_id": list["id"] })),
        ];
        let coming = calls.map(|call| tokio::spawn(call.send()));
        let deleted = ws.delete(&format!("/api/v2/lists/{}", id(&list))).send().await;
        let mut came = 0;
        for answer in coming {
            let answer = answer.await.unwrap();
            if answer.status < 400 {
                came += 1;
            } else {
                answer.problem(422, "invalid_body").at("/list_id", "not_found").faults_are(1);
            }
        }
        if came > 0 {
            deleted.problem(409, "list_not_empty");
        } else {
            deleted.no_content();
        }
        assert_sound(&ws).await;
    }
}

async fn a_chunk_that_waited_finds_its_list_deleted() {
    let ws = Workspace::new().await;
    let mut database = database::connect().await;
    let (todo, list) = (parent(&ws, true).await, list(&ws).await);
    let transaction = database.transaction().await.unwrap();
    hold(&transaction, &[&todo]).await;
    let body = json!({ "filter": { "list": ["none"] }, "action": "move", "list_id": list["id"] });
    let accepted = ws.post("/api/v2/todos/bulk-process").json(body).send().await.json(202);
    database::until_blocked(transaction.client(), 1).await;
    ws.delete(&format!("/api/v2/lists/{}", id(&list))).send().await.no_content();
    transaction.commit().await.unwrap();
    let job = ended(&ws, &format!("/api/v2/jobs/{}", accepted["job_id"].as_str().unwrap())).await;
    assert_eq!(
        (&job["status"], &job["processed"], &job["attempts"]),
        (&json!("failed"), &json!(0), &json!(1)),
        "{job}"
    );
    assert_eq!(ws.titles(&[("list", "none")]).await.len(), 2);
    assert_sound(&ws).await;
}
