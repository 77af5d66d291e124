//! Two databases of their own on one Redis, as staging and production have, or two developers.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::harness::targets::Postgres;
use crate::harness::{Options, Server, Workspace, database, suite};

suite![
    #[embedded]
    two_databases_on_one_redis_have_nothing_in_common,
];

/// What a workspace shows of itself, and what each path answers where there is nothing.
fn views() -> [(&'static str, Value); 6] {
    let empty = || json!({ "items": [], "next_cursor": null });
    [
        ("/api/v2/todos", empty()),
        ("/api/v2/tags", empty()),
        ("/api/v2/lists", empty()),
        ("/api/v2/employees", empty()),
        ("/api/v1/todos", json!([])),
        (
            "/api/v2/todos/stats",
            json!({
                "total": 0,
                "by_status": { "pending": 0, "in_progress": 0, "completed": 0, "cancelled": 0 },
                "by_priority": { "low": 0, "medium": 0, "high": 0, "urgent": 0 },
                "overdue": 0, "due_today": 0, "completed_last_7_days": 0,
            }),
        ),
    ]
}

async fn two_databases_on_one_redis_have_nothing_in_common() {
    let (Some(first), Some(second)) = (Installation::new().await, Installation::new().await) else { return };
    let (ws, other) = (Workspace::on(&first.server).await, Workspace::on(&second.server).await);
    let serial = database::workspace(&first.sql, &ws).await;
    assert_eq!(serial, database::workspace(&second.sql, &other).await, "both have the same number");
    for number in 0..3 {
        let list = ws.post("/api/v2/lists").json(json!({ "name": format!("List {number}") })).send().await.created();
        let body = json!({ "title": "Theirs", "tags": [format!("tag-{number}")], "list_id": list["id"] });
        ws.todo(body).await;
    }
    ws.employee("Ada").await;
    let todo = format!("/api/v2/todos/{}", ws.titled("Theirs").await);
    let theirs = ws.cached(&todo).await;
    let mut shown = Vec::new();
    for (path, empty) in views() {
        let answer = ws.cached(path).await;
        assert_ne!(answer.ok(), empty, "{answer}");
        shown.push(answer.ok());
    }

    for _ in 0..3 {
        for (path, empty) in views() {
            assert_eq!(other.get(path).send().await.ok(), empty);
            // What is known of a token is known of one database.
            let stranger = second.server.bearer(ws.token.as_deref().unwrap());
            stranger.get(path).send().await.has_status(401);
            first.server.bearer(other.token.as_deref().unwrap()).get(path).send().await.has_status(401);
        }
        other.get(&todo).send().await.problem(404, "todo_not_found");
    }
    for (path, empty) in views() {
        assert_eq!(other.cached(path).await.ok(), empty);
    }

    // One token in both, with other rights here than there.
    let copy = "insert into tokens (workspace_id, uid, name, hash, scopes) \
        values ($1, gen_random_uuid(), 'copy', sha256(convert_to($2, 'UTF8')), '{todos:read}')";
    second.sql.execute(copy, &[&serial, &ws.token]).await.unwrap();
    let reader = second.server.bearer(ws.token.as_deref().unwrap());
    for (path, empty) in views() {
        assert_eq!(reader.get(path).send().await.ok(), empty);
    }
    reader.post("/api/v2/todos").json(json!({ "title": "x" })).send().await.problem(403, "insufficient_scope");

    other.titled("Ours").await;
    assert_eq!(other.titles(&[]).await, ["Ours"]);
    assert_eq!(ws.get(&todo).send().await.ok(), theirs.ok());
    for ((path, _), shown) in views().into_iter().zip(shown) {
        assert_eq!(ws.get(path).send().await.ok(), shown, "nor the other way round");
    }
}

/// A service with a database of its own and the Redis of all.
struct Installation {
    server: Arc<Server>,
    sql: tokio_postgres::Client,
    _postgres: Postgres,
}

impl Installation {
    async fn new() -> Option<Self> {
        let postgres = Postgres::start().await?;
        let server = Server::private(postgres.used_by(Options::default())).await;
        let sql = database::connect_to(&postgres.url()).await;
        database::make_admin(&sql, &server.admin_token).await;
        Some(Self { server, sql, _postgres: postgres })
    }
}
