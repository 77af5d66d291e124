//! The state of Postgres and Redis.

use std::time::Duration;

use super::Service;
use crate::cache::RedisHealth;
use crate::store::readiness;
pub use crate::store::readiness::{REQUIRED_MIGRATION, Readiness};
use crate::{Meter, Result};

impl Service {
    /// Whether Postgres answers and has the schema.
    ///
    /// # Errors
    /// [`Error::Internal`](crate::Error::Internal) if it answers with something else than expected.
    pub async fn readiness(&self, meter: &Meter) -> Result<Readiness> {
        readiness::check(&self.pg, meter).await
    }

    /// The longest that a statement may run.
    pub fn statement_deadline(&self) -> Duration {
        self.pg.statement_deadline()
    }

    /// The state of Redis, asked with a PING past the breaker.
    pub async fn redis_health(&self, meter: &Meter) -> RedisHealth {
        self.cache.health(meter).await
    }
}
