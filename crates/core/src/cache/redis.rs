//! Calls to Redis. Only this file and those of `redis/` use `spin_sdk::redis`.
//!
//! Concurrent commands on one connection stall each other (ARCHITECTURE.md, *The platform*: the socket keeps Nagle's
//! algorithm on), so the instance holds a few connections and gives each to one call at a time. They never reconnect by
//! themselves: one that failed, overran its budget or was left in the middle of a call is dropped.

mod attempt;
mod breaker;
mod connection;
mod failure;
mod pool;

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use spin_sdk::redis::RedisParameter;

use super::CacheSettings;
use super::script::{Args, Reply, ReplyReader, Script};
use crate::deadline::within;
use crate::{Meter, lock};
use breaker::{Breaker, is_starved};
pub use failure::RedisFailure;
use failure::broken;
use pool::{Pool, PooledConnection};

/// What opening a connection may take beyond a call on it: two more round trips, in an instance that has just begun on
/// a machine that is busy enough to need one more. Whoever gave up before would open another one, which takes as long.
const OPENING: Duration = Duration::from_millis(75);
/// The same over TLS: two more round trips, and the mathematics of certificates.
const TLS_OPENING: Duration = Duration::from_millis(250);

/// The longest pause between two looks whether a late answer is worth being waited for.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// What one call may cost and how much it matters.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// The call must not take longer where the instance gets its share of the processors; to open a connection has
    /// [`OPENING`] of its own, or [`TLS_OPENING`].
    pub budget: Duration,
    /// Waiting for a connection, and for the call where the instance is starved, must not take longer.
    pub patience: Duration,
    /// Whether it is a write's: only the failure of another one keeps it from trying.
    pub urgent: bool,
}

/// The instance's connections to Redis.
#[derive(Debug)]
pub struct Redis {
    url: String,
    /// What every key begins with; `None` until the installation is known.
    prefix: Mutex<Option<Arc<str>>>,
    /// What each handshake leaves for instances that are to come: a key and its value.
    memory: Mutex<Option<(String, String)>>,
    fence_ttl: Duration,
    /// What opening a connection may take beyond the budget of the call.
    opening: Duration,
    breaker: Mutex<Breaker>,
    /// How long an answer is waited for that nobody needs any more.
    see_out: Duration,
    pool: Arc<Pool>,
}

impl Redis {
    /// Connects to nothing yet.
    pub fn new(settings: &CacheSettings) -> Self {
        Self {
            url: settings.url.clone(),
            prefix: Mutex::new(None),
            memory: Mutex::default(),
            fence_ttl: settings.fence_ttl,
            opening: if settings.url.starts_with("rediss:") { TLS_OPENING } else { OPENING },
            breaker: Mutex::new(Breaker::new(settings.breaker)),
            see_out: settings.breaker / 2,
            pool: Arc::new(Pool::new(settings.connections.max(1))),
        }
    }

    /// From now on every key begins so; without a prefix nothing is sent. Connections whose handshake was for another
    /// are closed.
    pub fn use_prefix(&self, prefix: Option<String>) {
        *lock(&self.prefix) = prefix.map(Into::into);
        self.pool.forget_idle();
    }

    fn prefix(&self) -> Result<Arc<str>, RedisFailure> {
        lock(&self.prefix).clone().ok_or(RedisFailure::LeftAlone)
    }

    /// From now on each handshake leaves this value under this key, for a day; none: no longer.
    pub fn leave(&self, memory: Option<(String, String)>) {
        *lock(&self.memory) = memory;
    }

    /// The first call of an instance, which does not know yet what its keys begin with: with `start` and the id of the
    /// installation, which a handshake has left under `memory`. `None` if there is none.
    pub async fn run_first(
        self: &Arc<Self>,
        meter: &Arc<Meter>,
        effort: Effort,
        script: &'static Script,
        args: Args,
        (start, memory): (String, String),
    ) -> Option<ReplyReader> {
        let (redis, counted) = (Arc::clone(self), Arc::clone(meter));
        let found = self.on_connection(meter, effort, |mut pooled| async move {
            redis.attempt_first(&counted, &mut pooled, script, &args, (&start, &memory)).await
        });
        found.await.ok().flatten()
    }

    /// Runs a script; `args` begin after the three that all scripts have. With `epoch` it only runs in that life of the
    /// server.
    pub async fn run(
        self: &Arc<Self>,
        meter: &Arc<Meter>,
        effort: Effort,
        script: &'static Script,
        args: Args,
        epoch: Option<String>,
    ) -> Result<ReplyReader, RedisFailure> {
        self.prefix()?;
        let (redis, counted) = (Arc::clone(self), Arc::clone(meter));
        self.on_connection(meter, effort, |mut pooled| async move {
            // A pooled connection may have died with the server since it was last used, and a forgotten epoch makes it
            // a server of an unknown epoch. Either way a new connection is opened, once. Every script may run twice.
            match redis.attempt(&counted, &mut pooled, script, &args, epoch.as_deref()).await {
                Err(RedisFailure::Broken(_)) => {
                    redis.pool.forget_idle();
                    redis.attempt(&counted, &mut pooled, script, &args, epoch.as_deref()).await
                }
                outcome => outcome,
            }
        })
        .await
    }

