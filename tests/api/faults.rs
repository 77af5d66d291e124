//! Postgres and Redis misbehave: the service says so in time and comes back by itself.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::targets::Postgres;
use crate::harness::{Answer, Options, Server, Workspace, database, suite, with_parameter};

suite![
    #[embedded]
    postgres_that_refuses_gives_503_and_service_resumes,
    #[embedded]
    postgres_that_hangs_gives_an_answer_in_time,
    #[embedded]
    a_broken_connection_is_reopened_for_reads,
    #[embedded]
    a_write_of_unknown_outcome_is_reported,
    #[embedded]
    a_slow_database_ends_in_a_timeout,
    #[embedded]
    a_blocked_statement_holds_up_nobody_else,
    #[embedded]
    redis_that_refuses_changes_nothing_but_speed,
    #[embedded]
    redis_that_hangs_costs_its_budget_once,
    #[embedded]
    killed_instances_are_replaced,
    #[embedded]
    what_postgres_rolls_back_for_the_sake_of_others_is_repeated_and_happens_once,
];

/// The settings of these tests: short deadlines.
pub fn hasty() -> Options {
    let options = Options::default().with("database_timeout_ms", 1000).with("database_wait_ms", 1000);
    options.with("request_timeout_ms", 4000)
}

#[track_caller]
pub fn assert_unavailable(answer: &Answer) {
    answer.problem(503, "unavailable");
    let wait: u64 = answer.header("retry-after").parse().expect("Retry-After in seconds");
    assert!((1..=60).contains(&wait), "{answer}");
}

