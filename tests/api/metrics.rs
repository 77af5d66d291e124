//! The metrics, read by a real parser.

use std::sync::Arc;
use std::time::Duration;

use prom_text_format_parser::{Metric, Scrape, Type, ValueType};
use serde_json::json;

use crate::harness::targets::{Postgres, Redis};
use crate::harness::{Options, Server, Workspace, database, mcp, suite};

suite![
    metrics_are_for_administrators,
    the_documented_metrics_and_no_others_are_there,
    requests_are_counted_by_route_method_and_status,
    messages_of_assistants_are_counted_as_one_route,
    bypasses_of_the_cache_are_counted_by_their_reason,
    a_histogram_adds_up,
    #[embedded]
    all_instances_count_together,
    #[embedded]
    jobs_are_counted_by_state_and_the_longest_wait_is_told,
    #[embedded]
    a_scrape_does_not_count_the_jobs,
    #[embedded]
    an_open_transaction_shows_as_seconds_that_the_feed_is_held_back,
    #[embedded]
    waits_are_counted_and_their_seconds,
    #[embedded]
    purged_lines_of_the_log_are_counted,
];

async fn scrape(server: &Arc<Server>) -> Vec<Metric> {
    let answer = server.admin().get("/metrics").send().await;
    answer.has_status(200);
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"), "{answer}");
    let metrics = Scrape::parse(&answer.text()).unwrap_or_else(|error| panic!("{error:?}: {answer}")).metrics;
    for Metric { name, kind, help_desc, .. } in &metrics {
        assert!(name.starts_with("todo_") && *kind != Type::Untyped && help_desc.is_some(), "{name}: {answer}");
    }
    metrics
}

/// The sum of a metric's samples with these labels.
fn count(metrics: &[Metric], name: &str, labels: &[(&str, &str)]) -> f64 {
    let samples = metrics.iter().filter(|metric| metric.name == name).flat_map(|metric| &metric.samples);
    let fitting = samples.filter(|sample| {
        let text = sample.labels.to_string();
        labels.iter().all(|(name, value)| text.contains(&format!("{name}=\"{value}\"")))
    });
    fitting.map(|sample| sample.value.value.as_f64()).sum()
}

