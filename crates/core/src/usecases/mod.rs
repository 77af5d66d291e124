//! The use cases. HTTP handlers and the worker call these and nothing below them.
//!
//! A read is one statement. A write is one statement too, announced to the cache before it and published before it is
//! answered (`writing.rs`).

pub mod admin;
pub mod authentication;
mod exports;
pub mod feed;
pub mod gate;
pub mod health;
pub mod jobs;
pub mod lists;
mod metrics;
pub mod people;
mod purging;
pub mod tags;
pub mod todos;
pub mod work;
mod writing;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::cache::{Cache, CacheSettings, GateReply, GateRequest, Reach};
use crate::concurrency::Concurrency;
pub use crate::concurrency::Turn;
use crate::store::pg::Pg;
pub use crate::store::pg::PgSettings;
use crate::store::todos::list::Archives;
use crate::{Error, Meter, Result};

/// The use cases, over one instance's connections.
#[derive(Debug)]
pub struct Service {
    pg: Arc<Pg>,
    cache: Cache,
    recent: authentication::Recent,
    parsed: authentication::Parsed,
    last_caller: authentication::LastCaller,
    looks: feed::Looks,
    idle_pages: feed::IdlePages,
    archives: Archives,
    at_gate: Arc<Concurrency>,
    at_store: Arc<Concurrency>,
    /// The last number of a sequence that fills its range evenly; each instance begins somewhere else.
    spreading: AtomicU32,
}

impl Service {
    /// Puts them together. Opens no connection.
    pub fn new(postgres: PgSettings, redis: CacheSettings) -> Self {
        let at_store = Arc::default();
        Self {
            pg: Arc::new(Pg::new(postgres, Arc::clone(&at_store))),
            cache: Cache::new(redis),
            recent: authentication::Recent::default(),
            parsed: authentication::Parsed::default(),
            last_caller: authentication::LastCaller::default(),
            looks: feed::Looks::default(),
            idle_pages: feed::IdlePages::default(),
            archives: Archives::default(),
            at_gate: Arc::default(),
            at_store,
            spreading: AtomicU32::new(Uuid::new_v4().as_fields().0),
        }
    }

    /// The right to ask the gate, until it is dropped.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the instance is overloaded and the request has waited for most of its time.
    pub async fn begin_at_gate(&self, meter: &Meter) -> Result<Turn> {
        let (turn, _) = self.take_turn(meter, &self.at_gate).await;
        turn.ok_or_else(|| self.overloaded(meter))
    }

    /// The right to ask Postgres, for a request that needs it. A write takes it before anything is done for it, a read
    /// once the cache could not answer.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where connections are long in coming and the request has waited for most of its time.
    pub async fn begin_at_store(&self, meter: &Meter) -> Result<Turn> {
        let (turn, waited) = self.take_turn(meter, &self.at_store).await;
        turn.ok_or_else(|| {
            meter.connection_wait(waited, false);
            self.pg.unavailable(format!("no connection within {waited:?}: others wait for one"), false)
        })
    }

    /// Whether requests of this instance wait long for the gate's call or for connections to Postgres.
    pub fn is_overloaded(&self) -> bool {
        self.at_gate.is_overloaded() || self.at_store.is_overloaded()
    }

    async fn take_turn(&self, meter: &Meter, concurrency: &Arc<Concurrency>) -> (Option<Turn>, Duration) {
        let came = Instant::now();
        let turn = concurrency.begin(meter.patience(self.spread(self.pg.wait_deadline() * 7 / 8))).await;
        meter.waited(came.elapsed());
        (turn, came.elapsed())
    }

    /// Three quarters of a time to all of it. Requests that came together and are refused would come again together.
    fn spread(&self, time: Duration) -> Duration {
        // The golden ratio's part of the range: its multiples fill it evenly.
        const STEP: u32 = 0x9E37_79B9;
        let share = self.spreading.fetch_add(STEP, Ordering::Relaxed) >> 24;
        time * (768 + share) / 1024
    }

    /// The gate's call, and how long it took.
    async fn call_gate(&self, meter: &Arc<Meter>, gate_request: &GateRequest<'_>) -> GateReply {
        let began = Instant::now();
        let gate_reply = self.cache.enter(meter, gate_request).await;
        if matches!(gate_reply.redis, Reach::Reached | Reach::Starved) {
            self.at_gate.note(began.elapsed());
        }
        gate_reply
    }

    /// To go on without a Redis that is there would give the processors more to do.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the instance is too busy to ask Redis.
    fn refuse_if_starved(&self, meter: &Meter, redis: Reach) -> Result<()> {
        if redis == Reach::Starved { Err(self.overloaded(meter)) } else { Ok(()) }
    }

    /// This instance gets too little of the processors to answer in time. Nothing was done.
    fn overloaded(&self, meter: &Meter) -> Error {
        meter.overload_refusal();
        Error::Unavailable {
            retry_after: self.pg.retry_after(),
            outcome_unknown: false,
            reason: "the instance is overloaded".to_owned(),
        }
    }
}
