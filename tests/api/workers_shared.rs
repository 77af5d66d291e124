//! Jobs of several workspaces, large and small: how workers share them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use todo_host::{Captured, Output};

use crate::harness::database::{self, number};
use crate::harness::{Options, Server, Workspace, suite};
use crate::jobs::ended;
use crate::workers::{pause, start, until};

suite![
    #[embedded]
    two_workers_share_the_jobs_and_no_todo,
    #[embedded]
    a_small_job_does_not_wait_for_the_end_of_a_large_one,
    #[embedded]
    a_workspace_has_a_hundred_open_jobs_and_others_do_not_wait_for_them,
    #[embedded]
    purges_have_their_share_beside_a_hundred_open_jobs,
    #[embedded]
    a_job_in_a_large_workspace_begins_without_a_count_and_looks_at_bounded_chunks,
];

async fn two_workers_share_the_jobs_and_no_todo() {
    const TODOS: i32 = 3_000;
    const JOBS: i64 = 8;
    let logs = [Captured::default(), Captured::default()];
    let mut servers = Vec::new();
    for log in &logs {
        let options = Options { output: Output::Capture(log.clone()), ..Options::default() };
        servers.push(Server::private(options.with("log_level", "info")).await);
    }
    let database = database::connect().await;
    let ws = Workspace::on(&servers[0]).await;
    let id = database::workspace(&database, &ws).await;
    database::fill(&database, id, TODOS).await;
    let mut paths = Vec::new();
    for number in 0..JOBS {
        // Each of another person's, so that each changes every todo, in whatever order they come.
        let person = ws.employee(&format!("Person {number}")).await["id"].clone();
        let body = json!({ "filter": { "status": ["pending"] }, "action": "assign", "assignee_id": person });
        let client = servers[usize::try_from(number).unwrap() % 2].bearer(ws.token.as_deref().unwrap());
        let started = client.post("/api/v2/todos/bulk-process").json(body).send().await;
        paths.push(started.has_status(202).header("location").to_owned());
    }
    for path in &paths {
        let job = ended(&ws, path).await;
        assert_eq!(job["status"], "succeeded", "{job}");
        assert_eq!((&job["total"], &job["processed"], &job["attempts"]), (&json!(TODOS), &json!(TODOS), &json!(1)));
    }
    let changed = "select count(*) from todos where workspace_id = $1 and version = $2";
    assert_eq!(number(&database, changed, &[&id, &(1 + JOBS)]).await, i64::from(TODOS), "each todo once by each job");
    // A worker tells at the end of its run what it did.
    let shares = || logs.each_ref().map(worked);
    until("the workers' reports", async || shares().iter().sum::<i64>() >= i64::from(TODOS) * JOBS).await;
    let shares = shares();
    eprintln!("one worker went through {} todos, the other through {}", shares[0], shares[1]);
    assert_eq!(shares.iter().sum::<i64>(), i64::from(TODOS) * JOBS, "no todo twice: {shares:?}");
    assert!(shares.iter().all(|share| *share > 0), "both take part: {shares:?}");
    database::empty(&database, id).await;
}

/// How many todos the workers of a host have gone through, by its log.
fn worked(log: &Captured) -> i64 {
    let text = log.text();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["event"] == "worked").map(|line| line["todos"].as_i64().unwrap()).sum()
}

async fn a_small_job_does_not_wait_for_the_end_of_a_large_one() {
    const TODOS: i32 = 60_000;
    let server = Server::private(Options::default()).await;
    let database = database::connect().await;
    let (large, small) = (Workspace::on(&server).await, Workspace::on(&server).await);
    let id = database::workspace(&database, &large).await;
    database::fill(&database, id, TODOS).await;
    for title in ["x", "y"] {
        small.titled(title).await;
    }
    let change = json!({ "action": "set_priority", "priority": "urgent" });
    let long = start(&large, change.clone()).await;
    until("progress", async || large.get(&long).send().await.ok()["processed"].as_i64().unwrap() > 0).await;
    let since = Instant::now();
    let short = ended(&small, &start(&small, change).await).await;
    let waited = since.elapsed();
    assert_eq!((&short["status"], &short["processed"]), (&json!("succeeded"), &json!(2)), "{short}");
    let job = large.get(&long).send().await.ok();
    assert!(["queued", "running"].contains(&job["status"].as_str().unwrap()), "after {waited:?}: {job}");
    assert_eq!(job["attempts"], 1, "to wait for one's turn is no new attempt: {job}");
    eprintln!("the small job took {waited:?}, while the large one came to {} of {TODOS}", job["processed"]);
    large.delete(&long).send().await.ok();
    database::empty(&database, id).await;
}

