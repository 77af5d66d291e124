//! What the cache saves, counted by a host of the test's own. That it never shows the past is tested in `cache_fire`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::targets::Redis;
use crate::harness::{Client, Options, Server, Workspace, suite};

suite![
    #[embedded]
    a_hit_needs_no_statement_and_one_redis_call,
    #[embedded]
    many_readers_of_one_missing_entry_ask_postgres_once,
    #[embedded]
    a_popular_page_costs_one_statement_a_write,
    #[embedded]
    many_tokens_in_turn_cost_what_one_does,
    #[embedded]
    the_check_is_kept_good_for_a_while,
    #[embedded]
    without_a_cache_everything_works,
];

async fn a_hit_needs_no_statement_and_one_redis_call() {
    let server = Server::private(Options::default()).await;
    let ws = Workspace::on(&server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    for path in [path.as_str(), "/api/v2/todos"] {
        for _ in 0..3 {
            ws.get(path).send().await.ok();
        }
        // What runs after the answers must not be counted here; the use of the token is noted with a check.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        ws.get(path).send().await.ok();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (before, began) = (server.host().counters(), Instant::now());
        for _ in 0..10 {
            assert_eq!(ws.get(path).send().await.header("x-cache"), "HIT");
        }
        let spent = server.host().counters() - before;
        // Once a second, whatever is asked for, one statement looks for what Redis was not told of.
        let looks = if began.elapsed() < Duration::from_millis(500) { 0 } else { began.elapsed().as_secs() + 1 };
        assert!(spent.statements <= looks, "{path}: {spent:?}");
        // One round trip each; the metrics of the ten go in few more.
        assert!((10..=20).contains(&spent.redis_calls), "{path}: {spent:?}");
    }
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
    // A new instance asks once which installation it belongs to.
    assert!(spent.statements <= 6 + spent.instantiations, "{spent:?}");
}

async fn a_popular_page_costs_one_statement_a_write() {
    const WRITES: u64 = 30;
    let server = Server::private(Options::default()).await;
    let ws = Workspace::on(&server).await;
    ws.titled("x").await;
    ws.cached("/api/v2/todos").await;
    let stop = Arc::new(AtomicBool::new(false));
    let before = server.host().counters();
    let began = Instant::now();
    let readers = (0..12).map(|_| {
        let (client, stop) = (Client::new(ws.server.clone(), ws.token.clone()), stop.clone());
        tokio::spawn(async move {
            let mut reads = 0;
            while !stop.load(SeqCst) {
                client.get("/api/v2/todos").send().await.ok();
                reads += 1;
            }
            reads
        })
    });
    let readers: Vec<_> = readers.collect();
    for _ in 0..WRITES {
        ws.titled("x").await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.store(true, SeqCst);
    let mut reads = 0;
    for reader in readers {
        reads += reader.await.unwrap();
    }
    let spent = server.host().counters() - before;
    let others = WRITES + 3 * began.elapsed().as_secs() + 3 + spent.instantiations;
    let fetches = spent.statements.saturating_sub(others);
    eprintln!(
        "{reads} reads beside {WRITES} writes took {fetches} statements beyond these and {} others",
        others - WRITES
    );
    // One who waits for longer than 250 ms fetches, too.
    assert!(fetches <= WRITES * 3 / 2, "{reads} reads: {spent:?}");
}

async fn many_tokens_in_turn_cost_what_one_does() {
    const TOKENS: usize = 40;
    // What a Redis that has just started remembers of tokens is forgotten once, when its first fence is over: seven
    // seconds with this timeout. So it has one of its own, and that is waited for.
    let Some(redis) = Redis::start().await else { return };
    let server = Server::private(redis.used_by(Options::default().with("database_timeout_ms", 1000))).await;
    let fence = tokio::time::sleep(Duration::from_millis(7500));
    let ws = Workspace::on(&server).await;
    ws.titled("x").await;
    let mut clients = Vec::new();
    for _ in 0..TOKENS {
        let client = ws.with_scopes(&["todos:read"]).await;
        clients.push(client);
    }
    fence.await;
    for client in &clients {
        client.get("/api/v2/todos").send().await.ok();
    }
    // The uses of all are noted together.
    tokio::time::sleep(Duration::from_secs(3)).await;
    ws.cached("/api/v2/todos").await;
    let (before, began) = (server.host().counters(), Instant::now());
    let (mut hits, mut reads) = (0, 0);
    while began.elapsed() < Duration::from_secs(4) {
        for client in &clients {
            hits += usize::from(client.get("/api/v2/todos").send().await.header("x-cache") == "HIT");
            reads += 1;
        }
        // People pause for longer than a check is good.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    let (spent, seconds) = (server.host().counters() - before, began.elapsed().as_secs());
    eprintln!(
        "{reads} reads of {TOKENS} tokens, {hits} of them hits, took {} statements in {seconds} s",
        spent.statements
    );
    assert!(hits * 10 >= reads * 9, "{hits} of {reads}");
    assert!(spent.statements <= 5 * seconds + spent.instantiations, "{spent:?} in {seconds} s");
}

async fn the_check_is_kept_good_for_a_while() {
    let server = Server::private(Options::default()).await;
    let ws = Workspace::on(&server).await;
    ws.titled("x").await;
    let mut waited = Vec::new();
    for _ in 0..5 {
        ws.cached("/api/v2/todos").await;
        // A check is good for a second.
        tokio::time::sleep(Duration::from_millis(1300)).await;
        let answer = ws.get("/api/v2/todos").send().await;
        waited.push((answer.header("x-cache").to_owned(), answer.header("server-timing").contains("db;desc=\"0\"")));
    }
    // An instance on a busy machine may be late.
    let in_time = waited.iter().filter(|(cache, no_statement)| cache == "HIT" && *no_statement).count();
    assert!(in_time >= 3, "{waited:?}");
    // Who has left for good costs nothing.
    tokio::time::sleep(Duration::from_secs(12)).await;
    let before = server.host().counters();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let spent = server.host().counters() - before;
    assert_eq!((spent.statements, spent.redis_calls), (0, 0), "{spent:?}");
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
