//! What is forgotten after its time: recurring work that any worker may take up, in chunks that may be repeated.

use std::time::Duration;

use super::pg::{Param, Pg, Statement};
use crate::caller::Meter;
use crate::error::Result;

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

impl Purge {
    const ALL: [Self; 3] = [Self::Bin, Self::IdempotencyKeys, Self::Jobs];

    /// Its name in the database.
    fn name(self) -> &'static str {
        match self {
            Self::Bin => "bin",
            Self::IdempotencyKeys => "idempotency_keys",
            Self::Jobs => "jobs",
        }
    }
}

/// A purge that is due, taken for the length of the lease, so that nobody else does it meanwhile.
pub async fn claim(pg: &Pg, meter: &Meter, lease: Duration) -> Result<Option<Purge>> {
    const SQL: &str = "UPDATE purges SET due_at = now() + $1::bigint * interval '1 millisecond' WHERE name = ( \
        SELECT name FROM purges WHERE due_at <= now() ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING name";
    let row = pg.write(meter, Statement::new(SQL, vec![milliseconds(lease)])).await?.optional();
    let name = row.map(|mut row| row.text()).transpose()?;
    // One that this release does not know is left to others.
    Ok(name.and_then(|name| Purge::ALL.into_iter().find(|purge| purge.name() == name)))
}

/// Removes at most `limit` rows; gives how many. With none left the purge is due again an hour later, otherwise it stays
/// claimed for the length of the lease.
pub async fn chunk(pg: &Pg, meter: &Meter, purge: Purge, limit: i64, lease: Duration) -> Result<i64> {
    const SQL: &str = "SELECT purge_chunk_v1($1, $2, $3::bigint * interval '1 millisecond')";
    let params = vec![Param::Text(purge.name().to_owned()), Param::Int(limit), milliseconds(lease)];
    pg.write(meter, Statement::new(SQL, params)).await?.one()?.int()
}

fn milliseconds(lease: Duration) -> Param {
    Param::Int(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX))
}