async fn a_workspace_has_a_hundred_open_jobs_and_others_do_not_wait_for_them() {
    let server = Server::private(Options::default()).await;
    let database = database::connect().await;
    let (busy, other) = (Workspace::on(&server).await, Workspace::on(&server).await);
    let id = database::workspace(&database, &busy).await;
    database::fill(&database, id, 20_000).await;
    other.titled("x").await;
    let change = json!({ "action": "set_priority", "priority": "urgent" });
    let first = start(&busy, change.clone()).await;
    let more = "insert into jobs (workspace_id, uid, kind, filter, change) select workspace_id, gen_random_uuid(), \
                kind, \
        filter, change from jobs, generate_series(1, 99) where workspace_id = $1";
    assert_eq!(database.execute(more, &[&id]).await.unwrap(), 99);
    let body = json!({ "filter": { "status": ["pending"] }, "action": "complete" });
    let refused = busy.post("/api/v2/todos/bulk-process").json(body.clone()).send().await;
    refused.problem(409, "too_many_jobs");
    busy.post("/api/v1/todos/bulk-process").json(body.clone()).send().await.v1_error(409, "too_many_jobs");
    let short = ended(&other, &start(&other, change).await).await;
    assert_eq!((&short["status"], &short["processed"]), (&json!("succeeded"), &json!(1)), "{short}");
    let ended = "select count(*) from jobs where workspace_id = $1 and finished_at is not null";
    assert!(number(&database, ended, &[&id]).await < 20, "the other workspace has waited for most of the jobs");
    let stop = "update jobs set status = 'cancelled', lease = null, finished_at = now() \
        where workspace_id = $1 and finished_at is null";
    database.execute(stop, &[&id]).await.unwrap();
    assert_eq!(busy.get(&first).send().await.ok()["kind"], "todos.bulk");
    busy.post("/api/v2/todos/bulk-process").json(body).send().await.has_status(202);
    database::empty(&database, id).await;
}

async fn purges_have_their_share_beside_a_hundred_open_jobs() {
    let server = Server::private(Options::default()).await;
    let database = database::connect().await;
    let ws = Workspace::on(&server).await;
    let id = database::workspace(&database, &ws).await;
    database::fill(&database, id, 20_000).await;
    let expired = "insert into idempotency_keys (workspace_id, route, key, body_digest, outcome, created_at) \
        values ($1, 'x', 'x', '', 'null', now() - interval '25 hours')";
    database.execute(expired, &[&id]).await.unwrap();
    let jobs = "insert into jobs (workspace_id, uid, kind, filter, change) \
        select $1, gen_random_uuid(), 'todos.bulk', '{\"status\": [\"pending\"]}', '{\"set_priority\": \"urgent\"}' \
        from generate_series(1, 100)";
    assert_eq!(database.execute(jobs, &[&id]).await.unwrap(), 100);
    let position = "select max(position) from jobs where workspace_id = $1";
    until("progress", async || {
        ws.get("/api/v2/me").send().await.ok();
        number(&database, position, &[&id]).await > 0
    })
    .await;
    // While the jobs are worked on. A run of the worker takes twenty seconds at most, and the next one begins with it.
    let due = "update purges set due_at = now() where name = 'idempotency_keys'";
    database.execute(due, &[]).await.unwrap();
    let kept = "select count(*) from idempotency_keys where workspace_id = $1 and key = 'x'";
    let since = Instant::now();
    while number(&database, kept, &[&id]).await > 0 {
        assert!(since.elapsed() < Duration::from_secs(40), "the purge does not have its turn");
        ws.get("/api/v2/me").send().await.ok();
        pause(200).await;
    }
    let open =
        number(&database, "select count(*) from jobs where workspace_id = $1 and finished_at is null", &[&id]).await;
    eprintln!("the purge came after {:?}, with {open} jobs open", since.elapsed());
    assert!(open > 0, "the purge has waited for all jobs");
    let stop = "update jobs set status = 'cancelled', lease = null, finished_at = now() \
        where workspace_id = $1 and finished_at is null";
    database.execute(stop, &[&id]).await.unwrap();
    database::empty(&database, id).await;
}

async fn a_job_in_a_large_workspace_begins_without_a_count_and_looks_at_bounded_chunks() {
    let server = Server::private(Options::default()).await;
    let (database, mut holder) = (database::connect().await, database::connect().await);
    let ws = Workspace::on(&server).await;
    let id = database::workspace(&database, &ws).await;
    ws.todo(json!({ "title": "first", "status": "in_progress" })).await;
    database::fill(&database, id, 2_500).await;
    let middle = ws.todo(json!({ "title": "middle", "status": "in_progress" })).await;
    database::fill(&database, id, 27_500).await;
    ws.todo(json!({ "title": "last", "status": "in_progress" })).await;
    // The second chunk waits for the one in the middle.
    let held = holder.transaction().await.unwrap();
    database::hold(&held, &[middle["id"].as_str().unwrap()]).await;
    let body = json!({ "filter": { "status": ["in_progress"] }, "action": "complete" });
    let started = ws.post("/api/v2/todos/bulk-process").json(body).send().await;
    let path = started.has_status(202).header("location").to_owned();
    let position = "select coalesce(max(position), 0) from jobs where workspace_id = $1";
    until("progress", async || number(&database, position, &[&id]).await > 0).await;
    let job = ws.get(&path).send().await.ok();
    assert_eq!(
        (&job["status"], &job["total"], &job["processed"]),
        (&json!("running"), &Value::Null, &json!(1)),
        "{job}"
    );
    let looked_at = "select count(*) from todos t join jobs j using (workspace_id) \
        where t.workspace_id = $1 and t.id <= j.position";
    assert_eq!(number(&database, looked_at, &[&id]).await, 2_000, "ten for each of the two hundred of a first chunk");
    held.commit().await.unwrap();
    let job = ended(&ws, &path).await;
    let numbers = (&job["status"], &job["total"], &job["processed"]);
    assert_eq!(numbers, (&json!("succeeded"), &json!(3), &json!(3)), "{job}");
    let mut titles = ws.titles(&[("status", "completed")]).await;
    titles.sort_unstable();
    assert_eq!(titles, ["first", "last", "middle"]);
    database::empty(&database, id).await;
}