/// Waits until reads work again.
async fn resumes(ws: &Workspace, path: &str) {
    let since = Instant::now();
    loop {
        let answer = ws.get(path).send().await;
        if answer.status == 200 {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(10), "service does not resume: {answer}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn postgres_that_refuses_gives_503_and_service_resumes() {
    let server = Server::private(hasty().with("cache", "off")).await;
    let ws = Workspace::on(&server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    for _ in 0..2 {
        server.host().faults().postgres().refuse();
        for call in [ws.get(&path), ws.get("/api/v2/todos"), ws.post("/api/v2/todos").json(json!({ "title": "y" }))] {
            let asked = Instant::now();
            assert_unavailable(&call.send().await);
            assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
        }
        // What readiness found is remembered for half a second.
        tokio::time::sleep(Duration::from_millis(600)).await;
        let ready = server.anonymous().get("/health/ready").send().await;
        ready.has_status(503);
        server.anonymous().get("/health/live").send().await.has_status(200);
        let old = ws.get("/api/v1/todos").send().await;
        old.v1_error(503, "unavailable");
        server.host().faults().postgres().heal();
        resumes(&ws, &path).await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        server.anonymous().get("/health/ready").send().await.has_status(200);
    }
    assert_eq!(ws.titles(&[]).await, ["x"], "what was refused was not done");
}

async fn postgres_that_hangs_gives_an_answer_in_time() {
    let server = Server::private(hasty().with("cache", "off")).await;
    let ws = Workspace::on(&server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    server.host().faults().postgres().hang();
    for call in [ws.get(&path), ws.post("/api/v2/todos").json(json!({ "title": "y" }))] {
        let asked = Instant::now();
        let answer = call.send().await;
        answer.problem(503, "unavailable");
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}: {answer}", asked.elapsed());
    }
    server.host().faults().postgres().heal();
    resumes(&ws, &path).await;
}

async fn a_broken_connection_is_reopened_for_reads() {
    let server = Server::private(hasty().with("cache", "off")).await;
    let ws = Workspace::on(&server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    for _ in 0..5 {
        ws.get(&path).send().await.ok();
        server.host().faults().postgres().cut();
        ws.get(&path).send().await.ok();
        server.host().faults().postgres().cut();
        assert_eq!(ws.titles(&[]).await, ["x"]);
    }
}

async fn a_write_of_unknown_outcome_is_reported() {
    let server = Server::private(hasty()).await;
    let ws = Workspace::on(&server).await;
    let mut unknown = 0;
    for number in 0..20 {
        let title = format!("t{number}");
        let call = ws.post("/api/v2/todos").header("idempotency-key", &title).json(json!({ "title": title }));
        let client = crate::harness::Client::new(ws.server.clone(), ws.token.clone());
        let sent = tokio::spawn(call.send());
        tokio::time::sleep(Duration::from_micros(700 * number)).await;
        server.host().faults().postgres().cut();
        let answer = sent.await.unwrap();
        if answer.status != 201 {
            assert_unavailable(&answer);
            unknown += 1;
            // The key makes the retry safe whether or not it had happened.
            let body = json!({ "title": title });
            let retry = || client.post("/api/v2/todos").header("idempotency-key", &title).json(body.clone()).send();
            let mut again = retry().await;
            // What was cut off may still run in Postgres, and then the answer says so.
            while again.status == 409 {
                again.problem(409, "idempotency_in_progress");
                tokio::time::sleep(Duration::from_secs(1)).await;
                again = retry().await;
            }
            again.created();
        }
    }
    let mut titles = ws.titles(&[]).await;
    titles.sort();
    titles.dedup();
    assert_eq!(titles.len(), 20, "{unknown} were unknown");
    assert_eq!(ws.all("/api/v2/todos", &[]).await.len(), 20, "nothing came twice");
}

async fn a_slow_database_ends_in_a_timeout() {
    let server = Server::private(
        Options::default().with("database_timeout_ms", 30_000).with("request_timeout_ms", 1000).with("cache", "off"),
    )
    .await;
    let ws = Workspace::on(&server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    server.host().faults().postgres().delay(Duration::from_secs(5));
    let asked = Instant::now();
    let answer = ws.get(&path).send().await;
    answer.problem(504, "timeout");
    assert!((1..3).contains(&asked.elapsed().as_secs()), "{:?}", asked.elapsed());
    let old = ws.get("/api/v1/todos").send().await;
    old.v1_error(504, "timeout");
    super::v1::assert_deprecated(&old);
    server.host().faults().postgres().heal();
    resumes(&ws, &path).await;
}

async fn a_blocked_statement_holds_up_nobody_else() {
    let server = Server::private(Options::default().with("cache", "off")).await;
    let ws = Workspace::on(&server).await;
    let locked = [ws.titled("a").await, ws.titled("b").await];
    let free = format!("/api/v2/todos/{}", ws.titled("free").await);
    let database = database::connect().await;
    database.batch_execute("begin").await.unwrap();
    database::hold(&database, &locked.each_ref().map(String::as_str)).await;
    // The writers wait for the locks in the same instance as everybody else: one serves sixteen requests at once.
    let blocked = locked.map(|todo| {
        tokio::spawn(ws.patch(&format!("/api/v2/todos/{todo}")).json(json!({ "title": "changed" })).send())
    });
    database::until_blocked(&database, 2).await;
    for _ in 0..20 {
        let asked = Instant::now();
        ws.get(&free).send().await.ok();
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
    assert!(blocked.iter().all(|write| !write.is_finished()), "the writers did not wait");
    database.batch_execute("rollback").await.unwrap();
    for write in blocked {
        write.await.unwrap().ok();
    }
}

async fn redis_that_refuses_changes_nothing_but_speed() {
    let server = Server::private(Options::default()).await;
    let ws = Workspace::on(&server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("0").await);
    server.host().faults().redis().refuse();
    for number in 1..10 {
        let title = number.to_string();
        ws.patch(&path).json(json!({ "title": title })).send().await.ok();
        assert_eq!(ws.get(&path).send().await.ok()["title"], title.as_str());
        assert_eq!(ws.titles(&[]).await, [title]);
    }
    for path in ["/health", "/health/ready"] {
        let answer = server.anonymous().get(path).send().await;
        let health = answer.ok();
        assert_eq!((&health["status"], &health["database"]), (&json!("degraded"), &json!("up")), "{answer}");
    }
    server.host().faults().redis().heal();
    assert_eq!(ws.get(&path).send().await.ok()["title"], "9");
}

async fn redis_that_hangs_costs_its_budget_once() {
    let server = Server::private(Options::default().with("redis_timeout_ms", 50).with("redis_retry_ms", 60_000)).await;
    let ws = Workspace::on(&server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    server.host().faults().redis().hang();
    let mut slow = 0;
    for _ in 0..60 {
        let asked = Instant::now();
        ws.get(&path).send().await.ok();
        slow += usize::from(asked.elapsed() > Duration::from_millis(45));
    }
    server.host().faults().redis().heal();
    assert!(slow <= 8, "{slow} of 60 reads waited for Redis");
}

async fn killed_instances_are_replaced() {
    let server = Server::private(Options::default()).await;
    let ws = Workspace::on(&server).await;
    let path = format!("/api/v2/todos/{}", ws.titled("x").await);
    for round in 0..5 {
        let before = server.host().counters().instantiations;
        server.host().kill_instances();
        let asked = Instant::now();
        // Where the processors are busy, one that is to die may answer once more.
        while server.host().counters().instantiations == before {
            resumes(&ws, &path).await;
            assert!(asked.elapsed() < Duration::from_secs(10), "nothing was killed in round {round}");
        }
    }
}

async fn what_postgres_rolls_back_for_the_sake_of_others_is_repeated_and_happens_once() {
    let Some(postgres) = Postgres::start().await else { return };
    let sql = database::connect_to(&postgres.url()).await;
    // Of two that wait for each other the one is rolled back that has waited for so long: the service, not this test.
    sql.batch_execute("alter role todo set deadlock_timeout = '2s'; set deadlock_timeout = '1min'").await.unwrap();
    let options = postgres.used_by(Options::default()).with("database_timeout_ms", 8000);
    let server = Server::private(options.clone()).await;
    database::make_admin(&sql, &server.admin_token).await;
    let ws = Workspace::on(&server).await;
    let ids = [ws.titled("first").await, ws.titled("second").await];
    let path = |of: usize| format!("/api/v2/todos/{}", ids[of]);
    let take = async |of: usize| database::hold(&sql, &[&ids[of]]).await;

    // 40P01: a batch changes todos in the order of their numbers, and this test takes them in the other one.
    let mut operations = vec![json!({ "op": "create", "todo": { "title": "new", "tags": ["once"] } })];
    operations.extend(ids.iter().map(|id| json!({ "op": "update", "id": id, "todo": { "title": "changed" } })));
    let batch = || {
        let batch = ws.post("/api/v2/todos/batch").header("idempotency-key", "deadlock");
        batch.json(json!({ "operations": operations })).send()
    };
    sql.batch_execute("begin").await.unwrap();
    take(1).await;
    let (answer, ()) = tokio::join!(batch(), async {
        database::until_blocked(&sql, 1).await;
        let asked = Instant::now();
        take(0).await;
        assert!(asked.elapsed() > Duration::from_millis(100), "the batch did not hold it");
        sql.batch_execute("commit").await.unwrap();
    });
    assert_eq!(answer.ok()["results"][0]["status"], 201, "{answer}");
    assert_eq!(batch().await.has_status(200).header("idempotent-replayed"), "true");
    assert_eq!(ws.titles(&[("tag", "once")]).await, ["new"]);
    for of in 0..2 {
        assert_eq!(ws.get(&path(of)).send().await.ok()["version"], 2, "changed once");
    }

    // 40001: in a session that is serialised, who waited for a row that has changed has seen too little.
    let url = with_parameter(&postgres.url(), "options=-c%20default_transaction_isolation%3Dserializable");
    let serialised = Server::private(options.with("database_url", url)).await;
    sql.batch_execute("begin").await.unwrap();
    sql.execute("update todos set title = 'theirs' where uid = $1::text::uuid", &[&ids[0]]).await.unwrap();
    let client = serialised.bearer(ws.token.as_deref().unwrap());
    let change = client.patch(&path(0)).json(json!({ "title": "mine" })).send();
    let (answer, ()) = tokio::join!(change, async {
        database::until_blocked(&sql, 1).await;
        sql.batch_execute("commit").await.unwrap();
    });
    assert_eq!((&answer.ok()["title"], &answer.ok()["version"]), (&json!("mine"), &json!(3)), "{answer}");
}
