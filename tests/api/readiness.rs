//! What keeps a service from being ready is told with its remedy.

use serde_json::{Value, json};

use crate::faults::{assert_unavailable, hasty};
use crate::harness::server::authority;
use crate::harness::targets::Postgres;
use crate::harness::{Options, Server, Workspace, changed, database, suite, with_parameter};

suite![
    #[embedded]
    a_bad_setting_stops_readiness_and_is_named,
    #[embedded]
    production_refuses_to_run_without_tokens,
    #[embedded]
    a_database_without_migrations_is_not_ready,
    #[embedded]
    settings_that_keep_postgres_away_are_told_with_their_remedy,
    #[embedded]
    a_role_without_rights_is_told_with_its_remedy,
    #[embedded]
    a_read_only_database_serves_reads,
];

async fn a_bad_setting_stops_readiness_and_is_named() {
    for (name, value) in [
        ("environment", "moon"),
        ("rate_limit_default", "many"),
        ("cache_ttl_seconds", "-1"),
        ("log_level", "loud"),
        ("v1_sunset_at", "soon"),
        ("database_url", "mysql://x"),
        ("trusted_proxies", "proxy"),
    ] {
        let server = Server::private(Options::default().with(name, value)).await;
        let answer = server.anonymous().get("/health/ready").send().await;
        answer.has_status(503);
        assert!(answer.text().contains(name), "{answer}");
        assert!(!answer.text().contains("mysql://x"), "a value may be a secret: {answer}");
        let todos = server.admin().get("/api/v2/todos").send().await;
        assert!(todos.status == 503, "{todos}");
    }
}

async fn production_refuses_to_run_without_tokens() {
    let good =
        Options::default().with("environment", "production").with("cursor_secret", "0123456789abcdef0123456789abcdef");
    let server = Server::private(good.clone()).await;
    let answer = server.anonymous().get("/health/ready").send().await;
    answer.ok();
    assert!(answer.header("strict-transport-security").contains("max-age="), "{answer}");
    assert_eq!(answer.optional("server-timing"), None, "{answer}");
    for bad in [good.clone().with("auth", "off"), good.with("cursor_secret", "")] {
        let server = Server::private(bad).await;
        server.anonymous().get("/health/ready").send().await.has_status(503);
        server.anonymous().get("/api/v2/todos").send().await.problem(503, "unavailable");
    }
}

async fn a_database_without_migrations_is_not_ready() {
    let url = std::env::var("DATABASE_URL").unwrap();
    let (rest, _) = url.split_once('?').unwrap_or((url.as_str(), ""));
    let (authority, _) = rest.rsplit_once('/').expect("DATABASE_URL names a database");
    // Every server has a database of this name, and nobody migrates it.
    let server = Server::private(hasty().with("database_url", format!("{authority}/postgres"))).await;
    let ready = server.anonymous().get("/health/ready").send().await;
    ready.has_status(503);
    assert!(ready.text().contains("migrations are missing"), "{ready}");
    server.anonymous().get("/health/live").send().await.has_status(200);
    // To a caller it is a defect like any other: an id to report, and nothing else.
    let answer = server.admin().get("/api/v2/todos").send().await;
    answer.problem(500, "internal");
    assert!(!answer.text().contains("relation") && !answer.text().contains("tokens"), "{answer}");
}

