//! How much one client may ask.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Answer, Options, Server, Workspace, suite};

suite![
    #[usual]
    a_class_that_is_off_sends_no_fields,
    #[embedded]
    exactly_the_limit_passes,
    #[embedded]
    limits_reset_on_time,
    #[embedded]
    every_counted_answer_carries_the_fields,
    #[embedded]
    a_limited_answer_says_when_to_come_back,
    #[embedded]
    invented_tokens_at_the_metrics_are_limited,
    #[embedded]
    a_page_of_changes_and_a_wait_for_them_count_once_each,
    #[embedded]
    writes_have_a_lower_limit_of_their_own,
    #[embedded]
    operators_and_preflights_are_not_counted,
    #[embedded]
    a_wait_is_one_request,
    #[embedded]
    without_redis_the_instance_counts_alone,
];

/// The numbers `r` and `t` of a `RateLimit` field for this class.
#[track_caller]
pub fn left(answer: &Answer, class: &str) -> (u64, u64) {
    let fields = answer.all("ratelimit").join(", ");
    let item = fields.split(", ").find(|item| item.starts_with(&format!("\"{class}\"")));
    let item = item.unwrap_or_else(|| panic!("no class {class}: {answer}"));
    let number = |name: &str| {
        let value =
            item.split(';').find_map(|part| part.trim().strip_prefix(name)).and_then(|value| value.parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {item}"))
    };
    (number("r="), number("t="))
}

async fn a_class_that_is_off_sends_no_fields() {
    let ws = Workspace::new().await;
    let answer = ws.get("/api/v2/todos").send().await;
    assert!(answer.optional("ratelimit").is_none() && answer.optional("ratelimit-policy").is_none(), "{answer}");
}

async fn exactly_the_limit_passes() {
    // Two hosts, each with many instances, share nothing but Redis. A thousand requests at once starve a small machine,
    // and where a call to Redis overruns its budget of five seconds, the instance counts by itself. That is another
    // test's: a round that took as long says nothing about the count that they share.
    const LIMIT: u64 = 10;
    const BUDGET: Duration = Duration::from_secs(5);
    let options = Options::default()
        .with("rate_limit_default", LIMIT)
        .with("trusted_proxies", "127.0.0.1")
        .with("redis_timeout_ms", BUDGET.as_millis());
    let servers = [Server::private(options.clone()).await, Server::private(options).await];
    for net in 130..140 {
        let (passed, refused, took) = thousand_at_once(&servers, &own_address(net)).await;
        // A busy machine refuses some before they are counted.
        if took < BUDGET && refused == 0 {
            // The window slides, but only every six seconds one more may pass.
            assert_eq!(passed, LIMIT, "in {took:?}");
            return;
        }
    }
    panic!("this machine never answers a thousand requests within {BUDGET:?} without refusing some");
}

/// How many of a thousand requests at once from one address pass, how many are refused because the machine is
/// overloaded, and how long all of them take.
async fn thousand_at_once(servers: &[Arc<Server>; 2], address: &str) -> (u64, u64, Duration) {
    let began = Instant::now();
    let calls = (0..1000).map(|number| {
        // What a client writes in front of the proxy's entry, and Spin's own field, are its invention.
        let call = servers[number % 2].anonymous().get("/api/v2/openapi.json");
        let call = call.header("x-forwarded-for", format!("198.51.100.{}, {address}", number % 250));
        let call = call.header("spin-client-addr", format!("192.0.2.{}:1", number % 250));
        tokio::spawn(call.send())
    });
    let (mut passed, mut refused) = (0, 0);
    for call in calls.collect::<Vec<_>>() {
        let answer = call.await.unwrap();
        match answer.status {
            200 => passed += 1,
            503 => {
                answer.problem(503, "unavailable");
                refused += 1;
            }
            _ => drop(answer.problem(429, "rate_limited")),
        }
    }
    let took = began.elapsed();
    // Of a later round also those that an earlier one has left.
    for server in servers {
        assert!(server.host().counters().instantiations > 1, "several instances took part");
    }
    (passed, refused, took)
}

/// A client address that no other test and no recent run uses, behind a trusted proxy.
pub fn own_address(net: u8) -> String {
    format!("203.0.{net}.{}", std::process::id() % 250)
}

async fn limits_reset_on_time() {
    // One every three seconds.
    let server = Server::private(Options::default().with("rate_limit_authenticated", 20)).await;
    let ws = Workspace::on(&server).await;
    let mut last = ws.get("/api/v2/me").send().await;
    assert_eq!(left(&last, "default"), (19, 3), "{last}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    last = ws.get("/api/v2/me").send().await;
    assert_eq!(left(&last, "default"), (19, 3), "the whole quota was back after as many seconds as `t` said: {last}");
    while last.status == 200 {
        last = ws.get("/api/v2/me").send().await;
    }
    let wait: u64 = last.header("retry-after").parse().unwrap();
    assert!((1..=3).contains(&wait), "{last}");
    tokio::time::sleep(Duration::from_secs(wait)).await;
    ws.get("/api/v2/me").send().await.ok();
    ws.get("/api/v2/me").send().await.problem(429, "rate_limited");
}

async fn a_page_of_changes_and_a_wait_for_them_count_once_each() {
    // One every twelve seconds.
    let server = Server::private(Options::default().with("rate_limit_authenticated", 5)).await;
    let ws = Workspace::on(&server).await;
    let page = ws.get("/api/v2/changes").send().await;
    assert_eq!(left(&page, "default").0, 4, "{page}");
    let cursor = page.ok()["next_cursor"].as_str().unwrap().to_owned();
    let next = ws.get("/api/v2/changes").query(&[("cursor", &cursor)]).send().await;
    assert_eq!(left(&next, "default").0, 3, "{next}");
    let cursor = next.ok()["next_cursor"].as_str().unwrap().to_owned();
    let waited = ws.get("/api/v2/changes").query(&[("cursor", cursor.as_str()), ("wait", "3")]).send().await;
    assert_eq!((waited.ok()["items"].to_string().as_str(), left(&waited, "default").0), ("[]", 2), "{waited}");
    let last = ws.get("/api/v2/me").send().await;
    assert_eq!(left(&last, "default").0, 1, "{last}");
}

async fn every_counted_answer_carries_the_fields() {
    let options = Options::default().with("rate_limit_authenticated", 10_000).with("rate_limit_default", 10_000);
    let server = Server::private(options.with("request_timeout_ms", 1000).with("cache", "off")).await;
    let ws = Workspace::on(&server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    let tag = ws.get(&path).send().await.etag();
    for (call, status) in [
        (ws.get(&path), 200),
        (ws.call("HEAD", &path), 200),
        (ws.get(&path).header("if-none-match", tag), 304),
        (ws.get("/api/v2/todos/export"), 200),
        (ws.get("/api/v2/todos?limit=0"), 400),
        (server.anonymous().get(&path), 401),
        (server.anonymous().get(&path).header("authorization", "Basic x"), 401),
        (server.bearer("tdo_wrong").get(&path), 401),
        (ws.get("/api/v2/admin/tokens"), 403),
        (ws.get("/nowhere"), 404),
        (ws.get("/api/v1/todos/999999999"), 404),
        (ws.call("PUT", "/api/v2/todos"), 405),
        (ws.get(&path).header("accept", "text/html"), 406),
        (ws.patch(&path).header("if-match", "\"9-x\"").json(json!({})), 412),
        (ws.post("/api/v2/todos").body("application/json", " ".repeat(1 << 21)), 413),
        (ws.get(&format!("{path}?{}", "x".repeat(9000))), 414),
        (ws.post("/api/v2/todos").body("text/plain", "x"), 415),
        (ws.post("/api/v2/todos").json(json!({})), 422),
        (ws.put(&path).json(json!({})), 428),
        (ws.get(&path).header("x-long", "x".repeat(40_000)), 431),
    ] {
        let answer = call.send().await;
        answer.has_status(status);
        assert!(answer.header("ratelimit-policy").starts_with("\"default\";q=10000;w=60"), "{answer}");
        left(&answer, "default");
    }
    server.host().faults().postgres().delay(Duration::from_secs(5));
    let late = ws.get(&path).send().await;
    late.problem(504, "timeout");
    left(&late, "default");
    server.host().faults().postgres().heal();
}

async fn a_limited_answer_says_when_to_come_back() {
    let server = Server::private(Options::default().with("rate_limit_authenticated", 10)).await;
    let ws = Workspace::on(&server).await;
    let mut answer = ws.get("/api/v2/me").send().await;
    assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=10;w=60");
    assert_eq!(left(&answer, "default"), (9, 6), "{answer}");
    for _ in 0..20 {
        answer = ws.get("/api/v2/me").send().await;
    }
    answer.problem(429, "rate_limited");
    assert_eq!(left(&answer, "default").0, 0, "{answer}");
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=6).contains(&wait), "one more passes every six seconds: {answer}");
    let old = ws.get("/api/v1/todos/7").send().await;
    old.v1_error(429, "rate_limited");
    assert!(old.optional("retry-after").is_some(), "{old}");
    super::v1::assert_deprecated(&old);
}

async fn invented_tokens_at_the_metrics_are_limited() {
    let options = Options::default().with("rate_limit_auth_failures", 5).with("trusted_proxies", "127.0.0.1");
    let server = Server::private(options).await;
    let ask = async |token: String| {
        let call = server.bearer(&token).get("/metrics").header("x-forwarded-for", own_address(122));
        call.send().await
    };
    for number in 0..5 {
        ask(format!("tdo_invented{number}")).await.problem(401, "unauthenticated");
    }
    ask("tdo_invented5".to_owned()).await.problem(429, "rate_limited");
    server.admin().get("/metrics").send().await.has_status(200);
}

async fn writes_have_a_lower_limit_of_their_own() {
    let server = Server::private(Options::default().with("rate_limit_authenticated_writes", 10)).await;
    let ws = Workspace::on(&server).await;
    let mut passed = 0;
    for _ in 0..30 {
        let answer = ws.post("/api/v2/todos").json(json!({ "title": "x" })).send().await;
        match answer.status {
            201 => passed += 1,
            _ => {
                answer.problem(429, "rate_limited");
                assert_eq!(left(&answer, "writes").0, 0, "{answer}");
            }
        }
    }
    assert!((10..=12).contains(&passed), "{passed} passed");
    ws.get("/api/v2/todos").send().await.ok();
    assert!((10..=12).contains(&ws.titles(&[]).await.len()), "what was refused was not done");
}

async fn operators_and_preflights_are_not_counted() {
    let options = Options::default()
        .with("rate_limit_default", 3)
        .with("trusted_proxies", "127.0.0.1")
        .with("metrics_public", "on");
    let server = Server::private(options).await;
    let address = own_address(116);
    for _ in 0..10 {
        for (method, path) in
            [("GET", "/health"), ("GET", "/health/ready"), ("GET", "/metrics"), ("OPTIONS", "/api/v2/todos")]
        {
            let answer = server.anonymous().call(method, path).header("x-forwarded-for", &address).send().await;
            assert_ne!(answer.status, 429, "{answer}");
        }
    }
    let answer = server.anonymous().get("/api/v2/openapi.json").header("x-forwarded-for", &address).send().await;
    assert_eq!(left(&answer, "default").0, 2, "{answer}");
}

/// However often it looks.
async fn a_wait_is_one_request() {
    // One every six seconds.
    let server = Server::private(Options::default().with("rate_limit_authenticated", 10)).await;
    let ws = Workspace::on(&server).await;
    assert_eq!(left(&ws.get("/api/v2/me").send().await, "default").0, 9);
    let began = Instant::now();
    let held = ws.get("/api/v2/changes?wait=2").send().await;
    held.ok();
    assert!(began.elapsed() >= Duration::from_secs(2), "{held}");
    assert_eq!(left(&held, "default").0, 8);
    assert_eq!(left(&ws.get("/api/v2/me").send().await, "default").0, 7);
}

async fn without_redis_the_instance_counts_alone() {
    let server = Server::private(Options::default().with("rate_limit_authenticated", 20)).await;
    let ws = Workspace::on(&server).await;
    server.host().faults().redis().refuse();
    let mut passed = 0;
    for _ in 0..60 {
        let answer = ws.get("/api/v2/me").send().await;
        assert!([200, 429].contains(&answer.status), "the limit never blocks service: {answer}");
        passed += usize::from(answer.status == 200);
    }
    server.host().faults().redis().heal();
    assert!((20..=45).contains(&passed), "{passed} passed");
}
