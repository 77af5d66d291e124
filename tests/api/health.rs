//! What operators and orchestrators ask.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::harness::server::authority;
use crate::harness::targets::{Files, Host, Postgres, TlsRedis};
use crate::harness::{Options, Server, Workspace, database, suite};

suite![
    health_names_every_part,
    live_depends_on_nothing,
    ready_says_so,
    health_needs_no_token,
    unknown_routes_are_not_found,
    #[embedded]
    what_health_found_is_remembered_for_half_a_second,
    #[embedded]
    wrong_settings_of_redis_are_told_from_a_redis_that_is_away,
    #[embedded]
    redis_may_be_reached_over_tls,
    #[embedded]
    a_redis_behind_tls_keeps_answers,
    #[embedded]
    to_open_a_connection_over_tls_may_take_longer_than_a_call,
    #[embedded]
    a_postgres_behind_tls_is_trusted_by_the_certificate_of_its_authority,
];

async fn health_names_every_part() {
    let answer = Server::shared().await.anonymous().get("/health").send().await;
    let health = answer.ok();
    assert!(["healthy", "degraded"].contains(&health["status"].as_str().unwrap_or_default()), "{answer}");
    assert_eq!(health["database"], "up", "{answer}");
    assert!(["development", "staging", "production"].contains(&health["environment"].as_str().unwrap()), "{answer}");
    assert!(health["version"].as_str().is_some_and(|version| version.contains('.')), "{answer}");
    assert!(health["timestamp"].as_str().is_some_and(|instant| instant.ends_with('Z')), "{answer}");
    for check in ["database", "cache"] {
        let check = &health["checks"][check];
        assert!(check["latency_ms"].is_number() || check["status"] == "off", "{answer}");
    }
    let text = answer.text();
    for secret in ["postgres://", "redis://", "password"] {
        assert!(!text.contains(secret), "{answer}");
    }
}

async fn live_depends_on_nothing() {
    let answer = Server::shared().await.anonymous().get("/health/live").send().await;
    assert!(answer.ok()["status"].is_string(), "{answer}");
}

async fn ready_says_so() {
    let answer = Server::shared().await.anonymous().get("/health/ready").send().await;
    assert!(answer.ok()["status"].is_string(), "{answer}");
}

async fn health_needs_no_token() {
    let server = Server::shared().await;
    for path in ["/health", "/health/live", "/health/ready"] {
        server.anonymous().get(path).send().await.has_status(200);
        // Not even a wrong one matters.
        server.bearer("tdo_wrong").get(path).send().await.has_status(200);
        let posted = server.anonymous().post(path).send().await;
        posted.problem(405, "method_not_allowed");
        assert!(posted.header("allow").contains("GET"), "{posted}");
    }
}

async fn unknown_routes_are_not_found() {
    let server = Server::shared().await;
    for path in ["/", "/api", "/api/v3/todos", "/health/nothing", "/favicon.ico"] {
        server.admin().get(path).send().await.problem(404, "route_not_found");
    }
}

async fn what_health_found_is_remembered_for_half_a_second() {
    // Metrics would be sent beside it, on connections of their own.
    let server = Server::private(Options::default().with("enable_metrics", "off")).await;
    server.anonymous().get("/health").send().await.ok();
    let before = server.host().counters();
    let began = std::time::Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        for path in ["/health", "/health/ready"] {
            assert_eq!(server.anonymous().get(path).send().await.ok()["status"], "healthy");
        }
    }
    let spent = server.host().counters() - before;
    // The host may start another instance meanwhile, and a readiness probe calls the worker.
    let instances = 1 + spent.instantiations;
    assert!(spent.redis_opens <= instances, "each probes on the connection that it holds: {spent:?}");
    assert!(spent.statements <= 40 * instances, "{spent:?}");
}

/// What `/health/ready` and the metrics of this server say about Redis.
async fn told_of_redis(server: Arc<Server>) -> (String, String) {
    let ready = server.anonymous().get("/health/ready").send().await;
    assert_eq!(ready.ok()["status"], "degraded", "{ready}");
    // One remedy, in words that a stranger may read.
    let warnings = ready.ok()["warnings"].clone();
    assert!(warnings.as_array().is_some_and(|warnings| warnings.len() == 1), "{ready}");
    assert!(
        warnings[0].as_str().is_some_and(|remedy| remedy.contains("Redis") && !remedy.contains("://127")),
        "{ready}"
    );
    let cache = &ready.ok()["checks"]["cache"];
    assert_eq!(cache["status"], "down", "{ready}");
    let reason = cache["reason"].as_str().unwrap_or_default().to_owned();
    let health = server.anonymous().get("/health").send().await;
    assert_eq!(health.ok()["checks"]["cache"]["reason"], json!(reason), "{health}");
    let metrics = server.admin().get("/metrics").send().await.text();
    let state = metrics.lines().find(|line| line.starts_with("todo_redis_state") && line.ends_with(" 1"));
    (reason, state.unwrap_or_default().to_owned())
}

