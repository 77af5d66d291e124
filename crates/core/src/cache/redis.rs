//! The only user of `spin_sdk::redis`.
//!
//! Concurrent commands on one connection stall each other (SPIN.md: the socket keeps Nagle's algorithm on), so the instance
//! holds a few connections and lends each to one call at a time. They never reconnect by themselves: one that failed, overran
//! its budget or was left in the middle of a call is dropped.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use futures::future::{Either, select};
use spin_sdk::redis::{Connection, Error as WireError, RedisParameter, RedisResult};

use super::CacheSettings;
use super::breaker::Breaker;
use super::script::{Args, GREET, Reader, Reply, Script};
use crate::Meter;

/// What one call may cost and how much it matters.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Waiting for a connection, opening one and the call itself must not take longer.
    pub budget: Duration,
    /// Whether it may probe an open breaker at once.
    pub urgent: bool,
}

/// Why a call brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Redis is being left alone after a failure; nothing was sent.
    LeftAlone,
    /// The budget was overrun. The call may still take effect.
    Overrun,
    /// The call is bound to an earlier life of the server; nothing was done.
    OtherEpoch,
    /// Anything else, for the log.
    Broken(String),
}

/// The instance's connections to Redis.
#[derive(Debug)]
pub struct Redis {
    url: String,
    prefix: String,
    mark_ttl: Duration,
    breaker: Mutex<Breaker>,
    pool: Arc<Pool>,
}

impl Redis {
    /// Connects to nothing yet.
    pub fn new(settings: &CacheSettings) -> Self {
        Self {
            url: settings.url.clone(),
            prefix: settings.prefix.clone(),
            mark_ttl: settings.mark_ttl,
            breaker: Mutex::new(Breaker::new(settings.breaker)),
            pool: Arc::new(Pool { state: Mutex::default(), most: settings.connections.max(1) }),
        }
    }

    /// Runs a script; `args` begin after the three that all scripts have. With `epoch` it only runs in that life of the server.
    pub async fn run(
        &self,
        meter: &Meter,
        effort: Effort,
        script: &Script,
        args: Args,
        epoch: Option<&str>,
    ) -> Result<Reader, Failure> {
        self.within(effort, async {
            // A held connection may have died with the server since it was last used, and a forgotten epoch makes it a stranger
            // again. Either way a new one is the answer, once. Every script may run twice.
            match self.attempt(meter, script, &args, epoch).await {
                Err(Failure::Broken(_)) => {
                    self.pool.forget_idle();
                    self.attempt(meter, script, &args, epoch).await
                }
                outcome => outcome,
            }
        })
        .await
    }

    /// Runs a command that needs no script.
    pub async fn command(
        &self,
        meter: &Meter,
        effort: Effort,
        command: &str,
        key: &str,
    ) -> Result<Vec<Reply>, Failure> {
        self.within(effort, async {
            let (lent, held) = self.borrow(meter).await?;
            let reply = held
                .command(meter, command, vec![RedisParameter::Binary(format!("{}{key}", self.prefix).into())])
                .await;
            let reply = reply.map_err(broken)?;
            lent.give_back(held);
            Ok(reply)
        })
        .await
    }

    /// Opens a connection of its own and greets the server, whatever the breaker says.
    pub async fn probe(&self, meter: &Meter, budget: Duration) -> Result<Duration, Failure> {
        let start = Instant::now();
        let greeted = pin!(self.open(meter));
        match select(greeted, pin!(spin_sdk::time::sleep(budget))).await {
            Either::Left((Ok(_), _)) => Ok(start.elapsed()),
            Either::Left((Err(failure), _)) => Err(failure),
            Either::Right(_) => Err(Failure::Overrun),
        }
    }

    async fn within<T>(&self, effort: Effort, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        if !lock(&self.breaker).admits(Instant::now(), effort.urgent) {
            return Err(Failure::LeftAlone);
        }
        // The work is asked first: an answer that has come counts even if this busy instance reads it late.
        let outcome = match select(pin!(work), pin!(spin_sdk::time::sleep(effort.budget))).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(Failure::Overrun),
        };
        match &outcome {
            Ok(_) | Err(Failure::OtherEpoch) => lock(&self.breaker).succeeded(),
            Err(_) => {
                lock(&self.breaker).failed(Instant::now());
                self.pool.forget_idle();
            }
        }
        outcome
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
        let common = Args::new().with(self.prefix.as_str()).with(held.epoch.as_str()).number(self.mark_ttl.as_micros());
        let reply = held.evaluate(meter, script, common.0.iter().chain(&args.0)).await.map_err(broken)?;
        let reader =
            Reader::new(reply).ok_or_else(|| Failure::Broken(format!("{}: the server is a stranger", script.name)))?;
        lent.give_back(held);
        Ok(reader)
    }

    /// While `held` is out of `lent`, dropping both (a failure, an overrun, a request that went away) closes the connection
    /// and frees its place.
    async fn borrow(&self, meter: &Meter) -> Result<(Lent, Held), Failure> {
        let mut lent = self.pool.lend().await;
        let held = match lent.held.take() {
            Some(held) => held,
            None => self.open(meter).await?,
        };
        Ok((lent, held))
    }

    async fn open(&self, meter: &Meter) -> Result<Held, Failure> {
        let connection = Connection::open(&self.url).await.map_err(broken)?;
        let mut held = Held { connection, epoch: String::new() };
        let args = Args::new().with(self.prefix.as_str()).number(self.mark_ttl.as_micros());
        let reply = held.evaluate(meter, &GREET, args.0.iter()).await.map_err(broken)?;
        let epoch =
            Reader::new(reply).and_then(|mut reader| reader.bytes()?).and_then(|epoch| String::from_utf8(epoch).ok());
        held.epoch = epoch.ok_or_else(|| Failure::Broken("greet: no epoch".to_owned()))?;
        Ok(held)
    }
}

