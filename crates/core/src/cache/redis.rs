//! The only user of `spin_sdk::redis`.
//!
//! Concurrent commands on one connection stall each other (ARCHITECTURE.md, *The platform*: the socket keeps Nagle's
//! algorithm on), so the instance holds a few connections and lends each to one call at a time. They never reconnect by
//! themselves: one that failed, overran its budget or was left in the middle of a call is dropped.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::{Either, select};
use spin_sdk::redis::{Connection, Error as WireError, RedisParameter, RedisResult};

use super::CacheSettings;
use super::breaker::{Breaker, is_starved};
use super::redis_failure::{Failure, broken};
use super::script::{Args, GREET, Reader, Reply, Script};
use crate::{Meter, lock};

/// What one call may cost and how much it matters.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Waiting for a connection, opening one and the call itself must not take longer.
    pub budget: Duration,
    /// Whether it is a write's: only the failure of another one keeps it from trying.
    pub urgent: bool,
}

/// The instance's connections to Redis.
#[derive(Debug)]
pub struct Redis {
    url: String,
    /// What every key begins with; `None` until the installation is known.
    prefix: Mutex<Option<Arc<str>>>,
    mark_ttl: Duration,
    breaker: Mutex<Breaker>,
    /// How long an answer is waited for that nobody needs any more.
    patience: Duration,
    pool: Arc<Pool>,
}

