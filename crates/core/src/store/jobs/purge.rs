//! Purges of expired rows: recurring work that any worker may claim, in chunks that may be repeated.

use std::time::Duration;

use crate::caller::{Meter, WorkspaceId};
use crate::domain::idempotency::Written;
use crate::error::Result;
use crate::store::pg::{Param, Pg, Statement};
use crate::store::write::Write;

/// What one statement purges at most, as bytes of texts, unless it is one row.
const CHUNK_BYTES: i64 = 8 * 1024 * 1024;

/// What can be purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purge {
    /// Todos that were deleted more than 30 days ago.
    Bin,
    /// Idempotency keys older than 24 hours.
    IdempotencyKeys,
    /// Jobs that ended more than 30 days ago.
    Jobs,
    /// Counts of what was completed longer ago than any statistics ask for.
    CompletionCounts,
    /// Lines of the log of changes that no cursor begins before.
    Events,
}

impl Purge {
    const ALL: [Self; 5] = [Self::Bin, Self::IdempotencyKeys, Self::Jobs, Self::CompletionCounts, Self::Events];

    /// Its name in the database.
    fn name(self) -> &'static str {
        match self {
            Self::Bin => "bin",
            Self::IdempotencyKeys => "idempotency_keys",
            Self::Jobs => "jobs",
            Self::CompletionCounts => "completion_counts",
            Self::Events => "events",
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

/// Removes at most `limit` rows and 8 MiB of texts that no cached answer shows, of whichever workspaces; gives how many
/// rows. With none left the purge is due again an hour later, otherwise it stays claimed for the length of the lease.
pub async fn chunk(pg: &Pg, meter: &Meter, purge: Purge, limit: i64, lease: Duration) -> Result<i64> {
    const SQL: &str = "SELECT purge_chunk_v1($1, $2, $3, $4::bigint * interval '1 millisecond')";
    let name = Param::Text(purge.name().to_owned());
    let params = vec![name, Param::Int(limit), Param::Int(CHUNK_BYTES), milliseconds(lease)];
    pg.write(meter, Statement::new(SQL, params)).await?.one()?.int()
}

/// The next workspace after this one whose bin holds something to purge.
pub async fn next_bin(pg: &Pg, meter: &Meter, after: WorkspaceId) -> Result<Option<WorkspaceId>> {
    let statement = Statement::new("SELECT purge_bin_next_v1($1)", vec![Param::Int(after.0)]);
    Ok(pg.read(meter, statement).await?.one()?.optional_int()?.map(WorkspaceId))
}

/// What was purged of a bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    /// How many todos.
    pub removed: i64,
    /// Whether none is left.
    pub is_last: bool,
}

/// Removes at most `limit` todos and 8 MiB of texts from the bin of a workspace, a write like any other.
pub async fn bin_chunk(pg: &Pg, write: &Write<'_>, limit: i64, lease: Duration) -> Result<Written<Purged>> {
    const SQL: &str = "SELECT removed, is_last, cache_wait \
        FROM purge_bin_v1($1, $2, $3, $4::bigint * interval '1 millisecond', $5)";
    let (workspace, record_invalidation) =
        (Param::Int(write.caller.workspace.0), Param::Bool(write.record_invalidation));
    let params = vec![workspace, Param::Int(limit), Param::Int(CHUNK_BYTES), milliseconds(lease), record_invalidation];
    let mut row = pg.write(&write.caller.meter, Statement::new(SQL, params)).await?.one()?;
    let purged = Purged { removed: row.int()?, is_last: row.bool()? };
    Ok(Written { value: purged, replayed: false, cache_wait: row.bool()? })
}

/// A purge has come to its end, and is due again an hour later.
pub async fn finish(pg: &Pg, meter: &Meter, purge: Purge) -> Result<()> {
    const SQL: &str = "UPDATE purges SET due_at = clock_timestamp() + interval '1 hour', done_at = clock_timestamp() \
        WHERE name = $1";
    pg.write(meter, Statement::new(SQL, vec![Param::Text(purge.name().to_owned())])).await?;
    Ok(())
}

fn milliseconds(lease: Duration) -> Param {
    Param::Int(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX))
}
