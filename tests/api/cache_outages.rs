//! What writes leave behind that Redis was not told of, or whose outcome is not known.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Options, Server, Workspace, database, suite};

suite![
    #[embedded]
    all_pending_records_are_settled_at_once,
    #[embedded]
    a_long_outage_leaves_no_record_for_each_write,
    #[embedded]
    a_write_of_unknown_outcome_is_recorded,
    #[embedded]
    an_unknown_outcome_is_not_settled_before_its_transaction_has_ended,
    #[embedded]
    a_write_that_commits_after_its_timeout_is_never_hidden_by_the_cache,
    #[embedded]
    a_statement_that_timed_out_leaves_the_cache_on,
    #[embedded]
    without_a_cache_writes_wait_for_nothing_and_record_nothing,
];

const PATH: &str = "/api/v2/todos?limit=3";

async fn records(sql: &tokio_postgres::Client, workspace: i64) -> i64 {
    database::number(sql, "select count(*) from cache_invalidations where workspace_id = $1", &[&workspace]).await
}

/// Waits until a page comes from the cache; gives how long that took.
async fn until_cached(ws: &Workspace) -> Duration {
    let since = Instant::now();
    while ws.get(PATH).send().await.header("x-cache") != "HIT" {
        assert!(since.elapsed() < Duration::from_secs(25), "never answered from the cache");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    since.elapsed()
}

async fn all_pending_records_are_settled_at_once() {
    let server = Server::private(Options::default()).await;
    let ws = Workspace::on(&server).await;
    let sql = database::connect().await;
    let workspace = database::workspace(&sql, &ws).await;
    let fill = "insert into cache_invalidations (workspace_id) select $1 from generate_series(1, 350)";
    sql.execute(fill, &[&workspace]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    ws.get(PATH).send().await.ok();
    assert_eq!(records(&sql, workspace).await, 0);
    until_cached(&ws).await;
}

async fn a_long_outage_leaves_no_record_for_each_write() {
    let server = Server::private(Options::default()).await;
    let ws = Workspace::on(&server).await;
    let sql = database::connect().await;
    let workspace = database::workspace(&sql, &ws).await;
    server.host().faults().redis().refuse();
    let old = "insert into cache_invalidations (workspace_id, created_at) values ($1, now() - interval '1 minute')";
    sql.execute(old, &[&workspace]).await.unwrap();
    for _ in 0..5 {
        ws.titled("x").await;
    }
    assert_eq!(records(&sql, workspace).await, 1);
    server.host().faults().redis().heal();
    until_cached(&ws).await;
    assert_eq!(records(&sql, workspace).await, 0);
    assert_eq!(ws.titles(&[]).await, ["x"; 5]);
}

async fn a_write_of_unknown_outcome_is_recorded() {
    let server = Server::private(Options::default()).await;
    let ws = Workspace::on(&server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    let sql = database::connect().await;
    let workspace = database::workspace(&sql, &ws).await;
    sql.batch_execute("begin").await.unwrap();
    sql.execute("select from todos where workspace_id = $1 for update", &[&workspace]).await.unwrap();
    let patch = ws.patch(&path).json(json!({ "title": "y" }));
    let patch = tokio::spawn(async move { patch.send().await });
    database::until_blocked(&sql, 1).await;
    server.host().faults().postgres().cut();
    patch.await.unwrap().problem(503, "unavailable");
    sql.batch_execute("rollback").await.unwrap();
    assert_eq!(records(&sql, workspace).await, 1);
}

async fn an_unknown_outcome_is_not_settled_before_its_transaction_has_ended() {
    let server = Server::private(Options::default()).await;
    let ws = Workspace::on(&server).await;
    let (writer, sql) = (database::connect().await, database::connect().await);
    let workspace = database::workspace(&sql, &ws).await;
    until_cached(&ws).await;
    // A commit that waits for a standby looks to others as if it were still running.
    writer.batch_execute("begin").await.unwrap();
    let late = "select todo_create_v1($1, null, null, null, false, gen_random_uuid(), \
        '{\"title\": \"late\", \"status\": \"pending\", \"priority\": 2, \"tags\": []}')";
    writer.execute(late, &[&workspace]).await.unwrap();
    sql.execute("select invalidation_record_unknown_v1($1, false)", &[&workspace]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for _ in 0..3 {
        assert_eq!(ws.get(PATH).send().await.header("x-cache"), "BYPASS");
    }
    assert_eq!(records(&sql, workspace).await, 1);
    writer.batch_execute("commit").await.unwrap();
    assert_eq!(ws.titles(&[]).await, ["late"]);
    // Transactions of other tests may be running, too.
    until_cached(&ws).await;
    assert_eq!(records(&sql, workspace).await, 0);
    assert_eq!(ws.titles(&[]).await, ["late"]);
}

/// The request is given up while its statement waits for a lock; the statement commits later, long before its fence would expire.
async fn a_write_that_commits_after_its_timeout_is_never_hidden_by_the_cache() {
    let options = Options::default().with("database_timeout_ms", 8000).with("request_timeout_ms", 1000);
    let server = Server::private(options).await;
    let ws = Workspace::on(&server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    let (holder, sql) = (database::connect().await, database::connect().await);
    let workspace = database::workspace(&sql, &ws).await;
    until_cached(&ws).await;
    holder.batch_execute("begin").await.unwrap();
    holder.execute("select from todos where workspace_id = $1 for update", &[&workspace]).await.unwrap();
    let patch = ws.patch(&path).json(json!({ "title": "y" }));
    let patch = tokio::spawn(async move { patch.send().await });
    database::until_blocked(&holder, 1).await;
    // While the write is under way its old state is served, and stored.
    assert_eq!(ws.cached(&path).await.ok()["title"], "x");
    assert_eq!(ws.cached(PATH).await.ok()["items"][0]["title"], "x");
    patch.await.unwrap().problem(504, "timeout");
    // The life of a check that does not know of the record yet.
    while records(&sql, workspace).await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for _ in 0..3 {
        let answer = ws.get(PATH).send().await;
        assert_eq!((answer.header("x-cache"), &answer.ok()["items"][0]["title"]), ("BYPASS", &json!("x")));
    }
    holder.batch_execute("rollback").await.unwrap();
    let committed = "select count(*) from todos where workspace_id = $1 and title = 'y'";
    while database::number(&sql, committed, &[&workspace]).await == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let since = Instant::now();
    let (mut hits, mut reads) = (0, 0);
    while since.elapsed() < Duration::from_secs(12) && hits < 20 {
        for read in [PATH, &path] {
            let answer = ws.get(read).send().await;
            let shown = answer.ok();
            let title = shown.get("title").unwrap_or_else(|| &shown["items"][0]["title"]);
            assert_eq!(title, "y", "{:?} after the commit: {answer}", since.elapsed());
            hits += usize::from(answer.header("x-cache") == "HIT");
            reads += 1;
        }
    }
    assert!(hits >= 20, "{hits} of {reads} reads came from the cache");
    assert_eq!(records(&sql, workspace).await, 0);
}

async fn a_statement_that_timed_out_leaves_the_cache_on() {
    let server = Server::private(Options::default().with("database_timeout_ms", 1000)).await;
    let ws = Workspace::on(&server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    let sql = database::connect().await;
    let workspace = database::workspace(&sql, &ws).await;
    until_cached(&ws).await;
    sql.batch_execute("begin").await.unwrap();
    sql.execute("select from todos where workspace_id = $1 for update", &[&workspace]).await.unwrap();
    ws.patch(&path).json(json!({ "title": "y" })).send().await.problem(504, "timeout");
    sql.batch_execute("rollback").await.unwrap();
    let took = until_cached(&ws).await;
    // The fence of a write whose outcome is unknown would stand for seven seconds.
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert_eq!(ws.titles(&[]).await, ["x"]);
}

async fn without_a_cache_writes_wait_for_nothing_and_record_nothing() {
    let server = Server::private(Options::default().with("cache", "off")).await;
    let ws = Workspace::on(&server).await;
    let sql = database::connect().await;
    let workspace = database::workspace(&sql, &ws).await;
    server.host().faults().redis().refuse();
    ws.get(PATH).send().await.ok();
    let since = Instant::now();
    ws.post("/api/v2/todos").json(json!({ "title": "x" })).send().await.has_status(201);
    assert!(since.elapsed() < Duration::from_millis(1000), "{:?}", since.elapsed());
    assert_eq!(records(&sql, workspace).await, 0);
    server.host().faults().redis().heal();
}
