//! Workers: how they share the queue, what becomes of jobs that are dropped, that fail, or that have a long one before
//! them. What kills them at any moment is in `chaos`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::database::{self, number};
use crate::harness::{Options, Server, Workspace, suite};
use crate::jobs::{done, ended};

suite![
    #[database]
    a_cancelled_job_stops_where_it_is,
    #[database]
    a_job_whose_assignee_is_gone_fails_at_once,
    #[database]
    a_chunk_renews_a_lease_only_when_seconds_of_it_are_over,
    a_todo_with_twenty_tags_gets_no_other_and_the_job_says_so,
    #[embedded]
    the_job_of_a_dead_worker_is_resumed_by_the_next_request,
    #[embedded]
    a_job_that_always_fails_is_given_up_and_blocks_nobody,
    #[embedded]
    the_purge_of_the_bin_reaches_the_cache,
];

/// Starts a bulk change of all pending todos; gives where its job is.
pub async fn start(ws: &Workspace, mut change: Value) -> String {
    change["filter"] = json!({ "status": ["pending"] });
    let started = ws.post("/api/v2/todos/bulk-process").json(change).send().await;
    started.has_status(202);
    started.header("location").to_owned()
}

pub async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// Waits for something, long enough for a busy machine; what, is for the message.
pub async fn until(what: &str, mut happened: impl AsyncFnMut() -> bool) {
    for _ in 0..1_200 {
        if happened().await {
            return;
        }
        pause(50).await;
    }
    panic!("waited in vain: {what}");
}

async fn a_cancelled_job_stops_where_it_is() {
    const TODOS: i32 = 20_000;
    let database = database::connect().await;
    let ws = Workspace::new().await;
    let id = database::workspace(&database, &ws).await;
    database::fill(&database, id, TODOS).await;
    let path = start(&ws, json!({ "action": "set_priority", "priority": "urgent" })).await;
    until("progress", async || ws.get(&path).send().await.ok()["processed"].as_i64().unwrap() > 0).await;
    let cancelled = ws.delete(&path).send().await.ok();
    let processed = cancelled["processed"].as_i64().unwrap();
    assert_eq!(cancelled["status"], "cancelled", "{cancelled}");
    assert_eq!(cancelled["total"], TODOS, "{cancelled}");
    assert!(0 < processed && processed < TODOS.into(), "{cancelled}");
    let changed =
        async || number(&database, "select count(*) from todos where workspace_id = $1 and priority = 4", &[&id]).await;
    assert_eq!(changed().await, processed, "what was done stays done, and is told");
    pause(500).await;
    assert_eq!(ws.get(&path).send().await.ok(), cancelled, "nothing more happens");
    assert_eq!(changed().await, processed);
    database::empty(&database, id).await;
}

async fn a_job_whose_assignee_is_gone_fails_at_once() {
    let mut database = database::connect().await;
    let ws = Workspace::new().await;
    let id = database::workspace(&database, &ws).await;
    ws.titled("x").await;
    let ada = ws.employee("Ada").await;
    // The worker waits for the todo until the employee is gone.
    let held = database.transaction().await.unwrap();
    held.execute("select from todos where workspace_id = $1 for update", &[&id]).await.unwrap();
    let path = start(&ws, json!({ "action": "assign", "assignee_id": ada["id"] })).await;
    until("a worker", async || ws.get(&path).send().await.ok()["status"] == "running").await;
    ws.delete(&format!("/api/v2/employees/{}", ada["id"].as_str().unwrap())).send().await.no_content();
    held.commit().await.unwrap();
    let job = ended(&ws, &path).await;
    assert_eq!(job["status"], "failed", "{job}");
    assert_eq!(job["error"], "there is no such employee", "{job}");
    assert_eq!((&job["attempts"], &job["processed"]), (&json!(1), &json!(0)), "{job}");
}

