//! The feed under chaos: many writers on two hosts, every transaction open for a random time, Postgres, Redis, hosts and followers
//! killed at random moments. A copy that only ever follows the feed equals the database in the end, and nothing was missed on the way.
//!
//! The usual run is short. `cargo xtask chaos --operations 1000000` is the long one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::follower::{Follower, state};
use crate::harness::random::Random;
use crate::harness::targets::{Host, Postgres, Redis};
use crate::harness::{Client, Options, Server, Workspace, database, mcp, suite};

suite![
    #[embedded]
    a_copy_that_follows_equals_the_database_whoever_is_killed,
];

/// Changes of a usual run.
const OPERATIONS: u64 = 8_000;
const WRITERS: u64 = 32;
const FOLLOWERS: u64 = 2;

async fn a_copy_that_follows_equals_the_database_whoever_is_killed() {
    let asked = std::env::var("TODO_CHAOS_OPERATIONS").ok().and_then(|number| number.parse().ok());
    let operations = asked.unwrap_or(OPERATIONS);
    let (Some(mut postgres), Some(mut redis)) = (Postgres::start().await, Redis::start().await) else { return };
    let options = redis.used_by(postgres.used_by(Options::default().with("database_timeout_ms", 2000)));
    let mut outside = Host::start(options.clone()).await;
    let inside = Server::private(options).await;
    let sql = database::connect_to(&postgres.url()).await;
    database::make_admin(&sql, &inside.admin_token).await;
    // Each transaction that tells something stays open for up to 30 ms before it commits, so later ones overtake it.
    sql.batch_execute(
        "create function linger() returns trigger language plpgsql as $$ begin
             if current_setting('test.lingers', true) is distinct from pg_current_xact_id()::text then
                 perform set_config('test.lingers', pg_current_xact_id()::text, true);
                 perform pg_sleep(random() * 0.03);
             end if;
             return null;
         end $$;
         create constraint trigger linger after insert on events deferrable initially deferred
             for each row execute function linger()",
    )
    .await
    .unwrap();
    let ws = Workspace::on(&inside).await;
    let token = ws.token.as_deref().unwrap();
    let world = Arc::new(World {
        clients: [inside.bearer(token), outside.server.bearer(token)],
        left: AtomicU64::new(operations),
        stop: AtomicBool::new(false),
        polls: AtomicU64::new(0),
    });
    let begun = Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let world = world.clone();
        writers.spawn(async move { world.write(writer).await });
    }
    let followers: Vec<_> = (0..FOLLOWERS)
        .map(|number| {
            let world = world.clone();
            tokio::spawn(async move { world.follow(number).await })
        })
        .collect();
    let mut random = Random(operations + 7);
    let mut kills = 0;
    while !writers.is_empty() {
        // A few seconds of work between two kills, so that a long run is not all recovery.
        let pause = tokio::time::sleep(Duration::from_millis(1500 + random.below(3000)));
        tokio::select! {
            () = pause => {}
            () = async { while let Some(writer) = writers.join_next().await { writer.expect("a writer goes on") } } => break,
        }
        kills += 1;
        match random.below(6) {
            0 => inside.host().kill_instances(),
            1 => inside.host().faults().postgres().cut(),
            2 => inside.host().faults().redis().cut(),
            3 => outside.restart().await,
            4 => postgres.restart().await,
            _ => redis.restart(random.below(12)).await,
        }
    }
    let writing = begun.elapsed();
    jobs_end(&ws).await;
    world.stop.store(true, SeqCst);
    let expected = state(&ws).await;
    let mut newcomer = Follower::default();
    newcomer.catch_up(&ws, &[("limit", "200")]).await;
    let whole = newcomer.sorted();
    for (number, follower) in followers.into_iter().enumerate() {
        let mut follower = follower.await.expect("a follower goes on");
        follower.catch_up(&ws, &[("limit", "200")]).await;
        let copy = follower.sorted();
        let differences: Vec<_> = whole
            .iter()
            .filter(|(key, data)| copy.get(*key) != Some(*data))
            .map(|(key, data)| format!("{key:?}: {:?} instead of {data}", copy.get(key)))
            .chain(copy.keys().filter(|key| !whole.contains_key(*key)).map(|key| format!("{key:?} is no more")))
            .collect();
        assert!(
            differences.is_empty(),
            "follower {number}: {} differences: {:#?}",
            differences.len(),
            &differences[..1]
        );
    }
    for (key, data) in &expected {
        assert_eq!(whole.get(key), Some(data), "{key:?}");
    }
    eprintln!(
        "{operations} changes by {WRITERS} writers in {writing:.0?}, {kills} kills, {} polls: {} things, no difference",
        world.polls.load(SeqCst),
        expected.len(),
    );
}

