//! The cache under fire: readers and writers on several hosts while Redis is cut off, hangs, restarts with its data,
//! with older data and without any, while a replica takes its place, and while instances are killed between any two
//! steps. No read that begins after a write was answered may show what was before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU16, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::targets::{Redis, leading_to};
use crate::harness::{Answer, Client, Options, Server, Workspace, suite};

suite![
    #[embedded]
    nothing_old_is_read_in_peace,
    #[embedded]
    nothing_old_is_read_while_redis_is_out_of_reach_of_one_host,
    #[embedded]
    nothing_old_is_read_while_redis_restarts,
    #[embedded]
    nothing_old_is_read_while_a_replica_of_redis_takes_over,
    #[embedded]
    nothing_old_is_read_while_instances_are_killed,
    #[embedded]
    nothing_old_is_read_while_everything_fails,
    #[embedded]
    the_cache_takes_most_statements_off_postgres,
];

const TODOS: usize = 4;
const READERS: usize = 8;

/// What the readers and writers share. A todo's title is its number, a colon, and how often it was written.
struct World {
    clients: Vec<Client>,
    /// Public and integer ids.
    todos: Vec<(String, i64)>,
    answered: Vec<AtomicI64>,
    stop: AtomicBool,
    reads: AtomicU64,
    hits: AtomicU64,
    writes: AtomicU64,
}

impl World {
    /// Two hosts that share nothing but Postgres and Redis.
    async fn new(redis: Option<&Redis>) -> Arc<Self> {
        Self::with(redis.map_or_else(Options::default, |redis| redis.used_by(Options::default()))).await
    }

    /// The same with these options.
    async fn with(options: Options) -> Arc<Self> {
        // A short deadline, so that what waits for statements of before a restart to end waits but seven seconds.
        let options = options.with("database_timeout_ms", 1000);
        let servers = [Server::private(options.clone()).await, Server::private(options).await];
        let workspace = Workspace::on(&servers[0]).await;
        for number in 0..TODOS {
            workspace.titled(&format!("{number}:0")).await;
        }
        let uids = workspace.get("/api/v2/todos").send().await.ok();
        let serials = workspace.get("/api/v1/todos").send().await.ok();
        let titled = |list: &Value, title: &str| {
            list.as_array().unwrap().iter().find(|todo| todo["title"] == title).unwrap()["id"].clone()
        };
        let todos = (0..TODOS).map(|number| {
            let title = format!("{number}:0");
            let uid = titled(&uids["items"], &title).as_str().unwrap().to_owned();
            (uid, titled(&serials, &title).as_i64().unwrap())
        });
        let token = workspace.token.clone().unwrap();
        Arc::new(Self {
            todos: todos.collect(),
            clients: servers.iter().map(|server| server.bearer(&token)).collect(),
            answered: (0..TODOS).map(|_| AtomicI64::new(0)).collect(),
            stop: AtomicBool::new(false),
            reads: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        })
    }

    fn hosts(&self) -> impl Iterator<Item = &todo_host::Host> {
        self.clients.iter().map(|client| client.server.host())
    }

    /// Reads one todo in either version or a list, on either host.
    async fn read(&self, turn: usize) {
        let client = &self.clients[turn % 2];
        let (uid, serial) = &self.todos[turn / 2 % TODOS];
        let path = match turn % 7 {
            0 | 1 => "/api/v2/todos".to_owned(),
            2 => "/api/v1/todos".to_owned(),
            3 => format!("/api/v1/todos/{serial}"),
            _ => format!("/api/v2/todos/{uid}"),
        };
        let floors: Vec<i64> = self.answered.iter().map(|answered| answered.load(SeqCst)).collect();
        let Ok(answer) = client.get(&path).try_send().await else { return };
        if answer.status != 200 {
            assert!(answer.is_away(), "{answer}");
            return;
        }
        let body = answer.value();
        let many = body.as_array().or(body["items"].as_array()).cloned();
        for todo in many.unwrap_or_else(|| vec![body.clone()]) {
            let (number, count) = todo["title"].as_str().unwrap().split_once(':').unwrap();
            let (number, count): (usize, i64) = (number.parse().unwrap(), count.parse().unwrap());
            assert!(count >= floors[number], "{} had been answered, then came {answer}", floors[number]);
        }
        self.reads.fetch_add(1, SeqCst);
        self.hits.fetch_add(u64::from(answer.header("x-cache") == "HIT"), SeqCst);
    }