fn broken(error: WireError) -> Failure {
    Failure::Broken(match error {
        WireError::Other(text) => text,
        other => format!("{other:?}"),
    })
}

/// A connection, and the life of the server in which it was greeted.
struct Held {
    connection: Connection,
    epoch: String,
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
    waiting: VecDeque<oneshot::Sender<Lent>>,
}

impl Pool {
    /// An idle connection, else a place for a new one, else whichever comes back first.
    async fn lend(self: &Arc<Self>) -> Lent {
        loop {
            let turn = {
                let mut state = lock(&self.state);
                if let Some(held) = state.idle.pop() {
                    state.lent += 1;
                    return Lent { pool: Arc::clone(self), held: Some(held), counted: true };
                }
                if state.lent < self.most {
                    state.lent += 1;
                    return Lent { pool: Arc::clone(self), held: None, counted: true };
                }
                let (sender, turn) = oneshot::channel();
                state.waiting.push_back(sender);
                turn
            };
            if let Ok(lent) = turn.await {
                return lent;
            }
        }
    }

    /// After a failure: the others are as good as dead. Lent ones fail by themselves.
    fn forget_idle(&self) {
        let idle = std::mem::take(&mut lock(&self.state).idle);
        drop(idle);
    }
}

/// The exclusive use of one place. Comes back when it is dropped, to the next in line or to the pool.
#[derive(Debug)]
struct Lent {
    pool: Arc<Pool>,
    held: Option<Held>,
    counted: bool,
}

impl Lent {
    fn give_back(mut self, held: Held) {
        self.held = Some(held);
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.counted {
            return;
        }
        let mut next = Lent { pool: Arc::clone(&self.pool), held: self.held.take(), counted: true };
        loop {
            let waiting = lock(&self.pool.state).waiting.pop_front();
            let Some(sender) = waiting else { break };
            match sender.send(next) {
                Ok(()) => return,
                Err(back) => next = back,
            }
        }
        next.counted = false;
        let mut state = lock(&self.pool.state);
        state.lent = state.lent.saturating_sub(1);
        state.idle.extend(next.held.take());
    }
}

/// A poisoned lock only means that a panic passed by; what it protects is never left half done.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn pool(most: usize) -> Arc<Pool> {
        Arc::new(Pool { state: Mutex::default(), most })
    }

    #[test]
    fn places_are_lent_one_by_one_and_handed_on_in_order() {
        let pool = pool(1);
        let first = pool.lend().now_or_never().unwrap();
        let mut second = Box::pin(pool.lend());
        let mut third = Box::pin(pool.lend());
        assert!((&mut second).now_or_never().is_none());
        assert!((&mut third).now_or_never().is_none());
        drop(first);
        assert!((&mut third).now_or_never().is_none());
        let second = second.now_or_never().unwrap();
        drop(second);
        drop(third.now_or_never().unwrap());
        assert_eq!(lock(&pool.state).lent, 0);
    }

    #[test]
    fn whoever_goes_away_while_waiting_keeps_no_place() {
        let pool = pool(1);
        let first = pool.lend().now_or_never().unwrap();
        let mut gone_before = Box::pin(pool.lend());
        let mut gone_after = Box::pin(pool.lend());
        let mut last = Box::pin(pool.lend());
        assert!((&mut gone_before).now_or_never().is_none());
        assert!((&mut gone_after).now_or_never().is_none());
        assert!((&mut last).now_or_never().is_none());
        drop(gone_before);
        drop(first);
        drop(gone_after);
        drop(last.now_or_never().unwrap());
        assert_eq!(lock(&pool.state).lent, 0);
        assert!(pool.lend().now_or_never().is_some());
    }

    #[test]
    fn an_unknown_script_is_recognised_in_every_dialect() {
        assert!(is_unknown_script("NOSCRIPT No matching script. Please use EVAL."));
        assert!(is_unknown_script("\"NoScript\": No matching script."));
        assert!(!is_unknown_script("READONLY You can't write against a read only replica."));
    }
}
