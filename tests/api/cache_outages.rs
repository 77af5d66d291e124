//! What writes leave behind that Redis was not told of, or whose outcome is not known.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Client, Options, Server, Workspace, database, suite};

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
    a_replay_without_redis_is_seen_where_redis_is,
    #[embedded]
    a_revoked_token_is_refused_also_where_redis_is_cut,
    #[embedded]
    a_statement_that_timed_out_leaves_the_cache_on,
    #[embedded]
    one_slow_call_in_a_write_keeps_reads_from_the_cache_for_two_seconds_at_most,
    #[embedded]
    a_record_of_one_workspace_is_settled_by_the_reads_of_another,
    #[embedded]
    without_a_cache_writes_wait_for_nothing_and_record_nothing,
];

const PATH: &str = "/api/v2/todos?limit=3";

async fn records(sql: &tokio_postgres::Client, workspace: i64) -> i64 {
    database::number(sql, "select count(*) from cache_invalidations where workspace_id = $1", &[&workspace]).await
}

/// Waits until a page comes from the cache; gives how long that took.
async fn until_cached(client: &Client) -> Duration {
    let since = Instant::now();
    while client.get(PATH).send().await.header("x-cache") != "HIT" {
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

/// The request is given up while its statement waits for a lock; the statement commits later, long before its fence
/// would expire.
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

/// The first attempt is killed between its commit and its publish, and repeated by an instance that Redis is out of
/// reach of.
async fn a_replay_without_redis_is_seen_where_redis_is() {
    let [near, far] = [Server::private(Options::default()).await, Server::private(Options::default()).await];
    let ws = Workspace::on(&near).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    let sql = database::connect().await;
    let workspace = database::workspace(&sql, &ws).await;
    until_cached(&ws).await;
    assert_eq!(ws.cached(&path).await.ok()["status"], "pending");
    let complete =
        |client: &Client| client.post(&format!("{path}/complete")).header("idempotency-key", "once").json(json!({}));
    sql.batch_execute("begin").await.unwrap();
    sql.execute("select from todos where workspace_id = $1 for update", &[&workspace]).await.unwrap();
    let first = complete(&ws);
    let first = tokio::spawn(async move { first.try_send().await });
    database::until_blocked(&sql, 1).await;
    near.host().kill_instances();
    sql.batch_execute("rollback").await.unwrap();
    let _ = first.await;
    let completed = "select count(*) from todos where workspace_id = $1 and status = 'completed'";
    while database::number(&sql, completed, &[&workspace]).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(ws.cached(&path).await.ok()["status"], "pending", "nobody was told");
    far.host().faults().redis().refuse();
    far.host().faults().redis().cut();
    let replay = complete(&far.bearer(ws.token.as_deref().unwrap())).send().await;
    assert_eq!((replay.ok()["status"].as_str(), replay.header("idempotent-replayed")), (Some("completed"), "true"));
    for _ in 0..5 {
        assert_eq!(ws.get(&path).send().await.ok()["status"], "completed");
        assert_eq!(ws.get(PATH).send().await.ok()["items"][0]["status"], "completed");
    }
    assert_eq!(records(&sql, workspace).await, 0, "settled by the first read that reached Redis");
}

/// Redis is cut off where the token is revoked, or where it is used.
async fn a_revoked_token_is_refused_also_where_redis_is_cut() {
    let servers = [Server::private(Options::default()).await, Server::private(Options::default()).await];
    for cut in [&servers[0], &servers[1]] {
        let ws = Workspace::on(&servers[0]).await;
        let clients = servers.each_ref().map(|server| server.bearer(ws.token.as_deref().unwrap()));
        for client in &clients {
            until_cached(client).await;
        }
        cut.host().faults().redis().refuse();
        cut.host().faults().redis().cut();
        let revoke = servers[0].admin().delete(&format!("/api/v2/admin/tokens/{}", ws.token_id));
        let using = clients.each_ref().map(|client| {
            let client = Client::new(client.server.clone(), client.token.clone());
            tokio::spawn(async move {
                // Both are in use all the time, so that whatever is remembered of the token is renewed.
                for _ in 0..60 {
                    let _ = client.get(PATH).send().await;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
        });
        revoke.send().await.no_content();
        let answered = Instant::now();
        tokio::time::sleep(Duration::from_secs(1)).await;
        for _ in 0..5 {
            for client in &clients {
                client.get(PATH).send().await.problem(401, "unauthenticated");
            }
        }
        assert!(answered.elapsed() < Duration::from_secs(5), "{:?}", answered.elapsed());
        for using in using {
            using.await.unwrap();
        }
        cut.host().faults().redis().heal();
        // Redis is tried again a second after it failed.
        tokio::time::sleep(Duration::from_millis(1200)).await;
        for client in &clients {
            client.get(PATH).send().await.problem(401, "unauthenticated");
        }
    }
}

async fn a_statement_that_timed_out_leaves_the_cache_on() {
    let server = Server::private(Options::default().with("database_timeout_ms", 1000)).await;
    let ws = Workspace::on(&server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    let sql = database::connect().await;
    let workspace = database::workspace(&sql, &ws).await;
    until_cached(&ws).await;
    // A workspace that Redis does not know begins with a fence, since those of writes may have been lost with what it
    // knew.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let before = ws.cached(PATH).await;
    sql.batch_execute("begin").await.unwrap();
    sql.execute("select from todos where workspace_id = $1 for update", &[&workspace]).await.unwrap();
    ws.patch(&path).json(json!({ "title": "y" })).send().await.problem(504, "timeout");
    sql.batch_execute("rollback").await.unwrap();
    assert_eq!(records(&sql, workspace).await, 0, "the outcome is known");
    let after = ws.get(PATH).send().await;
    assert_eq!((after.header("x-cache"), after.etag()), ("HIT", before.etag()), "{after}");
    // The fence of a write whose outcome is unknown stands for seven seconds, and what was cached goes at its end.
    // Meanwhile others ask, since after a second of silence nothing is served from the cache before Postgres was asked.
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(8) {
        ws.get("/api/v2/me").send().await.ok();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let after = ws.get(PATH).send().await;
    assert_eq!((after.header("x-cache"), after.etag()), ("HIT", before.etag()), "after its life: {after}");
    assert_eq!(records(&sql, workspace).await, 0);
    assert_eq!(ws.titles(&[]).await, ["x"]);
}

async fn one_slow_call_in_a_write_keeps_reads_from_the_cache_for_two_seconds_at_most() {
    let server = Server::private(Options::default()).await;
    let ws = Workspace::on(&server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    let sql = database::connect().await;
    let workspace = database::workspace(&sql, &ws).await;
    until_cached(&ws).await;
    // Longer than any call waits for Redis.
    server.host().faults().redis().delay(Duration::from_millis(1500));
    let patch = ws.patch(&path).json(json!({ "title": "y" }));
    let patch = tokio::spawn(async move { patch.send().await });
    while records(&sql, workspace).await == 0 {
        assert!(!patch.is_finished(), "the write has waited for Redis");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.host().faults().redis().heal();
    assert_eq!(patch.await.unwrap().ok()["title"], "y");
    let took = until_cached(&ws).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(ws.cached(PATH).await.ok()["items"][0]["title"], "y");
}

async fn a_record_of_one_workspace_is_settled_by_the_reads_of_another() {
    let server = Server::private(Options::default()).await;
    let (silent, ws) = (Workspace::on(&server).await, Workspace::on(&server).await);
    let sql = database::connect().await;
    let workspace = database::workspace(&sql, &silent).await;
    sql.execute("insert into cache_invalidations (workspace_id) values ($1)", &[&workspace]).await.unwrap();
    let since = Instant::now();
    while records(&sql, workspace).await > 0 {
        assert!(since.elapsed() < Duration::from_secs(3), "it is not settled");
        ws.get(PATH).send().await.ok();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn without_a_cache_writes_wait_for_nothing_and_record_nothing() {
    let server = Server::private(Options::default().with("cache", "off").with("enable_metrics", "off")).await;
    let ws = Workspace::on(&server).await;
    let sql = database::connect().await;
    let workspace = database::workspace(&sql, &ws).await;
    ws.titled("known").await;
    let before = server.host().counters();
    for _ in 0..20 {
        ws.titled("x").await;
    }
    // One call finds the caller, and each second one tells of a check. To publish a write would be one more.
    let calls = (server.host().counters() - before).redis_calls;
    assert!((20..30).contains(&calls), "{calls} calls of Redis for 20 writes");
    server.host().faults().redis().refuse();
    ws.get(PATH).send().await.ok();
    let since = Instant::now();
    ws.post("/api/v2/todos").json(json!({ "title": "x" })).send().await.has_status(201);
    assert!(since.elapsed() < Duration::from_millis(1000), "{:?}", since.elapsed());
    assert_eq!(records(&sql, workspace).await, 0);
    server.host().faults().redis().heal();
}