    /// Writes one todo in one of the ways there are, on either host.
    async fn write(&self, number: usize, count: i64) {
        let client = &self.clients[usize::try_from(count).unwrap() % 2];
        let (uid, serial) = &self.todos[number];
        let title = json!({ "title": format!("{number}:{count}") });
        let call = match count % 4 {
            0 => client.patch(&format!("/api/v1/todos/{serial}")).json(title),
            1 => client
                .post("/api/v2/todos/batch")
                .json(json!({ "operations": [{ "op": "update", "id": uid, "todo": title }] })),
            _ => client.patch(&format!("/api/v2/todos/{uid}")).json(title),
        };
        if let Ok(answer) = call.try_send().await
            && answer.status == 200
        {
            self.answered[number].store(count, SeqCst);
            self.writes.fetch_add(1, SeqCst);
        }
    }

    /// Everybody reads and writes until `trouble` is over.
    async fn burn(self: &Arc<Self>, trouble: impl Future<Output = ()>) -> u64 {
        let mut tasks = tokio::task::JoinSet::new();
        for reader in 0..READERS {
            let world = self.clone();
            tasks.spawn(async move {
                let mut turn = reader * 31;
                while !world.stop.load(SeqCst) {
                    world.read(turn).await;
                    turn += 1;
                }
            });
        }
        for number in 0..2 {
            let world = self.clone();
            tasks.spawn(async move {
                let mut count = 1;
                while !world.stop.load(SeqCst) {
                    world.write(number, count).await;
                    count += 1;
                    tokio::time::sleep(Duration::from_millis(150)).await;
                }
            });
        }
        trouble.await;
        self.stop.store(true, SeqCst);
        while let Some(task) = tasks.join_next().await {
            task.expect("somebody read the past");
        }
        let [reads, hits, writes] = [&self.reads, &self.hits, &self.writes].map(|count| count.load(SeqCst));
        eprintln!("{reads} reads, {hits} of them hits, and {writes} writes: nothing old");
        assert!(reads > 100 && writes > 5, "{reads} reads, {writes} writes");
        hits
    }
}

/// Runs rounds of trouble for this long.
async fn rounds(duration: Duration, mut round: impl AsyncFnMut(u64)) {
    let start = Instant::now();
    let mut number = 0;
    while start.elapsed() < duration {
        round(number).await;
        number += 1;
    }
}

async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

async fn nothing_old_is_read_in_peace() {
    let world = World::new(None).await;
    let hits = world.burn(pause(8_000)).await;
    assert!(hits > 0, "the cache had no part in it");
}

async fn nothing_old_is_read_while_redis_is_out_of_reach_of_one_host() {
    let world = World::new(None).await;
    let trouble = rounds(Duration::from_secs(20), async |round| {
        let host = world.hosts().nth(usize::try_from(round % 2).unwrap()).unwrap();
        let redis = host.faults().redis();
        match round % 5 {
            0 => redis.refuse(),
            1 => redis.hang(),
            2 => redis.delay(Duration::from_millis(40)),
            3 => redis.delay(Duration::from_millis(150)),
            _ => redis.cut(),
        }
        pause(150 + 370 * (round % 4)).await;
        redis.heal();
        pause(400 + 530 * (round % 3)).await;
    });
    let hits = world.burn(trouble).await;
    assert!(hits > 0, "the cache had no part in it");
}

async fn nothing_old_is_read_while_redis_restarts() {
    let Some(mut redis) = Redis::start().await else { return };
    let world = World::new(Some(&redis)).await;
    let trouble = rounds(Duration::from_secs(30), async |round| {
        // Nothing is stored for the first seven seconds.
        pause(8_500).await;
        redis.restart(round).await;
    });
    world.burn(trouble).await;
}

