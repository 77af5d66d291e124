//! The queue of background jobs, for workers.
//!
//! A worker claims a job for the length of a lease, works in chunks, each one statement that changes todos and advances
//! the job together, and so renews the lease. Who lost the lease changes nothing any more: every statement names it.

mod chunk;

use std::time::Duration;

use uuid::Uuid;

use crate::caller::{Meter, WorkspaceId};
use crate::domain::bulk::BulkChange;
use crate::domain::filter::Filter;
use crate::error::{Error, Kind, Result};
use crate::store::pg::from_json;
use crate::store::pg::{Param, Pg, PgFailure, Row, Statement};
use crate::store::write;
pub use chunk::{begin_sql, chunk_sql};

/// A job in the hands of a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The job's integer id.
    pub job: i64,
    /// The job's public id, for the log.
    pub uid: Uuid,
    /// The workspace of the job.
    pub workspace: WorkspaceId,
    /// Proves that the job is still ours.
    pub lease: Uuid,
    /// Which todos.
    pub filter: Filter,
    /// What is done to each.
    pub change: BulkChange,
    /// The id of the last todo done; 0 at first.
    pub position: i64,
    /// Todos beyond this id came after the job; none until [`begin`] found it.
    pub ceiling: Option<i64>,
    /// Attempts in a row, this one included, that got nothing done.
    pub consecutive_failures: i64,
}

/// How one chunk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunk {
    /// So many todos more are done, up to the position. Go on.
    Done {
        /// How many, those that were as wanted already included.
        processed: i64,
        /// Where the next chunk begins.
        position: i64,
        /// As [`Written::cache_wait`](crate::store::write::Written::cache_wait).
        cache_wait: bool,
    },
    /// Nothing is left. The job goes on until a chunk that may end it says so.
    Empty,
    /// Nothing was left; the job succeeded.
    Finished,
    /// The job was cancelled or belongs to another worker. Let go of it.
    Lost,
}

/// What became of a job after an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedAttempt {
    /// It waits for its next attempt.
    Retry,
    /// It ended as failed.
    Final,
    /// It was no longer ours.
    Lost,
}

/// Attempts in a row that failed without progress, after which a job ends as failed. The wait between them doubles from
/// two seconds (`sql/jobs_fail.sql`), so it takes half a minute to give up.
pub const MAX_CONSECUTIVE_FAILURES: i64 = 5;

/// The most todos of a workspace, whether they match or not, with which a job's total is counted when it begins.
pub const COUNTED: i64 = 25_000;

/// How many todos a chunk looks at for each that it may change, so that a filter that hardly any match costs a chunk no
/// more.
const LOOKED_AT: i64 = 10;

/// The same for attempts that nobody reported as failed, because the worker died. More, since it need not be the job's
/// fault.
const MAX_DEATHS: i64 = 20;

/// Takes the oldest due job of the workspace whose last turn is longest ago, or one whose worker let its lease run out.
/// `lease` names the new lease, `length` how long it lasts.
pub async fn claim(pg: &Pg, meter: &Meter, lease: Uuid, length: Duration) -> Result<Option<Claim>> {
    const SQL: &str = include_str!("../sql/jobs_claim.sql");
    // Ends when the queue is empty: jobs that cannot be taken up are rescheduled or ended on the way.
    loop {
        let params = vec![Param::Text(lease.to_string()), milliseconds(length), Param::Int(MAX_DEATHS)];
        let Some(row) = pg.write(meter, Statement::new(SQL, params)).await?.optional() else { return Ok(None) };
        match claimed(row, lease)? {
            Claimed::Taken(claim) => return Ok(Some(*claim)),
            Claimed::GivenUp => {}
            Claimed::Unreadable { workspace, job, reason } => {
                // Perhaps a newer release understands it; that one claims it when it is due again.
                reschedule(pg, meter, workspace, job, lease, &reason, false).await?;
            }
        }
    }
}

/// Sets [`Claim::ceiling`], if it is not known yet, and the total of a job whose workspace is small. False if the job
/// is lost.
pub async fn begin(pg: &Pg, meter: &Meter, claim: &mut Claim, length: Duration) -> Result<bool> {
    if claim.ceiling.is_some() {
        return Ok(true);
    }
    let Some(mut row) = pg.write(meter, begin_sql(claim, length)).await?.optional() else { return Ok(false) };
    claim.ceiling = Some(row.int()?);
    Ok(true)
}

