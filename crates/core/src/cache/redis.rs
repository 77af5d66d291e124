//! Calls to Redis. Only this file and the `redis_*.rs` beside it use `spin_sdk::redis`.
//!
//! Concurrent commands on one connection stall each other (ARCHITECTURE.md, *The platform*: the socket keeps Nagle's
//! algorithm on), so the instance holds a few connections and lends each to one call at a time. They never reconnect by
//! themselves: one that failed, overran its budget or was left in the middle of a call is dropped.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::{Either, select};
use spin_sdk::redis::{Connection, RedisParameter};

use super::CacheSettings;
use super::breaker::{Breaker, is_starved};
use super::redis_connection::Held;
use super::redis_failure::{Failure, broken};
use super::redis_pool::{Lent, Pool};
use super::script::{Args, GREET, Reader, Reply, Script};
use crate::{Meter, lock};

/// What one call may cost and how much it matters.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Opening a connection and the call itself must not take longer where the instance gets its share of the processors.
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
    mark_ttl: Duration,
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
            mark_ttl: settings.mark_ttl,
            breaker: Mutex::new(Breaker::new(settings.breaker)),
            see_out: settings.breaker / 2,
            pool: Arc::new(Pool::new(settings.connections.max(1))),
        }
    }

    /// From now on every key begins so; without a prefix nothing is sent. Connections that were greeted for another are closed.
    pub fn use_prefix(&self, prefix: Option<String>) {
        *lock(&self.prefix) = prefix.map(Into::into);
        self.pool.forget_idle();
    }

    fn prefix(&self) -> Result<Arc<str>, Failure> {
        lock(&self.prefix).clone().ok_or(Failure::LeftAlone)
    }

    /// From now on each handshake leaves this value under this key, for a day; none: no longer.
    pub fn leave(&self, memory: Option<(String, String)>) {
        *lock(&self.memory) = memory;
    }

    /// What a handshake has left under `key`. If there is something, `prefix` makes of it what every key begins with, and the
    /// connection is kept.
    pub async fn find(
        self: &Arc<Self>,
        meter: &Arc<Meter>,
        effort: Effort,
        key: String,
        prefix: impl FnOnce(&str) -> String + 'static,
    ) -> Option<String> {
        let (redis, meter) = (Arc::clone(self), Arc::clone(meter));
        let found = self.within(effort, |lent| async move {
            let mut held = redis.open().await?;
            let reply = held.command(&meter, "GET", vec![RedisParameter::Binary(key.into_bytes())]).await;
            let [Reply::Bytes(found)] = reply.map_err(broken)?.try_into().unwrap_or([Reply::Nil]) else {
                return Ok(None);
            };
            let found = String::from_utf8(found).map_err(|_| Failure::Broken("the memory is no text".to_owned()))?;
            redis.greet(&meter, &mut held, prefix(&found).into()).await?;
            *lock(&redis.prefix) = Some(Arc::clone(&held.prefix));
            lent.give_back(held);
            Ok(Some(found))
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
    ) -> Result<Reader, Failure> {
        self.prefix()?;
        let (redis, meter) = (Arc::clone(self), Arc::clone(meter));
        self.within(effort, |mut lent| async move {
            // A held connection may have died with the server since it was last used, and a forgotten epoch makes it a
            // stranger again. Either way a new one is the answer, once. Every script may run twice.
            match redis.attempt(&meter, &mut lent, script, &args, epoch.as_deref()).await {
                Err(Failure::Broken(_)) => {
                    redis.pool.forget_idle();
                    redis.attempt(&meter, &mut lent, script, &args, epoch.as_deref()).await
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
    ) -> Result<Vec<Reply>, Failure> {
        let (redis, meter, key) = (Arc::clone(self), Arc::clone(meter), format!("{}{key}", self.prefix()?));
        self.within(effort, |mut lent| async move {
            let held = redis.connect(&meter, &mut lent, redis.prefix()?).await?;
            let reply = held.command(&meter, command, vec![RedisParameter::Binary(key.into())]).await;
            let reply = reply.map_err(broken)?;
            lent.give_back(held);
            Ok(reply)
        })
        .await
    }

    /// Asks for a sign of life, whatever the breaker says, on a connection that is held already if there is one.
    pub async fn probe(&self, meter: &Meter, budget: Duration) -> Result<Duration, Failure> {
        let start = Instant::now();
        let asked = pin!(async {
            match self.ping(meter).await {
                // A held connection may have died with the server since it was last used.
                Err(Failure::Broken(_)) => {
                    self.pool.forget_idle();
                    self.ping(meter).await
                }
                outcome => outcome,
            }
        });
        match select(asked, pin!(spin_sdk::time::sleep(budget))).await {
            Either::Left((Ok(()), _)) => Ok(start.elapsed()),
            Either::Left((Err(failure), _)) => Err(failure),
            Either::Right(_) => Err(Failure::Overrun),
        }
    }

    async fn ping(&self, meter: &Meter) -> Result<(), Failure> {
        // Before the installation is known the handshake is in nobody's name.
        let prefix = self.prefix().unwrap_or_else(|_| "todo:health:".into());
        let mut lent = self.pool.lend(Duration::MAX, || false).await.ok_or(Failure::Starved)?;
        let held = self.connect(meter, &mut lent, prefix).await?;
        held.command(meter, "PING", Vec::new()).await.map_err(broken)?;
        lent.give_back(held);
        Ok(())
    }

    /// Calls Redis on a connection of its own. Only the time from having one counts: a queue in this instance says nothing of Redis.
    async fn within<T: 'static, W: Future<Output = Result<T, Failure>> + 'static>(
        self: &Arc<Self>,
        Effort { budget, patience, urgent }: Effort,
        work: impl FnOnce(Lent) -> W,
    ) -> Result<T, Failure> {
        let came = Instant::now();
        if !lock(&self.breaker).admits(came, urgent) {
            return Err(Failure::LeftAlone);
        }
        let is_open = || lock(&self.breaker).is_open(Instant::now(), urgent);
        let Some(lent) = self.pool.lend(patience, is_open).await else {
            return Err(if is_open() { Failure::LeftAlone } else { Failure::Starved });
        };
        let (mut work, began) = (Box::pin(work(lent)), Instant::now());
        loop {
            let asked = Instant::now();
            // The work is asked first: an answer that has come counts even if this busy instance reads it late.
            work = match select(work, pin!(spin_sdk::time::sleep(budget))).await {
                Either::Left((outcome, _)) => {
                    match &outcome {
                        Ok(_) | Err(Failure::OtherEpoch) => lock(&self.breaker).succeeded(),
                        Err(_) => self.failed(urgent),
                    }
                    return outcome;
                }
                Either::Right(((), work)) => work,
            };
            // If the timer itself was late the processors are busy, and the answer may be late for the same reason. Going on without
            // Redis would give them more to do.
            let starved = is_starved(asked.elapsed(), budget);
            if starved && came.elapsed() < patience {
                continue;
            }
            if !starved {
                lock(&self.breaker).overran(began, Instant::now(), urgent);
            }
            spin_sdk::wasip3::spawn(Arc::clone(self).see_out(work));
            return Err(if starved { Failure::Starved } else { Failure::Overrun });
        }
    }

    /// Beyond the request: does the answer still come?
    async fn see_out<T>(self: Arc<Self>, work: impl Future<Output = Result<T, Failure>> + Unpin) {
        match select(work, pin!(spin_sdk::time::sleep(self.see_out))).await {
            Either::Left((Ok(_) | Err(Failure::OtherEpoch), _)) => lock(&self.breaker).came_late(Instant::now()),
            Either::Left((Err(_), _)) | Either::Right(_) => self.pool.forget_idle(),
        }
    }

    fn failed(&self, urgent: bool) {
        lock(&self.breaker).failed(Instant::now(), urgent);
        self.pool.forget_idle();
    }

    /// While the connection is out of `lent`, dropping it (a failure, an overrun, a request that went away) closes it.
    async fn attempt(
        &self,
        meter: &Meter,
        lent: &mut Lent,
        script: &Script,
        args: &Args,
        epoch: Option<&str>,
    ) -> Result<Reader, Failure> {
        let held = self.connect(meter, lent, self.prefix()?).await?;
        if epoch.is_some_and(|epoch| epoch != held.epoch) {
            lent.held = Some(held);
            return Err(Failure::OtherEpoch);
        }
        let common =
            Args::new().with(held.prefix.as_bytes()).with(held.epoch.as_str()).number(self.mark_ttl.as_micros());
        let reply = held.evaluate(meter, script, common.0.iter().chain(&args.0)).await.map_err(broken)?;
        let reader =
            Reader::new(reply).ok_or_else(|| Failure::Broken(format!("{}: the server is a stranger", script.name)))?;
        lent.held = Some(held);
        Ok(reader)
    }

    /// The connection of a place, or a new one.
    async fn connect(&self, meter: &Meter, lent: &mut Lent, prefix: Arc<str>) -> Result<Held, Failure> {
        match lent.held.take().filter(|held| held.prefix == prefix) {
            Some(held) => Ok(held),
            None => {
                let mut held = self.open().await?;
                self.greet(meter, &mut held, prefix).await?;
                Ok(held)
            }
        }
    }

    /// A connection that has not been greeted.
    async fn open(&self) -> Result<Held, Failure> {
        let connection = Connection::open(&self.url).await.map_err(broken)?;
        Ok(Held { connection, epoch: String::new(), prefix: "".into() })
    }

    async fn greet(&self, meter: &Meter, held: &mut Held, prefix: Arc<str>) -> Result<(), Failure> {
        held.prefix = prefix;
        let memory = lock(&self.memory).clone().unwrap_or_default();
        let args = Args::new().with(held.prefix.as_bytes()).number(self.mark_ttl.as_micros());
        let args = args.with(memory.0).with(memory.1);
        let reply = held.evaluate(meter, &GREET, args.0.iter()).await.map_err(broken)?;
        let epoch =
            Reader::new(reply).and_then(|mut reader| reader.bytes()?).and_then(|epoch| String::from_utf8(epoch).ok());
        held.epoch = epoch.ok_or_else(|| Failure::Broken("greet: no epoch".to_owned()))?;
        Ok(())
    }
}
