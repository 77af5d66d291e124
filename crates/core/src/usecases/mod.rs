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

use crate::cache::{Cache, CacheSettings, Reach};
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
    looks: feed::Looks,
    idle_pages: feed::IdlePages,
    archives: Archives,
}

impl Service {
    /// Puts them together. Opens no connection.
    pub fn new(postgres: PgSettings, redis: CacheSettings) -> Self {
        Self {
            pg: Arc::new(Pg::new(postgres)),
            cache: Cache::new(redis),
            recent: authentication::Recent::default(),
            parsed: authentication::Parsed::default(),
            looks: feed::Looks::default(),
            idle_pages: feed::IdlePages::default(),
            archives: Archives::default(),
        }
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