/// Waits until no bulk change is under way; to ask also wakes the worker. Dozens may be left, and a busy machine takes its time.
async fn jobs_end(ws: &Workspace) {
    for _ in 0..1500 {
        let jobs = ws.get("/api/v2/jobs?limit=100").send().await.value();
        let open = |job: &Value| ["queued", "running"].contains(&job["status"].as_str().unwrap());
        if jobs["items"].as_array().is_some_and(|jobs| !jobs.iter().any(open)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("jobs are stuck");
}

struct World {
    /// Of the host in this process and of the one outside.
    clients: [Client; 2],
    left: AtomicU64,
    stop: AtomicBool,
    polls: AtomicU64,
}

impl World {
    fn client(&self, turn: u64) -> &Client {
        &self.clients[usize::from(turn % 2 == 1)]
    }

    /// Changes things until enough is changed. What fails is not repeated: whether it happened is for the feed to tell.
    async fn write(&self, writer: u64) {
        let mut random = Random(writer * 1_000_003 + 17);
        let mut own: Vec<String> = Vec::new();
        while self.left.load(SeqCst) > 0 {
            let client = self.client(random.below(2));
            let changed = match random.below(20) {
                0..7 => batch(client, &mut random, &mut own).await,
                7..12 => one(client, &mut random, &own).await,
                12..15 => tree(client, &mut random, &own).await,
                15 => list(client, &mut random).await,
                16 => tag(client, &mut random).await,
                17 | 18 => person(client, &mut random).await,
                _ => bulk(client, &mut random).await,
            };
            let _ = self.left.fetch_update(SeqCst, SeqCst, |left| Some(left.saturating_sub(changed.unwrap_or(0))));
            if changed.is_none() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    /// Follows, and now and then goes back to what it had stored before, as one that was killed between two pages.
    async fn follow(&self, number: u64) -> Follower {
        let mut random = Random(number + 99);
        let mut follower = Follower::default();
        let mut stored = follower.clone();
        while !self.stop.load(SeqCst) {
            let limit = (1 + random.below(200)).to_string();
            let wait = random.below(3).to_string();
            let asked = follower.ask(self.client(random.below(2)), &[("limit", &limit), ("wait", &wait)]).await;
            self.polls.fetch_add(1, SeqCst);
            match asked {
                Ok(answer) if answer.status == 200 => drop(follower.apply(&answer.value())),
                Ok(answer) => assert!(answer.is_away(), "{answer}"),
                Err(_) => {}
            }
            // A copy of much is stored less often, as it would be on a disk.
            match random.below(12 + follower.copy.len() as u64 / 500) {
                0 => follower = stored.clone(),
                1 | 2 => stored = follower.clone(),
                _ => {}
            }
        }
        follower
    }
}

fn pick<'a>(random: &mut Random, own: &'a [String]) -> Option<&'a String> {
    own.get(index(random.below(own.len().max(1) as u64)))
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

/// Few are assigned, and what is changed again mostly loses its assignee, so that people can be removed.
fn draft(random: &mut Random, people: &[String]) -> Value {
    let status = ["pending", "in_progress", "completed", "cancelled"][usize::try_from(random.below(4)).unwrap()];
    json!({
        "title": format!("todo {}", random.below(1000)),
        "status": status,
        "tags": [format!("tag {}", random.below(12)), format!("Tag {}", random.below(12))],
        "assignee_id": if random.below(20) == 0 { pick(random, people) } else { None },
    })
}

/// Creates todos, and changes and deletes some of the writer's own. How many changes it made; none if that is not known.
async fn batch(client: &Client, random: &mut Random, own: &mut Vec<String>) -> Option<u64> {
    let people = ids(client, PEOPLE).await?;
    let mut operations: Vec<Value> = Vec::new();
    for _ in 0..1 + random.below(99) {
        // A todo comes once in a batch. Those of a batch that fails are left to others: one of them may be gone for good.
        let known = if own.is_empty() { None } else { Some(random.below(own.len() as u64)) };
        operations.push(match (random.below(10), known) {
            (3..8, Some(at)) => {
                json!({ "op": "update", "id": own.swap_remove(index(at)), "todo": draft(random, &people) })
            }
            (8.., Some(at)) => json!({ "op": "delete", "id": own.swap_remove(index(at)) }),
            _ => json!({ "op": "create", "todo": draft(random, &people) }),
        });
    }
    // Below one that is there, which may be in the bin by now: then nothing of the batch happens.
    if random.below(4) == 0
        && let Some(parent) = pick(random, own)
    {
        operations.push(json!({ "op": "create", "todo": { "title": "below", "parent_id": parent } }));
    }
    let count = operations.len() as u64;
    let answer = client.post("/api/v2/todos/batch").json(json!({ "operations": operations })).try_send().await.ok()?;
    if answer.status != 200 {
        return None;
    }
    for made in answer.value()["results"].as_array().unwrap() {
        if own.len() < 200 {
            own.extend(made["todo"]["id"].as_str().map(str::to_owned));
        }
    }
    Some(count)
}

async fn one(client: &Client, random: &mut Random, own: &[String]) -> Option<u64> {
    let Some(id) = pick(random, own).cloned() else { return Some(0) };
    let path = format!("/api/v2/todos/{id}");
    let people = ids(client, PEOPLE).await?;
    let call = match random.below(5) {
        0 => client.delete(&path),
        1 => client.post(&format!("{path}/restore")),
        2 => client.put(&path).header("if-match", "*").json(draft(random, &people)),
        _ => client.patch(&path).json(draft(random, &people)),
    };
    Some(u64::from(call.try_send().await.ok()?.status < 300))
}

const PEOPLE: &str = "/api/v2/employees?limit=20";

/// The ids of the first page of a list.
async fn ids(client: &Client, path: &str) -> Option<Vec<String>> {
    let page = client.get(path).try_send().await.ok().filter(|answer| answer.status == 200)?.value();
    let id = |item: &Value| item["id"].as_str().unwrap().to_owned();
    Some(page["items"].as_array().unwrap().iter().map(id).collect())
}

/// Moves a todo or completes it with what is below it; by way of an assistant, now and then.
async fn tree(client: &Client, random: &mut Random, own: &[String]) -> Option<u64> {
    let (Some(id), Some(other)) = (pick(random, own).cloned(), pick(random, own).cloned()) else { return Some(0) };
    let path = format!("/api/v2/todos/{id}");
    let lists = ids(client, "/api/v2/lists?limit=20").await?;
    let list = pick(random, &lists);
    let call = match random.below(7) {
        0 => client.post(&format!("{path}/move")).json(json!({ "after": other })),
        1 => client.post(&format!("{path}/move")).json(json!({ "list_id": list, "place": "first" })),
        2 => client.patch(&path).json(json!({ "parent_id": other })),
        3 => client.patch(&path).json(json!({ "list_id": list, "position": random.below(100) })),
        4 => client.post(&format!("{path}/complete")).json(json!({ "subtasks": "complete" })),
        5 => mcp::tool(client, "delete_todos", json!({ "ids": [other, id] })),
        _ => mcp::tool(client, "move_todos", json!({ "todos": [{ "id": id, "before": other }] })),
    };
    Some(u64::from(call.try_send().await.ok()?.status < 300))
}

/// Makes, renames, archives or removes a list; one is removed only while no todo is in it.
async fn list(client: &Client, random: &mut Random) -> Option<u64> {
    let lists = ids(client, "/api/v2/lists?limit=20").await?;
    let name = format!("list {}", random.below(1_000_000));
    let call = match (random.below(8), pick(random, &lists)) {
        (0, Some(id)) => client.delete(&format!("/api/v2/lists/{id}")),
        (1 | 2, Some(id)) => client.patch(&format!("/api/v2/lists/{id}")).json(json!({ "archived": true })),
        (3..6, Some(id)) => client.patch(&format!("/api/v2/lists/{id}")).json(json!({ "archived": false })),
        (6, Some(id)) => client.patch(&format!("/api/v2/lists/{id}")).json(json!({ "name": name })),
        _ if lists.len() < 12 => client.post("/api/v2/lists").json(json!({ "name": name })),
        _ => return Some(0),
    };
    Some(u64::from(call.try_send().await.ok()?.status < 300))
}

/// Renames, merges or removes a tag.
async fn tag(client: &Client, random: &mut Random) -> Option<u64> {
    let ids = ids(client, "/api/v2/tags?limit=100").await?;
    let path = format!("/api/v2/tags/{}", pick(random, &ids)?);
    let call = match random.below(4) {
        0 => client.delete(&path),
        _ => client.patch(&path).json(json!({ "name": format!("tag {}", random.below(16)) })),
    };
    Some(u64::from(call.try_send().await.ok()?.status < 300))
}

/// Makes, changes or removes an employee or a department; one is removed only while nobody refers to it.
async fn person(client: &Client, random: &mut Random) -> Option<u64> {
    let departments = ids(client, "/api/v2/departments?limit=20").await?;
    let mut body = json!({ "name": format!("name {}", random.below(1_000_000)) });
    let (path, known) = if random.below(2) == 0 {
        ("/api/v2/departments", departments)
    } else {
        body["department_id"] = json!(pick(random, &departments).filter(|_| random.below(3) > 0));
        ("/api/v2/employees", ids(client, PEOPLE).await?)
    };
    let call = match (random.below(4), pick(random, &known)) {
        (1 | 2, Some(id)) => client.patch(&format!("{path}/{id}")).json(body),
        (3, Some(id)) => client.delete(&format!("{path}/{id}")),
        _ => {
            if path.ends_with("employees") {
                body["email"] = json!(format!("{}@example.com", random.below(1_000_000_000)));
            }
            client.post(path).json(body)
        }
    };
    Some(u64::from(call.try_send().await.ok()?.status < 300))
}

/// A bulk change; how much it will do is not counted.
async fn bulk(client: &Client, random: &mut Random) -> Option<u64> {
    let priority = ["low", "high"][usize::try_from(random.below(2)).unwrap()];
    let lists = ids(client, "/api/v2/lists?limit=20").await?;
    let people = ids(client, PEOPLE).await?;
    let mut body = match random.below(6) {
        0 => json!({ "action": "complete" }),
        1 => json!({ "action": "set_priority", "priority": priority }),
        2 => json!({ "action": "add_tag", "tag": format!("tag {}", random.below(16)) }),
        3 => json!({ "action": "move", "list_id": pick(random, &lists) }),
        4 => json!({ "action": "assign", "assignee_id": pick(random, &people).filter(|_| random.below(2) == 0) }),
        _ => json!({ "action": "delete" }),
    };
    // Some todos in a thousand, with what is below them.
    body["filter"] = json!({ "q": random.below(1000).to_string() });
    let answer = client.post("/api/v2/todos/bulk-process").json(body).try_send().await.ok()?;
    (answer.status == 202 || answer.status == 409).then_some(0)
}