async fn settings_that_keep_postgres_away_are_told_with_their_remedy() {
    let given = std::env::var("DATABASE_URL").unwrap();
    let (host, port) = authority(&given, "5432");
    let told_password = "tell-nobody";
    for (url, allowed, reason, remedy) in [
        (given.clone(), "1", "not_permitted", "database_host and database_port must name what database_url names"),
        (
            changed(&given, |url| url.set_password(Some(told_password)).unwrap()),
            &port,
            "wrong_password",
            "refuses the role or the password of database_url",
        ),
        (
            changed(&given, |url| url.set_path("no_such_database")),
            &port,
            "no_database",
            "create it, then apply the migrations",
        ),
        (
            changed(&given, |url| url.set_port(Some(1)).unwrap()),
            "1",
            "unreachable",
            "is Postgres up at the address of database_url?",
        ),
        (
            with_parameter(&given, "sslmode=require"),
            &port,
            "encryption_unsupported",
            "take sslmode=require out of database_url",
        ),
    ] {
        let options = Options::default().with("database_url", url).with("database_host", &host);
        let server = Server::private(options.with("database_port", allowed)).await;
        for (path, status) in [("/health/ready", 503), ("/health", 200)] {
            let answer = server.anonymous().get(path).send().await;
            let health = answer.json(status);
            assert_eq!((&health["status"], &health["database"]), (&json!("unhealthy"), &json!("down")), "{answer}");
            assert_eq!(health["checks"]["database"]["reason"], reason, "{answer}");
            assert!(health["problems"].to_string().contains(remedy), "{answer}");
            for secret in [told_password, "no_such_database", host.as_str()] {
                assert!(!answer.text().contains(secret), "strangers need not know: {answer}");
            }
        }
    }
}

async fn a_role_without_rights_is_told_with_its_remedy() {
    let Some(postgres) = Postgres::start().await else { return };
    let sql = database::connect_to(&postgres.url()).await;
    // This server was not migrated by the migrator, whose table is looked at first.
    let make = "create role stranger login password 'stranger';
        create table _sqlx_migrations (version bigint, description text, success boolean)";
    sql.batch_execute(make).await.unwrap();
    let url = changed(&postgres.url(), |url| {
        url.set_username("stranger").unwrap();
        url.set_password(Some("stranger")).unwrap();
    });
    let server = Server::private(postgres.used_by(Options::default()).with("database_url", url)).await;
    let ready = server.anonymous().get("/health/ready").send().await;
    let health = ready.json(503);
    assert_eq!(health["checks"]["database"]["reason"], "missing_permission", "{ready}");
    assert!(health["problems"].to_string().contains("or grant it their rights"), "{ready}");
}

async fn a_read_only_database_serves_reads() {
    let ws = Workspace::new().await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    let (token, other) = (ws.token(json!(["todos:read", "todos:write"]), Value::Null).await, ws.token.clone().unwrap());
    let database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let url = std::env::var("DATABASE_URL").unwrap();
    // As after ALTER SYSTEM SET default_transaction_read_only, but for this server alone.
    let url = with_parameter(&url, "options=-c%20default_transaction_read_only%3Don");
    for (redis, cache) in [(true, "on"), (false, "on"), (false, "off")] {
        let mut options = hasty().with("database_url", &url).with("cache", cache);
        if !redis {
            options = options.with("redis_url", "");
        }
        let server = Server::private(options).await;
        // What Redis was not told of cannot be forgotten: it stays until the database can be written to.
        let pending = "insert into cache_invalidations (workspace_id) values ($1)";
        database.execute(pending, &[&workspace]).await.unwrap();
        // A token that was never used, whose use is due to be noted, and one that was.
        for token in [token["token"].as_str().unwrap(), &other] {
            let client = server.bearer(token);
            assert_eq!(client.get(&path).send().await.ok()["title"], "x");
            client.get("/api/v1/todos").send().await.ok();
            client.get("/api/v2/todos/stats").send().await.ok();
            let refused = client.post("/api/v2/todos").json(json!({ "title": "y" })).send().await;
            assert_unavailable(&refused);
            assert!(!refused.text().contains("unknown"), "it is certain that nothing was written: {refused}");
            client.get(&path).send().await.ok();
        }
        let ready = server.anonymous().get("/health/ready").send().await;
        assert_eq!(ready.ok()["status"], "degraded", "{ready}");
        assert_eq!(ready.ok()["checks"]["database"]["reason"], "read_only", "{ready}");
        let settle = "delete from cache_invalidations where workspace_id = $1";
        assert!(database.execute(settle, &[&workspace]).await.unwrap() > 0, "it was pending all the time");
    }
    assert_eq!(ws.titles(&[]).await, ["x"], "what was refused was not done");
}
