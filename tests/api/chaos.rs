//! Background work survives anything: workers, hosts, Postgres and Redis are killed at random moments while jobs run,
//! and in the end each job has changed each of its todos exactly once.
//!
//! The usual run is short. `cargo xtask chaos --kills 500` is the long one; `--seed` repeats the choices of an earlier
//! run, though not its moments, which are the scheduler's.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio_postgres::NoTls;

use crate::harness::random::Random;
use crate::harness::suite::pgbouncer;
use crate::harness::targets::{Host, Pooler, Postgres, Redis};
use crate::harness::{Client, Options, Server, Workspace, database, suite};

suite![
    #[embedded]
    each_job_changes_each_todo_exactly_once_whoever_is_killed,
    #[pooler]
    each_job_changes_each_todo_exactly_once_behind_a_pooler,
];

/// Kills of a usual run.
const KILLS: u64 = 80;
/// Todos that the jobs match, and some that they do not.
const MATCHING: i32 = 4_000;
const OTHERS: i32 = 400;
/// Jobs that are unfinished at the same time.
const AT_ONCE: i64 = 4;
/// A todo has room for twenty.
const MOST_TAGS: u64 = 15;

async fn each_job_changes_each_todo_exactly_once_whoever_is_killed() {
    survive(None, KILLS).await;
}

/// In transaction mode where this PgBouncer knows named statements in it.
async fn each_job_changes_each_todo_exactly_once_behind_a_pooler() {
    let is_new = pgbouncer().is_some_and(|version| version >= (1, 21));
    survive(Some(if is_new { "transaction" } else { "session" }), KILLS / 4).await;
}

/// `pool`: the mode of a pooler before Postgres, if there is one.
async fn survive(pool: Option<&str>, usual: u64) {
    let asked = |name: &str| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
    let kills = asked("TODO_CHAOS_KILLS").unwrap_or(usual);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let seed = asked("TODO_CHAOS_SEED").unwrap_or(u64::try_from(now % 1_000_000).unwrap());
    let (Some(postgres), Some(redis)) = (Postgres::start().await, Redis::start().await) else { return };
    eprintln!("{kills} kills with the seed {seed}");
    let options = redis.used_by(postgres.used_by(Options::default()));
    let (options, _pooler) = match pool {
        // A shorter timeout would be an option of the connection, which a pooler refuses.
        None => (options.with("database_timeout_ms", 1000), None),
        Some(mode) => {
            let pooler = Pooler::before(&postgres.url(), mode, 200).await;
            (pooler.used_by(options), Some(pooler))
        }
    };
    let outside = Host::start(options.clone()).await;
    let world = World::new(postgres.url(), Server::private(options).await, &outside).await;
    let mut scene =
        Scene { postgres, redis, outside, world: world.clone(), random: Random(seed), events: BTreeMap::new() };

    let since = Instant::now();
    let feeder = tokio::spawn({
        let world = world.clone();
        async move { world.feed().await }
    });
    let driver = tokio::spawn({
        let world = world.clone();
        async move { world.drive().await }
    });
    for _ in 0..kills {
        scene.pause(700).await;
        scene.kill().await;
    }
    let killing = since.elapsed();
    world.stop.store(true, SeqCst);
    feeder.await.expect("the jobs were accepted");
    world.end().await;
    driver.abort();
    let (jobs, attempts) = world.verdict().await;
    assert!(attempts > jobs, "nobody was hit at work");
    let events: Vec<String> = scene.events.iter().map(|(event, count)| format!("{count} × {event}")).collect();
    eprintln!(
        "{kills} kills in {killing:.0?} ({}): {jobs} jobs, taken up {attempts} times, over {MATCHING} todos, each \
         once; all over after {:.0?}",
        events.join(", "),
        since.elapsed(),
    );
}

