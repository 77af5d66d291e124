//! What is forgotten after its time: recurring work that any worker may take up, in chunks that may be repeated.

use std::time::Duration;

use super::pg::Pg;
use crate::caller::Meter;
use crate::error::{Error, Result};

/// What can be purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purge {
    /// Todos that were deleted more than 30 days ago.
    Bin,
    /// Idempotency keys older than 24 hours.
    IdempotencyKeys,
    /// Jobs that ended more than 30 days ago.
    Jobs,
}

/// A purge that is due, taken for the length of the lease, so that nobody else does it meanwhile.
pub async fn claim(pg: &Pg, meter: &Meter, lease: Duration) -> Result<Option<Purge>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Removes at most `limit` rows; gives how many. With none left the purge is due again an hour later, otherwise it stays
/// claimed for the length of the lease.
pub async fn chunk(pg: &Pg, meter: &Meter, purge: Purge, limit: i64, lease: Duration) -> Result<i64> {
    Err(Error::Internal("not written yet".to_owned()))
}
