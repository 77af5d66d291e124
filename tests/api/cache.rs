//! The cache: what it saves, and that it never shows the past.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Client, Options, Server, Workspace, suite};

suite![
    a_second_read_is_a_hit,
    every_write_is_seen_by_the_next_read,
    a_request_that_cannot_be_cached_says_so,
    conditions_and_encodings_are_served_from_the_cache,
    #[embedded]
    a_hit_needs_no_statement_and_one_redis_call,
    #[embedded]
    no_read_is_older_than_an_answered_write,
    #[embedded]
    no_read_is_older_while_redis_comes_and_goes,
    #[embedded]
    many_readers_of_one_missing_entry_ask_postgres_once,
    #[embedded]
    without_a_cache_everything_works,
];

async fn a_second_read_is_a_hit() {
    if std::env::var("REDIS_URL").unwrap_or_default().is_empty() {
        return;
    }
    let ws = Workspace::new().await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    for path in
        [path.as_str(), "/api/v2/todos", "/api/v2/todos/stats", "/api/v2/tags", "/api/v2/employees", "/api/v1/todos"]
    {
        let mut answers = Vec::new();
        for _ in 0..3 {
            answers.push(ws.get(path).send().await);
        }
        assert_eq!(answers[2].header("x-cache"), "HIT", "{}", answers[2]);
        assert_eq!(answers[0].body, answers[2].body);
        assert_eq!(answers[0].etag(), answers[2].etag());
    }
}

async fn every_write_is_seen_by_the_next_read() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let todo = ws.todo(json!({ "title": "v1", "tags": ["a"], "assignee_id": ada["id"] })).await;
    let path = format!("/api/v2/todos/{}", todo["id"].as_str().unwrap());
    let reads =
        [path.as_str(), "/api/v2/todos", "/api/v2/todos/stats", "/api/v2/tags", "/api/v2/employees", "/api/v1/todos"];
    let read_all = async || {
        let mut bodies = Vec::new();
        for read in reads {
            bodies.push(ws.get(read).send().await.value().to_string());
        }
        bodies
    };
    let tag = format!("/api/v2/tags/{}", ws.all("/api/v2/tags", &[]).await[0]["id"].as_str().unwrap());
    let employee = format!("/api/v2/employees/{}", ada["id"].as_str().unwrap());
    let old = format!("/api/v1/todos/{}", ws.get("/api/v1/todos").send().await.ok()[0]["id"]);
    let batch = json!({ "operations": [{ "op": "update", "id": todo["id"], "todo": { "title": "by batch" } }] });
    for (number, call) in [
        ws.patch(&path).json(json!({ "title": "by patch" })),
        ws.put(&path)
            .header("if-match", "*")
            .json(json!({ "title": "by put", "tags": ["a"], "assignee_id": ada["id"] })),
        ws.post("/api/v2/todos/batch").json(batch),
        ws.patch(&tag).json(json!({ "name": "renamed" })),
        ws.patch(&employee).json(json!({ "name": "Countess" })),
        ws.patch(&old).json(json!({ "title": "by v1" })),
        ws.delete(&path),
        ws.post(&format!("{path}/restore")),
    ]
    .into_iter()
    .enumerate()
    {
        read_all().await;
        let before = read_all().await;
        let answer = call.send().await;
        assert!(answer.status < 300, "{answer}");
        let after = read_all().await;
        assert_ne!(before, after, "nothing changed by {answer}");
        // A page size that nobody has asked for yet: this is what Postgres says.
        let fresh = ws.get(&format!("/api/v2/todos?limit={}", 51 + number)).send().await;
        assert_eq!(after[1], fresh.value().to_string(), "after {answer}");
    }
}

async fn a_request_that_cannot_be_cached_says_so() {
    let ws = Workspace::new().await;
    let answer = ws.get("/api/v2/todos/export").send().await;
    answer.has_status(200);
    assert!(["BYPASS", "MISS"].contains(&answer.header("x-cache")), "{answer}");
}

async fn conditions_and_encodings_are_served_from_the_cache() {
    let ws = Workspace::new().await;
    for number in 0..12 {
        ws.titled(&format!("a rather ordinary todo, number {number}")).await;
    }
    let first = ws.get("/api/v2/todos").send().await;
    for _ in 0..2 {
        ws.get("/api/v2/todos").header("if-none-match", first.etag()).send().await.has_status(304);
        let packed = ws.get("/api/v2/todos").header("accept-encoding", "gzip").send().await;
        assert_eq!(packed.header("content-encoding"), "gzip");
        assert_eq!(ws.get("/api/v2/todos").send().await.body, first.body);
    }
}