/// What is at stake.
struct World {
    database_url: String,
    /// Of the host in this process and of the one outside.
    clients: [Client; 2],
    inside: Arc<Server>,
    workspace: i64,
    jobs: Mutex<Vec<String>>,
    turn: AtomicU64,
    stop: AtomicBool,
}

impl World {
    async fn new(database_url: String, inside: Arc<Server>, outside: &Host) -> Arc<Self> {
        let sql = database::connect_to(&database_url).await;
        database::make_admin(&sql, &inside.admin_token).await;
        let workspace = Workspace::on(&inside).await;
        let id = database::workspace(&sql, &workspace).await;
        database::fill(&sql, id, MATCHING).await;
        database::fill_with(&sql, id, OTHERS, "y", "in_progress").await;
        let token = workspace.token.as_deref().unwrap();
        Arc::new(Self {
            clients: [inside.bearer(token), outside.server.bearer(token)],
            database_url,
            inside,
            workspace: id,
            jobs: Mutex::default(),
            turn: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        })
    }

    /// Either host, in turn.
    fn client(&self) -> &Client {
        &self.clients[usize::from(self.turn.fetch_add(1, SeqCst) % 2 == 1)]
    }

    /// Runs a statement, if Postgres happens to live.
    async fn sql(&self, statement: &str) -> Option<Vec<tokio_postgres::Row>> {
        let (client, connection) = tokio_postgres::connect(&self.database_url, NoTls).await.ok()?;
        let connection = tokio::spawn(connection);
        let rows = client.query(statement, &[]).await.ok();
        connection.abort();
        rows
    }

    async fn unfinished(&self) -> Option<i64> {
        let count = "select count(*) from jobs where status in ('queued', 'running')";
        self.sql(count).await?.first().map(|row| row.get(0))
    }