/// What every check of a token reads of the queue must not change with each chunk.
async fn a_chunk_renews_a_lease_only_when_seconds_of_it_are_over() {
    let ws = Workspace::new().await;
    let mut database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    for title in ["a", "b"] {
        ws.titled(title).await;
    }
    // Never committed, so that no worker sees the job.
    let transaction = database.transaction().await.unwrap();
    let job = "insert into jobs (workspace_id, uid, kind, filter, change, status, lease, due_at) \
        select $1, gen_random_uuid(), 'todos.bulk', '{}', '\"complete\"', 'running', gen_random_uuid(), \
            clock_timestamp() + interval '14 seconds'";
    transaction.execute(job, &[&workspace]).await.unwrap();
    let position = "select position from jobs where workspace_id = $1";
    let next = "select min(id) from todos where workspace_id = $1 and id > $2";
    let chunk = "select c.outcome, c.processed \
        from jobs j cross join lateral job_chunk_v1($1, j.id, j.lease, j.position, array[$2::bigint], $2, j.change, \
        null, 20, false, interval '15 seconds', false) c where j.workspace_id = $1";
    let left = "select extract(epoch from due_at - clock_timestamp())::float8 from jobs where workspace_id = $1";
    for (renewed, expected) in [(false, 13.0..=14.0), (true, 14.5..=15.0)] {
        let position: i64 = transaction.query_one(position, &[&workspace]).await.unwrap().get(0);
        let next: i64 = transaction.query_one(next, &[&workspace, &position]).await.unwrap().get(0);
        let row = transaction.query_one(chunk, &[&workspace, &next]).await.unwrap();
        assert_eq!((row.get(0), row.get(1)), ("done", 1_i64), "renewed: {renewed}");
        let left: f64 = transaction.query_one(left, &[&workspace]).await.unwrap().get(0);
        assert!(expected.contains(&left), "renewed: {renewed}, {left} s are left");
        let later = "update jobs set due_at = due_at - interval '2 seconds' where workspace_id = $1";
        transaction.execute(later, &[&workspace]).await.unwrap();
    }
    transaction.rollback().await.unwrap();
}

async fn a_todo_with_twenty_tags_gets_no_other_and_the_job_says_so() {
    let ws = Workspace::new().await;
    let twenty: Vec<String> = (0..20).map(|number| format!("tag {number}")).collect();
    let full = ws.todo(json!({ "title": "full", "tags": twenty })).await;
    ws.titled("empty").await;
    let filter = json!({ "status": ["pending"] });
    let job = done(&ws, json!({ "filter": filter, "action": "add_tag", "tag": "one more" })).await;
    assert_eq!(job["status"], "succeeded", "{job}");
    assert_eq!((&job["total"], &job["processed"]), (&json!(2), &json!(2)), "{job}");
    assert_eq!(job["error"], "1 todo has 20 tags already and did not get this one", "{job}");
    assert_eq!(ws.titles(&[("tag", "one more")]).await, ["empty"]);
    let path = format!("/api/v2/todos/{}", full["id"].as_str().unwrap());
    assert_eq!(ws.get(&path).send().await.ok(), full, "it is left as it was");
    let job = done(&ws, json!({ "filter": filter, "action": "add_tag", "tag": "TAG 7" })).await;
    assert_eq!(job["error"], Value::Null, "nothing is missing of a todo that has the tag: {job}");
}

async fn the_job_of_a_dead_worker_is_resumed_by_the_next_request() {
    const TODOS: i32 = 20_000;
    let server = Server::private(Options::default()).await;
    let database = database::connect().await;
    for resumes in ["/api/v2/me", "/health/ready"] {
        let ws = Workspace::on(&server).await;
        let id = database::workspace(&database, &ws).await;
        database::fill(&database, id, TODOS).await;
        let path = start(&ws, json!({ "action": "set_priority", "priority": "urgent" })).await;
        let job = "select processed from jobs where workspace_id = $1";
        until("progress", async || number(&database, job, &[&id]).await > 0).await;
        server.host().kill_instances();
        pause(1000).await;
        let reached = number(&database, job, &[&id]).await;
        assert!(reached < TODOS.into(), "the worker was too quick to be killed");
        pause(500).await;
        assert_eq!(number(&database, job, &[&id]).await, reached, "nobody works on it");
        // The database forgets the dead in fifteen seconds. The test does not wait for them.
        let left = "select ceil(extract(epoch from due_at - now()))::bigint from jobs where workspace_id = $1";
        assert!((1..=15).contains(&number(&database, left, &[&id]).await));
        database.execute("update jobs set due_at = now() where workspace_id = $1", &[&id]).await.unwrap();
        pause(500).await;
        assert_eq!(number(&database, job, &[&id]).await, reached, "nobody has looked yet");
        ws.get(resumes).send().await.ok();
        until(resumes, async || number(&database, job, &[&id]).await == i64::from(TODOS)).await;
        let job = ended(&ws, &path).await;
        assert_eq!((&job["status"], &job["attempts"]), (&json!("succeeded"), &json!(2)), "{job}");
        let once = "select count(*) from todos where workspace_id = $1 and version = 2";
        assert_eq!(number(&database, once, &[&id]).await, i64::from(TODOS));
        database::empty(&database, id).await;
    }
}

