//! The feed under chaos: many writers on two hosts, every transaction open for a random time, Postgres, Redis, hosts
//! and followers killed at random moments. A copy that only ever follows the feed equals the database in the end, and
//! nothing was missed on the way.
//!
//! The usual run is short. `cargo xtask chaos --operations 1000000` is the long one.

mod changes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::{JoinHandle, JoinSet};

use changes::{batch, bulk, list, one, person, tag, tree};

use crate::harness::follower::{Follower, state};
use crate::harness::random::Random;
use crate::harness::targets::{Host, Postgres, Redis};
use crate::harness::{Client, Options, Server, Workspace, database, suite};

suite![
    #[embedded]
    a_copy_that_follows_equals_the_database_whoever_is_killed,
];

/// A copy of what the feed tells of, by kind and id.
type Things = BTreeMap<(String, String), Value>;

/// Changes of a usual run.
const OPERATIONS: u64 = 8_000;
const WRITERS: u64 = 32;
const FOLLOWERS: u64 = 2;

/// Each transaction that tells something stays open for up to 30 ms before it commits, so later ones overtake it.
const LINGER: &str = "create function linger() returns trigger language plpgsql as $$ begin
             if current_setting('test.lingers', true) is distinct from pg_current_xact_id()::text then
                 perform set_config('test.lingers', pg_current_xact_id()::text, true);
                 perform pg_sleep(random() * 0.03);
             end if;
             return null;
         end $$;
         create constraint trigger linger after insert on events deferrable initially deferred
             for each row execute function linger()";

async fn a_copy_that_follows_equals_the_database_whoever_is_killed() {
    let operations = operations();
    let (Some(mut postgres), Some(mut redis)) = (Postgres::start().await, Redis::start().await) else { return };
    let options = redis.used_by(postgres.used_by(Options::default().with("database_timeout_ms", 2000)));
    let mut outside = Host::start(options.clone()).await;
    let inside = Server::private(options).await;
    let sql = database::connect_to(&postgres.url()).await;
    database::make_admin(&sql, &inside.admin_token).await;
    sql.batch_execute(LINGER).await.unwrap();
    let ws = Workspace::on(&inside).await;
    let token = ws.token.as_deref().unwrap();
    let world = Arc::new(World {
        clients: [inside.bearer(token), outside.server.bearer(token)],
        left: AtomicU64::new(operations),
        stop: AtomicBool::new(false),
        polls: AtomicU64::new(0),
    });
    let begun = Instant::now();
    let (mut writers, followers) = begin(&world);
    let (mut random, mut kills) = (Random(operations + 7), 0);
    // In a long run kills are fewer: each costs seconds of work.
    let longest = if operations > OPERATIONS { 10_000 } else { 3000 };
    while still_at_work(&mut writers, random.below(longest)).await {
        kills += 1;
        world.tell(kills, begun);
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
    newcomer.read_on(&ws, &[("limit", "200")], |_| {}).await;
    let whole = newcomer.sorted();
    compare(followers, &ws, &whole).await;
    for (key, data) in &expected {
        assert_eq!(whole.get(key), Some(data), "{key:?}");
    }
    eprintln!(
        "{operations} changes by {WRITERS} writers in {writing:.0?}, {kills} kills, {} polls: {} things, no difference",
        world.polls.load(SeqCst),
        expected.len(),
    );
}

fn operations() -> u64 {
    let asked = std::env::var("TODO_CHAOS_OPERATIONS").ok();
    asked.and_then(|number| number.parse().ok()).unwrap_or(OPERATIONS)
}

/// The writers and the followers, at work.
fn begin(world: &Arc<World>) -> (JoinSet<()>, Vec<JoinHandle<Follower>>) {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let world = world.clone();
        writers.spawn(async move { world.write(writer).await });
    }
    let follow = |number| {
        let world = world.clone();
        tokio::spawn(async move { world.follow(number).await })
    };
    (writers, (0..FOLLOWERS).map(follow).collect())
}

/// A few seconds of work between two kills, so that a long run is not all recovery. Says whether there is more to do.
async fn still_at_work(writers: &mut JoinSet<()>, more: u64) -> bool {
    let pause = tokio::time::sleep(Duration::from_millis(1500 + more));
    tokio::select! {
        () = pause => !writers.is_empty(),
        () = async {
            while let Some(writer) = writers.join_next().await {
                writer.expect("a writer goes on");
            }
        } => false,
    }
}

/// Every follower has the whole, once it has caught up.
async fn compare(followers: Vec<JoinHandle<Follower>>, ws: &Workspace, whole: &Things) {
    for (number, follower) in followers.into_iter().enumerate() {
        let mut follower = follower.await.expect("a follower goes on");
        follower.read_on(ws, &[("limit", "200")], |_| {}).await;
        let differences = differences(whole, &follower.sorted());
        assert_eq!(differences.first(), None, "follower {number}: {} differences", differences.len());
    }
}

/// What one copy has otherwise than the whole.
fn differences(whole: &Things, copy: &Things) -> Vec<String> {
    whole
        .iter()
        .filter(|(key, data)| copy.get(*key) != Some(*data))
        .map(|(key, data)| format!("{key:?}: {:?} instead of {data}", copy.get(key)))
        .chain(copy.keys().filter(|key| !whole.contains_key(*key)).map(|key| format!("{key:?} is no more")))
        .collect()
}

/// Waits until no bulk change is under way; to ask also wakes the worker. Dozens may be left, and a busy machine takes
/// its time.
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

    /// How far a long run is, now and then.
    fn tell(&self, kills: u64, begun: Instant) {
        if kills.is_multiple_of(50) {
            eprintln!("{} changes are left after {:.0?}", self.left.load(SeqCst), begun.elapsed());
        }
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
                // The instance was killed between the head and the body of an answer that waited (docs/upstream.md).
                Ok(answer) if answer.status == 200 && answer.body.trim_ascii().is_empty() => {}
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
