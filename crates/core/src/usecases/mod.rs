//! The use cases. HTTP handlers and the worker call these and nothing below them.
//!
//! A read is one statement. A write is one statement too, announced to the cache before it and published before it is
//! answered (`writing.rs`).

pub mod admin;
pub mod authentication;
pub mod feed;
pub mod jobs;
pub mod lists;
pub mod people;
mod purging;
pub mod tags;
pub mod todos;
pub mod work;
mod writing;

use std::sync::Arc;

use crate::Error;
use crate::cache::Cache;
use crate::store::pg::Pg;

/// The use cases, over one instance's connections.
#[derive(Debug)]
pub struct Service {
    pg: Arc<Pg>,
    cache: Cache,
    recent: authentication::Recent,
    parsed: authentication::Parsed,
}

impl Service {
    /// Puts them together. Opens no connection.
    pub fn new(pg: Pg, cache: Cache) -> Self {
        Self {
            pg: Arc::new(pg),
            cache,
            recent: authentication::Recent::default(),
            parsed: authentication::Parsed::default(),
        }
    }

    /// Postgres, for what needs no decision.
    pub fn pg(&self) -> &Pg {
        &self.pg
    }

    /// The cache, for answers and counters.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// This instance gets too little of the processors to answer in time. Nothing was done.
    fn overloaded(&self) -> Error {
        Error::Unavailable {
            retry_after: self.pg.retry_after(),
            outcome_unknown: false,
            reason: "the instance is overloaded".to_owned(),
        }
    }
}
