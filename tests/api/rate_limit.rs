//! How much one client may ask.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Answer, Options, Server, Workspace, suite};

suite![
    a_class_that_is_off_sends_no_fields,
    #[embedded]
    exactly_the_limit_passes,
    #[embedded]
    a_limited_answer_says_when_to_come_back,
    #[embedded]
    spoofed_addresses_change_nothing,
    #[embedded]
    a_trusted_proxy_tells_the_address,
    #[embedded]
    writes_have_a_lower_limit_of_their_own,
    #[embedded]
    wrong_tokens_are_limited,
    #[embedded]
    operators_and_preflights_are_not_counted,
    #[embedded]
    without_redis_the_instance_counts_alone,
];

/// The numbers `r` and `t` of a `RateLimit` field for this class.
#[track_caller]
fn left(answer: &Answer, class: &str) -> (u64, u64) {
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
    if crate::harness::server::is_remote() {
        return;
    }
    let ws = Workspace::new().await;
    let answer = ws.get("/api/v2/todos").send().await;
    assert!(answer.optional("ratelimit").is_none() && answer.optional("ratelimit-policy").is_none(), "{answer}");
}

async fn exactly_the_limit_passes() {
    // Two hosts are several instances that share nothing but Redis. A thousand requests at once starve a small machine, and a
    // call that overruns its budget would count by itself; this is about the count that they share.
    let options = Options::default().with("rate_limit_authenticated", 100).with("redis_timeout_ms", 5000);
    let servers = [Server::private(options.clone()).await, Server::private(options).await];
    let ws = Workspace::new().await;
    let token = ws.token.clone().unwrap();
    let began = Instant::now();
    let calls = (0..1000).map(|number| {
        let client = servers[number % 2].bearer(&token);
        tokio::spawn(async move { client.get("/api/v2/me").send().await })
    });
    let mut passed: u128 = 0;
    for call in calls.collect::<Vec<_>>() {
        let answer = call.await.unwrap();
        match answer.status {
            200 => passed += 1,
            _ => {
                answer.problem(429, "rate_limited");
            }
        }
    }
    // A sliding window lets one more pass every 0.6 s, and a thousand requests take a moment.
    let most = 101 + began.elapsed().as_millis() / 600;
    assert!((100..=most).contains(&passed), "{passed} passed, and at most {most} may");
}

async fn a_limited_answer_says_when_to_come_back() {
    let server = Server::private(Options::default().with("rate_limit_authenticated", 60)).await;
    let ws = Workspace::on(&server).await;
    let first = ws.get("/api/v2/me").send().await;
    assert!(first.header("ratelimit-policy").contains("\"default\";q=60;w=60"), "{first}");
    assert!((58..=59).contains(&left(&first, "default").0), "{first}");
    let mut refused = None;
    for _ in 0..80 {
        let answer = ws.get("/api/v2/me").send().await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("80 requests at once exceed 60 a minute");
    refused.problem(429, "rate_limited");
    assert_eq!(left(&refused, "default").0, 0);
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=2).contains(&wait), "one more passes every second: {refused}");
    tokio::time::sleep(Duration::from_secs(wait)).await;
    ws.get("/api/v2/me").send().await.ok();
    let old = ws.get("/api/v1/todos").send().await;
    if old.status == 429 {
        old.v1_error(429, "rate_limited");
    }
}

async fn spoofed_addresses_change_nothing() {
    let server = Server::private(Options::default().with("rate_limit_default", 20)).await;
    let client = server.anonymous();
    let mut statuses = Vec::new();
    for number in 0..40 {
        let call = client
            .get("/api/v2/openapi.json")
            .header("x-forwarded-for", format!("203.0.113.{number}"))
            .header("spin-client-addr", format!("198.51.100.{number}:1"))
            .header("forwarded", format!("for=192.0.2.{number}"))
            .header("x-real-ip", format!("192.0.2.{number}"));
        statuses.push(call.send().await.status);
    }
    let limited = statuses.iter().filter(|status| **status == 429).count();
    assert!(limited >= 17, "one address stays one address: {statuses:?}");
}

async fn a_trusted_proxy_tells_the_address() {
    let options = Options::default().with("rate_limit_default", 5).with("trusted_proxies", "127.0.0.1");
    let server = Server::private(options).await;
    let ask = async |address: &str| {
        server.anonymous().get("/api/v2/openapi.json").header("x-forwarded-for", address).send().await.status
    };
    let unique = std::process::id() % 250;
    for _ in 0..5 {
        assert_eq!(ask(&format!("203.0.113.{unique}")).await, 200);
    }
    assert_eq!(ask(&format!("203.0.113.{unique}")).await, 429);
    assert_eq!(ask(&format!("203.0.114.{unique}")).await, 200, "another client behind the same proxy");
    // What the client wrote in front of the proxy's own entry does not count.
    assert_eq!(ask(&format!("198.51.100.1, 203.0.113.{unique}")).await, 429);
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

async fn wrong_tokens_are_limited() {
    let options = Options::default().with("rate_limit_auth_failures", 5).with("trusted_proxies", "127.0.0.1");
    let server = Server::private(options).await;
    let ws = Workspace::on(&server).await;
    let address = format!("203.0.115.{}", std::process::id() % 250);
    let mut statuses = Vec::new();
    for number in 0..12 {
        let client = server.bearer(&format!("tdo_wrong{number}"));
        statuses.push(client.get("/api/v2/todos").header("x-forwarded-for", &address).send().await.status);
    }
    assert_eq!(statuses[..5], [401; 5], "{statuses:?}");
    assert!(statuses[6..].contains(&429), "{statuses:?}");
    // Elsewhere a good token is not harmed.
    ws.get("/api/v2/todos").send().await.ok();
}

async fn operators_and_preflights_are_not_counted() {
    let options = Options::default()
        .with("rate_limit_default", 3)
        .with("trusted_proxies", "127.0.0.1")
        .with("metrics_public", "on");
    let server = Server::private(options).await;
    let address = format!("203.0.116.{}", std::process::id() % 250);
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