async fn wrong_settings_of_redis_are_told_from_a_redis_that_is_away() {
    let url = std::env::var("REDIS_URL").unwrap_or_default();
    let (host, port) = authority(&url, "6379");
    for (redis_url, redis_port, reason) in [
        // What the manifest lets the component reach is another port.
        (url.clone(), "1".to_owned(), "not_permitted"),
        (format!("redis://:wrong@{host}:{port}"), port.clone(), "wrong_password"),
        (format!("redis://{host}:1"), "1".to_owned(), "unreachable"),
    ] {
        let options = Options::default().with("redis_url", redis_url).with("redis_port", redis_port);
        let (told, state) = told_of_redis(Server::private(options).await).await;
        assert_eq!((told.as_str(), state), (reason, format!("todo_redis_state{{state=\"{reason}\"}} 1")));
    }
}

async fn redis_may_be_reached_over_tls() {
    let (host, port) = authority(&std::env::var("REDIS_URL").unwrap_or_default(), "6379");
    // The Redis of the tests does not speak TLS: to be permitted means to get as far as its refusal.
    let options = Options::default().with("redis_url", format!("rediss://:x@{host}:{port}"));
    let (told, _) = told_of_redis(Server::private(options).await).await;
    assert!(["unreachable", "timeout"].contains(&told.as_str()), "{told}");
}

async fn a_redis_behind_tls_keeps_answers() {
    let Some(redis) = TlsRedis::start().await else { return };
    let options = redis.used_by(Options::default());
    let files = Files { trusted: Some(redis.authority()), ..Files::default() };
    let host = Host::reading(files, options.clone()).await;
    let ws = Workspace::on(&host.server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    assert_eq!(ws.cached(&path).await.has_status(200).header("x-cache"), "HIT");
    let health = host.server.anonymous().get("/health").send().await;
    assert_eq!(health.ok()["checks"]["cache"]["status"], "up", "{health}");
    // Whoever does not know its authority does not talk to it, nor under a name that is not the certificate's.
    let (told, state) = told_of_redis(Server::private(options.clone()).await).await;
    assert_eq!((told.as_str(), state.as_str()), ("not_trusted", "todo_redis_state{state=\"not_trusted\"} 1"));
    let files = Files { trusted: Some(redis.authority()), ..Files::default() };
    let named = Host::reading(files, redis.used_at(options, "localhost")).await;
    assert_eq!(told_of_redis(named.server.clone()).await.0, "not_trusted");
}

/// The handshake takes longer than the 25 ms of a call, and already the first request of an instance finds its answer.
async fn to_open_a_connection_over_tls_may_take_longer_than_a_call() {
    let Some(redis) = TlsRedis::start().await else { return };
    let files = || Files { trusted: Some(redis.authority()), ..Files::default() };
    let host = Host::reading(files(), redis.used_by(Options::default())).await;
    let ws = Workspace::on(&host.server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    ws.cached(&path).await;
    let slow = redis.used_slowly_by(Options::default(), Duration::from_millis(60)).await;
    let other = Host::reading(files(), slow).await;
    let answer = other.server.bearer(ws.token.as_deref().unwrap()).get(&path).send().await;
    assert_eq!(answer.has_status(200).header("x-cache"), "HIT", "{answer}");
}

async fn a_postgres_behind_tls_is_trusted_by_the_certificate_of_its_authority() {
    let Some(mut postgres) = Postgres::start().await else { return };
    let Some(known) = postgres.encrypt().await else { return };
    let url = format!("{}?sslmode=require", postgres.url());
    let options = postgres.used_by(Options::default()).with("database_url", &url);
    // The certificate is that of an address, not of a name.
    let named = options.clone().with("database_url", url.replace("127.0.0.1", "localhost"));
    for (options, authority, reason) in [
        (options.clone(), known.as_str(), None),
        (options, "", Some("not_trusted")),
        (named.with("database_host", "localhost"), known.as_str(), Some("not_trusted")),
    ] {
        let server = Server::private(options.with("database_ca", authority)).await;
        let health = server.anonymous().get("/health").send().await.ok();
        assert_eq!(health["checks"]["database"]["reason"].as_str(), reason, "{health}");
    }
    let sql = database::connect_to(&postgres.url()).await;
    let plain = "select count(*) from pg_stat_ssl join pg_stat_activity using (pid)
        where backend_type = 'client backend' and pid <> pg_backend_pid() and not ssl";
    assert_eq!(sql.query_one(plain, &[]).await.unwrap().get::<_, i64>(0), 0);
}