    /// Keeps the workers busy.
    async fn feed(&self) {
        let mut number = 0;
        while !self.stop.load(SeqCst) {
            if self.unfinished().await.is_some_and(|unfinished| unfinished < AT_ONCE) {
                self.post(number).await;
                number += 1;
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// A job that changes each todo, whatever other jobs do before, after and meanwhile: each assigns to a person of
    /// its own or adds a tag of its own. Whether an attempt was accepted is often unknown, so it is repeated under the
    /// same key.
    async fn post(&self, number: u64) {
        let change = if number.is_multiple_of(8) && number / 8 < MOST_TAGS {
            json!({ "action": "add_tag", "tag": format!("tag {number}") })
        } else {
            json!({ "action": "assign", "assignee_id": self.person(number).await })
        };
        let mut body = change;
        body["filter"] = json!({ "status": ["pending"] });
        let location = self.insist("/api/v2/todos/bulk-process", number, &body, 202).await;
        self.jobs.lock().unwrap().push(location);
    }

    async fn person(&self, number: u64) -> String {
        let body = json!({ "name": "Person", "email": format!("person{number}@example.com") });
        let location = self.insist("/api/v2/employees", number, &body, 201).await;
        location.rsplit('/').next().unwrap().to_owned()
    }

    /// Repeats a POST until it has succeeded; gives the `Location`.
    async fn insist(&self, path: &str, number: u64, body: &Value, status: u16) -> String {
        loop {
            let call = self.client().post(path).header("idempotency-key", number.to_string()).json(body.clone());
            if let Ok(answer) = call.try_send().await {
                if answer.status == status {
                    return answer.header("location").to_owned();
                }
                assert!(answer.is_away() || answer.status == 409, "{answer}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Time flies: the leases of the dead end, and now and then that of a worker that is only slow. And requests come
    /// in, which find what is due.
    async fn drive(&self) {
        loop {
            self.sql("update jobs set due_at = now() where status in ('queued', 'running')").await;
            for client in &self.clients {
                drop(client.get("/api/v2/me").try_send().await);
            }
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
    }

    /// Waits until every job has ended.
    async fn end(&self) {
        let since = Instant::now();
        while self.unfinished().await != Some(0) {
            if since.elapsed() > Duration::from_secs(60) {
                let stuck = self.sql("select jsonb_pretty(to_jsonb(j)) from jobs j where finished_at is null").await;
                let stuck: Vec<String> = stuck.unwrap_or_default().iter().map(|row| row.get(0)).collect();
                panic!("jobs are stuck: {}", stuck.join("\n"));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Each job that was accepted is there and went well, once through all that it matched; each todo shows it. Gives
    /// how many jobs there were and how often they were taken up.
    async fn verdict(&self) -> (i64, i64) {
        let paths = self.jobs.lock().unwrap().clone();
        let jobs = i64::try_from(paths.len()).unwrap();
        for path in &paths {
            let job = self.clients[0].get(path).send().await.ok();
            assert_eq!((&job["status"], &job["error"]), (&json!("succeeded"), &Value::Null), "{job}");
            assert_eq!((&job["total"], &job["processed"]), (&json!(MATCHING), &json!(MATCHING)), "{job}");
        }
        for tag in self.clients[0].get("/api/v2/tags?limit=100").send().await.ok()["items"].as_array().unwrap() {
            assert_eq!(tag["count"], MATCHING, "counts are right, too: {tag}");
        }
        let sql = database::connect_to(&self.database_url).await;
        assert_eq!(database::number(&sql, "select count(*) from jobs", &[]).await, jobs, "each was accepted once");
        let versions =
            "select status, version, count(*) from todos where workspace_id = $1 group by 1, 2 order by 1, 2";
        let rows = sql.query(versions, &[&self.workspace]).await.unwrap();
        let found: Vec<(String, i64, i64)> = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
        let changed = ("pending".to_owned(), 1 + jobs, i64::from(MATCHING));
        assert_eq!(found, [("in_progress".to_owned(), 1, i64::from(OTHERS)), changed], "(status, version, todos)");
        (jobs, database::number(&sql, "select sum(attempts)::bigint from jobs", &[]).await)
    }
}

/// Who can be killed, and what has been done to them.
struct Scene {
    postgres: Postgres,
    redis: Redis,
    outside: Host,
    world: Arc<World>,
    random: Random,
    events: BTreeMap<&'static str, u32>,
}

impl Scene {
    async fn pause(&mut self, up_to_milliseconds: u64) {
        tokio::time::sleep(Duration::from_millis(self.random.below(up_to_milliseconds))).await;
    }

    /// Kills something, and brings it back after a moment.
    async fn kill(&mut self) {
        let inside = self.world.inside.host();
        let event = match self.random.below(16) {
            0..4 => {
                inside.kill_instances();
                "all instances of a host"
            }
            4..6 => {
                inside.faults().postgres().cut();
                "connections to Postgres"
            }
            6 => {
                inside.faults().redis().cut();
                "connections to Redis"
            }
            7 => {
                let end = "select pg_terminate_backend(pid) from pg_stat_activity \
                    where query like '%job_chunk%' and pid <> pg_backend_pid()";
                self.world.sql(end).await;
                "sessions with a chunk"
            }
            8 => {
                // Postgres then ends all sessions and recovers, as after a crash.
                let any = "select pid from pg_stat_activity where backend_type = 'client backend' \
                    and pid <> pg_backend_pid() order by random() limit 1";
                let rows = self.world.sql(any).await.unwrap_or_default();
                for row in rows {
                    let pid: i32 = row.get(0);
                    // It may have ended by itself.
                    let kill = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).output();
                    assert!(kill.is_ok(), "there is no program `kill`");
                }
                "a process of Postgres"
            }
            9..12 => {
                self.outside.restart().await;
                "a host"
            }
            12..14 => {
                self.postgres.restart().await;
                "Postgres"
            }
            _ => {
                let round = self.random.below(12);
                self.redis.restart(round).await;
                "Redis"
            }
        };
        *self.events.entry(event).or_default() += 1;
    }
}