/// Waits until the metrics show what `shown` looks for: they are written after the answers that they count.
async fn wait_for(server: &Arc<Server>, what: &str, shown: impl Fn(&[Metric]) -> bool) {
    let mut metrics = Vec::new();
    for _ in 0..50 {
        metrics = scrape(server).await;
        if shown(&metrics) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the metrics never show {what}: {metrics:#?}");
}

async fn metrics_are_for_administrators() {
    let ws = Workspace::new().await;
    ws.get("/metrics").send().await.problem(403, "insufficient_scope");
    ws.server.admin().get("/metrics").send().await.has_status(200);
}

async fn the_documented_metrics_and_no_others_are_there() {
    let ws = Workspace::new().await;
    ws.get(&format!("/api/v2/todos/{}", ws.titled("x").await)).send().await.ok();
    let documented = [
        ("todo_cache_bypasses_total", Type::Counter),
        ("todo_cache_requests_total", Type::Counter),
        ("todo_database_refusals_total", Type::Counter),
        ("todo_database_waits_total", Type::Counter),
        ("todo_feed_unsettled_seconds", Type::Gauge),
        ("todo_feed_wait_seconds_total", Type::Counter),
        ("todo_feed_waits_total", Type::Counter),
        ("todo_http_request_duration_seconds", Type::Histogram),
        ("todo_http_requests_total", Type::Counter),
        ("todo_job_oldest_queued_seconds", Type::Gauge),
        ("todo_jobs", Type::Gauge),
        ("todo_mcp_calls_total", Type::Counter),
        ("todo_overload_refusals_total", Type::Counter),
        ("todo_purge_age_seconds", Type::Gauge),
        ("todo_purged_rows_total", Type::Counter),
        ("todo_rate_limited_total", Type::Counter),
        ("todo_redis_state", Type::Gauge),
        ("todo_sql_statements_total", Type::Counter),
    ];
    wait_for(&ws.server, "exactly the documented metrics", |metrics| {
        let mut found: Vec<(&str, Type)> = metrics.iter().map(|metric| (metric.name.as_str(), metric.kind)).collect();
        found.sort_by_key(|(name, _)| *name);
        found == documented
    })
    .await;
}

async fn requests_are_counted_by_route_method_and_status() {
    let ws = Workspace::new().await;
    let labels = [("route", "/api/v2/departments/{id}"), ("method", "PATCH"), ("status", "4xx")];
    let before = count(&scrape(&ws.server).await, "todo_http_requests_total", &labels);
    let path = format!("/api/v2/departments/{}", crate::harness::uuid());
    for _ in 0..3 {
        ws.patch(&path).json(json!({ "name": "x" })).send().await.problem(404, "department_not_found");
    }
    wait_for(&ws.server, "three more requests", |metrics| {
        count(metrics, "todo_http_requests_total", &labels) >= before + 3.0
    })
    .await;
    // What a stranger types must not become a label.
    let others = [("route", "other"), ("method", "GET"), ("status", "4xx")];
    let before = count(&scrape(&ws.server).await, "todo_http_requests_total", &others);
    let stranger = format!("/stranger-{}", crate::harness::uuid());
    ws.get(&stranger).send().await.problem(404, "route_not_found");
    ws.get(&format!("/api/v1{stranger}")).send().await.v1_error(404, "route_not_found");
    wait_for(&ws.server, "two more requests for nothing", |metrics| {
        count(metrics, "todo_http_requests_total", &others) >= before + 2.0
    })
    .await;
    let answer = ws.server.admin().get("/metrics").send().await;
    assert!(!answer.text().contains(&stranger) && !answer.text().contains("{*"), "{stranger}");
}

async fn messages_of_assistants_are_counted_as_one_route() {
    let ws = Workspace::new().await;
    let labels = |status| [("route", "/mcp"), ("method", "POST"), ("status", status)];
    let now = scrape(&ws.server).await;
    let before = ["2xx", "4xx"].map(|status| count(&now, "todo_http_requests_total", &labels(status)));
    let calls = |metrics: &[Metric]| {
        ["done", "refused"].map(|outcome| count(metrics, "todo_mcp_calls_total", &[("outcome", outcome)]))
    };
    let called = calls(&now);
    mcp::tool(&ws, "overview", json!({})).send().await.content();
    mcp::tool(&ws, "overview", json!({ "tz": 7 })).send().await.refusal(422, "invalid_body");
    mcp::modern(&ws, "no/such_method", json!({})).send().await.rpc_error(404, -32601);
    wait_for(&ws.server, "three messages", |metrics| {
        let counted = ["2xx", "4xx"].map(|status| count(metrics, "todo_http_requests_total", &labels(status)));
        let told = calls(metrics).into_iter().zip(called).all(|(now, before)| now > before);
        counted[0] >= before[0] + 2.0 && counted[1] >= before[1] + 1.0 && told
    })
    .await;
    let answer = ws.server.admin().get("/metrics").send().await;
    assert!(!answer.text().contains("no/such_method"), "{answer}");
}

async fn bypasses_of_the_cache_are_counted_by_their_reason() {
    let ws = Workspace::new().await;
    let bypasses = |metrics: &[Metric], reason| count(metrics, "todo_cache_bypasses_total", &[("reason", reason)]);
    let before = scrape(&ws.server).await;
    for _ in 0..2 {
        ws.titled("x").await;
        ws.get("/api/v2/todos").header("accept", "text/html").send().await.problem(406, "not_acceptable");
    }
    wait_for(&ws.server, "two of each", |metrics| {
        // Both are counted before the cache is asked for anything.
        ["not_kept", "refused"].into_iter().all(|reason| bypasses(metrics, reason) >= bypasses(&before, reason) + 2.0)
    })
    .await;
}

async fn a_histogram_adds_up() {
    const NAME: &str = "todo_http_request_duration_seconds";
    let ws = Workspace::new().await;
    ws.get("/api/v2/me").send().await.ok();
    let route = [("route", "/api/v2/me")];
    wait_for(&ws.server, "the histogram of /api/v2/me", |metrics| count(metrics, NAME, &route) > 0.0).await;
    let metrics = scrape(&ws.server).await;
    let histogram = metrics.iter().find(|metric| metric.name == NAME).unwrap();
    assert_eq!(histogram.kind, Type::Histogram);
    let of_route = |kind: ValueType| {
        let samples = histogram.samples.iter().filter(move |sample| sample.value.value_type == kind);
        samples.filter(|sample| sample.labels.to_string().contains("route=\"/api/v2/me\"")).collect::<Vec<_>>()
    };
    let (buckets, total) = (of_route(ValueType::Sample), of_route(ValueType::Count));
    let counts: Vec<f64> = buckets.iter().map(|bucket| bucket.value.value.as_f64()).collect();
    assert!(counts.len() > 3 && counts.is_sorted(), "{counts:?}");
    let last = buckets.last().unwrap();
    assert!(last.labels.to_string().contains("le=\"+Inf\""), "{last:?}");
    assert_eq!(total.first().map(|sample| sample.value.value.as_f64()), counts.last().copied());
}

async fn all_instances_count_together() {
    let servers = [Server::private(Options::default()).await, Server::private(Options::default()).await];
    let ws = Workspace::on(&servers[0]).await;
    let labels = [("route", "/api/v2/tags/{id}"), ("method", "DELETE"), ("status", "4xx")];
    let before = count(&scrape(&servers[0]).await, "todo_http_requests_total", &labels);
    let path = format!("/api/v2/tags/{}", crate::harness::uuid());
    for server in &servers {
        let client = server.bearer(ws.token.as_deref().unwrap());
        for _ in 0..2 {
            client.delete(&path).send().await.problem(404, "tag_not_found");
        }
    }
    wait_for(&servers[1], "the requests of both", |metrics| {
        count(metrics, "todo_http_requests_total", &labels) >= before + 4.0
    })
    .await;
}

async fn jobs_are_counted_by_state_and_the_longest_wait_is_told() {
    let server = Server::private(Options::default()).await;
    let (mut todos, mut queue) = (database::connect().await, database::connect().await);
    let ws = Workspace::on(&server).await;
    let id = database::workspace(&todos, &ws).await;
    ws.titled("x").await;
    let of = |metrics: &[Metric], status| count(metrics, "todo_jobs", &[("status", status)]);
    let longest_wait = |metrics: &[Metric]| count(metrics, "todo_job_oldest_queued_seconds", &[]);
    let before = scrape(&server).await;
    assert!(longest_wait(&before) < 0.5, "nothing waits yet");
    // One job is held up by a lock on its todo; another is due in a second, and by a lock on itself hidden from
    // workers.
    let held = todos.transaction().await.unwrap();
    held.execute("select from todos where workspace_id = $1 for update", &[&id]).await.unwrap();
    let body = json!({ "filter": { "status": ["pending"] }, "action": "add_tag", "tag": "a" });
    ws.post("/api/v2/todos/bulk-process").json(body).send().await.has_status(202);
    wait_for(&server, "a running job", |metrics| of(metrics, "running") == 1.0).await;
    let another = "insert into jobs (workspace_id, uid, kind, filter, change, due_at) \
        select $1, gen_random_uuid(), kind, filter, change, now() + interval '1 second' from jobs \
        where workspace_id = $1";
    queue.execute(another, &[&id]).await.unwrap();
    let hidden = queue.transaction().await.unwrap();
    let hide = "select from jobs where workspace_id = $1 and status = 'queued' for update";
    assert_eq!(hidden.execute(hide, &[&id]).await.unwrap(), 1);
    tokio::time::sleep(Duration::from_millis(2200)).await;
    let metrics = scrape(&server).await;
    assert_eq!((of(&metrics, "running"), of(&metrics, "queued")), (1.0, 1.0));
    let wait = longest_wait(&metrics);
    assert!((1.0..4.0).contains(&wait), "{wait}");
    hidden.commit().await.unwrap();
    held.commit().await.unwrap();
    let succeeded = of(&before, "succeeded") + 2.0;
    wait_for(&server, "the end of both", |metrics| of(metrics, "succeeded") >= succeeded).await;
    let metrics = scrape(&server).await;
    assert_eq!((of(&metrics, "running"), of(&metrics, "queued"), longest_wait(&metrics)), (0.0, 0.0, 0.0));
    for status in ["failed", "cancelled"] {
        let before = of(&scrape(&server).await, status);
        let end = "update jobs set status = $2 where workspace_id = $1 and id = \
            (select max(id) from jobs where workspace_id = $1 and status <> $2)";
        assert_eq!(queue.execute(end, &[&id, &status]).await.unwrap(), 1);
        assert_eq!(of(&scrape(&server).await, status), before + 1.0, "{status}");
    }
}

async fn a_scrape_does_not_count_the_jobs() {
    let database = database::connect().await;
    let (count, kept) = ("select count(*) from jobs", "select coalesce(sum(jobs), 0)::bigint from job_counts");
    let both = format!("select ({count}) - ({kept})");
    assert_eq!(database::number(&database, &both, &[]).await, 0, "the kept counts are those of the jobs");
    let sql = include_str!("../../crates/core/src/store/sql/jobs_counts.sql");
    let plan = database.query(&format!("explain {sql}"), &[]).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    // But for the queue, whose head tells the longest wait: an index has what is open alone.
    let is_of_open = |line: &&String| {
        ["jobs_due", "jobs_open"].iter().any(|index| line.contains(&format!(" using {index} on jobs")))
    };
    let of_jobs: Vec<&String> = plan.iter().filter(|line| line.contains(" on jobs")).collect();
    assert!(of_jobs.iter().all(is_of_open), "{plan:#?}");
}

async fn an_open_transaction_shows_as_seconds_that_the_feed_is_held_back() {
    // What others write would hold back this feed, too.
    let Some(postgres) = Postgres::start().await else { return };
    let server = Server::private(postgres.used_by(Options::default())).await;
    let mut database = database::connect_to(&postgres.url()).await;
    database::make_admin(&database, &server.admin_token).await;
    // Not parsed: nothing is counted yet, and a histogram without samples is none to the parser.
    let unsettled = async || {
        let text = server.admin().get("/metrics").send().await.has_status(200).text();
        let seconds = text.lines().find_map(|line| line.strip_prefix("todo_feed_unsettled_seconds "));
        seconds.unwrap().parse::<f64>().unwrap()
    };
    let open = database.transaction().await.unwrap();
    open.execute("select pg_current_xact_id()", &[]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let held_back = unsettled().await;
    assert!((1.5..30.0).contains(&held_back), "{held_back}");
    open.commit().await.unwrap();
    let now = unsettled().await;
    assert!(now < 1.0, "{now}");
}

async fn waits_are_counted_and_their_seconds() {
    // The counters stand in Redis: nobody else's waits are among them.
    let Some(redis) = Redis::start().await else { return };
    let options = redis.used_by(Options::default());
    let servers = [Server::private(options.clone()).await, Server::private(options.with("max_waiting", 0)).await];
    let ws = Workspace::on(&servers[0]).await;
    let counts = |metrics: &[Metric]| {
        let waits = |result| count(metrics, "todo_feed_waits_total", &[("result", result)]);
        (waits("waited"), waits("refused"), count(metrics, "todo_feed_wait_seconds_total", &[]))
    };
    let before = counts(&scrape(&servers[0]).await);
    for server in &servers {
        let client = server.bearer(ws.token.as_deref().unwrap());
        client.get("/api/v2/changes?wait=3").send().await.ok();
    }
    wait_for(&servers[0], "one that waited three seconds and one that could not", |metrics| {
        let (waited, refused, seconds) = counts(metrics);
        (waited, refused) == (before.0 + 1.0, before.1 + 1.0) && (2.9..5.0).contains(&(seconds - before.2))
    })
    .await;
}

async fn purged_lines_of_the_log_are_counted() {
    let server = Server::private(Options::default()).await;
    let ws = Workspace::on(&server).await;
    let database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let purge = async || {
        let chunk = "select purge_chunk_v1('events', 100, 1000000, interval '1 second')";
        while database::number(&database, chunk, &[]).await > 0 {}
    };
    purge().await;
    for title in ["a", "b", "c", "new"] {
        ws.titled(title).await;
    }
    let age = "update events set at = now() - interval '32 days' where workspace_id = $1 and id < (
        select max(id) from events where workspace_id = $1)";
    assert_eq!(database.execute(age, &[&workspace]).await.unwrap(), 3);
    let purged = |metrics: &[Metric]| count(metrics, "todo_purged_rows_total", &[("kind", "events")]);
    let before = purged(&scrape(&server).await);
    purge().await;
    assert_eq!(purged(&scrape(&server).await), before + 3.0);
}
