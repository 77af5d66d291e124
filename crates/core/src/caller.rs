//! The caller of a use case: its workspace, and the meter of its request.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::lock;

/// The internal key of a workspace. Every statement and every cache key begins with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WorkspaceId(pub i64);

/// Who makes a change, as the log of changes keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The bearer of the token with this public id.
    Token(Uuid),
    /// A worker, on behalf of the job with this public id.
    Job(Uuid),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(uid) => write!(f, "t:{uid}"),
            Self::Job(uid) => write!(f, "j:{uid}"),
        }
    }
}

/// The workspace a call belongs to and the meter of the request that makes it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The tenant: nothing outside it is visible to the call.
    pub workspace: WorkspaceId,
    /// Who calls; none where authentication is off.
    pub actor: Option<Actor>,
    /// The public id of the employee whom the caller's token names.
    pub person: Option<Uuid>,
    /// The id of the request.
    pub request: Option<Arc<str>>,
    /// Counts what the request costs.
    pub meter: Arc<Meter>,
    /// The write that was announced when the request was received.
    pub announced: Arc<Announced>,
}

impl Caller {
    /// A caller that is nobody in particular and has announced nothing.
    pub fn new(workspace: WorkspaceId, meter: Arc<Meter>) -> Self {
        Self { workspace, actor: None, person: None, request: None, meter, announced: Arc::default() }
    }
}

/// A write that was announced to the cache in the call that authenticated the request: its id, and since when. Whoever
/// writes takes it; if nobody does, it is withdrawn.
#[derive(Debug, Default)]
pub struct Announced(Mutex<Option<(String, Instant)>>);

impl Announced {
    /// A write with this id, announced just now.
    pub fn new(id: String) -> Self {
        Self(Mutex::new(Some((id, Instant::now()))))
    }

    /// Whether there was none, or somebody has taken it.
    pub fn is_taken(&self) -> bool {
        lock(&self.0).is_none()
    }

    /// The id and the age of the announcement, for the first who asks.
    pub fn take(&self) -> Option<(String, Duration)> {
        lock(&self.0).take().map(|(id, since)| (id, since.elapsed()))
    }
}

/// Counts the statements and Redis calls of one request (for `Server-Timing`, the access log and the metrics).
#[derive(Debug, Default)]
pub struct Meter {
    statements: AtomicU32,
    sql_micros: AtomicU64,
    redis_calls: AtomicU32,
    redis_micros: AtomicU64,
    waited_micros: AtomicU64,
    connection_waits: AtomicU32,
    connection_refusals: AtomicU32,
    overload_refusals: AtomicU32,
}

/// A statement that got its connection later than this has waited for it: opening one takes a few milliseconds.
const NOTABLE_WAIT: Duration = Duration::from_millis(50);

impl Meter {
    /// One SQL statement was sent and took `elapsed` to answer or fail.
    pub fn statement(&self, elapsed: Duration) {
        self.statements.fetch_add(1, Relaxed);
        self.sql_micros.fetch_add(micros(elapsed), Relaxed);
    }

    /// One Redis command was sent and took `elapsed` to answer or fail.
    pub fn redis_call(&self, elapsed: Duration) {
        self.redis_calls.fetch_add(1, Relaxed);
        self.redis_micros.fetch_add(micros(elapsed), Relaxed);
    }

    /// The request has waited so long: for its turn, or for Redis, calls included.
    pub fn waited(&self, elapsed: Duration) {
        self.waited_micros.fetch_add(micros(elapsed), Relaxed);
    }

    /// How long the request may still wait, of so long in all: what it waits for its turn, for Redis and then for its
    /// first connection to Postgres is one wait to whoever asked. An eighth is left in any case. What comes after that
    /// statement has all of it again: the work is half done.
    pub fn patience(&self, in_all: Duration) -> Duration {
        if self.statements.load(Relaxed) > 0 {
            return in_all;
        }
        let waited = Duration::from_micros(self.waited_micros.load(Relaxed));
        in_all.saturating_sub(waited).max(in_all / 8)
    }

    /// A statement waited so long for a connection and got one, or was refused.
    pub fn connection_wait(&self, elapsed: Duration, acquired: bool) {
        if !acquired {
            self.connection_refusals.fetch_add(1, Relaxed);
        } else if elapsed > NOTABLE_WAIT {
            self.connection_waits.fetch_add(1, Relaxed);
        }
    }

    /// Statements so far that got a connection late, and those that were refused because none came free.
    pub fn connection_waits(&self) -> (u32, u32) {
        (self.connection_waits.load(Relaxed), self.connection_refusals.load(Relaxed))
    }

    /// The request is refused because its instance gets too little of the processors.
    pub fn overload_refusal(&self) {
        self.overload_refusals.fetch_add(1, Relaxed);
    }

    /// How often the request was refused so.
    pub fn overload_refusals(&self) -> u32 {
        self.overload_refusals.load(Relaxed)
    }

    /// Statements so far and the time they took.
    pub fn sql(&self) -> (u32, Duration) {
        (self.statements.load(Relaxed), Duration::from_micros(self.sql_micros.load(Relaxed)))
    }

    /// Redis calls so far and the time they took.
    pub fn redis(&self) -> (u32, Duration) {
        (self.redis_calls.load(Relaxed), Duration::from_micros(self.redis_micros.load(Relaxed)))
    }
}

fn micros(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_before_the_first_statement_are_one() {
        let (meter, ms) = (Meter::default(), Duration::from_millis);
        assert_eq!(meter.patience(ms(800)), ms(800));
        meter.waited(ms(300));
        assert_eq!(meter.patience(ms(800)), ms(500));
        meter.waited(ms(900));
        assert_eq!(meter.patience(ms(800)), ms(100));
        meter.statement(ms(1));
        assert_eq!(meter.patience(ms(800)), ms(800));
    }
}
