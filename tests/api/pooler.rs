//! A pooler between the service and Postgres: no startup option is needed, and nothing relies on a session.

use serde_json::json;

use crate::harness::targets::Pooler;
use crate::harness::{Options, Server, Workspace, suite, with_parameter};
use crate::jobs::done;

suite![
    #[pooler]
    the_service_runs_behind_a_pooler_in_session_mode,
    #[transaction_pooler]
    the_service_runs_behind_a_pooler_in_transaction_mode,
    #[embedded]
    sessions_without_a_statement_timeout_are_not_ready,
];

async fn the_service_runs_behind_a_pooler_in_session_mode() {
    // The host keeps what it has opened, and in session mode each is one of the pooler's own: API and worker, 64 each.
    serves_behind(Pooler::start("session", 128).await).await;
}

async fn the_service_runs_behind_a_pooler_in_transaction_mode() {
    // Ten connections for the 128 of the host: statements of all take turns on them.
    serves_behind(Pooler::start("transaction", 10).await).await;
}

async fn serves_behind(pooler: Pooler) {
    let server = Server::private(pooler.used_by(Options::default())).await;
    server.anonymous().get("/health/ready").send().await.ok();

    let ws = Workspace::on(&server).await;
    let first = || ws.post("/api/v2/todos").header("idempotency-key", "pooled").json(json!({ "title": "First" }));
    let created = first().send().await.created();
    let replayed = first().send().await;
    assert_eq!(replayed.header("idempotent-replayed"), "true", "{replayed}");
    assert_eq!(replayed.created(), created);

    let writes = (0..60).map(|number| ws.todo(json!({ "title": format!("Todo {number}"), "tags": ["Pooled"] })));
    futures::future::join_all(writes).await;
    let change = json!({ "filter": { "tag": ["pooled"] }, "action": "complete" });
    let job = done(&ws, change).await;
    assert_eq!(job["processed"], 60, "{job}");
}

async fn sessions_without_a_statement_timeout_are_not_ready() {
    // Readiness compares what a session has with `database_timeout_ms`: none, and one that is too long.
    let url = std::env::var("DATABASE_URL").unwrap();
    for (timeout, told) in [("0", "0 ms"), ("9000", "9000 ms")] {
        let unbounded = with_parameter(&url, &format!("options=-c%20statement_timeout%3D{timeout}"));
        let server = Server::private(Options::default().with("database_url", unbounded)).await;
        let ready = server.anonymous().get("/health/ready").send().await;
        let problems = ready.json(503)["problems"].to_string();
        assert!(problems.contains("statement_timeout") && problems.contains(told), "{ready}");
        assert!(problems.contains("from 1 to 5000"), "{ready}");
    }
}
