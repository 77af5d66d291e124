//! The places for connections to Redis that an instance has.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::redis_connection::Held;
use crate::lock;
use crate::queue::{self, Queue, Shared};

/// The places for connections. Each is idle, lent, or not taken yet.
#[derive(Debug)]
pub(super) struct Pool {
    state: Mutex<PoolState>,
}

#[derive(Debug, Default)]
struct PoolState {
    idle: Vec<Held>,
    lent: usize,
    most: usize,
    queue: Queue,
    /// How long the last one was lent.
    took: Duration,
}

impl Shared for PoolState {
    type Turn = Option<Held>;

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    /// An idle connection, else a place for a new one.
    fn take(&mut self, _: Instant) -> Option<Option<Held>> {
        let held = self.idle.pop();
        if held.is_none() && self.lent >= self.most {
            return None;
        }
        self.lent += 1;
        Some(held)
    }

    fn expected(&self, _: Instant) -> Duration {
        self.took / u32::try_from(self.most).unwrap_or(1)
    }
}

impl Pool {
    pub(super) fn new(most: usize) -> Self {
        Self { state: Mutex::new(PoolState { most, ..PoolState::default() }) }
    }

    /// A connection or a place for one; none after `patience`, or once `gives_up` says so.
    pub(super) async fn lend(self: &Arc<Self>, patience: Duration, gives_up: impl Fn() -> bool) -> Option<Lent> {
        let held = queue::take(&self.state, patience, gives_up).await?;
        Some(Lent { pool: Arc::clone(self), held, since: Instant::now() })
    }

    /// After a failure: the others are as good as dead. Lent ones fail by themselves.
    pub(super) fn forget_idle(&self) {
        let idle = std::mem::take(&mut lock(&self.state).idle);
        drop(idle);
    }
}

/// The exclusive use of one place. Comes back to the pool when it is dropped, with its connection or without.
#[derive(Debug)]
pub(super) struct Lent {
    pool: Arc<Pool>,
    pub(super) held: Option<Held>,
    since: Instant,
}

impl Lent {
    pub(super) fn give_back(mut self, held: Held) {
        self.held = Some(held);
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut state = lock(&self.pool.state);
        state.took = self.since.elapsed();
        state.lent = state.lent.saturating_sub(1);
        state.idle.extend(self.held.take());
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn places_are_lent_one_by_one() {
        let pool = Arc::new(Pool::new(2));
        let lend = || pool.lend(Duration::ZERO, || false).now_or_never().unwrap();
        let (first, second) = (lend().unwrap(), lend().unwrap());
        assert!(lend().is_none());
        drop(first);
        let third = lend().unwrap();
        assert!(lend().is_none());
        drop((second, third));
        assert_eq!(lock(&pool.state).lent, 0);
    }
}
