//! The pool of an instance's connections to Redis.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::connection::RedisConnection;
use crate::lock;
use crate::queue::{self, Queue, Shared};

/// The places for connections. Each is idle, in use, or not taken yet.
#[derive(Debug)]
pub(super) struct Pool {
    state: Mutex<PoolState>,
}

#[derive(Debug, Default)]
struct PoolState {
    idle: Vec<RedisConnection>,
    in_use: usize,
    most: usize,
    queue: Queue,
}

impl Shared for PoolState {
    type Turn = Option<RedisConnection>;

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn is_free(&self, _: Instant) -> bool {
        self.in_use < self.most
    }

    /// An idle connection, else a place for a new one.
    fn begin(&mut self, _: Instant) -> Option<RedisConnection> {
        self.in_use += 1;
        self.idle.pop()
    }
}

impl Pool {
    pub(super) fn new(most: usize) -> Self {
        Self { state: Mutex::new(PoolState { most, ..PoolState::default() }) }
    }

    /// A connection or a place for one; none after `patience`, or once `gives_up` says so.
    pub(super) async fn acquire(
        self: &Arc<Self>,
        patience: Duration,
        gives_up: impl Fn() -> bool,
    ) -> Option<PooledConnection> {
        let connection = queue::take(&self.state, patience, gives_up).await?;
        Some(PooledConnection { pool: Arc::clone(self), connection })
    }

    /// Closes the idle connections after a failure, which concerns them as well. Those in use fail by themselves.
    pub(super) fn forget_idle(&self) {
        let idle = std::mem::take(&mut lock(&self.state).idle);
        drop(idle);
    }
}

/// The exclusive use of one place. Comes back to the pool when it is dropped, with its connection or without.
#[derive(Debug)]
pub(super) struct PooledConnection {
    pool: Arc<Pool>,
    pub(super) connection: Option<RedisConnection>,
}

impl PooledConnection {
    pub(super) fn give_back(mut self, connection: RedisConnection) {
        self.connection = Some(connection);
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        let mut state = lock(&self.pool.state);
        state.in_use = state.in_use.saturating_sub(1);
        state.idle.extend(self.connection.take());
        state.call_next();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn places_are_acquired_one_by_one() {
        let pool = Arc::new(Pool::new(2));
        let acquire = || pool.acquire(Duration::ZERO, || false).now_or_never().unwrap();
        let (first, second) = (acquire().unwrap(), acquire().unwrap());
        assert!(acquire().is_none());
        drop(first);
        let third = acquire().unwrap();
        assert!(acquire().is_none());
        drop((second, third));
        assert_eq!(lock(&pool.state).in_use, 0);
    }
}
