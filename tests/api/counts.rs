//! The counts that are kept as todos are written: never other than what counting would give.

use serde_json::{Value, json};

use crate::harness::client::Call;
use crate::harness::{Workspace, database, suite};

suite![
    #[database]
    kept_counts_are_exact_at_any_moment,
];

/// Counts that differ from what counting gives, over all workspaces, in one glance. Other tests write meanwhile; that
/// is the point.
const WRONG: &str = "\
    SELECT 'todos of ' || workspace_id || ' ' || status || ' ' || priority || ': ' || concat_ws(', not ', kept, \
    made) AS wrong
    FROM (SELECT workspace_id, status, priority, sum(todos) AS kept FROM todo_counts GROUP BY 1, 2, \
    3 HAVING sum(todos) <> 0) k
    FULL JOIN (
        SELECT workspace_id, status, priority, count(*) AS made FROM todos WHERE deleted_at IS NULL GROUP BY 1, 2, 3
    ) m USING (workspace_id, status, priority)
    WHERE kept IS DISTINCT FROM made
    UNION ALL
    SELECT 'tag ' || tag_id || ' of ' || workspace_id || ': ' || concat_ws(', not ', kept, made)
    FROM (SELECT workspace_id, tag_id, sum(todos) AS kept FROM tag_counts GROUP BY 1, 2 HAVING sum(todos) <> 0) k
    FULL JOIN (
        SELECT l.workspace_id, coalesce(g.merged_into, g.id) AS tag_id, count(*) AS made
        FROM todo_tags l JOIN todos t ON t.workspace_id = l.workspace_id AND t.id = l.todo_id
        JOIN tags g ON g.workspace_id = l.workspace_id AND g.id = l.tag_id
        WHERE t.deleted_at IS NULL GROUP BY 1, 2
    ) m USING (workspace_id, tag_id)
    WHERE kept IS DISTINCT FROM made
    UNION ALL
    SELECT 'completed in ' || workspace_id || ' at ' || hour || ': ' || concat_ws(', not ', kept, made)
    FROM (SELECT workspace_id, hour, sum(todos) AS kept FROM completion_counts GROUP BY 1, 2 HAVING sum(todos) <> 0) k
    FULL JOIN (
        SELECT workspace_id, date_trunc('hour', completed_at, 'UTC') AS hour, count(*) AS made
        FROM todos WHERE deleted_at IS NULL AND completed_at IS NOT NULL GROUP BY 1, 2
    ) m USING (workspace_id, hour)
    WHERE kept IS DISTINCT FROM made AND hour > now() - interval '7 days'
    UNION ALL
    SELECT 'list ' || list_id || ' of ' || workspace_id || ': ' || concat_ws(', not ', kept, made)
    FROM (SELECT workspace_id, list_id, sum(todos) AS kept FROM list_counts GROUP BY 1, 2 HAVING sum(todos) <> 0) k
    FULL JOIN (
        SELECT workspace_id, list_id, count(*) AS made
        FROM todos WHERE deleted_at IS NULL AND list_id IS NOT NULL AND status IN ('pending', 'in_progress') \
        GROUP BY 1, 2
    ) m USING (workspace_id, list_id)
    WHERE kept IS DISTINCT FROM made";

async fn kept_counts_are_exact_at_any_moment() {
    let database = database::connect().await;
    let check = async |when: &str| {
        let wrong: Vec<String> = database.query(WRONG, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        assert!(wrong.is_empty(), "{when}:\n{}", wrong.join("\n"));
    };
    for round in 0..20 {
        let ws = Workspace::new().await;
        let mut ids = Vec::new();
        for number in 0..8 {
            let tags = [format!("tag-{}", number % 3), "all".to_owned()];
            let todo = ws.todo(json!({ "title": "x", "tags": tags })).await;
            ids.push(todo["id"].as_str().unwrap().to_owned());
        }
        ws.delete(&format!("/api/v2/todos/{}", ids[7])).send().await.no_content();
        let mut calls = writes(&ws, &ids).await;
        let turn = round % calls.len();
        calls.rotate_left(turn);
        let sent: Vec<_> = calls.into_iter().map(|call| tokio::spawn(call.send())).collect();
        for answer in sent {
            let answer = answer.await.unwrap();
            assert!((200..300).contains(&answer.status), "{answer}");
            check("while todos are written").await;
        }
        let total = ws.get("/api/v2/todos/stats").send().await.ok()["total"].clone();
        assert_eq!(total, json!(ws.all("/api/v2/todos", &[]).await.len()));
        for tag in ws.all("/api/v2/tags", &[]).await {
            let found = ws.titles(&[("tag", tag["name"].as_str().unwrap())]).await.len();
            assert_eq!(tag["count"], Value::from(found), "{tag}");
        }
        // Nobody does this through the service, but tools do.
        let workspace = database::workspace(&database, &ws).await;
        database::empty(&database, workspace).await;
        check("after live todos were removed").await;
    }
}

/// A merge and a removal of tags while their todos come, go, and change tags themselves.
async fn writes(ws: &Workspace, ids: &[String]) -> Vec<Call> {
    let tags = ws.all("/api/v2/tags", &[]).await;
    let tag = |name: &str| {
        let found = tags.iter().find(|tag| tag["name"] == name).unwrap();
        format!("/api/v2/tags/{}", found["id"].as_str().unwrap())
    };
    let path = |index: usize| format!("/api/v2/todos/{}", ids[index]);
    let batch = json!({ "operations": [
        { "op": "create", "todo": { "title": "y", "tags": ["tag-1", "new"] } },
        { "op": "update", "id": ids[3], "todo": { "status": "completed", "tags": ["tag-2"] } },
        { "op": "delete", "id": ids[4] },
    ] });
    let filter = json!({ "tag": ["all"], "priority": ["medium"] });
    let bulk = json!({ "filter": filter, "action": "set_priority", "priority": "low" });
    vec![
        ws.delete(&path(0)),
        ws.patch(&path(1)).json(json!({ "priority": "urgent", "tags": ["tag-0"] })),
        ws.delete(&path(2)),
        ws.post("/api/v2/todos/batch").json(batch),
        ws.post(&format!("{}/restore", path(7))),
        ws.patch(&tag("tag-0")).json(json!({ "name": "tag-1" })),
        ws.delete(&tag("tag-2")),
        ws.post("/api/v2/todos/bulk-process").json(bulk),
    ]
}