    /// Runs a command that needs no script.
    pub async fn command(
        self: &Arc<Self>,
        meter: &Arc<Meter>,
        effort: Effort,
        command: &'static str,
        key: &str,
    ) -> Result<Vec<Reply>, RedisFailure> {
        let (redis, counted, key) = (Arc::clone(self), Arc::clone(meter), format!("{}{key}", self.prefix()?));
        self.on_connection(meter, effort, |mut pooled| async move {
            let connection = redis.connect(&counted, &mut pooled, redis.prefix()?).await?;
            let reply = connection.command(&counted, command, vec![RedisParameter::Binary(key.into())]).await;
            let reply = reply.map_err(broken)?;
            pooled.give_back(connection);
            Ok(reply)
        })
        .await
    }

    /// Sends PING, whatever the state of the breaker, on a pooled connection if there is one.
    pub async fn probe(&self, meter: &Meter, budget: Duration) -> Result<Duration, RedisFailure> {
        let start = Instant::now();
        let asked = pin!(async {
            match self.ping(meter).await {
                // A pooled connection may have died with the server since it was last used.
                Err(RedisFailure::Broken(_)) => {
                    self.pool.forget_idle();
                    self.ping(meter).await
                }
                outcome => outcome,
            }
        });
        within(budget, asked).await.unwrap_or(Err(RedisFailure::Overrun)).map(|()| start.elapsed())
    }

    async fn ping(&self, meter: &Meter) -> Result<(), RedisFailure> {
        // Before the installation is known the handshake is in nobody's name.
        let prefix = self.prefix().unwrap_or_else(|_| "todo:health:".into());
        let mut pooled = self.pool.acquire(Duration::MAX, || false).await.ok_or(RedisFailure::Starved)?;
        let connection = self.connect(meter, &mut pooled, prefix).await?;
        connection.command(meter, "PING", Vec::new()).await.map_err(broken)?;
        pooled.give_back(connection);
        Ok(())
    }

    /// Calls Redis on a connection of its own, and notes how long the request has waited.
    async fn on_connection<T: 'static, W: Future<Output = Result<T, RedisFailure>> + 'static>(
        self: &Arc<Self>,
        meter: &Meter,
        effort: Effort,
        work: impl FnOnce(PooledConnection) -> W,
    ) -> Result<T, RedisFailure> {
        let came = Instant::now();
        let outcome = self.call(came, Effort { patience: meter.patience(effort.patience), ..effort }, work).await;
        meter.waited(came.elapsed());
        outcome
    }

    /// Only the time from having a connection is the call's: a queue in this instance says nothing of Redis.
    async fn call<T: 'static, W: Future<Output = Result<T, RedisFailure>> + 'static>(
        self: &Arc<Self>,
        came: Instant,
        Effort { budget, patience, urgent }: Effort,
        work: impl FnOnce(PooledConnection) -> W,
    ) -> Result<T, RedisFailure> {
        if !lock(&self.breaker).allows(came, urgent) {
            return Err(RedisFailure::LeftAlone);
        }
        let is_open = || lock(&self.breaker).is_open(Instant::now(), urgent);
        let Some(pooled) = self.pool.acquire(patience, is_open).await else {
            return Err(if is_open() { RedisFailure::LeftAlone } else { RedisFailure::Starved });
        };
        let budget = if pooled.connection.is_none() { budget + self.opening } else { budget };
        let (mut work, began, mut pause) = (Box::pin(work(pooled)), Instant::now(), budget);
        loop {
            let asked = Instant::now();
            // The work is asked first: an answer that has come counts even if this busy instance reads it late.
            if let Some(outcome) = within(pause, &mut work).await {
                match &outcome {
                    Ok(_) | Err(RedisFailure::OtherEpoch) => lock(&self.breaker).succeeded(Instant::now()),
                    Err(_) => self.failed(urgent),
                }
                return outcome;
            }
            // The answer may be late because the processors are busy: the timer itself was late, or others are answered
            // meanwhile. Going on without Redis would give them more to do.
            let is_busy = is_starved(asked.elapsed(), pause) || lock(&self.breaker).is_answering(Instant::now());
            if is_busy && came.elapsed() < patience {
                pause = (pause * 2).min(LONGEST_PAUSE);
                continue;
            }
            if !is_busy {
                lock(&self.breaker).overran(began, Instant::now(), urgent);
            }
            spin_sdk::wasip3::spawn(Arc::clone(self).see_out(work));
            return Err(if is_busy { RedisFailure::Starved } else { RedisFailure::Overrun });
        }
    }

    /// Beyond the request: does the answer still come?
    async fn see_out<T>(self: Arc<Self>, work: impl Future<Output = Result<T, RedisFailure>> + Unpin) {
        match within(self.see_out, work).await {
            Some(Ok(_) | Err(RedisFailure::OtherEpoch)) => lock(&self.breaker).came_late(Instant::now()),
            Some(Err(_)) | None => self.pool.forget_idle(),
        }
    }

    fn failed(&self, urgent: bool) {
        lock(&self.breaker).failed(Instant::now(), urgent);
        self.pool.forget_idle();
    }
}
