//! A backup, restored elsewhere, beside its original on the same Redis.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::harness::targets::Postgres;
use crate::harness::{Options, Server, Workspace, database, mcp, suite};

suite![
    #[restore]
    a_restored_backup_shows_nothing_of_the_world_after_it,
    #[embedded]
    a_dump_of_another_cluster_begins_the_feed_anew,
];

async fn a_restored_backup_shows_nothing_of_the_world_after_it() {
    let ws = Workspace::new().await;
    let id = ws.titled("Before").await;
    let path = format!("/api/v2/todos/{id}");
    let (original, restored) =
        (std::env::var("DATABASE_URL").unwrap(), std::env::var("TODO_RESTORE_DATABASE_URL").unwrap());
    let dump = Command::new("pg_dump").args(["--no-owner", "--no-comments", "--dbname", &original]).output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    // The world goes on, its answers are cached, and its changes are followed.
    ws.patch(&path).json(json!({ "title": "After" })).send().await.has_status(200);
    let later = ws.titled("Later").await;
    for _ in 0..2 {
        assert_eq!(ws.get(&path).send().await.ok()["title"], "After");
        ws.get("/api/v2/todos").send().await.ok();
    }
    let cursor = ws.get("/api/v2/changes").send().await.ok()["next_cursor"].as_str().unwrap().to_owned();
    restore(&restored, &dump.stdout);
    let server = Server::private(Options::default().with("database_url", &restored)).await;
    let refused = server.anonymous().get("/health/ready").send().await;
    assert!(refused.json(503)["problems"].to_string().contains("ALTER DATABASE"), "{refused}");
    prepare(&restored);

    let server = Server::private(Options::default().with("database_url", &restored)).await;
    server.anonymous().get("/health/ready").send().await.ok();
    let client = server.bearer(ws.token.as_deref().unwrap());
    for _ in 0..3 {
        assert_eq!(client.get(&path).send().await.ok()["title"], "Before");
        client.get(&format!("/api/v2/todos/{later}")).send().await.problem(404, "todo_not_found");
        let listed = client.get("/api/v2/todos").send().await;
        assert_eq!(listed.ok()["items"].as_array().unwrap().len(), 1, "{listed}");
    }
    let followed = client.get("/api/v2/changes").query(&[("cursor", &cursor)]).send().await;
    followed.problem(410, "resync_required");
    client.patch(&path).json(json!({ "title": "Restored" })).send().await.has_status(200);
    assert_eq!(client.get(&path).send().await.ok()["title"], "Restored");
    assert_eq!(ws.get(&path).send().await.ok()["title"], "After", "nor the other way round");
}

/// The log of changes is ordered by the numbers of transactions, and another cluster has others: here that of the log
/// are ahead of it.
async fn a_dump_of_another_cluster_begins_the_feed_anew() {
    let Some(postgres) = Postgres::start().await else { return };
    database::connect_to(&postgres.url()).await.batch_execute("create database restored").await.unwrap();
    let url = format!("{}/restored", postgres.url().rsplit_once('/').unwrap().0);
    migrate(&url);
    let server = Server::private(postgres.used_by(Options::default()).with("database_url", &url)).await;
    let sql = database::connect_to(&url).await;
    database::make_admin(&sql, &server.admin_token).await;
    let ws = Workspace::on(&server).await;
    let id = ws.titled("x").await;
    let instant = |value: &Value| value.as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    let now = async || mcp::call(&ws, "overview", json!({})).await.content()["now"].clone();
    let log = "update events set xid = '999999999'";
    let seen = "update feed set seen = '999999999'";
    for ahead in [log.to_owned(), seen.to_owned(), format!("{log}; {seen}")] {
        ws.patch(&format!("/api/v2/todos/{id}")).json(json!({ "title": ahead })).send().await.ok();
        let cursor = ws.get("/api/v2/changes").send().await.ok()["next_cursor"].as_str().unwrap().to_owned();
        let resume = || ws.get("/api/v2/changes").query(&[("cursor", &cursor)]);
        resume().send().await.ok();
        sql.batch_execute(&ahead).await.unwrap();

        ws.get("/api/v2/changes").send().await.problem(503, "unavailable");
        tokio::time::sleep(Duration::from_millis(600)).await;
        let ready = server.anonymous().get("/health/ready").send().await;
        assert!(ready.json(503)["problems"].to_string().contains("run the migrations"), "{ahead}: {ready}");
        ws.get(&format!("/api/v2/todos/{id}")).send().await.ok();

        let before = now().await;
        migrate(&url);
        tokio::time::sleep(Duration::from_millis(600)).await;
        server.anonymous().get("/health/ready").send().await.ok();
        let gone = resume().send().await;
        gone.problem(410, "resync_required");
        assert_eq!(gone.header("link"), "</api/v2/changes>; rel=\"first\"");
        let anew = ws.get("/api/v2/changes").send().await.ok();
        assert_eq!(anew["items"][0]["id"], json!(id));

        // What happened before is lost, and nobody claims to tell it.
        let history = ws.get(&format!("/api/v2/todos/{id}/history")).send().await.ok();
        assert_eq!(history["items"], json!([]), "{ahead}");
        let complete_since = async |since: &Value| {
            let told = mcp::call(&ws, "what_changed", json!({ "since": since })).await.content();
            assert_eq!(told["changes"], json!([]), "{ahead}, since {since}");
            told["complete_since"].clone()
        };
        let after = now().await;
        for since in [&json!("2020-01-01T00:00:00Z"), &before] {
            let complete = instant(&complete_since(since).await);
            assert!(instant(&before) < complete && complete < instant(&after), "{ahead}, since {since}: {complete}");
        }
        assert_eq!(complete_since(&after).await, after);
    }
}

fn migrate(url: &str) {
    let mut migrate = Command::new(std::env::var_os("TODO_XTASK").unwrap());
    let migrated = migrate.args(["migrate", "--database-url", url]).output().unwrap();
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
}

fn restore(url: &str, dump: &[u8]) {
    let mut psql = psql(url).stdin(Stdio::piped()).spawn().unwrap();
    // It stops reading at its first error, which is told below.
    let _ = psql.stdin.take().unwrap().write_all(dump);
    let restored = psql.wait_with_output().unwrap();
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
}

/// What docs/operations.md says after a restore: the settings of the database, and an id of its own.
fn prepare(url: &str) {
    let settings = psql(url).args(["--file", "migrations/0001_database.sql"]).output().unwrap();
    assert!(settings.status.success(), "{}", String::from_utf8_lossy(&settings.stderr));
    let mut renew = Command::new(std::env::var_os("TODO_XTASK").unwrap());
    let renewed = renew.args(["installation", "renew", "--database-url", url]).output().unwrap();
    assert!(renewed.status.success(), "{}", String::from_utf8_lossy(&renewed.stderr));
}

fn psql(url: &str) -> Command {
    let mut psql = Command::new("psql");
    psql.args(["--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", url]).stdout(Stdio::null()).stderr(Stdio::piped());
    psql
}