/// Replication does not wait, so the replica may lack the last writes. First the address leads to it while it takes no
/// writes.
async fn nothing_old_is_read_while_a_replica_of_redis_takes_over() {
    let (Some(mut first), Some(second)) = (Redis::start().await, Redis::start().await) else { return };
    second.follow(&first).await;
    let target = Arc::new(AtomicU16::new(first.port()));
    let port = leading_to(target.clone()).await;
    let options = Options::default().with("redis_url", format!("redis://127.0.0.1:{port}"));
    let world = World::with(options.with("redis_host", "127.0.0.1").with("redis_port", port)).await;
    let hits = || world.hits.load(SeqCst);
    let trouble = async {
        pause(9_000).await;
        assert!(hits() > 0, "the cache had no part in it");
        first.kill();
        pause(700).await;
        target.store(second.port(), SeqCst);
        pause(1_500).await;
        second.promote().await;
        pause(9_000).await;
        let before = hits();
        pause(3_000).await;
        assert!(hits() > before, "the replica that took over keeps nothing");
    };
    world.burn(trouble).await;
}

async fn nothing_old_is_read_while_instances_are_killed() {
    let world = World::new(None).await;
    let trouble = rounds(Duration::from_secs(15), async |round| {
        pause(20 + 190 * (round % 7)).await;
        world.hosts().nth(usize::try_from(round % 2).unwrap()).unwrap().kill_instances();
    });
    world.burn(trouble).await;
}

async fn nothing_old_is_read_while_everything_fails() {
    let Some(mut redis) = Redis::start().await else { return };
    let world = World::new(Some(&redis)).await;
    let trouble = rounds(Duration::from_secs(30), async |round| {
        pause(300 + 170 * (round % 5)).await;
        match round % 5 {
            _ if round == 12 => redis.restart(0).await,
            0 | 2 | 3 => world.hosts().nth(usize::try_from(round % 2).unwrap()).unwrap().kill_instances(),
            1 => world.hosts().for_each(|host| host.faults().redis().cut()),
            _ => {
                let host = world.hosts().nth(usize::try_from(round / 5 % 2).unwrap()).unwrap();
                host.faults().redis().hang();
                pause(700).await;
                host.faults().redis().heal();
            }
        }
    });
    world.burn(trouble).await;
}

/// 95 % reads, 5 % writes over 2,000 todos, popular ones far more often (Zipf).
async fn the_cache_takes_most_statements_off_postgres() {
    let mut spent = Vec::new();
    // Without the cache every request costs the same, so a few say it all.
    for (cache, requests) in [("off", 60), ("on", 1_750)] {
        let server = Server::private(Options::default().with("cache", cache).with("redis_timeout_ms", 500)).await;
        let workspace = Workspace::on(&server).await;
        let mut uids = Vec::new();
        for _ in 0..20 {
            let create = json!({ "op": "create", "todo": { "title": "x" } });
            let made =
                workspace.post("/api/v2/todos/batch").json(json!({ "operations": vec![create; 100] })).send().await;
            uids.extend(made.ok()["results"].as_array().unwrap().iter().map(|made| made["todo"]["id"].clone()));
        }
        let paths: Arc<Vec<String>> =
            Arc::new(uids.iter().map(|uid| format!("/api/v2/todos/{}", uid.as_str().unwrap())).collect());
        let before = server.host().counters();
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..8_u64 {
            let (client, paths) = (server.bearer(&workspace.token.clone().unwrap()), paths.clone());
            tasks.spawn(async move {
                let mut random = task + 1;
                for _ in 0..requests {
                    // A small generator that is the same in every run.
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let chance = (random >> 11) as f64 / (1_u64 << 53) as f64;
                    // The inverse of the harmonic sum: rank r comes with a chance of about 1/r.
                    let rank = (paths.len() as f64).powf(chance) as usize - 1;
                    let path = &paths[rank.min(paths.len() - 1)];
                    let answer: Answer = if (random >> 33) % 20 == 0 {
                        client.patch(path).json(json!({ "title": random.to_string() })).send().await
                    } else {
                        client.get(path).send().await
                    };
                    answer.has_status(200);
                }
            });
        }
        tasks.join_all().await;
        let statements = (server.host().counters() - before).statements;
        spent.push(statements as f64 / f64::from(8 * requests));
    }
    let (without, with) = (spent[0], spent[1]);
    eprintln!("{without:.2} statements a request without the cache, {with:.2} with it");
    assert!(with <= without * 0.3, "only {without:.2} → {with:.2} statements a request");
}
