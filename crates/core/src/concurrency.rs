//! How many requests of an instance use something at once: all that come, or few while it is overloaded.
//!
//! On an overloaded machine requests are slow because they are many, and one that is refused late has cost as much as
//! one that is served. So while the gate's call is slow, few requests of an instance are under way, and while
//! connections to Postgres are long in coming, few that go there. The others wait before anything is done for them, and
//! one that waits too long is refused then.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::lock;
use crate::queue::{self, Queue, Shared, UnderWay};

/// Requests of an instance under way at once while the machine is overloaded. The more come at once the more instances
/// a host begins, so that one of each is enough to keep Postgres busy.
const FEW: usize = 1;
/// What takes longer, usually taking some milliseconds, tells of an overloaded machine.
const SLOW: Duration = Duration::from_millis(150);
/// A request under way for longer waits for something else, such as a slow client, and takes no place.
const LONG: Duration = Duration::from_secs(1);
/// Of what nobody has waited for so long nothing is known.
const KNOWN: Duration = Duration::from_secs(1);

/// The requests of one instance that use something which may be overloaded.
#[derive(Debug, Default)]
pub struct Concurrency(Mutex<ConcurrencyState>);

#[derive(Debug, Default)]
struct ConcurrencyState {
    under_way: UnderWay,
    queue: Queue,
    /// How long requests wait for it, the latest most; and when one last told.
    wait: Duration,
    told: Option<Instant>,
}

impl Shared for ConcurrencyState {
    type Turn = u64;

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn is_free(&self, now: Instant) -> bool {
        !self.is_slow(now) || self.under_way.ages(now, LONG).count() < FEW
    }

    fn begin(&mut self, now: Instant) -> u64 {
        self.under_way.begin(now)
    }
}

impl ConcurrencyState {
    fn is_slow(&self, now: Instant) -> bool {
        self.wait > SLOW && self.told.is_some_and(|told| now.duration_since(told) < KNOWN)
    }
}

impl Concurrency {
    /// Whether the machine is overloaded, as far as is known.
    pub fn is_overloaded(&self) -> bool {
        lock(&self.0).is_slow(Instant::now())
    }

    /// The right to use it; none if the request would have to wait longer.
    pub async fn begin(self: &Arc<Self>, patience: Duration) -> Option<Turn> {
        let number = queue::take(&self.0, patience, || false).await?;
        Some(Turn { concurrency: Arc::clone(self), number })
    }

    /// A request has waited so long.
    pub fn note(&self, elapsed: Duration) {
        let mut state = lock(&self.0);
        state.wait = (state.wait * 3 + elapsed) / 4;
        state.told = Some(Instant::now());
        state.call_next();
    }
}

/// A request under way, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    concurrency: Arc<Concurrency>,
    number: u64,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = lock(&self.concurrency.0);
        state.under_way.end(self.number);
        state.call_next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow(now: Instant) -> ConcurrencyState {
        ConcurrencyState { wait: SLOW * 2, told: Some(now), ..ConcurrencyState::default() }
    }

    #[test]
    fn few_are_under_way_while_requests_wait_long() {
        let now = Instant::now();
        let mut state = slow(now);
        let numbers: Vec<u64> = (0..FEW).map(|_| state.take(now).unwrap()).collect();
        assert!(state.take(now).is_none());
        numbers.iter().for_each(|number| state.under_way.end(*number));
        assert!(state.take(now).is_some());
        state.wait = SLOW / 2;
        assert!((0..100).all(|_| state.take(now).is_some()));
    }

    #[test]
    fn who_waits_for_something_else_takes_no_place() {
        let now = Instant::now();
        let mut state = slow(now);
        assert!((0..FEW).all(|_| state.take(now).is_some()));
        state.told = Some(now + LONG);
        assert!(state.take(now + LONG).is_some());
    }

    #[test]
    fn what_was_long_ago_tells_nothing() {
        let now = Instant::now();
        let mut state = slow(now);
        assert!((0..100).all(|_| state.take(now + KNOWN).is_some()));
    }

    #[test]
    fn one_long_wait_alone_tells_nothing() {
        let concurrency = Concurrency::default();
        concurrency.note(SLOW * 3);
        assert!(lock(&concurrency.0).wait < SLOW);
        concurrency.note(SLOW * 3);
        assert!(lock(&concurrency.0).wait > SLOW);
    }
}