impl Redis {
    /// Connects to nothing yet.
    pub fn new(settings: &CacheSettings) -> Self {
        Self {
            url: settings.url.clone(),
            prefix: Mutex::new(None),
            mark_ttl: settings.mark_ttl,
            breaker: Mutex::new(Breaker::new(settings.breaker)),
            patience: settings.breaker / 2,
            pool: Arc::new(Pool { state: Mutex::default(), most: settings.connections.max(1) }),
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
        self.within(effort, async move {
            // A held connection may have died with the server since it was last used, and a forgotten epoch makes it a
            // stranger again. Either way a new one is the answer, once. Every script may run twice.
            match redis.attempt(&meter, script, &args, epoch.as_deref()).await {
                Err(Failure::Broken(_)) => {
                    redis.pool.forget_idle();
                    redis.attempt(&meter, script, &args, epoch.as_deref()).await
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
        self.within(effort, async move {
            let (lent, held) = redis.borrow(&meter).await?;
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
        let (lent, held) = self.borrow_for(meter, prefix).await?;
        held.command(meter, "PING", Vec::new()).await.map_err(broken)?;
        lent.give_back(held);
        Ok(())
    }

    async fn within<T: 'static>(
        self: &Arc<Self>,
        Effort { budget, urgent }: Effort,
        work: impl Future<Output = Result<T, Failure>> + 'static,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        if !lock(&self.breaker).admits(began, urgent) {
            return Err(Failure::LeftAlone);
        }
        let mut work = Box::pin(work);
        loop {
            let asked = Instant::now();
            // The work is asked first: an answer that has come counts even if this busy instance reads it late.
            match select(work, pin!(spin_sdk::time::sleep(budget))).await {
                Either::Left((outcome, _)) => {
                    match &outcome {
                        Ok(_) | Err(Failure::OtherEpoch) => lock(&self.breaker).succeeded(),
                        Err(_) => self.failed(urgent),
                    }
                    return outcome;
                }
                // The timer itself was late, so the processors are busy and the answer may be late for the same reason. Going
                // on without Redis would give them more to do.
                Either::Right(((), pending)) if is_starved(asked.elapsed(), budget, began.elapsed()) => work = pending,
                Either::Right(((), work)) => {
                    lock(&self.breaker).overran(began, Instant::now(), urgent);
                    spin_sdk::wasip3::spawn(Arc::clone(self).see_out(work));
                    return Err(Failure::Overrun);
                }
            }
        }
    }

    /// Beyond the request: does the answer still come?
    async fn see_out<T>(self: Arc<Self>, work: impl Future<Output = Result<T, Failure>> + Unpin) {
        match select(work, pin!(spin_sdk::time::sleep(self.patience))).await {
            Either::Left((Ok(_) | Err(Failure::OtherEpoch), _)) => lock(&self.breaker).came_late(Instant::now()),
            Either::Left((Err(_), _)) | Either::Right(_) => self.pool.forget_idle(),
        }
    }

    fn failed(&self, urgent: bool) {
        lock(&self.breaker).failed(Instant::now(), urgent);
        self.pool.forget_idle();
    }

    async fn attempt(
        &self,
        meter: &Meter,
        script: &Script,
        args: &Args,
        epoch: Option<&str>,
    ) -> Result<Reader, Failure> {
        let (lent, held) = self.borrow(meter).await?;
        if epoch.is_some_and(|epoch| epoch != held.epoch) {
            lent.give_back(held);
            return Err(Failure::OtherEpoch);
        }
        let common =
            Args::new().with(held.prefix.as_bytes()).with(held.epoch.as_str()).number(self.mark_ttl.as_micros());
        let reply = held.evaluate(meter, script, common.0.iter().chain(&args.0)).await.map_err(broken)?;
        let reader =
            Reader::new(reply).ok_or_else(|| Failure::Broken(format!("{}: the server is a stranger", script.name)))?;
        lent.give_back(held);
        Ok(reader)
    }

    /// While `held` is out of `lent`, dropping both (a failure, an overrun, a request that went away) closes the
    /// connection and frees its place.
    async fn borrow(&self, meter: &Meter) -> Result<(Lent, Held), Failure> {
        self.borrow_for(meter, self.prefix()?).await
    }

    async fn borrow_for(&self, meter: &Meter, prefix: Arc<str>) -> Result<(Lent, Held), Failure> {
        let mut lent = self.pool.lend().await;
        let held = match lent.held.take().filter(|held| held.prefix == prefix) {
            Some(held) => held,
            None => self.open(meter, prefix).await?,
        };
        Ok((lent, held))
    }

    async fn open(&self, meter: &Meter, prefix: Arc<str>) -> Result<Held, Failure> {
        let connection = Connection::open(&self.url).await.map_err(broken)?;
        let mut held = Held { connection, epoch: String::new(), prefix };
        let args = Args::new().with(held.prefix.as_bytes()).number(self.mark_ttl.as_micros());
        let reply = held.evaluate(meter, &GREET, args.0.iter()).await.map_err(broken)?;
        let epoch =
            Reader::new(reply).and_then(|mut reader| reader.bytes()?).and_then(|epoch| String::from_utf8(epoch).ok());
        held.epoch = epoch.ok_or_else(|| Failure::Broken("greet: no epoch".to_owned()))?;
        Ok(held)
    }
}

/// A connection, the life of the server in which it was greeted, and the beginning of the keys for which it was.
struct Held {
    connection: Connection,
    epoch: String,
    prefix: Arc<str>,
}

impl Held {
    async fn evaluate(
        &self,
        meter: &Meter,
        script: &Script,
        args: impl Iterator<Item = &Vec<u8>> + Clone,
    ) -> Result<Vec<Reply>, WireError> {
        let parameters = |first: &str| {
            let start = [first.as_bytes().to_vec(), b"0".to_vec()].into_iter();
            start.chain(args.clone().cloned()).map(RedisParameter::Binary).collect()
        };
        match self.command(meter, "EVALSHA", parameters(&script.digest)).await {
            Err(WireError::Other(text)) if is_unknown_script(&text) => {
                self.command(meter, "EVAL", parameters(script.source)).await
            }
            outcome => outcome,
        }
    }

    async fn command(
        &self,
        meter: &Meter,
        name: &str,
        parameters: Vec<RedisParameter>,
    ) -> Result<Vec<Reply>, WireError> {
        let start = Instant::now();
        let outcome = self.connection.execute(name, parameters).await;
        meter.redis_call(start.elapsed());
        Ok(outcome?.into_iter().map(reply).collect())
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// Hosts pass on either Redis' own word or that of their client library.
fn is_unknown_script(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("noscript") || text.contains("no script") || text.contains("no matching script")
}

fn reply(result: RedisResult) -> Reply {
    match result {
        RedisResult::Nil => Reply::Nil,
        RedisResult::Status(text) => Reply::Bytes(text.into_bytes()),
        RedisResult::Int64(number) => Reply::Int(number),
        RedisResult::Binary(bytes) => Reply::Bytes(bytes),
    }
}

/// The places for connections. Each is idle, lent, or not taken yet.
#[derive(Debug)]
struct Pool {
    state: Mutex<PoolState>,
    most: usize,
}

#[derive(Debug, Default)]
struct PoolState {
    idle: Vec<Held>,
    lent: usize,
}

/// How long a call that found every place taken sleeps before it looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

impl Pool {
    /// An idle connection, else a place for a new one, else whichever comes back.
    ///
    /// Whoever waits looks again and again instead of being woken by whoever gives back: the two belong to different
    /// requests, and wit-bindgen panics when one component task wakes another. Its feature for that, `inter-task-wakeup`,
    /// traps in wasmtime 48, because it cancels a read that is still in a waitable set.
    async fn lend(self: &Arc<Self>) -> Lent {
        loop {
            if let Some(lent) = self.lend_now() {
                return lent;
            }
            spin_sdk::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// A connection or a place, if there is one now.
    fn lend_now(self: &Arc<Self>) -> Option<Lent> {
        let mut state = lock(&self.state);
        let held = state.idle.pop();
        if held.is_none() && state.lent >= self.most {
            return None;
        }
        state.lent += 1;
        Some(Lent { pool: Arc::clone(self), held })
    }

    /// After a failure: the others are as good as dead. Lent ones fail by themselves.
    fn forget_idle(&self) {
        let idle = std::mem::take(&mut lock(&self.state).idle);
        drop(idle);
    }
}

/// The exclusive use of one place. Comes back to the pool when it is dropped, with its connection or without.
#[derive(Debug)]
struct Lent {
    pool: Arc<Pool>,
    held: Option<Held>,
}

impl Lent {
    fn give_back(mut self, held: Held) {
        self.held = Some(held);
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut state = lock(&self.pool.state);
        state.lent = state.lent.saturating_sub(1);
        state.idle.extend(self.held.take());
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn pool(most: usize) -> Arc<Pool> {
        Arc::new(Pool { state: Mutex::default(), most })
    }

    #[test]
    fn places_are_lent_one_by_one() {
        let pool = pool(2);
        let first = pool.lend_now().unwrap();
        let second = pool.lend_now().unwrap();
        assert!(pool.lend_now().is_none());
        drop(first);
        let third = pool.lend_now().unwrap();
        assert!(pool.lend_now().is_none());
        drop((second, third));
        assert_eq!(lock(&pool.state).lent, 0);
    }

    #[test]
    fn whoever_finds_a_place_does_not_wait() {
        let pool = pool(1);
        drop(pool.lend().now_or_never().unwrap());
        assert!(pool.lend().now_or_never().is_some());
    }

    #[test]
    fn an_unknown_script_is_recognised_in_every_dialect() {
        assert!(is_unknown_script("NOSCRIPT No matching script. Please use EVAL."));
        assert!(is_unknown_script("\"NoScript\": No matching script."));
        assert!(!is_unknown_script("READONLY You can't write against a read only replica."));
    }
}
