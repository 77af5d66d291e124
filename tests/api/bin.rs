//! The bin: deleted todos, for thirty days.

use std::time::Duration;

use serde_json::json;
use tokio_postgres::error::SqlState;

use crate::harness::{Workspace, database, suite, uuid};

suite![
    a_deleted_todo_can_be_restored,
    restoring_a_live_todo_changes_nothing,
    an_id_in_the_bin_cannot_be_chosen,
    #[database]
    an_id_is_not_given_again_while_the_feed_knows_its_deletion,
    the_bin_combines_with_filters_and_sorts,
    what_was_never_there_cannot_be_restored,
    #[database]
    a_deleted_todo_can_be_restored_for_thirty_days,
    #[database]
    an_id_that_is_purged_meanwhile_is_free,
];

async fn a_deleted_todo_can_be_restored() {
    let ws = Workspace::new().await;
    let before =
        ws.todo(json!({ "title": "Back", "tags": ["kept"], "description": "kept", "status": "completed" })).await;
    let path = format!("/api/v2/todos/{}", before["id"].as_str().unwrap());
    ws.delete(&path).send().await.no_content();
    let restored = ws.post(&format!("{path}/restore")).send().await;
    let after = restored.ok();
    for field in ["id", "title", "tags", "description", "status", "completed_at", "created_at"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    assert!(after["version"].as_i64() > before["version"].as_i64(), "{after}");
    let read = ws.get(&path).send().await;
    assert_eq!(read.ok(), after);
    assert_eq!(read.etag(), restored.etag());
    assert_eq!(ws.titles(&[]).await, ["Back"]);
    assert_eq!(ws.titles(&[("deleted", "true")]).await, [""; 0]);
}

async fn restoring_a_live_todo_changes_nothing() {
    let ws = Workspace::new().await;
    let todo = ws.todo(json!({ "title": "Live" })).await;
    let path = format!("/api/v2/todos/{}", todo["id"].as_str().unwrap());
    assert_eq!(ws.post(&format!("{path}/restore")).send().await.ok(), todo);
}

async fn an_id_in_the_bin_cannot_be_chosen() {
    let ws = Workspace::new().await;
    let path = format!("/api/v2/todos/{}", uuid());
    ws.put(&path).header("if-none-match", "*").json(json!({ "title": "a" })).send().await.created();
    ws.delete(&path).send().await.no_content();
    let again = ws.put(&path).header("if-none-match", "*").json(json!({ "title": "b" })).send().await;
    again.problem(409, "todo_deleted");
    ws.post(&format!("{path}/restore")).send().await.ok();
    assert_eq!(ws.get(&path).send().await.ok()["title"], "a");
}

/// The log of changes knows the deletion for longer than the bin holds the todo.
async fn an_id_is_not_given_again_while_the_feed_knows_its_deletion() {
    let ws = Workspace::new().await;
    let database = database::connect().await;
    let id = uuid();
    let path = format!("/api/v2/todos/{id}");
    let put =
        async |title: &str| ws.put(&path).header("if-none-match", "*").json(json!({ "title": title })).send().await;
    put("a").await.created();
    ws.delete(&path).send().await.no_content();
    let expire = "update todos set deleted_at = now() - interval '30 days 1 hour' where uid = $1::text::uuid";
    let purge = "delete from todos where uid = $1::text::uuid";
    for change in [expire, purge] {
        assert_eq!(database.execute(change, &[&id]).await.unwrap(), 1);
        put("b").await.problem(409, "todo_deleted");
    }
    ws.post(&format!("{path}/restore")).send().await.problem(404, "todo_not_found");
    // Any line tells a version, also one that is younger than the deletion, as of a change in the bin.
    for (kind, lines) in [("deleted", 1), ("created", 1)] {
        let forget = format!("delete from events where subject = $1::text::uuid and type = 'todo.{kind}'");
        put("b").await.problem(409, "todo_deleted");
        assert_eq!(database.execute(&forget, &[&id]).await.unwrap(), lines);
    }
    assert_eq!(put("b").await.created()["version"], 1);
}

async fn the_bin_combines_with_filters_and_sorts() {
    let ws = Workspace::new().await;
    for (title, priority) in [("a", "low"), ("b", "high"), ("c", "high")] {
        let todo = ws.todo(json!({ "title": title, "priority": priority })).await;
        ws.delete(&format!("/api/v2/todos/{}", todo["id"].as_str().unwrap())).send().await.no_content();
    }
    let query = [("deleted", "true"), ("priority", "high"), ("sort", "title"), ("limit", "1")];
    assert_eq!(ws.titles(&query).await, ["b", "c"]);
}

async fn what_was_never_there_cannot_be_restored() {
    let ws = Workspace::new().await;
    ws.post(&format!("/api/v2/todos/{}/restore", uuid())).send().await.problem(404, "todo_not_found");
    ws.post("/api/v2/todos/x/restore").send().await.problem(400, "invalid_parameter").in_parameter("id");
}

async fn a_deleted_todo_can_be_restored_for_thirty_days() {
    let ws = Workspace::new().await;
    let database = database::connect().await;
    for (days, status) in [(29, 200), (31, 404)] {
        let path = format!("/api/v2/todos/{}", ws.titled("x").await);
        ws.delete(&path).send().await.no_content();
        let age = format!(
            "update todos set deleted_at = now() - interval '{days} days' where uid = '{}'",
            path.rsplit('/').next().unwrap()
        );
        assert_eq!(database.execute(&age, &[]).await.expect("todos have `uid` and `deleted_at`"), 1);
        let answer = ws.post(&format!("{path}/restore")).send().await;
        answer.has_status(status);
        if status == 404 {
            answer.problem(404, "todo_not_found");
        }
    }
}

/// The purge commits between the attempt to insert and the look at what stands in its way: a trigger does its work at
/// that moment.
async fn an_id_that_is_purged_meanwhile_is_free() {
    let ws = Workspace::new().await;
    let mut database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let id = ws.titled("old").await;
    ws.delete(&format!("/api/v2/todos/{id}")).send().await.no_content();
    let expire = "update todos set deleted_at = now() - interval '31 days' where uid = $1::text::uuid";
    assert_eq!(database.execute(expire, &[&id]).await.unwrap(), 1);
    assert_eq!(database.execute("delete from events where subject = $1::text::uuid", &[&id]).await.unwrap(), 2);
    // From the table that has the trigger: on Citus that is a shard.
    let function = format!(
        "create function purge_at_once() returns trigger language plpgsql as $$ begin
             execute format('delete from %s where workspace_id = $1 and deleted_at < $2', tg_relid::regclass)
                 using {workspace}, now() - interval '30 days';
             return null;
         end $$"
    );
    let trigger = "create trigger purge_at_once after insert on todos for each statement \
                   execute function purge_at_once()";
    // Never committed, so that nobody else meets the trigger.
    let transaction = loop {
        let transaction = database.transaction().await.unwrap();
        // All who write wait behind whoever waits for the table: not for long, then.
        transaction.batch_execute("set local lock_timeout = '50ms'").await.unwrap();
        let set = async {
            transaction.batch_execute(&function).await?;
            transaction.batch_execute(trigger).await
        };
        match set.await {
            Ok(()) => break transaction,
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                transaction.rollback().await.unwrap();
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(error) => panic!("{error}"),
        }
    };
    let create = "select outcome, body::json ->> 'title' from todo_create_v1($1, null, null, null, false, \
                  $2::text::uuid, \
        '{\"title\": \"new\", \"status\": \"pending\", \"priority\": 2, \"tags\": []}')";
    let row = transaction.query_one(create, &[&workspace, &id]).await.unwrap();
    let found: (String, Option<String>) = (row.get(0), row.get(1));
    assert_eq!(found, ("done".to_owned(), Some("new".to_owned())));
    transaction.rollback().await.unwrap();
}