/// Does up to `limit` todos of the next that it looks at and moves [`Claim::position`] on; where none is left it ends
/// the job if it `may_end`. Call [`begin`] first.
///
/// An error leaves open whether the chunk happened. Let go of the claim then: whoever claims the job next reads its
/// true position.
pub async fn chunk(
    pg: &Pg,
    meter: &Meter,
    claim: &mut Claim,
    limit: i64,
    may_end: bool,
    length: Duration,
    record_invalidation: bool,
) -> Result<Chunk> {
    let row = match pg.write(meter, chunk_sql(claim, limit, may_end, length, record_invalidation)).await {
        Ok(rows) => rows.optional(),
        Err(PgFailure::Refused(refusal)) => return Err(write::refused(&refusal, Kind::Job)),
        Err(PgFailure::Other(error)) => return Err(error),
    };
    let Some(mut row) = row else { return Ok(Chunk::Empty) };
    let outcome = row.text()?;
    let (processed, position, cache_wait) = (row.int()?, row.int()?, row.bool()?);
    match outcome.as_str() {
        "done" => {
            claim.position = position;
            Ok(Chunk::Done { processed, position, cache_wait })
        }
        "finished" => Ok(Chunk::Finished),
        "lost" => Ok(Chunk::Lost),
        other => Err(write::failed(other, Kind::Job)),
    }
}

/// Gives a job back, which then waits behind all that are due. With `if_others_wait` only where there are any; gives
/// whether the job was given back.
pub async fn release(pg: &Pg, meter: &Meter, claim: &Claim, if_others_wait: bool) -> Result<bool> {
    const SQL: &str = include_str!("../sql/jobs_release.sql");
    let params = vec![
        Param::Int(claim.workspace.0),
        Param::Int(claim.job),
        Param::Text(claim.lease.to_string()),
        Param::Bool(if_others_wait),
    ];
    Ok(pg.write(meter, Statement::new(SQL, params)).await?.optional().is_some())
}

/// An attempt failed: the job waits, longer with each failure, or ends after [`MAX_CONSECUTIVE_FAILURES`], or at once
/// if `is_final`.
pub async fn fail(pg: &Pg, meter: &Meter, claim: &Claim, reason: &str, is_final: bool) -> Result<FailedAttempt> {
    reschedule(pg, meter, claim.workspace, claim.job, claim.lease, reason, is_final).await
}

/// What came of a claim.
enum Claimed {
    Taken(Box<Claim>),
    /// Its workers died too often; the claim ended it.
    GivenUp,
    /// This release does not know what it asks for.
    Unreadable {
        workspace: WorkspaceId,
        job: i64,
        reason: String,
    },
}

fn claimed(mut row: Row, lease: Uuid) -> Result<Claimed> {
    let (is_running, workspace, job) = (row.bool()?, WorkspaceId(row.int()?), row.int()?);
    let (uid, filter, change) = (row.text()?, row.text()?, row.text()?);
    let (position, ceiling, consecutive_failures) = (row.int()?, row.optional_int()?, row.int()?);
    if !is_running {
        return Ok(Claimed::GivenUp);
    }
    let uid = uid.parse().map_err(|_| Error::Internal("a job's UUID is malformed".to_owned()))?;
    Ok(match (from_json(&filter), from_json(&change)) {
        (Ok(filter), Ok(change)) => {
            let claim = Claim { job, uid, workspace, lease, filter, change, position, ceiling, consecutive_failures };
            Claimed::Taken(Box::new(claim))
        }
        (Err(error), _) | (_, Err(error)) => {
            Claimed::Unreadable { workspace, job, reason: format!("this release cannot read the job: {error:?}") }
        }
    })
}

async fn reschedule(
    pg: &Pg,
    meter: &Meter,
    workspace: WorkspaceId,
    job: i64,
    lease: Uuid,
    reason: &str,
    is_final: bool,
) -> Result<FailedAttempt> {
    const SQL: &str = include_str!("../sql/jobs_fail.sql");
    let params = vec![
        Param::Int(workspace.0),
        Param::Int(job),
        Param::Text(lease.to_string()),
        Param::Text(reason.to_owned()),
        Param::Bool(is_final),
        Param::Int(MAX_CONSECUTIVE_FAILURES),
    ];
    Ok(match pg.write(meter, Statement::new(SQL, params)).await?.optional() {
        None => FailedAttempt::Lost,
        Some(mut row) => {
            if row.bool()? {
                FailedAttempt::Final
            } else {
                FailedAttempt::Retry
            }
        }
    })
}

fn milliseconds(length: Duration) -> Param {
    Param::Int(i64::try_from(length.as_millis()).unwrap_or(i64::MAX))
}