async fn a_job_that_always_fails_is_given_up_and_blocks_nobody() {
    let server = Server::private(Options::default()).await;
    let database = database::connect().await;
    let (ws, other) = (Workspace::on(&server).await, Workspace::on(&server).await);
    let id = database::workspace(&database, &ws).await;
    let todo = format!("/api/v2/todos/{}", ws.titled("x").await);
    other.titled("x").await;
    let function = format!(
        "create function broken_{id}() returns trigger language plpgsql as 'begin raise exception ''broken''; end'"
    );
    let trigger = format!(
        "create trigger broken_{id} before update on todos for each row when (new.workspace_id = {id}) \
         execute function broken_{id}()"
    );
    for statement in [function, trigger] {
        database.batch_execute(&statement).await.unwrap();
    }
    let path = start(&ws, json!({ "action": "complete" })).await;
    for attempt in 1..=5_u32 {
        until("an attempt", async || {
            other.get("/api/v2/me").send().await.ok();
            let job = ws.get(&path).send().await.ok();
            job["attempts"] == attempt && job["status"] != "running"
        })
        .await;
        let job = ws.get(&path).send().await.ok();
        assert_eq!(job["error"], "the change could not be applied", "{job}");
        if attempt < 5 {
            assert_eq!(job["status"], "queued", "{job}");
            let wait = "select ceil(extract(epoch from due_at - now()))::bigint from jobs where workspace_id = $1";
            let wait = number(&database, wait, &[&id]).await;
            assert!((2_i64.pow(attempt - 1)..=2_i64.pow(attempt)).contains(&wait), "{wait} s after attempt {attempt}");
            let later = "update jobs set due_at = due_at + interval '1 hour' where workspace_id = $1";
            database.execute(later, &[&id]).await.unwrap();
            let behind = done(&other, json!({ "filter": { "status": ["pending"] }, "action": "add_tag", "tag": "a" }));
            assert_eq!(behind.await["status"], "succeeded", "others go on");
            assert_eq!(ws.get(&path).send().await.ok()["attempts"], attempt, "not before its time");
            database.execute("update jobs set due_at = now() where workspace_id = $1", &[&id]).await.unwrap();
        }
    }
    let job = ws.get(&path).send().await.ok();
    assert_eq!((&job["status"], &job["attempts"], &job["processed"]), (&json!("failed"), &json!(5), &json!(0)));
    assert!(job["finished_at"].is_string(), "{job}");
    assert_eq!(ws.get(&todo).send().await.ok()["version"], 1);
    for mend in [format!("drop trigger broken_{id} on todos"), format!("drop function broken_{id}()")] {
        database.batch_execute(&mend).await.unwrap();
    }
}

async fn the_purge_of_the_bin_reaches_the_cache() {
    let server = Server::private(Options::default()).await;
    let database = database::connect().await;
    let ws = Workspace::on(&server).await;
    let id = database::workspace(&database, &ws).await;
    ws.delete(&format!("/api/v2/todos/{}", ws.titled("x").await)).send().await.no_content();
    let bin = async || ws.get("/api/v2/todos?deleted=true").send().await;
    let titles = |page: &Value| page["items"].as_array().unwrap().len();
    bin().await.ok();
    // The time of the todo is over behind the service's back: only the purge will tell the cache.
    let age = "update todos set deleted_at = now() - interval '31 days' where workspace_id = $1";
    assert_eq!(database.execute(age, &[&id]).await.unwrap(), 1);
    let cached = bin().await;
    assert_eq!(cached.header("x-cache"), "HIT", "{cached}");
    assert_eq!(titles(&cached.ok()), 1);
    let due = "update purges set due_at = now(), done_at = now() - interval '8 hours' where name = 'bin'";
    database.execute(due, &[]).await.unwrap();
    let left = async || number(&database, "select count(*) from todos where workspace_id = $1", &[&id]).await;
    // Each look at the readiness may wake the worker, but for half a second the last one is remembered.
    let purged = async || {
        server.anonymous().get("/health/ready").send().await.ok();
        left().await == 0
    };
    until("the purge", purged).await;
    // The worker publishes right after its statement.
    pause(100).await;
    assert_eq!(titles(&bin().await.ok()), 0);
    let due = "select ceil(extract(epoch from due_at - now()) / 60)::bigint from purges where name = 'bin'";
    until("the end of the purge", async || number(&database, due, &[]).await == 60).await;
    let metrics = server.admin().get("/metrics").send().await.has_status(200).text();
    let age = metrics.lines().find_map(|line| line.strip_prefix("todo_purge_age_seconds{kind=\"bin\"} "));
    let seconds: f64 = age.expect("the age of the purge").parse().unwrap();
    assert!(seconds < 3600.0, "the alert asks for the last end: {seconds}");
}