async fn a_hit_needs_no_statement_and_one_redis_call() {
    let server = Server::private(Options::default()).await;
    let ws = Workspace::on(&server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    for path in [path.as_str(), "/api/v2/todos"] {
        for _ in 0..3 {
            ws.get(path).send().await.ok();
        }
        // What runs after the answers must not be counted here.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        ws.get(path).send().await.ok();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let before = server.host().counters();
        for _ in 0..10 {
            assert_eq!(ws.get(path).send().await.header("x-cache"), "HIT");
        }
        let spent = server.host().counters() - before;
        assert_eq!(spent.statements, 0, "{path}: {spent:?}");
        // One round trip each; the metrics of the ten go in few more.
        assert!((10..=20).contains(&spent.redis_calls), "{path}: {spent:?}");
    }
}

/// Writers that count up one todo's title and readers on all clients that must never see less than what was answered
/// before they asked. Returns the number of reads.
async fn race(clients: &[Client], path: &str, duration: Duration) -> u64 {
    let floor = Arc::new(AtomicI64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let mut readers = Vec::new();
    for number in 0..12 {
        let (client, path) = (clients[number % clients.len()].clone(), path.to_owned());
        let (floor, stop) = (floor.clone(), stop.clone());
        readers.push(tokio::spawn(async move {
            let mut reads = 0;
            while !stop.load(SeqCst) {
                let least = floor.load(SeqCst);
                let list = reads % 3 == 2;
                let target = if list { "/api/v2/todos" } else { path.as_str() };
                let Ok(answer) = client.get(target).try_send().await else { continue };
                if answer.status != 200 {
                    assert!([503, 504].contains(&answer.status), "{answer}");
                    continue;
                }
                let body = answer.value();
                let title = if list { &body["items"][0]["title"] } else { &body["title"] };
                let seen: i64 = title.as_str().unwrap().parse().unwrap();
                assert!(seen >= least, "{least} had been answered, and then came {answer}");
                reads += 1;
            }
            reads
        }));
    }
    let deadline = tokio::time::Instant::now() + duration;
    let mut value = 0;
    while tokio::time::Instant::now() < deadline {
        let client = &clients[usize::try_from(value).unwrap() % clients.len()];
        value += 1;
        if let Ok(answer) = client.patch(path).json(json!({ "title": value.to_string() })).try_send().await
            && answer.status == 200
        {
            floor.store(value, SeqCst);
        }
    }
    stop.store(true, SeqCst);
    let mut reads = 0;
    for reader in readers {
        reads += reader.await.expect("a reader saw the past");
    }
    assert!(floor.load(SeqCst) > 10, "only {} writes went through", floor.load(SeqCst));
    reads
}

/// Clients of one workspace on two hosts that share nothing but Postgres and Redis.
async fn two_hosts() -> (Vec<Client>, String) {
    let servers = [Server::private(Options::default()).await, Server::private(Options::default()).await];
    let ws = Workspace::on(&servers[0]).await;
    let path = format!("/api/v2/todos/{}", ws.titled("0").await);
    let token = ws.token.clone().unwrap();
    (servers.iter().map(|server| server.bearer(&token)).collect(), path)
}

async fn no_read_is_older_than_an_answered_write() {
    let (clients, path) = two_hosts().await;
    let reads = race(&clients, &path, Duration::from_secs(8)).await;
    assert!(reads > 500, "only {reads} reads");
}

async fn no_read_is_older_while_redis_comes_and_goes() {
    let (clients, path) = two_hosts().await;
    let (stop, hosts) = (Arc::new(AtomicBool::new(false)), [clients[0].server.clone(), clients[1].server.clone()]);
    let trouble = tokio::spawn({
        let stop = stop.clone();
        async move {
            let mut round = 0_u64;
            while !stop.load(SeqCst) {
                // Now one host, now the other, now both have trouble of each kind.
                for (number, server) in hosts.iter().enumerate() {
                    if round % 3 != number as u64 {
                        let redis = server.host().faults().redis();
                        match round % 4 {
                            0 => redis.cut(),
                            1 => redis.refuse(),
                            2 => redis.delay(Duration::from_millis(15 * (round % 5))),
                            _ => redis.hang(),
                        }
                    }
                }
                tokio::time::sleep(Duration::from_millis(120 + 37 * (round % 7))).await;
                for server in &hosts {
                    server.host().faults().redis().heal();
                }
                tokio::time::sleep(Duration::from_millis(60 + 91 * (round % 9))).await;
                round += 1;
            }
        }
    });
    race(&clients, &path, Duration::from_secs(20)).await;
    stop.store(true, SeqCst);
    trouble.await.unwrap();
}

async fn many_readers_of_one_missing_entry_ask_postgres_once() {
    let server = Server::private(Options::default()).await;
    let ws = Workspace::on(&server).await;
    ws.titled("x").await;
    ws.get("/api/v2/todos?limit=7").send().await.ok();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = server.host().counters();
    let reads = (0..40).map(|_| {
        let client = Client::new(ws.server.clone(), ws.token.clone());
        tokio::spawn(async move { client.get("/api/v2/todos?limit=9").send().await.ok() })
    });
    let mut bodies: Vec<Value> = Vec::new();
    for read in reads.collect::<Vec<_>>() {
        bodies.push(read.await.unwrap());
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    let spent = server.host().counters() - before;
    assert!(spent.statements <= 6, "{spent:?}");
}

async fn without_a_cache_everything_works() {
    let server = Server::private(Options::default().with("redis_url", "")).await;
    let ws = Workspace::on(&server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    for _ in 0..2 {
        let answer = ws.get(&path).send().await;
        assert_eq!(answer.ok()["title"], "x");
        assert_eq!(answer.header("x-cache"), "BYPASS", "{answer}");
    }
    ws.patch(&path).json(json!({ "title": "y" })).send().await.ok();
    assert_eq!(ws.titles(&[]).await, ["y"]);
    let health = server.anonymous().get("/health/ready").send().await;
    health.ok();
}
